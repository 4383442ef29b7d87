"""A function called with fresh leaves for the arguments that it is differentiated by.

In: a function, arguments that may hold tensors, and which of them vary. Out: a
`CallPoint`, which has the results, their derivatives, and a way to put the arguments
back in place of the leaves. Invariant: derivatives are by the argument alone, so no
code of the user's can reach its leaves in any other way: they are made here, or were
made for this call and not yet passed to a function. In ``grad(lambda y: x * y)(x)`` the
same tensor is an argument and in the closure; that of the closure is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.declare.tracing import RETIRED, UNSEEN, argument_names, as_output, run
from symdiff.declare.trees import Path, arranged, form, leaves, like, tree_map
from symdiff.derive.forward import forward_sweep
from symdiff.derive.reverse import fit_tangent, reverse_sweep
from symdiff.derive.stability import stabilised
from symdiff.graph.body import substitute
from symdiff.graph.errors import DeclarationError, DerivativeError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.closure import bound
from symdiff.ops.core.operands import API, float_operand
from symdiff.ops.surface.writes import entered

Argnum = int | Sequence[int]


class CallPoint:
    """A function called with fresh leaves in place of the chosen arguments."""

    def __init__(self, fun: Any, argnum: Argnum, args: Any, kwargs: Any) -> None:
        self.single = isinstance(argnum, (int, np.integer))
        self.chosen = positions(argnum, len(args))
        self.variables: list[Tensor] = []
        self.smooth: list[bool] = []  # per leaf of the chosen arguments
        self._given: list[Tensor] = []
        self.args = list(args)
        names = argument_names(fun, len(args))
        entered = list(args)
        for i in self.chosen:
            entered[i] = tree_map(self._enter, args[i], (names[i],))
        if not self.variables:
            shown = ", ".join(f"{args[i]!r:.40}" for i in self.chosen)
            raise DerivativeError(
                f"cannot differentiate by {shown}: it holds no floats. Give 3.0 "
                "instead of 3, or choose another argument with argnum=."
            )
        self.result = run(fun, entered, kwargs)

    def _enter(self, path: Path, leaf: Any) -> Any:
        is_number = isinstance(leaf, (Tensor, float, np.floating, np.ndarray))
        tensor = float_operand(leaf) if is_number else None
        self.smooth.append(tensor is not None and tensor.dtype.is_float)
        if tensor is None or not self.smooth[-1]:
            return leaf
        if tensor.node in (UNSEEN.get() or ()):  # fresh already: no other code reads it
            variable = handed = tensor
        else:
            variable = bound(tensor.node.tensor_type, ".".join(path))
            # a handle of its own, by which writes into the argument are recorded
            handed = Tensor(variable.node, (), variable.origin, variable.order)
            entered(handed, ".".join(path), leaf)
        self.variables.append(variable)
        self._given.append(tensor)
        return handed

    def scalar(self, value: Any) -> Tensor:
        """Return the value to differentiate; raise where it is no float scalar."""
        y = self.smooth_output(value)
        if any(d != 1 for d in y.shape):
            raise DerivativeError(
                f"grad needs a function with a scalar result, got shape {y.shape}; use "
                "np.sum or np.mean in it, or jacobian or elementwise_grad of it."
            )
        return y if not y.ndim else API["reshape"](y, ())

    @staticmethod
    def smooth_output(value: Any) -> Tensor:
        """Return a result as a float tensor."""
        y = as_output(value, ())
        if not y.dtype.is_float:
            raise DerivativeError(f"cannot differentiate a result of dtype {y.dtype}.")
        return y

    def gradients(self, outputs: Sequence[Tensor], cotangents: Any) -> list[Tensor]:
        """Return the cotangent of every variable."""
        stable, places = stabilised(outputs, self.variables)
        found = reverse_sweep(stable, cotangents, places)
        pairs = zip(found, self.variables, strict=True)
        return [API["zeros_like"](v) if g is None else g for g, v in pairs]

    def moved(self, outputs: Sequence[Tensor], tangents: Any) -> list[Tensor]:
        """Return the tangent of every output."""
        stable, places = stabilised(outputs, self.variables)
        found = forward_sweep(stable, places, tangents)
        pairs = zip(found, outputs, strict=True)
        return [API["zeros_like"](o) if t is None else t for t, o in pairs]

    def vectors(self, vector: Any) -> list[Tensor]:
        """Return the tangents in a vector of the arguments' form, one per variable."""
        mine = [self.args[i] for i in self.chosen]
        given = arranged([vector] if self.single else list(vector), mine)
        if [form(a) for a in mine] != [form(v) for v in given]:
            raise DeclarationError(
                "the vector must have the containers of what is differentiated by."
            )
        pairs = zip(leaves(given), self.smooth, strict=True)
        kept = [v for v, smooth in pairs if smooth]
        made = zip(kept, self.variables, strict=True)
        return [fit_tangent(as_float(v), x) for v, x in made]

    def tree(self, found: Sequence[Any]) -> Any:
        """Return one value per variable in the containers of the arguments."""
        waiting = iter(found)
        values = [next(waiting) if s else None for s in self.smooth]
        made = like([self.args[i] for i in self.chosen], values)
        return made[0] if self.single else tuple(made)

    def back(self, result: Any) -> Any:
        """Return results in which the arguments replace the leaves again."""
        pairs = zip(self.variables, self._given, strict=True)
        replaced = {v.node: t for v, t in pairs if v is not t}
        RETIRED.update(replaced)
        return replaced_in(result, replaced) if replaced else result


def as_float(value: Any) -> Tensor:
    tensor = float_operand(value)
    return tensor if tensor.dtype.is_float else API["cast"](tensor, "float")


def positions(argnum: Argnum, count: int) -> list[int]:
    given = [argnum] if isinstance(argnum, (int, np.integer)) else list(argnum)
    found = [int(i) + count if i < 0 else int(i) for i in given]
    wrong = [g for g, i in zip(given, found, strict=True) if not 0 <= i < count]
    if wrong or not found or len(set(found)) < len(found):
        raise DerivativeError(
            f"argnum={argnum!r} for a call with {count} positional argument(s); what "
            "is differentiated by is passed by position."
        )
    return found


def replaced_in(result: Any, replacements: Any) -> Any:
    """Return results with nodes replaced, around the same containers."""
    tensors = [t for t in leaves(result) if isinstance(t, Tensor)]
    waiting = iter(substitute(tensors, replacements))
    return tree_map(
        lambda _, leaf: next(waiting) if isinstance(leaf, Tensor) else leaf, result
    )
