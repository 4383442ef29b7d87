"""Specs in TOML, valid, nearly valid or hostile: `make(seed)` gives the bytes."""

from __future__ import annotations

import json
import random
import re

from toml_corpus import EVIL, KEYS, SHAPES, VALUES
from toml_specs import SPECS

SEEDS = list(SPECS.values())


def _words(text: str) -> list[str]:
    return text.split()


ATOMS = ["x", "y", "z", "h", "W", "b", "N", "1", "2.5", "-3", "0", "loss", "image", "w"]
SIGNS = _words("+ - * / @ ** // % & | ^ < > <= == !=")
UNARY = _words(
    """
    relu tanh sigmoid exp sin cos arctan softplus softmax log_softmax abs square
    gelu elu silu sign floor expm1 erf log1p sqrt stop_gradient negative sinh
    """
)
KEYWORDS = [
    *("axis=0", "axis=-1", "keepdims=True", "name='a'", "units=3"),
    *("activation='relu'", "dtype='float'", "axis=(0, 1)", "name='a.b'", "k=2", "n=3"),
    *("reduction='sum'", "shape=(N, 2)", "mode='same'", "padding=1"),
    *("init=init.normal(1)", "causal=True"),
]
OPTIMIZERS = _words("adam sgd lion adagrad adamw nesterov nadam amsgrad")
BYTES = [
    *(b'"', b"'", b"[", b"]", b"{", b"}", b"=", b"\n", b"\\", b"#", b"\x00", b"\xff"),
    *(b'"""', b"\r", "é".encode(), b"\xef\xbb\xbf"),
    *(b"[" * 500, b"a." * 900, b"(" * 300),
]
WORDS = re.compile(rb"\w+|\s+|[^\w\s]")


def _expression(r: random.Random, depth: int = 0) -> str:
    """An expression of the grammar, with arguments that often do not fit."""
    from symdiff.declare.toml.functions import ATTRIBUTES, LAYERS, METHODS, OPS

    pick = r.random()
    if depth > 4 or pick < 0.2:
        return r.choice(ATOMS)
    if pick < 0.24:
        return r.choice(EVIL)

    def inner() -> str:
        return _expression(r, depth + 1)

    if pick < 0.5:
        sign = r.choice(SIGNS)
        return f"({inner()} {sign} {inner()})"
    if pick < 0.55:
        return f"{r.choice(['-', '+', '~'])}{inner()}"
    if pick < 0.62:
        index = r.choice(["0", "-1", ":", "::2", "None", "...", "1:3", ":, 0", "99"])
        return f"{inner()}[{index}]"
    if pick < 0.66:
        return f"{inner()}.{r.choice([*ATTRIBUTES, 'foo'])}"
    if pick < 0.72:
        return f"{inner()}.{r.choice(METHODS)}({_arguments(r, depth)})"
    if pick < 0.75:
        return f"[{', '.join(inner() for _ in range(r.randrange(4)))}]"
    return f"{r.choice(r.choice([OPS, LAYERS]))}({_arguments(r, depth)})"


def _arguments(r: random.Random, depth: int) -> str:
    found = [_expression(r, depth + 1) for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3]))]
    found += r.sample(KEYWORDS, r.choice([0, 0, 0, 1, 2]))
    return ", ".join(found)


def _sensible(r: random.Random, depth: int = 0) -> str:
    """An expression of shape (N, 3) that is most often right."""
    if depth > 3 or r.random() < 0.15:
        return r.choice(["h", "x @ W", "h * 0.5", "relu(h)", "(h + b)", "(h - W[0])"])
    a, b = _sensible(r, depth + 1), _sensible(r, depth + 1)
    act = r.choice(UNARY[:3])
    forms = [
        f"{r.choice(UNARY)}({a})",
        f"({a} {r.choice('+-*/')} {b})",
        f"maximum({a}, {b})",
        f"where({a} > {b}, {a}, 0.1)",
        f"{a} - ({b}).mean(axis={r.choice(['0', '1', '-1'])}, keepdims=True)",
        f"cumsum({a}, axis=1)",
        f"clip({a}, -1, 1)",
        f"concatenate([{a}, {b}], axis=1)[:, :3]",
        f"({a}).T.T",
        f"reshape({a}, (-1, 3))",
        f"dense({a}, 3, name='d{r.randrange(10**6)}', activation='{act}')",
        f"layer_norm({a}, name='n{r.randrange(10**6)}')",
        f"dropout({a}, 0.5)",
        f"stack([{a}, {b}]).sum(axis=0)",
        f"({a}) @ eye(3)",
        f"sort({a}, axis=-1)",
        f"flip({a}, axis=1)",
        f"pad({a}, ((0, 0), (1, 0)))[:, 1:]",
        f"np.einsum('ij,jk->ik', {a}, W.T @ W)",
        f"({a})**2",
        f"grad(sum({a}), h) + 0 * h",
    ]
    return r.choice(forms)


