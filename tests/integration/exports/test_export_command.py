"""``smsrelay export`` from a real store into a file, SQLite and PostgreSQL: what is written, and what is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.payload_cipher import PayloadCipher
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from smsrelay_worker.exports.columns import NAMES
from smsrelay_worker.messages import lifecycle
from tests.integration.exports.places import NdjsonPlace, Place, SqlitePlace
from tests.support.final_messages import RECIPIENT, cancel, failed, many, submitted
from tests.support.messages import NUMBER_KEYS, applying, changed, job
from tests.support.shell import Shell
from tests.support.store_keys import KEYS

NUMBER = "13800138000"  # of the jobs


def by_id(place: Place) -> dict[str, dict[str, Any]]:
    rows = place.rows()
    assert len({(row["message_id"], str(row["accepted_at"])) for row in rows}) == len(rows)
    return {row["message_id"]: row for row in rows}


def test_a_final_message_is_exported_and_one_that_waits_is_not(
    shell: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    message_id = failed(door, store, app="shop", reference="order-1", campaign="spring", tags={"shop": "41"})
    waiting = door.enqueue(job()).message_id
    ended = shell.run("export")
    assert (ended.code, ended.errors) == (0, "")
    assert ended.output == "1 exported, of 1 final messages in the store\n"
    [row] = place.rows()
    assert tuple(row) == NAMES
    assert (row["message_id"], row["state"], row["code"], row["attempts"]) == (message_id, "failed", "i005", 1)
    assert (row["app"], row["reference"], row["campaign"], row["tags"]) == ("shop", "order-1", "spring", {"shop": "41"})
    assert [line["state"] for line in row["timeline"]] == ["queued", "submitting", "failed"]
    assert row["ended_at"] >= row["begun_at"] >= row["accepted_at"]
    cancel(store, waiting)
    assert shell.run("export").output == "1 exported, of 2 final messages in the store\n"
    assert by_id(place).keys() == {message_id, waiting}


def test_the_number_is_a_digest_and_no_parameter_is_written(shell: Shell, place: Place, door: Enqueuer, store: Records) -> None:
    failed(door, store)
    shell.run("export")
    [row] = place.rows()
    assert (row["recipient"], row["number"]) == (RECIPIENT, None)
    assert NUMBER not in str(row)
    assert "'1234'" not in str(row)


def test_numbers_are_written_where_they_are_asked_for_and_the_store_still_has_them(
    shell: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    kept, gone = failed(door, store), door.enqueue(job()).message_id
    cancel(store, gone)
    assert shell.run("export", "--numbers").code == 0
    rows = by_id(place)
    assert (rows[kept]["number"], rows[gone]["number"]) == (f"+86{NUMBER}", None)


def test_what_was_exported_without_its_number_is_not_exported_again_for_it(
    shell: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    message_id = failed(door, store)
    assert shell.run("export").code == 0
    assert "0 exported" in shell.run("export", "--numbers").output
    assert by_id(place)[message_id]["number"] is None


def test_a_number_that_is_encrypted_takes_the_key(
    shell_to: Callable[[Place], Shell], tmp_path: Path, valkey_url: str, redis: StoreRedis, store: Records
) -> None:
    place, key = SqlitePlace(tmp_path), "a key that payloads are encrypted with"
    outbox = Outbox(redis, NUMBER_KEYS, cipher=PayloadCipher(KeyRing(key.encode())))
    with Enqueuer(outbox, Publisher(valkey_url), {}, store, numbers=NumberIndex(redis, NUMBER_KEYS)) as door:
        failed(door, store)
        shell = shell_to(place)
        without = shell.run("export", "--numbers")
        assert (without.code, place.rows()[0]["number"]) == (0, None)
        assert without.errors.startswith("1 without their number: SMSRELAY_PAYLOAD_KEYS")
        failed(door, store)
        shell.set("SMSRELAY_PAYLOAD_KEYS", key)
        assert shell.run("export", "--numbers").errors == ""
    assert [row["number"] for row in place.rows()] == [None, f"+86{NUMBER}"]


def test_a_second_export_writes_nothing_again(shell: Shell, place: Place, door: Enqueuer, store: Records) -> None:
    many(door, store, 120)
    assert shell.run("export").output.startswith("120 exported")
    before = place.rows()
    assert shell.run("export").output == "0 exported, of 120 final messages in the store\n"
    assert place.rows() == before


def test_a_message_that_changes_later_is_exported_again_with_a_higher_revision(
    shell: Shell, place: Place, door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = submitted(door, store)
    reports = applying(store, redis)
    reports.apply(_report(message_id, "250"))
    shell.run("export")
    before = place.rows()
    reports.apply(_report(message_id, "200"))
    assert shell.run("export").output.startswith("1 exported")
    newest = max(place.rows(), key=lambda row: row["revision"])
    assert ([row["state"] for row in before], newest["state"]) == (["unknown"], "delivered")
    assert newest["revision"] > before[0]["revision"]
    assert len(place.rows()) == (2 if isinstance(place, NdjsonPlace) else 1)


def test_feedback_after_the_export_is_a_change(
    shell: Shell, place: Place, door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = failed(door, store)
    shell.run("export")
    redis.hset(KEYS.message(message_id), "used", 1_800_000_000_000)
    assert shell.run("export").output.startswith("1 exported")
    assert place.rows()[-1]["used_at"] is not None
    assert shell.run("export").output.startswith("0 exported")


def test_a_revision_that_a_store_without_its_last_writes_gives_out_again_is_exported_again(
    shell: Shell, place: Place, door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = submitted(door, store)
    key = KEYS.message(message_id)
    redis.copy(key, "before")
    reports = applying(store, redis)
    reports.apply(_report(message_id, "250"))
    shell.run("export")
    redis.copy("before", key, replace=True)
    reports.apply(_report(message_id, "504"))
    assert shell.run("export").output.startswith("1 exported")
    found = place.rows()
    assert (found[0]["revision"], found[-1]["code"]) == (found[-1]["revision"], "504")
    assert shell.run("export").output.startswith("0 exported")


def test_a_recipient_who_was_forgotten_is_forgotten_by_the_next_export(
    shell: Shell, keyed: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    failed(door, store)
    shell.run("export", "--numbers")
    assert keyed.run("forget", given=NUMBER.encode()).code == 0
    assert shell.run("export", "--numbers").output.startswith("1 exported")
    assert (place.rows()[-1]["recipient"], place.rows()[-1]["number"]) == (None, None)


def test_a_reference_that_is_used_again_after_the_retention_is_another_row(
    shell: Shell, place: Place, door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    first = failed(door, store, reference="order-1")
    shell.run("export")
    redis.delete(KEYS.message(first))  # as its lifetime does
    second = door.enqueue(job(reference="order-1")).message_id
    cancel(store, second)
    assert shell.run("export").output.startswith("1 exported")
    assert second == first
    assert [row["state"] for row in place.rows()] == ["failed", "cancelled"]


def test_a_replayed_message_comes_again_when_it_is_final_again(
    shell: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    message_id = failed(door, store)
    shell.run("export")
    changed(store, message_id, lambda reading: lifecycle.replayed(reading.record, reading.now))
    assert shell.run("export").output.startswith("0 exported, of 0")
    assert place.rows()[-1]["state"] == "failed"


def test_an_export_that_comes_too_late_is_whole_and_says_what_may_be_missing(
    shell: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    shell.set("SMSRELAY_RETENTION_HOURS", "0.0000001")
    assert shell.run("export").code == 0  # the first one misses nothing that it should have had
    failed(door, store)
    ended = shell.run("export")
    assert (ended.code, len(place.rows())) == (1, 1)
    assert "may be missing" in ended.errors


def test_standard_output_gets_every_final_message_each_time(
    shell_to: Callable[[Place], Shell], tmp_path: Path, door: Enqueuer, store: Records
) -> None:
    failed(door, store)
    shell = shell_to(NdjsonPlace(tmp_path))
    for target in ("-", "ndjson:-"):
        ended = shell.run("export", "--to", target)
        assert json.loads(ended.output)["state"] == "failed"
        assert (ended.code, ended.errors) == (0, "1 exported, of 1 final messages in the store\n")
    assert not (tmp_path / "history.ndjson").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "must name a target"),
        ("mysql://host/db", "must be one of"),
        ("sqlite://history.db", "must be one of"),
        ("sqlite:/nowhere/at/all/history.db", "there is no folder /nowhere/at/all"),
        ("ndjson:/nowhere/at/all/history", "there is no folder /nowhere/at/all"),
        ("sqlite:/proc/history.db", "unable to open"),
        ("ndjson:/proc/history", "unable to open"),
        ("postgresql://relay:a@secret@127.0.0.1/db", "percent-encoded"),
        ("postgresql://relay:secret/x@127.0.0.1/db", "percent-encoded"),
        ("postgresql://relay@127.0.0.1/db?secret=secret", "libpq"),
    ],
)
def test_a_wrong_target_is_refused_without_being_quoted(valkey_url: str, tmp_path: Path, target: str, said: str) -> None:
    ended = Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_EXPORT_TO": target}).run("export")
    assert (ended.code, ended.output) == (2, "")
    assert said in ended.errors
    assert "secret" not in ended.errors


def test_a_store_that_does_not_answer_is_said_and_nothing_is_noted(tmp_path: Path) -> None:
    place = SqlitePlace(tmp_path)
    shell = Shell(tmp_path, {"SMSRELAY_STORE_URL": "redis://127.0.0.1:1/0", **place.variables})
    ended = shell.run("export")
    assert (ended.code, place.rows()) == (3, [])
    assert ended.errors.startswith("Error: the store did not answer")


def _report(message_id: str, code: str) -> StatusEvent:
    sent_at = 1_800_000_000_000 + int(code == "200")  # the later one
    return StatusEvent(message_id=message_id, attempt=1, code=code, updated_on=sent_at, received_at=1)
