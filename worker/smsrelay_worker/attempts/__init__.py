"""Attempting messages: claim, begin, submit to the vendor, and record the answer."""
