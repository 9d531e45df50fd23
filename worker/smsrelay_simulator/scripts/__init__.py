"""What the simulator is told to play: scripts, their short notation, and the gateway errors they can name."""
