"""``smsrelay bulk``: enqueues a campaign from a CSV file.

Prints a summary on standard output, and refused rows by line on standard error. Exits with 0 when every row is accepted, 1 when
some were refused, 2 for invalid input (nothing was enqueued), 3 when it stopped on the way because the store or a file failed.
However it ends, running it again sends nothing twice.
"""

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from smsrelay import logs
from smsrelay.campaign.campaign import Campaign, enqueue_rows, under_its_key
from smsrelay.campaign.campaign_name import campaign_name
from smsrelay.campaign.csv_file import DELIMITERS, CsvFile, Survey
from smsrelay.campaign.file_encoding import known_encoding
from smsrelay.campaign.header import FIELDS, ColumnChoice
from smsrelay.campaign.preview import Preview
from smsrelay.campaign.progress import RowsProgress
from smsrelay.campaign.refused_rows import RefusedRows
from smsrelay.campaign.standard_input import copied, is_standard_input
from smsrelay.campaign.window_warnings import WindowWarnings
from smsrelay.cli.errors import Unavailable, cli_errors
from smsrelay.contract.character import escaped
from smsrelay.contract.job import DEFAULT_APP, SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import load_registry
from smsrelay.enqueue import Accepted, Enqueuer
from smsrelay.servers.time_limit import time_limit
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.send_windows import SendWindows

_RUN_AGAIN = "run the same command again: accepted rows are not sent twice"
_PATIENCE = 2.0  # seconds that the warnings wait for a store that is silent
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_STANDARD_INPUT = Path("-")


