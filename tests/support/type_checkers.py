"""mypy and pyright as an app's author runs them: both strict, without plugins, on files beside an installed smsrelay.

Each takes programs and returns the errors it finds in them, as ``app0.py:12: …`` by the program's index and the line. pyright's
wheel carries its program, which needs node.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.pages import ROOT


def app_environment(folder: Path) -> Path:
    """An interpreter that has smsrelay installed, as files and not as a link to the sources, and what this one has."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    shutil.copytree(ROOT / "producers" / "smsrelay", packages / "smsrelay", ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin" / "python"


def mypy(programs: Sequence[str], python: Path, folder: Path) -> list[str]:
    """Errors of ``mypy --strict``."""
    command = ["-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "--python-executable", str(python)]
    return _printed([*command, *_written(programs, folder)], folder).splitlines()


def pyright(programs: Sequence[str], python: Path, folder: Path) -> list[str]:
    """Errors of pyright in its strict mode."""
    _node_or_skipped()
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}), encoding="utf-8")
    command = ["-m", "pyright", "--outputjson", "--pythonpath", str(python), *_written(programs, folder)]
    found = json.loads(_printed(command, folder))["generalDiagnostics"]
    places = [f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}" for one in found]
    return [f"{place}: {one['message']} ({one.get('rule')})" for place, one in zip(places, found, strict=True)]


CHECKERS = (mypy, pyright)


def _written(programs: Sequence[str], folder: Path) -> list[str]:
    for number, code in enumerate(programs):
        (folder / f"app{number}.py").write_text(code, encoding="utf-8")
    return [f"app{number}.py" for number in range(len(programs))]


def _printed(arguments: list[str], folder: Path) -> str:
    environment = os.environ | {"PYRIGHT_PYTHON_GLOBAL_NODE": "1", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # no download
    ended = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 1}, ended.stderr + ended.stdout
    return ended.stdout


def _node_or_skipped() -> None:
    if shutil.which("node"):
        return
    if os.environ.get("CI"):
        pytest.fail("node, which pyright runs on, is not installed")
    pytest.skip("pyright needs node")
