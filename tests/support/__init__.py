"""Helpers of the tests; none of them is a test."""
