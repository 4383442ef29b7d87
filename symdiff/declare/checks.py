"""What users hand to `Function` and `Model`, checked field by field.

In: names, tensors and containers as written. Out: canonical fields. Invariant: what is
returned can be compiled; anything else raises an error that says what to write instead.
"""

from __future__ import annotations

import keyword
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from symdiff.declare.leaves import is_leaf, leaves
from symdiff.declare.optim import Optimizer
from symdiff.declare.update import OPTIONS
from symdiff.graph.arguments import did_you_mean
from symdiff.graph.cells import cell_of
from symdiff.graph.errors import (
    DeclarationError,
    DTypeError,
    ShapeError,
    SymdiffWarning,
)
from symdiff.graph.origin import Site, line_of
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import dim, dims_equal
from symdiff.ops.control.updating import collect_updates
from symdiff.ops.core.leaf import PARAM, RANDOM, STATE

# Modules that a generated package must not hide, beside the standard library's.
_TAKEN = frozenset(
    [
        "numpy",
        "scipy",
        "sympy",
        "jinja2",
        "symdiff",
        "torch",
        "jax",
        "forward",
        "backward",
        "train",
        "test",
        "tests",
    ]
)


# Names that Windows reserves, in any case and with any file extension.
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)


# --- names ---------------------------------------------------------------------------


def module_name(name: Any) -> str:
    """Return ``name``; raise `DeclarationError` where no module can have it."""
    remedy = "use letters, digits and underscores, for example 'digits_mlp'."
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise DeclarationError(f"name {name!r} cannot name a Python module; {remedy}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise DeclarationError(f"name {name!r} is a keyword of Python; {remedy}")
    if _RESERVED.fullmatch(name):
        raise DeclarationError(
            f"name {name!r} is a device on Windows, where no file and no folder can be "
            "called so; choose another."
        )
    if name in sys.stdlib_module_names or name in _TAKEN or name.startswith("__"):
        raise DeclarationError(
            f"name {name!r} would hide the module {name!r} where the generated code is "
            "imported; choose another."
        )
    return name


def check_names(tensors: Sequence[Tensor]) -> None:
    """Raise `DeclarationError` where two leaves have one name."""
    by_name: dict[str, Tensor] = {}
    for t in tensors:
        if not t.name or t.node.op is RANDOM:
            continue
        other = by_name.setdefault(t.name, t)
        if other.node is not t.node:
            raise DeclarationError(
                f"two leaves are called {t.name!r}: {other.node.op.name} at "
                f"{other.site.location} and {t.node.op.name} at {t.site.location}. Use "
                "one "
                "object twice to share it, or sd.scope to tell them apart."
            )


def _field_name(name: Any, what: str) -> str:
    """Return the name of an output: a field of a NamedTuple."""
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"{what} {name!r} is not an identifier.")
    if name.startswith("_") or keyword.iskeyword(name):
        raise DeclarationError(f"{what} {name!r} cannot name a field of a NamedTuple.")
    return name


# --- fields --------------------------------------------------------------------------


def outputs_of(outputs: Any) -> tuple[tuple[Tensor, ...], tuple[str | None, ...], bool]:
    """Return tensors, their names where given, and whether it is one tensor alone."""
    match outputs:
        case Tensor():
            return (outputs,), (outputs.label,), True
        case Mapping():
            pairs = [(_field_name(k, "output"), v) for k, v in outputs.items()]
        case list() | tuple():
            pairs = [(getattr(v, "label", None), v) for v in outputs]  # type: ignore[misc]
        case _:
            raise DeclarationError(
                "outputs must be a tensor, a list or a dict, got "
                f"{type(outputs).__name__}."
            )
    if not pairs:
        raise DeclarationError("outputs is empty; there is nothing to compute.")
    for _, value in pairs:
        if not isinstance(value, Tensor):
            raise DeclarationError(f"output {value!r:.60} is not a tensor.")
    return tuple(v for _, v in pairs), tuple(k for k, _ in pairs), len(pairs) == 1


def inputs_of(values: Any, what: str, *ops: Any) -> tuple[Tensor, ...]:
    """Return declared leaves; raise `DeclarationError` for anything else."""
    listed = [values] if isinstance(values, Tensor) else list(values)
    seen: set[Any] = set()
    for t in listed:
        if not isinstance(t, Tensor):
            raise DeclarationError(f"{what}: {t!r:.60} is not a tensor; use sd.input.")
        if not is_leaf(t, *ops):
            if t.node.op is PARAM or t.node.op is STATE:
                raise DeclarationError(
                    f"{what}: {t.name!r} is a {t.node.op.name}; it belongs to the "
                    "model by "
                    "being used and is not listed."
                )
            raise DeclarationError(
                f"{what}: {t!r} is computed; only tensors made by sd.input can be "
                "listed."
            )
        if t.node in seen:
            raise DeclarationError(f"{what}: {t.name!r} is listed twice.")
        seen.add(t.node)
    return tuple(listed)


