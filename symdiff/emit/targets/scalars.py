"""Functions of scalars as Python arithmetic, which is several times as fast.

In: the statements of a function whose arguments are scalars and vectors, and which
computes with their elements alone, in loops too. Out: the same statements as a function
that runs on Python's floats and lists and on NumPy's, and the two calls. Invariant: the
run on Python's floats gives NumPy's value or raises, and then the run on NumPy's
follows; where NumPy is special (maximum of a nan, the sign of 0), the function is left
as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from symdiff.emit.python import code as py
from symdiff.emit.targets.floats import PythonNumbers
from symdiff.emit.targets.values import Kind, ListOf, OnlyNumpyError, PythonValues

FEWEST = 8  # a separate function is worth reading from this many statements on
LONGEST = 64  # a vector whose elements are read one by one is turned into a list
FUNCTION = "_scalars"
_FLOAT64 = py.name("np.float64")


@dataclass(frozen=True, slots=True)
class Scalars:
    """The function of scalars, and the statements that call it."""

    function: py.FuncDef
    calls: tuple[py.Stmt, ...]


def scalar_form(
    arguments: Mapping[str, Kind],
    lengths: Sequence[str],
    computation: Sequence[py.Stmt],
    results: Sequence[tuple[str, py.Expr]],
    claim: Callable[[str], str],
) -> Scalars | None:
    """Return the computation of named results as Python arithmetic.

    ``arguments`` are scalars and vectors of floats, one at least, ``lengths`` the names
    of lengths; ``claim`` returns a name that is free. None where a statement needs
    NumPy, or where there are too few.
    """
    number, module = claim("number"), claim("xp")
    found = PythonValues(arguments, lengths, number, module)
    numbers = PythonNumbers(found)
    try:
        body = numbers.block(computation)
        values = [_result(found, value) for _, value in results]
    except OnlyNumpyError:
        return None
    assigned = sum(isinstance(s, py.Assign) for s in computation)
    pays = numbers.loops or assigned >= FEWEST
    if not pays or any(_is_long(n, arguments, found.walked) for n in arguments):
        return None
    made = [value for value, _ in values]
    returned = py.Return(made[0] if len(made) == 1 else py.Tuple_(tuple(made)))
    uses = [n for n in (*lengths, number, module) if n in found.used]
    words = {number: "makes a number", module: "is math for floats, else numpy"}
    said = "; ".join(f"{n} {words[n]}" for n in uses if n in words)
    doc = f"Return the results{said and f'; {said}'}."
    function = py.FuncDef(FUNCTION, (*arguments, *uses), (*body, returned), doc)
    kinds = {claim(n): k for (n, _), (_, k) in zip(results, values, strict=True)}
    dtype = py.Attr(py.Name(next(iter(arguments))), "dtype")

    def call(given: Sequence[py.Expr], makes: py.Expr, functions: str) -> py.Expr:
        special = {number: makes, module: py.Name(functions)}
        more = [special.get(n, py.Name(n)) for n in uses]
        return py.Call(py.Name(FUNCTION), (*given, *more))

    floats = [_as_python(n, kind) for n, kind in arguments.items()]
    quick = call(floats, py.Name("float"), "math")
    attempt = py.Try(
        tuple(_returned(quick, kinds, _FLOAT64, None)),
        py.Tuple_((py.Name("ArithmeticError"), py.Name("ValueError"))),
        (py.Pass("where Python raises, NumPy has inf or nan"),),
    )
    makes = py.Attr(dtype, "type")
    plain = call([py.Name(n) for n in arguments], makes, "np")
    wide = py.If(py.Binary("==", dtype, _FLOAT64), (attempt,))
    return Scalars(function, (wide, *_returned(plain, kinds, makes, dtype)))


def _result(found: PythonValues, value: py.Expr) -> tuple[py.Expr, Kind]:
    made, kind = found.value(value, strong=True)
    if isinstance(kind, ListOf) and isinstance(kind.of, ListOf) and not kind.length:
        raise OnlyNumpyError  # of no rows, an array would have lost their length
    return made, kind


def _is_long(name: str, kinds: Mapping[str, Kind], walked: Set[str]) -> bool:
    """Whether making a list of a vector costs more than reading its elements."""
    row = kinds[name]
    if not isinstance(row, ListOf) or name in walked:
        return False
    return row.length is None or row.length > LONGEST


def _as_python(name: str, kind: Kind) -> py.Expr:
    if isinstance(kind, ListOf):
        return py.method(py.Name(name), "tolist")
    return py.call("float", py.Name(name))


def _returned(
    call: py.Expr, kinds: Mapping[str, Kind], number: py.Expr, dtype: py.Expr | None
) -> list[py.Stmt]:
    """Return the statements that return what a call gives, as NumPy's numbers."""
    if len(kinds) == 1:
        (kind,) = kinds.values()
        return [py.Return(_typed(call, kind, number, dtype))]
    if not any(isinstance(kind, ListOf) for kind in kinds.values()):
        mapped = py.Starred(py.call("map", number, call))
        return [py.Return(py.call("Outputs", mapped))]
    names = tuple(map(py.Name, kinds))
    values = [
        _typed(name, kind, number, dtype)
        for name, kind in zip(names, kinds.values(), strict=True)
    ]
    return [py.Assign(names, call), py.Return(py.call("Outputs", *values))]


def _typed(
    value: py.Expr, kind: Kind, number: py.Expr, dtype: py.Expr | None
) -> py.Expr:
    if not isinstance(kind, ListOf):
        return py.Call(number, (value,))
    return py.call("np.array", value, *(() if dtype is None else (dtype,)))
