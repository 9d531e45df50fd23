"""docs/apps.md: every block of Python runs as it stands and prints what the page shows; the FastAPI recipe works.

Blocks that are parts of an example run with it (tests/acceptance/test_examples.py).

Strict type checkers read the same blocks in tests/integration/contract/test_types.py.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.local.stack import free_port
from tests.support.pages import blocks, from_examples, text_of
from tests.support.relay_process import clean_environment
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

PAGE = "docs/apps.md"
WHOLE = [block for block in blocks(PAGE, "python") if not from_examples(block)]
PROGRAMS = [block for block in WHOLE if "FastAPI" not in block]
[RECIPE] = [block for block in WHOLE if "FastAPI" in block]
SHOWN = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", text_of(PAGE), re.MULTILINE | re.DOTALL)
GIVEN = {"to": "13912345678", "template": "0000000", "params": ["1"], "lane": "otp", "reference": "r"}
UUID = re.compile(r"(?<=^accepted) [0-9a-f-]{36}", re.MULTILINE)


def environment(url: str) -> dict[str, str]:
    named = {"STORE_URL": url, "BROKER_URL": url, "NUMBER_KEYS": "0123456789abcdef", "ENQUEUE_TIMEOUT": "1"}
    return clean_environment() | {f"SMSRELAY_{name}": value for name, value in named.items()}


def test_every_program_of_the_page_shows_what_it_prints() -> None:
    assert [code for code, _ in SHOWN] == PROGRAMS


@pytest.mark.parametrize(("code", "shown"), SHOWN)
def test_a_program_of_the_page_prints_what_it_shows(
    code: str, shown: str, redis: StoreRedis, valkey_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment(valkey_url), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert UUID.sub("", ended.stdout) == shown
    recorded = redis.zcard(KEYS.agenda)
    assert recorded == sum(redis.zcard(KEYS.outbox(lane)) for lane in Lane) > 0


def test_the_page_shows_parts_of_the_examples() -> None:
    assert len([block for block in blocks(PAGE, "python") if from_examples(block)]) == 3


@pytest.fixture
def api(valkey_url: str, tmp_path: Path) -> Iterator[str]:
    """The app of the recipe, served, with one more endpoint: a job that a validator of a body model makes."""
    (tmp_path / "api.py").write_text(RECIPE + VALIDATED, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--port", str(port), "api:app"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(valkey_url)) as server:
        try:
            eventually(lambda: _answers(f"http://127.0.0.1:{port}/openapi.json"), "the app answers")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


VALIDATED = """

from pydantic import field_validator


class Wrapped(BaseModel):
    job: SendJob
    phone: str

    @field_validator("phone")
    @classmethod
    def _textable(cls, phone: str) -> str:
        return SendJob(to=phone, template="0000000").to


@app.post("/wrapped")
def wrapped(body: Wrapped) -> str:
    return body.phone
"""


def test_a_job_in_the_body_is_accepted(api: str, redis: StoreRedis) -> None:
    answer = requests.post(f"{api}/messages", json=GIVEN, timeout=10)
    assert answer.status_code == 202
    assert redis.exists(KEYS.message(answer.json()["message_id"])) == 1


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("messages", GIVEN | {"to": "+49"}, "to"),
        ("messages", GIVEN | {"params": ["a,b"]}, "params.0"),
        ("messages", GIVEN | {"lane": None}, "lane"),
        ("codes", {"id": 1, "phone": "+49"}, "to"),
        ("wrapped", {"job": GIVEN, "phone": "+49"}, "to"),
        ("wrapped", {"job": GIVEN | {"template": ""}, "phone": "13912345678"}, "template"),
    ],
)
def test_a_rejection_is_a_422_wherever_it_is_raised(api: str, path: str, body: dict[str, object], field: str) -> None:
    answer = requests.post(f"{api}/{path}", json=body, timeout=10)
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["loc"] == ["body", field]
    assert "+49" not in answer.text


def test_a_taken_reference_is_a_409(api: str) -> None:
    requests.post(f"{api}/messages", json=GIVEN, timeout=10)
    answer = requests.post(f"{api}/messages", json=GIVEN | {"params": ["2"]}, timeout=10)
    assert answer.status_code == 409


def test_a_store_that_does_not_serve_is_a_503(api: str, redis: StoreRedis) -> None:
    redis.config_set("maxmemory", 1)
    try:
        answer = requests.post(f"{api}/messages", json=GIVEN, timeout=10)
    finally:
        redis.config_set("maxmemory", 0)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False
