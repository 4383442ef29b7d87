"""A two-layer network that reads handwritten digits: `symdiff train
examples/digits_mlp.py`.

64 pixels, one hidden layer, ten classes; cross-entropy plus a little weight decay,
Adam. The 1,797 images (UCI, see data/README.md) are split by a fixed seed: three
quarters to learn from, one quarter held out.
"""

from pathlib import Path

import numpy as np

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)
h = sd.nn.dense(x, 128, activation="relu", name="hidden")
z = sd.nn.dense(h, 10, name="out")
weights = [p for p in sd.params(z) if p.ndim > 1]
loss = sd.nn.softmax_cross_entropy(z, y) + 1e-4 * sd.nn.l2(weights)

model = sd.Model(
    "digits_mlp",
    inputs=[x],
    targets=[y],
    outputs={"probs": sd.nn.softmax(z)},
    loss=loss,
    metrics={"accuracy": sd.nn.accuracy(z, y)},
    optimizer=sd.optim.Adam(1e-3),
)
training = sd.Training(epochs=100, batch_size=32, seed=0)


def data(seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Return {"train": ..., "test": ...}, each with pixels x in 0..1 and labels y."""
    path = Path(__file__).parent / "data" / "digits.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    table = table[np.random.default_rng(seed).permutation(len(table))]
    pixels = table[:, :64].astype(np.float32) / 16
    labels = table[:, 64].astype(np.int64)
    held_out = len(table) // 4
    return {
        "train": {"x": pixels[held_out:], "y": labels[held_out:]},
        "test": {"x": pixels[:held_out], "y": labels[:held_out]},
    }
