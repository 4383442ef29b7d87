"""One hidden layer draws any curve, if it is wide: `python
examples/universal_approximation.py`.

A net f(x) = Σ vᵢ σ(wᵢ x + bᵢ) + c comes as close as one likes to any continuous
function on a closed interval, with enough units (Cybenko, "Approximation by
superpositions of a sigmoidal function", 1989; Hornik, Stinchcombe & White, 1989). Two
halves of the lesson:

That the weights exist: with relu they can be written down. Knots x₀ < … < x_n, slopes
s_i between them, f(x) = f(x₀) + Σ (s_i − s_{i−1}) max(0, x − x_i), is the curve's
polygon, and its error is at most h² max|f″| / 8: twice the units, a quarter of the
error.

That they can be found: nets of tanh units, 1 to 64 of them, are trained on 200 points.
Nothing in the theorem promises this; look at the picture, where the trained ones are
ahead of the polygon while they are small, and stop at what 1,200 steps of Adam can do.

Over six seeds, the trained error (rms, geometric mean of three nets) is 0.58 to 0.67
for 2 units, 0.17 to 0.30 for 8, 0.028 to 0.046 for 32 and 0.018 to 0.027 for 64.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small

import symdiff as sd

WIDTHS = [1, 2, 4, 8, 16, 32, 64]
STEPS = 1200

N = sd.dim("N")
x = sd.input("x", (N, 1))
y = sd.input("y", N)


def curve(place: np.ndarray) -> np.ndarray:
    """Return the function to be learnt: two waves, on −1..1."""
    return np.sin(2 * np.pi * place) + 0.5 * np.cos(5 * np.pi * place)


def net(width: int, activation: str) -> sd.Model:
    """Return a net with one hidden layer."""
    start = {"init": sd.init.uniform(-10, 10), "bias_init": sd.init.uniform(-8, 8)}
    h = sd.nn.dense(x, width, activation, name="hidden", **start)
    f = sd.nn.dense(h, 1, name="out")[:, 0]
    rate = sd.optim.schedules.cosine(0.03, steps=STEPS)
    return sd.Model(
        f"{activation}_{width}",
        inputs=[x],
        targets=[y],
        outputs={"f": f},
        loss=sd.nn.mse(f, y),
        optimizer=sd.optim.Adam(rate),
    )


model = net(16, "tanh")


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return 200 points to learn from and 999 between them."""
    parts = {}
    for name, count in (("train", 200), ("test", 999)):
        place = np.linspace(-1, 1, count)
        parts[name] = {"x": place[:, None], "y": curve(place)}
    return parts


def by_hand() -> dict[int, float]:
    """Put the polygon's weights into a net of relu units; return their errors (rms)."""
    place = np.linspace(-1, 1, 10_001)
    worst, rms = {}, {}
    for width in WIDTHS[2:]:
        knots = np.linspace(-1, 1, width + 1)
        slopes = np.diff(curve(knots)) / np.diff(knots)
        params = {
            "hidden.W": np.ones((1, width)),
            "hidden.b": -knots[:-1],
            "out.W": np.diff(slopes, prepend=0.0)[:, None],
            "out.b": curve(knots[:1]),
        }
        forward = (
            sd.compile(net(width, "relu"), only=("forward",)).load().forward.forward
        )
        found = forward(params, place[:, None])
        if width == 8:
            polygon = np.interp(place, knots, curve(knots))
            error = np.abs(found - polygon).max()
            at_most(
                "8 relu units are the polygon with 8 sides, within",
                1e-12,
                error,
                when_small=1e-12,
            )
        worst[width] = float(np.abs(found - curve(place)).max())
        rms[width] = float(np.sqrt(np.mean((found - curve(place)) ** 2)))
    bend = 4 * np.pi**2 + 0.5 * 25 * np.pi**2  # at least max|f″|
    excess = max(e / (bend * (2 / width) ** 2 / 8) for width, e in worst.items())
    at_most(
        "every polygon is within h² max|f″| / 8: share of it", 1, excess, when_small=1
    )
    at_least(
        "from 32 to 64 units its error falls by a factor",
        3.5,
        worst[32] / worst[64],
        when_small=3.5,
    )
    return rms


def trained(seed: int, steps: int, widths: list[int]) -> dict[int, list[tuple]]:
    """Train three nets of each width; return (rms between the points, drawn curve)."""
    parts = data()
    found = {}
    for width in widths:
        generated = sd.compile(net(width, "tanh")).load()
        found[width] = []
        for restart in range(3):
            start = generated.init_params(seed=3 * seed + restart, dtype=np.float64)
            state = generated.init_state(start)
            generated.fit(state, parts["train"], epochs=steps, batch_size=200)
            drawn = generated.predict(state.params, parts["test"]["x"])
            rms = float(np.sqrt(np.mean((drawn - parts["test"]["y"]) ** 2)))
            found[width].append((rms, drawn))
    return found


def learn(polygons: dict[int, float]) -> None:
    """Train nets of growing width, compare, draw."""
    widths = [1, 4, 16] if small() else WIDTHS
    found = trained(0, STEPS // 5 if small() else STEPS, widths)
    error = {
        w: float(np.exp(np.mean([np.log(r) for r, _ in f]))) for w, f in found.items()
    }
    for width, e in error.items():
        print(f"{width:3} units: rms {e:.4f}")
    print()
    flat = float(np.std(data()["test"]["y"]))
    at_least(
        "one unit leaves most of the curve: share of its deviation",
        0.8,
        error[1] / flat,
        when_small=0.8,
    )
    at_least(
        "16 units against 4: the error falls by a factor",
        2,
        error[4] / error[16],
        when_small=1.1,
    )
    if not small():
        pairs = pairwise(WIDTHS[1:6])
        falls = [error[narrow] / error[wide] for narrow, wide in pairs]
        at_least("each doubling from 2 to 32 units: by a factor", 1.1, min(falls))
        at_most("64 units: rms", 0.05, error[64])

    picture = Picture("universal_approximation", "One hidden layer of growing width", 3)
    place = data()["test"]["x"][:, 0]
    for width in widths if small() else (1, 4, 8, 16, 64):
        panel = picture.panel(f"{width} tanh units", x="x", ylim=(-1.7, 1.7))
        panel.line(place, curve(place), "the curve", colour=7, dashed=True)
        panel.line(
            place,
            min(found[width], key=lambda pair: pair[0])[1],
            "best of three",
            colour=1,
        )
    panel = picture.panel("error", x="units", y="rms", log_x=True, log_y=True)
    panel.line(list(error), list(error.values()), "trained", marks=True)
    panel.line(list(polygons), list(polygons.values()), "polygon", marks=True)
    picture.save()


if __name__ == "__main__":
    check("the curve at 0", 0.5, float(curve(np.array(0.0))))
    learn(by_hand())
    finish()
