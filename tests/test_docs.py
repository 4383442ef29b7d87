"""The pages of docs/ show what is so now. `pages` says how."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT, check_page

PAGES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))
EXTRAS = {"docs/howto/numba.md": "numba"}  # what a page needs beside the default
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_and_shows_what_is_so(
    page: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    if page in EXTRAS:
        pytest.importorskip(EXTRAS[page], reason=f"extra [{EXTRAS[page]}]")
    check_page(page, tmp_path, pytestconfig, "tests/test_docs.py")


@pytest.mark.parametrize("page", PAGES)
def test_the_site_shows_every_page(page: str) -> None:
    name = page.removeprefix("docs/")
    shown = re.findall(r"\S+\.md$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    assert name in shown, f"add {name} to nav in mkdocs.yml"


@pytest.mark.parametrize("page", [*PAGES, "README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    broken = [
        link
        for link in LINK.findall(path.read_text("utf-8"))
        if not (path.parent / link).exists()
    ]
    assert not broken
