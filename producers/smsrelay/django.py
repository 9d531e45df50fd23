"""Enqueuing from Django."""
