"""Opens traces where the settings ask for them; without, imports nothing of OpenTelemetry."""

from smsrelay.store.enqueue_traces import UNTRACED, EnqueueTraces


def enqueue_traces(endpoint: str | None) -> EnqueueTraces:
    """Traces of enqueuing that are exported to an OTLP endpoint; without one, none. Connects to nothing yet."""
    if endpoint is None:
        return UNTRACED
    from smsrelay.traces.enqueue_spans import exported_traces  # noqa: PLC0415  whoever traces nothing never loads it

    return exported_traces(endpoint)
