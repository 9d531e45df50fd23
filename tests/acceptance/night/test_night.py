"""A night on call: one thing after the other breaks, the alert fires, status, doctor and console say why, a command mends it.

A real Prometheus watches real processes with the shipped alerts, whose minutes are seconds (``tests/support/hastened_rules``).
The last tests look at what it saw: every query of the board has found something, and every metric of the alerts was there.
"""

import contextlib
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kombu import Connection

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreUnavailable
from tests.acceptance.night.stage import CAPPED_TEMPLATE, ENDPOINT, Night, staged
from tests.support import redis_server
from tests.support.grafana_board import labels_of, metrics_of, queries, selectors
from tests.support.hastened_rules import ALERTS
from tests.support.relay_process import TEMPLATE, a_recipient
from tests.support.waiting import eventually

UNLISTED = "298"
_SCRAPED = 15.0  # seconds, after which what has happened is in Prometheus


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with staged(tmp_path_factory.mktemp("night")) as running:
        yield running


def test_nothing_fires_while_all_is_well(night: Night) -> None:
    night.delivered(*night.many(5, Lane.OTP), *night.many(5, app="shop"))
    eventually(lambda: not night.prometheus.alerts(), "no alert is pending or fires")
    night.says("status", "submitting\n")


def test_the_vendor_is_down(night: Night) -> None:
    night.relay.simulator.default({"submits": ["unreachable_503"]})
    waiting = night.many(30)
    night.fires("SmsrelayCircuitOpen")
    night.says("status", "circuit open since ", "the vendor fails")
    night.says("doctor", "the circuit has been open since ", "smsrelay resume", "[circuit-open]")
    night.shows("the circuit has been open since ")
    night.relay.simulator.unscript()
    night.run("resume")
    night.resolves("SmsrelayCircuitOpen")
    night.delivered(*waiting)


def test_the_credentials_have_expired(night: Night) -> None:
    night.relay.simulator.default({"submits": ["bad_appcode"]})
    waiting = night.many(2, Lane.OTP)
    night.fires("SmsrelayHaltedByVendor", code="A400AC")
    night.says("status", "halted since ", "(A400AC)", "smsrelay resume")
    night.says("doctor", "the vendor refused everything with code A400AC")
    night.shows("the vendor refused everything with code A400AC")
    assert "A400AC" in night.run("policy explain A400AC")
    night.relay.simulator.unscript()
    night.run("resume")
    night.resolves("SmsrelayHaltedByVendor")
    night.delivered(*waiting)


def test_redis_is_full(night: Night) -> None:
    redis_server.installed_or_skipped()  # for redis-cli
    night.relay.redis.config_set("maxmemory", 1)
    night.fires("SmsrelayStoreRefusesWrites")
    with pytest.raises(StoreUnavailable):
        night.many(1)
    night.says("status", "not submitting: the store refuses writes (", "OOM")
    night.says("doctor", "OOM")
    night.shows("the store refuses writes (", "OOM")
    _redis_cli(night, "CONFIG", "SET", "maxmemory", "2gb")
    night.resolves("SmsrelayStoreRefusesWrites")
    night.delivered(*night.many(1, Lane.OTP))


def test_redis_is_gone(night: Night) -> None:
    with night.without_redis():
        night.fires("SmsrelayStoreDown")
        with pytest.raises(StoreUnavailable):
            night.many(1)
        night.says("status", "Error: the store did not answer")
        night.says("doctor", "the store did not answer", "[store-down]")
        night.shows("The store does not answer.", "smsrelay doctor")
    night.resolves("SmsrelayStoreDown")
    night.delivered(*night.many(1, Lane.OTP), *night.many(1))


def test_somebody_halted_everything(night: Night) -> None:
    night.run("halt")
    waiting = night.many(2)
    night.fires("SmsrelayHaltedByOperator")
    night.says("status", "halted by an operator since ", "smsrelay resume")
    night.says("doctor", "halted by an operator", "[halted-by-operator]")
    night.shows("halted by an operator")
    night.says("audit --what halt", "halt")
    night.run("resume")
    night.resolves("SmsrelayHaltedByOperator")
    night.delivered(*waiting)


