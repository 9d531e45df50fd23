"""Decodes a body's Content-Encoding, up to a size limit; pure.

Decodes gzip and deflate. gzip is recognised by its first bytes, not by the header, because a proxy may decode the body and leave
the header, or the other way round. A body in any other encoding is returned unchanged.
"""

import zlib

_GZIP = b"\x1f\x8b\x08"
_MAX_LAYERS = 2
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS  # without the zlib header that the standard asks for


class TooLong(ValueError):
    """The body, as sent or decoded, exceeds the limit."""


class Damaged(ValueError):
    """The body is truncated or corrupt gzip."""


def decoded(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The decoded body, at most ``limit`` bytes; ``encoding`` is the header's value. Raises ``TooLong`` and ``Damaged``."""
    if encoding and b"deflate" in encoding.lower() and not body.startswith(_GZIP):
        inflated = (_inflated(body, window, limit) for window in (_ZLIB_OR_GZIP, _RAW_DEFLATE))
        return next((whole for whole in inflated if whole is not None), body)
    for _ in range(_MAX_LAYERS):
        if not body.startswith(_GZIP):
            break
        whole = _inflated(body, _ZLIB_OR_GZIP, limit)
        if whole is None:
            raise Damaged("truncated or corrupt gzip")
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
