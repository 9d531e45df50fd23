"""Who gets into Flower."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.processes.flower_login import is_login

LOGIN = "ops:a long password"


def basic(given: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(given).decode()}"


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_login_opens(scheme: str) -> None:
    assert is_login(basic(LOGIN.encode(), scheme), LOGIN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic x y",
        "Basic %%%",
        "Basic \xe4\xf6",
        f"Bearer {LOGIN}",
        f"Basic {LOGIN}",
        basic(b"ops"),
        basic(b"\xff\xfe"),
        basic("ops:pässword".encode()),
        basic(LOGIN.encode() + b"\n"),
        basic(LOGIN.encode(), "Bearer"),
    ],
)
def test_nothing_else_does(header: str) -> None:
    assert not is_login(header, LOGIN)


@given(st.text())
def test_whatever_is_sent_is_refused_and_nothing_is_raised(header: str) -> None:
    assert not is_login(header, LOGIN)
    assert not is_login(f"Basic {header}", LOGIN)
