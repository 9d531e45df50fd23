"""Planned messages, and the batches in which an app enqueues them. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from tests.chaos.load.behaviour import Behaviour
from tests.chaos.sinks.apps import app_of, tags_of


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to be enqueued. Times in seconds; None: not set."""

    number: str
    reference: str | None
    lane: Lane
    behaviour: Behaviour
    expires_in: int | None = None
    not_before: float | None = None  # from the moment it is enqueued
    cancel_after: float | None = None
    twice: bool = False  # the app enqueues it again although it was accepted
    unpublished: bool = False  # the producer dies between record and publish
    sender: str | None = None  # the app; None: the one of the number
    campaign: str | None = None
    any_hour: bool = False  # whatever the send windows say

    @property
    def app(self) -> str:
        """The app that sends it."""
        return self.sender or app_of(self.number).name

    @property
    def tags(self) -> Mapping[str, str]:
        """What the app will find again in outcomes."""
        return tags_of(self.number)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages enqueued in one call, ``at`` seconds from the start."""

    at: float
    messages: tuple[Planned, ...]
    scripted_ahead: bool = False  # the vendor gets its script ahead of time, so that the call is made exactly on time
