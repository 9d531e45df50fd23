"""The plan and the schedule: the same from the same seed, and what each part of a run is there for is in it."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.chaos.faults.calm import Calm, calms, is_calm
from tests.chaos.faults.faults import AT_A_BURST, EVERY, FROZEN_BRIEFLY, KINDS, REPLIES_LOST, Fault, schedule
from tests.chaos.limits.caps import CAPS
from tests.chaos.limits.steering import steerings
from tests.chaos.load.plan import plan
from tests.chaos.load.planned import Batch
from tests.chaos.load.pool import NUMBERS
from tests.chaos.windows import LEASE

SECONDS = 300.0
CALMS = calms(SECONDS)
STEERED = list(steerings(CALMS))
USUAL = [kind for kind in KINDS if kind.name != AT_A_BURST]


def faults(seed: int = 7) -> list[Fault]:
    return schedule(seed, SECONDS, USUAL, EVERY, CALMS)


def named(batches: list[Batch], name: str) -> list[Batch]:
    return [batch for batch in batches if (batch.messages[0].reference or "").startswith(name)]


def test_the_same_seed_makes_the_same_plan_and_no_number_comes_twice_but_those_of_the_pool() -> None:
    batches = plan(7, SECONDS, 50, CALMS, faults(), STEERED)
    numbers = Counter(message.number for batch in batches for message in batch.messages)
    assert batches == plan(7, SECONDS, 50, CALMS, faults(), STEERED)
    assert batches != plan(8, SECONDS, 50, CALMS, faults(), STEERED)
    assert {number for number, times in numbers.items() if times > 1} == set(NUMBERS)
    assert {len(number) for number in numbers} == {len("+8613900000000")}


def test_the_usual_load_has_its_rate_outside_of_calms() -> None:
    usual = named(plan(7, SECONDS, 50, CALMS), "chaos")
    loud = SECONDS - sum(calm.until - calm.since for calm in CALMS)
    assert sum(len(batch.messages) for batch in usual) == pytest.approx(50 * loud, rel=0.2)


def test_the_pool_gets_more_than_its_caps_allow_and_expires_before_the_calm() -> None:
    pool = named(plan(7, SECONDS, 50, CALMS), "pool")
    for cap in CAPS:
        of_cap = [batch.at for batch in pool if batch.messages[0].lane is cap.lane]
        windows = (CALMS[0].since / cap.seconds) * len(NUMBERS)
        assert sum(at < CALMS[0].since for at in of_cap) > 0.3 * windows * cap.count
    for batch in pool:
        [message] = batch.messages
        assert message.expires_in is not None
        assert not is_calm(batch.at + message.expires_in, [Calm(calm.since + 1, calm.until) for calm in CALMS])


def test_messages_of_campaigns_come_before_and_after_what_is_done_with_theirs() -> None:
    batches = named(plan(7, SECONDS, 50, CALMS, (), STEERED), "campaign")
    for one in STEERED:
        due = [batch.at + (of.not_before or 0) for batch in batches for of in batch.messages if of.campaign == one.name]
        assert one.since < min(due)
        assert max(due) < one.until
        for at in (one.pause, one.resume, one.cancel):
            assert at is None or (min(due) < at < max(due))


def test_some_messages_have_deadlines_of_seconds() -> None:
    messages = [message for batch in plan(7, SECONDS, 50, CALMS) for message in batch.messages]
    lifetimes = Counter(message.expires_in for message in messages)
    assert all(lifetimes[seconds] > len(messages) / 200 for seconds in (1, 2, 3, 4))


@pytest.mark.parametrize("seconds", [30.0, 60.0, 300.0, 1800.0])
def test_every_run_ends_with_a_calm_that_has_bursts(seconds: float) -> None:
    found = calms(seconds)
    assert found[-1].until == seconds
    assert all(list(calm.bursts()) for calm in found)
    assert sum(calm.until - calm.since for calm in found) <= 0.35 * seconds


def test_in_a_calm_nothing_comes_but_bursts_and_what_belongs_to_them() -> None:
    batches, struck = plan(7, SECONDS, 50, CALMS, faults()), faults()
    assert {batch.messages[0].behaviour.name for batch in batches if is_calm(batch.at, CALMS)} == {
        "answer after 0.4 s, never reported"
    }
    assert {fault.kind.name for fault in struck if is_calm(fault.at, CALMS)} == {AT_A_BURST}


def test_bursts_are_of_pairs_and_singles_within_20_ms_with_silence_between() -> None:
    calm = Calm(0.0, 60.0)
    found = sorted(batch.at for batch in named(plan(7, 60, 50, [calm]), "burst"))
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert {len(batch.messages) for batch in named(plan(7, 60, 50, [calm]), "burst")} == {1, 2}
    assert all(gap < 0.020 or gap > 10.0 for gap in gaps)
    assert len(list(calm.bursts())) == 1 + sum(gap > 10.0 for gap in gaps)


def test_a_burst_alone_is_followed_by_more_silence_than_a_lease_lasts() -> None:
    [calm] = calms(60, nothing_else=True)
    assert calm == Calm(0.0, 60.0)
    assert LEASE < 45  # seconds that the drain takes at least: a report that never comes is waited for so long


def test_faults_come_with_their_volleys_on_the_way() -> None:
    kinds = [kind for kind in KINDS if kind.name in {REPLIES_LOST, FROZEN_BRIEFLY}]
    struck = [fault for fault in schedule(7, 60, kinds, EVERY, []) if fault.kind.name != AT_A_BURST]
    volleys = named(plan(7, 60, 50, [], struck), "volley")
    for fault in struck:
        ahead = [batch for batch in volleys if fault.at - 1.0 < batch.at < fault.at]
        deadlines = {message.expires_in for batch in ahead for message in batch.messages}
        assert (None if fault.kind.name == REPLIES_LOST else 1) in deadlines


def test_the_same_seed_makes_the_same_schedule_of_every_kind() -> None:
    long = schedule(7, 3600, USUAL, EVERY, [])
    assert long == schedule(7, 3600, USUAL, EVERY, [])
    assert {fault.kind.name for fault in long} == {kind.name for kind in USUAL}
    assert all(fault.kind.lasting[0] <= fault.lasting <= fault.kind.lasting[1] for fault in long)


def test_without_kinds_only_what_belongs_to_bursts_is_left() -> None:
    assert {fault.kind.name for fault in schedule(7, SECONDS, [], EVERY, CALMS)} == {AT_A_BURST}
