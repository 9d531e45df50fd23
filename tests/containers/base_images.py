"""Base images made here, under the names that Dockerfile and docker-compose.yml ask for, because no registry can be reached.

All stand on a minimal root of this machine's distribution. Python is the one that runs the tests, without byte-code and with pip
and setuptools, as upstream's; Valkey is the one that the tests use, with its distribution's client; Caddy is the distribution's,
with the capability on its binary that upstream's has. What they cannot show: musl, upstream's exact versions, a pull.
"""

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import yaml

from smsrelay_worker.local.embedded_valkey import command as embedded_valkey
from tests.containers import packages
from tests.containers.engine import Engine
from tests.support.pages import ROOT

_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_ALWAYS = ("ca-certificates", "netbase", "tzdata", "passwd", "busybox", "libcap2-bin")
_VALKEY_ENTRYPOINT = """#!/bin/sh
case "$1" in -*|*.conf) set -- valkey-server "$@";; esac
exec "$@"
"""
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_NOT_UPSTREAM = shutil.ignore_patterns("site-packages", "test", "__pycache__", "libpython*.a", "config-*", "*.pyc")


def make_root(folder: Path) -> Path:
    """A root with what all images need."""
    included = ",".join(sorted({*_ALWAYS, *_libraries()}))
    command = ["mmdebstrap", "--quiet", "--variant=essential", "--format=directory", f"--include={included}"]
    subprocess.run([*command, packages.codename(), folder, packages.mirror()], check=True, capture_output=True)
    for part in ("var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(folder / part, ignore_errors=True)
    return folder


def import_all(engine: Engine, root: Path, scratch: Path) -> None:
    """Import every image that the project's files ask for."""
    scratch.mkdir()
    for name, put in (("python", _import_python), ("valkey", _import_valkey), ("caddy", _import_caddy)):
        subprocess.run(["cp", "--archive", "--link", root, scratch / name], check=True)
        put(engine, scratch / name)


def _import_python(engine: Engine, layer: Path) -> None:
    prefix, library = Path(sys.base_prefix), f"lib/python{_PYTHON}"
    shutil.copytree(prefix / library, layer / "usr/local" / library, symlinks=True, ignore=_NOT_UPSTREAM)
    for name in ("pip", "setuptools"):
        distribution = metadata.distribution(name)
        for file in distribution.files or []:
            if file.suffix != ".pyc" and ".." not in file.parts:
                target = layer / "usr/local" / library / "site-packages" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(distribution.locate_file(file), target)
    for shared in prefix.glob(f"lib/libpython{_PYTHON}.so*"):
        shutil.copy(shared, layer / "usr/local/lib", follow_symlinks=False)
    binaries = layer / "usr/local/bin"
    binaries.mkdir(exist_ok=True)
    shutil.copy(prefix / f"bin/python{_PYTHON}", binaries)
    for name in ("python3", "python"):
        (binaries / name).symlink_to(f"python{_PYTHON}")
    subprocess.run(["chroot", layer, "ldconfig"], check=True)
    [image] = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    _import(engine, image, layer, 'CMD ["python3"]')


def _import_valkey(engine: Engine, layer: Path) -> None:
    binaries = layer / "usr/local/bin"
    binaries.mkdir(parents=True, exist_ok=True)
    shutil.copy(embedded_valkey(0, layer)[0], binaries / "valkey-server")
    shutil.copy(shutil.which("redis-cli") or "", binaries / "valkey-cli")
    entrypoint = binaries / "docker-entrypoint.sh"
    entrypoint.write_text(_VALKEY_ENTRYPOINT, "utf-8")
    entrypoint.chmod(0o755)
    for name, line in (("passwd", "valkey:x:999:1000::/data:/sbin/nologin"), ("group", "valkey:x:1000:")):
        text = (layer / "etc" / name).read_text("utf-8")
        (layer / "etc" / name).unlink()  # a link to the root's own
        (layer / "etc" / name).write_text(f"{text}{line}\n", "utf-8")
    (layer / "data").mkdir()
    shutil.chown(layer / "data", 999, 1000)
    _import(engine, _image_of("redis"), layer, 'ENTRYPOINT ["docker-entrypoint.sh"]', "VOLUME /data", "WORKDIR /data")


def _import_caddy(engine: Engine, layer: Path) -> None:
    files = packages.unpack("caddy", layer.with_name("caddy-package"))
    binaries = layer / "usr/bin"
    caddy = Path(shutil.copy(files / "usr/bin/caddy", binaries))
    subprocess.run(["setcap", "cap_net_bind_service=+ep", caddy], check=True)
    (binaries / "wget").symlink_to("busybox")
    for folder in ("data/caddy", "config/caddy", "etc/caddy"):
        (layer / folder).mkdir(parents=True)
    _import(engine, _image_of("proxy"), layer, "ENV XDG_CONFIG_HOME=/config", "ENV XDG_DATA_HOME=/data", "WORKDIR /srv")


def _import(engine: Engine, name: str, layer: Path, *changes: str) -> None:
    archive = layer.with_suffix(".tar")
    keep = ("--xattrs", "--xattrs-include=security.capability", "--numeric-owner")
    subprocess.run(["tar", "--directory", layer, "--create", "--file", archive, *keep, "."], check=True)
    options = [word for change in (f"ENV PATH={_PATH}", "ENV LANG=C.UTF-8", *changes) for word in ("--change", change)]
    engine.docker("import", *options, str(archive), name)
    archive.unlink()


def _image_of(service: str) -> str:
    return str(yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"][service]["image"])


def _libraries() -> set[str]:
    """Packages with the shared libraries that this Python, Valkey and Debian's client of Redis load."""
    prefix = Path(sys.base_prefix)
    loading = [prefix / f"bin/python{_PYTHON}", *prefix.glob(f"lib/python{_PYTHON}/lib-dynload/*.so")]
    loading += [Path(embedded_valkey(0, Path("/nowhere"))[0]), Path(shutil.which("redis-cli") or "")]
    told = subprocess.run(["ldd", *loading], capture_output=True, text=True, check=False).stdout
    paths = {path for path in re.findall(r"=> (/\S+)", told) if not path.startswith(str(prefix))}
    spelt = {each for path in paths for each in (path, path.removeprefix("/usr"), str(Path(path).resolve()))}
    owners = subprocess.run(["dpkg", "-S", *sorted(spelt)], capture_output=True, text=True, check=False).stdout
    return {line.split(":")[0] for line in owners.splitlines() if line.partition(": ")[2] in spelt}
