"""Chromium and its driver, and a browser window as the tests of the page use it.

On a machine without them, apt-get brings Debian's packages if this user may install them. Otherwise: NotRun.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from toolbox import INSTALL_SECONDS, NotRun, packages

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_DRIVERS = ("chromedriver", "chromium.chromedriver")
_DEBIAN = ("chromium", "chromium-driver")
SECONDS = 10.0


_VISIBLE = """
const all = [...document.querySelectorAll(arguments[0])];
const shown = each => each.checkVisibility() && each.textContent.includes(arguments[1]);
"""


class Programs(NamedTuple):
    browser: str
    driver: str


def programs() -> Programs:
    """Chromium and its driver. Installs them if they are missing and this user may. Raises NotRun."""
    found = _found()
    if found is None:
        _install()
        found = _found()
    if found is None:
        raise NotRun("apt-get has installed Chromium, but there is no chromium or chromedriver on PATH")
    return found


def _found() -> Programs | None:
    browser, driver = (next(filter(None, map(shutil.which, names)), None) for names in (_BROWSERS, _DRIVERS))
    return Programs(browser, driver) if browser and driver else None


def _install() -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise NotRun(
            "there is no Chromium with its driver on PATH, and this user cannot install them by apt-get"
        )
    print("acceptance: installing Chromium by apt-get", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *_DEBIAN]):
        try:
            done = subprocess.run(
                [apt, "-q", *command],
                env=environment,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=INSTALL_SECONDS,
            )
        except subprocess.TimeoutExpired as slow:
            raise NotRun(str(slow)) from None
        if done.returncode:
            raise NotRun(f"apt-get {' '.join(command)} failed: {done.stderr.strip()}")


class Window:
    """A window of a browser of its own. `find` and `click` wait until there is what they look for."""

    def __init__(self, found: Programs, folder: Path) -> None:
        sys.path.extend(each for each in map(str, packages()) if each not in sys.path)
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = found.browser
        for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
            options.add_argument(f"--{argument}")
        options.add_argument(f"--user-data-dir={folder}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(found.driver)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.shape()

    def shape(self, width: int = 1280, height: int = 800, *, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url: str) -> None:
        self.leave()
        self.complaints()
        self.driver.get(url)
        self.find("#hour", ":")

    def leave(self) -> None:
        self.driver.get("about:blank")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str, text: str = "") -> Any:
        """The first visible element with this selector that has the text."""

        def found() -> Any:
            return self.run(f"{_VISIBLE} return all.find(shown)", selector, text)

        return until(found, lambda: f"nothing visible is {selector} with {text!r}:\n{self.text()}")

    def click(self, selector: str, text: str = "") -> None:
        def clicked() -> bool:
            from selenium.common.exceptions import WebDriverException

            try:
                self.find(selector, text).click()
            except WebDriverException:  # it moved, or was made anew
                return False
            return True

        until(clicked, lambda: f"{selector} with {text!r} cannot be clicked:\n{self.text()}")

    def sees(self, selector: str, text: str) -> None:
        self.find(selector, text)

    def sees_no(self, selector: str, text: str = "") -> None:
        script = f"{_VISIBLE} return !all.some(shown)"
        until(lambda: self.run(script, selector, text), lambda: f"{selector} with {text!r} stays")

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def keys(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def focused(self) -> str:
        at = "const at = document.activeElement;"
        return str(self.run(f"{at} return at.id || at.getAttribute('aria-label') || at.innerText"))

    def complaints(self) -> list[str]:
        """What the browser's console says: errors of scripts, and what the policy stopped."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def close(self) -> None:
        self.driver.quit()


def until(condition: Callable[[], Any], otherwise: Callable[[], str]) -> Any:
    """The first value of the condition that is true. Raises AssertionError if that takes too long."""
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.03)
    return value
