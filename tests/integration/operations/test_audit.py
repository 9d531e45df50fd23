"""``smsrelay audit``: every command that changes something leaves an entry, and no entry holds what must not be kept."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from smsrelay.contract.lanes import OUTCOME_QUEUE
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.cli.group import smsrelay as main
from smsrelay_worker.store.actions.action import Action
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.sinks.sink_states import SinkStates
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import NUMBER_KEY, answer, begin, job
from tests.support.queues import bodies
from tests.support.waiting import eventually

NUMBER = "13912345678"
READING = {
    *("show", "why", "find", "status", "campaign list", "campaign show", "waiting", "webhook list", "metrics", "dead list"),
    *("dead show", "doctor", "audit", "key list", "policy", "policy explain", "limits", "settings", "probe", "schema"),
    *("suppress check", "suppress list", "suppress export", "export"),
}
SENDING = {"send", "bulk"}  # what is sent has a record of its own
RUNNING = {"worker", "receiver", "api", "console", "flower", "simulator", "up", "demo"}
LONG = {"suppress import", "webhook replay"}  # another entry says that they have begun
CHANGING = {  # arguments with {names} of the scene, standard input, and the target of the entry
    "halt": ("--lane otp", "", "lane:otp"),
    "resume": ("", "", "everything"),
    "rate": ("50", "", "everything"),
    "cancel": ("{queued}", "", "message:{queued}"),
    "campaign pause": ("spring", "", "campaign:shop/spring"),
    "campaign resume": ("spring", "", "campaign:shop/spring"),
    "dead replay": ("{failed}", "", "message:{failed}"),
    "forget": ("", NUMBER, "one number"),
    "suppress add": ("--app shop", NUMBER, "list:app:shop number:+86139****5678"),
    "suppress remove": ("--app shop", NUMBER, "list:app:shop number:+86139****5678"),
    "suppress import": ("{csv} --everyone", "", "list:*"),
    "key create": ("shop --name website", "", "key:"),
    "key revoke": ("{key}", "", "key:{key}"),
    "webhook test": ("shop", "", "sink:shop.webhook"),
    "webhook resume": ("shop.webhook", "", "sink:shop.webhook"),
    "webhook replay": ("shop --since 2h", "", "sink:shop.webhook"),
    "campaign cancel": ("spring --app shop", "", "campaign:shop/spring"),
}
Run = Callable[..., Result]


@pytest.fixture
def run(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    apps = tmp_path / "apps.toml"
    apps.write_text('[shop.webhook]\nurl = "https://shop.example/sms"\nsecrets = ["whsec_' + "a" * 32 + '"]\n', "utf-8")
    monkeypatch.setenv("SMSRELAY_APPS", str(apps))
    monkeypatch.setenv("SMSRELAY_NUMBER_KEYS", NUMBER_KEY)
    for name in ("STORE_URL", "BROKER_URL"):
        monkeypatch.setenv(f"SMSRELAY_{name}", valkey_url)
    monkeypatch.setattr("os.nice", lambda _: 0)  # `campaign cancel` makes its own process nicer, which is the tests' here

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, arguments, input=stdin)

    return run


@pytest.fixture
def scene(door: Enqueuer, store: Records, run: Run, tmp_path: Path) -> Mapping[str, str]:
    """Something for each command to act on."""
    queued = door.enqueue(job(app="shop", campaign="spring")).message_id
    failed = door.enqueue(job()).message_id
    begin(store, failed)
    answer(store, failed, 1, Answer(Kind.ANSWERED, "i005"))
    (csv := tmp_path / "numbers.csv").write_text(f"to\n{NUMBER}\n", "utf-8")
    key = run("key", "create", "shop", "--name", "website").stdout.split("_")[2]
    return {"queued": queued, "failed": failed, "csv": str(csv), "key": key}


def names_of(group: click.Group) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in names_of(command))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield name


def newest(redis: StoreRedis) -> Action:
    return ActionLog(redis).read(limit=1)[0]


def test_each_command_is_known_to_read_to_send_to_run_or_to_leave_an_entry() -> None:
    known = [*READING, *SENDING, *RUNNING, *CHANGING]
    assert sorted(names_of(main)) == sorted(known)


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_a_command_that_changes_something_leaves_an_entry(
    name: str, run: Run, scene: Mapping[str, str], redis: StoreRedis
) -> None:
    arguments, stdin, target = CHANGING[name]
    before = len(ActionLog(redis).read())
    answering = threading.Thread(target=answer_the_test, args=(redis,))
    if name == "webhook test":
        answering.start()
    result = run(*name.split(), *arguments.format_map(scene).split(), stdin=stdin)
    assert result.exit_code == 0, result.output
    found = ActionLog(redis).read()
    assert [one.result for one in found[1 : len(found) - before]] == (["begun"] if name in LONG else [])
    assert (found[0].via, found[0].what) == ("command", name)
    assert found[0].target.startswith(target.format_map(scene))
    assert "@" in found[0].who
    assert NUMBER not in str(found)


def answer_the_test(redis: StoreRedis) -> None:
    """What a worker does that is asked to test a sink."""
    [asked] = eventually(lambda: bodies(redis, OUTCOME_QUEUE), "a worker is asked")
    SinkStates(redis).keep_test(asked["test"], "204")


# Runs a command that heeds a signal: what runs the tests may ignore it, as under nohup, and so would its children.
_DEFAULT = "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_DFL); os.execv(sys.argv[2], sys.argv[2:])"
_HEEDING = (sys.executable, "-c", _DEFAULT)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_replay_that_a_signal_stops_leaves_an_entry_of_what_was_done(
    number: signal.Signals, valkey_url: str, redis: StoreRedis, store: Records, door: Enqueuer
) -> None:
    for _ in range(400):
        begin(store, one := door.enqueue(job()).message_id)
        answer(store, one, 1, Answer(Kind.ANSWERED, "i005"))
    servers = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY}
    command = [*_HEEDING, str(int(number)), sys.executable, "-P", "-m", "smsrelay_worker", "dead", "replay", "--all"]
    with subprocess.Popen(command, env={**os.environ, **servers}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first is replayed
        process.send_signal(number)
        lines = process.stdout.read().splitlines()
    assert process.returncode == 128 + number
    ended, begun = ActionLog(redis).read()
    assert begun.result == "begun"
    assert len(lines) < 399
    done = re.fullmatch(r"stopped on the way; (\d+) of 400 replayed", ended.result)
    assert done is not None
    assert int(done[1]) in {len(lines) + 1, len(lines) + 2}  # the last one may not have been printed


def test_what_failed_or_was_too_late_is_said_in_the_entry(run: Run, scene: Mapping[str, str], redis: StoreRedis) -> None:
    assert run("cancel", scene["failed"]).exit_code == 1
    assert newest(redis).result == "too late: it is failed"
    run("halt")
    run("halt")
    assert newest(redis).result == "was halted before"


def test_a_dry_run_and_a_command_that_is_refused_leave_none(run: Run, scene: Mapping[str, str], redis: StoreRedis) -> None:
    before = ActionLog(redis).read()
    for line in ("dead replay --all --dry-run", "webhook replay shop --since 2h --dry-run", "rate fast", "rate", "cancel abc"):
        run(*line.split())
    run("key", "revoke", "sms_live_abcdefgh_" + "s" * 32)  # who revokes by the whole key must not leave it in the log
    assert ActionLog(redis).read() == before


def test_to_show_a_kept_body_leaves_an_entry(run: Run, redis: StoreRedis, undecodable: UndecodableTasks) -> None:
    kept_id = undecodable.keep("sms.otp", "not a job", f'{{"to": "{NUMBER}"}}')
    assert NUMBER not in run("dead", "show", kept_id).output
    assert ActionLog(redis).read() == []
    assert NUMBER in run("dead", "show", kept_id, "--body").output
    assert (newest(redis).what, newest(redis).target) == ("dead show --body", f"message:{kept_id}")


def test_the_log_is_listed_filtered_and_bounded(run: Run) -> None:
    for line in ("halt --lane otp", "resume --lane otp", "rate 50", "rate default"):
        run(*line.split())
    lines = run("audit").output.splitlines()
    assert lines[0].split() == ["at", "(UTC)", "who", "via", "what", "target", "result"]
    assert ["default" in lines[1], "50 a second" in lines[2]] == [True, True]
    told = [json.loads(line) for line in run("audit", "--json", "--target", "lane:otp", "--since", "1h").output.splitlines()]
    assert [(one["what"], one["result"]) for one in told] == [("resume", "done"), ("halt", "done")]
    assert run("audit", "--what", "rate", "--limit", "1").output.splitlines()[-1] == "there are more; --limit shows them"
    assert run("audit", "--who", "nobody").output == "no actions\n"
    assert run("audit", "--since", "yesterday").exit_code == 2
