"""Loads the policy file: TOML in, a complete ``Policy`` out, or an error that lists everything wrong with the file.

Takes the packaged ``policy.toml`` or the path of a replacement. Returns a ``Policy`` without silent defaults: every documented
code, class and lane has a row of its own. Raises ``PolicyError``; no part of such a file takes effect.
"""

import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from types import MappingProxyType

from smsrelay.contract.lanes import Lane
from smsrelay.resources import text_beside
from smsrelay.settings import SettingsError
from smsrelay_worker.policy.model import CLASSES, DEFAULTS, Policy
from smsrelay_worker.policy.toml_lines import TomlLines
from smsrelay_worker.policy.toml_rows import SECONDS, RuleReader, read_backoff, read_retry_default, read_uncertain
from smsrelay_worker.policy.toml_section import FileProblem, Range, Section
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES, SUBMIT_CODES

_VERSION = Range(1, 1, whole=True)
_SYNTAX_LINE = re.compile(r"at line (\d+)")


class PolicyError(SettingsError):
    """A policy file is invalid; ``problems`` holds every reason, in order of lines."""

    def __init__(self, file: str, problems: Collection[FileProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  ".join([f"{file} is invalid, {count}:", *map(str, self.problems)]))


def load_policy(path: Path | None) -> Policy:
    """The policy in the file, or the packaged one for None; raises ``PolicyError``."""
    if path is None:
        return parse_policy(packaged_source(), "policy.toml")
    return parse_policy(_read(path), str(path))


def packaged_source() -> str:
    """The text of the packaged policy."""
    return text_beside(__name__, "policy.toml")


def parse_policy(source: str, file: str) -> Policy:
    """The policy in a TOML text; raises ``PolicyError``, which calls the text ``file``."""
    try:
        table = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        line = int(found[1]) if found else source.count("\n") + 1  # without a line it says "at end of document"
        raise PolicyError(file, [FileProblem(line, "", f"not TOML: {error}")]) from None
    root = Section((), table, TomlLines(source), [])
    policy = _policy(root)
    if root.problems:
        raise PolicyError(file, root.problems)
    return policy


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyError(str(path), [FileProblem(1, "", f"cannot be read: {error.strerror}")]) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError(str(path), [FileProblem(line, "", "not UTF-8; allowed: TOML in UTF-8")]) from None


def _policy(root: Section) -> Policy:
    root.number("version", _VERSION)
    report = root.section("report")
    deadline = report.number("deadline_s", SECONDS)
    pull_after = report.number("pull_after_s", SECONDS) if report.has("pull_after_s") else None
    if pull_after is not None and pull_after >= deadline:
        report.report(f"{pull_after:g} is not before the report deadline; allowed: below {deadline:g}", "pull_after_s")
    report.close()
    backoffs = {name: read_backoff(name, section) for name, section in root.tables("backoff", ()).items()}
    rules = RuleReader(backoffs, read_retry_default(root, backoffs))
    status = rules.read(root, "status", sorted(GUIDE_CODES))
    submit = rules.read(root, "submit", (*SUBMIT_CODES, *DEFAULTS))
    classes = rules.read(root, "class", CLASSES, closed=True)
    lanes = root.tables("uncertain", tuple(Lane), closed=True)
    uncertain = {lane: read_uncertain(lane, lanes[lane], deadline) for lane in Lane if lane in lanes}
    root.close()
    return Policy(
        status=MappingProxyType(status),
        submit=MappingProxyType(submit),
        classes=MappingProxyType({kind: classes[kind] for kind in CLASSES if kind in classes}),
        uncertain=MappingProxyType(uncertain),
        report_deadline=deadline,
        pull_after=pull_after,
    )
