"""A small GPT that learns to write Python's documentation, letter by letter: `python
examples/gpt.py`; `symdiff train examples/gpt.py` trains it as well.

Embeddings of tokens and places, two blocks of causal attention and a layer of gelu,
each behind a layer norm (Radford et al., "Language models are unsupervised multitask
learners", 2019, section 2.3), the first table used again for the logits. AdamW with
warm-up and a cosine, gradients clipped by their norm. The text is what `help("...")`
knows of the language, pydoc_data.topics of the standard library: 0.4 to 0.5 million
letters, of which the last tenth is held out.

What is expected: guessing each letter by the one before it costs the entropy of pairs,
about 2.4 nats a letter; the model must get below 1.6. Then a fresh Python that knows
NumPy alone lets the generated forward.py write. Look at what it writes, and at the
pictures: words, indentation and quoted names come before sense.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small

import symdiff as sd

LENGTH = 64  # letters that the model sees at once
UNITS, HEADS, BLOCKS = 64, 4, 2
BATCH, EPOCHS, STEPS = 16, 5, 2600
ALPHABET = "\n" + "".join(map(chr, range(32, 127)))  # what is not in it becomes "?"

N, T = sd.dim("N"), sd.dim("T")
x = sd.input("x", (N, T), dtype="int64", high=len(ALPHABET))
y = sd.input("y", (N, T), dtype="int64", high=len(ALPHABET))


def block(h: sd.Tensor, name: str) -> sd.Tensor:
    """Return h + attention(h) + a dense layer of four times the width, normed first."""
    with sd.scope(name):
        seen = sd.nn.layer_norm(h, name="norm1")
        h = h + sd.nn.multi_head_attention(seen, HEADS, causal=True)
        wide = sd.nn.dense(
            sd.nn.layer_norm(h, name="norm2"), 4 * UNITS, "gelu", name="up"
        )
        return h + sd.nn.dense(wide, UNITS, name="down")


tokens = sd.param("tokens", (len(ALPHABET), UNITS), init=sd.init.normal(0.02))
places = sd.nn.embedding(sd.arange(T), LENGTH, UNITS, name="places")
h = sd.nn.embedding(x, len(ALPHABET), UNITS, weight=tokens) + places
for i in range(BLOCKS):
    h = block(h, f"block{i}")
logits = sd.nn.layer_norm(h, name="norm") @ tokens.T  # the table again: tied weights

schedule = sd.optim.schedules.cosine(4e-3, STEPS, warmup_steps=100, final=0.05)
model = sd.Model(
    "gpt",
    inputs=[x],
    targets=[y],
    outputs=logits,
    loss=sd.nn.softmax_cross_entropy(logits, y),
    metrics={"accuracy": sd.nn.accuracy(logits, y)},
    optimizer=sd.optim.AdamW(schedule, beta2=0.99, weight_decay=0.1, clip_norm=1.0),
)
training = sd.Training(epochs=EPOCHS, batch_size=BATCH, seed=0)


# --- the text ------------------------------------------------------------------------


@cache
def text() -> str:
    """Return the topics of Python's help, one after the other."""
    from pydoc_data.topics import topics

    joined = "\n\n".join(topics[name] for name in sorted(topics))
    return "".join(c if c in ALPHABET else "?" for c in joined)


def numbers(letters: str) -> np.ndarray:
    """Return the place of each letter in the alphabet."""
    place = np.zeros(128, np.int64)
    place[[ord(c) for c in ALPHABET]] = np.arange(len(ALPHABET))
    return place[np.frombuffer(letters.encode("ascii"), np.uint8)]


def windows(ids: np.ndarray, every: int) -> dict[str, np.ndarray]:
    """Return rows of letters, and the letter that follows each of them."""
    rows = np.lib.stride_tricks.sliding_window_view(ids, LENGTH + 1)[::every]
    return {"x": rows[:, :-1], "y": rows[:, 1:]}


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return overlapping windows of the first nine tenths, and the last tenth."""
    ids = numbers(text())
    cut = len(ids) * 9 // 10
    return {
        "train": windows(ids[:cut], every=50),
        "test": windows(ids[cut:], every=200),
    }


def entropies(ids: np.ndarray) -> tuple[float, float]:
    """Return nats per letter by frequency alone, and by the letter before."""
    pairs = np.zeros((len(ALPHABET),) * 2)
    np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    shares = pairs / pairs.sum()
    alone = shares.sum(axis=1)
    first, both = (-(p[p > 0] * np.log(p[p > 0])).sum() for p in (alone, shares))
    return float(first), float(both - first)


# --- what holds before any training --------------------------------------------------


def at_first(generated: ModuleType, ids: np.ndarray) -> None:
    """All letters are equally likely, and none is seen before its turn."""
    params = generated.init_params(seed=0)
    rows = windows(ids[:2000], every=100)
    loss = generated.evaluate(params, **rows)["loss"]
    check("the loss of knowing nothing, ln 96", math.log(96), loss, 0.02)

    seen = rows["x"][:1]
    other = seen.copy()
    other[0, 40:] = (other[0, 40:] + 1) % 96
    first, second = (generated.predict(params, a)[0] for a in (seen, other))
    same = np.abs(first - second).max(axis=1) < 1e-6
    expected = [True] * 40 + [False] * 24
    check("letters from the 41st on change no prediction before", expected, same)


# --- training ------------------------------------------------------------------------


def trained(
    generated: ModuleType, parts: dict[str, dict[str, np.ndarray]]
) -> tuple[dict[str, np.ndarray], list[float], list[float]]:
    """Return weights, the loss at every step, and the held-out loss by epoch."""
    steps = 40 if small() else EPOCHS * math.ceil(len(parts["train"]["x"]) / BATCH)
    rows = {k: v[: steps * BATCH] if small() else v for k, v in parts["train"].items()}
    held_out = {k: v[:20] if small() else v for k, v in parts["test"].items()}
    state = generated.init_state(generated.init_params(seed=0))
    start, losses = time.perf_counter(), []
    history = generated.fit(
        state,
        rows,
        epochs=1 if small() else EPOCHS,
        batch_size=BATCH,
        validation=held_out,
        callback=lambda epoch, step, steps, found: losses.append(found["loss"]),
    )
    seconds = time.perf_counter() - start
    letters = BATCH * LENGTH * len(losses)
    print(
        f"{len(losses)} steps in {seconds:.0f} s, "
        f"{letters / seconds:,.0f} letters a second\n"
    )
    return state.params, losses, [record["val_loss"] for record in history]


# --- writing -------------------------------------------------------------------------

WRITER = """
import sys

