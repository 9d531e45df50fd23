"""The docs say what the code says: tables, names, examples, commands and links are compared with their source."""

import ast
import base64
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.message import referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay.receiver.batcher import Kept
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import ProducerSettings
from smsrelay.store import keys
from smsrelay_worker.api.openapi import openapi
from smsrelay_worker.cli.group import smsrelay as main
from smsrelay_worker.local.demo import SCENARIOS
from smsrelay_worker.policy.describe import markdown_table
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES
from tests.chaos.faults.faults import KINDS
from tests.chaos.sentinel.faults import OTHERS, SERVERS
from tests.support.languages import OVER_HTTP, OVER_QUEUE, Example
from tests.support.pages import ROOT, blocks, commands, text_of

CONTRACT = text_of("docs/wire-contract.md")
GUARANTEES = text_of("docs/guarantees.md")
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "examples/README.md")
)

# Every command of the pages that a newcomer reads, and what runs it.
PAGES_OF_COMMANDS = (
    *("README.md", "README.zh.md", "CONTRIBUTING.md"),
    *("docs/getting-started.md", "docs/policy.md", "docs/api.md", "docs/deploying.md"),
)
CI = ".ci/run"
DESK = "test_readme.py"
UP = "test_up.py"
CONTAINERS = "test_parts.py"
OPERATOR = "test_operator_shell.py"
API = "test_api_page.py"
SYSTEMD = "test_systemd.py"
KUBERNETES = "test_kubernetes.py"
RUN_BY = dict.fromkeys(commands("docs/deploying.md"), SYSTEMD) | {  # whose blocks it runs as they stand, one after the other
    "kubectl kustomize deploy/kubernetes": KUBERNETES,
    "make demo": CI,
    "make test": CI,
    "make lint": CI,
    ".venv/bin/pytest tests/unit/policy/test_backoff.py": DESK,
    ".venv/bin/pytest tests/unit/policy -k jitter": DESK,
    "make up": UP,  # which is `smsrelay up`, says the Makefile
    "set -a; . .smsrelay/env; set +a": DESK,
    "printf 'to,p1\\n13912345678,Anna\\n13912345679,Ben\\n' > spring.csv": DESK,
    ".venv/bin/smsrelay bulk spring.csv --template 0000000 --lane marketing": DESK,
    "printf '手机号,参数1\\n13912345678,张三\\n13912345679,李四\\n' > 名单.csv": DESK,
    ".venv/bin/smsrelay bulk 名单.csv --template 0000000 --lane marketing": DESK,
    ".venv/bin/smsrelay send --to 13815030001 --template 0000000 --param 394021 --lane otp --reference order-4711": DESK,
    ".venv/bin/smsrelay show 428912e6-7d84-58f4-b67b-a3fe7fc2cea5": DESK,
    ".venv/bin/smsrelay why 428912e6-7d84-58f4-b67b-a3fe7fc2cea5": DESK,
    ".venv/bin/smsrelay dead list": DESK,
    ".venv/bin/smsrelay status": DESK,
    ".venv/bin/smsrelay doctor": DESK,
    ".venv/bin/smsrelay rate 50": DESK,
    ".venv/bin/smsrelay rate default": DESK,
    ".venv/bin/smsrelay resume": DESK,
    ".venv/bin/smsrelay dead list --expired": DESK,
    ".venv/bin/smsrelay send --to 13912345678 --template 0000000 --param 张三 --lane notice --reference order-4712"
    " --not-before \"$(date -d '+1 hour' +%Y-%m-%dT%H:%M:%S%z)\"": DESK,
    ".venv/bin/smsrelay cancel 7492a2f2-1d76-5f41-8447-5a023c132884": DESK,
    ".venv/bin/smsrelay metrics": OPERATOR,
    ".venv/bin/smsrelay policy explain 503": DESK,
    ".venv/bin/smsrelay policy --markdown": DESK,
    ".venv/bin/smsrelay worker": CONTAINERS,
    ".venv/bin/smsrelay receiver": CONTAINERS,
    ".venv/bin/smsrelay flower": CONTAINERS,
    ".venv/bin/smsrelay api": API,
    "KEY=$(.venv/bin/smsrelay key create shop --name website)": API,
    'curl -H "Authorization: Bearer $KEY" --json \'{"to": "13912345678", "template": "0000000", "params": ["394021"],'
    ' "lane": "otp", "reference": "login-4711"}\' http://127.0.0.1:8080/v1/messages': API,
    "curl -H \"Authorization: Bearer $KEY\" 'http://127.0.0.1:8080/v1/messages?reference=login-4711'": API,
    ".venv/bin/smsrelay key create shop --name staging --type team --to 13912345678": API,
    ".venv/bin/smsrelay key create shop --name ci --type test --scope messages:send --scope messages:read --lane otp"
    " --expires 2030-01-01 --quota-minute 60 --quota-day 1000": API,
    ".venv/bin/smsrelay key list": API,
    ".venv/bin/smsrelay key revoke k7f3q2mz": API,
    "cp .env.example .env": CONTAINERS,
    "docker compose up --build --detach --wait": CONTAINERS,
}


