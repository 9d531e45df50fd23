"""LocalRelay: the processes of a relay on one machine, and the environment they run in.

The user's environment wins. Whatever it does not set gets a local default: an embedded broker and store, the simulator as vendor,
and secrets that are generated once and kept in the data folder, readable by its owner alone. A simulated vendor texts nobody, so
``SIMULATED_LIMITS`` apply, which have no send window and allow every country.
"""

import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay_worker.local.stack import Part

SIMULATED_LIMITS = Path(__file__).with_name("limits.toml")
_SMSRELAY = (sys.executable, "-P", "-m", "smsrelay_worker")  # -P: nothing is imported from the working folder
_KEYS = {"SMSRELAY_NUMBER_KEYS": "number-key", "SMSRELAY_CALLBACK_KEYS": "callback-key"}  # each with its file
_WORKER_STOP = 109  # seconds; more than a worker allows its own processes (WorkerSettings.stop_within)


@dataclass(frozen=True)
class Ports:
    """The ports on 127.0.0.1 at which the parts listen."""

    broker: int = 6390
    receiver: int = 8025
    flower: int = 5555
    simulator: int = 9100
    api: int = 8080
    console: int = 8090


@dataclass(frozen=True, slots=True)
class LocalRelay:
    """``data``: folder of all its data and logs. ``simulator``: whether the vendor is simulated; ``api``, ``console``: whether
    they run, too.
    """

    data: Path
    ports: Ports
    simulator: bool = True
    report_delay: float = 0.2  # seconds; of the simulator
    api: bool = False
    console: bool = False

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """The environment of every part: the user's variables (``given``), and local defaults for the rest."""
        defaults = {
            "SMSRELAY_DATA": str(self.data),
            **self._keys(given),
            "SMSRELAY_FLOWER_AUTH": "admin:" + self._secret("flower-password"),
            "SMSRELAY_BROKER_URL": f"redis://127.0.0.1:{self.ports.broker}/0",
            "SMSRELAY_STORE_URL": self._store_url(given),
            "SMSRELAY_CALLBACK_URL": f"http://127.0.0.1:{self.ports.receiver}",
        }
        if self.console and "SMSRELAY_CONSOLE_USER_HEADER" not in given:
            defaults["SMSRELAY_CONSOLE_AUTH"] = "admin:" + self._secret("console-password")
        if self.simulator:
            vendor = f"http://127.0.0.1:{self.ports.simulator}"
            simulated = {"SMSRELAY_VENDOR_URL": vendor, "SMSRELAY_VENDOR_INTL_URL": vendor, "SMSRELAY_APPCODE": "simulator"}
            defaults["SMSRELAY_LIMITS"] = str(SIMULATED_LIMITS)
            # Simulated reports go to our own receiver, never to the public one that an .env file may name.
            return {**defaults, **given, **simulated, "SMSRELAY_CALLBACK_URL": defaults["SMSRELAY_CALLBACK_URL"]}
        return {**defaults, **given}

    def parts(self, given: Mapping[str, str]) -> tuple[Part, ...]:
        """The processes in start order."""
        ports, parts = self.ports, []
        if self._embeds_server(given):
            embedded = (
                sys.executable,
                "-P",
                "-m",
                "smsrelay_worker.local.embedded_valkey",
                str(ports.broker),
                str(self.data.resolve() / "broker"),
            )
            parts.append(Part("broker", embedded, port=ports.broker))
        if self.simulator:
            options = ("--port", str(ports.simulator), "--report-delay", str(self.report_delay))
            simulator = (*_SMSRELAY, "simulator", *options)
            parts.append(Part("simulator", simulator, port=ports.simulator, ready_path="/control/stats"))
        parts += [
            Part("receiver", (*_SMSRELAY, "receiver", "--port", str(ports.receiver)), 15, ports.receiver, "/readyz"),
            Part("worker", (*_SMSRELAY, "worker"), _WORKER_STOP),
            Part("flower", (*_SMSRELAY, "flower", "--port", str(ports.flower)), port=ports.flower, ready_path="/healthcheck"),
        ]
        return (*parts, *self._parts_on_request())

    def _parts_on_request(self) -> Iterator[Part]:
        if self.api:
            yield Part("api", (*_SMSRELAY, "api", "--port", str(self.ports.api)), 15, self.ports.api, "/readyz")
        if self.console:  # whoever can start it can also run the commands
            command = (*_SMSRELAY, "console", "--actions", "--port", str(self.ports.console))
            yield Part("console", command, 15, self.ports.console, "/readyz")

    def _store_url(self, given: Mapping[str, str]) -> str:
        """By default the store is the broker, unless that is RabbitMQ, which cannot store records."""
        return f"redis://127.0.0.1:{self.ports.broker}/0" if self._embeds_server(given) else given["SMSRELAY_BROKER_URL"]

    def _embeds_server(self, given: Mapping[str, str]) -> bool:
        """Whether broker or store need the embedded server, because the user named none that could serve."""
        broker = given.get("SMSRELAY_BROKER_URL")
        return broker is None or (is_rabbitmq(broker) and "SMSRELAY_STORE_URL" not in given)

    def _keys(self, given: Mapping[str, str]) -> dict[str, str]:
        """A key for each purpose; none where the user's SMSRELAY_SECRET stands in. Earlier versions kept one for both: then the
        callbacks and references that it has signed still count."""
        if "SMSRELAY_SECRET" in given:
            return {}
        former = f",{self._secret('secret')}" if (self.data / "secret").exists() else ""
        return {name: self._secret(file) + former for name, file in _KEYS.items()}

    def _secret(self, name: str) -> str:
        """The secret in the file ``name`` of the data folder, generated at first use."""
        path = self.data / name
        if not path.exists():
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16), encoding="ascii")
        return path.read_text(encoding="ascii")
