"""What an app can do with one of its campaigns: watch it, pause, resume and cancel it.

Pausing and cancelling hold over all workers from the next attempt on. What resuming and cancelling mean for each message is done
by workers, in the background. Raises ``StoreUnavailable``: then ask again; every call may be repeated.
"""

from collections.abc import Callable

from smsrelay.messages.progress import CampaignProgress
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.asynchronous.campaigns import AsyncCampaigns
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay.store.traffic.halts import Effect


class CampaignCancelled(Exception):
    """The campaign was cancelled, which cannot be undone."""

    def __str__(self) -> str:
        return "the campaign was cancelled, which cannot be undone"


class CampaignControl:
    """One campaign, as ``Enqueuer.campaign`` returns it. Safe to share between threads."""

    def __init__(self, campaigns: Campaigns, app: str, name: str, timeout: float | None) -> None:
        self._campaigns, self._name, self._timeout = campaigns, f"{app}/{name}", timeout

    def progress(self) -> CampaignProgress | None:
        """How far it is; ``None`` if it is unknown, as 41 days after its last message was accepted."""
        with time_limit(self._timeout):
            found = self._campaigns.progress([self._name])
        return found[0] if found else None

    def pause(self) -> CampaignProgress | None:
        """Begin no further attempt until it is resumed; what was begun goes on. Raises ``CampaignCancelled``."""
        return self._after(self._campaigns.pause)

    def resume(self) -> CampaignProgress | None:
        """End a pause; what waited becomes due one after the other, at the rate. Raises ``CampaignCancelled``."""
        return self._after(self._campaigns.resume)

    def cancel(self) -> CampaignProgress | None:
        """Cancel all that no attempt has begun, and accept nothing more of it; what was begun goes on."""
        return self._after(self._campaigns.cancel)

    def _after(self, change: Callable[[str], Effect]) -> CampaignProgress | None:
        with time_limit(self._timeout):
            _check(change(self._name))
        return self.progress()


class AsyncCampaignControl:
    """The same for an event loop, as ``AsyncEnqueuer.campaign`` returns it."""

    def __init__(self, campaigns: AsyncCampaigns, app: str, name: str, until: Callable[[], float]) -> None:
        self._campaigns, self._name, self._until = campaigns, f"{app}/{name}", until

    async def progress(self) -> CampaignProgress | None:
        """As ``CampaignControl.progress``."""
        return await self._campaigns.progress(self._name, self._until())

    async def pause(self) -> CampaignProgress | None:
        """As ``CampaignControl.pause``."""
        _check(await self._campaigns.pause(self._name, self._until()))
        return await self.progress()

    async def resume(self) -> CampaignProgress | None:
        """As ``CampaignControl.resume``."""
        _check(await self._campaigns.resume(self._name, self._until()))
        return await self.progress()

    async def cancel(self) -> CampaignProgress | None:
        """As ``CampaignControl.cancel``."""
        _check(await self._campaigns.cancel(self._name, self._until()))
        return await self.progress()


def _check(effect: Effect) -> None:
    if effect is Effect.CANCELLED:
        raise CampaignCancelled
