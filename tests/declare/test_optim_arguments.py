"""Arguments that no optimiser takes are refused, and the near name is offered.

The class: every optimiser, by every name that other libraries give to its arguments,
and by any other name; those that users declare, by what their equations read.
"""

import inspect

import pytest

import symdiff as sd

OWN = [
    getattr(sd.optim, name)
    for name in sd.optim.__all__
    if isinstance(getattr(sd.optim, name), type)
    and issubclass(getattr(sd.optim, name), sd.optim.Optimizer)
    and getattr(sd.optim, name) is not sd.optim.Optimizer
]
MEANT = {
    "learning_rate": "lr",
    "LR": "lr",
    "clipnorm": "clip_norm",
    "global_clipnorm": "clip_norm",
    "max_grad_norm": "clip_norm",
    "grad_clip": "clip_norm",
    "clipvalue": "clip_value",
    "ema_momentum": "ema",
    "freeze": "frozen",
    "group": "groups",
}
OF_SOME = {
    "betas": "beta1",
    "beta_1": "beta1",
    "b2": "beta2",
    "epsilon": "eps",
    "weightdecay": "weight_decay",
    "mu": "momentum",
}


@pytest.mark.parametrize("make", OWN, ids=lambda c: c.__name__)
@pytest.mark.parametrize("given", [*MEANT, *OF_SOME, "amsgrad", "nonsense"])
def test_an_unknown_argument_is_refused(make, given):
    with pytest.raises(TypeError) as caught:
        make(**{given: 0.5})
    said = str(caught.value)
    assert isinstance(caught.value, sd.SymdiffError)
    assert f"takes no argument {given!r}" in said
    assert __file__ in said
    assert " lr, " in said
    if given in MEANT:
        assert f"did you mean {MEANT[given]!r}?" in said


@pytest.mark.parametrize(("given", "meant"), OF_SOME.items())
def test_a_near_name_is_offered(given, meant):
    make = sd.optim.SGD if meant == "momentum" else sd.optim.AdamW
    with pytest.raises(TypeError, match=f"did you mean '{meant}'"):
        make(**{given: 0.5})


def model(optimizer):
    x = sd.input("x", (sd.dim("N"), 2))
    z = sd.nn.dense(x, 1)
    return sd.Model("m", [x], [], z, sd.mean(z**2), optimizer=optimizer)


class Plain(sd.optim.Optimizer):
    """One that hands on all that it is given."""

    def update(self, p, g, slots, hyper, t):
        return p - hyper["lr"] * g, {}


class Named(Plain):
    """One that names its own argument, and hands on the rest."""

    def __init__(self, lr=0.1, **more):
        super().__init__(lr=lr, **more)


class Derived(sd.optim.Adam):
    """One of ours with an argument more, which its equations read."""

    def __init__(self, lr=0.1, shift=0.0, **more):
        super().__init__(lr, shift=shift, **more)

    def update(self, p, g, slots, hyper, t):
        new, kept = super().update(p, g, slots, hyper, t)
        return new + hyper["shift"], kept


@pytest.mark.parametrize("make", [Plain, Named, Derived])
def test_what_no_equation_of_a_users_own_reads_is_refused(make):
    model(make(lr=0.5, clip_norm=1.0, ema=0.9))
    model(make(lr=sd.optim.schedules.cosine(0.1, 10)))
    with pytest.raises(sd.DeclarationError, match=r"did you mean 'clip_norm'\?"):
        model(make(lr=0.5, clipnorm=1.0))
    with pytest.raises(
        sd.DeclarationError, match="reads its hyperparameter 'nonsense'"
    ):
        model(make(lr=0.5, nonsense=1.0))


def test_a_misspelt_rate_of_a_users_own_is_told():
    with pytest.raises(sd.DeclarationError, match="reads 'lr'"):
        model(Plain(learning_rate=0.5))


@pytest.mark.parametrize(
    ("make", "meant"),
    [
        (lambda: sd.optim.schedules.cosine(0.1, total_steps=10), "steps"),
        (lambda: sd.optim.schedules.step(0.1, 5, gama=0.5), "gamma"),
        (lambda: sd.init.normal(stdev=0.1), "std"),
        (lambda: sd.init.uniform(hi=1.0, low=0.0), "high"),
        (lambda: sd.nn.elastic_net([sd.param("w", 2)], L1=0.1), "l1"),
    ],
)
def test_schedules_initialisers_and_penalties_offer_the_near_name(make, meant):
    with pytest.raises(TypeError, match=f"takes no argument .*{meant}"):
        make()


# Each hyperparameter by what it must stay below; none may be negative.
BELOW = {
    **dict.fromkeys(["lr", "lr_decay", "eps", "weight_decay", "momentum_decay"]),
    **dict.fromkeys(["momentum", "alpha", "rho", "beta1", "beta2", "ema"], 1.0),
    **dict.fromkeys(["clip_value", "clip_norm"]),
}
OPTIONAL = ("clip_value", "clip_norm", "ema")
NO_NUMBER = [True, None, "0.1", [0.1], float("nan"), float("inf"), 10**400, 1j]


def settings(make):
    """Return the hyperparameters that an optimiser can have, and one that has all."""
    given = dict.fromkeys(OPTIONAL, 0.5)
    own = [n for n in inspect.signature(make).parameters if n in BELOW]
    beside = {n: 0.1 for n in own if n != "lr"}
    return [*own, *OPTIONAL], lambda **more: make(0.1, **beside, **given, **more)


@pytest.mark.parametrize("make", OWN, ids=lambda c: c.__name__)
def test_groups_are_held_to_what_the_arguments_are(make):
    """Every setting of every optimiser, of the wrong kind and out of its range."""
    names, made = settings(make)
    for name in names:
        high = BELOW[name]
        wrong = [-1, -1e-9, *NO_NUMBER, *([high, high + 1] if high else [])]
        for value in [*wrong, *([0] if name in OPTIONAL else [])]:
            said = [f"{name}'\\]", name]
            if name not in OPTIONAL or value is not None:  # None leaves an option out
                with pytest.raises(sd.DeclarationError, match=said[1]):
                    make(**{name: value})
            with pytest.raises(sd.DeclarationError, match=said[0]):
                made(groups={"*.W": {name: value}})
        fine = 0.5 if high or name in OPTIONAL else 0
        assert made(groups={"*.W": {name: fine}}).of_parameter("a.W") == {name: fine}


def test_groups_of_an_own_optimiser_are_only_finite():
    """What its hyperparameters mean is not known."""
    rule = Plain(lr=0.1, groups={"*.W": {"lr": -1}})
    assert rule.of_parameter("a.W") == {"lr": -1.0}


@pytest.mark.parametrize(
    "given",
    [
        lambda p: p,
        lambda p: (p,),
        lambda p: None,
        lambda p: (p, None),
        lambda p: (p, {}, {}),
        lambda p: [p, {}],
        lambda p: ({}, p),
        lambda p: 0.5,
    ],
)
def test_an_update_returns_a_parameter_and_slots(given):
    class Short(sd.optim.Optimizer):
        def update(self, p, g, slots, hyper, t):
            return given(p - hyper["lr"] * g)

    with pytest.raises(sd.DeclarationError, match=r"return p - step, \{\}") as caught:
        sd.compile(model(Short(lr=0.1)))
    assert "the update of Short must return" in str(caught.value)
