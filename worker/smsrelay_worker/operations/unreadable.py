"""One list of all unreadable items: jobs, tasks and reports from a queue, and callbacks of the vendor.

Raises ``StoreUnavailable``.
"""

import json

from smsrelay.contract.payload_cipher import PayloadCipher
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.store.undecodable import Undecodable, UndecodableTasks

CALLBACK = "callback"  # in the field ``queue``, for items that came from no queue


def unreadable_items(tasks: UndecodableTasks, callbacks: UnreadableCallbacks, since: int = 0) -> list[Undecodable]:
    """All unreadable items kept since then (epoch ms), newest first."""
    kept = [*tasks.all(), *map(_as_kept, callbacks.all())]
    return sorted((one for one in kept if one.at >= since), key=lambda one: one.at, reverse=True)


def is_sealed(kept: Undecodable) -> bool:
    """Whether its body is encrypted."""
    return bool(callback_of(kept).sealed) if kept.queue == CALLBACK else kept.is_sealed


def body_text(kept: Undecodable, cipher: PayloadCipher) -> str:
    """The body as it came, as text for a person; raises ``CannotOpen``."""
    if kept.queue == CALLBACK:
        return callback_of(kept).opened(cipher).body.decode("utf-8", "replace")
    return kept.opened(cipher).body


def callback_of(kept: Undecodable) -> UnreadableCallback:
    """The callback behind an item of the list, as it is stored."""
    return UnreadableCallback.decode(json.loads(kept.body))


def _as_kept(callback: UnreadableCallback) -> Undecodable:
    named = f"{callback.reason}; message {callback.token.message_id}, attempt {callback.token.attempt}"
    return Undecodable(callback.kept_id, callback.received_at, CALLBACK, named, json.dumps(callback.encode()))
