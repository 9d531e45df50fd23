"""What the doctor says of the store's replicas."""

from dataclasses import replace

import pytest

from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.servers.topology import Replica, topology

SAFE = Replica("10.0.0.2:6379", syncs="always", promotable=True)
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@pytest.mark.parametrize(
    ("wanted", "replicas", "severities"),
    [
        (0, [], []),
        (0, [SAFE], [WARNING]),  # nobody waits for it
        (0, [replace(SAFE, syncs="no log", promotable=False)], [WARNING]),
        (1, [], [ERROR]),
        (1, [SAFE], [WARNING]),  # losing it stops everything
        (1, [SAFE, SAFE], [NOTE]),  # a primary that stalls in the middle of a failover
        (2, [SAFE, SAFE, SAFE], [NOTE]),
        (2, [SAFE], [ERROR]),
        (1, [SAFE, SAFE, replace(SAFE, syncs=None, promotable=None)], [NOTE, NOTE]),
        (1, [SAFE, SAFE, replace(SAFE, syncs="everysec")], [NOTE, WARNING]),
        (1, [SAFE, SAFE, replace(SAFE, syncs="no log")], [NOTE, WARNING]),
        (1, [SAFE, SAFE, replace(SAFE, promotable=False)], [NOTE, WARNING]),
        (1, [SAFE, SAFE, replace(SAFE, online=False)], [NOTE, WARNING]),
        (1, [SAFE, SAFE, replace(SAFE, silent=60)], [NOTE, WARNING]),
        (2, [SAFE, SAFE, replace(SAFE, silent=60)], [WARNING, WARNING]),
        (2, [SAFE, replace(SAFE, silent=60)], [ERROR, WARNING]),
    ],
)
def test_replicas_are_judged_by_how_many_must_have_a_write(
    wanted: int, replicas: list[Replica], severities: list[Severity]
) -> None:
    assert [one.severity for one in topology(wanted, replicas)] == severities
