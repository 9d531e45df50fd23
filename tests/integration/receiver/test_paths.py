"""Which paths the receiver takes for its own, whatever a proxy makes of them, and how it tells of the others."""

from collections import Counter

import pytest
from structlog.testing import capture_logs

from smsrelay.contract.callback_token import PROBE, PROBE_ANSWER, CallbackToken
from smsrelay.contract.key_ring import KeyRing
from tests.support.served import KEYS, NUMBER, PATH, TOKEN, Served
from tests.support.waiting import eventually

MAC = PATH.rsplit("/", 1)[1]


@pytest.mark.parametrize(
    "path",
    [
        PATH[:-1] + ("A" if PATH[-1] != "A" else "B"),
        PATH.replace("/2/", "/3/"),
        PATH.replace("/2/", "/two/"),
        PATH.replace("/2/", "/02/"),
        PATH.replace("018f", "118f"),
        CallbackToken(TOKEN.message_id, 2).path(KeyRing(b"another key 4711")),
        f"/callback/{TOKEN.message_id}/2/%FF%00",
        f"/callback/a%3A1/2/{MAC}",
        f"/callback/{TOKEN.message_id}/2",
        PATH + "/more",
        PATH.replace("/2/", "/%252F2/"),
        PATH.lower(),
        "/callback",
        "/callback/",
        "/",
    ],
)
def test_a_path_we_did_not_write_is_not_found(receiver: Served, path: str) -> None:
    assert receiver.post(path).status_code == 404
    assert receiver.keeper.events == []


@pytest.mark.parametrize(
    "path",
    [
        PATH + "/",
        PATH + "//",
        "/" + PATH,
        PATH.replace("/callback/", "/callback//"),
        PATH.replace("/2/", "//2///"),
        PATH.replace("/2/", "/2%2F"),
        PATH.replace("/2/", "%2f2%2f"),
        PATH.replace("018f", "%30%318f"),
        PATH.replace("callback", "%63allback"),
        "/sms" + PATH,  # the proxy keeps its prefix
        "/a/b/c" + PATH + "/",
        "/sms/callback" + PATH,
        PATH.removeprefix("/callback"),  # it strips too much
        PATH + "?from=proxy",
    ],
)
def test_whatever_a_proxy_makes_of_a_path_the_proof_decides(receiver: Served, path: str) -> None:
    assert receiver.post(path).status_code == 200
    [event] = receiver.keeper.events
    assert (event.message_id, event.attempt) == (TOKEN.message_id, TOKEN.attempt)


def test_a_path_longer_than_any_of_ours_is_not_found(receiver: Served) -> None:
    assert receiver.post("/sms" * 1000 + PATH).status_code == 200
    assert receiver.post("/sms" * 1100 + PATH).status_code == 404
    assert receiver.post("/" * 60_000).status_code == 404


def test_on_the_path_of_the_doctor_it_says_who_it_is_and_takes_nothing(receiver: Served) -> None:
    answer = receiver.post(PROBE.path(KEYS))
    assert (answer.status_code, answer.content) == (200, PROBE_ANSWER)
    assert (receiver.keeper.events, receiver.keeper.unread) == ([], [])
    assert receiver.post(PROBE.path(KeyRing(b"another key 4711"))).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_a_callback_path_takes_nothing_but_post(receiver: Served, method: str) -> None:
    assert receiver.call(method, PATH).status_code == 405


def test_posts_that_are_not_found_are_counted_in_a_line_now_and_then(fresh: Served) -> None:
    paths = ["/wp-login.php", f"/sms/callback/{NUMBER}/x", f"/{NUMBER}", PATH[:-1] + "~", PATH.replace("/2/", "/3/")]
    with capture_logs() as logs:
        for path in paths * 20:
            assert fresh.post(path).status_code == 404
        assert fresh.call("GET", PATH).status_code == 405
        eventually(lambda: sum(entry["count"] for entry in logs) == 101, "all are told")
    assert len(logs) < 40
    told = Counter[str]()
    for entry in logs:
        told[entry.get("reason", entry["event"])] += entry["count"]
    assert told == {"strange path": 40, "changed path": 40, "callback.forged": 20, "not a POST": 1}
    assert {entry["callback_at"] for entry in logs if entry.get("reason") == "changed path"} <= {0, 1}
    assert NUMBER not in repr(logs)
    assert fresh.noted == told - Counter({"callback.forged": 20}) + Counter({"wrong proof": 20})
