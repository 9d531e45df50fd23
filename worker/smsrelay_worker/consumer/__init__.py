"""The Celery worker's consumer: receives tasks from the broker, validates them, and acknowledges them."""
