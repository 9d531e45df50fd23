"""The judge of a run: the evidence about each message, the conditions, and how the run ended."""
