"""``smsrelay suppress import`` and ``export``."""

from pathlib import Path

import click

from smsrelay.campaign.csv_file import DELIMITERS, CsvFile
from smsrelay.campaign.file_encoding import known_encoding
from smsrelay.campaign.header import ColumnChoice
from smsrelay.campaign.row import Row
from smsrelay.cli.errors import InvalidInput, Unavailable, cli_errors
from smsrelay.contract.character import escaped
from smsrelay.contract.key_name import key_names
from smsrelay.contract.rejection import Problem
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.cli.recipients.suppression_list import (
    list_text,
    named_list,
    open_lists,
    open_log,
    required_list,
    which_list,
)
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.operations.suppression_file import export_lines, is_export
from smsrelay_worker.operations.suppression_import import Imported, import_export, import_numbers

_MOST_SHOWN = 20


class _RefusedRows:
    """Prints line and reason of the first twenty, and nothing of the content."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, row: Row, problem: Problem) -> None:
        self.count += 1
        if self.count <= _MOST_SHOWN:
            click.echo(f"line {row.line}: {escaped(str(problem))}", err=True)

    def close(self) -> None:
        """Say how many were not shown."""
        if self.count > _MOST_SHOWN:
            click.echo(f"and {self.count - _MOST_SHOWN:,} more", err=True)


def _encoding(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    try:
        return known_encoding(name)
    except ValueError as error:
        reason = str(error)
    raise click.BadParameter(f"“{escaped(name[:40])}” {reason}")


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@which_list
@click.option("--encoding", default="utf-8", show_default=True, callback=_encoding, help="gb18030 for Excel's plain CSV.")
@click.option("--delimiter", type=click.Choice(DELIMITERS), help="Between cells; default: the one in the header.")
@click.option("--column", help="The column of numbers, if it is called neither to, phone, mobile nor 手机号.")
def import_file(
    file: Path, app_: str | None, signature: str | None, everyone: bool, encoding: str, delimiter: str | None, column: str | None
) -> None:
    """Put every number of a CSV file on a list, or take back an export.

    A file of numbers has a header; columns beside the numbers are ignored. An export names its lists itself.
    """
    refused = _RefusedRows()
    with cli_errors():
        name = named_list(app_, signature, everyone=everyone)
        lists, settings = open_lists()
        try:
            of = f"list:{name or 'as the export says'}"
            with recorded(open_log(settings), "suppress import", of, many=True) as action:
                if is_export(file):
                    if name is not None:
                        raise InvalidInput("FILE is an export, which names its lists itself; leave --app and the like out")
                    done = import_export(lists, file, key_names(settings.number_keys), refused)
                else:
                    name = required_list(app_, signature, everyone=everyone)
                    source = CsvFile(file, encoding, delimiter)
                    survey = source.survey(ColumnChoice({"to": column} if column else {}, others_ignored=True))
                    done = import_numbers(lists, source, survey, name, refused)
                action.result = f"{done.new:,} new, {done.known:,} known before, {done.refused:,} refused"
        except StoreUnavailable as error:
            raise Unavailable(f"{error}; a part may have been imported: run the same command again") from None
    refused.close()
    _report(done, list_text(name) if name else "export")
    raise click.exceptions.Exit(1 if done.refused else 0)


@click.command(name="export")
@which_list
def export_list(app_: str | None, signature: str | None, everyone: bool) -> None:
    """Print a list, or all lists, as CSV: digest, list, since, source, key.

    Nobody can recover a number from its digest. `smsrelay suppress import` takes the file back, into a store whose number keys
    are the same.
    """
    with cli_errors():
        name = named_list(app_, signature, everyone=everyone)
        lists, _ = open_lists()
        count = -1
        for line in export_lines(lists.entries(name)):
            click.echo(line, nl=False)
            count += 1
    click.echo(f"{count:,} exported; the digests stand for numbers, which cannot be recovered from them", err=True)


def _report(done: Imported, what: str) -> None:
    rows = done.new + done.known + done.refused
    click.echo(f"{what}: {rows:,} rows: {done.new:,} new, {done.known:,} known before, {done.refused:,} refused")
    if done.under_other_keys:
        problem = "are under keys that SMSRELAY_NUMBER_KEYS does not have: they suppress nothing here"
        click.echo(f"{done.under_other_keys:,} of these {problem}", err=True)
