"""Outcomes that one process delivers to a webhook, beside a plain Celery task that posts each with ``requests``.

The endpoint answers at once, so that what is measured is the process and not its wait: the relay opens eight connections to an
endpoint, however many outcomes wait.
"""

import base64
from dataclasses import replace
from pathlib import Path

from tests.bench.figures import steady_rate
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import BaselineSide, RelaySide, Side
from tests.bench.watch import Watched, watch


def measure(conditions: Conditions) -> list[Figure]:
    """One webhook, a backlog of outcomes."""
    least = 2_000 if conditions.quick else 8_000
    seconds = 3.0 if conditions.quick else 8.0
    runs = [
        (_delivered(conditions, RelaySide(), 4 * least, seconds), _delivered(conditions, BaselineSide(), least, seconds))
        for _ in range(conditions.runs)
    ]
    ours, baseline = ([run[place] for run in runs] for place in range(2))
    rates = [[steady_rate(one.instants) for one in side] for side in (ours, baseline)]
    cpu = [[one.cpu_each * 1000 for one in side] for side in (ours, baseline)]
    busiest = max(one.vendor_busy for one in ours)
    note = f"one webhook, whose endpoint answers at once and takes {busiest:.0%} of a core"
    what = "outcomes delivered per second by webhook, one process"
    return [
        Figure(what, "/s", rates[0], rates[1], Target("ratio", least=3), note),
        Figure("CPU an outcome delivered by webhook", "ms", cpu[0], cpu[1]),
    ]


def _delivered(conditions: Conditions, side: Side, count: int, seconds: float) -> Watched:
    with a_ground(conditions, latency=0.0) as ground:
        side = replace(side, apps=_apps_file(ground)) if isinstance(side, RelaySide) else side
        side.fill_outcomes(ground, count)
        teller = side.start_teller(ground)
        ground.processes.wait(teller, lambda: ground.vendor.arrived() > 0, "the endpoint is told something")
        return watch(ground, [teller], seconds, count)


def _apps_file(ground: Ground) -> Path:
    """An apps file with one webhook, for which the ground's vendor stands."""
    file, secret = ground.folder / "apps.toml", base64.b64encode(bytes(range(32))).decode("ascii")
    url = f"http://127.0.0.1:{ground.vendor.port}/sms"
    file.write_text(f'[bench.webhook]\nurl = "{url}"\nsecrets = ["whsec_{secret}"]\nprivate = true\n', encoding="utf-8")
    return file
