"""The console's pages over a real store: what they show, in both languages, and what they keep to themselves."""

import re
from collections.abc import Iterator

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.receiver_registry import ReceiverProcess, ReceiverRegistry
from smsrelay.store.records import Records
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.console_process import PASSWORD, Console, Visitor
from tests.support.messages import answer, begin, changed, job
from tests.support.queues import published_ids
from tests.support.waiting import eventually

NUMBER = "+8613800138000"  # that of ``job``
MASKED = "+86138****8000"


def refused(store: Records, door: Enqueuer, lane: Lane = Lane.NOTICE, code: str = "i005", **fields: object) -> str:
    message_id = door.enqueue(job(lane, **fields)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, code))
    return message_id


def state(store: Records, message_id: str) -> State:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.state


@pytest.mark.parametrize(("language", "words"), [("en", ["Now", "Dead", "Doctor"]), ("zh-CN,en;q=0.5", ["现状", "死信", "诊断"])])
def test_every_page_speaks_both_languages(
    read_only_console: Console, store: Records, door: Enqueuer, language: str, words: list[str]
) -> None:
    failed = refused(store, door)
    operator = read_only_console.operator(language)
    for path in ("/", "/find", f"/message/{failed}", "/dead", "/dead?code=nothing", "/dead?state=expired", "/doctor", "/nothing"):
        page = operator.get(path)
        assert page.status_code in {200, 404}, (path, page.text)
        assert all(f">{word}</a>" in page.text for word in words)
        assert page.text.count("<h1") == 1
    for form in ({"wanted": "13800138000"}, {"wanted": "no-such-reference"}):
        assert operator.post("/find", form).status_code == 200
    assert operator.post("/dead/dry-run", {"all": "1"}).status_code == 200


def test_a_language_that_was_chosen_stays(reader: Visitor) -> None:
    chosen = reader.post("/language", {"language": "zh", "next": "/dead"})
    assert chosen.headers["location"] == "/dead"
    assert 'lang="zh-CN"' in reader.follow(chosen).text
    assert "死信" in reader.get("/doctor").text
    assert reader.post("/language", {"language": "fr"}).status_code == 400


def test_now_says_what_holds_messages_back_and_what_to_do(reader: Visitor, redis: StoreRedis, door: Enqueuer) -> None:
    door.enqueue(job(Lane.OTP))
    page = eventually(lambda: _holding(reader.get("/").text, "now.no_worker"), "it says that no worker takes messages")
    assert "smsrelay worker" in page
    row = re.compile(r'<tr data-lane="otp">.*?</tr>', re.DOTALL)
    eventually(lambda: ">1<" in row.findall(reader.get("/").text)[0], "it counts the code that waits")
    RateLimiter(redis, 100.0).halt_by_operator()
    page = eventually(lambda: _holding(reader.get("/").text, "now.halted_by_operator"), "it says that an operator halted")
    assert "smsrelay resume" in page


def test_now_tells_of_every_receiver(reader: Visitor, redis: StoreRedis) -> None:
    ReceiverRegistry(redis).alive(ReceiverProcess("receiver@front-1", "front-1", 4711, 1_700_000_000_000, "spool", spooled=1234))
    page = eventually(lambda: _holding(reader.get("/").text, "front-1"), "it tells of the receiver")
    assert ">1,234<" in page


def test_a_page_that_renews_itself_asks_for_its_live_part_alone(reader: Visitor) -> None:
    part = reader.get("/", x_fragment="1").text
    assert "data-verdict" in part
    assert "<html" not in part
    assert "<h1" not in part


def test_the_beginning_of_an_id_a_whole_id_and_a_reference_lead_to_the_message(reader: Visitor, door: Enqueuer) -> None:
    ours = door.enqueue(job(reference="order-4711")).message_id
    theirs = door.enqueue(job(reference="order-4711", app="shop")).message_id
    for wanted, app, message_id in [
        (ours, "", ours),
        (theirs[:8], "", theirs),
        ("order-4711", "", ours),
        ("order-4711", "shop", theirs),
    ]:
        found = reader.post("/find", {"wanted": wanted, "app": app})
        assert found.headers["location"] == f"/message/{message_id}"
        assert reader.follow(found).status_code == 200


