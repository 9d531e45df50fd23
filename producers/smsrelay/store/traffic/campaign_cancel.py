"""CampaignCancel: cancels the messages of a cancelled campaign that no attempt has begun, a page at a time.

One caller at a time has a page; one that is killed is followed by another a few seconds later, which does the page again: a
message that is cancelled already stays as it is. Memory is bounded by the page. What a worker holds is cancelled by the worker.
Raises ``StoreUnavailable``: the same page is done again.
"""

import secrets
from dataclasses import dataclass

from smsrelay.contract.state import State
from smsrelay.messages.cancel import BY_CAMPAIGN, cancelled
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreRedis
from smsrelay.store.matching import Matching
from smsrelay.store.records import Reading, Records
from smsrelay.store.script import Script
from smsrelay.store.traffic.halts import campaign_part

_PAGE = 100  # messages in one step, after which callers rest for as long as it took
_TOGETHER = 25  # cancelled in one round trip, during which the store serves nobody else for about 2 ms
_LEASE = 5_000  # ms
_NOT_BEGUN = {"state": [State.QUEUED.value], "try": ["0"]}


@dataclass(frozen=True, slots=True)
class CancelledPage:
    """What one step did: ``cancelled`` messages, after which ``walked`` of ``total`` are done.

    ``busy``: another process has the page. ``finished``: nothing is left to do.
    """

    walked: int
    total: int
    cancelled: int = 0
    busy: bool = False
    finished: bool = False


class CampaignCancel:
    """For one thread: it remembers which page it has. A campaign is named APP/NAME."""

    def __init__(self, redis: StoreRedis, records: Records) -> None:
        self._records, self._keys = records, redis.store_keys
        self._matching = Matching(redis)
        self._page = Script(redis, __name__, "cancel_page.lua", ("ids.lua",))
        self._token = secrets.token_urlsafe(6)
        self._done: dict[str, int] = {}  # by campaign: where the page ends that we have done

    def step(self, name: str) -> CancelledPage:
        """Cancel the next page of a campaign."""
        part = campaign_part(name)
        args: list[str | int | float] = [part, self._token, _PAGE, _LEASE, self._done.pop(name, 0)]
        touched = [self._keys.unfinished, self._keys.campaign_ids(name), self._keys.held(part)]
        kind, walked, total, *page = self._page.run(touched, args)
        if int(kind) != 1:
            return CancelledPage(int(walked), int(total), busy=int(kind) < 0, finished=int(kind) == 0)
        ids = self._matching.among([str(one) for one in page], _NOT_BEGUN)
        done = sum(self._cancel(ids[start : start + _TOGETHER]) for start in range(0, len(ids), _TOGETHER))
        self._done[name] = int(walked) + len(page)
        return CancelledPage(self._done[name], int(total), done)

    def _cancel(self, message_ids: list[str]) -> int:
        readings = [reading for reading in self._records.read_many(message_ids) if reading is not None]
        changes = self._records.change_many([(reading, _cancelled) for reading in readings])
        return sum(change is not None and change.transition is not None for change in changes)


def _cancelled(reading: Reading) -> Transition | None:
    return cancelled(reading.record, BY_CAMPAIGN)
