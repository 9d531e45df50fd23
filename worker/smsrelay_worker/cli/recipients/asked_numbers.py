"""Asks for phone numbers on standard input, or with a prompt, so that none stands in a process list or a shell's history."""

import sys

import click

from smsrelay.cli.errors import InvalidInput
from smsrelay.contract.phone_number import e164

_MOST = 10_000  # lines
_MOST_SHOWN = 20  # wrong lines


def asked_numbers(*, hidden: bool = False) -> list[str]:
    """One number a line, in E.164, at least one; raises ``InvalidInput``, which quotes none of them.

    ``hidden``: a prompt does not show what is typed.
    """
    lines = [click.prompt("Number", err=True, hide_input=hidden)] if sys.stdin.isatty() else sys.stdin.read().splitlines()
    written = {number: line for number, line in enumerate(lines, 1) if line.strip()}
    if not written:
        raise InvalidInput("standard input: give one phone number a line")
    if len(written) > _MOST:
        raise InvalidInput(f"standard input: at most {_MOST:,} numbers; `smsrelay suppress import` reads a file of any length")
    numbers, problems = [], []
    for line, text in written.items():
        try:
            numbers.append(e164(text.strip()))
        except ValueError as error:
            problems.append(f"line {line}: {error}")
    if problems:
        more = [f"and {len(problems) - _MOST_SHOWN:,} more"] if len(problems) > _MOST_SHOWN else []
        raise InvalidInput("\n".join(["standard input: nothing was done", *problems[:_MOST_SHOWN], *more]))
    return numbers
