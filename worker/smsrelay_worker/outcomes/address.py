"""Which addresses a webhook may connect to: public ones only, unless the apps file says ``private = true``.

The check is of the very address that is then connected to, so that a name whose address changes in between gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable
from threading import Semaphore

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL = ipaddress.ip_network("2000::/3")  # the only part of IPv6 from which public addresses are given


class PrivateAddress(OSError):
    """The host has no public address."""


def is_public(address: str) -> bool:
    """Whether an address is of the public internet: not private, loopback, link-local, multicast or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _embedded(ip)
        if inner is None and ip not in _GLOBAL:  # site-local, for example, which the library calls global
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def connect(host: str, port: int, timeout: Callable[[], float], lookups: Semaphore, *, private: bool) -> socket.socket:
    """A connection to the first address of the host that takes one; ``timeout`` gives the seconds left.

    ``lookups`` bounds how many of the host's look-ups are under way. All greenlets share ten threads for them, and name servers
    that are silent hold a thread for as long as the system waits. Raises ``PrivateAddress`` when the host has no address that
    may be used, and ``OSError`` when none can be reached.
    """
    if not lookups.acquire(timeout=timeout()):
        raise TimeoutError("earlier look-ups of the host have not ended")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    finally:
        lookups.release()
    failure: OSError = PrivateAddress("the host has no public address")
    for family, kind, protocol, _, address in found:
        if not private and not is_public(str(address[0])):
            continue
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
