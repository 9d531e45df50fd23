"""Every page of the console in a real browser: both languages, dark and light, a phone, barriers, and screenshots for the docs.

With SCREENSHOTS naming a folder, such as docs/console, the screenshots are left there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.console.pages import PAGES, speak
from tests.acceptance.console.scene import NUMBER, Scene
from tests.support.browser import DESK, PHONE, Browser
from tests.support.console_process import Console
from tests.support.pages import ROOT

LARGEST = 200_000  # bytes of a screenshot
SHOT = (1120, 720)  # CSS pixels
LOOKS = {"light": (DESK, False), "dark": (DESK, True), "phone": (PHONE, False)}
LOOKED_AT = {"en": ("light", "phone"), "zh": ("dark",)}  # the looks whose every page is examined in that language


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest, browser: Browser, console: Console) -> str:
    speak(browser, console.url, request.param)
    return str(request.param)


def paths(scene: Scene) -> dict[str, str]:
    return PAGES | {
        "message": f"/message/{scene.reported}",
        "campaign": "/campaigns/shop/spring",
    }


def screenshot_folder(tmp_path: Path) -> Path:
    named = os.environ.get("SCREENSHOTS")
    return ROOT / named if named else tmp_path


def test_each_page_has_one_heading_its_place_in_the_navigation_and_no_barrier(
    browser: Browser, console: Console, scene: Scene, language: str
) -> None:
    problems = []
    for look in LOOKED_AT[language]:
        size, dark = LOOKS[look]
        browser.shape(size, dark=dark)
        for name, path in paths(scene).items():
            browser.open(console.url + path)
            found = list(problems_of(browser, console.url + PAGES.get(name, "/campaigns")))
            problems += [f"{name}, {language}, {look}: {one}" for one in found]
            assert browser.script("return document.documentElement.lang").startswith(language)
    assert problems == []
    browser.shape(DESK)


def problems_of(browser: Browser, here: str) -> Iterator[str]:
    """What keeps somebody from using the page that is shown; ``here``: its place in the navigation."""
    if len(browser.all("h1")) != 1:
        yield "not one heading"
    if not {one.get_attribute("href") for one in browser.all("nav [aria-current=page]")} <= {here}:
        yield "another page is marked as this one"
    yield from browser.barriers()
    if browser.spills():
        yield "wider than the window"


def test_no_number_and_no_parameter_is_shown_or_stands_in_an_address(browser: Browser, console: Console, scene: Scene) -> None:
    for path in paths(scene).values():
        browser.open(console.url + path)
        assert NUMBER not in browser.driver.page_source
    assert not any(NUMBER in url for url in browser.asked())


def test_screenshots_of_each_page_are_small_enough_for_the_docs(
    browser: Browser, console: Console, scene: Scene, language: str, tmp_path: Path
) -> None:
    folder = screenshot_folder(tmp_path)
    shown = list(paths(scene)) if language == "en" else ["now", "campaigns"]
    browser.shape(SHOT)
    for name in shown:
        browser.open(console.url + paths(scene)[name])
        path = folder / f"{name}{'' if language == 'en' else '-zh'}.png"
        browser.screenshot(path)
        assert 5_000 < path.stat().st_size < LARGEST, name
    for look in ("dark", "phone"):
        size, dark = LOOKS[look]
        browser.shape(SHOT if look == "dark" else size, dark=dark)
        browser.open(console.url)
        browser.screenshot(folder / f"now-{look}{'' if language == 'en' else '-zh'}.png")
    browser.shape(DESK)
