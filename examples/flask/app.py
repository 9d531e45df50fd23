"""A Flask app that texts customers about their orders. What became of each SMS comes through Celery (tasks.py).

pip install smsrelay flask celery
flask --app app run --port 8003
celery --app tasks worker --queues flask-example.sms
"""

from functools import cache
from typing import Any

import orders
from flask import Flask, request

from smsrelay import Enqueuer, ProducerSettings, ReferenceTaken, Rejection, SendJob, StoreUnavailable, TooLate

APP = "flask-example"

app = Flask(__name__)


@cache
def enqueuer() -> Enqueuer:
    """This process's own, made at its first use: a server that forks must not hand one to its children."""
    return Enqueuer.connect(ProducerSettings())


@app.post("/orders")
def create_order() -> tuple[dict[str, Any], int]:
    body = request.get_json()
    job = SendJob(
        to=body["phone"],
        template="0000000",
        params=[str(body["number"])],
        lane="notice",
        app=APP,
        reference=f"order-{body['number']}",
    )
    accepted = enqueuer().enqueue(job)
    orders.add(body["number"], accepted.message_id)
    return {"sms": accepted.message_id}, 202


@app.get("/orders/<int:number>")
def show_order(number: int) -> tuple[dict[str, Any], int]:
    order = orders.find(number)
    return (order, 200) if order else ({"error": "no such order"}, 404)


@app.delete("/orders/<int:number>/sms")
def cancel_sms(number: int) -> tuple[dict[str, Any], int]:
    status = enqueuer().find(APP, f"order-{number}")
    cancelled = enqueuer().cancel(status.id) if status else None
    return ({"state": cancelled.state}, 200) if cancelled else ({"error": "no such SMS"}, 404)


@app.errorhandler(Rejection)
def rejected(rejection: Rejection) -> tuple[dict[str, Any], int]:
    problems = [{"field": problem.field, "reason": problem.reason} for problem in rejection.problems]
    return {"errors": problems}, 409 if isinstance(rejection, ReferenceTaken) else 422


@app.errorhandler(TooLate)
def too_late(error: TooLate) -> tuple[dict[str, Any], int]:
    return {"error": str(error)}, 409


@app.errorhandler(StoreUnavailable)
def unavailable(error: StoreUnavailable) -> tuple[dict[str, Any], int, dict[str, str]]:
    return {"error": "try again"}, 503, {"Retry-After": "5"}
