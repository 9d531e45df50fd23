"""mypy and pyright as an app's author runs them: both strict, without plugins, on a file beside an installed smsrelay.

``checked`` returns the lines of a checker that name an error. pyright's wheel carries its program, which needs node.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
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


def mypy(code: str, python: Path, folder: Path) -> list[str]:
    """Errors of ``mypy --strict``."""
    command = ["-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "--python-executable", str(python)]
    return _printed([*command, _written(code, folder)], folder).splitlines()


def pyright(code: str, python: Path, folder: Path) -> list[str]:
    """Errors of pyright in its strict mode."""
    _node_or_skipped()
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}), encoding="utf-8")
    command = ["-m", "pyright", "--outputjson", "--pythonpath", str(python), _written(code, folder)]
    found = json.loads(_printed(command, folder))["generalDiagnostics"]
    return [f"{one['range']['start']['line'] + 1}: {one['message']} ({one.get('rule')})" for one in found]


CHECKERS = (mypy, pyright)


def _written(code: str, folder: Path) -> str:
    (folder / "app.py").write_text(code, encoding="utf-8")
    return "app.py"


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
