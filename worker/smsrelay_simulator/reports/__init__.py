"""Status reports: their JSON bodies, and the callbacks that carry them."""
