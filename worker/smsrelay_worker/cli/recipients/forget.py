"""``smsrelay forget``: deletes what is stored of recipients, as far as it may be.

Exit code 1: something that holds a number is left; it is said what. 2: wrong input or settings; 3: the store does not answer.
"""

import json
from collections.abc import Iterator

import click

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.store.connection import open_store
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.cli.recipients.asked_numbers import asked_numbers
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.operations.forget import Forget, Forgotten
from smsrelay_worker.settings import ReplaySettings
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.forgetting import Forgetting
from smsrelay_worker.store.undecodable import UndecodableTasks


@click.command()
@click.argument("numbers", nargs=-1, metavar="")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a number.")
def forget(numbers: tuple[str, ...], as_json: bool) -> None:
    """Delete what is stored of a recipient who asks for it.

    Asks for the number; or give one number a line on standard input. None is taken from the command line, where a shell's history
    would keep it. Numbers and parameters of final messages are deleted, with all by which they are found. What is left is said
    with the reason: messages that are still to be sent or answered, suppressions, and attempts that caps count.
    """
    if numbers:
        raise InvalidInput("give the number on standard input, or when asked for it: a shell's history keeps what stands here")
    with cli_errors():
        asked = asked_numbers(hidden=True)
        settings = ReplaySettings()
        forgets, log = _forget(settings), ActionLog(open_store(settings.store, 1))
        whole = True
        for place, number in enumerate(asked, 1):
            with recorded(log, "forget", "one number") as action:  # which one is not for the log to remember
                forgotten = forgets.number(number)
                action.result = f"{forgotten.messages} messages" + ("" if forgotten.whole else ", something is left")
            whole = whole and forgotten.whole
            if as_json:
                click.echo(json.dumps(_as_json(place, forgotten)))
                continue
            prefix = f"{place}: " if len(asked) > 1 else ""
            for line in _lines(forgotten):
                click.echo(prefix + line)
    raise SystemExit(0 if whole else 1)


def _forget(settings: ReplaySettings) -> Forget:
    redis, cipher = open_store(settings.store, 2), settings.payload_cipher
    return Forget(
        messages=Forgetting(redis, settings.number_keys),
        tasks=UndecodableTasks(redis, settings.retention_hours * 3600, cipher),
        callbacks=UnreadableCallbacks(redis, cipher),
        suppressions=Suppressions(redis, settings.number_keys),
        cipher=cipher,
    )


def _lines(forgotten: Forgotten) -> Iterator[str]:
    yield f"{forgotten.messages} message(s) forgotten: number, parameters and index entries are deleted"
    if forgotten.kept_items:
        yield f"{forgotten.kept_items} unreadable job(s), task(s) or callback(s) with the number deleted"
    if forgotten.waiting:
        states = ", ".join(f"{count} {state.value}" for state, count in forgotten.waiting.items())
        yield f"{sum(forgotten.waiting.values())} message(s) left: {states}; cancel them or await their end, then repeat"
    if forgotten.unopened_items:
        yield f"{forgotten.unopened_items} unreadable item(s) left: their keys are not in SMSRELAY_PAYLOAD_KEYS here"
    if forgotten.suppressions:
        yield f"{forgotten.suppressions} suppression(s) kept, as a keyed digest: without them the number would be texted again"
    if forgotten.counted_attempts:
        yield f"{forgotten.counted_attempts} attempt(s) counted against caps kept, as a keyed digest, until their windows end"


def _as_json(place: int, forgotten: Forgotten) -> dict[str, object]:
    return {
        "number": place,  # its place in what was given, not the number itself
        "messages": forgotten.messages,
        "kept_items": forgotten.kept_items,
        "waiting": {state.value: count for state, count in forgotten.waiting.items()},
        "unopened_items": forgotten.unopened_items,
        "suppressions": forgotten.suppressions,
        "counted_attempts": forgotten.counted_attempts,
    }