def test_every_command_of_the_pages_is_run_somewhere() -> None:
    assert {command for page in PAGES_OF_COMMANDS for command in commands(page)} == set(RUN_BY)
    for command in [command for command, place in RUN_BY.items() if place == CI]:
        assert command in text_of(CI)
    assert re.search(r"^up:.*\n\t\$\(BIN\)/smsrelay up$", text_of("Makefile"), re.MULTILINE)
    assert {place for place in {*RUN_BY.values()} - {CI} if not list(ROOT.glob(f"tests/**/{place}"))} == set()


def test_the_policy_table_is_the_policys_own() -> None:
    assert _between("docs/policy.md", "policy") == markdown_table(load_policy(None))


def test_the_settings_table_is_the_settings_own() -> None:
    assert _between("docs/settings.md", "settings") == settings_table()


def test_apps_need_the_first_settings_of_the_table_and_the_receiver_a_run_of_them() -> None:
    names = [name for name, _ in ProducerSettings.documented()]
    assert [name for name, _ in WorkerSettings.documented()][: len(names)] == names
    assert f"those down to `{names[-1]}`" in text_of("docs/settings.md")
    all_names = [name for name, _ in WorkerSettings.documented()]
    names = [name for name, _ in ReceiverSettings.documented() if name not in names]
    start = all_names.index(names[0])
    assert all_names[start : start + len(names)] == names
    assert f"those from `{names[0]}` to `{names[-1]}`" in text_of("docs/settings.md")


def test_the_explained_row_is_what_the_command_says() -> None:
    result = CliRunner().invoke(main, ["policy", "explain", "503"])
    assert result.output in blocks("docs/policy.md", "text")


def test_the_demos_table_is_what_the_demo_plays() -> None:
    [table] = [block for block in blocks("README.md", "text") if "┏" in block]
    shown = [(row[0], row[1], int(row[2]), Counter(row[3].split()), row[4]) for row in _box_rows(table)]
    played = [(scene.title, scene.lane.value, scene.attempts, Counter(scene.codes), scene.state.value) for scene in SCENARIOS]
    assert shown == played


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_demos_app_is_told_as_often_as_the_page_says(page: str) -> None:
    shown = re.findall(r"the app was told by (\w+).*: (\d+) outcomes", text_of(page))
    failed = sum(scene.state is State.FAILED for scene in SCENARIOS)
    assert [(how, int(count)) for how, count in shown] == [("webhook", len(SCENARIOS) - failed), ("Celery", failed)]


def test_the_readme_fits_a_forges_page() -> None:
    drawn = [line for language in ("", "text") for block in blocks("README.md", language) for line in block.splitlines()]
    assert max(map(len, drawn)) <= 90


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_numbers_beside_the_promises_are_measured(page: str) -> None:
    measured = set(re.findall(r"[\d.]*\d", text_of("docs/benchmarks.md").replace(",", "")))
    shown = re.findall(r"\*\*([\d.]*\d)(?: %| ms)?\*\*", text_of(page).replace(",", ""))
    assert len(shown) == 11
    assert set(shown) - measured == set()


