"""Which addresses a webhook may connect to: public ones only, unless the apps file says ``private = true``.

The check is of the very address that is then connected to, so that a name whose address changes in between gains nothing.
"""

import socket
from collections.abc import Callable
from threading import Semaphore

from smsrelay_worker.apps.public_address import is_public


class PrivateAddress(OSError):
    """The host has no public address."""


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
