"""Programs that the container tests need, from the distribution's own packages and mirror.

Debian 12 has no Compose 2. Where the docker command has none, that one package is taken from the next release of the same
mirror and unpacked, not installed.
"""

import os
import shutil
import subprocess
from pathlib import Path

_PROGRAMS = {
    "dockerd": "docker.io",
    "docker-init": "docker.io",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "setpriv": "util-linux",
    "redis-cli": "redis-tools",
    "setcap": "libcap2-bin",
}
_WITH_COMPOSE_2 = "trixie"


def install() -> None:
    """Install what is missing; root only."""
    missing = {package for program, package in _PROGRAMS.items() if shutil.which(program, path=_path()) is None}
    if missing:
        _apt("apt-get", "update", "-qq")
        _apt("apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing))


def codename() -> str:
    """Name of the distribution's release."""
    lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    return next(line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME="))


def mirror() -> str:
    """Where this machine gets the packages of its release."""
    format_ = "$(CODENAME) $(REPO_URI)"
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", format_, "Created-By: Packages"], capture_output=True, text=True, check=True
    )
    return next(line.split()[1] for line in told.stdout.splitlines() if line.split()[0] == codename())


def compose(folder: Path) -> None:
    """See to it that the docker command, with its configuration in ``folder``, knows Compose 2."""
    asked = subprocess.run(["docker", "compose", "version"], env=_found_in(folder), capture_output=True, check=False)
    if asked.returncode == 0:
        return
    unpacked = unpack("docker-compose", folder / "compose", release=_WITH_COMPOSE_2)
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(unpacked / "usr/libexec/docker/cli-plugins/docker-compose")


def unpack(package: str, folder: Path, release: str | None = None) -> Path:
    """The files of a package of this release, or another, without installing it."""
    for name in ("lists/partial", "archives/partial"):
        (folder / "apt" / name).mkdir(parents=True)
    options: list[str] = []
    if release is not None:
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (folder / "apt/sources.list").write_text(f"deb [signed-by={keyring}] {mirror()} {release} main\n", "utf-8")
        settings = {
            "Dir::Etc::sourcelist": folder / "apt/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": folder / "apt/lists",
            "Dir::Cache": folder / "apt",
            "Acquire::Languages": "none",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        _apt("apt-get", "-qq", *options, "-o", "APT::Sandbox::User=root", "update")
    _apt("apt-get", "-qq", *options, "-o", "APT::Sandbox::User=root", "download", package, folder=folder)
    [archive] = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, folder / "files"], check=True)
    return folder / "files"


def _apt(*command: str, folder: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PATH": _path(), "RUNLEVEL": "1"}
    ran = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stdout[-1000:]}{ran.stderr[-1000:]}"


def _found_in(folder: Path) -> dict[str, str]:
    return {**os.environ, "DOCKER_CONFIG": str(folder)}


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"
