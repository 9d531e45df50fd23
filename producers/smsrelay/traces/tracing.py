"""Tracing: the tracer of this process, made at its first span, and closed within a bound.

Not before, because a worker's parent, which builds its children's parts, must have no threads when it forks.
A span waits in memory for the exporter's thread; when ``OTEL_BSP_MAX_QUEUE_SIZE`` wait, the oldest is dropped. So a collector
that is away, or hangs, costs spans and nothing else.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable
from typing import Protocol

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_EXPORT_BATCH_SIZE
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NoOpTracer, Tracer, TracerProvider, get_tracer

from smsrelay.traces.exporter import ReportingExporter
from smsrelay.traces.sampler import LinkSampler

CLOSE_WITHIN = 5.0  # seconds for what has not been exported when a process stops
_PATH = "/v1/traces"
_SCOPE = "smsrelay"
_BATCH = 64  # spans in a request: encoding them holds up whatever else the process does, a submit among it, for 5 ms
_SERVICE = "smsrelay"

log = logging.getLogger(__name__)  # not structlog: an app decides where its logs go


class Tracing(Protocol):
    """Where spans go."""

    @property
    def tracer(self) -> Tracer:
        """What starts spans."""
        ...

    def close(self) -> None:
        """Hand over what has not been exported; returns within ``CLOSE_WITHIN`` seconds."""
        ...


class AppTracing:
    """The tracer of an app that has set up OpenTelemetry itself, and that exports and closes by itself."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer(_SCOPE, tracer_provider=provider)

    @property
    def tracer(self) -> Tracer:
        """Of the app's provider."""
        return self._tracer

    def close(self) -> None:
        """Leave it to the app."""


class ExportedTracing:
    """A provider of our own. ``exporter`` makes its exporter at the first span."""

    def __init__(self, exporter: Callable[[], SpanExporter], close_within: float = CLOSE_WITHIN) -> None:
        self._exporter = exporter
        self._close_within = close_within
        self._lock = threading.Lock()
        self._tracer: Tracer | None = None
        self._provider: sdk.TracerProvider | None = None
        self._process = 0  # whose closer runs
        self._closing = threading.Event()
        self._closer: threading.Thread | None = None

    @property
    def tracer(self) -> Tracer:
        """What starts spans."""
        tracer = self._tracer
        return tracer if tracer is not None and self._process == os.getpid() else self._opened()

    def close(self) -> None:
        """Export what is left, for a few seconds; what the collector has not taken by then is lost."""
        self._closing.set()
        closer = self._closer
        if closer is not None:
            closer.join(self._close_within)

    def _opened(self) -> Tracer:
        with self._lock:
            if self._tracer is None:
                self._tracer = self._open()
            if self._process != os.getpid():  # the first span, or the first one after a fork, which takes no thread along
                self._process = os.getpid()
                self._start_closer()
            return self._tracer

    def _open(self) -> Tracer:
        try:
            provider = _provider(self._exporter())
        except Exception as error:  # noqa: BLE001  a wrong OTEL_ variable, whose text may hold a key, must cost no message
            log.error("traces not started: %s; see the OTEL_ variables", type(error).__name__)
            return NoOpTracer()
        atexit.register(self.close)
        self._provider = provider
        return provider.get_tracer(_SCOPE)

    def _start_closer(self) -> None:
        """Not at the interpreter's exit, when no thread can be started. The SDK's own shutdown may take half a minute."""
        if self._provider is not None:
            self._closer = threading.Thread(target=self._shut_down, args=(self._provider,), name="traces", daemon=True)
            self._closer.start()

    def _shut_down(self, provider: sdk.TracerProvider) -> None:
        self._closing.wait()
        provider.shutdown()


def exported(endpoint: str) -> ExportedTracing:
    """Tracing to an OTLP/HTTP endpoint, given by its base URL. ``OTEL_`` variables of the exporter and the SDK apply."""
    return ExportedTracing(lambda: OTLPSpanExporter(endpoint.rstrip("/") + _PATH))


def _provider(exporter: SpanExporter) -> sdk.TracerProvider:
    provider = sdk.TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.sampler = LinkSampler(provider.sampler)
    batch = None if OTEL_BSP_MAX_EXPORT_BATCH_SIZE in os.environ else _BATCH
    provider.add_span_processor(BatchSpanProcessor(ReportingExporter(exporter), max_export_batch_size=batch))
    return provider


def _resource() -> Resource:
    """The SDK's, under our name unless the environment gives another."""
    return Resource.create({}).merge(Resource({SERVICE_NAME: _SERVICE})).merge(OTELResourceDetector().detect())
