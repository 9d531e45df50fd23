"""The proxies of deploy/ as processes, on files as they stand but for ports, folders, certificates and, if asked for, time-outs.

Takes where the parts behind them listen. Gives a ``Proxy`` to send raw requests to over TLS; on leaving, what the proxy logged
must not contain a callback's path. Where a proxy is not installed, tests skip; in CI they fail.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from smsrelay_worker.local.stack import free_port
from tests.support.pages import ROOT
from tests.support.waiting import eventually

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CADDY = shutil.which("caddy") or "/usr/bin/caddy"
HOSTS = ("sms.example.com", "api.example.com", "console.example.com")
OPERATOR, PASSWORD = "ops", "a password of the tests"  # whom they let through to the console
_CADDY_FILES = tuple(ROOT / "deploy/caddy" / name for name in ("Caddyfile", "console.caddyfile"))
_NGINX_FILES = tuple(ROOT / "deploy/nginx" / name for name in ("receiver.conf", "api.conf", "console.conf"))
_UP = 20.0


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that listens on 127.0.0.1 with a certificate for all ``HOSTS``."""

    port: int
    certificate: Path

    def connect(self, host: str) -> ssl.SSLSocket:
        """A connection by TLS, the certificate verified."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), timeout=20), server_hostname=host)

    def ask(self, host: str, request: bytes) -> bytes:
        """One request that asks for the connection to be closed; the whole answer."""
        received = b""
        with self.connect(host) as tls:
            with suppress(OSError):  # it may answer, and close, before it has read everything
                tls.sendall(request)
            with suppress(OSError):
                while piece := tls.recv(65536):
                    received += piece
        return received


def request(host: str, method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """A request of one connection."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", "Connection: close", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@contextmanager
def running_proxy(
    kind: str, folder: Path, upstreams: Mapping[int, int], shorter: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """Start ``nginx`` or ``caddy``; ``upstreams``: where receiver, API and console listen in place of 8025, 8080 and 8090;
    ``shorter``: texts of the files to replace, time-outs for example.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    certificate = _certificate(folder)
    replaced = {f"127.0.0.1:{stands}": f"127.0.0.1:{here}" for stands, here in upstreams.items()} | dict(shorter or {})
    started = _nginx if kind == "nginx" else _caddy
    with started(folder, port, replaced) as process:
        log = folder / "error.log"
        eventually(lambda: _listens(port) or process.poll() is not None, f"{kind} listens", _UP)
        assert process.poll() is None, log.read_text("utf-8")
        yield Proxy(port, certificate)
        process.terminate()
        process.wait(_UP)
    assert "/callback" not in "".join(path.read_text("utf-8") for path in folder.glob("*.log"))


@contextmanager
def _nginx(folder: Path, port: int, replaced: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    _installed_or_skipped(NGINX)
    ours = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "    listen [::]:443 ssl;\n": "",
        "/etc/nginx/certs": str(folder),
        "/etc/nginx/smsrelay-console.htpasswd": str(folder / "htpasswd"),
        "/var/log/nginx": str(folder),
    }
    sites = _changed("\n".join(path.read_text("utf-8") for path in _NGINX_FILES), ours, replaced)
    (folder / "htpasswd").write_text(f"{OPERATOR}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""  # the test's folders are its own alone
    main = f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n{temporary}{sites}\n}}\n"
    (folder / "nginx.conf").write_text(main, encoding="utf-8")
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=_UP, check=False)
    assert tested.returncode == 0, tested.stderr
    with _started(command, folder) as process:
        yield process


@contextmanager
def _caddy(folder: Path, port: int, replaced: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    _installed_or_skipped(CADDY)
    pair = f"{folder}/fullchain.pem {folder}/privkey.pem"
    ours = {f"\n{host} {{": f"\nhttps://{host}:{port} {{\n\tbind 127.0.0.1\n\ttls {pair}" for host in HOSTS}
    ours["\n{\n"] = "\n{\n\tadmin off\n\tauto_https off\n"
    ours["ops HASH"] = f"{OPERATOR} {_hash(PASSWORD)}"
    site = folder / "Caddyfile"
    text = "\n".join(path.read_text("utf-8") for path in _CADDY_FILES)
    site.write_text(_changed(text, ours, replaced), encoding="utf-8")
    with _started([CADDY, "run", "--config", str(site), "--adapter", "caddyfile"], folder) as process:
        yield process


@contextmanager
def _started(command: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (
        (folder / "error.log").open("ab") as said,
        subprocess.Popen(command, env=os.environ | home, stdout=said, stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _changed(text: str, ours: Mapping[str, str], replaced: Mapping[str, str]) -> str:
    for stands, here in ours.items():
        assert stands in text, stands
        text = text.replace(stands, here)
    return re.sub("|".join(map(re.escape, replaced)) or "(?!)", lambda found: replaced[found[0]], text)


def _hash(password: str) -> str:
    made = subprocess.run(
        [CADDY, "hash-password", "--plaintext", password], capture_output=True, text=True, timeout=60, check=True
    )
    return made.stdout.strip()


def _certificate(folder: Path) -> Path:
    """Of all hosts, and its own authority."""
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    named = ["-subj", f"/CN={HOSTS[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in HOSTS)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *named]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder / "fullchain.pem"


def _installed_or_skipped(program: str) -> None:
    if not Path(program).exists():
        reason = f"{program} is not on this machine"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0
