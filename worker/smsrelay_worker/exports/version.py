"""Version: what tells one exported state of a message from another. Pure."""

from dataclasses import dataclass

Key = tuple[str, int]
"""A message: its id, and when it was accepted (ms). After the retention a reference, and so an id, may be used again."""

Known = tuple[int, int, bool]
"""What a target has of a message: its revision, its last change (ms), and whether it says that the code was used."""


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a message.

    That a code was used raises no revision. A store that lost its last writes gives out revisions again, at a later time.
    """

    message_id: str
    accepted_at: int
    revision: int
    changed_at: int  # ms
    used: bool

    @property
    def key(self) -> Key:
        """The message."""
        return self.message_id, self.accepted_at

    @property
    def known(self) -> Known:
        """What a target knows once it has it."""
        return self.revision, self.changed_at, self.used

    def is_new_to(self, known: Known | None) -> bool:
        """Whether a target that has ``known`` of the message lacks this."""
        return known is None or any(ours > theirs for ours, theirs in zip(self.known, known, strict=True))
