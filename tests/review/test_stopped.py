"""What `stop_gradient` hides is held fixed while slopes are measured, or it is said why
it cannot be: a right gradient is never called wrong, and a wrong one is never right.

The forms are combined with what a model can be made of: inside other stopped values, in
several results, behind random draws, in what differs between training and inference,
in outputs and metrics alone, in loops and branches.
"""

from pathlib import Path

import pytest
from cli_runs import printed as run
from review_commands import alone, edit, spec

FUNCTION = """\
import symdiff as sd
N = sd.dim("N")
x, w = sd.input("x", (N, 3)), sd.input("w", (3,))
{body}
model = sd.Function("stopped", [x, w], [{results}])
"""
MODEL = """\
import symdiff as sd
x, y = sd.input("x", (sd.dim("N"), 3)), sd.input("y", (sd.dim("N"), 2))
W = sd.param("W", (3, 2))
{body}
model = sd.Model("stopped", inputs=[x], targets=[y], outputs=z, loss=loss,
                 metrics={{"m": m}}, optimizer=sd.optim.SGD(0.1))
"""
BODIES = {
    "a factor": ("r = x * sd.stop_gradient(x * w)", "r"),
    "all of it": ("r = x * sd.stop_gradient(x)", "sd.sum(r)"),
    "straight through": ("r = x + sd.stop_gradient(sd.round(x * w) - x)", "r * w"),
    "straight through a sign": (
        "s = sd.tanh(x)\nr = s + sd.stop_gradient(sd.sign(s) - s)",
        "sd.sum(r * x, axis=1)",
    ),
    "in one another": (
        "a = sd.stop_gradient(x * sd.stop_gradient(x))\n",
        "a * x + sd.stop_gradient(a * w) * w",
    ),
    "twice the same": ("a = sd.stop_gradient(x**2)\nr = (a * x, a * w)", "*r"),
    "a maximum": ("m = sd.stop_gradient(sd.max(x, axis=1, keepdims=True))", "x * m, m"),
    "softmax by hand": (
        "e = sd.exp(x - sd.stop_gradient(sd.max(x, axis=1, keepdims=True)))",
        "e / sd.sum(e, axis=1, keepdims=True) * w",
    ),
    "a logsumexp by hand": (
        "m = sd.stop_gradient(sd.max(x, axis=1))",
        "sd.log(sd.sum(sd.exp(x - m[:, None]), axis=1)) + m",
    ),
    "other shapes": (
        "r = sd.stop_gradient(sd.concatenate([x, x * w]))[:2] * x[:2]",
        "r, sd.sum(sd.stop_gradient(sd.reshape(x, (-1,)))) * w",
    ),
    "before a loop": (
        "a = sd.stop_gradient(x * w)",
        "sd.scan(lambda c, r: (c + r * w, None), w, a)[0]",
    ),
    "names that are taken": (
        "x = held_0 = sd.input('held_0', (3,))\nhidden = sd.stop_gradient(x * w)",
        "held_0 * hidden * w",
    ),
    "an op without a derivative": (
        (
            "f = sd.primitive('doubled', evaluate=lambda a: 2 * a, text='2 * _0',\n"
            "                 differentiable=False)\nr = x * f(x * w)"
        ),
        "r",
    ),
    "a slope that is turned": ("y = x * w", "sd.stop_gradient(y - (-y)) + (-y)"),
    "of a constant": ("r = x * sd.stop_gradient(sd.constant([1.0, 2.0, 3.0]))", "r"),
}
MODELS = {
    "a loss": (
        "z = x @ W\nloss = sd.mean((z - sd.stop_gradient(z * y)) ** 2)\nm = loss"
    ),
    "a target": (
        "z = sd.tanh(x @ W)\nloss = sd.mean((z - sd.stop_gradient(z[::-1]) - y) ** 2)\n"
        "m = sd.mean(z)"
    ),
    "a metric alone": (
        "z = x @ W\nloss = sd.mean((z - y) ** 2)\nm = sd.mean(z * sd.stop_gradient(z))"
    ),
    "an output alone": (
        "z = x @ W\nloss = sd.mean((z - y) ** 2)\nz = z * sd.stop_gradient(z)\nm = loss"
    ),
    "random draws": (
        "h = sd.nn.dropout(x @ W, 0.5)\n"
        "z, loss = h, sd.mean((h - sd.stop_gradient(h * h) - y) ** 2)\nm = loss"
    ),
    "a mode": (
        "h = x @ W\nz = sd.by_mode(train=h * sd.stop_gradient(h), infer=h)\n"
        "loss = sd.mean((z - y) ** 2)\nm = loss"
    ),
    "normalised": (
        "z = sd.nn.batch_norm(x @ W)\n"
        "loss = sd.mean((z - y) ** 2 * sd.stop_gradient(z))\nm = loss"
    ),
    "a large constant": (
        "import numpy as np\nz = x @ W\nk = np.linspace(0, 1, 200).reshape(100, 2)\n"
        "c = sd.sum(sd.constant(k), axis=0)\n"
        "loss = sd.mean((z - y) ** 2 * sd.stop_gradient(z * c + k[3])) + sd.sum(c)\n"
        "m = loss"
    ),
}
INSIDE = {
    "a loop": (
        "c, _ = sd.scan(lambda c, r: (c + r * sd.stop_gradient(c), None), w, x)",
        "c",
    ),
    "a loop without end": (
        "f = lambda c: c + 1.0 + 0.1 * sd.stop_gradient(c * c)",
        "sd.while_loop(lambda c: sd.sum(c) < 9.0, f, w)",
    ),
    "a branch": (
        "c = sd.cond(sd.sum(x) > 0, lambda: x * sd.stop_gradient(x), lambda: x)",
        "c",
    ),
}
TEXTS = {
    **{k: FUNCTION.format(body=b, results=r) for k, (b, r) in BODIES.items()},
    **{k: MODEL.format(body=b) for k, b in MODELS.items()},
}


