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
- ``ProducerSettings``: what it needs to know, from the environment; raises ``SettingsError``.
- ``Accepted``, ``Refused``: what became of a job.
- ``ReferenceTaken``: a ``Rejection``: the reference stands for another SMS already.
- ``StoreUnavailable``: the store did not answer; enqueue the same job again, with its reference.
- ``BrokerUnavailable``: the broker did not answer. ``enqueue`` never raises it, since workers publish what it could not.

``StatusEvent`` is one report of the vendor, as it travels from the receiver to the workers.

docs/enqueuing.md is the guide. A name is imported from its module at its first use, so that ``import smsrelay`` costs next to
nothing, and making a ``SendJob`` needs neither the client of Redis nor that of the broker.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smsrelay.broker.publisher import BrokerUnavailable
    from smsrelay.contract.event import StatusEvent
    from smsrelay.contract.job import SendJob
    from smsrelay.contract.lanes import Lane
    from smsrelay.contract.rejection import Problem, Rejection
    from smsrelay.enqueue import Accepted, Enqueuer, ReferenceTaken, Refused
    from smsrelay.settings import ProducerSettings, SettingsError
    from smsrelay.store.connection import StoreUnavailable

    __version__: str

__all__ = [
    "Accepted",
    "BrokerUnavailable",
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
    "StoreUnavailable",
]

_MODULES = {
    "Accepted": "enqueue",
    "BrokerUnavailable": "broker.publisher",
    "Enqueuer": "enqueue",
    "Lane": "contract.lanes",
    "Problem": "contract.rejection",
    "ProducerSettings": "settings",
    "ReferenceTaken": "enqueue",
    "Refused": "enqueue",
    "Rejection": "contract.rejection",
    "SendJob": "contract.job",
    "SettingsError": "settings",
    "StatusEvent": "contract.event",
    "StoreUnavailable": "store.connection",
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
