"""The workers of all sinks that the apps file names. Nothing connects before its first delivery."""

from collections.abc import Mapping
from functools import cache

from smsrelay.messages.sinks import CELERY, WEBHOOK, sink_name
from smsrelay.servers.store_address import StoreAddress
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.outcomes import schedule
from smsrelay_worker.outcomes.celery_sink import CeleryQueue, queue_publisher
from smsrelay_worker.outcomes.http_pool import tls_context
from smsrelay_worker.outcomes.sink_worker import SinkWorker
from smsrelay_worker.outcomes.webhook import Webhook
from smsrelay_worker.traces.message_traces import MessageTraces


def sink_workers(
    apps: Apps, broker_url: str, store: StoreAddress, traces: MessageTraces | None = None
) -> Mapping[str, SinkWorker]:
    """A worker for each sink, by its name; ``broker_url`` is for Celery sinks without a broker of their own."""
    tls = cache(tls_context)  # reading the authorities takes a while, and one context serves all
    workers = {}
    for app in apps.values():
        if app.webhook is not None:
            hook = app.webhook
            client = Webhook(hook.url, hook.secrets, private=hook.private, tls=tls())
            workers[sink_name(app.name, WEBHOOK)] = SinkWorker(client, schedule.of(hook.retries, schedule.WEBHOOK), traces=traces)
        if app.celery is not None:
            queue = CeleryQueue(queue_publisher(app.celery.broker or broker_url, store), app.celery.queue, app.celery.task)
            retries = schedule.of(app.celery.retries, schedule.CELERY)
            workers[sink_name(app.name, CELERY)] = SinkWorker(queue, retries, traces=traces)
    return workers
