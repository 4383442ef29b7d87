"""Golden modules: what the compiler prints for two specs, letter by letter.

A failure shows the unified diff. Where the new text is right, ``pytest --update-golden
tests/emit/test_golden.py`` writes it. Versions in the headers are left out.
"""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path
from typing import Any

import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation

GOLDEN = Path(__file__).parents[1] / "golden"
MODULES = {
    "digits_mlp": ["forward", "backward", "train", "_state", "_files", "_fit"],
    "pendulum": ["forward", "backward", "__main__"],
}


def compiled(name: str) -> Compilation:
    """Compile a spec of tests/golden, executed from its file."""
    path = GOLDEN / f"{name}.py"
    scope: dict[str, Any] = {"__name__": name}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    return sd.compile(scope.get("model") or scope["function"])


def printed(found: Compilation, module: str) -> str:
    """Return a module's text without what changes from release to release."""
    return re.sub(r"symdiff \S+ \(SymPy [^)]*\)", "symdiff", found[module], count=1)


@pytest.mark.parametrize("name", list(MODULES))
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    found = compiled(name)
    update = request.config.getoption("--update-golden")
    differences = []
    for module in MODULES[name]:
        path = GOLDEN / name / f"{module}.txt"
        text = printed(found, module)
        if update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            continue
        known = path.read_text() if path.exists() else ""
        shown = difflib.unified_diff(
            known.splitlines(True), text.splitlines(True), str(path), "compiled now"
        )
        differences.append("".join(shown))
    assert not any(differences), (
        "".join(differences)
        + "\nIf the new text is right: pytest --update-golden tests/emit/test_golden.py"
    )


# --- the sample of the design, statement by statement --------------------------------

SAMPLE = """
hidden_W, out_W = params["hidden.W"], params["out.W"]
x, h, p, y = residuals
N, _ = x.shape
d_z = p.copy()
d_z[np.arange(N), y] -= 1
d_z *= d_loss / N
d_out_W = h.T @ d_z + d_loss * 2e-4 * out_W
d_out_b = d_z.sum(axis=0)
d_h = d_z @ out_W.T
"""
FIRST_LAYER = """
d_hidden_z = np.where(h > 0, d_h, 0)
d_hidden_W = x.T @ d_hidden_z + d_loss * 2e-4 * hidden_W
d_hidden_b = d_hidden_z.sum(axis=0)
return {
    "hidden.W": d_hidden_W, "hidden.b": d_hidden_b, "out.W": d_out_W, "out.b": d_out_b
}
"""


def test_backward_is_the_sample_of_the_design() -> None:
    (function,) = [
        node
        for node in ast.parse(compiled("digits_mlp")["backward"]).body
        if isinstance(node, ast.FunctionDef) and node.name == "backward"
    ]
    assert ast.unparse(function.args) == "params, residuals, d_loss=1.0"
    doc, convert, *statements = map(ast.unparse, function.body)
    assert "d(loss)/d(parameter)" in doc
    assert convert == "d_loss = _scalar('d_loss', d_loss)"
    wanted = [ast.unparse(s) for s in ast.parse(SAMPLE + FIRST_LAYER).body]
    assert statements == wanted


def test_headings_quote_the_spec() -> None:
    text = compiled("digits_mlp")["backward"]
    text = text[text.index("def backward") :]
    quoted = [line.strip() for line in text.splitlines() if "[digits_mlp.py:" in line]
    assert [line.split("     ") for line in quoted] == [
        ["# loss = softmax_cross_entropy(z, y) + 1e-4 * l2(weights)", place(9)],
        ['# z = dense(h, 10, name="out")', place(7)],
        ['# h = dense(x, 128, activation="relu", name="hidden")', place(6)],
    ]


def place(line: int) -> str:
    return f"[digits_mlp.py:{line}]"
