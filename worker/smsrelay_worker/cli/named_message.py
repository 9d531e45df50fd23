"""How a command's user names one message: by its id, by the first characters of it, or by the app's own reference."""

import re
from collections.abc import Callable

import click

from smsrelay.cli.errors import InvalidInput
from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.message import referenced_id
from smsrelay_worker.operations.wiring import Operations

NO_SUCH_MESSAGE = "no such message, or its retention has ended"
_SHORTEST = 6  # characters of a beginning
_LENGTH = 36  # characters of an id
_MOST_SHOWN = 5
_BEGINNING = re.compile(r"[0-9a-f-]+")
_OPTIONS = (
    click.argument("message_id", metavar="[ID]", required=False),
    click.option("--app", help="With --reference: the app that sent it."),
    click.option("--reference", help="The app's own id of the message, in place of ours."),
    click.option("--test", is_flag=True, help="With --reference: it was enqueued as a test message."),
)


def names_one_message(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the argument and options by which ``named_id`` finds a message."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def named_id(operations: Operations, message_id: str | None, app: str | None, reference: str | None, test: bool) -> str:
    """The message's whole id. The message may not exist, unless it was named by the beginning of its id.

    Raises ``InvalidInput`` and ``StoreUnavailable``, and ``click.ClickException`` for a beginning that no id has.
    """
    if message_id is None:
        if reference is None:
            raise InvalidInput("give an id, at least its first 6 characters, or --app APP --reference REFERENCE")
        return referenced_id(app or DEFAULT_APP, reference, test=test)
    if app is not None or reference is not None or test:
        raise InvalidInput("give an id, or --app and --reference, not both")
    beginning = message_id.lower()
    if len(beginning) >= _LENGTH or not _BEGINNING.fullmatch(beginning):
        return message_id
    if len(beginning) < _SHORTEST:
        raise InvalidInput(f"the first {_SHORTEST} characters of an id are needed, or more")
    found = operations.message_ids.beginning_with(beginning, _MOST_SHOWN + 1)
    if len(found) > 1:
        raise InvalidInput("\n".join(_ambiguous(operations, beginning, found)))
    if not found:
        raise click.ClickException(NO_SUCH_MESSAGE)
    return found[0]


def _ambiguous(operations: Operations, beginning: str, found: list[str]) -> list[str]:
    shown = [one for one in operations.records.read_many(found[:_MOST_SHOWN]) if one is not None]
    lines = [
        f"  {one.record.message_id}  {one.record.state.value}  {one.record.lane.value}  {one.record.app}  {one.record.template}"
        for one in shown
    ]
    more = ["  and more"] if len(found) > _MOST_SHOWN else []
    return [f"several ids begin with {beginning}; give more characters of one", *lines, *more]
