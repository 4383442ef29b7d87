"""`symdiff verify`: are the gradients of a generated module those of its values?

In: a generated package or module, and points. Out: the worst relative error of each
gradient, and what the package's own check says of all else. Invariant: the module on
disk is run, and nothing is derived again; slopes at a kink are reported, but not
counted as errors.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from symdiff.compiler.compilation import load_package
from symdiff.compiler.drawing import lengths_of
from symdiff.compiler.points import Points, arrays_of
from symdiff.compiler.subject import Point, Subject
from symdiff.emit.modules.assembly import HELD
from symdiff.emit.modules.headers import Header
from symdiff.graph.errors import DerivativeError, SymdiffError
from symdiff.review.files import (
    PARTS,
    edited_arrays,
    header_of,
    is_generated,
    one_package,
    used,
)
from symdiff.review.slopes import NARROW, Worst, compare

TRIES = 20
FEW = 16  # up to so many gradients are checked in several directions and points
# Functions of a package's own check, and what each of them compares.
COMPARED = {
    "_verify_forward": "forward.py",
    "_verify_training": "what training computes",
    "_verify_planned": "the planned step",
}
CHECKED = ("backward.py", "forward.py", "_planned.py")
PARTLY = {"train.py": "what it does with the gradients is not checked"}
TOLERANCE, STRICT = 1e-6, 1e-10  # for differences, for complex steps


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
def _from_text() -> Iterator[None]:
    """Import from the text on disk, whatever bytecode is beside it.

    Python takes bytecode of a text of the same size and second for that of the text.
    """
    before = sys.pycache_prefix, sys.dont_write_bytecode
    with tempfile.TemporaryDirectory() as empty:
        sys.pycache_prefix, sys.dont_write_bytecode = empty, True
        try:
            yield
        finally:
            sys.pycache_prefix, sys.dont_write_bytecode = before


@contextlib.contextmanager
def loaded(path: Path) -> Iterator[tuple[ModuleType, ModuleType | None, Header]]:
    """Import generated code: the module with its backward pass, its check, its header.

    Raises `DerivativeError` where there is no backward pass, or an import fails.
    """
    path = one_package(path)
    if path.is_dir() or path.stem in PARTS:
        folder = path if path.is_dir() else path.parent
        entry = folder / "__init__.py"
    else:
        folder = entry = path
    header = header_of(entry)
    alias = "_symdiff_verified"
    try:
        with _running(folder), _from_text():
            # absolute, because Python caches import finders by path
            module = load_package(alias, folder.absolute())
            if folder == entry:
                found, check = module, None
            else:
                backward = folder / "backward.py"
                if not backward.exists():
                    raise _nothing(path)
                header = header_of(used(backward))
                found = importlib.import_module(f"{alias}.backward")
                check = importlib.import_module(f"{alias}.__main__")
            if not hasattr(found, "backward"):
                raise _nothing(path)
        yield found, check, header
    finally:
        for name in [n for n in sys.modules if n.split(".")[0] == alias]:
            del sys.modules[name]


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[None]:
    """Turn errors of generated code, which may be edited, into one with a line."""
    try:
        yield
    except SymdiffError:
        raise
    except Exception as error:
        place = f"{folder}"
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{error.filename}:{error.lineno}"
        for frame in traceback.extract_tb(error.__traceback__):
            if Path(frame.filename).is_relative_to(folder.absolute()):
                place = f"{frame.filename}:{frame.lineno}"
        raise DerivativeError(
            f"{place}: {type(error).__name__}: {error}. It cannot be run as it is."
        ) from error


def _nothing(path: Path) -> DerivativeError:
    return DerivativeError(
        f"{path} has no backward pass, so there is no gradient to verify; it was "
        "compiled without one."
    )


def verify(
    path: Path,
    points: Sequence[Path] = (),
    params: Path | None = None,
    count: int | None = None,
    directions: int | None = None,
    seed: int = 0,
    method: str = "auto",
) -> Verdict:
    """Return how the gradients of generated code compare with its values' differences.

    Parameters
    ----------
    points : ``.npz`` files with arguments, and perhaps parameters, by name
    params : an ``.npz`` file of parameters, instead of random ones
    count : random points; by default 3, or 1 for what has many gradients
    directions : random directions at each point, for arrays that are not small; by
        default 3, or 1 for what has many gradients
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
        verdict.notes += edited_arrays(_checked_files(path))
        verdict.notes += _edited_beside(path)
        unheld = _unheld(header, check)
        if unheld:
            verdict.problems.append(unheld)
            return verdict
        run = _Verification(module, check, verdict, by_complex, directions, seed)
        with _running(path):
            run.at(points, params, count)
        for name, what in COMPARED.items():
            if check is None or not hasattr(check, name):
                continue
            compare = getattr(check, name)
            _beside(compare, what, verdict)
            for point in run.given:
                with _drawing(check, point):
                    _beside(compare, f"{what} at {point.label}", verdict, point.label)
        return verdict


@contextlib.contextmanager
def _drawing(check: ModuleType, point: Point) -> Iterator[None]:
    """Let a package's own check draw nothing else than a point."""
    params = {f"params[{name!r}]": a for name, a in point.params.items()}
    before = check._draw
    check._draw = lambda *_: {  # type: ignore[attr-defined]
        k: np.array(a) for k, a in {**params, **point.arguments}.items()
    }
    try:
        yield
    finally:
        check._draw = before  # type: ignore[attr-defined]


