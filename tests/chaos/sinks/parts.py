"""The apps' sinks as parts of the stage: the receiver of all webhooks, the reader of all queues, and what both were told."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from smsrelay_worker.local.stack import free_port
from tests.chaos.hosts.network import Host
from tests.chaos.sinks.apps import apps_file
from tests.chaos.sinks.celery_reader import waiting_at
from tests.chaos.sinks.telling import Telling, read_notes
from tests.chaos.stage.part import Part


class SinkParts:
    """Both sinks. ``broker``: the URL of the apps' queues, past the proxy; ``seed``: of how they fail.

    ``host``: where the webhooks are, at an address of ``there``.
    """

    def __init__(
        self, folder: Path, broker: str, seed: int, environment: Mapping[str, str], host: Host | None = None, there: str = ""
    ) -> None:
        self._folder = folder
        self._broker = broker
        self._seed = seed
        self._environment = environment
        port, address = free_port(), "127.0.0.1" if host is None else host.address(there)
        self.apps_file = folder / "apps.toml"
        self.webhooks = self._part("webhook_receiver", "--host", address, "--port", str(port), host=host)
        self.celery = self._part("celery_reader", "--broker", broker)
        self.apps_file.write_text(apps_file(port, address), encoding="utf-8")

    def __iter__(self) -> Iterator[Part]:
        yield self.webhooks
        yield self.celery

    def tellings(self) -> list[Telling]:
        """Everything that the sinks were told."""
        return [telling for part in self for telling in read_notes(self._notes(part.name))]

    def waiting(self) -> int:
        """Tasks of the apps that are not done."""
        return waiting_at(self._broker)

    def _part(self, module: str, *options: str, host: Host | None = None) -> Part:
        given = ["--seed", str(self._seed), "--notes", str(self._notes(module)), *options]
        command = [sys.executable, "-m", f"tests.chaos.sinks.{module}", *given]
        return Part(module, host.command(command) if host else command, self._environment, self._folder)

    def _notes(self, name: str) -> Path:
        return self._folder / f"{name}.told"
