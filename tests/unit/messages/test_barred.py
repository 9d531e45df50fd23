"""What becomes of a queued message that may not be attempted now."""

from dataclasses import replace

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages.barred import barred
from smsrelay_worker.messages.timeline import next_step
from tests.support.records import HOUR, NOW, POLICY, queued

TOMORROW = NOW + HOUR
PART = "country:shop/852"
QUEUED = replace(queued(), app="shop", country="852")
EXPIRES = QUEUED.expires_at


def turned_away(by: Barred, record: Record = QUEUED, *, hold: bool = True) -> Transition:
    moved = barred(record, by, NOW, POLICY, hold=hold)
    assert moved is not None
    assert moved.attempt == record.attempt
    return moved


@pytest.mark.parametrize(
    ("bar", "state", "rule"),
    [
        (Bar.COUNTRY, State.FAILED, "country not allowed"),
        (Bar.NOT_LISTED, State.FAILED, "not in only_to"),
        (Bar.SUPPRESSED, State.CANCELLED, "suppressed"),
        (Bar.CANCELLED, State.CANCELLED, "campaign cancelled"),
    ],
)
def test_what_will_never_be_allowed_ends_the_message(bar: Bar, state: State, rule: str) -> None:
    moved = turned_away(Barred(bar))
    assert (moved.state, moved.rule, moved.wake) == (state, rule, Wake.NEVER)


@pytest.mark.parametrize(
    ("by", "rule"),
    [(Barred(Bar.CAP, "a-minute", TOMORROW), "cap a-minute"), (Barred(Bar.CLOSED, "otp +86", TOMORROW), "window otp +86")],
)
def test_a_cap_and_a_window_defer_the_message_until_they_let_it_through(by: Barred, rule: str) -> None:
    moved = turned_away(by)
    assert (moved.state, moved.rule, moved.due, moved.wake, moved.held) == (State.QUEUED, rule, TOMORROW, TOMORROW, None)


def test_a_fuse_holds_the_message_until_the_day_ends_so_that_it_can_be_resumed_before() -> None:
    moved = turned_away(Barred(Bar.FUSE, PART, TOMORROW))
    assert (moved.rule, moved.due, moved.held) == ("fuse", TOMORROW, PART)
    held = moved.applied_to(QUEUED, NOW)
    assert held.held == PART
    assert next_step(held, POLICY) == (
        "waits until 2027-01-15 09:00:00.000, or until country:shop/852 is resumed; expires at 2027-01-16 08:00:00.000"
    )


def test_a_fuse_that_was_resumed_meanwhile_has_the_message_tried_again_in_a_second() -> None:
    moved = turned_away(Barred(Bar.FUSE, PART, 0))
    assert (moved.rule, moved.due, moved.held) == ("fuse", NOW + 1000, None)


def test_a_halt_holds_the_message_until_it_expires() -> None:
    moved = turned_away(Barred(Bar.HALTED, "app:shop"))
    assert (moved.rule, moved.due, moved.wake, moved.held) == ("halted app", EXPIRES, EXPIRES, "app:shop")


@pytest.mark.parametrize("by", [Barred(Bar.HALTED, "app:shop"), Barred(Bar.FUSE, PART, TOMORROW)])
def test_a_part_that_was_resumed_meanwhile_holds_nothing(by: Barred) -> None:
    moved = turned_away(by, hold=False)
    assert (moved.due, moved.held) == (NOW + 1000, None)


@pytest.mark.parametrize("bar", list(Bar))
def test_an_expired_message_expires_and_one_that_moved_on_stays(bar: Bar) -> None:
    by = Barred(bar, PART, TOMORROW)
    assert turned_away(by, replace(QUEUED, expires_at=NOW)).state is State.EXPIRED
    assert barred(replace(QUEUED, state=State.SUBMITTED), by, NOW, POLICY) is None
