"""What an app's author writes passes strict type checkers without plugins, and what a job would refuse does not."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.pages import blocks, from_examples
from tests.support.type_checkers import CHECKERS, app_environment

Checker = Callable[[Sequence[str], Path, Path], list[str]]

ACCEPTED = """
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import smsrelay
from smsrelay import (
    Accepted, AsyncEnqueuer, BrokerUnavailable, Enqueuer, Lane, MessageStatus, Problem, ProducerSettings, ReferenceTaken, Refused,
    Rejection, SendJob, SettingsError, State, StatusEvent, StoreUnavailable, TooLate,
)
from smsrelay.testing import SmsOutbox, recorded_sms

DAY = datetime(2026, 11, 28, tzinfo=UTC)
NAMES = (BrokerUnavailable, SettingsError, StatusEvent)


def jobs(rows: list[tuple[str, str]], fields: dict[str, Any]) -> Iterator[SendJob | Rejection]:
    for to, code in rows:
        yield SendJob(to=to, template="0000000", params=[code], lane="otp")
    yield SendJob(to="13912345678", template="0000000", params=("a", "b"), lane=Lane.OTP, expires_at=DAY, not_before=DAY)
    yield SendJob(to="13912345678", template="0000000", expires_at="2026-11-28T09:00:00+08:00", reference=None, app="shop", v=1)
    yield SendJob(to="13912345678", template="0000000", campaign="spring", ignore_send_window=True)
    yield SendJob(**fields)
    yield Rejection([Problem("to", "missing")])


async def on_a_loop(settings: ProducerSettings) -> MessageStatus | None:
    async with AsyncEnqueuer.connect(settings) as enqueuer:
        accepted: Accepted = await enqueuer.enqueue(SendJob(to="1", template="0"), test=True)
        async for result in enqueuer.enqueue_many(jobs([], {})):
            print(result.lane if isinstance(result, Accepted) else result.place)
        every: list[Accepted] = await enqueuer.enqueue_all([SendJob(to="1", template="0")])
        print(await enqueuer.find("shop", accepted.message_id, test=True), every)
        print([status.campaign for status in await enqueuer.messages_to("13912345678", app="shop")])
        return await enqueuer.cancel(accepted.message_id)


def asked(enqueuer: Enqueuer) -> str:
    with recorded_sms() as outbox:
        recorded: SmsOutbox = outbox
        print([job.to for job in recorded.jobs], recorded.settle("id", State.FAILED).code)
    print(enqueuer.messages_to("13912345678")[0].campaign)
    status = enqueuer.find("shop", "r")
    try:
        status = enqueuer.cancel(status.id) if status else enqueuer.status("id")
    except TooLate as late:
        status = late.status
    known = status is not None and status.state is State.QUEUED and not status.state.final and status.created_at > DAY
    return f"{known} {status.tags.get('a', '')} {status.expires_at and status.expires_at.year}" if status else ""


def main() -> None:
    settings = ProducerSettings(number_keys="0123456789abcdef", store_url="redis://127.0.0.1:6379/1", enqueue_timeout=5)
    with Enqueuer.connect(settings) as enqueuer:
        for result in enqueuer.enqueue_many(jobs([], {})):
            match result:
                case Accepted():
                    print(result.message_id.upper(), result.lane.queue, not result.new)
                case Refused():
                    print(result.place + 1, [f"{problem.field}: {problem.reason}" for problem in result.problems])
        try:
            enqueuer.enqueue(SendJob(to="1", template="0"))
        except ReferenceTaken as taken:
            print(taken.problems[0].field)
        except (Rejection, StoreUnavailable) as error:
            print(error)
    job = SendJob(to="13912345678", template="0000000")
    fields: tuple[tuple[str, ...], Lane | None, datetime | None, str] = (job.params, job.lane, job.expires_at, job.to)
    print(fields, smsrelay.__version__.split("."))
"""

REFUSED = [
    'SendJob(to="1", template="0", params="394021")',
    'SendJob(to="1", template="0", params=[394021])',
    'SendJob(to="1", template="0", lane="urgent")',
    'SendJob(to="1", template=0)',
    'SendJob(to="1")',
    'SendJob(to="1", template="0", sender="me")',
    'SendJob(to="1", template="0", expires_in=60.5)',
    'SendJob(to="1", template="0", expires_at=1795824000)',
    'SendJob(to="1", template="0").lane = "otp"',
    "ProducerSettings(store_url=6379)",
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return app_environment(tmp_path_factory.mktemp("app") / "venv")


@pytest.mark.parametrize("check", CHECKERS)
def test_the_python_of_the_pages_and_whatever_a_job_accepts_pass(check: Checker, python: Path, tmp_path: Path) -> None:
    pages = [*blocks("README.md", "python"), *(block for block in blocks("docs/apps.md", "python") if not from_examples(block))]
    assert check([ACCEPTED, *pages], python, tmp_path) == []


@pytest.mark.parametrize("check", CHECKERS)
def test_what_a_job_refuses_is_an_error_in_its_line(check: Checker, python: Path, tmp_path: Path) -> None:
    code = "\n".join(["from smsrelay import ProducerSettings, SendJob", *REFUSED])
    found = check([code], python, tmp_path)
    wrong = {int(line.split(":")[1]) for line in found}
    assert wrong == set(range(2, 2 + len(REFUSED)))
