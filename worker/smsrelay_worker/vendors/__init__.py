"""Adapters to SMS vendors, one a file; the only place that knows requests."""
