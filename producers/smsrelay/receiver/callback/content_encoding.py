"""Undoing a body's Content-Encoding within a bound; pure.

gzip and deflate are undone. What is gzip says its own beginning, not the header: a proxy that undoes an encoding may leave the
header, or the other way round. A body in another encoding stays as it is.
"""

import zlib

_GZIP = b"\x1f\x8b\x08"
_LAYERS = 2  # encodings on top of each other
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
_BARE = -zlib.MAX_WBITS  # what some send as deflate, without the header it should have


class TooLong(ValueError):
    """The decoded body passes the bound."""


class Damaged(ValueError):
    """The body is gzip that was cut or changed."""


def decoded(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its ``encoding`` (the header's value), ``limit`` bytes at most; raises ``TooLong`` and ``Damaged``."""
    if encoding and b"deflate" in encoding.lower() and not body.startswith(_GZIP):
        inflated = (_inflated(body, window, limit) for window in (_ZLIB_OR_GZIP, _BARE))
        return next((whole for whole in inflated if whole is not None), body)
    for _ in range(_LAYERS):
        if not body.startswith(_GZIP):
            break
        whole = _inflated(body, _ZLIB_OR_GZIP, limit)
        if whole is None:
            raise Damaged("gzip, cut or changed")
        body = whole
    return body


def _inflated(body: bytes, window: int, limit: int) -> bytes | None:
    inflater = zlib.decompressobj(window)
    try:
        whole = inflater.decompress(body, limit + 1)
    except zlib.error:
        return None
    if len(whole) > limit:
        raise TooLong("the decoded body is too long")
    return whole if inflater.eof else None
