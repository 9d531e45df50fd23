"""Testing an app that enqueues: what it would send is recorded, and no store or broker is needed.

With pytest the fixture ``smsrelay_outbox`` is there once smsrelay is installed:

    def test_a_login_sends_a_code(client, smsrelay_outbox):
        client.post("/codes", json={"id": 1, "phone": "13912345678"})
        [job] = smsrelay_outbox.jobs
        assert (job.to, job.template) == ("+8613912345678", "0000000")

Without pytest, ``recorded_sms()`` gives the same as a context.

Every ``Enqueuer`` and ``AsyncEnqueuer`` of the process, however it was made, then accepts and refuses exactly what it would in
production: ``Rejection`` for a job that is wrong by itself or by the registered templates, ``ReferenceTaken``, ``TooLate``, and
``Suppressed`` for marketing to a number that was suppressed inside.
"""

import os
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from smsrelay.acceptance import Acceptance, Accepted, Refused, accept_all
from smsrelay.async_enqueue import AsyncEnqueuer, each
from smsrelay.contract.job import DEFAULT_APP, SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay.contract.suppression import lists_of_sender
from smsrelay.enqueue import Enqueuer
from smsrelay.lookup import MOST_FOUND, MessageStatus, cancelled_status, number_in_e164
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.record import Entry, Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.outbox import Recorded
from smsrelay.suppressing import checked_list, checked_lists

_KEYS = ("SMSRELAY_NUMBER_KEYS", "SMSRELAY_SECRET", "SMSRELAY_NUMBER_KEYS_FILE", "SMSRELAY_SECRET_FILE")
_ASKED = ("status", "messages_to", "cancel", "suppress", "unsuppress", "is_suppressed")  # what needs nothing of the enqueuer
_KEY = b"smsrelay.testing"  # of fingerprints that never leave this process


