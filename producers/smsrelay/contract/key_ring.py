"""KeyRing: the keys for one purpose. The newest signs, every listed one verifies, so that a key can be replaced.

Pure. No text that is made of a ring, and no error, shows a key.
"""

from typing import final

SHORTEST = 16  # characters of a key
MOST = 4  # keys at once: two while one is replaced, and some more for who replaces two in a row


@final
class KeyRing:
    """Keys, newest first. It never changes, and is equal to one with the same keys."""

    __slots__ = ("_keys",)

    def __init__(self, newest: bytes, *older: bytes) -> None:
        self._keys = (newest, *older)

    @classmethod
    def of(cls, given: object) -> "KeyRing":
        """A ring as it is, or the one that a text spells; raises ``ValueError`` as ``parse`` does."""
        if isinstance(given, KeyRing):
            return given
        if not isinstance(given, str):
            raise ValueError("must be text")  # noqa: TRY004  pydantic reports a ValueError with the others
        return cls.parse(given)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """The ring that a setting spells: ``new`` or ``new,old``. Raises ``ValueError``, which quotes nothing of it."""
        keys = [key.strip() for key in text.split(",")]
        if min(map(len, keys)) < SHORTEST:
            raise ValueError(f"each key must have at least {SHORTEST} characters")
        if len(set(keys)) < len(keys):
            raise ValueError("must list no key twice")
        if len(keys) > MOST:
            raise ValueError(f"must list at most {MOST} keys")
        return cls(*(key.encode() for key in keys))

    @property
    def newest(self) -> bytes:
        """The key that signs."""
        return self._keys[0]

    @property
    def older(self) -> tuple[bytes, ...]:
        """The keys that only verify; empty unless a key is being replaced."""
        return self._keys[1:]

    @property
    def all(self) -> tuple[bytes, ...]:
        """Every key that verifies, newest first."""
        return self._keys

    def __eq__(self, other: object) -> bool:
        return self._keys == other._keys if isinstance(other, KeyRing) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._keys)

    def __repr__(self) -> str:
        return "KeyRing(…)"
