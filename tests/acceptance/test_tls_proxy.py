"""The reference proxy, deploy/nginx/receiver.conf, before a real receiver: TLS ends there; callbacks pass, and nothing else."""

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smsrelay.contract.callback_token import CallbackToken
from smsrelay_worker.local.stack import free_port
from tests.support.relay_process import RelayProcess
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "deploy" / "nginx" / "receiver.conf"
HOST = "sms.example.com"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
BODY = '{"external_id": "e1", "status": {"updated_on": 1700000000000, "code": 200}}'
_UP = 20.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate of the host, which is its own authority."""
    folder = tmp_path_factory.mktemp("certs")
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    named = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *named]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def proxy(relay: RelayProcess, certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The reference file as it stands, but for ports, folders and the certificate's place."""
    if not Path(NGINX).exists():
        reason = "nginx is not on this machine"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    receiver = re.search(r":(\d+)", relay.environment["SMSRELAY_CALLBACK_URL"])
    assert receiver is not None
    replaced = {
        "127.0.0.1:8025": f"127.0.0.1:{receiver[1]}",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "    listen [::]:443 ssl;\n": "",
        "/etc/nginx/certs": str(certificate),
        "/var/log/nginx": str(folder),
    }
    site = CONF.read_text("utf-8")
    for stands, here in replaced.items():
        assert stands in site
        site = site.replace(stands, here)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n{temporary}{site}\n}}\n"
    (folder / "nginx.conf").write_text(main, encoding="utf-8")
    with subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL) as nginx:
        try:
            eventually(lambda: _listens(port) or nginx.poll() is not None, "nginx listens", _UP)
            assert nginx.poll() is None, (folder / "error.log").read_text("utf-8")
            yield port
        finally:
            nginx.terminate()
    logged = "".join(path.read_text("utf-8") for path in folder.glob("*.log"))
    assert "callback" not in logged


def _listens(port: int) -> bool:
    with closing(socket.socket()) as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, certificate: Path, request: bytes) -> bytes:
    """One request over TLS, the certificate verified; the whole answer."""
    context = ssl.create_default_context(cafile=str(certificate / "fullchain.pem"))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        tls.sendall(request)
        received = b""
        while piece := tls.recv(65536):
            received += piece
    return received


def post(path: str, body: str = BODY) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_callback_passes_and_is_kept(relay: RelayProcess, proxy: int, certificate: Path) -> None:
    message_id = relay.send("+8613912340000")
    path = CallbackToken(message_id, 1).path(relay.callback_keys)
    assert ask(proxy, certificate, post(path)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/callbac"])
def test_nothing_but_callbacks_passes(proxy: int, certificate: Path, path: str) -> None:
    assert ask(proxy, certificate, post(path)).startswith(b"HTTP/1.1 404 ")


def test_a_forged_callback_is_answered_404_and_a_question_403(proxy: int, certificate: Path) -> None:
    forged = "/callback/018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b/1/0123456789abcdef0123456789abcdef"
    assert ask(proxy, certificate, post(forged)).startswith(b"HTTP/1.1 404 ")
    question = f"GET {forged} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    assert ask(proxy, certificate, question).startswith(b"HTTP/1.1 403 ")


def test_a_body_or_a_head_beyond_the_bounds_ends_at_the_proxy(proxy: int, certificate: Path) -> None:
    assert ask(proxy, certificate, post("/callback", "x" * 70_000)).startswith(b"HTTP/1.1 413 ")
    long = post("/callback").replace(b"Content-Type", b"X: " + b"y" * 40_000 + b"\r\nContent-Type")
    assert ask(proxy, certificate, long).split(b" ")[1] == b"400"