class SmsOutbox:
    """What an app would have sent. Safe to use from several threads.

    ``unavailable``: set it to ``True`` and every call raises ``StoreUnavailable``.
    """

    def __init__(self) -> None:
        self.unavailable = False
        self._jobs: dict[str, SendJob] = {}
        self._records: dict[str, Record] = {}
        self._suppressed: set[tuple[str, str]] = set()  # number and list
        self._lock = threading.Lock()

    @property
    def jobs(self) -> list[SendJob]:
        """Every job that was accepted and not cancelled, once, in the order of their acceptance."""
        with self._lock:
            return [job for one, job in self._jobs.items() if self._records[one].state is not State.CANCELLED]

    def clear(self) -> None:
        """Forget everything, references and suppressed numbers too."""
        with self._lock:
            self._jobs.clear()
            self._records.clear()
            self._suppressed.clear()

    def settle(self, message_id: str, state: State | str, code: str = "") -> MessageStatus:
        """Give a message a state and the vendor's code, as if workers had sent it; raises ``KeyError`` for an unknown id."""
        with self._lock:
            record = self._records[message_id]
            changed = Transition(State(state), max(record.attempt, 1), Wake.KEEP, max(record.attempt, 1), rule="test", code=code)
            self._records[message_id] = changed.applied_to(record, _now())
            return MessageStatus.of(self._records[message_id])

    def enqueue(self, acceptance: Acceptance, job: SendJob, *, test: bool = False) -> Accepted:
        """What ``Enqueuer.enqueue`` does with a job."""
        self._check_available()
        return Accepted.of(self._record(job, acceptance.message(job, _now(), test=test)))

    def enqueue_one_of_many(self, acceptance: Acceptance, place: int, job: SendJob | Rejection) -> Accepted | Refused:
        """What ``Enqueuer.enqueue_many`` does with a job."""
        self._check_available()
        if isinstance(job, Rejection):
            return Refused(place, job.problems)
        try:
            return self.enqueue(acceptance, job)
        except Rejection as rejection:
            return Refused(place, rejection.problems)

    def enqueue_all(self, acceptance: Acceptance, jobs: Sequence[SendJob]) -> list[Accepted]:
        """What ``Enqueuer.enqueue_all`` does with a list."""
        self._check_available()
        messages = acceptance.all_messages(jobs, _now())
        return accept_all([self._record(job, message) for job, message in zip(jobs, messages, strict=True)])

    def status(self, message_id: str) -> MessageStatus | None:
        """What ``Enqueuer.status`` returns."""
        self._check_available()
        record = self._records.get(message_id)
        return MessageStatus.of(record) if record else None

    def messages_to(self, number: str, app: str | None = None) -> list[MessageStatus]:
        """What ``Enqueuer.messages_to`` returns."""
        to = number_in_e164(number)
        self._check_available()
        with self._lock:
            found = [self._records[one] for one, job in self._jobs.items() if job.to == to and app in {None, job.app}]
        return [MessageStatus.of(record) for record in found[::-1][:MOST_FOUND]]

    def cancel(self, message_id: str) -> MessageStatus | None:
        """What ``Enqueuer.cancel`` does."""
        self._check_available()
        with self._lock:
            record = self._records.get(message_id)
            if record is None:
                return None
            transition = cancelled(record)
            if transition is not None:
                record = self._records[message_id] = transition.applied_to(record, _now())
        return cancelled_status(record)

    def suppress(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """What ``Enqueuer.suppress`` does."""
        self._check_available()
        entry = number_in_e164(number), checked_list(app, signature)
        with self._lock:
            new = entry not in self._suppressed
            self._suppressed.add(entry)
        return new

    def unsuppress(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """What ``Enqueuer.unsuppress`` does."""
        self._check_available()
        entry = number_in_e164(number), checked_list(app, signature)
        with self._lock:
            known = entry in self._suppressed
            self._suppressed.discard(entry)
        return known

    def is_suppressed(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """What ``Enqueuer.is_suppressed`` returns."""
        self._check_available()
        return self._suppressing(number_in_e164(number), checked_lists(app, signature)) is not None

    def _suppressing(self, number: str, lists: Sequence[str]) -> str | None:
        return next((name for name in lists if (number, name) in self._suppressed), None)

    def _check_available(self) -> None:
        if self.unavailable:
            raise StoreUnavailable("the store did not answer (smsrelay_outbox.unavailable is set)")

    def _record(self, job: SendJob, message: Message) -> Recorded:
        with self._lock:
            known = self._records.get(message.message_id)
            if known is not None:
                return Recorded(message, new=False, same=known.fingerprint == message.fingerprint(_KEY), wake=False)
            lists = lists_of_sender(message.app, message.signature) if message.lane is Lane.MARKETING else ()
            name = self._suppressing(message.to, lists)
            if name is not None:
                barred = Barred(Bar.SUPPRESSED, name)
                return Recorded(message, new=False, same=True, wake=False, barred=barred)
            self._jobs[message.message_id] = job
            self._records[message.message_id] = _record_of(message, _now())
            return Recorded(message, new=True, same=True, wake=False)


@contextmanager
def recorded_sms() -> Iterator[SmsOutbox]:
    """Inside, every enqueuer of this process records into the outbox and connects to nothing.

    Where the environment has no keys, it has them inside, so that ``ProducerSettings()`` works without any settings.
    """
    outbox = SmsOutbox()
    replaced = {Enqueuer: _blocking(outbox), AsyncEnqueuer: _on_a_loop(outbox)}
    originals = {kind: {name: kind.__dict__[name] for name in methods} for kind, methods in replaced.items()}
    lacks_keys = not any(name in os.environ for name in _KEYS)
    if lacks_keys:
        os.environ[_KEYS[0]] = "smsrelay.testing: no key"
    _set(replaced)
    try:
        yield outbox
    finally:
        _set(originals)
        if lacks_keys:
            del os.environ[_KEYS[0]]


def _blocking(outbox: SmsOutbox) -> dict[str, Callable[..., Any]]:
    def enqueue(self: Enqueuer, job: SendJob, *, test: bool = False) -> Accepted:
        return outbox.enqueue(self.acceptance, job, test=test)

    def enqueue_many(self: Enqueuer, jobs: Iterable[SendJob | Rejection]) -> Generator[Accepted | Refused, None, None]:
        for place, job in enumerate(jobs):
            yield outbox.enqueue_one_of_many(self.acceptance, place, job)

    def enqueue_all(self: Enqueuer, jobs: Iterable[SendJob]) -> list[Accepted]:
        return outbox.enqueue_all(self.acceptance, list(jobs))

    asked = {name: _asked(getattr(outbox, name)) for name in _ASKED} | {"campaign": _no_campaign}
    return asked | {one.__name__: one for one in (enqueue, enqueue_many, enqueue_all)}


def _on_a_loop(outbox: SmsOutbox) -> dict[str, Callable[..., Any]]:
    async def enqueue(self: AsyncEnqueuer, job: SendJob, *, test: bool = False) -> Accepted:
        return outbox.enqueue(self.acceptance, job, test=test)

    async def enqueue_many(
        self: AsyncEnqueuer, jobs: AsyncIterable[SendJob | Rejection] | Iterable[SendJob | Rejection]
    ) -> AsyncGenerator[Accepted | Refused, None]:
        place = 0
        async for job in each(jobs):
            yield outbox.enqueue_one_of_many(self.acceptance, place, job)
            place += 1

    async def enqueue_all(self: AsyncEnqueuer, jobs: Iterable[SendJob]) -> list[Accepted]:
        return outbox.enqueue_all(self.acceptance, list(jobs))

    asked = {name: _asked_on_a_loop(getattr(outbox, name)) for name in _ASKED} | {"campaign": _no_campaign}
    return asked | {one.__name__: one for one in (enqueue, enqueue_many, enqueue_all)}


def _no_campaign(_enqueuer: Enqueuer | AsyncEnqueuer, app: str, name: str) -> NoReturn:
    """Stands for ``campaign``, which would otherwise control campaigns of the store that the settings name."""
    raise NotImplementedError("a recording outbox has no campaigns; try what pauses or cancels one with `smsrelay up`")


def _asked(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _enqueuer, *args, **options: method(*args, **options)


def _asked_on_a_loop(method: Callable[..., Any]) -> Callable[..., Any]:
    async def ask(_enqueuer: AsyncEnqueuer, *args: Any, **options: Any) -> Any:
        return method(*args, **options)

    return ask


def _set(methods: dict[type[Any], dict[str, Callable[..., Any]]]) -> None:
    for kind, named in methods.items():
        for name, method in named.items():
            setattr(kind, name, method)


def _record_of(message: Message, now: int) -> Record:
    return Record(
        message_id=message.message_id,
        lane=message.lane,
        template=message.template,
        app=message.app,
        reference=message.reference,
        created_at=now,
        expires_at=message.expires_at,
        fingerprint=message.fingerprint(_KEY),
        recipient_hash="",
        state=State.QUEUED,
        attempt=0,
        due=message.not_before,
        external_id=None,
        owner=None,
        begun_at=None,
        why=None,
        counts={},
        revision=1,
        timeline=(Entry(now, State.QUEUED, 0, rule="enqueued"),),
        tags=dict(message.tags),
        test=message.test,
        campaign=message.campaign,
        ignores_window=message.ignores_window,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
