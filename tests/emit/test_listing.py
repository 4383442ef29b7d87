"""The listing of a module is true of its text: rows, names, comments and headings.

Modules are parsed here to be compared with what their listings say.
"""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import loop_programs
import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.emit.listing import Line, Listing, listing_of
from symdiff.emit.lower.marks import Computes
from symdiff.emit.python import code as py
from symdiff.graph.errors import SymdiffError

SPECS = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
SPECS = [p for p in SPECS if "model" in (t := p.read_text()) or "Function(" in t]
HEADING = re.compile(r"#\s(?:(.*\S)\s+)?\[([^\[\]]+:\d+)\]$")
PARTS = ("init_params", "apply_update", "_hyper")  # other rows are a template's
SHAPE = re.compile(r"#\s((?:\w+)?\[[^\[\]]*\])(?:\s{3}(.*))?$")


def declared_in(path: Path) -> list[sd.Model | sd.Function]:
    """Return the models and functions that an example declares at its top."""
    scope = runpy.run_path(str(path), run_name=path.stem)
    found = {id(v): v for v in scope.values() if isinstance(v, sd.Model | sd.Function)}
    return list(found.values())


def loops() -> list[sd.Function]:
    """Return functions whose bodies nest loops and branches, with their gradients."""
    found = []
    for i, program in enumerate(loop_programs.PROGRAMS):
        leaves = [sd.input(f"a{j}", shape) for j, shape in enumerate(program.shapes)]
        try:
            result = program.run(sd, *leaves)
        except Exception:  # a program of another calling convention
            continue
        if isinstance(result, sd.Tensor):
            found.append(sd.Function(f"f{i}", leaves, [result]))
    return found


def check(found: Compilation) -> int:
    """Hold every listing of a compilation to the text; return the number of lines."""
    count = 0
    for path, listing in found.listing.items():
        assert listing.text == found.files[path]
        if listing.functions:
            count += check_listing(listing)
    return count


def check_listing(listing: Listing) -> int:
    tree = ast.parse(listing.text)
    functions = {s.name: s for s in tree.body if isinstance(s, ast.FunctionDef)}
    assert [*functions] == [*listing.functions]
    check_records(tree, listing)
    lines = 0
    for name, region in listing.functions.items():
        function = functions[name]
        assert (region.first, region.last) == (function.lineno, function.end_lineno)
        by_rows = {(s.lineno, s.end_lineno): s for s in statements(function)}
        seen = []
        for line in region.lines:
            assert line.function == name
            check_line(listing, line, by_rows)
            seen.append((line.first, line.last))
        if region.lines and name not in ("_scalars", *PARTS):
            doc = (function.body[0].lineno, function.body[0].end_lineno)
            whole = (function.lineno, function.end_lineno)
            assert sorted([*seen, doc, whole]) == sorted(by_rows)
        lines += len(region.lines)
    return lines


def check_records(tree: ast.Module, listing: Listing) -> None:
    """Hold the fields of NamedTuples, and the parameters of functions, to the text."""
    for stmt in tree.body:
        match stmt:
            case ast.ClassDef(name=name, body=body) if name in listing.records:
                fields = [s.target for s in body if isinstance(s, ast.AnnAssign)]
                found = [(f.lineno, f.col_offset, f.id) for f in fields]
                assert [*listing.records[name]] == found
            case ast.FunctionDef(name=name, args=args):
                parameters = listing.functions[name].parameters
                given = [*args.args, *args.kwonlyargs]
                rows = [row.encode() for row in listing.rows]
                found = [
                    (a.lineno, len(rows[a.lineno - 1][: a.col_offset].decode()), a.arg)
                    for a in given
                ]
                assert not parameters or [*parameters] == found


def statements(function: ast.FunctionDef) -> list[ast.stmt]:
    return [s for s in ast.walk(function) if isinstance(s, ast.stmt)][1:] + [function]


