"""One flat module with the functions of a package.

In: lowered functions and the options. Out: the text of ``<name>.py``. Invariant: the
functions are those of the package, word for word. Two are left out: the planned
training step, whose names would collide, and the check; the file says so when it is
run as a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdiff.emit.listing import Listed, Record
from symdiff.emit.modules.assembly import (
    Module,
    Options,
    called,
    decorator,
    header,
    helper_texts,
    imports_of,
    listed,
    output_record,
    reverse_records,
    sealed,
    stored_constants,
)
from symdiff.emit.modules.declared import check_text, tables
from symdiff.emit.modules.functions import Written
from symdiff.emit.modules.halves import cotangent_checks, value_and_grad
from symdiff.emit.modules.lowering import LoweredFunctions
from symdiff.emit.modules.render import render
from symdiff.emit.modules.shared import shared_functions, standard_names
from symdiff.emit.modules.train import train_parts
from symdiff.graph.errors import DeclarationError


def _refuse_two_of_a_name(written: Mapping[str, Written]) -> None:
    """Raise where blocks of two functions have one name, as they may in one file."""
    names = [*written, *(b.name for w in written.values() for b in w.beside)]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise DeclarationError(
            f"two functions of the one file would be called {twice!r}; rename a scope, "
            "or compile with inline=True."
        )


def single_module(
    lowered: LoweredFunctions, options: Options, origin: str, notes: Sequence[str] = ()
) -> Module:
    """Return the one module; ``notes`` are lines for its header."""
    unit, p = lowered.unit, lowered.unit.program
    needs = unit.target.needs + (" is" if len(unit.target.libraries) == 1 else " are")
    written: dict[str, Written] = {}
    functions: list[str] = []
    records: list[Record] = []
    leaves = p.inputs

    def add(name: str, function: Written) -> None:
        written[name] = function
        functions.append(render("function.py", name=name, written=function).strip())

    if lowered.forward is not None:
        add("forward", lowered.forward)
    if len(p.outputs) > 1:
        records.append(output_record(unit, p.outputs))
    found = lowered.halves
    if found is not None:
        leaves = (*p.inputs, *p.targets)
        primal, backward = found.primal, found.backward
        records += reverse_records(unit, found)
        add("loss_and_residuals" if p.is_model else "forward_with_residuals", primal)
        add("backward", backward)
        if p.is_model:
            functions.append(value_and_grad(unit, primal, backward))
        functions.append(cotangent_checks(unit))
    constants = ""
    step: Sequence[str] = ()
    more: Sequence[Listed] = ()
    if found is not None and lowered.training is not None:
        made = train_parts(unit, found, lowered.training)
        constants, step, more = made.constants, made.step, made.listed
        written |= lowered.training.written
        functions += [made.first, *shared_functions(unit, "_state"), made.state]
        functions += made.functions
        functions += [
            *shared_functions(unit, "_fit"),
            *shared_functions(unit, "_files"),
        ]
        functions.append(made.loop)
    _refuse_two_of_a_name(written)
    check = check_text(unit, leaves)
    helpers = helper_texts([*(f.code for f in written.values()), *step])
    texts = [*map(str, records), *called(written.values())]
    texts += decorator(written.values())
    everything = "\n".join([check, *texts, *helpers, *functions])
    names = sorted({"sys", *standard_names(everything)})
    stored = stored_constants(unit, everything, single=True)
    if stored:
        names.append("pathlib")
    shown = (tables(unit, leaves), constants, stored)
    text = render(
        "single.py",
        header=header(unit, options, origin, *notes),
        summary=f"{p.name}, compiled to one NumPy module.",
        usage=f"Every function is pure unless it takes a state; {needs} needed.",
        imports=imports_of(everything, *names),
        tables="\n".join(part for part in shown if part),
        records=texts,
        functions=functions,
        check=check,
        helpers=helpers,
    )
    return Module(sealed(text), [*listed(written), *more, *records])
