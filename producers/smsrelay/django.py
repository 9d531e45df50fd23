"""Enqueuing from Django: an SMS that goes out if, and only if, the database transaction is committed.

    from smsrelay.django import enqueue_on_commit

    with transaction.atomic():
        order = Order.objects.create(...)
        order.sms_id = enqueue_on_commit(SendJob(to=..., template=..., lane="notice", reference=f"order-{order.pk}"))
        order.save()

Settings come from the environment, as for every app. Needs Django 4.2 or newer, which smsrelay does not install.
"""

import logging
import os
import time
from functools import lru_cache, partial

from django.db import transaction

from smsrelay.contract.job import SendJob
from smsrelay.contract.message import referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.enqueue import Enqueuer
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreUnavailable

log = logging.getLogger(__name__)


def enqueue_on_commit(job: SendJob, using: str | None = None) -> str:
    """Enqueue a job once the current transaction is committed; returns the message's id, which is known before that.

    The id follows from app and reference, so the job must have a reference: ``ValueError`` otherwise. ``using`` names the
    database, as in ``transaction.on_commit``. Raises ``Rejection`` at once for what is wrong with the job.

    After the commit nothing is raised, since it is too late to roll back: when the store does not answer, or the reference stands
    for another SMS, an error with the message's id is logged. Enqueue such a job again later, by its reference (docs/apps.md).

    Outside a transaction the job is enqueued at once, and what ``Enqueuer.enqueue`` raises is raised.
    """
    if job.reference is None:
        raise ValueError("enqueue_on_commit needs a job with a reference: the id that it returns follows from app and reference")
    enqueuer = _enqueuer(os.getpid())
    if not transaction.get_connection(using).in_atomic_block:
        return enqueuer.enqueue(job).message_id
    enqueuer.acceptance.message(job, time.time_ns() // 1_000_000)  # by this host's clock, which is right enough to be told early
    message_id = referenced_id(job.app, job.reference)
    transaction.on_commit(partial(_enqueue, job, message_id), using=using, robust=True)
    return message_id


def _enqueue(job: SendJob, message_id: str) -> None:
    try:
        _enqueuer(os.getpid()).enqueue(job)
    except (Rejection, StoreUnavailable) as error:
        log.error("not enqueued after the commit: message %s: %s", message_id, error)


@lru_cache(1)
def _enqueuer(_process: int) -> Enqueuer:
    """This process's own; a forked child must not talk over its parent's sockets."""
    return Enqueuer.connect(ProducerSettings())
