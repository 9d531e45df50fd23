"""Sends an SMS and records its status, as a plain Celery app: ``celery -A tests.bench.baseline.tasks worker -Q sms``.

``send_sms.delay(id, to, template, params)`` makes one POST to the vendor; it and ``apply_status.delay(…)`` keep the message's
state in a Redis hash. ``tell_app.delay(id, event)`` makes one signed POST to the app that sent the message. Celery retries a
request that fails. Every setting that makes this faster than Celery's defaults has a comment; where the defaults are as fast,
they are left alone.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from typing import Any

import redis
import requests
from celery import Celery
from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from kombu import Exchange, Queue
from requests.adapters import HTTPAdapter

REDIS_URL = os.environ["BASELINE_REDIS_URL"]
VENDOR_URL = os.environ["BASELINE_VENDOR_URL"] + "/comms/sms/sendmsg"
CALLBACK_URL = os.environ["BASELINE_CALLBACK_URL"]
WEBHOOK_URL = os.environ["BASELINE_WEBHOOK_URL"]
WEBHOOK_KEY = b"benchmark-webhook-key-0123456789"
CONCURRENCY = int(os.environ["BASELINE_CONCURRENCY"])

log = get_task_logger(__name__)

app = Celery("baseline", broker=REDIS_URL)
app.conf.update(
    task_acks_late=True,  # a killed worker's task runs again
    task_ignore_result=True,  # no result backend: nobody reads results
    worker_prefetch_multiplier=4,  # not 1: with late acks, gevent all but stops; 2, 4 and 8 measured alike
    worker_send_task_events=False,  # events cost a third of the throughput
    broker_pool_limit=CONCURRENCY,  # publishing greenlets do not wait for each other's connection
    broker_transport_options={
        "visibility_timeout": 120,
        "max_connections": CONCURRENCY + 100,  # with the default of 10, acks fail under load
        "socket_keepalive": True,
    },
    broker_connection_retry_on_startup=True,
    # The default exchange of AMQP: a named one costs kombu a look at its bindings for every publish.
    task_queues=[Queue(name, Exchange(""), routing_key=name) for name in ("sms", "status", "tell")],
    task_default_queue="sms",
    task_default_exchange="",
    task_default_routing_key="sms",
    task_routes={"status": {"queue": "status"}, "tell": {"queue": "tell"}},  # delivery reports do not wait behind a campaign
)

# One session per process, with a connection for every thread or greenlet: no handshake per message.
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=CONCURRENCY))
session.trust_env = False  # else requests looks for proxies and .netrc at every call
session.headers["Authorization"] = "APPCODE " + "x" * 32

# One pool per process; a thread waits for a free connection instead of opening another.
states = redis.Redis.from_pool(redis.BlockingConnectionPool.from_url(REDIS_URL, max_connections=CONCURRENCY, timeout=20))


@app.task(
    name="send",
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    max_retries=5,
)
def send_sms(message_id: str, to: str, template: str, params: list[str]) -> None:
    """Submit one SMS, and write its state before and after."""
    states.hset(f"sms:{message_id}", mapping={"state": "sending", "to": to, "template": template})
    answer = session.post(
        VENDOR_URL,
        data={
            "mobile": to,
            "templateID": template,
            "templateParamSet": ", ".join(params),
            "callbackUrl": f"{CALLBACK_URL}/callback/{message_id}",
        },
        timeout=(10, 20),
    )
    answer.raise_for_status()
    body = answer.json()
    state = "submitted" if body["code"] == "0000" else "failed"
    states.hset(f"sms:{message_id}", mapping={"state": state, "code": body["code"], "external_id": body["externalId"]})


@app.task(name="status")
def apply_status(message_id: str, code: str, updated_on: str | None, external_id: str | None) -> None:
    """Record what the vendor reported."""
    state = "delivered" if code == "200" else "failed"
    states.hset(f"sms:{message_id}", mapping={"state": state, "code": code, "updated_on": updated_on or ""})


@app.task(
    name="tell",
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    max_retries=5,
)
def tell_app(event_id: str, event: dict[str, Any]) -> None:
    """Post one outcome to the app, signed by Standard Webhooks."""
    body, stamp = json.dumps(event).encode(), str(int(time.time()))
    digest = hmac.digest(WEBHOOK_KEY, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": event_id, "webhook-timestamp": stamp, "webhook-signature": signature}
    answer = session.post(WEBHOOK_URL, data=body, headers=headers | {"Content-Type": "application/json"}, timeout=15)
    answer.raise_for_status()


@worker_ready.connect
def _say_ready(**_: Any) -> None:
    log.warning("worker is ready")
