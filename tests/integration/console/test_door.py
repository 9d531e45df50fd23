"""Who gets into the console, and what every answer of it carries."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from smsrelay_worker.console.guard import CONTENT_SECURITY_POLICY
from tests.integration.console.conftest import environment
from tests.support.console_process import PASSWORD, USER, Console, Visitor, running_console

PAGES = ("/", "/find", "/dead", "/doctor", "/message/428912e6-7d84-58f4-b67b-a3fe7fc2cea5")


def test_nobody_sees_a_page_before_signing_in(read_only_console: Console, valkey_url: str) -> None:
    visitor = read_only_console.visitor()
    for path in PAGES:
        assert visitor.get(path).headers["location"].startswith("/sign-in")
        assert visitor.get(path, x_fragment="1").status_code == 401
    assert visitor.post("/doctor").status_code == 401


def test_whoever_signs_in_comes_to_the_page_that_was_asked_for(read_only_console: Console, valkey_url: str) -> None:
    visitor = read_only_console.visitor()
    asked = visitor.get("/dead?lane=otp").headers["location"]
    assert asked == "/sign-in?next=%2Fdead%3Flane%3Dotp"
    signed_in = visitor.post("/sign-in", {"user": USER, "password": PASSWORD, "next": "/dead?lane=otp"})
    assert signed_in.headers["location"] == "/dead?lane=otp"
    assert visitor.follow(signed_in).status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site_after_signing_in(read_only_console: Console, valkey_url: str, elsewhere: str) -> None:
    signed_in = read_only_console.visitor().post("/sign-in", {"user": USER, "password": PASSWORD, "next": elsewhere})
    assert signed_in.headers["location"] == "/"


def test_who_signs_out_is_out_with_every_copy_of_the_cookie(read_only_console: Console, valkey_url: str) -> None:
    operator = read_only_console.operator()
    copied = read_only_console.visitor()
    copied.session.cookies.update(operator.session.cookies)
    assert copied.get("/find").status_code == 200
    assert operator.post("/sign-out").status_code == 303
    assert operator.get("/find").status_code == 303
    assert copied.get("/find").status_code == 303


def test_cookies_are_for_the_browser_and_this_site_alone(read_only_console: Console, valkey_url: str) -> None:
    visitor = read_only_console.visitor()
    set_cookies = [visitor.get("/sign-in").headers["set-cookie"], visitor.sign_in().headers["set-cookie"]]
    for cookie in map(str.lower, set_cookies):
        assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "secure" not in cookie
    assert (
        "secure"
        in visitor.post("/sign-in", {"user": USER, "password": PASSWORD}, x_forwarded_proto="https").headers["set-cookie"].lower()
    )


def test_a_form_without_this_sessions_token_is_refused(operator: Visitor, acting_console: Console) -> None:
    foreign = acting_console.operator().token()
    for path in (
        "/find",
        "/doctor",
        "/language",
        "/sign-out",
        "/dead/dry-run",
        "/dead/replay",
        "/message/x/number",
        "/message/x/cancel",
    ):
        assert operator.post(path, token="").status_code == 403
        assert operator.post(path, token=foreign).status_code == 403
    assert acting_console.visitor().post("/sign-in", {"user": USER, "password": PASSWORD}, token=foreign).status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}, {"origin": "null"}])
def test_a_form_from_another_site_is_refused_even_with_the_token(operator: Visitor, headers: dict[str, str]) -> None:
    assert operator.post("/find", {"wanted": "order-1"}, **headers).status_code == 403


def test_a_read_only_console_changes_nothing(reader: Visitor) -> None:
    for path in ("/dead/replay", "/message/x/number", "/message/x/cancel", "/message/x/replay"):
        refused = reader.post(path, {"id": "x"})
        assert refused.status_code == 403
        assert "--actions" in refused.text


def test_every_answer_tells_the_browser_to_load_nothing_foreign(reader: Visitor) -> None:
    paths = (*PAGES, "/sign-in", "/static/console.css", "/static/console.js", "/static/nothing", "/nothing", "/static/../app.py")
    answers = [
        *map(reader.get, paths),
        reader.post("/find", token=""),
        reader.post("/nothing"),
        reader.post("/static/console.js"),
    ]
    assert {answer.status_code for answer in answers} == {200, 303, 403, 404, 405}
    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        cached = "no-cache" if "/static/" in answer.url else "no-store"
        assert answer.headers["cache-control"] == cached, answer.url
        assert "server" not in answer.headers


def test_no_page_has_a_script_or_style_of_its_own_or_a_foreign_address(reader: Visitor) -> None:
    for path in (*PAGES, "/sign-in"):
        text = reader.get(path).text.lower()
        assert "<style" not in text
        assert "style=" not in text
        assert " on" + "click" not in text
        assert text.count("<script") == text.count('<script src="/static/')
        assert "http://" not in text.replace("http://127.0.0.1", "")
        assert "https://" not in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80"])
def test_a_name_that_is_not_ours_is_not_answered(read_only_console: Console, host: str) -> None:
    visitor = read_only_console.visitor()
    for path in ("/", "/sign-in", "/static/console.js"):
        assert visitor.get(path, host=host).status_code in {400, 421}


def test_localhost_is_ours_under_any_port(read_only_console: Console) -> None:
    for host in ("localhost", "localhost:1234", "127.0.0.1:80", "[::1]:9", "LOCALHOST"):
        assert read_only_console.visitor().get("/sign-in", host=host).status_code == 200


def test_guessing_is_slowed_down_and_does_not_shut_anybody_out_for_long(valkey_server: str, tmp_path: Path) -> None:
    with running_console(environment(f"{valkey_server}/0"), tmp_path / "console.log") as console:
        guesses = [console.visitor().sign_in(password=f"guess {number}") for number in range(7)]
        assert [guess.status_code for guess in guesses[:5]] == [403] * 5
        assert guesses[-1].status_code == 429
        assert 1 <= int(guesses[-1].headers["retry-after"]) <= 60
        assert console.visitor().sign_in().status_code == 429
        logged = console.log.read_text("utf-8")
    assert "guess" not in logged
    assert PASSWORD not in logged


def test_a_visit_from_another_site_is_led_on_without_losing_the_session(reader: Visitor, read_only_console: Console) -> None:
    arrived = requests.get(
        f"{read_only_console.url}/dead", headers={"sec-fetch-site": "cross-site"}, timeout=30, allow_redirects=False
    )
    assert arrived.status_code == 200
    assert 'content="0; url=/dead"' in arrived.text
    assert "smsrelay_console" not in arrived.headers.get("set-cookie", "")


@pytest.fixture(scope="module")
def behind_proxy(valkey_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    given = environment(
        f"{valkey_server}/0",
        SMSRELAY_CONSOLE_USER_HEADER="X-Forwarded-User",
        SMSRELAY_CONSOLE_HOSTS="sms.example.com, ops.example.com",
    )
    with running_console(given, tmp_path_factory.mktemp("proxy") / "console.log", "--actions") as console:
        yield console


def test_behind_a_proxy_its_header_says_who_it_is(behind_proxy: Console, valkey_url: str) -> None:
    visitor = behind_proxy.visitor()
    page = visitor.get("/find", x_forwarded_user="alice", host="ops.example.com")
    assert page.status_code == 200
    assert ">alice<" in page.text.replace("</span>alice", ">alice")
    assert "/sign-out" not in page.text
    assert visitor.get("/find").status_code == 403
    assert visitor.get("/sign-in").status_code in {403, 404}


def test_behind_a_proxy_a_form_token_belongs_to_one_person(behind_proxy: Console, valkey_url: str) -> None:
    visitor = behind_proxy.visitor()
    visitor.session.headers["x-forwarded-user"] = "alice"
    token = visitor.token()
    assert visitor.post("/find", {"wanted": "order-1"}, token=token).status_code == 200
    assert visitor.post("/find", {"wanted": "order-1"}, token=token, x_forwarded_user="bob").status_code == 403


def test_a_console_that_would_be_open_to_everybody_does_not_start(valkey_url: str, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="SMSRELAY_CONSOLE_AUTH"),
        running_console(environment(valkey_url, SMSRELAY_CONSOLE_AUTH=""), tmp_path / "console.log"),
    ):
        pass
