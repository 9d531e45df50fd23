"""Commands that change something write to the action log: who ran which command, on what, with what result."""

import os
import pwd
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from smsrelay.cli.errors import InvalidInput
from smsrelay.contract.character import escaped
from smsrelay.contract.rejection import Rejection
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.store.actions.action import Action, Via
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.actions.ongoing import BEGUN, Ongoing

_PATIENCE = 2.0  # seconds; the action itself may have waited for a silent store before


@contextmanager
def recorded(log: ActionLog, what: str, target: str = "", *, many: bool = False) -> Iterator[Ongoing]:
    """Write an entry once what is done inside has ended, however that was; invalid input, which does nothing, leaves none.

    ``many``: it takes many steps, and somebody may pull the plug before the last; so another entry says beforehand that it has
    begun. SIGTERM, and the SIGHUP of a connection that was lost, end what is done inside by ``SystemExit``.

    A log that cannot be written stops no command: that is said on standard error.
    """
    ongoing = Ongoing(target)
    if many:
        _write(log, Action(Via.COMMAND, operator(), what, target, BEGUN))
    try:
        with _signals_raise():
            yield ongoing
    except (InvalidInput, Rejection):
        ongoing.result, ongoing.recorded = "refused, and nothing done", many
        raise
    except click.ClickException as refused:
        ongoing.result = refused.message
        raise
    except BaseException as error:
        ongoing.broke_off(error)
        raise
    finally:
        if ongoing.recorded:
            _write(log, Action(Via.COMMAND, operator(), what, ongoing.target, ongoing.result))


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Have the signals that would end the process at once end it by an exception; not one that ``nohup`` has it ignore."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
    for one, handled in before.items():
        if handled is not signal.SIG_IGN:
            signal.signal(one, _end)
    try:
        yield
    finally:
        for one, handled in before.items():
            signal.signal(one, handled)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def operator() -> str:
    """Who runs this command, as the system knows them: ``alice@relay-1``, or ``root (alice)@relay-1`` under sudo."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        user = f"uid {os.getuid()}"
    before = os.environ.get("SUDO_USER", "")
    return escaped(f"{user} ({before})@{socket.gethostname()}" if before else f"{user}@{socket.gethostname()}")


def _write(log: ActionLog, action: Action) -> None:
    try:
        with time_limit(_PATIENCE):
            log.append(action)
    except StoreUnavailable as error:
        click.echo(f"not in the action log: {error}", err=True)
