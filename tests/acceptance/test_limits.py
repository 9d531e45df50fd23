"""A relay with limits, as real processes: what apps are told, what waits, and what the vendor sees of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from smsrelay import Enqueuer, ProducerSettings, Rejection, SendJob
from smsrelay.acceptance import TooMany
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient, running_relay
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

CAP = 3.0  # seconds
SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENS = datetime.now(SHANGHAI).replace(second=0, microsecond=0) + timedelta(hours=5)
LIMITS = f"""
version = 1
countries = ["86"]
[[cap]]
name = "one-notice"
lanes = ["notice"]
count = 1
window_s = {CAP:.0f}
[[cap]]
name = "codes"
lanes = ["otp"]
count = 2
window = "10m"
per = "number+app"
[[window]]
lane = "marketing"
country = "86"
opens = "{OPENS:%H:%M}"
closes = "{OPENS + timedelta(hours=1):%H:%M}"
zone = "Asia/Shanghai"
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("limits")
    (folder / "limits.toml").write_text(LIMITS, "utf-8")
    with running_relay(folder / "relay", settings={"SMSRELAY_LIMITS": str(folder / "limits.toml")}) as running:
        eventually(lambda: running.redis.exists(KEYS.limits), "the limits are published")
        yield running


@pytest.fixture(scope="module")
def app(relay: RelayProcess) -> Iterator[Enqueuer]:
    """An app, which has no limits file."""
    given = {name: relay.environment[f"SMSRELAY_{name.upper()}"] for name in ("store_url", "broker_url", "number_keys")}
    with Enqueuer.connect(ProducerSettings(**given)) as enqueuer:
        yield enqueuer


def job(to: str, lane: Lane, **fields: object) -> SendJob:
    return SendJob(**{"to": to, "template": TEMPLATE, "params": [a_code()], "lane": lane} | fields)


def rules(relay: RelayProcess, message_id: str) -> list[str]:
    return [entry.rule for entry in relay.record(message_id).timeline]


def test_notices_to_one_number_are_as_far_apart_as_the_cap_wants_and_all_arrive(relay: RelayProcess, app: Enqueuer) -> None:
    to = a_recipient()
    ids = [app.enqueue(job(to, Lane.NOTICE)).message_id for _ in range(3)]
    records = [relay.wait_state(message_id, State.DELIVERED) for message_id in ids]
    assert [record.attempt for record in records] == [1, 1, 1]
    times = sorted(submit.at for submit in relay.simulator.submits(to))
    assert all(later - earlier >= CAP - 0.1 for earlier, later in pairwise(times))
    assert sum("cap one-notice" in rules(relay, message_id) for message_id in ids) == 2
    waited = next(message_id for message_id in ids if "cap one-notice" in rules(relay, message_id))
    why = relay.cli("why", waited).stdout
    assert "rule cap one-notice: cap one-notice: at most 1 attempt in notice to one number in any 3 s." in why


def test_a_retry_is_due_when_the_cap_allows_it_too(relay: RelayProcess, app: Enqueuer) -> None:
    to = a_recipient()
    relay.simulator.script(to, {"submits": ["503", "200"]})
    message_id = app.enqueue(job(to, Lane.NOTICE)).message_id
    assert relay.wait_final(message_id).state is State.DELIVERED
    first, second = (submit.at for submit in relay.simulator.submits(to))
    assert second - first >= CAP - 0.1
    assert relay.record(message_id).attempt == 2


def test_a_code_over_its_cap_is_refused_with_the_seconds_to_wait(relay: RelayProcess, app: Enqueuer) -> None:
    to = a_recipient()
    accepted = [app.enqueue(job(to, Lane.OTP, app="shop")) for _ in range(2)]
    with pytest.raises(TooMany) as refused:
        app.enqueue(job(to, Lane.OTP, app="shop"))
    assert refused.value.cap == "codes"
    assert 1 <= refused.value.retry_after <= 600
    assert app.enqueue(job(to, Lane.OTP, app="bank")).new  # each app has a count of its own
    for one in accepted:
        relay.wait_state(one.message_id, State.DELIVERED)
    with pytest.raises(TooMany):
        app.enqueue(job(to, Lane.OTP, app="shop"))


def test_marketing_waits_for_its_window_and_ignores_it_when_that_is_spelled_out(relay: RelayProcess, app: Enqueuer) -> None:
    to, other = a_recipient(), a_recipient()
    waiting = app.enqueue(job(to, Lane.MARKETING)).message_id
    ignoring = app.enqueue(job(other, Lane.MARKETING, ignore_send_window=True)).message_id
    record = relay.wait(waiting, lambda record: record.due, "it waits")
    assert (record.state, record.attempt, rules(relay, waiting)[-1]) == (State.QUEUED, 0, "window marketing +86")
    assert record.due is not None
    assert abs(record.due - OPENS.timestamp() * 1000) < 60_000
    relay.wait_state(ignoring, State.DELIVERED)
    assert rules(relay, ignoring)[0] == "window ignored"
    assert relay.simulator.submits(to) == []
    assert "window marketing +86: marketing to +86 is submitted between" in relay.cli("why", waiting).stdout


def test_a_country_that_the_limits_do_not_list_is_refused(app: Enqueuer) -> None:
    with pytest.raises(Rejection) as refused:
        app.enqueue(job("+85291234567", Lane.NOTICE))
    assert [problem.field for problem in refused.value.problems] == ["to"]


def test_the_limits_in_use_are_printed(relay: RelayProcess) -> None:
    printed = relay.cli("limits").stdout
    assert "cap one-notice: at most 1 attempt in notice to one number in any 3 s." in printed
    assert "countries: +86" in printed
