"""Every action of the console in a real browser: what it does in the store, and its entry in the action log."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import Select

from smsrelay.contract.lanes import OUTCOME_QUEUE, Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay_worker.store.actions.action import Action
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.sinks.sink_states import SinkStates
from tests.acceptance.console.pages import PAGES, click, sign_in
from tests.acceptance.console.scene import NUMBER, Scene, Stage
from tests.support.browser import Browser
from tests.support.console_process import USER, Console, running_console
from tests.support.messages import NUMBER_KEYS
from tests.support.queues import bodies
from tests.support.waiting import eventually

UNKNOWN_NUMBER = "13711112222"


def entries(redis: StoreRedis) -> list[tuple[str, str, str]]:
    """What, target and result of each action in the console, newest first."""
    found: list[Action] = [one for one in ActionLog(redis).read(limit=200) if one.via == "console"]
    assert {one.who for one in found} <= {USER}
    return [(one.what, one.target, one.result) for one in found]


def state(stage: Stage, message_id: str) -> State:
    reading = stage.store.read(message_id)
    assert reading is not None
    return reading.record.state


def test_a_campaign_is_paused_resumed_and_cancelled(browser: Browser, console: Console, stage: Stage, redis: StoreRedis) -> None:
    stage.send(Lane.MARKETING, app="shop", campaign="summer")
    browser.open(f"{console.url}/campaigns")
    click(browser, "a[href='/campaigns/shop/summer']")
    for verb, then in (("pause", "paused"), ("resume", "running")):
        click(browser, f"button[value={verb}]")
        assert browser.has("summer", ".notice.good")
        assert Campaigns(redis).progress(["shop/summer"])[0].state == then
        assert entries(redis)[0] == (f"campaign {verb}", "campaign:shop/summer", "done")
    assert not browser.find("button[value=cancel]").is_displayed()  # it takes two steps to cancel for good
    browser.find("summary").click()
    click(browser, "button[value=cancel]")
    assert Campaigns(redis).progress(["shop/summer"])[0].state == "cancelled"
    assert entries(redis)[0] == ("campaign cancel", "campaign:shop/summer", "done")
    assert browser.all("button[value=pause]") == []


def test_a_sink_is_tested_resumed_and_replayed(browser: Browser, console: Console, redis: StoreRedis) -> None:
    browser.open(f"{console.url}/webhooks")
    assert browser.has("disabled", "[data-sink='bank.webhook']")
    Select(browser.find("select[name=sink]")).select_by_visible_text("bank.webhook")
    click(browser, "button[value=resume]")
    assert browser.has("bank.webhook is resumed", ".notice.good")
    assert "bank.webhook" not in SinkStates(redis).read()
    redis.delete(OUTCOME_QUEUE)
    answering = threading.Thread(target=answer_the_test, args=(redis,))
    answering.start()
    click(browser, "button[value=test]")
    answering.join()
    assert browser.has("answered: 503", ".notice.bad")
    click(browser, "button[value=replay]")
    eventually(lambda: entries(redis)[1][2] == "begun", "the replay has ended")
    assert [one[:2] for one in entries(redis)[:4]] == [
        ("webhook replay", "sink:shop.webhook"),
        ("webhook replay", "sink:shop.webhook"),
        ("webhook test", "sink:shop.webhook"),
        ("webhook resume", "sink:bank.webhook"),
    ]


def answer_the_test(redis: StoreRedis) -> None:
    """What a worker does that is asked to test a sink."""
    asked = eventually(lambda: [one for one in bodies(redis, OUTCOME_QUEUE) if "test" in one], "a worker is asked")
    SinkStates(redis).keep_test(asked[0]["test"], "503")


def test_a_number_is_looked_up_added_and_removed(browser: Browser, console: Console, redis: StoreRedis) -> None:
    lists = Suppressions(redis, NUMBER_KEYS)
    browser.open(f"{console.url}/suppressed")
    browser.fill("#number", UNKNOWN_NUMBER)
    browser.fill("#of", "shop")
    click(browser, "button[value=add]")
    assert browser.has("+86137****2222", ".notice.good")
    assert [one.source for one in lists.of(f"+86{UNKNOWN_NUMBER}")] == ["console"]
    browser.fill("#looked-up", UNKNOWN_NUMBER)
    click(browser, "form[action='/suppressed'] button")
    assert browser.has("app shop", "[data-looked-up]")
    browser.fill("#number", UNKNOWN_NUMBER)
    browser.fill("#of", "shop")
    click(browser, "button[value=remove]")
    assert lists.of(f"+86{UNKNOWN_NUMBER}") == []
    target = "list:app:shop number:+86137****2222"
    assert entries(redis)[:2] == [("suppress remove", target, "removed"), ("suppress add", target, "added")]


def test_what_is_no_number_is_refused_with_a_reason(browser: Browser, console: Console) -> None:
    browser.open(f"{console.url}/suppressed")
    browser.fill("#looked-up", "Anna")
    click(browser, "form[action='/suppressed'] button")
    assert browser.has("not a phone number", "[role=alert]")
    assert all("422" in one for one in browser.complaints())


def test_a_message_is_found_by_its_number_revealed_and_cancelled(
    browser: Browser, console: Console, stage: Stage, scene: Scene, redis: StoreRedis
) -> None:
    browser.open(console.url)
    browser.fill("#search", NUMBER)
    before = browser.driver.current_url
    browser.press("\n")
    eventually(lambda: browser.all(f"a[href='/message/{scene.reported}']"), "the message is found")
    assert NUMBER not in browser.driver.current_url + before
    click(browser, f"a[href='/message/{scene.reported}']")
    click(browser, "form[action$='/number'] button")
    assert browser.text("[data-revealed]") == f"+86{NUMBER}"
    assert entries(redis)[0] == ("reveal", f"message:{scene.reported}", "shown")
    browser.open(f"{console.url}/message/{scene.queued}")
    click(browser, "form[action$='/cancel'] button")
    assert state(stage, scene.queued) is State.CANCELLED
    assert entries(redis)[0] == ("cancel", f"message:{scene.queued}", "done")


def test_a_dead_message_is_replayed_after_a_dry_run(
    browser: Browser, console: Console, stage: Stage, scene: Scene, redis: StoreRedis
) -> None:
    browser.open(f"{console.url}/dead?code=504&app=default")
    ticked = f"input[name=id][value='{scene.failed}']"
    while not browser.all(ticked):  # there may be thousands of newer ones, which the filter looks through page by page
        browser.open(browser.find("a[rel=next]").get_attribute("href") or "")
    browser.find(ticked).click()
    click(browser, "form[action='/dead/dry-run'] button:not([name])")
    assert state(stage, scene.failed) is State.FAILED
    click(browser, "form[action='/dead/replay'] button")
    assert state(stage, scene.failed) is State.QUEUED
    assert entries(redis)[0] == ("dead replay", f"message:{scene.failed}", "1 of 1 replayed")


def test_the_actions_are_listed_and_filtered(browser: Browser, console: Console) -> None:
    browser.open(f"{console.url}/actions")
    browser.fill("input[name=who]", "bob")
    click(browser, "form[action='/actions'] button")
    shown = [one.text for one in browser.all("tbody th")]
    assert len(shown) == 2
    assert all("bob" in one for one in shown)


def test_waiting_messages_are_filtered_and_lead_to_their_story(browser: Browser, console: Console, scene: Scene) -> None:
    browser.open(f"{console.url}/due?lane=notice")
    assert browser.has("the time that the app asked for", "tbody")
    click(browser, f"a[href='/message/{scene.later}']")
    assert browser.has(scene.later)


def test_the_keyboard_alone_pauses_a_campaign(browser: Browser, console: Console, stage: Stage, redis: StoreRedis) -> None:
    stage.send(Lane.MARKETING, app="shop", campaign="autumn")
    browser.open(console.url)
    browser.tab_to("nav a[href='/campaigns']")
    browser.press("\n")
    eventually(lambda: browser.all("nav [aria-current=page][href='/campaigns']"), "the campaigns are shown")
    browser.tab_to("a[href='/campaigns/shop/autumn']")
    browser.press("\n")
    eventually(lambda: browser.all("button[value=pause]"), "the campaign is shown")
    browser.tab_to("button[value=pause]")
    browser.press("\n")
    eventually(lambda: Campaigns(redis).progress(["shop/autumn"])[0].state == "paused", "it is paused")


def test_the_first_thing_the_tabulator_reaches_skips_to_the_content(browser: Browser, console: Console) -> None:
    for path in PAGES.values():
        browser.open(console.url + path)
        browser.tab_to(".skip", most=1)


def test_numbers_are_renewed_without_a_reload(browser: Browser, console: Console, stage: Stage) -> None:
    browser.open(f"{console.url}/campaigns")
    browser.script("window.here = true")
    stage.send(Lane.MARKETING, app="shop", campaign="winter")
    eventually(lambda: browser.all("[data-campaign='shop/winter']"), "the new campaign appears")
    assert browser.script("return window.here")


@pytest.fixture
def reading_console(environment: Mapping[str, str], scene: Scene, folder: Path) -> Iterator[Console]:
    with running_console(environment, folder / "reading.log") as running:
        yield running


def test_a_console_without_actions_offers_none(
    window: Browser, reading_console: Console, console: Console, redis: StoreRedis
) -> None:
    before = entries(redis)
    sign_in(window, reading_console.url)
    for path in ("/campaigns/shop/spring", "/webhooks", "/suppressed"):
        window.open(reading_console.url + path)
        assert window.all("main form[method=post] button:not(.second)") == []
    assert entries(redis) == before
    sign_in(window, console.url)  # cookies know no port: the next test is signed in to the other again
