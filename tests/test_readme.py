"""README.md and CONTRIBUTING.md show what is so now. `pages` says how."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import BLOCK, ROOT, check_page

PAGES = ["README.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_and_shows_what_is_so(
    page: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    check_page(page, tmp_path, pytestconfig, "tests/test_readme.py")


def test_generated_code_is_shown_first() -> None:
    """Page one: one line, its gradient, then the network."""
    kinds = [
        match[1] for match in BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
    ]
    assert kinds[:5] == [
        None,
        "file: one_line.py",
        "generated: build/sigmoid/backward.py, backward",
        "excerpt: examples/digits_mlp.py",
        "generated: build/digits_mlp/backward.py, backward",
    ]
