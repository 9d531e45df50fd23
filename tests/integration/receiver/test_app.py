"""The receiver behind a real server: what each request is answered with, and what reaches the queue."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from structlog.testing import capture_logs

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from tests.support.served import BODY, DEADLINE, KEYS, LIMIT, NOW, NUMBER, PATH, TOKEN, Served, serve
from tests.support.waiting import eventually

MAC = PATH.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def running_unsigned() -> Iterator[Served]:
    with serve(unsigned=1_000_000) as served:
        yield served


@pytest.fixture
def open_receiver(running_unsigned: Served) -> Served:
    running_unsigned.keeper.clear()
    return running_unsigned


def test_a_callback_is_answered_with_200_once_its_event_is_kept(receiver: Served) -> None:
    answer = receiver.post()
    assert (answer.status_code, answer.text) == (200, "")
    assert receiver.keeper.events == [
        StatusEvent(
            message_id=TOKEN.message_id,
            attempt=2,
            external_id="e1",
            code="200",
            updated_on=NOW,
            received_at=NOW,
        )
    ]


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_body_is_a_bad_request(receiver: Served, body: bytes) -> None:
    assert receiver.post(body=body).status_code == 400
    assert (receiver.keeper.events, receiver.keeper.unread) == ([], [])


@pytest.mark.parametrize("body", [b"hello", b"[]", b'{"status":{}}', b"\xff" * 99, b"[" * LIMIT, b'{"a":' * 400])
def test_an_unreadable_body_is_kept_for_a_person_and_answered_200(receiver: Served, body: bytes) -> None:
    assert receiver.call("POST", PATH, data=body, headers={"Content-Type": "text/x"}).status_code == 200
    assert receiver.keeper.events == []
    [kept] = receiver.keeper.unread
    assert (kept.token, kept.received_at, kept.body, kept.content_type) == (TOKEN, NOW, body, "text/x")


def test_of_a_list_the_readable_reports_are_taken_and_the_whole_is_kept(receiver: Served) -> None:
    body = json.dumps([{"status": {"code": 203}}, {"status": {}}, {"status": {"code": 200}}]).encode()
    assert receiver.post(body=body).status_code == 200
    assert [event.code for event in receiver.keeper.events] == ["203", "200"]
    assert [kept.body for kept in receiver.keeper.unread] == [body]
    receiver.keeper.up = False
    assert receiver.post(body=body).status_code == 503


@pytest.mark.parametrize("body", [gzip.compress(BODY), zlib.compress(BODY)], ids=["gzip", "deflate"])
def test_a_compressed_body_is_read(receiver: Served, body: bytes) -> None:
    encoding = "gzip" if body.startswith(b"\x1f") else "deflate"
    assert receiver.call("POST", PATH, data=body, headers={"Content-Encoding": encoding}).status_code == 200
    assert [event.code for event in receiver.keeper.events] == ["200"]


def test_a_body_that_is_too_large_once_unpacked_is_refused(receiver: Served) -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < LIMIT
    assert receiver.call("POST", PATH, data=bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
    assert receiver.post(body=gzip.compress(BODY.ljust(LIMIT))).status_code == 200


def test_a_damaged_body_is_kept_as_it_came(receiver: Served) -> None:
    damaged = gzip.compress(BODY)[:-1]
    assert receiver.post(body=damaged).status_code == 200
    [kept] = receiver.keeper.unread
    assert (kept.body, kept.reason.partition(";")[0]) == (damaged, "truncated or corrupt gzip")


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(receiver: Served) -> None:
    assert receiver.post(body=BODY.ljust(LIMIT)).status_code == 200
    assert receiver.post(body=BODY.ljust(LIMIT + 1)).status_code == 413


def test_a_body_declared_too_large_is_refused_unread(receiver: Served) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nContent-Length: {LIMIT + 1}\r\n\r\n"
    assert receiver.send_raw(head.encode()).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_large_is_refused_before_it_ends(receiver: Served) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = f"{LIMIT + 1:x}\r\n".encode() + b" " * (LIMIT + 1) + b"\r\n"
    assert receiver.send_raw(head.encode() + chunk).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_read(receiver: Served) -> None:
    assert receiver.call("POST", PATH, data=iter([BODY[:9], BODY[9:]])).status_code == 200


def test_a_caller_that_hangs_up_half_way_enqueues_nothing_and_harms_nobody(receiver: Served) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with capture_logs() as logs:
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=DEADLINE) as connection:
            connection.sendall(head.encode() + BODY[:-1])
        eventually(lambda: any(entry["event"] == "callback.cut_off" for entry in logs), "the receiver notices")
    assert receiver.keeper.events == []
    assert receiver.post().status_code == 200


def test_while_nothing_keeps_it_the_vendor_is_asked_to_call_again(receiver: Served) -> None:
    receiver.keeper.up = False
    answer = receiver.post()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    receiver.keeper.up = True
    assert receiver.post().status_code == 200


def test_the_process_is_healthy_while_it_is_not_ready(receiver: Served) -> None:
    assert receiver.call("GET", "/readyz").status_code == 200
    receiver.keeper.up = False
    assert receiver.call("GET", "/readyz").status_code == 503
    assert receiver.call("GET", "/healthz").status_code == 200
    assert receiver.call("GET", "/sms/healthz").status_code == 200  # behind a proxy that keeps its prefix


def test_neither_answers_nor_logs_repeat_the_body_or_the_token(fresh: Served) -> None:
    forged = f"/callback/{NUMBER}/1/{MAC}"
    with capture_logs() as logs:
        answers = [
            fresh.post(),
            fresh.post(body=b'{"mobile":"' + NUMBER.encode()),
            fresh.post(body=json.dumps({"code": NUMBER}).encode()),
            fresh.post(body=NUMBER.encode() * 999),
            fresh.post(forged),
        ]
        fresh.keeper.up = False
        answers.append(fresh.post())
        eventually(lambda: any(entry["event"] == "callback.forged" for entry in logs), "the forged one is told")
    assert [answer.status_code for answer in answers] == [200, 200, 200, 413, 404, 503]
    assert len(logs) == len(answers) - 1
    said = repr(logs) + repr(fresh.keeper.unread) + repr([(answer.text, answer.headers) for answer in answers])
    assert NUMBER not in said
    assert MAC not in said


def test_what_is_wrong_is_logged_with_message_and_attempt(receiver: Served) -> None:
    with capture_logs() as logs:
        receiver.post(body=b'{"result": {"state": "DELIVRD", "13800138000": 1}}')
    [kept] = receiver.keeper.unread
    assert logs == [
        {
            "event": "callback.unreadable",
            "log_level": "warning",
            "reason": "no object with a status code",
            "shape": "{result: {state: text, ?: number}}",
            "reports": 0,
            "kept_id": kept.kept_id,
            "message_id": TOKEN.message_id,
            "attempt": 2,
        }
    ]


def test_reports_on_several_submits_are_kept_unless_the_vendors_ids_are_trusted(receiver: Served, open_receiver: Served) -> None:
    body = json.dumps([{"external_id": f"e{number}", "status": {"code": 200}} for number in range(2)]).encode()
    assert receiver.post(body=body).status_code == 200
    assert (len(receiver.keeper.events), len(receiver.keeper.unread)) == (0, 1)
    assert open_receiver.post(body=body).status_code == 200
    assert [(event.message_id, event.external_id) for event in open_receiver.keeper.events] == [(None, "e0"), (None, "e1")]


def test_an_unsigned_callback_is_taken_by_its_external_id_where_that_is_allowed(open_receiver: Served) -> None:
    assert open_receiver.post("/callback").status_code == 200
    assert open_receiver.post(PATH).status_code == 200
    assert open_receiver.post("/callback", b'{"code":200}').status_code == 400
    assert open_receiver.keeper.unread == []  # anybody could fill the store
    assert open_receiver.call("GET", "/callback").status_code == 405
    assert open_receiver.post("/sms/callback/").status_code == 200
    assert [(event.message_id, event.external_id) for event in open_receiver.keeper.events] == [
        (None, "e1"),
        (TOKEN.message_id, "e1"),
        (None, "e1"),
    ]


near_reports = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(NUMBER)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["code", "status", "updated_on", "external_id", "mobile", "data", "reports"]), st.just(NUMBER)
            ),
            inner,
        ),
    ),
    max_leaves=8,
).map(lambda fields: json.dumps(fields).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(st.binary(), st.binary(min_size=LIMIT, max_size=LIMIT + 9), near_reports),
    st.sampled_from(["", "gzip", "deflate", "br"]),
    st.booleans(),
)
def test_any_bytes_as_a_body_are_kept_or_refused_and_never_quoted(
    receiver: Served, body: bytes, encoding: str, packed: bool
) -> None:
    before = receiver.keeper.count
    with capture_logs() as logs:
        answer = receiver.call("POST", PATH, data=gzip.compress(body) if packed else body, headers={"Content-Encoding": encoding})
    assert answer.status_code in {200, 400, 413}
    assert (receiver.keeper.count > before) == (answer.status_code == 200)
    assert NUMBER not in repr(logs)


def test_callbacks_without_a_token_are_small_and_only_so_many_a_second() -> None:
    with serve(unsigned=3) as served:
        assert served.post("/callback", BODY + b" " * 4096).status_code == 413
        answers = [served.post("/callback").status_code for _ in range(60)]
        assert 429 in answers
        assert 200 in answers
        eventually(lambda: served.noted["too many unsigned"], "it is counted")
        assert served.post(PATH).status_code == 200, "a token is taken all the same"


def test_a_path_whose_time_is_over_is_answered_404_and_counted() -> None:
    hour = 3_600_000
    with serve() as served:
        ended = CallbackToken(TOKEN.message_id, 1, NOW // hour)
        lasting = CallbackToken.valid_until(TOKEN.message_id, 1, NOW)
        assert served.post(ended.path(KEYS)).status_code == 404
        assert served.post(lasting.path(KEYS)).status_code == 200
        eventually(lambda: served.noted["expired"] == 1, "it is counted")
