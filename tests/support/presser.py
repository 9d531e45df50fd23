"""A process that presses an app's button when told to: ``python -m tests.support.presser HOW APP NUMBER REFERENCE``.

HOW is ``library``, or ``celery`` for an app without it. Prints ``ready`` once it is connected; then, for a line of standard
input, asks for one code, and prints as JSON what the app was told. Settings come from the environment.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from celery import Celery

from smsrelay import Enqueuer, Lane, ProducerSettings, SendJob, TooMany
from tests.support.relay_process import TEMPLATE

FOREIGN_EXPIRES_IN = 15  # seconds; a code that nobody refused waits so long


def by_library(app: str, number: str, reference: str) -> Callable[[], dict[str, Any]]:
    enqueuer = Enqueuer.connect(ProducerSettings())
    enqueuer.find(app, reference)  # connects
    job = SendJob(to=number, template=TEMPLATE, params=["394021"], lane=Lane.OTP, app=app, reference=reference)

    def press() -> dict[str, Any]:
        try:
            return {"accepted": enqueuer.enqueue(job).message_id}
        except TooMany as refused:
            return {"cap": refused.cap, "retry_after": refused.retry_after}

    return press


def by_celery(app: str, number: str, reference: str) -> Callable[[], dict[str, Any]]:
    shop = Celery(broker=os.environ["SMSRELAY_BROKER_URL"])
    shop.connection_for_write().ensure_connection()
    job = {"to": number, "template": TEMPLATE, "params": ["394021"], "lane": "otp", "app": app, "reference": reference}

    def press() -> dict[str, Any]:
        shop.send_task("sms.send", args=[job | {"expires_in": FOREIGN_EXPIRES_IN}], queue="sms.otp")
        return {}

    return press


def main() -> None:
    """Wait for the line, press, tell."""
    press = {"library": by_library, "celery": by_celery}[sys.argv[1]](*sys.argv[2:])
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(press()), flush=True)


if __name__ == "__main__":
    main()
