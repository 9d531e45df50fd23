"""The judge of outcomes finds every lie that is planted, and nothing in a run where all is well."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from tests.chaos.judge.evidence import Case
from tests.chaos.load.behaviour import BEHAVIOURS
from tests.chaos.load.load import Sent
from tests.chaos.load.planned import Planned
from tests.chaos.sinks.apps import BY_NAME, app_of
from tests.chaos.sinks.judge import judge_tellings
from tests.chaos.sinks.telling import CELERY, WEBHOOK, Telling
from tests.support.records import ID, NOW, queued


def number_of(app: str) -> str:
    """A number whose message is from an app, and has tags."""
    numbers = (f"+86139{number:08d}" for number in count(10_000))
    return next(number for number in numbers if app_of(number).name == app and Planned(number, "r", *_REST).tags)


_REST: Any = (queued().lane, BEHAVIOURS[0])
LINES = (
    (State.QUEUED, 0, "", "enqueued"),
    (State.SUBMITTING, 1, "", "begun"),
    (State.SUBMITTED, 1, "0000", "submit.0000"),
    (State.FAILED, 1, "504", "status.504"),
    (State.DELIVERED, 1, "200", "status.200"),
)
FAILED, DELIVERED = 4, 5  # revisions; the line before has the place one lower


def record(app: str, upto: int = DELIVERED, outcome: int | None = None) -> Record:
    entries = tuple(Entry(NOW + place, *line) for place, line in enumerate(LINES[:upto]))
    last = upto if outcome is None else outcome
    return replace(
        queued(),
        app=app,
        reference="ref",
        tags=Planned(number_of(app), "ref", *_REST).tags,
        state=entries[-1].state,
        attempt=1,
        timeline=entries,
        revision=upto,
        outcome=(last, last) if BY_NAME[app].sink(entries[-1].state) else None,
    )


def case(app: str, upto: int = DELIVERED) -> Case:
    planned = Planned(number_of(app), "ref", *_REST)
    return Case(ID, Sent(planned, ID, accepted=True), record(app, upto), (), ())


def telling(by: str, line: int, sink: str = "", **changed: Any) -> Telling:
    """The outcome of a line (from 1), as the sink of an app is told it; ``changed``: fields of its data, or of the note."""
    state, attempt, code, _ = LINES[line - 1]
    data = {
        "id": ID,
        "app": by,
        "reference": "ref",
        "lane": queued().lane.value,
        "template": queued().template,
        "state": state.value,
        "code": code or None,
        "attempts": attempt,
        "revision": line,
        "tags": dict(Planned(number_of(by), "ref", *_REST).tags),
    }
    note = {name: changed.pop(name) for name in ("genuine", "processed", "event_id") if name in changed}
    at = changed.pop("at", NOW + line - 1)
    stamp = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kind = changed.pop("type", f"message.{state.value}")
    body = json.dumps({"type": kind, "timestamp": stamp, "data": data | changed})
    way = sink or (BY_NAME[by].sink(state) or f"{by}.webhook").rpartition(".")[2]
    place = f"/{by}" if way == WEBHOOK else f"{by}.sms"
    told = Telling(NOW, way, place, f"msg_{ID}_{line}", body, genuine=True, processed=True, answer="200")
    return replace(told, **note)


def found(judged: Case, *tellings: Telling) -> list[tuple[int, str]]:
    return [(offence.condition, offence.text) for offence in judge_tellings([judged], tellings)]


@pytest.mark.parametrize("app", ["shop", "bank", "school"])
def test_an_end_that_was_told_is_in_order_however_often_and_in_whatever_order(app: str) -> None:
    failed, delivered = telling(app, FAILED), telling(app, DELIVERED)
    assert found(case(app), failed, delivered) == []
    assert found(case(app), delivered, failed, delivered, failed) == []
    assert found(case(app, FAILED), failed) == []


def test_an_end_that_was_first_told_in_vain_is_in_order() -> None:
    assert found(case("shop"), telling("shop", DELIVERED, processed=False), telling("shop", DELIVERED)) == []


def test_an_app_without_a_sink_and_a_message_not_yet_final_are_owed_nothing() -> None:
    assert found(case("default")) == []
    assert found(case("bank", 3)) == []


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((), "was never told"),
        ((telling("shop", FAILED),), "was never told"),  # only what it was before
        ((telling("shop", DELIVERED, processed=False),), "was never told"),  # only in vain
    ],
)
def test_an_end_that_no_sink_acted_on_is_found(told: tuple[Telling, ...], said: str) -> None:
    [(condition, text)] = found(case("shop"), *told)
    assert condition == 9
    assert said in text


def test_an_end_that_only_the_other_sink_heard_of_is_found() -> None:
    conditions = {condition for condition, _ in found(case("school", FAILED), telling("school", FAILED, sink=WEBHOOK))}
    assert conditions == {9, 10}


def test_an_end_whose_last_revision_was_not_told_is_found() -> None:
    later = replace(case("shop"), record=replace(record("shop"), outcome=(DELIVERED + 1, DELIVERED), revision=DELIVERED + 1))
    [(condition, text)] = found(later, telling("shop", DELIVERED))
    assert condition == 9
    assert "last told revision 5" in text


def test_an_end_of_which_the_record_kept_no_outcome_is_found() -> None:
    forgetful = replace(case("shop"), record=replace(record("shop"), outcome=None))
    assert [condition for condition, _ in found(forgetful, telling("shop", DELIVERED))] == [9]


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (telling("shop", DELIVERED, genuine=False), "without a signature that holds"),
        (telling("shop", DELIVERED, sink=CELERY), "does not want it"),
        (telling("shop", DELIVERED, event_id=f"msg_{ID}_9"), "is not the name"),
        (telling("shop", DELIVERED, type="message.failed"), "is not the name"),
        (telling("shop", DELIVERED, revision=9), "the record has 5"),
        (telling("shop", DELIVERED, code="203"), "not in the timeline"),
        (telling("shop", DELIVERED, attempts=2), "not in the timeline"),
        (telling("shop", DELIVERED, at=NOW + 999), "not in the timeline"),
        (telling("shop", DELIVERED, state="cancelled", type="message.cancelled"), "not in the timeline"),
        (telling("shop", DELIVERED, app="bank"), "wrong about app"),
        (telling("shop", DELIVERED, reference="other"), "wrong about reference"),
        (telling("shop", DELIVERED, tags={}), "wrong about tags"),
        (telling("shop", DELIVERED, text=f"to {number_of('shop')}"), "names the phone number"),
        (telling("shop", DELIVERED, zh="又"), "told in two ways"),
        (telling("shop", DELIVERED, id="018f0000-0000-7000-8000-00000000ffff"), "nobody knows"),
        (telling("shop", DELIVERED, id=None), "nobody knows"),
        (replace(telling("shop", DELIVERED), place="/moved"), "does not want it"),
        (replace(telling("shop", DELIVERED), body="no JSON"), "nobody knows"),
    ],
)
def test_what_did_not_happen_is_found_beside_the_truth(lie: Telling, said: str) -> None:
    offences = found(case("shop"), telling("shop", FAILED), telling("shop", DELIVERED), lie)
    assert 10 in {condition for condition, _ in offences}
    assert any(condition == 10 and said in text for condition, text in offences)


def test_an_outcome_for_an_app_without_a_sink_is_found() -> None:
    assert {condition for condition, _ in found(case("default"), telling("default", DELIVERED))} == {10}


def test_a_higher_revision_that_tells_of_an_earlier_line_is_found() -> None:
    twisted = (
        telling("shop", 3, revision=4, event_id=f"msg_{ID}_4"),
        telling("shop", FAILED, revision=3, event_id=f"msg_{ID}_3"),
    )
    offences = found(case("shop"), *twisted, telling("shop", DELIVERED))
    assert any("no later line" in text for _, text in offences)


def test_the_last_line_of_a_full_timeline_may_have_been_overwritten() -> None:
    longest = replace(record("shop"), timeline=(*record("shop").timeline[:-1], *[record("shop").timeline[-1]] * 116))
    told = [telling("shop", DELIVERED), telling("shop", 3, at=NOW + 77)]
    assert not any("not in the timeline" in text for _, text in found(replace(case("shop"), record=longest), *told))
