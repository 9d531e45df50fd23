"""``smsrelay suppress``: the numbers that want no more marketing. Codes and notices reach them all the same.

Exit code 1: ``check`` found none of the numbers on a list, or rows of a file were refused; 2: invalid input; 3: the store does
not answer.
"""

import json
from collections.abc import Iterator

import click

from smsrelay.cli.errors import cli_errors
from smsrelay.contract.key_name import key_names
from smsrelay.contract.suppression import BY_COMMAND, SuppressedCount, Suppression
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.cli.recipients.asked_numbers import asked_numbers
from smsrelay_worker.cli.recipients.suppress_files import export_list, import_file
from smsrelay_worker.cli.recipients.suppression_list import (
    list_text,
    named_list,
    open_lists,
    open_log,
    required_list,
    suppression_target,
    which_list,
)
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.messages.timeline import clock


@click.group()
def suppress() -> None:
    """Keep the numbers that want no more marketing.

    A number is on the list of an app, of a signature, or of every sender. Its marketing is refused when it is enqueued, and
    cancelled if it waits already. Codes and notices always pass.
    """


@suppress.command()
@which_list
def add(app_: str | None, signature: str | None, everyone: bool) -> None:
    """Put numbers on a list. Asks for one, or reads one a line from standard input."""
    with cli_errors():
        name = required_list(app_, signature, everyone=everyone)
        lists, settings = open_lists()
        numbers = asked_numbers()
        with recorded(open_log(settings), "suppress add", suppression_target(name, numbers)) as action:
            new = sum(lists.add(numbers, name, BY_COMMAND))
            action.result = f"{new:,} added"
    click.echo(f"{list_text(name)}: {new:,} added, {len(numbers) - new:,} known before")


@suppress.command()
@which_list
@click.option("--all", "every", is_flag=True, help="Every list.")
def remove(app_: str | None, signature: str | None, everyone: bool, every: bool) -> None:
    """Take numbers off a list, or off all of them. Asks for one, or reads one a line from standard input."""
    with cli_errors():
        name = None if every else required_list(app_, signature, everyone=everyone)
        lists, settings = open_lists()
        numbers = asked_numbers()
        with recorded(open_log(settings), "suppress remove", suppression_target(name, numbers)) as action:
            removed = {one: sum(lists.remove(numbers, one)) for one in _lists_of(name, lists)}
            action.result = f"{sum(removed.values()):,} removed"
    for one, count in removed.items():
        if count or name:
            click.echo(f"{list_text(one)}: {count:,} removed, {len(numbers) - count:,} were not there")


@suppress.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def check(as_json: bool) -> None:
    """Say on which lists numbers are. Asks for one, or reads one a line from standard input.

    Numbers are called by their place in the input, and never printed.
    """
    with cli_errors():
        lists, _ = open_lists()
        found = [(place, one) for place, number in enumerate(asked_numbers(), 1) for one in lists.of(number)]
    for place, one in found:
        click.echo(_json({"number": place} | _entry(one)) if as_json else f"number {place}: {_described(one)}")
    if not found:
        if not as_json:
            click.echo("on no list")
        raise click.exceptions.Exit(1)


@suppress.command(name="list")
@which_list
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_numbers(app_: str | None, signature: str | None, everyone: bool, as_json: bool) -> None:
    """List the lists and how many numbers each holds; with one named, when and why each number joined it.

    Numbers are stored as digests and cannot be listed; `smsrelay suppress check` looks one up.
    """
    with cli_errors():
        name = named_list(app_, signature, everyone=everyone)
        lists, settings = open_lists()
        if name is not None:
            for one in lists.entries(name):
                click.echo(_json(_entry(one)) if as_json else _described(one))
            return
        counts, ours = lists.counts(), key_names(settings.number_keys)
    for count in counts:
        click.echo(_json(_count(count, ours)) if as_json else "; ".join(_counted(count, ours)))
    if not counts and not as_json:
        click.echo("no number is suppressed")


def _lists_of(name: str | None, lists: Suppressions) -> list[str]:
    return [name] if name else [count.list for count in lists.counts()]


def _described(one: Suppression) -> str:
    return f"{list_text(one.list)}, since {clock(one.since)}, by {one.source}"


def _entry(one: Suppression) -> dict[str, object]:
    return {"list": one.list, "since": one.since, "source": one.source, "key": one.key_name}


def _counted(count: SuppressedCount, ours: tuple[str, ...]) -> Iterator[str]:
    yield f"{list_text(count.list)}: {count.numbers:,} numbers"
    older = sum(number for name, number in count.by_key if name in ours[1:])
    if older:
        yield f"{older:,} under an older number key"
    lost = count.under_others(ours)
    if lost:
        yield f"{lost:,} under a key that SMSRELAY_NUMBER_KEYS does not have, so they suppress nothing"


def _count(count: SuppressedCount, ours: tuple[str, ...]) -> dict[str, object]:
    by_key = dict(count.by_key)
    return {"list": count.list, "numbers": count.numbers, "keys": by_key, "under_other_keys": count.under_others(ours)}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


suppress.add_command(import_file)
suppress.add_command(export_list)
