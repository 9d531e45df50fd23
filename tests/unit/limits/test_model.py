"""Limits: what an attempt's checks hold, which window a message waits for, and what apps are told."""

import json
from datetime import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import recipient_digest
from smsrelay.contract.send_window import SendWindow
from smsrelay.contract.state import State
from smsrelay.messages.checks import CapCheck, Checks, FuseCheck
from smsrelay.messages.record import Record
from smsrelay_worker.limits.clock import Clock
from smsrelay_worker.limits.model import ANY, MARGIN, Cap, ClockWindow, Fuse, Limits, Per
from tests.unit.contract.test_send_window import at, instants, windows

NUMBER = "+8613912345678"
KEYS = KeyRing(b"number key 0123456789")
BOTH_KEYS = KeyRing(b"a newer number key 0123", KEYS.newest)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = at("2026-11-28T12:00+08:00")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WINDOW = SendWindow(Lane.MARKETING, "86", time(8), time(20), SHANGHAI)


def record(
    lane: Lane = Lane.OTP, template: str = "0000000", app: str = "shop", country: str = "86", ignores_window: bool = False
) -> Record:
    return Record(
        message_id="428912e6-7d84-58f4-b67b-a3fe7fc2cea5",
        lane=lane,
        template=template,
        app=app,
        reference=None,
        created_at=NOW,
        expires_at=0,
        fingerprint="",
        recipient_hash=recipient_digest(KEYS.newest, NUMBER),
        state=State.QUEUED,
        attempt=0,
        due=None,
        external_id=None,
        owner=None,
        begun_at=None,
        why=None,
        counts={},
        revision=1,
        timeline=(),
        country=country,
        ignores_window=ignores_window,
    )


def checks(limits: Limits, of: Record, now: int = NOW, keys: KeyRing = KEYS, signature: str | None = None) -> Checks:
    return limits.checks(of, NUMBER, now, keys, signature)


def test_without_limits_nothing_is_checked() -> None:
    assert checks(Limits(), record()) == Checks()


@pytest.mark.parametrize(
    ("per", "templates", "app"),
    [(Per.NUMBER, (), ""), (Per.APP, (), "shop"), (Per.TEMPLATE, ("0000000",), "")],
)
def test_a_cap_is_narrowed_to_the_attempts_that_count_with_the_message(per: Per, templates: tuple[str, ...], app: str) -> None:
    limits = Limits([Cap("codes", 1, MINUTE, per, (Lane.OTP,))])
    found = checks(limits, record())
    assert found.caps == (CapCheck("codes", 1, MINUTE, lanes="o", templates=templates, app=app),)
    assert found.digests == (recipient_digest(KEYS.newest, NUMBER),)


def test_a_cap_of_templates_counts_them_together() -> None:
    limits = Limits([Cap("both", 3, HOUR, templates=("0000000", "1111111"))])
    assert checks(limits, record(template="1111111")).caps[0].templates == ("0000000", "1111111")
    assert checks(limits, record(template="2222222")) == Checks()


def test_a_cap_counts_its_lanes_alone() -> None:
    limits = Limits([Cap("texts", 50, DAY, lanes=(Lane.NOTICE, Lane.MARKETING))])
    assert checks(limits, record(Lane.OTP)) == Checks()
    assert checks(limits, record(Lane.NOTICE)).caps[0].lanes == "nm"


def test_an_attempt_is_kept_for_as_long_as_any_cap_may_count_it() -> None:
    limits = Limits([Cap("short", 1, MINUTE, lanes=(Lane.OTP,)), Cap("long", 9, DAY, lanes=(Lane.NOTICE,))])
    assert checks(limits, record(Lane.OTP)).lasts == DAY
    assert checks(limits, record(Lane.MARKETING)).lasts == 0


def test_a_clock_cap_counts_from_the_last_mark_to_the_next() -> None:
    limits = Limits([Cap("a-day", 2, ClockWindow(Clock.DAY, SHANGHAI))])
    since, until = at("2026-11-28T00:00+08:00"), at("2026-11-29T00:00+08:00")
    assert checks(limits, record()).caps == (CapCheck("a-day", 2, 0, since, until),)
    assert checks(limits, record(), until).caps == (CapCheck("a-day", 2, 0, until, until + DAY),)


def test_a_clock_cap_keeps_attempts_through_the_longest_day() -> None:
    limits = Limits([Cap("a-day", 2, ClockWindow(Clock.DAY, ZoneInfo("America/New_York")))])
    longest = checks(limits, record(), at("2026-11-01T12:00-05:00")).caps[0]
    assert checks(limits, record()).lasts >= longest.until - longest.since == 25 * HOUR


def test_the_digest_of_the_records_own_key_comes_first() -> None:
    limits = Limits([Cap("codes", 1, MINUTE)])
    newer = recipient_digest(BOTH_KEYS.newest, NUMBER)
    assert checks(limits, record(), keys=BOTH_KEYS).digests == (recipient_digest(KEYS.newest, NUMBER), newer)


def test_marketing_is_kept_from_numbers_that_want_none_of_it() -> None:
    assert checks(Limits(), record(Lane.MARKETING)).suppressed_by == ("*", "app:shop")
    signed = checks(Limits(), record(Lane.MARKETING), signature="云杉")
    assert signed.suppressed_by == ("*", "app:shop", "sig:云杉")
    assert signed.digests == (recipient_digest(KEYS.newest, NUMBER),)


@pytest.mark.parametrize("lane", [Lane.OTP, Lane.NOTICE])
def test_codes_and_notices_pass_every_suppression(lane: Lane) -> None:
    assert checks(Limits(), record(lane), signature="云杉").suppressed_by == ()


