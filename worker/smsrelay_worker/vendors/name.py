"""The name of the only vendor that has an adapter, as metrics show it."""

VENDOR = "yisha"
