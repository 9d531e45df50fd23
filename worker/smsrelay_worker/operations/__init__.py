"""What operators see and do: status, metrics, dead letters, unreadable items, doctor. The commands in ``cli`` only print it."""
