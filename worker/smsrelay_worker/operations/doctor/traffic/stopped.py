"""Checks what keeps messages from leaving: a store that refuses writes, a halt, an open circuit. Pure."""

from collections.abc import Iterable

from smsrelay.store.traffic.halts import HaltedPart, HaltKind
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.halted_parts import part_text, resuming_command, stopped
from smsrelay_worker.rate_limit.circuit import OpenCircuit
from smsrelay_worker.rate_limit.halt import Halt


def unwritable(reason: str | None) -> list[Finding]:
    """A store that answers, and refuses writes; ``reason``: why."""
    return [] if reason is None else [error("store", Kind.STORE_REFUSES_WRITES, reason=reason)]


def halted(halt: Halt | None) -> list[Finding]:
    """A halt of all submits."""
    if halt is None:
        return []
    if halt.by_operator:
        return [error("halted", Kind.HALTED_BY_OPERATOR, since=clock(halt.since))]
    return [error("halted", Kind.HALTED_BY_VENDOR, since=clock(halt.since), code=halt.code)]


def halted_parts(parts: list[HaltedPart]) -> list[Finding]:
    """Parts of the traffic, and campaigns, that wait for somebody to resume them; fuses have a check of their own."""
    return [_halted_part(one) for one in stopped(parts)]


def circuit(opened: OpenCircuit | None) -> list[Finding]:
    """An open circuit."""
    if opened is None:
        return []
    return [error("circuit", Kind.CIRCUIT_OPEN, since=clock(opened.since), probe=clock(opened.probe))]


def unlisted(codes: Iterable[str]) -> list[Finding]:
    """Codes that the vendor sent and the policy has no row for."""
    listed = sorted(codes)
    return [warning("codes", Kind.CODES_UNLISTED, codes=", ".join(listed[:10]))] if listed else []


def _halted_part(one: HaltedPart) -> Finding:
    kind = Kind.CAMPAIGN_PAUSED if one.kind is HaltKind.PAUSED else Kind.PART_HALTED
    part, command = part_text(one.part), resuming_command(one.part)
    return warning("halted", kind, part=part, since=clock(one.since), held=one.held, command=command)
