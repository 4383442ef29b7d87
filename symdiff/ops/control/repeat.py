"""`scan` and `map`: a function of one step, repeated along sequences.

In: a Python function, a carry and sequences. Out: the results of one `scan` node.
Invariant: the function is called once, with symbolic tensors (but see `starts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.provenance import Unpacked
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, TensorType, as_dim
from symdiff.ops.control.scan import scan_node
from symdiff.ops.control.starts import number, started
from symdiff.ops.core.closure import (
    argument_names,
    bound,
    flatten,
    flatten_like,
    in_body,
    names_in,
    unflatten,
)
from symdiff.ops.core.operands import api
from symdiff.ops.surface.writes import call_back


@api("scan")
def scan(
    body: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Repeat ``carry, y = body(carry, x)`` along the first axis of ``xs``.

    Parameters
    ----------
    body : callable
        Called once, with symbolic tensors, to see what it computes. It may read any
        other tensor; what does not depend on carry or x is computed once, outside the
        loop. It may not draw random numbers: draw them for all steps outside, with a
        first axis of steps, and give them in ``xs``.
    init : Tensor, or a nested tuple, list or dict of them
        The first carry. A Python number is a float; in a plain NumPy function an int
        is one of 64 bits, which wraps as NumPy's do, unless a step makes a float of it:
        then the body is called again.
    xs : optional
        Sequences, likewise nested; each step gets one row of each. If None, every step
        is ``body(carry, None)``.
    length : int or dim, optional
        Number of steps, needed when ``xs`` is None.
    reverse : bool
        Run from the last row to the first.

    Returns
    -------
    tuple
        The last carry, and the values of ``y`` stacked along a new first axis, in the
        order of ``xs``.

    Raises
    ------
    ShapeError, DTypeError
        Where a carry changes its type.
    """
    sequences, row_form = flatten(xs)
    steps = _steps(sequences, length)
    names = argument_names(body, 2, "carry")
    rows = [
        bound(TensorType(t.shape[1:], t.dtype), name)
        for t, name in zip(
            sequences, names_in(xs, names[1], len(sequences)), strict=True
        )
    ]

    def step(form: Any, carry: Sequence[Tensor]) -> tuple[list[Tensor], Any]:
        with in_body():
            found = call_back(
                body,
                unflatten(form, carry, Unpacked),
                unflatten(row_form, rows, Unpacked),
            )
        if not isinstance(found, tuple) or len(found) != 2:
            raise DeclarationError(
                f"the body of scan must return (carry, y), got {type(found).__name__}; "
                "return (carry, None) where nothing is stacked."
            )
        return flatten_like(form, found[0], "the carry of scan"), found[1]

    seen = started(init, lambda n: names_in(init, names[0], n), step)
    ys, y_form = flatten(seen.rest, number)
    outputs = [*seen.ends, *ys]
    results = scan_node(
        seen.carry, rows, outputs, seen.starts, sequences, steps, bool(reverse)
    )
    n = len(seen.starts)
    return unflatten(seen.form, results[:n]), unflatten(y_form, results[n:])


def _steps(sequences: Sequence[Tensor], length: Any) -> Dim:
    for t in sequences:
        if not t.ndim:
            raise ShapeError("a sequence of scan needs at least one axis.")
    if length is not None:
        if isinstance(length, Tensor):
            raise DeclarationError(
                "length must be an int or a dim; for a number of steps that is "
                "computed, use sd.while_loop."
            )
        return as_dim(length)
    if not sequences:
        raise DeclarationError("scan without xs needs length=.")
    return sequences[0].shape[0]


@api("map")
def map_(function: Callable[..., Any], xs: Any) -> Any:
    """Apply a function to every row of ``xs`` and stack the results."""

    def body(carry: Any, x: Any) -> Any:
        return carry, call_back(function, x)

    return scan(body, (), xs)[1]
