"""Spec files: a Python or TOML file that declares a model, read by the command line.

In: the path of a ``model.py`` or ``model.toml``. Out: a `SpecFile` with its ``model``
and, where it has them, its ``training`` and ``data``. Invariant: whatever is wrong with
the file is a `SpecError` of one paragraph that opens with ``file:line``, and whose
``__cause__`` is the error that was raised. Python is executed, TOML is not.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType
from typing import Any

from symdiff.declare.model import Function, Model
from symdiff.declare.settings import Training
from symdiff.declare.spec_errors import explained, shown
from symdiff.declare.toml.spec import load_toml
from symdiff.declare.toml.text import MAX_BYTES
from symdiff.graph.errors import SpecError, SymdiffError

EXPECTED = (
    "a spec is a .py file that sets `model` to an sd.Model or an sd.Function, and may "
    "set `training` and define data(), or a .toml file with a [model]"
)
HELD_OUT = ("validation", "test")
SPLITS = ("train", *HELD_OUT)
_END = object()


@dataclass(frozen=True)
class SpecFile:
    """What a spec file declares; ``training`` is the default where it has none.

    ``working`` is the current folder after the file ran, which it may have changed;
    ``variable`` is the name of the model in the file. A spec in TOML has no ``data``
    but data ``files`` by split, and may give ``wrt``, the variables to differentiate a
    function by.
    """

    path: Path
    working: Path
    model: Model | Function
    training: Training
    data: Callable[[], Any] | None
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wrt: tuple[str, ...] | None = None
    variable: str = "model"

    def chosen(self, wrt: Sequence[str] | None) -> list[str] | None:
        """Return what to differentiate by: the caller's ``wrt``, or else the spec's."""
        return list(wrt or self.wrt or ()) or None

    def beyond(self, wrt: Sequence[str]) -> list[str]:
        """Return ``wrt`` unless it is the default: the params or the inputs."""
        default = "params" if isinstance(self.model, Model) else "inputs"
        return [] if list(wrt) == [default] else list(wrt)


def load_spec(path: Path) -> SpecFile:
    """Execute a spec file, or read one in TOML, and return what it declares.

    Raises `SpecError` where it cannot be read, raises, or declares something else.
    """
    path = _of_module(path)
    source = _read(path)
    if path.suffix == ".toml":
        return _of_toml(path, source)
    return _declared(path, source, *_executed(path, source))


def load_specs(path: Path) -> dict[str, SpecFile]:
    """Return all models and functions of a spec file by their own names, as specs.

    Of two with the same name, the variable `model` counts. Raises as `load_spec` does,
    but no variable needs to be called `model`.
    """
    path = _of_module(path)
    source = _read(path)
    if path.suffix == ".toml":
        spec = _of_toml(path, source)
        return {spec.model.name: spec}
    names, working = _executed(path, source)
    found = [(n, v) for n, v in names.items() if isinstance(v, Model | Function)]
    if found and "model" not in names:
        names = {**names, "model": found[0][1]}
    spec = _declared(path, source, names, working)
    named = {m.name: replace(spec, model=m, variable=n) for n, m in found}
    return named | ({spec.model.name: spec} if "model" in dict(found) else {})


def _of_toml(path: Path, source: bytes) -> SpecFile:
    told = load_toml(path, source)
    here = Path.cwd()
    return SpecFile(path, here, told.model, told.training, None, told.files, told.wrt)


def _executed(path: Path, source: bytes) -> tuple[dict[str, Any], Path]:
    """Return a file's global names, and the current folder after it ran."""
    module = ModuleType(f"_symdiff_spec_{path.stem}")
    module.__file__ = str(path.absolute())
    module.__package__ = _package_of(path)[1] or None  # for relative imports
    sys.modules[module.__name__] = module  # dataclasses and pickle look it up
    try:
        with explained(path, ""), _importing_from(path, Path.cwd()):
            code = compile(source, module.__file__, "exec")
            _remember(module.__file__, source)
            exec(code, vars(module))
            working = Path.cwd()
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return vars(module), working


def call_data(spec: SpecFile) -> dict[str, Any]:
    """Call the spec's data() and return its splits; raise `SpecError` for other things.

    A split maps the names of the model's inputs and targets to one array each, or is a
    function from the epoch to an iterable of such dicts, each a batch.
    """
    if spec.data is None and spec.path.suffix == ".toml":
        raise SpecError(
            f"{spec.path} has no [data], so there is nothing to train on. Name files, "
            f'as in\n    [data]\n    train = "data.npz"\nwith arrays called '
            f"{names_of(spec.model)}, a row an example; or give them by --data."
        )
    if spec.data is None:
        raise SpecError(
            f"{spec.path} has no data(), so there is nothing to train on. Define\n"
            '    def data():\n        return {"train": {...}, "test": {...}}\n'
            f"where each part maps {names_of(spec.model)} to arrays, a row an example."
        )
    with explained(spec.path, "data() "), _importing_from(spec.path, spec.working):
        parts = spec.data()
    if not isinstance(parts, Mapping) or "train" not in parts:
        raise _wrong(
            spec, f"must return a dict with the key 'train', got {_kind(parts)}"
        )
    unknown = [k for k in parts if k not in SPLITS]
    if unknown:
        raise _wrong(
            spec, f"has the unknown key {unknown[0]!r}; use {', '.join(SPLITS)}"
        )
    return {name: _split(spec, name, parts[name]) for name in parts}


def _split(spec: SpecFile, split: str, part: Any) -> Any:
    if callable(part) and not isinstance(part, Mapping):
        return functools.partial(_batches, spec, split, part)
    return _arrays(spec, split, part)


