"""Backpropagation as a recursion over layers: `python examples/recursion.py`.

A net of L layers is s_l = W_l h_{l-1} + b_l, h_l = σ(s_l), with examples as columns.
Its gradient is one recursion, downwards from the error of the output:

    δ_L = ∂loss/∂s_L,    δ_l = (W_{l+1}ᵀ δ_{l+1}) * σ'(s_l),
    ∂loss/∂W_l = δ_l h_{l-1}ᵀ,    ∂loss/∂b_l = Σ_n δ_l

(Nielsen, Neural Networks and Deep Learning, chapter 2, BP1 to BP4; there δ_L is that of
a mean over the batch as well.) Here it is executed by hand in NumPy, and compared with
what symdiff generates for the same net. Look at the generated lines: each `d_s` is a δ.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from _report import at_most, check, finish

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)

# σ for symdiff; σ for NumPy, and its derivative: the one by hand knows nothing of sd
SIGMAS: dict[str, tuple[Callable, Callable, Callable]] = {
    "sigmoid": (
        sd.sigmoid,
        lambda s: 1 / (1 + np.exp(-s)),
        lambda s: np.exp(-s) / (1 + np.exp(-s)) ** 2,
    ),
    "tanh": (sd.tanh, np.tanh, lambda s: 1 / np.cosh(s) ** 2),
    "relu": (sd.relu, lambda s: np.maximum(s, 0), lambda s: (s > 0).astype(float)),
}


def three_layers() -> sd.Model:
    """Return s1 = W1 x + b1, ..., in the lecture's notation, with σ = sigmoid."""
    W1, b1 = sd.param("W1", (24, 64)), sd.param("b1", (24, 1))
    W2, b2 = sd.param("W2", (16, 24)), sd.param("b2", (16, 1))
    W3, b3 = sd.param("W3", (10, 16)), sd.param("b3", (10, 1))
    s1 = W1 @ x.T + b1
    h1 = sd.sigmoid(s1)
    s2 = W2 @ h1 + b2
    h2 = sd.sigmoid(s2)
    s3 = W3 @ h2 + b3
    loss = sd.nn.softmax_cross_entropy(s3.T, y)
    return sd.Model("three_layers", [x], [y], outputs=s3.T, loss=loss)


def layers(widths: list[int], sigma: str) -> sd.Model:
    """Return a net of any depth; `widths` are those of h_0 = x, h_1, ..., s_L."""
    h = x.T
    for layer, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        W = sd.param(f"W{layer}", (outputs, inputs))
        b = sd.param(f"b{layer}", (outputs, 1))
        s = W @ h + b
        h = SIGMAS[sigma][0](s)
    loss = sd.nn.softmax_cross_entropy(s.T, y)
    return sd.Model(f"{sigma}_{layer}", [x], [y], outputs=s.T, loss=loss)


