"""How every command ends when it fails: one sentence on standard error and an exit code.

A process that is meant to run on (worker, receiver, API, Flower) tells whoever restarts it, by codes of sysexits.h, whether a
restart can help: it cannot after ``WrongSettings``.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import click

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.character import escaped
from smsrelay.contract.rejection import Rejection
from smsrelay.settings import SettingsError
from smsrelay.store.connection import StoreUnavailable


class InvalidInput(click.ClickException):
    """Invalid arguments, file or environment."""

    exit_code = 2


class Unavailable(click.ClickException):
    """The store or the broker does not answer; or, at the start of a process, a disk or the system fails."""

    exit_code = 3


class WrongSettings(click.ClickException):
    """A process cannot start with its settings, or with a file that they name, however often it is restarted."""

    exit_code = 78  # EX_CONFIG


class AccessRefused(click.ClickException):
    """A server refuses our login, or its user lacks rights."""

    exit_code = 77  # EX_NOPERM


class CannotListen(click.ClickException):
    """The address that a process should listen on is taken, or not one of this host."""

    exit_code = 69  # EX_UNAVAILABLE


@contextmanager
def process_errors() -> Iterator[None]:
    """``cli_errors`` for the start of a process that is restarted when it ends: what is wrong with its settings, or with a file
    that they name, is ``WrongSettings``."""
    with cli_errors():
        try:
            yield
        except SettingsError as error:
            raise WrongSettings(f"wrong settings\n{error}") from None
        except Rejection as rejection:
            raise WrongSettings("refused\n" + "\n".join(f"  {escaped(str(one))}" for one in rejection.problems)) from None
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise WrongSettings(_said(error)) from None
        except OSError as error:  # a server, or a disk that fails: InvalidInput would say that a restart is no use
            raise Unavailable(_said(error)) from None


@contextmanager
def cli_errors() -> Iterator[None]:
    """Turns our exceptions and ``OSError`` into ``InvalidInput`` and ``Unavailable``."""
    try:
        yield
    except Rejection as rejection:
        raise InvalidInput("refused\n" + "\n".join(f"  {escaped(str(problem))}" for problem in rejection.problems)) from None
    except SettingsError as error:
        raise InvalidInput(f"wrong settings\n{error}") from None
    except (StoreUnavailable, BrokerUnavailable) as error:
        raise Unavailable(str(error)) from None
    except OSError as error:
        raise InvalidInput(_said(error)) from None


def require_free_port(host: str, port: int) -> None:
    """Raises ``CannotListen`` when the address cannot be bound; uvicorn and Flower would only log it or print a traceback."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        raise CannotListen(f"cannot listen at {host}, port {port}: {error.strerror}") from None


def _said(error: OSError) -> str:
    return escaped(f"{error.filename}: {error.strerror}" if error.filename else str(error))
