"""Result: what a row of the table holds, and whether it met its target. Pure; stored as JSON.

Takes the samples of each run and a target; returns ``Figure`` values. Raises ``TypeError`` for JSON of any other shape.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tests.bench.figures import median, ratios

Of = Literal["ratio", "value"]


@dataclass(frozen=True, slots=True)
class Target:
    """What issue and README promise: a bound of the ratio to the baseline, or of our own value."""

    of: Of
    least: float | None = None
    most: float | None = None
    every_run: bool = False  # the worst run counts, not the median

    def __str__(self) -> str:
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        return f"{bound} ×" if self.of == "ratio" else bound

    def held_by(self, samples: list[float]) -> bool:
        """Whether these samples meet the target."""
        if self.least is not None:
            return (min(samples) if self.every_run else median(samples)) >= self.least
        return self.most is None or (max(samples) if self.every_run else median(samples)) <= self.most


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what was measured, a sample a run for the relay and, where there is one, for the baseline."""

    what: str
    unit: str
    ours: list[float]
    baseline: list[float] | None = None
    target: Target | None = None
    note: str = ""
    when: str = ""  # and on which commit

    @property
    def ratios(self) -> list[float] | None:
        """The ratio of ours to the baseline's, run by run."""
        return ratios(self.ours, self.baseline) if self.baseline else None

    @property
    def reached(self) -> bool | None:
        """Whether the target was met; None without a target."""
        if self.target is None:
            return None
        return self.target.held_by((self.ratios or []) if self.target.of == "ratio" else self.ours)

    def encode(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def decode(cls, fields: dict[str, Any]) -> "Figure":
        """From JSON values."""
        target = fields["target"]
        return cls(**fields | {"target": Target(**target) if target else None})
