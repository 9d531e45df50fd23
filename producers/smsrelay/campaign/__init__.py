"""Campaigns: one job for each row of a CSV file."""
