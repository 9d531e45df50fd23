"""The faults of several hosts: alike with the same seed, none in a calm, and each has a hand that does it."""

from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.faults.calm import Calm, calms, is_calm
from tests.chaos.sentinel.faults import OTHERS, SERVERS, next_chance, of_others, of_servers
from tests.chaos.sentinel.hand import SentinelHand
from tests.chaos.sentinel.stage import SentinelStage

QUIET = (Calm(100.0, 140.0), Calm(260.0, 300.0))


def test_every_fault_is_done_by_somebody(tmp_path: Path) -> None:
    stage = SentinelStage(tmp_path, "", replicas=1, seed=1)
    assert SentinelHand(stage).known == {kind.name for kind in (*SERVERS, *OTHERS)}


def test_the_same_seed_breaks_the_same() -> None:
    quiet = calms(300.0)
    assert of_others(7, 300.0, "", 2.5, quiet) == of_others(7, 300.0, "", 2.5, quiet)
    assert list(islice(of_servers(7, ""), 20)) == list(islice(of_servers(7, ""), 20))
    assert of_others(7, 300.0, "", 2.5, quiet) != of_others(8, 300.0, "", 2.5, quiet)


def test_nothing_is_broken_in_a_calm() -> None:
    faults = of_others(7, 300.0, "", 1.0, QUIET)
    assert faults
    assert not any(is_calm(fault.at, QUIET) for fault in faults)


def test_only_what_is_asked_for_is_broken() -> None:
    assert {fault.kind.name for fault, _ in islice(of_servers(7, "primary killed"), 5)} == {"primary killed -9"}
    assert of_others(7, 300.0, "primary killed", 1.0, QUIET) == []
    assert list(of_servers(7, "app")) == []


@pytest.mark.parametrize(
    ("elapsed", "chance"), [(0.0, 3.0), (50.0, 50.0), (74.0, 74.0), (76.0, 143.0), (120.0, 143.0), (240.0, None), (400.0, None)]
)
def test_servers_have_time_to_find_back_before_a_calm(elapsed: float, chance: float | None) -> None:
    assert next_chance(elapsed, QUIET) == chance
