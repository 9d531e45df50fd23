"""``smsrelay policy``: prints the policy table, explains one row of it, and checks a replacement file.

Exit code 2: the file is invalid; all its problems are printed on standard error.
"""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smsrelay.cli.errors import cli_errors
from smsrelay.settings import file_named
from smsrelay_worker.limits.describe import explain_rule
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.policy.describe import explain, markdown_table, rows
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import PolicyError, load_policy

_STYLES = {"delivered": "green", "submitted": "green", "retry": "yellow", "failed": "red", "halt": "red"}


class WrongPolicy(click.ClickException):
    """A policy file is invalid."""

    exit_code = 2


@click.group(invoke_without_command=True)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    envvar="SMSRELAY_POLICY",
    show_envvar=True,
    help="Check and use this policy file instead of the packaged one.",
)
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.pass_context
def policy(context: click.Context, file: Path | None, markdown: bool) -> None:
    """Print what happens on each code, and check a policy file."""
    context.obj = file
    if context.invoked_subcommand is not None:
        return
    loaded = _load(file)
    if markdown:
        click.echo(markdown_table(loaded))
    else:
        Console().print(_table(loaded))


@policy.command("explain")
@click.option("--file", type=click.Path(path_type=Path), help="Check and use this policy file, as in `smsrelay policy --file`.")
@click.option(
    "--limits", type=click.Path(path_type=Path), envvar="SMSRELAY_LIMITS", show_envvar=True, help="Explain by this limits file."
)
@click.argument("words", nargs=-1, required=True, metavar="CODE")
@click.pass_obj
def explain_code(group_file: Path | None, file: Path | None, limits: Path | None, words: tuple[str, ...]) -> None:
    """Explain in a sentence what happens on CODE, and when.

    CODE is a status code (503), a code of the vendor's answer to a submit (0000), a class (throttled), a code of the gateway or
    the network (http_429, connection_reset), or a rule as a timeline names it (uncertain.otp, cap NAME, window marketing +86,
    suppressed); cap, window and fuse alone explain all of them.
    """
    code = " ".join(words)
    policy = _load(file or group_file)
    with cli_errors():
        explained = explain_rule(load_limits(limits or file_named("SMSRELAY_LIMITS")), code)
    click.echo(explained or explain(policy, code))


def _load(file: Path | None) -> Policy:
    with cli_errors():
        named = file or file_named("SMSRELAY_POLICY")
    try:
        return load_policy(named)
    except PolicyError as error:
        raise WrongPolicy(str(error)) from None


def _table(loaded: Policy) -> Table:
    table = Table()
    for title in ("code", "text", "中文", "outcome", "retried"):
        table.add_column(title, overflow="fold")  # Chinese has no spaces to break a line at
    for row in rows(loaded):
        outcome = Text(row.outcome, style=_STYLES.get(row.outcome, ""))
        table.add_row(Text(row.code), Text(row.text), Text(row.zh), outcome, Text(row.retried))
    return table
