"""Payload keys by their names: which of them somebody has, and whether a message waits for one that nobody has."""

from collections.abc import Collection, Iterable

from smsrelay.store.records import Reading
from smsrelay_worker.store.worker_registry import WorkerRegistry

_NONE = "none"  # as workers report an empty list


def known_names(here: Collection[str], workers: Iterable[str]) -> set[str]:
    """The names of all keys that somebody has; ``workers``: the lists that they report."""
    return {*here, *(name for reported in workers for name in reported.split(",") if name != _NONE)}


def missing_key(reading: Reading, workers: WorkerRegistry) -> str | None:
    """Why a message that is not final cannot be attempted; None if its key is known, or it needs none.

    Raises ``StoreUnavailable``.
    """
    if reading.payload_key is None or reading.record.state.final:
        return None
    reported = [one.given.payload_keys for one in workers.processes() if one.given is not None]
    if reading.payload_key in known_names((), reported):
        return None
    return f"encrypted with payload key {reading.payload_key}, which no running worker has: it waits for one, until it expires"
