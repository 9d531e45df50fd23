"""A message's life as pure functions: its record and states, and the transition for each answer and report."""
