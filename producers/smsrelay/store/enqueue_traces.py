"""EnqueueTraces: what the outbox tells of the messages that it records; a port, which ``smsrelay.traces`` implements.

Nothing here knows OpenTelemetry. Without traces, ``UNTRACED`` stands in: messages stay as they are.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from smsrelay.contract.message import Message

if TYPE_CHECKING:
    from smsrelay.store.outbox import Recorded


class EnqueueSpans(AbstractContextManager["EnqueueSpans"], Protocol):
    """Messages being recorded. Entered around the wait for the store; leaving it ends the spans, with the exception, if any."""

    @property
    def messages(self) -> Sequence[Message]:
        """The messages, with what is recorded of their traces."""
        ...

    def recorded(self, recorded: "Sequence[Recorded]") -> None:
        """What the outbox did with each."""
        ...


class EnqueueTraces(Protocol):
    """Traces messages from their acceptance. Safe to share between threads; never raises and never waits."""

    def in_context(self, message: Message) -> Message:
        """The message, which remembers in which trace the caller is; for one that somebody else will record."""
        ...

    def begin(self, messages: Sequence[Message]) -> EnqueueSpans:
        """The messages are about to be recorded, in the caller's trace where they remember no other."""
        ...

    def close(self) -> None:
        """Hand over what has not been exported, within a few seconds."""
        ...


class _NoSpans:
    """For messages that are not traced."""

    __slots__ = ("messages",)

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages

    def recorded(self, recorded: "Sequence[Recorded]") -> None:
        """Tell nobody."""

    def __enter__(self) -> "_NoSpans":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


class _Untraced:
    """Traces nothing."""

    def in_context(self, message: Message) -> Message:
        return message

    def begin(self, messages: Sequence[Message]) -> EnqueueSpans:
        return _NoSpans(messages)

    def close(self) -> None:
        pass


UNTRACED: EnqueueTraces = _Untraced()
