"""Settings by file: a variable with ``_FILE`` at its end names a file that holds the value, as orchestrators hand out secrets.

The value is the file's text without its last line end. No problem that is reported quotes a path or any of the text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SUFFIX = "_FILE"
_LONGEST = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class ByFile:
    """Values by variable; and by the variable that they concern, lines about what could not be used."""

    values: dict[str, str]
    problems: dict[str, str]


def given(environment: Mapping[str, str], env_file: Mapping[str, str]) -> dict[str, str]:
    """The variables that are not empty, their names in capitals: those of the environment, or else of the ``.env`` file.

    A setting that the environment has, by value or by file, is not looked for in the ``.env`` file.
    """
    here, there = ({name.upper(): value for name, value in each.items() if value} for each in (environment, env_file))
    settled = {name.removesuffix(SUFFIX) for name in here}
    return {name: value for name, value in there.items() if name.removesuffix(SUFFIX) not in settled} | here


def read_files(variables: Iterable[str], found: Mapping[str, str]) -> ByFile:
    """The values of those ``variables`` that are named by file among what was ``found``, as ``given`` returns it."""
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for variable in variables:
        path = found.get(variable + SUFFIX)
        if path is None:
            continue
        if variable in found:
            problems[variable] = f"{variable}: is set, and so is {variable}{SUFFIX}; set one of them"
            continue
        try:
            values[variable] = _content(Path(path))
        except ValueError as error:
            problems[variable] = f"{variable}{SUFFIX}: {error}"
    return ByFile(values, problems)


def _content(path: Path) -> str:
    """Raises ``ValueError``, which quotes nothing."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: no possible path
        reason = error.strerror if isinstance(error, OSError) else None
    else:
        return _text(content)
    raise ValueError(f"the file cannot be read: {reason or 'no possible path'}")


def _text(content: bytes) -> str:
    if len(content) > _LONGEST:
        raise ValueError(f"the file has more than {_LONGEST // 1024} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise ValueError("the file is not UTF-8")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError("the file is empty")
    return text
