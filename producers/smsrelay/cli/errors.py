"""How every command ends when it fails: one sentence on standard error and an exit code."""

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
    """The store or the broker does not answer."""

    exit_code = 3


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
        raise InvalidInput(escaped(f"{error.filename}: {error.strerror}" if error.filename else str(error))) from None


def require_free_port(host: str, port: int) -> None:
    """Raises ``InvalidInput`` when the address cannot be bound; uvicorn and Flower would only log it or print a traceback."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        raise InvalidInput(f"cannot listen at {host}, port {port}: {error.strerror}") from None
