"""Where a planned step's time goes: `python -m benchmarks lines W5 [--top 15]`.

Every statement of the generated `_planned.py` is timed by itself, those of loops for
all turns together; the smallest time of many steps counts. A clock is read around each,
which adds some 0.1 µs, so sums are larger than an undisturbed step.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import time
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from benchmarks import threads

FUNCTIONS = ("compute_grads", "apply_update")
Times = dict[tuple[int, int], float]  # by first and last line of the text


def timed(module: ModuleType, text: str) -> Times:
    """Replace a planned module's functions by timed ones; return what they add to."""
    spent: Times = defaultdict(float)
    tree = ast.parse(text)
    chosen = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS
    ]
    for function in chosen:
        function.body = list(_watched(function.body))
    made = ast.fix_missing_locations(ast.Module(chosen, []))

    def tick(first: int, last: int, start: float) -> None:
        spent[first, last] += time.perf_counter() - start

    module.__dict__.update(_clock=time.perf_counter, _tick=tick)
    exec(compile(made, "_planned.py", "exec"), module.__dict__)
    return spent


def _watched(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements with the clock read before and after each."""
    for statement in body:
        if isinstance(statement, ast.For):
            statement.body = list(_watched(statement.body))
            yield statement
        elif isinstance(statement, (ast.Return, ast.Raise)):
            yield statement
        else:
            lines = f"{statement.lineno}, {statement.end_lineno}"
            yield from ast.parse("_start = _clock()").body
            yield statement
            yield from ast.parse(f"_tick({lines}, _start)").body


def smallest(spent: Times, step: Any, seconds: float) -> Times:
    """Return each statement's smallest time in the steps of some seconds."""
    best: Times = {}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not best:
        spent.clear()
        step()
        for lines, value in spent.items():
            best[lines] = min(value, best.get(lines, value))
    return best


def report(text: str, best: Times, top: int) -> Iterator[str]:
    """Yield the longest statements, with their share of all."""
    total, rows = sum(best.values()), text.splitlines()
    yield f"{total * 1e6:.0f} µs in {len(best)} statements"
    for (first, last), value in sorted(best.items(), key=lambda pair: -pair[1])[:top]:
        words = " ".join(row.strip() for row in rows[first - 1 : last])
        yield f"{value * 1e6:8.1f} µs {value / total:4.0%}  {first:4}: {words:.110}"


def main() -> None:
    """Print a case's longest statements."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks lines")
    parser.description = __doc__
    parser.add_argument("case", help='such as W5 or "W8 map"')
    parser.add_argument("--top", type=int, default=15, metavar="N")
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    threads.pin()
    import symdiff as sd
    from benchmarks.contenders import Generated
    from benchmarks.workloads import chosen

    try:
        case = next(chosen([options.case]))
    except ValueError as problem:
        parser.error(str(problem))
    compiled = sd.compile(case.declare())
    package = compiled.load()
    step = Generated(package, package.init_params(0, case.dtype), case.batch).step
    planned = importlib.import_module(f"{package.__name__}._planned")
    (text,) = (t for path, t in compiled.files.items() if path.endswith("_planned.py"))
    best = smallest(timed(planned, text), step, options.seconds)
    print("\n".join(report(text, best, options.top)))


if __name__ == "__main__":
    main()
