"""The HTTP server that takes the vendor's status callbacks and stores them durably before it answers."""
