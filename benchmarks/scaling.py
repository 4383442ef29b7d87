"""Compile time and text against the number of nodes: `python -m benchmarks scaling`.

A recursion that a user has unrolled into scalars, x = x + 0.01 sin(a x), is traced,
differentiated and compiled at doubling lengths. Both figures per node stay level where
the compiler is linear; the script exits 1 where the largest takes more than twice the
smallest's time or text per node.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import symdiff as sd
from symdiff.graph.node import topological


def recursion(steps: int) -> Callable[[Any, Any], Any]:
    """Return a scalar function of about four nodes a step."""

    def f(x: Any, a: Any) -> Any:
        for _ in range(steps):
            x = x + 0.01 * np.sin(a * x)
        return x

    return f


def measure(nodes: int) -> tuple[int, float, float, int]:
    """Return nodes, seconds to trace, seconds to compile both ways, bytes of text."""
    gc.collect()
    start = time.perf_counter()
    function = sd.trace(recursion(nodes // 4), (), (), name="recursion")
    traced = time.perf_counter()
    compiled = sd.compile(function)
    done = time.perf_counter()
    text = sum(len(t) for t in compiled.files.values())
    count = len(topological([t.node for t in function.outputs]))
    return count, traced - start, done - traced, text


def main() -> int:
    """Print a row per size; return 1 where the last costs twice the first per node."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100_000, help="of the largest")
    largest = parser.parse_args().nodes
    measure(400)  # imports and caches
    sizes = [largest // 8, largest // 4, largest // 2, largest]
    print("   nodes   trace s  compile s  text kB   us/node  bytes/node")
    rows = []
    for size in sizes:
        count, traced, compiled, text = measure(size)
        each = 1e6 * (traced + compiled) / count, text / count
        rows.append(each)
        print(
            f"{count:8d} {traced:9.2f} {compiled:10.2f} {text / 1e3:8.0f} "
            f"{each[0]:9.0f} {each[1]:11.0f}"
        )
    growth = [last / first for first, last in zip(rows[0], rows[-1], strict=True)]
    print(f"per node, last against first: time x{growth[0]:.2f}, text x{growth[1]:.2f}")
    return int(max(growth) > 2)


if __name__ == "__main__":
    sys.exit(main())
