"""Record: what the store holds about one message. Never its phone number or parameters.

Pure values with their wire form: one Redis hash for each message, every field short, so that Redis keeps the compact encoding.
Instants are milliseconds since the Unix epoch on the store's clock.

Fields of the hash: lane tpl app ref at exp fp who g.KEY test cmp cc win cap tp (set by the outbox) · state try due ext own beg
why cnt rev len msg out held (set by transitions) · fz fby (the same, which apply.lua alone reads) · used (set by feedback) · t1 …
tn (timeline).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from smsrelay.contract.country import MAINLAND
from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State

_STATES = {state.letter: state for state in State} | {state.value: state for state in State}
_PLAIN = {State.QUEUED: "enqueued", State.SUBMITTING: "begun"}  # rules that a line omits
_BY_CODE = {"submit.": "^", "status.": "="}  # rules that end with the line's code
_EMPTY = ("", "", "", "")  # empty parts at the end of a line are omitted
_FIRST = "+0|q|0"  # the first line of nearly every timeline, which a record omits
TAG = "g."  # fields of the hash that hold tags begin with it
TRACEPARENT = "tp"
_RULES = {short: rule for rule, short in _BY_CODE.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline: what happened, and the rule that decided what follows."""

    at: int
    state: State  # after this line
    attempt: int  # the attempt it is about; 0 before the first
    code: str = ""
    rule: str = ""
    updated_on: int | None = None  # the vendor's timestamp of a report

    def encode(self, created_at: int) -> str:
        """One line, its parts joined by ``|``, which none can contain. Instants are relative to the message's acceptance."""
        rule = "" if self.rule == _PLAIN.get(self.state) else _BY_CODE.get(self.rule.removesuffix(self.code), self.rule)
        attempt = "" if self.attempt == 1 else str(self.attempt)
        parts = (f"{self.at - created_at:+d}", self.state.letter, attempt, self.code, rule)
        return "|".join((*parts, relative(self.updated_on, created_at))).rstrip("|")

    @classmethod
    def decode(cls, line: str, created_at: int) -> Self:
        """Read what ``encode`` wrote, or a line with absolute instants and full words."""
        at, letter, attempt, code, rule, when = [*line.split("|"), *_EMPTY][:6]
        state = _STATES[letter]
        said = _RULES[rule] + code if rule in _RULES else rule or _PLAIN.get(state, "")
        moment = _instant(when, created_at) if when else None
        return cls(_instant(at, created_at), state, int(attempt or 1), code, said, moment)


@dataclass(frozen=True, slots=True)
class VendorMessage:
    """The vendor's own words about an attempt that it did not simply accept, masked (``vendors.yisha.masking``)."""

    attempt: int
    text: str

    def encode(self) -> str:
        """One field of the hash; above 64 bytes Redis would give up the compact encoding."""
        return f"{self.attempt}:{self.text}"

    @classmethod
    def decode(cls, wire: str) -> Self:
        """Read what ``encode`` wrote."""
        attempt, _, text = wire.partition(":")
        return cls(int(attempt), text)


