"""The contenders that every workload has, around what is the workload's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case, Contender, Loss, LossAndGrads, Rule


class Generated:
    """symdiff's package: the step that `train_step` does for its users."""

    def __init__(
        self, package: ModuleType, params: Arrays, batch: Batch, planned: bool = True
    ) -> None:
        self.train = importlib.import_module(f"{package.__name__}.train")
        self.state = self.train.init_state(params)
        self.batch, self.planned = batch, planned

    def step(self) -> float:
        done = self.train.train_step(self.state, *self.batch, planned=self.planned)
        return done["loss"]

    def gradients(self) -> Arrays:
        self.train.compute_grads(self.state, *self.batch)
        return self.state.grads

    def params(self) -> Arrays:
        return self.state.params


class Plain:
    """NumPy as people write it: a dict of arrays, every result a new array."""

    def __init__(
        self, function: LossAndGrads, rule: Rule, params: Arrays, batch: Batch
    ) -> None:
        self.kept = {k: v.copy() for k, v in params.items()}
        self.function, self.batch = function, batch
        self.update = rule.plain(self.kept)

    def step(self) -> float:
        loss, grads = self.function(self.kept, self.batch)
        self.update(grads)
        return float(loss)

    def gradients(self) -> Arrays:
        return self.function(self.kept, self.batch)[1]

    def params(self) -> Arrays:
        return self.kept


def autograd(loss: Loss, rule: Rule, params: Arrays, batch: Batch) -> Plain:
    """Return autograd's gradient of a loss in plain NumPy, with the plain update."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    return Plain(value_and_grad(lambda p, b: loss(anp, p, b)), rule, params, batch)


class Torch:
    """PyTorch as its users call it, on tensors that are there already."""

    def __init__(
        self,
        loss: Loss,
        rule: Rule,
        params: Arrays,
        batch: Batch,
        turned: Collection[str] = (),
    ) -> None:
        import torch

        self.library, self.loss, self.turned = torch, loss, turned
        held = self._named(params)
        self.kept = {k: torch.tensor(v, requires_grad=True) for k, v in held.items()}
        self.batch = tuple(torch.tensor(a) for a in batch)
        self.optimizer = rule.torch(list(self.kept.values()))

    def step(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.library, self.kept, self.batch)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def gradients(self) -> Arrays:
        self.optimizer.zero_grad()
        self.loss(self.library, self.kept, self.batch).backward()
        return self._named({k: v.grad.numpy().copy() for k, v in self.kept.items()})

    def params(self) -> Arrays:
        return self._named({k: v.detach().numpy() for k, v in self.kept.items()})

    def _named(self, arrays: Arrays) -> Arrays:
        """Turn arrays between symdiff's shapes and PyTorch's."""
        return {k: v.T.copy() if k in self.turned else v for k, v in arrays.items()}


class Jax:
    """The whole step under `jax.jit`, its state donated, its arrays on the device."""

    def __init__(self, loss: Loss, rule: Rule, params: Arrays, batch: Batch) -> None:
        import jax
        import jax.numpy as jnp

        self.library = jax
        self.kept: Any = {k: jnp.array(v) for k, v in params.items()}
        self.batch = tuple(jnp.array(a) for a in batch)
        init, update = rule.jax(jnp)
        self.slots = init(self.kept)
        derived = jax.value_and_grad(lambda p, b: loss(jnp, p, b))

        def whole(p: Any, slots: Any, given: Any) -> Any:
            value, grads = derived(p, given)
            return value, *update(p, grads, slots)

        self.derived = jax.jit(derived)
        self.whole = jax.jit(whole, donate_argnums=(0, 1))

    def step(self) -> float:
        loss, self.kept, self.slots = self.whole(self.kept, self.slots, self.batch)
        self.library.block_until_ready(self.kept)
        return float(loss)

    def gradients(self) -> Arrays:
        return {
            k: np.asarray(v) for k, v in self.derived(self.kept, self.batch)[1].items()
        }

    def params(self) -> Arrays:
        return {k: np.asarray(v) for k, v in self.kept.items()}


def installed(library: str) -> bool:
    """Say whether a library can be imported, without importing it."""
    return find_spec(library) is not None


def contenders(case: Case, left_out: Collection[str] = ()) -> dict[str, Contender]:
    """Return every contender of a case whose library is installed, by name.

    ``left_out`` names libraries that do not take part, and "readable", the generated
    step without its memory plan.
    """
    package = sd.compile(case.declare()).load()
    params = package.init_params(0, case.dtype)
    batch, rule = case.batch, case.rule
    found: dict[str, Contender] = {
        "symdiff": Generated(package, params, batch),
        "best": case.best(params, batch),
        "plain": Plain(case.plain, rule, params, batch),
    }
    if "readable" not in left_out:
        found["readable"] = Generated(package, params, batch, planned=False)
    makers: dict[str, tuple[Callable[..., Contender], Loss | None]] = {
        "torch": (partial(Torch, turned=case.turned), case.torch),
        "jax": (Jax, case.jax),
        "autograd": (autograd, case.autograd),
    }
    for name, (make, loss) in makers.items():
        if loss is not None and name not in left_out and installed(name):
            found[name] = make(loss, rule, params, batch)
    for name, made in case.others.items():
        library = name.split()[0]
        if library not in left_out and installed(library):
            found[name] = made(params, batch)
    return found
