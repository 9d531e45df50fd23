"""The faults of a run: what breaks when, the hand that breaks it, and whom it harms."""
