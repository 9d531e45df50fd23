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

from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Call, Script

CAMPAIGN = "campaign:"  # parts that are campaigns begin with it
COUNTRY = "country:"  # those of one app to one country, which a fuse may stop
_OTHER_DAY = -3  # resume_part.lua


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
        """Read a field of ``{sms}:halts``; None if it is absent or over."""
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

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._halt = Script(redis, __name__, "halt_part.lua", durable=True)
        self._resume = Script(redis, __name__, "resume_part.lua", durable=True)

    def halt(self, part: str, kind: HaltKind = HaltKind.HALTED) -> Effect:
        """Stop a part from now on."""
        call = self._halting(part, kind)
        return Effect(int(self._halt.run(call.keys, call.args)))

    def resume(self, part: str) -> Effect:
        """End a halt, a pause or a fuse. Workers release what it held within seconds (``HeldMessages``)."""
        while True:
            call = self._resuming(part, self._fuse_day(part))
            answer = int(self._resume.run(call.keys, call.args))
            if answer != _OTHER_DAY:
                return Effect(answer)

    def all(self) -> list[HaltedPart]:
        """Every part that is stopped now, the longest first."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._keys.halts)
            (seconds, micros), fields = pipeline.execute()
        now = int(seconds) * 1000 + int(micros) // 1000
        held = self._held(list(fields))
        parts = [HaltedPart.decode(part, wire, now, held[part]) for part, wire in fields.items()]
        return sorted((part for part in parts if part is not None), key=lambda part: (part.since, part.part))

    def unfinished(self) -> Mapping[str, Unfinished]:
        """Parts with messages that are still to be released or cancelled; ``*`` stands for all traffic."""
        with store_answers():
            found = self._redis.hgetall(self._keys.unfinished)
        return {str(part): does(str(wire)) for part, wire in found.items()}

    @property
    def scripts(self) -> tuple[str, str]:
        """Lua sources of what the commands below run."""
        return self._halt.source, self._resume.source

    def halt_command(self, part: str, kind: HaltKind = HaltKind.HALTED) -> tuple[object, ...]:
        """``halt`` as a command to send on a connection; its answer is an ``Effect``."""
        return self._halt.commands([self._halting(part, kind)])[0]

    def resume_command(self, part: str) -> tuple[object, ...]:
        """``resume`` as a command to send on a connection, for a part that no fuse stops; its answer is an ``Effect``."""
        return self._resume.commands([self._resuming(part)])[0]

    def _halting(self, part: str, kind: HaltKind) -> Call:
        keys, name = self._keys, part.removeprefix(CAMPAIGN)
        of_campaign = [] if name == part else [keys.campaign(name)]
        return Call([keys.halts, keys.unfinished, keys.campaigns, *of_campaign], [part, kind.value])

    def _resuming(self, part: str, fuse_day: str = "") -> Call:
        keys = self._keys
        of_fuse = [keys.fuse(fuse_day)] if fuse_day else []
        return Call([keys.halts, keys.unfinished, keys.held(part), *of_fuse], [part, fuse_day])

    def _fuse_day(self, part: str) -> str:
        """The day on which a fuse stopped a part; nothing if none did."""
        if not part.startswith(COUNTRY):
            return ""
        with store_answers():
            wire = self._redis.hget(self._keys.halts, part)
        return str(json.loads(str(wire)).get("day", "")) if wire is not None else ""

    def _held(self, parts: list[str]) -> Mapping[str, int]:
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for part in parts:
                pipeline.scard(self._keys.held(part))
            return dict(zip(parts, map(int, pipeline.execute()), strict=True))


def does(wire: str | bytes) -> Unfinished:
    """What a field of ``{sms}:halts:unfinished`` says is to be done."""
    return Unfinished(json.loads(wire)["does"])


def campaign_part(name: str) -> str:
    """The part that a campaign (APP/NAME) is."""
    return CAMPAIGN + name
