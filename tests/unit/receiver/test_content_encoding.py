"""Compressed bodies are undone within the bound, whatever the header says of them."""

import gzip
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.receiver.callback.content_encoding import Damaged, TooLong, decoded

BODY = b'{"status":{"code":200}}'
LIMIT = 1000


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "X-GZIP"),
        (gzip.compress(BODY), ""),  # a proxy lost the header
        (BODY, "gzip"),  # a proxy undid it and left the header
        (gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
        (zlib.compress(BODY), "deflate"),
        (bare(BODY), "deflate"),
        (gzip.compress(BODY), "deflate"),
        (BODY, "deflate"),
        (BODY, "identity"),
        (BODY, "br"),
        (BODY, ""),
    ],
    ids=lambda part: "" if isinstance(part, bytes) else part,  # gzip's bytes hold the time
)
def test_an_encoding_is_undone(body: bytes, encoding: str) -> None:
    assert decoded(body, encoding.encode(), LIMIT) == BODY


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bare])
def test_a_body_that_grows_beyond_the_bound_is_refused_before_it_does(pack: object) -> None:
    bomb = pack(b" " * 50_000_000)  # type: ignore[operator]
    assert len(bomb) < 100_000
    with pytest.raises(TooLong):
        decoded(bomb, b"deflate", LIMIT)
    assert decoded(pack(b" " * LIMIT), b"deflate", LIMIT) == b" " * LIMIT  # type: ignore[operator]


@pytest.mark.parametrize("cut", [10, -1])
def test_a_cut_body_is_told_from_a_whole_one(cut: int) -> None:
    with pytest.raises(Damaged):
        decoded(gzip.compress(BODY)[:cut], b"gzip", LIMIT)


@given(st.binary(), st.sampled_from(["", "gzip", "deflate", "br", "gzip, deflate"]), st.booleans())
def test_any_bytes_are_a_body_or_refused(body: bytes, encoding: str, begins: bool) -> None:
    try:
        assert len(decoded(b"\x1f\x8b\x08" * begins + body, encoding.encode(), LIMIT)) <= max(LIMIT, len(body) + 3)
    except (TooLong, Damaged):
        return
