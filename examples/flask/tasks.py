"""The Celery task to which the relay hands the outcomes of this app's SMS."""

import os
from typing import Any

import orders
from celery import Celery

celery = Celery("tasks", broker=os.environ["SMSRELAY_BROKER_URL"])


@celery.task(name="tasks.sms_outcome", ignore_result=True)
def sms_outcome(event: dict[str, Any]) -> None:
    outcome = event["data"]
    if "id" in outcome:  # without one it is an operator's `smsrelay webhook test`
        orders.settle(outcome["id"], outcome["state"], outcome["code"], outcome["revision"])
