"""A generated package: its files, how they are written, and how they are loaded.

In: the module texts. Out: `Compiled`. Invariant: writing replaces generated files only,
and refuses before the first byte where a file is not symdiff's own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from symdiff.declare.model import Function, Model
from symdiff.emit.listing import Listed, Listing, listing_of
from symdiff.emit.modules.assembly import (
    BODY_MARK,
    Module,
    Options,
    backward_module,
    body_of,
    forward_module,
    holding_modules,
    stamped,
)
from symdiff.emit.modules.bodies import Unit, new_unit
from symdiff.emit.modules.entry import init_module, main_module
from symdiff.emit.modules.single import single_module
from symdiff.emit.modules.train import train_module
from symdiff.emit.modules.writing import (
    packed,
    refuse_other_arrays,
    refuse_other_text,
    write_package,
    write_single,
)
from symdiff.graph.arguments import refuse_unknown
from symdiff.graph.display import DOORS, Displayed
from symdiff.graph.errors import OutputError
from symdiff.graph.provenance import checked_call
from symdiff.plan.program import Program

CONSTANTS = "constants.npz"
_serial = itertools.count()


@dataclass(frozen=True)
class Compiled(Displayed):
    """The generated files of one model or function.

    ``files`` maps relative paths to text, or to bytes for array constants.
    """

    name: str
    files: Mapping[str, str | bytes]
    single_file: bool = False
    _source: tuple[Any, Any, str | None] | None = field(
        default=None, repr=False, compare=False
    )  # what was compiled: declaration, wrt, base
    _loaded: list[Any] = field(default_factory=list, repr=False, compare=False)
    _listed: Mapping[str, Sequence[Listed]] = field(
        default_factory=dict, repr=False, compare=False
    )  # by path, what the listings are made from

    @cached_property
    def listing(self) -> Mapping[str, Listing]:
        """What each line of a module computes and stands for, by the module's path."""
        return {
            path: listing_of(content, self._listed.get(path, ()))
            for path, content in self.files.items()
            if isinstance(content, str)
        }

    def listed(self, module: str) -> Listing:
        """Return the listing of one module: ``compiled.listed("backward")``."""
        return self.listing[self._path(module)]

    @checked_call
    def write(self, folder: str | os.PathLike[str] = "build") -> Path:
        """Write the files below ``folder``.

        Parameters
        ----------
        folder : path
            Where the package, or the module, is put.

        Returns
        -------
        Path
            The package's folder, or the module.

        Raises
        ------
        OutputError
            Before writing anything, where a file that symdiff did not make stands in
            the way, and where the folder cannot be written.
        """
        root = Path(folder)
        try:
            self._refuse_foreign(root)
            if self.single_file:
                path = root / f"{self.name}.py"
                _refuse_hidden(path)
                files = self._contents()
                write_single(path, files.pop(path.name), files)
                return path
            write_package(root / self.name, self._contents())
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"cannot write {error.filename or root}: {error.strerror}. Choose "
                "another folder."
            ) from error
        return root / self.name

    def _contents(self) -> dict[str, bytes]:
        """Return the files' bytes by their names alone."""
        return {
            name.rpartition("/")[2]: v.encode("utf-8") if isinstance(v, str) else v
            for name, v in self.files.items()
        }

    def _refuse_foreign(self, root: Path) -> None:
        """Raise where a file exists that symdiff did not generate."""
        own = self._contents()
        for name in self.files:
            path = root / name
            if path.suffix == ".npz":
                refuse_other_arrays(path, own[path.name])
            else:
                refuse_other_text(path)

    @checked_call
    def explain(self, **options: Any) -> Any:
        """Return the report on how the gradients come about.

        It shows itself as text, Markdown, LaTeX or HTML: ``str(report)``,
        ``report.html()``, … Options are those of
        `symdiff.explain.explanation.explained`:
        ``values`` for numbers, ``cost`` for operations and memory.
        """
        refuse_unknown("explain()", options, ("values", "cost", "lengths", "seed"))
        return self._asked("report", options)

    @checked_call
    def explore(self, **options: Any) -> Any:
        """Return the explorer: one HTML page that links spec, graph and code.

        ``compiled.explore(values="random").write("model.html")``; options are those of
        `symdiff.explain.explorer.exploration.explored`.
        """
        refuse_unknown("explore()", options, ("values", "seed", "main"))
        return self._asked("explorer", options)

    def _asked(self, door: str, options: Mapping[str, Any]) -> Any:
        """Return what a higher room tells of the declaration."""
        if self._source is None:
            raise OutputError(f"{self.name!r} was not compiled here; compile it again.")
        declared, wrt, base = self._source
        return DOORS[door](declared, wrt, base=base, **options)

    @checked_call
    def load(self) -> ModuleType:
        """Import the generated code from a temporary folder and return its module."""
        if not self._loaded:
            folder = tempfile.TemporaryDirectory(prefix="symdiff_")
            path = self.write(folder.name)
            alias = f"_symdiff_{next(_serial)}_{self.name}"
            made = load_package(alias, path)
            # Submodules are imported when asked for: the folder lives as long as the
            # module.
            vars(made)["_folder"] = folder
            self._loaded.append(made)
        module: ModuleType = self._loaded[0]
        return module

    def __getitem__(self, module: str) -> str:
        """Return the text of one module: ``compiled["backward"]``."""
        content = self.files[self._path(module)]
        return content if isinstance(content, str) else content.decode()

    def _path(self, module: str) -> str:
        return f"{self.name}.py" if self.single_file else f"{self.name}/{module}.py"


