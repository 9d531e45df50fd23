"""Publisher confirms: RabbitMQ's statement that what was published on a channel is in a queue and on disk.

Call ``expect`` before publishing and ``wait`` after it. ``wait`` raises ``Unconfirmed`` when RabbitMQ refuses a task, amqp's
``ChannelError`` when there is no queue for it, and ``TimeoutError`` when RabbitMQ is silent.

To wait for each task alone costs a write to disk each, about 2 ms; RabbitMQ shares one write among all that are unconfirmed.
"""

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from smsrelay.servers.time_limit import time_left


class Unconfirmed(ConnectionError):
    """RabbitMQ does not take a task: the queue is full, or its memory or disk alarm is on."""


@dataclass(eq=False, slots=True)
class _Tally:
    """What is published on one channel and not confirmed yet, by RabbitMQ's numbering."""

    published: int = 0
    awaited: set[int] = field(default_factory=set)
    refused: bool = False

    def acked(self, tag: int, multiple: bool) -> None:
        self.awaited = {one for one in self.awaited if one > tag} if multiple else self.awaited - {tag}

    def nacked(self, tag: int, multiple: bool) -> None:
        self.refused = True
        self.acked(tag, multiple)


class Confirms:
    """What is unconfirmed on every open channel. One thread at a time uses a channel; it is closed when anything fails on it."""

    def __init__(self) -> None:
        self._tallies: WeakKeyDictionary[Any, _Tally] = WeakKeyDictionary()

    def expect(self, channel: Any, tasks: int) -> None:
        """Announces that ``tasks`` tasks are about to be published on the channel."""
        tally = self._tallies.get(channel)
        if tally is None:
            channel.confirm_select()
            tally = self._tallies[channel] = _Tally()
            channel.events["basic_ack"].add(tally.acked)
            channel.events["basic_nack"].add(tally.nacked)
        tally.awaited.update(range(tally.published + 1, tally.published + tasks + 1))
        tally.published += tasks

    def wait(self, channel: Any, patience: float) -> None:
        """Wait until each is confirmed, at most ``patience`` seconds for each answer, and within the time limit in force."""
        tally = self._tallies[channel]
        while tally.awaited:
            channel.connection.drain_events(timeout=time_left(patience))
        if tally.refused:
            raise Unconfirmed("RabbitMQ refused a task")
