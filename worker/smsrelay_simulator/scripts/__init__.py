"""What the simulator plays: scripts, their short notation, and the gateway errors they can name."""
