"""The load: an app that enqueues according to the plan and retries until it gets an answer.

Takes batches by their time; returns a ``Sent`` for each message: its id, and whether it was accepted, that is, whether a call
returned. When the store does not answer, the call is repeated with the same references until ``give_up``; a call without a
reference is made only once. A code that is over its cap and a message of a cancelled campaign are refused, and counted; if the
relay rejects any other job, the run ends, because the run itself is at fault. An undocumented exception is recorded for the judge
and otherwise treated like a store that does not answer.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from smsrelay.acceptance import TooMany
from smsrelay.contract.job import SendJob
from smsrelay.contract.message import referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.enqueue import Accepted, Enqueuer, Refused
from smsrelay.lookup import TooLate
from smsrelay.store.connection import StoreUnavailable
from tests.chaos.load.planned import Batch, Planned
from tests.support.simulator_client import Simulator

_AGAIN = 0.3  # seconds before the call is repeated
_THREADS = 48  # nearly all are waiting at any time
_AHEAD = 1.5  # seconds before a batch's call at which the vendor gets its script
TOO_MANY, CAMPAIGN_CANCELLED = (
    "too_many",
    "campaign_cancelled",
)  # codes of refusals, as docs/limits.md and docs/wire-contract.md have them

log = logging.getLogger(__name__)


class Cancel(Enum):
    """The answer the app got when it cancelled a message."""

    NOT_ASKED = ""
    CANCELLED = "cancelled"
    TOO_LATE = "too late"
    NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as the app knows it. ``message_id`` is None when it has no reference and was not accepted."""

    planned: Planned
    message_id: str | None
    accepted: bool
    cancel: Cancel = Cancel.NOT_ASKED
    accepted_at: int = 0  # epoch ms, when the call returned
    refused: str = ""  # the code of the problem, of a job that was refused for a limit or its campaign


class Load:
    """Plays a plan in real time."""

    def __init__(self, enqueuer: Enqueuer, simulator: Simulator) -> None:
        self._enqueuer = enqueuer
        self._simulator = simulator
        self._sent: list[Sent] = []
        self._lock = threading.Lock()
        self._started = self._give_up = 0.0
        self.asked_again = 0
        self.surprises: Counter[str] = Counter()  # undocumented exceptions

    def play(self, batches: Sequence[Batch], started: float, give_up: float) -> list[Sent]:
        """Enqueue every batch at its time after ``started`` (monotonic); after ``give_up`` seconds nothing is asked again."""
        self._started, self._give_up = started, started + give_up
        with ThreadPoolExecutor(_THREADS) as pool:
            calls = []
            for batch in sorted(batches, key=_begins_at):
                self._wait_until(_begins_at(batch))
                calls.append(pool.submit(self._enqueue, batch))
        for call in calls:
            call.result()
        return self._sent

    def _wait_until(self, at: float) -> None:
        time.sleep(max(0.0, self._started + at - time.monotonic()))

    def _enqueue(self, batch: Batch) -> None:
        for message in batch.messages:
            if message.behaviour.sequence is None:
                with self._lock:  # one session, used by one thread at a time
                    self._simulator.script(message.number, message.behaviour.script)
        jobs = [_job(message) for message in batch.messages]
        self._wait_until(batch.at)
        accepted = self._accepted(batch, jobs)
        at = time.time_ns() // 1_000_000
        for place, message in enumerate(batch.messages):
            one = accepted[place] if accepted else None
            if isinstance(one, Refused):
                self._note(Sent(message, _known(message), accepted=False, accepted_at=at, refused=one.problems[0].code))
                continue
            self._note(Sent(message, one.message_id if one else _known(message), one is not None, self._cancel(message, one), at))
            if message.twice and one is not None:
                self._accepted(batch, jobs)

    def _accepted(self, batch: Batch, jobs: Sequence[SendJob]) -> list[Accepted | Refused] | None:
        may_ask_again = all(message.reference is not None for message in batch.messages)
        for _ in self._tries():
            answer = self._tried(batch, jobs)
            if answer is not None or not may_ask_again:
                return answer
            self._asked_again()
        return None

    def _tried(self, batch: Batch, jobs: Sequence[SendJob]) -> list[Accepted | Refused] | None:
        """Ask once; None without an answer."""
        try:
            return self._ask(batch, jobs)
        except StoreUnavailable:
            return None
        except Rejection:
            raise
        except Exception as error:
            log.exception("enqueueing failed as no app has to expect")
            self._surprised("enqueueing", error)
            return None

    def _ask(self, batch: Batch, jobs: Sequence[SendJob]) -> list[Accepted | Refused]:
        if batch.messages[0].campaign is not None:
            return [_expected(one) for one in self._enqueuer.enqueue_many(jobs)]
        if len(jobs) > 1:
            return [*self._enqueuer.enqueue_all(jobs)]
        if batch.messages[0].unpublished:
            recorded = self._enqueuer.record(jobs[0])
            return [Accepted(recorded.message.message_id, recorded.message.lane, recorded.new)]
        try:
            return [self._enqueuer.enqueue(jobs[0])]
        except TooMany as refusal:
            return [Refused(0, refusal.problems, refusal.retry_after)]

    def _cancel(self, message: Planned, accepted: Accepted | None) -> Cancel:
        if message.cancel_after is None or accepted is None:
            return Cancel.NOT_ASKED
        time.sleep(message.cancel_after)
        try:
            found = self._enqueuer.cancel(accepted.message_id)
        except TooLate:
            return Cancel.TOO_LATE
        except StoreUnavailable:
            return Cancel.NO_ANSWER
        except Exception as error:
            log.exception("cancelling failed as no app has to expect")
            self._surprised("cancelling", error)
            return Cancel.NO_ANSWER
        return Cancel.CANCELLED if found is not None else Cancel.TOO_LATE

    def _tries(self) -> Iterator[None]:
        yield
        while time.monotonic() < self._give_up:
            time.sleep(_AGAIN)
            yield

    def _asked_again(self) -> None:
        with self._lock:
            self.asked_again += 1

    def _surprised(self, doing: str, error: Exception) -> None:
        with self._lock:
            self.surprises[f"{doing} raised {type(error).__name__}: {error}"] += 1

    def _note(self, sent: Sent) -> None:
        with self._lock:
            self._sent.append(sent)


def _begins_at(batch: Batch) -> float:
    return batch.at - _AHEAD if batch.scripted_ahead else batch.at


def _job(message: Planned) -> SendJob:
    waits = message.not_before
    return SendJob(
        to=message.number,
        template="0000000",
        params=(message.behaviour.sequence or "1234",),
        lane=message.lane,
        app=message.app,
        reference=message.reference,
        tags=message.tags,
        expires_in=message.expires_in,
        not_before=None if waits is None else datetime.now(UTC) + timedelta(seconds=waits),
        campaign=message.campaign,
        ignore_send_window=message.any_hour,
    )


def _expected(result: Accepted | Refused) -> Accepted | Refused:
    """The result; raises ``Rejection`` for a refusal that no limit and no cancelled campaign explains."""
    if isinstance(result, Refused) and result.problems[0].code not in {TOO_MANY, CAMPAIGN_CANCELLED}:
        raise Rejection(result.problems)
    return result


def _known(message: Planned) -> str | None:
    return referenced_id(message.app, message.reference) if message.reference is not None else None
