"""What ``smsrelay bulk`` says of rows that expire before their send window opens."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from smsrelay.campaign.window_warnings import WindowWarnings
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow

NIGHT = datetime(2026, 11, 28, 21, tzinfo=ZoneInfo("Asia/Shanghai"))
NOW = int(NIGHT.timestamp() * 1000)
WINDOW = SendWindow(Lane.MARKETING, "86", time(8), time(20), ZoneInfo("Asia/Shanghai"))


def job(to: str = "13912345678", lane: str = "marketing", **fields: Any) -> SendJob:
    return SendJob(to=to, template="0000000", lane=Lane(lane), **fields)


def warned(*jobs: SendJob) -> list[str]:
    warnings = WindowWarnings({}, NOW)
    for one in jobs:
        warnings.add(one)
    return list(warnings.lines([WINDOW]))


def test_rows_that_expire_in_the_night_are_counted_in_one_line() -> None:
    [line] = warned(job(expires_in=3600), job(expires_in=3600))
    assert line == (
        "warning: 2 rows, each of which expires before its send window (marketing +86) opens, at 2026-11-29 08:00 Asia/Shanghai, "
        "and would not be sent; give a later deadline, or --ignore-send-window"
    )


def test_a_single_row_is_counted_in_its_own_words() -> None:
    [line] = warned(job(expires_in=3600))
    assert line.startswith("warning: 1 row expires before its send window")


def test_rows_that_live_until_the_morning_are_not_warned_of() -> None:
    assert warned(job()) == []
    assert warned(job(not_before=datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(hours=12))) == []


def test_a_row_that_begins_and_ends_within_a_later_night_is_warned_of() -> None:
    [line] = warned(job(not_before=NIGHT + timedelta(days=1), expires_at=NIGHT + timedelta(days=1, hours=2)))
    assert "at 2026-11-30 08:00" in line


def test_rows_without_a_window_are_not_warned_of() -> None:
    assert warned(job(lane="notice", expires_in=60), job(to="+85291234567", expires_in=3600)) == []


def test_rows_that_ignore_their_window_are_not_even_counted() -> None:
    warnings = WindowWarnings({}, NOW)
    warnings.add(job(expires_in=3600, ignore_send_window=True))
    assert not warnings


def test_without_windows_nothing_is_said() -> None:
    warnings = WindowWarnings({}, NOW)
    warnings.add(job(expires_in=3600))
    assert warnings
    assert list(warnings.lines([])) == []
