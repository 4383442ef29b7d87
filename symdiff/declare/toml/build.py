"""Declaring what a TOML spec says, section by section.

In: a checked document. Out: the leaves, tensors and optimiser that a `Model` or
`Function` is made of. Invariant: everything is declared by the functions that a spec in
Python calls, in the order of the file, so that both give the same graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import sympy as sp

from symdiff.declare import init as inits
from symdiff.declare import leaves
from symdiff.declare.init import Init
from symdiff.declare.toml.evaluate import Evaluator, evaluated
from symdiff.declare.toml.functions import INIT_NAMES, INITS, nearest
from symdiff.declare.toml.limits import check_number
from symdiff.declare.toml.names import Scope, kind, sentence
from symdiff.declare.toml.parse import formula
from symdiff.declare.toml.read import Reader, kind_of, name_problem
from symdiff.declare.toml.source import Statements
from symdiff.declare.toml.text import Document, Path_
from symdiff.graph.errors import SpecError, SymdiffError
from symdiff.graph.origin import Site, mark
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.leaf import STATE
from symdiff.ops.core.operands import literal_value

_DIM = re.compile(r"[A-Za-z]\w*")
_MAKERS: dict[str, Callable[..., Tensor]] = {
    "inputs": leaves.input_,
    "targets": leaves.input_,
    "params": leaves.param,
    "states": leaves.state,
}
_VERBS = {"inputs": "input", "targets": "input", "params": "param", "states": "state"}


class Builder:
    """Builds one document's tensors."""

    def __init__(self, document: Document, reader: Reader) -> None:
        self.document, self.reader = document, reader
        self.statements = Statements(document.path)
        self.names = Scope()
        self.inputs: dict[str, Tensor] = {}
        self.targets: dict[str, Tensor] = {}
        self.params: dict[str, Tensor] = {}
        self.states: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.metrics: dict[str, Tensor] = {}
        self.updates: dict[Tensor, Tensor] = {}
        self.loss: Tensor | None = None
        self._dims: dict[str, sp.Expr] = {}
        self._taken: dict[str, Path_] = {}

    def build(self) -> None:
        """Declare everything but the model itself."""
        for section in ("inputs", "targets", "params", "states"):
            for path, name, entry in self.reader.entries(section):
                self._leaf(section, path, name, entry)
        for path, name, entry in self.reader.entries("constants"):
            self._constant(path, name, entry)
        self._equations()
        for section, found in (("outputs", self.outputs), ("metrics", self.metrics)):
            for path, name, entry in self.reader.entries(section):
                self._check_part(path, name)
                found[name] = self._tensor(path, entry["value"], name)
        for path, name, entry in self.reader.entries("updates"):
            self._update(path, name, entry["value"])

    def head_site(self, kind: str, name: str) -> Site:
        """Return the site of the model itself."""
        line = self._line((kind, "name"))
        return self.statements.site(line, "", f"{kind.title()}({name!r})")

    def parameters(self) -> list[Tensor]:
        """Return parameters and states, for a function that takes them as arguments."""
        return [*self.names.params(), *self.states.values()]

    def _line(self, path: Path_) -> int:
        return self.document.line(self.document.place(path).key[0])

    # --- names -----------------------------------------------------------------------

    def _check_part(self, path: Path_, name: str) -> None:
        for part in name.split("."):
            problem = name_problem(part)
            if problem:
                raise self.document.at_key(path, problem)

    def _take(self, path: Path_, name: str) -> None:
        """Reserve a name; raise `SpecError` where it is taken."""
        self._check_part(path, name)
        if name in self._taken:
            first = self.document.line(self.document.place(self._taken[name]).key[0])
            where = f"[{self._taken[name][0]}]"
            raise self.document.at_key(
                path, f"`{name}` is declared at line {first} already, in {where}."
            )
        if name in self._dims:
            raise self.document.at_key(path, f"`{name}` is a dim of a shape already.")
        self._taken[name] = path

    # --- leaves ----------------------------------------------------------------------

    def _leaf(
        self, section: str, path: Path_, name: str, entry: dict[str, Any]
    ) -> None:
        self._take(path, name)
        if not name.isascii() or (section in ("inputs", "targets") and "." in name):
            raise self.document.at_key(
                path,
                f"`{name}` must be made of letters a to z, digits and underscores.",
            )
        shape = self._shape(path, entry["shape"])
        options: dict[str, Any] = {}
        for key in ("dtype", "low", "high"):
            if key in entry:
                options[key] = self._bound(path, key, entry[key])
        for key in ("init", "sample"):
            if key in entry:
                options[key] = self._init(path, key, entry[key])
        words = ", ".join(f"{k}={_shown(v)}" for k, v in entry.items())
        text = f"{_VERBS[section]}({words})"
        site = self.statements.site(self._line(path), name, text)
        with self._told(path), at_site(site):
            tensor = _MAKERS[section](name, shape, **options)
        mark(tensor, result=0)
        self.names.values[name] = tensor
        declared = {
            "inputs": self.inputs,
            "targets": self.targets,
            "params": self.params,
            "states": self.states,
        }
        declared[section][name] = tensor

    @contextmanager
    def _told(self, path: Path_) -> Any:
        """Turn errors of a declaration into `SpecError`s with a caret."""
        try:
            yield
        except SpecError:
            raise
        except SymdiffError as error:
            message = sentence(error)
            for key in ("init", "sample", "low", "high", "dtype", "shape"):
                if (*path, key) in self.document.places and key in message:
                    raise self.document.at_value((*path, key), message) from error
            raise self.document.at_value(path, message) from error
        except (TypeError, ValueError, OverflowError) as error:
            message = f"this cannot be declared: {str(error)[:200]}."
            raise self.document.at_value(path, message) from error

    def _shape(self, path: Path_, value: Any) -> tuple[Any, ...]:
        listed = value if isinstance(value, list) else [value]
        inner = (*path, "shape") if (*path, "shape") in self.document.places else path
        if len(listed) > 16:
            raise self.document.at_value(inner, "a shape has at most 16 axes.")
        lengths: list[Any] = []
        for number, length in enumerate(listed):
            at = (*inner, number) if isinstance(value, list) else inner
            if isinstance(length, bool) or not isinstance(length, int | str):
                raise self.document.at_value(
                    at,
                    f"a length is an integer or a dim's name, not {kind_of(length)}.",
                )
            lengths.append(self._length(at, length))
        return tuple(lengths)

    def _length(self, path: Path_, length: int | str) -> Any:
        if isinstance(length, str):
            return self._dim(path, length)
        if length < 0:
            raise self.document.at_value(path, "a length cannot be negative.")
        with self._told(path):
            check_number(length)
        return length

    def _dim(self, path: Path_, text: str) -> Any:
        """Return a dim: a name, which declares it, or a formula of known ones."""
        if _DIM.fullmatch(text):
            if text not in self._dims:
                problem = name_problem(text)
                if problem or not text.isascii() or text in self._taken:
                    message = (
                        problem or f"{text[:60]!r} cannot name a dim; it is taken."
                    )
                    raise self.document.at_value(path, message)
                self._dims[text] = self.names.values[text] = leaves.dim(text)
            return self._dims[text]
        made = formula(self.document, path, text)
        dims: dict[str, Any] = dict(self._dims)
        value = Evaluator(made, Scope(dims, calls=_no_calls, callable_names=())).value()
        if isinstance(value, bool) or not isinstance(value, int | sp.Expr):
            raise self.document.at_value(
                path,
                f"a length is an integer or a formula of dims, not {kind(value)}.",
            )
        if isinstance(value, sp.Expr) and not value.is_integer:
            raise self.document.at_value(path, "a length is a whole number.")
        return value

    def _bound(self, path: Path_, key: str, value: Any) -> Any:
        if key == "dtype" or not isinstance(value, str):
            if isinstance(value, int):
                with self._told((*path, key)):
                    check_number(value)
            return value
        return self._dim((*path, key), value)

    def _init(self, path: Path_, key: str, value: Any) -> Any:
        inner = (*path, key)
        if not isinstance(value, str):
            if isinstance(value, list):
                self._check_array(inner, value)
            return value
        if value in INIT_NAMES:
            return value
        made = formula(self.document, inner, value)
        plain = value.strip()
        if plain.isidentifier():
            hint = nearest(plain, (*INIT_NAMES, *INITS))
            if plain in INITS:
                hint = f"; give it its numbers, as in {plain}(0.01)"
            raise self.document.at_value(
                inner,
                f"`{plain[:60]}` is no initial value{hint or '.'} There are "
                f"{', '.join(INIT_NAMES)}, and {'(...), '.join(INITS)}(...).",
            )
        names = Scope(dict.fromkeys(()), calls=_init_call, callable_names=tuple(INITS))
        found = Evaluator(made, names).value()
        if not isinstance(found, Init | int | float) or isinstance(found, bool):
            raise self.document.at_value(
                inner, f"an initial value is needed, not {kind(found)}."
            )
        return found

    def _check_array(self, path: Path_, value: list[Any], depth: int = 0) -> None:
        """Raise `SpecError` where nested arrays hold something else than numbers."""
        if depth > 16:
            raise self.document.at_value(path, "an array has at most 16 axes.")
        for number, item in enumerate(value):
            if isinstance(item, list):
                self._check_array((*path, number), item, depth + 1)
            elif not isinstance(item, int | float):
                raise self.document.at_value(
                    (*path, number), f"arrays hold numbers, not {kind_of(item)}."
                )
            else:
                with self._told((*path, number)):
                    check_number(item)

    def _constant(self, path: Path_, name: str, entry: dict[str, Any]) -> None:
        self._take(path, name)
        value = entry["value"]
        inner = (*path, "value") if (*path, "value") in self.document.places else path
        self._check_array(inner, [value] if not isinstance(value, list) else value)
        if not isinstance(value, list) and "dtype" not in entry:
            self.names.values[name] = value
            return
        text = f"constant({_shown(value)})"
        site = self.statements.site(self._line(path), name, text)
        with self._told(path), at_site(site):
            tensor = leaves.constant(value, entry.get("dtype"))
        mark(tensor, result=0)
        self.names.values[name] = tensor

    # --- equations -------------------------------------------------------------------

    def _equations(self) -> None:
        found = list(self.reader.entries("equations"))
        split: list[tuple[Path_, list[str], str]] = []
        for path, key, entry in found:
            targets = [part.strip() for part in str(path[-1]).split(",")]
            for target in targets:
                if "." in target:
                    raise self.document.at_key(
                        path, f"`{key[:60]}`: a name of an equation has no dots."
                    )
                self._take(path, target)
            split.append((path, targets, entry["value"]))
        self.names.later = {
            t: self._line(path) for path, targets, _ in split for t in targets
        }
        later = dict(self.names.later)
        for path, targets, text in split:
            for target, value in self._values(path, targets, text):
                self.names.values[target] = value
                later.pop(target, None)
            self.names.later = later
        if "loss" in self.names.values and "loss" not in self.inputs:
            loss = self.names.values["loss"]
            if isinstance(loss, Tensor):
                self.loss = loss

    def _values(
        self, path: Path_, targets: list[str], text: str
    ) -> list[tuple[str, Any]]:
        made = formula(self.document, path, text)
        target = ", ".join(targets)
        value = evaluated(made, self.names, self.statements, self._line(path), target)
        values = [value]
        if len(targets) > 1:
            if not isinstance(value, tuple | list) or len(value) != len(targets):
                count = len(value) if isinstance(value, tuple | list) else 1
                raise made.error(
                    made.tree, f"{len(targets)} names stand for {count} value(s)."
                )
            values = list(value)
        self.names.made += _tensors(values)
        for name, found in zip(targets, values, strict=True):
            allowed = Tensor | int | float | tuple | list | sp.Expr
            if not isinstance(found, allowed):
                raise made.error(made.tree, f"`{name}` would be {kind(found)}.")
        return list(zip(targets, values, strict=True))

    def _tensor(self, path: Path_, text: str, target: str) -> Tensor:
        """Return the tensor of an output, a metric or an update."""
        made = formula(self.document, path, text)
        line = self._line(path)
        value = evaluated(made, self.names, self.statements, line, target, False)
        number = literal_value(value) if isinstance(value, Tensor) else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            value = leaves.constant(float(number))  # a result must be a tensor
        if not isinstance(value, Tensor) or isinstance(number, sp.Expr):
            shown = kind(number if number is not None else value)
            raise made.error(made.tree, f"a tensor is needed here, not {shown}.")
        self.names.made.append(value)
        return value

    def _update(self, path: Path_, name: str, text: str) -> None:
        leaf = self.states.get(name)
        if leaf is None:
            hint = nearest(name, self.states)
            there = ", ".join(self.states) or "none"
            raise self.document.at_key(
                path, f"`{name[:60]}` is no state{hint}; there are {there}."
            )
        assert leaf.node.op is STATE
        self.updates[leaf] = self._tensor(path, text, "")


def _no_calls(_: str) -> None:
    return None


def _init_call(name: str) -> Callable[..., Any] | None:
    plain = name.removeprefix("sd.").removeprefix("init.")
    return vars(inits)[plain] if plain in INITS else None


def _tensors(values: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


def _shown(value: Any) -> str:
    """Return a value of TOML as Python writes it, shortened."""
    text = repr(value) if not isinstance(value, dict) else "..."
    return text if len(text) <= 200 else "..."
