"""What apps and the receiver store in Redis: the outbox of accepted messages, the inbox of reports, unreadable callbacks."""
