"""Connections to hosts by name and by every spelling of an address."""

import socket
import subprocess
import sys
import threading

import pytest

from smsrelay_worker.outcomes.address import connect

# Two hosts whose name servers are silent, with eight deliveries each, and one more whose address needs no name server.
SILENT_NAME_SERVERS = """
from gevent import monkey
monkey.patch_all()
import _socket, threading
look_up, asked, sleep = _socket.getaddrinfo, threading.Semaphore(0), monkey.get_original("time", "sleep")
def silent(host, *args, **options):
    while str(host).endswith(".silent"):
        sleep(1)
    return look_up(host, *args, **options)
_socket.getaddrinfo = silent
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.webhook import Webhook
def deliver(hook):
    asked.release()
    return hook.deliver([Event("msg_018f_3", {})])
for hook in [Webhook(f"http://{name}.silent/", [b"k" * 24]) for name in "ab"]:
    for _ in range(8):
        threading.Thread(target=deliver, args=(hook,), daemon=True).start()
for _ in range(16):
    asked.acquire()
print(deliver(Webhook("http://127.0.0.1/", [b"k" * 24]))[0].status, flush=True)
import os
os._exit(0)
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0x7f.1", "2130706433"])
def test_a_private_address_is_refused_however_it_is_spelled(host: str) -> None:
    with pytest.raises(OSError, match=r"no public address|Name|not known"):
        connect(host, 9, lambda: 1.0, threading.Semaphore(), private=False)


def test_a_private_address_is_connected_to_where_the_file_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect("localhost", server.getsockname()[1], lambda: 1.0, threading.Semaphore(), private=True).close()


def test_hosts_whose_name_servers_are_silent_leave_threads_for_every_other() -> None:
    command = [sys.executable, "-c", SILENT_NAME_SERVERS]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30.0, check=False)
    assert (ended.stdout, ended.returncode) == ("private address refused\n", 0), ended.stderr
