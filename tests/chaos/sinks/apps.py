"""The apps of a run: what each wants to hear, and where. Pure.

An app is picked for each message by its number, so that neither the plan nor its seed has to know about apps.
"""

import base64
import hashlib
import zlib
from dataclasses import dataclass, field

from smsrelay.contract.state import State

_USUAL = frozenset({State.DELIVERED, State.FAILED, State.EXPIRED, State.UNKNOWN, State.CANCELLED})
RETRIES = (0.5, 1.0, 2.0, 4.0)  # seconds until an outcome that was not taken is told again; in production minutes and hours


@dataclass(frozen=True, slots=True)
class ChaosApp:
    """An app: the events that its webhook and its queue are told; empty: it has no such sink."""

    name: str
    share: int  # percent of all messages
    webhook: frozenset[State] = frozenset()
    celery: frozenset[State] = frozenset()
    secrets: tuple[str, ...] = field(default=(), repr=False)  # newest first; the app knows only the last one yet

    def sink(self, state: State) -> str | None:
        """The sink that is told when a message becomes ``state``."""
        if state in self.webhook:
            return f"{self.name}.webhook"
        return f"{self.name}.celery" if state in self.celery else None

    @property
    def queue(self) -> str:
        """The app's own queue."""
        return f"{self.name}.sms"

    @property
    def key(self) -> bytes:
        """What the app verifies signatures with."""
        return base64.b64decode(self.secrets[-1].removeprefix("whsec_"))


def _secret(name: str) -> str:
    return "whsec_" + base64.b64encode(hashlib.sha256(name.encode()).digest()).decode("ascii")


APPS = (
    ChaosApp("default", 20),
    ChaosApp("shop", 30, webhook=_USUAL | {State.RETRYING}, secrets=(_secret("new"), _secret("old"))),
    ChaosApp("bank", 25, celery=_USUAL | {State.SUBMITTED}),
    ChaosApp("school", 25, webhook=_USUAL - {State.FAILED}, celery=frozenset({State.FAILED}), secrets=(_secret("school"),)),
)
BY_NAME = {app.name: app for app in APPS}
QUEUES = tuple(app.queue for app in APPS if app.celery)
TASK = "sms_outcome"


def app_of(number: str) -> ChaosApp:
    """The app that sends to a number."""
    place = zlib.crc32(number.encode()) % 100
    for app in APPS:
        place -= app.share
        if place < 0:
            return app
    return APPS[0]


def tags_of(number: str) -> dict[str, str]:
    """The tags of the message to a number; most have none."""
    return {"campaign": "spring", "order": f"A-{number[-5:]}"} if zlib.crc32(number.encode()[::-1]) % 3 == 0 else {}


def apps_file(webhook_port: int, address: str = "127.0.0.1") -> str:
    """The apps file; the webhooks lead to one receiver, each to a path of its own."""
    retries = f"retries_s = {list(RETRIES)}"
    lines: list[str] = []
    for app in APPS:
        lines.append(f"[{app.name}]")
        if app.webhook:
            url = f'url = "http://{address}:{webhook_port}/{app.name}"'
            lines += [f"[{app.name}.webhook]", url, f"secrets = {list(app.secrets)}", "private = true"]
            lines += [_events(app.webhook), retries]
        if app.celery:
            lines += [f"[{app.name}.celery]", f'queue = "{app.queue}"', f'task = "{TASK}"', _events(app.celery), retries]
    return "\n".join(lines) + "\n"


def _events(states: frozenset[State]) -> str:
    return f"events = {sorted(state.value for state in states)}"
