"""deploy/prometheus under Debian's promtool: valid, and each alert fires when it should, not before, and leads to a page."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.alert_cases import CASES, MINUTES, Case, Series
from tests.support.hastened_rules import ALERTS, hastened, hastened_expression
from tests.support.pages import ROOT, text_of
from tests.support.prometheus import JOB, promtool, write_unit_tests

FOLDER = ALERTS.parent
_SCRAPE = f'job="{JOB}",instance="metrics:9808"'
_COMMAND = re.compile(r"`(smsrelay [a-z]+(?: [a-z]+)?)")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_promtool_finds_nothing_wrong_with_configuration_and_rules() -> None:
    checked = promtool("check", "config", "prometheus.yml", folder=FOLDER)  # and the rules that it names
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout


def test_each_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    files = [
        write_unit_tests(tmp_path, f"{number}-{case.alert}", rule, [_test(case, True), _test(case, False)])
        for number, case in enumerate(CASES)
        for rule in rules()
        if rule["alert"] == case.alert
    ]
    assert len(files) == len(CASES)
    ran = promtool("test", "rules", *files, folder=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_has_a_case() -> None:
    assert {rule["alert"] for rule in rules()} == {case.alert for case in CASES}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_what_to_do_and_where_the_rest_is(rule: dict[str, Any]) -> None:
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook_url"}
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page, _, anchor = said["runbook_url"].partition("#")
    assert anchor in _anchors(text_of(page)), said["runbook_url"]


def test_every_command_that_an_alert_names_exists() -> None:
    listed = re.findall(r"^\| `(smsrelay [a-z]+(?: [a-z]+)?)", text_of("docs/commands.md"), re.MULTILINE)
    for rule in rules():
        for named in _COMMAND.findall(rule["annotations"]["description"]):
            assert named in listed or named.rpartition(" ")[0] in listed, (rule["alert"], named)


def test_hastened_rules_differ_in_times_alone() -> None:
    was, became = rules(), [rule for group in yaml.safe_load(hastened())["groups"] for rule in group["rules"]]
    for before, after in zip(was, became, strict=True):
        untimed = {**before, "expr": hastened_expression(before["expr"])} | ({"for": "1s"} if "for" in before else {})
        assert after == untimed
        assert _timeless(after["expr"]) == _timeless(before["expr"])


def test_compose_scrapes_what_the_example_scrapes() -> None:
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert job["job_name"] == JOB
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    [target] = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert compose[name]["command"] == ["smsrelay", "metrics", "--host", "0.0.0.0", "--port", port]


def _test(case: Case, fires: bool) -> dict[str, Any]:
    """The question how often the alert fires, with its labels, as a test of promtool's."""
    wanted = ",".join(filter(None, [f'alertname="{case.alert}",alertstate="firing"', case.labels if fires else ""]))
    asked = {"expr": f"count(ALERTS{{{wanted}}}) or vector(0)", "eval_time": f"{MINUTES}m"}
    return {
        "name": f"{case.alert} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": _series(case.fires if fires else case.quiet),
        "promql_expr_test": [asked | {"exp_samples": [{"labels": "{}", "value": int(fires)}]}],
    }


def _series(series: Series) -> list[dict[str, str]]:
    return [{"series": _full_name(name), "values": values} for name, values in series.items()]


def _full_name(name: str) -> str:
    metric, _, labels = name.removesuffix("}").partition("{")
    prefix = "" if metric == "up" else "smsrelay_"
    return f"{prefix}{metric}{{{','.join(filter(None, [_SCRAPE, labels]))}}}"


def _timeless(expression: str) -> str:
    """Without its numbers that are times."""
    without = re.sub(r"\[\d+[smh]\]|\boffset \d+[smh]\b", "", expression)
    return re.sub(r"(\btime\(\) - .*?> )(\d+)\b(?!\))", r"\1", without)


def _anchors(page: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
