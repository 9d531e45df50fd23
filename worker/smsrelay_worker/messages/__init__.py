"""A message's life as pure functions: its record, its states, and what an answer or a report makes of it."""
