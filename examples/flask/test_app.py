"""The app's tests: no relay, no Redis. ``smsrelay_outbox`` comes with smsrelay."""

from pathlib import Path

import pytest
from app import app
from flask.testing import FlaskClient

from smsrelay.testing import SmsOutbox


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("DATABASE", str(tmp_path / "orders.sqlite3"))
    return app.test_client()


def test_an_order_sends_one_sms(client: FlaskClient, smsrelay_outbox: SmsOutbox) -> None:
    for _ in range(2):  # the shop's page posts again when it had no answer
        assert client.post("/orders", json={"number": 4711, "phone": "13912345678"}).status_code == 202
    [job] = smsrelay_outbox.jobs
    assert (job.to, job.params, job.reference) == ("+8613912345678", ("4711",), "order-4711")


def test_a_wrong_number_is_a_422(client: FlaskClient, smsrelay_outbox: SmsOutbox) -> None:
    assert client.post("/orders", json={"number": 1, "phone": "1391234567"}).status_code == 422
    assert smsrelay_outbox.jobs == []


def test_an_outage_is_a_503(client: FlaskClient, smsrelay_outbox: SmsOutbox) -> None:
    smsrelay_outbox.unavailable = True
    assert client.post("/orders", json={"number": 1, "phone": "13912345678"}).status_code == 503


def test_an_sms_is_cancelled_until_a_worker_has_begun_it(client: FlaskClient, smsrelay_outbox: SmsOutbox) -> None:
    for number in (1, 2):
        client.post("/orders", json={"number": number, "phone": "13912345678"})
    assert client.delete("/orders/1/sms").status_code == 200
    smsrelay_outbox.settle(client.get("/orders/2").get_json()["sms"], "submitted")
    assert client.delete("/orders/2/sms").status_code == 409
