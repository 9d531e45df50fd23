"""Sender: attempts messages. Every attempt of a message starts here.

Takes message ids from a wake-up, which may be a repetition. The steps for each chunk of ids (``attempts.chunk``):
1. claim the wake-up and read the records; a message with nothing to start ends here;
2. wait for slots in the shared rate; without one, or while halted, a message is deferred, which counts no attempt;
3. begin: record the attempt with a lease before anything is sent (compare-and-set: of many wake-ups, one wins);
4. submit to the vendor, several at a time (``attempts.submit``);
5. record the answers, even if a report has arrived meanwhile (``attempts.recorder``).
If the process is killed between 3 and 5, the lease runs out and the message is uncertain; it is not blindly submitted again.
Raises ``StoreUnavailable``: before 3 nothing has happened, after 3 the lease decides.
"""

from collections.abc import Sequence

from smsrelay_worker.attempts.chunk import Chunk
from smsrelay_worker.attempts.send_context import SendContext
from smsrelay_worker.messages.task_result import TaskResult


class Sender:
    """Attempts messages; safe to share between threads."""

    def __init__(self, context: SendContext) -> None:
        self._context = context

    def attempt(self, message_ids: Sequence[str]) -> list[TaskResult]:
        """Attempt each message that waits for it; returns an outcome for each. Raises ``StoreUnavailable``."""
        return Chunk(self._context, message_ids).attempt()

    def stop(self) -> None:
        """The process is about to end: from now on, chunks give back what has not begun. A signal handler may call this."""
        self._context.stopping.set()