def load_package(alias: str, path: Path) -> ModuleType:
    """Import a written package, or its single module, under another name."""
    path = path.absolute()  # finders of relative folders outlive a change of folder
    entry = path if path.suffix else path / "__init__.py"
    search = None if path.suffix else [str(path)]
    spec = importlib.util.spec_from_file_location(
        alias, entry, submodule_search_locations=search
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    spec.loader.exec_module(module)
    return module


# --- assembling -----------------------------------------------------------------------


def model_files(
    model: Model,
    program: Program,
    options: Options,
    folder: str,
    origin: str,
    modules: Sequence[str],
) -> Package:
    """Return the files of a model's package."""
    unit = new_unit(program, folder, min(options.level, 1))
    if options.single_file:
        made = single_module(unit, model, options, origin, modules, folder)
        return packaged({model.name: made}, unit, "")
    texts = {"forward": forward_module(unit, options, origin)}
    if "backward" in modules:
        texts["backward"] = backward_module(unit, options, origin)
    if "train" in modules:
        texts |= train_module(unit, model, options, origin, folder)
    texts = {k: v for k, v in texts.items() if k in modules or k.startswith("_")}
    averages = model.optimizer is not None and "ema" in model.optimizer.hyper
    more = ("averaged_params",) if averages and "train" in modules else ()
    entry = init_module(unit, options, origin, tuple(texts), more)
    texts["__init__"] = Module(entry)
    if "backward" in modules:
        texts["__main__"] = Module(main_module(unit, options, origin, tuple(texts)))
        texts |= holding_modules(unit, options, origin, folder)
    return packaged(texts, unit, f"{model.name}/")


def function_files(
    function: Function,
    program: Program,
    options: Options,
    folder: str,
    origin: str,
    modules: Sequence[str],
) -> Package:
    """Return the files of a function's package."""
    unit = new_unit(program, folder, min(options.level, 1))
    modules = tuple(m for m in modules if m != "backward" or program.gradients)
    if options.single_file:
        made = single_module(unit, function, options, origin, modules, folder)
        return packaged({function.name: made}, unit, "")
    texts: dict[str, Module] = {}
    if "forward" in modules:
        texts["forward"] = forward_module(unit, options, origin)
    if "backward" in modules:
        texts["backward"] = backward_module(unit, options, origin)
    texts["__init__"] = Module(init_module(unit, options, origin, tuple(texts)))
    if "backward" in modules:
        texts["__main__"] = Module(main_module(unit, options, origin, tuple(texts)))
        texts |= holding_modules(unit, options, origin, folder)
    return packaged(texts, unit, f"{function.name}/")


@dataclass(frozen=True, slots=True)
class Package:
    """Files by path, and what the listings of the modules are made from."""

    files: dict[str, str | bytes]
    listed: dict[str, Sequence[Listed]]


def packaged(modules: Mapping[str, Module], unit: Unit, prefix: str) -> Package:
    """Return modules by name as files below a prefix."""
    paths = {f"{prefix}{name}.py": module for name, module in modules.items()}
    texts: dict[str, str | bytes] = {path: m.text for path, m in paths.items()}
    listed = {path: m.listed for path, m in paths.items() if m.listed}
    return Package(with_constants(texts, unit, prefix), listed)


def with_constants(
    files: dict[str, str | bytes], unit: Unit, prefix: str
) -> dict[str, str | bytes]:
    """Add the array constants that are too large for a literal."""
    if unit.constants:
        name = CONSTANTS if prefix else f"{unit.program.name}_{CONSTANTS}"
        data = packed(unit.constants)
        note = f"# {name} sha256: {hashlib.sha256(data).hexdigest()[:16]}\n{BODY_MARK}"
        for path, text in files.items():
            if isinstance(text, str) and "_CONSTANTS[" in text:
                files[path] = text.replace(BODY_MARK, note, 1)
        files[prefix + name] = data
    return stamp(files)


def stamp(files: dict[str, str | bytes]) -> dict[str, str | bytes]:
    """Return the files, each module with what tells this compilation from others.

    Only statements count, so that a comment in the spec changes none: neither headings
    nor the empty lines around them.
    """
    bodies = [body_of(v) for v in files.values() if isinstance(v, str)]
    lines = (line for body in bodies for line in body.split("\n"))
    code = "\n".join(line for line in lines if line.partition("#")[0].strip())
    build = hashlib.sha256(code.encode()).hexdigest()[:16]
    return {k: stamped(v, build) if isinstance(v, str) else v for k, v in files.items()}


def _refuse_hidden(module: Path) -> None:
    """Raise where a package beside a single module would be imported in its place."""
    package = module.with_suffix("")
    if (package / "__init__.py").exists():
        raise OutputError(
            f"cannot write {module}: Python would go on importing the package "
            f"{package}, which goes before a module of its name. Remove it first, or "
            "choose another folder."
        )
