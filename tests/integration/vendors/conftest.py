"""A vendor that answers what a test scripts."""

from collections.abc import Iterator

import pytest

from tests.support.scripted_vendor import Script, scripted_vendor


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_vendor() as running:
        yield running
