"""Adapters to SMS vendors, one folder each. To add one, implement ``base.Vendor`` in a folder and choose it in ``factory``."""
