"""Callbacks nobody could read: kept in a real store, listed, shown, and read again by ``smsrelay dead``."""

import json

import pytest

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.receiver.refused_requests import Refusal
from smsrelay.receiver.spool import Spool
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.refusal_counts import RefusalCounts
from smsrelay.store.unreadable_callbacks import CAP, KEPT_FOR, UnreadableCallbacks
from smsrelay_worker.operations.doctor.traffic.callback import stored_callbacks
from smsrelay_worker.store.kept_counts import KeptCounts
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.integration.operations.test_dead import dead
from tests.support.store_keys import KEYS

TOKEN = CallbackToken("m1", 2)
NUMBER = "13800138000"
NOW = 1_700_000_000_000


def unread(body: object, at: int = NOW, token: CallbackToken = TOKEN) -> UnreadableCallback:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return UnreadableCallback(token, at, "no object with a status code; {result: text}", raw, "application/json")


@pytest.fixture
def callbacks(redis: StoreRedis) -> UnreadableCallbacks:
    return UnreadableCallbacks(redis)


@pytest.mark.parametrize("body", [b"", "失败".encode(), b"\xff\x00\xfe", b'{"a":"\\ud800"}'])
def test_a_callback_survives_the_wire_whatever_its_bytes(body: bytes) -> None:
    kept = unread(body)
    assert UnreadableCallback.decode(json.loads(json.dumps(kept.encode()))) == kept


@pytest.mark.parametrize("wire", [None, [], "x", {}, {"unread": 1}, {**unread({}).encode(), "attempt": "x"}, {"text": 1}])
def test_what_is_not_a_kept_callback_is_refused(wire: object) -> None:
    with pytest.raises(Rejection):
        UnreadableCallback.decode(wire)


def test_the_repr_shows_nothing_of_the_body() -> None:
    assert NUMBER not in repr(unread({"mobile": NUMBER}))


def test_kept_twice_it_is_one_entry_and_the_newest_comes_first(callbacks: UnreadableCallbacks, redis: StoreRedis) -> None:
    first, second = unread({"n": 1}), unread({"n": 2}, NOW + 1)
    callbacks.keep([first, second])
    callbacks.keep([first])
    assert callbacks.all() == [second, first]
    assert 0 < redis.pttl(KEYS.unreadable_callbacks) <= KEPT_FOR
    callbacks.drop(first)
    assert callbacks.all() == [second]


def test_the_oldest_callbacks_go_when_they_are_too_many_or_too_old(callbacks: UnreadableCallbacks, redis: StoreRedis) -> None:
    callbacks.keep([unread({"n": number}, NOW + number) for number in range(CAP + 5)])
    assert redis.zcard(KEYS.unreadable_callbacks) == CAP
    assert callbacks.all()[-1].received_at == NOW + 5
    late = unread({"n": "late"}, NOW + KEPT_FOR + 10_000)
    callbacks.keep([late])
    assert callbacks.all()[-1].received_at >= NOW + 10_000


def test_in_the_spool_they_keep_their_place_among_the_reports(tmp_path: object) -> None:
    spool = Spool(tmp_path, 10)  # type: ignore[arg-type]
    put = [StatusEvent(message_id="m1", attempt=1, code="200", received_at=1), unread(b"\xff"), unread({"a": 1})]
    spool.put(put)
    assert [one.event for one in spool.oldest(10)] == put
    spool.close()


def test_a_callback_is_listed_and_shown_without_its_body_unless_that_is_asked_for(
    callbacks: UnreadableCallbacks, valkey_url: str
) -> None:
    callbacks.keep([kept := unread({"mobile": NUMBER, "result": "DELIVRD"})])
    listed = dead(valkey_url, "list").stdout
    shown = dead(valkey_url, "show", kept.kept_id).stdout
    for said in (listed, shown, dead(valkey_url, "list", "--json").stdout):
        assert kept.kept_id in said
        assert "callback" in said
        assert NUMBER not in said
    assert "reason   no object with a status code; {result: text}; message m1, attempt 2" in shown
    assert f'{{"mobile": "{NUMBER}", "result": "DELIVRD"}}' in dead(valkey_url, "show", kept.kept_id, "--body").stdout


