"""Dockerfile and .dockerignore, parsed for tests.

Reads the two files. Returns ``Stage`` values, and tells whether a path of the checkout is sent to the build.
"""

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.support.compose_file import ROOT

IMAGE = "smsrelay"  # the last stage, which a build that names none gives


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; ``steps`` holds those of the stages it is built from, too, the oldest first."""

    name: str
    steps: tuple[tuple[str, str], ...]

    def arguments(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.steps if word == instruction]

    @property
    def environment(self) -> dict[str, str]:
        """What its ENV lines set, as written."""
        pairs = [pair for line in self.arguments("ENV") for pair in shlex.split(line)]
        return dict(pair.split("=", 1) for pair in pairs)

    @property
    def user(self) -> str:
        """As whom it runs."""
        return (self.arguments("USER") or ["root"])[-1]

    @property
    def copied(self) -> list[str]:
        """Paths of the checkout that it copies."""
        lines = [line.split() for line in self.arguments("COPY")]
        return [source for *sources, _ in lines for source in sources if not sources[0].startswith("--from=")]


def stages() -> dict[str, Stage]:
    """Every stage by name, in the order of the file; the last one is what a plain build gives."""
    found: dict[str, Stage] = {}
    name = ""
    steps: tuple[tuple[str, str], ...] = ()
    for line in _lines():
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = rest.split()
            steps = found[base].steps if base in found else ()
        steps = (*steps, (instruction, rest))
        found[name] = Stage(name, steps)
    return found


def sent(path: str) -> bool:
    """Whether .dockerignore lets a path into the build: the last line that fits it, or a folder above it, decides."""
    whole = PurePosixPath("/", path)
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    verdict = True
    for line in lines:
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(_fits(part, pattern) for part in (whole, *whole.parents)):
            verdict = line.startswith("!")
    return verdict


def _fits(path: PurePosixPath, pattern: str) -> bool:
    anywhere = pattern.startswith("**/")
    return path.match(pattern.removeprefix("**/") if anywhere else f"/{pattern}")


def _lines() -> list[str]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
