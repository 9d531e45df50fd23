"""Send windows: open while the wall clock shows one of their hours, through every change of the clock."""

import json
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow, decode_windows, encode_windows, window_of, window_warning

MINUTE = 60_000
HOUR = 60 * MINUTE
ZONES = (
    "Asia/Shanghai",  # no summer time
    "UTC",
    "America/New_York",  # changes at 02:00
    "Europe/London",  # changes at 01:00 UTC
    "Australia/Lord_Howe",  # by half an hour
    "America/Havana",  # 00:00 comes twice
    "Africa/Cairo",  # skips 00:00
    "Asia/Kathmandu",  # 5:45 h ahead
)
# Minutes around changes of the clock in these zones, and any others.
CHANGES = [
    int(datetime(*moment, tzinfo=UTC).timestamp()) // 60
    for moment in (
        (2026, 3, 8, 7),  # New York, spring
        (2026, 11, 1, 6),  # New York, autumn
        (2026, 3, 29, 1),  # London, spring
        (2026, 10, 25, 1),  # London, autumn
        (2026, 10, 3, 15, 30),  # Lord Howe, spring
        (2026, 4, 4, 15),  # Lord Howe, autumn
        (2026, 3, 8, 5),  # Havana, spring
        (2026, 11, 1, 5),  # Havana, autumn
        (2026, 4, 23, 22),  # Cairo, spring
        (2026, 10, 29, 21),  # Cairo, autumn
    )
]
minutes = st.one_of(
    st.builds(lambda change, away: change + away, st.sampled_from(CHANGES), st.integers(-3000, 3000)),
    st.integers(1_577_836_800 // 60, 2_000_000_000 // 60),
)
instants = st.builds(lambda minute, ms: minute * MINUTE + ms, minutes, st.integers(0, MINUTE - 1))
hours = st.builds(time, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(
    SendWindow, st.just(Lane.MARKETING), st.just("86"), hours, hours, st.builds(ZoneInfo, st.sampled_from(ZONES))
).filter(lambda window: window.opens != window.closes)


def window(opens: str, closes: str, zone: str = "Asia/Shanghai") -> SendWindow:
    return SendWindow(Lane.MARKETING, "86", time.fromisoformat(opens), time.fromisoformat(closes), ZoneInfo(zone))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@given(windows, instants)
def test_it_is_open_while_the_wall_clock_shows_one_of_its_hours(one: SendWindow, now: int) -> None:
    shown = datetime.fromtimestamp(now / 1000, one.zone).time()
    since_opening = (_minutes(shown) - _minutes(one.opens)) % 1440
    assert one.is_open(now) is (since_opening < (_minutes(one.closes) - _minutes(one.opens)) % 1440)


def _minutes(of: time) -> int:
    return of.hour * 60 + of.minute


@given(windows, instants)
def test_it_opens_at_the_first_instant_at_which_it_is_open(one: SendWindow, now: int) -> None:
    opening = one.opening(now)
    assert one.is_open(opening)
    assert opening >= now
    assert not any(one.is_open(earlier) for earlier in _minute_by_minute(now, opening))


@given(windows, instants)
def test_it_closes_at_the_first_instant_at_which_it_is_closed(one: SendWindow, now: int) -> None:
    opening = one.opening(now)
    closing = one.closing(opening)
    assert closing > opening
    assert not one.is_open(closing)
    assert all(one.is_open(earlier) for earlier in _minute_by_minute(opening, closing))


def _minute_by_minute(start: int, end: int) -> list[int]:
    """Every whole minute, and the last millisecond before ``end``."""
    return [*range(start, end, MINUTE), end - 1] if end > start else []


@given(windows, instants, st.integers(0, 3 * 24 * HOUR))
def test_it_never_opens_earlier_for_a_later_instant(one: SendWindow, now: int, later: int) -> None:
    assert one.opening(now + later) >= one.opening(now)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-28T07:59:59.999+08:00", "2026-11-28T08:00:00+08:00"),
        ("2026-11-28T08:00:00+08:00", "2026-11-28T08:00:00+08:00"),
        ("2026-11-28T19:59:59.999+08:00", "2026-11-28T19:59:59.999+08:00"),
        ("2026-11-28T20:00:00+08:00", "2026-11-29T08:00:00+08:00"),
        ("2026-11-28T23:30:00+08:00", "2026-11-29T08:00:00+08:00"),
    ],
)
def test_marketing_to_the_mainland_waits_for_the_morning(now: str, opening: str) -> None:
    assert window("08:00", "20:00").opening(at(now)) == at(opening)


def test_a_window_across_midnight_is_open_on_both_sides_of_it() -> None:
    night = window("22:00", "06:00")
    assert night.opening(at("2026-11-28T21:00+08:00")) == at("2026-11-28T22:00+08:00")
    assert night.closing(at("2026-11-28T23:00+08:00")) == at("2026-11-29T06:00+08:00")
    assert night.closing(at("2026-11-29T01:00+08:00")) == at("2026-11-29T06:00+08:00")
    assert night.opening(at("2026-11-29T06:00+08:00")) == at("2026-11-29T22:00+08:00")


def test_a_window_until_midnight_closes_with_the_day() -> None:
    assert window("08:00", "00:00").closing(at("2026-11-28T23:59+08:00")) == at("2026-11-29T00:00+08:00")


def test_a_window_keeps_its_hours_through_the_summer() -> None:
    london = window("08:00", "20:00", "Europe/London")
    assert london.opening(at("2026-03-28T21:00+00:00")) == at("2026-03-29T08:00+01:00")  # the night is an hour shorter
    assert london.opening(at("2026-10-24T21:00+01:00")) == at("2026-10-25T08:00+00:00")  # and an hour longer


