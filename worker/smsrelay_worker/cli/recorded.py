"""Commands that change something write to the action log: who ran which command, on what, with what result."""

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.cli.errors import InvalidInput
from smsrelay.contract.character import escaped
from smsrelay.contract.rejection import Rejection
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.store.actions.action import Action, Via
from smsrelay_worker.store.actions.action_log import ActionLog

_PATIENCE = 2.0  # seconds; the action itself may have waited for a silent store before


@dataclass(slots=True)
class Ongoing:
    """A command that is being carried out, which says what it comes to."""

    target: str
    result: str = "done"
    recorded: bool = True  # False: it turned out to change nothing, like a dry run


@contextmanager
def recorded(log: ActionLog, what: str, target: str = "") -> Iterator[Ongoing]:
    """Write an entry once what is done inside has ended, however that was; invalid input, which does nothing, leaves none.

    A log that cannot be written stops no command: that is said on standard error.
    """
    ongoing = Ongoing(target)
    try:
        yield ongoing
    except (InvalidInput, Rejection):
        ongoing.recorded = False
        raise
    except click.ClickException as refused:
        ongoing.result = refused.message
        raise
    except (StoreUnavailable, BrokerUnavailable):
        ongoing.result = "unknown: a server did not answer"
        raise
    except BaseException as error:
        ongoing.result = "stopped on the way" if isinstance(error, KeyboardInterrupt) else f"failed: {type(error).__name__}"
        raise
    finally:
        if ongoing.recorded:
            _write(log, Action(Via.COMMAND, operator(), what, ongoing.target, ongoing.result))


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
