"""SMSRELAY_ONLY_TO: nobody but the listed numbers is texted, whoever enqueues and whatever the workers find."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from smsrelay import Accepted, AsyncEnqueuer, Enqueuer, ProducerSettings, Refused, Rejection, SendJob, SettingsError, State
from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.messages.timeline import describe_timeline
from smsrelay_worker.operations.doctor.settings import only_to
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.tasks import TaskCall, Tasks
from smsrelay_worker.wiring import Relay
from tests.support.messages import POLICY, sending
from tests.support.scripted_vendor import scripted_vendor, yisha

OURS, ABROAD, STRANGER = "+8613912345678", "+447400123456", "13800138000"
LISTED = "139 1234 5678, +44 7400 123456"


def settings(url: str, **given: Any) -> ProducerSettings:
    values = {"store_url": url, "broker_url": url, "number_keys": "0123456789abcdef", "only_to": LISTED}
    return ProducerSettings(_env_file=None, **values | given)


def job(to: str, **changes: Any) -> SendJob:
    return SendJob(**{"to": to, "template": "0000000", "lane": "notice"} | changes)


def test_the_numbers_are_read_however_people_write_them(valkey_url: str) -> None:
    assert settings(valkey_url).only_to_numbers == {OURS, ABROAD}
    assert settings(valkey_url, only_to=None).only_to_numbers is None
    with pytest.raises(SettingsError, match="SMSRELAY_ONLY_TO") as caught:
        settings(valkey_url, only_to=f"{OURS},1391234567")
    assert "1391234567" not in str(caught.value)


def test_any_other_number_is_refused_without_being_quoted(valkey_url: str) -> None:
    with Enqueuer.connect(settings(valkey_url)) as enqueuer:
        assert enqueuer.enqueue(job(OURS)).new
        with pytest.raises(Rejection, match="SMSRELAY_ONLY_TO") as caught:
            enqueuer.enqueue(job(STRANGER))
        assert STRANGER not in str(caught.value)
        with pytest.raises(Rejection, match=r"\[1\]\.to"):
            enqueuer.enqueue_all([job(ABROAD), job(STRANGER)])
        results = list(enqueuer.enqueue_many([job(ABROAD), job(STRANGER)]))
    assert [type(one) for one in results] == [Accepted, Refused]


def test_an_event_loop_refuses_the_same(valkey_url: str) -> None:
    async def play() -> None:
        async with AsyncEnqueuer.connect(settings(valkey_url)) as enqueuer:
            assert (await enqueuer.enqueue(job(OURS))).new
            with pytest.raises(Rejection, match="SMSRELAY_ONLY_TO"):
                await enqueuer.enqueue(job(STRANGER))
            assert (await enqueuer.enqueue(job(STRANGER), test=True)).new  # never reaches the vendor, so whoever it is to

    asyncio.run(play())


def test_a_whole_job_from_elsewhere_is_refused_by_the_worker(valkey_url: str) -> None:
    values = {"store_url": valkey_url, "broker_url": valkey_url, "secret": "s" * 16, "appcode": "a", "only_to": OURS}
    relay = Relay.wire(WorkerSettings(_env_file=None, **values))
    with capture_logs() as told:
        said = Tasks(relay).send(TaskCall((job(STRANGER).encode(),), {}, "5e1f2f0e-8b1c-4d0e-9b7a-0a1b2c3d4e5f"))
    assert said.startswith("refused: to: is not a number that SMSRELAY_ONLY_TO lists")
    assert STRANGER not in said + str(told)


def test_a_worker_submits_to_no_other_number_whoever_accepted_it(valkey_url: str, redis: StoreRedis, store: Records) -> None:
    with Enqueuer.connect(settings(valkey_url, only_to=None)) as enqueuer:
        ids = [enqueuer.enqueue(job(to, lane=Lane.OTP)).message_id for to in (OURS, STRANGER, ABROAD)]
    with scripted_vendor() as script, yisha(script.url) as vendor:
        sender = sending(store, redis, vendor, only_to=settings(valkey_url).only_to_numbers)
        sender.attempt(ids)
        sender.attempt(ids[1:2])
        assert len(script.received) == 2
    records = [reading.record for one in ids if (reading := store.read(one))]
    assert [record.state for record in records] == [State.SUBMITTED, State.FAILED, State.SUBMITTED]
    assert "does not list its number" in describe_timeline(records[1], POLICY)[-1].text
    assert records[1].attempt == 0


def test_doctor_says_that_only_some_numbers_are_texted() -> None:
    assert only_to(None) == []
    [finding] = only_to({OURS, ABROAD})
    assert "2 number(s)" in finding.problem
    assert OURS not in finding.problem + str(finding)


def test_no_text_of_the_settings_shows_the_numbers(valkey_url: str, tmp_path: Path) -> None:
    assert "1391234" not in repr(settings(valkey_url))
