"""``smsrelay`` as a shell runs it.

Takes a folder, variables and arguments; returns the exit code and the output. A command that hangs fails after a minute.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "smsrelay_worker", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdin=pipe, stdout=pipe, stderr=pipe)

    def run(self, *arguments: str, given: bytes = b"") -> "Ended":
        with self.start(*arguments) as process:
            output, errors = process.communicate(given, timeout=PATIENCE)
        return Ended(process.returncode, output.decode(), errors.decode())


class Ended:
    """An ended command."""

    def __init__(self, code: int, output: str, errors: str) -> None:
        self.code, self.output, self.errors = code, output, errors

    def named(self) -> list[str]:
        """The fields or variables that standard error names."""
        return [line.split(":")[0].strip() for line in self.errors.splitlines()[1:]]
