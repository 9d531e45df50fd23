"""Opens the traces of a worker where the settings ask for them; without, imports nothing of OpenTelemetry."""

from smsrelay_worker.traces.message_traces import MessageTraces


def message_traces(endpoint: str | None) -> MessageTraces | None:
    """Traces that are exported to an OTLP endpoint; without one, none. Connects to nothing yet."""
    if endpoint is None:
        return None
    from smsrelay_worker.traces.message_spans import MessageSpans, exported  # noqa: PLC0415  as in smsrelay.traces.opening

    return MessageSpans(exported(endpoint))
