"""smsrelay.testing and its pytest fixture: what an app would send, without store or broker, refused as the real door refuses."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsrelay import (
    Accepted,
    AsyncEnqueuer,
    Enqueuer,
    MessageStatus,
    ProducerSettings,
    ReferenceTaken,
    Refused,
    Rejection,
    SendJob,
    State,
    StoreUnavailable,
    TooLate,
)
from smsrelay.acceptance import Suppressed
from smsrelay.testing import SmsOutbox, recorded_sms
from tests.support.relay_process import clean_environment

TEMPLATES = """[[template]]
id = "0000000"
body = "Your code is {0}."
signature = "Shop"
status = "approved"
lane = "otp"
"""
Ask = Callable[..., Any]


def job(**changes: Any) -> SendJob:
    return SendJob(
        **{"to": "13912345678", "template": "0000000", "lane": "otp", "params": ["394021"], "reference": "r"} | changes
    )


def settings(**given: Any) -> ProducerSettings:
    nowhere = "redis://127.0.0.1:1/0"
    return ProducerSettings(_env_file=None, number_keys="0123456789abcdef", store_url=nowhere, broker_url=nowhere, **given)


def blocking(**given: Any) -> Ask:
    def ask(name: str, *args: object, **options: object) -> Any:
        with Enqueuer.connect(settings(**given)) as enqueuer:
            result = getattr(enqueuer, name)(*args, **options)
            return list(result) if name == "enqueue_many" else result

    return ask


def on_a_loop(**given: Any) -> Ask:
    def ask(name: str, *args: object, **options: object) -> Any:
        async def asked() -> Any:
            async with AsyncEnqueuer.connect(settings(**given)) as enqueuer:
                result = getattr(enqueuer, name)(*args, **options)
                return [one async for one in result] if name == "enqueue_many" else await result

        return asyncio.run(asked())

    return ask


@pytest.fixture(params=[blocking, on_a_loop], ids=["blocking", "asyncio"])
def connect(request: pytest.FixtureRequest) -> Callable[..., Ask]:
    made: Callable[..., Ask] = request.param
    return made


@pytest.fixture
def ask(connect: Callable[..., Ask]) -> Ask:
    return connect()


def test_a_job_is_recorded_once_and_not_sent(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    first = ask("enqueue", job())
    assert (first.new, ask("enqueue", job())) == (True, Accepted(first.message_id, first.lane, new=False))
    assert smsrelay_outbox.jobs == [job()]
    smsrelay_outbox.clear()
    assert smsrelay_outbox.jobs == []


def test_its_id_is_the_one_that_production_gives(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    assert ask("enqueue", job(reference="login-4711")).message_id == "33f7ec96-d50d-519e-b4bf-e4ad6278a771"


def test_what_the_door_refuses_is_refused(connect: Callable[..., Ask], smsrelay_outbox: SmsOutbox, tmp_path: Path) -> None:
    (tmp_path / "templates.toml").write_text(TEMPLATES, encoding="utf-8")
    ask = connect(templates=tmp_path / "templates.toml", only_to="13912345678")
    assert ask("enqueue", job(lane=None)).new
    for wrong in (job(params=[]), job(lane="notice"), job(to="13800138000")):
        with pytest.raises(Rejection):
            ask("enqueue", wrong)
    with pytest.raises(ReferenceTaken):
        ask("enqueue", job(params=["105773"]))
    with pytest.raises(Rejection, match="lane: missing"):
        connect()("enqueue", job(lane=None))
    assert len(smsrelay_outbox.jobs) == 1


def test_marketing_to_a_suppressed_number_is_refused(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    offer = job(lane="marketing")
    assert (ask("suppress", "13912345678"), ask("suppress", "+8613912345678")) == (True, False)
    with pytest.raises(Suppressed):
        ask("enqueue", offer)
    assert ask("enqueue", job(reference="code")).new
    assert ask("enqueue", job(lane="marketing", reference="other", app="other")).new
    assert (ask("is_suppressed", "13912345678"), ask("is_suppressed", "13912345678", app="other")) == (True, False)
    assert ask("unsuppress", "13912345678")
    assert ask("enqueue", offer).new
    with pytest.raises(Rejection, match=r"^number: not a mobile number"):
        ask("suppress", "1391234")
    with pytest.raises(Rejection, match=r"^signature: "):
        ask("is_suppressed", "13912345678", signature="")


def test_many_and_all_behave_as_the_real_ones(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    results = ask("enqueue_many", [job(), Rejection.of("to", "missing"), job(params=["2"]), job(reference="s", lane=None)])
    assert [type(one) for one in results] == [Accepted, Refused, Refused, Refused]
    assert [one.place for one in results[1:]] == [1, 2, 3]
    with pytest.raises(Rejection, match=r"\[1\]\.lane"):
        ask("enqueue_all", [job(reference="t"), job(lane=None)])
    assert [one.new for one in ask("enqueue_all", [job(), job(reference="t")])] == [False, True]
    assert [one.reference for one in smsrelay_outbox.jobs] == ["r", "t"]


def test_status_find_and_cancel_work_on_what_is_recorded(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    message_id = ask("enqueue", job(tags={"a": "b"})).message_id
    status = ask("status", message_id)
    assert isinstance(status, MessageStatus)
    assert (status.state, status.tags) == (State.QUEUED, {"a": "b"})
    assert ask("find", "default", "r") == status
    assert ask("find", "default", "r", test=True) is None
    assert ask("cancel", message_id).state is State.CANCELLED
    assert ask("cancel", message_id).state is State.CANCELLED
    assert ask("cancel", "unknown") is None
    assert smsrelay_outbox.jobs == []


def test_the_messages_to_a_number_and_their_campaigns_are_known(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    first = ask("enqueue", job(campaign="spring")).message_id
    second = ask("enqueue", job(reference="s", app="shop", ignore_send_window=True)).message_id
    ask("enqueue", job(reference="t", to="13912345679"))
    found = ask("messages_to", "139 1234 5678")
    assert [(status.id, status.campaign) for status in found] == [(second, None), (first, "spring")]
    assert [status.id for status in ask("messages_to", "13912345678", app="shop")] == [second]
    assert [one.ignore_send_window for one in smsrelay_outbox.jobs] == [False, True, False]


def test_a_message_can_be_settled_as_if_it_had_been_sent(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    message_id = ask("enqueue", job()).message_id
    smsrelay_outbox.settle(message_id, "failed", "1001")
    status = ask("status", message_id)
    assert (status.state, status.code, status.attempts, status.revision) == (State.FAILED, "1001", 1, 2)
    with pytest.raises(TooLate):
        ask("cancel", message_id)


def test_the_store_can_be_made_unavailable(ask: Ask, smsrelay_outbox: SmsOutbox) -> None:
    smsrelay_outbox.unavailable = True
    for name, argument in (
        ("enqueue", job()),
        ("enqueue_many", [job()]),
        ("enqueue_all", [job()]),
        ("status", "x"),
        ("cancel", "x"),
        ("messages_to", "13912345678"),
    ):
        with pytest.raises(StoreUnavailable):
            ask(name, argument)


@pytest.mark.parametrize("kind", [Enqueuer, AsyncEnqueuer])
@pytest.mark.usefixtures("smsrelay_outbox")
def test_no_campaign_of_a_real_store_can_be_reached(kind: type[Enqueuer] | type[AsyncEnqueuer]) -> None:
    with pytest.raises(NotImplementedError, match="no campaigns"):
        kind.connect(ProducerSettings()).campaign("shop", "spring")


def test_after_the_context_enqueuers_are_what_they_were() -> None:
    before = dict(vars(Enqueuer)), dict(vars(AsyncEnqueuer))
    with recorded_sms() as outbox, Enqueuer.connect(settings()) as enqueuer:
        enqueuer.enqueue(job())
        assert len(outbox.jobs) == 1
    assert (dict(vars(Enqueuer)), dict(vars(AsyncEnqueuer))) == before


APP = """
from functools import cache
from smsrelay import Enqueuer, ProducerSettings, SendJob

@cache
def enqueuer():
    return Enqueuer.connect(ProducerSettings())

def login(phone):
    return enqueuer().enqueue(SendJob(to=phone, template="0000000", params=["394021"], lane="otp", reference="login-1"))
"""
TESTS = """
import sys
import app

def test_without_the_fixture_nothing_of_smsrelay_but_the_plugin_is_loaded():
    assert "smsrelay.testing" not in sys.modules

def test_one(smsrelay_outbox):
    assert app.login("13912345678").new
    assert [job.to for job in smsrelay_outbox.jobs] == ["+8613912345678"]

def test_each_test_has_an_outbox_of_its_own(smsrelay_outbox):
    assert smsrelay_outbox.jobs == []
    assert app.login("13912345678").new
"""


def test_pytest_finds_the_fixture_by_itself_and_an_app_needs_no_settings(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "test_app.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    ended = subprocess.run(command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False)
    assert "3 passed" in ended.stdout, ended.stdout + ended.stderr


def test_the_plugin_costs_other_projects_nothing_but_itself() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import smsrelay.pytest_plugin; print(sorted(set(sys.modules) - before))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "['smsrelay', 'smsrelay.pytest_plugin']"
