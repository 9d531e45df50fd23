"""A whole relay as real processes: broker, simulator, receiver and worker under the product's own supervisor.

Takes a data folder; gives a ``RelayProcess`` and stops every process on leaving the context. Raises ``StackFailed`` if a part
does not come up.
"""

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Accepted
from smsrelay.messages.record import Record
from smsrelay.settings import PREFIX
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import Stack, free_port
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.wiring import Relay
from tests.support.forked_command import run_command
from tests.support.processes import TOGETHER, pids
from tests.support.shortened_policy import write_shortened_policy
from tests.support.simulator_client import JsonScript, Simulator
from tests.support.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]
SMSRELAY = Path(sys.executable).with_name("smsrelay")
RECEIVER = "receiver --port"  # words of its command line
TEMPLATE = "0000000"  # the vendor's public test template
_COLUMNS = "200"  # so that no sentence is folded


@dataclass(frozen=True, slots=True)
class RelayProcess:
    """One running relay: send, look, wait."""

    data: Path
    environment: Mapping[str, str] = field(repr=False)
    relay: Relay = field(repr=False)
    simulator: Simulator = field(repr=False)
    redis: StoreRedis = field(repr=False)

    @property
    def callback_keys(self) -> KeyRing:
        """Those that sign the URLs of its callbacks."""
        return KeyRing.parse(self.environment["SMSRELAY_CALLBACK_KEYS"])

    def send(self, to: str, lane: Lane = Lane.OTP, **fields: Any) -> str:
        """Enqueue one job as an app does; its message id."""
        job = SendJob(**{"to": to, "template": TEMPLATE, "params": [a_code()], "lane": lane} | fields)
        return self.relay.enqueuer.enqueue(job).message_id

    def accepted(self, job: SendJob, seconds: float = PATIENCE) -> Accepted:
        """Enqueue a job as an app does whose store is away: again, under the same reference, until it is taken."""

        def taken() -> Accepted | None:
            try:
                return self.relay.enqueuer.enqueue(job)
            except StoreUnavailable:
                return None

        return eventually(taken, "the store takes the job", seconds)  # type: ignore[no-any-return]

    def scripted(self, script: JsonScript, lane: Lane = Lane.OTP, **fields: Any) -> tuple[str, str]:
        """Send to a new recipient for whom the vendor plays ``script``: recipient and message id."""
        to = a_recipient()
        self.simulator.script(to, script)
        return to, self.send(to, lane, **fields)

    def record(self, message_id: str) -> Record:
        reading = self.relay.records.read(message_id)
        assert reading is not None, f"{message_id} is lost"
        return reading.record

    def wait(self, message_id: str, condition: Callable[[Record], object], what: str, seconds: float = PATIENCE) -> Record:
        """The first record of the message that fulfils the condition."""
        seen: list[Record] = []

        def holds() -> bool:
            try:
                seen[:] = [self.record(message_id)]
            except StoreUnavailable:  # a test that kills it looks again
                return False
            return bool(condition(seen[0]))

        try:
            eventually(holds, what, seconds)
        except AssertionError as late:
            late.add_note("\n".join(str(line) for record in seen for line in record.timeline))
            raise
        return seen[0]

    def wait_state(self, message_id: str, state: State, seconds: float = PATIENCE) -> Record:
        return self.wait(message_id, lambda record: record.state is state, f"{message_id} is {state.value}", seconds)

    def wait_final(self, message_id: str, seconds: float = PATIENCE) -> Record:
        return self.wait(message_id, lambda record: record.state.final, f"{message_id} is final", seconds)

    def report(self, to: str, body: Callable[[str], str], attempt: int = 1) -> int:
        """Call back about the attempt's submit with a raw body made from its external id; the status it was answered with."""
        submits = eventually(lambda: self.simulator.submits(to)[attempt - 1 :], f"submit {attempt} arrived")
        return self.simulator.callback(submits[0].callback_url, body(submits[0].external_id))

    def applied(self, message_id: str) -> list[str]:
        """What each report on the message came to, in order, by the worker's log."""
        lines = (self.data / "worker.log").read_text("utf-8").splitlines()
        batches = [json.loads(line)["reports"] for line in lines if message_id in line and '"reports applied"' in line]
        told = [re.search(r": code \S+, (.+) · (.+)", report) for batch in batches for report in batch]
        return [found[1] for found in told if found and found[2] == message_id]

    def processes(self) -> list[int]:
        """Pids of the worker's one process (``together``) and of the receiver."""
        return pids(self.data, TOGETHER) + pids(self.data, RECEIVER)

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``smsrelay`` as a user of this relay does."""
        return run_smsrelay(self.environment, *arguments, stdin=stdin)


def run_smsrelay(environment: Mapping[str, str], *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return run_command(arguments, {**environment, "COLUMNS": _COLUMNS}, given=(stdin or "").encode())


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of the product."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@contextlib.contextmanager
def running_relay(
    data: Path,
    simulator_options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    *,
    together: bool = True,
    ports: Ports | None = None,
) -> Iterator[RelayProcess]:
    """Start one on free ports, with short waits; ``settings`` go over what a desk has, an empty one takes it away.

    ``together``: one worker process for all queues, which is up sooner, in place of the usual one for each.
    """
    desk = LocalRelay(data, ports or Ports(free_port(), free_port(), free_port(), free_port()), report_delay=0.1)
    policy = write_shortened_policy(data.with_suffix(".policy.toml"))
    given = clean_environment() | {"SMSRELAY_POLICY": str(policy), "SMSRELAY_READ_TIMEOUT": "6"}
    environment = desk.environment(given) | dict(settings or {})
    more = {"simulator": tuple(simulator_options), "worker": ("--name", "worker", *(("--together",) if together else ()))}
    parts = [
        replace(part, command=(*part.command, *more.get(part.name, ()))) for part in desk.parts(given) if part.name != "flower"
    ]
    with contextlib.ExitStack() as up:
        with contextlib.chdir(ROOT):  # the simulator is part of the checkout
            up.enter_context(Stack(tuple(parts), data, environment).running())
        simulator = up.enter_context(Simulator(f"http://127.0.0.1:{desk.ports.simulator}"))
        relay = Relay.wire(settings_of(environment))
        up.callback(relay.enqueuer.close)
        redis = up.enter_context(open_store(settings_of(environment).store))
        yield RelayProcess(data, environment, relay, simulator, redis)


def settings_of(environment: Mapping[str, str]) -> WorkerSettings:
    """The settings that a process with this environment has."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    ours: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in given.items()}
    return WorkerSettings(**ours)


def a_recipient() -> str:
    """A mainland mobile number nobody else has; never one whose digits are a script to the simulator (138…)."""
    return f"+86{secrets.choice(('135', '137', '139', '150', '186'))}{secrets.randbelow(10**8):08d}"


def a_job(lane: Lane, **fields: Any) -> SendJob:
    """One that may be enqueued again: it has a reference."""
    return SendJob(to=a_recipient(), template=TEMPLATE, params=[a_code()], lane=lane, reference=a_reference(), **fields)


def a_reference() -> str:
    """An app's name for a message that nobody else has; of codes, a run has so many that two may be the same."""
    return uuid.uuid4().hex


def a_code() -> str:
    return f"{secrets.randbelow(900_000) + 100_000}"
