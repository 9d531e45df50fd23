"""``smsrelay policy`` prints, explains and checks."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smsrelay_worker.cli.policy import policy
from smsrelay_worker.policy.describe import explain, markdown_table
from smsrelay_worker.policy.toml_file import load_policy, packaged_source


def run(*arguments: str, env: dict[str, str | None] | None = None) -> Result:
    return CliRunner().invoke(policy, arguments, env={"SMSRELAY_POLICY": None, "COLUMNS": "160", **(env or {})})


@pytest.fixture
def quick(tmp_path: Path) -> str:
    path = tmp_path / "quick.toml"
    path.write_text(packaged_source().replace("base_s = 5", "base_s = 1"), "utf-8")
    return str(path)


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    path = tmp_path / "wrong.toml"
    path.write_text(packaged_source().replace("base_s = 5", "base_s = -1").replace('"defer"', '"wait"'), "utf-8")
    return str(path)


def test_without_a_subcommand_the_table_is_printed():
    result = run()
    assert result.exit_code == 0
    assert "Carrier rejected – temporary problem" in result.output
    assert "运营商拒绝（临时问题）" in result.output
    assert "class.uncertain" in result.output


def test_the_table_can_be_printed_as_markdown():
    assert run("--markdown").output == markdown_table(load_policy(None)) + "\n"


def test_a_code_is_explained():
    assert run("explain", "503").output == explain(load_policy(None), "503") + "\n"


def test_a_replacement_is_used_wherever_it_is_named(quick):
    for result in (
        run("--file", quick, "explain", "503"),
        run("explain", "503", "--file", quick),
        run("explain", "503", env={"SMSRELAY_POLICY": quick}),
    ):
        assert "after about 1 s, 3 s and 9 s" in result.output


def test_the_named_file_wins_over_the_environment(quick, wrong):
    assert run("--file", quick, "explain", "503", env={"SMSRELAY_POLICY": wrong}).exit_code == 0


@pytest.mark.parametrize("subcommand", [[], ["--markdown"], ["explain", "503"]])
def test_a_wrong_file_ends_with_two_and_every_problem(subcommand, wrong):
    result = run("--file", wrong, *subcommand)
    assert result.exit_code == 2
    assert "wrong.toml is invalid, 2 problems:" in result.stderr
    assert "backoff.soon.base_s: -1 is wrong" in result.stderr
    assert "class.throttled.outcome: 'wait' is wrong" in result.stderr


def test_a_file_that_is_not_there_ends_with_two(tmp_path):
    result = run("--file", str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
