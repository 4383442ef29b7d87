"""The lessons that are specs too: `symdiff train` finds a model and data that fit."""

from pathlib import Path

import numpy as np
import pytest

from symdiff.declare.spec import call_data, load_spec

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["mnist_cnn", "lstm_series", "gpt", "vae"])
def test_a_lesson_is_a_spec(name):
    spec = load_spec(EXAMPLES / f"{name}.py")
    assert spec.model.name == name
    parts = call_data(spec)
    assert list(parts) == ["train", "test"]
    for part in parts.values():
        lengths = {len(a) for a in part.values()}
        assert len(lengths) == 1
        for leaf in (*spec.model.inputs, *spec.model.targets):
            array = part[leaf.name]
            assert array.dtype == (np.float32 if leaf.dtype.is_float else np.int64)
            assert array.ndim == leaf.ndim
            assert np.isfinite(array).all()
    steps = -(-len(parts["train"][leaf.name]) // spec.training.batch_size)
    assert 50 < steps * spec.training.epochs < 4000  # a minute or so
