"""Kept: what nobody could read, read once more when a person asks.

Enters: a kept job, report, task or callback, in whatever it was wrapped. Leaves: a message or a report like any other, and the
kept one is let go; or why that cannot be. Read again twice, it is the same message; its deadline counts from the time at which it
was kept. The reports of a callback that named several submits are matched by the vendor's ids when the person names it by its id,
and so vouches for it.
Fails with ``StoreUnavailable``; reading it again is then harmless.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import Registry
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.enqueue import Enqueuer
from smsrelay.receiver.callback.reading import read_callback
from smsrelay.store.inbox import Inbox
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.operations.unreadable import CALLBACK, kept_callback, kept_list
from smsrelay_worker.store.records import Store
from smsrelay_worker.store.undecodable import Undecodable


class Replay:
    """What is kept because nobody could read it."""

    def __init__(
        self,
        store: Store,
        callbacks: UnreadableCallbacks,
        enqueuer: Enqueuer,
        inbox: Inbox,
        registry: Registry,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._callbacks = callbacks
        self._enqueuer = enqueuer
        self._inbox = inbox
        self._registry = registry
        self._clock = clock  # ms, of a host like the one that kept it

    def find(self, since: int = 0) -> list[Undecodable]:
        """Everything kept since an instant (ms), newest first."""
        return kept_list(self._store, self._callbacks, since)

    def read_again(self, kept: Undecodable, dry_run: bool, *, vouched: bool = False) -> str:
        """Take one as what it was meant to be; says what became of it. ``vouched``: a person named this very one."""
        if kept.queue == CALLBACK:
            return self._callback(kept_callback(kept), dry_run, vouched)
        try:
            wire = unwrapped(json.loads(kept.raw))
            take = self._report(wire) if kept.queue == STATUS_QUEUE else self._job(wire, kept)
            if dry_run:
                return "would be queued"
            result = take()
        except Rejection as rejection:
            return f"not replayed, refused again: {rejection}"
        except (ValueError, RecursionError):
            return "not replayed: not a job, its body is not JSON"
        self._store.drop_undecodable(kept)
        return result

    def _callback(self, callback: UnreadableCallback, dry_run: bool, vouched: bool) -> str:
        read = read_callback(callback.body, callback.content_type, callback.received_at, callback.token, by_external_id=vouched)
        if not read.reports:
            return f"not replayed, still unreadable: {callback.reason}"
        if dry_run:
            return "would be queued"
        self._inbox.record(read.reports)
        if read.unreadable is not None:
            return f"not replayed whole: {read.unreadable.reason}; it stays, and what could be read is queued"
        self._callbacks.drop(callback)
        return f"queued: {len(read.reports)} report(s), which the workers take up within a quarter of a minute"

    def _report(self, wire: object) -> Callable[[], str]:
        event = StatusEvent.decode(wire)

        def take() -> str:
            self._inbox.record([event])
            return "queued: a report, which the workers take up within a quarter of a minute"

        return take

    def _job(self, wire: object, kept: Undecodable) -> Callable[[], str]:
        job = SendJob.decode(wire)
        if job.reference is None:
            job = job.model_copy(update={"reference": f"kept {kept.kept_id}"})
        meant = job.accept(kept.at, self._registry, lambda: 0)  # its deadline, had it been read then
        expires_at = datetime.fromtimestamp(meant.expires_at / 1000, UTC)
        if meant.expires_at <= self._clock():
            raise Rejection.of("expires_at", f"was {expires_at:%Y-%m-%d %H:%M:%S} UTC, counted from when it was kept")
        job = job.model_copy(update={"expires_at": expires_at, "expires_in": None})
        return lambda: f"queued as {self._enqueuer.enqueue(job).message_id}"


def unwrapped(wire: Any) -> Any:
    """The job or report in an item of a queue, in a Celery body of either protocol, or as it stands."""
    if isinstance(wire, dict) and isinstance(wire.get("body"), str):
        properties = wire.get("properties")
        encoded = isinstance(properties, dict) and properties.get("body_encoding") == "base64"
        return unwrapped(json.loads(base64.b64decode(wire["body"]) if encoded else wire["body"]))
    if isinstance(wire, list) and len(wire) == 3 and isinstance(wire[1], dict):
        return _argument(wire[0], wire[1])
    if isinstance(wire, dict) and isinstance(wire.get("kwargs", {}), dict) and wire.keys() & {"args", "kwargs"}:
        return _argument(wire.get("args") or [], wire.get("kwargs") or {})
    return wire


def _argument(args: Any, kwargs: dict[str, Any]) -> Any:
    """The one argument that a task of ours has, by whichever name."""
    if isinstance(args, list) and len(args) == 1 and not kwargs:
        return args[0]
    return kwargs.get("job", kwargs.get("event", kwargs))
