"""What becomes due, and what the queue lost."""
