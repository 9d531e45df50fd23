"""A systemd of its own, process 1 of namespaces over a throw-away copy of this root, with smsrelay installed as on a host.

Takes an empty folder and files of the host's /etc; gives a ``Host`` on which commands run as root, with a loopback of its own
and no way out. Everything ends with the context. Where the kernel does not allow it, tests skip; in CI they fail.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
_BOOT = Path(__file__).with_name("systemd_boot.sh")
_MOUNTS = "/opt/here"  # this test's own Python, packages and deploy/: /tmp and /root are hidden from the units
_ENTRY = "#!/opt/smsrelay/bin/python\nfrom smsrelay_worker.cli.main import main\nmain()\n"
_COMMAND = 180.0  # seconds; a worker that is told to stop may take 110


@dataclass(frozen=True, slots=True)
class Host:
    """``systemd``: the process id of its process 1, as this host counts."""

    systemd: int

    def run(self, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command there, as root, to its end."""
        inside = ("sh", "-c", f'cd {_MOUNTS} && exec "$@"', "sh", *command)  # as in a checkout, of which there is deploy/
        entered = ["nsenter", "-t", str(self.systemd), "-m", "-p", "-u", "-i", "-n", "-C", "--root", *inside]
        environment = {"PATH": "/opt/smsrelay/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        return subprocess.run(
            entered, env=environment, input=stdin, capture_output=True, text=True, timeout=_COMMAND, check=False
        )

    def shell(self, script: str) -> str:
        """Run lines of a shell that must succeed; what they print."""
        ended = self.run("bash", "-euc", script)
        assert ended.returncode == 0, f"{script}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def shown(self, unit: str) -> dict[str, str]:
        """Every property of a unit."""
        lines = self.shell(f"systemctl show {unit}").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def wait(self, unit: str, state: str) -> None:
        """Until a unit is ``active``, ``failed`` …; fails with the end of its journal."""
        try:
            eventually(lambda: self.shown(unit)["ActiveState"] == state, f"{unit} is {state}")
        except AssertionError as late:
            late.add_note(self.journal(unit))
            raise

    def journal(self, unit: str) -> str:
        """The end of what a unit said."""
        return self.run("journalctl", "--no-pager", "-n", "30", "-o", "cat", "-u", unit).stdout


@contextmanager
def booted(folder: Path, etc: Mapping[str, str]) -> Iterator[Host]:
    """Start one; ``etc``: files below its /etc, by path."""
    installed_or_skipped()
    prepare = folder / "prepare"
    prepare.write_text(_preparation(_files(folder, etc)), encoding="utf-8")
    command = ["unshare", "--mount", "--propagation", "private", "sh", str(_BOOT), "outside", str(folder / "host"), str(prepare)]
    log = folder / "boot.log"
    with log.open("wb") as said, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as outside:
        try:
            eventually(lambda: _systemd(outside.pid) or outside.poll() is not None, "systemd is executed", 30)
            assert outside.poll() is None, log.read_text("utf-8")
            host = Host(_systemd(outside.pid))
            eventually(lambda: "running" in host.run("systemctl", "is-system-running").stdout, "systemd is up", 30)
            yield host
        finally:
            if systemd := _systemd(outside.pid):
                os.kill(systemd, signal.SIGKILL)  # and the kernel ends everything in its namespace
            outside.wait(30)


def installed_or_skipped() -> None:
    """Make sure that there is a systemd that may have namespaces, or end the test."""
    tried = ["unshare", "--mount", "--pid", "--net", "--cgroup", "--fork", "true"]
    reason = "systemd is not installed"
    if SYSTEMD.exists() and shutil.which("unshare"):
        reason = "namespaces may not be made here"
        if os.geteuid() == 0 and subprocess.run(tried, capture_output=True, check=False).returncode == 0:
            return
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def _files(folder: Path, etc: Mapping[str, str]) -> Path:
    """What is copied over the new root: /opt/smsrelay with its command, and /etc."""
    files = folder / "files"
    home = files / "opt/smsrelay"
    site = home / f"lib/python{sysconfig.get_python_version()}/site-packages"
    site.mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "pyvenv.cfg").write_text(f"home = {_MOUNTS}/python/bin\n", encoding="utf-8")
    (home / "bin/python").symlink_to(f"{_MOUNTS}/python/bin/python{sysconfig.get_python_version()}")
    (site / "here.pth").write_text("".join(f"{_MOUNTS}/{name}\n" for name in _mounted()), encoding="utf-8")
    (home / "bin/smsrelay").write_text(_ENTRY, encoding="utf-8")
    (home / "bin/smsrelay").chmod(0o755)
    for path, text in etc.items():
        target = files / "etc" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return files


def _mounted() -> dict[str, Path]:
    packages = {"site": Path(sysconfig.get_path("purelib")), "producers": ROOT / "producers", "worker": ROOT / "worker"}
    return {"python": Path(sys.base_prefix), "deploy": ROOT / "deploy", **packages}


def _preparation(files: Path) -> str:
    mounts = (f'mkdir -p "$1{_MOUNTS}/{name}"; mount --bind "{path}" "$1{_MOUNTS}/{name}"' for name, path in _mounted().items())
    library = f'echo {_MOUNTS}/python/lib >"$1/etc/ld.so.conf.d/000-here.conf"; chroot "$1" /sbin/ldconfig'  # of this Python
    return "\n".join([f'cp -a --no-preserve=ownership "{files}/." "$1/"', *mounts, library, ""])


def _systemd(pid: int) -> int:
    """The process id of the systemd below a process; 0 while there is none."""
    waiting = [pid]
    for one in waiting:
        try:
            if Path(f"/proc/{one}/comm").read_text("utf-8").strip() == "systemd":
                return one
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text("utf-8").split())
        except OSError:
            continue
    return 0
