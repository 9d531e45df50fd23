"""Halts: parts of the traffic that an operator has stopped, and campaigns that were paused or cancelled.

A part is spelled ``lane:otp``, ``template:ID``, ``app:NAME``, ``country:APP/CC`` or ``campaign:APP/NAME``. The scripts that
claim a message and begin an attempt look at the parts it belongs to, so a halt holds over all workers from the next claim on;
the messages are held, and count no attempt. Ending a halt, and cancelling a campaign, leave work to do for each message
(``store.held_messages``, ``store.campaign_cancel``), which any process may do.
Raises ``StoreUnavailable``; every call may be repeated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers
from smsrelay.store.script import Call, Script

CAMPAIGN = "campaign:"  # parts that are campaigns begin with it


class HaltKind(StrEnum):
    """How a part was stopped."""

    HALTED = "halted"  # by an operator
    PAUSED = "paused"  # a campaign
    CANCELLED = "cancelled"  # a campaign, for good
    FUSE = "fuse"  # an app sent too many messages to a country in one day


class Effect(Enum):
    """What came of stopping or resuming a part."""

    DONE = 1
    UNCHANGED = 0  # it was so before
    NO_SUCH_CAMPAIGN = -1  # or it was forgotten, 41 days after its last message
    CANCELLED = -2  # it stays cancelled


@dataclass(frozen=True, slots=True)
class HaltedPart:
    """One part that is stopped. Instants in ms of the store's clock."""

    part: str
    kind: HaltKind
    since: int
    until: int | None = None  # it ends by itself
    held: int = 0  # messages that wait for its end

    @classmethod
    def decode(cls, part: str, wire: str | None, now: int, held: int = 0) -> "HaltedPart | None":
        """Read a field of ``sms:halts``; None if it is absent or over."""
        if wire is None:
            return None
        fields = json.loads(wire)
        until = int(fields["until"]) if "until" in fields else None
        if until is not None and until <= now:
            return None
        return cls(part, HaltKind(fields["kind"]), int(fields["since"]), until, held)


class Unfinished(StrEnum):
    """What is still to be done with the messages of a part."""

    RELEASE = "release"
    CANCEL = "cancel"


class Halts:
    """Safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._halt = Script(redis, __name__, "halt_part.lua")
        self._resume = Script(redis, __name__, "resume_part.lua")

    def halt(self, part: str, kind: HaltKind = HaltKind.HALTED) -> Effect:
        """Stop a part from now on."""
        call = _halting(part, kind)
        return Effect(int(self._halt.run(call.keys, call.args)))

    def resume(self, part: str) -> Effect:
        """End a halt, a pause or a fuse. Workers release what it held within seconds (``HeldMessages``)."""
        call = _resuming(part)
        return Effect(int(self._resume.run(call.keys, call.args)))

    def all(self) -> list[HaltedPart]:
        """Every part that is stopped now, the longest first."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hgetall(keys.HALTS)
            (seconds, micros), fields = pipeline.execute()
        now = int(seconds) * 1000 + int(micros) // 1000
        held = self._held(list(fields))
        parts = [HaltedPart.decode(part, wire, now, held[part]) for part, wire in fields.items()]
        return sorted((part for part in parts if part is not None), key=lambda part: (part.since, part.part))

    def unfinished(self) -> Mapping[str, Unfinished]:
        """Parts with messages that are still to be released or cancelled; ``*`` stands for all traffic."""
        with store_answers():
            found = self._redis.hgetall(keys.UNFINISHED)
        return {str(part): does(str(wire)) for part, wire in found.items()}

    @property
    def scripts(self) -> tuple[str, str]:
        """Lua sources of what the commands below run."""
        return self._halt.source, self._resume.source

    def halt_command(self, part: str, kind: HaltKind = HaltKind.HALTED) -> tuple[object, ...]:
        """``halt`` as a command to send on a connection; its answer is an ``Effect``."""
        return self._halt.commands([_halting(part, kind)])[0]

    def resume_command(self, part: str) -> tuple[object, ...]:
        """``resume`` as a command to send on a connection; its answer is an ``Effect``."""
        return self._resume.commands([_resuming(part)])[0]

    def _held(self, parts: list[str]) -> Mapping[str, int]:
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for part in parts:
                pipeline.scard(keys.held(part))
            return dict(zip(parts, map(int, pipeline.execute()), strict=True))


def does(wire: str | bytes) -> Unfinished:
    """What a field of ``sms:halts:unfinished`` says is to be done."""
    return Unfinished(json.loads(wire)["does"])


def campaign_part(name: str) -> str:
    """The part that a campaign (APP/NAME) is."""
    return CAMPAIGN + name


def _halting(part: str, kind: HaltKind) -> Call:
    name = part.removeprefix(CAMPAIGN)
    return Call([keys.HALTS, keys.UNFINISHED, *([] if name == part else [keys.campaign(name)])], [part, kind.value])


def _resuming(part: str) -> Call:
    return Call([keys.HALTS, keys.UNFINISHED, keys.held(part)], [part])