def test_a_window_whose_opening_is_skipped_opens_when_the_clock_jumps() -> None:
    one = window("02:30", "05:00", "America/New_York")
    assert one.opening(at("2026-03-08T01:00-05:00")) == at("2026-03-08T03:00-04:00")


@pytest.mark.parametrize(("opens", "closes"), [("02:10", "02:50"), ("02:30", "03:00"), ("02:00", "03:00")])
def test_a_window_that_is_skipped_whole_opens_on_the_next_day(opens: str, closes: str) -> None:
    one = window(opens, closes, "America/New_York")
    assert one.opening(at("2026-03-08T01:00-05:00")) == at(f"2026-03-09T{opens}-04:00")


def test_a_window_whose_closing_is_skipped_closes_when_the_clock_jumps() -> None:
    one = window("00:30", "02:30", "America/New_York")
    assert one.closing(at("2026-03-08T01:00-05:00")) == at("2026-03-08T03:00-04:00")


def test_a_window_in_an_hour_that_comes_twice_is_open_twice() -> None:
    one = window("01:10", "01:40", "America/New_York")
    assert one.closing(at("2026-11-01T01:20-04:00")) == at("2026-11-01T01:40-04:00")
    assert one.opening(at("2026-11-01T01:50-04:00")) == at("2026-11-01T01:10-05:00")
    assert one.closing(at("2026-11-01T01:20-05:00")) == at("2026-11-01T01:40-05:00")


def test_a_window_that_the_clock_leaves_by_going_back_closes_then() -> None:
    one = window("01:30", "05:00", "America/New_York")
    assert one.closing(at("2026-11-01T01:40-04:00")) == at("2026-11-01T02:00-04:00")  # when the clock shows 01:00 again
    assert one.opening(at("2026-11-01T02:00-04:00")) == at("2026-11-01T01:30-05:00")


def test_a_day_that_a_country_leaves_out_has_no_window() -> None:
    samoa = window("08:00", "20:00", "Pacific/Apia")  # 2011-12-30 did not happen there
    assert samoa.opening(at("2011-12-29T21:00-10:00")) == at("2011-12-31T08:00+14:00")


@given(st.lists(windows, max_size=3))
def test_windows_come_back_from_the_wire(some: list[SendWindow]) -> None:
    assert decode_windows(encode_windows(some)) == tuple(some)


def test_the_wire_is_what_the_contract_says() -> None:
    assert encode_windows([window("08:00", "20:00")]) == '[["marketing","86","08:00","20:00","Asia/Shanghai"]]'


@pytest.mark.parametrize(
    "row",
    [
        None,
        "marketing",
        ["marketing", "86", "08:00", "20:00"],
        ["marketing", 86, "08:00", "20:00", "Asia/Shanghai"],
        ["letters", "86", "08:00", "20:00", "Asia/Shanghai"],
        ["marketing", "86", "8 o'clock", "20:00", "Asia/Shanghai"],
        ["marketing", "86", "08:00", "20:00", "Asia/Atlantis"],
        ["marketing", "86", "08:00", "20:00", "Asia"],
        ["marketing", "86", "08:00", "20:00", "../etc/passwd"],
        ["marketing", "86", "08:00", "20:00", ""],
    ],
)
def test_a_window_that_cannot_be_read_is_left_out(row: object) -> None:
    good = window("08:00", "20:00")
    assert decode_windows(json.dumps([row, good.encode()])) == (good,)


def test_the_window_of_a_message_is_that_of_its_lane_and_country() -> None:
    one = window("08:00", "20:00")
    assert window_of(Lane.MARKETING, "86", [one]) == one
    assert window_of(Lane.MARKETING, "852", [one]) is None
    assert window_of(Lane.OTP, "86", [one]) is None
    assert one.name == "marketing +86"


EVENING = at("2026-11-28T21:00+08:00")


@pytest.mark.parametrize(
    ("not_before", "lives", "warned"),
    [
        (None, 11 * HOUR, True),  # until the very instant at which it opens
        (None, 11 * HOUR + 1, False),
        (EVENING + 11 * HOUR, 12 * HOUR, False),
        (EVENING + 24 * HOUR, 25 * HOUR, True),  # the next evening
        (EVENING - 10 * HOUR, 5 * HOUR, True),  # a time that is past: it is closed now
        (None, 0, False),  # never expires
    ],
)
def test_a_message_that_expires_before_its_window_opens_is_warned_of(not_before: int | None, lives: int, warned: bool) -> None:
    expires = EVENING + lives if lives else 0
    told = window_warning(Lane.MARKETING, "86", not_before, expires, EVENING, [window("08:00", "20:00")])
    assert (told is not None) is warned


def test_the_warning_names_the_window_and_its_opening_on_its_own_clock() -> None:
    told = window_warning(Lane.MARKETING, "86", None, EVENING + HOUR, EVENING, [window("08:00", "20:00")])
    opens = "at 2026-11-29 08:00 Asia/Shanghai"
    assert told == f"expires before its send window (marketing +86) opens, {opens}, and would not be sent"


def test_a_message_without_a_window_is_not_warned_of() -> None:
    assert window_warning(Lane.OTP, "86", None, EVENING + 1, EVENING, [window("08:00", "20:00")]) is None


@given(windows)
def test_a_year_of_a_window_has_no_gap_and_no_overlap(one: SendWindow) -> None:
    now = at("2026-01-01T00:00+00:00")
    spans = []
    while now < at("2026-12-31T00:00+00:00"):
        opening = one.opening(now)
        now = one.closing(opening)
        spans.append((opening, now))
    assert all(closing < following for (_, closing), (following, _) in pairwise(spans))
    assert len(spans) >= timedelta(days=363).days
