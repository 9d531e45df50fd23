"""Flower's process: ``python -m smsrelay_worker.processes.flower``, which is what ``smsrelay flower`` becomes.

It bypasses the command lines of Celery and Flower, because these read options from the environment and from a ``celeryconfig.py``
or ``flowerconfig.py`` in the working folder. Arguments are Flower's options.
"""

import atexit
import logging
import signal
import sys
from collections.abc import Sequence
from functools import partialmethod
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from flower.app import Flower
from flower.urls import settings as pages
from flower.views import BaseHandler
from tornado.ioloop import IOLoop
from tornado.options import options

from smsrelay import logs
from smsrelay.broker.queues import QUEUES, broker_queue
from smsrelay.broker.redis_transport import use_for_every_connection
from smsrelay.cli.errors import process_errors
from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary import finder
from smsrelay.servers.redis_address import TCP
from smsrelay_worker.consumer.broker_settings import broker_settings
from smsrelay_worker.processes.flower_events import PersistentEvents
from smsrelay_worker.processes.flower_login import require_login
from smsrelay_worker.settings import FlowerSettings

_CONNECTIONS = 8


def main(arguments: Sequence[str]) -> None:
    """Serve Flower's pages until SIGTERM or SIGINT."""
    with process_errors():
        settings = FlowerSettings()
    options.parse_command_line(["flower", "--logging=none", *arguments])
    login = settings.flower_auth.get_secret_value()
    options.basic_auth = [login]
    BaseHandler.get_current_user = partialmethod(require_login, login)
    logs.set_up()
    logging.getLogger("tornado.access").setLevel("ERROR")  # Flower's own level: a log line for every request is of no use
    use_for_every_connection()
    logging.captureWarnings(True)  # so that what a library warns of is a line of JSON, too
    # Flower asks the workers that it has found so far, so what it shows would depend on who started first, and on which lanes.
    BaseHandler.get_active_queue_names = lambda _handler: list(QUEUES)
    flower = _flower(_app(settings.broker_url))
    atexit.register(flower.stop)
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    flower.start_http_server()
    flower.start()


class _Flower(Flower):  # type: ignore[misc]
    """Flower, whose page of queues connects to Redis by itself, to a server that it takes from a URL."""

    @property
    def broker_uri_with_password(self) -> str:
        """The broker's URL; behind sentinels, that of the present primary. Raises why none is known."""
        with self.capp.connection() as connection:
            primary = self.capp.conf.broker_transport_options.get("primary")
            url = str(connection.as_uri(include_password=True))
            return url if primary is None else _primary_url(url, finder(primary).find())


def _primary_url(url: str, place: Place) -> str:
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(scheme=TCP, netloc=f"{login}{at}{place}").geturl()


def _flower(app: Celery) -> Flower:
    """Flower with its pages, and with a receiver of events that does not give up."""
    events = PersistentEvents(
        app,
        db=options.db,
        persistent=options.persistent,
        state_save_interval=options.state_save_interval,
        enable_events=options.enable_events,
        io_loop=IOLoop.current(),
        max_workers_in_memory=options.max_workers,
        max_tasks_in_memory=options.max_tasks,
    )
    return _Flower(capp=app, events=events, options=options, **pages)


def _app(broker_url: str) -> Celery:
    """A Celery app as Flower needs it: connected to the broker, without tasks."""
    app = Celery("smsrelay", broker=broker_address(broker_url).kombu_url, set_as_current=False)
    app.conf.update(
        result_backend=None,
        task_queues=[broker_queue(name, broker_url) for name in QUEUES],  # Flower's broker page shows their lengths
        task_default_queue=QUEUES[0],
        **broker_settings(broker_url, _CONNECTIONS),
    )
    return app


def _exit(*_: Any) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
