"""docs/limits.md: its examples are right, and it names every key and every rule."""

import re
from collections.abc import Iterator

import pytest

from smsrelay_worker.limits import rows
from smsrelay_worker.limits.describe import explain_rule
from smsrelay_worker.limits.toml_file import load_limits, parse_limits
from tests.support.pages import blocks, text_of

PAGE = "docs/limits.md"


def test_its_examples_are_one_valid_file() -> None:
    limits = parse_limits("\n".join(blocks(PAGE, "toml")), PAGE)
    assert (len(limits.caps), len(limits.windows), len(limits.fuses)) == (2, 1, 1)


@pytest.mark.parametrize(
    ("heading", "row"),
    [("Change them", rows.FileTable), ("Caps", rows.CapRow), ("Send windows", rows.WindowRow), ("Fuses", rows.FuseRow)],
)
def test_its_tables_name_every_key(heading: str, row: type[rows.FileTable | rows.CapRow | rows.WindowRow | rows.FuseRow]) -> None:
    named = " ".join(_first_cells(heading))
    assert {key for key in row.model_fields if key not in named} <= {"version"}


def test_every_rule_that_it_lists_is_explained() -> None:
    limits = load_limits(None)
    rules = [rule for cell in _first_cells("Why does a message wait?") for rule in re.findall(r"`([^`]+)`", cell)]
    halted = [f"halted {kind}" for kind in rules if kind in {"template", "app", "country", "campaign"}]
    for rule in [*halted, *(rule for rule in rules if f"halted {rule}" not in halted)]:
        assert explain_rule(limits, rule), rule


def _first_cells(heading: str) -> Iterator[str]:
    section = text_of(PAGE).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield line.split("|")[1]
