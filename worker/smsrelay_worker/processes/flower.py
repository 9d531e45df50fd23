"""Flower's process: ``python -m smsrelay_worker.processes.flower``, which is what ``smsrelay flower`` becomes.

It bypasses the command lines of Celery and Flower, because these read options from the environment and from a ``celeryconfig.py``
or ``flowerconfig.py`` in the working folder. Arguments are Flower's options.
"""

import atexit
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

from celery import Celery
from flower.app import Flower
from flower.urls import settings as pages
from tornado.options import options

from smsrelay import logs
from smsrelay.broker.queues import QUEUES, broker_queue
from smsrelay.cli.errors import cli_errors
from smsrelay.servers.broker_address import broker_address
from smsrelay_worker.consumer.broker_settings import broker_settings
from smsrelay_worker.settings import FlowerSettings

_CONNECTIONS = 8


def main(arguments: Sequence[str]) -> None:
    """Serve Flower's pages until SIGTERM or SIGINT."""
    with cli_errors():
        settings = FlowerSettings()
    options.parse_command_line(["flower", "--logging=none", *arguments])
    options.basic_auth = [settings.flower_auth.get_secret_value()]
    logs.set_up()
    logging.getLogger("tornado.access").setLevel("ERROR")  # Flower's own level: a log line for every request is of no use
    flower = Flower(capp=_app(settings.broker_url), options=options, **pages)
    atexit.register(flower.stop)
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    flower.start_http_server()
    flower.start()


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
