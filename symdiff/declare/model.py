"""What is compiled: `Function` and `Model`.

In: declared tensors. Out: checked descriptions whose fields the compiler reads.
Invariant: a description that exists can be compiled: every leaf it needs is listed or
is a parameter, names are unique, the loss is a float scalar, and predictions do not
need the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symdiff.declare.checks import (
    check_names,
    inputs_of,
    loss_of,
    metrics_of,
    module_name,
    optimizer_of,
    outputs_of,
    updates_of,
    warn,
)
from symdiff.declare.leaves import leaves
from symdiff.declare.optim import Optimizer
from symdiff.graph.display import Displayed
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.provenance import current_site, public
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.leaf import INPUT, PARAM, RANDOM, STATE


def _summary(declared: Function | Model) -> str:
    """Return the name and what is given, in one short line."""
    given = [str(t.name) for t in declared.inputs[:4]]
    more = ", ..." if len(declared.inputs) > len(given) else ""
    count = len(declared.outputs)
    results = f"{count} result{'s' * (count != 1)}"
    return f"{declared.name}: {', '.join(given)}{more} -> {results}"


@dataclass(frozen=True, eq=False, init=False)
class Function(Displayed):
    """A graph that is compiled by itself: ``forward(*inputs)`` and its reverse pass.

    Parameters
    ----------
    name : str
        The generated module's name.
    inputs : list of Tensor
        Input leaves (or parameters, taken as arguments), in the order of arguments.
    outputs : Tensor, list, tuple, or dict from name to Tensor
        What is computed.

    Raises
    ------
    DeclarationError
        For an input that is missing, listed twice or not a leaf.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    output_names: tuple[str | None, ...]  # None: named by its assignment
    single: bool  # whether the one output is returned bare
    site: Site = field(repr=False)

    @public
    def __init__(self, name: str, inputs: Any, outputs: Any) -> None:
        tensors, names, single = outputs_of(outputs)
        listed = inputs_of(inputs, "inputs", INPUT, PARAM, STATE)
        _put(
            self,
            name=module_name(name),
            inputs=listed,
            outputs=tensors,
            output_names=names,
            single=single,
            site=current_site(),
        )
        needed = leaves(tensors, INPUT, PARAM, STATE)
        known = {t.node for t in listed}
        missing = [t for t in needed if t.node not in known]
        if missing:
            shown = ", ".join(str(t.name) for t in missing)
            raise DeclarationError(
                f"function {name!r} needs {shown}, which its inputs do not list; add "
                f"{'it' if len(missing) == 1 else 'them'} to inputs=[...]."
            )
        check_names([*listed, *needed])

    def __repr__(self) -> str:
        return f"<Function {_summary(self)}>"

    @property
    def roots(self) -> tuple[Tensor, ...]:
        """Every tensor that the function computes for its own sake."""
        return self.outputs

    @property
    def params(self) -> dict[str, Tensor]:
        """No parameters: what the function reads are its arguments."""
        return {}

    @property
    def states(self) -> dict[str, Tensor]:
        """No states, for the same reason."""
        return {}

    @property
    def randoms(self) -> tuple[Tensor, ...]:
        """Random sites, as declared; a site's number is its place here."""
        return tuple(leaves(self.roots, RANDOM))


