"""Facts about ops stand in their records, are true, and stand nowhere else."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_checks import forward_nodes, problem
from samples import SAMPLES

from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node
from symdiff.graph.types import TensorType
from symdiff.ops.core.record import OPS
from symdiff.ops.core.text import is_statements, op_text
from symdiff.ops.core.tuples import ITEM

ROOT = Path(__file__).parents[2] / "symdiff"
UNBOUND = "_dim_|_help_"  # names that a text alone does not bind
NUMBERS = (-2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.5)

# --- stages name no ops ---------------------------------------------------------------

# Modules in which words that are names of ops too mean something else.
OTHER_WORDS = {
    "__init__.py": "public functions, so that `import symdiff` is quick",
    "cli/building.py": "the modes of a setting, min and max",
    "declare/leaves.py": "the kinds of leaves",
    "declare/nn/activations.py": "public functions",
    "declare/nn/functional.py": "public functions",
    "declare/settings.py": "the modes of a setting, min and max",
    "declare/toml/build.py": "fields of a spec",
    "declare/toml/fields.py": "the modes of a setting, min and max",
    "declare/toml/functions.py": "what strangers can call is written out",
    "declare/toml/schema.py": "words of JSON Schema",
    "emit/lower/formulas.py": "methods of arrays before which a sign may stand",
    "emit/targets/numpy.py": "functions of NumPy that warn of a place by its position",
    "explain/breaking.py": "commands of TeX",
    "explain/deriving.py": "what a leaf is to its model",
    "explain/explorer/numbers.py": "statistics of an array",
    "explain/mathml.py": "commands of TeX",
    "explain/vertices.py": "what a leaf is to its model",
    "grading/expressions.py": "functions in the code of students",
    "grading/mistakes.py": "functions in the code of students",
    "grading/relations.py": "functions in the code of students",
    "grading/words.py": "kinds of mistakes",
    "training/culprits.py": "what Python's operators are called",
}


def _stages() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("ops/"):
            yield name, ast.parse(path.read_text("utf-8"))


def _words(node: ast.AST) -> list[str]:
    """Return the strings of a collection, or the words of a string of several."""
    match node:
        case ast.Set(elts=items) | ast.List(elts=items) | ast.Tuple(elts=items):
            return [w for i in items for w in _words(i)] + _plain(items)
        case ast.Dict(keys=keys, values=values):
            first, second = _plain([k for k in keys if k]), _plain(values)
            return max(first, second, key=lambda ws: sum(w in OPS for w in ws))
        case ast.MatchOr(patterns=patterns):
            return _plain([p.value for p in patterns if isinstance(p, ast.MatchValue)])
        case ast.Constant(value=str() as text) if len(text.split()) > 1:
            words = text.split()
            known = sum(w in OPS for w in words)
            return words if known * 2 >= len(words) else []
    return []


def _plain(items: Any) -> list[str]:
    items = [i.value if isinstance(i, ast.Starred) else i for i in items]
    return [
        i.value
        for i in items
        if isinstance(i, ast.Constant) and isinstance(i.value, str)
    ]


def test_no_stage_keeps_a_list_of_names_of_ops() -> None:
    found = {
        name: (node.lineno, names)
        for name, tree in _stages()
        for node in ast.walk(tree)
        if len(names := [w for w in _words(node) if w in OPS]) > 1
    }
    listed = {name: where for name, where in found.items() if name not in OTHER_WORDS}
    assert not listed, "make these a fact of the ops' records (ops/core/facts.py)"
    assert not set(OTHER_WORDS) - set(found), "these need no exception any more"


def _is_name_of_op(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="name", value=ast.Attribute(attr="op")):
            return True
        case ast.Attribute(attr="name", value=ast.Name(id="op")):
            return True
    return False


def test_no_stage_compares_names_of_ops() -> None:
    """Facts are asked of the record; one op is compared as an object, `op is ITEM`."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _stages()
        for node in ast.walk(tree)
        if any(map(_is_name_of_op, _asked(node)))
    ]
    assert not found


