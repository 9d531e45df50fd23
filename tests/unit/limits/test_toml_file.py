"""The limits file: what it says, what the packaged files hold, and that everything wrong with it is named at once."""

from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay.settings import SettingsError
from smsrelay_worker.limits.clock import Clock
from smsrelay_worker.limits.model import Cap, ClockWindow, Fuse, Limits, Per
from smsrelay_worker.limits.toml_file import ALIYUN, LimitsError, load_limits, packaged_source, parse_limits

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT = SendWindow(Lane.MARKETING, "86", time(8), time(20), SHANGHAI)
HEAD = 'version = 1\ncountries = "any"\n'
CAP = '[[cap]]\nname = "codes"\ncount = 1\n'
WINDOW = '[[window]]\nlane = "marketing"\ncountry = "86"\nopens = "08:00"\ncloses = "20:00"\nzone = "Asia/Shanghai"\n'
FUSE = '[[fuse]]\napp = "shop"\ncountry = "86"\nper_day = 5\nzone = "UTC"\n'


def parsed(source: str) -> Limits:
    return parse_limits(HEAD + source, "limits.toml")


def problems(source: str, head: str = HEAD) -> tuple[str, ...]:
    with pytest.raises(LimitsError) as caught:
        parse_limits(head + source, "limits.toml")
    return caught.value.problems


def test_a_whole_file_is_read() -> None:
    limits = parse_limits(
        """
        version = 1
        countries = ["86", "852"]
        [apps.shop]
        countries = ["86", "1"]
        [[cap]]
        name = "codes"
        lanes = ["otp"]
        templates = ["0000000", "1111111"]
        count = 5
        window = "1h"
        per = "number+app"
        [[cap]]
        name = "a-day"
        count = 10
        clock = "day"
        zone = "Asia/Shanghai"
        [[window]]
        lane = "marketing"
        country = "86"
        opens = "08:00"
        closes = "20:00"
        zone = "Asia/Shanghai"
        [[fuse]]
        app = "*"
        country = "852"
        per_day = 1000
        zone = "Asia/Hong_Kong"
        """,
        "limits.toml",
    )
    assert limits.caps == (
        Cap("codes", 5, HOUR, Per.APP, (Lane.OTP,), ("0000000", "1111111")),
        Cap("a-day", 10, ClockWindow(Clock.DAY, SHANGHAI)),
    )
    assert limits.windows == (NIGHT,)
    assert limits.countries == {"86", "852"}
    assert limits.app_countries == {"shop": {"86", "1"}}
    assert limits.fuses == (Fuse("*", "852", 1000, ZoneInfo("Asia/Hong_Kong")),)


def test_the_packaged_file_keeps_marketing_from_the_mainlands_night_and_allows_the_mainland() -> None:
    limits = load_limits(None)
    assert limits.windows == (NIGHT,)
    assert limits.countries == {"86"}
    assert (limits.caps, limits.fuses, limits.app_countries) == ((), (), {})


def test_the_shipped_example_holds_the_caps_that_aliyun_publishes() -> None:
    limits = parse_limits(packaged_source(ALIYUN), ALIYUN)
    codes, others = (Lane.OTP,), (Lane.NOTICE, Lane.MARKETING)
    assert {(cap.count, cap.window, cap.per, cap.lanes) for cap in limits.caps} == {
        (1, MINUTE, Per.APP, codes),
        (5, HOUR, Per.APP, codes),
        (10, DAY, Per.APP, codes),
        (40, DAY, Per.NUMBER, codes),
        (50, DAY, Per.APP, others),
    }
    assert (limits.windows, limits.countries) == ((NIGHT,), {"86"})


def test_the_commented_rows_of_the_packaged_file_are_right() -> None:
    lines = packaged_source().splitlines()
    rows = [line.removeprefix("# ") for line in lines if line.startswith(("# [[", "# ")) and (" = " in line or "[[" in line)]
    rows = [row for row in rows if row.startswith("[[") or row.split(" = ")[0].isidentifier()]
    limits = parsed("\n".join(rows))
    assert (len(limits.caps), len(limits.fuses)) == (1, 1)


@pytest.mark.parametrize(
    ("window", "ms"),
    [
        ('window = "60s"', MINUTE),
        ('window = "1m"', MINUTE),
        ('window = "24h"', DAY),
        ('window = "31d"', 31 * DAY),
        ("window_s = 90", 90_000),
    ],
)
def test_a_cap_names_its_window_in_a_unit_or_in_seconds(window: str, ms: int) -> None:
    assert parsed(f"{CAP}{window}\n").caps == (Cap("codes", 1, ms),)


def test_a_clock_cap_of_minutes_needs_no_zone() -> None:
    assert parsed(f'{CAP}clock = "minute"\n').caps[0].window == ClockWindow(Clock.MINUTE, ZoneInfo("UTC"))


