"""What tests of the console do in a browser, again and again."""

from tests.support.browser import Browser
from tests.support.console_process import PASSWORD, USER
from tests.support.waiting import eventually

PAGES = {
    "now": "/",
    "find": "/find",
    "due": "/due",
    "campaigns": "/campaigns",
    "codes": "/codes",
    "webhooks": "/webhooks",
    "suppressed": "/suppressed",
    "actions": "/actions",
    "dead": "/dead",
    "doctor": "/doctor",
}


def sign_in(browser: Browser, url: str) -> None:
    """Sign in with the keyboard: the first field has the focus."""
    browser.open(url)
    browser.fill("#user", USER)
    browser.fill("#password", PASSWORD)
    browser.press("\n")
    eventually(lambda: browser.all("nav [aria-current=page]"), "the first page is shown")


def click(browser: Browser, selector: str) -> None:
    """Click, and wait for the page that comes of it."""
    before = browser.find("html")
    browser.find(selector).click()
    eventually(lambda: _is_gone(browser, before), "another page is shown")


def speak(browser: Browser, url: str, language: str) -> None:
    """Choose the language by the button at the top."""
    browser.open(url)
    if browser.all(f"button[name=language][value={language}]"):
        click(browser, f"button[name=language][value={language}]")
    eventually(lambda: browser.find("html").get_attribute("lang").startswith(language), f"the page speaks {language}")


def _is_gone(browser: Browser, element: object) -> bool:
    return bool(browser.all("html") and browser.find("html") != element)
