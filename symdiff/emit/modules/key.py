"""How to read backward.py, in its docstring, and how to call its function backward.

In: the functions of a program, as printed. Out: a paragraph. Invariant: it explains
what occurs in the file, and nothing else.
"""

from __future__ import annotations

import textwrap

from symdiff.emit.lower.comments import WIDTH
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.uses import SEPARATOR
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import Written
from symdiff.emit.python import code as py

_BROADCAST = "was broadcast"
_ROW = 8  # names in the sentence about what takes no gradient
_GRADIENTS = """Return d(loss)/d(parameter) for every parameter, times d_loss.

    params must be those that gave the residuals.
    """


def summary_of(unit: Unit) -> str:
    """Return the docstring of the function backward, as it stands in its body."""
    if unit.program.is_model:
        return _GRADIENTS
    return "Return the cotangents of the inputs, in their order."


def usage(unit: Unit, name: str, backward: Written) -> str:
    """Return what the docstring says about the functions, and about their comments."""
    is_model = unit.program.is_model
    both = "; value_and_grad calls both. All are" if is_model else ". Both are"
    kept = "what backward reads besides params" if is_model else "what backward reads"
    said = [f"{name} keeps {kept}{both} pure and need {unit.target.needs}."]
    if is_model:
        words = "is the derivative of loss with respect to NAME, times d_loss."
        said.append(f"d_NAME {words}")
    said += [*_untaken(unit), *_comments(backward)]
    return textwrap.fill(" ".join(said), WIDTH, break_on_hyphens=False)


def _untaken(unit: Unit) -> list[str]:
    """Return the sentence about data by which no gradient is taken."""
    p = unit.program
    taken = {t.node for t in p.wrt}
    names = [
        unit.names.of(t)
        for t in (*p.inputs, *p.targets)
        if t.node not in taken and t.dtype.is_float
    ]
    if not names or len(names) > _ROW:
        return []
    return [f"No gradient with respect to {' or '.join(_listed(names))} is taken."]


def _listed(names: list[str]) -> list[str]:
    return [", ".join(names[:-1]), names[-1]] if len(names) > 1 else names


def _comments(backward: Written) -> list[str]:
    """Return the sentence about comments with shapes and formulas."""
    printed = (backward.printed, *(b.printed for b in backward.beside))
    told = [s for part in printed for s in part.placed if _has_comment(s.stmt)]
    marks = (s.stmt.mark for s in told)
    rules = [m.rule for m in marks if isinstance(m, Computes) and m.rule]
    if not told:
        return []
    above = any(s.above < s.first for s in told)
    where = " beside a line or above it" if above else ""
    said = f"In backward, a comment{where} has the shape of what the line computes"
    adds = any(isinstance(s.stmt, py.AugAssign) for s in told)
    said += ", unless it was told before" if adds else ""
    if rules:
        said += ", and the formula that it differentiates"
    if any(", by " in r or ", each by " in r for r in rules):
        said += '; "by" names the operand that it is the derivative by'
    if any(_BROADCAST in r for r in rules):
        said += '; of what "was broadcast" the gradient is summed over the copies'
    if any(SEPARATOR in r for r in rules):
        said += "; semicolons are between uses whose cotangents are added"
    said = f"{said}."
    if adds or any(SEPARATOR in r for r in rules):
        said += (
            " Below a heading stand the cotangents that are complete with that "
            "statement, so that a sum may have shares of later statements."
        )
    return [said]


def _has_comment(s: py.Stmt) -> bool:
    if not isinstance(s, py.Assign | py.AugAssign):
        return False
    return isinstance(s.mark, Computes) and bool(s.comment)