def check_line(listing: Listing, line: Line, by_rows: dict) -> None:
    stmt = by_rows[line.first, line.last]
    text = "\n".join(listing.source(line))
    parsed = ast.parse(re.sub(r"^elif", "if", text))
    assert [ast.dump(s) for s in parsed.body] == [ast.dump(stmt)]
    assert set(line.targets) == set_by(stmt), text
    assert sorted(listing.names(line)) == sorted(names_in(stmt, listing)), text
    if not line.is_compound:
        keys = [
            ast.literal_eval(p.text) for p, is_key in listing.strings(line) if is_key
        ]
        dicts = [n for n in ast.walk(stmt) if isinstance(n, ast.Dict)]
        wanted = [k.value for d in dicts for k in d.keys if isinstance(k, ast.Constant)]
        assert keys == wanted, text
    said = told(listing, line)
    mark = line.stmt.mark
    if getattr(line.stmt, "comment", "") and isinstance(mark, Computes):
        assert said == (line.shape, line.rule), text
    elif not line.is_compound:
        assert said == ("", "")
    if line.shape:
        assert line.tensors
    heading, place = quoted(listing, line)
    assert line.place == place
    assert line.heading.endswith(heading)
    assert line.depth or line.heading == heading


def told(listing: Listing, line: Line) -> tuple[str, str]:
    """Return the shape and rule that the comment of a line tells."""
    rows = listing.rows[line.first - 1 : line.last]
    above = listing.rows[line.above - 1 : line.first - 1]
    said = [f"# {' '.join(row.strip()[2:] for row in above)}"] if above else []
    kinds = py.AugAssign | py.ExprStmt
    if isinstance(line.stmt, kinds) and line.stmt.comment and not line.shape:
        beside = rows[0].partition("  # ")[2]  # what a term is the rule of
        return "", beside or said[0].removeprefix("# ")
    for row in said if said else [rows[0]]:
        if found := SHAPE.search(row):
            return found[1], found[2] or ""
    return "", ""


def quoted(listing: Listing, line: Line) -> tuple[str, str]:
    """Return the last row of the heading that a line stands under, and its place.

    What is further in than the line, or than what it stands in, is another's.
    """
    own = listing.rows[line.first - 1]
    indent = len(own) - len(own.lstrip())
    first = listing.functions[line.function].first
    for row in reversed(listing.rows[first : line.above - 1]):
        bare = row.strip()
        here = len(row) - len(row.lstrip())
        if bare.startswith("#") and here <= indent:
            if found := HEADING.fullmatch(bare):
                return found[1] or "", found[2]
        elif bare:
            indent = min(indent, here)
    return "", ""


def set_by(stmt: ast.stmt) -> set[str]:
    """Return the names that a statement sets, wholly or in part."""
    parts: list[ast.AST] = []
    match stmt:
        case ast.Assign(targets=targets):
            parts = [*targets]
        case ast.AugAssign(target=target) | ast.For(target=target):
            parts = [target]
        case ast.Expr(value=ast.Call() as call):
            parts = [k.value for k in call.keywords if k.arg == "out"]
            function = ast.unparse(call.func)
            last = function.rpartition(".")[2]
            if last in ("append", "fill"):
                parts = [call.func]
            elif not parts and last in ("at", "copyto"):
                parts = call.args[:1]
            elif not parts:  # np.add(a, b, out), a.dot(b, out)
                parts = call.args[-1:]
    found: set[str] = set()
    while parts:
        match parts.pop():
            case ast.Name(id=name):
                found.add(name)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                parts += elements
            case ast.Subscript(value=value) | ast.Starred(value=value):
                parts.append(value)
            case ast.Attribute(value=value):
                parts.append(value)
            case ast.Call(args=args):
                parts += [a for a in args if isinstance(a, ast.Name)]
    return found


def names_in(stmt: ast.stmt, listing: Listing) -> list[tuple[int, int, str]]:
    """Return the names of a statement, of a compound one those of its head."""
    heads: list[ast.AST] = [stmt]
    match stmt:
        case ast.For(target=target, iter=source):
            heads = [target, source]
        case ast.While(test=test) | ast.If(test=test):
            heads = [test]
        case ast.FunctionDef() | ast.Try():
            heads = []
    parts = [n for h in heads for n in ast.walk(h)]
    texts = [n for n in parts if isinstance(n, ast.JoinedStr)]
    inside = {id(n) for text in texts for n in ast.walk(text)}
    found = [n for n in parts if isinstance(n, ast.Name) and id(n) not in inside]
    places = [(n.lineno, n.col_offset, n.id) for n in found]
    rows = [row.encode() for row in listing.rows]
    return [(r, len(rows[r - 1][:c].decode()), n) for r, c, n in places]


