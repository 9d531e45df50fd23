"""Doing what is due, and publishing again what a queue lost."""
