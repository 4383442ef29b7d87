"""Every public function refuses an argument that it does not take, and helps."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from docstrings import public

import symdiff as sd
from symdiff import transforms
from symdiff.graph.arguments import nearest

# Made by other functions, or the base of what users derive from; errors take words.
MADE_INSIDE = {
    "sd.Tensor",
    "symdiff.declare.init.Init",
    "symdiff.declare.init.as_init",
    "symdiff.declare.optim.Schedule",
    "symdiff.declare.optim.hyper_leaves",
    "symdiff.declare.optim.Optimizer",
    "sd.optim.Optimizer.update",
    "transforms.Transformed",
}


def _is_error(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, (Exception, Warning))


def _hands_on(thing: Any) -> bool:
    """Whether a function takes what another one is called with; see below."""
    kinds = {p.kind for p in inspect.signature(thing).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds


FUNCTIONS = {
    name: thing
    for name, thing in public().items()
    if name not in MADE_INSIDE
    and not _is_error(thing)
    and "Optimizer" not in {c.__name__ for c in getattr(thing, "__mro__", ())}
    and not _hands_on(thing)
}


def _named(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in kinds and p.name != "self"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_argument_nobody_knows_is_refused_with_the_line(name: str) -> None:
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters.values()
    needed = [
        object()
        for p in parameters
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty
    ]
    with pytest.raises(sd.ArgumentError, match="no argument 'zzq'") as refused:
        function(*needed, zzq=1)
    assert "test_arguments.py" in str(refused.value)
    assert isinstance(refused.value, TypeError)  # what Python raises


def _longest(function: Callable[..., Any]) -> str:
    return max(_named(function), key=len, default="")


# A name of three letters has too many neighbours.
LONG = [name for name, f in FUNCTIONS.items() if len(_longest(f)) > 3]


@pytest.mark.parametrize("name", LONG)
def test_a_misspelt_argument_is_named_rightly(name: str) -> None:
    right = _longest(FUNCTIONS[name])
    wrong = f"{right[:-2]}{right[-1]}{right[-2]}q"
    with pytest.raises(sd.ArgumentError, match="did you mean"):
        FUNCTIONS[name](**{wrong: 1})


X = sd.input("x", (3, 4))


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: sd.clip(X, 0, 1, maxx=3), "max"),
        (lambda: sd.pad(X, 1, constant_value=3), "constant_values"),
        (lambda: sd.pad(X, 1, mode="reflect", reflect_typ="odd"), "reflect_type"),
        (lambda: sd.sum(X, axes=1), "axis"),
        (lambda: X.sum(keepdim=True), "keepdims"),
        (lambda: sd.softmax(X, dim=1), "axis"),
        (lambda: sd.nn.dense(X, out_features=3), "units"),
        (lambda: sd.nn.dense(X, 3, bias=False), "use_bias"),
        (lambda: sd.nn.mse(X, X, sample_weight=1), "sample_weights"),
        (lambda: sd.Training(n_epochs=3), "epochs"),
        (lambda: sd.Training(batchsize=3), "batch_size"),
        (lambda: sd.compile(sd.Function("f", [X], X), optimise=1), "optimize"),
        (lambda: sd.Function("f", [X], output=X), "outputs"),
        (lambda: sd.Model("m", input=[X]), "inputs"),
        (lambda: sd.input("x", (3,), dtyp="int64"), "dtype"),
        (lambda: sd.param("w", (3,), initializer=0), "init"),
        (lambda: transforms.grad(np.sum, argnums=1), "argnum"),
        (lambda: transforms.jacobian(np.sum, batchdims=1), "batch_dims"),
    ],
)  # fmt: skip
def test_names_of_other_libraries_and_slips(
    call: Callable[[], Any], meant: str
) -> None:
    with pytest.raises(sd.ArgumentError, match=f"did you mean '{meant}'"):
        call()


def test_options_of_a_report() -> None:
    compiled = sd.compile(sd.Function("f", [X], sd.sin(X)))
    with pytest.raises(sd.ArgumentError, match="did you mean 'values'"):
        compiled.explain(value="random")
    with pytest.raises(sd.ArgumentError, match="did you mean 'values'"):
        compiled.explore(value="random")


@pytest.mark.parametrize("name", ["out", "casting", "where", "initial", "order"])
@pytest.mark.parametrize("function", [sd.mean, sd.tanh, sd.add, sd.cumsum, sd.argmax])
def test_numpys_arguments_are_never_swallowed(function: Any, name: str) -> None:
    if name in inspect.signature(function).parameters:
        pytest.skip(f"{function.__name__} honours {name}=; other tests hold its value")
    operands = [X] * (2 if function is sd.add else 1)
    with pytest.raises(sd.ArgumentError, match=name):
        function(*operands, **{name: np.zeros((3, 4))})


def test_an_error_inside_a_function_stays_as_it_is() -> None:
    """A TypeError of the user's own function is no wrong call of ours."""

    def own(x: Any) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine") as raised:
        sd.trace(own, (3,))
    assert not isinstance(raised.value, sd.ArgumentError)


def test_nothing_is_guessed_from_afar() -> None:
    assert nearest("zebra", ["lr", "beta1", "eps"]) is None


def test_what_goes_by_name_alone_is_shown_behind_a_star() -> None:
    with pytest.raises(sd.ArgumentError, match=r"axis=None, \*, keepdims=False"):
        sd.max(X, 0, None, True)
