"""FurtherKeys: what a few kinds of transition need in the store beside what all do, as ``apply.lua`` takes it. Pure."""

from dataclasses import dataclass, field

from smsrelay.contract.message import DIGEST_LENGTH
from smsrelay.messages.checks import LATEST_SUBMIT, Checks, Counted
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay.store.keys import Keys


@dataclass(slots=True)
class FurtherKeys:
    """Keys, and an object that names each by its place among all keys, from 1; ``first`` is the place of the first one."""

    first: int
    keys: list[str] = field(default_factory=list)
    named: dict[str, object] = field(default_factory=dict)

    def add(self, name: str, *named: str) -> None:
        """Add keys, of which ``name`` names the first."""
        self.named[name] = self.first + len(self.keys)
        self.keys += named

    @property
    def wire(self) -> object:
        """The object, or nothing."""
        return self.named or None


def further_keys(keys: Keys, record: Record, transition: Transition, first: int) -> FurtherKeys:
    """All that the transition of the record needs."""
    further = FurtherKeys(first)
    if transition.checks is not None:
        _add_checks(keys, further, record, transition.checks)
    moves = transition.wake is not Wake.KEEP
    if moves and record.recipient_hash and (transition.wake is Wake.NEVER or record.state.final):
        further.add("number", *keys.numbers(record.recipient_hash))
        further.named["digest"] = record.recipient_hash
    if record.campaign_name and not transition.silent:
        further.add("campaign", keys.campaign(record.campaign_name))
    _add_counted(keys, further, record, transition)
    if record.held and (transition.held is not None or transition.moves_on(record)):
        further.add("left", keys.held(record.held))
    if transition.held is not None:
        further.add("halts", keys.halts)
        further.add("held", keys.held(transition.held))
        further.named |= {"parts": [transition.held], "kind": transition.held.partition(":")[0]}
    external_id = transition.external_id if transition.takes_external else record.external_id
    if transition.forgets_external and external_id:
        further.add("forgets", keys.external(external_id))
    if transition.suppress is not None and len(record.recipient_hash) == DIGEST_LENGTH:
        further.add("suppressed", keys.suppressed, keys.suppressed_counts)
        name, key_name = transition.suppress, transition.suppress_key
        value = f"|status.{transition.code}|{key_name}"
        further.named["join"] = [f"{record.recipient_hash}|{name}", value, f"{name}|{key_name}"]
    return further


def _add_checks(keys: Keys, further: FurtherKeys, record: Record, checks: Checks) -> None:
    further.add("halts", keys.halts)
    further.named["parts"] = record.parts
    if checks.closes:
        further.named["closes"] = checks.closes
    if checks.suppressed_by:
        further.add("suppressed", keys.suppressed)
        further.named["lists"] = [f"{digest}|{name}" for digest in checks.digests for name in checks.suppressed_by]
    if checks.fuse is not None:
        further.add("fuse", keys.fuse(checks.fuse.day))
        further.named["spent"] = [f"{checks.fuse.app}/{checks.fuse.country}", checks.fuse.most, checks.fuse.until]
    if checks.lasts:
        further.named |= {"limits": [cap.encode() for cap in checks.caps], "lasts": checks.lasts}


def _add_counted(keys: Keys, further: FurtherKeys, record: Record, transition: Transition) -> None:
    """The attempts to the number, where one is counted, settled or returned, or where a reservation ends."""
    checks, digests = transition.checks, [record.recipient_hash]
    counts = bool(transition.counted) or (checks is not None and checks.lasts > 0)
    if not (counts or record.reserved_at is not None) or not record.recipient_hash:
        return
    if checks is not None and checks.digests:
        digests = list(checks.digests)
    further.add("caps", *map(keys.caps, digests))
    entry = f"{record.lane.value[0]} {record.template} {record.app}"
    further.named |= {"digests": len(digests), "entry": entry, "late": LATEST_SUBMIT}
    if transition.counted is not Counted.KEEP:
        further.named["counted"] = transition.counted.value
