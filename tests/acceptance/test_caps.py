"""A button pressed many times at once, by processes: the vendor gets as many submits as the caps allow, and no more."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from tests.support.api_process import a_job, a_key, running_api
from tests.support.processes import TOGETHER, pids
from tests.support.rabbitmq import running_rabbitmq
from tests.support.relay_process import ROOT, TEMPLATE, RelayProcess, a_recipient, a_reference, running_relay
from tests.support.second_worker import FIRST, SECOND, second_worker
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually
from tests.support.windows import most_within

PRESSES = 5
MINUTE = 60
CODES, TEXTS = "codes-a-minute", "texts-quickly"
MOST, WINDOW = 2, 3  # texts to a number, in any seconds
LIMITS = f"""
version = 1
countries = "any"

[[cap]]
name = "{CODES}"
lanes = ["otp"]
count = 1
window = "1m"

[[cap]]
name = "{TEXTS}"
lanes = ["notice", "marketing"]
count = {MOST}
window_s = {WINDOW}
"""
SLOW = 6.0  # seconds of the vendor: time enough to kill the worker that waits for its answer
BACK = 180.0  # seconds until everything goes on after a kill
APP = "shop"


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay with two workers and these caps."""
    settings = _limited(tmp_path_factory.mktemp("caps")) | {"SMSRELAY_READ_TIMEOUT": str(2 * SLOW)}
    data = tmp_path_factory.mktemp("caps") / "relay"
    with running_relay(data, settings=settings) as running, second_worker(running, "--together"):
        yield running


