"""The rule that a derivative's line names is one that the line applies.

Programs of named values, one operation each, so that the cotangents in a line tell
between which values it goes. A rule may be named there only if its operation lies
on a way from the value that is differentiated by to one whose cotangent is read, or to
the result. Equal plain numbers in two rules are one node; that must credit neither
with the other's line.
"""

import re

import pytest

import symdiff as sd
from symdiff.emit.lower import rules

UNARY = {
    "relu": "sd.relu({0})", "tanh": "sd.tanh({0})", "square": "{0} ** 2",
    "cube": "{0} ** 3", "scale": "{0} * 2.0", "shift": "{0} + 1.0",
    "inverse": "1 / {0}",
    "sigmoid": "sd.sigmoid({0})", "root": "sd.sqrt({0})", "abs": "sd.abs({0})",
    "relu6": "sd.nn.relu6({0})", "clip": "sd.clip({0}, 0.0, 1.0)", "exp": "sd.exp({0})",
    "sum": "sd.sum({0}, axis=-1, keepdims=True)",
    "norm": "sd.linalg.norm({0}, axis=-1, keepdims=True)",
    "peak": "sd.max({0}, axis=-1, keepdims=True)", "softmax": "sd.nn.softmax({0})",
    "part": "{0}[..., :1]", "leaky": "sd.nn.leaky_relu({0}, 0.5)",
}  # fmt: skip
BINARY = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}",
    "divide": "{0} / {1}", "maximum": "sd.maximum({0}, {1})",
    "minimum": "sd.minimum({0}, {1})", "where": "sd.where({0} > 1.0, {1}, 0.0)",
    "hypot": "sd.hypot({0}, {1})", "power": "sd.abs({0}) ** {1}",
}  # fmt: skip


def between(values, start, ends):
    """Return the nodes on the ways from one value to others, without its own."""
    below = {values[start].node}
    order = sd_order(values)
    for node in order:
        if below.intersection(node.inputs):
            below.add(node)
    above = {values[end].node for end in ends}
    for node in order:  # a sum hands its cotangent on as it is
        if node.op.name in ("add", "subtract") and above.intersection(node.inputs):
            above.add(node)
    for node in reversed(order):
        if node in above:
            above.update(node.inputs)
    return (below & above) - {values[start].node}


def sd_order(values):
    found = {}
    for tensor in values.values():
        waiting = [tensor.node]
        while waiting:
            node = waiting[-1]
            left = [i for i in node.inputs if i not in found]
            if node in found or not left:
                found[waiting.pop()] = None
            else:
                waiting += left
    return list(found)


def wrong_credits(text, tmp_path, monkeypatch):
    """Return the lines of the generated gradient that name a rule they do not apply."""
    values = {n: sd.input(n, (3,)) for n in ("x", "y")}
    file = tmp_path / "program.py"  # names are read from the user's lines
    file.write_text(text)
    exec(compile(text, str(file), "exec"), {"sd": sd}, values)
    last = list(values)[-1]
    credited = []

    class Numbered:
        """Formulas that are numbers of the values whose rules they name."""

        def __init__(self, tensor, within, read, context):
            self.within = within

        def alone(self, primal):
            credited.append(primal.node)
            return f"@{len(credited) - 1}"

        def composed(self, primal):
            parts, waiting = set(), [primal]
            while waiting:
                waiting += self.within.get(waiting.pop(), ())
                parts |= {*waiting}
            return " ".join(map(self.alone, (primal, *parts))), parts

        def nearest(self, primal):
            return ()

        def operand(self, tensor):
            return ""

        def name(self, tensor):
            return ""

    monkeypatch.setattr(rules, "Formulas", Numbered)
    made = sd.Function("f", [values["x"], values["y"]], values[last])
    backward = sd.compile(made)["backward"]
    body = backward[backward.index("def backward(") :].split("\ndef ")[0]
    wrong = []
    for line in re.findall(r"(?m)^    (d_\w+ = .*)$", body):
        target, rest = line.split(" = ", 1)
        code, _, comment = rest.partition("#")
        read = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", code)) - {"np", "axis", "True"}
        ends = [n[2:] for n in read if n.startswith("d_")]
        if not ends or {target[2:], *(n.removeprefix("d_") for n in read)} - {*values}:
            continue  # it goes by values that have no name here
        way = between(values, target[2:], ends)
        named = [credited[int(n)] for n in re.findall(r"@(\d+)", comment)]
        wrong += [f"{line}\n  {node.op.name}" for node in named if node not in way]
    return wrong


# One operation below another, or beside it, that shares its plain numbers.
BELOW = "h = {unary}\nd = h * 2.0\nq = {binary}\nr = q * h"
BESIDE = (
    "h = {unary}\nq = {binary}\nk = sd.sum(h * q) + sd.sum(h**2)\nr = k + sd.sum(q)"
)


@pytest.mark.parametrize("binary", BINARY)
@pytest.mark.parametrize("unary", UNARY)
def test_a_line_names_the_rules_it_applies(unary, binary, tmp_path, monkeypatch):
    for form, second in ((BELOW, "d"), (BESIDE, "x")):
        filled = UNARY[unary].format("x"), BINARY[binary].format("y", second)
        text = form.format(unary=filled[0], binary=filled[1])
        assert not wrong_credits(text, tmp_path, monkeypatch), text


def test_a_rule_is_not_named_for_a_number_it_shares():
    """`x**2` has a 1 in its slope, and so has tanh."""
    x, W = sd.input("x", (3,)), sd.input("W", (3, 3))
    y = sd.sum(sd.tanh(x @ W)) + sd.sum(x**2)
    text = sd.compile(sd.Function("f", [x, W], y))["backward"]
    (line,) = re.findall(r"d_xW = .*# (.*)", text)
    assert "tanh" in line
    assert "x**2" not in line


def test_a_rule_is_not_named_for_a_residual_it_shares():
    """The transpose of x is one node in the slopes by all three."""
    x = sd.input("x", ("N", 6, 8))
    Wq, Wk, Wv = (sd.param(n, (8, 8)) for n in ("Wq", "Wk", "Wv"))
    p = sd.nn.softmax((x @ Wq) @ sd.swapaxes(x @ Wk, -1, -2))
    model = sd.Model("m", [x], [], p @ (x @ Wv), sd.mean((p @ (x @ Wv)) ** 2))
    text = sd.compile(model)["backward"].partition("def backward")[2]
    for name in ("Wq", "Wk", "Wv"):
        comments_of = re.search(rf"(?m)^(    # .*\n)?    d_{name} = .*", text)[0]
        for other in {"Wq", "Wk", "Wv"} - {name}:
            assert f"x @ {other}" not in comments_of
