"""ReportingExporter: exports spans by OTLP/HTTP, and logs once when the collector stops taking them, and once when it is back.

The exporter's own lines quote the collector's URL, which may hold a key. Our processes keep them out of their log
(``smsrelay.logs``); an app decides for itself.
"""

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)  # not structlog: an app decides where its logs go


class ReportingExporter(SpanExporter):
    """Called by one thread at a time."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans; those that the collector does not take are lost."""
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("traces not exported: the collector does not take them; %d spans lost, more until it does", len(spans))
        elif self._failing and not failed:
            log.warning("traces exported again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Give up what waits for its next try."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)
