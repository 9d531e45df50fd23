"""How long each page of the console takes with a million messages waiting, signed in, over HTTP, while nothing else runs."""

from statistics import median

from smsrelay_worker.local.stack import free_port
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import python
from tests.bench.result import Figure, Target
from tests.bench.sides import RelaySide, fill_together
from tests.support.console_process import PASSWORD, USER, Console, Visitor

_CAMPAIGN = "spring"
_PAGES = {
    "now": "/",
    "find": "/find",
    "due": "/due",
    "due, by lane, none matches": "/due?lane=otp",
    "due, of a campaign": f"/due?campaign=bench/{_CAMPAIGN}",
    "campaigns": "/campaigns",
    "a campaign": f"/campaigns/bench/{_CAMPAIGN}",
    "dead": "/dead",
    "codes": "/codes",
    "webhooks": "/webhooks",
    "suppressed": "/suppressed",
    "actions": "/actions",
    "doctor": "/doctor",
}
_VISITS = 21  # of each page
_NUMBER = "13500000001"  # of a message that waits


def measure(conditions: Conditions) -> list[Figure]:
    """1,000,000 waiting messages (quick: 30,000), filled once."""
    many = 30_000 if conditions.quick else 1_000_000
    side = RelaySide(campaign=_CAMPAIGN)
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", many)
        visitor = _visitor(side, ground)
        runs = [_run(visitor) for _ in range(conditions.runs)]
    note = ", ".join(f"{name} {median(run[name] for run in runs):.0f} ms" for name in runs[0])
    slowest = [max(run.values()) for run in runs]
    what = f"slowest page of the console with {many:,} waiting, median of {_VISITS} visits"
    return [Figure(what, "ms", slowest, target=Target("value", most=300, every_run=True), note=note)]


def _run(visitor: Visitor) -> dict[str, float]:
    """The median of each page in milliseconds."""
    pages = {name: median(_took(visitor, path) for _ in range(_VISITS)) for name, path in _PAGES.items()}
    return pages | {"find, by number": median(_found(visitor) for _ in range(_VISITS))}


def _took(visitor: Visitor, path: str) -> float:
    answer = visitor.get(path)
    answer.raise_for_status()
    return answer.elapsed.total_seconds() * 1000


def _found(visitor: Visitor) -> float:
    answer = visitor.post("/find", {"wanted": _NUMBER}, token=visitor.token())
    answer.raise_for_status()
    return answer.elapsed.total_seconds() * 1000


def _visitor(side: RelaySide, ground: Ground) -> Visitor:
    port = free_port()
    given = side.environment(ground) | {"SMSRELAY_CONSOLE_AUTH": f"{USER}:{PASSWORD}"}
    command = python("-m", "smsrelay_worker", "console", "--port", str(port))
    process = ground.processes.start(ground.name("console"), command, given)
    console = Console(f"http://127.0.0.1:{port}", process.log, process.popen)
    ground.processes.wait(process, console.answers, "the console answers")
    return console.operator()
