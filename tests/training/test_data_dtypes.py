"""Data of another dtype than the parameters: what is wrong, and what to do about it."""

import re

import numpy as np
import pytest
from training_runs import float32_rows, fresh, rows


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [("x", "float64"), ("x", "int64"), ("x", "float16"), ("x", "bool"), ("y", "f4")],
)
def test_the_remedy_that_is_told_helps(module, name, dtype, planned):
    """Nothing is converted unasked; doing what the error says makes it train."""
    data = float32_rows()
    data[name] = data[name].astype(dtype)
    state = fresh(module)
    before = state.flat_params.copy()
    with pytest.raises(TypeError, match=rf"{name}\b.*use \.astype\(") as caught:
        module.fit(state, data, epochs=1, planned=planned)
    assert np.array_equal(state.flat_params, before)
    told = re.search(r'use \.astype\("(\w+)"\)', str(caught.value))
    data[name] = data[name].astype(told[1])
    module.fit(state, data, epochs=1, planned=planned)
    assert state.step == 2


def test_parameters_say_how_wide_data_has_to_be(module):
    state = module.init_state(module.init_params(0, np.float64))
    with pytest.raises(TypeError, match=r'use \.astype\("float64"\)'):
        module.fit(state, float32_rows(), epochs=1)
    assert len(module.fit(state, rows(), epochs=1)) == 1
