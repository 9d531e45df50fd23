"""The demo's app: told only what is signed with its secret, and only as its part of the apps file says."""

import requests

from smsrelay.broker.publisher import Publisher
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.state import State
from smsrelay_worker.apps.model import WebhookSink
from smsrelay_worker.apps.toml_file import parse_apps
from smsrelay_worker.local.demo_app import NAME, QUEUE, TASK, DemoApp
from smsrelay_worker.outcomes.signature import signed_headers
from tests.support.waiting import eventually


def test_its_sinks_are_told_each_end_of_a_message_once() -> None:
    app = parse_apps(DemoApp().table, "apps.toml")[NAME]
    assert set(app.sinks) == {state for state in State if state.final}


def test_a_signed_webhook_is_taken_and_any_other_refused(valkey_url: str) -> None:
    app = DemoApp()
    hook = parse_apps(app.table, "apps.toml")[NAME].webhook
    assert isinstance(hook, WebhookSink)
    body = b'{"type": "message.delivered"}'
    headers = signed_headers(hook.secrets, "msg_1_2", 1, body)
    with app.listening(valkey_url):
        assert requests.post(hook.url, body, headers=headers, timeout=5).status_code == 200
        assert requests.post(hook.url, body + b" ", headers=headers, timeout=5).status_code == 401
        assert requests.post(hook.url, body, timeout=5).status_code == 401
    assert app.by_webhook == [{"type": "message.delivered"}]
    assert app.refused == 2


def test_a_task_in_its_queue_is_read(valkey_url: str) -> None:
    app = DemoApp()
    publisher = Publisher(valkey_url, 1, own_queues=False)
    with app.listening(valkey_url):
        publisher.publish_many([TaskMessage(TASK, QUEUE, {}, "()", "msg_1_2", '[{"type": "message.failed"}]')])
        eventually(lambda: app.by_celery)
    publisher.close()
    assert app.by_celery == [{"type": "message.failed"}]
