"""The parts of the relay that operator commands use, wired without anything that only a worker needs.

Takes ``OperatorSettings``. Nothing connects, and no file is read, before its first use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Self

from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay.contract.suppression import SuppressedCount
from smsrelay.store.clock import StoreClock
from smsrelay.store.connection import open_store
from smsrelay.store.receiver_registry import ReceiverRegistry
from smsrelay.store.records import Records
from smsrelay.store.send_windows import SendWindows
from smsrelay.store.suppressions import suppressed_counts
from smsrelay.store.traffic.campaign_cancel import CampaignCancel
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay.store.traffic.halts import Halts
from smsrelay.store.traffic.held_messages import HeldMessages
from smsrelay.store.write_probe import why_unwritable
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.apps.toml_file import load_apps
from smsrelay_worker.operations.sinks import OutcomeReplay
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.agenda import Agenda
from smsrelay_worker.store.api.app_messages import AppMessages
from smsrelay_worker.store.code_counts import CodeCounts
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.dead_letters import DeadLetterIndex
from smsrelay_worker.store.fuses import Fuses
from smsrelay_worker.store.kept_counts import KeptCounts
from smsrelay_worker.store.message_ids import MessageIds
from smsrelay_worker.store.oldest_waiting import OldestWaiting
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates
from smsrelay_worker.store.tallies import Tallies
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.store.worker_registry import WorkerRegistry


@dataclass(frozen=True, slots=True)
class Operations:
    """The parts that operator commands share with workers."""

    records: Records
    message_ids: MessageIds
    counts: Counts
    dead_letters: DeadLetterIndex
    undecodable: UndecodableTasks
    limiter: RateLimiter
    halted_messages: HaltedMessages
    halts: Halts
    held_messages: HeldMessages
    campaigns: Campaigns
    campaign_cancel: CampaignCancel
    agenda: Agenda
    worker_registry: WorkerRegistry
    receiver_registry: ReceiverRegistry
    tallies: Tallies
    apps: Callable[[], Apps]  # reads the apps file, when it is first asked for; raises AppsError
    outcomes: OutcomeOutbox
    sink_states: SinkStates
    fuses: Fuses
    code_counts: CodeCounts
    replay: Callable[[], OutcomeReplay]
    actions: ActionLog
    suppressed: Callable[[], list[SuppressedCount]]  # how many numbers are on each suppression list
    store_time: Callable[[], int]  # ms
    unwritable: Callable[[], str | None]  # why the store refuses writes, if it does
    oldest_waiting: OldestWaiting
    kept_counts: KeptCounts
    send_windows: Callable[[], tuple[SendWindow, ...]]
    wait_bounds: Mapping[Lane, float]  # seconds

    @classmethod
    def wire(cls, settings: OperatorSettings) -> Self:
        """Build all parts from the settings."""
        redis = open_store(settings.store, 4)
        retention = settings.retention_hours * 3600
        records, outcomes = Records(redis, retention), OutcomeOutbox(redis, retention)
        apps = cache(partial(load_apps, settings.apps))  # a wrong file must not keep an operator from `resume`
        return cls(
            records=records,
            message_ids=MessageIds(redis),
            counts=Counts(redis),
            dead_letters=DeadLetterIndex(redis),
            undecodable=UndecodableTasks(redis, retention),
            limiter=RateLimiter(redis, settings.rate, settings.halt_probe),
            halted_messages=HaltedMessages(redis),
            halts=Halts(redis),
            held_messages=HeldMessages(redis),
            campaigns=Campaigns(redis),
            campaign_cancel=CampaignCancel(redis, records),
            agenda=Agenda(redis),
            worker_registry=WorkerRegistry(redis),
            receiver_registry=ReceiverRegistry(redis),
            tallies=Tallies(redis),
            apps=apps,
            outcomes=outcomes,
            sink_states=SinkStates(redis),
            actions=ActionLog(redis),
            suppressed=partial(suppressed_counts, redis),
            store_time=StoreClock(redis).now,
            unwritable=partial(why_unwritable, redis),
            oldest_waiting=OldestWaiting(redis),
            kept_counts=KeptCounts(redis),
            send_windows=SendWindows(redis).read,
            wait_bounds=settings.wait_bounds,
            fuses=Fuses(redis),
            code_counts=CodeCounts(redis),
            replay=lambda: OutcomeReplay(apps(), AppMessages(redis), records, outcomes),
        )
