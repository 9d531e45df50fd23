"""Spans of enqueuing: one PRODUCER span a message, a child of what the caller is doing; the record keeps its ``traceparent``."""

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from smsrelay.contract.message import Message
from smsrelay.store.enqueue_traces import EnqueueSpans
from smsrelay.store.outbox import Recorded
from smsrelay.traces.attributes import ERROR_TYPE, NEW, of_message, operation
from smsrelay.traces.traceparent import context_of, current_traceparent, traceparent_of
from smsrelay.traces.tracing import AppTracing, Tracing, exported

_TAKEN = "reference_taken"


def app_traces(provider: TracerProvider | None = None) -> "TracedEnqueues":
    """For ``Enqueuer.connect`` in an app that has set up OpenTelemetry itself: spans of its provider; without, the global one."""
    return TracedEnqueues(AppTracing(provider))


def exported_traces(endpoint: str) -> "TracedEnqueues":
    """Traces that are exported to an OTLP/HTTP endpoint."""
    return TracedEnqueues(exported(endpoint))


class TracedEnqueues:
    """Traces messages from their acceptance."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def in_context(self, message: Message) -> Message:
        """The message, which remembers the span that is current here."""
        return replace(message, traceparent=current_traceparent())

    def begin(self, messages: Sequence[Message]) -> EnqueueSpans:
        """Start a span for each message."""
        return _Spans(self._tracing.tracer, messages)

    def close(self) -> None:
        """Hand over what has not been exported, within a few seconds."""
        self._tracing.close()


class _Spans:
    """The spans of messages that are being recorded together."""

    def __init__(self, tracer: Tracer, messages: Sequence[Message]) -> None:
        self._spans = [_started(tracer, message) for message in messages]
        self.messages = [_named(message, span) for message, span in zip(messages, self._spans, strict=True)]

    def recorded(self, recorded: Sequence[Recorded]) -> None:
        """Note what became of each message."""
        for span, one in zip(self._spans, recorded, strict=True):
            refused = _TAKEN if not one.same else one.barred.bar.value if one.barred is not None else None
            if refused is None:
                span.set_attribute(NEW, one.new)
            else:
                _fail(span, refused)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for span in self._spans:
            if kind is not None:
                _fail(span, kind.__name__)
            span.end()


def _started(tracer: Tracer, message: Message) -> Span:
    queue = message.lane.queue
    attributes = operation("enqueue", "send", queue, message.message_id)
    attributes |= of_message(message.lane, message.template, message.app, test=message.test)
    parent = None if message.traceparent is None else context_of(message.traceparent)  # None: what is current
    return tracer.start_span(f"enqueue {queue}", parent, SpanKind.PRODUCER, attributes)


def _named(message: Message, span: Span) -> Message:
    return replace(message, traceparent=traceparent_of(span.get_span_context()))


def _fail(span: Span, reason: str) -> None:
    span.set_attribute(ERROR_TYPE, reason)
    span.set_status(Status(StatusCode.ERROR))