def _beside(
    compare: Callable[..., int], what: str, verdict: Verdict, place: str = ""
) -> None:
    """Run one more comparison of the package's own check, and note its result.

    It is made at points of its own, or at the ``place`` that it is told of.
    """
    told: list[str] = []
    try:
        code = compare(out=told.append)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        verdict.problems.append(f"{what} cannot be compared: {reason}")
        return
    told = [f"{line}, at {place}" if place else line for line in told]
    if code == 2:
        verdict.problems += told
    else:
        verdict.notes += told
    verdict.mismatch = verdict.mismatch or code == 1


def _unheld(header: Header, check: ModuleType | None) -> str:
    """Return why slopes differ from the gradient by design (stop_gradient), or ''."""
    if "stop_gradient" in header.check:
        return header.check.partition(": ")[2] or header.check
    if HELD in header.check and not hasattr(check, "_held"):
        return (
            "stop_gradient hides a part of the slope from the gradient, and the "
            "modules that hold it fixed are not beside this file; compile a package"
        )
    return ""


def _checked_files(path: Path) -> list[Path]:
    """Return the generated files that are run."""
    if not path.is_dir():
        return [path]
    return [used(f) for f in one_package(path).glob("*.py") if is_generated(used(f))]


def _edited_beside(path: Path) -> list[str]:
    """Return a note for each edited file of a package that is not wholly checked."""
    files = sorted(one_package(path).glob("*.py")) if path.is_dir() else []
    others = [f for f in files if f.name not in CHECKED]
    return [
        f"{file.name} was edited after it was generated, and "
        + PARTLY.get(file.name, "is not checked")
        for file in others
        if not is_generated(used(file)) or not header_of(used(file)).intact
    ]


@contextlib.contextmanager
def _unchecked(module: ModuleType) -> Iterator[None]:
    """Switch off a module's entry checks, which refuse complex arguments."""
    check = module._check
    module._check = lambda _, /, **arguments: list(arguments.values())  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module._check = check  # type: ignore[attr-defined]


@dataclass
class _Verification:
    module: ModuleType
    check: ModuleType | None
    verdict: Verdict
    by_complex: bool
    directions: int | None
    seed: int
    source: Points = field(init=False)
    given: list[Point] = field(default_factory=list)

    def at(self, files: Sequence[Path], params: Path | None, count: int | None) -> None:
        """Compare at the files' points, then at random ones."""
        rng = np.random.default_rng(self.seed)
        weights = arrays_of(params) if params is not None else {}
        holding = None
        if self.check is not None and hasattr(self.check, "_held"):
            holding = (self.check._hidden, self.check._held)
        subject = Subject(self.module, holding=holding)
        self.source = Points(self.module, self.check)
        if params is not None:
            self._tell_weights(params, weights)
        if count is None:
            count = 3 if len(self.source.params) <= FEW else 1
        self.given = [self.source.given(file, weights, rng) for file in files]
        for point in self.given:
            self.source.hold(point)
        with contextlib.ExitStack() as stack:
            for module in (self.module, *(holding or ())):
                stack.enter_context(_unchecked(module))
            stack.enter_context(np.errstate(all="ignore"))
            for point in self.given:
                self._compare(subject, point, rng)
            for i in range(count):
                self._random(subject, i, weights, rng)
        for found in self.verdict.worst:
            if found.narrow:
                self.verdict.notes.append(
                    f"{found.name}: given float64, its gradient is computed in float32,"
                    f" so {NARROW:g} is allowed"
                )
            if not found.compared and found.shape and 0 not in found.shape:
                self.verdict.problems.append(f"{found.name}: no smooth point was found")

    def _tell_weights(self, file: Path, weights: Mapping[str, np.ndarray]) -> None:
        """Note which weights of a file stand for nothing, and which it has not."""
        known = list(self.source.params)
        unknown = [n for n in weights if n not in known]
        if len(unknown) == len(weights):
            names = ", ".join(known) or "none"
            raise DerivativeError(f"{file} holds no parameter; they are {names}.")
        if unknown:
            words = f"{file}: {', '.join(unknown)} is no parameter here"
            self.verdict.notes.append(f"{words}, and is not looked at")
        if missing := ", ".join(n for n in known if n not in weights):
            self.verdict.notes.append(
                f"{file} has no {missing}, which is drawn at random"
            )

    def _compare(
        self,
        subject: Subject,
        point: Point,
        rng: np.random.Generator,
        only: Sequence[int] | None = None,
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
        count = self.directions
        if count is None:
            count = 3 if len(verdict.worst) <= FEW else 1
        try:
            kinks = compare(
                subject, point, verdict.worst, self.by_complex, count, rng, only
            )
        except FloatingPointError as error:
            if not point.drawn:
                verdict.problems.append(str(error))
            return list(range(len(verdict.worst))) if only is None else list(only)
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
        """Compare at a random point; gradients at a kink there, at further points."""
        label = f"random point {number + 1}"
        kinks: list[int] | None = None
        refused: Exception | None = None
        for again in range(TRIES):
            drawn = self.source.drawn(label, weights, rng, number + again)
            try:
                kinks = self._compare(subject, drawn, rng, kinks)
            except (ArithmeticError, LookupError, ValueError) as error:
                refused = error  # such as a singular matrix; another point may do
                continue
            if not kinks:
                self.verdict.points.append(label)
                return
        if kinks is None and refused is not None:
            lengths_of(self.module)  # raises if no lengths fit, a clearer error
            raise refused
        self.verdict.points.append(f"{label} (at kinks)")
