"""``smsrelay status``, ``resume``, ``rate`` and ``metrics``: the rate, what stops it, and how much waits.

Enters: arguments of a command line. Leaves: text or JSON; ``metrics`` serves until it is stopped. Wrong input ends with 2, an
absent store with 3.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict

import click

from smsrelay.cli.commands import Refused, refuse_taken, told
from smsrelay.contract.job import TEMPLATE_ID
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.workers import sentence
from smsrelay_worker.operations.metrics import serve_metrics
from smsrelay_worker.operations.operator import Operator
from smsrelay_worker.operations.status import StatusOverview, given_rate
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.settings import OperatorSettings

_SHORTEST, _LONGEST = 0.01, 100_000


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> None:
    """Say how fast submits go and why, what waits in each lane, who works on it, and what needs a person."""
    with told():
        operator = Operator.wire(OperatorSettings())
        overview = StatusOverview.read(operator)
    if as_json:
        click.echo(json.dumps(asdict(overview), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_status_lines(overview)))


@click.command()
def resume() -> None:
    """Submit again after a halt, or while the circuit is open, and at once what a halt put off."""
    with told():
        operator = Operator.wire(OperatorSettings())
        resumed = operator.limiter.resume()
        woken = operator.halted_messages.wake_all()
    click.echo("resumed" if resumed else "was not halted")
    if woken:
        click.echo(f"put off by the halt and due now: {woken}")


@click.command()
@click.argument("value", required=False)
@click.option("--template", help="Of this template alone.")
def rate(value: str | None, template: str | None) -> None:
    """Show the shared rate, or set it for all workers within a second.

    VALUE is a number a second; `default` takes a command's rate back, so that SMSRELAY_RATE holds, and `off` that of a template.
    """
    with told():
        operator = Operator.wire(OperatorSettings())
        if value is not None:
            operator.limiter.set_rate(_rate_of(value, template), _checked(template))
        state = operator.limiter.state(given_rate(operator.muster.processes()))
    click.echo("\n".join(_rate_lines(state)))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9808, show_default=True)
def metrics(host: str, port: int) -> None:
    """Serve what `status` shows to Prometheus, read at each scrape."""
    with told():
        operator = Operator.wire(OperatorSettings())
        refuse_taken(host, port)
        serve_metrics(operator, host, port, lambda bound: click.echo(f"http://{host}:{bound}/metrics"))


def _checked(template: str | None) -> str | None:
    if template is not None and re.fullmatch(TEMPLATE_ID, template) is None:
        raise Refused("--template: a template id has 1 to 32 letters, digits, hyphens or underscores")
    return template


def _rate_of(value: str, template: str | None) -> float | None:
    if value == ("default" if template is None else "off"):
        return None
    try:
        number = float(value) if value.isascii() else 0.0
    except ValueError:
        number = 0.0
    if not _SHORTEST <= number <= _LONGEST:
        word = "default" if template is None else "off"
        raise Refused(f"a rate is a number from {_SHORTEST:g} to {_LONGEST} a second, or {word}")
    return number


def _status_lines(overview: StatusOverview) -> Iterator[str]:
    yield _first_line(overview.rate)
    yield from _rate_lines(overview.rate)
    for lane, count in overview.waiting.items():
        yield f"{lane.value}: {count} waiting"
    if overview.put_off:
        yield f"put off by the halt: {overview.put_off}"
    yield f"all lanes: {overview.agenda} not final: waiting, put off, in flight, or awaiting a report"
    yield f"reports: {overview.reports} not applied yet"
    yield f"dead: {overview.dead} failed or ended unknown"
    if not overview.workers:
        yield "workers: none is alive; smsrelay worker starts one"
    for one in overview.workers:
        takes = ", ".join(one.queues) or "takes no tasks, it has no connection to its broker"
        yield f"worker {one.name}: {takes}; process {one.pid} on {one.host} since {clock(one.since)}"
    for apart in overview.differences:
        yield f"the workers differ in {sentence(apart)}"
    for code, count in sorted(overview.unlisted.items()):
        yield f"unlisted status code {code}: {count} reports"


def _first_line(state: RateState) -> str:
    if state.halted is not None:
        probe = f"; tested again at {clock(state.halted.probe)}" if state.halted.probe else ""
        return f"halted since {clock(state.halted.since)} ({state.halted.code}){probe}; smsrelay resume goes on"
    if state.circuit is not None:
        return f"circuit open since {clock(state.circuit.since)}: the vendor fails; tested again at {clock(state.circuit.probe)}"
    return "submitting"


def _rate_lines(state: RateState) -> Iterator[str]:
    source = "smsrelay rate" if state.by_command else "SMSRELAY_RATE"
    yield f"rate: {state.configured:g} a second ({source})"
    if state.current < state.configured:
        yield f"rate now: {state.current:.4g} a second: the vendor throttled, and it climbs back"
    if state.paused_until is not None:
        yield f"paused until {clock(state.paused_until)}: the vendor asked for it"
    for template, limit in sorted(state.templates.items()):
        yield f"rate of template {template}: {limit:g} a second"
