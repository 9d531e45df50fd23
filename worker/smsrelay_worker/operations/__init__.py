"""What operators see and do: status, metrics, dead letters, doctor."""
