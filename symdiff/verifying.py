"""`symdiff verify`: are the gradients of a generated module those of its values?

In: a generated package or module, and points. Out: the worst relative error of each
gradient. Invariant: the module on disk is what is run, nothing is derived again; what
lies at a kink is told, not counted.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symdiff.emit.headers import Header
from symdiff.emit.package import load_package
from symdiff.generated import PARTS, header_of
from symdiff.gradient_check import Point, Subject, Worst, compare
from symdiff.graph.errors import DerivativeError

LENGTHS = (5, 3, 4, 6, 7, 2)  # what symbolic lengths are at random points
TRIES = 20
TOLERANCE, STRICT = 1e-6, 1e-10  # of differences, of complex steps


@dataclass
class Verdict:
    """What was found; exit code 0: they agree, 1: they do not, 2: it cannot be told."""

    shown: Path
    method: str
    tolerance: float
    worst: list[Worst] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mismatch: bool = False

    @property
    def code(self) -> int:
        """The exit code."""
        if self.mismatch or any(w.wrong for w in self.worst):
            return 1
        return 2 if self.problems or not self.worst else 0


@contextlib.contextmanager
def loaded(path: Path) -> Iterator[tuple[ModuleType, ModuleType | None, Header]]:
    """Import generated code; give the module with its backward pass, and its check.

    Raises `DerivativeError` where there is none, or it cannot be imported.
    """
    if path.is_dir() or path.stem in PARTS:
        folder = path if path.is_dir() else path.parent
        entry = folder / "__init__.py"
    else:
        folder = entry = path
    header = header_of(entry)
    alias = "_symdiff_verified"
    try:
        module = load_package(alias, folder.absolute())  # finders are cached by path
        if folder == entry:
            found, check = module, None
        else:
            backward = folder / "backward.py"
            if not backward.exists():
                raise _nothing(path)
            header = header_of(backward)
            found = importlib.import_module(f"{alias}.backward")
            check = importlib.import_module(f"{alias}.__main__")
        if not hasattr(found, "backward"):
            raise _nothing(path)
        yield found, check, header
    except (ImportError, SyntaxError) as error:
        where = f"{path}: {type(error).__name__}: {error}"
        raise DerivativeError(f"{where}. It cannot be run as it is.") from error
    finally:
        for name in [n for n in sys.modules if n.split(".")[0] == alias]:
            del sys.modules[name]


def _nothing(path: Path) -> DerivativeError:
    return DerivativeError(
        f"{path} has no backward pass, so there is no gradient to verify; it was "
        "compiled without one."
    )


def verify(
    path: Path,
    points: Sequence[Path] = (),
    params: Path | None = None,
    count: int = 3,
    directions: int = 3,
    seed: int = 0,
    method: str = "auto",
) -> Verdict:
    """Return how the gradients of generated code compare with its values' differences.

    Parameters
    ----------
    points : ``.npz`` files with arguments, and perhaps parameters, by name
    params : an ``.npz`` file of parameters, instead of random ones
    count : random points
    directions : random directions at each point, for arrays that are not small
    method : "complex", "differences", or "auto": complex steps where they can be
    """
    with loaded(path) as (module, check, header):
        analytic = "complex" in header.check
        if method == "complex" and not analytic:
            raise DerivativeError(
                f"{path} has operations that do not hold for complex numbers; use "
                "--method differences."
            )
        by_complex = analytic and method != "differences"
        name = "complex steps" if by_complex else "central differences"
        verdict = Verdict(path, name, STRICT if by_complex else TOLERANCE)
        if not header.intact:
            verdict.notes.append("the file was edited after it was generated")
        run = _Run(module, check, verdict, by_complex, directions, seed)
        run.at(points, params, count)
        if check is not None and hasattr(check, "_verify_planned"):
            planned = check._verify_planned(out=verdict.notes.append)
            verdict.mismatch = verdict.mismatch or planned != 0
        return verdict


@dataclass
class _Run:
    module: ModuleType
    check: ModuleType | None
    verdict: Verdict
    by_complex: bool
    directions: int
    seed: int

    def at(self, files: Sequence[Path], params: Path | None, count: int) -> None:
        """Compare at the files' points, then at random ones."""
        rng = np.random.default_rng(self.seed)
        weights = _arrays(params) if params is not None else {}
        subject = Subject(self.module)
        held = self.module._check
        given = [self._given(file, weights, rng) for file in files]
        for point in given:
            _held(held, point)
        self.module._check = lambda _params, **arguments: list(arguments.values())  # type: ignore[attr-defined]
        try:
            with np.errstate(all="ignore"):
                for point in given:
                    self._compare(subject, point, rng)
                for i in range(count):
                    self._random(subject, i, weights, rng)
        finally:
            self.module._check = held  # type: ignore[attr-defined]
        for found in self.verdict.worst:
            if not found.compared and found.shape and 0 not in found.shape:
                self.verdict.problems.append(f"{found.name}: no smooth point was found")

    def _compare(
        self, subject: Subject, point: Point, rng: np.random.Generator
    ) -> list[int]:
        verdict = self.verdict
        if not subject.targets:
            subject.name_targets(point)
        if not verdict.worst:
            verdict.worst = [
                Worst(name, subject.array(point, target).shape, verdict.tolerance)
                for name, target in zip(subject.names, subject.targets, strict=True)
            ]
        kinks = []
        try:
            kinks = compare(
                subject, point, verdict.worst, self.by_complex, self.directions, rng
            )
        except FloatingPointError as error:
            if not point.drawn:
                verdict.problems.append(str(error))
            return list(range(len(verdict.worst)))
        if not point.drawn:
            verdict.points.append(point.label)
            for i in kinks:
                name = verdict.worst[i].name
                verdict.problems.append(f"{name}: {point.label} lies at a kink")
        return kinks

    def _random(
        self,
        subject: Subject,
        number: int,
        weights: dict[str, np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        """Compare at a random point; where that is at a kink, at another one."""
        label = f"random point {number + 1}"
        for _ in range(TRIES):
            drawn = self._drawn(label, weights, rng)
            if not self._compare(subject, drawn, rng):
                self.verdict.points.append(label)
                return
        self.verdict.points.append(f"{label} (at kinks)")

    # --- points ---------------------------------------------------------------------

    def _drawn(
        self, label: str, weights: dict[str, np.ndarray], rng: np.random.Generator
    ) -> Point:
        if self.check is not None:
            drawn = self.check._draw(rng)
            params = {n: drawn[f"params[{n!r}]"] for n in self._params}
            arguments = {n: np.asarray(drawn[n]) for n in self.module.ARGUMENTS}
        else:
            params = {n: _draw(s, {}, rng, 0.3) for n, s in self._params.items()}
            sizes: dict[str, int] = {}
            arguments = {
                n: _draw(spec, sizes, rng) for n, spec in self.module.ARGUMENTS.items()
            }
        kept = {n: _float64(a) for n, a in weights.items() if n in params}
        return Point(label, {**params, **kept}, arguments)

    @property
    def _params(self) -> dict[str, Any]:
        found: dict[str, Any] = getattr(self.module, "PARAMS", {})
        return found

    def _given(
        self, file: Path, weights: dict[str, np.ndarray], rng: np.random.Generator
    ) -> Point:
        """Return the point of a file: all arguments, and what it has of parameters."""
        arrays = _arrays(file)
        params, arguments = dict(weights), {}
        for name, array in arrays.items():
            bare = name.removeprefix("params/")
            if name in self.module.ARGUMENTS:
                arguments[name] = array
            elif bare in self._params:
                params[bare] = array
            else:
                known = [*self.module.ARGUMENTS, *self._params]
                raise DerivativeError(
                    f"{file} has {name!r}, which is no argument and no parameter; they "
                    f"are {', '.join(known)}."
                )
        missing = [n for n in self.module.ARGUMENTS if n not in arguments]
        if missing:
            raise DerivativeError(
                f"{file} lacks {', '.join(missing)}; a point needs every argument."
            )
        drawn = self._drawn("", {}, rng).params
        both = {n: _float64(params.get(n, drawn[n])) for n in self._params}
        return Point(
            str(file), both, {n: _float64(a) for n, a in arguments.items()}, False
        )


def _held(check: Any, point: Point) -> None:
    """Let the module's own check look at a given point."""
    try:
        check(dict(point.params), **point.arguments)
    except (TypeError, ValueError) as error:
        raise DerivativeError(f"{point.label}: {error}") from error


def _arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as found:
            if not hasattr(found, "files"):
                raise DerivativeError(f"{file} is one array; save several by np.savez.")
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, DerivativeError):
            raise
        reason = getattr(error, "strerror", None) or "it is no .npz file of arrays"
        raise DerivativeError(f"cannot read {file}: {reason}.") from error


def _float64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _draw(
    spec: tuple[Any, ...],
    sizes: dict[str, int],
    rng: np.random.Generator,
    spread: float = 1.0,
) -> np.ndarray:
    """Draw an argument of a declared kind, shape and range."""
    kind, dims, low, high = spec
    shape = tuple(d if isinstance(d, int) else _length(d, sizes) for d in dims)
    if kind == "bool":
        return rng.random(shape) < 0.5
    if kind.startswith(("int", "uint")):
        least = 0 if low is None else int(low)
        return rng.integers(least, least + 5 if high is None else int(high), shape)
    if low is not None or high is not None:
        first = float(low) if low is not None else float(high) - 1.0
        last = float(high) if high is not None else first + 1.0
        return np.asarray(rng.uniform(first, last, shape))
    return np.asarray(spread * rng.standard_normal(shape))


def _length(text: str, sizes: dict[str, int]) -> int:
    """Return a symbolic length, such as N or 2*N."""
    import sympy as sp

    expression = sp.sympify(text, locals=_Symbols())
    for symbol in sorted(expression.free_symbols, key=str):
        sizes.setdefault(str(symbol), LENGTHS[len(sizes) % len(LENGTHS)])
    return int(expression.subs({s: sizes[str(s)] for s in expression.free_symbols}))


class _Symbols(dict[str, Any]):
    """Every name is a symbol, also N and S, which SymPy has for itself."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.isidentifier()

    def __missing__(self, name: str) -> Any:
        import sympy as sp

        if name in ("floor", "ceiling", "Max", "Min", "Mod", "Integer"):
            return getattr(sp, name)
        return sp.Symbol(name, integer=True, nonnegative=True)
