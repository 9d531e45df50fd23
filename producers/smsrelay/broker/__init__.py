"""Publishes Celery task messages to Redis or RabbitMQ, without Celery."""
