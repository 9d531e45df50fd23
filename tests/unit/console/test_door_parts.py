"""Who gets in by password or header, by which names we are called, and where a browser may be sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.console.forms import is_our_path
from smsrelay_worker.console.hosts import KnownHosts
from smsrelay_worker.console.sign_in import Password, ProxyHeader

PASSWORD = Password.parse("ops:with:colon and 中文", b"pepper")
HEADER = ProxyHeader.parse("X-Forwarded-User", "127.0.0.1, 10.0.0.0/8, ::1")


def test_user_and_password_must_both_be_right() -> None:
    assert PASSWORD.matches("ops", "with:colon and 中文")
    for user, password in [("ops", ""), ("", "with:colon and 中文"), ("ops", "with"), ("OPS", "with:colon and 中文"), ("", "")]:
        assert not PASSWORD.matches(user, password)
    assert "colon" not in repr(PASSWORD)


@given(st.text(), st.text())
def test_no_guess_raises(user: str, password: str) -> None:
    assert not PASSWORD.matches(user + "x", password)


def test_the_header_counts_from_the_proxy_alone_and_once() -> None:
    assert HEADER.who("127.0.0.1", ["alice"]) == "alice"
    assert HEADER.who("10.2.3.4", [" alice "]) == "alice"
    assert HEADER.who("::1", ["x" * 100]) == "x" * 64
    for address, given_ in [
        ("192.168.1.1", ["alice"]),
        ("", ["alice"]),
        ("not an address", ["alice"]),
        ("127.0.0.1", []),
        ("127.0.0.1", [""]),
        ("127.0.0.1", ["alice", "bob"]),
        ("127.0.0.1", ["al\nice"]),
    ]:
        assert HEADER.who(address, given_) is None


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost", True),
        ("LOCALHOST:8090", True),
        ("127.0.0.1:1", True),
        ("[::1]:8090", True),
        ("ops.example.com", True),
        ("ops.example.com.:443", True),
        ("10.1.2.3:8090", True),
        ("0.0.0.0:8090", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_only_our_own_names_are_known(host: str, known: bool) -> None:
    assert KnownHosts.of("10.1.2.3", "ops.example.com, , sms.example.com").knows(host) is known


def test_an_address_that_stands_for_all_is_no_name() -> None:
    assert not KnownHosts.of("0.0.0.0", None).knows("0.0.0.0:80")


@pytest.mark.parametrize(
    "path", ["https://a.example", "//a.example", "/\\a.example", "\\\\a", "", "a", "/a\r\nb", "/\t/a.example"]
)
def test_a_browser_is_sent_to_no_other_site(path: str) -> None:
    assert not is_our_path(path)


@pytest.mark.parametrize("path", ["/", "/dead?lane=otp", "/message/1"])
def test_a_path_of_ours_is_taken(path: str) -> None:
    assert is_our_path(path)
