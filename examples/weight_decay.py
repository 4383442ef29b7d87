"""L2 is weight decay, and where it is not: `python examples/weight_decay.py`.

A penalty λ/2·‖W‖² adds λW to the gradient, so that a step of gradient descent is W −
lr·(g + λW) = (1 − lr·λ)·W − lr·g: every weight decays by a constant factor. With Adam
the two differ, because λW is divided by √v̂ like the rest of the gradient: what has
small gradients decays fast and what has large ones hardly. AdamW decays apart from the
gradient (Loshchilov & Hutter, ICLR 2019, section 2 and algorithm 2). Here both updates
are read from the generated text, shown equal by SymPy, and run. Look at the picture:
the norms, and a weight of a pixel that is always 0, whose loss has no gradient.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import sympy as sp
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

LAMBDA, RATE = 0.05, 0.1
STEPS = 50 if small() else 300

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)
W = sd.param("W", (64, 10), init=sd.init.normal(0.3))
z = x @ W
loss = sd.nn.softmax_cross_entropy(z, y)


class Decayed(sd.optim.Optimizer):
    """Gradient descent with decoupled decay: W ← (1 − lr·λ)·W − lr·g."""

    def __init__(self, lr: float, weight_decay: float) -> None:
        super().__init__(lr=lr, weight_decay=weight_decay)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Any:
        """Return the decayed weight minus a step, and no slots."""
        kept = (1 - hyper["lr"] * hyper["weight_decay"]) * p
        return kept - hyper["lr"] * g, {}


def compiled(name: str, optimizer: sd.optim.Optimizer, penalty: float = 0.0) -> Any:
    """Return softmax regression with an optimiser, and with λ/2·‖W‖² in its loss."""
    total = loss + penalty / 2 * sd.nn.l2(W) if penalty else loss
    return sd.compile(sd.Model(name, [x], [y], z, total, optimizer=optimizer))


MODELS = {
    "SGD + L2": compiled("sgd_l2", sd.optim.SGD(RATE), LAMBDA),
    "SGD(weight_decay)": compiled("sgd", sd.optim.SGD(RATE, weight_decay=LAMBDA)),
    "decoupled": compiled("decayed", Decayed(RATE, LAMBDA)),
    "Adam + L2": compiled("adam_l2", sd.optim.Adam(0.01), LAMBDA),
    "AdamW": compiled("adamw", sd.optim.AdamW(0.01, weight_decay=LAMBDA)),
}


def statements(text: str, function: str, start: str) -> list[str]:
    """Return a generated function's statements from the first that starts with
    `start`.
    """
    body = text[text.index(f"def {function}(") :].split("\n\n\n")[0]
    lines = [line.split("  #")[0].strip() for line in body.splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    return [line for line in lines[first:] if line and not line.startswith("#")]


def update(name: str) -> list[str]:
    """Return the lines of a model's update, with g as the loss's own gradient."""
    lines = statements(MODELS[name]["train"], "apply_update", "for name in")
    fetched = re.compile(r"(for|\w+ = state\.)")
    return [line for line in lines if not fetched.match(line)]


def as_formula(lines: list[str], given: dict[str, Any]) -> Any:
    """Run the lines of an update on SymPy's symbols; return the new p."""
    names = ("p", "g", "m", "v", "lr", "weight_decay", "beta1", "beta2", "eps", "t")
    values = {name: sp.Symbol(name, positive=True) for name in names} | given
    for line in lines:
        target, formula = line.replace("[...]", "").split(" = ")
        formula = formula.replace("np.", "")
        values[target] = eval(formula, {"sqrt": sp.sqrt}, values)
    return values["p"]


