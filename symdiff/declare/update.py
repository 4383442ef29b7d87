"""What an optimiser is: hyperparameters, slots and an update equation.

In: a parameter, its gradient, the optimiser's slots and hyperparameters, all as
tensors. Out: the new parameter and the new slots, as graph, with clipping before the
equation and averaging after it. Invariant: an update uses public functions only and no
Python control flow on values, so the training step is optimised and printed like the
rest of the model. A user's own optimiser is a subclass of `Optimizer`.
"""

from __future__ import annotations

import fnmatch
import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

from symdiff.declare.numbers import Hyper, bounds, number, patterns, require
from symdiff.declare.schedules import Schedule
from symdiff.graph.arguments import did_you_mean, refuse_unknown
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, Shape, dim
from symdiff.ops.core.leaf import HYPER, INPUT, PARAM, RANDOM, STATE
from symdiff.ops.core.operands import API, as_tensor

Slots = dict[str, Tensor]

# What every optimiser takes beside its own hyperparameters.
OPTIONS = ("clip_value", "clip_norm", "ema", "groups", "frozen", "max_norm")
# Exclusive upper bounds of the options that equations read; they must be above 0.
_HIGH = {"clip_value": math.inf, "clip_norm": math.inf, "ema": 1.0}
# Exclusive upper bounds of hyperparameters with a usual meaning; they may be 0.
_LIMITS = {
    **dict.fromkeys(["lr", "lr_decay", "weight_decay", "momentum_decay"], math.inf),
    "eps": math.inf,
    "momentum": 1.0,
    "rho": 1.0,
    "alpha": 1.0,
    "beta1": 1.0,
    "beta2": 1.0,
}


