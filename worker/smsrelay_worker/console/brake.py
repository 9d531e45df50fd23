"""GuessBrake: slows down whoever guesses passwords.

After five failures an address waits two seconds before its next guess counts, then four, and so on up to a minute. A guess that
comes too early is not even looked at, and does not prolong the wait, so nobody can keep others out for longer than a minute.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address

_FREE = 5  # failures that cost nothing
_LONGEST = 60.0  # seconds between two guesses
_FORGOTTEN = 900.0  # seconds after the last failure
_MOST = 4096  # addresses that are remembered


@dataclass(frozen=True, slots=True)
class _Guesses:
    count: int
    last: float


class GuessBrake:
    """``clock`` gives monotonic seconds. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # over _guesses
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()

    def guess(self, address: str) -> float:
        """Seconds that this address must wait before it may guess; 0: it may now, once.

        The guess counts as a failure until ``succeeded``; so many at the same time are no way around the wait.
        """
        now, address = self._clock(), _household(address)
        with self._lock:
            before = self._guesses.get(address)
            if before is None or now - before.last >= _FORGOTTEN:
                before = _Guesses(0, now)
            wait = before.last + _pause(before.count) - now
            if wait > 0:
                return wait
            self._guesses[address] = _Guesses(before.count + 1, now)
            self._guesses.move_to_end(address)
            if len(self._guesses) > _MOST:
                self._guesses.popitem(last=False)
        return 0.0

    def succeeded(self, address: str) -> None:
        """The guess was right: forget the failures of an address."""
        with self._lock:
            self._guesses.pop(_household(address), None)


def _household(address: str) -> str:
    """Whose guesses count together: one address, and of IPv6 the 64 bits that one subscriber has all addresses of."""
    try:
        known = ip_address(address)
    except ValueError:  # a socket's peer has no address
        return address
    return address if isinstance(known, IPv4Address) else str(IPv6Network((int(known), 64), strict=False))


def _pause(failures: int) -> float:
    """Seconds after the last of so many failures in which no guess counts."""
    return 0.0 if failures < _FREE else min(_LONGEST, 2.0 ** (failures - _FREE + 1))
