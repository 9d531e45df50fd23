"""Applying the vendor's status reports, and asking the vendor about those that never came."""
