"""``smsrelay`` as a shell runs it.

Takes a folder, variables and arguments; returns the exit code and the output. A command that hangs fails after a minute.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.forked_command import run_command

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]


class Shell:
    """Runs ``smsrelay`` in an empty folder with nothing of ours in the environment but what a test gives."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
        self._environment = kept | {"PYTHONPATH": str(ROOT)} | variables

    def set(self, name: str, value: str) -> None:
        """Give a variable another value."""
        self._environment[name] = value

    def start(self, *arguments: str, stdin: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        return self._start([sys.executable, "-m", "smsrelay_worker", *arguments], stdin)

    def run(self, *arguments: str, given: bytes = b"", stdin: int | None = None) -> "Ended":
        """``given``: its standard input, or else ``stdin``: the descriptor of that."""
        if stdin is not None:
            return _ended(self.start(*arguments, stdin=stdin), None)
        ended = run_command(arguments, self._environment, folder=self._folder, given=given)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def sh(self, script: str, given: bytes = b"") -> "Ended":
        """Run a script of a shell's."""
        return _ended(self._start(["sh", "-c", script], subprocess.PIPE), given)

    def _start(self, command: list[str], stdin: int) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdin=stdin, stdout=pipe, stderr=pipe)


def _ended(started: "subprocess.Popen[bytes]", given: bytes | None) -> "Ended":
    with started as process:
        output, errors = process.communicate(given, timeout=PATIENCE)
    return Ended(process.returncode, output.decode(), errors.decode())


class Ended:
    """An ended command."""

    def __init__(self, code: int, output: str, errors: str) -> None:
        self.code, self.output, self.errors = code, output, errors

    def named(self) -> list[str]:
        """The fields or variables that standard error names."""
        return [line.split(":")[0].strip() for line in self.errors.splitlines()[1:]]
