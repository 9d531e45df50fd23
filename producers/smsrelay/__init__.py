"""The language of the queue, and everything that puts work on it."""

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.enqueue import Accepted, Enqueuer, ReferenceTaken, Refused
from smsrelay.settings import ProducerSettings, SettingsError

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