def draw(widths: list[int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return weights and biases, none of them 0."""
    found = {}
    for layer, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        found[f"W{layer}"] = rng.normal(size=(outputs, inputs)) * np.sqrt(2 / inputs)
        found[f"b{layer}"] = 0.1 * rng.normal(size=(outputs, 1))
    return found


def by_hand(
    params: dict[str, np.ndarray],
    pixels: np.ndarray,
    labels: np.ndarray,
    sigma: Callable,
    slope: Callable,
) -> tuple[float, dict[str, np.ndarray], list[np.ndarray]]:
    """Return the loss, the gradients by the recursion, and δ_1, ..., δ_L."""
    depth = len(params) // 2
    W = [np.empty(0), *(params[f"W{k}"] for k in range(1, depth + 1))]
    b = [np.empty(0), *(params[f"b{k}"] for k in range(1, depth + 1))]

    h, s = [pixels.T], [np.empty(0)]
    for k in range(1, depth + 1):
        s.append(W[k] @ h[k - 1] + b[k])
        h.append(sigma(s[k]))

    count = np.arange(len(labels))
    p = np.exp(s[depth]) / np.exp(s[depth]).sum(axis=0)
    loss = -np.log(p[labels, count]).mean()

    onehot = np.zeros_like(p)
    onehot[labels, count] = 1
    delta = {depth: (p - onehot) / len(labels)}
    for k in range(depth - 1, 0, -1):
        delta[k] = (W[k + 1].T @ delta[k + 1]) * slope(s[k])

    gradients = {}
    for k in range(1, depth + 1):
        gradients[f"W{k}"] = delta[k] @ h[k - 1].T
        gradients[f"b{k}"] = delta[k].sum(axis=1, keepdims=True)
    return loss, gradients, [delta[k] for k in range(1, depth + 1)]


def largest_difference(
    found: dict[str, np.ndarray], expected: dict[str, np.ndarray]
) -> float:
    """Return the largest |difference| in any gradient, relative to its largest."""
    parts = [np.abs(found[k] - v).max() / np.abs(v).max() for k, v in expected.items()]
    return float(max(parts))


def recursion_and_text() -> None:
    """Three sigmoid layers: the recursion beside the statements that were
    generated.
    """
    compiled = sd.compile(three_layers())
    text = compiled["backward"]
    code = text[text.index("def backward(") :]  # the file opens with formulas
    lines = [t.strip() for t in code.splitlines()]
    statements = [t.split("  #")[0] for t in lines]
    recursion = [
        ("∂loss/∂W3 = δ3 h2ᵀ", "d_W3 = d_s3 @ h2.T"),
        ("∂loss/∂b3 = Σ δ3", "d_b3 = d_s3.sum(axis=1, keepdims=True)"),
        ("W3ᵀ δ3", "d_h2 = W3.T @ d_s3"),
        ("δ2 = (W3ᵀ δ3) * σ'(s2)", "d_s2 = d_h2 * h2 * (1 - h2)"),
        ("∂loss/∂W2 = δ2 h1ᵀ", "d_W2 = d_s2 @ h1.T"),
        ("∂loss/∂b2 = Σ δ2", "d_b2 = d_s2.sum(axis=1, keepdims=True)"),
        ("W2ᵀ δ2", "d_h1 = W2.T @ d_s2"),
        ("δ1 = (W2ᵀ δ2) * σ'(s1)", "d_s1 = d_h1 * h1 * (1 - h1)"),
        ("∂loss/∂W1 = δ1 h0ᵀ", "d_W1 = d_s1 @ x"),
        ("∂loss/∂b1 = Σ δ1", "d_b1 = d_s1.sum(axis=1, keepdims=True)"),
    ]
    print("the recursion             the generated backward")
    for formula, statement in recursion:
        print(f"{formula:24}  {statement}")
    print("(σ' = σ (1 - σ) is written with h = σ(s), and h0 = xᵀ)\n")
    places = [statements.index(s) if s in statements else -1 for _, s in recursion]
    check("every line of the recursion is generated", True, min(places) >= 0)
    check("in the order of the recursion", True, places == sorted(places))


def numbers() -> None:
    """The recursion by hand and the generated backward: the same numbers."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.random((32, 64)), rng.integers(0, 10, 32)
    for name, depth in (("sigmoid", 3), ("tanh", 5), ("relu", 8)):
        widths = [64, *(24 for _ in range(depth - 1)), 10]
        model = layers(widths, name)
        generated = sd.compile(model).load()
        params = draw(widths, rng)
        loss, gradients = generated.value_and_grad(params, pixels, labels)
        _, sigma, slope = SIGMAS[name]
        want, expected, _ = by_hand(params, pixels, labels, sigma, slope)
        check(f"{depth} layers of {name}: the loss", want, loss)
        apart = largest_difference(gradients, expected)
        at_most(
            f"all {2 * depth} gradients, relative difference",
            1e-12,
            apart,
            when_small=1e-12,
        )


def one_example() -> None:
    """For one example ∂loss/∂W_l is an outer product: a matrix of rank 1."""
    rng = np.random.default_rng(1)
    pixels, labels = rng.random((1, 64)), rng.integers(0, 10, 1)
    params = draw([64, 24, 16, 10], rng)
    _, gradients = (
        sd.compile(three_layers()).load().value_and_grad(params, pixels, labels)
    )
    _, sigma, slope = SIGMAS["sigmoid"]
    _, _, delta = by_hand(params, pixels, labels, sigma, slope)
    check("∂loss/∂b1 is δ1 itself", delta[0], gradients["b1"])
    check("∂loss/∂W1 = δ1 xᵀ", np.outer(delta[0], pixels), gradients["W1"])
    rank = np.linalg.matrix_rank(gradients["W1"])
    check("the rank of that gradient", 1, rank)


if __name__ == "__main__":
    recursion_and_text()
    numbers()
    one_example()
    finish()
