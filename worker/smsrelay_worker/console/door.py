"""Door: which session a request belongs to, and the cookie that carries it.

Behind a proxy that signs people in, the header decides at each request, and the cookie only carries the token of forms.
"""

from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from smsrelay_worker.console.brake import GuessBrake
from smsrelay_worker.console.session import LIFETIME, Session, Sessions
from smsrelay_worker.console.sign_in import Password, ProxyHeader

SIGNED_IN = "smsrelay_console"
VISITOR = "smsrelay_visitor"  # apart, so that a request of another site, which brings no cookies, cannot replace a session


class TooSoon(Exception):
    """A guess that comes too soon after others; ``wait`` in seconds."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        super().__init__(wait)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to set; ``secure``: only over TLS."""

    name: str
    value: str = field(repr=False)
    lifetime: int
    secure: bool

    def set_on(self, response: Response) -> None:
        """Add it to an answer."""
        response.set_cookie(
            self.name, self.value, max_age=self.lifetime, path="/", httponly=True, samesite="strict", secure=self.secure
        )


@dataclass(frozen=True, slots=True)
class Door:
    """``way_in``: the login, or the header of a proxy. Safe to share between threads."""

    sessions: Sessions
    way_in: Password | ProxyHeader
    brake: GuessBrake

    @property
    def by_proxy(self) -> bool:
        """Whether a proxy signs people in."""
        return isinstance(self.way_in, ProxyHeader)

    def session(self, request: Request) -> tuple[Session, Cookie | None]:
        """The session of a request, new if it has none, and the cookie to set for a new one."""
        if isinstance(self.way_in, ProxyHeader):
            who = self.way_in.who(address_of(request), request.headers.getlist(self.way_in.name)) or ""
            known = self.sessions.read(request.cookies.get(SIGNED_IN))
            if known is not None and known.who == who:
                return known, None
            return self._begun(request, SIGNED_IN, who)
        known = self.sessions.read(request.cookies.get(SIGNED_IN))
        if known is not None and known.who:
            return known, None
        visitor = self.sessions.read(request.cookies.get(VISITOR))
        return (visitor, None) if visitor is not None and not visitor.who else self._begun(request, VISITOR, "")

    def sign_in(self, request: Request, user: str, password: str) -> Cookie | None:
        """The cookie of somebody who knows the password; None for everybody else. Raises ``TooSoon``."""
        wait = self.brake.guess(address_of(request))
        if wait > 0:
            raise TooSoon(wait)
        if not isinstance(self.way_in, Password) or not self.way_in.matches(user, password):
            return None
        self.brake.succeeded(address_of(request))
        return self._begun(request, SIGNED_IN, self.way_in.user)[1]

    def sign_out(self, request: Request, session: Session) -> Cookie:
        """End a session; the cookie that removes its own."""
        self.sessions.end(session)
        return Cookie(SIGNED_IN, "", 0, over_tls(request))

    def _begun(self, request: Request, name: str, who: str) -> tuple[Session, Cookie]:
        session = self.sessions.begin(who)
        return session, Cookie(name, self.sessions.cookie(session), LIFETIME, over_tls(request))


def address_of(request: Request) -> str:
    """Who is connected to us: the browser, or a proxy."""
    return request.client.host if request.client is not None else ""


def over_tls(request: Request) -> bool:
    """Whether the browser speaks TLS, by what a proxy says; a caller who invents it keeps only its own cookie from itself."""
    return request.headers.get("x-forwarded-proto", "").lower() == "https"
