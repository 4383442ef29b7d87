"""The two-layer net of CMU 10-414 in matrix form: `python examples/cmu_two_layer.py`.

Deep Learning Systems (CMU 10-414/714, lecture 3, "Manual neural networks", and homework
0, question 5) writes a batch as the rows of X, the net as ReLU(X W₁) W₂, and derives

    Z₁ = ReLU(X W₁),    S = softmax(Z₁ W₂),    I_y = one-hot rows of y,
    G₂ = S − I_y,       G₁ = 1{Z₁ > 0} ∘ (G₂ W₂ᵀ),
    ∇W₂ = Z₁ᵀ G₂ / m,   ∇W₁ = Xᵀ G₁ / m.

symdiff derives the same from the loss alone. Look at the two columns: what the lecture
writes, and the statements that were generated; the example fails if one is not there.
Trained as the homework does, it gets 96.4 to 97.6 % of held-out digits over five seeds.
"""

from __future__ import annotations

import numpy as np
from _report import at_least, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

M = sd.dim("M")  # the lecture's m, examples in the batch
X = sd.input("X", (M, 64))
y = sd.input("y", (M,), dtype="int64", high=10)
W1 = sd.param("W1", (64, 100), init=sd.init.normal(1 / np.sqrt(100)))
W2 = sd.param("W2", (100, 10), init=sd.init.normal(1 / np.sqrt(10)))
A1 = X @ W1
Z1 = sd.relu(A1)
Z2 = Z1 @ W2
loss = sd.nn.softmax_cross_entropy(Z2, y)

model = sd.Model(
    "cmu_two_layer",
    inputs=[X],
    targets=[y],
    outputs=Z2,
    loss=loss,
    metrics={"accuracy": sd.nn.accuracy(Z2, y)},
    optimizer=sd.optim.SGD(0.2),
)

# what the lecture writes: the generated statements that say it
LINES: dict[str, list[str]] = {
    "Z₁ = ReLU(X W₁)": ["A1 = X @ W1", "Z1 = np.maximum(A1, 0)"],
    "Z₂ = Z₁ W₂": ["Z2 = Z1 @ W2"],
    "S = normalize(exp(Z₂))": [
        "m = Z2.max(axis=1, keepdims=True)",
        "e = np.exp(Z2 - m)",
        "s = e.sum(axis=1, keepdims=True)",
        "p = e / s",
    ],
    "G₂ / m = (S − I_y) / m": [
        "d_Z2 = p.copy()",
        "d_Z2[np.arange(M), y] -= 1",
        "d_Z2 *= d_loss / M",
    ],
    "∇W₂ = Z₁ᵀ (G₂ / m)": ["d_W2 = Z1.T @ d_Z2"],
    "G₁ / m = 1{Z₁ > 0} ∘ (G₂ W₂ᵀ / m)": [
        "d_Z1 = d_Z2 @ W2.T",
        "d_A1 = np.where(Z1 > 0, d_Z1, 0)",
    ],
    "∇W₁ = Xᵀ (G₁ / m)": ["d_W1 = X.T @ d_A1"],
}


def lecture(
    W: dict[str, np.ndarray], pixels: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Return ∇W1 and ∇W2 as the lecture writes them."""
    m = len(labels)
    I_y = np.eye(10)[labels]
    Z_1 = np.maximum(pixels @ W["W1"], 0)
    exponentials = np.exp(Z_1 @ W["W2"])
    S = exponentials / exponentials.sum(axis=1, keepdims=True)
    G_2 = S - I_y
    G_1 = (Z_1 > 0) * (G_2 @ W["W2"].T)
    return {"W1": pixels.T @ G_1 / m, "W2": Z_1.T @ G_2 / m}


def line_for_line(text: str) -> None:
    """The lecture's lines beside the generated ones, each with its number in the
    file.
    """
    lines = [line.strip().split("  #")[0] for line in text.splitlines()]
    found = {f: [s for s in told if s in lines] for f, told in LINES.items()}
    print(f"{'the lecture':36}line  the generated backward.py")
    for formula, statements in found.items():
        for i, statement in enumerate(statements):
            number = lines.index(statement) + 1
            print(f"{formula if i == 0 else '':36}{number:4}  {statement}")
    print("(the maximum of a row is subtracted so that exp does not overflow)\n")
    for formula, told in LINES.items():
        check(f"{formula} is generated", True, found[formula] == told)

    start = text.index("def backward(")
    number = text[:start].count("\n")
    stop = lines.index('return {"W1": d_W1, "W2": d_W2}')
    steps = [s for s in lines[number:stop] if s.startswith("d_") and "_scalar" not in s]
    told = [s for group in LINES.values() for s in group if s.startswith("d_")]
    check("and backward has no other step", len(told), len(steps))


def numbers() -> None:
    """Both give the same numbers; the softmax of the lecture overflows, ours does
    not.
    """
    generated = sd.compile(model).load()
    rng = np.random.default_rng(0)
    pixels, labels = rng.random((50, 64)), rng.integers(0, 10, 50)
    W = generated.init_params(seed=0, dtype=np.float64)
    _, found = generated.value_and_grad(W, pixels, labels)
    expected = lecture(W, pixels, labels)
    for name in ("W1", "W2"):
        check(f"∇{name}, number for number", expected[name], found[name])

    large = {name: 100 * value for name, value in W.items()}
    value, _ = generated.value_and_grad(large, pixels, labels)
    with np.errstate(over="ignore", invalid="ignore"):
        theirs = lecture(large, pixels, labels)
    finite = [bool(np.isfinite(theirs["W1"]).all()), bool(np.isfinite(value))]
    check("logits of thousands: theirs is finite, ours is", [False, True], finite)


def training() -> None:
    """The homework's nn_epoch: plain SGD in mini-batches of 100."""
    train, test = ({"X": part["x"], "y": part["y"]} for part in digits().values())
    generated = sd.compile(model).load()
    state = generated.init_state(generated.init_params(seed=0))
    epochs = 8 if small() else 40
    generated.fit(state, train, epochs=epochs, batch_size=100)
    accuracy = generated.evaluate(state.params, **test)["accuracy"]
    claim = f"accuracy on held-out digits after {epochs} epochs"
    at_least(claim, 0.94, accuracy, when_small=0.85)


if __name__ == "__main__":
    line_for_line(str(sd.compile(model)["backward"]))
    numbers()
    training()
    finish()
