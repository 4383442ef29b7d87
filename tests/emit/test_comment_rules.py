"""What a line of a gradient differentiates, in its comment: one formula over names."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from generated import differentiated
from lecturer.rows import ROWS

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.emit.listing import Line
from symdiff.emit.lower.source import Resolver
from symdiff.emit.python import code as py
from symdiff.ops.core.record import OPS

ROW_NAMES = [r.by_hand.stem for r in ROWS]
EXAMPLES = Path(__file__).parents[2] / "examples"
LECTURES = ("lstm", "lstm_scan", "kalman", "crf", "gmm", "attention")
SPECS = ("digits_mlp", "vae", "linear_regression", "gpt")
MAKES = ("zeros", "empty", "full")  # arrays that later lines fill


@functools.cache
def compiled(name: str) -> list[Compilation]:
    if name in SPECS:
        return list(differentiated(EXAMPLES / f"{name}.py", 1))
    (row,) = (r for r in ROWS if r.by_hand.stem == name)
    return [sd.compile(row.model(), optimize=1)]


def lines(made: Compilation) -> list[Line]:
    return list(made.listed("backward").functions["backward"].lines)


def code_of(line: Line, made: Compilation) -> str:
    rows = made.listed("backward").rows[line.first - 1 : line.last]
    return " ".join(row.partition("  # ")[0].strip() for row in rows)


def is_cotangent(line: Line) -> bool:
    """Whether a line computes the whole of a ``d_NAME``."""
    match line.stmt:
        case py.Assign(targets=(py.Name(name),), value=value):
            makes = isinstance(value, py.Call) and any(
                m in py.expr_text(value.func) for m in MAKES
            )
            plain = isinstance(value, py.Name | py.Tuple_)
            return name.startswith("d_") and bool(line.tensors) and not makes | plain
    return False


@pytest.mark.parametrize("name", [*LECTURES, *SPECS])
def test_every_cotangent_has_a_comment(name: str) -> None:
    for made in compiled(name):
        told = [x for x in lines(made) if is_cotangent(x)]
        assert told
        assert [code_of(x, made) for x in told if not x.stmt.comment] == []


@pytest.mark.parametrize("name", [*LECTURES, *SPECS])
def test_formulas_stand_apart_only_where_a_line_adds(name: str) -> None:
    for made in compiled(name):
        apart = [code_of(x, made) for x in lines(made) if "; " in x.rule]
        assert [
            s for s in apart if not re.search(r" [-+]=? |concatenate|array\(", s)
        ] == []


@pytest.mark.parametrize("name", [*LECTURES, *SPECS])
def test_formulas_have_names_of_the_file(name: str) -> None:
    """``d_NAME`` makes a NAME known, too."""
    words = {"of", "was", "broadcast", "p", "d_p", "d", "sum", "onehot", "z", "y"}
    words |= {"by", "each", "axis", "summed", "over", "and", "a", "terms"}
    for made in compiled(name):
        text = made["backward"]
        code = "\n".join(re.sub(r"(^\s*|  )# .*", "", row) for row in text.split("\n"))
        code = code.replace('"""', "'''").split("'''", 2)[-1]  # without the front
        known = {*re.findall(r"[A-Za-z_]\w*", code), *OPS, "np"}
        known |= {n[2:] for n in known if n.startswith("d_")}
        known |= {n.removesuffix("_steps") for n in known}
        for line in lines(made):
            formula = line.rule.partition(": ")[0]
            formula = re.sub(r"\bsqrt\(\d+\)", "", formula)  # of a head's length
            free = re.sub(r"[\w.]+\(|\.\w+|\b\w+=", " ", formula.replace("...", ""))
            found = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", free)) - words
            assert found - known == set(), line.rule


def rules(*outputs: sd.Tensor, wrt: list[sd.Tensor]) -> dict[str, str]:
    made = sd.compile(sd.Function("f", wrt, list(outputs)), optimize=1)
    return {t: x.rule for x in lines(made) for t in x.targets if x.rule}


ABOVE = re.compile(r"^ *# \w*\[[^]]*\]$", re.M)  # a shape alone on a row of its own


@pytest.mark.parametrize("name", [*LECTURES, *SPECS])
def test_no_shape_has_a_row_of_its_own(name: str) -> None:
    for made in compiled(name):
        assert ABOVE.findall(made["backward"]) == []


@pytest.mark.parametrize("name", [*LECTURES, *SPECS])
def test_the_factors_of_a_product_have_comments_of_their_own(name: str) -> None:
    for made in compiled(name):
        told: dict[tuple[int, str], set[str]] = {}
        for x in lines(made):
            if " @ " in x.rule and ";" not in x.rule:
                told.setdefault((x.depth, x.rule), set()).update(x.targets)
        assert [r for r, targets in told.items() if len(targets) > 1] == []


def test_what_is_taken_is_told_with_its_minus() -> None:
    (made,) = compiled("kalman")
    told = {t: x.rule for x in lines(made) for t in x.targets if "C @ m" in x.rule}
    assert told == {
        "d_m": "m + K @ e; y[t] - C @ m, each by m",
        "d_C": "y[t] - C @ m, by C",
    }
    x, w = sd.input("x", (sd.dim("N"), 3)), sd.param("w", (3,))
    y = sd.input("y", (sd.dim("N"),))
    e = y - sd.sin(x @ w)
    model = sd.Model("m", [x], [y], x @ w, sd.sum(e * e * e))
    found = [line for line in lines(sd.compile(model)) if "sin(" in line.rule]
    assert [line.rule for line in found] == ["y - np.sin(x @ w)"]


def test_a_split_is_told_with_its_parts() -> None:
    z = sd.input("z", (2, 9))
    a, b, c = sd.split(z, 3, axis=1)
    told = rules(sd.sum(sd.tanh(a) * sd.sin(b) * sd.exp(c)), wrt=[z])
    assert told["d_z"] == "a, b, c = np.split(z, 3, axis=1)"


def test_a_layout_line_has_its_formula() -> None:
    x = sd.input("x", (sd.dim("N"), 6))
    y = sd.tanh(sd.exp(x).reshape(-1, 2, 3).swapaxes(1, 2))
    told = rules(sd.sum(y * y), wrt=[x])
    assert all(told.values()), told


def test_a_share_that_is_handed_on_has_its_sum() -> None:
    """A residual connection: the cotangent of the sum is a term of another."""
    x, w = sd.input("x", (3, 4)), sd.param("w", (4, 4))
    h = sd.tanh(x @ w)
    first = h - sd.mean(h, axis=1, keepdims=True)
    out = h + sd.sin(first * first)
    model = sd.Model("m", inputs=[x], outputs={"o": out}, loss=sd.sum(out**3))
    made = sd.compile(model, optimize=1)
    told = [x.rule for x in lines(made) if x.targets == ("d_h",)]
    assert any("h + " in rule for rule in told), told


def test_a_term_that_takes_no_gradient_is_named() -> None:
    (made,) = compiled("attention")
    note = "# a sum hands d_out to each term as it is; h takes no gradient\n"
    heading = "# out = h + multi_head_attention(seen, 4, causal=True)"
    assert re.search(rf"{re.escape(heading)}.*\n +{note}", made["backward"])


def test_a_chain_is_one_formula() -> None:
    x, w = sd.input("x", (3,)), sd.input("w", (3,))
    told = rules(sd.sum(sd.sin(sd.exp(x) * w)), wrt=[x, w])
    assert "; " not in told["d_x"]
    assert "np.exp(x) * w" in told["d_x"]


def test_a_sum_that_hands_a_cotangent_on_is_named() -> None:
    x = sd.input("x", (3, 3))
    y = sd.tanh(x)
    z = y - y @ sd.sin(x)
    assert rules(sd.sum(z * z * z), wrt=[x])["d_y"] == "y - y @ sin_x, by y"


def test_a_mean_tells_its_count_where_it_was_joined_to_another_number() -> None:
    x = sd.input("x", (sd.dim("N"), 2))
    assert rules(sd.mean(x**2), wrt=[x])["d_x"] == "(x**2).mean(): 2 / (2 * N) is 1 / N"
    y = sd.input("y", (sd.dim("N"), 3))
    assert rules(sd.mean(y**2), wrt=[y])["d_y"] == "(y**2).mean()"


def test_a_mask_is_part_of_the_formula() -> None:
    x, w = sd.input("x", (3,)), sd.param("w", (3,))
    z = x * w
    y = sd.where(x > 0, z / 4.0, -1.0)
    model = sd.Model("m", inputs=[x], outputs={"y": y}, loss=sd.sum(sd.tanh(y)))
    told = {t: line.rule for line in lines(sd.compile(model)) for t in line.targets}
    assert "np.where(" in " ".join(told.values())


def test_of_a_long_sum_each_statement_names_its_own_terms() -> None:
    (made,) = compiled("attention")
    told = [x.rule for x in lines(made) if x.targets == ("d_seen",)]
    assert told == [f"seen @ attention_{n}_W, by seen" for n in "qkv"]


@pytest.mark.parametrize("name", [*ROW_NAMES, *SPECS])
def test_the_loss_has_a_heading(name: str) -> None:
    for made in compiled(name):
        program = made.stages["prune"]
        if not program.is_model:
            continue
        _, backward = made["backward"].split("\ndef backward(")
        ((_, loss), *_) = program.results
        statement = Resolver().statement(loss)
        assert statement is not None
        assert f":{statement.line}]" in backward.split("\ndef ")[0]


@pytest.mark.parametrize("name", [*ROW_NAMES, *SPECS])
def test_the_docstring_explains_what_occurs(name: str) -> None:
    for made in compiled(name):
        text = made["backward"]
        front = " ".join(text.split('"""', 2)[1].split())
        told = [x.rule for x in lines(made)]
        assert ("semicolons" in front) is any("; " in r for r in told)
        assert ('"by"' in front) is any("by " in r for r in told)
