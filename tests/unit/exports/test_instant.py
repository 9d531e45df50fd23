"""Instants as text and back."""

from hypothesis import given
from hypothesis.strategies import integers

from smsrelay_worker.exports.instant import milliseconds, moment, read_text, text

INSTANTS = integers(0, 4_000_000_000_000)


def test_an_instant_is_text_in_utc() -> None:
    assert text(1_800_000_000_005) == "2027-01-15T08:00:00.005Z"


@given(INSTANTS)
def test_an_instant_comes_back_exactly(at: int) -> None:
    assert (read_text(text(at)), milliseconds(moment(at))) == (at, at)


@given(INSTANTS, INSTANTS)
def test_texts_sort_as_their_instants(one: int, other: int) -> None:
    assert (text(one) < text(other)) == (one < other)
