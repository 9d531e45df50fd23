"""The check of the counts finds a count that is one too high or one too low."""

from collections.abc import Mapping

import pytest

from smsrelay_worker.store.tallies import Tallied
from tests.chaos.judge.counting import miscounted
from tests.chaos.judge.test_judge import ACCEPTED, BEGUN, DELIVERED, QUEUED, case, record, report, submit

TRUE = {
    "accepted|default|notice": 1,
    "begun|notice": 1,
    "left|notice submits|yisha|notice|answered|0000": 1,
    "final|notice|delivered|200": 1,
    "callbacks|applied": 1,
}
MESSAGE = case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit(), report())


def found(counts: Mapping[str, int]) -> list[str]:
    return [offence.text for offence in miscounted([MESSAGE], Tallied.of(counts))]


def test_true_counts_are_in_order() -> None:
    assert found(TRUE) == []


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("field", TRUE)
def test_a_count_that_is_one_off_is_found(field: str, by: int) -> None:
    assert found({**TRUE, field: TRUE[field] + by})


def test_a_submit_that_only_the_vendor_knows_of_is_found_unless_a_report_settled_it() -> None:
    killed = case(record(QUEUED, BEGUN, DELIVERED), submit(), report())
    counts = Tallied.of({**TRUE, "left|notice submits|yisha|notice|answered|0000": 0, "left|notice": 1})
    assert [offence.text for offence in miscounted([killed], counts)] == []
    twice = case(record(QUEUED, BEGUN, DELIVERED), submit(), submit(), report())
    assert [offence.text for offence in miscounted([twice], counts)] != []
