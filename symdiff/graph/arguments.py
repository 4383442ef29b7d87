"""Arguments that a function does not take, and the name that was probably meant.

In: a call that does not fit a function's parameters. Out: an `ArgumentError` that says
which argument, what is taken, and the nearest name. Invariant: this is the one place
that guesses at names of arguments, so all of them are guessed alike.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from symdiff.graph.errors import ArgumentError

# What other libraries call the same thing; none of these is near enough in letters.
_ELSEWHERE = {
    "argnums": ("argnum",),
    "bias": ("use_bias",),
    "b1": ("beta1",),
    "b2": ("beta2",),
    "betas": ("beta1", "beta2"),
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "dim": ("axis",),
    "ema_decay": ("ema",),
    "ema_momentum": ("ema",),
    "epsilon": ("eps",),
    "features": ("units",),
    "fun": ("f",),
    "global_clipnorm": ("clip_norm",),
    "grad_clip": ("clip_norm",),
    "initializer": ("init",),
    "kernel_initializer": ("init",),
    "learning_rate": ("lr",),
    "maxnorm": ("max_norm",),
    "max_grad_norm": ("clip_norm",),
    "mu": ("momentum",),
    "n_epochs": ("epochs",),
    "num_classes": ("classes",),
    "out_features": ("units",),
    "rho": ("decay", "beta", "alpha"),
    "sample_weight": ("sample_weights",),
    "strides": ("stride",),
}
# NumPy's arguments, which a function of ours may do without.
NUMPY = {
    "out": "assign the result instead",
    "where": "use sd.where on the operand or the result",
    "dtype": "use sd.cast on the result",
    "initial": "combine it with the result, as in sd.maximum(y, initial)",
    "casting": "use sd.cast on the operands",
    "order": "elements are in C order; transpose first for another",
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, if any is near."""
    names = list(known)
    for found in _ELSEWHERE.get(name, ()):
        if found in names:
            return found
    plain = {n.replace("_", "").lower(): n for n in names}
    asked = name[:60].replace("_", "").lower()
    close = difflib.get_close_matches(asked, list(plain), n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'lr'?``, or nothing where no known name is near."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""


def unknown(where: str, name: str, known: Sequence[str]) -> ArgumentError:
    """Return the error for an argument ``name`` of ``where``, which takes ``known``."""
    guess = did_you_mean(name, known)
    if not guess and name in NUMPY:
        guess = f"; {NUMPY[name]}."
    taken = ", ".join(known) or "none by name"
    return ArgumentError(
        f"{where} takes no argument {name!r}{guess or '.'} Its arguments: {taken}."
    )


def refuse_unknown(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise `ArgumentError` for the first name in ``given`` that is not known."""
    for name in given:
        if name not in known:
            raise unknown(where, name, known)


def misfit(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> ArgumentError | None:
    """Return the error of a call that does not fit, or None where it does.

    The call has raised a TypeError. Besides arguments that do not fit the signature,
    the cause may be a symbolic length where a plain number is required.
    """
    try:
        signature = inspect.signature(function)
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        problem = str(error)
    except ValueError:  # no signature
        return None
    else:
        return _length_given(_shown(function), given)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    by_name = [p.name for p in parameters if p.kind in _BY_NAME]
    where = f"{_shown(function)}()"
    if all(p.kind is not p.VAR_KEYWORD for p in parameters):
        for name in kwargs:
            if name not in by_name:
                return unknown(where, name, by_name)
    shown = [str(p.replace(annotation=p.empty)) for p in parameters]
    kinds = [p.kind for p in parameters]
    named = inspect.Parameter.KEYWORD_ONLY
    if named in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        shown.insert(kinds.index(named), "*")  # what follows is given by name
    return ArgumentError(f"{where}: {problem}; its arguments: {', '.join(shown)}.")


def _length_given(name: str, given: Mapping[str, Any]) -> ArgumentError | None:
    """Return the error of a call that got a symbolic length for a number, or None."""
    if any(callable(v) for v in given.values()):  # it may be the one that raised
        return None
    found = [f"{k}={v}" for k, v in given.items() if _has_length(v)]
    if not found:
        return None
    one = found[0] if len(found) == 1 else f"one of {', '.join(found)}"
    return ArgumentError(
        f"{name}(): {one} must be a number that is written, not a length, which is "
        "known only when the function runs. Index with sd.arange(N), or compare with "
        "it, where a length is to decide."
    )


def _has_length(value: Any) -> bool:
    if isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    if isinstance(value, tuple | list):
        return any(_has_length(v) for v in value)
    return isinstance(value, sp.Expr)


_BY_NAME = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def _shown(function: Any) -> str:
    """Return the name by which people call a function or class."""
    name = getattr(function, "__qualname__", type(function).__name__)
    return name.removesuffix(".__init__").rpartition(".")[2].rstrip("_")
