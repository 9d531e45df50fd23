"""What caps, a send window and encryption cost together: throughput, round trips and memory with them, against without."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from smsrelay.contract.lanes import Lane
from tests.bench.ground import Conditions, a_ground
from tests.bench.result import Figure, Target
from tests.bench.rows.calls import spent_a_message
from tests.bench.rows.held import held
from tests.bench.sides import RelaySide
from tests.bench.turns import Slice, a_turn, ratios

_HOWS = {"bulk": Lane.MARKETING, "single": Lane.OTP}
_FASTEST = {"bulk": 1500, "single": 900}  # a second, which a backlog has to last for
_PAYLOAD_KEY = "benchmark-payload-0123456789"
_CAPS = """
[[cap]]
name = "minute"
lanes = ["otp"]
count = 1
window = "1m"
per = "number+app"

[[cap]]
name = "hour"
count = 5
window = "1h"
per = "number+app"

[[cap]]
name = "day"
count = 40
window = "1d"
"""


def measure(conditions: Conditions) -> list[Figure]:
    """With limits that nothing exceeds, so that all is submitted, as without them."""
    with a_ground(conditions) as ground:  # for its folder alone
        limited = RelaySide(limits=_written(ground.folder), payload_keys=_PAYLOAD_KEY)
        figures = [figure for how in _HOWS for figure in _throughput(conditions, how, limited)]
        return [*figures, *_calls(conditions, limited), *_memory(conditions, limited)]


def _written(folder: Path) -> Path:
    """Caps that a number used once never reaches, and a window that closed an hour ago for an hour."""
    now = datetime.now(UTC)
    opens, closes = (f"{now - timedelta(hours=hours):%H:%M}" for hours in (1, 2))
    window = f'[[window]]\nlane = "marketing"\ncountry = "86"\nopens = "{opens}"\ncloses = "{closes}"\nzone = "Etc/UTC"\n'
    file = folder / "limits.toml"
    file.write_text(f'version = 1\ncountries = ["86"]\n{window}{_CAPS}', encoding="utf-8")
    return file


def _throughput(conditions: Conditions, how: str, limited: RelaySide) -> list[Figure]:
    slices, seconds = (4, 0.8) if conditions.quick else (20, 1.5)
    count = int(_FASTEST[how] * ((seconds + 0.3) * (slices + 1) + 2))  # 2 s before the first slice
    lane = _HOWS[how]
    with a_turn(conditions, RelaySide(), how, lane, count) as plain, a_turn(conditions, limited, how, lane, count) as ours:
        without, those_with = [plain.slice(seconds)], list[Slice]()
        for _ in range(slices):
            those_with.append(ours.slice(seconds))
            without.append(plain.slice(seconds))
    rates = ratios([one.rate for one in without], [one.rate for one in those_with])
    cpus = ratios([one.cpu for one in without], [one.cpu for one in those_with])
    what = f"with caps, window and encryption / without, {how}"
    return [
        Figure(f"submitted per second {what}", "×", rates, target=Target("value", least=0.85)),
        Figure(f"CPU of the worker a message {what}", "×", cpus),
    ]


def _calls(conditions: Conditions, limited: RelaySide) -> list[Figure]:
    plain, ours = ([spent_a_message(conditions, side) for _ in range(conditions.runs)] for side in (RelaySide(), limited))
    what = "a message, with caps, window and encryption / without"
    names = {"all": "Redis commands", "sent": "writes to Redis's connections"}
    return [
        Figure(
            f"{said} {what}",
            "×",
            [one[name] / other[name] for one, other in zip(ours, plain, strict=True)],
            target=Target("value", most=1.05),
        )
        for name, said in names.items()
    ]


def _memory(conditions: Conditions, limited: RelaySide) -> list[Figure]:
    waiting, final, _ = held(conditions, side=limited)
    note = "one attempt of each number is remembered for its caps"
    return [
        Figure("held per waiting message, encrypted, with caps", "B", [waiting["all"]], target=Target("value", most=1024)),
        Figure("held per final message, encrypted, with caps", "B", [final["all"]], note=note),
    ]
