"""Minutes, hours and days of the wall clock, in which clock caps and fuses count."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.limits.clock import Clock, offset
from tests.unit.contract.test_send_window import ZONES, at, instants

HOUR = 3_600_000
zones = st.builds(ZoneInfo, st.sampled_from(ZONES))
clocks = st.sampled_from(Clock)


@given(clocks, zones, instants)
def test_every_instant_is_in_one_of_them(clock: Clock, zone: ZoneInfo, now: int) -> None:
    since, until = clock.bounds(now, zone)
    assert since <= now < until
    assert clock.bounds(since, zone) == clock.bounds(until - 1, zone) == (since, until)


@given(clocks, zones, instants)
def test_they_follow_each_other_without_a_gap(clock: Clock, zone: ZoneInfo, now: int) -> None:
    since, until = clock.bounds(now, zone)
    assert clock.bounds(until, zone)[0] == until
    assert clock.bounds(since - 1, zone)[1] == since


@given(clocks, zones, instants)
def test_none_is_longer_than_twice_its_usual_length(clock: Clock, zone: ZoneInfo, now: int) -> None:
    since, until = clock.bounds(now, zone)
    assert until - since <= 2 * clock.length


@given(zones, instants)
def test_a_day_has_one_date(zone: ZoneInfo, now: int) -> None:
    since, until = Clock.DAY.bounds(now, zone)
    assert _date(since, zone) == _date(now, zone) == _date(until - 1, zone) == _date(until, zone) - timedelta(days=1)


def _date(instant: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(instant / 1000, zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0, fold=0)


@pytest.mark.parametrize(
    ("clock", "now", "since", "until"),
    [
        (Clock.MINUTE, "2026-11-28T09:15:59.999+08:00", "2026-11-28T09:15+08:00", "2026-11-28T09:16+08:00"),
        (Clock.HOUR, "2026-11-28T09:15+08:00", "2026-11-28T09:00+08:00", "2026-11-28T10:00+08:00"),
        (Clock.DAY, "2026-11-28T00:00+08:00", "2026-11-28T00:00+08:00", "2026-11-29T00:00+08:00"),
        (Clock.DAY, "2026-11-27T23:59:59.999+08:00", "2026-11-27T00:00+08:00", "2026-11-28T00:00+08:00"),
    ],
)
def test_they_are_those_of_the_zones_wall_clock(clock: Clock, now: str, since: str, until: str) -> None:
    assert clock.bounds(at(now), ZoneInfo("Asia/Shanghai")) == (at(since), at(until))


def test_the_day_of_a_change_of_the_clock_is_an_hour_shorter_or_longer() -> None:
    zone = ZoneInfo("America/New_York")
    assert Clock.DAY.bounds(at("2026-03-08T12:00-04:00"), zone) == (at("2026-03-08T00:00-05:00"), at("2026-03-09T00:00-04:00"))
    assert Clock.DAY.bounds(at("2026-11-01T12:00-05:00"), zone) == (at("2026-11-01T00:00-04:00"), at("2026-11-02T00:00-05:00"))


def test_a_day_whose_midnight_is_skipped_begins_when_the_clock_jumps() -> None:
    zone = ZoneInfo("Africa/Cairo")
    assert Clock.DAY.bounds(at("2026-04-24T12:00+03:00"), zone)[0] == at("2026-04-24T01:00+03:00")


@pytest.mark.parametrize(("zone", "ahead"), [("Asia/Shanghai", 8 * HOUR), ("America/New_York", -5 * HOUR), ("UTC", 0)])
def test_the_offset_is_how_far_the_zone_is_ahead(zone: str, ahead: int) -> None:
    assert offset(at("2026-11-28T12:00+00:00"), ZoneInfo(zone)) == ahead
