"""Derivatives of plain NumPy functions, with the signatures that autograd's users know.

In: a function of arrays. Out: a function that returns its gradient, Jacobian, Hessian
or a product with one of them. On arrays it is traced and compiled once per shapes,
dtypes and static values; on symbolic tensors it builds graph, so transforms nest.
Invariant: what a transformed function computes is generated NumPy code, shown by
``.source``.

    from symdiff.transforms import grad

    def loss(w, X, y):
        return np.mean((X @ w - y) ** 2)

    grad(loss)(w, X, y)

Arguments may be arrays, floats, and nested tuples, lists, dicts and named tuples of
them; integer and boolean arrays are passed through, and their gradient is None;
anything else must be hashable, or a slice, and is fixed when the code is generated.
What the function reads from around it (closures, globals, attributes) may change
between calls. A transformed function is pickled and copied as its function and its
options, and traced anew after unpickling, so process pools accept it where they accept
the function.

Everywhere ``fun`` is the function, and ``argnum`` the position of the argument to
differentiate by, or a tuple of positions, for a tuple of results.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from symdiff.declare.captured.scanning import snapshot
from symdiff.declare.tracing import function_name, run
from symdiff.declare.trees import Path, arranged, form, leaves, like, own, tree_map
from symdiff.derive.higher import hessian as _graph_hessian
from symdiff.derive.higher import jacobian as _graph_jacobian
from symdiff.derive.reverse import fit_cotangent
from symdiff.graph.errors import DeclarationError, DerivativeError, TracingError
from symdiff.graph.provenance import checked_call
from symdiff.ops.core.operands import API, float_operand
from symdiff.transforms.points import Argnum, CallPoint, as_float
from symdiff.transforms.result_names import (
    named,
    named_before,
    named_with_aux,
    named_with_value,
)
from symdiff.transforms.traces import statics
from symdiff.transforms.transformed import Function, Transformed


def _key(argnum: Argnum, *options: Any) -> Any:
    if isinstance(argnum, (bool, float, str)) or argnum is None:
        raise DerivativeError(f"argnum must be an int or ints, got {argnum!r}.")
    single = isinstance(argnum, (int, np.integer))
    return (int(argnum) if single else tuple(argnum), *options)  # type: ignore[arg-type]


# --- first derivatives ----------------------------------------------------------------


@checked_call
def jit(fun: Function) -> Transformed:
    """Return ``fun`` itself, compiled: the same results from generated code."""
    return Transformed(fun, _jit_rule, "jit", ())


def _jit_rule(fun: Function, *args: Any, **kwargs: Any) -> Any:
    return run(fun, args, kwargs)


@checked_call
def grad(fun: Function, argnum: Argnum = 0, has_aux: bool = False) -> Transformed:
    """Gradient of a scalar-valued function.

    ``grad(f)(*args)`` has the containers and shapes of argument ``argnum``; a tuple of
    them for a tuple. With ``has_aux`` the function returns (value, aux), and the result
    is (gradient, aux).
    """
    rule = functools.partial(_grad_rule, argnum, has_aux, False)
    fields = functools.partial(named_with_aux if has_aux else named, argnum)
    return Transformed(fun, rule, "grad", _key(argnum, has_aux), fields)


@checked_call
def value_and_grad(
    fun: Function, argnum: Argnum = 0, has_aux: bool = False
) -> Transformed:
    """Value and gradient of a scalar-valued function, as (value, gradient).

    With ``has_aux`` the function returns (value, aux): ((value, aux), gradient).
    """
    rule = functools.partial(_grad_rule, argnum, has_aux, True)
    fields = functools.partial(named_with_value, argnum, has_aux)
    key = _key(argnum, has_aux)
    return Transformed(fun, rule, "value_and_grad", key, fields)


def _grad_rule(
    argnum: Argnum, has_aux: bool, with_value: bool, fun: Function, *args: Any,
    **kwargs: Any,
) -> Any:  # fmt: skip
    at = CallPoint(fun, argnum, args, kwargs)
    value, aux = _value_and_aux(at.result) if has_aux else (at.result, None)
    y = at.scalar(value)
    found = at.tree(at.gradients([y], [float_operand(1.0)]))
    shown = (y, aux) if has_aux else y
    if with_value:
        return at.back((shown, found))
    return at.back((found, aux) if has_aux else found)


def _value_and_aux(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise DeclarationError(
            f"with has_aux the function must return (value, aux), got {result!r:.60}."
        )
    return result[0], result[1]


@checked_call
def grad_and_aux(fun: Function, argnum: Argnum = 0) -> Transformed:
    """Gradient of the first result, and the second as it is: ``grad(has_aux=True)``."""
    return grad(fun, argnum, has_aux=True)


@checked_call
def elementwise_grad(fun: Function, argnum: Argnum = 0) -> Transformed:
    """Derivative of a function of each element alone: the column sums of J."""
    rule = functools.partial(_elementwise_rule, argnum)
    key = _key(argnum)
    return Transformed(
        fun, rule, "elementwise_grad", key, functools.partial(named, argnum)
    )


def _elementwise_rule(argnum: Argnum, fun: Function, *args: Any, **kwargs: Any) -> Any:
    at = CallPoint(fun, argnum, args, kwargs)
    y = at.smooth_output(at.result)
    return at.back(at.tree(at.gradients([y], [API["ones_like"](y)])))


@checked_call
def vjp(fun: Function, argnum: Argnum = 0) -> Transformed:
    """Vector-Jacobian product: ``vjp(f)(*args, v)`` for v in the form of the result."""
    rule = functools.partial(_vjp_rule, argnum)
    return Transformed(
        fun, rule, "vjp", _key(argnum), functools.partial(named_before, argnum)
    )


def _vjp_rule(argnum: Argnum, fun: Function, *args: Any, **kwargs: Any) -> Any:
    *args_, vector = args
    at = CallPoint(fun, argnum, args_, kwargs)
    vector = arranged(vector, at.result)
    if form(vector) != form(at.result):
        raise DeclarationError("the vector must have the containers of the result.")
    outputs = [at.smooth_output(leaf) for leaf in leaves(at.result)]
    pairs = zip(leaves(vector), outputs, strict=True)
    cotangents = [fit_cotangent(as_float(v), o) for v, o in pairs]
    return at.back(at.tree(at.gradients(outputs, cotangents)))


@checked_call
def jvp(fun: Function, argnum: Argnum = 0) -> Transformed:
    """Jacobian-vector product: ``jvp(f)(*args, v)`` for v like the argument."""
    rule = functools.partial(_jvp_rule, argnum, False)
    return Transformed(fun, rule, "jvp", _key(argnum))


def _jvp_rule(
    argnum: Argnum, with_value: bool, fun: Function, *args: Any, **kwargs: Any
) -> Any:
    *args_, vector = args
    at = CallPoint(fun, argnum, args_, kwargs)
    outputs = [at.smooth_output(leaf) for leaf in leaves(at.result)]
    found = like(at.result, at.moved(outputs, at.vectors(vector)))
    return at.back((at.result, found) if with_value else found)


# --- second derivatives and matrices --------------------------------------------------


@checked_call
def jacobian(
    fun: Function, argnum: Argnum = 0, batch_dims: int = 0, mode: str | None = None
) -> Transformed:
    """Jacobian: of shape ``result.shape + argument.shape``.

    For containers, one Jacobian per leaf of the argument within each leaf of the
    result. ``batch_dims`` and ``mode`` are as in `symdiff.jacobian`.
    """
    rule = functools.partial(_jacobian_rule, argnum, batch_dims, mode)
    key = _key(argnum, batch_dims, mode)
    return Transformed(fun, rule, "jacobian", key)


def _jacobian_rule(
    argnum: Argnum, batch_dims: int, mode: str | None, fun: Function, *args: Any,
    **kwargs: Any,
) -> Any:  # fmt: skip
    at = CallPoint(fun, argnum, args, kwargs)

    def rows(path: Path, leaf: Any) -> Any:
        y = at.smooth_output(leaf)
        return at.tree(_graph_jacobian(y, at.variables, batch_dims, mode))

    return at.back(tree_map(rows, at.result))


@checked_call
def hessian(fun: Function, argnum: Argnum = 0) -> Transformed:
    """Hessian: of shape ``result.shape + argument.shape + argument.shape``.

    For containers, block (i, j) is found as ``H[i][j]``.
    """
    rule = functools.partial(_hessian_rule, argnum)
    return Transformed(fun, rule, "hessian", _key(argnum))


def _hessian_rule(argnum: Argnum, fun: Function, *args: Any, **kwargs: Any) -> Any:
    at = CallPoint(fun, argnum, args, kwargs)
    y = at.smooth_output(at.result)
    if not y.ndim:
        blocks = _graph_hessian(y, at.variables)
    else:
        first = _graph_jacobian(y, at.variables)
        blocks = [_graph_jacobian(j, at.variables) for j in first]
    return at.back(at.tree([at.tree(row) for row in blocks]))


@checked_call
def hvp(fun: Function, argnum: Argnum = 0) -> Transformed:
    """Hessian-vector product of a scalar-valued function: ``hvp(f)(*args, v)``."""
    rule = functools.partial(_hvp_rule, argnum, False)
    return Transformed(
        fun, rule, "hvp", _key(argnum), functools.partial(named_before, argnum)
    )


def _hvp_rule(
    argnum: Argnum, with_gradient: bool, fun: Function, *args: Any, **kwargs: Any
) -> Any:
    *args_, vector = args
    at = CallPoint(fun, argnum, args_, kwargs)
    gradients = at.gradients([at.scalar(at.result)], [float_operand(1.0)])
    found = at.tree(at.moved(gradients, at.vectors(vector)))
    return at.back((at.tree(gradients), found) if with_gradient else found)


# --- autograd's other names -----------------------------------------------------------

hessian_vector_product = hvp
vector_jacobian_product = vjp
jacobian_vector_product = jvp


def _at(product: Transformed, args: Any, kwargs: Any) -> Function:
    """Return v ↦ product(*args, v) for the arguments as they are now.

    What the function reads from around it must still be the same when v is given.
    """
    fun = product.__wrapped__  # type: ignore[attr-defined]
    args, kwargs = tree_map(lambda _, leaf: own(leaf), (args, kwargs))
    seen = snapshot(fun, statics([args, kwargs]))

    def along(v: Any) -> Any:
        if not seen.holds():
            raise TracingError(
                f"{', '.join(seen.changes())}, which {function_name(fun, '')} reads "
                "from around it, has changed since the point was taken, and so has its "
                "derivative there: call make_vjp or its like again."
            )
        return product(*args, v, **kwargs)

    return along


@checked_call
def make_vjp(fun: Function, argnum: Argnum = 0) -> Function:
    """``make_vjp(f)(*args)`` returns (v ↦ vᵀJ, value)."""
    value, product = jit(fun), vjp(fun, argnum)

    def at(*args: Any, **kwargs: Any) -> Any:
        return _at(product, args, kwargs), value(*args, **kwargs)

    return at


@checked_call
def make_jvp(fun: Function, argnum: Argnum = 0) -> Function:
    """``make_jvp(f)(*args)`` returns v ↦ (value, Jv)."""
    rule = functools.partial(_jvp_rule, argnum, True)
    product = Transformed(fun, rule, "value_and_jvp", _key(argnum))

    def at(*args: Any, **kwargs: Any) -> Any:
        return _at(product, args, kwargs)

    return at


@checked_call
def make_hvp(fun: Function, argnum: Argnum = 0) -> Function:
    """``make_hvp(f)(*args)`` returns (v ↦ Hv, gradient)."""
    gradient, product = grad(fun, argnum), hvp(fun, argnum)

    def at(*args: Any, **kwargs: Any) -> Any:
        return _at(product, args, kwargs), gradient(*args, **kwargs)

    return at


__all__ = [
    "Transformed",
    "elementwise_grad",
    "grad",
    "grad_and_aux",
    "hessian",
    "hessian_vector_product",
    "hvp",
    "jacobian",
    "jacobian_vector_product",
    "jit",
    "jvp",
    "make_hvp",
    "make_jvp",
    "make_vjp",
    "value_and_grad",
    "vector_jacobian_product",
    "vjp",
]
