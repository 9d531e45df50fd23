"""AsyncParts: what an event loop uses of the store, all over one ``AsyncStore``. Nothing connects before its first use."""

from dataclasses import dataclass
from typing import Self

from smsrelay.settings import ProducerSettings
from smsrelay.store.asynchronous.campaigns import AsyncCampaigns
from smsrelay.store.asynchronous.numbers import AsyncNumberIndex
from smsrelay.store.asynchronous.outbox import AsyncOutbox
from smsrelay.store.asynchronous.records import AsyncRecords
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.asynchronous.suppressions import AsyncSuppressions
from smsrelay.store.connection import open_store
from smsrelay.store.enqueue_traces import EnqueueTraces
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.campaigns import Campaigns


@dataclass(frozen=True, slots=True)
class AsyncParts:
    """For one event loop."""

    store: AsyncStore
    outbox: AsyncOutbox
    records: AsyncRecords
    numbers: AsyncNumberIndex
    suppressions: AsyncSuppressions
    campaigns: AsyncCampaigns
    traces: EnqueueTraces

    @classmethod
    def wire(cls, settings: ProducerSettings, traces: EnqueueTraces) -> Self:
        """All parts. The blocking ones only prepare what ``store`` sends, so their client never connects."""
        redis, keys = open_store(settings.store), settings.number_keys
        outbox = Outbox(redis, keys, cipher=settings.payload_cipher, traces=traces)
        records = Records(redis, settings.retention_hours * 3600)
        numbers, lists, campaigns = NumberIndex(redis, keys), Suppressions(redis, keys), Campaigns(redis)
        scripts = [outbox.script, records.script, numbers.script, *lists.scripts, *campaigns.scripts]
        store = AsyncStore(settings.store, scripts, barrier=redis.barrier)
        read = AsyncRecords(store, records)
        return cls(
            store=store,
            outbox=AsyncOutbox(store, outbox),
            records=read,
            numbers=AsyncNumberIndex(store, numbers, read),
            suppressions=AsyncSuppressions(store, lists),
            campaigns=AsyncCampaigns(store, campaigns),
            traces=traces,
        )
