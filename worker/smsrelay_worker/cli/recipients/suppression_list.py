"""Which suppression list a command is about, and how it is called."""

from collections.abc import Callable
from typing import TypeVar

import click

from smsrelay.cli.errors import InvalidInput
from smsrelay.contract.masked_number import masked_number
from smsrelay.contract.suppression import EVERYONE, app_list, signature_list
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import open_store
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.store.actions.action_log import ActionLog

_Command = TypeVar("_Command", bound=Callable[..., object])
_WHICH = "say whose: --app APP, --signature SIGNATURE, or --everyone"


def which_list(command: _Command) -> _Command:
    """Adds the options that name a list."""
    for option in (
        click.option("--everyone", is_flag=True, help="The list that every sender respects."),
        click.option("--signature", help="The list of a signature, such as 云签; whichever app uses it respects it."),
        click.option("--app", "app_", help="The list of an app."),
    ):
        command = option(command)
    return command


def named_list(app: str | None, signature: str | None, *, everyone: bool) -> str | None:
    """The list that the options name; None if they name none. Raises ``InvalidInput``."""
    if sum([app is not None, signature is not None, everyone]) > 1:
        raise InvalidInput("--app, --signature and --everyone name different lists; give one of them")
    try:
        if app is not None:
            return app_list(app)
        if signature is not None:
            return signature_list(signature)
    except ValueError as error:
        raise InvalidInput(f"--{'app' if app is not None else 'signature'}: {error}") from None
    return EVERYONE if everyone else None


def required_list(app: str | None, signature: str | None, *, everyone: bool) -> str:
    """The same where there must be one."""
    name = named_list(app, signature, everyone=everyone)
    if name is None:
        raise InvalidInput(_WHICH)
    return name


def list_text(name: str) -> str:
    """How a list is called."""
    kind, _, of = name.partition(":")
    return {"app": f"app {of}", "sig": f"signature 【{of}】"}.get(kind, "every sender")


def suppression_target(name: str | None, numbers: list[str]) -> str:
    """What the action log says a change was about: the list, None for all of them; a single number is masked."""
    whose = f"list:{name}" if name else "list:all"
    return f"{whose} number:{masked_number(numbers[0])}" if len(numbers) == 1 else f"{whose}, {len(numbers):,} numbers"


def open_log(settings: ProducerSettings) -> ActionLog:
    """The action log of the same store."""
    return ActionLog(open_store(settings.store, 1))


def open_lists() -> tuple[Suppressions, ProducerSettings]:
    """All lists, and the settings; raises ``SettingsError``."""
    settings = ProducerSettings()
    return Suppressions(open_store(settings.store, 2), settings.number_keys), settings
