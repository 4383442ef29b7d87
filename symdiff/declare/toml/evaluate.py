"""Building the graph of a TOML spec from its expressions.

In: an `Expression` and the values that names have. Out: tensors, numbers, and what else
an argument can be. Invariant: names, attributes and methods are looked up in tables,
and nothing else of Python is reachable. An error of symdiff gets a caret below the part
of the expression that it is about.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdiff.declare.toml import functions as known
from symdiff.declare.toml.limits import (
    MAX_ARGUMENTS,
    arithmetic,
    check_call,
    check_name,
)
from symdiff.declare.toml.names import (
    COLLECTORS,
    Scope,
    dotted,
    flat,
    kind,
    number,
    parameters,
    sentence,
    signature,
)
from symdiff.declare.toml.parse import Expression, byte_span
from symdiff.declare.toml.source import Statements
from symdiff.graph.errors import SpecError, SymdiffError, TracingError
from symdiff.graph.origin import Site, mark_results
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_TEXT = re.compile(r"[A-Za-z0-9_.,*> -]{0,200}")


@dataclass
class Evaluator:
    """Evaluates one formula, with a site for each of its parts."""

    formula: Expression
    names: Scope
    sites: Mapping[tuple[int, int], Site] = field(default_factory=dict)
    column: int = 0  # of the formula on its line
    binds: bool = True  # whether the value has the name of the statement's target

    def value(self) -> Any:
        """Return the formula's value."""
        return self._value(self.formula.tree)

    def _value(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.Tuple(elts=items):
                return tuple(self._items(node, items))
            case ast.List(elts=items):
                return self._items(node, items)
            case ast.UnaryOp(op=op, operand=inner):
                return self._unary(node, op, self._value(inner))
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(node, op, self._value(left), self._value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._binary(node, op, self._value(left), self._value(right))
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript(value=inner, slice=index):
                return self._item(node, self._value(inner), self._value(index))
            case ast.Slice(lower=low, upper=high, step=step):
                bounds = (
                    None if b is None else self._value(b) for b in (low, high, step)
                )
                return slice(*bounds)
            case ast.Call(func=func, args=args, keywords=keywords):
                given = self._items(node, args)
                named = self._items(node, [k.value for k in keywords])
                keys = [str(k.arg) for k in keywords]
                return self._call(
                    node, func, given, dict(zip(keys, named, strict=True))
                )
        raise self.formula.error(node, f"{type(node).__name__} is not allowed here.")

    def _items(self, node: ast.AST, items: list[ast.expr]) -> list[Any]:
        if len(items) > MAX_ARGUMENTS:
            raise self.formula.error(
                node, f"at most {MAX_ARGUMENTS} items are possible."
            )
        return [self._value(i) for i in items]

    # --- names and attributes --------------------------------------------------------

    def _name(self, node: ast.AST, name: str) -> Any:
        values = self.names.values
        if name in values:
            return values[name]
        if name in known.CONSTANTS:
            return known.CONSTANTS[name]
        raise self.formula.error(node, self._unknown(name))

    def _unknown(self, name: str) -> str:
        shown = f"`{name[:60]}`"
        if name in self.names.later:
            line = self.names.later[name]
            return (
                f"{shown} is not known yet: it is declared at line {line}, and "
                "equations are read in their order."
            )
        if self.names.calls(name) is not None:
            return f"{shown} is a function; call it, as in {name}(...)."
        names = [n for n in self.names.values if isinstance(n, str)]
        there = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        hint = known.nearest(name, names)
        return f"nothing is called {shown}{hint}; there are {there or 'no names'}."

    def _attribute(self, node: ast.Attribute) -> Any:
        full = dotted(node)
        if full in self.names.values:
            return self.names.values[full]
        if full is not None:
            prefix = next((p for p in known.PREFIXES if full.startswith(p)), "")
            name = full.removeprefix(prefix)
            if prefix and name in known.CONSTANTS:
                return known.CONSTANTS[name]
            if full.partition(".")[0] not in self.names.values:
                return self._dotted_value(node, full)
        value = self._value(node.value)
        if not isinstance(value, Tensor):
            raise self.formula.error(node, f"{kind(value)} has no `.{node.attr[:40]}`.")
        if node.attr not in known.ATTRIBUTES:
            allowed = (*known.ATTRIBUTES, *known.METHODS)
            hint = known.nearest(node.attr, allowed)
            raise self.formula.error(
                node,
                f"a tensor has no `.{node.attr[:40]}`{hint}; there are "
                f"{', '.join(known.ATTRIBUTES)}, and NumPy's methods.",
            )
        match node.attr:
            case "T":
                return self._run(node, API["transpose"], value)
            case "mT":
                return self._run(node, API["swapaxes"], value, -1, -2)
            case "ndim":
                return value.ndim
            case "size":
                return self._run(node, _size, value)
        return tuple(value.shape)

    def _dotted_value(self, node: ast.AST, full: str) -> Any:
        """Return a parameter that a layer declared, by its name."""
        for tensor in self.names.params():
            if tensor.name == full:
                return tensor
        if self.names.calls(full) is not None:
            message = f"`{full}` is a function; call it, as in {full}(...)."
        else:
            names = [
                *map(str, self.names.values),
                *(str(t.name) for t in self.names.params()),
            ]
            hint = known.nearest(full, names)
            message = f"nothing is called `{full[:60]}`{hint or '.'}"
        raise self.formula.error(node, message)

    # --- operators -------------------------------------------------------------------

    def _unary(self, node: ast.AST, op: ast.AST, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(
            value, Tensor | int | float | sp.Expr
        ):
            raise self.formula.error(node, f"no sign can stand before {kind(value)}.")
        if not isinstance(value, Tensor):
            if isinstance(op, ast.Invert):
                raise self.formula.error(node, "`~` is for arrays of booleans.")
            return -value if isinstance(op, ast.USub) else value
        return self._run(node, _UNARY[type(op)], value)

    def _binary(self, node: ast.AST, op: ast.AST, left: Any, right: Any) -> Any:
        function = _BINARY[type(op)]
        if (
            isinstance(left, tuple)
            and isinstance(right, tuple)
            and isinstance(op, ast.Add)
        ):
            return left + right
        for value in (left, right):
            if not isinstance(value, Tensor | int | float | sp.Expr):
                raise self.formula.error(
                    node, f"operators are for tensors and numbers, not {kind(value)}."
                )
        numbers = [number(v) for v in (left, right)]
        if None in numbers:
            return self._run(node, function, left, right)
        comparing = not isinstance(op, ast.operator)
        if comparing or isinstance(
            op, ast.MatMult | ast.BitAnd | ast.BitOr | ast.BitXor
        ):
            raise self.formula.error(node, "this operator is for tensors.")
        power = isinstance(op, ast.Pow)
        result = self._run(node, arithmetic, function, power, *numbers)
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            return self._run(node, function, left, right)
        return result

    def _item(self, node: ast.AST, value: Any, index: Any) -> Any:
        if isinstance(value, Tensor):
            return self._run(node, API["getitem"], value, index)
        if not isinstance(value, tuple | list):
            raise self.formula.error(node, f"{kind(value)} has no items.")
        parts = (
            (index.start, index.stop, index.step)
            if isinstance(index, slice)
            else (index,)
        )
        if not all(
            isinstance(i, int | None) and not isinstance(i, bool) for i in parts
        ):
            raise self.formula.error(node, "the place of an item is an integer.")
        try:
            return value[index]
        except (IndexError, ValueError, TypeError):
            raise self.formula.error(
                node, f"there are {len(value)} items; {str(index)[:40]} is none."
            ) from None

    # --- calls -----------------------------------------------------------------------

    def _call(
        self, node: ast.Call, func: ast.expr, args: list[Any], named: dict[str, Any]
    ) -> Any:
        full = dotted(func)
        root = (full or "").partition(".")[0]
        if isinstance(func, ast.Attribute) and (
            full is None or root in self.names.values
        ):
            return self._method(node, func, args, named)
        name = str(full)
        if name in COLLECTORS and self.names.calls is known.find:
            return self._run(node, self.names.collect, name, args, named)
        function = self.names.calls(name)
        if function is None:
            raise self.formula.error(func, self._no_function(name))
        return self._apply(node, known.bare(name), function, args, named)

    def _no_function(self, name: str) -> str:
        plain = known.bare(name)
        if plain in known.ABSENT and self.names.calls is known.find:
            return f"`{name}` {known.ABSENT[plain]}; declare such a model in Python."
        if name in self.names.values:
            return f"`{name[:60]}` is no function; is an operator missing before (?"
        names = self.names.callable_names or (*known.functions(), *COLLECTORS)
        hint = known.nearest(plain, names)
        if not hint and self.names.callable_names:
            hint = f"; there are {', '.join(names)}"
        return f"there is no function `{name[:60]}`{hint or '.'}"

    def _method(
        self,
        node: ast.Call,
        func: ast.Attribute,
        args: list[Any],
        named: dict[str, Any],
    ) -> Any:
        value = self._value(func.value)
        if not isinstance(value, Tensor) or func.attr not in known.METHODS:
            hint = known.nearest(func.attr, known.METHODS)
            what = "a tensor" if isinstance(value, Tensor) else kind(value)
            raise self.formula.error(
                func, f"{what} has no method `{func.attr[:40]}`{hint or '.'}"
            )
        return self._apply(node, func.attr, API[func.attr], [value, *args], named)

    def _apply(
        self,
        node: ast.Call,
        name: str,
        function: Callable[..., Any],
        args: list[Any],
        named: dict[str, Any],
    ) -> Any:
        keywords = node.keywords
        try:
            bound = signature(function).bind(*args, **named)
        except TypeError as error:
            raise self.formula.error(
                node, f"{name}(): {error}; it takes {parameters(function)}."
            ) from None
        self._run(node, check_call, name, bound.arguments)
        for key, value in bound.arguments.items():
            at = next((k.value for k in keywords if k.arg == key), node)
            self._check_text(at, name, key, value)
        return self._run(node, function, *args, **named)

    def _check_text(self, node: ast.AST, name: str, key: str, value: Any) -> None:
        """Let strings through where a function expects one."""
        if key == "name" and isinstance(value, str):
            self._run(node, check_name, value)
        texts = [value] if not isinstance(value, tuple | list) else list(flat(value))
        for text in texts:
            if not isinstance(text, str):
                continue
            allowed = key in known.TEXTS or (name == "einsum" and text is texts[0])
            if not allowed:
                raise self.formula.error(
                    node, f"{name}({key}=) is no string; names stand without quotes."
                )
            if not _TEXT.fullmatch(text):
                raise self.formula.error(node, f"{name}({key}=): {text!r:.60} is none.")

    def _run(
        self, node: ast.AST, function: Callable[..., Any], *args: Any, **named: Any
    ) -> Any:
        """Call a function at the site of a part of the formula."""
        start, end = byte_span(node)
        site = self.sites.get((self.column + start, self.column + end)) or Site(())
        try:
            with at_site(site):
                result = function(*args, **named)
        except SpecError:
            raise
        except TracingError as error:
            words = "an array stands where a number or a name is needed."
            raise self.formula.error(node, words) from error
        except SymdiffError as error:
            raise self.formula.error(node, sentence(error)) from error
        except RecursionError:
            raise self.formula.error(node, "this is nested too deeply.") from None
        except Exception as error:
            words = f"{type(error).__name__}: {str(error)[:200]}"
            raise self.formula.error(
                node, f"these arguments do not fit together: {words}."
            ) from error
        if self.binds or node is not self.formula.tree:
            mark_results(result, site)
        return result


def evaluated(
    formula: Expression,
    names: Scope,
    statements: Statements,
    line: int,
    target: str,
    binds: bool = True,
) -> Any:
    """Return the value of a formula, as the statement ``target = formula``.

    Without ``binds`` the value keeps its own name, as an entry of a Python dict would.
    """
    column = statements.add(line, target, formula.text)
    spans = {byte_span(n) for n in ast.walk(formula.tree) if isinstance(n, ast.expr)}
    shifted = [(column + a, column + b) for a, b in sorted(spans)]
    sites = statements.sites(line, shifted)
    return Evaluator(formula, names, sites, column, binds).value()


def _size(tensor: Tensor) -> Any:
    return tensor.size
