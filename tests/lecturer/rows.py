"""The models of the legibility table: a spec of each, and its gradient by hand.

`specs/` has the models as users declare them, where no example is one, and `by_hand/`
for each a NumPy module of a `forward` that returns the loss and a cache, and a
`backward` that reads the cache, written for people and not after symdiff's text.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.declare.spec import load_spec

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
LENGTHS = {"N": 6, "T": 7}  # of the symbolic dims, at a random point
Arrays = dict[str, np.ndarray]


def dropout_of_the_cnn() -> sd.Tensor:
    """The factors of the example's dropout, which are 0 or 1 / 0.7."""
    ones = sd.constant(np.ones((LENGTHS["N"], 784)))
    return sd.resolve_mode(sd.nn.dropout(ones, 0.3), "train")


def noise_of_the_vae() -> sd.Tensor:
    """The example's draw of the codes."""
    return sd.random.normal((LENGTHS["N"], 2))


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str  # of the module in by_hand/, of the spec and of its model
    title: str
    folder: Path = HERE / "specs"
    draw: Callable[[], sd.Tensor] | None = None  # what the model draws at random

    @property
    def spec(self) -> Path:
        """The file that declares the model."""
        return self.folder / f"{self.name}.py"

    @property
    def by_hand(self) -> Path:
        """The file of the gradient by hand."""
        return HERE / "by_hand" / f"{self.name}.py"

    def model(self) -> sd.Model:
        """Return the model that symdiff is given."""
        return load_spec(self.spec).model

    def compiled(self) -> Compilation:
        """Return what symdiff makes of it."""
        return sd.compile(self.model())

    def twin(self) -> ModuleType:
        """Return the module by hand."""
        return importlib.import_module(f"lecturer.by_hand.{self.name}")


ROWS = (
    Row("digits_mlp", "digits MLP", EXAMPLES),
    Row("maximum_mlp", "W3·max(0, W2·max(0, W1 x)) by `maximum`"),
    Row("batch_norm_mlp", "batch-norm MLP"),
    Row("mnist_cnn", "MNIST CNN", EXAMPLES, dropout_of_the_cnn),
    Row("lstm", "`nn.lstm` + dense"),
    Row("lstm_scan", "LSTM by `scan`"),
    Row("attention", "GPT attention block"),
    Row("gmm", "GMM log-likelihood"),
    Row("kalman", "Kalman filter (vector state, scan)"),
    Row("crf", "CRF (scan)"),
    Row("svm", "SVM spelled out"),
    Row("hinge", "SVM by `nn.hinge`"),
    Row("vae", "VAE", EXAMPLES, noise_of_the_vae),
)


def point(model: sd.Model, rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Return random parameters, of the size that training starts at, and data."""
    params = {
        name: rng.normal(size=p.shape) / np.sqrt(p.shape[0])
        for name, p in (*model.params.items(), *model.states.items())
    }
    data = {}
    for leaf in (*model.inputs, *model.targets):
        shape = tuple(LENGTHS.get(str(n), n) for n in leaf.shape)
        if leaf.dtype.is_float:
            data[leaf.name] = rng.uniform(size=shape)
        else:
            data[leaf.name] = rng.integers(0, leaf.node.attrs["high"], shape)
    return params, data


def drawn(row: Row, key: int) -> list[Any]:
    """Return what the model draws with a key, for the twin's last argument."""
    if row.draw is None:
        return []
    function = sd.Function("draw", [], [row.draw()])
    return [sd.compile(function).load().forward.forward(key).astype(float)]
