"""The HTTP session that an adapter submits through: it does what it is told, once.

Enters: how many submits run at once. Leaves: a ``requests.Session`` with its connection pool. Open it in the process
that uses it: a socket shared across a fork mixes two answers up.
"""

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class SubmitSession(requests.Session):
    """Follows nothing and remembers nothing."""

    def get_redirect_target(self, resp: Any) -> None:
        """Never a target: even with redirects off, requests would read and parse one, and raise on a bad one."""
        return


def open_session(concurrency: int) -> requests.Session:
    """A session for ``concurrency`` submits at once, with a connection kept for each.

    No retries: a submit is not idempotent. No environment: a proxy variable or a netrc must not reroute or sign it.
    No cookies: every submit stands alone.
    """
    session = SubmitSession()
    session.trust_env = False
    session.headers.clear()
    session.headers["User-Agent"] = "smsrelay"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = HTTPAdapter(pool_maxsize=concurrency, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
