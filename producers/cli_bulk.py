"""``smsrelay bulk``: enqueues a campaign from a CSV file.

Enters: a file, and what holds for all its rows. Leaves: a summary on standard output, refused rows by line on standard error.
Ends with 0 when every row is accepted, 1 when some were refused, 2 for wrong input (then nothing was enqueued), 3 when the store
went away. However it ends, running it again sends nothing twice.
"""

import codecs
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from producers import logs
from producers.bulk import Campaign, enqueue_rows
from producers.bulk_file import DELIMITERS, BulkFile, Survey
from producers.bulk_preview import Preview
from producers.bulk_progress import RowsProgress
from producers.bulk_refused import RefusedRows
from producers.cli import Away, told
from producers.connection import StoreUnavailable
from producers.enqueue import Accepted, Enqueuer
from producers.lanes import Lane
from producers.rejection import Rejection
from producers.settings import ProducerSettings
from producers.template import load_registry

_AGAIN = "run the same command again: what was accepted is not sent twice"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _known_encoding(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    try:
        known = codecs.lookup(name).name
    except LookupError:
        raise click.BadParameter("unknown; utf-8, gb18030 and utf-16 are usual") from None
    return "utf-8-sig" if known == "utf-8" else known


@click.command()
@click.argument("file", type=_FILE)
@click.option("--template", help="Template id, for rows that bring none.")
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Urgency, for rows that bring none.")
@click.option("--app", "app_", help="Who is sending.")
@click.option("--expires-in", type=int, help="Seconds after which a message is no longer worth sending.")
@click.option("--not-before", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Like 2026-11-22T09:00:00+0800.")
@click.option(
    "--campaign", help="Its name: rows it has sent are not sent again, even from another file. Without: the file itself."
)
@click.option("--encoding", default="utf-8", show_default=True, callback=_known_encoding, help="gb18030 for Excel's plain CSV.")
@click.option("--delimiter", type=click.Choice(DELIMITERS), help="Between cells; without: the one that the header has.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out; once for each.")
@click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="Where refused rows go, to be mended and sent.")
@click.option("--dry-run", is_flag=True, help="Check every row, count segments, enqueue nothing; needs no store.")
def bulk(file: Path, errors: Path | None, dry_run: bool, app_: str | None, **options: Any) -> None:
    """Enqueue a campaign: one SMS for each row of a CSV file.

    Columns: to, template, lane, reference, and p1, p2, … or params (a JSON list).
    """
    logs.set_up("WARNING")
    with told():
        if errors is not None and errors.exists() and errors.samefile(file):
            raise Rejection.of("--errors", "is the file itself")
        settings = ProducerSettings()
        source = BulkFile(file, options["encoding"], options["delimiter"])
        survey = source.survey(options["ignore"])
        constants = {name: options[name] for name in ("template", "lane", "expires_in", "not_before")} | {"app": app_}
        given = {name: value for name, value in constants.items() if value is not None}
        campaign = Campaign(options["campaign"] or survey.digest, survey.columns, given, settings.secret_bytes)
        with RefusedRows(errors, survey.header) as refused:
            (_check if dry_run else _send)(source, survey, campaign, refused, settings)
    raise click.exceptions.Exit(1 if refused.count else 0)


def _send(source: BulkFile, survey: Survey, campaign: Campaign, refused: RefusedRows, settings: ProducerSettings) -> None:
    new = known = 0
    with Enqueuer.connect(settings) as enqueuer, RowsProgress(survey.rows) as progress, _resumable(progress):
        for row, result in enqueue_rows(enqueuer, campaign, source.rows()):
            if not isinstance(result, Accepted):
                refused.add(row, result.problems)
            elif result.new:
                new += 1
            else:
                known += 1
            progress.advance()
    click.echo(f"{new + known + refused.count:,} rows: {new:,} accepted, {known:,} accepted before, {refused.count:,} refused")


def _check(source: BulkFile, survey: Survey, campaign: Campaign, refused: RefusedRows, settings: ProducerSettings) -> None:
    registry = load_registry(settings.templates)
    preview = Preview(registry)
    now = time.time_ns() // 1_000_000
    fine = 0
    with RowsProgress(survey.rows) as progress:
        for row in source.rows():
            try:
                preview.add(campaign.job(row).accept(now, registry, lambda: 0))
                fine += 1
            except Rejection as rejection:
                refused.add(row, rejection.problems)
            progress.advance()
    click.echo(f"{fine + refused.count:,} rows: {fine:,} would be accepted, {refused.count:,} refused; nothing was enqueued")
    for line in preview.lines():
        click.echo(line)


@contextmanager
def _resumable(progress: RowsProgress) -> Iterator[None]:
    """Says how to go on when it does not come to the end."""
    try:
        yield
    except StoreUnavailable as error:
        raise Away(f"{error} after {progress.done:,} rows; {_AGAIN}") from None
    except KeyboardInterrupt:
        click.echo(f"stopped after {progress.done:,} rows; {_AGAIN}", err=True)
        raise click.exceptions.Exit(130) from None
