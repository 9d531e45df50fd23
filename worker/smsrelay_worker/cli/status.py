"""``smsrelay status``: the rate, what holds submits back, how much waits, and who works on it.

Exit code 3: the store does not answer.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import click

from smsrelay.cli.errors import cli_errors
from smsrelay_worker.cli.recipients.suppression_list import list_text
from smsrelay_worker.cli.traffic.rate import rate_lines
from smsrelay_worker.cli.webhook import condition_text
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.code_use import CodeUse
from smsrelay_worker.operations.doctor.workers import sentence
from smsrelay_worker.operations.halted_parts import halted_text, resuming_command
from smsrelay_worker.operations.sinks import Condition
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.fuses import BlownFuse


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> None:
    """Show the rate, the backlog of each lane and the workers.

    Also shows what holds submits back (a halt, an open circuit, throttling), settings in which workers differ, and reported
    status codes without a row in the policy.
    """
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        overview = StatusOverview.read(operations)
    if as_json:
        click.echo(json.dumps(asdict(overview), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_status_lines(overview)))


def _status_lines(overview: StatusOverview) -> Iterator[str]:
    yield _first_line(overview.rate)
    yield from rate_lines(overview.rate)
    for lane, count in overview.waiting.items():
        yield f"{lane.value}: {count} waiting"
    if overview.put_off:
        yield f"deferred by the halt: {overview.put_off}"
    yield from _stopped_lines(overview)
    yield f"all lanes: {overview.not_final} not final: waiting, deferred, in flight, or awaiting a report"
    yield f"reports: {overview.reports} not applied yet"
    yield f"dead: {overview.dead} failed or ended unknown"
    if not overview.workers:
        yield "workers: none alive; start one with `smsrelay worker`"
    for one in overview.workers:
        takes = ", ".join(one.queues) or "takes no tasks, not connected to the broker"
        yield f"worker {one.name}: {takes}; process {one.pid} on {one.host} since {clock(one.since)}"
    for apart in overview.differences:
        yield f"the workers differ in {sentence(apart)}"
    for sink in overview.sinks:
        last = f"; last answer {sink.status}" if sink.status and sink.condition is not Condition.OK else ""
        yield f"outcomes to {sink.sink}: {sink.waiting} waiting, {condition_text(sink)}{last}"
    for name, count in overview.suppressed.items():
        yield f"no marketing of {list_text(name)}: {count:,} numbers"
    yield from _code_lines(overview.codes_today, overview.codes_week)
    for code, count in sorted(overview.unlisted.items()):
        yield f"unlisted status code {code}: {count} reports"


def _stopped_lines(overview: StatusOverview) -> Iterator[str]:
    """Parts of the traffic that are stopped, and what resumes them."""
    for halted in overview.halted_parts:
        yield f"{halted_text(halted)}; `{resuming_command(halted.part)}`"
    yield from map(_fuse_line, overview.fuses)


def _fuse_line(fuse: BlownFuse) -> str:
    blown = f"fuse: app {fuse.app} has sent {fuse.most:,} messages to +{fuse.country} today; stopped since {clock(fuse.since)}"
    return f"{blown} until {clock(fuse.until)}; {fuse.held:,} messages held; `{resuming_command(fuse.part)}`"


def _code_lines(today: Iterable[CodeUse], week: Sequence[CodeUse]) -> Iterator[str]:
    """The share of used codes by country; nothing if no app says which codes were used."""
    if not any(one.used for one in week):
        return
    of_today = {one.country: one for one in today}
    for one in week:
        said = f"codes to +{one.country}: {one.share:.0%} of {one.accepted:,} used in 7 days"
        now = of_today.get(one.country)
        yield f"{said}, {now.share:.0%} of {now.accepted:,} today" if now else said


def _first_line(state: RateState) -> str:
    if state.halted is not None:
        if state.halted.by_operator:
            return f"halted by an operator since {clock(state.halted.since)}; `smsrelay resume` resumes"
        probe = f"; next test at {clock(state.halted.probe)}" if state.halted.probe else ""
        return f"halted since {clock(state.halted.since)} ({state.halted.code}){probe}; `smsrelay resume` resumes"
    if state.circuit is not None:
        return f"circuit open since {clock(state.circuit.since)}: the vendor fails; next test at {clock(state.circuit.probe)}"
    return "submitting"
