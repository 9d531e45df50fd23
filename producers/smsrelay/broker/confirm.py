"""Confirms: RabbitMQ's word that it has what was published on a channel.

Enters: a channel, before publishing and after it. Leaves: nothing; when ``wait`` returns, everything published is in a queue and
on disk. Fails with ``Unconfirmed`` when RabbitMQ refuses a task, with amqp's ``ChannelError`` when there is no queue for it, and
with ``TimeoutError`` when RabbitMQ is silent.

Waiting for each alone costs a write to disk each (2 ms or so); RabbitMQ shares one among all that are under way.
"""

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary


class Unconfirmed(ConnectionError):
    """RabbitMQ does not take a task: the queue is full, or an alarm is on."""


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
    """Tallies of every open channel. A channel belongs to one thread at a time; whoever fails on it closes it."""

    def __init__(self) -> None:
        self._tallies: WeakKeyDictionary[Any, _Tally] = WeakKeyDictionary()

    def expect(self, channel: Any, tasks: int) -> None:
        """So many tasks are about to be published."""
        tally = self._tallies.get(channel)
        if tally is None:
            channel.confirm_select()
            tally = self._tallies[channel] = _Tally()
            channel.events["basic_ack"].add(tally.acked)
            channel.events["basic_nack"].add(tally.nacked)
        tally.awaited.update(range(tally.published + 1, tally.published + tasks + 1))
        tally.published += tasks

    def wait(self, channel: Any, patience: float) -> None:
        """Wait until each is confirmed, at most ``patience`` seconds from one word of RabbitMQ to the next."""
        tally = self._tallies[channel]
        while tally.awaited:
            channel.connection.drain_events(timeout=patience)
        if tally.refused:
            raise Unconfirmed("RabbitMQ refused a task")
