"""Transformed functions are pickled and copied: function and options, traced anew."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from symdiff import transforms as T  # noqa: N812

X = np.array([0.5, -1.0, 2.0])
V = np.array([1.0, 2.0, -1.0])


def total(x):
    return np.sum(np.sin(x) * x**2)


def pair(x):
    return total(x), x.shape


def both(x, y):
    return np.sum(x * y**2)


class Scaled:
    def __init__(self, factor):
        self.factor = np.array(factor)

    def __call__(self, x):
        return np.sum(self.factor * x**3)

    def method(self, x):
        return np.sum(self.factor * x**2)


@T.grad
def decorated(x):
    return np.sum(x**3)


WAYS = {
    "jit": (T.jit(total), (X,)),
    "grad": (T.grad(total), (X,)),
    "grad by another": (T.grad(both, 1), (X, V)),
    "grad by two": (T.grad(both, (1, 0)), (X, V)),
    "grad with aux": (T.grad(pair, has_aux=True), (X,)),
    "grad_and_aux": (T.grad_and_aux(pair), (X,)),
    "value_and_grad": (T.value_and_grad(total), (X,)),
    "value_and_grad with aux": (T.value_and_grad(pair, has_aux=True), (X,)),
    "elementwise_grad": (T.elementwise_grad(np.sin), (X,)),
    "vjp": (T.vjp(np.sin), (X, V)),
    "jvp": (T.jvp(np.sin), (X, V)),
    "jacobian": (T.jacobian(np.cumsum), (X,)),
    "jacobian of rows": (T.jacobian(np.sin, batch_dims=1), (X,)),
    "hessian": (T.hessian(total), (X,)),
    "hvp": (T.hvp(total), (X, V)),
    "nested": (T.grad(T.jit(total)), (X,)),
    "of an object": (T.grad(Scaled(2.0)), (X,)),
    "of a method": (T.grad(Scaled(3.0).method), (X,)),
    "decorated": (decorated, (X,)),
}


def _same(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    return np.array_equal(a, b)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("called", [False, True], ids=["new", "called"])
def test_copies_compute_the_same(way, called):
    function, arguments = WAYS[way]
    if called:
        function(*arguments)
    for copied in (
        pickle.loads(pickle.dumps(function)),
        copy.deepcopy(function),
        copy.copy(function),
    ):
        assert isinstance(copied, T.Transformed)
        assert copied.__name__ == function.__name__
        assert _same(copied(*arguments), function(*arguments))
        assert copied.source == function.source


def test_a_copy_of_an_object_is_the_copys_own():
    scaled = Scaled(2.0)
    function = T.grad(scaled)
    assert np.array_equal(function(X), 6 * X**2)
    copied = copy.deepcopy(function)
    scaled.factor[...] = 5.0
    assert np.array_equal(function(X), 15 * X**2)
    assert np.array_equal(copied(X), 6 * X**2)


def test_a_decorated_function_is_found_by_its_name():
    assert pickle.loads(pickle.dumps(decorated)) is decorated


def test_another_process_traces_it_anew(tmp_path):
    Path(tmp_path / "losses.py").write_text(
        "import numpy as np\n\ndef loss(x):\n    return np.sum(x**3)\n", "utf-8"
    )
    code = (
        "import pickle, sys; import numpy as np; from symdiff.transforms import grad; "
        "import losses; sys.stdout.write(pickle.dumps(grad(losses.loss)).hex())"
    )
    made = _python(code, tmp_path)
    code = (
        f"import pickle; import numpy as np; g = pickle.loads(bytes.fromhex({made!r}));"
        " print(g(np.array([1.0, 2.0])).tolist())"
    )
    assert _python(code, tmp_path).strip() == "[3.0, 12.0]"


def _python(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_what_python_cannot_pickle_is_named():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(T.grad(lambda x: x**2))