@pytest.mark.parametrize("single", [False, True], ids=["package", "single"])
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_listing_of_an_example_is_true(
    path: Path, level: int, single: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(path.parent))
    for declared in declared_in(path):
        found = sd.compile(declared, optimize=level, single_file=single)
        assert check(found) > 0


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("function", loops(), ids=lambda f: f.name)
def test_the_listing_of_loops_is_true(function: sd.Function, level: int):
    check(sd.compile(function, optimize=level))


def test_names_stand_for_the_values_of_their_function():
    x = sd.input("x", (sd.dim("N"), 3))
    w = sd.param("w", (3,))
    z = sd.tanh(x @ w)
    model = sd.Model("m", inputs=[x], outputs={"z": z}, loss=sd.mean(z**2))
    region = sd.compile(model).listed("backward").functions["backward"]
    (d_w,) = (line for line in region.lines if line.targets == ("d_w",))
    assert [t.node for t in d_w.tensors] == [region.nodes["d_w"]]
    assert d_w.shape == "[3]"
    assert d_w.rule == "np.tanh(x @ w)"
    assert d_w.heading == "z = tanh(x @ w)"
    assert region.nodes["x"] is x.node
    assert not any(line.tensors for line in region.lines if "x" in line.targets)


def test_the_innermost_line_of_a_row():
    x = sd.input("x", (4,))
    total, _ = sd.scan(lambda c, row: (c + sd.sin(row), None), sd.sum(x) * 0.0, x)
    listing = sd.compile(sd.Function("f", [x], [total])).listed("forward")
    loop = next(line for line in listing.lines if line.is_compound)
    assert listing.at(loop.first) is loop
    inner = listing.at(loop.last)
    assert inner is not None
    assert (inner.looped, inner.depth) == (True, 1)
    assert listing.at(1) is None


def test_a_body_that_is_not_where_it_was_printed_is_an_error():
    x = sd.input("x", (4,))
    found = sd.compile(sd.Function("f", [x], [sd.sin(x)]))
    listed = found._listed["f/forward.py"]
    moved = found["forward"].replace("np.sin(x)", "np.cos(x)")
    with pytest.raises(SymdiffError, match="forward is not in its module as it was"):
        listing_of(moved, listed)
    with pytest.raises(SymdiffError, match="nothing that is called"):
        listing_of("import numpy as np\n", listed)


def test_marks_do_not_count_where_statements_are_compared():
    x = sd.input("x", (4,))
    plain = py.Assign((py.Name("a"),), py.Name("b"))
    marked = py.Assign((py.Name("a"),), py.Name("b"), mark=Computes((x,)))
    assert plain == marked
    assert hash(plain) == hash(marked)
    assert repr(plain) == repr(marked)


def test_a_listing_prints_itself():
    x = sd.input("x", (4,))
    total, _ = sd.scan(lambda c, row: (c + sd.sin(row), None), sd.sum(x) * 0.0, x)
    region = sd.compile(sd.Function("f", [x], [total])).listed("forward").functions
    head, *rows = str(region["forward"]).splitlines()
    assert re.fullmatch(r"forward: rows \d+ to \d+", head)
    assert [row.split()[1] for row in rows][-1] == "return"
    assert [len(r) - len(r.lstrip()) for r in rows].count(4) == 1  # in the loop
    shapes = [row.split()[2] for row in rows if "[]" in row]
    assert shapes == ["[]"] * len(shapes)


def test_the_equations_of_an_optimiser_are_listed_between_rows_of_a_template():
    x = sd.input("x", (sd.dim("N"), 3))
    loss = sd.mean((x @ sd.param("w", (3,))) ** 2)
    rate = sd.optim.schedules.cosine(0.1, 10)
    model = sd.Model(
        "m", inputs=[x], outputs=x, loss=loss, optimizer=sd.optim.Adam(rate)
    )
    functions = sd.compile(model).listed("train").functions
    update = functions["apply_update"]
    ends = [line.targets for line in update.lines][-3:]
    assert {("m",), ("v",)} <= {line.targets for line in update.lines}
    assert ends[-1] == ("p",)
    assert [p.text for p in update.parameters] == ["state"]
    assert update.last - update.first > len(update.lines)
    assert any(line.tensors for line in update.lines)
    assert functions["_hyper"].lines
    assert not functions["init_state"].lines
