import tracemalloc

import pytest
from kombu import compression

from smsrelay_worker.consumer.decompression import MAX_BODY, limit_decompression

METHODS = ["application/x-gzip", "application/x-bz2", "application/x-lzma"]


@pytest.fixture(autouse=True)
def bounded() -> None:
    limit_decompression()


@pytest.mark.parametrize("method", METHODS)
def test_a_compressed_body_is_decompressed_up_to_the_limit(method: str) -> None:
    for body in (b"", b"abc", b"x" * (MAX_BODY - 1)):
        packed, named = compression.compress(body, method)
        assert compression.decompress(packed, named) == body


@pytest.mark.parametrize("method", METHODS)
def test_a_body_that_would_fill_the_memory_is_refused_before_it_does(method: str) -> None:
    packed, named = compression.compress(b"x" * (50 * MAX_BODY), method)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too long"):
            compression.decompress(packed, named)
        assert tracemalloc.get_traced_memory()[1] < 20 * MAX_BODY  # of which a dictionary of xz takes 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", METHODS)
def test_a_compressed_body_that_was_cut_off_is_refused(method: str) -> None:
    packed, named = compression.compress(b"abc" * 100, method)
    with pytest.raises((ValueError, EOFError)):
        compression.decompress(packed[:-1], named)
