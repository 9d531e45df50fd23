"""``smsrelay dead``, as an operator uses it, on a real store."""

import base64
import json
import subprocess
import time
from typing import Any

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.apply import Applied
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.operations.dead_letters import DeadLetters
from smsrelay_worker.store.undecodable import Undecodable, UndecodableTasks
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.forked_command import run_command
from tests.support.messages import NUMBER_KEY, POLICY, RETENTION, answer, begin, changed, job
from tests.support.queues import published_ids
from tests.support.store_keys import KEYS


def dead(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(url, "dead", *arguments)


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "SMSRELAY_BROKER_URL": url,
        "SMSRELAY_STORE_URL": url,
        "SMSRELAY_NUMBER_KEYS": NUMBER_KEY,
    }
    return run_command(arguments, environment)


def refused(store: Records, door: Enqueuer, lane: Lane = Lane.NOTICE, **fields: object) -> str:
    message_id = door.enqueue(job(lane, **fields)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    return message_id


def state(store: Records, message_id: str) -> State:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.state


def test_what_failed_is_listed_newest_first_and_filtered(store: Records, door: Enqueuer, valkey_url: str) -> None:
    first, second = refused(store, door), refused(store, door, Lane.OTP, app="shop")
    listed = [json.loads(line)["message_id"] for line in dead(valkey_url, "list", "--json").stdout.splitlines()]
    assert listed == [second, first]
    for arguments in (["--lane", "otp"], ["--app", "shop"]):
        [only] = dead(valkey_url, "list", "--json", *arguments).stdout.splitlines()
        assert json.loads(only)["message_id"] == second
    assert dead(valkey_url, "list", "--json", "--code", "504").stdout == ""
    assert "i005" in dead(valkey_url, "list").stdout


def test_the_vendors_message_is_shown_wherever_a_refused_message_is(store: Records, door: Enqueuer, valkey_url: str) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005", message="号码…发送频率超限"))
    [listed] = [json.loads(line) for line in dead(valkey_url, "list", "--json").stdout.splitlines()]
    assert listed["vendor_message"] == "号码…发送频率超限"
    assert listed["why"].endswith("; the vendor said: 号码…发送频率超限")
    for shown in (dead(valkey_url, "list"), dead(valkey_url, "show", message_id), command(valkey_url, "why", message_id)):
        assert "发送频率超限" in shown.stdout
    told = json.loads(command(valkey_url, "show", message_id, "--json").stdout)
    assert told["vendor_message"] == "号码…发送频率超限"
    assert [line["text"] for line in told["timeline"] if "the vendor said" in line["text"]] == [listed["why"]]


def test_a_dry_run_says_what_a_replay_would_do_and_does_nothing(store: Records, door: Enqueuer, valkey_url: str) -> None:
    message_id = refused(store, door)
    said = dead(valkey_url, "replay", "--all", "--dry-run")
    assert (said.returncode, said.stdout.split()) == (0, [message_id, "would", "be", "queued"])
    assert state(store, message_id) is State.FAILED


def test_a_replay_whose_answer_was_lost_and_that_failed_meanwhile_is_not_replayed_once_more(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    message_id = refused(store, door)

    class Lossy(Records):
        """The store's word of the replay is lost, and a worker is quick."""

        def apply(self, record: Record, transition: Transition, *, durable: bool = False) -> Applied | None:
            super().apply(record, transition, durable=durable)
            begin(store, message_id)
            answer(store, message_id, 2, Answer(Kind.ANSWERED, "i005"))
            return None

    said = DeadLetters(Lossy(redis, RETENTION), door).replay(message_id)
    assert said == "its state changed in the meantime: it is failed"
    reading = store.read(message_id)
    assert reading is not None
    assert (reading.record.state, reading.record.attempt) == (State.FAILED, 2)


def test_a_replay_is_a_new_attempt_with_its_reason_in_the_timeline(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str
) -> None:
    message_id = refused(store, door)
    redis.delete(Lane.NOTICE.queue)
    assert dead(valkey_url, "replay", message_id).returncode == 0
    assert redis.llen(Lane.NOTICE.queue) == 1
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.timeline[-1].rule == "replay"
    begun = begin(store, message_id)
    assert begun is not None
    assert begun.transition is not None
    assert begun.transition.attempt == 2


def test_a_message_that_is_not_dead_is_not_replayed(store: Records, door: Enqueuer, valkey_url: str) -> None:
    alive = door.enqueue(job()).message_id
    said = dead(valkey_url, "replay", alive)
    assert (said.returncode, "it is queued" in said.stdout) == (1, True)
    assert dead(valkey_url, "replay", "nobody").returncode == 1
    assert dead(valkey_url, "replay").returncode == 2


def test_a_job_that_was_kept_twice_because_its_worker_died_in_between_is_replayed_as_one_message(
    undecodable: UndecodableTasks, redis: StoreRedis, valkey_url: str
) -> None:
    body = json.dumps({"to": "13800138000", "template": "0000000", "params": ["4711"], "lane": "otp"})
    for _ in range(2):
        undecodable.keep("sms.send", "lane: was wrong then", body, "the task's id")
    assert [dead(valkey_url, "replay", "--all").returncode for _ in range(2)] == [0, 0]
    assert len(set(published_ids(redis, Lane.OTP))) == 1
    assert undecodable.all() == []


def test_an_unreadable_job_is_kept_shown_and_replayed(undecodable: UndecodableTasks, redis: StoreRedis, valkey_url: str) -> None:
    body = {"to": "13800138000", "template": "0000000", "params": ["4711"], "lane": "otp"}
    undecodable.keep("sms.send", "lane: was wrong then", json.dumps(body))
    kept = only_kept(undecodable)
    listed = dead(valkey_url, "list").stdout
    assert kept.kept_id in listed
    assert "13800138000" not in listed
    assert "13800138000" not in dead(valkey_url, "show", kept.kept_id).stdout
    assert "13800138000" in dead(valkey_url, "show", kept.kept_id, "--body").stdout
    assert dead(valkey_url, "replay", kept.kept_id).returncode == 0
    assert redis.llen(Lane.OTP.queue) == 1
    assert undecodable.all() == []


def test_terminal_control_characters_are_shown_escaped(undecodable: UndecodableTasks, valkey_url: str) -> None:
    undecodable.keep("sms.send", "no \x1b[2Jjob", "\x1b]0;owned\x07您的\u3000验证码\r\n\tend\x9b5m\u202e\rover")
    said = dead(valkey_url, "show", only_kept(undecodable).kept_id, "--body").stdout
    assert said.endswith("\\x1b]0;owned\\x07您的\u3000验证码\n\tend\\x9b5m\\u202e\\rover\n")
    assert "reason   no \\x1b[2Jjob" in said
    assert "\x1b" not in dead(valkey_url, "list").stdout


JOB = {"to": "13800138000", "template": "0000000", "params": ["4711"], "lane": "notice"}


def test_all_replays_messages_and_unreadable_jobs_and_reports_each_result(
    store: Records, undecodable: UndecodableTasks, door: Enqueuer, valkey_url: str
) -> None:
    message_id = refused(store, door)
    readable, unreadable = keep(undecodable, JOB), keep(undecodable, "cut JS", raw=True)
    dry = dead(valkey_url, "replay", "--all", "--dry-run")
    assert [line.split("  ")[1] for line in dry.stdout.splitlines()][::2] == ["would be queued", "would be queued"]
    assert len(undecodable.all()) == 2
    said = dead(valkey_url, "replay", "--all")
    assert said.returncode == 1
    told = dict(line.split("  ", 1) for line in said.stdout.splitlines())
    assert told[message_id] == "queued"
    assert told[readable].startswith("queued as ")
    assert told[unreadable].startswith("not replayed: not a job")
    assert "2 of 3 replayed" in said.stderr
    assert only_kept(undecodable).kept_id == unreadable
    assert state(store, told[readable].removeprefix("queued as ")) is State.QUEUED


def test_a_replay_that_matches_nothing_says_so(valkey_url: str) -> None:
    said = dead(valkey_url, "replay", "--all")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "nothing matches\n")


@pytest.mark.parametrize("wrong", [("--hours", "nan"), ("--hours", "inf"), ("--hours", "-1"), ("--limit", "-1")])
def test_an_option_out_of_range_is_refused(valkey_url: str, wrong: tuple[str, str]) -> None:
    said = dead(valkey_url, "list", *wrong)
    assert (said.returncode, said.stdout) == (2, "")
    assert wrong[0] in said.stderr
    assert "Traceback" not in said.stderr


def test_filters_leave_unreadable_jobs_out_and_count_them(
    store: Records, undecodable: UndecodableTasks, door: Enqueuer, valkey_url: str
) -> None:
    refused(store, door)
    kept = keep(undecodable, JOB)
    listed = dead(valkey_url, "list", "--lane", "notice").stdout
    assert kept not in listed
    assert "1 unreadable jobs, tasks or callbacks are not shown; they cannot be selected by --lane" in listed
    assert kept in dead(valkey_url, "list", "--hours", "1").stdout
    replayed = dead(valkey_url, "replay", "--lane", "notice")
    assert "1 unreadable jobs, tasks or callbacks were left out" in replayed.stderr
    assert only_kept(undecodable).kept_id == kept
    limited = dead(valkey_url, "list", "--limit", "0", "--json")
    assert limited.stdout == ""
    assert "1 unreadable jobs, tasks or callbacks are not shown; raise --limit to see them" in limited.stderr


@pytest.mark.parametrize(
    "wire",
    [
        [[JOB], {}, {}],
        [[], {"job": JOB}, {}],
        [[], JOB, None],
        [[JOB], None, None],
        [[JOB], [], []],
        {"task": "sms.send", "id": "1", "args": [JOB], "kwargs": {}},
        {"args": [], "kwargs": {"job": JOB}},
        {"body": json.dumps([[JOB], {}, {}]), "headers": {}},
        {"body": base64.b64encode(json.dumps([[JOB], {}, {}]).encode()).decode(), "properties": {"body_encoding": "base64"}},
    ],
)
def test_a_job_is_unwrapped_from_every_form_it_was_kept_in(undecodable: UndecodableTasks, valkey_url: str, wire: Any) -> None:
    said = dead(valkey_url, "replay", keep(undecodable, wire))
    assert "  queued as " in said.stdout
    assert undecodable.all() == []


def test_a_binary_body_is_shown_as_base64_and_can_be_recovered(undecodable: UndecodableTasks, valkey_url: str) -> None:
    body = json.dumps([[JOB], {}, {}], ensure_ascii=False).encode("gb18030") + b"\xff"
    kept_id = undecodable.keep("sms.send", "undecodable body", body)
    said = dead(valkey_url, "show", kept_id, "--body").stdout
    assert f"{len(body)} bytes that are not text, kept as base64" in said
    assert base64.b64decode(said.splitlines()[-1]) == body
    assert kept_id in dead(valkey_url, "list").stdout
    replayed = dead(valkey_url, "replay", kept_id)
    assert (replayed.returncode, "its body is not JSON" in replayed.stdout) == (1, True)
    assert only_kept(undecodable).kept_id == kept_id


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_job_in_another_encoding_of_json_is_read_again(undecodable: UndecodableTasks, valkey_url: str, encoding: str) -> None:
    kept_id = undecodable.keep("sms.send", "undecodable body", json.dumps([[JOB], {}, {}]).encode(encoding))
    assert "  queued as " in dead(valkey_url, "replay", kept_id).stdout
    assert undecodable.all() == []


def test_a_kept_report_is_read_again_as_a_report(undecodable: UndecodableTasks, redis: StoreRedis, valkey_url: str) -> None:
    event = StatusEvent(message_id="m1", attempt=1, code="200", received_at=1)
    undecodable.keep(STATUS_QUEUE, "was wrong then", json.dumps(event.encode()))
    assert dead(valkey_url, "replay", "--all").returncode == 0
    assert redis.hlen(KEYS.reports) == 1
    assert undecodable.all() == []


def test_a_kept_job_does_not_outlive_the_deadline_it_would_have_had(
    undecodable: UndecodableTasks, redis: StoreRedis, valkey_url: str
) -> None:
    kept_id = keep(undecodable, JOB | {"expires_in": 60})
    old = json.loads(redis.lpop(KEYS.undecodable)) | {"at": time.time_ns() // 1_000_000 - 61_000}
    redis.lpush(KEYS.undecodable, json.dumps(old))
    for flags in ([], ["--dry-run"]):
        said = dead(valkey_url, "replay", kept_id, *flags)
        assert (said.returncode, "counted from when it was kept" in said.stdout) == (1, True)
    assert only_kept(undecodable).kept_id == kept_id


def test_expired_messages_have_a_list_of_their_own(store: Records, door: Enqueuer, valkey_url: str) -> None:
    message_id = door.enqueue(job()).message_id
    changed(store, message_id, lambda reading: lifecycle.expired(reading.record, POLICY))
    plain = dead(valkey_url, "list")
    assert message_id not in plain.stdout
    assert "1 messages expired; --expired lists them" in plain.stdout
    [row] = [json.loads(line) for line in dead(valkey_url, "list", "--expired", "--json").stdout.splitlines()]
    assert (row["message_id"], row["state"], row["replayable"]) == (message_id, "expired", False)
    late = lifecycle.noted(read(store, message_id), 0, "late", "200")
    store.apply(read(store, message_id), late)
    assert len(dead(valkey_url, "list", "--expired", "--json").stdout.splitlines()) == 1


def test_show_prints_the_timeline_of_a_message(store: Records, door: Enqueuer, valkey_url: str) -> None:
    said = dead(valkey_url, "show", refused(store, door)).stdout
    assert "state     failed after 1 attempt(s)" in said
    assert "replay    possible" in said
    assert dead(valkey_url, "show", "nobody").returncode == 1


def keep(undecodable: UndecodableTasks, wire: Any, raw: bool = False) -> str:
    undecodable.keep("sms.send", "was wrong then", wire if raw else json.dumps(wire))
    return undecodable.all()[0].kept_id


def only_kept(undecodable: UndecodableTasks) -> Undecodable:
    [kept] = undecodable.all()
    return kept


def read(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record
