"""The graph as a file: SVG that needs nothing else, and PNG, in a real browser."""

from __future__ import annotations

import base64
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from explain.browser import complaints, opened, requests, scheme
from explain.explorer_page import Page

KEEP = """
window.saved = [];
URL.createObjectURL = (blob) => { window.blob = blob; return "about:blank#saved"; };
HTMLAnchorElement.prototype.click = function () { window.saved.push(this.download); };
"""
READ = """
const done = arguments[0];
const wait = () => {
  if (!window.blob) return setTimeout(wait, 30);
  window.blob.arrayBuffer().then((b) => {
    let text = "";
    new Uint8Array(b).forEach((x) => { text += String.fromCharCode(x); });
    done([window.saved, window.blob.type, btoa(text)]);
  });
};
wait();
"""
NAMES = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page(session: Any, pages: dict[str, Path], request: Any) -> Iterator[Page]:
    scheme(session, "light")
    opened(session, pages[getattr(request, "param", "digits")])
    session.execute_script(KEEP)
    yield Page(session)
    assert complaints(session) == []
    assert all(u.startswith(("file:", "data:image/svg+xml")) for u in requests(session))


def saved(page: Page, button: str) -> tuple[str, str, bytes]:
    page.js("window.blob = null")
    page.click(button)
    names, kind, data = page.browser.execute_async_script(READ)
    return names[-1], kind, base64.b64decode(data)


def test_the_svg_shows_what_is_seen_and_needs_nothing(page: Page) -> None:
    page.click(page.box("hidden_W"))
    name, kind, data = saved(page, "#b-svg")
    assert (name, kind) == ("digits_mlp.svg", "image/svg+xml")
    text = data.decode("utf-8")
    root = ET.fromstring(text)
    assert "var(" not in text
    assert not re.search(
        r"href|@import|<script|https?://(?!www\.w3\.org/2000/svg)", text
    )
    names = {"".join(t.itertext()) for t in root.iter(f"{NAMES}text")}
    assert set(page.texts(".box .name")) <= names
    assert set(page.texts(".tag text")) <= names
    styles = root.find(f"{NAMES}style")
    assert styles is not None
    assert "rgb(217, 154, 6)" in (styles.text or "")  # what is pinned
    assert "opacity:0.22" in (styles.text or "")  # and what is not
    assert len(data) < 100_000


def test_the_svg_looks_as_the_page_does(
    session: Any, page: Page, tmp_path: Path
) -> None:
    """Opened by itself: the same colours and places."""
    fills = (
        "return [...document.querySelectorAll(arguments[0])].map((e) =>"
        " [e.textContent, getComputedStyle(e).fill, getComputedStyle(e).fontSize])"
        ".sort()"
    )
    page.click("#b-theme")
    shown = page.js(fills, "#world text")
    path = tmp_path / "saved.svg"
    path.write_bytes(saved(page, "#b-svg")[2])
    assert complaints(session) == []
    opened(session, path)
    assert page.js(fills, "text") == shown
    ground = page.js("return getComputedStyle(document.querySelector('rect')).fill")
    assert ground == "rgb(22, 25, 31)"


def test_what_is_folded_is_saved_folded(page: Page) -> None:
    page.keys("F")
    _, _, data = saved(page, "#b-svg")
    assert "▸ hidden" in data.decode("utf-8")
    assert "hidden_xW" not in data.decode("utf-8")


@pytest.mark.parametrize("page", ["digits", "deep"], indirect=True)
def test_the_png_is_sharp_and_not_empty(page: Page) -> None:
    name, kind, data = saved(page, "#b-png")
    assert name.endswith(".png")
    assert kind == "image/png"
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert 400 < max(width, height) <= 12_000
    assert len(data) > 10_000  # letters and boxes, not one colour


@pytest.mark.parametrize("page", ["hostile"], indirect=True)
def test_hostile_names_are_text_in_the_svg(page: Page) -> None:
    _, _, data = saved(page, "#b-svg")
    found = {e.tag.removeprefix(NAMES) for e in ET.fromstring(data).iter()}
    assert found <= {
        *("svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"),
        "tspan",
    }