@dataclass(frozen=True, eq=False, init=False)
class Model(Displayed):
    """A model to predict with and, given a loss, to train.

    Parameters
    ----------
    name : str
        The generated package's name.
    inputs : list of Tensor
        Input leaves, in the order of ``forward(params, ...)``.
    targets : list of Tensor
        Input leaves that only the loss and the metrics read.
    outputs : Tensor, list, tuple, or dict from name to Tensor
        The prediction.
    loss : Tensor, optional
        The float scalar that training lowers.
    metrics : dict from name to Tensor, optional
        Scalars that are reported beside the loss.
    optimizer : Optimizer, optional
        From ``sd.optim``, or one's own.
    updates : dict from Tensor to Tensor, optional
        A state leaf's value after a training step; those of layers such as batch norm
        are found by themselves, unless one is given here in their place.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError
        With the line of the call.
    """

    name: str
    inputs: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    output_names: tuple[str | None, ...]  # None: named by its assignment
    single: bool  # whether the one output is returned bare
    loss: Tensor | None
    metrics: Mapping[str, Tensor]
    optimizer: Optimizer | None
    updates: Mapping[Tensor, Tensor]
    params: Mapping[str, Tensor]  # in order of declaration, as are the next two
    states: Mapping[str, Tensor]
    randoms: tuple[Tensor, ...]  # a random site's number is its place here
    site: Site = field(repr=False)

    @public
    def __init__(
        self,
        name: str,
        inputs: Any,
        targets: Any = (),
        outputs: Any = None,
        loss: Any = None,
        metrics: Mapping[str, Any] | None = None,
        optimizer: Optimizer | None = None,
        updates: Mapping[Tensor, Tensor] | None = None,
    ) -> None:
        if outputs is None:
            raise DeclarationError(
                f"model {name!r} has no outputs; give the prediction, as in "
                'outputs={"probs": sd.nn.softmax(z)}.'
            )
        tensors, names, single = outputs_of(outputs)
        site = current_site()
        shown = metrics_of(metrics or {})
        trained = (*tensors, loss_of(loss), *shown.values()) if loss is not None else ()
        _put(
            self,
            name=module_name(name),
            inputs=inputs_of(inputs, "inputs", INPUT),
            targets=inputs_of(targets, "targets", INPUT),
            outputs=tensors,
            output_names=names,
            single=single,
            loss=None if loss is None else loss_of(loss),
            metrics=shown,
            optimizer=optimizer_of(optimizer, loss),
            updates=updates_of(updates or {}, trained),
            site=site,
        )
        found = leaves((*self.roots, *self.updates), PARAM, STATE, INPUT, RANDOM)
        check_names([*self.inputs, *self.targets, *found])
        _put(
            self,
            params={str(t.name): t for t in found if t.node.op is PARAM},
            states={str(t.name): t for t in found if t.node.op is STATE},
            randoms=tuple(t for t in found if t.node.op is RANDOM),
        )
        _check_inputs(self)
        _check_params(self)
        if self.optimizer is not None:
            unused = self.optimizer.unused_patterns(self.params)
            if unused:
                warn(f"no parameter is called {' or '.join(unused)}.", site)
            ndims = {name: len(t.shape) for name, t in self.params.items()}
            if "*" in self.optimizer.max_norm and max(ndims.values(), default=0) < 2:
                warn("max_norm= bounds nothing: no parameter has two axes.", site)
            if unbounded := self.optimizer.unbounded_patterns(ndims):
                raise DeclarationError(
                    f"max_norm= bounds nothing by {' or '.join(unbounded)}: it bounds "
                    "the weights into each unit, the columns of (in, units) or filters "
                    "of (filters, channels, ...), and no parameter of that name has "
                    "two axes."
                )

    def __repr__(self) -> str:
        loss = "" if self.loss is None else ", with a loss"
        count = len(self.params)
        params = f"{count} parameter{'s' * (count != 1)}"
        return f"<Model {_summary(self)}, {params}{loss}>"

    @property
    def roots(self) -> tuple[Tensor, ...]:
        """Every tensor that the model computes for its own sake."""
        loss = () if self.loss is None else (self.loss,)
        return (*self.outputs, *loss, *self.metrics.values(), *self.updates.values())


def _put(target: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(target, name, value)


# --- the whole -----------------------------------------------------------------------


def _check_inputs(model: Model) -> None:
    inputs = {t.node for t in model.inputs}
    targets = {t.node for t in model.targets}
    for t in model.targets:
        if t.node in inputs:
            raise DeclarationError(f"{t.name!r} is both an input and a target.")
    predicted = {t.node: t for t in leaves(model.outputs, INPUT)}
    for t in model.targets:
        if t.node in predicted:
            raise DeclarationError(
                f"the outputs depend on the target {t.name!r}: a prediction would need "
                "its "
                "label. List it under inputs=, or leave it out of the outputs."
            )
    trained = leaves(model.roots, INPUT)
    for t in trained:
        if t.node not in inputs and t.node not in targets:
            where = "inputs" if t.node in predicted else "targets (or inputs)"
            raise DeclarationError(
                f"model {model.name!r} reads {t.name!r}, which is not listed; add it "
                f"to {where}."
            )
    read = {t.node for t in trained}
    for t in model.targets:
        if t.node not in read:
            raise DeclarationError(
                f"target {t.name!r} is used by neither the loss nor a metric."
            )
    for t in model.inputs:
        if t.node not in read:
            warn(f"input {t.name!r} is not used by the model.", model.site)


def _reached(loss: Node) -> set[Node]:
    """Return the nodes that a gradient of ``loss`` can flow to."""
    stack, seen = [loss], {loss}
    while stack:
        node = stack.pop()
        if node.op.vjp is None:
            continue
        for i in node.inputs:
            if i not in seen and (isinstance(i.type, TupleType) or i.dtype.is_float):
                seen.add(i)
                stack.append(i)
    return seen


def _check_params(model: Model) -> None:
    if model.loss is None:
        return
    if not model.params:
        raise DeclarationError(
            f"model {model.name!r} has no parameters, so its loss cannot be trained; "
            "declare "
            "some with sd.param or sd.nn, or compile it as an sd.Function."
        )
    reached = _reached(model.loss.node)
    lost = [name for name, t in model.params.items() if t.node not in reached]
    if lost:
        several = len(lost) > 1
        warn(
            f"the loss does not reach parameter{'s' if several else ''} "
            f"{', '.join(lost)}: "
            f"{'their gradients are' if several else 'its gradient is'} 0.",
            model.site,
        )
