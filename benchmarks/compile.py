"""What compiling costs: `python -m benchmarks compile [--quick]`.

Each row is a program at about so many declared nodes. ``declare`` and ``compile`` are
the seconds of processor time in which symdiff traces it and writes its modules at level
1, ``us/node`` is that for each node: it stays level where work grows with the graph.
The other columns are first gradients: what a user of `symdiff.transforms`, of autograd
and of JAX's `jit` waits for at the first call, with the same function on each one's
NumPy. They are compared with each other.

A contender that is not installed has no column. One that took longer than ``--limit``
seconds for a program is not asked for larger ones.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import symdiff as sd
from benchmarks.contenders import installed

SIZES = (100, 1_000, 10_000, 100_000)
QUICK = (100, 400)
LIMIT = 30.0

Function = Callable[[Any], Any]


def named(xp: Any, nodes: int) -> Function:
    """Return a loop that names every value ``h``, so that each gets a statement."""

    def f(x: Any) -> Any:
        h = x
        for _ in range(nodes // 2):
            h = xp.tanh(h)
            h = h * 1.01
        return xp.sum(h)

    return f


def unnamed(xp: Any, nodes: int) -> Function:
    """Return a loop whose values no statement names, several to a line."""

    def f(x: Any) -> Any:
        kept = [x]
        for _ in range(nodes // 2):
            kept.append(xp.sin(kept[-1]) * 1.01)
        return xp.sum(kept[-1])

    return f


def scalars(xp: Any, nodes: int) -> Function:
    """Return scalar arithmetic, as of a recursion that the user unrolled."""

    def f(x: Any) -> Any:
        u = v = x
        for _ in range(nodes // 5):
            u = u * 0.999 + v * 0.5
            v = v - u * x
        return u

    return f


def layers(xp: Any, nodes: int) -> Function:
    """Return layers with shared weights."""
    W = np.full((4, 4), 0.3)

    def f(x: Any) -> Any:
        h = x
        for _ in range(nodes // 2):
            h = xp.tanh(h @ W)
        return xp.sum(h)

    return f


PROGRAMS: dict[str, tuple[Callable[[Any, int], Function], tuple[int, ...]]] = {
    "named": (named, (8,)),
    "unnamed": (unnamed, (8,)),
    "scalars": (scalars, ()),
    "layers": (layers, (5, 4)),
}


class Row(NamedTuple):
    """A program's seconds: of declaring and compiling it, and of first gradients."""

    program: str
    nodes: int
    declare: float
    compile: float
    first: dict[str, float]


# --- first gradients ------------------------------------------------------------------


def _symdiff() -> tuple[Any, Callable[[Function], Function]]:
    from symdiff.transforms import grad

    return np, grad


def _autograd() -> tuple[Any, Callable[[Function], Function]]:
    import autograd
    import autograd.numpy as anp

    return anp, autograd.grad


def _jax() -> tuple[Any, Callable[[Function], Function]]:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy, lambda f: jax.jit(jax.grad(f))


CONTENDERS = {"symdiff": _symdiff, "autograd": _autograd, "jax": _jax}


def chosen(names: Iterable[str] = CONTENDERS) -> list[str]:
    """Return the contenders that are installed, of those asked for."""
    return [name for name in names if installed(name)]


def first_gradient(contender: str, program: str, nodes: int) -> tuple[float, Any]:
    """Return the seconds of a first gradient, and what it is."""
    space, grad = CONTENDERS[contender]()
    make, shape = PROGRAMS[program]
    x = np.full(shape, 0.01) if shape else np.float64(0.01)
    start = _clock()
    found = np.asarray(grad(make(space, nodes))(x))
    return time.process_time() - start, found


def compiled(program: str, nodes: int) -> tuple[float, float]:
    """Return the seconds that symdiff takes to trace and to compile a program."""
    make, shape = PROGRAMS[program]
    start = _clock()
    function = sd.trace(make(np, nodes), shape, name=program)
    declared = time.process_time()
    sd.compile(function, optimize=1)
    return declared - start, time.process_time() - declared


def _clock() -> float:
    gc.collect()
    return time.process_time()


# --- the table ------------------------------------------------------------------------


def rows(
    programs: Iterable[str], sizes: Iterable[int], contenders: list[str], limit: float
) -> Iterator[Row]:
    """Yield a row for each program and size; raise where gradients differ."""
    for contender in contenders:  # imports, and what is made once
        first_gradient(contender, "named", 10)
    compiled("named", 10)
    for program in programs:
        asked = list(contenders)
        for nodes in sizes:
            declare, written = compiled(program, nodes)
            first: dict[str, float] = {}
            wanted = None
            for contender in list(asked):
                first[contender], found = first_gradient(contender, program, nodes)
                wanted = found if wanted is None else wanted
                np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=contender)
                if first[contender] > limit:
                    asked.remove(contender)
            yield Row(program, nodes, declare, written, first)


def line(row: Row, contenders: list[str]) -> str:
    """Return a row as text."""
    each = (row.declare + row.compile) / row.nodes * 1e6
    shown = [row.first.get(c) for c in contenders]
    first = "".join(f"{'-':>11}" if s is None else f"{s:10.3f}s" for s in shown)
    times = f"{row.declare:9.3f}s{row.compile:9.3f}s{each:9.0f}{first}"
    return f"{row.program:9}{row.nodes:8}{times}"


def main(arguments: list[str] | None = None) -> list[Row]:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sizes", nargs="*", type=int, help="declared nodes")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} nodes")
    parser.add_argument("--programs", nargs="*", choices=[*PROGRAMS], default=PROGRAMS)
    parser.add_argument(
        "--contenders", nargs="*", choices=[*CONTENDERS], default=CONTENDERS
    )
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    options = parser.parse_args(arguments)
    contenders = chosen(options.contenders)
    sizes = options.sizes or (QUICK if options.quick else SIZES)
    titles = "".join(f"{c:>11}" for c in contenders)
    print(
        f"{'program':9}{'nodes':>8}{'declare':>10}{'compile':>10}{'us/node':>9}{titles}"
    )
    found = []
    for row in rows(options.programs, sizes, contenders, options.limit):
        found.append(row)
        print(line(row, contenders), flush=True)
    if options.json:
        told = [row._asdict() for row in found]
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return found


if __name__ == "__main__":
    main()
