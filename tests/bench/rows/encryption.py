"""What encryption of payloads costs: bytes of the store, enqueueing, and a worker's throughput and CPU, beside none."""

from collections.abc import Sequence

from smsrelay.contract.lanes import Lane
from tests.bench.figures import steady_rate
from tests.bench.ground import Conditions, a_ground
from tests.bench.result import Figure, Target
from tests.bench.rows.held import held
from tests.bench.rows.submit import Load, submits
from tests.bench.sides import RelaySide
from tests.bench.watch import Watched

_KEY = "benchmark-payload-0123456789"
_PLAIN, _ENCRYPTED = RelaySide(), RelaySide(payload_keys=_KEY)
_LEAST_SHARE = 0.85  # of the throughput without


def measure(conditions: Conditions) -> list[Figure]:
    """Each run with a key stands beside one without, which is the baseline here."""
    runs = range(conditions.runs)
    stored = [(held(conditions, side=_ENCRYPTED), held(conditions)) for _ in range(1 if conditions.quick else 3)]
    enqueued = [(_enqueued(conditions, _ENCRYPTED), _enqueued(conditions, _PLAIN)) for _ in runs]
    sent = [(_sent(conditions, _ENCRYPTED), _sent(conditions, _PLAIN)) for _ in runs]
    waiting, final = ([[side[place]["all"] for side in pair] for pair in stored] for place in (0, 1))
    least = Target("ratio", least=_LEAST_SHARE)
    return [
        _figure("held per waiting message, encrypted / plain", "B", waiting),
        _figure("held per final message, encrypted / plain", "B", final),
        _figure("enqueued per second, one producer process, bulk, encrypted / plain", "/s", enqueued, least),
        _figure(
            "submitted per second, one worker process, bulk, encrypted / plain",
            "/s",
            [[steady_rate(one.instants) for one in pair] for pair in sent],
            least,
        ),
        _figure(
            "CPU of the worker a message, bulk, encrypted / plain", "ms", [[1000 * one.cpu_each for one in pair] for pair in sent]
        ),
    ]


def _figure(what: str, unit: str, pairs: Sequence[Sequence[float]], target: Target | None = None) -> Figure:
    encrypted, plain = zip(*pairs, strict=True)
    return Figure(what, unit, list(encrypted), list(plain), target)


def _enqueued(conditions: Conditions, side: RelaySide) -> float:
    with a_ground(conditions) as ground:
        return side.fill(ground, "bulk", 10_000 if conditions.quick else 50_000).rate


def _sent(conditions: Conditions, side: RelaySide) -> Watched:
    least, seconds = (2_500, 2.5) if conditions.quick else (12_000, 8.0)
    return submits(conditions, Load(side, "bulk", Lane.MARKETING, 3 * least), seconds)
