"""Asks for a phone number, so that it ends up neither in the shell's history nor in the list of processes."""

import sys

import click

_LONGEST = 256  # characters


def asked_number() -> str:
    """What a person types unseen at a terminal, or else the first line of standard input."""
    if sys.stdin.isatty():
        number: str = click.prompt("number", hide_input=True)
        return number
    return sys.stdin.readline(_LONGEST).strip()
