"""A headless Chromium, driven by its own driver, that notes what it asks of whom and what it complains about.

Chromium, its driver and a Chinese font are Debian's (``chromium``, ``chromium-driver``, ``fonts-wqy-microhei``); axe-core, which
looks for what keeps people from using a page, is npm's. The browser resolves no name and reaches no address but 127.0.0.1. A test
that cannot have it is skipped, or with CI=true fails.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.support.languages import require
from tests.support.waiting import eventually

PHONE = (390, 844)  # CSS pixels of a phone in common use
DESK = (1280, 800)
_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # tests run as root, in a sandbox of their own
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_NOTING = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', e => window.__violations.push(e.violatedDirective + ' ' + e.blockedURI));
"""
_AXE = "axe-core@4.14.1"
_INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefer-offline")
_PATIENCE = 180.0  # seconds
_OWN = ("data:", "about:", "chrome:", "chrome-error:", "devtools:")


@dataclass(frozen=True, slots=True)
class Browser:
    """One window. Selectors are CSS."""

    driver: Chrome
    axe: str = field(repr=False)  # the source of axe-core

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self.driver.get(url)

    def find(self, selector: str) -> WebElement:
        """The first element, once there is one."""
        found: list[WebElement] = eventually(lambda: self.all(selector), f"the page has {selector}")
        return found[0]

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def has(self, text: str, selector: str = "body") -> bool:
        """Whether what is shown of an element contains a text."""
        return any(text in str(self.script("return arguments[0].innerText", one)) for one in self.all(selector))

    def text(self, selector: str = "main") -> str:
        return str(self.script("return arguments[0].innerText", self.find(selector)))

    def fill(self, selector: str, text: str) -> None:
        """Type into a field that may hold something else."""
        found = self.find(selector)
        found.clear()
        found.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def tab_to(self, selector: str, most: int = 80) -> None:
        """Reach an element by the tabulator alone; fails when it cannot be reached, or its focus cannot be seen.

        It is known by the selector: a live page replaces its elements meanwhile.
        """
        self.find(selector)
        for _ in range(most):
            self.press(Keys.TAB)
            if self.script("return document.activeElement.matches(arguments[0])", selector):
                assert self._shows_focus(), f"nobody sees that {selector} has the focus"
                return
        raise AssertionError(f"the tabulator does not reach {selector}")

    def script(self, source: str, *arguments: Any) -> Any:
        return self.driver.execute_script(source, *arguments)

    def shape(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """Width and height of the window, in CSS pixels, and whether its user likes dark pages."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", {"features": [scheme]})

    def spills(self) -> bool:
        """Whether the page is wider than the window, so that it has to be pushed to and fro."""
        return bool(self.script("return document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))

    def asked(self) -> list[str]:
        """Every address that was asked for since the last call."""
        entries = [json.loads(one["message"])["message"] for one in self.driver.get_log("performance")]
        requests = [one["params"]["request"]["url"] for one in entries if one["method"] == "Network.requestWillBeSent"]
        return [url for url in requests if not url.startswith(_OWN)]

    def complaints(self) -> list[str]:
        """What the browser complained about since the last call, and what the page's policy kept it from."""
        logged = [str(one["message"]) for one in self.driver.get_log("browser") if one["level"] in {"WARNING", "SEVERE"}]
        return [*logged, *self.script("return window.__violations || []")]

    def barriers(self) -> list[str]:
        """What axe-core says keeps people from using the page: rule, and the elements."""
        self.script(self.axe)
        ran = self.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
        return [f"{one['id']}: {[node['html'][:160] for node in one['nodes']]}" for one in ran["violations"]]

    def screenshot(self, path: Path) -> None:
        """What the window shows, as a PNG."""
        shot = self._command("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": False})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _shows_focus(self) -> bool:
        looks = "const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'"
        return bool(self.script(looks))

    def _command(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return dict(self.driver.execute_cdp_cmd(name, parameters) or {})


@contextmanager
def chromium(folder: Path, languages: Sequence[str] = ("en",)) -> Iterator[Browser]:
    """One with a profile of its own; ``languages``: those that its user reads."""
    require("chromium", "chromedriver", "npm")
    axe = _axe_core(folder)
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for switch in (*_SWITCHES, f"--user-data-dir={folder / 'profile'}", f"--accept-lang={','.join(languages)}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options, Service(str(shutil.which("chromedriver"))))
    try:
        driver.set_page_load_timeout(60)
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _NOTING})
        browser = Browser(driver, axe)
        browser.shape(DESK)
        yield browser
    finally:
        driver.quit()


def _axe_core(folder: Path) -> str:
    installed = subprocess.run([*_INSTALL, _AXE], cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert installed.returncode == 0, installed.stderr
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
