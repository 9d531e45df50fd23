"""The rows of the policy in force, as the judge reads them: parsed from the file without the product's own reader.

Takes the text of a policy file; returns what each report code means, and which rules may cause a further attempt and how often.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """``outcome``: of each report code. ``retries``: by rule as timelines name it; None: until the message expires."""

    outcome: Mapping[str, str]
    retries: Mapping[str, int | None]
    resends: Mapping[str, int]  # by lane
    windows: Mapping[str, float]  # seconds an uncertain attempt waits for its report, by lane

    def decisive(self, code: str) -> bool:
        """Whether a report with this code settles an attempt."""
        return self.outcome.get(code) in {"delivered", "failed", "retry", "unknown"}


def read_rows(text: str) -> Rows:
    """The rows of a policy file."""
    tables = tomllib.loads(text)
    default = tables["retry"]["retries"]
    retries = {}
    for table in ("status", "submit", "class"):
        for code, row in tables[table].items():
            if row["outcome"] == "retry":
                allowed = row.get("retries", default)
                retries[f"{table}.{code}"] = allowed if isinstance(allowed, int) else None
    resends = {lane: row.get("retries", 0) if row["resend"] else 0 for lane, row in tables["uncertain"].items()}
    windows = {lane: row.get("window_s", 0) for lane, row in tables["uncertain"].items()}
    return Rows({code: row["outcome"] for code, row in tables["status"].items()}, retries, resends, windows)
