"""Page and Visit: what a page of the console is made of.

A page answers in a thread, because it reads the store, which blocks. It may raise ``StoreUnavailable`` and ``Refused``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from smsrelay_worker.console.languages.catalogue import Catalogue
from smsrelay_worker.console.notices import Notice, Notices
from smsrelay_worker.console.rendering import Renderer
from smsrelay_worker.console.session import Session

FRAGMENT = "x-fragment"  # a request with this header gets the live part of a page alone


class Refused(Exception):
    """A request that is answered with a page that says why. ``reason``: key of a text below ``refused``."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(status, reason)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a page. ``form``: the fields of a POST; ``actions``: whether this console may change anything.

    ``by_proxy``: a proxy signs people in.
    """

    request: Request = field(repr=False)
    session: Session
    catalogue: Catalogue
    renderer: Renderer = field(repr=False)
    notices: Notices = field(repr=False)
    form_token: str = field(repr=False)
    actions: bool = False
    by_proxy: bool = False
    form: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    @property
    def who(self) -> str:
        """Who asks."""
        return self.session.who

    def field(self, name: str) -> str:
        """A field of the form, without blanks around it; empty if it is missing."""
        values = self.form.get(name, ())
        return values[0].strip() if values else ""

    def fields(self, name: str) -> Sequence[str]:
        """All fields of this name, such as ticked boxes."""
        return self.form.get(name, ())

    def asked(self, name: str) -> str:
        """A value of the URL's query; empty if it is missing. Never a number: URLs are kept in histories and logs."""
        return self.request.query_params.get(name, "").strip()

    def named(self, name: str = "id") -> str:
        """What stands for ``{name}`` in the page's path."""
        return str(self.request.path_params[name])

    def page(self, template: str, *, here: str = "", status: int = 200, **values: object) -> Response:
        """The page from its template, or its live part alone if that is asked for. ``here``: its place in the navigation."""
        url = self.request.url
        fragment = FRAGMENT in self.request.headers
        common = {
            "here": here,
            "who": self.who,
            "actions": self.actions,
            "by_proxy": self.by_proxy,
            "form_token": self.form_token,
            "path": url.path if self.request.method != "GET" else url.path + (f"?{url.query}" if url.query else ""),
            "notices": () if fragment else self.notices.take(self.session.session_id),
            "layout": "fragment.html" if fragment else "base.html",
        }
        return HTMLResponse(self.renderer.render(template, self.catalogue, common | values), status)

    def go(self, path: str) -> Response:
        """Send the browser to another page of ours, by GET."""
        return RedirectResponse(path, 303)

    def done(self, path: str, key: str, *, good: bool = True, **values: object) -> Response:
        """The same after a form has done something, or not (``good``): that page says the text ``key``."""
        self.notices.add(self.session.session_id, Notice(key, values, good))
        return self.go(path)


Answering = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """What answers at one path. ``changes``: its POST changes something, so a read-only console refuses it.

    ``public``: it answers those who have not signed in, too.
    """

    path: str
    get: Answering | None = None
    post: Answering | None = None
    changes: bool = False
    public: bool = False

    @property
    def methods(self) -> list[str]:
        """What it answers."""
        return [method for method, answering in (("GET", self.get), ("POST", self.post)) if answering is not None]
