"""Halted parts of the traffic in words, for status, doctor and commands. Pure."""

from smsrelay.store.traffic.halts import HaltedPart, HaltKind
from smsrelay_worker.messages.timeline import clock

_BY = {
    HaltKind.HALTED: "halted",
    HaltKind.PAUSED: "paused",
    HaltKind.CANCELLED: "cancelled",
    HaltKind.FUSE: "stopped by its fuse",
}


def part_text(part: str) -> str:
    """A part as a person says it: ``lane otp``, ``campaign spring of app shop``."""
    kind, _, name = part.partition(":")
    app, _, inner = name.partition("/")
    match kind:
        case "campaign":
            return f"campaign {inner} of app {app}"
        case "country":
            return f"country +{inner} of app {app}"
        case _:
            return f"{kind} {name}"


def resuming_command(part: str) -> str:
    """The command that resumes a part."""
    kind, _, name = part.partition(":")
    app, _, inner = name.partition("/")
    match kind:
        case "campaign":
            return f"smsrelay campaign resume {inner} --app {app}"
        case "country":
            return f"smsrelay resume --country {inner} --app {app}"
        case _:
            return f"smsrelay resume --{kind} {name}"


def halted_text(halted: HaltedPart) -> str:
    """A halted part, since when, and how many messages wait for its end."""
    until = f" until {clock(halted.until)}" if halted.until is not None else ""
    return f"{part_text(halted.part)}: {_BY[halted.kind]} since {clock(halted.since)}{until}; {halted.held:,} messages held"


def stopped(parts: list[HaltedPart]) -> list[HaltedPart]:
    """The parts that wait for somebody to resume them: no cancelled campaigns, and no fuses, which are shown as such."""
    return [part for part in parts if part.kind in {HaltKind.HALTED, HaltKind.PAUSED}]
