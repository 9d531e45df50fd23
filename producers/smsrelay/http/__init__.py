"""What every HTTP server of ours is served by: limits for each connection, and the server itself."""
