"""SinkControl: tests and resumes sinks, for the command and the console. Raises ``StoreUnavailable``."""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import OUTCOME, TaskMessage
from smsrelay.contract.lanes import OUTCOME_QUEUE
from smsrelay_worker.store.sinks.outcomes import LEASE, OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates

PATIENCE = 30.0  # seconds to wait for the result of a test, which may take its time-out of 15
_POLL = 0.2
_TAKEN = re.compile(r"2\d\d|published")


@dataclass(frozen=True, slots=True)
class Resumed:
    """What it came to. ``due``: outcomes that are delivered now; ``no_broker``: why workers were not told, empty if they were."""

    was_paused: bool
    due: int
    no_broker: str = ""

    @property
    def text(self) -> str:
        """The same in words."""
        return f"{'resumed' if self.was_paused else 'was not paused'}; {self.due} outcomes are due now"


@dataclass(frozen=True, slots=True)
class SinkControl:
    """Safe to share between threads."""

    states: SinkStates
    outbox: OutcomeOutbox
    broker_url: str

    def resume(self, sink: str) -> Resumed:
        """End a pause, and make due what waits. Without a broker, workers deliver it by themselves within a minute."""
        before = self.states.resume(sink)
        due = self.outbox.due_now(sink, LEASE)
        return Resumed(before is not None and before.paused_at is not None, due, self.hint(sink))

    def hint(self, sink: str) -> str:
        """Wake a worker for a sink; returns why that did not work, empty if it did."""
        try:
            self._publish({"sink": sink})
        except BrokerUnavailable as error:
            return f"{error}; workers deliver it by themselves within a minute"
        return ""

    def test(self, sinks: Sequence[str], patience: float = PATIENCE) -> Mapping[str, str | None]:
        """Have a worker deliver an event ``message.test``; what each sink answered, None if nothing came.

        ``patience`` in seconds. Raises ``BrokerUnavailable``.
        """
        asked = {sink: secrets.token_hex(8) for sink in sinks}
        for sink, token in asked.items():
            self._publish({"sink": sink, "test": token})
        until = time.monotonic() + patience
        return {sink: self._result(token, until) for sink, token in asked.items()}

    def _result(self, token: str, until: float) -> str | None:
        while (result := self.states.test_result(token)) is None and time.monotonic() < until:
            time.sleep(_POLL)
        return result

    def _publish(self, arguments: Mapping[str, str]) -> None:
        with Publisher(self.broker_url, 1) as publisher:
            publisher.publish(TaskMessage(OUTCOME, OUTCOME_QUEUE, dict(arguments), repr(arguments)))


def is_taken(result: str | None) -> bool:
    """Whether the result of a test says that the sink took it."""
    return result is not None and _TAKEN.fullmatch(result) is not None
