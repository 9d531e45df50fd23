"""An app in a process of its own, on its own host: enqueues its part of the plan, and notes each answer before the next call.

Killed and started again it asks again for everything that it has no answer to, with the same references. What has no reference
and was in flight is gone with it: nobody was told that it is accepted.

Takes a settings' environment, a file with the plan, one for the notes, and the instant of the start on the monotonic clock, which
all processes of a machine share.
"""

import argparse
import json
import logging
import os
import pickle
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from smsrelay.enqueue import Enqueuer
from smsrelay.settings import ProducerSettings
from tests.chaos.load.load import Cancel, Load, Sent
from tests.chaos.load.planned import Batch, Planned
from tests.support.simulator_client import Simulator

_PATIENCE = 30.0  # seconds after the end of the load in which calls are repeated

Key = tuple[str, str | None]


class NotedLoad(Load):
    """A load whose every answer is a line of a file."""

    def __init__(self, enqueuer: Enqueuer, simulator: Simulator, notes: Path) -> None:
        super().__init__(enqueuer, simulator)
        self._file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._file, b"\n")  # a line that was cut short by a kill spoils no other

    def _note(self, sent: Sent) -> None:
        planned = sent.planned
        self._write(
            number=planned.number,
            reference=planned.reference,
            id=sent.message_id,
            accepted=sent.accepted,
            cancel=sent.cancel.value,
            at=sent.accepted_at,
            refused=sent.refused,
        )

    def _asked_again(self) -> None:
        self._write(again=1)

    def _surprised(self, doing: str, error: Exception) -> None:
        self._write(surprise=f"{doing} raised {type(error).__name__}: {error}")

    def _write(self, **line: Any) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class Noted:
    """What an app's lives have noted."""

    sent: list[Sent]
    asked_again: int
    surprises: Counter[str]


def read_notes(notes: Path, batches: Sequence[Batch]) -> Noted:
    """Everything noted so far."""
    planned: dict[Key, Planned] = {(one.number, one.reference): one for batch in batches for one in batch.messages}
    sent, again, surprises = [], 0, Counter[str]()
    for line in _lines(notes):
        if "again" in line:
            again += 1
        elif "surprise" in line:
            surprises[line["surprise"]] += 1
        else:
            one = planned[line["number"], line["reference"]]
            sent.append(Sent(one, line["id"], line["accepted"], Cancel(line["cancel"]), line["at"], line["refused"]))
    return Noted(sent, again, surprises)


def still_to_ask(batches: Sequence[Batch], noted: Noted, elapsed: float) -> list[Batch]:
    """What a life has to enqueue that starts so many seconds into the run."""
    done = {(one.planned.number, one.planned.reference) for one in noted.sent}
    left = [batch for batch in batches if any((one.number, one.reference) not in done for one in batch.messages)]
    return [batch for batch in left if batch.at > elapsed or all(one.reference is not None for one in batch.messages)]


def _lines(notes: Path) -> Iterator[Mapping[str, Any]]:
    for line in notes.read_bytes().splitlines() if notes.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def main() -> None:
    """Play, and end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    parser.add_argument("--started", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--simulator", required=True)
    given = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s")
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())
    batches: list[Batch] = pickle.loads(given.plan.read_bytes())
    left = still_to_ask(batches, read_notes(given.notes, batches), time.monotonic() - given.started)
    with Simulator(given.simulator) as simulator:
        load = NotedLoad(Enqueuer.connect(ProducerSettings()), simulator, given.notes)
        load.play(left, given.started, given.seconds + _PATIENCE)


if __name__ == "__main__":
    main()
