"""Lines of code, expressions of the spec and the graph's nodes are linked."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from explain.explorer_specs import explorer_of
from sample_checks import as_list, problem
from samples import SAMPLES

import symdiff as sd
from symdiff.explain.explorer.exploration import explored
from symdiff.explain.explorer.linked import OF_VALUES, Linked
from symdiff.explain.explorer.page import Explorer


def items(explorer: Explorer, module: str, line: str) -> set[str]:
    """The items of the line of a module that begins so, by name."""
    text, links = explorer.modules[module]
    names = [n["n"] for n in explorer.data["nodes"]]
    for number, row in enumerate(text.splitlines(), 1):
        # the formulas that open backward.py begin with the same names
        if row.strip().startswith(line) and (found := links.lines.get(number, ())):
            return {f"{x[0]}:{names[int(x[1:])]}" if x != "u" else x for x in found}
    raise AssertionError(f"{module} has no line {line!r}")


@pytest.mark.parametrize(
    ("module", "line", "expected"),
    [
        (
            "forward.py",
            "h = np",  # with the parameters that are looked up in it
            "v:h v:hidden_z v:hidden_xW v:hidden_W v:hidden_b",
        ),
        ("forward.py", "z = h @", "v:z v:out_hW v:out_W v:out_b"),
        ("backward.py", "d_hidden_z =", "g:hidden_z g:hidden_xW r:h"),
        ("backward.py", "d_h =", "g:h r:out_hW"),
        ("backward.py", "d_out_b =", "g:out_b r:z"),
        ("backward.py", "d_z *=", "g:z g:out_hW r:softmax_cross_entropy"),
        (
            "backward.py",
            "sum_hidden_W_squared =",
            "v:sum_hidden_W_squared v:hidden_W_squared",
        ),
        ("train.py", "m[...] =", "u"),
    ],
)
def test_a_line_is_linked_to_what_it_computes(
    digits: Explorer, module: str, line: str, expected: str
) -> None:
    found = items(digits, module, line)
    own = {x for x in found if x == x.lower() or x[0].islower()}
    assert own == set(expected.split())


def test_a_gradient_is_linked_to_the_rules_on_its_way(digits: Explorer) -> None:
    found = items(digits, "backward.py", "d_hidden_W =")
    assert {"g:hidden_W", "r:hidden_xW", "r:hidden_W_squared"} <= found
    assert "r:out_W_squared" not in found


def test_every_value_and_every_gradient_has_a_line(digits: Explorer) -> None:
    lines = [{x.lower() for x in f} for f in _all_lines(digits)]
    known = set().union(*lines)
    for i, node in enumerate(digits.data["nodes"]):
        if not node.get("role"):
            assert f"v{i}" in known, node["n"]
        if "ct" in node and not node.get("seed"):
            assert f"g{i}" in known, node["n"]


def _all_lines(explorer: Explorer) -> list[tuple[str, ...]]:
    links: list[Linked] = [links for _, links in explorer.modules.values()]
    return [found for x in links for found in x.lines.values()]


def test_an_expression_of_the_spec_is_linked_to_what_it_declared(
    digits: Explorer,
) -> None:
    """Of `loss = a(z) + 1e-4 * b(weights)` each part is linked by itself."""
    source = digits.sources.files[0].text.splitlines()
    names = [n["n"] for n in digits.data["nodes"]]
    found = {
        source[s.start[0] - 1][s.start[1] : s.end[1]]: {names[i] for i in s.entries}
        for s in digits.sources.spans
        if s.start[0] == s.end[0]
    }
    assert found["sd.nn.l2(weights)"] == {
        *("hidden_W_squared", "sum_hidden_W_squared", "out_W_squared"),
        *("sum_out_W_squared", "total"),
    }
    assert found["sd.nn.softmax_cross_entropy(z, y)"] == {"softmax_cross_entropy"}
    assert found["1e-4 * sd.nn.l2(weights)"] == {"scaled_total"}


def test_code_that_is_called_is_linked_to_the_call(tmp_path: Path) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(
        "import symdiff as sd\n"
        "def double(x):\n"
        "    return 2 * x\n"
        'x = sd.input("x", 3)\n'
        "y = double(x)\n"
        'model = sd.Function("twice", [x], y)\n'
    )
    page = explorer_of(spec)
    calls = [s for s in page.sources.spans if s.calls]
    assert [(s.start, s.end) for s in calls] == [((5, 4), (5, 13))]


SEQUENCE = """
import symdiff as sd

N = sd.dim("N")
words = sd.input("words", (N, 4), dtype="int64", high=10)
label = sd.input("label", (N,), dtype="int64", high=2)
e = sd.nn.embedding(words, 10, 3, name="words")
h, last = sd.nn.lstm(e, 5, name="cell")
z = sd.nn.dense(last[0], 2, name="out")
loss = sd.nn.softmax_cross_entropy(z, label)
model = sd.Model("seq", inputs=[words], targets=[label],
                 outputs={"probs": sd.nn.softmax(z)}, loss=loss)
