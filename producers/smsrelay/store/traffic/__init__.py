"""What stops and frees parts of the traffic: halts, campaigns, and the messages they hold."""
