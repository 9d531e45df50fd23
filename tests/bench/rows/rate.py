"""The shared rate at the vendor's clock: the busiest of all sliding seconds, and the share used while there is work."""

import time
from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from tests.bench.figures import SECOND, busiest_second, within
from tests.bench.ground import Conditions, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import RelaySide, fill_together, workers

_SETTLED = 1.0  # seconds after the last process was ready


@dataclass(frozen=True, slots=True)
class Setting:
    """A rate (a second) and how many worker processes share it."""

    rate: int
    processes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the vendor saw: its busiest second of all, and the share of the rate once all processes were ready."""

    busiest: int
    used: float


def measure(conditions: Conditions) -> list[Figure]:
    """Two rates, one to eight processes."""
    rates, counts = ([1000], [2]) if conditions.quick else ([100, 1000], [1, 2, 4, 8])
    settings = [Setting(rate, count) for rate in rates for count in counts]
    runs = [{setting: _run(conditions, setting) for setting in settings} for _ in range(conditions.runs)]
    return [figure for setting in settings for figure in _figures(setting, [run[setting] for run in runs])]


def _figures(setting: Setting, seen: list[Seen]) -> list[Figure]:
    what = f"rate {setting.rate}/s, {setting.processes} worker process{'es' * (setting.processes > 1)}"
    most = Target("value", most=setting.rate * 1.02 + 1, every_run=True)
    return [
        Figure(f"{what}: busiest of all sliding seconds", "", [one.busiest for one in seen], target=most),
        Figure(f"{what}: used while there is work", "%", [100 * one.used for one in seen], target=Target("value", least=97)),
    ]


def _run(conditions: Conditions, setting: Setting) -> Seen:
    seconds = 3.0 if conditions.quick else 8.0
    side = RelaySide(rate=setting.rate)
    with a_ground(conditions) as ground:
        # Enough for the time until the last process is ready, too: there has to be work at the end.
        fill_together(side, ground, "bulk", int(setting.rate * (seconds + _SETTLED + 2 + setting.processes)))
        workers(side, ground, [Lane.MARKETING], setting.processes)
        start = time.monotonic_ns() + int(_SETTLED * SECOND)
        time.sleep(_SETTLED + seconds)
        instants = ground.vendor.instants()
        used = within(instants, start, start + int(seconds * SECOND)) / (setting.rate * seconds)
        return Seen(busiest_second(instants), used)
