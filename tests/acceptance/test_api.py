"""The HTTP API with real workers and the simulated vendor: what it accepts is delivered; test messages end as asked."""

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from smsrelay_worker.store.api.api_key import KeyType
from tests.support.api_process import Api, a_job, a_key, bearer, running_api
from tests.support.relay_process import RelayProcess
from tests.support.waiting import eventually

PATH = "/v1/messages"
KILLED_AFTER = 300  # answers


@pytest.fixture(scope="module")
def api(relay: RelayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(relay.environment, tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


@pytest.fixture
def test_key(relay: RelayProcess) -> str:
    return a_key(relay.redis, "shop", KeyType.TEST)


def final(api: Api, place: str, key: str) -> dict[str, Any]:
    """The message once it is final."""
    ends = {"delivered", "failed", "expired", "unknown", "cancelled"}

    def shown() -> dict[str, Any] | None:
        body: dict[str, Any] = api.get(place, key).json()
        return body if body["state"] in ends else None

    found: dict[str, Any] = eventually(shown, f"{place} is final")
    return found


def test_what_the_api_accepts_is_delivered_and_says_so(api: Api, relay: RelayProcess) -> None:
    key, job = a_key(relay.redis), a_job(reference="api-delivered", tags={"order": "1"})
    place = api.post(PATH, key, job).headers["Location"]
    shown = final(api, place, key)
    assert (shown["state"], shown["code"], shown["attempts"], shown["tags"]) == ("delivered", "200", 1, {"order": "1"})
    lines = api.get(f"{place}/timeline", key).json()["timeline"]
    assert [line["state"] for line in lines] == ["queued", "submitting", "submitted", "delivered"]
    assert len(relay.simulator.submits(f"+86{job['to']}")) == 1
    assert api.delete(place, key).json()["code"] == "too_late"
    assert api.post(f"{place}/feedback", key, {"used": True}).json()["used_at"] is not None


@pytest.mark.parametrize(
    ("digits", "state", "code", "attempts"),
    [("200", "delivered", "200", 1), ("504", "failed", "504", 1), ("503", "failed", "503", 4), ("777", "delivered", "200", 1)],
)
def test_a_test_message_ends_as_its_number_asks_and_never_reaches_the_vendor(
    api: Api, relay: RelayProcess, test_key: str, digits: str, state: str, code: str, attempts: int
) -> None:
    number = f"13987654{digits}"
    place = api.post(PATH, test_key, a_job(to=number, lane="notice")).headers["Location"]
    shown = final(api, place, test_key)
    assert (shown["state"], shown["code"], shown["attempts"], shown["test"]) == (state, code, attempts, True)
    assert relay.simulator.submits(f"+86{number}") == []
    message_id = place.rpartition("/")[2]
    assert json.loads(relay.cli("show", message_id, "--json").stdout)["test"] is True
    assert "never reaches the vendor" in relay.cli("show", message_id).stdout
    assert relay.cli("why", message_id).stdout.startswith("a test message")
    log = (relay.data / "worker.log").read_text("utf-8")
    assert f"test message, nothing submitted · {message_id}" in log
    assert not [line for line in log.splitlines() if message_id in line and "submitted to the vendor" in line]
    assert number not in log


def test_a_test_message_whose_number_asks_for_no_report_gets_none(api: Api, relay: RelayProcess, test_key: str) -> None:
    silent = api.post(PATH, test_key, a_job(to="13987654000")).headers["Location"]
    after = api.post(PATH, test_key, a_job(to="13987654200")).headers["Location"]
    final(api, after, test_key)
    eventually(lambda: api.get(silent, test_key).json()["state"] == "submitted", "it is submitted")
    eventually(lambda: relay.redis.hlen("{sms}:reports") == 0, "no report is left to apply")
    assert api.get(silent, test_key).json()["state"] == "submitted"


def test_every_accepted_message_is_recorded_though_the_api_is_killed_under_load(relay: RelayProcess, tmp_path: Path) -> None:
    key = a_key(relay.redis, "load", KeyType.TEST)
    for turn in range(3):
        with running_api(relay.environment, tmp_path / "api.log") as killed:
            accepted = asyncio.run(load_until_killed(killed, key, f"load-{turn}"))
        assert len(accepted) >= KILLED_AFTER
        found = relay.relay.records.read_many(list(accepted.values()))
        assert [reading.record.reference if reading else None for reading in found] == list(accepted)
    for message_id in list(accepted.values())[:20]:
        relay.wait_final(message_id)


async def load_until_killed(api: Api, key: str, name: str) -> dict[str, str]:
    """Post messages on several connections until the API is killed, in the middle of many; reference and id of each 202."""
    accepted: dict[str, str] = {}
    writers: list[asyncio.StreamWriter] = []

    async def connection(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.url).port)
        writers.append(writer)
        for at in count():
            reference = f"{name}-{number}-{at}"
            body = json.dumps(a_job(to=f"1397777{number}200", reference=reference, lane="notice")).encode()
            head = "".join(f"{one}: {value}\r\n" for one, value in (bearer(key) | {"content-type": "application/json"}).items())
            writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in answer.split(b"\r\n") if line.startswith(b"content-length:"))
            text = await reader.readexactly(length)
            assert answer.startswith(b"HTTP/1.1 202"), answer
            accepted[reference] = json.loads(text)["id"]
            if len(accepted) == KILLED_AFTER:
                api.process.kill()

    tasks = [asyncio.create_task(connection(number)) for number in range(8)]
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for writer in writers:
        writer.close()
    assert {type(one) for one in ended} <= {asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError}
    return accepted
