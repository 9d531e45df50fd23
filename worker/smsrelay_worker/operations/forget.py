"""Forget: deletes what is stored of a recipient, as far as it may be, and tells what is left and why.

Deleted: number and parameters of final messages, their entries in the index of numbers, and the digest in their records; kept
jobs, tasks and callbacks that nobody could read and that hold the number. Left: messages that are still to be sent or answered;
suppressions, without which the recipient would be texted again; attempts that caps count, until their windows end. These two hold
a keyed digest instead of the number. Raises ``StoreUnavailable``; what was deleted until then stays deleted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from smsrelay.contract.payload_cipher import CannotOpen, PayloadCipher
from smsrelay.contract.state import State
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.operations.unreadable import CALLBACK, callback_of, unreadable_items
from smsrelay_worker.operations.written_number import WrittenNumber
from smsrelay_worker.store.forgetting import Forgetting
from smsrelay_worker.store.undecodable import Undecodable, UndecodableTasks


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was deleted, and how much is left."""

    messages: int
    kept_items: int  # jobs, tasks and callbacks that nobody could read
    waiting: Mapping[State, int]  # messages that are not final
    unopened_items: int  # encrypted with a key that is not given: they may hold the number
    suppressions: int
    counted_attempts: int

    @property
    def whole(self) -> bool:
        """Whether nothing is left that holds the number itself."""
        return not self.waiting and not self.unopened_items


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Forgets recipients."""

    messages: Forgetting
    tasks: UndecodableTasks
    callbacks: UnreadableCallbacks
    suppressions: Suppressions
    cipher: PayloadCipher

    def number(self, number: str) -> Forgotten:
        """Forget one number, in E.164."""
        messages = self.messages.forget(number)
        deleted, unopened = self._items(WrittenNumber(number))
        return Forgotten(
            messages=messages.forgotten,
            kept_items=deleted,
            waiting=messages.left,
            unopened_items=unopened,
            suppressions=len(self.suppressions.of(number)),
            counted_attempts=self.messages.attempts(number),
        )

    def _items(self, wanted: WrittenNumber) -> tuple[int, int]:
        """How many kept items were deleted, and how many could not be opened."""
        deleted = unopened = 0
        for kept in unreadable_items(self.tasks, self.callbacks):
            try:
                holds = wanted.is_in(self._body(kept))
            except CannotOpen:
                unopened += 1
                continue
            if holds:
                deleted += 1
                self._delete(kept)
        return deleted, unopened

    def _body(self, kept: Undecodable) -> bytes:
        return callback_of(kept).opened(self.cipher).body if kept.queue == CALLBACK else kept.opened(self.cipher).raw

    def _delete(self, kept: Undecodable) -> None:
        if kept.queue == CALLBACK:
            self.callbacks.drop(callback_of(kept))
        else:
            self.tasks.drop(kept)
