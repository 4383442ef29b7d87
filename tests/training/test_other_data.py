"""A checkpoint knows its data and its split: no held-out row comes into training."""

import numpy as np
import pytest
from training_runs import DATA, GOOD, MODEL, float32_rows, fresh, rows, train, weights

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

RESUME = ["--checkpoint", "c.npz", "--resume"]
SPLIT = ["--validation-split", 0.3]


def changed(change):
    """The spec whose data() is changed by a statement on ``d``."""
    return MODEL + DATA.replace(
        'return {"train": rows()}', f"d = rows(); {change}; return {{'train': d}}"
    )


OTHER = {
    "split": (GOOD, ["--validation-split", 0.5]),
    "no split": (GOOD, []),
    "one value": (changed("d['x'][7, 2] += 1e-3"), SPLIT),
    "one label": (changed("d['y'][3] = (d['y'][3] + 1) % 3"), SPLIT),
    "order": (changed("d = {k: a[::-1] for k, a in d.items()}"), SPLIT),
    "fewer rows": (changed("d = {k: a[:-1] for k, a in d.items()}"), SPLIT),
    "more rows": (
        changed("d = {k: np.concatenate([a, a[:1]]) for k, a in d.items()}"),
        SPLIT,
    ),
    "dtype": (changed("d['y'] = d['y'].astype('int32')"), SPLIT),
}


@pytest.mark.parametrize(("text", "options"), OTHER.values(), ids=OTHER)
def test_other_data_or_another_split_is_refused(text, options):
    train(*SPLIT, "--checkpoint", "c.npz")
    before = weights("c.npz")
    said = train(*options, *RESUME, "--epochs", 5, text=text, code=1)
    assert "c.npz is of a run with {'data': {'rows': 42" in said
    assert "--validation-split" in said
    assert weights("c.npz") == before
    assert "going on from c.npz" in train(*SPLIT, *RESUME, "--epochs", 5)


@pytest.mark.parametrize("split", [SPLIT, []])
def test_data_is_known_wherever_it_lies(split):
    """In memory, in an archive, or read from disk batch by batch: one identity."""
    np.save("x.npy", rows()["x"])
    np.save("y.npy", rows()["y"])
    np.savez("d.npz", **rows())
    disk = ["--data", "x.npy", "--data", "y.npy"]
    train(*split, "--epochs", 9)
    expected = weights()
    train(*split, "--checkpoint", "c.npz")
    for epochs, more in ((5, disk), (7, ["--data", "d.npz"]), (9, ["--debug-nans"])):
        said = train(*split, *RESUME, *more, "--epochs", epochs)
        assert "going on from c.npz" in said
    assert weights() == expected
    np.save("x.npy", rows()["x"] + 1)
    assert "of a run with" in train(*split, *RESUME, *disk, code=1)


def test_fit_itself_refuses_other_data(module):
    data, held = float32_rows(), {k: a[:9] for k, a in float32_rows().items()}

    def batches(epoch):
        yield data

    def fit(train, validation, epochs=2):
        state = fresh(module)
        module.fit(
            state, train, epochs=epochs, validation=validation, checkpoint="c.npz"
        )
        return state

    fit(data, held)
    less = {k: a[1:] for k, a in data.items()}
    for others in ((less, held), (data, None), (data, less), (batches, held)):
        with pytest.raises(ValueError, match=r"c\.npz is of a run with \{'(data|val)"):
            fit(*others, epochs=4)
    assert fit(data, held, epochs=4).step == 8


def test_a_function_of_the_epoch_is_known_by_its_identity(module):
    def batches(epoch):
        yield float32_rows()

    batches.identity = "rows of March"
    module.fit(fresh(module), batches, epochs=1, checkpoint="c.npz")
    module.fit(fresh(module), batches, epochs=2, checkpoint="c.npz")
    batches.identity = "rows of April"
    with pytest.raises(ValueError, match=r"rows of March.*rows of April"):
        module.fit(fresh(module), batches, epochs=3, checkpoint="c.npz")
