"""The source text of a user's primitive, and a digest of a function's code.

In: Python functions. Out: their source as a helper of generated modules, and a
description of their code that is the same in every process. Invariant: a function is
copied only if it reads ``np`` and its operands and nothing else.
"""

from __future__ import annotations

import ast
import builtins
import dis
import hashlib
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError
from symdiff.ops.core.helpers import HELPERS


def arity_of(evaluate: Callable[..., Any]) -> int:
    parameters = inspect.signature(evaluate).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise DeclarationError("evaluate takes *args; name each operand.")
    return len([p for p in parameters if p.default is p.empty])


def content_of(function: Callable[..., Any] | None) -> str:
    """Return a text that differs between functions of different code.

    It is the same in every process.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return getattr(function, "__name__", str(type(function)))
    return _code_content(code)


def _code_content(code: CodeType) -> str:
    consts = [
        _code_content(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {consts}"


def checked_text(name: str, text: str | None, arity: int) -> str | None:
    if text is None:
        return None
    try:
        tree = compile(text, f"<text of {name}>", "eval")
    except SyntaxError as error:
        raise DeclarationError(
            f"{name}: text {text!r} is no expression: {error}."
        ) from None
    known = {"np", *(f"_{i}" for i in range(arity))}
    unknown = [n for n in tree.co_names if n.startswith("_") and n not in known]
    if unknown:
        raise DeclarationError(
            f"{name}: text reads {unknown[0]}; it has {arity} operands."
        )
    return text


def embedded(name: str, evaluate: Callable[..., Any]) -> str:
    """Return a call of the function; its source is copied into generated modules."""
    code = getattr(evaluate, "__code__", None)
    try:
        source = textwrap.dedent(inspect.getsource(evaluate))
    except (OSError, TypeError):
        source = ""
    tree = ast.parse(source) if source.startswith("def ") else None
    free = _global_names(code) - {"np", *dir(builtins)} if code else set()
    if tree is None or free or (code and code.co_freevars):
        raise DeclarationError(
            f"{name} has no text for generated code: give text= or expand=, or let "
            "evaluate be a def that reads np and its operands alone."
        )
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    source = _without_annotations(definition, source)
    key = f"{name}_{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    renamed = re.sub(rf"^def {definition.name}\b", f"def _{key}", source)
    file = f"<op {key}>"
    linecache.cache[file] = (len(renamed), None, renamed.splitlines(True), file)
    made: dict[str, Any] = {"np": np}
    exec(compile(renamed, file, "exec"), made)  # the user's own function, under a name
    HELPERS[key] = made[f"_{key}"]
    places = ", ".join(f"_{i}" for i in range(arity_of(evaluate)))
    return f"_help_{key}({places})"


def _without_annotations(definition: ast.FunctionDef, source: str) -> str:
    """Return the source of a function without names of types, which it does not need.

    They may be names of the module around it.
    """
    a = definition.args
    named = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
    noted = [arg for arg in named if arg is not None and arg.annotation is not None]
    if not noted and definition.returns is None:
        return source
    definition.returns = None
    for arg in noted:
        arg.annotation = None
    return ast.unparse(definition) + "\n"


def _global_names(code: CodeType) -> set[str]:
    """Return the names that a function reads from its module."""
    found = {
        i.argval
        for i in dis.get_instructions(code)
        if i.opname.startswith("LOAD_GLOBAL")
    }
    for c in code.co_consts:
        if isinstance(c, CodeType):
            found |= _global_names(c)
    return found
