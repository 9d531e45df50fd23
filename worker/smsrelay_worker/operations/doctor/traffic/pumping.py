"""Checks for SMS pumping: fuses that have blown, and countries whose codes nobody uses.

Takes clients of the store, returns findings. Only reads. Raises what the store raises.
"""

from collections.abc import Iterable

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.code_use import LowShare, low_shares
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.halted_parts import resuming_command
from smsrelay_worker.store.code_counts import CodeCounts
from smsrelay_worker.store.fuses import BlownFuse, Fuses


def examine_fuses(redis: StoreRedis) -> list[Finding]:
    """Findings about fuses."""
    return blown(Fuses(redis).blown())


def examine_codes(redis: StoreRedis) -> list[Finding]:
    """Findings about the codes that are used."""
    return unused(low_shares(CodeCounts(redis).read()))


def blown(fuses: Iterable[BlownFuse]) -> list[Finding]:
    """Apps whose messages to a country wait, because a bot may press a button of theirs."""
    return [
        error(
            "fuse",
            Kind.FUSE_BLOWN,
            app=one.app,
            most=one.most,
            country=one.country,
            since=clock(one.since),
            until=clock(one.until),
            command=resuming_command(one.part),
        )
        for one in fuses
    ]


def unused(shares: Iterable[LowShare]) -> list[Finding]:
    """Countries in which codes are asked for and not used."""
    return [
        warning(
            "codes",
            Kind.CODES_UNUSED_IN_A_COUNTRY if one.of_others else Kind.CODES_UNUSED_LATELY,
            accepted=one.use.accepted,
            country=one.use.country,
            share=one.use.share,
            usual=one.usual,
        )
        for one in shares
    ]