def _asked(node: ast.AST) -> list[ast.AST]:
    """Return what a node compares, or gives another name to compare it by."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.Match(subject=value) | ast.Assign(value=value):
            return [value]
    return []


# --- facts are true -------------------------------------------------------------------


@cache
def _nodes() -> list[tuple[Node, Any, list[Any]]]:
    """Return all nodes of the samples with their values and those of their operands."""
    found = []
    for sample in SAMPLES:
        p = problem(sample)
        nodes = [n for n in forward_nodes(p) if isinstance(n.type, TensorType)]
        with np.errstate(all="ignore"):
            values = evaluate(nodes, p.feed)
        for node in nodes:
            if node.inputs and all(i in values for i in node.inputs):
                operands = [values[i] for i in node.inputs]
                found.append((node, values[node], operands))
    return found


def test_what_moves_elements_has_no_others() -> None:
    seen = set()
    for node, value, (x, *_) in _nodes():
        if node.op.moves:
            assert np.isin(value, x).all() or not np.isfinite(value).all()
            seen.add(node.op.name)
        if node.op.shows_all:
            shown = np.isin(x, value) | (np.isnan(x) & np.isnan(value).any())
            assert shown.all() or not np.size(value)
    assert seen == {name for name, op in OPS.items() if op.moves}


def test_signs() -> None:
    for node, value, operands in _nodes():
        rule = node.op.facts.sign
        if rule is None or not np.size(value):
            continue
        lows = [np.min(x) if np.size(x) else -1 for x in operands]
        signs = [2 if low > 0 else 1 if low >= 0 else 0 for low in lows]
        low = np.nanmin(value)
        told = rule(node, signs)
        assert not told or low >= 0 or math.isnan(low), node
        if told == 2:
            assert low > 0, node


@pytest.mark.parametrize("op", [o for o in OPS.values() if o.facts.scalar])
def test_a_text_on_floats_gives_the_values_of_the_op(op: Any) -> None:
    code = compile(op.facts.scalar, "scalar", "eval")
    count = 3 if "_2" in op.facts.scalar else 2 if "_1" in op.facts.scalar else 1
    for point in np.array(np.meshgrid(*[NUMBERS] * count)).reshape(count, -1).T:
        names = {f"_{i}": float(v) for i, v in enumerate(point)}
        with np.errstate(all="ignore"):
            expected = op.evaluate(*point)
        try:
            found = eval(code, {"_math": math, **names})
        except (ArithmeticError, ValueError):
            assert not np.isfinite(expected)  # where math raises, NumPy's text runs
            continue
        np.testing.assert_array_almost_equal_nulp(found, expected, 2)


@pytest.mark.parametrize("op", [o for o in OPS.values() if o.facts.python])
def test_python_numbers_and_units(op: Any) -> None:
    count = len(op.expression.free_symbols)
    for point in np.array(np.meshgrid(*[NUMBERS] * count)).reshape(count, -1).T:
        with np.errstate(all="ignore"):
            expected = op.evaluate(*point)
        if np.isfinite(expected):
            assert op.facts.python(*map(float, point)) == expected
    for unit in op.facts.units:
        for x in NUMBERS:
            operands = [x, x]
            operands[unit] = 1.0
            assert op.evaluate(*operands) == x


def test_views_are_read_only_as_their_records_say() -> None:
    seen = set()
    for node, _, operands in _nodes():
        if not node.op.view or re.search(UNBOUND, op_text(node)):
            continue
        x = np.array(operands[0])
        names = {f"_{i}": o for i, o in enumerate([x, *operands[1:]])}
        found = eval(op_text(node), {"np": np, **names})
        if isinstance(found, np.ndarray) and np.shares_memory(found, x):
            assert found.flags.writeable != node.op.facts.read_only, node
            seen.add(node.op.name)
    assert seen >= {"broadcast_to", "diagonal", "windows", "slice", "transpose"}


def test_only_views_share_memory_and_what_its_record_says_lends() -> None:
    """Else a result that is handed out could be the caller's own array."""
    lent = set()
    for node, _, operands in _nodes():
        text = "" if node.op.text is None else op_text(node)
        viewed = not text or node.op.view or node.op.facts.repeats or node.op is ITEM
        if viewed or re.search(UNBOUND, text):
            continue
        arrays = [np.array(o) for o in operands]
        space: dict[str, Any] = {"np": np, "_float": "float64"}
        space |= {f"_{i}": a for i, a in enumerate(arrays)}
        with np.errstate(all="ignore"):
            if is_statements(text):
                exec(text, space)
            else:
                space["_out"] = eval(text, space)
        found = space["_out"]
        array = isinstance(found, np.ndarray) and found.ndim > 0
        if array and any(np.shares_memory(found, a) for a in arrays):
            assert node.op.facts.lends(node), (node, text)
            lent.add(node.op.name)
    assert lent >= {"max_pool", "window_sum"}


def test_parts_and_axes_are_where_the_records_say() -> None:
    """A part placed into zeros is found again at the index that the record tells."""
    seen = set()
    for node, _, (x, *_) in _nodes():
        index_in = node.op.facts.index
        for axis in range(np.ndim(x)) if index_in is not None else ():
            index = tuple(slice(1 if i == axis else None) for i in range(x.ndim))
            found = index_in(node, index)
            if found is None:
                continue
            part = np.zeros_like(x)
            part[index] = 1
            whole = node.op.evaluate(part, **node.attrs)
            inside = np.zeros(whole.shape, bool)
            inside[found] = True
            assert (whole[~inside] == 0).all(), node
            assert (whole[inside] != 0).all() or not x.size, node
            seen.add(node.op.name)
    assert seen == {name for name, op in OPS.items() if op.facts.index}
