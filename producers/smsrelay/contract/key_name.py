"""Key name: four characters by which a key can be told from others, in settings, reports and stored values. Pure."""

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.message import keyed_digest


def key_name(key: bytes) -> str:
    """24 bits of a digest by that key, from which only a guessed key can be confirmed."""
    return keyed_digest(key, "name", "")[:4]


def key_names(ring: KeyRing) -> tuple[str, ...]:
    """The name of each key, newest first."""
    return tuple(map(key_name, ring.all))
