"""``smsrelay halt`` and ``resume``: stop every submit, or a part of the traffic, and free it again.

Exit code 2: wrong input; 3: the store does not answer.
"""

import re
from collections.abc import Callable
from typing import Any

import click

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.contract.job import APP_NAME, TEMPLATE_ID
from smsrelay.contract.lanes import Lane
from smsrelay.store.traffic.halts import Effect
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.operations.halted_parts import halted_text, part_text, resuming_command, stopped
from smsrelay_worker.operations.status import given_rate
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.actions.action import EVERYTHING

_OPTIONS = (
    click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Only this lane."),
    click.option("--template", help="Only this template id."),
    click.option("--app", "app_", help="Only this app."),
    click.option("--country", metavar="CC", help="Only what --app sends to this calling code, such as 44."),
)


def _of_a_part(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@_of_a_part
def halt(**chosen: str | None) -> None:
    """Stop every submit, or a part of the traffic, until an operator resumes it.

    It holds for all workers at once; attempts that have begun go on. Messages are still accepted. They wait and count no attempt,
    and expire at their deadline.
    """
    part = _part(**chosen)
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        with recorded(operations.actions, "halt", part or EVERYTHING) as action:
            halted = operations.limiter.halt_by_operator() if part is None else operations.halts.halt(part) is Effect.DONE
            action.result = "done" if halted else "was halted before"
    command = "smsrelay resume" if part is None else resuming_command(part)
    what = "everything" if part is None else part_text(part)
    click.echo(f"{what} is halted; `{command}` resumes it" if halted else f"{what} was halted before")


@click.command()
@_of_a_part
def resume(**chosen: str | None) -> None:
    """Resume submits after a halt, or while the circuit is open; or resume a part of the traffic.

    Messages that the halt deferred become due one after the other, at the rate. Without options, parts that were halted on their
    own stay halted.
    """
    part = _part(**chosen)
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        rate = operations.limiter.state(given_rate(operations.worker_registry.processes())).configured
        with recorded(operations.actions, "resume", part or EVERYTHING) as action:
            resumed = operations.limiter.resume() if part is None else operations.halts.resume(part) is Effect.DONE
            action.result = "done" if resumed else "was not halted"
            woken = (
                operations.halted_messages.wake_all(rate) if part is None else operations.held_messages.release_all(part, rate)
            )
        others = [one for one in stopped(operations.halts.all()) if one.part != part]
    click.echo("resumed" if resumed else "was not halted")
    if woken:
        click.echo(f"deferred by the halt, due from now on at {rate:g} a second: {woken}")
    for other in others:
        click.echo(f"still halted: {halted_text(other)}; `{resuming_command(other.part)}`")


def _part(lane: str | None, template: str | None, app_: str | None, country: str | None) -> str | None:
    """The part that the options name; None for everything."""
    if template is not None and re.fullmatch(TEMPLATE_ID, template) is None:
        raise InvalidInput("--template: a template id has 1 to 32 letters, digits, hyphens or underscores")
    if app_ is not None and re.fullmatch(APP_NAME, app_) is None:
        raise InvalidInput("--app: an app's name has 1 to 64 letters, digits, hyphens, underscores or dots")
    if country is not None:
        calling_code = country.removeprefix("+")
        if re.fullmatch("[1-9][0-9]{0,2}", calling_code) is None or app_ is None:
            raise InvalidInput("--country: a calling code, such as 44, together with --app")
        country, app_ = f"{app_}/{calling_code}", None
    named = [f"{kind}:{name}" for kind, name in _named(lane, template, app_, country) if name is not None]
    if len(named) > 1:
        raise InvalidInput("one of --lane, --template and --app; halt parts one after the other")
    return named[0] if named else None


def _named(*names: str | None) -> list[tuple[str, str | None]]:
    return list(zip(("lane", "template", "app", "country"), names, strict=True))