sys.modules["symdiff"] = None  # whoever imports it now gets an ImportError
import numpy as np
from gpt.forward import forward

with np.load(sys.argv[1]) as file:
    params = dict(file)
alphabet, length, count = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ids = [alphabet.index(c) for c in sys.argv[5]]
rng = np.random.default_rng(1)
for _ in range(count):
    logits = forward(params, np.array([ids[-length:]]))[0, -1].astype(float) / 0.7
    shares = np.exp(logits - logits.max())
    ids.append(int(rng.choice(len(alphabet), p=shares / shares.sum())))
print("".join(alphabet[i] for i in ids), end="")
"""


def written(compiled: Any, params: dict[str, np.ndarray]) -> str:
    """Return what forward.py writes in a Python that has NumPy alone."""
    package = compiled.write("build")
    weights = Path(package) / "weights.npz"
    np.savez(weights, **params)
    count = 60 if small() else 700
    given = [str(weights.absolute()), ALPHABET, str(LENGTH), str(count)]
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", WRITER, *given, 'The "class" statement\n'],
        cwd=Path(package).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    print(f"written by build/gpt/forward.py alone, {count} letters, {seconds:.1f} s:\n")
    print("    " + result.stdout.replace("\n", "\n    ") + "\n")
    return result.stdout


def words(letters: str) -> list[str]:
    """Return the words of four letters or more."""
    return re.findall(r"[a-z]{4,}", letters.lower())


# --- the picture ---------------------------------------------------------------------


def picture(
    generated: ModuleType,
    params: dict[str, np.ndarray],
    losses: list[float],
    held_out: list[float],
    bounds: tuple[float, float],
) -> None:
    """Draw the losses beside the entropies, and what surprises the model."""
    drawing = Picture("gpt", "A small GPT reads Python's documentation", columns=1)
    panel = drawing.panel("Nats a letter", x="step", y="loss", width=760)
    window = min(25, len(losses))
    smooth = np.convolve(losses, np.ones(window) / window, "valid")
    panel.line(np.arange(len(smooth)) + window, smooth, label=f"mean of {window} steps")
    ends = np.linspace(0, len(losses), len(held_out) + 1)[1:]
    panel.line(ends, held_out, label="held out", marks=True)
    for bound, label in zip(
        bounds, ("by frequency", "by the letter before"), strict=True
    ):
        panel.level(bound, label=label)

    prose = re.compile(rf"(?<=\n\n)[A-Z][a-z ,]{{{LENGTH}}}")
    line = prose.search(text(), len(text()) * 9 // 10)
    assert line is not None
    ids = numbers(line.group())
    found = generated.predict(params, ids[None, :-1])[0].astype(float)
    logs = found - np.log(np.exp(found).sum(axis=1, keepdims=True))
    surprise = -logs[np.arange(LENGTH), ids[1:]]
    shown = [ALPHABET[i].replace(" ", "·").replace("\n", "¶") for i in ids[1:]]
    panel = drawing.panel(
        f"How much each letter of a held-out line surprises it, after “{line[0][0]}”",
        y="nats",
        width=1000,
    )
    panel.bars(shown, surprise)
    drawing.save()


if __name__ == "__main__":
    compiled = sd.compile(model)
    generated = compiled.load()
    ids, parts = numbers(text()), data()
    alone, pairs = entropies(ids)
    print(f"{len(ids):,} letters; {alone:.2f} nats each by frequency, ", end="")
    print(f"{pairs:.2f} by the letter before\n")
    at_first(generated, ids)
    params, losses, held_out = trained(generated, parts)
    at_most("nats a letter on the held-out tenth", 1.6, held_out[-1], when_small=4.0)
    at_most("as a share of the entropy of pairs", 0.7, held_out[-1] / pairs)
    wrote = written(compiled, params)
    check("it writes letters of the alphabet alone", True, set(wrote) <= set(ALPHABET))
    known = set(words(text()))
    share = np.mean([word in known for word in words(wrote)] or [0])
    at_least("share of its words that the documentation has", 0.6, share)
    picture(generated, params, losses, held_out, (alone, pairs))
    finish()
