"""Sinks: where the outcomes of an app's messages are told, one for each app and kind of event. Pure.

An outcome is a transition that settles something. Each sink has an outbox in the store, into which the script that applies the
transition writes.
"""

from typing import Protocol

from smsrelay.contract.state import State

OUTCOMES = (
    State.DELIVERED,
    State.FAILED,
    State.EXPIRED,
    State.UNKNOWN,
    State.CANCELLED,
    State.SUBMITTED,
    State.RETRYING,
)
"""The kinds of event, each named after the state that a message has reached."""

WEBHOOK, CELERY = "webhook", "celery"


class Sinks(Protocol):
    """Which sink is told what becomes of an app's messages."""

    def outbox(self, app: str, state: State) -> str | None:
        """The name of the sink that is told when a message of ``app`` becomes ``state``; None for none."""
        ...


def sink_name(app: str, kind: str) -> str:
    """The name of an app's sink; ``kind`` is ``WEBHOOK`` or ``CELERY``."""
    return f"{app}.{kind}"


def app_and_kind(sink: str) -> tuple[str, str]:
    """The app and the kind of a sink, of the name that ``sink_name`` made."""
    app, _, kind = sink.rpartition(".")
    return app, kind
