"""Suppression, with real processes: a number that wants no marketing gets none, whoever says so, and its codes all the same."""

import asyncio
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kombu import Connection

from smsrelay import AsyncEnqueuer, Enqueuer, ProducerSettings
from smsrelay.acceptance import Suppressed
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Accepted, Refused
from tests.support.guide_report import guide_report
from tests.support.relay_process import TEMPLATE, RelayProcess, a_recipient, running_relay
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, app_with_webhook, webhook_receiver

AT_ANY_HOUR = 'version = 1\ncountries = "any"\n'
REGISTERED = "7000001"
TEMPLATES = f'[[template]]\nid = "{REGISTERED}"\nbody = "{{0}}"\nsignature = "云签"\nstatus = "approved"\n'
BLOCKED = {"submits": [{"reports": [{"code": 510}]}]}


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, receiver: WebhookReceiver) -> Iterator[RelayProcess]:
    folder: Path = tmp_path_factory.mktemp("suppression")
    files = {"LIMITS": AT_ANY_HOUR, "TEMPLATES": TEMPLATES, "APPS": app_with_webhook("shop", f"{receiver.url}/shop")}
    settings = {}
    for name, content in files.items():
        path = folder / f"{name.lower()}.toml"
        path.write_text(content, "utf-8")
        settings[f"SMSRELAY_{name}"] = str(path)
    with running_relay(folder / "relay", settings=settings, together=False) as running:
        yield running


@pytest.fixture(scope="module")
def enqueuer(relay: RelayProcess) -> Iterator[Enqueuer]:
    with Enqueuer.connect(as_an_app(relay.environment)) as connected:
        yield connected


def as_an_app(environment: Mapping[str, str], **changed: str) -> ProducerSettings:
    """The settings of an app beside this relay."""
    names = ("BROKER_URL", "STORE_URL", "NUMBER_KEYS", "TEMPLATES")
    given = {name.lower(): environment[f"SMSRELAY_{name}"] for name in names}
    return ProducerSettings(**given | changed)  # type: ignore[arg-type]


def marketing(to: str, **fields: object) -> SendJob:
    given = {"to": to, "template": TEMPLATE, "params": ["spring"], "lane": Lane.MARKETING, "app": "shop"}
    return SendJob(**{**given, **fields})  # type: ignore[arg-type]


def test_marketing_to_a_suppressed_number_is_refused_and_a_code_arrives(relay: RelayProcess) -> None:
    to = a_recipient()
    assert relay.cli("suppress", "add", "--app", "shop", stdin=f"{to}\n").returncode == 0
    with pytest.raises(Suppressed, match="to: has asked for no more marketing"):
        relay.relay.enqueuer.enqueue(marketing(to))
    for lane in (Lane.OTP, Lane.NOTICE):
        relay.wait_state(relay.send(to, lane, app="shop"), State.DELIVERED)
    relay.wait_state(relay.send(to, Lane.MARKETING, app="other"), State.DELIVERED)


def test_of_many_jobs_only_those_to_suppressed_numbers_are_refused(relay: RelayProcess, enqueuer: Enqueuer) -> None:
    first, second = a_recipient(), a_recipient()
    assert enqueuer.suppress(first, app="shop")
    refused, accepted = enqueuer.enqueue_many([marketing(first), marketing(second)])
    assert isinstance(refused, Refused)
    assert [(refused.place, problem.field, problem.code) for problem in refused.problems] == [(0, "to", "suppressed")]
    assert isinstance(accepted, Accepted)
    relay.wait_state(accepted.message_id, State.DELIVERED)
    assert relay.simulator.submits(first) == []


def test_what_waited_already_is_cancelled_when_its_turn_comes_and_the_app_is_told_why(
    relay: RelayProcess, receiver: WebhookReceiver
) -> None:
    to, soon = a_recipient(), datetime.now(UTC) + timedelta(seconds=4)
    waiting = [relay.send(to, lane, app="shop", not_before=soon) for lane in (Lane.MARKETING, Lane.NOTICE)]
    assert relay.cli("suppress", "add", "--everyone", stdin=to).returncode == 0
    cancelled = relay.wait_state(waiting[0], State.CANCELLED)
    assert (cancelled.timeline[-1].rule, cancelled.attempt) == ("suppressed", 0)
    [told] = eventually(lambda: receiver.of(waiting[0]), "the shop hears of it")
    assert told.event["type"] == "message.cancelled"
    assert "wants no more marketing" in told.event["data"]["text"]
    assert "拒收" in told.event["data"]["zh"]
    relay.wait_state(waiting[1], State.DELIVERED)
    assert len(relay.simulator.submits(to)) == 1
    assert "suppress" in relay.cli("why", waiting[0]).stdout


