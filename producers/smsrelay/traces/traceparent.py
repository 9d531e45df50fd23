"""The W3C ``traceparent``: how a record names the span that enqueued its message."""

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


def traceparent_of(span: SpanContext) -> str | None:
    """The text for a record; None for a span that nobody will see, so that its message costs nothing further."""
    return _text(span) if span.is_valid and span.trace_flags.sampled else None


def current_traceparent() -> str:
    """Of the span that is current here, sampled or not; empty without one."""
    span = get_current_span().get_span_context()
    return _text(span) if span.is_valid else ""


def context_of(traceparent: str) -> Context:
    """The context of a span of this process that is named so; without any span for empty text."""
    named = _read(traceparent)
    if not named.is_valid:
        return Context()
    local = SpanContext(named.trace_id, named.span_id, is_remote=False, trace_flags=named.trace_flags)
    return set_span_in_context(NonRecordingSpan(local), Context())


def span_named(traceparent: str | None) -> SpanContext | None:
    """The span that a record names; None if it names none that is sampled, or in a way that cannot be read."""
    if traceparent is None:
        return None
    found = _read(traceparent)
    return found if found.is_valid and found.trace_flags.sampled else None


def _read(traceparent: str) -> SpanContext:
    return get_current_span(_propagator.extract({_HEADER: traceparent}, Context())).get_span_context()


def _text(span: SpanContext) -> str:
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
