"""The declarations and the parts of a generated module, read back from its text.

In: the texts of modules by name. Out: declared facts by name (a parameter's shape and
initial value, a setting, what is frozen), and the blocks of a module by name.
Invariant: nothing is executed; two modules whose blocks are equal can only differ in
headings, hashes and the header.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from symdiff.review.lines import is_heading, parsed

# Tables at the head of modules; each entry is one fact, of this name.
_ENTRIES = {
    "PARAMS": "parameter {}",
    "ARGUMENTS": "argument {}",
    "HYPER": "setting {}",
    "GROUPS": "settings of {} alone",
    "MAX_NORM": "bound on the norms of {}",
    "ROWS": "axis of rows of {}",
}
# Lists of names at the head of modules; each list is one fact.
_LISTS = {
    "BUFFERS": "buffers",
    "FROZEN": "frozen",
    "SLOTS": "slots of the optimiser",
    "DATA": "arguments of a step",
    "NUMBERED": "arguments whose rows stay together",
    "NOT_IN_PARTS": "batches in parts",
}
# Functions that return a dict display of draws by name; each entry is one fact.
_DRAWS = {"init_params": "initial {}", "_draw": "drawn by checks: {}"}
_HASHES = ("BUILD", "MODEL")
ORDER = "order of "  # begins the names of facts about order alone

TOLD = frozenset([*_ENTRIES, *_LISTS, *_DRAWS])


def facts_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the declared facts in modules, by name."""
    found: dict[str, str] = {}
    for module, text in texts.items():
        if module == "_outputs":  # repeats what backward.py declares
            continue
        for stmt in parsed(text):
            match stmt:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found |= _of_constant(name, value)
                case ast.FunctionDef(name=name) if name in _DRAWS:
                    found |= _of_draws(name, stmt)
    initial = {f.removeprefix("initial ") for f in found if f.startswith("initial ")}
    for name in initial:  # checks draw parameters by their initial values
        found.pop(f"drawn by checks: params[{name!r}]", None)
    return found


def _of_constant(name: str, value: ast.expr) -> dict[str, str]:
    if name in _LISTS:
        return {_LISTS[name]: _listed(value)}
    if name not in _ENTRIES or not isinstance(value, ast.Dict):
        return {}
    show: Callable[[Any], str] = {
        "PARAMS": _declared,
        "ARGUMENTS": _declared,
        "GROUPS": _settings,
        "MAX_NORM": lambda bound: f"{bound[0]} along axes {bound[1]}",
    }.get(name, repr)
    table = ast.literal_eval(value)
    found = {_ENTRIES[name].format(key): show(spec) for key, spec in table.items()}
    kind = _ENTRIES[name].replace(" {}", "s")
    if name in ("PARAMS", "ARGUMENTS"):
        found[f"{ORDER}{kind}"] = ", ".join(table)
    return found


def _listed(value: ast.expr) -> str:
    names = ast.literal_eval(value)
    return ", ".join(names) if isinstance(names, tuple) else str(names)


def _declared(spec: Any) -> str:
    kind, shape, low, high = spec
    bounds = "" if low is None else f" from {low}"
    if high is not None:
        bounds += f" below {high}"
    return f"{kind}[{', '.join(map(str, shape))}]{bounds}"


def _settings(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in values.items())


def _of_draws(name: str, function: ast.FunctionDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for stmt in function.body:
        match stmt:
            case ast.Return(value=ast.Dict(keys=keys, values=values)):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant):
                        leaf = _DRAWS[name].format(key.value)
                        found[leaf] = ast.unparse(_drawn(value))
    return found


def _drawn(value: ast.expr) -> ast.expr:
    """Return what is drawn, without the dtype that every parameter is given."""
    match value:
        case ast.Call(args=[drawn, ast.Name(id="dtype")]):
            return drawn
    return value


# --- blocks ---------------------------------------------------------------------------


def blocks_of(text: str) -> dict[str, str]:
    """Return the blocks of a module by name: its docstring, imports, definitions.

    A block is its lines, comments included, without headings; hashes are left out.
    """
    rows = text.splitlines()
    found: dict[str, str] = {}
    for stmt in parsed(text):
        name = _name(stmt)
        if name in _HASHES:
            continue
        lines = rows[_first(stmt) - 1 : stmt.end_lineno]
        kept = "\n".join(row for row in lines if not is_heading(row))
        found[name] = f"{found[name]}\n{kept}" if name in found else kept
    return found


def _first(stmt: ast.stmt) -> int:
    decorators = getattr(stmt, "decorator_list", ())
    return min([stmt.lineno, *(d.lineno for d in decorators)])


def _name(stmt: ast.stmt) -> str:
    match stmt:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.Import() | ast.ImportFrom():
            return "its imports"
        case ast.Expr(value=ast.Constant()):
            return "its docstring"
    return "its other statements"


def heads_of(text: str, shown: Callable[[str], bool]) -> Iterator[tuple[str, str, str]]:
    """Return name, signature and docstring of each function that is shown."""
    for stmt in parsed(text):
        if isinstance(stmt, ast.FunctionDef) and shown(stmt.name):
            said = ast.get_docstring(stmt) or ""
            yield stmt.name, ast.unparse(stmt.args), said