@dataclass(frozen=True, slots=True)
class Record:
    """One message as the store holds it."""

    message_id: str
    lane: Lane
    template: str
    app: str
    reference: str | None
    created_at: int
    expires_at: int  # 0 after the delivery, which drops it
    fingerprint: str
    recipient_hash: str  # empty once the recipient is forgotten
    state: State
    attempt: int  # the last attempt that began; one that was deferred does not count
    due: int | None  # queued or retrying: the attempt must not begin before
    external_id: str | None
    owner: str | None  # who began the current attempt
    begun_at: int | None  # when the last attempt began
    why: str | None  # the rule that last led to another attempt
    counts: Mapping[str, tuple[int, int]]  # by rule: how often it did so, and for which attempt last
    revision: int  # grows with every transition that is not silent; a transition names the one it was decided on
    timeline: tuple[Entry, ...]
    vendor_message: VendorMessage | None = None  # the last one
    tags: Mapping[str, str] = field(default_factory=dict)
    test: bool = False  # never reaches the vendor
    used_at: int | None = None  # when the app first said that the recipient used the code
    outcome: tuple[int, int] | None = None  # the last one told to a sink: its revision, and its line's number from 1
    campaign: str | None = None
    country: str = MAINLAND  # calling code of the number
    ignores_window: bool = False  # the app wants it submitted at any hour
    reserved_at: int | None = None  # a code that no attempt has begun yet, counted against caps since then
    held_by: str | None = None  # the kind of part for whose resumption it waits: lane, template, app, country, campaign
    traceparent: str | None = None  # names the span that enqueued it, if it is traced

    @classmethod
    def decode(cls, message_id: str, fields: Mapping[str, str]) -> Self:
        """Read a message's hash."""
        length, created_at = int(fields["len"]), int(fields["at"])
        lines = {"t1": _FIRST, **fields}
        return cls(
            message_id=message_id,
            lane=Lane(fields["lane"]),
            template=fields["tpl"],
            app=fields.get("app", DEFAULT_APP),
            reference=fields.get("ref"),
            created_at=created_at,
            expires_at=int(fields.get("exp", "0")),
            fingerprint=fields.get("fp", ""),
            recipient_hash=fields["who"],
            state=State(fields["state"]),
            attempt=int(fields["try"]),
            due=int(fields["due"]) if fields.get("due") else None,
            external_id=fields.get("ext"),
            owner=fields.get("own"),
            begun_at=int(fields["beg"]) if "beg" in fields else None,
            why=fields.get("why"),
            counts=_counts(fields.get("cnt", "")),
            revision=int(fields["rev"]),
            timeline=tuple(Entry.decode(lines[f"t{number}"], created_at) for number in range(1, length + 1)),
            vendor_message=VendorMessage.decode(fields["msg"]) if "msg" in fields else None,
            tags={name[2:]: value for name, value in fields.items() if name[:2] == TAG},
            test=fields.get("test") == "1",
            used_at=int(fields["used"]) if "used" in fields else None,
            outcome=_outcome(fields["out"]) if "out" in fields else None,
            campaign=fields.get("cmp"),
            country=fields.get("cc", MAINLAND),
            ignores_window=fields.get("win") == "0",
            reserved_at=int(fields["cap"]) if "cap" in fields else None,
            held_by=fields.get("held"),
            traceparent=fields.get(TRACEPARENT),
        )

    @property
    def forgotten(self) -> bool:
        """Whether its number and parameters were deleted because the recipient asked for it."""
        return not self.recipient_hash

    @property
    def campaign_name(self) -> str | None:
        """Its campaign's name among those of all apps."""
        return f"{self.app}/{self.campaign}" if self.campaign else None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the traffic that it belongs to, each of which can be halted."""
        parts = (f"lane:{self.lane.value}", f"template:{self.template}", f"app:{self.app}", f"country:{self.app}/{self.country}")
        return (*parts, f"campaign:{self.campaign_name}") if self.campaign else parts

    @property
    def held(self) -> str | None:
        """The part of the traffic for whose resumption it waits."""
        return next((part for part in self.parts if part.startswith(f"{self.held_by}:")), None)


def relative(instant: int | None, created_at: int) -> str:
    """An instant as a line holds it: signed, relative to the message's acceptance; empty for none."""
    return "" if instant is None else f"{instant - created_at:+d}"


def _instant(wire: str, created_at: int) -> int:
    return created_at + int(wire) if wire[0] in "+-" else int(wire)


def encode_counts(counts: Mapping[str, tuple[int, int]]) -> str:
    """Counts as the record holds them: ``RULE=TIMES@ATTEMPT``, joined by ``;``."""
    return ";".join(f"{rule}={times}@{attempt}" for rule, (times, attempt) in counts.items())


def _outcome(wire: str) -> tuple[int, int]:
    revision, _, line = wire.partition(":")
    return int(revision), int(line)


def _counts(wire: str) -> dict[str, tuple[int, int]]:
    counts = {}
    for part in filter(None, wire.split(";")):
        rule, _, numbers = part.rpartition("=")
        times, _, attempt = numbers.partition("@")
        counts[rule] = (int(times), int(attempt))
    return counts
