"""What apps and the receiver keep in Redis: the outbox of accepted messages and the inbox of reports."""
