"""The stage of a run: the real processes, the proxy between them, and what can be seen of them."""
