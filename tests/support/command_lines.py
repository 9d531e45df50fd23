"""Command lines of ours that a page or a finding names: whether they would be taken as they stand."""

import re
import shlex

import click

from smsrelay_worker.cli.group import smsrelay


def named_in(text: str) -> list[str]:
    """Everything between backticks that begins with ``smsrelay``, or with another program in lower case and its arguments."""
    return [one for one in re.findall(r"`([^`\n]+)`", text) if re.match(r"[a-z][a-z-]+( |$)", one)]


def why_refused(line: str) -> str:
    """Why ``smsrelay …`` would not run as it stands; empty if it would. Nothing runs, and values are not looked at."""
    words = shlex.split(line)[1:]
    command: click.Command = smsrelay
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, context, words = found, click.Context(found, parent=context, **found.context_settings), words[1:]
    try:
        _, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as refused:
        return refused.format_message()
    return f"too much: {left}" if left else ""
