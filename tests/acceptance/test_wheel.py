"""The wheel in clean environments, without a clone: what each extra brings, what it lacks, and an app's own modules beside it."""

import email
import json
import re
import signal
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from pathlib import Path

import pytest
import requests
from redis import Redis

from smsrelay_worker.cli.commands import COMMANDS
from smsrelay_worker.local.stack import free_port
from tests.support import crowded_app
from tests.support.installation import ROOT, Built, Installation, build, built_from
from tests.support.processes import processes_of
from tests.support.store_keys import KEYS
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SERVED_ALIKE = {extra: {"receiver", "api", "simulator"} for extra in ("receiver", "api")}  # the two bring the same packages
PROCESSES = ("cli", "receiver", "api", "worker", "flower")  # extras of one process each; [local] and [all] hold them all
ENDED_AS_TOLD = {0, -15}  # uvicorn, having tidied up, ends by the SIGTERM it was sent
SEND = ("send", "--to", "13912345678", "--template", "0000000", "--param", "1", "--lane", "otp")
ENQUEUE = """
import smsrelay
job = smsrelay.SendJob(to="13912345678", template="0000000", params=("1",), lane=smsrelay.Lane.OTP)
with smsrelay.Enqueuer.connect(smsrelay.ProducerSettings()) as enqueuer:
    print(enqueuer.enqueue(job).new)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def metadata(built: Built) -> Message:
    with zipfile.ZipFile(built.wheel) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def bare(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Without any extra."""
    return installed(built, tmp_path_factory.mktemp("bare"), "")


