"""Hosts and the networks between them: bridges of the kernel, and one network namespace for each host.

Every host has a leg in each network:

- ``lan``: store, sentinels, apps and workers;
- ``copies``: what a primary sends to its replicas, so that they can fall behind while everybody else reaches it;
- ``outside``: the vendor and the apps' webhooks;
- ``desk``: the judge, whom no fault concerns.

A partition moves the legs of some hosts to another bridge: they reach each other and nobody else. Neighbours are known for good,
so that a host that is gone is silent instead of "unreachable". This process is a host itself, with legs in ``lan`` and ``desk``.

For a process that is isolated (``isolation``). Raises ``RuntimeError`` with what the kernel said.
"""

import itertools
import subprocess
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LAN, COPIES, OUTSIDE, DESK = "lan", "copies", "outside", "desk"
NETWORKS = {DESK: 0, LAN: 1, OUTSIDE: 2, COPIES: 3}
_OURS = 254  # this process's own number in each network


@dataclass(frozen=True, slots=True)
class Host:
    """One host; ``number`` is the last part of its addresses."""

    name: str
    number: int

    def address(self, network: str) -> str:
        """Its address in a network."""
        return _address(network, self.number)

    def command(self, command: Sequence[str]) -> list[str]:
        """What runs a command on it."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]


class Network:
    """All hosts. Thread-safe."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._islands = itertools.count(1)
        self._lock = threading.Lock()

    def build(self) -> None:
        """Make bridges, hosts and legs."""
        _ip(["link set lo up", *(line for network in NETWORKS for line in _bridge(network))])
        for host in self._hosts:
            _ip([f"netns add {host.name}"])
            _ip([line for network in NETWORKS for line in _leg(host, network)])
            _ip(_inside(host, self._hosts), host)
        _ip([line for host in self._hosts for line in (_neighbour(LAN, host.number), _neighbour(DESK, host.number))])

    def cut_off(self, hosts: Iterable[Host], networks: Iterable[str]) -> str:
        """Part these hosts, together, from all others in some networks; returns the name of the partition."""
        with self._lock:
            island = f"i{next(self._islands)}"
            lines = []
            for network in networks:
                lines += [f"link add {island}{network} type bridge", f"link set {island}{network} up"]
                lines += [f"link set {_port(host, network)} master {island}{network}" for host in hosts]
            _ip(lines)
            return island

    def rejoin(self, island: str, hosts: Iterable[Host], networks: Iterable[str]) -> None:
        """End a partition."""
        with self._lock:
            _ip([f"link set {_port(host, network)} master {network}" for network in networks for host in hosts])
            _ip([f"link delete {island}{network}" for network in networks])


def _bridge(network: str) -> list[str]:
    lines = [f"link add {network} address {_mac(network, _OURS)} type bridge", f"link set {network} up"]
    return [*lines, f"address add {_address(network, _OURS)}/24 dev {network}"] if network in {LAN, DESK} else lines


def _leg(host: Host, network: str) -> list[str]:
    port, mac = _port(host, network), _mac(network, host.number)
    return [
        f"link add {port} type veth peer name {network} address {mac} netns {host.name}",
        f"link set {port} master {network}",
        f"link set {port} up",
    ]


def _inside(host: Host, hosts: Iterable[Host]) -> list[str]:
    lines = ["link set lo up"]
    for network in NETWORKS:
        lines += [f"address add {host.address(network)}/24 dev {network}", f"link set {network} up"]
        lines += [_neighbour(network, other.number) for other in hosts if other != host]
    return [*lines, _neighbour(LAN, _OURS), _neighbour(DESK, _OURS)]


def _neighbour(network: str, number: int) -> str:
    return f"neighbour replace {_address(network, number)} lladdr {_mac(network, number)} dev {network} nud permanent"


def _address(network: str, number: int) -> str:
    return f"10.77.{NETWORKS[network]}.{number}"


def _mac(network: str, number: int) -> str:
    return f"02:77:00:00:{NETWORKS[network]:02x}:{number:02x}"


def _port(host: Host, network: str) -> str:
    return f"{host.name}-{network}"


def _ip(lines: Sequence[str], host: Host | None = None) -> None:
    there = ["-n", host.name] if host is not None else []
    given = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(["ip", *there, "-batch", "-"], input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip: {done.stderr.strip()}")
