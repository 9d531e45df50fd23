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
        problem = f"{answered} of the {named} sentinels that the URL names answer and know the primary"
        return [warning(CHECK, problem, "start the others, or correct the URL: the next loss may be one too many")]
    if named < _ENOUGH:
        problem = (
            f"the URL names {named}: with fewer than {_ENOUGH}, the loss of one machine leaves nobody who promotes a replica"
        )
        return [warning(CHECK, problem, "run three or more, each on a machine of its own, and name them all")]
    return []


def _agreement(told: Sequence[Told]) -> list[Finding]:
    if len({one.primary for one in told}) == 1:
        return []
    problem = "they name different primaries: a failover is under way, or some are cut off from the others"
    return [error(CHECK, problem, "look at it again in a few seconds; if it stays, mend the network between the machines")]


def _failover(told: Sequence[Told]) -> list[Finding]:
    if not any(one.quorum for one in told):
        problem = "they cannot promote a replica: too few of them see each other (SENTINEL CKQUORUM)"
        return [error(CHECK, problem, "start more sentinels; without a majority, the loss of the primary is not mended")]
    if not any(one.replicas for one in told):
        problem = "they know no replica: when the primary is lost, nobody takes its place"
        return [error(CHECK, problem, "start replicas (replicaof), two if SMSRELAY_STORE_REPLICAS is 1")]
    slowest = max(one.down_after for one in told)
    if slowest > _SLOW:
        problem = (
            f"they wait {slowest / 1000:g} s before they take a silent primary for lost: so long nothing is accepted or sent"
        )
        return [warning(CHECK, problem, "set down-after-milliseconds to 3000 to 5000 (SENTINEL SET)")]
    return []


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
