"""The console with ten thousand dead letters: every page is a page, and a filter ends."""

import pytest

from tests.acceptance.console.pages import PAGES
from tests.acceptance.console.scene import Stage
from tests.support.browser import Browser
from tests.support.console_process import Console

MANY = 10_000


@pytest.fixture(scope="module")
def many(stage: Stage, console: Console) -> int:
    stage.dead(MANY)
    return MANY


def test_ten_thousand_dead_letters_are_paged(many: int, browser: Browser, console: Console) -> None:
    browser.open(f"{console.url}/dead")
    shown: list[str] = []
    for _ in range(3):
        ids = [one.get_attribute("value") for one in browser.all("tbody input[name=id]")]
        assert 0 < len(ids) <= 100
        shown += [str(one) for one in ids]
        browser.open(browser.find("a[rel=next]").get_attribute("href") or "")
    assert len(shown) == len(set(shown))
    assert browser.has("10,0", "main")
    assert browser.barriers() == []


def test_each_page_stays_small_and_answers_with_many(many: int, console: Console) -> None:
    operator = console.operator()
    for name, path in PAGES.items():
        answer = operator.get(path)
        assert answer.status_code == 200, name
        assert len(answer.content) < 200_000, name
        assert answer.elapsed.total_seconds() < 10, name
