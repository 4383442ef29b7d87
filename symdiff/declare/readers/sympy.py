"""SymPy expressions as graphs.

In: a scalar, Matrix or MatrixSymbol expression and a tensor for each symbol. Out: a
tensor. Invariant: what is read is what SymPy would compute element by element; a matrix
expression becomes products of matrices, never scalar entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices import expressions as mx
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.calculus import from_expression
from symdiff.ops.core.operands import API, as_tensor, constant


@public
def from_sympy(expression: Any, tensors: Mapping[Any, Any]) -> Any:
    """Return the tensor of a SymPy expression.

    Parameters
    ----------
    expression : sympy.Expr or sympy.Matrix
        A scalar expression (applied to each element, with broadcasting), an explicit
        Matrix of scalar expressions, which keeps its two axes, or an expression in
        MatrixSymbols.
    tensors : dict
        The tensor of each symbol; a symbol may be given by its name. A symbol that is a
        nonnegative integer and has no tensor is a dimension.

    Raises
    ------
    DeclarationError
        For a symbol without a tensor and for functions that symdiff does not have.
    ShapeError
        Where a MatrixSymbol's shape is not that of its tensor.
    """
    e = sp.sympify(expression)
    found = _read(e, _by_symbol(e, tensors))
    # all numbers are real
    return as_tensor(float(e)) if isinstance(e, sp.Integer) else found


def _by_symbol(e: Any, tensors: Mapping[Any, Any]) -> dict[Any, Tensor]:
    free = {str(s): s for s in getattr(e, "free_symbols", ())}
    found: dict[Any, Tensor] = {}
    for key, value in tensors.items():
        symbol = free.get(str(key), key)
        t = as_tensor(value)
        if isinstance(symbol, sp.MatrixSymbol):
            _check_matrix(symbol, t)
        found[symbol] = t
    return found


def _check_matrix(symbol: Any, t: Tensor) -> None:
    if t.ndim != 2:
        raise ShapeError(
            f"{symbol} is a matrix of shape {symbol.shape}; its tensor has shape "
            f"{t.shape}. Write a vector as a column, of shape (n, 1)."
        )
    for declared, actual in zip(symbol.shape, t.shape, strict=True):
        fixed = declared.is_Integer and isinstance(actual, int)
        if fixed and int(declared) != actual:
            raise ShapeError(
                f"{symbol} has shape {symbol.shape}; its tensor has {t.shape}."
            )


def _read(e: Any, env: Mapping[Any, Tensor]) -> Any:
    """Read a tree whose matrix parts may hold scalar parts, and the other way round."""
    if _is_matrix(e):
        return _matrix(e, env)
    scalars = {
        part: sp.Dummy(real=True)
        for part in e.atoms(sp.Trace, sp.Determinant, mx.matexpr.MatrixElement)
    }
    if not scalars:
        return as_tensor(from_expression(e, env))
    known = dict(env)
    for part, dummy in scalars.items():
        known[dummy] = _scalar_of_matrix(part, env)
    return as_tensor(from_expression(e.xreplace(scalars), known))


def _scalar_of_matrix(e: Any, env: Mapping[Any, Tensor]) -> Tensor:
    found: Tensor
    match e:
        case sp.Trace():
            found = API["trace"](_matrix(e.arg, env))
        case sp.Determinant():
            found = API["linalg.det"](_matrix(e.arg, env))
        case _:
            parent, i, j = e.args
            if not (i.is_Integer and j.is_Integer):
                raise DeclarationError(f"{e}: an element needs integer indices.")
            found = _matrix(parent, env)[int(i), int(j)]
    return found


def _matrix(e: Any, env: Mapping[Any, Tensor]) -> Tensor:
    """Return the tensor of a matrix expression, with two axes."""
    done: dict[Any, Any] = {}
    stack = [e]
    while stack:
        current = stack[-1]
        if current in done:
            stack.pop()
            continue
        waiting = [p for p in _matrix_parts(current) if p not in done]
        if waiting:
            stack.extend(waiting)
            continue
        done[current] = _build(current, env, done)
        stack.pop()
    found: Tensor = done[e]
    return found


def _matrix_parts(e: Any) -> list[Any]:
    if isinstance(e, (sp.MatrixBase, sp.MatrixSymbol)):
        return []
    if isinstance(e, ElementwiseApplyFunction):
        return [e.expr]
    return [a for a in e.args if isinstance(a, (sp.MatrixExpr, sp.MatrixBase))]


def _build(e: Any, env: Mapping[Any, Tensor], done: Mapping[Any, Any]) -> Any:
    parts = [done[p] for p in _matrix_parts(e)]
    match e:
        case sp.MatrixBase():
            return _explicit(e, env)
        case sp.MatrixSymbol():
            if e not in env:
                raise DeclarationError(f"{e} has no tensor; pass {{{e}: tensor}}.")
            return env[e]
        case mx.MatAdd():
            return _chain(parts, lambda a, b: a + b)
        case mx.MatMul():
            factors = [a for a in e.args if not _is_matrix(a)]
            product = _chain(parts, API["matmul"])
            for f in factors:
                scale = _read(f, env)
                product = -product if f == -1 else scale * product
            return product
        case mx.HadamardProduct():
            return _chain(parts, lambda a, b: a * b)
        case mx.HadamardPower():
            return parts[0] ** _read(e.exp, env)
        case mx.MatPow():
            if not e.exp.is_Integer:
                raise DeclarationError(
                    f"{e}: only integer powers of matrices are read."
                )
            if e.exp == -1:
                return API["linalg.inv"](parts[0])
            return API["linalg.matrix_power"](parts[0], int(e.exp))
        case mx.Inverse():
            return API["linalg.inv"](parts[0])
        case mx.Transpose() | mx.Adjoint():
            return API["transpose"](parts[0])
        case mx.Identity():
            return API["eye"](_length(e.rows), _length(e.cols))
        case mx.ZeroMatrix():
            return API["zeros"](tuple(map(_length, e.shape)))
        case mx.OneMatrix():
            return API["ones"](tuple(map(_length, e.shape)))
        case mx.KroneckerProduct():
            return _chain(parts, API["kron"])
        case mx.DiagMatrix():
            return API["diag"](API["reshape"](parts[0], (-1,)))
        case mx.BlockMatrix():
            return API["block"](
                [[_matrix(b, env) for b in row] for row in e.blocks.tolist()]
            )
        case ElementwiseApplyFunction():
            u = sp.Dummy(real=True)
            return from_expression(e.function(u), {u: parts[0]})
    raise DeclarationError(f"SymPy's {type(e).__name__} is not read by symdiff.")


def _is_matrix(e: Any) -> bool:
    return isinstance(e, (sp.MatrixExpr, sp.MatrixBase))


def _chain(parts: Sequence[Any], join: Callable[[Any, Any], Any]) -> Any:
    total = parts[0]
    for p in parts[1:]:
        total = join(total, p)
    return total


def _length(n: Any) -> Any:
    return int(n) if n.is_Integer else n


def _explicit(e: sp.MatrixBase, env: Mapping[Any, Tensor]) -> Tensor:
    """Return a Matrix of scalar expressions, stacked; numbers alone make a constant."""
    if all(entry.is_number for entry in e):
        numbers = np.array(e.tolist(), dtype=float)
        return constant(numbers.reshape(e.shape))  # a list of no rows has no columns
    rows = []
    for i in range(e.rows):
        row = [_full(_read(e[i, j], env)) for j in range(e.cols)]
        rows.append(API["stack"](row))
    found: Tensor = API["stack"](rows)
    return found


def _full(t: Tensor) -> Tensor:
    if t.ndim:
        raise ShapeError(
            f"an entry of a Matrix has shape {t.shape}; the symbols of a Matrix stand "
            "for scalars."
        )
    return API["asarray"](t) if "asarray" in API else t