@pytest.fixture(scope="module")
def over_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("caps-over-rabbitmq")
    with contextlib.ExitStack() as up:
        node = up.enter_context(running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")))
        settings = _limited(folder) | {"SMSRELAY_BROKER_URL": node.url}
        running = up.enter_context(running_relay(folder / "relay", settings=settings))
        eventually(lambda: running.redis.exists(KEYS.limits), "the worker has published the caps, which apps ask for")
        yield running


def _limited(folder: Path) -> dict[str, str]:
    file = folder / "limits.toml"
    file.write_text(LIMITS, encoding="utf-8")
    return {"SMSRELAY_LIMITS": str(file)}


def pressed_at_once(relay: RelayProcess, how: str, number: str, references: Sequence[str]) -> list[dict[str, Any]]:
    """What each of the processes was told that pressed the button at the same instant."""
    pressers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.presser", how, APP, number, reference],
            cwd=ROOT,
            env={**os.environ, **relay.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for reference in references
    ]
    try:
        assert [presser.stdout.readline().strip() for presser in pressers if presser.stdout] == ["ready"] * len(references)
        for presser in pressers:
            assert presser.stdin is not None
            presser.stdin.write("\n")
            presser.stdin.flush()
        return [json.loads(presser.communicate(timeout=60)[0]) for presser in pressers]
    finally:
        for presser in pressers:
            presser.kill()
            presser.communicate()


def one_is_accepted(told: Sequence[dict[str, Any]]) -> str:
    """The id of the only accepted one; all others were refused with the cap and the seconds to wait."""
    [accepted] = [one["accepted"] for one in told if "accepted" in one]
    refused = [one for one in told if "accepted" not in one]
    assert {one["cap"] for one in refused} == {CODES}
    assert all(1 <= one["retry_after"] <= MINUTE + 10 for one in refused), refused
    return str(accepted)


def test_five_processes_that_press_at_once_get_one_code_sent_and_are_told_how_long_to_wait(relay: RelayProcess) -> None:
    number, references = a_recipient(), [a_reference() for _ in range(PRESSES)]
    accepted = one_is_accepted(pressed_at_once(relay, "library", number, references))
    assert relay.wait_final(accepted).state is State.DELIVERED
    for place, reference in enumerate(references):
        found = relay.relay.enqueuer.find(APP, reference)
        assert (found is not None) == (referenced_id(APP, reference) == accepted), place
    assert len(relay.simulator.submits(number)) == 1


def test_five_requests_at_once_get_one_code_sent_and_429_with_the_seconds_to_wait(relay: RelayProcess, tmp_path: Path) -> None:
    key, number = a_key(relay.redis, APP), a_recipient()
    jobs = [a_job(to=number, reference=a_reference()) for _ in range(PRESSES)]
    with running_api(relay.environment, tmp_path / "api.log") as api, ThreadPoolExecutor(PRESSES) as threads:
        answers = list(threads.map(lambda job: api.post("/v1/messages", key, job), jobs))
    assert sorted(answer.status_code for answer in answers) == [202, *[429] * (PRESSES - 1)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["code"] for answer in refused} == {"too_many"}
    assert all(1 <= int(answer.headers["Retry-After"]) <= MINUTE + 10 for answer in refused)
    [accepted] = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert relay.wait_final(accepted).state is State.DELIVERED
    assert len(relay.simulator.submits(number)) == 1


def test_five_jobs_of_an_app_without_the_library_get_one_code_sent_and_the_others_say_why_not(relay: RelayProcess) -> None:
    number, references = a_recipient(), [a_reference() for _ in range(PRESSES)]
    pressed_at_once(relay, "celery", number, references)
    ids = [referenced_id(APP, reference) for reference in references]
    eventually(lambda: all(relay.relay.records.read(one) for one in ids), "all are recorded")
    records = [relay.wait_final(one) for one in ids]
    assert sorted(record.state for record in records) == [State.DELIVERED, *[State.EXPIRED] * (PRESSES - 1)]
    for record in records:
        if record.state is State.EXPIRED:
            assert f"cap {CODES}" in [line.rule for line in record.timeline]
            assert CODES in relay.cli("why", record.message_id).stdout
    assert len(relay.simulator.submits(number)) == 1


def test_over_rabbitmq_five_presses_at_once_get_one_code_sent_too(over_rabbitmq: RelayProcess) -> None:
    number = a_recipient()
    accepted = one_is_accepted(pressed_at_once(over_rabbitmq, "library", number, [a_reference() for _ in range(PRESSES)]))
    assert over_rabbitmq.wait_final(accepted).state is State.DELIVERED
    assert len(over_rabbitmq.simulator.submits(number)) == 1


def test_a_code_whose_worker_is_killed_while_the_vendor_has_it_still_counts(relay: RelayProcess) -> None:
    number = a_recipient()
    relay.simulator.script(number, {"submits": [{"delay": SLOW, "reports": [{"code": 200, "after": 1.5 * SLOW}]}]})
    accepted = one_is_accepted(pressed_at_once(relay, "library", number, [a_reference() for _ in range(PRESSES)]))
    eventually(lambda: relay.simulator.submits(number), "the submit is under way")
    for pid in [pid for words in (FIRST, SECOND) for pid in pids(relay.data, words, TOGETHER)]:
        os.kill(pid, signal.SIGKILL)
    told = pressed_at_once(relay, "library", number, [a_reference() for _ in range(PRESSES)])
    assert {one.get("cap") for one in told} == {CODES}
    assert relay.wait_final(accepted, BACK).state is State.DELIVERED
    assert len(relay.simulator.submits(number)) == 1


def test_of_thousands_of_texts_to_few_numbers_no_number_gets_more_in_any_window_than_its_cap(relay: RelayProcess) -> None:
    numbers = [a_recipient() for _ in range(100)]
    scripts = ["1234"] * 8 + ["sim:i005", "sim:reset_after+200"]  # what is refused does not count, what is uncertain does
    jobs = [
        SendJob(
            to=numbers[place % len(numbers)],
            template=TEMPLATE,
            params=[scripts[(place // len(numbers)) % len(scripts)]],
            lane=(Lane.NOTICE, Lane.MARKETING)[place % 2],
            app=("shop", "bank")[place % 3 % 2],
        )
        for place in range(2000)
    ]
    ids = [one.message_id for one in relay.relay.enqueuer.enqueue_all(jobs)]
    states = {relay.wait_final(one, BACK).state for one in ids}
    assert states <= {State.DELIVERED, State.FAILED}
    arrived: dict[str, list[float]] = defaultdict(list)
    for submit in relay.simulator.submits():
        if submit.outcome == "accepted":
            arrived[submit.recipient].append(submit.at)
    busiest = {number: most_within(arrived[number], WINDOW) for number in numbers}
    assert set(busiest.values()) == {MOST}, "no cap was reached, or one was exceeded"
