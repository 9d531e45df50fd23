"""``smsrelay`` as a person at a terminal uses it."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient, a_reference
from tests.support.store_keys import KEYS

NUMBER = "+8613900112233445"  # too long to be one
NOBODY = "019ab000-0000-7000-8000-000000000000"


def _send(to: str, *more: str) -> list[str]:
    return ["send", "--to", to, "--template", TEMPLATE, "--param", a_code(), "--lane", "otp", *more]


def test_send_prints_the_message_id(relay: RelayProcess) -> None:
    to = a_recipient()
    sent = relay.cli(*_send(to))
    assert (sent.returncode, sent.stderr) == (0, "")
    assert re.fullmatch(r"[0-9a-f-]{36}\n", sent.stdout)
    relay.wait_state(sent.stdout.strip(), State.DELIVERED)
    assert len(relay.simulator.submits(to)) == 1


@pytest.mark.parametrize("part", ["worker", "receiver"])
def test_every_line_of_a_log_is_json_with_an_event_and_a_time(relay: RelayProcess, part: str) -> None:
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED)
    *whole, _being_written = (relay.data / f"{part}.log").read_text("utf-8").split("\n")
    assert whole
    assert [line for line in whole if not {"event", "level", "timestamp"} <= set(json.loads(line))] == []


def test_send_as_json_says_whether_the_reference_is_new(relay: RelayProcess) -> None:
    command = ["send", "--to", a_recipient(), "--template", TEMPLATE, "--param", "1", "--lane", "notice"]
    reference = a_reference()
    answers = [json.loads(relay.cli(*command, "--app", "shop", "--reference", reference, "--json").stdout) for _ in range(2)]
    expected = {"message_id": referenced_id("shop", reference), "lane": "notice"}
    assert answers == [expected | {"new": True}, expected | {"new": False}]
    relay.wait_state(answers[0]["message_id"], State.DELIVERED)


def test_send_takes_a_whole_job_from_standard_input(relay: RelayProcess) -> None:
    to = a_recipient()
    job = {"to": to.removeprefix("+86"), "template": TEMPLATE, "params": ["1"], "lane": "otp"}
    sent = relay.cli("send", "--job", "-", stdin=json.dumps(job))
    assert (sent.returncode, sent.stderr) == (0, "")
    relay.wait_state(sent.stdout.strip(), State.DELIVERED)
    assert len(relay.simulator.submits(to)) == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--to", NUMBER, "--template", TEMPLATE, "--param", "771903", "--lane", "otp"], "to"),
        (["--to", "+8613912345678", "--template", TEMPLATE, "--param", "771903,2", "--lane", "otp"], r"params\.0"),
        (["--to", "+8613912345678", "--template", TEMPLATE, "--param", "771903"], "lane"),
        (["--to", "+8613912345678", "--param", "771903", "--lane", "otp"], "template"),
        (["--template", TEMPLATE, "--param", "771903", "--lane", "otp"], "to"),
    ],
    ids=["no number", "a comma", "no lane", "no template", "nobody"],
)
def test_a_wrong_send_names_the_field_and_quotes_nothing(relay: RelayProcess, arguments: list[str], field: str) -> None:
    sent = relay.cli("send", *arguments)
    assert (sent.returncode, sent.stdout) == (2, "")
    assert re.search(rf"^ +{field}: ", sent.stderr, re.MULTILINE)
    for personal in (NUMBER[3:], "13912345678", "771903"):
        assert personal not in sent.stderr
    assert "Traceback" not in sent.stderr


def test_another_content_under_a_known_reference_is_refused(relay: RelayProcess) -> None:
    reference = a_reference()
    first = relay.cli(*_send(a_recipient(), "--reference", reference))
    second = relay.cli(*_send(a_recipient(), "--reference", reference))
    assert (first.returncode, second.returncode) == (0, 2)
    assert "reference: was used before" in second.stderr


def test_show_of_a_retried_message_reads_like_a_story(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": ["503", "203+200"]})
    relay.wait_state(message_id, State.DELIVERED)
    shown = relay.cli("show", message_id)
    assert shown.returncode == 0
    story = [
        message_id,
        "lane      otp, template 0000000",
        "state     delivered after 2 attempt(s)",
        "accepted and queued",
        "attempt 1 begins",
        "attempt 1: 0000 Accepted by the vendor 成功",
        "attempt 1: 503 Carrier rejected – temporary problem 运营商拒绝（临时问题）",
        "queued again for the next attempt",
        "attempt 2 begins",
        "attempt 2: 0000 Accepted by the vendor 成功",
        "attempt 2: 203 Delivered to gateway 已送达网关",
        "attempt 2: 200 Delivered to handset 已送达手机",
    ]
    at = [shown.stdout.find(words) for words in story]
    assert -1 not in at, f"{story[at.index(-1)]!r} is not told in\n{shown.stdout}"
    assert at == sorted(at)
    assert to.removeprefix("+86") not in shown.stdout


def test_show_of_a_waiting_message_says_what_comes_next(relay: RelayProcess) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    message_id = relay.send(a_recipient(), not_before=later)
    shown = relay.cli("show", message_id).stdout
    assert "accepted; waits until the time the app asked for" in shown
    assert f"next      not to be submitted before {later:%Y-%m-%d %H:%M:%S}" in shown
    assert relay.cli("cancel", message_id).returncode == 0


def test_show_as_json_holds_the_whole_timeline(relay: RelayProcess) -> None:
    _, message_id = relay.scripted({"submits": ["503", "200"]})
    record = relay.wait_state(message_id, State.DELIVERED)
    shown = json.loads(relay.cli("show", message_id, "--json").stdout)
    assert (shown["message_id"], shown["state"], shown["attempts"]) == (message_id, "delivered", 2)
    told = [(line["at"], line["state"], line["attempt"], line["code"], line["rule"]) for line in shown["timeline"]]
    assert told == [(line.at, line.state.value, line.attempt, line.code, line.rule) for line in record.timeline]


def test_cancel_withdraws_a_message_nobody_submitted_yet(relay: RelayProcess) -> None:
    to = a_recipient()
    at = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S%z")
    message_id = relay.cli(*_send(to, "--not-before", at)).stdout.strip()
    cancelled, again = relay.cli("cancel", message_id), relay.cli("cancel", message_id)
    assert (cancelled.returncode, cancelled.stdout) == (0, "cancelled\n")
    assert (again.returncode, again.stdout) == (0, "cancelled\n")  # as when the store's answer to the first was lost
    assert relay.redis.zscore(KEYS.agenda, message_id) is None
    relay.relay.enqueuer.publish(Lane.OTP, [message_id])  # a wake-up that was on its way
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED)
    assert relay.record(message_id).state is State.CANCELLED
    assert relay.simulator.submits(to) == []


def test_cancel_of_a_delivered_message_is_too_late(relay: RelayProcess) -> None:
    message_id = relay.send(a_recipient())
    relay.wait_state(message_id, State.DELIVERED)
    cancelled = relay.cli("cancel", message_id)
    assert (cancelled.returncode, cancelled.stdout) == (1, "")
    assert "too late: it is delivered" in cancelled.stderr
    assert relay.record(message_id).state is State.DELIVERED


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_an_unknown_message_is_said_so(relay: RelayProcess, command: str) -> None:
    answered = relay.cli(command, NOBODY)
    assert (answered.returncode, answered.stdout) == (1, "")
    assert "no such message" in answered.stderr
