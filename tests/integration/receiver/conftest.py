"""A receiver behind a real socket, for the tests of its answers and of its paths."""

from collections.abc import Iterator

import pytest

from tests.support.served import Served, serve


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with serve() as served:
        yield served


@pytest.fixture
def receiver(running: Served) -> Served:
    running.keeper.clear()
    return running


@pytest.fixture
def fresh() -> Iterator[Served]:
    """A receiver with no refused requests yet, which reports them every tenth of a second."""
    with serve(tell_every=0.1) as served:
        yield served
