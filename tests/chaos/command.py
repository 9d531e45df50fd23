"""``python -m tests.chaos --minutes 5 --seed 7``: a whole run, from starting the processes to printing the table.

Prints the table on standard output and exits 0 only when every condition held. Otherwise it also prints the offending timelines,
and keeps a folder with all of them and the logs of every process.
"""

import argparse
import logging
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import structlog

from tests.chaos.dump import dump
from tests.chaos.faults.faults import EVERY
from tests.chaos.hosts.isolation import is_isolated, isolate
from tests.chaos.run import Run, play
from tests.chaos.sentinel.run import play_sentinel
from tests.chaos.table import table

_MODULE = "tests.chaos"


def main() -> None:
    """Run, print, and end with 0 or 1."""
    run = _run()
    if run.sentinel and not is_isolated():
        isolate(_MODULE, sys.argv[1:])
    print(f"chaos: {run.minutes:g} minutes, CHAOS_SEED={run.seed}, logs in {run.folder}", flush=True)
    run.folder.mkdir(parents=True, exist_ok=True)
    _logs(run.folder / "app.log")
    findings, diary = play_sentinel(run) if run.sentinel else play(run)
    (run.folder / "diary.txt").write_text("".join(f"{at} {what}\n" for at, what in sorted(diary)), encoding="utf-8")
    print("\n" + table(findings) + "\n", flush=True)
    if findings.offences:
        print(dump(run.folder / "offences", findings.cases, findings.offences, diary, findings.tellings))
        print(f"\n{len(findings.offences)} offences; every timeline and log: {run.folder}; again: CHAOS_SEED={run.seed}")
        sys.exit(1)
    if not run.keep:
        shutil.rmtree(run.folder)


def _logs(file: Path) -> None:
    """Send the load app's log to a file."""
    logging.basicConfig(filename=file, format="%(asctime)s %(message)s")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file.open("a", encoding="utf-8")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", description="Break everything, and count what was lost.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="of load and faults; default: a new one")
    parser.add_argument("--rate", type=float, default=50.0, help="messages a second")
    parser.add_argument("--faults", default="", help="only kinds whose name begins so, or none")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between faults, on average")
    parser.add_argument("--bursts", action="store_true", help="bursts and silences alone: neither the usual load nor faults")
    parser.add_argument("--apart", action="store_true", help="reach broker and store at two URLs, each with faults of its own")
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey", help="rabbitmq: a node of it, always apart")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="of RabbitMQ; 3: a cluster")
    parser.add_argument(
        "--topology",
        choices=("single", "sentinel"),
        default="single",
        help="sentinel: three machines with a server and a sentinel each, as network namespaces; broker and store in one",
    )
    parser.add_argument("--replicas", type=int, choices=(0, 1, 2), default=1, help="SMSRELAY_STORE_REPLICAS, with sentinel")
    parser.add_argument(
        "--folder", type=Path, default=None, help="for data and logs, kept; default: a new one, kept when something failed"
    )
    return parser


def _run() -> Run:
    parser = _parser()
    given = parser.parse_args()
    rabbitmq, sentinel = given.broker == "rabbitmq", given.topology == "sentinel"
    if sentinel and (rabbitmq or given.apart or given.bursts):
        parser.error("--topology sentinel has broker and store in one, and load and faults of its own")
    return Run(
        minutes=given.minutes,
        seed=secrets.randbelow(1_000_000) if given.seed is None else given.seed,
        rate=given.rate,
        faults=given.faults,
        every=given.every,
        bursts=given.bursts,
        apart=given.apart or rabbitmq,
        rabbitmq=rabbitmq,
        folder=given.folder or Path(tempfile.mkdtemp(prefix="smsrelay-chaos-")),
        keep=given.folder is not None,
        sentinel=sentinel,
        replicas=given.replicas if sentinel else 0,
        nodes=given.nodes,
    )
