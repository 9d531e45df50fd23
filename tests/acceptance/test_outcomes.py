"""Outcomes, told by a real worker to real webhooks and a real Celery app: whole, in words, and again where one may be missed."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

from smsrelay.contract.lanes import Lane
from tests.support.guide_report import guide_report
from tests.support.outcome_app import QUEUE, TASK, OutcomeApp, outcome_app
from tests.support.processes import kill_9, pids
from tests.support.relay_process import RelayProcess, a_recipient, running_relay
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, app_with_webhook, webhook_receiver

DELIVERED = {"submits": [{"reports": [{"code": 200}]}]}
FAILED = {"submits": [{"reports": [{"code": 504}]}]}
MANY = 100
OUTCOME = "[sms.outcome]"
_BACK = 180.0  # seconds: a lease of what a killed process held, and a margin


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, receiver: WebhookReceiver) -> Iterator[RelayProcess]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    every = 'events = ["submitted", "retrying", "delivered", "failed", "expired", "unknown", "cancelled"]'
    apps = [app_with_webhook("shop", f"{receiver.url}/shop"), app_with_webhook("every", f"{receiver.url}/every", every)]
    apps += [app_with_webhook(name, f"{receiver.url}/{name}") for name in ("gone", "moved", "replayed", "killed")]
    apps.append(app_with_webhook("flaky", f"{receiver.url}/flaky", "retries_s = [0.5, 1.0]"))
    apps += [app_with_webhook(f"app{number}", f"{receiver.url}/app{number}") for number in range(MANY)]
    apps.append(f'[celery.celery]\nqueue = "{QUEUE}"\ntask = "{TASK}"\n')
    file = folder / "apps.toml"
    file.write_text("\n".join(apps), "utf-8")
    with running_relay(folder / "relay", settings={"SMSRELAY_APPS": str(file)}, together=False) as running:
        yield running


@pytest.fixture(scope="module")
def celery_app(tmp_path_factory: pytest.TempPathFactory, relay: RelayProcess) -> Iterator[OutcomeApp]:
    with outcome_app(relay.environment["SMSRELAY_BROKER_URL"], tmp_path_factory.mktemp("shop")) as running:
        yield running


def test_a_delivery_is_told_once_and_signed(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    _, message_id = relay.scripted(DELIVERED, app="shop", reference="login-1", tags={"flow": "login"})
    [told] = eventually(lambda: receiver.of(message_id), "the shop hears of it")
    record = relay.record(message_id)
    assert (told.path, told.event["type"], told.revision) == ("/shop", "message.delivered", record.revision)
    assert told.webhook_id == f"msg_{message_id}_{record.revision}"
    assert told.event["data"]["reference"] == "login-1"
    assert told.event["data"]["tags"] == {"flow": "login"}
    assert receiver.refused == []


def test_an_app_may_hear_of_every_step(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    _, message_id = relay.scripted({"submits": [{"reports": [{"code": 503}]}, {"reports": [{"code": 200}]}]}, app="every")
    eventually(lambda: len(receiver.of(message_id)) == 4, "every step is told")
    told = sorted(receiver.of(message_id), key=lambda one: one.revision)
    assert [(one.state, one.event["data"]["attempts"]) for one in told] == [
        ("submitted", 1),
        ("retrying", 1),
        ("submitted", 2),
        ("delivered", 2),
    ]


def test_a_late_report_is_a_higher_revision(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    to, message_id = relay.scripted(FAILED, app="shop")
    [first] = eventually(lambda: receiver.of(message_id), "the failure is told")
    assert (first.state, first.event["data"]["code"]) == ("failed", "504")
    relay.report(to, guide_report(200))
    eventually(lambda: len(receiver.of(message_id)) == 2, "the delivery is told")
    assert receiver.of(message_id)[1].state == "delivered"
    assert receiver.of(message_id)[1].revision > first.revision


def test_a_cancelled_message_is_told_though_a_command_cancelled_it(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    message_id = relay.send(a_recipient(), Lane.NOTICE, app="shop", not_before=later)
    assert relay.cli("cancel", message_id).returncode == 0
    [told] = eventually(lambda: receiver.of(message_id), "the cancellation is told")
    assert told.event["type"] == "message.cancelled"


def test_an_app_without_a_sink_costs_nothing(relay: RelayProcess) -> None:
    _, message_id = relay.scripted(DELIVERED, app="nobody")
    relay.wait_final(message_id)
    assert "out" not in relay.redis.hgetall(f"{{sms}}:m:{message_id}")


def test_a_delivery_that_was_not_taken_comes_again_with_the_same_bytes(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    receiver.statuses["/moved"] = [302, 500]
    _, message_id = relay.scripted(DELIVERED, app="moved")
    eventually(lambda: len(receiver.of(message_id)) >= 2, "it is told again")
    assert len({one.body for one in receiver.of(message_id)}) == 1
    assert len({one.webhook_id for one in receiver.of(message_id)}) == 1


def test_an_endpoint_that_hangs_delays_no_other(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    receiver.hold("/app0")
    for _ in range(20):
        relay.scripted(DELIVERED, app="app0")
    eventually(lambda: receiver.holding["/app0"] >= 8, "every connection to it hangs")
    others = [relay.scripted(DELIVERED, app=f"app{number}")[1] for number in range(1, MANY)]
    eventually(lambda: all(receiver.of(message_id) for message_id in others), "all others hear of theirs", 14.0)
    assert receiver.holding["/app0"] > 0, "it has hung all the while"
    receiver.release("/app0")


def test_410_disables_an_endpoint_until_an_operator_resumes_it(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    receiver.always["/gone"] = 410
    _, first = relay.scripted(DELIVERED, app="gone")
    eventually(lambda: _listed(relay, "gone.webhook")["condition"] == "disabled", "the list says so")
    tried = len(receiver.at("/gone"))
    _, second = relay.scripted(DELIVERED, app="gone")
    eventually(lambda: _listed(relay, "gone.webhook")["waiting"] == 2, "both wait")
    assert "disabled since" in relay.cli("status").stdout
    assert "answered 410" in relay.cli("doctor").stdout
    assert len(receiver.at("/gone")) == tried
    del receiver.always["/gone"]
    assert "gone.webhook: resumed" in relay.cli("webhook", "resume", "gone").stdout
    eventually(lambda: {one.message_id for one in receiver.at("/gone")[tried:]} == {first, second}, "both are told")
    eventually(lambda: _listed(relay, "gone.webhook") | {"condition": "ok"} == _listed(relay, "gone.webhook"), "it is well again")


def test_a_test_says_what_the_endpoint_answers(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    ended = relay.cli("webhook", "test", "shop")
    assert (ended.returncode, ended.stdout) == (0, "shop.webhook: 200\n")
    assert receiver.at("/shop")[-1].event["type"] == "message.test"
    receiver.statuses["/moved"] = [418]
    ended = relay.cli("webhook", "test", "moved.webhook")
    assert (ended.returncode, ended.stdout) == (1, "moved.webhook: 418\n")


def test_a_replay_tells_again_under_the_same_ids(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    ids = {relay.scripted(script, app="replayed")[1] for script in (DELIVERED, FAILED, DELIVERED)}
    eventually(lambda: len(receiver.at("/replayed")) == 3, "all are told")
    assert "3 outcomes would be" in relay.cli("webhook", "replay", "replayed", "--since", "1h", "--dry-run").stdout
    assert "0 outcomes" in relay.cli("webhook", "replay", "replayed", "--since", "0s").stdout
    assert "3 outcomes are" in relay.cli("webhook", "replay", "replayed", "--since", "1h").stdout
    eventually(lambda: len(receiver.at("/replayed")) == 6, "all are told again")
    told = receiver.at("/replayed")
    assert {one.message_id for one in told} == ids
    assert {one.body for one in told[:3]} == {one.body for one in told[3:]}


def test_a_celery_app_hears_in_a_task_of_its_own(relay: RelayProcess, celery_app: OutcomeApp) -> None:
    _, message_id = relay.scripted(FAILED, app="celery", tags={"flow": "signup"})
    [event] = eventually(lambda: celery_app.of(message_id), "the app's task runs")
    assert event["type"] == "message.failed"
    assert event["data"]["tags"] == {"flow": "signup"}
    assert (event["id"], event) in celery_app.heard()
    assert relay.cli("webhook", "test", "celery").stdout == "celery.celery: published\n"
    eventually(lambda: any(one["type"] == "message.test" for _, one in celery_app.heard()), "the test arrives")


def test_a_killed_process_loses_and_invents_nothing(
    relay: RelayProcess, receiver: WebhookReceiver, celery_app: OutcomeApp
) -> None:
    receiver.hold("/killed")
    hooked = [relay.scripted(DELIVERED, app="killed")[1] for _ in range(20)]
    eventually(lambda: receiver.holding["/killed"] >= 8, "deliveries are under way")
    queued = [relay.scripted(FAILED, app="celery")[1] for _ in range(20)]
    pid = kill_9(relay.data, OUTCOME)
    receiver.release("/killed")
    eventually(lambda: [one for one in pids(relay.data, OUTCOME) if one != pid], "the supervisor restarts it")
    for message_id in (*hooked, *queued):
        relay.wait_final(message_id)
    eventually(lambda: all(receiver.of(one) for one in hooked), "every outcome is told", _BACK)
    eventually(lambda: all(celery_app.of(one) for one in queued), "every outcome is published", _BACK)
    for message_id in hooked:
        revisions = {one.revision for one in receiver.of(message_id)}
        assert revisions == {relay.record(message_id).revision}
    eventually(lambda: _listed(relay, "killed.webhook")["waiting"] == 0, "nothing waits", _BACK)


def test_an_endpoint_that_fails_three_calls_in_ten_hears_of_everything_though_its_process_is_killed_again_and_again(
    relay: RelayProcess, receiver: WebhookReceiver
) -> None:
    random = Random(7)
    receiver.statuses["/flaky"] = random.choices([200, 500], [7, 3], k=2000)
    ids = [relay.scripted(DELIVERED, app="flaky")[1] for _ in range(150)]
    for calls in (20, 60, 100):
        eventually(partial(_called, receiver, "/flaky", calls), f"there were {calls} calls", _BACK)
        killed = kill_9(relay.data, OUTCOME)
        eventually(partial(_replaced, relay, killed), "the supervisor restarts it")
    for message_id in ids:
        relay.wait_final(message_id)
    eventually(lambda: _listed(relay, "flaky.webhook")["waiting"] == 0, "every outcome is taken", _BACK)
    told = receiver.at("/flaky")
    assert {one.message_id for one in told} == set(ids)
    assert len({(one.webhook_id, one.body) for one in told}) == len(ids)


def test_a_process_that_is_told_to_stop_gives_its_claims_back(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    receiver.hold("/app1")
    ids = [relay.scripted(DELIVERED, app="app1")[1] for _ in range(20)]
    eventually(lambda: receiver.holding["/app1"] >= 8, "deliveries are under way")
    for message_id in ids:
        relay.wait_final(message_id)
    [pid] = pids(relay.data, OUTCOME)
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: pid not in pids(relay.data, OUTCOME), "it has stopped")
    receiver.release("/app1")
    eventually(lambda: all(receiver.of(one) for one in ids), "the rest is told by the next process", 60.0)


def test_metrics_and_logs_name_sinks_and_no_secret(relay: RelayProcess) -> None:
    log = (relay.data / "worker.log").read_text("utf-8")
    assert '"outcomes delivered"' in log
    assert "whsec_" not in log


def _called(receiver: WebhookReceiver, path: str, times: int) -> bool:
    return len(receiver.at(path)) >= times


def _replaced(relay: RelayProcess, killed: int) -> bool:
    return any(pid != killed for pid in pids(relay.data, OUTCOME))


def _listed(relay: RelayProcess, sink: str) -> dict[str, object]:
    lines = map(json.loads, relay.cli("webhook", "list", "--json").stdout.splitlines())
    return next(line for line in lines if line["sink"] == sink)
