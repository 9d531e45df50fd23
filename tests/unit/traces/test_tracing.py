"""A tracer that is made late, never waits for its collector, and is closed within a bound."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from smsrelay.traces.exporter import ReportingExporter
from smsrelay.traces.traceparent import span_named, traceparent_of
from smsrelay.traces.tracing import ExportedTracing, exported

EXPORTED = """
from smsrelay.logs import set_up
from smsrelay.traces.tracing import exported
set_up()
tracing = exported("http://127.0.0.1:9")
tracing.tracer.start_span("one").end()
tracing.close()
"""
NAMED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Hanging(SpanExporter):
    """A collector that takes a request and never answers."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.released.wait()
        return SpanExportResult.FAILURE


class Answering(SpanExporter):
    """A collector that takes what a test says."""

    def __init__(self, *results: SpanExportResult) -> None:
        self.results = list(results)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.results.pop(0)


class Counting(SpanExporter):
    """A collector that counts the spans of each request."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.sizes.append(len(spans))
        return SpanExportResult.SUCCESS


def test_nothing_is_made_before_the_first_span() -> None:
    def refused() -> SpanExporter:
        raise AssertionError("made too early")

    before = threading.active_count()
    ExportedTracing(refused).close()
    assert threading.active_count() == before


def test_closing_exports_what_is_left_and_may_be_repeated() -> None:
    memory = InMemorySpanExporter()
    tracing = ExportedTracing(lambda: memory)
    tracing.tracer.start_span("one").end()
    tracing.close()
    tracing.close()
    assert [span.name for span in memory.get_finished_spans()] == ["one"]


def test_a_collector_that_hangs_delays_neither_spans_nor_the_end() -> None:
    hanging = Hanging()
    tracing = ExportedTracing(lambda: hanging, close_within=0.2)
    began = time.monotonic()
    for _ in range(5000):  # more than are kept
        tracing.tracer.start_span("one").end()
    assert hanging.asked.wait(10)
    tracing.close()
    assert time.monotonic() - began < 30
    hanging.released.set()


def test_a_request_holds_few_spans_so_that_encoding_them_holds_nothing_up_for_long() -> None:
    exporter = Counting()
    tracing = ExportedTracing(lambda: exporter)
    for _ in range(300):
        tracing.tracer.start_span("one").end()
    tracing.close()
    assert sum(exporter.sizes) == 300
    assert max(exporter.sizes) == 64


def test_the_service_is_smsrelay_unless_the_environment_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert service() == "smsrelay"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=ours,deployment.environment.name=staging")
    assert service() == "ours"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "sms-workers")
    assert service() == "sms-workers"


def test_a_collector_that_is_away_is_reported_once_and_its_return_as_well(caplog: pytest.LogCaptureFixture) -> None:
    no, yes = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    exporter = ReportingExporter(Answering(yes, no, no, yes, yes))
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            exporter.export([])
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["traces not exported", "traces exported again"]


def test_opentelemetry_can_be_disabled_by_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing = exported("http://127.0.0.1:9")
    span = tracing.tracer.start_span("one", Context())
    assert traceparent_of(span.get_span_context()) is None
    tracing.close()


def test_a_traceparent_is_read_as_it_was_written() -> None:
    named = span_named(NAMED)
    assert named is not None
    assert traceparent_of(named) == NAMED


@pytest.mark.parametrize(
    "text", [None, "", "nonsense", NAMED[:-2] + "00", NAMED.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32)]
)
def test_what_names_no_sampled_span_is_none(text: str | None) -> None:
    assert span_named(text) is None


@pytest.mark.parametrize("before", [0, 1])
def test_a_child_that_was_forked_before_or_after_the_first_span_exports_its_own(before: int) -> None:
    memory = InMemorySpanExporter()
    tracing = ExportedTracing(lambda: memory)
    for _ in range(before):
        tracing.tracer.start_span("of the parent").end()
    child = os.fork()
    if child == 0:
        tracing.tracer.start_span("of the child").end()
        tracing.close()
        os._exit(0 if "of the child" in {span.name for span in memory.get_finished_spans()} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tracing.close()
    assert [span.name for span in memory.get_finished_spans()] == ["of the parent"] * before


def test_headers_that_cannot_be_read_are_not_quoted() -> None:
    lines = subprocess.run(
        [sys.executable, "-c", EXPORTED],
        env=os.environ | {"OTEL_EXPORTER_OTLP_HEADERS": "walrus-4711"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stderr
    assert "traces not exported" in lines
    assert "walrus" not in lines


def service() -> object:
    memory = InMemorySpanExporter()
    tracing = ExportedTracing(lambda: memory)
    tracing.tracer.start_span("one").end()
    tracing.close()
    [span] = memory.get_finished_spans()
    return span.resource.attributes["service.name"]
