"""Checks the suppression lists: numbers that want no marketing, and that no look-up finds any more. Pure."""

from collections.abc import Collection, Iterable

from smsrelay.contract.suppression import SuppressedCount
from smsrelay_worker.operations.doctor.finding import Finding, warning


def examine_suppressions(counts: Iterable[SuppressedCount], key_names: Collection[str]) -> list[Finding]:
    """Numbers whose digests were made by keys that are not in use; ``key_names``: of those that are."""
    lost = sum(count.under_others(key_names) for count in counts)
    if not lost:
        return []
    problem = f"{lost:,} suppressed numbers are under a key that SMSRELAY_NUMBER_KEYS does not have: marketing reaches them"
    remedy = "put that key back, after the newest; or import the numbers again (docs/suppression.md, Changing keys)"
    return [warning("suppression", problem, remedy)]
