"""What a waiting message waits for, in words."""

from dataclasses import replace

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay_worker.operations.halted_parts import part_text, resuming_command
from smsrelay_worker.operations.waiting import reason
from tests.support.records import queued

NOW = 1_796_000_000_000
SOON = NOW + 1000


def record(rule: str, state: State = State.QUEUED, **fields: object) -> Record:
    made = queued()
    return replace(made, state=state, timeline=(Entry(NOW, state, 1, rule=rule),), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("waiting", "why"),
    [
        (record("enqueued"), "queue: waits for a worker and a slot in the rate"),
        (record("cap codes", due=NOW - 1), "queue: waits for a worker and a slot in the rate"),
        (record("cap codes", due=SOON), "cap: codes"),
        (record("window marketing +86", due=SOON), "window: marketing +86"),
        (record("fuse", due=SOON), "fuse"),
        (record("halted", due=SOON), "halted: everything"),
        (record("circuit", due=SOON), "circuit: the vendor fails"),
        (record("rate", due=SOON), "rate: no slot was free"),
        (record("not_before", due=SOON), "not before the time the app asked for"),
        (record("status.503", State.RETRYING, due=SOON), "backoff: status.503"),
        (record("halted app", due=SOON, app="shop", held_by="app"), "halted: app shop"),
        (record("begun", State.SUBMITTING), "a worker submits it"),
        (record("submit.0000", State.SUBMITTED), "report: the vendor's has not come"),
    ],
)
def test_it_says_what_a_message_waits_for(waiting: Record, why: str) -> None:
    assert reason(waiting, NOW) == why


@pytest.mark.parametrize(
    ("part", "text", "command"),
    [
        ("lane:otp", "lane otp", "smsrelay resume --lane otp"),
        ("country:shop/44", "country +44 of app shop", "smsrelay resume --country 44 --app shop"),
        ("campaign:shop/spring", "campaign spring of app shop", "smsrelay campaign resume spring --app shop"),
    ],
)
def test_a_part_has_words_and_a_command_that_resumes_it(part: str, text: str, command: str) -> None:
    assert (part_text(part), resuming_command(part)) == (text, command)
