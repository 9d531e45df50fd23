"""Tls: how a connection to store or broker is secured, for redis-py, kombu and amqp alike.

Takes the options of a ``rediss://`` or ``amqps://`` URL. By default the server's certificate is verified, and its name must match
the host in the URL. Raises ``ValueError``, which quotes no value.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_REQUIREMENTS = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

OPTIONS = ("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


@dataclass(frozen=True, slots=True)
class Tls:
    """Which certificates are presented and required. ``ca_certs``: a file of authorities to trust instead of the host's."""

    requirement: str = "required"
    check_hostname: bool = True
    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """Parse the options; raises ``ValueError``."""
        requirement = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
        if requirement not in _REQUIREMENTS:
            raise ValueError(f"ssl_cert_reqs must be one of {', '.join(_REQUIREMENTS)}")
        check_hostname = switched(options, "ssl_check_hostname", default=True)
        files = {name: options.get(f"ssl_{name}") for name in ("ca_certs", "certfile", "keyfile")}
        for name, path in files.items():
            if path is not None and not os.access(path, os.R_OK):
                raise ValueError(f"the file that ssl_{name} names cannot be read")
        if files["keyfile"] and not files["certfile"]:
            raise ValueError("ssl_keyfile needs ssl_certfile")
        return cls(requirement, check_hostname and requirement != "none", **files)

    def for_redis(self) -> dict[str, Any]:
        """Options for redis-py, which kombu passes through to it."""
        chosen = {"ssl_ca_certs": self.ca_certs, "ssl_certfile": self.certfile, "ssl_keyfile": self.keyfile}
        named = {name: path for name, path in chosen.items() if path is not None}
        return {"ssl_cert_reqs": self.requirement, "ssl_check_hostname": self.check_hostname, **named}

    def for_amqp(self, host: str) -> dict[str, Any]:
        """Options for amqp; it checks the server's name only when it gets one."""
        chosen = {"ca_certs": self.ca_certs, "certfile": self.certfile, "keyfile": self.keyfile}
        named: dict[str, Any] = {name: path for name, path in chosen.items() if path is not None}
        if self.check_hostname:
            named["server_hostname"] = host
        return {"cert_reqs": _REQUIREMENTS[self.requirement], **named}


def switched(options: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Whether an option that is true or false is true; raises ``ValueError`` for any other value."""
    if name not in options:
        return default
    switch = options[name].lower()
    if switch not in _SWITCH:
        raise ValueError(f"{name} must be true or false")
    return _SWITCH[switch]
