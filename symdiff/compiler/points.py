"""Points of a generated module: valid arguments for it, given or drawn.

In: a generated module, and its self-check where it has one. Out: `Point`s in float64.
Invariant: a point that is given has passed the module's own check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

import numpy as np

from symdiff.compiler.drawing import draw_argument, lengths_of
from symdiff.compiler.subject import Point, Subject
from symdiff.emit.modules.lengths import TURNS
from symdiff.graph.errors import DerivativeError


@dataclass(frozen=True)
class Points:
    """The points of a module: as its self-check draws them, or by its declarations."""

    module: ModuleType
    check: ModuleType | None

    @property
    def params(self) -> dict[str, Any]:
        """The declarations of the parameters, by name."""
        found: dict[str, Any] = getattr(self.module, "PARAMS", {})
        return found

    def drawn(
        self,
        label: str,
        weights: Mapping[str, np.ndarray],
        rng: np.random.Generator,
        turn: int = 0,
    ) -> Point:
        """Return a random point, with ``weights`` as its parameters where given.

        Points of another ``turn`` have other lengths.
        """
        if self.check is not None:
            draw = self.check._draw
            # packages of earlier versions have one length for each dim
            turned = (turn,) if "turn" in signature(draw).parameters else ()
            drawn = draw(rng, *turned)
            params = {n: drawn[f"params[{n!r}]"] for n in self.params}
            arguments = {n: np.asarray(drawn[n]) for n in self.module.ARGUMENTS}
        else:
            params = {
                n: _float64(draw_argument(s, {}, rng, 0.3))
                for n, s in self.params.items()
            }
            params |= self._states(params, rng)
            sizes = lengths_of(self.module, turn=turn % TURNS)
            # every third point is far out, as in the check of a package
            spread = 10.0 if turn % TURNS == 2 else 1.0
            arguments = {
                n: _float64(draw_argument(spec, sizes, rng, spread))
                for n, spec in self.module.ARGUMENTS.items()
            }
        kept = {n: _float64(a) for n, a in weights.items() if n in params}
        return Point(label, {**params, **kept}, arguments)

    def _states(
        self, shaped: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return states near what they start from, a little further from 0.

        So a read of them shows, and a variance stays one. They are near 1 in a module
        that does not say what they start from.
        """
        names = getattr(self.module, "BUFFERS", ())
        made: dict[str, np.ndarray] = getattr(self.module, "init_params", dict)()
        found = {}
        for n in names:
            start = _float64(made.get(n, np.ones_like(shaped[n])))
            moved = 0.1 * np.abs(rng.standard_normal(start.shape))
            found[n] = start + np.where(start < 0, -moved, moved)
        return found

    def given(
        self, file: Path, weights: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> Point:
        """Return the point of an ``.npz`` file."""
        return self.of(str(file), arrays_of(file), weights, rng)

    def of(
        self,
        label: str,
        arrays: Mapping[str, np.ndarray],
        weights: Mapping[str, np.ndarray],
        rng: np.random.Generator,
    ) -> Point:
        """Return a point: all arguments by name, and parameters, else drawn.

        Raises `DerivativeError` for names that are not the module's, and for arguments
        that are missing.
        """
        params, arguments = dict(weights), {}
        for name, array in arrays.items():
            bare = name.removeprefix("params/")
            if name in self.module.ARGUMENTS:
                arguments[name] = array
            elif bare in self.params:
                params[bare] = array
            else:
                known = ", ".join([*self.module.ARGUMENTS, *self.params])
                raise DerivativeError(
                    f"{label} has {name!r}, which is no argument and no parameter; "
                    f"they are {known}."
                )
        missing = [n for n in self.module.ARGUMENTS if n not in arguments]
        if missing:
            raise DerivativeError(
                f"{label} lacks {', '.join(missing)}; a point needs every argument."
            )
        drawn = self.drawn("", {}, rng).params
        both = {
            n: _held(params.get(n, drawn[n]), spec[0])
            for n, spec in self.params.items()
        }
        kinds = {n: spec[0] for n, spec in self.module.ARGUMENTS.items()}
        held = {n: _held(a, kinds[n]) for n, a in arguments.items()}
        return Point(label, both, held, False)

    def hold(self, point: Point) -> None:
        """Run the module's own checks of a point, those of lengths among them."""
        subject = Subject(self.module)
        try:
            with subject.lifted(point):  # points are in float64, whatever is declared
                self.module._check(dict(point.params), **point.arguments)
            with np.errstate(all="ignore"):
                subject.results(point)
        except (TypeError, ValueError) as error:
            if point.drawn:
                lengths_of(self.module)  # raises if no lengths are valid
            raise DerivativeError(
                f"{point.label or 'a random point'}: {error}; give arrays that fit."
            ) from error


def arrays_of(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file; raise `DerivativeError` for others."""
    try:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise DerivativeError(f"{file} is one array; save several by np.savez.")
        with found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        if isinstance(error, DerivativeError):
            raise
        reason = getattr(error, "strerror", None) or "it is no .npz file of arrays"
        raise DerivativeError(f"cannot read {file}: {reason}.") from error


def _held(array: np.ndarray, kind: str) -> np.ndarray:
    """Return floats in double precision; whole numbers may stand for floats."""
    whole = kind.startswith("float") and array.dtype.kind in "iu"
    return array.astype(np.float64) if whole else _float64(array)


def _float64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype.kind == "f" else array
