"""The console's pages, one module each. A new one is a line in ``pages_of`` of ``server`` and one in ``navigation``."""
