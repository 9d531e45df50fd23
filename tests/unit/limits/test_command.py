"""``smsrelay limits`` prints and checks; ``smsrelay policy explain`` speaks of limits."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from smsrelay_worker.cli.policy import policy
from smsrelay_worker.cli.traffic.limits import limits
from smsrelay_worker.limits.describe import explain_rule, lines
from smsrelay_worker.limits.toml_file import ALIYUN, load_limits, packaged_source, parse_limits

EXAMPLE = parse_limits(packaged_source(ALIYUN), ALIYUN)


def run(command: click.Command, *arguments: str, file: Path | None = None) -> Result:
    variables = {"SMSRELAY_LIMITS": str(file) if file else None, "SMSRELAY_POLICY": None}
    return CliRunner().invoke(command, arguments, env=variables)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    file = tmp_path / "limits.toml"
    file.write_text(run(limits, "--example").output, "utf-8")
    return file


def test_the_packaged_limits_are_printed() -> None:
    result = run(limits)
    assert (result.exit_code, result.output.splitlines()) == (0, list(lines(load_limits(None))))


def test_a_file_is_printed_wherever_it_is_named(example: Path) -> None:
    assert run(limits, "--file", str(example)).output == run(limits, file=example).output
    assert run(limits, file=example).output.splitlines() == list(lines(EXAMPLE))


def test_a_file_that_the_env_file_names_is_in_use(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(example.parent)
    Path(".env").write_text("SMSRELAY_LIMITS=limits.toml\nSMSRELAY_POLICY=none.toml\n", "utf-8")
    assert run(limits).output.splitlines() == list(lines(EXAMPLE))
    assert "none.toml" in run(policy).output
    assert run(limits, file=Path("none.toml")).exit_code == 2  # the environment goes before it


def test_a_wrong_file_ends_with_every_problem(tmp_path: Path) -> None:
    wrong = tmp_path / "limits.toml"
    wrong.write_text("version = 2\n[night]\n", "utf-8")
    result = run(limits, "--file", str(wrong))
    assert result.exit_code == 2
    assert "version: Input should be 1" in result.output
    assert "night: is not a key of this table" in result.output


def test_a_rule_of_a_limit_is_explained_by_the_file_in_use(example: Path) -> None:
    for rule in ("cap codes-a-minute", "window marketing +86", "suppressed", "cap"):
        assert run(policy, "explain", *rule.split(), file=example).output == f"{explain_rule(EXAMPLE, rule)}\n"
    assert run(policy, "explain", "cap", "codes-a-minute").output == "the limits file has no cap codes-a-minute\n"


def test_a_code_of_the_vendor_is_still_explained_by_the_policy(example: Path) -> None:
    assert run(policy, "explain", "503", file=example).output == run(policy, "explain", "503").output
    assert "Carrier rejected" in run(policy, "explain", "503").output


def test_a_wrong_limits_file_is_told_by_the_explanation_too(tmp_path: Path) -> None:
    (tmp_path / "limits.toml").write_text("version = 2\n", "utf-8")
    result = run(policy, "explain", "cap", file=tmp_path / "limits.toml")
    assert (result.exit_code, "countries: is missing" in result.output) == (2, True)
