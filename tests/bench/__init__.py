"""Speed and cost of the relay beside a plain Celery task, on real processes."""
