"""Limits in sentences."""

from zoneinfo import ZoneInfo

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay_worker.limits.clock import Clock
from smsrelay_worker.limits.describe import HALTED_BY, explain_rule, lines
from smsrelay_worker.limits.model import ANY, Cap, ClockWindow, Fuse, Limits, Per
from smsrelay_worker.limits.toml_file import ALIYUN, load_limits, packaged_source, parse_limits

SHANGHAI = ZoneInfo("Asia/Shanghai")
EXAMPLE = parse_limits(packaged_source(ALIYUN), ALIYUN)


@pytest.mark.parametrize(
    ("cap", "sentence"),
    [
        (Cap("x", 1, 60_000, lanes=(Lane.OTP,)), "at most 1 attempt in otp to one number in any minute."),
        (Cap("x", 5, 3_600_000, Per.APP), "at most 5 attempts of one app to one number in any hour."),
        (Cap("x", 5, 86_400_000), "at most 5 attempts to one number in any 24 h."),
        (Cap("x", 5, 90_000), "at most 5 attempts to one number in any 90 s."),
        (
            Cap("x", 9, 7 * 86_400_000, Per.TEMPLATE, (Lane.NOTICE, Lane.MARKETING)),
            "at most 9 attempts of one template in notice and marketing to one number in any 7 d.",
        ),
        (Cap("x", 2, 1000, templates=("1", "2", "3")), "at most 2 attempts of template 1, 2 and 3 to one number in any second."),
        (
            Cap("x", 2, ClockWindow(Clock.DAY, SHANGHAI)),
            "at most 2 attempts to one number in one day of the clock in Asia/Shanghai.",
        ),
    ],
)
def test_a_cap_is_a_sentence(cap: Cap, sentence: str) -> None:
    assert sentence in "\n".join(lines(Limits([cap])))


def test_the_packaged_limits_are_printed_line_by_line() -> None:
    countries, window, *none = lines(load_limits(None))
    assert countries == "countries: +86"
    assert window.startswith(
        "window marketing +86: marketing to +86 is submitted between 08:00 and 20:00 in Asia/Shanghai alone."
    )
    assert none == ["no cap", "no fuse"]


def test_what_an_app_and_a_fuse_may_is_printed() -> None:
    limits = Limits(app_countries={"shop": frozenset({"86", "1"})}, fuses=[Fuse(ANY, "852", 1000, SHANGHAI)])
    printed = list(lines(limits))
    assert printed[:2] == ["countries: any", "countries of app shop: +1, +86"]
    assert printed[2].startswith("fuse */852: at most 1,000 messages of each app to +852 in one day in Asia/Shanghai.")


def test_a_rule_is_explained_by_the_row_that_it_names() -> None:
    told = explain_rule(EXAMPLE, "cap codes-a-minute") or ""
    assert told.startswith("cap codes-a-minute: at most 1 attempt of one app in otp to one number in any minute.")
    assert "waits until the number is free again" in told
    assert (explain_rule(EXAMPLE, "window marketing +86") or "").startswith("window marketing +86: ")


def test_a_row_that_the_file_no_longer_has_is_said_so() -> None:
    assert explain_rule(EXAMPLE, "cap gone") == "the limits file has no cap gone"
    assert explain_rule(EXAMPLE, "fuse") == "the limits file has no fuse"


def test_a_kind_alone_explains_all_of_it() -> None:
    assert len((explain_rule(EXAMPLE, "cap") or "").splitlines()) == len(EXAMPLE.caps)


@pytest.mark.parametrize(
    "rule",
    [
        "suppressed",
        "country not allowed",
        "not in only_to",
        "campaign cancelled",
        "window ignored",
        "not_before, window ignored",
        *(f"halted {kind}" for kind in HALTED_BY),
        "halted lane:otp",
    ],
)
def test_every_rule_that_a_limit_decides_is_explained(rule: str) -> None:
    assert (explain_rule(EXAMPLE, rule) or "").endswith(".")


@pytest.mark.parametrize("rule", ["503", "status.503", "enqueued", "halted", "not_before", "caps", "by the app"])
def test_other_rules_are_left_to_others(rule: str) -> None:
    assert explain_rule(EXAMPLE, rule) is None
