"""One flat module with the functions of a package.

In: a unit, what was declared and which modules are asked for. Out: the text of
``<name>.py``. Invariant: the functions are those of the package, word for word; only
the planned training step, whose names would collide, stays out, and so does the check,
which the file says when it is run.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.declare.model import Function, Model
from symdiff.emit.modules.assembly import (
    Module,
    Options,
    called,
    check_text,
    header,
    helper_texts,
    imports_of,
    listed,
    output_record,
    reverse_records,
    sealed,
    stored_constants,
    tables,
    value_and_grad,
)
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import Written, forward_function
from symdiff.emit.modules.halves import halves
from symdiff.emit.modules.render import render
from symdiff.emit.modules.train import STANDARD, train_parts


def single_module(
    unit: Unit,
    declared: Model | Function,
    options: Options,
    origin: str,
    modules: Sequence[str],
    folder: str,
) -> Module:
    """Return the one module."""
    p = unit.program
    written: dict[str, Written] = {}
    functions: list[str] = []
    records: list[str] = []
    leaves = p.inputs

    def add(name: str, function: Written) -> None:
        written[name] = function
        functions.append(render("function.py", name=name, written=function).strip())

    if "forward" in modules or not p.is_model:
        add("forward", forward_function(unit))
    if len(p.outputs) > 1:
        records.append(output_record(unit, p.outputs))
    if "backward" in modules and p.gradients:
        leaves = (*p.inputs, *p.targets)
        primal, backward = halves(unit).primal, halves(unit).backward
        records += reverse_records(unit)
        add("loss_and_residuals" if p.is_model else "forward_with_residuals", primal)
        add("backward", backward)
        if p.is_model:
            functions.append(value_and_grad(unit, primal, backward))
        if "_cotangent(" in backward.body:
            functions.append(render("cotangent.py").strip())
    constants = ""
    training: list[str] = []
    step: list[str] = []
    if "train" in modules and isinstance(declared, Model):
        constants, training, more, step = train_parts(unit, declared, options, folder)
        written |= more
        functions.extend(training)
    check = check_text(unit, leaves)
    helpers = helper_texts([*(f.body for f in written.values()), *step])
    records += called(written.values())
    everything = "\n".join([check, *records, *helpers, *functions])
    names = sorted({"sys", *(m for m in STANDARD if f"{m}." in everything)})
    stored = stored_constants(unit, everything, single=True)
    if stored:
        names.append("pathlib")
    shown = (tables(unit, leaves), constants, stored)
    text = render(
        "single.py",
        header=header(unit, options, origin),
        summary=f"{p.name}, compiled to one NumPy module.",
        usage="Every function is pure unless it takes a state; NumPy alone is needed.",
        imports=imports_of(everything, *names),
        tables="\n".join(part for part in shown if part),
        records=records,
        functions=functions,
        check=check,
        helpers=helpers,
    )
    return Module(sealed(text), listed(written))