def loss_of(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor):
        raise DeclarationError(f"loss {loss!r:.60} is not a tensor.")
    if loss.shape != ():
        raise ShapeError(
            f"the loss has shape {loss.shape}; a loss is a scalar. Reduce it, as in "
            "sd.mean(loss)."
        )
    if not loss.dtype.is_float or loss.dtype.weak:
        raise DTypeError(
            f"the loss has dtype {loss.dtype}; only a float loss has a gradient. "
            "Counts and "
            "comparisons belong into metrics."
        )
    return loss


# What a line of a training's history holds beside the metrics.
_REPORTED = {
    "epoch": "the number of the epoch",
    "loss": "the loss",
    "val_loss": "the loss on the rows that are held out",
}


def metrics_of(metrics: Any) -> dict[str, Tensor]:
    if not isinstance(metrics, Mapping):
        raise DeclarationError(f"metrics must be a dict, got {type(metrics).__name__}.")
    for name, value in metrics.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise DeclarationError(f"metric {name!r} must have a printable name.")
        if name in _REPORTED:
            raise DeclarationError(
                f"a metric cannot be called {name!r}: reports have {_REPORTED[name]} "
                "under that name."
            )
        if name.startswith("val_") and name[4:] in metrics:
            raise DeclarationError(
                f"a metric cannot be called {name!r}: that is what reports call "
                f"{name[4:]!r} on the rows that are held out."
            )
        if not isinstance(value, Tensor):
            raise DeclarationError(f"metric {name!r}: {value!r:.60} is not a tensor.")
        if value.shape != ():
            raise ShapeError(
                f"metric {name!r} has shape {value.shape}; reduce it to a scalar, as "
                "with "
                "sd.mean."
            )
    return dict(metrics)


def optimizer_of(optimizer: Any, loss: Any) -> Optimizer | None:
    if optimizer is None:
        return None
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise DeclarationError(
            f"optimizer={optimizer.__name__} is a class; write "
            f"{optimizer.__name__}(...)."
        )
    if not isinstance(optimizer, Optimizer):
        raise DeclarationError(
            f"optimizer {optimizer!r:.60} is none; use sd.optim.Adam(1e-3) and the "
            "like."
        )
    if loss is None:
        raise DeclarationError("an optimizer needs a loss; give loss=.")
    params = [t for t in leaves((loss,), PARAM) if not optimizer.is_frozen(str(t.name))]
    unread = optimizer.unread([t.shape for t in params] or [(dim("P"),)])
    if unread:
        known = [*(n for n in optimizer.hyper if n not in unread), *OPTIONS]
        raise DeclarationError(
            f"no equation of {type(optimizer).__name__} reads its hyperparameter "
            f"{unread[0]!r}{did_you_mean(unread[0], known) or '.'} Read are "
            f"{', '.join(known)}."
        )
    return optimizer


def updates_of(updates: Any, tensors: Sequence[Tensor] = ()) -> dict[Tensor, Tensor]:
    """Return the next values of states: those given, and those in the graph of
    ``tensors``, such as a batch norm's.
    """
    if not isinstance(updates, Mapping):
        raise DeclarationError("updates must be a dict from state to tensor.")
    for leaf, value in updates.items():
        if not is_leaf(leaf, STATE):
            raise DeclarationError(
                f"updates: {leaf!r:.60} is not declared by sd.state."
            )
        if not isinstance(value, Tensor):
            raise DeclarationError(
                f"updates of {leaf.name!r}: {value!r:.60} is not a tensor."
            )
        same = value.ndim == leaf.ndim and all(
            dims_equal(a, b) is not False
            for a, b in zip(value.shape, leaf.shape, strict=True)
        )
        if not same:
            raise ShapeError(
                f"state {leaf.name!r} of shape {leaf.shape} cannot become "
                f"{value.shape}."
            )
        if value.dtype != leaf.dtype:
            raise DTypeError(
                f"state {leaf.name!r} of dtype {leaf.dtype} cannot become "
                f"{value.dtype}; use "
                "sd.cast."
            )
    given = {leaf.node for leaf in updates}
    found = collect_updates(tensors)
    return {
        **updates,
        **{leaf: new for leaf, new in found.items() if leaf.node not in given},
    }


def warn(message: str, site: Site) -> None:
    """Warn at the user's line."""
    if not site.frames:
        warnings.warn(message, SymdiffWarning, stacklevel=3)
        return
    code, offset = site.frames[0]
    file = cell_of(code.co_filename) or code.co_filename
    warnings.warn_explicit(message, SymdiffWarning, file, line_of(code, offset))
