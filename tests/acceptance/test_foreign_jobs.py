"""Whole jobs from apps without our library, as plain Celery messages in JSON: published, taken, refused."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection

from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from tests.support.processes import TOGETHER, pids
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

APP = "foreign"


@pytest.fixture
def broker(relay: RelayProcess) -> Iterator[Connection]:
    with Connection(relay.environment["SMSRELAY_BROKER_URL"]) as connection:
        yield connection


@pytest.mark.parametrize("spread", [False, True], ids=["kwargs: job", "kwargs: its fields"])
def test_a_job_written_by_hand_is_delivered(relay: RelayProcess, broker: Connection, spread: bool) -> None:
    job = _job()
    _publish(broker, [[], job if spread else {"job": job}, {}])
    _delivered_once(relay, job)


@pytest.mark.parametrize("nothing", [None, [], {}], ids=["Go: null", "PHP: a list", "Lua: an object"])
def test_a_job_with_nothing_spelled_in_another_language_is_delivered(
    relay: RelayProcess, broker: Connection, nothing: Any
) -> None:
    by_protocol_2, by_protocol_1 = (_job() | {"params": nothing, "tags": nothing, "not_before": None} for _ in range(2))
    _publish(broker, [[by_protocol_2], nothing, nothing])
    named = {"task": "sms.send", "id": str(uuid.uuid4())}
    with broker.Producer(serializer="json") as producer:
        producer.publish(named | {"args": [by_protocol_1], "kwargs": nothing}, routing_key="sms.otp")
    for job in (by_protocol_2, by_protocol_1):
        _delivered_once(relay, job | {"params": []})


def test_the_same_foreign_job_twice_sends_once(relay: RelayProcess, broker: Connection) -> None:
    job = _job()
    for _ in range(2):
        _publish(broker, [[job], {}, {}])
    _delivered_once(relay, job)


def test_a_wrong_foreign_job_is_kept_for_a_person_and_harms_nobody(relay: RelayProcess, broker: Connection) -> None:
    landline = "+8602012345678"
    _publish(broker, [[_job() | {"to": landline}], {}, {}])
    kept = eventually(lambda: _kept(relay.redis, landline), "the job is kept")
    assert kept["queue"] == "sms.send"
    assert kept["reason"].startswith("to: ")
    assert landline not in kept["reason"]
    good = _job()
    _publish(broker, [[good], {}, {}])
    _delivered_once(relay, good)
    assert landline.removeprefix("+86") not in (relay.data / "worker.log").read_text("utf-8")
    [told] = eventually(lambda: _told(relay, kept), "the log tells it")
    assert (told["level"], told["event"]) == ("error", "refused and kept as undecodable")
    assert (told["queue"], told["reason"]) == ("sms.send", kept["reason"])
    assert uuid.UUID(told["task_id"])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ('[[{"to": "13', {}),
        ([[{"to": "x"}], {}, {}], {"task": "sms.unheard_of"}),
        ({"to": "x"}, {"task": None}),
        ([[], {}, {}], {}),
        ([["not a job"], {}, {}], {}),
    ],
    ids=["cut JSON", "unknown task", "no Celery task", "no job", "a text"],
)
def test_what_is_no_job_at_all_is_kept_for_a_person_and_harms_nobody(
    relay: RelayProcess, broker: Connection, body: Any, headers: dict[str, Any]
) -> None:
    before = relay.redis.llen(KEYS.undecodable)
    _publish(broker, body, **headers)
    eventually(lambda: relay.redis.llen(KEYS.undecodable) == before + 1, "it is kept")
    kept = json.loads(relay.redis.lindex(KEYS.undecodable, 0))
    [told] = eventually(lambda: _told(relay, kept), "the log tells it")
    assert told["reason"] == kept["reason"]
    assert uuid.UUID(told["task_id"])
    good = _job()
    _publish(broker, [[good], {}, {}])
    _delivered_once(relay, good)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ([[{"to": "x"}], {}, {}], {"task": "celery.starmap"}),
        ([[{"to": "x"}], {}, {}], {"task": "celery.chord_unlock", "origin": "smsrelay"}),
        ([[], {"task": "x", "self": "y"}, {}], {}),
        ([[], {"ids": None}, {}], {"task": "sms.attempt"}),
        ([[], {"ids": [7]}, {}], {"task": "sms.attempt"}),
        ([[], {"id": "x"}, {}], {"task": "sms.attempt", "origin": "smsrelay"}),
        ([["a", "b"], {}, {}], {"task": "sms.attempt"}),
        ([[], {"evnt": {}}, {}], {"task": "sms.status"}),
        ([[], {"self": {}, "task": {}}, {}], {"task": "sms.status"}),
        ([[], {"message": "x"}, {}], {"task": "sms.pull"}),
        ([[], {"sink": 5}, {}], {"task": "sms.outcome"}),
        ([[], {"sink": "x", "test": "13912345678"}, {}], {"task": "sms.outcome"}),
    ],
)
def test_a_task_with_a_name_or_arguments_that_are_not_ours_is_kept_and_runs_nothing(
    relay: RelayProcess, broker: Connection, body: Any, headers: dict[str, Any]
) -> None:
    before = relay.redis.llen(KEYS.undecodable)
    _publish(broker, body, **headers)
    eventually(lambda: relay.redis.llen(KEYS.undecodable) == before + 1, "it is kept")
    _a_good_one_is_delivered(relay, broker)


@pytest.mark.parametrize(
    ("headers", "properties"),
    [
        ({"id": "\ud800"}, {}),
        ({"id": "\ud83d code"}, {}),
        ({"origin": "smsrelay", "stamped_headers": 5}, {}),
        ({"origin": "smsrelay", "stamped_headers": ["a"], "stamps": 5}, {}),
        ({"origin": "smsrelay", "eta": "yesterday", "expires": {}, "timelimit": "x", "retries": "many"}, {}),
        ({"origin": "smsrelay", "kwargsrepr": "\udfff", "argsrepr": 5}, {}),
        ({"root_id": 5, "parent_id": [], "group": {}, "delivery_info": 1, "shadow": 7, "replaced_task_nesting": "x"}, {}),
        ({}, {"correlation_id": "\ud800", "reply_to": "\ud800"}),
    ],
)
def test_a_job_whose_envelope_would_stop_celery_is_delivered_and_the_worker_lives(
    relay: RelayProcess, headers: dict[str, Any], properties: dict[str, Any]
) -> None:
    """Written as any client may write it: half an emoji is legal JSON."""
    workers, job = _workers(relay), _job()
    relay.redis.lpush("sms.otp", _item([[job], {}, {}], headers, properties))
    _delivered_once(relay, job)
    assert _workers(relay) == workers, "the worker did not live through it"


@pytest.mark.parametrize(
    ("changed", "properties"),
    [
        ({"content-type": "\ud800"}, {}),
        ({"content-type": "application/x-python-serialize"}, {}),
        ({}, {"body_encoding": "Base64"}),
    ],
)
def test_an_item_that_raises_on_its_way_to_a_task_is_kept_and_the_worker_lives(
    relay: RelayProcess, changed: dict[str, Any], properties: dict[str, Any]
) -> None:
    workers, before = _workers(relay), relay.redis.llen(KEYS.undecodable)
    item = json.loads(_item([[_job()], {}, {}], {}, properties)) | changed
    relay.redis.lpush("sms.otp", json.dumps(item))
    eventually(lambda: relay.redis.llen(KEYS.undecodable) == before + 1, "it is kept")
    assert _workers(relay) == workers, "the worker did not live through it"


@pytest.mark.parametrize("method", ["zlib", "bzip2", "xz"])
def test_a_packed_job_is_delivered_and_one_that_would_fill_the_memory_is_kept(
    relay: RelayProcess, broker: Connection, method: str
) -> None:
    before, job = relay.redis.llen(KEYS.undecodable), _job()
    with broker.Producer(serializer="json") as producer:
        for body in ([[_job() | {"params": ["0" * 2_000_000]}], {}, {}], [[job], {}, {}]):
            headers = {"lang": "go", "task": "sms.send", "id": str(uuid.uuid4())}
            producer.publish(body, routing_key="sms.otp", headers=headers, compression=method)
    _delivered_once(relay, job)
    eventually(lambda: relay.redis.llen(KEYS.undecodable) == before + 1, "it is kept")
    assert json.loads(relay.redis.lindex(KEYS.undecodable, 0))["reason"] == "undecodable body"


def _a_good_one_is_delivered(relay: RelayProcess, broker: Connection) -> None:
    good = _job()
    _publish(broker, [[good], {}, {}])
    _delivered_once(relay, good)


def _workers(relay: RelayProcess) -> list[int]:
    return pids(relay.data, TOGETHER)


def _item(body: Any, headers: dict[str, Any], properties: dict[str, Any]) -> str:
    described = {"lang": "go", "task": "sms.send", "id": str(uuid.uuid4())} | headers
    info = {"exchange": "", "routing_key": "sms.otp"}
    more = {"delivery_tag": str(uuid.uuid4()), "delivery_info": info, "body_encoding": "base64", "priority": 0}
    whole = {
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": described,
        "properties": more | properties,
    }
    return json.dumps(whole | {"body": base64.b64encode(json.dumps(body).encode()).decode()})


def _job() -> dict[str, Any]:
    return {
        "v": 1,
        "to": a_recipient(),
        "template": TEMPLATE,
        "params": [a_code(), "五分钟"],
        "lane": "otp",
        "app": APP,
        "reference": uuid.uuid4().hex,
    }


def _publish(broker: Connection, body: Any, **headers: Any) -> None:
    """As any Celery client does, protocol 2; a text as body goes out as it is."""
    task_id = str(uuid.uuid4())
    described = {"lang": "go", "task": "sms.send", "id": task_id} | headers
    as_it_is = {"content_type": "application/json", "content_encoding": "utf-8"} if isinstance(body, str) else {}
    with broker.Producer(serializer="json") as producer:
        producer.publish(body, routing_key="sms.otp", headers=described, correlation_id=task_id, **as_it_is)


def _delivered_once(relay: RelayProcess, job: dict[str, Any]) -> None:
    message_id = referenced_id(APP, job["reference"])
    eventually(lambda: relay.relay.records.read(message_id), "the job is recorded")
    relay.wait_state(message_id, State.DELIVERED)
    assert [submit.parameters for submit in relay.simulator.submits(job["to"])] == [tuple(job["params"])]


def _told(relay: RelayProcess, kept: dict[str, str]) -> list[dict[str, str]]:
    """Lines of the log about a kept job."""
    lines = (relay.data / "worker.log").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if kept["kept_id"] in line]


def _kept(redis: "StoreRedis", words: str) -> dict[str, str] | None:
    lines = [line for line in redis.lrange(KEYS.undecodable, 0, -1) if words in line]
    return json.loads(lines[0]) if lines else None