def test_an_attempt_begins_before_its_window_closes() -> None:
    assert checks(Limits(windows=[WINDOW]), record(Lane.MARKETING)).closes == at("2026-11-28T20:00+08:00") - MARGIN


def test_no_attempt_begins_while_its_window_is_closed() -> None:
    night = at("2026-11-28T21:00+08:00")
    assert 0 < checks(Limits(windows=[WINDOW]), record(Lane.MARKETING), night).closes < night


@pytest.mark.parametrize(
    "of", [record(Lane.OTP), record(Lane.MARKETING, country="852"), record(Lane.MARKETING, ignores_window=True)]
)
def test_a_message_waits_for_no_window_but_its_own(of: Record) -> None:
    limits = Limits(windows=[WINDOW])
    assert limits.window_of(of) is None
    assert limits.closed_until(of, at("2026-11-28T21:00+08:00")) == 0
    assert checks(limits, of).closes == 0


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-28T07:59:59.999+08:00", "2026-11-28T08:00+08:00"),
        ("2026-11-28T08:00+08:00", None),
        ("2026-11-28T19:59:53.999+08:00", None),
        ("2026-11-28T19:59:54+08:00", "2026-11-29T08:00+08:00"),  # too late to be submitted before it closes
        ("2026-11-28T20:00+08:00", "2026-11-29T08:00+08:00"),
    ],
)
def test_a_message_waits_until_its_window_opens(now: str, until: str | None) -> None:
    waits = Limits(windows=[WINDOW]).closed_until(record(Lane.MARKETING), at(now))
    assert waits == (at(until) if until else 0)


@given(windows, instants)
def test_a_message_that_need_not_wait_may_begin(window: SendWindow, now: int) -> None:
    limits, of = Limits(windows=[window]), record(Lane.MARKETING)
    waits, closes = limits.closed_until(of, now), checks(limits, of, now).closes
    assert (waits == 0) is (now < closes)
    assert waits == 0 or (waits > now and window.is_open(waits))


@pytest.mark.parametrize(
    ("app", "country", "most"),
    [("shop", "86", 1), ("shop", "852", 2), ("bank", "86", 3), ("bank", "44", 4)],
)
def test_the_most_specific_fuse_counts(app: str, country: str, most: int) -> None:
    rows = [("shop", "86", 1), ("shop", ANY, 2), (ANY, "86", 3), (ANY, ANY, 4)]
    limits = Limits(fuses=[Fuse(*row, SHANGHAI) for row in rows])
    midnight = at("2026-11-29T00:00+08:00")
    assert checks(limits, record(app=app, country=country)).fuse == FuseCheck("20261128", app, country, most, midnight)


def test_an_app_and_country_without_a_fuse_have_none() -> None:
    limits = Limits(fuses=[Fuse("shop", "86", 1, SHANGHAI)])
    assert checks(limits, record(app="bank")) == checks(limits, record(country="852")) == Checks()


def test_a_fuse_counts_the_days_of_its_zone() -> None:
    limits = Limits(fuses=[Fuse(ANY, ANY, 1, SHANGHAI)])
    fuse = checks(limits, record(), at("2026-11-28T23:00+00:00")).fuse
    assert fuse is not None
    assert (fuse.day, fuse.until) == ("20261129", at("2026-11-30T00:00+08:00"))


def test_an_apps_own_countries_count_in_place_of_the_general_ones() -> None:
    limits = Limits(countries=frozenset({"86"}), app_countries={"shop": frozenset({"852", "853"})})
    assert limits.allows("bank", "86")
    assert not limits.allows("bank", "852")
    assert limits.allows("shop", "852")
    assert not limits.allows("shop", "86")
    assert Limits().allows("shop", "1")


def test_apps_are_told_what_is_decided_when_a_job_is_accepted() -> None:
    limits = Limits(
        [
            Cap("rolling", 5, HOUR, Per.APP),
            Cap("clocked", 10, ClockWindow(Clock.DAY, SHANGHAI), Per.TEMPLATE, (Lane.OTP, Lane.NOTICE), ("0000000",)),
            Cap("no codes", 1, DAY, lanes=(Lane.MARKETING,)),
        ],
        [WINDOW],
        frozenset({"86", "852"}),
        {"shop": frozenset({"1"})},
    )
    published = limits.published(NOW)
    assert json.loads(published["otp"]) == [
        ["rolling", 5, HOUR, "", [], "number+app"],
        ["clocked", 10, DAY, "on", ["0000000"], "number+template", 8 * HOUR],
    ]
    assert {name: value for name, value in published.items() if name != "otp"} == {
        "lasts": str(2 * DAY),
        "countries": " 852 86 ",
        "countries:shop": " 1 ",
        "windows": '[["marketing","86","08:00","20:00","Asia/Shanghai"]]',
    }


def test_limits_that_say_nothing_publish_nothing() -> None:
    assert Limits([Cap("texts", 1, DAY, lanes=(Lane.NOTICE,))]).published(NOW) == {}


@given(st.sampled_from(Lane), st.sampled_from(["0000000", "1111111"]), st.sampled_from(["shop", "bank"]))
def test_asking_again_gives_the_same_checks(lane: Lane, template: str, app: str) -> None:
    limits = Limits([Cap("a", 1, MINUTE, Per.APP), Cap("b", 2, ClockWindow(Clock.HOUR, SHANGHAI), Per.TEMPLATE)])
    of = record(lane, template, app)
    assert checks(limits, of) == checks(limits, of)
