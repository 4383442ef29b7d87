"""The explorer's pages, and a browser that opens them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explain.browser import chromium, complaints, opened, requests, scheme
from explain.explorer_page import Page
from explain.explorer_specs import DIGITS, explorer_of, hostile
from explain.loop_models import SPECS
from explain.test_element_sums import chain_page, sums_page
from explain.test_page_numbers import numbers_page

import symdiff as sd
from symdiff.explain.explorer.page import Explorer

DEEP = """
import symdiff as sd

h = x = sd.input("x", (sd.dim("N"), 8))
for k in range({layers}):
    with sd.scope(f"layer{{k}}"):
        h = h + 0.5 * sd.tanh(h @ sd.param("W", (8, 8)) + sd.param("b", 8))
loss = sd.mean(h**2)
model = sd.Model("deep", inputs=[x], targets=[], outputs={{"h": h}}, loss=loss,
                 optimizer=sd.optim.SGD(0.1))
"""


@pytest.fixture(scope="module")
def digits() -> Explorer:
    """The explorer of the digits, with numbers."""
    return explorer_of(DIGITS, values="random")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages that the tests open, each written once."""
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, Any] = {
        "digits": explorer_of(DIGITS, values="random"),
        "hostile": hostile(folder),
    }
    for name, layers in (("deep", 145), ("few", 14)):
        (folder / f"{name}.py").write_text(DEEP.format(layers=layers), "utf-8")
        made[name] = explorer_of(folder / f"{name}.py", values="random")
    made["lstm"] = explorer_of(SPECS / "lstm_scan.py", values="random")
    x = sd.input("x", 3)
    roots = sd.compile(sd.Function("roots", [x], sd.sum(sd.sqrt(x))))
    made["roots"] = roots.explore(values={"x": np.array([-1.0, 0.0, 4.0])})
    a, b = sd.input("a", ()), sd.input("b", ())
    q = a * b
    circuit = sd.compile(sd.Function("circuit", [a, b], q * q + q))
    made["circuit"] = circuit.explore(values={"a": 2, "b": 3})
    made["kinds"] = numbers_page()[0]
    made["sums"], made["chain"] = sums_page(), chain_page()
    for name, page in made.items():
        page.write(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(session: Any, pages: dict[str, Path], request: Any) -> Iterator[Page]:
    """The page that a test is marked with, digits by default; it must not complain."""
    name = getattr(request, "param", "digits")
    scheme(session, "light")
    opened(session, pages[name])
    yield Page(session)
    assert complaints(session) == []
    asked = {u.partition("#")[0] for u in requests(session)}
    assert asked <= {pages[name].absolute().as_uri()}
