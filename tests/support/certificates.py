"""Certificates made for a test by openssl: our own authority, a server's for localhost, a client's, and a foreign one.

Takes a folder; returns paths of PEM files. Fails if openssl is not installed.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate and its key."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """One that signs; ``ca`` is what its friends trust."""

    folder: Path
    name: str

    @classmethod
    def made(cls, folder: Path, name: str = "ca") -> "Authority":
        folder.mkdir(parents=True, exist_ok=True)
        authority = cls(folder, name)
        _openssl("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", authority.own.key, "-out", authority.ca)
        return authority

    @property
    def ca(self) -> Path:
        return self.own.cert

    @property
    def own(self) -> Certificate:
        return self._named(self.name)

    def signs(self, name: str, *addresses: str) -> Certificate:
        """A certificate for addresses like ``DNS:localhost``; without any, a client's."""
        made, request = self._named(name), self.folder / f"{name}.csr"
        more = ("-addext", f"subjectAltName={','.join(addresses)}") if addresses else ()
        _openssl("req", *_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request, *more)
        signed_by = ("-CA", self.ca, "-CAkey", self.own.key, "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *signed_by, "-days", "2", "-copy_extensions", "copy", "-out", made.cert)
        made.key.chmod(0o644)  # a server may run as another user
        return made

    def _named(self, name: str) -> Certificate:
        return Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
