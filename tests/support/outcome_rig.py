"""The delivery loop over a real store, and what it works on."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes import schedule
from smsrelay_worker.outcomes.delivery import OutcomeDelivery
from smsrelay_worker.outcomes.results import Results
from smsrelay_worker.outcomes.sink_worker import Client, SinkWorker
from smsrelay_worker.outcomes.wording import Wording
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates
from tests.support.messages import POLICY, RETENTION
from tests.support.store_keys import KEYS

SHOP = "shop.webhook"


@dataclass
class Rig:
    """A loop, and what it works on."""

    delivery: OutcomeDelivery
    outbox: OutcomeOutbox
    states: SinkStates
    redis: StoreRedis
    stopping: threading.Event = field(default_factory=threading.Event)

    def outcomes(self, count: int, sink: str = SHOP) -> list[Outcome]:
        """Put outcomes of recorded messages into an outbox."""
        seconds, _ = self.redis.time()
        now = int(seconds) * 1000
        made = [Outcome(f"018f-{sink}-{number}", 5, State.DELIVERED, 1, "200", "status.200", now) for number in range(count)]
        fields: Mapping[Any, Any] = {
            "lane": "otp",
            "tpl": "0",
            "at": now,
            "who": "w",
            "state": "delivered",
            "try": 1,
            "rev": 5,
            "len": 1,
        }
        with self.redis.pipeline(transaction=False) as pipeline:
            for one in made:
                pipeline.hset(KEYS.message(one.message_id), mapping=fields)
            pipeline.execute()
        self.outbox.add(sink, made)
        return made

    def waiting(self, sink: str = SHOP) -> int:
        return self.outbox.waiting([sink])[sink].count

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.delivery.run, args=(self.stopping,))
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join()


def rig_on(redis: StoreRedis, clients: Mapping[str, Client], **options: Any) -> Rig:
    outbox, states = OutcomeOutbox(redis, RETENTION), SinkStates(redis)
    workers = {sink: SinkWorker(client, schedule.WEBHOOK) for sink, client in clients.items()}
    results = Results(outbox, states, lambda sink: workers[sink].schedule, lambda: 0.5)
    loop = OutcomeDelivery(outbox, Records(redis, RETENTION), states, results, workers, Wording(POLICY), **options)
    return Rig(loop, outbox, states, redis)
