"""The shipped alerts for a test's clock: the same rules, labels and texts, in which minutes are seconds.

Of each rule only these numbers change: ``for`` becomes a second, windows (``[15m]``) and ``offset`` become ten seconds, and what
may be so many seconds old (``time() - … > 300``) three, a receiver's heartbeat ten. Counts, shares and everything else stay.
"""

import re
from pathlib import Path

import yaml

from tests.support.pages import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
_WINDOW = "10s"
_OLDEST = 3  # seconds
_OLDEST_HEARTBEAT = 10  # seconds; one of ours is at most five old


def hastened(path: Path = ALERTS) -> str:
    """The text of the rendered copy."""
    rules = yaml.safe_load(path.read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = hastened_expression(rule["expr"])
            if "for" in rule:
                rule["for"] = "1s"
    return yaml.safe_dump(rules, sort_keys=False, width=1000)


def hastened_expression(expression: str) -> str:
    """One expression with short windows, and bounds of age that are reached soon."""
    short = re.sub(r"\[\d+[smh]\]", f"[{_WINDOW}]", expression)
    short = re.sub(r"\boffset \d+[smh]\b", f"offset {_WINDOW}", short)
    oldest = _OLDEST_HEARTBEAT if "last_seen" in short else _OLDEST
    return re.sub(r"(\btime\(\) - .*?> )(\d+)\b(?!\))", lambda age: f"{age[1]}{min(oldest, int(age[2]))}", short)
