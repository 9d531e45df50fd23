"""A few codes at once, each in its own way, and then a silence: no later answer comes that could wake anybody up."""

from collections.abc import Sequence

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient
from tests.support.waiting import eventually

PAUSE = 3.0  # seconds for which the store takes no writes
RECORDED = 15.0  # seconds; the lease of an attempt is 46 s


def test_an_answer_that_comes_while_another_is_being_recorded_is_recorded_though_none_follows(relay: RelayProcess) -> None:
    single, *chunk = (_answered_after(relay, seconds) for seconds in (1.0, 1.5, 1.5))
    ids = [relay.relay.enqueuer.enqueue(single).message_id]
    ids += [one.message_id for one in relay.relay.enqueuer.enqueue_all(chunk)]
    eventually(lambda: _arrived(relay, [single, *chunk]), "the vendor has them all")
    relay.redis.client_pause(int(1000 * PAUSE), all=False)  # the single one's record lasts until after the others' answers
    for message_id in ids:
        relay.wait_state(message_id, State.SUBMITTED, RECORDED)
    assert [len(relay.simulator.submits(job.to)) for job in (single, *chunk)] == [1, 1, 1]


def _answered_after(relay: RelayProcess, seconds: float) -> SendJob:
    """A code that the vendor takes, and says so after a while; no report settles it in the place of the answer."""
    job = SendJob(to=a_recipient(), template=TEMPLATE, params=(a_code(),), lane=Lane.OTP)
    relay.simulator.script(job.to, {"submits": [{"delay": seconds, "reports": []}]})
    return job


def _arrived(relay: RelayProcess, jobs: Sequence[SendJob]) -> bool:
    return all(relay.simulator.submits(job.to) for job in jobs)
