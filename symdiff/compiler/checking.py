"""Running a package's own gradient check, and saying in its headers that it passed.

In: compiled files. Out: files whose headers say how the gradients were checked.
Invariant: only headers change, so the text that was checked is the text returned.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from collections.abc import Mapping
from dataclasses import replace

from symdiff.compiler.compilation import Compilation
from symdiff.emit.modules.assembly import CHECK_MARK
from symdiff.graph.errors import DerivativeError
from symdiff.graph.node import topological

NOT_RUN = re.compile(f"^{CHECK_MARK}not run.*$", re.MULTILINE)
NOTHING = "nothing is differentiated"


def checked(compiled: Compilation, package: Compilation, how: str) -> Compilation:
    """Return the files, marked as checked by running ``python -m`` of ``package``.

    ``package`` holds the same functions with a self-check beside them; ``how`` says how
    it checks. Raises `DerivativeError` with its words where gradients disagree.
    """
    if f"{package.name}/__main__.py" not in package.files:
        return _marked(compiled, f"{CHECK_MARK}{NOTHING}")
    module = importlib.import_module(f"{package.load().__name__}.__main__")
    words = io.StringIO()
    with contextlib.redirect_stdout(words):
        code = module.main([])
    if code == 1:
        raise DerivativeError(
            f"the gradient check of {compiled.name!r} failed; {_blamed(compiled)}:\n"
            f"{words.getvalue().rstrip()}"
        )
    if code == 2:
        lines = words.getvalue().splitlines()
        reason = next(line for line in lines if "not checkable" in line)
        return _marked(compiled, f"{CHECK_MARK}{reason}")
    return _marked(compiled, f"{CHECK_MARK}passed ({how})")


def _blamed(compiled: Compilation) -> str:
    """Return whose fault a wrong gradient is likely to be."""
    derived = compiled.stages["derive"]
    nodes = topological([t.node for t in derived.tensors.values()])
    own = dict.fromkeys(n.op.title for n in nodes if n.op.is_own)
    if own:
        return f"look first at the rules of the ops that you defined: {', '.join(own)}"
    return "please report this as a bug of symdiff, with the model"


def _marked(compiled: Compilation, mark: str) -> Compilation:
    """Replace the mark in every header; the hash of a body does not cover headers."""
    files: Mapping[str, str | bytes] = {
        k: NOT_RUN.sub(lambda _: mark, v, count=1) if isinstance(v, str) else v
        for k, v in compiled.files.items()
    }
    return replace(compiled, files=files, _loaded=[])