def test_no_worker_takes_codes(night: Night) -> None:
    night.end("worker")
    waiting = night.many(2, Lane.OTP)
    night.fires("SmsrelayNoWorker", queue="sms.otp")
    night.fires("SmsrelayCodesWait", lane="otp")
    night.says("status", "submitting, but not otp: no worker takes it\n", "no worker takes sms.otp; 2 wait")
    night.says("doctor", "no worker takes sms.otp", "smsrelay worker --queues otp")
    night.shows("no worker takes sms.otp; 2 wait")
    night.start_worker()
    night.resolves("SmsrelayNoWorker")
    night.resolves("SmsrelayCodesWait")
    night.delivered(*waiting)


def test_the_receiver_is_gone(night: Night) -> None:
    night.end("receiver", signal.SIGKILL)
    waiting = night.many(2, Lane.OTP)
    night.fires("SmsrelayNoReceiver")
    night.says("status", "no receiver is alive")
    night.says("doctor", "no receiver is alive", "[receivers-gone]", "[callback-refused]")
    night.shows("no receiver is alive")
    night.start_receiver()
    night.resolves("SmsrelayNoReceiver")
    night.delivered(*waiting)


def test_the_template_was_replaced(night: Night) -> None:
    night.relay.simulator.default({"submits": ["506"]})
    failed = night.many(1)
    seen = 'smsrelay_final_total{lane="notice", state="failed", code="506"}'
    eventually(lambda: night.prometheus.query(seen), "Prometheus knows of the first")  # it counts from there
    failed += night.many(30)
    night.fires("SmsrelayMessagesFail", lane="notice", code="506")
    night.says("dead list --code 506", *failed)
    night.says("status", "failed or ended unknown")
    night.says("doctor", "messages failed or ended unknown", "[messages-failed]")
    night.shows("506", page="/dead")
    night.run(f"halt --template {TEMPLATE}")
    night.relay.simulator.unscript()  # it is mended at the vendor
    night.run(f"resume --template {TEMPLATE}")
    night.run("dead replay --code 506")
    night.resolves("SmsrelayMessagesFail")
    night.delivered(*failed)


def test_a_campaign_was_stopped(night: Night) -> None:
    spring: dict[str, Any] = {"lane": Lane.MARKETING, "app": "shop", "campaign": "spring"}
    night.delivered(*night.many(1, **spring))
    night.run("campaign pause spring --app shop")
    held = night.many(3, **spring)
    night.fires("SmsrelayPartHalted", part="campaign:shop/spring")
    night.says(
        "status", "campaign spring of app shop: paused since ", "3 messages held", "smsrelay campaign resume spring --app shop"
    )
    night.says("doctor", "campaign spring of app shop: paused since ")
    night.shows("campaign spring of app shop: paused since ")
    night.run("campaign resume spring --app shop")
    night.resolves("SmsrelayPartHalted")
    night.delivered(*held)


def test_did_this_number_get_its_code(night: Night) -> None:
    to, code = a_recipient(), "394021"
    message_id = night.relay.send(to, params=[code])
    night.delivered(message_id)
    found = night.run("find", stdin=f"{to}\n")
    assert message_id[:8] in found
    assert "delivered" in found
    why = night.run(f"why {message_id}")
    night.shows("delivered", page=f"/message/{message_id}")
    assert f"/message/{message_id}" in night.console.post("/find", {"wanted": to}).text
    assert "200" in why
    assert not [secret for secret in (to, to.removeprefix("+86"), code) if secret in found + why]


def test_an_app_does_not_take_its_outcomes(night: Night) -> None:
    night.webhooks.always[ENDPOINT] = 500
    night.delivered(*night.many(1, app="bank"))
    night.fires("SmsrelayWebhookFailing", sink="bank.webhook")
    night.says("status", "deliveries to bank.webhook have failed since ", "[sink-failing]")
    night.says("doctor", "deliveries to bank.webhook have failed since ", "smsrelay webhook test bank")
    night.shows("deliveries to bank.webhook have failed since ")
    night.says("webhook list", "bank.webhook", "500")
    night.webhooks.always[ENDPOINT] = 200
    night.run("webhook resume bank")
    night.resolves("SmsrelayWebhookFailing")


def test_a_fuse_blows(night: Night) -> None:
    jobs = [{"to": f"+8525123456{number}", "app": "shop"} for number in range(4)]
    ids = [night.relay.send(lane=Lane.NOTICE, **job) for job in jobs]
    night.fires("SmsrelayFuseBlown", app="shop", country="852")
    night.says("status", "app shop has sent 2 messages to +852 today")
    night.says("doctor", "app shop has sent 2 messages to +852", "smsrelay resume --country 852 --app shop")
    night.shows("app shop has sent 2 messages to +852")
    night.run("resume --app shop --country 852")
    night.resolves("SmsrelayFuseBlown")
    night.delivered(*ids)


