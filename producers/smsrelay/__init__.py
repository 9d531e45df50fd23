"""smsrelay: enqueue an SMS, and have it sent once, in time, within the vendor's rate.

    from smsrelay import Enqueuer, ProducerSettings, SendJob

    with Enqueuer.connect(ProducerSettings()) as enqueuer:
        enqueuer.enqueue(SendJob(to="13912345678", template="0000000", params=["394021"], lane="otp", reference="login-4711"))

Jobs:

- ``SendJob``: one SMS an app wants sent.
- ``Lane``: its urgency: ``otp``, ``notice`` or ``marketing``.
- ``Rejection``: raised for a job that is wrong. Its ``problems`` are ``Problem`` values: a field, and a reason that says what is
  allowed.

Enqueuing:

- ``Enqueuer``: accepts jobs, one (``enqueue``), many (``enqueue_many``), or all or none of a list (``enqueue_all``).
- ``AsyncEnqueuer``: the same for asyncio, with ``await``.
- ``ProducerSettings``: what it needs to know, from the environment; raises ``SettingsError``.
- ``Accepted``, ``Refused``: what became of a job.
- ``ReferenceTaken``: a ``Rejection``: the reference stands for another SMS already.
- ``Suppressed``: a ``Rejection``: the recipient wants no marketing. ``suppress``, ``unsuppress`` and ``is_suppressed`` of an
  enqueuer keep the list.
- ``TooMany``: a ``Rejection``: the number has had as many codes as a cap allows; ``retry_after`` says when to try again.
- ``StoreUnavailable``: the store did not answer; enqueue the same job again, with its reference.
- ``BrokerUnavailable``: the broker did not answer. ``enqueue`` never raises it, since workers publish what it could not.

Afterwards:

- ``MessageStatus``: where a message is, as ``status``, ``find`` and ``cancel`` of an enqueuer return it.
- ``State``: the states of a message, ``queued`` to ``delivered``; ``final`` says that nothing more will be attempted.
- ``TooLate``: the message cannot be cancelled any more.
- ``CampaignProgress``, ``CampaignState``: how far a campaign is, as ``campaign(app, name)`` of an enqueuer returns it.
- ``CampaignCancelled``: the campaign cannot be paused or resumed any more.

``StatusEvent`` is one report of the vendor, as it travels from the receiver to the workers.

docs/apps.md is the guide. A name is imported from its module at its first use, so that ``import smsrelay`` costs next to
nothing, and making a ``SendJob`` needs neither the client of Redis nor that of the broker.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smsrelay.acceptance import Accepted, ReferenceTaken, Refused, Suppressed, TooMany
    from smsrelay.async_enqueue import AsyncEnqueuer
    from smsrelay.broker.publisher import BrokerUnavailable
    from smsrelay.campaign_control import CampaignCancelled
    from smsrelay.contract.event import StatusEvent
    from smsrelay.contract.job import SendJob
    from smsrelay.contract.lanes import Lane
    from smsrelay.contract.rejection import Problem, Rejection
    from smsrelay.contract.state import State
    from smsrelay.enqueue import Enqueuer
    from smsrelay.lookup import MessageStatus, TooLate
    from smsrelay.messages.progress import CampaignProgress, CampaignState
    from smsrelay.settings import ProducerSettings, SettingsError
    from smsrelay.store.connection import StoreUnavailable

    __version__: str

__all__ = [
    "Accepted",
    "AsyncEnqueuer",
    "BrokerUnavailable",
    "CampaignCancelled",
    "CampaignProgress",
    "CampaignState",
    "Enqueuer",
    "Lane",
    "MessageStatus",
    "Problem",
    "ProducerSettings",
    "ReferenceTaken",
    "Refused",
    "Rejection",
    "SendJob",
    "SettingsError",
    "State",
    "StatusEvent",
    "StoreUnavailable",
    "Suppressed",
    "TooLate",
    "TooMany",
]

_MODULES = {
    "Accepted": "acceptance",
    "AsyncEnqueuer": "async_enqueue",
    "BrokerUnavailable": "broker.publisher",
    "CampaignCancelled": "campaign_control",
    "CampaignProgress": "messages.progress",
    "CampaignState": "messages.progress",
    "Enqueuer": "enqueue",
    "Lane": "contract.lanes",
    "MessageStatus": "lookup",
    "Problem": "contract.rejection",
    "ProducerSettings": "settings",
    "ReferenceTaken": "acceptance",
    "Refused": "acceptance",
    "Rejection": "contract.rejection",
    "SendJob": "contract.job",
    "SettingsError": "settings",
    "State": "contract.state",
    "StatusEvent": "contract.event",
    "StoreUnavailable": "store.connection",
    "Suppressed": "acceptance",
    "TooLate": "lookup",
    "TooMany": "acceptance",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = import_module("importlib.metadata").version("smsrelay")
    elif name in _MODULES:
        value = getattr(import_module(f"smsrelay.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
