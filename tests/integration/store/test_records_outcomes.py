"""What records tell the sinks: one write more for an app with a sink, by the worker's own file or by what workers published."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.apps.model import App, Apps, CelerySink, WebhookSink
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.store.sinks.published_sinks import PublishedSinks
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import ACCEPTED, RETENTION, answer, begin, changed, job
from tests.support.store_keys import KEYS

REFUSED = Answer(Kind.ANSWERED, "0003")
WEBHOOK = WebhookSink("https://shop.example", (bytes(24),), frozenset({State.DELIVERED, State.FAILED}))
CELERY = CelerySink("shop.sms", "shop.tasks.outcome", events=frozenset({State.CANCELLED, State.SUBMITTED}))
APPS = Apps({"shop": App("shop", webhook=WEBHOOK, celery=CELERY), "crm": App("crm", celery=CELERY)})
NO_APPS = Apps({})


@pytest.fixture
def records(redis: StoreRedis) -> Records:
    return Records(redis, RETENTION, APPS)


def told(redis: StoreRedis, sink: str) -> list[Outcome]:
    return [Outcome.decode(wire) for wire in redis.zrange(KEYS.outcomes(sink), 0, -1)]


def outboxes(redis: StoreRedis) -> set[str]:
    return set(redis.keys("{sms}:outcomes:*"))


@contextmanager
def counted(redis: StoreRedis) -> Iterator[dict[str, int]]:
    """How often each command ran meanwhile, in a script or outside."""
    before, calls = redis.info("commandstats"), {}
    yield calls
    after = redis.info("commandstats")
    for name, stats in after.items():
        ran = stats["calls"] - before.get(name, {"calls": 0})["calls"]
        if ran and not name.startswith("cmdstat_info"):
            calls[name.removeprefix("cmdstat_")] = ran


def fail(records: Records, message_id: str) -> None:
    begin(records, message_id)
    change = answer(records, message_id, 1, REFUSED)
    assert change is not None
    assert change.after.state is State.FAILED


def test_each_kind_of_outcome_goes_to_the_sink_that_wants_it(records: Records, door: Enqueuer, redis: StoreRedis) -> None:
    failed, submitted = (door.enqueue(job(app="shop")).message_id for _ in range(2))
    fail(records, failed)
    begin(records, submitted)
    answer(records, submitted, 1, ACCEPTED)
    [of_webhook], [of_celery] = told(redis, "shop.webhook"), told(redis, "shop.celery")
    assert (of_webhook.message_id, of_webhook.state, of_webhook.code) == (failed, State.FAILED, "0003")
    assert (of_celery.message_id, of_celery.state, of_celery.attempt) == (submitted, State.SUBMITTED, 1)


def test_an_outcome_is_due_when_it_happens_and_the_record_says_which_it_was(
    records: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job(app="shop")).message_id
    fail(records, message_id)
    reading = records.read(message_id)
    assert reading is not None
    [(wire, due)] = redis.zrange(KEYS.outcomes("shop.webhook"), 0, -1, withscores=True)
    outcome = Outcome.decode(wire)
    assert due == outcome.at == reading.record.timeline[-1].at
    assert reading.record.outcome == (outcome.revision, 3)
    assert Outcome.last_of(reading.record) == outcome


@pytest.mark.parametrize("app", ["crm", "default", "nobody"])
def test_an_app_that_does_not_want_it_is_told_nothing(records: Records, door: Enqueuer, redis: StoreRedis, app: str) -> None:
    message_id = door.enqueue(job(app=app)).message_id
    fail(records, message_id)
    assert outboxes(redis) == set()
    assert not redis.hexists(KEYS.message(message_id), "out")


def test_a_change_knows_what_was_told_without_reading(records: Records, door: Enqueuer) -> None:
    for app in ("shop", "default"):
        message_id = door.enqueue(job(app=app)).message_id
        begin(records, message_id)
        change, reading = answer(records, message_id, 1, REFUSED), records.read(message_id)
        assert change is not None
        assert reading is not None
        assert change.after == reading.record


def test_without_the_file_the_store_is_asked_which_sink_it_is(door: Enqueuer, redis: StoreRedis) -> None:
    PublishedSinks(redis).publish(APPS.sinks)
    without_file = Records(redis, RETENTION)
    withdrawn, failed = (door.enqueue(job(app="shop")).message_id for _ in range(2))
    changed(without_file, withdrawn, lambda reading: cancelled(reading.record))
    fail(without_file, failed)
    assert [one.message_id for one in told(redis, "shop.celery")] == [withdrawn]
    assert [one.message_id for one in told(redis, "shop.webhook")] == [failed]


@pytest.mark.parametrize("published", [APPS, NO_APPS])
def test_without_the_file_an_app_without_a_sink_is_told_nothing(door: Enqueuer, redis: StoreRedis, published: Apps) -> None:
    PublishedSinks(redis).publish(published.sinks)
    message_id = door.enqueue(job()).message_id
    change = changed(Records(redis, RETENTION), message_id, lambda reading: cancelled(reading.record))
    assert change is not None
    assert change.after.outcome is None
    assert outboxes(redis) == set()


def test_a_sink_costs_one_write_and_no_sink_costs_nothing(door: Enqueuer, redis: StoreRedis) -> None:
    def whole_life(records: Records, app: str) -> dict[str, int]:
        message_id = door.enqueue(job(app=app)).message_id
        with counted(redis) as calls:
            fail(records, message_id)
        return calls

    with_file = Records(redis, RETENTION, APPS)
    whole_life(with_file, "shop")  # the server knows the script
    plain = whole_life(Records(redis, RETENTION, NO_APPS), "shop")
    assert whole_life(with_file, "default") == plain
    assert whole_life(with_file, "shop") == plain | {"zadd": plain["zadd"] + 1}
    assert whole_life(Records(redis, RETENTION), "default") == plain | {"hget": plain.get("hget", 0) + 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda records, one: changed(records, one, lambda reading: lifecycle.noted(reading.record, 1, "report older", "503")),
        lambda records, one: changed(records, one, lambda reading: lifecycle.replayed(reading.record, reading.now)),
    ],
)
def test_a_note_and_a_replay_tell_nothing(
    records: Records, door: Enqueuer, redis: StoreRedis, change: Callable[[Records, str], object]
) -> None:
    message_id = door.enqueue(job(app="shop")).message_id
    fail(records, message_id)
    before = told(redis, "shop.webhook")
    change(records, message_id)
    assert told(redis, "shop.webhook") == before
    reading = records.read(message_id)
    assert reading is not None
    assert Outcome.last_of(reading.record) == before[0]


def test_a_transition_that_is_not_applied_tells_nothing(records: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job(app="shop")).message_id
    old = records.read(message_id)
    assert old is not None
    begin(records, message_id)
    withdrawn = cancelled(old.record)
    assert withdrawn is not None
    assert records.apply(old.record, withdrawn) is None
    assert outboxes(redis) == set()


def test_an_app_whose_name_ends_as_a_sink_does_is_told_in_its_own_outbox(door: Enqueuer, redis: StoreRedis) -> None:
    apps = Apps({name: App(name, webhook=WEBHOOK) for name in ("shop", "shop.webhook")})
    for records in (Records(redis, RETENTION, apps), Records(redis, RETENTION)):
        PublishedSinks(redis).publish(apps.sinks)
        fail(records, door.enqueue(job(app="shop.webhook")).message_id)
    assert len(told(redis, "shop.webhook.webhook")) == 2
    assert told(redis, "shop.webhook") == []


def test_a_record_with_tags_and_an_outcome_stays_compact(records: Records, door: Enqueuer, redis: StoreRedis) -> None:
    tags = {f"key{number}": "x" * 40 for number in range(5)}
    message_id = door.enqueue(job(app="shop", tags=tags)).message_id
    begin(records, message_id)
    answer(records, message_id, 1, REFUSED)
    assert redis.object("encoding", KEYS.message(message_id)) == "listpack"
