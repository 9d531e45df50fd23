"""MessageSpans: the spans of what workers do with a message, each linked to the one that enqueued it.

Links, not children: a message waits for hours at times, and is worked on in batches (OpenTelemetry's conventions for messaging).
A message that was not traced when it was enqueued has none. Spans are made once everything has ended, with the times it took.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, set_span_in_context

from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.sinks import WEBHOOK, app_and_kind
from smsrelay.store.enqueue_traces import EnqueueTraces
from smsrelay.traces.attributes import ATTEMPT, CODE, ERROR_TYPE, STATE, Attributes, of_message, operation
from smsrelay.traces.enqueue_spans import TracedEnqueues
from smsrelay.traces.traceparent import span_named
from smsrelay.traces.tracing import Tracing, exported
from smsrelay_worker.traces.message_traces import AppliedReport, EndedAttempt, EndedDelivery
from smsrelay_worker.vendors.base import Kind
from smsrelay_worker.vendors.name import VENDOR

__all__ = ["MessageSpans", "exported"]

_FAILED = {State.FAILED, State.UNCERTAIN, State.UNKNOWN, State.EXPIRED}

_Told = TypeVar("_Told")

log = structlog.get_logger()


class MessageSpans:
    """Safe to share between threads. ``now``: ns since the epoch; ``monotonic`` in seconds."""

    def __init__(
        self, tracing: Tracing, now: Callable[[], int] = time.time_ns, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._tracing = tracing
        self._now = now
        self._monotonic = monotonic

    @property
    def enqueuing(self) -> EnqueueTraces:
        """For the messages that workers record themselves."""
        return TracedEnqueues(self._tracing)

    def attempts(self, ended: Sequence[EndedAttempt]) -> None:
        """A CONSUMER span for each attempt, and in it a CLIENT span for the submit."""
        _each(self._attempt, ended)

    def reports(self, applied: Sequence[AppliedReport]) -> None:
        """A CONSUMER span for each report."""
        _each(self._report, applied)

    def deliveries(self, ended: Sequence[EndedDelivery]) -> None:
        """A span for each delivery: CLIENT for a webhook, PRODUCER for a Celery queue."""
        _each(self._delivery, ended)

    def close(self) -> None:
        """Hand over what has not been exported, within a few seconds."""
        self._tracing.close()

    def _attempt(self, one: EndedAttempt) -> None:
        record, queue = one.begun, one.begun.lane.queue
        attributes = operation("attempt", "process", queue, record.message_id) | _of(record) | {ATTEMPT: record.attempt}
        span = self._linked(record.traceparent, f"attempt {queue}", SpanKind.CONSUMER, attributes, one.since)
        if span is None:
            return
        if one.answer is not None:
            span.set_attribute(CODE, one.answer.code)
            if one.submitted_at is not None:
                self._submit(span, one, one.submitted_at)
        failed = one.answer is not None and one.answer.kind is not Kind.ANSWERED
        _became(span, one.became, one.answer.code if one.answer is not None else "", failed=failed)
        span.end(self._now())

    def _submit(self, attempt: Span, one: EndedAttempt, submitted_at: float) -> None:
        answer = one.answer
        attributes: Attributes = {"peer.service": VENDOR, ATTEMPT: one.begun.attempt}
        span = self._linked(one.begun.traceparent, f"submit {VENDOR}", SpanKind.CLIENT, attributes, submitted_at, attempt)
        if span is None:
            return
        if answer is not None:
            span.set_attribute(CODE, answer.code)
            if answer.kind is not Kind.ANSWERED:
                _fail(span, answer.kind.value)
        span.end(self._instant(submitted_at + one.took))

    def _report(self, one: AppliedReport) -> None:
        record = one.record
        attributes = operation("report", "process", STATUS_QUEUE, record.message_id) | _of(record)
        attributes |= {ATTEMPT: one.attempt, CODE: one.code}
        span = self._linked(record.traceparent, f"report {STATUS_QUEUE}", SpanKind.CONSUMER, attributes, one.since)
        if span is not None:
            _became(span, one.became, one.code)
            span.end(self._now())

    def _delivery(self, one: EndedDelivery) -> None:
        attributes = operation("deliver", "send", one.sink, one.message_id) | {STATE: one.state.value}
        kind = SpanKind.CLIENT if app_and_kind(one.sink)[1] == WEBHOOK else SpanKind.PRODUCER
        span = self._linked(one.traceparent, f"deliver {one.sink}", kind, attributes, one.since)
        if span is not None:
            if one.failed is not None:
                _fail(span, one.failed)
            span.end(self._now())

    def _linked(
        self, traceparent: str | None, name: str, kind: SpanKind, attributes: Attributes, since: float, parent: Span | None = None
    ) -> Span | None:
        """A span that began at ``since``, linked to the one that enqueued its message; None if that one is not traced."""
        enqueued: SpanContext | None = span_named(traceparent)
        if enqueued is None:
            return None
        context = Context() if parent is None else set_span_in_context(parent, Context())
        return self._tracing.tracer.start_span(name, context, kind, attributes, [Link(enqueued)], self._instant(since))

    def _instant(self, monotonic: float) -> int:
        """This host's clock, in ns, at a monotonic instant."""
        return self._now() - int((self._monotonic() - monotonic) * 1_000_000_000)


def _each(make: Callable[[_Told], None], told: Sequence[_Told]) -> None:
    """Make the spans of each; whatever happens, whoever tells of them goes on."""
    for one in told:
        try:
            make(one)
        except Exception:
            log.exception("span not made")


def _of(record: Record) -> Attributes:
    return of_message(record.lane, record.template, record.app, test=record.test)


def _became(span: Span, state: State | None, code: str, *, failed: bool = False) -> None:
    if state is not None:
        span.set_attribute(STATE, state.value)
    if failed or state in _FAILED:
        _fail(span, code or (state.value if state is not None else ""))


def _fail(span: Span, reason: str) -> None:
    span.set_attribute(ERROR_TYPE, reason)
    span.set_status(Status(StatusCode.ERROR))
