"""``smsrelay status``: whether messages leave, what somebody has to do, how much waits, and who works on it.

Exit code 3: the store does not answer. With ``--check`` 1 for warnings, 2 for an error.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

import click

from smsrelay.cli.errors import cli_errors
from smsrelay_worker.cli.recipients.suppression_list import list_text
from smsrelay_worker.cli.traffic.rate import rate_lines
from smsrelay_worker.cli.webhook import condition_text
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.code_use import CodeUse
from smsrelay_worker.operations.doctor.finding import Finding, exit_code
from smsrelay_worker.operations.doctor.traffic.problems import problems
from smsrelay_worker.operations.doctor.traffic.waiting import spoken
from smsrelay_worker.operations.halted_parts import halted_text, resuming_command
from smsrelay_worker.operations.sinks import Condition
from smsrelay_worker.operations.status import Flow, StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.halt import Halt
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.fuses import BlownFuse

_LISTS = 20  # that are shown
_TOLD = {"store", "halted", "circuit", "fuse"}  # checks whose findings are lines of their own


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--check", is_flag=True, help="Exit with 2 if there is an error, with 1 if there are warnings.")
def status(as_json: bool, check: bool) -> None:
    """Show whether messages leave, what is wrong, the backlog of each lane and the workers.

    The first line says whether messages leave, and if not, why. Then come problems, each with the next step. Asks the store
    alone; doctor asks more. The exit codes of --check are those that Nagios expects of a plugin.
    """
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        overview = StatusOverview.read(operations)
    found = problems(overview)
    if as_json:
        shown = {"flow": overview.flow, **asdict(overview), "problems": [one.encode() for one in found]}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_status_lines(overview, found)))
    if check:
        raise SystemExit(exit_code(found))


def _status_lines(overview: StatusOverview, found: Sequence[Finding]) -> Iterator[str]:
    yield first_line(overview)
    for problem in found:
        if problem.check not in _TOLD:
            yield f"{problem.severity}: {problem.problem} → {problem.remedy} [{problem.kind}]"
    yield from rate_lines(overview.rate)
    yield from _waiting_lines(overview)
    yield from _process_lines(overview)
    for sink in overview.sinks:
        last = f"; last answer {sink.status}" if sink.status and sink.condition is not Condition.OK else ""
        yield f"outcomes to {sink.sink}: {sink.waiting} waiting, {condition_text(sink)}{last}"
    yield from _suppression_lines(overview.suppressed)
    yield from _code_lines(overview.codes_today, overview.codes_week)
    for code, count in sorted(overview.unlisted.items()):
        yield f"unlisted status code {code}: {count} reports"


def _suppression_lines(lists: Mapping[str, int]) -> Iterator[str]:
    """The largest lists: an app may keep one for each of its own customers."""
    ordered = sorted(lists.items(), key=lambda one: -one[1])
    for name, count in ordered[:_LISTS]:
        yield f"no marketing of {list_text(name)}: {count:,} numbers"
    if len(ordered) > _LISTS:
        yield f"and {len(ordered) - _LISTS:,} more lists; `smsrelay suppress list` shows them"


def _waiting_lines(overview: StatusOverview) -> Iterator[str]:
    for lane, count in overview.waiting.items():
        wait = overview.oldest.get(lane)
        since = f", the oldest for {spoken((overview.now - wait.since) // 1000)}" if wait else ""
        yield f"{lane.value}: {count} waiting{since}"
    if overview.put_off:
        yield f"deferred by the halt: {overview.put_off}"
    yield from _stopped_lines(overview)
    yield f"all lanes: {overview.not_final} not final: waiting, deferred, in flight, or awaiting a report"
    yield f"reports: {overview.reports} not applied yet"
    yield f"dead: {overview.dead} failed or ended unknown"
    if overview.kept.jobs or overview.kept.callbacks:
        yield f"unreadable: {overview.kept.jobs} jobs, {overview.kept.callbacks} callbacks kept"


def _process_lines(overview: StatusOverview) -> Iterator[str]:
    for one in overview.workers:
        takes = ", ".join(one.queues) or "takes no tasks, not connected to the broker"
        yield f"worker {one.name}: {takes}; process {one.pid} on {one.host} since {clock(one.since)}"
    for receiver in overview.receivers:
        spooled = f", {receiver.spooled} spooled" if receiver.spooled else ""
        yield f"receiver: process {receiver.pid} on {receiver.host}, last seen {clock(receiver.last_seen)}{spooled}"


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


def first_line(overview: StatusOverview) -> str:
    """Whether messages leave, and if not, why, and what changes that."""
    state = overview.rate
    if overview.flow is Flow.STORE_REFUSES:
        return f"not submitting: the store refuses writes ({overview.unwritable}), so nothing is accepted either"
    if state.halted is not None:
        return _halted_line(state.halted)
    if state.circuit is not None:
        return f"circuit open since {clock(state.circuit.since)}: the vendor fails; next test at {clock(state.circuit.probe)}"
    return _taken_line(overview)


def _taken_line(overview: StatusOverview) -> str:
    if overview.flow is Flow.NO_WORKERS:
        return f"not submitting: no {'living worker takes messages' if overview.workers else 'worker is alive'}"
    names = ", ".join(lane.value for lane in overview.untaken)
    them = "it" if len(overview.untaken) == 1 else "them"
    return f"submitting, but not {names}: no worker takes {them}" if names else "submitting"


def _halted_line(halt: Halt) -> str:
    if halt.by_operator:
        return f"halted by an operator since {clock(halt.since)}; `smsrelay resume` resumes"
    probe = f"; next test at {clock(halt.probe)}" if halt.probe else ""
    return f"halted since {clock(halt.since)} ({halt.code}){probe}; `smsrelay resume` resumes"
