"""The front of backward.py: the model's formula, its gradients in closed form, names.

In: a unit, and its printed functions. Out: the lines with which the module's docstring
goes on. Invariant: every formula is true, and reads only variables that the table lists
or other formulas of the front give; names are those of the functions.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from textwrap import wrap

from symdiff.emit.lower.comments import WIDTH, shape_comment
from symdiff.emit.lower.formulas import without_prefixes
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.closed import Closed, closed_forms
from symdiff.emit.modules.functions import Written, asked_of
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor

MOST_VARIABLES, MOST_LINES = 24, 48
INDENT = 4
_BESIDE = re.compile(r'#.*|"[^"]*"')  # comments and strings
Row = tuple[str, str, str]  # name, shape, meaning


def front(unit: Unit, primal: Written, backward: Written) -> tuple[str, ...]:
    """Return the lines of the front; none for a program of many variables.

    Where blocks are functions, a name inside stands for a value of each of them, so
    there are no formulas.
    """
    p = unit.program
    if len((*p.inputs, *p.targets, *p.params, *p.states)) > MOST_VARIABLES:
        return ()
    found = None if primal.beside else closed_forms(unit, (primal, backward))
    told = [] if found is None else _formulas(unit, found)
    if found is None or len(told) > MOST_LINES:
        code = _BESIDE.sub("", primal.body + backward.body)
        return tuple(_table(_variables(unit, set(re.findall(r"\w+", code)))))
    further = [_further(unit, name, t) for name, t in found.variables]
    return (*told, *_table([*_variables(unit), *further]))


def quoted(lines: Sequence[str]) -> str:
    """Return lines as they stand in a docstring."""
    text = "\n".join(lines)
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _formulas(unit: Unit, found: Closed) -> list[str]:
    p = unit.program
    lines = [f"The {'model' if p.is_model else 'function'}:", *_block(found.values)]
    lines += ["", f"{_derivatives(unit)}:", *_block(found.gradients)]
    if found.cotangents:
        lines += ["", "with", *_block(found.cotangents)]
    if found.missing:
        names = ", ".join(found.missing)
        lines += ["", *wrap(f"{names}: no short formula, see backward.", WIDTH)]
    return [*lines, ""]


def _derivatives(unit: Unit) -> str:
    """Return what ``d_v`` means."""
    p = unit.program
    if p.is_model or (len(p.seeds) == 1 and not p.seeds[0].shape):
        return f"Its gradients; d_v is the derivative of {p.results[0][0]} by v"
    given = " and ".join(unit.names.of(s) for s in p.seeds)
    return f"Its gradients, for the given {given}"


def _block(formulas: Iterable[tuple[str, py.Expr]]) -> list[str]:
    """Return formulas as they would stand in code, a statement each."""
    stmts = [py.Assign((py.Name(name),), formula) for name, formula in formulas]
    text = without_prefixes(py.print_stmts(stmts, INDENT, WIDTH))
    return ["", *text.rstrip("\n").split("\n")]


# --- variables ------------------------------------------------------------------------


def _variables(unit: Unit, words: Container[str] | None = None) -> list[Row]:
    """Return the arguments and the parameters: name, shape and meaning.

    If ``words`` are given, those of the code, a parameter that has no variable is shown
    as the code reads it.
    """
    p, names = unit.program, unit.names
    given = [(t, "input") for t in p.inputs] + [(t, "target") for t in p.targets]
    rows = [
        (names.of(t), shape_comment(t.node), f"{word}{_range(unit, t)}")
        for t, word in given
    ]
    for word, kept in (("parameter", p.params), ("state", p.states)):
        for t in kept:
            name, key = names.of(t), str(t.name)
            read, shape = f"params[{py.expr_text(py.Lit(key))}]", shape_comment(t.node)
            if words is not None and name not in words:
                rows.append((read, shape, f"{word} {name}"))
            else:
                rows.append((name, shape, word if name == key else f"{word}, {read}"))
    return rows


def _range(unit: Unit, leaf: Tensor) -> str:
    """Return the range of an argument's values, if one is checked."""
    low, high, _ = asked_of(unit, leaf)
    least = "" if low is None else f"{low} <= "
    below = "" if high is None else f" < {high}"
    return f", {least}{unit.names.of(leaf)}{below}" if least or below else ""


def _further(unit: Unit, name: str, tensor: Tensor) -> Row:
    """Return the row of a value that formulas read, and that has none."""
    node = tensor.node
    drawn = node.op.facts.draws
    meaning = f"drawn, {node.attrs['kind']}" if drawn else "computed below"
    return name, shape_comment(node), meaning


def _table(rows: Sequence[Row]) -> list[str]:
    """Return the variables, one a line."""
    if not rows:
        return []
    first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    pad = " " * INDENT
    lines = [f"{pad}{n:{first}}  {s:{second}}  {m}" for n, s, m in rows]
    return ["The variables:", "", *lines]
