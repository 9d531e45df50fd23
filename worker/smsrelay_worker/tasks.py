"""The Celery tasks: a few lines each, between the queues and ``Sender`` and ``Reports``.

They take message ids, status events, and whole jobs from apps without our library; they return what Flower shows as the result:
lane, attempt and outcome, and a verdict that gives the task its state there (``consumer.masking``). If the store does not answer,
a task goes back to its queue after a second. A refused job, and an event that cannot be read or has failed too often, is kept for
a person.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Reject

from smsrelay.broker.task_message import ATTEMPT, OUTCOME, PULL, SEND, STATUS
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.contract.rejection import Rejection
from smsrelay.messages.refused_job import RefusedJob, refused_as
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.consumer.masking import SHOWN, ShownEnd
from smsrelay_worker.messages.task_result import Fault, TaskResult, TaskText, Verdict, summary, worst
from smsrelay_worker.wiring import Relay

_RETRY_AFTER = 1.0  # seconds; without it a task would spin between a living broker and a dead store

log = structlog.get_logger()


class ReportsNotApplied(Exception):
    """Some reports of a task raised unexpected exceptions. They stay in the inbox and are published again a few times."""


class MaskedTask(Task):  # type: ignore[misc]
    """A task whose arguments are shown nowhere."""

    abstract = True
    Request = "smsrelay_worker.consumer.masking:MaskedRequest"
    typing = False  # wrong arguments from a foreign client are refused by us, with our reason


@dataclass(frozen=True, slots=True)
class TaskCall:
    """The arguments of a call, as data: a foreign client may use any name, even ``self`` and ``task``."""

    args: tuple[Any, ...] = field(repr=False)
    kwargs: Mapping[str, Any] = field(repr=False)
    task_id: str

    def sole(self, *names: str) -> Any:
        """The only argument, positional or under one of the names; None if there are more or fewer, or its name is another."""
        if len(self.args) + len(self.kwargs) != 1:
            return None
        return self.args[0] if self.args else next((self.kwargs[name] for name in names if name in self.kwargs), None)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The bodies of the tasks."""

    relay: Relay
    sleep: Callable[[float], None] = time.sleep

    def register(self, app: Celery) -> None:
        """Give the app its tasks."""
        bodies = {ATTEMPT: self.attempt, SEND: self.send, STATUS: self.status, PULL: self.pull, OUTCOME: self.outcome}
        for name, body in bodies.items():
            app.task(_function(body), name=name, base=MaskedTask, bind=True)

    def attempt(self, call: TaskCall) -> TaskText:
        """Attempt recorded messages, given as ``ids=``."""
        with self._requeued_without_store():
            ids = call.sole("ids")
            if not (isinstance(ids, list) and all(isinstance(one, str) for one in ids)):
                return self._keep_call(ATTEMPT, "needs ids: a list of message ids", call)
            return summary(self.relay.sender.attempt(ids))

    def send(self, call: TaskCall) -> TaskText:
        """Record a whole job and attempt it; given as the only argument, as ``job=``, or as its own fields."""
        args, kwargs = call.args, call.kwargs
        with self._requeued_without_store():
            if len(args) + bool(kwargs) != 1 or (len(kwargs) > 1 and "job" in kwargs):
                return self._keep_call(SEND, "needs one job: the only argument, or job=, or its own fields", call)
            return self._send(args[0] if args else kwargs.get("job", kwargs), call.task_id)

    def status(self, call: TaskCall) -> TaskText:
        """Apply a report, given as ``event=``, or a list of them, as ``events=``; raises ``ReportsNotApplied``."""
        with self._requeued_without_store():
            given = call.sole("event", "events")
            if given is None:
                return self._keep_call(STATUS_QUEUE, "needs one event, or events: a list of them", call)
            return self._status(given if isinstance(given, list) else [given])

    def pull(self, call: TaskCall) -> TaskText:
        """Ask the vendor for the status of ``message_id=``."""
        with self._requeued_without_store():
            message_id = call.sole("message_id")
            if not isinstance(message_id, str):
                return self._keep_call(PULL, "needs message_id", call)
            return summary([self.relay.poller.ask(message_id)])

    def outcome(self, call: TaskCall) -> TaskText:
        """Deliver what is due of ``sink=`` now; or, with ``test=``, a test event, whose result is kept under that token."""
        with self._requeued_without_store():
            sink, token = call.kwargs.get("sink"), call.kwargs.get("test")
            others = set(call.kwargs) - {"sink", "test"}
            known = token is None or (isinstance(token, str) and re.fullmatch(r"[0-9a-f]{16}", token))
            if call.args or others or not isinstance(sink, str) or not known:
                return self._keep_call(OUTCOME, "needs sink: the name of a sink", call)
            delivery = self.relay.outcome_delivery
            return TaskText(delivery.deliver_now(sink) if token is None else delivery.test(sink, token))

    def _send(self, wire: object, task_id: str) -> TaskText:
        try:
            job = SendJob.decode(wire)
            if job.reference is None:  # a redelivered task must not become a second message
                job = job.model_copy(update={"reference": f"task {task_id}"[:128]})
            recorded = self.relay.enqueuer.record(job)
        except Rejection as rejection:
            return self._keep(SEND, str(rejection), wire, task_id, counted=refused_as(rejection))
        except StoreUnavailable:
            raise
        except Exception as error:  # Celery would acknowledge it, and nothing but the task holds the job
            log.exception("a job was not recorded", task_id=task_id)
            return self._keep(SEND, str(Fault(type(error).__name__)), wire, task_id, counted=RefusedJob.FAULT)
        message_id = recorded.message.message_id
        if not recorded.wake:
            return summary([TaskResult("accepted before, or not due yet", message_id, recorded.message.lane.value)])
        return summary(self.relay.sender.attempt([message_id]))

    def _status(self, wires: Sequence[object]) -> TaskText:
        read = [self._read(wire) for wire in wires]
        events = [event for event in read if isinstance(event, StatusEvent)]
        outcomes = self.relay.reports.apply_each(events)
        ended = list(zip(events, outcomes, strict=True))
        done = [(event, outcome.counted) for event, outcome in ended if isinstance(outcome, TaskResult)]
        self.relay.inbox.remove([event for event, _ in done], results=[result for _, result in done])
        failed = [event for event, outcome in ended if isinstance(outcome, Fault) and not self._kept(event, outcome)]
        if failed:
            raise ReportsNotApplied(f"{len(failed)} of {len(wires)} reports; the log says why")
        refused = [one for one in read if isinstance(one, str)]
        results = [outcome for outcome in outcomes if isinstance(outcome, TaskResult)]
        verdict = Verdict.FAILED if refused or len(results) < len(outcomes) else worst(results)
        return TaskText("; ".join([*refused, *map(str, outcomes)]), verdict)

    def _kept(self, event: StatusEvent, fault: Fault) -> bool:
        """Count a failure; True if the report has failed so often that it is kept for a person."""
        kept = self.relay.failed_reports.count(event, str(fault))
        if kept:
            log.error("a report nobody can apply is kept as undecodable", message_id=event.message_id, code=event.code)
        return kept

    def _read(self, wire: object) -> StatusEvent | str:
        """An event, or the refusal of what is not one."""
        try:
            return StatusEvent.decode(wire)
        except Rejection as rejection:
            return self._keep(STATUS_QUEUE, str(rejection), wire, counted="")

    def _keep_call(self, queue: str, reason: str, call: TaskCall) -> TaskText:
        return self._keep(queue, reason, {"args": call.args, "kwargs": call.kwargs}, call.task_id)

    def _keep(
        self, queue: str, reason: str, wire: object, task_id: str | None = None, counted: str = RefusedJob.UNDECODABLE
    ) -> TaskText:
        kept_id = self.relay.undecodable.keep(queue, reason, json.dumps(wire, default=repr), task_id, counted)
        log.error("refused and kept as undecodable", queue=queue, task_id=task_id, kept_id=kept_id, reason=reason)
        return TaskText(f"refused: {reason}", Verdict.FAILED)

    @contextmanager
    def _requeued_without_store(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable as error:
            self.sleep(_RETRY_AFTER)
            raise Reject(str(error), requeue=True) from None


def _function(body: Callable[[TaskCall], TaskText]) -> Callable[..., str]:
    """A plain function: Celery sets attributes on what it registers, which a bound method does not take."""

    def run(task: Task, args: list[Any], kwargs: dict[str, Any]) -> str:  # as admitted_body wraps them
        ended = body(TaskCall(tuple(args), kwargs, task.request.id))
        shown: ShownEnd | None = task.request.get(SHOWN)
        if shown is not None:
            shown.verdict = ended.verdict
        return str(ended)

    return run
