"""`--debug-nans`: where the first number that is not finite comes from.

In: the generated training module, its listing, and the batch whose step went wrong.
Out: a paragraph with the first node, its line in the spec and the generated line.
Invariant: the step is repeated from a copy of the state before it, by the readable
functions, a statement at a time; looking at a value does not change it.

An infinity can be intended, such as a mask of -inf before a softmax. So only statements
count that the bad result depends on. Of these, a statement that gave infinities in the
step before too, that reads intended ones, or that contains ``np.inf``, is at fault only
if it makes a nan.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Set
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.declare.model import Model
from symdiff.declare.settings import Training
from symdiff.emit.listing import Listing
from symdiff.graph.origin import Site
from symdiff.graph.tensor import Tensor
from symdiff.training.culprits import Tracer, described, kind_of
from symdiff.training.generated import loop_of
from symdiff.training.slices import BACKWARD, FORWARD, guilty_lines


@dataclass(frozen=True)
class _Moment:
    """A batch, and copies of the state that its step will change."""

    step: int
    params: Mapping[str, np.ndarray]
    slots: Mapping[str, Mapping[str, np.ndarray]]
    batch: list[np.ndarray]


class Recorder:
    """Keeps the state before each step, and repeats the one that went wrong."""

    def __init__(
        self,
        train: Any,
        state: Any,
        training: Training,
        model: Model,
        listings: Mapping[str, Listing],
    ) -> None:
        """Watch a state's steps; ``listings`` has keys such as ``NAME/train.py``."""
        self._train, self._state, self._training = train, state, training
        self._leaves = (*model.inputs, *model.targets)  # in the order of train.DATA
        self._update = _place(model.site), f"optimizer={model.optimizer!r}"
        self._listings = {
            str(module.__file__): listings[f"{model.name}/{name}.py"]
            for name, module in (
                ("backward", sys.modules[train.backward.__module__]),
                ("train", train),
            )
        }
        self._moments: list[_Moment] = []  # the last two
        self.bad = ""  # what was not finite

    def watching(self, data: Any) -> Callable[[int], Iterator[dict[str, np.ndarray]]]:
        """Return fit's data as batches, each recorded before it is used."""
        t, names = self._training, self._train.DATA
        loop = loop_of(self._train)

        def batches(epoch: int) -> Iterator[dict[str, np.ndarray]]:
            seed = [t.seed % 2**64, epoch]
            found = loop._batches(data, t.batch_size, seed, t.shuffle)[1]
            for batch in found:
                self._note(batch)
                yield dict(zip(names, batch, strict=True))

        # A checkpoint stores the same identity of the data as without --debug-nans.
        vars(batches)["identity"] = loop._identity(data)
        return batches

    def _note(self, batch: list[np.ndarray]) -> None:
        state = self._state
        moment = _Moment(
            state.step,
            deepcopy(state.params),
            deepcopy(state.slots),
            batch,
        )
        self._moments = [*self._moments[-1:], moment]

    def found(self, found: Mapping[str, float]) -> bool:
        """Return whether a step left numbers that are not finite; remember which."""
        state = self._state
        if not np.isfinite(found["loss"]):
            self.bad = f"the loss became {found['loss']}"
        elif not all(np.isfinite(a).all() for a in state.grads.values()):
            self.bad = f"the gradient of {_first_bad(state.grads)} is not finite"
        elif not all(np.isfinite(a).all() for a in state.params.values()):
            self.bad = f"the update left {_first_bad(state.params)} not finite"
        elif wrong := [n for n, v in found.items() if np.isnan(v)]:
            self.bad = f"the metric {wrong[0]} became nan"
        else:
            self.bad = _overflown(self._moments[-1].slots, state.slots)
        return bool(self.bad)

    def diagnosis(self, epoch: int) -> str:
        """Return what went wrong first, in words."""
        moment = self._moments[-1]
        text = f"{self.bad} in epoch {epoch}, at step {moment.step + 1} of the run."
        meant: set[tuple[str, int]] = set()
        if len(self._moments) > 1:
            meant = self._traced(self._moments[0], set(), stop=False).infinite
        guilty = self._guilty(moment)
        tracer = self._traced(moment, meant, stop=True, guilty=guilty)
        found = tracer.finding or tracer.spare
        if found is None:
            return (
                f"{text}\n  The readable functions stay finite on this batch, so "
                "_planned.py differs: please report this as a fault of symdiff."
            )
        listing = self._listings[found.file]
        line = listing.at(found.line)
        where, statement = self._update
        if line is not None and line.statement is not None:
            where, statement = line.place, line.heading
        expression, node = f"{found.expression} {found.about}", found.node
        given = self._given(moment)
        if given is not None and "_check(" in found.expression:
            leaf, expression = given
            node, where = str(leaf.name), _place(leaf.site)
            statement = "its declaration"
        source = listing.rows[found.line - 1].strip()
        return (
            f"{text}\n"
            f"  first node:      {node}: {expression}\n"
            f"  line in spec:    {where}: {statement}\n"
            f"  generated line:  {_local(found.file)}:{found.line}: {source}\n"
            f"  in:              {found.function}, step {moment.step + 1}\n"
            "No weights were saved."
        )

    def _given(self, moment: _Moment) -> tuple[Tensor, str] | None:
        """Return an argument whose data holds nan, or else inf, and words for it."""
        given = list(zip(self._leaves, moment.batch, strict=True))
        for kind in ("nan", "inf"):
            for leaf, array in given:
                if kind_of(array) == kind:
                    return leaf, f"the data {described(array)} of the batch"
        return None

    def _guilty(self, moment: _Moment) -> set[int]:
        """Return the lines of backward.py that the bad result depends on, if any."""
        if self.bad.startswith("the metric"):
            return set()
        half = FORWARD if self.bad.startswith("the loss") else BACKWARD
        file = self._train.backward.__code__.co_filename
        listing = self._listings[file]
        return guilty_lines(listing, file, lambda: self._repeat(moment), half)

    def _repeat(self, moment: _Moment) -> None:
        """Repeat a step from its moment, by the readable functions."""
        state, train = self._state, self._train
        state.step = moment.step
        for name, array in moment.params.items():
            state.params[name][...] = array
        for slot, named in moment.slots.items():
            for name, array in named.items():
                state.slots[slot][name][...] = array
        loop_of(train)._parts(state, moment.batch, self._training.accumulate, False)

    def _traced(
        self,
        moment: _Moment,
        meant: set[tuple[str, int]],
        *,
        stop: bool,
        guilty: Set[int] = frozenset(),
    ) -> Tracer:
        """Repeat a step from its moment, looking at every statement."""
        listings = self._listings
        if not self.bad.startswith(("the loss", "the gradient", "the metric")):
            file = str(self._train.__file__)
            listings = {file: listings[file]}
        tracer = Tracer(listings, meant, stop, guilty)
        if self.bad.startswith("the metric"):
            tracer.functions = ("metrics",)
        before = sys.gettrace()
        sys.settrace(tracer.enter)
        try:
            with np.errstate(all="ignore"):
                self._repeat(moment)
        finally:
            sys.settrace(before)
        return tracer


def _overflown(
    before: Mapping[str, Mapping[str, np.ndarray]],
    slots: Mapping[str, Mapping[str, np.ndarray]],
) -> str:
    """Return words for a slot of the optimiser that a step made inf or nan, if any.

    A slot that held infinities before, such as a running minimum, may keep them.
    """
    for slot, named in slots.items():
        for name, array in named.items():
            if kind_of(array) > kind_of(before[slot][name]):
                what = "running average" if slot == "ema" else f"optimiser's {slot}"
                return f"the {what} of {name} is not finite"
    return ""


def _first_bad(arrays: Mapping[str, np.ndarray]) -> str:
    return next((n for n, a in arrays.items() if not np.isfinite(a).all()), "?")


def _place(site: Site) -> str:
    """Return the file and line of a declaration, as headings have it."""
    return Path(site.location).name


def _local(file: str) -> str:
    path = Path(file)
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
