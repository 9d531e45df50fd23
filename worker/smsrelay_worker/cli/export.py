"""``smsrelay export``: copies final messages into a file or a database that outlives the retention.

Exit code 1: the last complete export is longer ago than messages live, so some may be missing; 2: wrong input, or a target that
cannot be written; 3: the store or the target does not answer.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

import click

from smsrelay.cli.errors import InvalidInput, Unavailable, cli_errors
from smsrelay.contract.payload_cipher import PLAIN
from smsrelay.store.clock import StoreClock
from smsrelay.store.connection import open_store
from smsrelay.store.records import Records
from smsrelay_worker.cli.extras import how_to_install, lacks
from smsrelay_worker.exports.address import FORMS, Address, Format, read_address
from smsrelay_worker.exports.exporter import Exported, Exporter
from smsrelay_worker.exports.ndjson import NdjsonOutput, NdjsonTarget
from smsrelay_worker.exports.sqlite import SqliteTarget
from smsrelay_worker.exports.target import Target, TargetUnavailable, WrongTarget
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.settings import ExportSettings, NumberExportSettings
from smsrelay_worker.store.final_messages import FinalMessages
from smsrelay_worker.terminal import escaped

_SURELY_GONE = 2  # retentions after which a message that did not change is gone, whatever another process has for retention


@click.command()
@click.option("--to", metavar="TARGET", help=f"{FORMS}; default: SMSRELAY_EXPORT_TO.")
@click.option(
    "--numbers", is_flag=True, help="Also export the numbers of failed and unknown messages while the store still has them."
)
def export(to: str | None, numbers: bool) -> None:
    """Copy final messages into a file or a database.

    Writes every message that has become final, or has changed, since the last export to the same target, and nothing twice. Run
    it more often than messages expire (SMSRELAY_RETENTION_HOURS); after one that was killed, the next writes what is missing.
    """
    with cli_errors(), _target_errors():
        settings = NumberExportSettings() if numbers else ExportSettings()
        address = _address(to, settings)
        with closing(_open_target(address, settings)) as target:
            exported = _exporter(settings, target, numbers=numbers).run()
    _report(exported, output=address.is_output)


def _address(to: str | None, settings: ExportSettings) -> Address:
    named = to or (settings.export_to.get_secret_value() if settings.export_to else None)
    if named is None:
        raise InvalidInput(f"--to, or SMSRELAY_EXPORT_TO, must name a target: {FORMS}")
    return read_address(named)


def _open_target(address: Address, settings: ExportSettings) -> Target:
    if address.is_output:
        return NdjsonOutput(sys.stdout.buffer)
    if address.format is Format.NDJSON:
        return NdjsonTarget(Path(address.place), _SURELY_GONE * _retention(settings))
    if address.format is Format.SQLITE:
        return SqliteTarget(Path(address.place))
    password = settings.export_password.get_secret_value() if settings.export_password else None
    return _postgresql()(address.place, password)


def _postgresql() -> Callable[[str, str | None], Target]:
    """Opens such a target; imported here alone, because everything else works without the extra."""
    if lacks("export"):
        raise InvalidInput(f"PostgreSQL needs packages that are not installed: {how_to_install('export')}")
    try:
        module = import_module("smsrelay_worker.exports.postgresql")
    except ImportError:  # psycopg without a libpq, which its extra `binary` brings
        module = None
    if module is None:
        raise InvalidInput(f"psycopg finds no libpq: {how_to_install('export')}")
    return vars(module)["PostgresqlTarget"]  # type: ignore[no-any-return]


def _exporter(settings: ExportSettings, target: Target, *, numbers: bool) -> Exporter:
    redis = open_store(settings.store, 2)
    cipher = settings.payload_cipher if isinstance(settings, NumberExportSettings) else PLAIN
    records = Records(redis, settings.retention_hours * 3600, cipher=cipher)
    return Exporter(FinalMessages(redis), records, StoreClock(redis), target, _retention(settings), numbers=numbers)


def _retention(settings: ExportSettings) -> int:
    """In ms."""
    return int(settings.retention_hours * 3_600_000)


def _report(exported: Exported, *, output: bool) -> None:
    click.echo(f"{exported.written} exported, of {exported.seen} final messages in the store", err=output)
    if exported.sealed:
        click.echo(
            f"{exported.sealed} without their number: SMSRELAY_PAYLOAD_KEYS lacks the key that it is encrypted with", err=True
        )
    if exported.missed_since is not None:
        last = clock(exported.missed_since)
        raise click.ClickException(
            f"the last complete export began at {last} (UTC), longer ago than messages live: what ended after it may be missing"
        )


@contextmanager
def _target_errors() -> Iterator[None]:
    try:
        yield
    except TargetUnavailable as error:
        raise Unavailable(escaped(str(error))) from None
    except WrongTarget as error:
        raise InvalidInput(f"target: {escaped(str(error))}") from None