def test_a_window_may_close_at_midnight() -> None:
    [window] = parsed(WINDOW.replace("20:00", "24:00")).windows
    assert (window.opens, window.closes) == (time(8), time(0))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("[night]\n", "night: is not a key of this table; docs/limits.md lists them"),
        (f'{CAP}window = "1h"\nburst = 3\n', "cap 1, burst: is not a key of this table; docs/limits.md lists them"),
        (CAP, "cap 1: needs exactly one of window, window_s and clock"),
        (f'{CAP}window = "1h"\nwindow_s = 3600\n', "cap 1: needs exactly one of window, window_s and clock"),
        (f'{CAP}window = "1h"\nclock = "hour"\nzone = "UTC"\n', "cap 1: needs exactly one of window, window_s and clock"),
        (f'{CAP}window = "1 h"\n', 'cap 1, window: must be a length up to 31 days, like "60s", "1h" or "1d"'),
        (f'{CAP}window = "0s"\n', 'cap 1, window: must be a length up to 31 days, like "60s", "1h" or "1d"'),
        (f'{CAP}window = "32d"\n', 'cap 1, window: must be a length up to 31 days, like "60s", "1h" or "1d"'),
        (f"{CAP}window_s = 0\n", "cap 1, window_s: Input should be greater than or equal to 1"),
        (f'{CAP}clock = "day"\n', "cap 1: zone is missing: whose hours or days?"),
        (f'{CAP}window = "1d"\nzone = "UTC"\n', "cap 1: zone belongs to clock; a rolling window has none"),
        (f'{CAP}clock = "day"\nzone = "Asia/Atlantis"\n', 'cap 1, zone: must be the name of a time zone, like "Asia/Shanghai"'),
        (f'{CAP}window = "1h"\nlanes = ["otp", "otp"]\n', "cap 1, lanes: must list nothing twice"),
        (f'{CAP}window = "1h"\nper = "app"\n', "cap 1, per: Input should be 'number', 'number+app' or 'number+template'"),
        (f'{CAP}window = "1h"\n'.replace("= 1\n", "= 1001\n"), "cap 1, count: Input should be less than or equal to 1000"),
        (f'{CAP}window = "1h"\n'.replace("= 1\n", "= true\n"), "cap 1, count: Input should be a valid integer"),
        (f'{CAP}window = "1h"\n' * 2, "cap: two rows have the name codes"),
        ("cap = 3\n", "cap: must be a list"),
        ("[cap]\n", "cap: must be a list"),
        ("cap = [3]\n", "cap 1: must be a table"),
        (
            WINDOW.replace("20:00", "8pm"),
            'window 1, closes: must be an hour and a minute, like "08:00"; midnight is "00:00" or "24:00"',
        ),
        (WINDOW.replace("20:00", "08:00"), "window 1: opens and closes are the same; without a window a lane is open all day"),
        (WINDOW.replace('"86"', '"+86"'), 'window 1, country: must be a calling code without its plus, like "86"'),
        (WINDOW.replace('"86"', '"999"'), 'window 1, country: must be a calling code without its plus, like "86"'),
        (WINDOW * 2, "window: two rows are for the lane marketing and country 86"),
        (FUSE.replace('"shop"', '"a shop"'), 'fuse 1, app: must be the name of an app, or "*"'),
        (FUSE.replace("per_day = 5", "per_day = 0"), "fuse 1, per_day: Input should be greater than or equal to 1"),
        (FUSE * 2, "fuse: two rows are for the app shop and country 86"),
        ("[apps.shop]\ncountries = []\n", 'apps, shop, countries: must be a list of calling codes, like ["86", "852"]'),
        ("[apps.shop]\n", "apps, shop, countries: is missing"),
        ("countries = 1\n", "not TOML: Cannot overwrite a value (at line 3, column 14)"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place_and_reason(source: str, problem: str) -> None:
    assert problems(source) == (problem,)


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("", "version: is missing"),
        ('countries = "any"\n', "version: is missing"),
        ('version = 2\ncountries = "any"\n', "version: Input should be 1"),
        ("version = 1\n", "countries: is missing"),
        ('version = 1\ncountries = "all"\n', 'countries: must be a list of calling codes, like ["86", "852"], or "any"'),
        ("version = 1\ncountries = [86]\n", 'countries: must be a list of calling codes, like ["86", "852"]'),
        ('version = 1\ncountries = ["86", "86"]\n', "countries: must list nothing twice"),
    ],
)
def test_a_wrong_head_is_refused(head: str, problem: str) -> None:
    assert problem in problems("", head)


def test_all_problems_are_named_at_once() -> None:
    assert len(problems(f"{CAP}{WINDOW.replace('08:00', '8')}{FUSE.replace('86', 'china')}[night]\n")) == 4


def test_the_error_says_how_many_problems_a_file_has() -> None:
    with pytest.raises(SettingsError, match=r"^my\.toml is invalid, 2 problems:\n  cap 1: .*\n  night: .*$"):
        parse_limits(f"{HEAD}{CAP}[night]\n", "my.toml")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LimitsError, match="cannot be read: No such file or directory"):
        load_limits(tmp_path / "limits.toml")
    (tmp_path / "limits.toml").write_bytes(b'zone = "\xff"')
    with pytest.raises(LimitsError, match="not UTF-8"):
        load_limits(tmp_path / "limits.toml")


@pytest.mark.parametrize("source", ["a = " + "[" * 10_000, "a = 1" + "0" * 5000])
def test_a_file_that_the_parser_gives_up_on_is_an_error(source: str) -> None:
    with pytest.raises(LimitsError, match="not TOML that can be read"):
        parse_limits(source, "limits.toml")