class Optimizer:
    """A rule that turns a parameter and its gradient into the next parameter.

    A subclass passes its hyperparameters to ``super().__init__(lr=..., ...)``, lists in
    ``slots`` the arrays it keeps for each parameter (they start at zero), and defines
    ``update``. ``hyper`` may be changed while training, so `update` must not turn its
    values into Python numbers. A hyperparameter may be a `Schedule` from
    ``sd.optim.schedules``.

    Parameters
    ----------
    **hyper
        The hyperparameters by name, and the options below.

    Other Parameters
    ----------------
    clip_value : float
        Bound on the magnitude of each element of the gradient.
    clip_norm : float
        Bound c on the norm of the whole gradient, all parameters together: it is scaled
        by min(1, c / (norm + 1e-6)), before ``clip_value`` is applied.
    ema : float
        Decay of a running average of the parameters, in the slot ``ema``. It starts at
        zero; the generated ``averaged_params(state)`` divides by 1 minus the product
        of all steps' decays, which is ``1 - ema**step`` where there is no schedule.
    groups : dict
        Name pattern to hyperparameters that replace the common ones, as in
        ``{"*.b": {"weight_decay": 0.0}}``; the first pattern that fits counts. A group
        may also set a hyperparameter that is 0 for all other parameters. What a group
        sets is constant, also where the common value follows a schedule.
    frozen : sequence of str
        Name patterns of parameters that steps leave as they are; their gradients are no
        part of what ``clip_norm`` bounds.
    max_norm : float or dict
        Name pattern to bound on the norm of the weights into each unit, or one bound
        for every weight, as in ``{"*.W": 3.0}``. What exceeds it is scaled back after
        each step (Srivastava et al., JMLR 2014, section 5.1). A unit's weights are a
        column of (in, units), and a filter of (filters, channels, ...).
    """

    slots: tuple[str, ...] = ()
    _limited: frozenset[str] = frozenset()  # hyperparameters that have bounds

    @public
    def __init__(self, **hyper: Any) -> None:
        if type(self).__init__.__module__.startswith("symdiff."):  # not a user's own
            known = _named_by(type(self))
            if known:
                refuse_unknown(f"{type(self).__name__}()", hyper, [*known, *OPTIONS])
        self.hyper: dict[str, float] = {}
        self.schedules: dict[str, Schedule] = {}
        self.groups = dict(hyper.pop("groups", None) or {})
        self.frozen = tuple(patterns(hyper.pop("frozen", None)))
        self.max_norm = bounds(hyper.pop("max_norm", None))
        for name in _HIGH:
            if hyper.get(name) is None:
                hyper.pop(name, None)
            else:
                require(name, hyper[name], 0, _HIGH[name], open_low=True)
        for name, value in hyper.items():
            if not name.isidentifier() or name == "t":
                raise DeclarationError(
                    f"hyperparameter {name!r} must be an identifier other than t, the "
                    "step."
                )
            if isinstance(value, Schedule):
                self.schedules[name], value = value, value.base
            self.hyper[name] = number(f"{type(self).__name__}({name}=)", value)
        self._check_groups()
        if self.max_norm and "ema" in self.hyper:
            raise DeclarationError(
                "ema= averages what the equations give, and max_norm= scales that back "
                "afterwards; use one of the two."
            )

    def _check_groups(self) -> None:
        for pattern, values in self.groups.items():
            if not isinstance(pattern, str) or not isinstance(values, Mapping):
                raise DeclarationError(
                    "groups= maps a name pattern to hyperparameters."
                )
            for name, value in values.items():
                if name not in self.hyper:
                    raise DeclarationError(
                        f"groups[{pattern!r}] sets {name!r}"
                        f"{did_you_mean(name, self.hyper) or ';'} {self!r} has "
                        f"{', '.join(self.hyper)}, which groups may set."
                    )
                what = f"groups[{pattern!r}][{name!r}]"
                number(what, value)
                if name in _HIGH:
                    require(what, value, 0, _HIGH[name], open_low=True)
                elif name in self._limited:
                    require(what, value, 0, _LIMITS[name], open_low=False)

    def _require(self, **given: Hyper) -> None:
        """Check hyperparameters that have their usual meaning, for groups too."""
        self._limited = self._limited.union(given)
        for name, value in given.items():
            require(name, value, 0, _LIMITS[name], open_low=False)

    @property
    def all_slots(self) -> tuple[str, ...]:
        """The slots of the rule, and ``ema`` where it is asked for."""
        return (*self.slots, "ema") if "ema" in self.hyper else self.slots

    def update(
        self,
        p: Tensor,
        g: Tensor,
        slots: Mapping[str, Tensor],
        hyper: Mapping[str, Tensor],
        t: Tensor,
    ) -> tuple[Tensor, Slots]:
        """Return the new parameter and the new slots, all from the old values.

        Equations say what they do to one parameter by itself. Elementwise ones that are
        the same for every shape are planned on all parameters laid end to end.

        Parameters
        ----------
        p, g : Tensor
            Parameter and gradient, of one shape.
        slots : dict
            By name, each of p's shape.
        hyper : dict
            By name, 0-d.
        t : Tensor
            Number of this step, counted from 1, 0-d float.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update.")

    def step(
        self,
        p: Tensor,
        g: Tensor,
        slots: Mapping[str, Tensor],
        hyper: Mapping[str, Tensor],
        t: Tensor,
        whole: Tensor,
    ) -> tuple[Tensor, Slots]:
        """Return what `update` does between clipping and averaging.

        ``whole`` is the flat gradient of all parameters. Clipping by norm scales by
        min(1, c / ‖whole‖): Pascanu, Mikolov & Bengio, ICML 2013, algorithm 1.
        """
        if "clip_norm" in hyper:
            norm = hinted(API["sqrt"](API["sum"](API["square"](whole))), "norm")
            shrink = hinted(
                API["minimum"](1.0, hyper["clip_norm"] / (norm + 1e-6)), "shrink"
            )
            g = hinted(shrink * g, "clipped")
        if "clip_value" in hyper:
            c = hyper["clip_value"]
            g = hinted(API["minimum"](API["maximum"](g, -c), c), "clipped")
        own = {name: slots[name] for name in self.slots}
        name = type(self).__name__
        new, kept = _pair(name, self.update(p, g, own, hyper, t))
        unknown = sorted(kept.keys() - own.keys())
        if unknown:
            raise DeclarationError(
                f"the update of {name} returns {unknown[0]!r}, which is none of its "
                f"slots: {', '.join(own)}."
            )
        new = _fitting(f"the new parameter of {name}", new, p)
        kept = {n: _fitting(f"the slot {n!r} of {name}", v, p) for n, v in kept.items()}
        if "ema" in hyper:
            decay = hyper["ema"]
            average = hinted(decay * slots["ema"] + (1 - decay) * new, "ema")
            kept = {**kept, "ema": average}
        return new, kept

    def scheduled(self, hyper: Mapping[str, Tensor], t: Tensor) -> dict[str, Tensor]:
        """Return the value at step t of each hyperparameter that has a schedule."""
        return {n: hyper[n] * s.factor(t) for n, s in self.schedules.items()}

    def of_parameter(self, name: str) -> dict[str, float]:
        """Return the hyperparameters that replace the common ones for a parameter."""
        for pattern, values in self.groups.items():
            if fnmatch.fnmatchcase(name, pattern):
                return {k: float(v) for k, v in values.items()}
        return {}

    def unused_patterns(self, names: Iterable[str]) -> list[str]:
        """Return the name patterns among the options that fit none of ``names``."""
        known = list(names)
        patterns = dict.fromkeys([*self.groups, *self.frozen, *self.max_norm])
        return [p for p in patterns if not fnmatch.filter(known, p)]

    def unbounded_patterns(self, ndims: Mapping[str, int]) -> list[str]:
        """Return the patterns of ``max_norm=`` that match only vectors and scalars.

        ``ndims`` are the ranks of the parameters by name. The pattern ``*`` is not
        among them, even if the model has biases alone.
        """
        found = []
        for pattern in self.max_norm.keys() - {"*"}:
            ranks = [ndims[n] for n in fnmatch.filter(ndims, pattern)]
            if ranks and max(ranks) < 2:
                found.append(pattern)
        return sorted(found)

    def norm_bound(self, name: str, ndim: int) -> tuple[float, tuple[int, ...]] | None:
        """Return the bound on a parameter's norms, and the axes of one norm, if any."""
        if ndim < 2:
            return None
        for pattern, bound in self.max_norm.items():
            if fnmatch.fnmatchcase(name, pattern):
                return bound, (0,) if ndim == 2 else tuple(range(1, ndim))
        return None

    def is_frozen(self, name: str) -> bool:
        """Whether steps leave a parameter as it is."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.frozen)

    def unread(self, shapes: Iterable[Shape]) -> list[str]:
        """Return the hyperparameters that no equation reads, such as misspelt ones.

        ``shapes`` are those of the parameters. Raises where an equation reads a leaf
        that is not among the arguments of `update`.
        """
        hyper, t = hyper_leaves(self)
        read: set[Node] = set()
        for shape in dict.fromkeys(shapes):
            vectors = [_array(n, shape) for n in ("p", "g", *self.all_slots)]
            p, g, *kept = vectors
            slots = dict(zip(self.all_slots, kept, strict=True))
            whole = _array("whole", (dim("Q"),))
            try:
                new, slots = self.step(p, g, slots, hyper, t, whole)
            except KeyError as error:
                raise DeclarationError(
                    f"the update of {type(self).__name__} reads {error}, which is no "
                    "hyperparameter and no slot of it: "
                    f"{', '.join([*hyper, *self.all_slots])}."
                ) from error
            found = topological([new.node, *(v.node for v in slots.values())])
            own = {v.node for v in (*vectors, whole, *hyper.values(), t)}
            _check_leaves(type(self).__name__, set(found) - own)
            read.update(found)
        return [name for name, leaf in hyper.items() if leaf.node not in read]

    @property
    def is_uniform(self) -> bool:
        """Whether every parameter is updated alike, so that one flat vector serves."""
        return not self.groups and not self.frozen and not self.max_norm

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{k}={self.schedules.get(k, v)!r}" for k, v in self.hyper.items()
        )
        return f"{type(self).__name__}({shown})"


def _array(name: str, shape: Shape) -> Tensor:
    return apply(HYPER, name=name, shape=shape, dtype=FLOAT)


def _check_leaves(name: str, found: Iterable[Node]) -> None:
    """Raise where equations read a leaf that is not among their arguments."""
    for node in found:
        if node.op is RANDOM:
            raise DeclarationError(
                f"the update of {name} draws random numbers; a step has no key for "
                "them. Draw noise in the model instead."
            )
        if node.op in (INPUT, PARAM, STATE, HYPER):
            raise DeclarationError(
                f"the update of {name} reads {node.attrs['name']!r}, which is none of "
                "its arguments p, g, slots, hyper and t."
            )


def _pair(name: str, found: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the two results of an update, the new parameter and the new slots."""
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping):
        return found
    kinds = [type(v).__name__ for v in found] if isinstance(found, tuple) else []
    got = f"({', '.join(kinds)})" if kinds else type(found).__name__
    raise DeclarationError(
        f"the update of {name} must return the new parameter and a dict of the new "
        f"slots, as in `return p - step, {{}}`; it returns {got}."
    )


def _fitting(what: str, value: Any, p: Tensor) -> Tensor:
    """Return a result of an update, broadcast to the parameter's shape."""
    found = as_tensor(value)
    if found.shape == p.shape:
        return found
    if found.shape:
        raise DeclarationError(
            f"{what} has shape {found.shape}, of a parameter of shape {p.shape}."
        )
    return API["broadcast_to"](found, p.shape)


def _named_by(cls: type) -> list[str]:
    """Return the arguments that the constructors of a class and its bases name."""
    found: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" in vars(base) and base is not object:
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            named = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
            found |= dict.fromkeys(named[1:])
    return list(found)


def hyper_leaves(optimizer: Optimizer) -> tuple[dict[str, Tensor], Tensor]:
    """Return fresh 0-d leaves for the hyperparameters, and for the step ``t``."""
    leaf = {
        name: apply(HYPER, name=name, shape=(), dtype=FLOAT) for name in optimizer.hyper
    }
    return leaf, apply(HYPER, name="t", shape=(), dtype=FLOAT)
