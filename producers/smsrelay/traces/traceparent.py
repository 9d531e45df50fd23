"""The W3C ``traceparent``: how a record names the span that enqueued its message."""

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


def traceparent_of(span: SpanContext) -> str | None:
    """The text for a record; None for a span that nobody will see, so that its message costs nothing further."""
    if not (span.is_valid and span.trace_flags.sampled):
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def span_named(traceparent: str | None) -> SpanContext | None:
    """The span that a record names; None if it names none that is sampled, or in a way that cannot be read."""
    if traceparent is None:
        return None
    found = get_current_span(_propagator.extract({_HEADER: traceparent}, Context())).get_span_context()
    return found if found.is_valid and found.trace_flags.sampled else None
