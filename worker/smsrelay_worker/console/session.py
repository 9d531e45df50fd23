"""Sessions: who a browser is, in a signed cookie that nobody else can make or change.

The key lives as long as the process, so a restart signs everybody out. Instants are seconds since the epoch.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

LIFETIME = 12 * 3600  # seconds
_MOST_ENDED = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """One browser for a while. ``who`` is empty for one that has not signed in."""

    session_id: str = field(repr=False)
    who: str
    until: int


class Sessions:
    """Makes and reads them; safe to share between threads. ``clock`` gives epoch seconds, ``new_id`` what nobody can guess."""

    def __init__(self, key: bytes, clock: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._key = key
        self._clock = clock
        self._new_id = new_id
        self._ended: dict[str, int] = {}

    def begin(self, who: str = "") -> Session:
        """A new session."""
        return Session(self._new_id(), who, int(self._clock()) + LIFETIME)

    def cookie(self, session: Session) -> str:
        """The value of the cookie that stands for a session."""
        fields = json.dumps([session.session_id, session.who, session.until]).encode()
        payload = base64.urlsafe_b64encode(fields).decode()
        return f"{payload}.{self._signature('session', payload)}"

    def read(self, cookie: str | None) -> Session | None:
        """The session that a cookie stands for; None if it is not ours, is over, or was ended."""
        payload, _, signature = (cookie or "").rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature("session", payload).encode()):
            return None
        session_id, who, until = json.loads(base64.urlsafe_b64decode(payload))
        if until <= self._clock() or session_id in self._ended:
            return None
        return Session(session_id, who, until)

    def end(self, session: Session) -> None:
        """Sign out: the cookie is worth nothing any more, wherever a copy of it is."""
        now = self._clock()
        if len(self._ended) >= _MOST_ENDED:
            self._ended = {one: until for one, until in list(self._ended.items()) if until > now}
        self._ended[session.session_id] = session.until

    def form_token(self, session: Session) -> str:
        """What a form of this session must carry: pages of other sites cannot know it."""
        return self._signature("form", session.session_id)

    def is_form_token(self, session: Session, token: str) -> bool:
        """Whether a form came from one of this session's own pages."""
        return hmac.compare_digest(token.encode(), self.form_token(session).encode())

    def _signature(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()
