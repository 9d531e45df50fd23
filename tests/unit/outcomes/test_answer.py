from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.outcomes.answer import Verdict, of_status

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (204, Verdict.TAKEN),
        (299, Verdict.TAKEN),
        (301, Verdict.FAILED),
        (302, Verdict.FAILED),
        (304, Verdict.FAILED),
        (400, Verdict.FAILED),
        (404, Verdict.FAILED),
        (410, Verdict.GONE),
        (429, Verdict.SLOW_DOWN),
        (500, Verdict.FAILED),
        (503, Verdict.FAILED),
    ],
)
def test_only_2xx_counts_as_taken(status: int, verdict: Verdict) -> None:
    assert of_status(status, None, NOW.timestamp()).verdict is verdict


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 7 ", 7),
        ("9" * 40, 86_400),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("１２", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), 86_400),
    ],
)
def test_the_endpoint_says_how_long_to_wait(header: str | None, seconds: float | None) -> None:
    assert of_status(429, header, NOW.timestamp()).wait == seconds
    assert of_status(503, header, NOW.timestamp()).wait == seconds
    assert of_status(500, header, NOW.timestamp()).wait is None


@given(st.integers(100, 999), st.text())
def test_any_header_is_read_without_an_exception(status: int, header: str) -> None:
    answer = of_status(status, header, NOW.timestamp())
    assert answer.wait is None or 0 <= answer.wait <= 86_400
