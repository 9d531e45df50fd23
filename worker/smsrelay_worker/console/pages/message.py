"""Message: the story of one message, as ``smsrelay why`` tells it; and what can be done about it."""

import re
from dataclasses import dataclass

from starlette.responses import Response

from smsrelay.contract.state import State
from smsrelay.messages.cancel import cancelled
from smsrelay.store.records import Reading, Records
from smsrelay_worker.console.page import Page, Refused, Visit
from smsrelay_worker.console.recorder import ActionRecorder
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.messages.timeline import Line, describe_timeline, next_step
from smsrelay_worker.operations.dead_letters import DeadLetters, obstacle_to_replay
from smsrelay_worker.operations.payload_keys import missing_key
from smsrelay_worker.operations.rules import explained
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.store.actions.action import message_targets
from smsrelay_worker.store.worker_registry import WorkerRegistry

ATTEMPT = re.compile(r"\d{1,6}", re.ASCII)
_REPLAYED = "queued"  # what the operation says begins so, when it was done


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the story, and what its rule says."""

    line: Line
    rule: str


class Message:
    """``records`` open payloads; ``letters`` replay."""

    def __init__(
        self,
        records: Records,
        letters: DeadLetters,
        workers: WorkerRegistry,
        policy: Policy,
        limits: Limits,
        recorder: ActionRecorder,
    ) -> None:
        self._records = records
        self._letters = letters
        self._workers = workers
        self._policy = policy
        self._limits = limits
        self._recorder = recorder

    def pages(self) -> list[Page]:
        """What it answers."""
        return [
            Page("/message/{id}", get=self._show),
            Page("/message/{id}/number", post=self._reveal, changes=True),
            Page("/message/{id}/cancel", post=self._cancel, changes=True),
            Page("/message/{id}/replay", post=self._replay, changes=True),
        ]

    def _show(self, visit: Visit) -> Response:
        return self._page(visit, self._reading(visit))

    def _reveal(self, visit: Visit) -> Response:
        reading = self._reading(visit)
        if reading.payload is not None:  # noted first: nobody sees a number that is not in the log
            self._recorder.note(visit.who, "reveal", f"message:{reading.record.message_id}", "shown")
        return self._page(visit, reading, revealed=True)

    def _cancel(self, visit: Visit) -> Response:
        message_id = visit.named()
        with self._recorder.recorded(visit, "cancel", message_targets([message_id])) as action:
            change = self._records.change(message_id, lambda reading: cancelled(reading.record), durable=True)
            if change is None:
                raise Refused(404, "no_message")
            # Without a transition it may have been cancelled by us, with a lost answer.
            done = change.transition is not None or change.record.state is State.CANCELLED
            action.result = "done" if done else "too late"
        return visit.done(_path(message_id), "message.cancelled" if done else "message.too_late", good=done)

    def _replay(self, visit: Visit) -> Response:
        message_id, attempt = visit.named(), visit.field("attempt")
        if not ATTEMPT.fullmatch(attempt):
            raise Refused(400, "form")
        with self._recorder.recorded(visit, "dead replay", message_targets([message_id])) as action:
            said = action.result = self._letters.replay(message_id, seen_attempt=int(attempt))
        done = said.startswith(_REPLAYED)
        return visit.done(_path(message_id), "message.replayed" if done else "message.not_replayed", good=done, said=said)

    def _reading(self, visit: Visit) -> Reading:
        reading = self._records.read(visit.named())
        if reading is None:
            raise Refused(404, "no_message")
        return reading

    def _page(self, visit: Visit, reading: Reading, *, revealed: bool = False) -> Response:
        record = reading.record
        lines = describe_timeline(record, self._policy)
        return visit.page(
            "message.html",
            here="",
            path=_path(record.message_id),
            record=record,
            number=reading.payload.to if reading.payload is not None else None,
            revealed=revealed,
            unreadable=reading.unreadable,
            story=[Told(line, explained(line.rule, self._policy, self._limits)) for line in lines],
            following=next_step(record, self._policy),
            missing_key=missing_key(reading, self._workers),
            now=reading.now,
            obstacle=obstacle_to_replay(reading),
            dead=record.state in (State.FAILED, State.UNKNOWN),
            can_cancel=cancelled(record) is not None,
        )


def _path(message_id: str) -> str:
    return f"/message/{message_id}"