def test_the_commands_page_lists_every_command() -> None:
    listed = re.findall(r"^\| `smsrelay ([a-z ]+[a-z])", text_of("docs/commands.md"), re.MULTILINE)
    assert sorted(listed) == sorted(_command_names(main))


def test_the_faults_of_the_chaos_run_are_those_it_does() -> None:
    listed = re.findall(r"^\| (.+) \| (\d+) \| ([\d.]+)–([\d.]+) \|$", text_of("docs/benchmarks.md"), re.MULTILINE)
    done = [(kind.name, kind.weight, *kind.lasting) for kind in (*KINDS, *SERVERS, *OTHERS)]
    assert [(name, int(weight), float(least), float(most)) for name, weight, least, most in listed] == done


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        found = (folder / name).resolve() if name else ROOT / page
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`((?:producers|worker|tests|docs|deploy|examples)/[\w./-]+)`", text_of(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", ["send-job", "status-event"])
def test_the_schema_files_are_what_the_command_prints(name: str) -> None:
    result = CliRunner().invoke(main, ["schema", name])
    assert text_of(f"docs/schema/{name}.v1.json") == result.output


def test_the_openapi_file_is_what_the_api_serves() -> None:
    assert json.loads(text_of("docs/schema/openapi.v1.json")) == openapi()


@pytest.mark.parametrize(("title", "model"), [("SendJob", SendJob), ("StatusEvent", StatusEvent)])
def test_the_contract_explains_every_field(title: str, model: type[SendJob | StatusEvent]) -> None:
    section = re.split(r"^## ", CONTRACT, flags=re.MULTILINE)
    [body] = [part for part in section if part.startswith(f"{title}\n")]
    first_cells = [line.split("|")[1] for line in body.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == list(model.model_fields)


def test_the_contracts_examples_are_valid() -> None:
    job, envelope, body, event = [json.loads(block) for block in blocks("docs/wire-contract.md", "json")]
    assert SendJob.decode(job).encode() == job | {"to": "+8613912345678"}
    assert StatusEvent.decode(event).encode() == event
    assert json.loads(base64.b64decode(envelope["body"])) == body
    assert SendJob.decode(body[0][0]).reference == job["reference"]
    assert referenced_id(job["app"], job["reference"]) in CONTRACT


@pytest.mark.parametrize(
    ("language", "example"), [("js", "examples/node/send-with-celery.js"), ("go", "examples/go/queue/main.go")]
)
def test_the_contracts_code_is_part_of_an_example_that_is_run(language: str, example: str) -> None:
    [block] = blocks("docs/wire-contract.md", language)
    assert block in text_of(example)


@pytest.mark.parametrize("example", OVER_QUEUE + OVER_HTTP, ids=str)
def test_the_examples_page_runs_each_program_as_its_test_does(example: Example) -> None:
    assert f"{' '.join(example.command)} 13912345678 394021 login-4711`" in text_of("examples/README.md")


def test_what_trips_other_languages_is_taken_or_refused_as_the_page_says() -> None:
    section = CONTRACT.partition("## What trips other languages")[2].partition("## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| .+ \| (taken|refused).*\|$", section, re.MULTILINE)
    assert len(rows) == section.count("\n| `")
    job = {"to": "13912345678", "template": "0000000", "lane": "otp"}
    for written, outcome in rows:
        try:
            SendJob.decode(job | json.loads(f"{{{written}}}"))
        except Rejection:
            assert outcome == "refused", written
        else:
            assert outcome == "taken", written


def test_the_contracts_callback_path_is_the_one_we_write() -> None:
    begun = 1_591_590_000  # the time that the page names
    ends = int(begun + load_policy(None).report_deadline) // 3600 + 2
    path = CallbackToken(referenced_id("shop", "login-4711"), 1, ends).path(KeyRing(b"0123456789abcdef"))
    assert f"{path}\n" in blocks("docs/wire-contract.md", "")


def test_the_vendors_page_and_the_policy_agree_on_every_code() -> None:
    table = text_of("docs/vendor.md").partition("## Status codes")[2]
    rows = dict(re.findall(r"^\| ([a-z ]+) \| ([0-9 ]+) \|$", table, re.MULTILINE))
    status = load_policy(None).status
    listed = {code: outcome.replace(" ", "_") for outcome, codes in rows.items() for code in codes.split()}
    assert listed == {code: status[code].action.value for code in GUIDE_CODES}


def test_the_guarantees_name_every_state_and_every_key() -> None:
    states = re.findall(r"^\| `(\w+)` \|.*\| (yes.*)?\|$", GUARANTEES, re.MULTILINE)
    assert [State(name) for name, _ in states] == list(State)
    assert {name for name, final in states if final} == {state for state in State if state.final}
    spelled = re.findall(r"^\| (\{sms\}:\S+) \|", keys.__doc__ or "", re.MULTILINE)
    assert re.findall(r"^\| (?:● )?`(\{sms\}:\S+)` \|", GUARANTEES, re.MULTILINE) == spelled


def test_the_operators_page_lists_every_event_of_the_log() -> None:
    logged = {event for path in _sources() for event in _events(path)} | {f"callback.{kept}" for kept in Kept}
    section = text_of("docs/operating.md").partition("## Logs")[2].partition("## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([^`]+)`", " ".join(cells))) == logged


