"""Commands for whoever enqueues or runs a receiver."""
