"""Copies of final messages in somebody's own database or file, which outlive the retention."""
