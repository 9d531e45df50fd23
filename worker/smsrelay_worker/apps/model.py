"""Apps: what the apps file says about each app. Frozen values; no repr shows a secret, a URL or a broker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from smsrelay.contract.state import State
from smsrelay.messages.sinks import CELERY, WEBHOOK, sink_name

DEFAULT_EVENTS = frozenset({State.DELIVERED, State.FAILED, State.EXPIRED, State.UNKNOWN, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages an API key of the app may enqueue; None: any number."""

    minute: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """An app's webhook, as Standard Webhooks describes it."""

    url: str = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)  # keys of the signatures, each decoded from its whsec_ form; newest first
    events: frozenset[State] = DEFAULT_EVENTS
    private: bool = False  # the URL may lead to a private or loopback address, also by plain HTTP
    retries: tuple[float, ...] | None = None  # seconds after the first, second, … failure; the last repeats; None: the usual


@dataclass(frozen=True, slots=True)
class CelerySink:
    """A task of the app's own, in a queue of its own."""

    queue: str
    task: str
    broker: str | None = field(default=None, repr=False)  # None: the relay's own
    events: frozenset[State] = DEFAULT_EVENTS
    retries: tuple[float, ...] | None = None  # as a webhook's


@dataclass(frozen=True, slots=True)
class App:
    """One app: the name that its jobs carry, and what the file says of it."""

    name: str
    quota: Quota = Quota()
    webhook: WebhookSink | None = None
    celery: CelerySink | None = None

    @property
    def sinks(self) -> Mapping[State, str]:
        """The sink of each kind of event that the app wants to hear."""
        named = ((WEBHOOK, self.webhook), (CELERY, self.celery))
        return {state: sink_name(self.name, kind) for kind, sink in named if sink for state in sink.events}


class Apps(Mapping[str, App]):
    """The apps by name; as ``Sinks``, says which sink hears of a message."""

    def __init__(self, apps: Mapping[str, App]) -> None:
        self._apps = dict(apps)
        self._sinks = {(app.name, state): sink for app in apps.values() for state, sink in app.sinks.items()}

    def __getitem__(self, name: str) -> App:
        return self._apps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._apps)

    def __len__(self) -> int:
        return len(self._apps)

    @property
    def sinks(self) -> Mapping[str, Mapping[State, str]]:
        """By app, the sink of each kind of event."""
        return {name: app.sinks for name, app in self._apps.items()}

    def outbox(self, app: str, state: State) -> str | None:
        """The name of the sink that hears of a message of ``app`` becoming ``state``; None for none."""
        return self._sinks.get((app, state))
