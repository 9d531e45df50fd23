"""Timelines in words: what limits, halts and suppression have decided."""

from dataclasses import replace

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry
from smsrelay_worker.messages.timeline import describe_timeline, next_step
from smsrelay_worker.policy.toml_file import load_policy
from tests.unit.limits.test_model import NOW, record

POLICY = load_policy(None)


def told(rule: str, state: State = State.QUEUED) -> str:
    [line] = describe_timeline(replace(record(), timeline=(Entry(NOW, state, 0, rule=rule),)), POLICY)
    return line.text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("cap codes-a-minute", "deferred: its number has had as many texts as the cap codes-a-minute allows"),
        ("window marketing +86", "deferred: its send window (marketing +86) is closed"),
        ("fuse", "as many messages to this country today as its fuse allows"),
        ("halted campaign", "deferred: its campaign is halted until somebody resumes it"),
        ("window ignored", "the app wants it submitted at any hour"),
        ("not_before, window ignored", "waits until the time the app asked for, whatever the send window says"),
    ],
)
def test_what_makes_a_message_wait_is_a_sentence(rule: str, words: str) -> None:
    assert words in told(rule)


@pytest.mark.parametrize(
    ("rule", "state", "words"),
    [
        ("suppressed", State.CANCELLED, "its number is on a suppression list"),
        ("campaign cancelled", State.CANCELLED, "cancelled with its campaign"),
        ("country not allowed", State.FAILED, "its app may not send to the country of its number"),
    ],
)
def test_what_ends_a_message_before_it_is_submitted_is_a_sentence(rule: str, state: State, words: str) -> None:
    assert words in told(rule, state)


def test_a_halted_vendor_is_another_sentence_than_a_halted_part() -> None:
    assert told("halted") == "deferred: submits are halted until an operator resumes or a probe succeeds; no attempt was made"


def test_a_message_that_is_held_waits_for_its_part() -> None:
    held = replace(record(), campaign="spring", held_by="campaign", due=NOW, expires_at=NOW)
    assert next_step(held, POLICY) == "waits until campaign:shop/spring is resumed; expires at 2026-11-28 04:00:00.000"
    assert next_step(replace(held, state=State.CANCELLED), POLICY) is None
