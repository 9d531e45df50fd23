"""Signing in and out, and the choice of the language."""

from starlette.responses import Response

from smsrelay_worker.console.app import LANGUAGE_COOKIE, SIGN_IN
from smsrelay_worker.console.door import Cookie, Door, TooSoon, over_tls
from smsrelay_worker.console.forms import is_our_path
from smsrelay_worker.console.languages.catalogue import Language
from smsrelay_worker.console.page import Page, Refused, Visit

_YEAR = 365 * 86400  # seconds


class Account:
    """``door`` knows who may enter."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def pages(self) -> list[Page]:
        """What it answers."""
        language = Page("/language", post=self._choose_language, public=True)
        if self._door.by_proxy:
            return [language]
        return [
            language,
            Page(SIGN_IN, get=self._form, post=self._sign_in, public=True),
            Page("/sign-out", post=self._sign_out),
        ]

    def _form(self, visit: Visit) -> Response:
        if visit.who:
            return visit.go(_next(visit.asked("next")))
        return visit.page("sign_in.html", next=_next(visit.asked("next")), problem=None, wait=0)

    def _sign_in(self, visit: Visit) -> Response:
        target = _next(visit.field("next"))
        try:
            cookie = self._door.sign_in(visit.request, visit.field("user"), _untouched(visit, "password"))
        except TooSoon as soon:
            seconds = int(soon.wait) + 1
            response = visit.page("sign_in.html", status=429, next=target, problem="too_soon", wait=seconds)
            response.headers["retry-after"] = str(seconds)
            return response
        if cookie is None:
            return visit.page("sign_in.html", status=403, next=target, problem="wrong", wait=0)
        response = visit.go(target)
        cookie.set_on(response)
        return response

    def _sign_out(self, visit: Visit) -> Response:
        response = visit.go(SIGN_IN)
        self._door.sign_out(visit.request, visit.session).set_on(response)
        return response

    def _choose_language(self, visit: Visit) -> Response:
        chosen = visit.field("language")
        if chosen not in set(Language):
            raise Refused(400, "form")
        response = visit.go(_next(visit.field("next")))
        Cookie(LANGUAGE_COOKIE, chosen, _YEAR, over_tls(visit.request)).set_on(response)
        return response


def _next(path: str) -> str:
    """Where to go on: a path of ours, else the first page."""
    return path if is_our_path(path) else "/"


def _untouched(visit: Visit, name: str) -> str:
    """A field with the blanks around it, which a password may have."""
    values = visit.fields(name)
    return values[0] if values else ""
