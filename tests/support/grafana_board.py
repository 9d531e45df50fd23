"""The Grafana board's queries as Prometheus gets them, and what they and the alerts name."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.pages import ROOT

BOARD = ROOT / "deploy/grafana/smsrelay.json"
_VARIABLES = {"$__rate_interval": "10s", "$job": ".*", "$instance": ".*"}
_SELECTOR = re.compile(r"\b(smsrelay_\w+)(?:\{([^}]*)\})?")


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel."""

    panel: str
    expression: str
    legend: str


def board() -> dict[str, Any]:
    """The file."""
    return dict(json.loads(BOARD.read_text("utf-8")))


def queries() -> list[Query]:
    """Every query, with Grafana's variables replaced."""
    return [
        Query(panel["title"], _replaced(target["expr"]), target["legendFormat"])
        for panel in board()["panels"]
        for target in panel.get("targets", [])
    ]


def metrics_of(expressions: Iterable[str]) -> set[str]:
    """The metrics that expressions name."""
    return {metric for metric, _ in selectors(expressions)}


def selectors(expressions: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    """Each metric that an expression names, with the labels by which it is selected."""
    for expression in expressions:
        for metric, matchers in _SELECTOR.findall(expression):
            yield metric, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))


def labels_of(legend: str) -> list[str]:
    """The labels that a legend shows."""
    return re.findall(r"\{\{(\w+)\}\}", legend)


def _replaced(expression: str) -> str:
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    return expression
