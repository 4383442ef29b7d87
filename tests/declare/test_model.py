"""Models and functions say what is wrong, with the user's line, before anything is
compiled.
"""

import warnings

import pytest

import symdiff as sd


def mlp(**changes):
    n = sd.dim("N")
    x = sd.input("x", (n, 4))
    y = sd.input("y", (n,))
    w = sd.param("w", (4,))
    z = sd.tanh(x @ w)
    fields = {
        "name": "net",
        "inputs": [x],
        "targets": [y],
        "outputs": {"z": z},
        "loss": sd.mean((z - y) ** 2),
        "metrics": {"error": sd.mean(sd.abs(z - y))},
    }
    return fields | changes


def test_a_model_lists_what_it_holds():
    n = sd.dim("N")
    x = sd.input("x", (n, 4))
    y = sd.input("y", (n,))
    first = sd.param("out.W", (4,))
    second = sd.param("b", ())
    mean = sd.state("mean", (4,))
    new = 0.9 * mean + 0.1 * sd.mean(x, axis=0)
    z = (x - mean) @ first + second
    model = sd.Model(
        "net",
        x,
        [y],
        z,
        sd.mean((z - y) ** 2),
        optimizer=sd.optim.SGD(0.1),
        updates={mean: new},
    )
    assert list(model.params) == ["out.W", "b"]
    assert list(model.states) == ["mean"]
    assert model.outputs == (z,)
    assert model.single
    assert model.output_names == (None,)
    assert model.randoms == ()
    assert model.site.location.startswith(__file__)
    with pytest.raises(AttributeError):
        model.name = "other"


def test_a_function_keeps_the_form_of_its_outputs():
    x = sd.input("x", (3,))
    a, b = sd.sin(x), sd.cos(x)
    assert sd.Function("f", x, a).single
    assert sd.Function("f", [x], [a, b]).output_names == (None, None)
    named = sd.Function("f", [x], {"a": a, "b": b})
    assert named.output_names == ("a", "b")
    assert not named.single


def other(shape=(), dtype="float"):
    return sd.input("other", shape, dtype)


