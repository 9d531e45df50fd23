"""Checks the suppression lists: numbers that want no marketing, and that no look-up finds any more. Pure."""

from collections.abc import Collection, Iterable

from smsrelay.contract.suppression import SuppressedCount
from smsrelay_worker.operations.doctor.finding import Finding, warning
from smsrelay_worker.operations.doctor.kind import Kind


def examine_suppressions(counts: Iterable[SuppressedCount], key_names: Collection[str]) -> list[Finding]:
    """Numbers whose digests were made by keys that are not in use; ``key_names``: of those that are."""
    lost = sum(count.under_others(key_names) for count in counts)
    return [warning("suppression", Kind.SUPPRESSIONS_LOST, count=lost)] if lost else []