@pytest.fixture
def made():
    """A function that compiles a spec and gives its package."""

    def compiled(text, *options):
        run("compile", spec(text), *options)
        (package,) = Path("build").iterdir()
        return package

    return compiled


@pytest.mark.parametrize("level", ["0", "2"])
@pytest.mark.parametrize("name", TEXTS)
def test_right_gradients_agree_with_slopes(made, name, level):
    package = made(TEXTS[name], "-O", level)
    assert "gradients agree" in run("verify", package)
    header = (package / "backward.py").read_text("utf-8")
    plain = name in ("of a constant", "a metric alone", "an output alone")
    assert (", stopped values held fixed)" in header) == (not plain)
    assert (package / "_held.py").exists() == (not plain)
    code, said = alone(package)
    assert code == 0, said
    assert all(len(line) <= 88 for line in header.splitlines())


@pytest.mark.parametrize("name", INSIDE)
def test_what_cannot_be_held_fixed_is_said(made, name):
    body, results = INSIDE[name]
    package = made(FUNCTION.format(body=body, results=results))
    said = run("verify", package, code=2)
    assert "stop_gradient in a loop or branch cannot be held fixed" in said
    code, words = alone(package)
    assert code == 2
    assert "stop_gradient in a loop or branch cannot be held fixed" in words


def test_a_single_module_is_said_to_be_not_checkable(made):
    module = made(TEXTS["a factor"], "--single-file")
    said = run("verify", module, code=2)
    assert "stop_gradient" in said
    assert "compile a package" in said


WRONG = {
    "the gradient": ("backward.py", "d_r * ", "1.001 * d_r * "),
    "the slope that is hidden": ("backward.py", "d_r * ", "2 * d_r * "),
    "the value": ("_held.py", "* held_0", "* (held_0 + 1)"),
    "what is hidden": ("_hidden.py", "= x * w", "= x + w"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_ones_are_still_found(made, what):
    package = made(TEXTS["a factor"])
    file, old, new = WRONG[what]
    edit(package / file, old, new)
    assert "DISAGREE" in run("verify", package, code=1)
    code, said = alone(package)
    assert code == 1, said


def test_a_gradient_that_is_no_number_is_wrong(made):
    text = FUNCTION.format(body="s = sd.input('s', ())\nr = s * w", results="r")
    package = made(text.replace("[x, w]", "[s, w]"))
    backward = package / "backward.py"
    text = backward.read_text("utf-8")
    text = text.replace("return Gradients(", "d_s = np.nan\n    return Gradients(")
    backward.write_text(text, "utf-8")
    assert alone(package)[0] == 1
    run("verify", package, code=1)


def test_nothing_more_is_generated_where_nothing_is_hidden(made):
    package = made(MODEL.format(body=MODELS["a metric alone"]))
    assert not (package / "_held.py").exists()
    assert "_held" not in (package / "__main__.py").read_text("utf-8")
