"""A served page in a real browser: it follows its spec, and keeps what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from explain.browser import complaints, requests, scheme
from explain.explorer_page import Page

import symdiff as sd
from symdiff.cli.serving import State, serve
from symdiff.explain.explorer.page import waiting_page

PINNED = ".box.pin .name"


def version(number: int, *, with_b: bool = True) -> str:
    """Return the page of a version, as it is served."""
    return str(page_of(number, with_b=with_b).html(live=str(number)))


def page_of(number: int, *, with_b: bool = True) -> Any:
    """Return the explorer of a function whose slope is the version's number."""
    a, b = sd.input("a", 3), sd.input("b", 3)
    with sd.scope("inner"):
        squared = a * a
    result = number * squared * (b if with_b else 1.0)
    given = [a, b] if with_b else [a]
    values = {"a": np.arange(3.0), "b": np.ones(3)}
    function = sd.Function("f", given, sd.sum(result))
    return sd.compile(function).explore(
        values={str(t.name): values[str(t.name)] for t in given}
    )


class Served(Page):
    def __init__(self, browser: Any, state: State) -> None:
        super().__init__(browser)
        self.state = state

    def until(self, script: str, wanted: Any) -> None:
        """Wait until a script gives what is wanted."""
        from selenium.common.exceptions import JavascriptException, TimeoutException
        from selenium.webdriver.support.wait import WebDriverWait

        last: list[Any] = []

        def good(_: Any) -> bool:
            last[:] = [self.js(script)]
            return bool(last[0] == wanted)

        wait = WebDriverWait(self.browser, 20, 0.05, [JavascriptException])
        try:
            wait.until(good)
        except TimeoutException as error:
            raise AssertionError(last) from error

    def shown(self, number: int) -> None:
        own = 'document.querySelector("meta[name=symdiff-version]").content'
        self.until(f"return document.readyState + {own}", f"complete{number}")


@pytest.fixture
def served(session: Any) -> Iterator[Served]:
    """A page that is waited for; it asks its server alone, and does not complain."""
    state = State(waiting_page("spec.py"))
    server = serve(state, None)
    address = f"http://127.0.0.1:{server.server_port}/"
    scheme(session, "light")
    complaints(session)
    requests(session)
    session.get(address)
    yield Served(session, state)
    assert complaints(session) == []
    assert all(url.startswith((address, "chrome:")) for url in requests(session))
    session.get("about:blank")
    server.shutdown()
    server.server_close()


def test_the_first_page_comes_when_it_is_made(served: Served) -> None:
    served.until("return document.getElementById('live').className", "busy")
    served.state.change(error="spec.py:3: <b>no</b>", busy=False)
    served.until("return document.getElementById('failure').hidden", False)
    assert "spec.py:3: <b>no</b>" in served.texts("#failure")[0]
    assert "There is no page yet" in served.texts("#failure")[0]
    served.state.change(html=version(1), version=1, error="", busy=False)
    served.shown(1)
    served.until("return document.getElementById('live').className", "calm")


def test_pins_and_view_stay_where_they_still_exist(served: Served) -> None:
    served.state.change(html=version(1), version=1, busy=False)
    served.shown(1)
    served.click("#b-theme")
    served.click("#b-turn")
    served.click(served.box("b"))
    served.js("document.querySelector('#p-backward .code').scrollTop = 95")
    world = "return document.getElementById('world').getAttribute('transform')"
    served.keys("+", "+")
    before = served.js(world)
    served.state.change(html=version(2), version=2)
    served.shown(2)
    served.until("return document.querySelector('#p-backward .code').scrollTop", 95)
    assert served.texts(PINNED) == ["b"]
    assert served.js("return location.hash") == "#b"
    assert served.js(world) == before
    assert served.js("return document.documentElement.className") == "dark"
    assert "b" in served.texts("#detail h2")[0]
    served.state.change(html=version(3, with_b=False), version=3)
    served.shown(3)
    assert served.texts(PINNED) == []
    assert served.js("return document.documentElement.className") == "dark"


def test_what_is_folded_and_replayed_stays_so(served: Served) -> None:
    served.state.change(html=version(1), version=1, busy=False)
    served.shown(1)
    served.click(".hull text", "inner")
    served.state.change(html=version(2), version=2)
    served.shown(2)
    folded = "return document.querySelector('.box.group .name')?.textContent"
    served.until(folded, "▸ inner")
    served.keys("p", "n", "n")
    phase = served.texts("#s-phase")[0]
    served.state.change(html=version(3), version=3)
    served.shown(3)
    served.until("return document.getElementById('s-phase')?.textContent", phase)


def test_a_comparison_stays_where_it_is(served: Served) -> None:
    def compared(number: int) -> str:
        before, after = page_of(1), page_of(number)
        return str(after.against(before).html(live=str(number)))

    served.state.change(html=compared(2), version=2, busy=False)
    served.shown(2)
    served.click("#compare .tab", "backward.py")
    served.state.change(html=compared(3), version=3)
    served.shown(3)
    chosen = "return document.querySelector('#compare .tab[aria-selected=true]')"
    served.until(f"{chosen}.textContent.split(' ')[0]", "backward.py")
    served.click("#b-compare")
    served.state.change(html=compared(4), version=4)
    served.shown(4)
    served.until("return document.getElementById('compare').hidden", True)


def test_an_error_is_told_beside_the_last_page(served: Served) -> None:
    served.state.change(html=version(1), version=1, busy=False)
    served.shown(1)
    served.click(served.box("b"))
    served.js("window.same = true")
    served.state.change(error="spec.py:7: ShapeError: no\n    h = x @ W", busy=False)
    served.until("return document.getElementById('failure').hidden", False)
    assert "h = x @ W" in served.texts("#failure pre")[0]
    assert served.texts("#live") == ["error"]
    assert served.texts(PINNED) == ["b"]
    assert served.js("return window.same")
    served.state.change(error="", version=1)
    served.until("return document.getElementById('failure').hidden", True)
    assert served.js("return window.same")
