"""The play: sends over every path on a running stage, and says who got what.

1. every scene, to its end; 2. foreign jobs, right, refused and unreadable; 3. callbacks nobody can read; 4. a halt. Slow answers
are in ``busy``, the HTTP API in ``over_http``, what apps are told in ``deliveries``.
Raises ``AssertionError`` when a path was not really taken.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from tests.acceptance.leaks import foreign, places, scenes
from tests.acceptance.leaks.needles import Person, abroad, mainland
from tests.acceptance.leaks.places import Places
from tests.acceptance.leaks.scenes import SCENES, signature_refused, unreadable_callbacks
from tests.acceptance.leaks.stage import Stage
from tests.support.waiting import eventually

HOSTILE_ROLES = (*foreign.HOSTILE, *scenes.HOSTILE)


@dataclass(slots=True)
class Cast:
    """Everybody of this run by role, with the id of each message; and the secrets of API keys by what they are."""

    people: dict[str, Person] = field(default_factory=dict)
    message_ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new(self, role: str, is_abroad: bool = False) -> Person:
        """Somebody nobody else is."""
        person = (abroad if is_abroad else mainland)(role, next(self._numbers))
        self.people[role] = person
        return person


@dataclass(frozen=True, slots=True)
class Play:
    """One run on one stage."""

    stage: Stage
    cast: Cast

    def enqueue(self, person: Person, lane: Lane, **more: object) -> None:
        """Send as an app with our library does."""
        job = {"to": person.to, "template": "0000000", "params": [person.word, person.code], "lane": lane, **more}
        accepted = self.stage.enqueuer.enqueue(SendJob(**job, reference=foreign.reference(person)))
        self.cast.message_ids[person.role] = accepted.message_id

    def record(self, role: str) -> Record | None:
        """The record of a role's message, once there is one."""
        reading = self.stage.store.read(self.cast.message_ids[role])
        return reading.record if reading else None

    def ends(self, role: str, state: State) -> None:
        """Wait until a message has ended so."""

        def ended() -> bool:
            record = self.record(role)
            return record is not None and record.state is state

        eventually(ended, f"{role} is {state}")

    def scenes(self) -> None:
        """Every scene, all at once, each to its end."""
        every = {**SCENES, **scenes.HOSTILE}
        for role, scene in every.items():
            person = self.cast.new(role, scene.abroad)
            self.stage.simulator.script(person.to, {"submits": scene.steps(person)})
            self.enqueue(person, scene.lane)
        for role, scene in every.items():
            self.ends(role, scene.end)

    def hostile_names(self) -> None:
        """Foreign jobs whose identifiers hold the number."""
        for role, build in foreign.HOSTILE.items():
            person = self.cast.new(role)
            self.cast.message_ids[role] = referenced_id("default", foreign.reference(person))
            build(person).publish(self.stage.broker_url)
        for role in foreign.HOSTILE:
            if "report" not in role:
                self.ends(role, State.DELIVERED)

    def waiting(self) -> None:
        """One message that waits for its time, one that is withdrawn."""
        later = datetime.now(UTC) + timedelta(hours=1)
        self.enqueue(self.cast.new("waiting"), Lane.NOTICE, not_before=later)
        self.enqueue(self.cast.new("withdrawn"), Lane.NOTICE, not_before=later)
        assert "cancelled" in self.stage.run("-m", "smsrelay_worker", "cancel", self.cast.message_ids["withdrawn"])

    def foreign_jobs(self) -> None:
        """Every foreign job three times, so that each worker has a chance; the right ones are delivered."""
        for kind, build in foreign.RIGHT.items():
            for role in (kind, f"{kind} again", f"{kind} once more"):
                person = self.cast.new(role)
                self.cast.message_ids[role] = referenced_id("default", foreign.reference(person))
                build(person).publish(self.stage.broker_url)
        kept = 0
        for kind, build in {**foreign.REFUSED, **foreign.UNREADABLE}.items():
            for role in (kind, f"{kind} again", f"{kind} once more"):
                build(self.cast.new(role)).publish(self.stage.broker_url)
                kept += 1
        for role in [role for role in self.cast.message_ids if role.startswith("foreign")]:
            self.ends(role, State.DELIVERED)
        eventually(lambda: self.stage.redis.llen("{sms}:undecodable") >= kept, f"{kept} foreign jobs are kept")

    def callbacks(self) -> None:
        """Callbacks that hold the number in the wrong places, on a true path; and one that names no message we know."""
        person = self.cast.new("called back")
        self.stage.simulator.script(person.to, {"submits": ["never"]})
        self.enqueue(person, Lane.NOTICE)
        eventually(lambda: self.stage.simulator.submits(person.to), "the submit that is called back")
        [submit] = self.stage.simulator.submits(person.to)
        for name, (body, status) in unreadable_callbacks(person).items():
            assert self.stage.simulator.callback(submit.callback_url, body) == status, name
        self.stage.simulator.callback(submit.callback_url, json.dumps({"mobile": person.to, "status": {"code": 200}}))
        self.ends("called back", State.DELIVERED)
        stranger = self.cast.new("unknown to us")
        report = {"mobile": stranger.to, "extenal_id": "f" * 32, "content": stranger.code, "status": {"code": "200"}}
        assert self.stage.simulator.callback(f"{self.stage.receiver_url}/callback", json.dumps(report)) == 200
        eventually(lambda: self.stage.redis.exists("{sms}:parked:" + "f" * 32), "the report that nobody knows is parked")

    def halted(self) -> Places:
        """What can be seen while the vendor refuses everything; meanwhile one message expires and one loses its payload."""
        person = self.cast.new("signature refused")
        self.stage.simulator.script(person.to, {"submits": signature_refused(person)})
        self.enqueue(person, Lane.OTP)
        eventually(self.stage.limiter.halted, "halted by a redirect")
        self.enqueue(self.cast.new("expired"), Lane.OTP, expires_in=1)
        self.enqueue(self.cast.new("without payload"), Lane.OTP)
        self.stage.redis.delete("{sms}:p:" + self.cast.message_ids["without payload"])
        seen = {**places.store(self.stage.redis), "smsrelay status": self.stage.run("-m", "smsrelay_worker", "status")}
        assert "resumed" in self.stage.run("-m", "smsrelay_worker", "resume")
        eventually(self.stage.limiter.halted, "halted by a wrong signature")
        assert self.stage.limiter.resume()
        self.ends("signature refused", State.DELIVERED)
        self.ends("expired", State.EXPIRED)
        return seen
