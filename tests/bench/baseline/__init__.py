"""The plain Celery service that a good engineer writes in an afternoon: what the relay is compared with."""
