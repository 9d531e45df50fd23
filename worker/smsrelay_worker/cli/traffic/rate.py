"""``smsrelay rate``: the rate that all workers share.

Exit code 2: wrong input; 3: the store does not answer.
"""

import re
from collections.abc import Iterator

import click

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.contract.job import TEMPLATE_ID
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.status import given_rate
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.actions.action import EVERYTHING

_LOWEST, _HIGHEST = 0.01, 100_000  # submits per second


@click.command()
@click.argument("value", required=False)
@click.option("--template", help="Set the rate of this template id alone.")
def rate(value: str | None, template: str | None) -> None:
    """Show or set the rate that all workers share.

    VALUE is in submits per second, or SMS segments if SMSRELAY_RATE_UNIT says so; workers follow within a second. `default` goes
    back to SMSRELAY_RATE. With --template, `off` removes the template's limit.
    """
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        if value is not None:
            new, of = _rate_of(value, template), _checked(template)
            with recorded(operations.actions, "rate", f"template:{of}" if of else EVERYTHING) as action:
                operations.limiter.set_rate(new, of)
                action.result = value if new is None else f"{new:g} a second"
        state = operations.limiter.state(given_rate(operations.worker_registry.processes()))
    click.echo("\n".join(rate_lines(state)))


def rate_lines(state: RateState) -> Iterator[str]:
    """The rate in words, and what holds it back."""
    source = "smsrelay rate" if state.by_command else "SMSRELAY_RATE"
    yield f"rate: {state.configured:g} a second ({source})"
    if state.current < state.configured:
        yield f"rate now: {state.current:.4g} a second; the vendor throttled, and the rate is climbing back"
    if state.paused_until is not None:
        yield f"paused until {clock(state.paused_until)}: the vendor asked for it"
    for template, limit in sorted(state.templates.items()):
        yield f"rate of template {template}: {limit:g} a second"


def _checked(template: str | None) -> str | None:
    if template is not None and re.fullmatch(TEMPLATE_ID, template) is None:
        raise InvalidInput("--template: a template id has 1 to 32 letters, digits, hyphens or underscores")
    return template


def _rate_of(value: str, template: str | None) -> float | None:
    if value == ("default" if template is None else "off"):
        return None
    try:
        number = float(value) if value.isascii() else 0.0
    except ValueError:
        number = 0.0
    if not _LOWEST <= number <= _HIGHEST:
        word = "default" if template is None else "off"
        raise InvalidInput(f"a rate is a number from {_LOWEST:g} to {_HIGHEST} a second, or {word}")
    return number
