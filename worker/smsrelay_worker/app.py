"""The composition root and the Celery app: ``celery -A smsrelay_worker.app worker``. The only module whose import has effects.

The import reads the environment, wires the relay and registers the tasks. Raises ``SettingsError`` for wrong settings and
``PolicyError``, ``LimitsError`` or ``AppsError`` for a wrong file; each lists every problem.
"""

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_shutdown, worker_shutting_down

from smsrelay import logs
from smsrelay.broker.queues import QUEUES, broker_queue
from smsrelay.broker.redis_transport import use_for_every_connection
from smsrelay.servers.broker_address import broker_address
from smsrelay_worker.consumer.bootsteps import (
    HaltWorkStep,
    OutcomeStep,
    PublishLimitsStep,
    PublishSinksStep,
    SchedulerStep,
    WorkerRegistryStep,
)
from smsrelay_worker.consumer.broker_settings import broker_settings
from smsrelay_worker.foreign_variables import remove_foreign_variables
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.tasks import Tasks
from smsrelay_worker.unknown_settings import unknown_settings
from smsrelay_worker.wiring import Relay

remove_foreign_variables(os.environ)  # `smsrelay worker` has done it already, `celery -A smsrelay_worker.app …` has not
settings = WorkerSettings()


def _logs(**_: Any) -> None:
    logs.set_up()
    if unknown := unknown_settings():
        structlog.get_logger().warning("unknown settings are not read", names=unknown)


def _stop(**_: Any) -> None:
    app.relay.sender.stop()


def _export_traces(**_: Any) -> None:
    if app.relay.traces is not None:
        app.relay.traces.close()


setup_logging.connect(_logs, weak=False)  # replaces Celery's logging

use_for_every_connection()

app = Celery("smsrelay", broker=broker_address(settings.broker_url).kombu_url, set_as_current=False)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    timezone="UTC",
    enable_utc=True,
    result_backend=None,
    result_backend_thread_safe=True,  # there is none; otherwise each thread would search all installed packages for it
    task_ignore_result=True,
    task_queues=[broker_queue(name, settings.broker_url) for name in QUEUES],
    task_default_queue=QUEUES[0],
    task_create_missing_queues=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_consumer="smsrelay_worker.consumer.consumer:DeadLetteringConsumer",
    worker_pool="threads",  # these are greenlets: `smsrelay worker` starts with gevent's patches
    worker_concurrency=settings.concurrency,
    worker_soft_shutdown_timeout=15,
    worker_enable_soft_shutdown_on_idle=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    **broker_settings(settings.broker_url, settings.concurrency),
)
app.relay = Relay.wire(settings)
app.steps["worker"].update((SchedulerStep, HaltWorkStep, OutcomeStep, WorkerRegistryStep, PublishSinksStep, PublishLimitsStep))
worker_shutting_down.connect(_stop, weak=False)  # what has not begun goes to other workers
worker_shutdown.connect(_export_traces, weak=False)  # once nothing is under way any more
Tasks(app.relay).register(app)
