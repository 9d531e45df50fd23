"""Parses a callback's body into reports; pure. The vendor promises no format, so parsing is lenient."""
