"""What batches do not determine, as docs/traps.md tells it: the root of a mean."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import symdiff as sd


def trained(validation):
    n = sd.dim("N")
    x, y = sd.input("x", (n, 3)), sd.input("y", (n,))
    z = x @ sd.param("w", (3,), init="ones")
    root = sd.sqrt(sd.mean((z - y) ** 2))
    model = sd.Model("m", [x], [y], outputs=z, loss=root, optimizer=sd.optim.SGD(0.0))
    module = sd.compile(model).load()
    rng = np.random.default_rng(0)
    rows = {"x": rng.normal(size=(20, 3)), "y": rng.normal(size=20)}
    rows = {name: array.astype("float32") for name, array in rows.items()}
    state = module.init_state(module.init_params(0))
    parts = [{k: a[i : i + 8] for k, a in rows.items()} for i in (0, 8, 16)]
    given = {"batches": lambda epoch: iter(parts), "whole": rows, "none": None}
    options = {"batch_size": 8, "epochs": 1, "shuffle": False}
    (record,) = module.fit(state, rows, validation=given[validation], **options)
    roots = [module.loss_and_residuals(state.params, **p)[0] for p in parts]
    means = np.average(roots, weights=[8, 8, 4])
    return record, means, module.loss_and_residuals(state.params, **rows)[0]


@pytest.mark.parametrize("validation", ["none", "whole"])
def test_steps_of_an_epoch_tell_a_mean_by_rows_without_a_warning(validation):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message="unmoved")
        record, means, whole = trained(validation)
    assert record["loss"] == pytest.approx(means, rel=1e-5)
    assert record.get("val_loss", whole) == pytest.approx(whole, rel=1e-5)


def test_held_out_rows_in_batches_tell_it_with_a_warning():
    with pytest.warns(UserWarning, match="not the value of all rows"):
        record, means, whole = trained("batches")
    assert record["val_loss"] == pytest.approx(means, rel=1e-5)
    assert abs(means - whole) > 1e-4
