"""What traces add to enqueuing: nothing while they are off, and one field of the record while they are on."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, use_span

from smsrelay.acceptance import ReferenceTaken
from smsrelay.async_enqueue import AsyncEnqueuer
from smsrelay.contract.job import SendJob
from smsrelay.enqueue import Enqueuer
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis, StoreUnavailable
from smsrelay.store.records import Records
from smsrelay.traces.enqueue_spans import TracedEnqueues, app_traces
from smsrelay.traces.tracing import ExportedTracing
from tests.support.pages import text_of
from tests.support.store_keys import KEYS

JOB = SendJob(to="+8613912345678", template="0000000", params=["394021"], lane="otp")
OPENERS = [
    *("smsrelay.store.enqueue_traces", "smsrelay.traces", "smsrelay.traces.opening", "smsrelay_worker.traces"),
    *("smsrelay_worker.traces.message_traces", "smsrelay_worker.traces.opening"),
]
_NAMED = len("tp") + len("00-" + "a" * 32 + "-" + "b" * 16 + "-01")


def settings(url: str, **more: Any) -> ProducerSettings:
    return ProducerSettings(store_url=url, broker_url=url, number_keys="n" * 16, **more)


def provider() -> tuple[TracerProvider, InMemorySpanExporter]:
    """As an app sets it up."""
    made, memory = TracerProvider(), InMemorySpanExporter()
    made.add_span_processor(SimpleSpanProcessor(memory))
    return made, memory


@pytest.mark.parametrize("installed", [True, False])
def test_without_traces_nothing_of_opentelemetry_is_imported(valkey_url: str, installed: bool) -> None:
    missing = "" if installed else "sys.modules['opentelemetry'] = None  # every import of it fails\n"
    program = (
        f"import sys, json\n{missing}"
        "import redis  # imports the metrics of OpenTelemetry for itself where they are installed\n"
        "before = set(sys.modules)\n"
        "from smsrelay import Enqueuer, ProducerSettings, SendJob\n"
        "from smsrelay_worker.settings import WorkerSettings\n"
        "from smsrelay_worker.wiring import Relay\n"
        f"values = dict(store_url={valkey_url!r}, broker_url={valkey_url!r}, number_keys='n' * 16)\n"
        "with Enqueuer.connect(ProducerSettings(**values)) as enqueuer:\n"
        "    job = SendJob(to='13912345678', template='0000000', params=['394021'], lane='otp')\n"
        "    message_id = enqueuer.enqueue(job).message_id\n"
        "more = dict(callback_keys='c' * 16, appcode='a', vendor_url='http://127.0.0.1:9')\n"
        "relay = Relay.wire(WorkerSettings(**values, **more))\n"
        "relay.sender.attempt([message_id])\n"
        "assert relay.traces is None\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    loaded = json.loads(printed.splitlines()[-1])
    assert [name for name in loaded if name.startswith("opentelemetry")] == []
    assert [name for name in loaded if "traces" in name] == OPENERS


def test_traces_cost_one_field_of_the_record_and_no_command(valkey_url: str, redis: StoreRedis, store: Records) -> None:
    made, _ = provider()
    with (
        Enqueuer.connect(settings(valkey_url)) as plain,
        Enqueuer.connect(settings(valkey_url), traces=app_traces(made)) as traced,
    ):
        for enqueuer in (plain, traced):
            enqueuer.enqueue(JOB)  # opens connections and loads scripts
        off, without = counted(redis, plain)
        on, with_them = counted(redis, traced)
    assert on == off
    fields, more = (redis.hgetall(KEYS.message(one)) for one in (without, with_them))
    assert set(more) - set(fields) == {"tp"}
    assert len("tp" + more["tp"]) == _NAMED
    assert f"{_NAMED} bytes" in text_of("docs/traces.md")
    assert redis.object("ENCODING", KEYS.message(with_them)) == "listpack"
    reading = store.read(with_them)
    assert reading is not None
    assert reading.record.traceparent == more["tp"]
    tasks = redis.lrange(JOB.lane.queue, 0, -1)
    assert len({len(task) for task in tasks}) == 1, "no byte more in a task"


def test_a_span_of_the_app_is_the_parent_and_the_record_names_ours(valkey_url: str, store: Records) -> None:
    made, memory = provider()
    with (
        Enqueuer.connect(settings(valkey_url), traces=app_traces(made)) as enqueuer,
        made.get_tracer("an app").start_as_current_span("POST /login"),
    ):
        message_id = enqueuer.enqueue(JOB).message_id
    ours, request = memory.get_finished_spans()
    assert (ours.name, ours.parent) == ("enqueue sms.otp", request.context)
    assert traceparent(store, message_id) == named(ours)


def test_an_app_with_the_api_alone_passes_on_the_trace_it_was_called_in(valkey_url: str, store: Records) -> None:
    calling = SpanContext(0xA, 0xB, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    with Enqueuer.connect(settings(valkey_url), traces=app_traces()) as enqueuer, use_span(NonRecordingSpan(calling)):
        message_id = enqueuer.enqueue(JOB).message_id
    assert traceparent(store, message_id) == f"00-{0xA:032x}-{0xB:016x}-01"


def test_each_message_of_many_has_a_span_of_its_own(valkey_url: str, store: Records) -> None:
    made, memory = provider()
    with Enqueuer.connect(settings(valkey_url), traces=app_traces(made)) as enqueuer:
        ids = [one.message_id for one in enqueuer.enqueue_many([JOB] * 3)] + [  # type: ignore[union-attr]
            one.message_id for one in enqueuer.enqueue_all([JOB] * 2)
        ]
    assert [traceparent(store, one) for one in ids] == [named(span) for span in memory.get_finished_spans()]


def test_calls_of_an_event_loop_that_share_a_round_trip_are_each_in_the_trace_of_their_caller(
    valkey_url: str, store: Records
) -> None:
    made, memory = provider()

    async def request(enqueuer: AsyncEnqueuer, number: int) -> str:
        with made.get_tracer("an app").start_as_current_span(f"request {number}"):
            return (await enqueuer.enqueue(JOB)).message_id

    async def play() -> list[str]:
        async with AsyncEnqueuer.connect(settings(valkey_url), traces=app_traces(made)) as enqueuer:
            untraced = (await enqueuer.enqueue(JOB)).message_id
            return [untraced, *await asyncio.gather(*(request(enqueuer, number) for number in range(5)))]

    ids = asyncio.run(play())
    spans = {dict(span.attributes or {}).get("messaging.message.id", span.name): span for span in memory.get_finished_spans()}
    assert [traceparent(store, one) for one in ids] == [named(spans[one]) for one in ids]
    assert spans[ids[0]].parent is None
    assert [spans[one].parent for one in ids[1:]] == [spans[f"request {number}"].context for number in range(5)]


def test_a_caller_whose_trace_is_not_sampled_has_no_message_traced(valkey_url: str, store: Records) -> None:
    calling = NonRecordingSpan(SpanContext(0xA, 0xB, is_remote=True))
    made, memory = provider()

    async def play() -> str:
        async with AsyncEnqueuer.connect(settings(valkey_url), traces=app_traces(made)) as enqueuer:
            with use_span(calling):
                return (await enqueuer.enqueue(JOB)).message_id

    assert traceparent(store, asyncio.run(play())) is None
    assert memory.get_finished_spans() == ()


def test_a_reference_that_is_used_again_says_so(valkey_url: str) -> None:
    made, memory = provider()
    first = JOB.model_copy(update={"reference": "one"})
    with Enqueuer.connect(settings(valkey_url), traces=app_traces(made)) as enqueuer:
        enqueuer.enqueue(first)
        enqueuer.enqueue(first)
        with pytest.raises(ReferenceTaken):
            enqueuer.enqueue(first.model_copy(update={"params": ("000000",)}))
    new, again, taken = memory.get_finished_spans()
    assert [dict(span.attributes or {}).get("smsrelay.new") for span in (new, again, taken)] == [True, False, None]
    assert dict(taken.attributes or {})["error.type"] == "reference_taken"
    assert taken.status.status_code is StatusCode.ERROR


def test_a_store_that_does_not_answer_is_an_error_of_the_span(valkey_url: str, closed_port: int) -> None:
    made, memory = provider()
    away = settings(f"redis://127.0.0.1:{closed_port}/0")
    with Enqueuer.connect(settings(valkey_url), traces=app_traces(made)) as enqueuer:
        message = enqueuer.acceptance.message(JOB, 1_700_000_000_000)
    with Enqueuer.connect(away, traces=app_traces(made)) as enqueuer, pytest.raises(StoreUnavailable):
        enqueuer._outbox.record([message])  # the clock, which is asked first, would not answer either
    [span] = memory.get_finished_spans()
    assert dict(span.attributes or {})["error.type"] == "StoreUnavailable"


class _Broken(SpanExporter):
    """An exporter of a library that fails."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError("no collector")


def test_an_exporter_that_raises_or_cannot_be_made_costs_no_message(valkey_url: str, caplog: pytest.LogCaptureFixture) -> None:
    def wrong() -> SpanExporter:
        raise ValueError("a key")

    for exporter in (_Broken, wrong):
        traces = TracedEnqueues(ExportedTracing(exporter))
        with Enqueuer.connect(settings(valkey_url), traces=traces) as enqueuer:
            assert enqueuer.enqueue(JOB).new
    assert "traces not started: ValueError" in caplog.text
    assert "a key" not in caplog.text


def counted(redis: StoreRedis, enqueuer: Enqueuer) -> tuple[Counter[str], str]:
    """How often the server ran which command for one job, and its id."""
    before = commands(redis)
    message_id = enqueuer.enqueue(JOB).message_id
    return commands(redis) - before, message_id


def commands(redis: StoreRedis) -> Counter[str]:
    ran = Counter({name: stats["calls"] for name, stats in redis.info("commandstats").items()})
    del ran["cmdstat_info"]
    return ran


def traceparent(store: Records, message_id: str) -> str | None:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.traceparent


def named(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"
