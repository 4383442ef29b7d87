"""The parity of 8 bits, and what depth saves: `python examples/parity.py`.

Parity is 1 where an odd number of the bits is. A shallow net whose hidden units are
ANDs of bits needs 2ⁿ⁻¹ of them, one for each odd pattern: flip any bit that an AND
leaves out, and it would be wrong. A deep net needs O(n): parity is a tree of n − 1
XORs, three units each (Bengio, "Learning deep architectures for AI", 2009, section 2;
Håstad, 1986). Both are built here from step units, and checked on all patterns; so is
the exception that lectures leave out, a hidden layer of n units that count the bits,
each with weights on all of them.

Then they are learnt. A shallow net of 64 relu units learns all 256 patterns; learnt
from half of them, it is wrong on about a quarter of the others. One XOR that is learnt
from its four patterns and used seven times, in a tree with the same weights everywhere,
is right on all 256. (The tree learnt from scratch, by its last output alone, arrives
from about one start in four: depth is easier to use than to train.)

Over twenty seeds, the shallow net knows all patterns after 79 to 140 steps, and the
tree of a learnt gate is right on all 256; over twelve, the shallow one is right on 59
to 89 % of the other half.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from _drawing import Picture
from _report import at_most, check, finish, small

import symdiff as sd

BITS = 8
PATTERNS = np.array(list(product([0.0, 1.0], repeat=BITS)))
PARITY = PATTERNS.sum(axis=1) % 2

N = sd.dim("N")
y = sd.input("y", N)


def layer(x: sd.Tensor, weights: np.ndarray, thresholds: np.ndarray) -> sd.Tensor:
    """Return units that are 1 where weights · x reaches the threshold, else 0."""
    return sd.nn.step(x @ sd.constant(weights) - sd.constant(thresholds))


def or_of_ands(x: sd.Tensor, n: int) -> tuple[sd.Tensor, int]:
    """Return parity as an OR of one AND for each odd pattern, and its hidden units."""
    odd = np.array([p for p in product([0.0, 1.0], repeat=n) if sum(p) % 2])
    ands = layer(x, 2 * odd.T - 1, odd.sum(axis=1) - 0.5)  # 1 on this pattern alone
    return layer(ands, np.ones((len(odd), 1)), np.array([0.5])), len(odd)


def tree(x: sd.Tensor, n: int) -> tuple[sd.Tensor, int]:
    """Return parity as a tree of XORs, each an OR that an AND vetoes, and its units."""
    units, h = 0, x
    while n > 1:
        n //= 2
        pairs = sd.reshape(h, (N, n, 2))
        gates = layer(pairs, np.ones((2, 2)), np.array([0.5, 1.5]))  # OR, AND
        h = layer(gates, np.array([[1.0], [-1.0]]), np.array([0.5]))[:, :, 0]
        units += 3 * n
    return h, units


def counters(x: sd.Tensor, n: int) -> tuple[sd.Tensor, int]:
    """Return parity from units that say "at least k bits", and their number."""
    at_least_k = layer(x, np.ones((n, n)), np.arange(n) + 0.5)
    signs = (-1.0) ** np.arange(n)[:, None]
    return layer(at_least_k, signs, np.array([0.5])), n


def constructions() -> dict[str, list[int]]:
    """Build all three for 2, 4 and 8 bits; check them on every pattern."""
    kinds = {"OR of ANDs": or_of_ands, "tree of XORs": tree, "counters": counters}
    units: dict[str, list[int]] = {name: [] for name in kinds}
    for n in (2, 4, 8):
        x = sd.input("x", (N, n))
        patterns = np.array(list(product([0.0, 1.0], repeat=n)))
        for name, build in kinds.items():
            out, count = build(x, n)
            units[name].append(count)
            function = sd.Function("parity", [x], out[:, 0])
            forward = sd.compile(function, only=("forward",)).load().forward.forward
            wrong = int(np.sum(forward(patterns) != patterns.sum(axis=1) % 2))
            check(f"{n} bits, {name} ({count} units): wrong patterns", 0, wrong)
    check("units of the OR of ANDs: 2ⁿ⁻¹", [2, 8, 128], units["OR of ANDs"])
    check("units of the tree: 3 (n − 1)", [3, 9, 21], units["tree of XORs"])
    return units


def no_fewer() -> None:
    """Every AND of the 3⁸ (a bit is asked for, forbidden, or left out) is tried."""
    odd_only, covered = 0, np.zeros(len(PATTERNS), int)
    for asks in product([0, 1, 2], repeat=BITS):
        asked = [i for i, a in enumerate(asks) if a < 2]
        wanted = [asks[i] for i in asked]
        holds = (PATTERNS[:, asked] == wanted).all(axis=1)
        if PARITY[holds].all():  # never 1 on an even pattern
            odd_only += 1
            covered += holds
    check("ANDs, of 6,561, that hold on odd patterns alone", 128, odd_only)
    check("each odd pattern has one of them, so none can be left out", PARITY, covered)


def shallow() -> sd.Model:
    """Return a net of one hidden layer, 64 relu units."""
    x = sd.input("x", (N, BITS))
    h = sd.nn.dense(2 * x - 1, 64, "relu", name="hidden")
    return classifier("shallow", x, sd.nn.dense(h, 1, name="out")[:, 0])


def classifier(name: str, x: sd.Tensor, z: sd.Tensor) -> sd.Model:
    """Return a model whose logit z says whether the parity is 1."""
    return sd.Model(
        name,
        inputs=[x],
        targets=[y],
        outputs={"odd": sd.sigmoid(z)},
        loss=sd.nn.sigmoid_cross_entropy(z, y),
        metrics={"accuracy": sd.nn.binary_accuracy(z, y)},
        optimizer=sd.optim.Adam(0.02),
    )


def tied_tree(n: int) -> sd.Model:
    """Return a tree of one learnt gate of two bits, the same weights at each place."""
    x = sd.input("x", (N, n))
    W = sd.param("gate.W", (2, 4), init=sd.init.normal(1.0))
    b = sd.param("gate.b", (4,), init=sd.init.normal(1.0))
    v = sd.param("gate.v", (4,), init=sd.init.normal(1.0))
    h, z = 2 * x - 1, x
    while n > 1:
        n //= 2
        z = 3 * (sd.tanh(sd.reshape(h, (N, n, 2)) @ W + b) @ v)
        h = sd.tanh(z)
    return classifier("tied_tree", x, z[:, 0])


def learn() -> tuple[list[float], dict[str, float]]:
    """Learn all patterns; half of them; and one gate. Return curve and accuracies."""
    net = sd.compile(shallow()).load()

    def trained(seed: int, known: np.ndarray) -> tuple[dict, list[dict]]:
        state = net.init_state(net.init_params(seed=seed, dtype=np.float64))
        part = {"x": PATTERNS[known], "y": PARITY[known]}
        history = net.fit(
            state,
            part,
            epochs=1000,
            batch_size=256,
            after_epoch=lambda record: record["loss"] < 0.02,
        )
        return state.params, history

    params, history = trained(0, np.arange(256))
    odd = net.predict(params, PATTERNS)
    check(
        "64 relu units learn all 256 patterns: wrong ones",
        0,
        int(np.sum((odd > 0.5) != PARITY)),
    )
    at_most(
        "steps of Adam until the loss is below 0.02", 500, len(history), when_small=500
    )

    others = []
    for seed in range(2 if small() else 6):
        order = np.random.default_rng(seed).permutation(256)
        params, _ = trained(seed, order[:128])
        rest = net.evaluate(params, PATTERNS[order[128:]], PARITY[order[128:]])
        others.append(rest["accuracy"])
    print(
        "learnt from half of the patterns, right on the others:",
        ", ".join(f"{a:.0%}" for a in others),
        end="\n\n",
    )
    at_most("at best", 0.95, max(others), when_small=0.95)

    gate, whole = sd.compile(tied_tree(2)).load(), sd.compile(tied_tree(BITS)).load()
    state = gate.init_state(gate.init_params(seed=0, dtype=np.float64))
    four = np.array(list(product([0.0, 1.0], repeat=2)))
    gate.fit(state, {"x": four, "y": four.sum(axis=1) % 2}, epochs=1000, batch_size=4)
    odd = whole.predict(state.params, PATTERNS)
    check(
        "a gate learnt from 4 patterns, in a tree: wrong ones of 256",
        0,
        int(np.sum((odd > 0.5) != PARITY)),
    )
    count = sum(a.size for a in state.params.values())
    check("the tree's parameters; the shallow net has 641", 16, count)
    right = float(np.mean((odd > 0.5) == PARITY))
    accuracy = {"shallow, half": float(np.mean(others)), "tree of a learnt XOR": right}
    return [record["loss"] for record in history], accuracy


def draw(
    units: dict[str, list[int]], losses: list[float], accuracy: dict[str, float]
) -> None:
    """Draw the units needed, the learning curve, and who knows unseen patterns."""
    picture = Picture("parity", "Parity of n bits: shallow and deep", 3)
    panel = picture.panel("hidden units", x="bits", y="units", log_y=True)
    for name, counts in units.items():
        panel.line([2, 4, 8], counts, name, marks=True)
    panel = picture.panel("64 relu units, all patterns", x="step", y="loss", log_y=True)
    panel.line(range(1, len(losses) + 1), losses)
    panel = picture.panel("right on patterns never seen", y="share", ylim=(0, 1.05))
    panel.bars(list(accuracy), list(accuracy.values()))
    panel.level(0.5, "a coin", colour=7)
    picture.save()


if __name__ == "__main__":
    units = constructions()
    no_fewer()
    draw(units, *learn())
    finish()