def test_a_callback_that_is_still_unreadable_is_kept(callbacks: UnreadableCallbacks, valkey_url: str, redis: StoreRedis) -> None:
    callbacks.keep([kept := unread({"result": "DELIVRD"})])
    said = dead(valkey_url, "replay", kept.kept_id)
    assert (said.returncode, "not replayed, still unreadable" in said.stdout) == (1, True)
    assert callbacks.all() == [kept]
    assert redis.hlen(KEYS.reports) == 0


def test_a_callback_that_can_now_be_read_is_queued_with_the_time_at_which_it_came(
    callbacks: UnreadableCallbacks, valkey_url: str, redis: StoreRedis
) -> None:
    callbacks.keep([unread([{"status": {"code": 203}}, {"status": {"code": 200}}])])
    assert "would be queued" in dead(valkey_url, "replay", "--all", "--dry-run").stdout
    assert len(callbacks.all()) == 1
    said = dead(valkey_url, "replay", "--all")
    assert (said.returncode, "queued: 2 report(s)" in said.stdout) == (0, True)
    assert callbacks.all() == []
    assert [(event.attempt, event.code, event.received_at) for event in Inbox(redis).waiting("m1", None)] == [
        (2, "200", NOW),
        (2, "203", NOW),
    ]


def test_of_a_callback_that_is_read_in_part_the_reports_are_queued_and_it_is_kept(
    callbacks: UnreadableCallbacks, valkey_url: str, redis: StoreRedis
) -> None:
    callbacks.keep([kept := unread([{"status": {"code": 200}}, {"status": {}}])])
    said = dead(valkey_url, "replay", kept.kept_id)
    assert (said.returncode, "replayed in part: 1 of 2 reports" in said.stdout) == (1, True)
    assert callbacks.all() == [kept]
    assert redis.hlen(KEYS.reports) == 1


def test_replaying_a_callback_by_its_id_matches_reports_on_several_submits_by_the_vendors_ids(
    callbacks: UnreadableCallbacks, valkey_url: str, redis: StoreRedis
) -> None:
    callbacks.keep([one := unread([{"external_id": f"e{number}", "code": 200} for number in range(2)])])
    assert dead(valkey_url, "replay", "--all").returncode == 1  # that vouches for none in particular
    assert dead(valkey_url, "replay", one.kept_id).returncode == 0
    kept = [json.loads(wire) for wire in redis.hvals(KEYS.reports)]
    assert {(one.get("message_id"), one["external_id"]) for one in kept} == {(None, "e0"), (None, "e1")}


def test_unreadable_jobs_and_callbacks_are_in_one_list(
    callbacks: UnreadableCallbacks, undecodable: UndecodableTasks, valkey_url: str
) -> None:
    undecodable.keep("sms.send", "was wrong then", "{}")
    callbacks.keep([kept := unread({"result": 1})])
    rows = [json.loads(line) for line in dead(valkey_url, "list", "--json").stdout.splitlines()]
    assert [row["queue"] for row in rows] == ["sms.send", "callback"]
    assert dead(valkey_url, "list", "--hours", "1", "--json").stdout.count("kept_id") == 1
    assert kept.kept_id not in dead(valkey_url, "list", "--lane", "otp").stdout


def test_the_doctor_finds_kept_callbacks_and_rejected_requests(callbacks: UnreadableCallbacks, redis: StoreRedis) -> None:
    counts = RefusalCounts(redis, lambda: NOW)
    assert stored_callbacks(redis, NOW) == []
    counts.add({Refusal.STRANGE_PATH.value: 1000})  # scanners
    assert stored_callbacks(redis, NOW) == []
    callbacks.keep([unread({"n": 1})])
    counts.add({Refusal.CHANGED_PATH.value: 2, Refusal.WRONG_PROOF.value: 1})
    counts.add({Refusal.CHANGED_PATH.value: 1})
    told = [found.problem for found in stored_callbacks(redis, NOW)]
    assert [problem.split(" ")[0] for problem in told] == ["1", "3"]
    assert "2023-11-14 22:13:20" in told[0]
    assert KeptCounts(redis).read().callbacks == 1
    assert 0 < redis.ttl(KEYS.refused_callbacks) <= 24 * 3600


def test_counting_refusals_does_not_fail_while_the_store_is_unavailable(closed_port: int) -> None:
    away = open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0"))
    RefusalCounts(away, lambda: NOW).add({Refusal.CHANGED_PATH.value: 1})
