"""HaltWork: finishes what resuming a part of the traffic, or cancelling a campaign, leaves to do for each of its messages.

Every worker process looks, because a command may have been killed, and an app or the API only says that it shall be done.
Releasing is shared in steps by all; one process at a time cancels a campaign's messages. After each step it rests for as long
as the step took, so that the process's own submits, and the store, keep half of the time.
Raises ``StoreUnavailable``; the next look goes on where this one ended.
"""

import time
from collections.abc import Callable

import structlog

from smsrelay.store.traffic.campaign_cancel import CampaignCancel
from smsrelay.store.traffic.halts import CAMPAIGN, Halts, Unfinished
from smsrelay.store.traffic.held_messages import EVERYTHING, HeldMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter

_LONGEST_REST = 1.0  # seconds

log = structlog.get_logger()


class HaltWork:
    """For one thread."""

    def __init__(
        self,
        halts: Halts,
        held: HeldMessages,
        cancel: CampaignCancel,
        limiter: RateLimiter,
        *,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._halts, self._held, self._cancel, self._limiter = halts, held, cancel, limiter
        self._sleep, self._monotonic = sleep, monotonic

    def turn(self) -> bool:
        """Do one step for each part that has work left; whether there may be more. Raises ``StoreUnavailable``."""
        more = [self._step(part, work) for part, work in self._halts.unfinished().items()]
        return any(more)

    def _step(self, part: str, work: Unfinished) -> bool:
        started = self._monotonic()
        more = self._release(part) if work is Unfinished.RELEASE else self._cancel_page(part.removeprefix(CAMPAIGN))
        self._sleep(min(_LONGEST_REST, self._monotonic() - started))
        return more

    def _release(self, part: str) -> bool:
        if part == EVERYTHING and self._limiter.halted() is not None:
            return False  # they would be deferred again as fast as they are released
        return self._held.step(part, self._limiter.state().configured) > 0

    def _cancel_page(self, campaign: str) -> bool:
        page = self._cancel.step(campaign)
        if page.finished:
            log.info("campaign cancelled", campaign=campaign, messages=page.total)
        return not (page.busy or page.finished)
