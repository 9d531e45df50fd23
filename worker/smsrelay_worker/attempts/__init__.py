"""Attempting messages: claim, begin, submit, and record the answer."""
