"""By what a line differentiates: said where its formula would fit another line too."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import loop_models
import pytest
from generated import differentiated
from lecturer.rows import ROWS

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.declare.spec import load_spec
from symdiff.emit.listing import Line

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = ("linear_regression", "gpt", "lstm_series", "adbench_gmm", "glm", "maxout")
LOOPS = ("lstm", "kalman", "crf")
SAID = re.compile(r", (?:each )?by [\w.\[\]]+|, [\w.]+ was broadcast|, summed over .*")


@functools.cache
def compiled(name: str) -> list[Compilation]:
    kind, _, stem = name.partition(" ")
    if kind == "example":
        return list(differentiated(EXAMPLES / f"{stem}.py", 1))
    if kind == "loop":
        return [sd.compile(getattr(loop_models, stem)(), optimize=1)]
    (row,) = (r for r in ROWS if r.by_hand.stem == stem)
    return [sd.compile(row.model(), optimize=1)]


NAMES = [
    *(f"row {r.by_hand.stem}" for r in ROWS),
    *(f"example {s}" for s in SPECS),
    *(f"loop {s}" for s in LOOPS),
]


def ruled(name: str) -> Iterator[tuple[str, Line]]:
    """Yield the lines of backward that have rules, each with its function."""
    for number, made in enumerate(compiled(name)):
        for function, listed in made.listed("backward").functions.items():
            yield from ((f"{function} {number}", x) for x in listed.lines if x.rule)


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_is_named_and_not_counted(name: str) -> None:
    assert [x.rule for _, x in ruled(name) if re.search(r"by the \w+$", x.rule)] == []


@pytest.mark.parametrize("name", NAMES)
def test_lines_of_one_product_say_by_which_factor(name: str) -> None:
    lines: dict[tuple[str, str], list[Line]] = {}
    for function, x in ruled(name):
        for use in SAID.sub("", x.rule).split("; "):
            if re.search(r" [@*] ", use.partition(": ")[0]):
                lines.setdefault((function, use), []).append(x)
    for (_, use), found in lines.items():
        named = {t for x in found for t in x.targets if t.startswith("d_")}
        if len(named) > 1:
            silent = [x.rule for x in found if not SAID.search(x.rule)]
            assert silent == [], use


def rules(*outputs: sd.Tensor, wrt: list[sd.Tensor]) -> dict[str, str]:
    made = sd.compile(sd.Function("f", wrt, list(outputs)), optimize=1)
    listed = made.listed("backward").functions["backward"].lines
    return {t: x.rule for x in listed for t in x.targets if x.rule}


def test_of_several_uses_the_one_value_is_named_once() -> None:
    P, K, C = (sd.input(n, (3, 3)) for n in "PKC")
    told = rules(sd.sum(sd.sin(P - K @ P) * sd.sin(C @ P)), wrt=[P, K, C])
    assert told["d_K"] == "P - K @ P, by K"
    assert told["d_C"] == "C @ P, by C"
    assert told["d_P"].endswith(", each by P")
    assert {*told["d_P"].removesuffix(", each by P").split("; ")} == {
        "P - K @ P",
        "C @ P",
    }


def test_a_product_that_is_differentiated_by_one_factor_needs_no_word() -> None:
    x, w = sd.input("x", (sd.dim("N"), 3)), sd.param("w", (3,))
    model = sd.Model("m", [x], [], x @ w, loss=sd.sum(sd.sin(x @ w)))
    listed = sd.compile(model).listed("backward").functions["backward"].lines
    (said,) = (line.rule for line in listed if line.targets == ("d_w",))
    assert "by" not in said.split()


def test_what_was_broadcast_is_told_where_the_formula_is_cut() -> None:
    """A name that is too long for two factors, and for further words, is told."""
    scale = sd.param("scale_of_normalized_rows", (3,))
    rows = sd.input("rows_of_the_whole_batch", (sd.dim("N"), 3))
    told = rules(sd.sum(sd.exp(scale * rows)), wrt=[scale, rows])
    assert any("scale_of_normalized_rows was broadcast" in r for r in told.values())


def test_a_loop_and_the_lines_after_it_differentiate_one_product() -> None:
    """What a loop adds up is a product of stacks, after the loop."""
    told = {t: x.rule for _, x in ruled("row lstm") for t in x.targets}
    assert told["d_h"] == "h_prev @ lstm_U, by h_prev"
    assert told["d_lstm_U"].startswith("h_prev @ lstm_U, by lstm_U")


def test_a_product_over_several_axes_says_which_it_sums_over() -> None:
    """The places of the axes, as `tensordot` has them, tell nobody what they are."""
    for name in ("row lstm", "row attention", "example lstm_series"):
        for made in compiled(name):
            listed = made.listed("backward")
            for x in (x for f in listed.functions.values() for x in f.lines if x.rule):
                code = " ".join(listed.rows[x.first - 1 : x.last])
                said = re.search(
                    r", (summed over \w+ and \w+|a sum of [\w *]+ terms)", x.rule
                )
                assert (said is not None) == ("tensordot" in code), x.rule


def test_comments_of_blocks_have_the_names_and_the_room_of_their_function() -> None:
    text = sd.compile(load_spec(EXAMPLES / "gpt.py").model)["backward"]
    block = text.split("def block_backward(")[1].split("\ndef ")[0]
    told = re.findall(r"# (.*)", block)
    assert [said for said in told if "block0_" in said] == []
    for name in ("attention_q", "attention_k", "attention_v"):
        summed = "summed over N and T"
        assert f"[64, 64]   seen @ {name}_W, by {name}_W, {summed}" in told
    assert "[N, T, 64]   seen @ attention_q_W, by seen" in told
