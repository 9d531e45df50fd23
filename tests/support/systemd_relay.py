"""A relay on a systemd host, installed by the commands of docs/deploying.md; Redis and the vendor are units of the test's own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.pages import ROOT, blocks
from tests.support.systemd_host import Host, booted
from tests.support.waiting import eventually

PARTS = ("worker", "receiver", "api", "console", "flower")
INSTALL, ENABLE, DOCTOR, TIMER, _KUBECTL, BACKUP, SNAPSHOT, RESTORE, RESTORE_SNAPSHOT = blocks("docs/deploying.md", "sh")
SHELL = DOCTOR.replace("/opt/smsrelay/bin/smsrelay doctor", "").strip()  # what a shell of root's has to read first
_SECRETS = {
    "store_url": "redis://127.0.0.1:6379/0",
    "broker_url": "redis://127.0.0.1:6379/0",
    "appcode": "a code of the tests",
    "flower_auth": "ops:a password of the tests",
    "console_auth": "ops:another password of the tests",
}
_SETTINGS = """
SMSRELAY_CALLBACK_URL=http://127.0.0.1:8025
SMSRELAY_VENDOR_URL=http://127.0.0.1:9100
SMSRELAY_VENDOR_INTL_URL=http://127.0.0.1:9100
SMSRELAY_LIMITS=/etc/smsrelay/limits.toml
"""
_LIMITS = ROOT / "worker/smsrelay_worker/local/limits.toml"  # no send window, every country
_REDIS = "User=redis\nStateDirectory=redis\nType=notify\nExecStart=/usr/bin/redis-server --save '' --supervised systemd"
_UNITS = {
    "redis-server": f"{_REDIS} --dir /var/lib/redis --appendonly yes --appendfsync always --maxmemory-policy noeviction",
    "vendor": "ExecStart=/opt/smsrelay/bin/python -P -m smsrelay_simulator --port 9100 --report-delay 0.1",
}
_JSON = ("-H", "Content-Type: application/json")


@dataclass(frozen=True, slots=True)
class Installed:
    """The relay on a host; asked through its own HTTP API, which is faster than a command."""

    host: Host
    key: str

    def command(self, line: str) -> str:
        """Run ``smsrelay`` as the page says; what it prints."""
        return self.host.shell(f"{SHELL}\n/opt/smsrelay/bin/smsrelay {line}")

    def secrets(self) -> dict[str, str]:
        """By file, what stands in it."""
        listed = self.host.shell("cd /etc/smsrelay/secrets; grep -H '' *")
        return dict(line.split(":", 1) for line in listed.splitlines())

    def send(self, to: str) -> str:
        """Enqueue a code; its message id."""
        job = {"to": to, "template": "0000000", "params": ["1234"], "lane": "otp"}
        return str(self._api("/v1/messages", "-d", json.dumps(job))["id"])

    def state(self, message_id: str) -> str:
        """Empty for a message that is not recorded."""
        return str(self._api(f"/v1/messages/{message_id}").get("state", ""))

    def cancel(self, message_id: str) -> None:
        self._api(f"/v1/messages/{message_id}", "-X", "DELETE")

    def wait(self, message_id: str, state: str) -> None:
        try:
            eventually(lambda: self.state(message_id) == state, f"{message_id} is {state}")
        except AssertionError as late:
            late.add_note(self.command(f"show {message_id}") + self.host.journal("smsrelay-worker"))
            raise

    def ready(self) -> None:
        """Until receiver, API and console say so."""
        for port in (8025, 8080, 8090):
            eventually(lambda port=port: self.code(port, "/readyz") == "200", f"{port} is ready")

    def code(self, port: int, path: str, body: str | None = None, *, method: str = "POST") -> str:
        """The status that a request is answered with."""
        sent = () if body is None else ("-X", method, *_JSON, "-d", body)
        return self._curl("-o", "/dev/null", "-w", "%{http_code}", *sent, f"http://127.0.0.1:{port}{path}")

    def vendor(self, what: str, body: dict[str, Any]) -> None:
        """Tell the simulated vendor something."""
        assert self.code(9100, f"/control/{what}", json.dumps(body), method="PUT") == "204"

    def submits(self, to: str) -> int:
        """How often the vendor got something for a number."""
        return len(json.loads(self._curl("-G", "--data-urlencode", f"recipient={to}", "http://127.0.0.1:9100/control/submits")))

    def _api(self, path: str, *options: str) -> dict[str, Any]:
        answer = self._curl(*_JSON, "-H", f"Authorization: Bearer {self.key}", *options, f"http://127.0.0.1:8080{path}")
        return dict(json.loads(answer))

    def _curl(self, *options: str) -> str:
        return self.host.run("curl", "-s", *options).stdout


@contextmanager
def installed_host(folder: Path) -> Iterator[Host]:
    """A host on which smsrelay is installed, and nothing started but Redis and the vendor."""
    etc = {f"systemd/system/{name}.service": f"[Service]\nRestart=always\n{lines}\n" for name, lines in _UNITS.items()}
    with booted(folder, etc) as host:
        host.shell(INSTALL)
        for name, value in _SECRETS.items():
            host.run("tee", f"/etc/smsrelay/secrets/{name}", stdin=f"{value}\n")
        host.run("tee", "-a", "/etc/smsrelay/smsrelay.env", stdin=_SETTINGS)
        host.run("tee", "/etc/smsrelay/limits.toml", stdin=_LIMITS.read_text("utf-8"))
        host.shell("rm -rf /var/lib/redis; systemctl daemon-reload; systemctl start redis-server vendor")
        yield host


def started(host: Host) -> Installed:
    """Everything enabled and ready."""
    host.shell(ENABLE)
    for part in PARTS:
        host.wait(f"smsrelay-{part}", "active")
    running = Installed(host, "")
    running = Installed(host, running.command("key create shop --name tests").strip())
    running.ready()
    return running
