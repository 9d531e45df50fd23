"""A campaign is watched, paused, resumed and cancelled, and parts of the traffic are halted: on real processes, through kills."""

import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from smsrelay import Enqueuer, ProducerSettings, Refused
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.progress import CampaignProgress, CampaignState
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay.store.traffic.halts import Halts
from tests.support.processes import kill_9
from tests.support.relay_process import ROOT, SMSRELAY, TEMPLATE, RelayProcess, a_code, a_recipient, running_relay
from tests.support.second_worker import second_worker
from tests.support.waiting import eventually

RATE = 50
IN_HAND = 60  # submits that may follow a pause: what has begun, and a chunk in a worker's hands


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay with a process for each queue, slow enough that a campaign can be stopped."""
    with running_relay(
        tmp_path_factory.mktemp("campaigns") / "relay", settings={"SMSRELAY_RATE": str(RATE)}, together=False
    ) as running:
        yield running


def enqueued(relay: RelayProcess, name: str, count: int) -> list[str]:
    return [one.message_id for one in relay.relay.enqueuer.enqueue_all([job(name) for _ in range(count)])]


def job(campaign: str) -> SendJob:
    return SendJob(to=a_recipient(), template=TEMPLATE, params=[a_code()], lane=Lane.MARKETING, app="shop", campaign=campaign)


def progress(relay: RelayProcess, name: str) -> CampaignProgress:
    [found] = Campaigns(relay.redis).progress([f"shop/{name}"])
    assert found.waiting + found.under_way + found.final == found.accepted
    return found


def shown(relay: RelayProcess, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(relay.cli("campaign", "show", name, "--app", "shop", "--json").stdout)
    return told


def code_passes(relay: RelayProcess) -> None:
    relay.wait_state(relay.send(a_recipient(), Lane.OTP, app="login"), State.DELIVERED)


def test_a_paused_campaign_submits_nothing_until_it_is_resumed(relay: RelayProcess) -> None:
    enqueued(relay, "spring", 400)
    eventually(lambda: progress(relay, "spring").delivered > 0, "the campaign is under way")
    paused = relay.cli("campaign", "pause", "spring", "--app", "shop")
    assert paused.stdout.startswith("paused: ")
    at_pause = relay.simulator.stats().submits
    eventually(lambda: progress(relay, "spring").held > 0, "what waits is held")
    code_passes(relay)
    eventually(lambda: progress(relay, "spring").held == progress(relay, "spring").waiting, "all that waits is held")
    assert relay.simulator.stats().submits - at_pause <= IN_HAND
    told = shown(relay, "spring")
    assert (told["state"], told["accepted"]) == ("paused", 400)
    assert "campaign spring of app shop: paused since" in relay.cli("status").stdout
    [held] = json.loads(relay.cli("status", "--json").stdout)["halted_parts"]
    assert (held["part"], held["held"]) == ("campaign:shop/spring", told["held"])
    waiting = relay.cli("waiting", "--campaign", "spring", "--app", "shop", "--limit", "3").stdout
    assert waiting.count("halted: campaign spring of app shop") == 3

    assert relay.cli("campaign", "resume", "spring", "--app", "shop").stdout.startswith("resumed\ndue from now on at 50 a second")
    eventually(lambda: progress(relay, "spring").delivered == 400, "each message arrives", 60)
    assert progress(relay, "spring").state is CampaignState.FINISHED


def test_the_counts_add_up_through_retries_failures_and_a_kill(relay: RelayProcess) -> None:
    scripts = [{"submits": ["503", "200"]}, {"submits": ["502"]}, {"submits": ["200"]}]
    with second_worker(relay, "--together") as second:
        ids = [relay.scripted(scripts[number % 3], Lane.NOTICE, app="shop", campaign="mixed")[1] for number in range(45)]
        eventually(lambda: progress(relay, "mixed").final > 5, "the campaign is under way")
        second.send_signal(signal.SIGKILL)
        for message_id in ids:
            relay.wait_final(message_id, 90)
    found = progress(relay, "mixed")
    assert (found.accepted, found.final, found.state) == (45, 45, CampaignState.FINISHED)
    states = [relay.record(message_id).state for message_id in ids]
    assert (found.delivered, found.failed) == (states.count(State.DELIVERED), states.count(State.FAILED))
    assert sum(found.failed_by.values()) == found.failed
    assert found.failed_by.get("502", 0) >= 14


def test_a_cancel_that_is_killed_half_way_is_finished_by_the_workers(relay: RelayProcess) -> None:
    ids = enqueued(relay, "summer", 3000)
    eventually(lambda: progress(relay, "summer").under_way > 0, "the campaign is under way")
    command = [str(SMSRELAY), "campaign", "cancel", "summer", "--app", "shop"]
    with subprocess.Popen(command, env=dict(relay.environment), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        eventually(lambda: progress(relay, "summer").cancelled > 0, "the cancel is under way")
        process.kill()
    code_passes(relay)
    refused = next(relay.relay.enqueuer.enqueue_many([job("summer")]))
    assert isinstance(refused, Refused)
    assert [problem.code for problem in refused.problems] == ["campaign_cancelled"]
    eventually(lambda: not progress(relay, "summer").to_cancel, "workers have cancelled the rest", 60)
    found = eventually(lambda: _settled(progress(relay, "summer")), "nothing of it waits", 60)
    assert found.state is CampaignState.CANCELLED
    assert found.cancelled + found.delivered + found.failed == 3000
    begun = {one for one in ids if relay.record(one).attempt > 0}
    assert found.cancelled == 3000 - len(begun)
    again = relay.cli("campaign", "cancel", "summer", "--app", "shop")
    assert again.stdout == f"cancelled: {found.cancelled:,} of 3,000 messages\n"
    assert relay.cli("campaign", "resume", "summer", "--app", "shop").returncode == 1
    assert Halts(relay.redis).unfinished() == {}


def test_what_an_app_cancels_is_finished_by_workers_through_a_kill(relay: RelayProcess) -> None:
    enqueued(relay, "autumn", 3000)
    with Enqueuer.connect(ProducerSettings(**producer(relay))) as enqueuer:
        told = enqueuer.campaign("shop", "autumn").cancel()
    assert told is not None
    assert (told.state, told.to_cancel) == (CampaignState.CANCELLED, True)
    eventually(lambda: progress(relay, "autumn").cancelled > 0, "a worker cancels")
    kill_9(relay.data, "[sms.marketing]")
    found = eventually(lambda: _cancelled(progress(relay, "autumn")), "nothing of it waits", 60)
    # What the killed worker had submitted is uncertain.
    assert found.cancelled + found.under_way + found.delivered + found.unknown == 3000
    assert found.cancelled > 2000
    code_passes(relay)


@pytest.mark.parametrize(
    ("option", "held_part", "other"),
    [
        (("--lane", "notice"), "lane:notice", {"lane": Lane.OTP}),
        (("--template", TEMPLATE), "template:" + TEMPLATE, {"template": "0000001"}),
        (("--app", "bank"), "app:bank", {"app": "shop"}),
    ],
)
def test_a_part_that_is_halted_waits_and_the_rest_goes_on(
    relay: RelayProcess, option: tuple[str, str], held_part: str, other: dict[str, Any]
) -> None:
    halted = relay.cli("halt", *option)
    assert halted.stdout.endswith(f"is halted; `smsrelay resume {' '.join(option)}` resumes it\n")
    try:
        to = a_recipient()
        message_id = relay.send(to, **{"lane": Lane.NOTICE, "app": "bank"})
        relay.wait(message_id, lambda record: record.held == held_part, "held")
        passes = a_recipient()
        relay.wait_state(relay.send(passes, **{"lane": Lane.NOTICE, "app": "bank"} | other), State.DELIVERED)
        assert relay.simulator.submits(to) == []
        assert "still halted" in relay.cli("resume").stdout
        assert json.loads(relay.cli("waiting", "--held", held_part, "--json").stdout)["why"].startswith("halted: ")
    finally:
        resumed = relay.cli("resume", *option)
    assert resumed.stdout.startswith("resumed\n")
    record = relay.wait_state(message_id, State.DELIVERED)
    assert record.attempt == 1


def test_an_operators_halt_of_everything_is_ended_by_an_operator_alone(relay: RelayProcess) -> None:
    assert relay.cli("halt").stdout == "everything is halted; `smsrelay resume` resumes it\n"
    try:
        to = a_recipient()
        message_id = relay.send(to)
        relay.wait(message_id, lambda record: record.timeline[-1].rule == "halted", "put off")
        assert relay.cli("status").stdout.startswith("halted by an operator since ")
        found = json.loads(relay.cli("doctor", "--json").stdout)["findings"]
        assert any("halted by an operator" in one["problem"] for one in found)
    finally:
        resumed = relay.cli("resume")
    assert resumed.stdout.startswith("resumed\n")
    relay.wait_state(message_id, State.DELIVERED)
    assert len(relay.simulator.submits(to)) == 1


def producer(relay: RelayProcess) -> dict[str, Any]:
    given = ("SMSRELAY_BROKER_URL", "SMSRELAY_STORE_URL", "SMSRELAY_NUMBER_KEYS")
    return {name.removeprefix("SMSRELAY_").lower(): relay.environment[name] for name in given}


def _cancelled(found: CampaignProgress) -> CampaignProgress | None:
    return None if found.to_cancel or found.waiting else found


def _settled(found: CampaignProgress) -> CampaignProgress | None:
    return found if found.final == found.accepted else None
