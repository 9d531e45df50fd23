"""Decompression: what a message of the broker may become when it is unpacked; ten kilobytes may be ten megabytes, or gigabytes.

Takes a packed body, from anybody. Returns the body, or raises, upon which kombu says that the message cannot be decoded and it is
kept for a person. ``bound`` puts this in the place of kombu's own functions, which have no limit, whatever the broker.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from kombu import compression

LONGEST = 1024 * 1024  # bytes; a job holds 20 parameters of 500 characters at most
_LZMA_MEMORY = 64 * 1024 * 1024  # bytes; a header may ask for gigabytes
_UNPACKERS: dict[str, Callable[[], Any]] = {
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": partial(lzma.LZMADecompressor, memlimit=_LZMA_MEMORY),
}


def bound() -> None:
    """From now on unpack no more than ``LONGEST``, by the methods that every Python has, and refuse the others."""
    for method in compression.encoders():
        packer, _ = compression.get_encoder(method)
        compression.register(packer, partial(_unpacked, _UNPACKERS.get(method)), method)


def _unpacked(unpacker: Callable[[], Any] | None, packed: bytes) -> bytes:
    if unpacker is None:
        raise ValueError("not unpacked: a method that is not bounded")
    unpacking = unpacker()
    body: bytes = unpacking.decompress(packed, LONGEST)
    if not unpacking.eof:
        raise ValueError("not unpacked: cut off, or too long")
    return body
