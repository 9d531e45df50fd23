"""The language of the queue, and everything that puts work on it."""

from producers.enqueue import Accepted, Enqueuer, ReferenceTaken, Refused
from producers.event import StatusEvent
from producers.job import SendJob
from producers.lanes import Lane
from producers.rejection import Problem, Rejection
from producers.settings import ProducerSettings, SettingsError

__all__ = [
    "Accepted",
    "Enqueuer",
    "Lane",
    "Problem",
    "ProducerSettings",
    "ReferenceTaken",
    "Refused",
    "Rejection",
    "SendJob",
    "SettingsError",
    "StatusEvent",
]
