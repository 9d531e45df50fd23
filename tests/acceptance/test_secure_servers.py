"""The whole relay over TLS with an authority and client certificates of its own, as docs/operating.md has it, and by sockets."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from tests.support.certificates import Authority
from tests.support.flower import flower
from tests.support.pages import blocks
from tests.support.rabbitmq import running_rabbitmq
from tests.support.redis_server import running_redis
from tests.support.relay_process import ROOT, RelayProcess, a_recipient, running_relay
from tests.support.waiting import eventually

PASSWORD = "p%40ss%2Fw0rd"
FLOWER = ("ops", "walrus-4711")


def test_the_relay_works_over_tls_with_redis(tmp_path: Path) -> None:
    port, folder = free_port(), certificates(tmp_path)
    with running_redis(tmp_path / "redis", *_tls(folder, port)):
        store, _ = addresses(folder, redis=port)
        works(tmp_path / "relay", {"SMSRELAY_STORE_URL": store, "SMSRELAY_BROKER_URL": store})


def test_the_relay_works_over_tls_with_rabbitmq_and_a_virtual_host(tmp_path: Path) -> None:
    port, secure, folder = free_port(), free_port(), certificates(tmp_path)
    listener = f"""\
listeners.ssl.1 = 127.0.0.1:{secure}
ssl_options.cacertfile = {folder}/ca.pem
ssl_options.certfile = {folder}/server.pem
ssl_options.keyfile = {folder}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
"""
    with running_redis(tmp_path / "redis", *_tls(folder, port)), running_rabbitmq(tmp_path / "rabbitmq", listener) as rabbitmq:
        rabbitmq.control("add_vhost", "sms")
        rabbitmq.control("add_user", "smsrelay", "p@ss/w0rd")
        rabbitmq.control("set_permissions", "-p", "sms", "smsrelay", ".*", ".*", ".*")
        store, broker = addresses(folder, redis=port, rabbitmq=secure)
        works(tmp_path / "relay", {"SMSRELAY_STORE_URL": store, "SMSRELAY_BROKER_URL": broker})


def test_the_relay_works_over_sockets(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    with running_redis(tmp_path / "redis", "--port", "0", "--unixsocket", str(socket)):
        url = f"unix://{socket}?db=3"
        works(tmp_path / "relay", {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url})


def certificates(folder: Path) -> Path:
    """Where they are, under the names that the docs have."""
    authority = Authority.made(folder / "smsrelay")
    authority.signs("server", "DNS:localhost")
    authority.signs("client")
    return folder / "smsrelay"


def addresses(folder: Path, **ports: int) -> list[str]:
    """Store and broker as the docs name them, with this test's host, ports, password and files."""
    [block] = [block for block in blocks("docs/operating.md", "sh") if "rediss://" in block]
    named = re.findall(r"^SMSRELAY_\w+='(.+)'$", block, re.MULTILINE)
    for ours, docs in (("localhost", "HOST"), (PASSWORD, "PASSWORD"), (str(folder), "/etc/smsrelay")):
        named = [url.replace(docs, ours) for url in named]
    for name, port in (("redis", "6380"), ("rabbitmq", "5671")):
        named = [url.replace(f":{port}/", f":{ports.get(name, port)}/") for url in named]
    return named


def works(data: Path, urls: Mapping[str, str]) -> None:
    """Messages of every lane are delivered; Flower shows the worker; plain Celery and the commands reach everything."""
    with running_relay(data, settings={**urls, "SMSRELAY_FLOWER_AUTH": ":".join(FLOWER)}) as relay:
        for message_id in [relay.send(a_recipient(), lane) for lane in Lane]:
            relay.wait_state(message_id, State.DELIVERED)
        shows_its_worker(relay)
        asked = [sys.executable, "-m", "celery", "-A", "smsrelay_worker.app", "inspect", "ping", "--timeout", "5"]
        environment = dict(relay.environment)
        pong = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert "pong" in pong.stdout, pong.stderr
        assert relay.cli("status").returncode == 0
        assert "error" not in relay.cli("doctor").stdout


def shows_its_worker(relay: RelayProcess) -> None:
    with flower(relay.environment, relay.data) as url, requests.Session() as http:
        http.trust_env, http.auth = False, FLOWER
        eventually(lambda: http.get(f"{url}/api/workers", params={"refresh": 1}, timeout=10).json(), "Flower sees the worker")
        assert http.get(f"{url}/broker", timeout=10).ok


def _tls(folder: Path, port: int) -> list[str]:
    files = {"cert": "server.pem", "key": "server.key", "ca-cert": "ca.pem"}
    shown = [word for name, file in files.items() for word in (f"--tls-{name}-file", str(folder / file))]
    user = ["--user", "smsrelay", "on", ">p@ss/w0rd", "~*", "&*", "+@all"]
    return ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "yes", *shown, *user]
