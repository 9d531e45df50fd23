"""Validates the receiver's public base URL, to which each attempt's signed path is appended."""

import re

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*", re.ASCII)  # RFC 3986
_LAST_PORT = 65_535


def checked_callback_url(url: str) -> str:
    """The URL unchanged; raises ``ValueError``, which does not quote it, when no callback could reach us at it."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with one of http:// https://")
    if "?" in url or "#" in url:
        raise ValueError("must have no query and no fragment: the path of each attempt is appended to it")
    authority, _, path = url.partition("://")[2].partition("/")
    if "@" in authority:
        raise ValueError("must have no user and no password: the signed path of each attempt is the proof")
    named = _AUTHORITY.fullmatch(authority)
    if named is None or int(named[1] or 1) > _LAST_PORT:
        raise ValueError("needs a host name or address and, if any, a port from 1 to 65535; in ASCII (punycode), without blanks")
    if not _PATH.fullmatch(path):
        raise ValueError("has a character in its path that a URL cannot contain; percent-encode it, and leave out blanks")
    return url
