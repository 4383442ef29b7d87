"""docs/conformance.md says what the suites cover now."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from conformance import headings, page, rows, without_sample
from conformance_words import CONDITIONS, CONSTANTS, ELSEWHERE

from symdiff.ops.core.operands import API

PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
REMEDY = "pytest -m slow tests/test_conformance.py --update-golden writes it anew"


def test_every_public_function_has_its_line() -> None:
    missing = sorted(set(API) - headings(PAGE.read_text("utf-8")))
    assert not missing, f"{PAGE.name} lacks {', '.join(missing)}: {REMEDY}"


def test_nothing_else_has_a_line() -> None:
    gone = sorted(headings(PAGE.read_text("utf-8")) - set(API))
    assert not gone, f"{PAGE.name} has {', '.join(gone)}, which are gone: {REMEDY}"


def test_every_function_is_sampled_or_held_elsewhere() -> None:
    missing = without_sample()
    assert not missing, (
        f"add a line to tests/samples for {', '.join(missing)}, or say in "
        "conformance.ELSEWHERE what holds them"
    )


def test_remarks_are_about_public_functions() -> None:
    assert {*CONDITIONS, *ELSEWHERE, *CONSTANTS} <= set(API)


def test_every_file_of_ops_has_its_section() -> None:
    lost = [r.names[0] for r in rows() if r.section == "Others" and r.samples]
    assert not lost, f"name the modules of {lost} in conformance.SECTIONS"


@pytest.mark.slow
def test_the_page_is_what_the_tests_cover(pytestconfig: pytest.Config) -> None:
    found = page()
    assert found == page(), "the text is not the same twice"
    if pytestconfig.getoption("--update-golden"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(found, "utf-8")
        return
    old = PAGE.read_text("utf-8")
    names = (f"docs/{PAGE.name}", "as the tests are now")
    diff = difflib.unified_diff(
        old.splitlines(), found.splitlines(), *names, lineterm=""
    )
    assert old == found, "\n".join([*diff, REMEDY])
