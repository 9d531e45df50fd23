"""``smsrelay policy``: shows the policy table, explains one row of it, and checks a replacement.

Enters: the arguments of a command line. Leaves: text on standard output. A wrong file ends the command with 2 and every
problem on standard error.
"""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smsrelay_worker.policy.describe import explain, markdown_table, rows
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import PolicyError, load_policy

_STYLES = {"delivered": "green", "submitted": "green", "retry": "yellow", "failed": "red", "halt": "red"}


class WrongPolicy(click.ClickException):
    """A policy file that was refused, as the command line says it."""

    exit_code = 2


@click.group(invoke_without_command=True)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    envvar="SMSRELAY_POLICY",
    show_envvar=True,
    help="Use and check this policy file instead of the packaged one.",
)
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.pass_context
def policy(context: click.Context, file: Path | None, markdown: bool) -> None:
    """Print what is done about every code of the vendor."""
    context.obj = file
    if context.invoked_subcommand is not None:
        return
    loaded = _load(file)
    if markdown:
        click.echo(markdown_table(loaded))
    else:
        Console().print(_table(loaded))


@policy.command("explain")
@click.option("--file", type=click.Path(path_type=Path), help="As for `smsrelay policy`.")
@click.argument("code")
@click.pass_obj
def explain_code(group_file: Path | None, file: Path | None, code: str) -> None:
    """Say what happens on CODE, and when.

    CODE is a status code (503), a submit code (0000), a class (throttled), a code of the gateway or of the network (http_429,
    connection_reset) or a rule's name (uncertain.otp).
    """
    click.echo(explain(_load(file or group_file), code))


def _load(file: Path | None) -> Policy:
    try:
        return load_policy(file)
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
