"""The gradient of attention reads as a lecture has it: names, headings, and heads."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import symdiff as sd
from symdiff.declare.spec import load_spec

SPEC = Path(__file__).parents[1] / "lecturer" / "specs" / "attention.py"


@cache
def attention() -> str:
    files = sd.compile(load_spec(SPEC).model, base=str(SPEC.parent)).files
    (text,) = (t for name, t in files.items() if name.endswith("backward.py"))
    return text


def under(text: str, heading: str) -> str:
    """Return the lines of backward below a heading."""
    body = text[text.index("def backward(") :]
    return body.split(f"# {heading}", 1)[1].split("\n\n", 1)[0]


def model(out: sd.Tensor, x: sd.Tensor) -> str:
    y = sd.input("y", out.shape)
    made = sd.compile(sd.Model("m", [x], [y], out, sd.nn.mse(out, y)), single_file=True)
    (text,) = made.files.values()
    return text


def test_a_sum_of_cotangents_stands_under_the_statement_that_reads_its_value():
    lines = under(attention(), "out = h + multi_head_attention(seen")
    assert "d_seen += " in lines
    assert under(attention(), "seen = layer_norm").count(" = ") == 2  # gamma and beta


def test_a_sum_over_several_statements_stands_under_the_first_of_them():
    """The share of the statement that reads the value first is the last to be known."""
    x = sd.input("x", (sd.dim("N"), 3))
    h = sd.tanh(sd.nn.dense(x, 3, name="first"))
    u = sd.sin(h)
    out = u * h
    text = model(out, x)
    assert "    d_h = " in under(text, "u = sin(h)")
    assert "    d_h = " not in under(text, "h = tanh(dense(x, 3")


def test_heads_are_split_once_and_their_gradients_are_of_what_exists():
    text = attention()
    body = text[text.index("def backward(") : text.index("def value_and_grad")]
    for name in "qkv":
        assert f"    attention_{name}_heads: np.ndarray  # [N, 4, T, 4]" in text
        assert f"    d_attention_{name}_heads = " in body
    assert ".transpose(" not in text
    assert ".swapaxes(-" not in text
    of = set(re.findall(r"^    d_(\w+) = ", body, re.M))
    known = {n.replace(".", "_") for n in re.findall(r'"(.*?)": \("', text)}
    known |= set(re.findall(r"^    (\w+) = ", text, re.M))
    assert of - known == {"attention_dots", "loss"} - known


def test_heads_come_in_one_order():
    body = attention()[attention().index("def backward(") :]
    for form in ("", "_W", "_b"):
        found = re.findall(rf"^    d_attention_([qkv]){form} = ", body, re.M)
        assert found == ["q", "k", "v"], form
    # both sides of `shares @ v` first, then both of `q @ k.T`
    found = re.findall(r"^    d_attention_([qkv])_heads = ", body, re.M)
    assert found == ["v", "q", "k"]


def test_a_layer_without_activation_is_named_after_itself():
    x = sd.input("x", (sd.dim("N"), 3))
    text = model(sd.tanh(sd.nn.dense(x, 4, name="first")), x)
    assert "d_first = " in text
    assert "first_z" not in text
    h = sd.tanh(sd.nn.dense(x, 4, name="h"))  # the user's name comes first
    text = model(h * 2.0, x)
    assert "d_h_z = " in text
    assert "h_2" not in text


def test_what_is_visible_is_a_triangle():
    assert "np.where(np.tri(T, dtype=bool), attention_dots / 2, -np.inf)" in attention()


def test_a_check_of_a_length_names_what_the_user_wrote():
    assert '"softmax needs at least one element, but T is 0"' in attention()
    assert "a maximum" not in attention()


def test_comments_repeat_no_sign_and_read_no_name_that_is_none():
    body = attention()[attention().index("def backward(") :]
    assert "matmul" not in body
    rule = "softmax: (diag(p) - p p.T) d_p along axis 3, p = attention_shares"
    assert "d_p" not in body.replace(rule, "")
    assert body.count("_b was broadcast\n") == 4


@pytest.mark.parametrize("width", ["float32", "float64"])
def test_a_reduction_is_returned_as_it_is_and_other_scalars_in_their_dtype(width):
    x = sd.input("x", (3,))
    results = {r.__name__: r(x * 2.0) for r in (sd.sum, sd.mean, sd.max, sd.min)}
    made = sd.compile(sd.Function("f", [x], {**results, "half": sd.sum(x) / 2.0}))
    assert made["forward"].count("x.dtype.type(") == 1
    for value in made.load().forward(np.arange(3, dtype=width)):
        assert type(value) is np.dtype(width).type


@pytest.mark.parametrize(
    ("activation", "slope"),
    [("gelu", "(step + rise * (1 - step))"), ("silu", "(h * (1 - s) + s)")],
)
def test_a_soft_step_has_a_slope_of_one_formula(activation, slope):
    x = sd.input("x", (sd.dim("N"), 3))
    h = sd.nn.dense(x, 4, activation, name="up")
    text = model(sd.nn.dense(h, 4, name="out"), x)
    (line,) = re.findall(r"    d_up_z = (.*?)  #", text)
    said = re.sub(r"\bsigmoid_up_z\b", "s", line).replace("up_rise", "rise")
    assert said == f"d_h * {slope}"


def test_a_composite_of_a_composite_is_known_by_the_one_that_was_written():
    x = sd.input("x", (sd.dim("N"), 3))
    h = sd.nn.silu(sd.nn.dense(x, 3))
    assert "# [N, 3]   silu" in model(sd.nn.silu(h), x)


def test_cotangents_are_of_values_that_the_forward_pass_shows():
    """Of a `d_NAME` in backward there is a NAME that is set, or a parameter's."""
    text = attention()
    primal, backward = text.split("def backward(")
    set_there = set(re.findall(r"^    (\w+) = ", primal, re.M))
    params = {p.replace(".", "_") for p in re.findall(r'params\["([\w.]+)"\]', text)}
    derived = set(re.findall(r"^    d_(\w+) = ", backward, re.M))
    known = set_there | params | {"loss", "norm_beta", "norm_gamma"}
    unknown = {d for d in derived if d not in known and not re.search(r"_[Wb]$", d)}
    assert unknown == set()