def test_a_recipient_who_blocks_us_is_refused_by_the_next_campaign(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    to, message_id = relay.scripted(BLOCKED, Lane.MARKETING, app="shop")
    relay.wait_state(message_id, State.FAILED)
    with pytest.raises(Suppressed):
        relay.relay.enqueuer.enqueue(marketing(to))
    [told] = eventually(lambda: receiver.of(message_id), "the shop hears of it")
    assert told.event["data"]["code"] == "510"
    assert "gets no more marketing" in told.event["data"]["text"]
    relay.report(to, guide_report(200))  # late, and of the message alone
    relay.wait_state(message_id, State.DELIVERED)
    with pytest.raises(Suppressed):
        relay.relay.enqueuer.enqueue(marketing(to))
    checked = relay.cli("suppress", "check", "--json", stdin=to)
    assert [json.loads(line)["source"] for line in checked.stdout.splitlines()] == ["status.510"]


def test_who_blocks_a_registered_signature_gets_no_marketing_under_it_from_any_app(relay: RelayProcess) -> None:
    to, message_id = relay.scripted(BLOCKED, Lane.NOTICE, template=REGISTERED, app="bank")
    relay.wait_state(message_id, State.FAILED)
    with pytest.raises(Suppressed):
        relay.relay.enqueuer.enqueue(marketing(to, template=REGISTERED))
    relay.send(to, Lane.MARKETING, app="bank")  # a template that has no signature here
    eventually(lambda: len(relay.simulator.submits(to)) == 2, "it is submitted")


def test_an_app_that_does_not_know_the_signature_is_cancelled_at_the_begin(relay: RelayProcess) -> None:
    to = a_recipient()
    empty = Path(relay.environment["SMSRELAY_TEMPLATES"]).with_name("other.toml")
    empty.write_text(TEMPLATES.replace(REGISTERED, "7000002"), "utf-8")
    with Enqueuer.connect(as_an_app(relay.environment, templates=str(empty))) as unregistered:
        unregistered.suppress(to, signature="【云签】")
        accepted = unregistered.enqueue(marketing(to, template=REGISTERED))
    assert relay.wait_final(accepted.message_id).timeline[-1].rule == "suppressed"
    assert relay.simulator.submits(to) == []


def test_a_job_from_another_language_is_refused_and_kept_for_a_person(relay: RelayProcess) -> None:
    to = a_recipient()
    relay.cli("suppress", "add", "--app", "shop", stdin=to)
    offer = {"to": to, "template": TEMPLATE, "params": ["spring"], "lane": "marketing", "app": "shop"}
    with Connection(relay.environment["SMSRELAY_BROKER_URL"]) as broker, broker.Producer(serializer="json") as producer:
        producer.publish([[offer], {}, {}], routing_key="sms.marketing", headers={"task": "sms.send", "id": str(uuid.uuid4())})
    kept = eventually(lambda: [one for one in relay.redis.lrange("{sms}:undecodable", 0, -1) if to in one], "the job is kept")
    assert "has asked for no more marketing" in json.loads(kept[0])["reason"]
    assert relay.simulator.submits(to) == []


def test_a_test_message_suppresses_nobody(relay: RelayProcess) -> None:
    job = marketing("+8613815050510")  # whose digits are a script: 510
    test = relay.relay.enqueuer.enqueue(job, test=True)
    relay.wait_final(test.message_id)
    assert relay.cli("suppress", "check", stdin=job.to).returncode == 1


def test_a_number_stays_suppressed_when_the_number_keys_are_replaced(relay: RelayProcess, enqueuer: Enqueuer) -> None:
    to, waiting, another = a_recipient(), a_recipient(), a_recipient()
    later = datetime.now(UTC) + timedelta(seconds=5)
    message_id = enqueuer.enqueue(marketing(waiting, not_before=later)).message_id
    for number in (to, waiting):
        enqueuer.suppress(number, app="shop")
    old = relay.environment["SMSRELAY_NUMBER_KEYS"]
    rotated = as_an_app(relay.environment, number_keys=f"a new key of numbers,{old}")
    with Enqueuer.connect(rotated) as later_app:
        assert later_app.is_suppressed(to, app="shop")
        with pytest.raises(Suppressed):
            later_app.enqueue(marketing(to))
        under_newer = later_app.enqueue(marketing(another, not_before=later)).message_id
    enqueuer.suppress(another, app="shop")  # by a process that still knows the old key alone
    for one in (message_id, under_newer):
        assert relay.wait_final(one).timeline[-1].rule == "suppressed"


def test_a_number_that_wants_marketing_again_gets_it(relay: RelayProcess) -> None:
    async def back_again(to: str) -> str:
        async with AsyncEnqueuer.connect(settings) as enqueuer:
            assert await enqueuer.suppress(to, app="shop")
            with pytest.raises(Suppressed):
                await enqueuer.enqueue(marketing(to))
            assert await enqueuer.is_suppressed(to, app="shop")
            assert await enqueuer.unsuppress(to, app="shop")
            return (await enqueuer.enqueue(marketing(to))).message_id

    settings = as_an_app(relay.environment)
    relay.wait_state(asyncio.run(back_again(a_recipient())), State.DELIVERED)


def test_a_campaign_tells_which_lines_it_may_not_send(relay: RelayProcess, tmp_path: Path) -> None:
    suppressed, other = a_recipient(), a_recipient()
    relay.cli("suppress", "add", "--everyone", stdin=suppressed)
    file = tmp_path / "spring.csv"
    file.write_text(f"to,p1\n{suppressed},Anna\n{other},Ben\n", "utf-8")
    result = relay.cli("bulk", str(file), "--template", TEMPLATE, "--lane", "marketing", "--app", "shop")
    assert result.returncode == 1
    assert "line 2: to: has asked for no more marketing" in result.stderr
    assert "1 accepted" in result.stdout
    assert suppressed[3:] not in result.stderr + result.stdout


def test_nothing_that_a_process_logs_tells_who_is_suppressed(relay: RelayProcess) -> None:
    entries = relay.redis.hkeys("{sms}:suppressed")
    logs = "".join(path.read_text("utf-8", "replace") for path in relay.data.glob("*.log"))
    assert entries
    assert [entry for entry in entries if entry.partition("|")[0] in logs] == []
