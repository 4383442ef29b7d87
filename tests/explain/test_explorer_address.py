"""The explorer's address in a real browser: it tells what is pinned, and is obeyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from explain.browser import opened
from explain.explorer_page import Page

PINNED = ".box.pin .name"


def address(page: Page) -> str:
    return str(page.js("return decodeURIComponent(location.hash)"))


def went(page: Page, script: str) -> None:
    page.js(script)
    page.settled()
    page.settled()  # going through the history is not done at once


def test_a_link_opens_where_it_points(
    session: Any, pages: dict[str, Path], page: Page
) -> None:
    page.click(page.box("out_b"))
    assert address(page) == "#out_b"
    session.get(pages["digits"].absolute().as_uri() + "#hidden_b")
    session.refresh()
    assert page.texts(PINNED) == ["hidden_b"]


def test_back_and_forward_go_from_pin_to_pin(page: Page) -> None:
    page.click(page.box("out_b"))
    page.click(page.box("hidden_W"))
    page.keys("Escape")
    assert address(page) == ""
    for way, pinned in (
        ("back", ["hidden_W"]),
        ("back", ["out_b"]),
        ("back", []),
        ("forward", ["out_b"]),
        ("forward", ["hidden_W"]),
    ):
        went(page, f"history.{way}()")
        assert page.texts(PINNED) == pinned
        assert address(page) == "".join(f"#{name}" for name in pinned)
        told = page.texts("#detail h2 .chip")
        assert told == [f"parameter {name.replace('_', '.')}" for name in pinned]


def test_an_address_that_is_typed_is_followed(page: Page) -> None:
    went(page, "location.hash = 'out_W'")
    assert page.texts(PINNED) == ["out_W"]
    went(page, "location.hash = 'hidden_W'")
    assert page.texts(PINNED) == ["hidden_W"]
    for unknown in ("nobody", "%E0%A4", "gradient:nobody", ",,:", "value:"):
        went(page, f"location.hash = '{unknown}'")
        assert page.texts(PINNED) == []


def test_a_line_is_told_as_what_it_computes(page: Page) -> None:
    """Its gradient alone, not the value: the two lead different ways."""
    page.click("#p-backward .ln", "d_hidden_W = x.T @ d_hidden_z + d_loss")
    told = address(page)
    assert "gradient:hidden_W" in told
    lit = page.texts(".ln.hit code")
    went(page, "history.back()")
    assert page.count(".ln.hit") == 0
    went(page, "history.forward()")
    assert page.texts(".ln.hit code") == lit
    assert address(page) == told


def test_a_folded_layer_is_opened_for_what_the_address_tells(page: Page) -> None:
    page.keys("F")
    assert page.count(page.box("hidden_W")) == 0
    went(page, "location.hash = 'hidden_W'")
    assert page.texts(PINNED) == ["hidden_W"]


def test_the_update_has_an_address(page: Page) -> None:
    page.click(".tab", "train.py")
    page.click("#p-backward .code:not([hidden]) .ln", "p[...] = p -")
    assert address(page) == "#update"
    lit = page.hits("p-backward")
    went(page, "history.back()")
    went(page, "history.forward()")
    assert page.hits("p-backward") == lit


def test_a_replay_lets_go_and_back_ends_it(page: Page) -> None:
    page.click(page.box("out_b"))
    page.keys("p")
    assert address(page) == ""
    went(page, "history.back()")
    assert page.count("#svg.stepping") == 0
    assert page.texts(PINNED) == ["out_b"]


def test_a_page_in_a_frame_has_no_address_and_does_without(
    session: Any, tmp_path: Path, digits: Any
) -> None:
    """As notebooks show it."""
    path = tmp_path / "frame.html"
    path.write_text(f"<!DOCTYPE html><body>{digits._repr_html_()}</body>", "utf-8")
    opened(session, path)
    session.switch_to.frame(0)
    page = Page(session)
    try:
        page.click(page.box("loss"))
        assert page.texts(PINNED) == ["loss"]
        errors = [e for e in session.get_log("browser") if e["level"] == "SEVERE"]
        assert not errors
    finally:
        session.switch_to.default_content()


@pytest.mark.parametrize("name", ["deep"])
def test_a_thousand_nodes_have_short_addresses(
    session: Any, pages: dict[str, Path], name: str
) -> None:
    opened(session, pages[name])
    page = Page(session)
    page.click("#p-spec .ln[data-ls]", "sd.tanh")
    assert len(address(page)) < 400
