"""Delivers outcomes to the apps: over a signed webhook, or as a Celery task in the app's own queue."""
