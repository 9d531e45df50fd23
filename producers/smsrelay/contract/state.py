"""State: where a message is between acceptance and its final state."""

from enum import StrEnum


class State(StrEnum):
    """Where a message is; docs/guarantees.md draws the transitions."""

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
        """The abbreviation that a timeline entry uses."""
        return _LETTERS[self]

    @property
    def final(self) -> bool:
        """Whether no further attempt follows; only a late report with code 200 may still change it."""
        return self in _FINAL


_LETTERS = dict(zip(State, "qbsurdfnec", strict=True))  # b: begun (submitting), n: not known (unknown)
_FINAL = {State.DELIVERED, State.FAILED, State.UNKNOWN, State.EXPIRED, State.CANCELLED}
