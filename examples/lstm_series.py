"""An LSTM forecasts next year's sunspots: `python examples/lstm_series.py`; `symdiff
train examples/lstm_series.py` trains it as well.

The yearly numbers of 1700 to 2008 (data/README.md) come and go in about eleven years.
One layer of Hochreiter & Schmidhuber's cells reads 33 years and says at each of them
how much the next differs; it learns from the years before 1950. On the 59 years from
1950 on it is compared with the naive forecast, "as many as this year", whose error it
must cut by a third. Sums of nine years with fixed weights, fitted by least squares,
are shown beside it: on 250 numbers they are hard to beat, and are not beaten here.

The picture has the forecasts, and how much each year before matters to them: the
derivative of the forecast, about which the net was told nothing.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
from _drawing import Picture
from _report import at_most, check, finish, small

import symdiff as sd

YEARS = 33  # read before a forecast
CUT = 1950  # the first year that is held out
UNITS = 16

N = sd.dim("N")
x = sd.input("x", (N, YEARS, 1))
y = sd.input("y", (N, YEARS, 1))
hidden, _ = sd.nn.lstm(x, UNITS, name="lstm")
forecast = x + sd.nn.dense(hidden, 1, name="change")
loss = sd.nn.mse(forecast[:, 8:], y[:, 8:])  # after eight years it may know the phase

schedule = sd.optim.schedules.cosine(1e-2, steps=105, warmup_steps=20)
model = sd.Model(
    "lstm_series",
    inputs=[x],
    targets=[y],
    outputs=forecast,
    loss=loss,
    optimizer=sd.optim.AdamW(schedule, weight_decay=1.0, clip_norm=1.0),
)
training = sd.Training(epochs=15, batch_size=32, seed=0)

# how the forecast of each row's last year depends on every year that was read
d_last = sd.grad(sd.sum(forecast[:, -1]), x)
sensitivity = sd.Function(
    "lstm_sensitivity", [x, *model.params.values()], {"d_last": d_last}
)


# --- the series ----------------------------------------------------------------------


def series() -> tuple[np.ndarray, np.ndarray]:
    """Return years and their numbers of sunspots."""
    path = Path(__file__).parent / "data" / "sunspots.csv"
    year, spots = np.loadtxt(path, delimiter=",", skiprows=1).T
    return year.astype(int), spots


def scaled(spots: np.ndarray) -> np.ndarray:
    """Return what the net reads: roots, which vary alike in loud and quiet years."""
    return np.sqrt(spots) / 5 - 1


def spots_of(values: np.ndarray) -> np.ndarray:
    """Return the numbers of sunspots that scaled values stand for."""
    return np.maximum(5 * (values + 1), 0) ** 2


def windows(values: np.ndarray) -> np.ndarray:
    """Return every row of YEARS + 1 years, as float32."""
    rows = np.lib.stride_tricks.sliding_window_view(values, YEARS + 1)
    return rows[..., None].astype(np.float32)


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return rows of years and of the years that follow, before the cut and after."""
    year, spots = series()
    cut = int(np.argmax(year == CUT))
    values = scaled(spots)
    train, test = windows(values[:cut]), windows(values[cut - YEARS :])
    return {
        "train": {"x": train[:, :-1], "y": train[:, 1:]},
        "test": {"x": test[:, :-1], "y": test[:, 1:]},
    }


def error(forecasts: np.ndarray, spots: np.ndarray) -> float:
    """Return the root of the mean squared error, in sunspots."""
    return float(np.sqrt(np.mean((forecasts - spots) ** 2)))


def linear(spots: np.ndarray, cut: int, order: int = 9) -> np.ndarray:
    """Return forecasts from the cut on, by a sum of the years before fitted to those
    before it (Yule, Philosophical Transactions 226, 1927, on this very series).
    """
    rows = np.lib.stride_tricks.sliding_window_view(spots, order + 1)
    table = np.column_stack([rows[:, :-1], np.ones(len(rows))])
    known = cut - order
    weights = np.linalg.lstsq(table[:known], rows[:known, -1], rcond=None)[0]
    return table[known:] @ weights


# --- what is checked -----------------------------------------------------------------


