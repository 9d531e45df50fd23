"""What the API serves to anybody, how it answers what is no request of its own, and what it logs."""

import json
import re
import socket

import pytest
import requests

from smsrelay_worker.api.docs_page import CONTENT_SECURITY_POLICY
from smsrelay_worker.api.openapi import openapi
from tests.integration.api.conftest import environment
from tests.support.api_process import Api, a_job, running_api
from tests.support.waiting import eventually


def test_health_document_and_page_need_no_key(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        answer = api.get(path)
        assert answer.status_code == 200
        assert requests.head(api.url + path, timeout=10).headers["Content-Length"] == answer.headers["Content-Length"]
    assert api.get("/openapi.json").json() == openapi()


def test_the_page_loads_nothing_and_runs_nothing(api: Api) -> None:
    page = api.get("/docs")
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "<script" not in page.text
    assert re.findall(r'(?:src|href)="([^"#][^"]*)"', page.text) == ["/openapi.json"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/messages/", "/v2/messages", "/v1/messages/x/y", "/v1/messages//timeline"])
def test_an_unknown_path_is_a_problem(api: Api, key: str, path: str) -> None:
    answer = api.get(path, key)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json() == {
        "type": "/docs#not_found",
        "title": "There is no such resource, or it is another app's.",
        "status": 404,
        "code": "not_found",
    }


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/messages", "GET, HEAD, POST"),
        ("/v1/messages/018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", "DELETE, GET, HEAD"),
        ("/healthz", "GET, HEAD"),
    ],
)
def test_another_method_is_answered_with_those_there_are(api: Api, key: str, path: str, allow: str) -> None:
    answer = requests.put(api.url + path, timeout=10)
    assert (answer.status_code, answer.headers["Allow"], answer.json()["code"]) == (405, allow, "method_not_allowed")


def test_a_caller_that_closes_its_side_after_the_request_is_answered_and_leaves_no_line(api: Api, key: str) -> None:
    port = int(api.url.rpartition(":")[2])
    for path, status in (("/healthz", b"200"), ("/v1/status", b"200"), ("/nothing", b"404")):
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as caller, caller.makefile("rb") as answer:
            caller.sendall(head)
            caller.shutdown(socket.SHUT_WR)
            assert answer.read().split()[1] == status
    assert [line for line in api.logged if line["level"] == "error"] == []


def test_no_answer_is_cached_or_sniffed(api: Api, key: str) -> None:
    for answer in (api.get("/v1/status", key), api.get("/nothing")):
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
        assert "Server" not in answer.headers


def test_the_log_counts_refusals_and_holds_nothing_of_a_request(api: Api, key: str) -> None:
    job = a_job(reference="reference-4711", params=["secret"], more="x")
    for _ in range(5):
        api.post("/v1/messages", key, job)
    api.get("/v1/messages?reference=reference-4711", key)
    eventually(lambda: [line for line in api.logged if line["event"] == "api.refused" and line["code"] == "invalid"], "a line")
    [line] = [line for line in api.logged if line["event"] == "api.refused" and line["code"] == "invalid"]
    assert (line["status"], line["key"], line["count"]) == (422, key.split("_")[2], 5)
    text = json.dumps(api.logged)
    assert not [value for value in (job["to"], "reference-4711", "secret", key, key[-32:]) if value in text]


def test_without_a_store_every_request_is_to_be_repeated(closed_port: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("away")
    nowhere = environment(f"redis://127.0.0.1:{closed_port}/0", SMSRELAY_ENQUEUE_TIMEOUT="2")
    with running_api(nowhere, folder / "api.log") as api:
        assert api.get("/healthz").status_code == 200
        key = "sms_live_aaaaaaaa_" + "a" * 32
        for answer in (api.get("/readyz"), api.post("/v1/messages", key, a_job()), api.get("/v1/status", key)):
            assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
