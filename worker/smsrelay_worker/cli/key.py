"""``smsrelay key``: creates, lists and revokes the keys of the HTTP API.

Exit code 1: no such key; 2: invalid input; 3: the store does not answer.
"""

import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import click

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.contract.job import APP_NAME
from smsrelay.contract.lanes import Lane
from smsrelay.contract.phone_number import e164
from smsrelay.store.connection import open_store
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.settings import OperatorSettings, ReplaySettings
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.api.api_key import ApiKey, KeyType, Scope, new_token, team_digest, token_hash
from smsrelay_worker.store.api.api_keys import ApiKeys

_MAX_QUOTA = 1_000_000_000
_TYPES = click.Choice([one.value for one in KeyType])
_SCOPES = click.Choice([one.value for one in Scope])
_LANES = click.Choice([one.value for one in Lane])


@click.group()
def key() -> None:
    """Create, list and revoke the keys of the HTTP API."""


@key.command()
@click.argument("app")
@click.option("--name", required=True, help="What the key is for, such as the service that holds it.")
@click.option(
    "--type",
    "kind",
    type=_TYPES,
    default="live",
    show_default=True,
    help="Whom it reaches.",
)
@click.option("--scope", "scopes", multiple=True, type=_SCOPES, help="What it allows; default: everything.")
@click.option("--lane", "lanes", multiple=True, type=_LANES, help="Where it may send; default: every lane.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="When it ends, in UTC; default: never.")
@click.option("--quota-minute", type=click.IntRange(1, _MAX_QUOTA), help="Messages a minute; default: as the apps file says.")
@click.option("--quota-day", type=click.IntRange(1, _MAX_QUOTA), help="Messages a day (UTC); default: as the apps file says.")
@click.option("--to", "numbers", multiple=True, help="A number that a team key reaches.")
def create(  # noqa: PLR0913, PLR0917  one argument an option
    app: str,
    name: str,
    kind: str,
    scopes: tuple[str, ...],
    lanes: tuple[str, ...],
    expires: datetime | None,
    quota_minute: int | None,
    quota_day: int | None,
    numbers: tuple[str, ...],
) -> None:
    """Create a key for APP and print it, this once: only a hash of it is kept.

    A live key reaches everybody, a team key the numbers given with --to, a test key nobody.
    """
    _check(app, name, kind, numbers)
    with cli_errors():
        keys = ApiKeys(open_store(OperatorSettings().store, 2))
        now = keys.now()
        key_id, token = new_token(KeyType(kind), secrets.choice)
        made = ApiKey(
            key_id=key_id,
            app=app,
            name=name,
            type=KeyType(kind),
            token_hash=token_hash(token),
            scopes=frozenset(map(Scope, scopes or Scope)),
            lanes=frozenset(map(Lane, lanes or Lane)),
            created_at=now,
            expires_at=None if expires is None else _future(expires, now),
            quota_minute=quota_minute,
            quota_day=quota_day,
            team=_digests(numbers) if numbers else frozenset(),
        )
        with recorded(_log(), "key create", f"key:{key_id} app:{app}") as action:
            if not keys.add(made):
                raise click.ClickException("the id drawn for the key is taken; try again")
            action.result = f"{kind} key"
    click.echo(token)
    click.echo(f"key {key_id} of {app}: keep it now, it is not shown again", err=True)


@key.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_keys(as_json: bool) -> None:
    """List the keys: id, type, app, name, what they allow, and whether they still open."""
    with cli_errors():
        keys = ApiKeys(open_store(OperatorSettings().store, 2))
        found, now = keys.all(), keys.now()
    if as_json:
        for one in found:
            click.echo(json.dumps(_as_json(one, now), ensure_ascii=False))
        return
    for one in found:
        click.echo("  ".join(_described(one, now)))
    if not found:
        click.echo("no keys; `smsrelay key create APP --name NAME` creates one")


@key.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End a key, by its id. Every API process refuses it within about a second."""
    with cli_errors():
        keys = ApiKeys(open_store(OperatorSettings().store, 2))
        with recorded(_log(), "key revoke") as action:
            revoked = keys.revoke(key_id)
            action.recorded = revoked is not None  # what is no id may be a key
            action.target = f"key:{key_id}"
    if revoked is None:
        raise click.ClickException("no such key; `smsrelay key list` lists their ids")
    click.echo(f"revoked {key_id} of {revoked.app} ({revoked.name})")


def _log() -> ActionLog:
    return ActionLog(open_store(OperatorSettings().store, 1))


def _check(app: str, name: str, kind: str, numbers: tuple[str, ...]) -> None:
    if not re.fullmatch(APP_NAME, app):
        raise InvalidInput("APP: 1 to 64 letters, digits, _, - or .")
    if not (0 < len(name) <= 64 and name.isprintable()):
        raise InvalidInput("--name: 1 to 64 printable characters")
    if (kind == KeyType.TEAM) != bool(numbers):
        raise InvalidInput("--to: a team key needs at least one number, and no other key has any")


def _future(expires: datetime, now: int) -> int:
    """The end of a key (UTC) in ms since the epoch; it must be after ``now`` (ms)."""
    expires_at = int(expires.replace(tzinfo=UTC).timestamp() * 1000)
    if expires_at <= now:
        raise InvalidInput("--expires: is past")
    return expires_at


def _digests(numbers: tuple[str, ...]) -> frozenset[str]:
    digest = partial(team_digest, ReplaySettings().number_keys.newest)
    try:
        return frozenset(digest(e164(number)) for number in numbers)
    except ValueError as error:
        raise InvalidInput(f"--to: {error}") from None


def _described(one: ApiKey, now: int) -> Iterator[str]:
    yield one.key_id
    yield f"{one.type.value:<4}"
    yield one.app
    yield one.name
    yield ",".join(sorted(one.scopes)) if one.scopes != frozenset(Scope) else "all scopes"
    yield ",".join(sorted(one.lanes)) if one.lanes != frozenset(Lane) else "all lanes"
    if one.quota_minute is not None:
        yield f"{one.quota_minute}/minute"
    if one.quota_day is not None:
        yield f"{one.quota_day}/day"
    if one.team:
        yield f"{len(one.team)} numbers"
    if one.revoked_at is not None:
        yield f"revoked {clock(one.revoked_at)}"
    elif one.expires_at is not None:
        yield f"{'ended' if one.ended(now) else 'ends'} {clock(one.expires_at)}"


def _as_json(one: ApiKey, now: int) -> dict[str, object]:
    """A key without its hash and its numbers' digests; instants are ms since the epoch."""
    return {
        "id": one.key_id,
        "app": one.app,
        "name": one.name,
        "type": one.type.value,
        "scopes": sorted(one.scopes),
        "lanes": sorted(one.lanes),
        "quota_minute": one.quota_minute,
        "quota_day": one.quota_day,
        "numbers": len(one.team),
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
        "open": not one.ended(now),
    }
