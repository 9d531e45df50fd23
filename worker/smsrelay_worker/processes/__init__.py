"""The processes of a worker: the supervisor, one child for each queue, and Flower."""
