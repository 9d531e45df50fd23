"""Both languages say the same things, and the pages say nothing else."""

import re
import string

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.console.languages.catalogue import Language, catalogue_of, preferred
from smsrelay_worker.console.navigation import NAVIGATION
from smsrelay_worker.operations.doctor.finding import Severity
from tests.support.pages import ROOT

ROOM = ROOT / "worker" / "smsrelay_worker" / "console"
ENGLISH, CHINESE = catalogue_of(Language.EN), catalogue_of(Language.ZH)
_CALLED = re.compile(r'\bt\(\s*"([a-z_.]+)"(\s*~)?')  # t("now.title"), or t("state." ~ name)
_NAMED = re.compile(r'"([a-z]+\.[a-z_]*)(\{|")')  # in Python: "now.circuit", or f"suppressed.done_{what}"


def test_both_languages_have_the_same_keys() -> None:
    assert ENGLISH.texts.keys() == CHINESE.texts.keys()


@pytest.mark.parametrize("key", sorted(ENGLISH.texts))
def test_both_languages_fill_the_same_places(key: str) -> None:
    assert _places(ENGLISH.texts[key]) == _places(CHINESE.texts[key])
    assert "" not in (ENGLISH.texts[key].strip(), CHINESE.texts[key].strip())


def test_templates_and_pages_use_known_keys_alone_and_all_of_them() -> None:
    tables = {key.partition(".")[0] for key in ENGLISH.texts}
    called = [found for path in ROOM.rglob("*.html") for found in _CALLED.findall(path.read_text("utf-8"))]
    called += [found for path in ROOM.rglob("*.py") for found in _NAMED.findall(path.read_text("utf-8"))]
    named = [(key, more) for key, more in called if key.partition(".")[0] in tables and not key.endswith(".html")]
    whole = {key for key, more in named if more in ("", '"')}
    beginnings = {key for key, more in named if more not in ("", '"')} | {"span."}
    assert whole - ENGLISH.texts.keys() == set()
    assert {one for one in beginnings if not any(key.startswith(one) for key in ENGLISH.texts)} == set()
    assert {key for key in ENGLISH.texts if key not in whole and not key.startswith(tuple(beginnings))} == set()


def test_every_state_lane_severity_language_and_place_has_its_word() -> None:
    for kind, names in (("state", State), ("lane", Lane), ("severity", Severity), ("nav.language", Language)):
        joint = "_" if kind.startswith("nav") else "."
        assert all(ENGLISH.knows(f"{kind}{joint}{one.value}") for one in names)
    assert all(ENGLISH.knows(f"nav.{name}") for name, _ in NAVIGATION)


def test_why_something_is_refused_has_its_word() -> None:
    reasons = {one for path in ROOM.rglob("*.py") for one in re.findall(r'Refused\(\d+, "([a-z_]+)"\)', path.read_text("utf-8"))}
    assert len(reasons) > 8
    assert all(ENGLISH.knows(f"refused.{one}") for one in reasons)


def test_one_is_told_from_many_where_the_language_does() -> None:
    assert ENGLISH.text("span.days", count=1) == "1 day"
    assert ENGLISH.text("span.days", count=2) == "2 days"
    assert CHINESE.text("span.days", count=1) == "1 天"


@pytest.mark.parametrize(
    ("ms", "words"),
    [(-5, "0 s"), (999, "0 s"), (61_000, "1 min 1 s"), (3_600_000, "1 h"), (90_061_000, "1 day 1 h"), (172_800_000, "2 days")],
)
def test_a_stretch_of_time_is_said_in_its_two_largest_units(ms: int, words: str) -> None:
    assert ENGLISH.span(ms) == words


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", Language.EN),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", Language.ZH),
        (None, "fr,en;q=0.3,zh;q=0.7", Language.ZH),
        (None, "zh;q=0,en;q=0.1", Language.EN),
        (None, "*;q=0.5, ;;;, zh;q=x", Language.EN),
        ("en", "zh", Language.EN),
        ("zh", "en", Language.ZH),
        ("de", "zh", Language.ZH),
    ],
)
def test_the_cookie_decides_and_else_the_browser(cookie: str | None, accepted: str, language: Language) -> None:
    assert preferred(cookie, accepted) is language


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text.replace("|", "")) if name}
