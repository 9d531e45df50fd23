"""The vendor's callback as a Flask route: ``gunicorn -k gevent -w 1 tests.bench.baseline.web:web``.

Takes a status report, queues a task, then answers 200. When the broker is down it answers 500, and the vendor may call again.
"""

from flask import Flask, request

from tests.bench.baseline.tasks import apply_status

web = Flask(__name__)


@web.post("/callback/<message_id>")
def callback(message_id: str) -> tuple[str, int]:
    """One report."""
    report = request.get_json()
    status = report["status"]
    apply_status.delay(message_id, str(status["code"]), status.get("updated_on"), report.get("external_id"))
    return "", 200
