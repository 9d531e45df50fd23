"""ApiKey: what the holder of one key of the HTTP API may do. Pure.

A key is shown once, ``sms_TYPE_ID_SECRET``, and only a hash of it is stored. Its secret has 190 random bits, so a plain SHA-256
cannot be guessed back. Instants are milliseconds since the Unix epoch on the store's clock.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import keyed_digest

ID_LENGTH = 8  # characters
SECRET_LENGTH = 32
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_TOKEN = re.compile(r"sms_(live|team|test)_([a-z0-9]{8})_([A-Za-z0-9]{32})")


class KeyType(StrEnum):
    """Whom a key reaches."""

    LIVE = "live"
    TEAM = "team"  # the numbers of its list alone
    TEST = "test"  # nobody: its messages never reach the vendor


class Scope(StrEnum):
    """What a key allows."""

    SEND = "messages:send"
    READ = "messages:read"
    CANCEL = "messages:cancel"
    SUPPRESSIONS = "suppressions"
    CAMPAIGNS = "campaigns"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, as it is stored. Nothing in it opens anything."""

    key_id: str
    app: str
    name: str
    type: KeyType
    token_hash: str = field(repr=False)
    scopes: frozenset[Scope]
    lanes: frozenset[Lane]  # those it may send in
    created_at: int
    expires_at: int | None = None
    quota_minute: int | None = None  # None: as the apps file says
    quota_day: int | None = None
    team: frozenset[str] = field(default=frozenset(), repr=False)  # keyed digests of the numbers a team key reaches
    revoked_at: int | None = None

    def ended(self, now: int) -> bool:
        """Whether it is revoked, or past its end, at an instant (ms)."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)

    def matches(self, token: str) -> bool:
        """Whether ``token`` is this key; compared in constant time."""
        return hmac.compare_digest(self.token_hash, token_hash(token))

    def encode(self) -> str:
        """The key as the store holds it."""
        stored = {name: value for name, value in asdict(self).items() if value is not None and name != "key_id"}
        return json.dumps({name: sorted(value) if isinstance(value, frozenset) else value for name, value in stored.items()})

    @classmethod
    def decode(cls, key_id: str, wire: str) -> Self:
        """Read what ``encode`` wrote."""
        stored: dict[str, Any] = json.loads(wire)
        sets: dict[str, Any] = {
            "scopes": frozenset(map(Scope, stored["scopes"])),
            "lanes": frozenset(map(Lane, stored["lanes"])),
            "team": frozenset(stored["team"]),
        }
        return cls(key_id=key_id, **(stored | sets | {"type": KeyType(stored["type"])}))


def new_token(kind: KeyType, choice: Callable[[str], str]) -> tuple[str, str]:
    """A key's id and the key itself; ``choice`` draws one letter of a text, unpredictably."""
    key_id = "".join(choice(_LETTERS[:24] + "23456789") for _ in range(ID_LENGTH))
    secret = "".join(choice(_LETTERS) for _ in range(SECRET_LENGTH))
    return key_id, f"sms_{kind.value}_{key_id}_{secret}"


def key_id_of(token: str) -> str | None:
    """The id in a key; None for what cannot be one."""
    found = _TOKEN.fullmatch(token)
    return found[2] if found else None


def token_hash(token: str) -> str:
    """The hash under which a key is stored."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def team_digest(number_key: bytes, number: str) -> str:
    """What a team key holds of a number (E.164): without the key of numbers nobody can read it back."""
    return keyed_digest(number_key, "team", number)
