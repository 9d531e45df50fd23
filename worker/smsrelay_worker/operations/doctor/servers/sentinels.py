"""Checks the sentinels of a store or broker: how many answer, whether they agree, and whether they can promote a replica.

Takes the address, returns findings. Only reads. Asks each sentinel that the URL names, half a second at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError, ResponseError

from smsrelay.servers.failover.asking import ask
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.sentinels import Sentinels, fields
from smsrelay.servers.redis_address import RedisAddress
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind

CHECK = "sentinels"
_ENOUGH = 3
_SLOW = 10_000  # ms


@dataclass(frozen=True, slots=True)
class Told:
    """What one sentinel told. ``quorum``: whether enough of them are there for a failover; ``down_after`` in ms."""

    primary: Place
    quorum: bool
    replicas: int
    down_after: int


def examine_sentinels(address: RedisAddress) -> list[Finding]:
    """Findings about the sentinels of an address; none if it has none."""
    asked = address.primary
    if not isinstance(asked, Sentinels):
        return []
    return sentinels(len(asked.servers), [told for server in asked.servers if (told := _told(asked, server)) is not None])


def sentinels(named: int, told: Sequence[Told]) -> list[Finding]:
    """Findings about ``named`` sentinels, of which some told something. That none does is a finding of another check."""
    if not told:
        return []
    return [*_count(named, len(told)), *_agreement(told), *_failover(told)]


def _count(named: int, answered: int) -> list[Finding]:
    if answered < named:
        return [warning(CHECK, Kind.SENTINELS_MISSING, answered=answered, named=named)]
    if named < _ENOUGH:
        return [warning(CHECK, Kind.SENTINELS_TOO_FEW, named=named, enough=_ENOUGH)]
    return []


def _agreement(told: Sequence[Told]) -> list[Finding]:
    return [] if len({one.primary for one in told}) == 1 else [error(CHECK, Kind.SENTINELS_DISAGREE)]


def _failover(told: Sequence[Told]) -> list[Finding]:
    if not any(one.quorum for one in told):
        return [error(CHECK, Kind.SENTINELS_WITHOUT_QUORUM)]
    if not any(one.replicas for one in told):
        return [error(CHECK, Kind.SENTINELS_WITHOUT_REPLICA)]
    slowest = max(one.down_after for one in told)
    return [warning(CHECK, Kind.SENTINELS_SLOW, seconds=slowest / 1000)] if slowest > _SLOW else []


def _told(asked: Sentinels, server: Place) -> Told | None:
    try:
        _, state, quorum = ask(asked, server, *asked.questions)
    except (RedisError, OSError):
        return None
    if isinstance(state, ResponseError):
        return None
    known = fields(state)
    primary = Place(known["ip"], int(known["port"]))
    enough = not isinstance(quorum, ResponseError)
    return Told(primary, enough, int(known["num-slaves"]), int(known["down-after-milliseconds"]))