def _generated(r: random.Random) -> str:
    """A spec from the grammar, with a risk in one or two of its parts."""
    risks = set(r.sample(range(12), r.choice([0, 0, 1, 1, 1, 2])))

    def value(risk: int, good: str, bad: str) -> str:
        return bad if risk in risks else good

    kind = r.choice(["model", "model", "function"])
    name = value(0, "m", r.choice(["../x", "os", "", "class", "a b", "é", "m" * 300]))
    lines = [f"[{kind}]", f"name = {json.dumps(name)}", "[inputs]"]
    extra = value(
        1, "", f", {r.choice(['low', 'high', 'sample'])} = {r.choice(VALUES)}"
    )
    shape = value(2, '["N", 4]', r.choice(SHAPES))
    lines += [f"x = {{ shape = {shape}{extra} }}", "[params]"]
    init = value(3, "", f", init = {r.choice(VALUES)}")
    lines += [f"W = {{ shape = [4, 3]{init} }}", "b = [3]", "[equations]"]
    lines += ['h = "x @ W + b"']
    for target in r.sample(["z", "w", "image", "q"], r.randrange(1, 4)):
        text = value(4, _sensible(r), _expression(r, r.randrange(3)))
        lines.append(f"{target} = {json.dumps(text)}")
    if 5 in risks:
        lines.append(f"{json.dumps(r.choice(KEYS))} = {json.dumps(_sensible(r))}")
    if kind == "model":
        lines.append(f"loss = {json.dumps(f'mean(({_sensible(r)})**2)')}")
    lines += ["[outputs]"]
    lines += [f"out = {json.dumps(value(6, _sensible(r), _expression(r)))}"]
    if kind == "model":
        lines += ["[optimizer]"]
        lines += [f"kind = {json.dumps(value(7, r.choice(OPTIMIZERS), 'adm'))}"]
        lines += [f"lr = {value(8, '0.1', r.choice(VALUES))}"]
        key = r.choice(["clip_norm", "groups", "frozen", "max_norm", "ema", "beta1"])
        lines += [f"{key} = {r.choice(VALUES)}"] if 9 in risks else []
        key = r.choice(["epochs", "seed", "monitor", "plateau", "mode", "epoch"])
        lines += ["[training]", f"{key} = {r.choice(VALUES)}"] if 10 in risks else []
        lines += ["[data]", f"train = {r.choice(VALUES)}"] if 11 in risks else []
    return "\n".join(lines) + "\n"


def _poisoned(r: random.Random) -> str:
    """A right spec with one hostile thing in it."""
    text = r.choice(SEEDS)
    what = r.randrange(5)
    if what == 0:
        evil = json.dumps(r.choice(EVIL), ensure_ascii=False)
        spots = list(re.finditer(r'"[^"\n]*"', text))
        spot = r.choice(spots)
        return text[: spot.start()] + evil + text[spot.end() :]
    if what == 1:
        spots = list(re.finditer(r"^\w+(?= =)", text, re.M)) or list(
            re.finditer(r"\w+", text)
        )
        spot = r.choice(spots)
        return text[: spot.start()] + json.dumps(r.choice(KEYS)) + text[spot.end() :]
    if what == 2:
        spots = list(re.finditer(r"= [^\n]+$", text, re.M))
        spot = r.choice(spots)
        return text[: spot.start()] + f"= {r.choice(VALUES)}" + text[spot.end() :]
    if what == 3:
        spots = list(re.finditer(r"\[[^\]\n]*\]", text))
        spot = r.choice(spots)
        return text[: spot.start()] + r.choice(SHAPES) + text[spot.end() :]
    spots = list(re.finditer(r"\b\w+\b", text))
    spot = r.choice(spots)
    return text[: spot.start()] + _expression(r) + text[spot.end() :]


def _mutated(r: random.Random, data: bytes) -> bytes:
    """Bytes, words and lines changed, doubled, swapped and lost."""
    for _ in range(r.choice([1, 1, 1, 2, 3, 8])):
        what = r.randrange(7)
        at = r.randrange(len(data) + 1)
        if what == 0:
            data = data[:at] + bytes([r.randrange(256)]) + data[at + r.randrange(2) :]
        elif what == 1:
            data = data[:at] + data[at + r.randrange(1, 20) :]
        elif what in (2, 3):
            words = WORDS.findall(data)
            if len(words) > 1:
                i, j = r.randrange(len(words)), r.randrange(len(words))
                words[i] = words[j] if what == 2 else words[i] + words[j]
                data = b"".join(words)
        elif what == 4:
            lines = data.split(b"\n")
            i, j = r.randrange(len(lines)), r.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            data = b"\n".join(lines)
        elif what == 5:
            other = r.choice(SEEDS).encode()
            cut = r.randrange(len(other))
            data = data[:at] + other[cut : cut + r.randrange(1, 200)] + data[at:]
        else:
            data = data[:at] + r.choice(BYTES) + data[at:]
    return data


def _shuffled(r: random.Random) -> bytes:
    """A spec some of whose words have become others: most often still TOML."""
    words = re.findall(r"\w+|\W", r.choice([*SEEDS, _generated(r)]))
    places = [i for i, word in enumerate(words) if word[0].isalnum()]
    every = [words[i] for i in places]
    for _ in range(r.choice([1, 1, 2, 3])):
        other = r.choice([*every, "0", "-1", "99999999999", "N", "x", "W", "init"])
        words[r.choice(places)] = other
    return "".join(words).encode("utf-8", "surrogatepass")


def make(seed: int) -> bytes:
    """Return the spec of a seed: generated, poisoned, shuffled or mutated."""
    r = random.Random(seed)
    kind = seed % 5
    if kind < 2:
        return _generated(r).encode("utf-8", "surrogatepass")
    if kind == 2:
        return _shuffled(r)
    if kind == 3:
        return _poisoned(r).encode("utf-8", "surrogatepass")
    base = r.choice([*SEEDS, _generated(r), _poisoned(r)])
    return _mutated(r, base.encode("utf-8", "surrogatepass"))
