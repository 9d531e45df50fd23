"""The Celery worker's consumer: what is taken off the broker, checked, and acknowledged."""