def formulas(generated: ModuleType, rows: np.ndarray) -> None:
    """The layer is the six equations of its authors, step by step."""
    rng = np.random.default_rng(0)
    p = {k: rng.normal(size=v.shape) for k, v in generated.init_params(0).items()}
    count = 4 * UNITS * (1 + UNITS + 1) + UNITS + 1
    check("four gates' weights, and a line", count, sum(v.size for v in p.values()))

    def sigma(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    h = c = np.zeros((len(rows), UNITS))
    expected = []
    for x_t in rows.astype(float).swapaxes(0, 1):
        z = x_t @ p["lstm.W"] + h @ p["lstm.U"] + p["lstm.b"]
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(c)
        expected.append(x_t + h @ p["change.W"] + p["change.b"])
    found = generated.predict(p, rows.astype(float))
    steps = np.stack(expected, axis=1)
    check(
        "c = σ(f)c + σ(i)tanh(g), h = σ(o)tanh(c)", steps.ravel(), found.ravel(), 1e-9
    )


def through_time(params: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return how the last forecast depends on each year; checked by differences."""
    wide = {k: v.astype(float) for k, v in params.items()}
    slope = sd.compile(sensitivity).load().forward.forward
    predict = sd.compile(model, only=("forward",)).load().forward.forward
    rows = rows.astype(float)
    found = slope(rows, *wide.values())
    for back in (1, 12):
        nudged = [rows.copy(), rows.copy()]
        for sign, a in zip((-1, 1), nudged, strict=True):
            a[:, -back] += sign * 1e-5
        low, high = (predict(wide, a)[:, -1, 0] for a in nudged)
        claim = f"backpropagated through {back} steps, against differences"
        check(claim, (high - low) / 2e-5, found[:, -back, 0], 1e-6)
    return found[..., 0]


def trained(generated: ModuleType, seed: int) -> dict[str, np.ndarray]:
    """Return the weights that one seed leads to."""
    state = generated.init_state(generated.init_params(seed), seed)
    rows = data()["train"]
    epochs = 3 if small() else training.epochs
    generated.fit(state, rows, epochs=epochs, batch_size=32, seed=seed)
    return dict(state.params)


def picture(
    year: np.ndarray, spots: np.ndarray, told: dict[str, np.ndarray], slope: np.ndarray
) -> None:
    """Draw the forecasts, their errors, and the years that they depend on."""
    drawing = Picture("lstm_series", "Sunspots, forecast a year ahead", columns=1)
    held = year >= CUT
    panel = drawing.panel(
        "The years that were held out", x="year", y="sunspots", width=860
    )
    panel.line(year[held], spots[held], label="seen", width=3)
    for name in ("LSTM", "as this year"):
        panel.line(year[held], told[name], label=name, dashed=name != "LSTM")
    panel = drawing.panel(
        "How much a year matters to the forecast: mean |slope|",
        x="years before it",
        y="|d forecast / d value|",
        width=860,
        height=260,
    )
    sizes = np.abs(slope).mean(axis=0)[::-1][:24]
    panel.bars([str(k) for k in range(1, 25)], sizes)
    drawing.save()


if __name__ == "__main__":
    generated = sd.compile(model).load()
    parts = data()
    formulas(generated, parts["test"]["x"][:5])

    year, spots = series()
    cut = int(np.argmax(year == CUT))
    seeds = 1 if small() else 5
    nets = [trained(generated, seed) for seed in range(seeds)]
    rows = parts["test"]["x"]
    each = [spots_of(generated.predict(p, rows)[:, -1, 0]) for p in nets]
    forecasts = {
        "LSTM": np.mean(each, axis=0),
        "as this year": spots[cut - 1 : -1],
        "sums of nine years": linear(spots, cut),
    }
    errors = {name: error(f, spots[cut:]) for name, f in forecasts.items()}
    for name, value in errors.items():
        print(f"{value:6.1f} sunspots off (root mean square): {name}")
    singles = [error(f, spots[cut:]) for f in each]
    print(f"       of the single nets: {np.round(singles, 1)}\n")
    naive = errors["as this year"]
    check("the naive forecast's error, 1950 to 2008", 33.18, round(naive, 2))
    claim = f"the LSTM's error (mean of {seeds} nets) over the naive one's"
    at_most(claim, 2 / 3, errors["LSTM"] / naive, when_small=1.1)
    at_most(
        "and the worst net's", 0.75, max(error(f, spots[cut:]) for f in each) / naive
    )
    slope = through_time(nets[0], rows)
    picture(year, spots, forecasts, slope)
    finish()
