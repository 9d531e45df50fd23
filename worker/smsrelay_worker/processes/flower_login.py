"""Flower's login, in place of Flower's own check, which fails with 500, and shows a traceback, where a password is not ASCII."""

import hmac
from base64 import b64decode

from tornado.web import HTTPError, RequestHandler


def require_login(handler: RequestHandler, login: str) -> bool:
    """True for a request with the ``login`` (``user:password``); raises ``HTTPError`` 401 for every other."""
    if not is_login(handler.request.headers.get("Authorization", ""), login):
        raise HTTPError(401)
    return True


def is_login(header: str, login: str) -> bool:
    """Whether a header ``Authorization`` is right. It takes as long for a password that is almost right as for any other."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = b64decode(encoded.strip(), validate=True)
    except ValueError:  # not base64
        return False
    return hmac.compare_digest(given, login.encode())
