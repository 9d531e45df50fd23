"""One message from its acceptance to the webhook, by the parts of one process, and the spans that tell its story."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.settings import ProducerSettings
from smsrelay.traces.tracing import ExportedTracing
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.traces.message_spans import MessageSpans
from smsrelay_worker.wiring import Relay
from tests.support.scripted_vendor import Script, answer, scripted_vendor
from tests.support.shortened_policy import write_shortened_policy
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, app_with_webhook, webhook_receiver

NUMBER, CODE, REFERENCE = "+8613912345678", "394021", "login-of-somebody"
JOB = SendJob(to=NUMBER, template="0000000", params=[CODE], lane="otp", app="shop", reference=REFERENCE, tags={"flow": "login"})


class Rig:
    """A relay in this process, and what it has exported."""

    def __init__(self, relay: Relay, memory: InMemorySpanExporter, script: Script, receiver: WebhookReceiver) -> None:
        self.relay, self.memory, self.script, self.receiver = relay, memory, script, receiver

    def attempt(self, message_id: str, number: int) -> None:
        def attempted() -> bool:
            self.relay.sender.attempt([message_id])
            return len(self.script.received) == number

        eventually(attempted, f"attempt {number} is due and made")

    def report(self, message_id: str, attempt: int, code: str) -> None:
        self.relay.reports.apply(StatusEvent(message_id=message_id, attempt=attempt, code=code, updated_on=1, received_at=1))

    def due(self, message_id: str) -> None:
        """Have the scheduler make a retry due."""

        def queued() -> bool:
            self.relay.scheduler.turn()
            reading = self.relay.records.read(message_id)
            return reading is not None and reading.record.state is State.QUEUED

        eventually(queued, "the retry is due")

    def told(self, message_id: str) -> None:
        stopping = threading.Event()
        delivering = threading.Thread(target=self.relay.outcome_delivery.run, args=(stopping,))
        delivering.start()
        eventually(lambda: self.receiver.of(message_id), "the app hears of it")
        stopping.set()
        delivering.join()

    def spans(self) -> list[ReadableSpan]:
        assert self.relay.traces is not None
        self.relay.traces.close()
        return sorted(self.memory.get_finished_spans(), key=lambda span: span.start_time or 0)


@pytest.fixture
def rigged(valkey_url: str, tmp_path: Path) -> Iterator[Callable[[], Rig]]:
    with scripted_vendor() as script, webhook_receiver() as receiver:

        def rig() -> Rig:
            apps = tmp_path / "apps.toml"
            apps.write_text(app_with_webhook("shop", receiver.url), "utf-8")
            settings = WorkerSettings(
                _env_file=None,
                store_url=valkey_url,
                broker_url=valkey_url,
                number_keys="n" * 16,
                callback_keys="c" * 16,
                appcode="an appcode",
                vendor_url=script.url,
                policy=write_shortened_policy(tmp_path / "policy.toml"),
                apps=apps,
            )
            memory = InMemorySpanExporter()
            return Rig(Relay.wire(settings, MessageSpans(ExportedTracing(lambda: memory))), memory, script, receiver)

        yield rig


def test_a_message_has_a_span_for_each_step_linked_to_the_one_that_enqueued_it(rigged: Callable[[], Rig]) -> None:
    rig = rigged()
    message_id = rig.relay.enqueuer.enqueue(JOB).message_id
    rig.attempt(message_id, 1)
    rig.report(message_id, 1, "503")
    rig.due(message_id)
    rig.attempt(message_id, 2)
    rig.report(message_id, 2, "200")
    rig.told(message_id)
    spans = rig.spans()
    assert [span.name for span in spans] == [
        "enqueue sms.otp",
        "attempt sms.otp",
        "submit yisha",
        "report sms.status",
        "attempt sms.otp",
        "submit yisha",
        "report sms.status",
        "deliver shop.webhook",
    ]
    enqueue, first, submit, failure, second, again, delivery, told = spans
    assert enqueue.kind is SpanKind.PRODUCER
    for span in (first, failure, second, delivery, told):
        assert [link.context.span_id for link in span.links] == [context(enqueue).span_id]
        assert context(span).trace_id != context(enqueue).trace_id, "a link, and no child"
    for attempt, inside in ((first, submit), (second, again)):
        assert (attempt.kind, inside.kind) == (SpanKind.CONSUMER, SpanKind.CLIENT)
        assert inside.parent == attempt.context
        assert (attempt.start_time or 0) <= (inside.start_time or 0) <= (inside.end_time or 0) <= (attempt.end_time or 0)
    assert [span.attributes["smsrelay.attempt"] for span in (first, failure, second, delivery) if span.attributes] == [1, 1, 2, 2]
    assert dict(failure.attributes or {})["smsrelay.vendor.code"] == "503"
    assert dict(delivery.attributes or {})["smsrelay.state"] == "delivered"
    assert told.kind is SpanKind.CLIENT
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}


def test_a_submit_that_fails_is_an_error_with_its_code(rigged: Callable[[], Rig]) -> None:
    rig = rigged()
    rig.script.reaction = answer(b"", status="500 Internal Server Error")
    message_id = rig.relay.enqueuer.enqueue(JOB).message_id
    rig.attempt(message_id, 1)
    _, attempt, submit = rig.spans()
    assert {span.status.status_code for span in (attempt, submit)} == {StatusCode.ERROR}
    assert dict(attempt.attributes or {})["error.type"] == dict(attempt.attributes or {})["smsrelay.vendor.code"]


def test_a_test_message_has_an_attempt_without_a_submit(rigged: Callable[[], Rig]) -> None:
    rig = rigged()
    message_id = rig.relay.enqueuer.enqueue(JOB, test=True).message_id
    rig.relay.sender.attempt([message_id])
    enqueue, attempt = rig.spans()
    assert [link.context.span_id for link in attempt.links] == [context(enqueue).span_id]
    assert dict(attempt.attributes or {})["smsrelay.test"] is True


def test_no_span_holds_a_number_a_code_a_reference_or_a_key(rigged: Callable[[], Rig]) -> None:
    rig = rigged()
    message_id = rig.relay.enqueuer.enqueue(JOB).message_id
    rig.attempt(message_id, 1)
    rig.report(message_id, 1, "200")
    rig.told(message_id)
    exported = "".join(span.to_json() for span in rig.spans())
    assert exported.count(message_id) == 4
    for secret in (NUMBER[3:], CODE, REFERENCE, "an appcode", "n" * 16, "c" * 16, "flow", rig.receiver.url):
        assert secret not in exported


def test_a_message_that_was_enqueued_without_traces_has_none_later(rigged: Callable[[], Rig], valkey_url: str) -> None:
    rig = rigged()
    settings = ProducerSettings(store_url=valkey_url, broker_url=valkey_url, number_keys="n" * 16)
    with Enqueuer.connect(settings) as enqueuer:
        message_id = enqueuer.enqueue(JOB).message_id
    rig.attempt(message_id, 1)
    rig.report(message_id, 1, "200")
    rig.told(message_id)
    assert rig.spans() == []


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio"])
def test_a_message_that_is_not_sampled_costs_nothing_further(
    rigged: Callable[[], Rig], monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    rig = rigged()
    message_id = rig.relay.enqueuer.enqueue(JOB).message_id
    rig.attempt(message_id, 1)
    reading = rig.relay.records.read(message_id)
    assert reading is not None
    assert reading.record.traceparent is None
    assert rig.spans() == []


def test_the_rest_of_a_story_follows_the_decision_to_sample_its_beginning(
    rigged: Callable[[], Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rigged()
    message_id = rig.relay.enqueuer.enqueue(JOB).message_id
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")  # of the workers
    other = rigged()
    other.attempt(message_id, 1)
    assert [span.name for span in other.spans()] == ["attempt sms.otp", "submit yisha"]


def context(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context
