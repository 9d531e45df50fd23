"""``smsrelay bulk`` warns of rows that expire before their send window opens, and can ignore the window."""

from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.store.published_limits import PublishedLimits
from tests.support.queues import published_ids
from tests.support.shell import Shell
from tests.support.store_keys import KEYS

MARKETING = ("--template", "0000000", "--lane", "marketing", "--expires-in", "600")


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url}
    return Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": "tops-ecre-tkey-0815"})


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "spring.csv"
    path.write_text("to,p1\n13800138000,a\n13800138001,b\n", "utf-8")
    return str(path)


@pytest.fixture
def closed(redis: StoreRedis) -> str:
    """Publishes a window that opens only in hours; returns how the warning names the day."""
    zone = ZoneInfo("Asia/Shanghai")
    opens = datetime.now(zone).replace(second=0, microsecond=0) + timedelta(hours=5)
    window = SendWindow(Lane.MARKETING, "86", time(opens.hour, opens.minute), (opens + timedelta(hours=1)).time(), zone)
    PublishedLimits(redis).publish(Limits(windows=[window]).published(0))
    return f"{opens:%Y-%m-%d %H:%M} Asia/Shanghai"


def test_rows_that_would_expire_unsent_are_counted_on_standard_error(shell: Shell, closed: str, file: str) -> None:
    ended = shell.run("bulk", file, *MARKETING)
    assert (ended.code, ended.output.splitlines()[0]) == (0, "2 rows: 2 accepted, 0 accepted before, 0 refused")
    assert ended.errors.startswith(
        "warning: 2 rows, each of which expires before its send window (marketing +86) opens, at " + closed
    )
    assert len(ended.errors.splitlines()) == 1


def test_a_dry_run_warns_of_them_before_anything_is_enqueued(shell: Shell, redis: StoreRedis, closed: str, file: str) -> None:
    ended = shell.run("bulk", file, *MARKETING, "--dry-run")
    assert (ended.code, closed in ended.errors) == (0, True)
    assert list(redis.scan_iter()) == [KEYS.limits]


def test_rows_that_were_accepted_before_are_not_warned_of_again(shell: Shell, closed: str, file: str) -> None:
    assert shell.run("bulk", file, *MARKETING).errors != ""
    assert shell.run("bulk", file, *MARKETING).errors == ""


@pytest.mark.usefixtures("closed")
def test_rows_that_ignore_the_window_are_not_warned_of(shell: Shell, redis: StoreRedis, file: str) -> None:
    ended = shell.run("bulk", file, *MARKETING, "--ignore-send-window")
    assert (ended.code, ended.errors) == (0, "")
    assert len(published_ids(redis, Lane.MARKETING)) == 2


def test_without_published_windows_nothing_is_said(shell: Shell, file: str) -> None:
    assert shell.run("bulk", file, *MARKETING).errors == ""


def test_a_dry_run_without_a_store_is_none_the_worse_for_it(tmp_path: Path, closed_port: int, file: str) -> None:
    away = f"redis://127.0.0.1:{closed_port}/0"
    shell = Shell(tmp_path, {"SMSRELAY_NUMBER_KEYS": "tops-ecre-tkey-0815", "SMSRELAY_STORE_URL": away})
    ended = shell.run("bulk", file, *MARKETING, "--dry-run")
    assert (ended.code, ended.errors) == (0, "")


@pytest.mark.usefixtures("closed")
def test_one_sms_can_ignore_the_window_too(shell: Shell) -> None:
    number = ("send", "--to", "13800138000", *MARKETING)
    assert shell.run(*number, "--ignore-send-window").code == 0
