"""A compilation: the result of every pass over a declaration, and the files at the end.

In: the values of the passes. Out: `Compilation`, which can be written, loaded and
explained. Invariant: writing replaces generated files only; if a file in the way is not
symdiff's own, it raises before the first byte is written.
"""

from __future__ import annotations

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

from symdiff.emit.listing import Listed, Listing, Record, listing_of
from symdiff.emit.modules.writing import (
    refuse_other_arrays,
    refuse_other_text,
    write_package,
    write_single,
)
from symdiff.graph.arguments import refuse_unknown
from symdiff.graph.display import DOORS, Displayed
from symdiff.graph.errors import OutputError
from symdiff.graph.provenance import checked_call

_serial = itertools.count()


@dataclass(frozen=True)
class Compilation(Displayed):
    """The compilation of one model or function, from its declaration to its files.

    ``files`` maps relative paths to text, or to bytes for array constants; ``stages``
    has the result of each pass by its name, each of which prints itself; ``notes`` say
    what was left out, and why.
    """

    name: str
    files: Mapping[str, str | bytes]
    single_file: bool = False
    stages: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    notes: tuple[str, ...] = field(default=(), repr=False, kw_only=True)
    # what was compiled: declaration, wrt, base
    _source: tuple[Any, Any, str | None] | None = field(
        default=None, repr=False, compare=False
    )
    _loaded: list[Any] = field(default_factory=list, repr=False, compare=False)
    # the functions and records for the listings, by path
    _listed: Mapping[str, Sequence[Listed | Record]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __repr__(self) -> str:
        files = ", ".join(path.rpartition("/")[2] for path in self.files)
        return f"<Compilation of {self.name}: {files}>"

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
        ``report.html()``, … Options, such as ``values`` for numbers and ``cost`` for
        operations and memory, are those of `symdiff.explain.explanation.explained`.
        """
        known = ("values", "cost", "lengths", "seed", "step")
        refuse_unknown("explain()", options, known)
        return self._asked("report", options)

    @checked_call
    def explore(self, **options: Any) -> Any:
        """Return the explorer: one HTML page that links spec, graph and code.

        For example ``compiled.explore(values="random").write("model.html")``, or
        ``compiled.explore().against(compiled.explore(optimize=0))``. Options
        are those of `symdiff.explain.explorer.exploration.explored`.
        """
        refuse_unknown("explore()", options, ("values", "seed", "main", "optimize"))
        return self._asked("explorer", options)

    def _asked(self, door: str, options: Mapping[str, Any]) -> Any:
        """Return the report or explorer that a higher room makes of the declaration."""
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
            # The folder lives as long as the module, which imports submodules lazily.
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
    path = path.absolute()  # the import system caches finders by path
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


def _refuse_hidden(module: Path) -> None:
    """Raise where a package beside a single module would be imported in its place."""
    package = module.with_suffix("")
    if (package / "__init__.py").exists():
        raise OutputError(
            f"cannot write {module}: Python would go on importing the package "
            f"{package}, which goes before a module of its name. Remove it first, or "
            "choose another folder."
        )
