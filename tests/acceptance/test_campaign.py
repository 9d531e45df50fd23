"""The third promise's second half: a code, a notice or a report does not wait behind a campaign. On a relay of its own.

Counted, not timed: how many submits of the campaign the vendor saw between the moment an app enqueued a message and the moment
that message arrived there, or was delivered. The campaign itself is silent, so that reports have nothing but submits to pass.
"""

import time
from collections.abc import Iterator

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.store.counts import Counts
from tests.support.relay_process import TEMPLATE, RelayProcess, a_recipient, running_relay
from tests.support.waiting import eventually

CAMPAIGN = 12_000  # two minutes, so that it outlasts the tests on a slow machine too
RATE = 100
SINGLES = 10
SPARED = 2  # singles of ten may meet a moment at which the machine stands still for one process and not for the other
OVERTAKEN_BY = 60  # submits of the campaign at most while one message waits; 16 are under way, and the rate has no lanes yet
APPLIED_WITHIN = 100  # submits of the campaign at most from a submit until it is delivered; the vendor reports after 0.1 s


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(
        tmp_path_factory.mktemp("campaign") / "relay", settings={"SMSRELAY_RATE": str(RATE)}, together=False
    ) as running:
        yield running
        running.relay.limiter.halt("the test is over")  # so that what is left is put off, and nobody waits for its end


@pytest.fixture(scope="module")
def campaign(relay: RelayProcess) -> set[str]:
    """The recipients of a campaign that is under way."""
    relay.simulator.default({"submits": ["never"]})
    jobs = [
        SendJob(to=f"+8618811{number:06d}", template=TEMPLATE, params=("now",), lane=Lane.MARKETING) for number in range(CAMPAIGN)
    ]
    relay.relay.enqueuer.enqueue_all(jobs)
    eventually(lambda: relay.simulator.stats().submits > RATE, "the campaign is under way")
    return {job.to for job in jobs}


@pytest.mark.parametrize("lane", [Lane.OTP, Lane.NOTICE])
def test_a_message_passes_a_campaign(relay: RelayProcess, campaign: set[str], lane: Lane) -> None:
    waited = [_passed(relay, campaign, lane) for _ in range(SINGLES)]
    print(f"{lane.value}: the campaign's submits while one waited: {waited}")
    assert sorted(waited)[-SPARED - 1] <= OVERTAKEN_BY, waited
    assert Counts(relay.redis).waiting(Lane.MARKETING) > CAMPAIGN / 4  # it had somebody to pass


def test_a_report_passes_a_campaign(relay: RelayProcess, campaign: set[str]) -> None:
    scripted = [relay.scripted({"submits": ["200"]}) for _ in range(SINGLES)]
    waited = []
    for to, message_id in scripted:
        delivered_at = relay.wait_state(message_id, State.DELIVERED).timeline[-1].at / 1000
        [submit] = relay.simulator.submits(to)
        waited.append(sum(at < delivered_at for at in _of(relay, campaign, submit.at)))
    print(f"the campaign's submits between one's submit and its delivery: {waited}")
    assert sorted(waited)[-SPARED - 1] <= APPLIED_WITHIN, waited
    assert Counts(relay.redis).waiting(Lane.MARKETING) > 0  # it had somebody to pass


def _passed(relay: RelayProcess, campaign: set[str], lane: Lane) -> int:
    """The campaign's submits that arrived between the enqueue of one message and its own arrival."""
    to, asked = a_recipient(), time.time()
    relay.send(to, lane)
    [submit] = eventually(lambda: relay.simulator.submits(to), f"a message of {lane.value} arrives")
    return sum(at < submit.at for at in _of(relay, campaign, asked))


def _of(relay: RelayProcess, campaign: set[str], since: float) -> list[float]:
    return [submit.at for submit in relay.simulator.submits(since=since) if submit.recipient in campaign]
