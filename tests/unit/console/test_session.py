"""Sessions: nobody but us makes one, and one that is over stays over."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.console.session import LIFETIME, Sessions


class Clock:
    """Epoch seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def sessions(key: bytes = b"a key of the tests", clock: Clock | None = None) -> Sessions:
    numbers = itertools.count()
    return Sessions(key, clock or Clock(), lambda: f"id-{next(numbers)}")


@given(st.text(max_size=64))
def test_a_cookie_is_the_session_it_was_made_for(who: str) -> None:
    ours = sessions()
    session = ours.begin(who)
    assert ours.read(ours.cookie(session)) == session


def test_a_cookie_that_was_changed_or_made_elsewhere_is_no_session() -> None:
    ours = sessions()
    cookie = ours.cookie(ours.begin("alice"))
    payload, _, signature = cookie.partition(".")
    forged = sessions(b"another key").cookie(sessions().begin("alice"))
    others = [forged, payload, f".{signature}", f"{payload}.", cookie[:-1], "A" + cookie, "", ".", "é.é", None]
    assert [ours.read(one) for one in others] == [None] * len(others)


@given(st.text(max_size=300))
def test_no_cookie_of_a_strangers_is_a_session_or_an_error(cookie: str) -> None:
    assert sessions().read(cookie) is None


def test_a_session_ends_with_its_time_or_when_it_is_ended() -> None:
    clock = Clock()
    ours = sessions(clock=clock)
    session, other = ours.begin("alice"), ours.begin("alice")
    ours.end(session)
    assert ours.read(ours.cookie(session)) is None
    assert ours.read(ours.cookie(other)) == other
    clock.now += LIFETIME
    assert ours.read(ours.cookie(other)) is None


def test_a_form_token_belongs_to_one_session() -> None:
    ours = sessions()
    session, other = ours.begin("alice"), ours.begin("alice")
    assert ours.is_form_token(session, ours.form_token(session))
    for token in (ours.form_token(other), ours.form_token(session)[:-1], "", "é", ours.cookie(session).rpartition(".")[2]):
        assert not ours.is_form_token(session, token)


def test_neither_session_nor_its_repr_shows_what_signs_it() -> None:
    ours = sessions()
    session = ours.begin("alice")
    assert session.session_id not in repr(session)
    assert "a key" not in repr(ours)


@pytest.mark.parametrize("count", [3])
def test_ids_differ(count: int) -> None:
    ours = sessions()
    assert len({ours.begin().session_id for _ in range(count)}) == count
