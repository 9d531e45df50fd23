"""Where the store and the broker are, how to log in, and what their refusals mean."""
