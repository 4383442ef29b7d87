"""A ReLU net is linear piece by piece: `python examples/locally_linear.py`.

Where no unit crosses 0, ReLU multiplies by a constant 0 or 1, so that
f(x) = W₃ D₂ (W₂ D₁ (W₁ x + b₁) + b₂) + b₃ with diagonal D of zeros and ones: an affine
map, one for each pattern of active units (Montúfar, Pascanu, Cho & Bengio, NIPS 2014,
section 2). Its matrix is the net's Jacobian at any point of the piece. Here the matrix
is extracted with `sd.jacobian`, compared with the product of the masked weights, and
used in place of the net all over its piece. Look at the picture: the pieces that the
units cut the plane into, the function, and its kinks along a line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small

import symdiff as sd

UNITS = 12

N = sd.dim("N")
x = sd.input("x", (N, 2))
t = sd.input("t", (N, 1))
h1 = sd.nn.dense(x, UNITS, "relu", name="first", bias_init=sd.init.uniform(-0.5, 0.5))
h2 = sd.nn.dense(h1, UNITS, "relu", name="second")
f = sd.nn.dense(h2, 1, name="out")
loss = sd.nn.mse(f, t)

model = sd.Model(
    "locally_linear",
    inputs=[x],
    targets=[t],
    outputs=f,
    loss=loss,
    optimizer=sd.optim.Adam(1e-2),
)

# the matrix of every row's piece, [N, 1, 2], and which units are active
J = sd.jacobian(f, x, batch_dims=1)
pattern = sd.concatenate([h1 > 0, h2 > 0], axis=1)
pieces = sd.Function(
    "pieces", [x, *model.params.values()], {"J": J, "pattern": pattern}
)


def wave(points: np.ndarray) -> np.ndarray:
    """What the net learns."""
    return (np.sin(3 * points[:, :1]) * np.cos(2 * points[:, 1:])).astype(points.dtype)


def affine_maps(params: dict[str, np.ndarray], points: np.ndarray) -> tuple[Any, Any]:
    """Return the matrix of each point's piece, and the pattern of active units."""
    return (
        sd.compile(pieces, only="forward")
        .load()
        .forward.forward(points, *params.values())
    )


def matrix_of_the_masks(
    params: dict[str, np.ndarray], active: np.ndarray
) -> np.ndarray:
    """Return (W₁ D₁ W₂ D₂ W₃)ᵀ, for rows as this file has them."""
    D1, D2 = np.diag(active[:UNITS] * 1.0), np.diag(active[UNITS:] * 1.0)
    W1, W2, W3 = (params[f"{layer}.W"] for layer in ("first", "second", "out"))
    return (W1 @ D1 @ W2 @ D2 @ W3).T


def number(patterns: np.ndarray) -> np.ndarray:
    """Return the number of each row's pattern, counted as they first appear."""
    _, first, inverse = np.unique(
        patterns, axis=0, return_index=True, return_inverse=True
    )
    return np.argsort(np.argsort(first))[inverse.ravel()]


