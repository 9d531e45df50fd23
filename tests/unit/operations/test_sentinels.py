"""What doctor says of the sentinels, by what each of them told."""

from dataclasses import replace

import pytest

from smsrelay.servers.failover.place import Place
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.servers.sentinels import Told, sentinels

FINE = Told(Place("10.0.0.1", 6379), quorum=True, replicas=2, down_after=5000)


def test_three_that_agree_and_can_act_are_no_finding() -> None:
    assert sentinels(3, [FINE] * 3) == []


def test_that_none_answers_is_a_finding_of_the_store_alone() -> None:
    assert sentinels(3, []) == []


@pytest.mark.parametrize(
    ("named", "told", "severity", "words"),
    [
        (3, [FINE] * 2, Severity.WARNING, "2 of the 3 sentinels that the URL names answer"),
        (1, [FINE], Severity.WARNING, "with fewer than 3"),
        (3, [FINE, FINE, replace(FINE, primary=Place("10.0.0.2", 6379))], Severity.ERROR, "different primaries"),
        (3, [replace(FINE, quorum=False)] * 3, Severity.ERROR, "cannot promote a replica"),
        (3, [replace(FINE, replicas=0)] * 3, Severity.ERROR, "they know no replica"),
        (3, [FINE, FINE, replace(FINE, down_after=30_000)], Severity.WARNING, "they wait 30 s"),
    ],
)
def test_what_would_leave_a_loss_unmended_is_a_finding(named: int, told: list[Told], severity: Severity, words: str) -> None:
    [finding] = sentinels(named, told)
    assert finding.severity is severity
    assert words in finding.problem
    assert "10.0.0" not in finding.problem
