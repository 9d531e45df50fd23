"""What the doctor asks of the relay at work: workers, what waits, what holds it back, callbacks, outcomes."""
