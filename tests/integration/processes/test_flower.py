"""Flower as a process: who is let in, and what it logs."""

import base64
import json
from pathlib import Path

import requests

from tests.support.flower import flower
from tests.support.relay_process import clean_environment

LOGIN = "ops:a long password"
_MALFORMED = (
    b"",
    b"Basic",
    b"Basic x y",
    b"Basic %%%",
    b"Basic \xe4\xf6",
    b"Bearer abc",
    b"Basic " + base64.b64encode(b"ops"),
    b"Basic " + base64.b64encode(b"\xff\xfe"),
    b"Basic " + base64.b64encode("ops:pässword".encode()),
)


def test_a_login_in_whatever_shape_is_answered_401_and_logged_nowhere(valkey_url: str, tmp_path: Path) -> None:
    environment = clean_environment() | {"SMSRELAY_BROKER_URL": valkey_url, "SMSRELAY_FLOWER_AUTH": LOGIN}
    with flower(environment, tmp_path) as url:
        for path in ("/", "/workers", "/api/tasks"):
            answers = {header: _status(url + path, header) for header in _MALFORMED}
            assert answers == dict.fromkeys(_MALFORMED, 401), path
            assert _status(url + path, b"Basic " + base64.b64encode(LOGIN.encode())) == 200
    lines = (tmp_path / "flower.log").read_text("utf-8").splitlines()
    assert [line for line in lines if not isinstance(json.loads(line), dict)] == []
    assert [line for line in lines if json.loads(line)["level"] in {"error", "critical"}] == []


def _status(url: str, header: bytes) -> int:
    return requests.get(url, headers={"Authorization": header}, timeout=30).status_code