BAD_MODELS = {
    "loss not scalar": ({"loss": lambda f: f["outputs"]["z"]}, sd.ShapeError, "scalar"),
    "loss not float": (
        {"loss": lambda f: sd.sum(sd.cast(f["outputs"]["z"], "int64"))},
        sd.DTypeError,
        "float loss",
    ),
    "loss a literal": ({"loss": lambda f: 3.0}, sd.DeclarationError, "not a tensor"),
    "unlisted input": (
        {"loss": lambda f: f["loss"] + other()},
        sd.DeclarationError,
        "reads 'other'",
    ),
    "computed input": (
        {"inputs": lambda f: [f["inputs"][0] * 2]},
        sd.DeclarationError,
        "computed",
    ),
    "param as input": (
        {"inputs": lambda f: [*f["inputs"], sd.param("v", 3)]},
        sd.DeclarationError,
        "is a param",
    ),
    "input twice": (
        {"inputs": lambda f: [*f["inputs"], *f["inputs"]]},
        sd.DeclarationError,
        "twice",
    ),
    "unused target": (
        {"targets": lambda f: [*f["targets"], other()]},
        sd.DeclarationError,
        "neither the loss",
    ),
    "target in outputs": (
        {"outputs": lambda f: f["loss"]},
        sd.DeclarationError,
        "depend on the target 'y'",
    ),
    "two leaves of a name": (
        {"loss": lambda f: f["loss"] + sd.sum(sd.param("w", 3))},
        sd.DeclarationError,
        "two leaves are called 'w'",
    ),
    "an input named as a parameter": (
        {"loss": lambda f: f["loss"] + sd.param("x", ())},
        sd.DeclarationError,
        "two leaves are called 'x'",
    ),
    "no parameters": (
        {"outputs": lambda f: f["inputs"][0], "loss": lambda f: sd.sum(f["targets"][0]),
         "metrics": lambda f: {}},
        sd.DeclarationError,
        "no parameters",
    ),
    "metric not scalar": (
        {"metrics": lambda f: {"z": f["outputs"]["z"]}},
        sd.ShapeError,
        "metric 'z'",
    ),
    "metric called loss": (
        {"metrics": lambda f: {"loss": f["loss"]}},
        sd.DeclarationError,
        "cannot be called",
    ),
    "metric called epoch": (
        {"metrics": lambda f: {"epoch": f["loss"]}},
        sd.DeclarationError,
        "the number of the epoch",
    ),
    "metric called as another one of validation": (
        {"metrics": lambda f: {"a": f["loss"], "val_a": f["loss"]}},
        sd.DeclarationError,
        "'a' on the rows that are held out",
    ),
    "no outputs": ({"outputs": lambda f: None}, sd.DeclarationError, "no outputs"),
    "empty outputs": ({"outputs": lambda f: []}, sd.DeclarationError, "empty"),
    "hostile output": (
        {"outputs": lambda f: {"; import os": f["outputs"]["z"]}},
        sd.DeclarationError,
        "identifier",
    ),
    "optimizer class": (
        {"optimizer": lambda f: sd.optim.Adam},
        sd.DeclarationError,
        r"write Adam\(",
    ),
    "optimizer of another kind": (
        {"optimizer": lambda f: "adam"},
        sd.DeclarationError,
        "sd.optim",
    ),
    "update of a parameter": (
        {"updates": lambda f: {sd.param("w2", ()): f["loss"]}},
        sd.DeclarationError,
        "sd.state",
    ),
    "update of another shape": (
        {"updates": lambda f: {sd.state("s", (2,)): f["loss"]}},
        sd.ShapeError,
        "cannot become",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MODELS.values(), ids=BAD_MODELS)
def test_a_bad_model_is_refused_at_its_line(case):
    changes, error, message = case
    fields = mlp()
    fields |= {name: change(fields) for name, change in changes.items()}
    with pytest.raises(error, match=message) as caught:
        sd.Model(**fields)
    assert f"at {__file__}:" in str(caught.value)


BAD_NAMES = ["", "a b", "class", "match", "numpy", "forward", "json", "; import os"]
BAD_NAMES += ["é", 3, None, "symdiff", "a.b", "1a"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_cannot_be_a_module_is_refused(name):
    with pytest.raises(sd.DeclarationError, match="name"):
        sd.Model(**mlp(name=name))
    x = sd.input("x", ())
    with pytest.raises(sd.DeclarationError, match="name"):
        sd.Function(name, x, sd.sin(x))


def test_a_function_must_list_what_it_reads():
    x = sd.input("x", (3,))
    w = sd.param("w", (3,))
    with pytest.raises(sd.DeclarationError, match="needs w"):
        sd.Function("f", [x], x * w)
    assert sd.Function("f", [x, w], x * w).inputs == (x, w)


def test_tying_is_using_one_object_twice():
    n = sd.dim("N")
    x = sd.input("x", (n, 3))
    w = sd.param("w", (3, 3))
    model = sd.Model("tied", x, outputs=x @ w @ w, loss=sd.sum(x @ w @ w))
    assert list(model.params) == ["w"]


@pytest.mark.parametrize(
    "hide",
    [sd.stop_gradient, lambda v: sd.cast(v > 0, "float")],
    ids=["barrier", "step"],
)
def test_an_unreached_parameter_warns_at_the_line(hide):
    fields = mlp()
    dead = sd.param("dead", ())
    fields["loss"] = fields["loss"] + hide(dead)
    with pytest.warns(
        sd.SymdiffWarning, match=r"does not reach parameter dead: .* 0"
    ) as found:
        sd.Model(**fields)
    assert found[0].filename == __file__


def test_an_unused_input_warns():
    fields = mlp()
    fields["inputs"].append(sd.input("spare", ()))
    with pytest.warns(sd.SymdiffWarning, match="input 'spare' is not used"):
        sd.Model(**fields)


def test_a_good_model_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sd.Model(**mlp())


def test_names_that_only_look_alike_are_two_names():
    """``ﬁ`` and ``fi`` are one identifier for Python, and two keys."""
    fields = mlp()
    fields["loss"] = fields["loss"] + sd.param("ﬁ", ()) * sd.param("fi", ())
    assert list(sd.Model(**fields).params) == ["w", "ﬁ", "fi"]


@pytest.mark.parametrize(
    "arguments", [{"epochs": -1}, {"batch_size": 0}, {"seed": 1.5}, {"epochs": True}]
)
def test_training_is_checked(arguments):
    with pytest.raises(sd.DeclarationError, match="Training"):
        sd.Training(**arguments)
    assert sd.Training(3, 8, 1) == sd.Training(epochs=3, batch_size=8, seed=1)