def test_what_is_strange_is_a_ticket(night: Night) -> None:
    _, unlisted = night.relay.scripted({"submits": [f"{UNLISTED}+200"]}, Lane.NOTICE)
    _, retried = night.relay.scripted({"submits": ["503", "200"]}, Lane.NOTICE)
    _publish_nonsense(night)
    night.fires("SmsrelayUnlistedCodes", code=UNLISTED)
    night.fires("SmsrelayUndecodable", kind="job")
    night.says("status", f"unlisted status code {UNLISTED}: 1 reports", "1 unreadable jobs or tasks are kept")
    night.says("doctor", "1 unreadable jobs or tasks are kept", "[jobs-unreadable]")
    night.shows(f"status codes that the policy does not list: {UNLISTED}", "1 unreadable jobs or tasks are kept")
    night.says("dead list", "unreadable", "not a phone number")
    night.delivered(unlisted, retried)
    night.resolves("SmsrelayUnlistedCodes")
    night.resolves("SmsrelayUndecodable")


def test_every_query_of_the_board_has_found_something(night: Night) -> None:
    _limits_at_work(night)
    end = time.time() + _SCRAPED

    def missing() -> list[str]:
        return [query.expression for query in queries() if not _found(night, query.expression, end)]

    with contextlib.suppress(AssertionError):
        eventually(lambda: not missing(), "every query finds something", _SCRAPED)
    assert missing() == []
    for query in queries():
        shown = [one["metric"] for one in _found(night, query.expression, end)]
        assert [label for label in labels_of(query.legend) if not any(label in metric for metric in shown)] == [], query


def test_every_metric_and_label_of_alerts_and_board_is_exported(night: Night) -> None:
    rules = [rule["expr"] for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]
    expressions = [*rules, *(query.expression for query in queries())]
    known = {
        metric: {label for series in night.prometheus.series(metric, night.began) for label in series}
        for metric in metrics_of(expressions)
    }
    assert [metric for metric, labels in known.items() if not labels] == []
    for metric, labels in selectors(expressions):
        assert labels <= known[metric], (metric, labels)


def test_every_rule_was_evaluated_without_an_error(night: Night) -> None:
    assert {rule["name"]: rule["lastError"] for rule in night.prometheus.rules() if rule["health"] != "ok"} == {}


def _found(night: Night, expression: str, end: float) -> list[dict[str, Any]]:
    return [
        series
        for series in night.prometheus.query_range(expression, night.began, end, 2.0)
        if any(value != "NaN" for _, value in series["values"])
    ]


def _limits_at_work(night: Night) -> None:
    """A cap, a slower template, and a number that wants no marketing."""
    to = a_recipient()
    night.run(f"rate --template {CAPPED_TEMPLATE} 50")
    night.run("suppress add --everyone", stdin=f"{a_recipient()}\n")
    night.delivered(night.relay.send(to, Lane.NOTICE, template=CAPPED_TEMPLATE))
    capped = night.relay.send(to, Lane.NOTICE, template=CAPPED_TEMPLATE)
    night.relay.wait(capped, lambda record: "cap one-a-minute" in record.timeline[-1].rule, "the cap holds it")
    night.run(f"cancel {capped}")
    assert night.relay.wait_final(capped).state is State.CANCELLED


def _publish_nonsense(night: Night) -> None:
    """A job of an app without our library that is none."""
    task_id = str(uuid.uuid4())
    headers = {"lang": "go", "task": "sms.send", "id": task_id}
    with Connection(night.relay.environment["SMSRELAY_BROKER_URL"]) as broker, broker.Producer(serializer="json") as producer:
        body = [[{"v": 1, "to": "nobody"}], {}, {}]
        producer.publish(body, routing_key="sms.notice", headers=headers, correlation_id=task_id)


def _redis_cli(night: Night, *words: str) -> None:
    """The command of docs/what-is-wrong.md."""
    command = ["redis-cli", "-u", night.relay.environment["SMSRELAY_STORE_URL"], *words]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert ran.stdout.strip() == "OK", ran.stdout
