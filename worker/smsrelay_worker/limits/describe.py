"""Describes the limits: each as a sentence, and what a rule of a timeline means that a limit has decided."""

from collections.abc import Callable, Iterator

from smsrelay.contract.send_window import SendWindow
from smsrelay_worker.limits.model import ANY, Cap, ClockWindow, Fuse, Limits, Per

_UNITS = ((86_400_000, "24 h", "d"), (3_600_000, "hour", "h"), (60_000, "minute", "min"), (1000, "second", "s"))
_PER = {Per.NUMBER: "", Per.APP: " of one app", Per.TEMPLATE: " of one template"}
_STEPS = {
    "suppressed": "its number is on a suppression list (`smsrelay suppress`), which keeps marketing from it; codes and notices "
    "are sent all the same.",
    "not in only_to": "SMSRELAY_ONLY_TO of the workers does not list its number; nothing was submitted.",
    "country not allowed": "the limits file does not list the country of its number for its app; nothing was submitted.",
    "campaign cancelled": "its campaign was cancelled before it was submitted; nothing of it was sent.",
    "window ignored": "the app asked for it to be submitted at any hour (ignore_send_window), so no send window holds it.",
}
_HALTED = (
    "this part of the traffic was halted, or its campaign paused. It waits until that is resumed, or expires; no "
    "attempt is counted."
)
_WAITS = (
    "Each submit counts, delivered or not. A message over it waits until the number is free again, or expires; no attempt is "
    "counted. A code over it is refused when an app enqueues it, with the seconds to wait."
)
HALTED_BY = ("lane", "template", "app", "country", "campaign")


def lines(limits: Limits) -> Iterator[str]:
    """Everything that the limits say, one sentence a line."""
    yield f"countries: {_countries(limits.countries)}"
    for app, countries in sorted(limits.app_countries.items()):
        yield f"countries of app {app}: {_countries(countries)}"
    yield from (f"cap {cap.name}: {_cap(cap)}" for cap in limits.caps)
    yield from (f"window {window.name}: {_window(window)}" for window in limits.windows)
    yield from (f"fuse {_fuse_name(fuse)}: {_fuse(fuse)}" for fuse in limits.fuses)
    for kind, listed in (("cap", limits.caps), ("send window", limits.windows), ("fuse", limits.fuses)):
        if not listed:
            yield f"no {kind}"


def explain_rule(limits: Limits, rule: str) -> str | None:
    """What happened to a message at whose timeline stands ``rule``; None for one that no limit has decided.

    Also takes ``cap``, ``window`` and ``fuse`` alone, which explain all of that kind.
    """
    said = _STEPS.get(rule.removeprefix("not_before, "))
    if said:
        return said
    kind, _, name = rule.partition(" ")
    if kind == "halted" and name.partition(":")[0] in HALTED_BY:
        return _HALTED
    described: dict[str, Callable[[Limits, str], Iterator[str]]] = {"cap": _caps, "window": _windows, "fuse": _fuses}
    return "\n".join(described[kind](limits, name)) if kind in described else None


def _caps(limits: Limits, name: str) -> Iterator[str]:
    found = [cap for cap in limits.caps if name in ("", cap.name)]
    yield from (f"cap {cap.name}: {_cap(cap)} {_WAITS}" for cap in found)
    if not found:
        yield _missing("cap", name)


def _windows(limits: Limits, name: str) -> Iterator[str]:
    found = [window for window in limits.windows if name in ("", window.name)]
    yield from (f"window {window.name}: {_window(window)}" for window in found)
    if not found:
        yield _missing("window", name)


def _fuses(limits: Limits, name: str) -> Iterator[str]:
    found = [fuse for fuse in limits.fuses if name in ("", _fuse_name(fuse))]
    yield from (f"fuse {_fuse_name(fuse)}: {_fuse(fuse)}" for fuse in found)
    if not found:
        yield _missing("fuse", name)


def _missing(kind: str, name: str) -> str:
    return f"the limits file has no {kind} {name}".rstrip()


def _cap(cap: Cap) -> str:
    texts = f"attempt{'s' * (cap.count > 1)}{_PER[cap.per]}"
    lanes = f" in {_listed([lane.value for lane in cap.lanes])}" if cap.lanes else ""
    templates = f" of template {_listed(cap.templates)}" if cap.templates else ""
    return f"at most {cap.count} {texts}{templates}{lanes} to one number in {_stretch(cap.window)}."


def _stretch(window: int | ClockWindow) -> str:
    if isinstance(window, ClockWindow):
        return f"one {window.clock.value} of the clock in {window.zone.key}"
    size, name, unit = next(row for row in _UNITS if window % row[0] == 0)
    count = window // size
    return f"any {name}" if count == 1 else f"any {count} {unit}"


def _window(window: SendWindow) -> str:
    hours = f"{window.opens:%H:%M} and {window.closes:%H:%M} in {window.zone.key}"
    return (
        f"{window.lane.value} to +{window.country} is submitted between {hours} alone. At other times it waits; no attempt is "
        "counted, and its deadline does not wait. An app can ask for a message to be submitted at any hour (ignore_send_window)."
    )


def _fuse(fuse: Fuse) -> str:
    app = "each app" if fuse.app == ANY else f"app {fuse.app}"
    country = "each country" if fuse.country == ANY else f"+{fuse.country}"
    return (
        f"at most {fuse.per_day:,} messages of {app} to {country} in one day in {fuse.zone.key}. Then its messages there wait "
        "for the next day, or until somebody resumes, or expire; its other messages go on."
    )


def _fuse_name(fuse: Fuse) -> str:
    return f"{fuse.app}/{fuse.country}"


def _countries(allowed: frozenset[str] | None) -> str:
    return "any" if allowed is None else ", ".join(f"+{code}" for code in sorted(allowed))


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
