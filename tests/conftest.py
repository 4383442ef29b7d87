"""Options of the test run."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write generated text that tests hold (tests/golden, README.md) anew",
    )


def pytest_configure() -> None:
    """Let Hypothesis take numbers and words from symdiff's source alone.

    By itself it parses every module of the process that is not installed. Tests load
    thousands that they generate: that took half a minute of each worker, and what was
    drawn depended on which tests had run before.
    """
    try:
        from hypothesis.internal.conjecture import providers
    except ImportError:  # not installed, or a version that looks elsewhere
        return
    is_local = getattr(providers, "is_local_module_file", None)
    if is_local is not None:
        source = str(Path(__file__).parents[1] / "symdiff")
        providers.is_local_module_file = lambda path: (
            path.startswith(source) and is_local(path)
        )
