"""`symdiff explore --watch`: the page follows the files that it is made of.

In: what is to be explored. Out: a page that is served until Ctrl-C. Invariant: what is
wrong with the spec is told on the page and in the terminal, and the last page that
could be made stays.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from symdiff.cli.common import local
from symdiff.cli.pages import Explored
from symdiff.cli.remaking import Making, Remade
from symdiff.cli.serving import HOST, State, serve
from symdiff.explain.explorer.page import waiting_page

PAUSE = 0.2  # seconds between two looks at the files

Seen = dict[Path, tuple[int, int] | None]


def watch(wanted: Explored, port: int | None) -> None:
    """Serve the explorer, and make it anew when a file is saved, until Ctrl-C."""
    state = State(waiting_page(wanted.spec.name))
    server = serve(state, port)
    click.echo(f"watching {wanted.spec} at http://{HOST}:{server.server_port}/")
    click.echo("Ctrl-C ends.")
    try:
        for made in _makings(wanted, state):
            _take(state, made)
    except KeyboardInterrupt:
        click.echo("\nended")
    finally:
        server.shutdown()
        server.server_close()


def _take(state: State, made: Remade) -> None:
    """Show a page that was made, or what is wrong beside the last that was."""
    said = local(made.said)
    if made.html is None:
        state.change(error=said, busy=False)
    else:
        state.change(html=made.html, version=made.version, error="", busy=False)
        click.echo(time.strftime("%H:%M:%S  made the page"))
    if said:
        click.echo(said, err=True)


def _makings(wanted: Explored, state: State) -> Iterator[Remade]:
    """Yield what is made at first, and whenever a file has been saved."""
    files = {wanted.spec.absolute()}
    others = (wanted.values, wanted.against)
    files |= {Path(x).absolute() for x in others if x is not None and Path(x).exists()}
    while True:
        state.change(busy=True)
        start, seen = time.time_ns(), _looked(files)
        with _begun(wanted, state.changes) as making:
            while not making.done() and _looked(files) == seen:
                time.sleep(PAUSE)
            if making.done():
                made = making.result()
                files |= made.files
                seen = _of_then(files, seen, start)
                yield made
        while _looked(files) == seen:
            time.sleep(PAUSE)
        _settle(files)


@contextmanager
def _begun(wanted: Explored, version: int) -> Iterator[Making]:
    making = Making(wanted, version)
    try:
        yield making
    finally:
        making.end()


def _looked(files: Iterable[Path]) -> Seen:
    """Return when files were saved, and their sizes."""
    found: Seen = {}
    for file in files:
        try:
            told = file.stat()
        except OSError:  # an editor may put a new file in its place
            found[file] = None
        else:
            found[file] = (told.st_mtime_ns, told.st_size)
    return found


def _of_then(files: Iterable[Path], seen: Seen, start: int) -> Seen:
    """Return what was seen of files; of new ones, what counts as not saved since."""
    now = _looked(files)
    for file, told in now.items():
        late = told is not None and told[0] > start
        if file in seen or late:
            now[file] = seen.get(file)
    return now


def _settle(files: Iterable[Path]) -> None:
    """Wait until files that are being written stay as they are."""
    files = list(files)
    before = _looked(files)
    while True:
        time.sleep(PAUSE / 2)
        now = _looked(files)
        if now == before:
            return
        before = now
