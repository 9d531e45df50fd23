"""Debian's Prometheus as a process, with rules and one job to scrape, and its promtool.

Takes a folder; gives a ``Prometheus`` to ask until the context ends. Raises ``RuntimeError`` if it does not come up. Where it
is not installed and cannot be, tests skip; in CI they fail.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from smsrelay_worker.local.stack import free_port
from tests.support.waiting import eventually

JOB = "smsrelay"
_START = 60.0  # seconds
_STOP = 20.0
_ONE_CORE = {"GOMAXPROCS": "1"}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs. A query that it refuses raises ``requests.HTTPError``."""

    url: str
    session: requests.Session

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert that is pending or fires: labels, annotations, state."""
        return list(self._get("alerts")["alerts"])

    def firing(self, alert: str, **labels: str) -> bool:
        """Whether the alert fires, with these labels among its own."""
        wanted = {"alertname": alert, **labels}.items()
        return any(one["state"] == "firing" and wanted <= one["labels"].items() for one in self.alerts())

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now: each its labels (``metric``) and ``value``."""
        return list(self._get("query", query=expression)["result"])

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series that an expression gives between two instants (epoch seconds), with a value each ``step`` seconds."""
        return list(self._get("query_range", query=expression, start=start, end=end, step=step)["result"])

    def series(self, selector: str, start: float) -> list[dict[str, str]]:
        """The labels of every series that was seen since ``start`` (epoch seconds)."""
        found: Any = self._get("series", **{"match[]": selector, "start": start})
        return list(found)

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health and the error of its last evaluation."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **parameters: Any) -> dict[str, Any]:
        answer = self.session.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=30)
        if answer.status_code >= 400:
            raise requests.HTTPError(answer.text, response=answer)
        return dict(data) if isinstance(data := answer.json()["data"], dict) else data


@contextmanager
def running_prometheus(folder: Path, rules: str, target: str, interval: str = "1s") -> Iterator[Prometheus]:
    """Start one that scrapes ``target`` (host:port) and evaluates ``rules`` (the text of a file) every ``interval``."""
    installed_or_skipped()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alerts.yml").write_text(rules, "utf-8")
    scraped = {"job_name": JOB, "static_configs": [{"targets": [target]}]}
    config = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [scraped],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    address, log = f"127.0.0.1:{free_port()}", folder / "prometheus.log"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=series", f"--web.listen-address={address}"]
    with log.open("wb") as printed, requests.Session() as session:
        session.trust_env = False
        process = subprocess.Popen(command, cwd=folder, env=os.environ | _ONE_CORE, stdout=printed, stderr=printed)
        try:
            eventually(lambda: _is_ready(process, session, f"http://{address}", log), "Prometheus is ready", _START)
            yield Prometheus(f"http://{address}", session)
        finally:
            process.terminate()
            process.wait(_STOP)


def promtool(*arguments: str, folder: Path, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run promtool in a folder; ``given``: its standard input."""
    installed_or_skipped()
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, input=given, capture_output=True, text=True, timeout=120, check=False
    )


def write_unit_tests(folder: Path, name: str, rule: Mapping[str, Any], tests: Sequence[Mapping[str, Any]]) -> str:
    """A file for ``promtool test rules`` with tests of one rule, and the rule alone beside it; the file's name."""
    rules, file = f"{name}.rules.yml", f"{name}.yml"
    (folder / rules).write_text(yaml.safe_dump({"groups": [{"name": name, "rules": [dict(rule)]}]}), "utf-8")
    asked = {"rule_files": [rules], "evaluation_interval": "1m", "tests": list(tests)}
    (folder / file).write_text(yaml.safe_dump(asked, sort_keys=False), "utf-8")
    return file


def installed_or_skipped() -> None:
    """Make sure that Prometheus is installed, or end the test."""
    if _is_installed() or _installed_now():
        return
    if os.environ.get("CI"):
        pytest.fail("prometheus is not installed and cannot be")
    pytest.skip("needs prometheus of Debian, or the right to install it")


def _is_installed() -> bool:
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


def _installed_now() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    noninteractive = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "prometheus"]):
        if subprocess.run(["apt-get", *command], env=noninteractive, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return False
    return _is_installed()


def _is_ready(process: "subprocess.Popen[bytes]", session: requests.Session, url: str, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError("Prometheus did not come up:\n" + log.read_text("utf-8", "replace")[-3000:])
    try:
        return session.get(f"{url}/-/ready", timeout=2).status_code == 200
    except requests.RequestException:
        return False
