"""Checks for SMS pumping: fuses that have blown, and countries whose codes nobody uses.

Takes clients of the store, returns findings. Only reads. Raises what the store raises.
"""

from collections.abc import Iterable

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.code_use import LowShare, low_shares
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
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
            f"app {one.app} has sent {one.most:,} messages to +{one.country}, as many as its fuse allows a day; the others have "
            f"waited since {clock(one.since)}, and wait until {clock(one.until)}",
            "find out who asks for these messages (docs/pumping.md); if they are wanted, "
            f"`{resuming_command(one.part)}` allows as many again today",
        )
        for one in fuses
    ]


def unused(shares: Iterable[LowShare]) -> list[Finding]:
    """Countries in which codes are asked for and not used."""
    return [
        warning(
            "codes",
            f"of {one.use.accepted:,} codes to +{one.use.country} in a day, {one.use.share:.0%} were used; "
            f"{'in the other countries' if one.of_others else 'in the week before'} it was {one.usual:.0%}",
            "find out who asks for these codes: a bot may be paid for them (docs/pumping.md)",
        )
        for one in shares
    ]