"""
IMAGES = """
import symdiff as sd

N = sd.dim("N")
image = sd.input("image", (N, 1, 8, 8), low=0, high=1.01)
label = sd.input("label", (N,), dtype="int64", high=2)
c = sd.nn.conv2d(image, 4, 3, padding="same", activation="relu", name="first")
p = sd.nn.max_pool2d(c, 2)
z = sd.nn.dense(sd.flatten(p) if hasattr(sd, "flatten") else sd.nn.flatten(p), 2,
                name="out")
loss = sd.nn.softmax_cross_entropy(z, label)
model = sd.Model("images", inputs=[image], targets=[label], outputs={"z": z}, loss=loss)
"""


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    path = tmp_path_factory.mktemp("sequence") / "seq.py"
    path.write_text(SEQUENCE, "utf-8")
    return explorer_of(path, values="random")


@pytest.mark.parametrize(
    ("module", "line", "expected"),
    [
        ("forward.py", "for ", "v:scan"),
        ("forward.py", "z_t = ", "v:scan"),
        ("forward.py", "z = last @", "v:z v:out_last_W"),
        # of a loop that stacks what it keeps
        ("backward.py", "z_t = ", "v:scan"),
        ("backward.py", "losses = ", "v:loss"),
        # its carry begins as what flows back from the line after it
        ("backward.py", "for t in reversed", "r:scan g:last r:out_last_W"),
        # a product after the loop, of what it stacks
        ("backward.py", "d_cell_U = ", "g:cell_U v:scan"),
        ("backward.py", "d_last = d_z @", "g:last r:out_last_W"),
    ],
)
def test_the_lines_of_a_loop_are_linked_to_it(
    sequence: Explorer, module: str, line: str, expected: str
) -> None:
    found = {x for x in items(sequence, module, line) if x[0].islower()}
    assert found == set(expected.split())


def test_every_statement_is_linked(tmp_path: Path, digits: Explorer) -> None:
    """Whatever computes something in a forward or backward function."""
    (tmp_path / "images.py").write_text(IMAGES, "utf-8")
    pages = [digits, explorer_of(tmp_path / "images.py")]
    (tmp_path / "seq.py").write_text(SEQUENCE, "utf-8")
    pages.append(explorer_of(tmp_path / "seq.py"))
    for page in pages:
        for name in ("forward.py", "backward.py"):
            text, links = page.modules[name]
            unlinked = [
                text.splitlines()[line - 1]
                for line in _computing(text)
                if not links.lines.get(line)
            ]
            assert not unlinked, unlinked


@pytest.mark.slow
def test_every_op_is_linked() -> None:
    """Whatever op a statement is of, forward or backward, it is linked to it."""
    unlinked: list[str] = []
    for sample in SAMPLES:
        if not sample.differentiable or sample.fn == "by_mode":
            continue
        p = problem(sample)
        outputs = as_list(p.outputs)
        if not p.smooth_outputs or not p.variables:
            continue
        leaves = [t for t in p.leaves if isinstance(t, sd.Tensor)]
        page = explored(sd.Function("f", leaves, outputs))
        read = {n.get("own") for n in page.data["nodes"]}
        if not {str(v.name) for v in p.variables} <= read:
            continue  # a slope of zero belongs to no node
        for name in page.modules:
            text, links = page.modules[name]
            rows = text.splitlines()
            bare = [n for n in _computing(text) if not links.lines.get(n)]
            unlinked += [f"{sample.id} {name}: {rows[n - 1]}" for n in bare]
    assert not unlinked, "\n".join(unlinked)


def _computing(text: str) -> list[int]:
    """The lines of statements below the headings of functions that compute."""
    found = []
    for function in ast.parse(text).body:
        if not isinstance(function, ast.FunctionDef) or function.name not in OF_VALUES:
            continue
        rows = text.splitlines()[function.lineno - 1 : function.end_lineno]
        headed = [
            n for n, row in enumerate(rows) if re.search(r"# .* \[.*:\d+\]$", row)
        ]
        first = function.lineno + headed[0] if headed else function.end_lineno or 0
        below = [s for s in function.body if s.lineno >= first]
        found += [s.lineno for s in below if not isinstance(s, ast.Return)]
    return found


def test_strings_that_only_look_like_a_parameter_are_not_linked():
    """``b`` is a parameter, and a kind of dtypes in what checks arguments."""
    x = sd.input("x", (sd.dim("N"), 3))
    w, b = sd.param("w", (3,)), sd.param("b", ())
    model = sd.Model("m", inputs=[x], outputs={"p": x @ w + b}, loss=sd.mean(x @ w + b))
    page = sd.compile(model).explore()
    text, links = page.modules["backward.py"]
    rows = text.split("\n")
    linked = [
        rows[row - 1] for row, column in links.names if rows[row - 1][column] == '"'
    ]
    assert linked
    assert all('params["' in row or row.startswith('    return {"') for row in linked)
