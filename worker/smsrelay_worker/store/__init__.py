"""What workers keep in Redis: records, due messages, lost tasks, reports that wait, dead letters, living workers."""