def test_a_search_whose_server_was_replaced_begins_anew(reader: Visitor, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    elsewhere = reader.post("/find", {"wanted": message_id[:8], "further": f"7:{'0' * 40}"})
    assert 'name="further" value="0:"' in elsewhere.text
    assert reader.post("/find", {"wanted": message_id[:8], "further": "0:"}).headers["location"] == f"/message/{message_id}"


@pytest.mark.parametrize("written", ["13800138000", "+8613800138000", "+86 138-0013-8000"])
def test_the_messages_to_a_number_are_listed_without_the_number(reader: Visitor, door: Enqueuer, written: str) -> None:
    ids = [door.enqueue(job()).message_id for _ in range(3)]
    page = reader.post("/find", {"wanted": written}).text
    assert [page.index(message_id) for message_id in reversed(ids)] == sorted(page.index(one) for one in ids)
    assert MASKED in page
    assert "13800138000" not in page
    assert "0013-8000" not in page


def test_a_message_tells_every_decision_and_its_rule(reader: Visitor, store: Records, door: Enqueuer) -> None:
    failed = refused(store, door, reference="order-1", tags={"shop": "7"})
    page = reader.get(f"/message/{failed}").text
    for told in ("accepted and queued", "attempt 1 begins", "submit.i005", "order-1", "Tag shop", MASKED):
        assert told in page
    assert NUMBER not in page
    assert "1234" not in page.replace(failed, "")
    assert reader.get("/message/428912e6-7d84-58f4-b67b-a3fe7fc2cea5").status_code == 404


def test_a_number_is_shown_once_to_whoever_asks_and_the_log_says_so(operator: Visitor, redis: StoreRedis, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    path = f"/message/{message_id}"
    assert NUMBER not in operator.get(path).text
    assert NUMBER in operator.post(f"{path}/number").text
    assert NUMBER not in operator.get(path).text
    [action] = ActionLog(redis).read()
    assert (action.who, action.what, action.target) == ("ops", "reveal", f"message:{message_id}")


def test_a_message_is_cancelled_once_and_not_after_an_attempt_has_begun(
    operator: Visitor, store: Records, redis: StoreRedis, door: Enqueuer
) -> None:
    waiting, begun = door.enqueue(job()).message_id, door.enqueue(job()).message_id
    begin(store, begun)
    assert "Cancelled." in operator.follow(operator.post(f"/message/{waiting}/cancel")).text
    assert "Too late" in operator.follow(operator.post(f"/message/{begun}/cancel")).text
    assert (state(store, waiting), state(store, begun)) == (State.CANCELLED, State.SUBMITTING)
    assert [action.result for action in ActionLog(redis).read()] == ["too late", "done"]
    assert "Cancelled." not in operator.get(f"/message/{waiting}").text


def test_a_dry_run_names_what_would_be_replayed_and_does_nothing(
    operator: Visitor, store: Records, redis: StoreRedis, door: Enqueuer
) -> None:
    failed, other = refused(store, door), refused(store, door, Lane.OTP)
    gone = door.enqueue(job()).message_id
    changed(store, gone, lambda reading: cancelled(reading.record))
    page = operator.post("/dead/dry-run", {"id": [failed, gone], "lane": "notice"}).text
    assert _chosen(page) == [failed]
    assert "only failed and unknown messages can be replayed" in page
    assert _chosen(operator.post("/dead/dry-run", {"all": "1", "lane": "otp"}).text) == [other]
    assert state(store, failed) is State.FAILED
    assert ActionLog(redis).read() == []


def test_what_the_dry_run_showed_is_replayed_and_logged(
    operator: Visitor, store: Records, redis: StoreRedis, door: Enqueuer, valkey_url: str
) -> None:
    ids = [refused(store, door) for _ in range(3)]
    chosen = _chosen(operator.post("/dead/dry-run", {"all": "1"}).text)
    assert sorted(chosen) == sorted(ids)
    form = {"id": chosen, "attempt": ["1"] * 3}
    assert "3 of 3 replayed" in operator.post("/dead/replay", form).text
    assert {state(store, one) for one in ids} == {State.QUEUED}
    assert [(one.what, one.result) for one in ActionLog(redis).read()] == [
        ("dead replay", "3 of 3 replayed"),
        ("dead replay", "begun"),
    ]
    assert "0 of 3 replayed" in operator.post("/dead/replay", form).text
    assert set(ids) <= set(published_ids(redis, Lane.NOTICE.queue))


def test_dead_letters_are_filtered_and_paged_without_losing_or_repeating_one(
    reader: Visitor, store: Records, door: Enqueuer
) -> None:
    ids = [refused(store, door, Lane.OTP if number % 2 else Lane.NOTICE) for number in range(120)]
    assert list(_paged(reader, "/dead")) == ids[::-1]
    assert list(_paged(reader, "/dead?lane=otp&hours=1")) == ids[::-1][::2]
    assert list(_paged(reader, "/dead?code=504")) == []


@pytest.mark.parametrize("query", ["state=delivering", "lane=fast", "hours=x", "hours=-1", "hours=nan", "hours=inf"])
def test_a_filter_with_a_wrong_value_is_refused(reader: Visitor, query: str) -> None:
    assert reader.get(f"/dead?{query}").status_code == 400


@pytest.mark.parametrize("behind", ["x", "1.", ".1", "1.1.1", "-1.0", "9" * 40 + ".1", "²."])
def test_a_wrong_place_is_the_first_page(reader: Visitor, store: Records, door: Enqueuer, behind: str) -> None:
    assert refused(store, door) in reader.get(f"/dead?behind={behind}").text


def test_the_doctor_answers_at_once_and_has_its_findings_soon(reader: Visitor) -> None:
    page = reader.get("/doctor")
    assert page.status_code == 200
    found = eventually(lambda: _holding(reader.get("/doctor").text, 'class="findings'), "the checks have ended")
    assert "→" in found
    assert reader.post("/doctor").headers["location"] == "/doctor"


def test_findings_are_said_in_the_language_of_the_page(reader: Visitor) -> None:
    reader.post("/language", {"language": "zh", "next": "/doctor"})
    page = eventually(lambda: _holding(reader.get("/doctor").text, 'class="findings'), "the checks have ended")
    for words in ("没有存活的工作进程：不提交短信，不处理报告", "启动一个："):
        assert words in page
        assert words in reader.get("/").text
    assert "no worker is alive" not in page
    reader.post("/language", {"language": "en", "next": "/"})
    assert "no worker is alive: nothing is submitted" in reader.get("/").text


def test_hostile_values_are_shown_as_text(reader: Visitor, store: Records, door: Enqueuer) -> None:
    evil = "<script>alert(1)</script>'\"{{7*7}}"
    message_id = refused(store, door, reference=evil, tags={"note": evil})
    pages = [
        reader.get(f"/message/{message_id}"),
        reader.get("/dead", referer=evil),
        reader.post("/find", {"wanted": evil, "app": evil}),
    ]
    pages += [reader.get("/dead?app=<script>alert(1)</script>"), reader.get("/<script>alert(1)</script>")]
    for page in pages:
        assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0].text
    assert "{{7*7}}" in pages[0].text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"wanted=x", "text/plain", 415),
        (b"wanted=%ff", "application/x-www-form-urlencoded", 400),
        (b"wanted=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"id=1"] * 1001), "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(reader: Visitor, body: bytes, kind: str, status: int) -> None:
    answered = reader.session.post(f"{reader.url}/find", data=body, headers={"content-type": kind}, timeout=30)
    assert answered.status_code == status


def test_neither_log_nor_any_address_has_a_number_or_a_secret(
    operator: Visitor, acting_console: Console, store: Records, door: Enqueuer
) -> None:
    message_id = refused(store, door)
    operator.post("/find", {"wanted": NUMBER})
    operator.get(f"/message/{message_id}")
    operator.post(f"/message/{message_id}/number")
    operator.post("/sign-in", {"user": "ops", "password": "a wrong password"})
    addresses = [text for one in operator.seen for text in (one.url, one.headers.get("location", ""))]
    for kept in (*addresses, acting_console.log.read_text("utf-8")):
        for secret in ("13800138000", PASSWORD, "a wrong password", operator.session.cookies["smsrelay_console"]):
            assert secret not in kept
    assert not any("13800138000" in cookie.value for cookie in operator.session.cookies if cookie.value)


def _holding(page: str, text: str) -> str | None:
    return page if text in page else None


def _chosen(page: str) -> list[str]:
    """The ids that a dry run's form would replay."""
    return re.findall(r'<input type="hidden" name="id" value="([^"]+)">', page)


def _paged(visitor: Visitor, path: str) -> Iterator[str]:
    """The ids on all pages from this one on."""
    while path:
        page = visitor.get(path).text
        yield from re.findall(r'<input type="checkbox" name="id" value="([^"]+)"', page)
        further = re.search(r'<a href="([^"]+)" rel="next">', page)
        path = further[1].replace("&amp;", "&") if further else ""
