"""What workers keep in Redis: records and their transitions, parked reports, dead letters, and who is alive."""
