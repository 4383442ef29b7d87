"""What a package's own check compares: one module with another that computes the same.

In: lowered functions. Out: functions of a generated __main__.py. Invariant: none of
them compares a function with itself.
"""

from __future__ import annotations

from symdiff.emit.modules.assembly import TOLERANCE
from symdiff.emit.modules.halves import Halves
from symdiff.emit.modules.lowering import LoweredFunctions
from symdiff.emit.modules.render import render
from symdiff.emit.python import code as py
from symdiff.graph.types import FLOAT32, TensorType
from symdiff.plan.program import Program
from symdiff.plan.widths import declares_widths

BOUNDS = ("clip_value", "clip_norm")  # hyperparameters that may bind or not


def of_forward(lowered: LoweredFunctions) -> str:
    """Return the check of forward.py against another computation of its results.

    For a model that is a module without simplifications, for a function the forward
    pass of backward.py.
    """
    p, written = lowered.unit.program, lowered.forward
    assert written is not None
    return render(
        "forward_check.py",
        model=p.is_model,
        several=len(p.outputs) > 1,
        draws=written.draws,
        tolerance=TOLERANCE,
        declared=declares_widths(p),
    ).strip()


def of_training(lowered: LoweredFunctions, found: Halves) -> str:
    """Return the check of the loss, new values of states, metrics and evaluation."""
    p, plain, training = lowered.unit.program, lowered.plain, lowered.training
    what = ["loss", *["new states"] * bool(p.updates)]
    if training is not None:
        what[1:1] = ["metrics"] * bool(p.metrics)
        what.append("evaluation")
    listed = " and ".join([", ".join(what[:-1]), what[-1]] if what[1:] else what)
    check = render(
        "training_check.py",
        tolerance=TOLERANCE,
        agreeing=f"{listed} agree{'' if what[1:] else 's'}",
    )
    triples = render(
        "triples.py",
        updates=bool(p.updates),
        holding=bool(p.holding),
        train=training is not None,
        draws=found.primal.draws,
        plain_draws=plain["training"].draws,
        evaluate_draws=training is not None and training.evaluate.draws,
        evaluate=plain.get("evaluate"),
    )
    return f"{check.strip()}\n\n\n{triples.strip()}"


def of_planned(lowered: LoweredFunctions) -> str:
    """Return the check of the planned step, with bounds that bind and that do not."""
    p, step = lowered.unit.program, lowered.planned
    assert p.update is not None
    assert step is not None
    optimizer = p.update.optimizer
    hyper = optimizer.hyper
    names = [py.Lit(n) for n in BOUNDS if isinstance(hyper.get(n), (int, float))]
    bounds = py.expr_text(py.Tuple_(tuple(names))) if names else ""
    check = render(
        "planned_check.py" if step.exact else "planned_near.py",
        bounds=bounds,
        width='"float32"' if _is_narrow(p) else "plain.flat_params.dtype.name",
        update=step.update is not None,
        hyper="train._hyper(planned)" if optimizer.schedules else "planned.hyper",
    )
    parts = [check, render("finite_start.py", declared=declares_widths(p))]
    parts += [] if step.exact else [render("difference.py")]
    return "\n\n\n".join(part.strip() for part in parts)


def _is_narrow(program: Program) -> bool:
    """Whether some value is a float32 whatever the width of the parameters."""
    kinds = (n.type for n in program.nodes)
    return any(isinstance(t, TensorType) and t.dtype == FLOAT32 for t in kinds)
