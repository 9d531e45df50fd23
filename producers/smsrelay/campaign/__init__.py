"""Campaigns: one SMS for each row of a CSV file."""
