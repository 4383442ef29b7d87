"""The explorer's pages, and a browser that opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


def _layers(folder: Path, name: str, layers: int) -> Explorer:
    (folder / f"{name}.py").write_text(DEEP.format(layers=layers), "utf-8")
    return explorer_of(folder / f"{name}.py", values="random")


TOWER = """
import symdiff as sd

x = sd.input("x", 8)
visible = sd.arange(8) < 5


def block(h, name, factor):
    with sd.scope(name):
        with sd.scope("inner"):
            seen = sd.where(sd.arange(8) >= 3, h * sd.param("W", 8), 0.0)
        for _ in range(9):
            h = sd.tanh(seen * factor) + h
        return h


h = block(block(x, "part_a", 0.5), "part_b", 0.5)
h = block(block(h, "odd", 0.25), "part_c", 0.5)
model = sd.Function("tower", [x, *sd.params(h)], sd.sum(h))
"""


def _tower(folder: Path) -> Explorer:
    """Two equal blocks, one with another number, and one as the first again."""
    (folder / "tower.py").write_text(TOWER, "utf-8")
    return explorer_of(folder / "tower.py", values="random")


def _roots() -> Explorer:
    x = sd.input("x", 3)
    roots = sd.compile(sd.Function("roots", [x], sd.sum(sd.sqrt(x))))
    return roots.explore(values={"x": np.array([-1.0, 0.0, 4.0])})


def _circuit() -> Explorer:
    a, b = sd.input("a", ()), sd.input("b", ())
    q = a * b
    circuit = sd.compile(sd.Function("circuit", [a, b], q * q + q))
    return circuit.explore(values={"a": 2, "b": 3})


MADE: dict[str, Callable[[Path], Explorer]] = {
    "digits": lambda _: explorer_of(DIGITS, values="random"),
    "hostile": hostile,
    "deep": lambda folder: _layers(folder, "deep", 145),
    "few": lambda folder: _layers(folder, "few", 14),
    "lstm": lambda _: explorer_of(SPECS / "lstm_scan.py", values="random"),
    "tower": _tower,
    "roots": lambda _: _roots(),
    "circuit": lambda _: _circuit(),
    "kinds": lambda _: numbers_page()[0],
    "sums": lambda _: sums_page(),
    "chain": lambda _: chain_page(),
}


class _Pages(dict[str, Path]):
    """The paths of pages by name; each is written when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __missing__(self, name: str) -> Path:
        self[name] = self.folder / f"{name}.html"
        MADE[name](self.folder).write(self[name])
        return self[name]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages that the tests open, each written once."""
    return _Pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="session")
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
