"""Adapters to SMS vendors, a folder each; the only place that knows requests."""
