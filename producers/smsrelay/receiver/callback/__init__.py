"""Reading a callback's body, whatever shape it came in; pure."""
