"""``smsrelay``: starts the command line, or says in one sentence which extra the command lacks.

Nothing but the standard library is imported here, so that it can say so where nothing else is installed.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from smsrelay_worker.cli.commands import COMMANDS

_MISSING = 2  # exit code, as of any wrong command line
_PROBE = {("probe",): False, ("probe", "--ready"): True}  # arguments of the health check, and whether it asks for readiness
_HELP = ("click", "structlog")  # what --help imports; every extra that has a command brings them


def main() -> None:
    """Run the command that the arguments name."""
    ready = _PROBE.get(tuple(sys.argv[1:]))
    if ready is not None and find_spec("celery") is not None:  # without the imports of the other commands
        raise SystemExit(import_module("smsrelay_worker.processes.probe").main(ready=ready))
    if sentence := lacking(sys.argv[1:]):
        print(sentence, file=sys.stderr)
        raise SystemExit(_MISSING)
    import_module("smsrelay_worker.cli.group").smsrelay(prog_name="smsrelay")


def lacking(arguments: Sequence[str]) -> str:
    """What to install before these arguments can run; empty when nothing is missing."""
    extras = import_module("smsrelay_worker.cli.extras")  # which is half of what the probe would import
    name = next((word for word in arguments if not word.startswith("-")), "")
    if name in COMMANDS:
        extra = COMMANDS[name].extra
        return (
            f"smsrelay {name} needs packages that are not installed: {extras.how_to_install(extra)}"
            if extras.lacks(extra)
            else ""
        )
    if any(find_spec(package) is None for package in _HELP):
        return f"the command line needs packages that are not installed: {extras.how_to_install('cli')}"
    return ""
