"""What came in and what went out, for tests to read back."""
