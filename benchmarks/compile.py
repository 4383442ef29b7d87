"""How compile time grows with the size of the graph.

Run ``python -m benchmarks compile [50000 100000 200000]``. Each line is one chain: how
it was declared, its nodes, seconds of processor time to declare and to compile it at
level 1, and microseconds a node. Doubling the nodes should about double the time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import symdiff as sd


def named(count: int) -> sd.Function:
    """A loop that names every value ``h``, so that each gets a statement."""
    x = h = sd.input("x", (8,))
    for _ in range(count // 2):
        h = sd.tanh(h)
        h = h * 1.01
    return sd.Function("chain", [x], [sd.sum(h)])


def unnamed(count: int) -> sd.Function:
    """Values that no statement names, several to a line."""
    x = sd.input("x", (8,))
    kept = [x]
    for _ in range(count // 2):
        kept.append(sd.sin(kept[-1]) * 1.01)
    return sd.Function("chain", [x], [sd.sum(kept[-1])])


def scalars(count: int) -> sd.Function:
    """Scalar arithmetic, as of a recursion that the user unrolled."""
    x = u = v = sd.input("x", ())
    for _ in range(count // 4):
        u = u * 0.999 + v * 0.5
        v = v - u * x
    return sd.Function("chain", [x], [u])


def layers(count: int) -> sd.Function:
    """Layers with a symbolic length and shared weights."""
    x, W = sd.input("x", (sd.dim("N"), 4)), sd.input("W", (4, 4))
    h = x
    for _ in range(count // 2):
        h = sd.tanh(h @ W)
    return sd.Function("chain", [x, W], [sd.sum(h)])


KINDS: dict[str, Callable[[int], sd.Function]] = {
    "named": named,
    "unnamed": unnamed,
    "scalars": scalars,
    "layers": layers,
}


def measure(kind: str, count: int) -> tuple[float, float]:
    """Return the seconds that declaring and compiling take."""
    start = time.process_time()
    function = KINDS[kind](count)
    declared = time.process_time()
    sd.compile(function, optimize=1)
    return declared - start, time.process_time() - declared


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sizes", nargs="*", type=int, default=[50_000, 100_000, 200_000]
    )
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    print(f"{'chain':9}{'nodes':>8}{'declare':>10}{'compile':>10}{'us/node':>9}")
    for kind in options.kinds:
        for count in options.sizes:
            declared, compiled = measure(kind, count)
            each = compiled / count * 1e6
            print(f"{kind:9}{count:8}{declared:9.1f}s{compiled:9.1f}s{each:9.0f}")


if __name__ == "__main__":
    main()
