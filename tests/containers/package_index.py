"""An index of Python packages on the engine's own host: what the image's locks pin, and nothing else.

The build gets it as its PIP_INDEX_URL, as it would get a company's mirror.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.engine import Engine
from tests.support.pages import ROOT
from tests.support.waiting import eventually

_PORT = 3141
URL = f"http://127.0.0.1:{_PORT}/"
_LOCKS = ("requirements-image.lock", "requirements-build.lock")


def make_index(folder: Path) -> Path:
    """A folder for each package, with the wheels that this machine's own index has of it."""
    wheels = folder / "wheels"
    for lock in _LOCKS:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        ran = subprocess.run(
            [*command, "--dest", wheels, "-r", ROOT / lock], capture_output=True, text=True, timeout=300, check=False
        )
        assert ran.returncode == 0, ran.stderr
    for wheel in wheels.iterdir():
        home = folder / "index" / re.sub(r"[-_.]+", "-", wheel.name.partition("-")[0]).lower()
        home.mkdir(parents=True, exist_ok=True)
        shutil.move(wheel, home)
    return folder / "index"


@contextmanager
def index_served(engine: Engine, index: Path) -> Iterator[None]:
    """The index answers."""
    serve = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(index), str(_PORT)]
    server = subprocess.Popen(engine.namespaces.command(*serve), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    probe = f"import urllib.request; urllib.request.urlopen('{URL}', timeout=5)"
    try:
        eventually(lambda: engine.namespaces.run(sys.executable, "-c", probe).returncode == 0, "the package index answers")
        yield
    finally:
        server.kill()
        server.wait()
