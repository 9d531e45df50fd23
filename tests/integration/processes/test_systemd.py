"""What a worker tells systemd, on a socket like systemd's."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay_worker.processes.systemd import Systemd


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "notify"))
        opened.setblocking(False)
        yield opened


def said(listening: socket.socket) -> list[bytes]:
    told = []
    while True:
        try:
            told.append(listening.recv(100))
        except BlockingIOError:
            return told


def test_it_is_told_once_that_we_are_ready_and_often_that_we_are_alive(listening: socket.socket) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": listening.getsockname(), "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
    for tell in (systemd.alive, systemd.ready, systemd.ready, systemd.alive, systemd.stopping):
        tell()
    assert said(listening) == [b"WATCHDOG=1", b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_reload_is_no_stop_and_ends_with_being_ready(listening: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": listening.getsockname()}
    Systemd(environment).reloading()
    Systemd(environment).ready()  # the one that starts in its place
    reloading, ready = said(listening)
    assert reloading.startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert ready == b"READY=1"


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}])
def test_a_watchdog_that_nobody_asked_for_is_not_fed(listening: socket.socket, watchdog: dict[str, str]) -> None:
    Systemd({"NOTIFY_SOCKET": listening.getsockname(), **watchdog}).alive()
    assert said(listening) == []


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "relative"])
def test_without_a_socket_nothing_happens(address: str) -> None:
    Systemd({"NOTIFY_SOCKET": address}).ready()


def test_an_abstract_address_is_understood() -> None:
    name = f"smsrelay-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind("\0" + name)
        Systemd({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert opened.recv(100) == b"READY=1"
