"""The HTTP server that takes the vendor's status callbacks and makes them durable before it answers."""
