"""Cost of a message for the limiter."""

from producers.record import Record


def cost(_: Record) -> int:
    """One submit."""
    return 1
