"""The reference has every public name, and every command's help."""

from __future__ import annotations

import re

import pytest
from docstrings import public
from pages import ROOT, check_text
from reference import page

from symdiff.cli import main
from symdiff.ops.core.operands import API

FOLDER = ROOT / "docs" / "reference"


def test_the_page_of_functions_is_what_the_docstrings_say(
    pytestconfig: pytest.Config,
) -> None:
    check_text("docs/reference/functions.md", page(), pytestconfig)


def test_every_public_name_is_in_the_reference() -> None:
    text = "\n".join(p.read_text("utf-8") for p in FOLDER.glob("*.md"))
    known = set(re.findall(r"[\w.]+", text))
    last = {name.rpartition(".")[2] for name in known}
    functions = {name.rpartition(".")[2] for name in API}
    missing = [
        name
        for name in public()
        if name.rpartition(".")[2] not in last and name not in functions
    ]
    assert not missing, f"docs/reference lacks {', '.join(missing)}"


def test_every_command_shows_its_help() -> None:
    text = (FOLDER / "cli.md").read_text("utf-8")
    missing = [c for c in main.commands if f"<!-- help: {c} -->" not in text]
    assert not missing, f"docs/reference/cli.md lacks {', '.join(missing)}"
