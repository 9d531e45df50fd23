"""``smsrelay doctor``: prints what this installation has that is known to lose or duplicate messages, and what to do about it.

Exit code 0: nothing found, or notes only; 1: warnings; 2: at least one error.
"""

import json
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smsrelay import logs
from smsrelay.cli.errors import cli_errors
from smsrelay_worker.operations.doctor.doctor import examine, role_here
from smsrelay_worker.operations.doctor.finding import Finding, Severity, exit_code
from smsrelay_worker.operations.doctor.role import Role

_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: ""}
_ORDER = list(Severity)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--as", "role", type=click.Choice([one.value for one in Role]), help="Whose settings these are. Default: whose keys they are."
)
def doctor(as_json: bool, role: str | None) -> None:
    """Look for anything known to lose or duplicate messages.

    Checks the settings, store and broker, the callback URL and this host. Exits with 2 if it finds an error, with 1 if it finds
    warnings, else with 0.
    """
    logs.set_up("CRITICAL")  # whatever goes wrong on the way becomes a finding
    with cli_errors():
        asked = Role(role) if role else role_here()
    found = sorted(examine(asked), key=lambda one: _ORDER.index(one.severity))
    if as_json:
        click.echo(
            json.dumps({"as": asked, "findings": [one.encode() for one in found], "exit_code": exit_code(found)}, indent=2)
        )
    else:
        _print(found, asked)
    raise SystemExit(exit_code(found))


def _print(found: Sequence[Finding], role: Role) -> None:
    if not found:
        click.echo(f"nothing found, asked as {role}")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("severity", "check"):
        table.add_column(title, no_wrap=True)
    table.add_column("what is wrong → what to do", overflow="fold")
    for one in found:
        severity = Text(one.severity.value, style=_STYLES[one.severity])
        table.add_row(severity, Text(one.check), Text(f"{one.problem}\n→ {one.remedy} [{one.kind}]"))
    Console(highlight=False).print(table)
