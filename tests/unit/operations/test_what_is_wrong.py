"""docs/what-is-wrong.md has a row for every alert and every finding, none is stale, and its commands exist."""

import re

import pytest
import yaml

from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.settings import WorkerSettings
from tests.support.command_lines import named_in, why_refused
from tests.support.pages import ROOT, text_of

PAGE = text_of("docs/what-is-wrong.md")
_RULES = [rule for group in yaml.safe_load(text_of("deploy/prometheus/alerts.yml"))["groups"] for rule in group["rules"]]
RULES = {rule["alert"]: rule["annotations"] for rule in _RULES}
BOUNDED = {rule["alert"] for rule in _RULES if "smsrelay_waiting_bound_seconds" in rule["expr"]}
DEFAULTS = {name: field.default for name, field in WorkerSettings.model_fields.items()}
OTHER_PROGRAMS = {"redis-cli", "timedatectl", "openssl", "rabbitmqctl"}


def rows(title: str) -> list[list[str]]:
    """Cells of the table below a title: names, meaning, first command, what mends it, link."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in section.splitlines() if line.startswith("| `")]


def section(anchor: str) -> str:
    """The text below the heading that an anchor names."""
    for part in PAGE.split("\n## "):
        title, _, text = part.partition("\n")
        if "#" + re.sub("[^a-z -]", "", title.lower()).replace(" ", "-") == anchor:
            return text
    raise AssertionError(anchor)


ALERTS, FINDINGS = rows("Every alert"), rows("Every finding")
FIRST = [row[2] for row in ALERTS + FINDINGS]


def test_every_alert_has_a_row_in_the_order_of_the_file() -> None:
    assert [row[0] for row in ALERTS] == [f"`{name}`" for name in RULES]


@pytest.mark.parametrize("row", ALERTS, ids=lambda row: row[0].strip("`"))
def test_an_alert_leads_to_the_section_of_its_row_which_names_it(row: list[str]) -> None:
    anchor = RULES[row[0].strip("`")]["runbook_url"].removeprefix("docs/what-is-wrong.md")
    assert row[4] == f"[more]({anchor})"
    assert row[0] in section(anchor)


def test_an_alert_that_compares_with_a_setting_names_it_with_its_default() -> None:
    spelled = {
        "OTP": f"{DEFAULTS['wait_bound_otp']:g} s",
        "NOTICE": f"{DEFAULTS['wait_bound_notice'] / 60:g} min",
        "MARKETING": f"{DEFAULTS['wait_bound_marketing'] / 3600:g} h",
    }
    meanings = [row[1] for row in ALERTS if row[0].strip("`") in BOUNDED]
    assert len(meanings) == len(spelled)
    for meaning, (lane, default) in zip(meanings, spelled.items(), strict=True):
        assert f"`SMSRELAY_WAIT_BOUND_{lane}`, {default}" in meaning


def test_every_kind_of_finding_has_a_row_and_no_row_is_stale() -> None:
    named = [name for row in FINDINGS for name in re.findall("`([^`]+)`", row[0])]
    assert sorted(named) == sorted(kind.value for kind in Kind)


def test_every_kind_of_finding_is_found_somewhere() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "worker/smsrelay_worker/operations/doctor").rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"\bKind\.([A-Z_0-9]+)", text)}
    assert used == {kind.name for kind in Kind}


def test_every_row_says_what_it_means_what_to_run_first_and_what_mends_it() -> None:
    for row in ALERTS + FINDINGS:
        assert len(row) == 5, row
        assert all(row[1:4]), row
        assert re.fullmatch("`[^`]+`", row[2]), row


@pytest.mark.parametrize("line", sorted({line for line in named_in(PAGE) if line.startswith("smsrelay ")}))
def test_every_command_of_the_page_exists_with_its_options(line: str) -> None:
    assert why_refused(line) == ""


@pytest.mark.parametrize("line", ["smsrelay statsu", "smsrelay dead list --old", "smsrelay status now"])
def test_a_command_that_does_not_exist_would_be_noticed(line: str) -> None:
    assert why_refused(line) != ""


def test_the_chinese_readme_names_alerts_that_exist_and_their_sections() -> None:
    section = text_of("README.zh.md").partition("## 出了什么问题？\n")[2].partition("\n## ")[0]
    named = [
        (re.findall("`(Smsrelay[A-Za-z]+)`", line), re.findall(r"what-is-wrong.md(#[a-z-]+)", line))
        for line in section.splitlines()
    ]
    led = [(alert, anchors) for alerts, anchors in named for alert in alerts]
    assert len(led) > 12
    assert [
        alert for alert, anchors in led if anchors != [RULES[alert]["runbook_url"].removeprefix("docs/what-is-wrong.md")]
    ] == []


@pytest.mark.parametrize("line", sorted({line for line in named_in(text_of("README.zh.md")) if line.startswith("smsrelay ")}))
def test_every_command_of_the_chinese_readme_exists_with_its_options(line: str) -> None:
    assert why_refused(line.replace("…", "X")) == ""


def test_what_is_run_first_is_a_command_of_ours_or_a_known_program() -> None:
    programs = {line.strip("`").split()[0] for line in FIRST}
    assert programs <= {"smsrelay", *OTHER_PROGRAMS}
