"""Checks what keeps messages from leaving: a store that refuses writes, a halt, an open circuit. Pure."""

from collections.abc import Iterable

from smsrelay.store.traffic.halts import HaltedPart
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.halted_parts import halted_text, resuming_command, stopped
from smsrelay_worker.rate_limit.circuit import OpenCircuit
from smsrelay_worker.rate_limit.halt import Halt


def unwritable(reason: str | None) -> list[Finding]:
    """A store that answers, and refuses writes; ``reason``: why."""
    if reason is None:
        return []
    problem = f"the store refuses writes ({reason}): nothing is accepted, nothing submitted, reports go to the receivers' spools"
    remedy = "docs/operating.md, A Redis that refuses, says what ends it; `smsrelay doctor` says what it is short of"
    return [error("store", problem, remedy)]


def halted(halt: Halt | None) -> list[Finding]:
    """A halt of all submits."""
    if halt is None:
        return []
    if halt.by_operator:
        problem = f"nothing has been submitted since {clock(halt.since)}: halted by an operator"
        return [error("halted", problem, "`smsrelay audit --what halt` says who; `smsrelay resume` resumes")]
    problem = f"nothing has been submitted since {clock(halt.since)}: the vendor refused everything with code {halt.code}"
    return [error("halted", problem, f"`smsrelay policy explain {halt.code}`; fix the cause, then run `smsrelay resume`")]


def halted_parts(parts: list[HaltedPart]) -> list[Finding]:
    """Parts of the traffic, and campaigns, that wait for somebody to resume them; fuses have a check of their own."""
    return [warning("halted", halted_text(one), f"`{resuming_command(one.part)}` resumes it") for one in stopped(parts)]


def circuit(opened: OpenCircuit | None) -> list[Finding]:
    """An open circuit."""
    if opened is None:
        return []
    problem = f"the circuit has been open since {clock(opened.since)}: the vendor fails, and nothing is submitted but tests"
    remedy = f"see whether this host reaches the vendor; it closes by itself, the next test is at {clock(opened.probe)}; "
    return [error("circuit", problem, f"{remedy}`smsrelay resume` does not wait for it")]


def unlisted(codes: Iterable[str]) -> list[Finding]:
    """Codes that the vendor sent and the policy has no row for."""
    listed = sorted(codes)
    if not listed:
        return []
    problem = f"the vendor has sent status codes that the policy does not list: {', '.join(listed[:10])}"
    return [warning("codes", problem, "add a row to a copy of the policy file (docs/operating.md, An unlisted code)")]