def test_the_changelog_begins_with_this_version() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert re.findall(r"^## \[([^\]]+)\]", text_of("CHANGELOG.md"), re.MULTILINE)[0] == version


def settings_table() -> str:
    """The table between the markers of docs/settings.md."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    fields = WorkerSettings.model_fields.values()
    for (name, meaning), field in zip(WorkerSettings.documented(), fields, strict=True):
        default = "required" if field.is_required() else _shown(field.default)
        lines.append(f"| `{name}` | {default} | {meaning} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if default is None:
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _between(page: str, marker: str) -> str:
    found = re.search(rf"<!-- {marker}[^>]*-->\n(.*?)\n<!-- /{marker} -->", text_of(page), re.DOTALL)
    assert found, f"no markers {marker}"
    return found[1]


def _box_rows(table: str) -> Iterator[list[str]]:
    """Rows of a table that rich drew, folded cells put together again."""
    row: list[str] = []
    for line in table.splitlines():
        if not line.startswith("│"):
            continue
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        if cells[0] and row:
            yield row
            row = []
        row = [f"{above} {cell}".strip() for above, cell in zip(row, cells, strict=True)] if row else cells
    yield row


def _command_names(group: click.Group) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = list(_command_names(command)) if isinstance(command, click.Group) else []
        alone = [name] if not inner or getattr(command, "invoke_without_command", False) else []
        yield from alone + [f"{name} {one}" for one in inner]


def _anchors(page: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _sources() -> list[Path]:
    return [path for folder in ("producers", "worker") for path in (ROOT / folder).rglob("*.py")]


def _events(path: Path) -> Iterator[str]:
    """First arguments of calls like ``log.warning("…")``."""
    levels = {"debug", "info", "warning", "error", "exception"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels:
            of_log = isinstance(node.func.value, ast.Name) and node.func.value.id in {"log", "_log"}
            names = [part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)] if of_log and node.args else []
            yield from (_event(str(name.value)) for name in names if _is_event(node.args[0], name))


def _event(logged: str) -> str:
    """What stands before the values in a line of the standard library's logging."""
    return logged.partition(":")[0] if "%" in logged else logged


def _is_event(argument: ast.expr, constant: ast.Constant) -> bool:
    """The argument itself, or a branch of ``a if … else b``; not what the condition compares with."""
    return constant is argument or (isinstance(argument, ast.IfExp) and constant in (argument.body, argument.orelse))
