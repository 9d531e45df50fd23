"""The load of a run: what is enqueued when, what the vendor does with it, and the app that enqueues it."""
