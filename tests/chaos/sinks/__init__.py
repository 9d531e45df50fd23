"""Sinks of a run: a webhook receiver and a Celery queue's reader that fail at random, and the judge of what they were told."""
