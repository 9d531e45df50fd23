"""Bounded decompression of message bodies: ten compressed kilobytes may hold gigabytes.

``limit_decompression`` replaces kombu's own functions, which have no limit. A body that is too long raises ``ValueError``; kombu
then reports the message as undecodable, and the consumer keeps it for a person to look at.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from kombu import compression

MAX_BODY = 1024 * 1024  # bytes; a job holds at most 20 parameters of 500 characters
_LZMA_MEMORY = 64 * 1024 * 1024  # bytes; a header may ask for gigabytes
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": partial(lzma.LZMADecompressor, memlimit=_LZMA_MEMORY),
}


def limit_decompression() -> None:
    """From now on kombu decompresses at most ``MAX_BODY``, only with the standard library's methods, and refuses all others."""
    for method in compression.encoders():
        compress, _ = compression.get_encoder(method)
        compression.register(compress, partial(_decompressed, _DECOMPRESSORS.get(method)), method)


def _decompressed(new_decompressor: Callable[[], Any] | None, compressed: bytes) -> bytes:
    if new_decompressor is None:
        raise ValueError("not decompressed: a method without a limit")
    decompressor = new_decompressor()
    body: bytes = decompressor.decompress(compressed, MAX_BODY)
    if not decompressor.eof:
        raise ValueError("not decompressed: cut off, or too long")
    return body