def _batches(
    spec: SpecFile, split: str, function: Callable[[int], Any], epoch: int
) -> Iterator[dict[str, Any]]:
    """Yield the batches of an epoch; what the user's function raises is explained."""
    what = f"data()[{split!r}] "

    def told(step: Callable[[], Any]) -> Any:
        with explained(spec.path, what), _importing_from(spec.path, spec.working):
            return step()

    batches = told(lambda: iter(function(epoch)))
    while (batch := told(lambda: next(batches, _END))) is not _END:
        yield _arrays(spec, split, batch)


def _arrays(spec: SpecFile, split: str, part: Any) -> dict[str, Any]:
    names = names_of(spec.model)
    if not isinstance(part, Mapping):
        raise _wrong(
            spec,
            f"[{split!r}] must be a dict of arrays, or a function from the epoch to an "
            f"iterable of such batches, got {_kind(part)}",
        )
    missing = [n for n in names if n not in part]
    extra = [k for k in part if k not in names]
    if missing or extra:
        raise _wrong(
            spec,
            f"[{split!r}] must have the keys {names}: missing {missing}, "
            f"unexpected {extra}",
        )
    return {n: part[n] for n in names}


def _wrong(spec: SpecFile, what: str) -> SpecError:
    line = getattr(getattr(spec.data, "__code__", None), "co_firstlineno", "")
    return SpecError(
        f"{spec.path}:{line}: data(){'' if what[0] == '[' else ' '}{what}."
    )


def names_of(model: Model | Function) -> list[str]:
    """Return the names that data has: a model's inputs, then its targets."""
    targets = model.targets if isinstance(model, Model) else ()
    return [str(t.name) for t in (*model.inputs, *targets)]


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"the keys {shown(repr, list(value)):.60}"
    return f"{type(value).__name__} {shown(repr, value):.40}"


# --- reading and executing -----------------------------------------------------------


def _of_module(path: Path) -> Path:
    """Return the file of a module given as ``package.module``; any other path as is."""
    parts = str(path).split(".")
    if path.suffix in (".py", ".toml") or not all(p.isidentifier() for p in parts):
        return path
    file = Path(*parts).with_suffix(".py")
    return file if not path.exists() and file.is_file() else path


def _package_of(path: Path) -> tuple[Path, str]:
    """Return the folder that a file's package is imported from, and its name."""
    folder, names = path.absolute().parent, list[str]()
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        folder, names = folder.parent, [folder.name, *names]
    return folder, ".".join(names)


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise SpecError(f"{path} is a folder; {EXPECTED}.")
        if path.suffix not in (".py", ".toml"):
            raise SpecError(f"{path} is neither a .py nor a .toml file; {EXPECTED}.")
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise SpecError(f"{path} is not a regular file; {EXPECTED}.")
        if path.suffix == ".toml":
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)  # enough to see that it is too large
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SpecError(f"{path} does not exist; {EXPECTED}.") from error
    except SymdiffError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"cannot read {path}: {reason}.") from error


def _remember(file: str, source: bytes) -> None:
    """Let error messages quote the file as it was executed, even if edited later."""
    lines = decode_source(source).splitlines(keepends=True)
    linecache.cache[file] = (len(source), None, lines, file)


@contextlib.contextmanager
def _importing_from(path: Path, working: Path) -> Iterator[None]:
    """Run the block in ``working``, importing from the spec's folder as a script does.

    A spec in a package may also import from the package.
    """
    beside, before = path.absolute().parent, Path.cwd()
    folders = list(dict.fromkeys([str(beside), str(_package_of(path)[0])]))
    sys.path[:0] = folders
    os.chdir(working)
    try:
        yield
    finally:
        os.chdir(before)
        for folder in folders:
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)


# --- what it declares ----------------------------------------------------------------


def _declared(
    path: Path, source: bytes, names: Mapping[str, Any], working: Path
) -> SpecFile:
    lines = _assigned(source)

    def wrong(name: str, need: str) -> SpecError:
        value = names[name]
        where = f"{path}:{lines[name]}" if name in lines else str(path)
        what = type(value).__name__ if not isinstance(value, type) else "class"
        article = "an" if what[0] in "aeiou" else "a"
        text = shown(repr, value)
        return SpecError(
            f"{where}: `{name}` is {article} {what}, {text:.60}; it must be {need}."
        )

    if "model" not in names:
        others = [
            n
            for n, v in names.items()
            if isinstance(v, Model | Function) and not n.startswith("_")
        ]
        hint = (
            f" It declares {', '.join(others)}; name the one to compile `model`."
            if others
            else f" What is expected: {EXPECTED}."
        )
        raise SpecError(f"{path} declares no `model`.{hint}")
    model, training, data = (names.get(n) for n in ("model", "training", "data"))
    if not isinstance(model, Model | Function):
        raise wrong("model", "an sd.Model or an sd.Function")
    if training is not None and not isinstance(training, Training):
        raise wrong("training", "an sd.Training")
    if data is not None and not callable(data):
        raise wrong("data", "a function that returns the data")
    return SpecFile(path, working, model, training or Training(), data)


def _assigned(source: bytes) -> dict[str, int]:
    """Return the line where each module-level name is bound by a simple statement."""
    lines: dict[str, int] = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=targets):
                bound = [t.id for t in targets if isinstance(t, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                bound = [name]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound = [name]
            case _:
                bound = []
        lines |= dict.fromkeys(bound, statement.lineno)
    return lines
