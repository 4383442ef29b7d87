"""The explorer open in a browser, and what its tests ask of it."""

from __future__ import annotations

from typing import Any

import pytest


class Page:
    """An open page, and what a test asks of it."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def js(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def settled(self) -> None:
        """Wait until two frames have been drawn, and the panel has followed."""
        self.browser.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => "
            "setTimeout(done, 130)));"
        )

    def box(self, name: str) -> str:
        """Return the selector of a node's box."""
        number = self.js(
            "const n = JSON.parse(document.getElementById('data').textContent).nodes;"
            "return n.findIndex((x) => x.n === arguments[0]);",
            name,
        )
        return f'.box[data-n="{number}"]'

    def fire(self, event: str, selector: str, text: str = "") -> None:
        """Let something happen to the first element that has a text."""
        found = self.js(
            "const [event, selector, text] = arguments;"
            "const e = [...document.querySelectorAll(selector)]"
            "  .find((e) => e.textContent.includes(text));"
            "if (!e) return false;"
            "e.dispatchEvent(new MouseEvent(event, {bubbles: true}));"
            "return true;",
            event,
            selector,
            text,
        )
        assert found, f"nothing is {selector} with {text!r}"
        self.settled()

    def hover(self, selector: str, text: str = "") -> None:
        self.fire("mouseover", selector, text)

    def click(self, selector: str, text: str = "") -> None:
        self.fire("click", selector, text)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.js(
                "(document.activeElement || document.body).dispatchEvent("
                "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))",
                key,
            )
        self.settled()

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.js(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map((e) => e.textContent)",
            selector,
        )
        return found

    def hits(self, pane: str) -> str:
        return "\n".join(self.texts(f"#{pane} .ln.hit code"))

    def count(self, selector: str) -> int:
        return len(self.texts(selector))


def on(name: str) -> Any:
    return pytest.mark.parametrize("page", [name], indirect=True)
