"""``smsrelay limits``: prints and checks the limits file.

Exit code 2: the file is invalid; all its problems are printed on standard error.
"""

from pathlib import Path

import click

from smsrelay.cli.errors import cli_errors
from smsrelay.settings import file_named
from smsrelay_worker.limits.describe import lines
from smsrelay_worker.limits.toml_file import ALIYUN, load_limits, packaged_source


@click.command()
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    envvar="SMSRELAY_LIMITS",
    show_envvar=True,
    help="Check and print this limits file instead of the packaged one.",
)
@click.option("--example", is_flag=True, help="Print a file to copy and edit: with the caps that Aliyun publishes.")
def limits(file: Path | None, example: bool) -> None:
    """Print the caps, send windows, countries and fuses, and check a limits file."""
    if example:
        click.echo(packaged_source(ALIYUN), nl=False)
        return
    with cli_errors():
        loaded = load_limits(file or file_named("SMSRELAY_LIMITS"))
    for line in lines(loaded):
        click.echo(line)
