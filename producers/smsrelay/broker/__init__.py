"""Putting Celery task messages on Redis or RabbitMQ, without Celery."""
