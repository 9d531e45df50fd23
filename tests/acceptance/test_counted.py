"""What real processes count is what the vendor saw, and what the receivers answered."""

import time
from collections import Counter

from smsrelay_simulator.records.records import SubmitRecord
from smsrelay_worker.store.tallies import Tallied, Tallies
from tests.support.relay_process import RelayProcess
from tests.support.waiting import eventually
from tests.support.whole_path import walk

KINDS = {"accepted": "answered", "refused": "answered"}


def grown(before: Tallied, after: Tallied, family: str) -> Counter[tuple[str, ...]]:
    """By how much each series of a family has grown."""
    return Counter(after.family(family)) - Counter(before.family(family))


def kind_of(submit: SubmitRecord) -> str:
    """What the relay makes of a submit: it does not know of an SMS that was sent if the connection was reset then."""
    return "uncertain" if submit.answer == "reset_after" else KINDS.get(submit.outcome, submit.outcome)


def test_every_submit_final_state_and_callback_is_counted_once(relay: RelayProcess) -> None:
    tallies, since = Tallies(relay.redis), time.time()
    before = tallies.read()
    ids = walk(relay, 2)
    records = [relay.record(one) for one in ids]
    expected = Counter(map(kind_of, relay.simulator.submits(since=since)))

    def submits() -> Counter[str]:
        kinds = Counter[str]()
        for (_, _, kind, _), count in grown(before, tallies.read(), "submits").items():
            kinds[kind] += count
        return kinds

    eventually(lambda: submits() == expected, f"as many submits are counted as the vendor saw: {expected}")
    after = tallies.read()
    assert grown(before, after, "accepted").total() == len(ids)
    assert grown(before, after, "begun").total() == sum(expected.values())
    finals = Counter((record.lane.value, record.state.value) for record in records)
    assert {(*labels, count) for (*labels, _), count in grown(before, after, "final").items()} >= {
        (*labels, count) for labels, count in finals.items()
    }

    def callbacks() -> tuple[int, int]:
        answered = [one for one in relay.simulator.callbacks(since=since) if one.http == 200]
        return grown(before, tallies.read(), "callbacks").total(), len(answered)

    eventually(lambda: len(set(callbacks())) == 1, f"as many callbacks are counted as were answered 200: {callbacks()}")
    assert all(count == 0 for count in tallies.read().in_flight().values())
