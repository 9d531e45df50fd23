"""Replays unreadable items: jobs, reports, tasks and callbacks that could not be read when they came, and were kept.

An item is unwrapped and parsed again, usually after an upgrade. On success it becomes an ordinary message or report, and the kept
copy is deleted; otherwise it stays, and the result says why. Replaying an item twice gives one message. A job's deadline counts
from the time it was kept. A callback with reports about several submits is matched by the vendor's external ids only if the
operator named that very callback by its id, and so vouches for it.
Raises ``StoreUnavailable``; it is then safe to replay the item again.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from smsrelay.contract.absent import is_empty
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.contract.payload_cipher import PLAIN, CannotOpen, PayloadCipher
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import Registry
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.enqueue import Enqueuer
from smsrelay.receiver.callback.reading import read_callback
from smsrelay.store.inbox import Inbox
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.operations.unreadable import CALLBACK, callback_of, unreadable_items
from smsrelay_worker.store.undecodable import Undecodable, UndecodableTasks


class UnreadableReplay:
    """Finds and replays items that are kept because they could not be read."""

    def __init__(
        self,
        tasks: UndecodableTasks,
        callbacks: UnreadableCallbacks,
        enqueuer: Enqueuer,
        inbox: Inbox,
        registry: Registry,
        clock: Callable[[], int],
        cipher: PayloadCipher = PLAIN,
    ) -> None:
        self._tasks = tasks
        self._callbacks = callbacks
        self._enqueuer = enqueuer
        self._inbox = inbox
        self._registry = registry
        self._cipher = cipher
        self._clock = clock  # epoch ms; a host's clock, like the one the item was kept by

    def find(self, since: int = 0) -> list[Undecodable]:
        """All unreadable items kept since then (epoch ms), newest first."""
        return unreadable_items(self._tasks, self._callbacks, since)

    def replay(self, kept: Undecodable, dry_run: bool, *, vouched: bool = False) -> str:
        """Parse an item again and enqueue it. Returns what was done, for a person; ``vouched``: it was named by its own id."""
        try:
            if kept.queue == CALLBACK:
                return self._callback(callback_of(kept), dry_run, vouched)
            wire = unwrapped(json.loads(kept.opened(self._cipher).raw))
            take = self._report(wire) if kept.queue == STATUS_QUEUE else self._job(wire, kept)
            if dry_run:
                return "would be queued"
            result = take()
        except CannotOpen as closed:
            return f"not replayed: its body is {closed}"
        except Rejection as rejection:
            return f"not replayed, rejected again: {rejection}"
        except (ValueError, RecursionError):
            return "not replayed: not a job, its body is not JSON"
        self._tasks.drop(kept)
        return result

    def _callback(self, kept: UnreadableCallback, dry_run: bool, vouched: bool) -> str:
        callback = kept.opened(self._cipher)
        read = read_callback(callback.body, callback.content_type, callback.received_at, callback.token, by_external_id=vouched)
        if not read.reports:
            return f"not replayed, still unreadable: {callback.reason}"
        if dry_run:
            return "would be queued"
        self._inbox.record(read.reports)
        if read.unreadable is not None:
            return f"replayed in part: {read.unreadable.reason}; the readable reports are queued, and the callback is kept"
        self._callbacks.drop(kept)
        return f"queued: {len(read.reports)} report(s); workers apply them within 15 s"

    def _report(self, wire: object) -> Callable[[], str]:
        event = StatusEvent.decode(wire)

        def take() -> str:
            self._inbox.record([event])
            return "queued: a report; workers apply it within 15 s"

        return take

    def _job(self, wire: object, kept: Undecodable) -> Callable[[], str]:
        job = SendJob.decode(wire)
        if job.reference is None:
            job = job.model_copy(update={"reference": f"kept {kept.kept_id}"})
        accepted_then = job.accept(kept.at, self._registry, lambda: 0)  # for the deadline it would have had
        expires_at = datetime.fromtimestamp(accepted_then.expires_at / 1000, UTC)
        if accepted_then.expires_at <= self._clock():
            raise Rejection.of("expires_at", f"was {expires_at:%Y-%m-%d %H:%M:%S} UTC, counted from when it was kept")
        job = job.model_copy(update={"expires_at": expires_at, "expires_in": None})
        return lambda: f"queued as {self._enqueuer.enqueue(job).message_id}"


def unwrapped(wire: Any) -> Any:
    """The job or report inside a queue item, a Celery body of either protocol, or neither."""
    if isinstance(wire, dict) and isinstance(wire.get("body"), str):
        properties = wire.get("properties")
        encoded = isinstance(properties, dict) and properties.get("body_encoding") == "base64"
        return unwrapped(json.loads(base64.b64decode(wire["body"]) if encoded else wire["body"]))
    if isinstance(wire, list) and len(wire) == 3 and _is_kwargs(wire[1]):
        return _argument(wire[0], wire[1] or {})
    if isinstance(wire, dict) and _is_kwargs(wire.get("kwargs")) and wire.keys() & {"args", "kwargs"}:
        return _argument(wire.get("args") or [], wire.get("kwargs") or {})
    return wire


def _is_kwargs(value: Any) -> bool:
    return isinstance(value, dict) or is_empty(value)


def _argument(args: Any, kwargs: dict[str, Any]) -> Any:
    """The only argument that our tasks take, positional or by name."""
    if isinstance(args, list) and len(args) == 1 and not kwargs:
        return args[0]
    return kwargs.get("job", kwargs.get("event", kwargs))