def _known_encoding(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    try:
        return known_encoding(name)
    except ValueError as error:
        reason = str(error)
    raise click.BadParameter(f"“{escaped(name[:40])}” {reason}")


def _named_columns(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> Mapping[str, str]:
    named: dict[str, str] = {}
    for one in given:
        name, _, header = one.partition("=")
        if name not in FIELDS or not header.strip():
            raise click.BadParameter('must be like to="Mobile Phone"; names are to, template, lane, reference, params, p1, p2, …')
        if name in named:
            raise click.BadParameter(f"{name} is given twice")
        named[name] = header
    return named


@click.command()
@click.argument("file", type=_FILE)
@click.option("--template", help="Template id, for rows that have none.")
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Urgency, for rows that have none.")
@click.option("--app", "app_", help="Who is sending.")
@click.option("--expires-in", type=int, help="Seconds after which a message is no longer worth sending.")
@click.option("--not-before", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Like 2026-11-22T09:00:00+0800.")
@click.option(
    "--campaign", help="A name: rows that it has sent are not sent again, even from another file. Default: made from the file."
)
@click.option("--encoding", default="utf-8", show_default=True, callback=_known_encoding, help="gb18030 for Excel's plain CSV.")
@click.option("--delimiter", type=click.Choice(DELIMITERS), help="Between cells; default: the one in the header.")
@click.option(
    "--column",
    "named",
    multiple=True,
    metavar="NAME=COLUMN",
    callback=_named_columns,
    help='Like to="Mobile Phone"; repeat for each.',
)
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out; repeat for each.")
@click.option("--ignore-others", is_flag=True, help="Leave out every unknown column.")
@click.option("--ignore-send-window", is_flag=True, help="Submit at any hour; the timelines say so.")
@click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="A file for refused rows, to correct and send.")
@click.option("--dry-run", is_flag=True, help="Check every row, count segments, enqueue nothing; needs no store.")
def bulk(file: Path, errors: Path | None, dry_run: bool, app_: str | None, **options: Any) -> None:
    """Enqueue a campaign: one SMS for each row of a CSV file.

    Columns: to, template, lane, reference, and p1, p2, … or params (a JSON list). FILE - is standard input, and needs --campaign.
    """
    logs.set_up("WARNING")
    with cli_errors(), ExitStack() as opened:
        settings = ProducerSettings()
        same = is_standard_input if file == _STANDARD_INPUT else file.samefile
        if errors is not None and errors.exists() and same(errors):
            raise Rejection.of("--errors", "is the file itself")
        if file == _STANDARD_INPUT:
            file = opened.enter_context(_standard_input(options["campaign"]))
        source = CsvFile(file, options["encoding"], options["delimiter"])
        survey = source.survey(ColumnChoice(options["named"], options["ignore"], options["ignore_others"]))
        given = {name: options[name] for name in ("template", "lane", "expires_in", "not_before")} | {"app": app_}
        constants = {name: value for name, value in given.items() if value is not None}
        if options["ignore_send_window"]:
            constants["ignore_send_window"] = True
        constants["campaign"] = campaign_name(options["campaign"], file.stem, survey.digest)
        name = options["campaign"] or survey.digest  # in references: rows that were sent before campaigns had names stay the same
        campaign = Campaign(name, survey.columns, constants, settings.number_keys.newest, survey.delimiter)
        with RefusedRows(errors, survey) as refused:
            (_check if dry_run else _send)(source, survey, campaign, refused, settings)
    raise click.exceptions.Exit(1 if refused.count else 0)


@contextmanager
def _standard_input(campaign: str | None) -> Iterator[Path]:
    """A path to a copy of standard input. Raises ``Rejection`` without a name for the campaign.

    Made from the bytes, the name would be another one if a pipe was cut off, and the rows before the cut would be sent again.
    """
    if campaign is None:
        raise Rejection.of("-", "needs --campaign NAME, the same whenever you run it again: standard input has no name")
    with copied(sys.stdin.buffer) as copy:
        yield copy


def _send(source: CsvFile, survey: Survey, campaign: Campaign, refused: RefusedRows, settings: ProducerSettings) -> None:
    new = known = 0
    older = settings.number_keys.older
    with Enqueuer.connect(settings) as enqueuer, RowsProgress(survey.rows) as progress, _resumable(progress, campaign):
        if older:
            campaign = under_its_key(enqueuer, campaign, older, source.rows(survey))
        warnings = WindowWarnings(enqueuer.acceptance.registry, _now())
        for row, job, result in enqueue_rows(enqueuer, campaign, source.rows(survey)):
            if not isinstance(result, Accepted):
                refused.add(row, result.problems)
            elif result.new and isinstance(job, SendJob):
                new += 1
                warnings.add(job)
            else:
                known += 1
            progress.advance()
        refused.flush()
    _warn_of_windows(settings, warnings)
    click.echo(f"{new + known + refused.count:,} rows: {new:,} accepted, {known:,} accepted before, {refused.count:,} refused")
    if new + known:
        for line in _how_to_follow(campaign):
            click.echo(line)


def _how_to_follow(campaign: Campaign) -> Iterator[str]:
    app = campaign.constants.get("app", DEFAULT_APP)
    named = f"{campaign.constants['campaign']} --app {app}"
    yield f"watch it:  smsrelay campaign show {named}"
    yield f"stop it:   smsrelay campaign pause {named}, or cancel"


def _check(source: CsvFile, survey: Survey, campaign: Campaign, refused: RefusedRows, settings: ProducerSettings) -> None:
    registry = load_registry(settings.templates)
    preview = Preview(registry)
    now = _now()
    warnings = WindowWarnings(registry, now)
    fine = 0
    with RowsProgress(survey.rows) as progress:
        for row in source.rows(survey):
            try:
                job = campaign.job(row)
                preview.add(row.line, job.accept(now, registry, lambda: 0))
                warnings.add(job)
                fine += 1
            except Rejection as rejection:
                refused.add(row, campaign.in_columns(rejection.problems))
            progress.advance()
    click.echo(f"{fine + refused.count:,} rows: {fine:,} would be accepted, {refused.count:,} refused; nothing was enqueued")
    for line in preview.lines():
        click.echo(line)
    _warn_of_windows(settings, warnings)


def _warn_of_windows(settings: ProducerSettings, warnings: WindowWarnings) -> None:
    """Warn of rows that their window would keep from being sent, if workers have told the store of any, and it answers."""
    if not warnings:
        return
    with suppress(StoreUnavailable), closing(open_store(settings.store)) as redis, time_limit(_PATIENCE):
        for line in warnings.lines(SendWindows(redis).read()):
            click.echo(line, err=True)


def _now() -> int:
    """This host's clock, in ms."""
    return time.time_ns() // 1_000_000


@contextmanager
def _resumable(progress: RowsProgress, campaign: Campaign) -> Iterator[None]:
    """Adds to every failure how far the command got and how to continue."""
    try:
        yield
    except StoreUnavailable as error:
        raise Unavailable(f"{error} after {progress.done:,} rows; {_RUN_AGAIN}") from None
    except Rejection as rejection:  # of the whole file: a row's own is among the results
        again = f"run it again with --campaign {shlex.quote(campaign.name)}, or accepted rows are sent again"
        raise Unavailable(f"{rejection} after {progress.done:,} rows; {again}") from None
    except OSError as error:
        raise Unavailable(f"{error.strerror or error} after {progress.done:,} rows; {_RUN_AGAIN}") from None
    except KeyboardInterrupt:
        click.echo(f"stopped after {progress.done:,} rows; {_RUN_AGAIN}", err=True)
        raise click.exceptions.Exit(130) from None