@pytest.fixture(scope="module")
def full(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """``[all]``, beside an app's own packages, in a folder full of the app's modules."""
    folder = tmp_path_factory.mktemp("full")
    crowded_app.packages(folder / "app")
    full = installed(built, folder / "all", "[all]")
    full.install(str(next(built_from(folder / "app", folder / "dist").glob("*.whl"))))
    crowded_app.working_folder(full.working_folder)
    return full


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings for every process, with a real store and broker, and a vendor where nobody listens."""
    with running_valkey(free_port(), tmp_path / "valkey") as url:
        named = dict.fromkeys(("BROKER_URL", "STORE_URL"), f"{url}/0") | dict.fromkeys(
            ("VENDOR_URL", "VENDOR_INTL_URL"), "http://127.0.0.1:1"
        )
        named |= {
            "NUMBER_KEYS": "0123456789abcdef",
            "CALLBACK_KEYS": "fedcba9876543210",
            "APPCODE": "code",
            "FLOWER_AUTH": "ops:password",
            "DATA": str(tmp_path / "data"),
        }
        yield {f"SMSRELAY_{name}": value for name, value in named.items()}


def installed(built: Built, folder: Path, extras: str) -> Installation:
    """A new environment with the wheel and the extras."""
    installation = Installation(folder, built)
    installation.install(f"{built.wheel}{extras}")
    return installation


def asked_for(metadata: Message, extra: str | None) -> set[str]:
    """Names of the packages that an extra, or no extra, asks for."""
    marker = f'extra == "{extra}"' if extra else ""
    split = [requirement.partition("; ") for requirement in metadata.get_all("Requires-Dist", [])]
    return {re.split(r"[^\w.-]", requirement)[0] for requirement, _, found in split if found == marker}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(built: Built) -> None:
    roots = [ROOT / "producers", ROOT / "worker"]
    ours = {str(path.relative_to(root)) for root in roots for path in root.rglob("*.*") if "__pycache__" not in path.parts}
    with zipfile.ZipFile(built.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == {name for name in ours if ".egg-info" not in name}
    assert {Path(name).suffix for name in held} >= {".py", ".lua", ".toml", ".typed"}
    assert {name.split("/")[0] for name in held} == {"smsrelay", "smsrelay_worker", "smsrelay_simulator"}


def test_the_sdist_holds_what_it_takes_to_build_read_and_test(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    pages = {str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.*"), *ROOT.glob("*.lock"))}
    tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")}
    assert pages | tests | {"setup.py", "Makefile", ".ci/run", "producers/smsrelay/store/outbox.lua"} <= held
    assert not [name for name in held if name.startswith((".env", ".git")) and not name.endswith(".example")]


def test_the_metadata_is_complete_and_its_links_work_anywhere(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("smsrelay", PROJECT["version"])
    assert metadata["Author"] == "smsrelay maintainers"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Keywords"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"].startswith("text/markdown")
    page = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert page.lstrip().startswith("# smsrelay")
    assert not [link for link in links if not link.startswith("https://")]


def test_without_an_extra_an_app_enqueues_and_gets_nothing_of_the_processes(
    bare: Installation, metadata: Message, variables: Mapping[str, str]
) -> None:
    foreign = set().union(*(asked_for(metadata, extra) for extra in (*PROCESSES, "stack"))) - asked_for(metadata, None)
    assert {"celery", "flower", "gevent", "uvicorn", "rich", "click", "structlog"} <= foreign
    assert not bare.distributions() & foreign
    enqueued = bare.run("python", "-c", ENQUEUE, variables=variables)
    assert (enqueued.returncode, enqueued.stdout, enqueued.stderr) == (0, "True\n", "")
    with Redis.from_url(variables["SMSRELAY_STORE_URL"]) as redis:
        assert redis.zcard(KEYS.agenda) == 1


@pytest.mark.parametrize("command", [*COMMANDS, "--help"])
def test_a_command_whose_extra_is_missing_says_so_in_one_sentence(bare: Installation, command: str) -> None:
    refused = bare.run("smsrelay", command)
    extra = COMMANDS[command].extra if command in COMMANDS else "cli"
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(rf"[^\n]+: pip install 'smsrelay\[{extra}\]'\n", refused.stderr)
    assert list(bare.working_folder.iterdir()) == []


def answers(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        with requests.Session() as http:
            http.trust_env = False
            try:
                return http.get(url, timeout=5).status_code == 200
            except requests.ConnectionError:
                return False

    return asked


def try_cli(alone: Installation, variables: Mapping[str, str]) -> None:
    sent = alone.run("smsrelay", *SEND, variables=variables)
    assert sent.returncode == 0, sent.stderr
    shown = alone.run("smsrelay", "show", sent.stdout.strip(), "--json", variables=variables)
    assert json.loads(shown.stdout)["state"] == "queued"
    for arguments in (("status",), ("policy", "explain", "503")):
        done = alone.run("smsrelay", *arguments, variables=variables)
        assert done.returncode == 0, done.stderr
    exported = alone.run("smsrelay", "export", "--to", "sqlite:history.db", variables=variables)
    assert exported.returncode == 0, exported.stderr
    refused = alone.run("smsrelay", "export", "--to", "postgresql://relay@127.0.0.1:1/history", variables=variables)
    assert (refused.returncode, refused.stderr.partition(": pip ")[2]) == (2, "install 'smsrelay[export]'\n")
    listed = alone.run("smsrelay", "--help").stdout  # which imports every command whose extra is there
    assert "Not installed: pip install 'smsrelay[worker]'" in listed
    assert "Not installed: pip install 'smsrelay[cli]'" not in listed


def try_receiver(alone: Installation, variables: Mapping[str, str]) -> None:
    port = free_port()
    with alone.running("receiver", "--port", str(port), variables=variables) as receiver:
        eventually(answers(f"http://127.0.0.1:{port}/readyz"), "the receiver is ready")
        assert receiver.stop() in ENDED_AS_TOLD, receiver.printed()


def try_worker(alone: Installation, variables: Mapping[str, str]) -> None:
    with alone.running("worker", "--together", variables=variables) as worker:
        eventually(lambda: worker.says(" ready."), "the worker is ready")
        worker.process.send_signal(signal.SIGHUP)  # starts anew, in the same folder
        eventually(lambda: worker.printed().count(" ready.") == 2, "the worker is ready again")
        assert worker.stop() == 0, worker.printed()


def try_flower(alone: Installation, variables: Mapping[str, str]) -> None:
    port = free_port()
    with alone.running("flower", "--port", str(port), variables=variables) as flower:
        eventually(answers(f"http://127.0.0.1:{port}/healthcheck"), "Flower is up")
        assert flower.stop() == 0, flower.printed()


def try_api(alone: Installation, variables: Mapping[str, str]) -> None:
    port = free_port()
    with alone.running("api", "--port", str(port), variables=variables) as api:
        eventually(answers(f"http://127.0.0.1:{port}/readyz"), "the API is ready")
        assert api.stop() in ENDED_AS_TOLD, api.printed()


TRIED = {"cli": try_cli, "receiver": try_receiver, "api": try_api, "worker": try_worker, "flower": try_flower}


@pytest.mark.parametrize("extra", PROCESSES)
def test_an_extra_alone_runs_its_process_and_the_others_are_missing(
    built: Built, tmp_path: Path, extra: str, variables: Mapping[str, str]
) -> None:
    alone = installed(built, tmp_path / extra, f"[{extra}]")
    crowded_app.working_folder(alone.working_folder)
    TRIED[extra](alone, variables)
    for command in {"up", "demo", "simulator", *PROCESSES[1:]} - SERVED_ALIKE.get(extra, {extra}):
        refused = alone.run("smsrelay", command, variables=variables)
        assert (refused.returncode, refused.stdout) == (2, ""), command
        assert refused.stderr.count("\n") == 1, refused.stderr


def test_local_is_all_and_nothing_more(built: Built, full: Installation) -> None:
    assert "Would install" not in full.install(f"{built.wheel}[local]", dry_run=True)


def test_the_app_keeps_its_own_modules(full: Installation) -> None:
    for name in crowded_app.NAMES:
        asked = full.run("python", "-P", "-c", f"import smsrelay, {name}; print({name}.WHOSE)")
        assert asked.stdout == "the app\n", asked.stderr


def test_the_demo_runs_from_the_wheel_in_the_folder_of_an_app(full: Installation, tmp_path: Path) -> None:
    ended = full.run("smsrelay", "demo", variables={"TMPDIR": str(tmp_path)})
    assert ended.returncode == 0, ended.stdout + ended.stderr  # which it is when every row is right
    assert "已送达手机" in ended.stdout


def test_up_runs_from_the_wheel_in_the_folder_of_an_app(full: Installation) -> None:
    ports = {part: free_port() for part in ("broker", "receiver", "flower", "simulator")}
    options = [f"--{part}-port={port}" for part, port in ports.items()]
    with full.running("up", *options, variables={"PYTHONUNBUFFERED": "1"}) as up:
        eventually(lambda: up.says("Ctrl-C"), "everything is up", 120)
        eventually(answers(f"http://127.0.0.1:{ports['receiver']}/readyz"), "the receiver is ready")
        eventually(lambda: "ready." in (full.working_folder / ".smsrelay" / "worker.log").read_text("utf-8"), "workers are ready")
        assert up.stop() == 0, up.printed()
    assert processes_of(full.working_folder) == {}


def test_the_simulator_runs_from_the_wheel(full: Installation) -> None:
    port = free_port()
    with full.running("simulator", "--port", str(port), variables={}):
        eventually(answers(f"http://127.0.0.1:{port}/control/stats"), "the simulator answers")
    assert "usage: smsrelay simulator" in full.run("smsrelay", "simulator", "--help").stdout
