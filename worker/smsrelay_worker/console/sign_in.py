"""How an operator is known: by a password, or by the header of a proxy that has signed them in. Pure.

Every comparison takes the same time whatever is right about a guess.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

_LONGEST_NAME = 64  # characters of a name that are shown and logged


@dataclass(frozen=True, slots=True)
class Password:
    """The one login of the console. ``pepper``: random bytes of this process."""

    user: str
    password: str = field(repr=False)
    pepper: bytes = field(repr=False)

    @classmethod
    def parse(cls, auth: str, pepper: bytes) -> Self:
        """From ``user:password``."""
        user, _, password = auth.partition(":")
        return cls(user, password, pepper)

    def matches(self, user: str, password: str) -> bool:
        """Whether both are right."""
        right_user = hmac.compare_digest(self._digest(user), self._digest(self.user))
        right_password = hmac.compare_digest(self._digest(password), self._digest(self.password))
        return right_user & right_password

    def _digest(self, text: str) -> bytes:
        return hmac.new(self.pepper, text.encode("utf-8", "replace"), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """The header that names an operator, and the addresses from which it is taken."""

    name: str
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def parse(cls, name: str, networks: str) -> Self:
        """``networks``: addresses or networks, separated by commas."""
        return cls(name.lower(), tuple(ip_network(one.strip(), strict=False) for one in networks.split(",")))

    def who(self, address: str, given: Sequence[str]) -> str | None:
        """Who the proxy says it is; None for a caller that is not the proxy, and for a header that is missing or there twice."""
        if len(given) != 1 or not given[0].strip() or not given[0].isprintable() or not self._is_proxy(address):
            return None
        return given[0].strip()[:_LONGEST_NAME]

    def _is_proxy(self, address: str) -> bool:
        try:
            caller = ip_address(address)
        except ValueError:  # a socket's peer has no address
            return False
        return any(caller in network for network in self.networks)
