"""State: where a message is, from its acceptance to its end."""

from enum import StrEnum


class State(StrEnum):
    """Where a message is; docs/guarantees.md draws the arrows."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    UNCERTAIN = "uncertain"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def letter(self) -> str:
        """How a line of a timeline spells it."""
        return _LETTERS[self]

    @property
    def final(self) -> bool:
        """Whether nothing more is owed to the message; only a late 200 may still change it."""
        return self in _FINAL


_LETTERS = dict(zip(State, "qbsurdfnec", strict=True))  # b: begun, n: not known
_FINAL = {State.DELIVERED, State.FAILED, State.UNKNOWN, State.EXPIRED, State.CANCELLED}