def line_by_line() -> None:
    """The generated updates, and their difference as a formula."""
    gradient = statements(MODELS["SGD + L2"]["backward"], "backward", "d_W = ")[0]
    plain = statements(MODELS["decoupled"]["backward"], "backward", "d_W = ")[0]
    print("the gradient of loss + λ/2 ‖W‖²    ", gradient)
    print("the gradient of the loss alone     ", plain, end="\n\n")
    check("L2 adds λ W to the gradient", True,
          gradient == f"{plain} + d_loss * {LAMBDA} * W")  # fmt: skip
    print("the updates, as they were generated")
    for name in MODELS:
        for i, line in enumerate(update(name)):
            print(f"    {name if i == 0 else '':20}{line}")
    print()

    p, g, decay = sp.symbols("p g weight_decay", positive=True)
    l2 = as_formula(update("SGD + L2"), {"g": g + decay * p})
    for name in ("SGD(weight_decay)", "decoupled"):
        difference = sp.expand(as_formula(update(name), {}) - l2)
        check(f"SGD + L2 minus {name}, by SymPy", 0, int(difference == 0) - 1)

    first = {"m": sp.Integer(0), "v": sp.Integer(0), "t": sp.Integer(1)}
    first["eps"] = sp.Integer(0)
    l2 = sp.expand(as_formula(update("Adam + L2"), {"g": g + decay * p, **first}))
    apart = sp.expand(as_formula(update("AdamW"), first))
    print(f"Adam's first step, with ε = 0:  L2  p ← {l2}    AdamW  p ← {apart}\n")
    check("with L2 it does not depend on λ at all", False, l2.has(decay))
    check("with AdamW it does", True, apart.has(decay))


def run(name: str, data: dict[str, np.ndarray]) -> np.ndarray:
    """Return W after each of STEPS steps on all data, [STEPS + 1, 64, 10]."""
    package = MODELS[name].load()
    state = package.init_state(package.init_params(seed=0, dtype=np.float64))
    found = [state.params["W"].copy()]
    for _ in range(STEPS):
        package.train_step(state, **data)
        found.append(state.params["W"].copy())
    return np.array(found)


def trajectories() -> None:
    """SGD's three declarations walk one path; Adam's two do not."""
    part = digits()["train"]
    data = {"x": part["x"][:500].astype(float), "y": part["y"][:500]}
    dead = int(np.flatnonzero(data["x"].sum(axis=0) == 0)[0])
    print(f"pixel {dead} is 0 in all images: the loss has no gradient in its weights\n")
    paths = {name: run(name, data) for name in MODELS}

    first = paths["SGD + L2"]
    for name in ("SGD(weight_decay)", "decoupled"):
        apart = float(np.abs(paths[name] - first).max())
        told = f"{name}: largest difference to L2 in {STEPS} steps"
        at_most(told, 1e-12, apart, when_small=1e-12)
    gap = np.abs(paths["AdamW"] - paths["Adam + L2"])[-1].max()
    at_least("Adam: difference of L2 and AdamW by then", 0.05, float(gap),
             when_small=0.05)  # fmt: skip

    start = first[0, dead]
    factor = (1 - RATE * LAMBDA) ** STEPS
    check("SGD: dead weights decay by (1 − lr λ)ⁿ", start * factor, first[-1, dead])
    factor = (1 - 0.01 * LAMBDA) ** STEPS
    check("AdamW: the same with its lr", start * factor, paths["AdamW"][-1, dead])
    step = np.sign(start) * 0.01
    check("Adam + L2: by lr a step, whatever λ and the weight", start - step,
          paths["Adam + L2"][1, dead], 1e-6)  # fmt: skip

    picture = Picture("weight_decay", "L2 is weight decay for SGD, not for Adam", 2)
    panels = [
        picture.panel("norm of all weights", x="step", y="norm of W"),
        picture.panel(f"a weight of pixel {dead}", x="step", y="weight"),
    ]
    unit = int(np.abs(start).argmax())
    for name, path in paths.items():
        dashed = name in ("SGD(weight_decay)", "decoupled")
        panels[0].line(np.arange(STEPS + 1), np.sqrt((path**2).sum(axis=(1, 2))), name,
                       dashed=dashed)  # fmt: skip
        panels[1].line(np.arange(STEPS + 1), path[:, dead, unit], name, dashed=dashed)
    picture.save()


if __name__ == "__main__":
    line_by_line()
    trajectories()
    finish()
