"""What is kept for the HTTP API: keys, their quotas, and the messages of an app."""