def pieces_are_affine(generated: Any, params: dict[str, np.ndarray]) -> None:
    """The Jacobian at one point is the net, everywhere in that point's piece."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (4000, 2))
    matrices, patterns = affine_maps(params, points)
    values = generated.predict(params, points)
    piece = number(patterns)

    products = np.array([matrix_of_the_masks(params, p) for p in patterns[:500]])
    check("the Jacobian is the product of the masked weights", products, matrices[:500])

    largest = np.flatnonzero(piece == np.bincount(piece).argmax())
    first, others = largest[0], largest[1:]
    A = matrices[first]
    offset = values[first] - A @ points[first]
    print(f"{len(largest)} of the points lie in one piece, with f(x) = A x + c:")
    print(f"A = {A.round(3)}, c = {offset.round(3)}\n")
    check("A is the matrix of all of them", np.broadcast_to(A, (len(others), 1, 2)),
          matrices[others])  # fmt: skip
    check(
        "and A x + c is the net on all of them",
        points[others] @ A.T + offset,
        values[others],
    )

    # one map for each piece predicts every point of it
    firsts = np.array([np.flatnonzero(piece == k)[0] for k in range(piece.max() + 1)])
    offsets = values[firsts] - (matrices[firsts] @ points[firsts][:, :, None])[:, :, 0]
    linear = (matrices[firsts][piece] @ points[:, :, None])[:, :, 0] + offsets[piece]
    check(f"so do the {len(firsts)} maps of all pieces that were met", values, linear)

    wrong = np.abs(points @ A.T + offset - values)[piece != piece[first]].max()
    at_least("outside its piece the map is wrong, by up to", 0.1, wrong, when_small=0)


def count_pieces(params: dict[str, np.ndarray]) -> None:
    """n lines cut the plane into at most 1 + n + n(n−1)/2 pieces (Zaslavsky, 1975)."""
    side = np.linspace(-3, 3, 100 if small() else 300)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    _, patterns = affine_maps(params, grid)
    one = len(np.unique(patterns[:, :UNITS], axis=0))
    both = len(np.unique(patterns, axis=0))
    most = 1 + UNITS + UNITS * (UNITS - 1) // 2
    print(f"on a grid: the first layer cuts {one} pieces, both {both}\n")
    at_most("pieces of the first layer", most, one, when_small=most)
    at_least("the second layer folds them into more", one, both, when_small=one)


def draw(generated: Any, params: dict[str, np.ndarray]) -> None:
    """Draw the pieces, the function, and a cut through it."""
    side = np.linspace(-1, 1, 60 if small() else 240)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    _, patterns = affine_maps(params, grid)
    shade = np.random.default_rng(0).permutation(number(patterns).max() + 1)
    size, extent = (len(side), len(side)), (-1, 1, -1, 1)
    picture = Picture("locally_linear", "A ReLU net is linear piece by piece", 3)
    axes = {"x": "x₁", "y": "x₂", "square": True, "width": 380, "height": 380}

    panel = picture.panel(f"{len(shade)} pieces", **axes)
    panel.image(shade[number(patterns)].reshape(size), extent)
    panel.line([-1, 1], [0.3, 0.3], "the cut on the right", colour=1, dashed=True)
    panel = picture.panel("f(x)", **axes)
    panel.image(generated.predict(params, grid).reshape(size), extent, signed=True)

    cut = np.stack([np.linspace(-1, 1, 2001), np.full(2001, 0.3)], axis=1)
    values = generated.predict(params, cut)[:, 0]
    _, patterns = affine_maps(params, cut)
    kinks = np.flatnonzero((patterns[1:] != patterns[:-1]).any(axis=1))
    panel = picture.panel("f along a line", x="x₁", y="f(x₁, 0.3)", height=380)
    panel.line(cut[:, 0], wave(cut)[:, 0], "sin(3x₁) cos(0.6), learnt", colour=7)
    panel.line(cut[:, 0], values, "the net", colour=0)
    panel.points(cut[kinks, 0], values[kinks], "its kinks", colour=1)
    picture.save()

    between = np.setdiff1d(np.arange(1, 2000), [*kinks, *(kinks + 1)])
    bend = values[between + 1] - 2 * values[between] + values[between - 1]
    largest = float(np.abs(bend).max())
    at_most(f"second differences between the {len(kinks)} kinks", 1e-12, largest,
            when_small=1e-12)  # fmt: skip


def main() -> None:
    """Train the net, then take it apart."""
    generated = sd.compile(model).load()
    points = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    state = generated.init_state(generated.init_params(seed=0, dtype=np.float64))
    history = generated.fit(
        state,
        {"x": points, "t": wave(points)},
        epochs=20 if small() else 200,
        batch_size=50,
    )
    at_most("squared error of the trained net", 0.01, history[-1]["loss"])
    pieces_are_affine(generated, state.params)
    count_pieces(state.params)
    draw(generated, state.params)


if __name__ == "__main__":
    main()
    finish()
