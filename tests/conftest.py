"""Options of the test run."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write generated text that tests hold (tests/golden, README.md) anew",
    )


def pytest_configure() -> None:
    gc.set_threshold(50_000, 20, 20)
    _keep_to_own_source()


def pytest_collection_finish() -> None:
    """Keep what was collected, which lives to the end, out of garbage collections.

    There are tens of thousands of tests, and all that they import: looking through them
    again and again took a sixth of the run.
    """
    gc.collect()
    gc.freeze()


def _keep_to_own_source() -> None:
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
