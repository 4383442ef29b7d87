"""The explorer's page made anew, in a process of its own.

In: what is to be explored. Out: the page or what is wrong, and the files that were read
for it. Invariant: nothing is left of one making when the next begins, whatever the spec
imports, changes or breaks; a making that hangs can be given up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

import click

from symdiff.cli.common import reported
from symdiff.cli.pages import Explored, made_of


@dataclass(frozen=True)
class Remade:
    """A page, and the files below the spec's folder that were read for it.

    ``said`` is what is wrong where there is no page, or else warnings.
    """

    version: int
    html: str | None
    said: str
    files: frozenset[Path]


class Making:
    """A page that is being made."""

    def __init__(self, wanted: Explored, version: int) -> None:
        self.version = version
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.page = Path(self.folder.name, "page.html")
        self.listed = Path(self.folder.name, "files")
        request = asdict(wanted) | {"spec": str(wanted.spec), "path": sys.path}
        places = {"page": str(self.page), "listed": str(self.listed)}
        self.errors = Path(self.folder.name, "errors")
        call = [sys.executable, "-m", __name__, json.dumps(request | places)]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*call, str(version)], stdin=subprocess.DEVNULL, stderr=errors
            )

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self.process.poll() is not None

    def result(self) -> Remade:
        """Return what was made; the process has ended."""
        said = self.errors.read_text("utf-8", "replace").strip()
        names: list[str] = []
        if self.listed.exists():
            names = self.listed.read_text("utf-8", "surrogateescape").split("\0")
        files = frozenset(Path(name) for name in names if name)
        code = self.process.returncode
        page = self.page.read_text("utf-8") if code == 0 else None
        if page is None and not said:
            said = f"The process that made the page ended with code {code}."
        return Remade(self.version, page, said, files)

    def end(self) -> None:
        """Give it up if it has not ended, and forget its files."""
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


# --- in the process -------------------------------------------------------------------


WRITING = os.O_WRONLY | os.O_RDWR


def _listing(folder: Path) -> dict[str, bool]:
    """Return the files below a folder that are opened from now on, filled as they are.

    True is a file that is read alone: one that is written changes by itself.
    """
    found: dict[str, bool] = {}

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str):
            return
        name, mode, flags = arguments
        written = set(mode or "") & set("wax+") or flags & WRITING
        path = Path(name).absolute()
        if path.suffix == ".pyc" and path.parent.name == "__pycache__":
            path = Path(source_from_cache(str(path)))
        if folder in path.parents and "site-packages" not in path.parts:
            found[str(path)] = found.get(str(path), True) and not written

    sys.addaudithook(hear)
    return found


@click.command()
@click.argument("request")
@click.argument("version")
@reported
def remake(request: str, version: str) -> None:
    """Write the page that a request asks for, and the files that were read for it."""
    asked: dict[str, Any] = json.loads(request)
    page, listed = (Path(asked.pop(name)) for name in ("page", "listed"))
    sys.path[:] = asked.pop("path")
    spec = Path(asked["spec"])
    files = _listing(spec.absolute().parent)
    wanted = Explored(**asked | {"spec": spec, "wrt": tuple(asked["wrt"])})
    try:
        page.write_text(made_of(wanted).html(live=version), "utf-8")
    finally:
        read = [name for name, alone in files.items() if alone]
        listed.write_text("\0".join(read), "utf-8", "surrogateescape")


if __name__ == "__main__":
    remake()
