"""A real Chromium without a window, for tests of pages."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

FLAGS = """--headless=new --disable-gpu --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb
--window-size=1600,1000"""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVERS = ("chromedriver", "chromium.chromedriver", "chromium-driver")


def _found(names: tuple[str, ...], variable: str) -> str | None:
    given = os.environ.get(variable)
    return given or next((p for n in names if (p := shutil.which(n))), None)


@contextmanager
def chromium(width: int = 1600, height: int = 1000) -> Iterator[Any]:
    """Start a browser; skip the test where there is none to be had."""
    selenium = pytest.importorskip("selenium", reason="extra [browser]: selenium")
    del selenium
    binary = _found(CHROMIUM, "SYMDIFF_CHROMIUM")
    driver = _found(DRIVERS, "SYMDIFF_CHROMEDRIVER")
    if binary is None or driver is None:
        pytest.skip("no chromium with its chromedriver is installed")
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS.split():
        options.add_argument(flag)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        try:
            browser = webdriver.Chrome(options=options, service=Service(driver))
        except WebDriverException as error:
            pytest.skip(f"chromium does not start here: {error.msg}")
        try:
            resize(browser, width, height)
            yield browser
        finally:
            browser.quit()


def resize(browser: Any, width: int, height: int, scale: float = 1) -> None:
    """Set the size of the page in CSS pixels."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": False}
    )


def scheme(browser: Any, name: str) -> None:
    """Prefer light or dark, as the system would."""
    feature = {"name": "prefers-color-scheme", "value": name}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def opened(browser: Any, path: Path) -> None:
    """Open a page from disk whole, and forget what was logged before."""
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.absolute().as_uri())
    # on a busy machine the driver may answer while the former page still stands
    there = "return [location.pathname, document.readyState].join()"
    wanted = f"{urlsplit(path.absolute().as_uri()).path},complete"
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(there) == wanted)


def complaints(browser: Any) -> list[str]:
    """Return what the page has said on the console since it was opened."""
    return [entry["message"] for entry in browser.get_log("browser")]


def requests(browser: Any) -> list[str]:
    """Return what the page has asked for since it was opened."""
    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return found
