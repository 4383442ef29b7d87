"""`symdiff exercise`: a package whose backward pass is left for a student to write.

In: a compiled package of level 0 or 1. Out: the same files with the body of
``backward`` blanked, and a check that runs with NumPy alone. Invariant: what is written
for the student does not hold the derived gradient, and a file that a student has
changed is never written over unless that is asked for.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from symdiff.compiler.compilation import Compilation
from symdiff.emit.lower.naming import identifier
from symdiff.emit.modules.assembly import BODY_MARK, body_hash, sealed
from symdiff.emit.modules.render import render
from symdiff.emit.modules.writing import MARK, replace_file
from symdiff.graph.errors import DerivativeError, OutputError

HINTS = ("none", "shapes", "rules")
EXERCISE_MARK = "# Exercise made by symdiff"
_SHAPE = re.compile(r"  # ((?:\w+)?\[[^\[\]]*\])(   .*)?$")
_LAST = "# To change this file, change the spec and compile again."
_HOW = "# This file is yours to write; {}."


def exercise_files(
    compiled: Compilation, hints: str = "shapes"
) -> dict[str, str | bytes]:
    """Return the files of an exercise, by path.

    ``hints`` says how much stays of the derivation: "none" of it, the statements with
    the names and "shapes" of what flows back, or also the "rules".

    Raises `DerivativeError` where there is no backward pass to write.
    """
    name = compiled.name
    if f"{name}/backward.py" not in compiled.files:
        raise DerivativeError(
            f"{name!r} has no loss and no float results, so there is no backward pass "
            "to write; an exercise needs one."
        )
    check = f"python -m {name} verify"
    files: dict[str, str | bytes] = {}
    for path, content in compiled.files.items():
        if not isinstance(content, str):
            files[path] = content
            continue
        module = Path(path).stem
        text = content if hints == "rules" else _without_rules(content)
        if module == "backward":
            files[path] = _marked(blanked(text, check, hints), f"check it by {check}")
        elif module == "__main__":
            files[f"{name}/_selfcheck.py"] = _marked(text, "it checks yours")
        else:
            files[path] = _marked(text, "the rest is in backward.py")
    header = _header(compiled["backward"])
    train = f"{name}/train.py" in files
    text = render(
        "exercise_main.py",
        header=header,
        name=name,
        train=train,
        told=render("exercise_check.py").strip(),
    )
    files[f"{name}/__main__.py"] = _marked(sealed(text), "it checks yours")
    files[f"{name}/README.md"] = render("exercise.md", name=name, train=train)
    return files


def write_exercise(
    files: Mapping[str, str | bytes], folder: Path, force: bool = False
) -> None:
    """Write the files of an exercise below a folder.

    Raises `OutputError`, before writing anything, where a file was changed since it was
    written, or is not an exercise's; ``force`` writes over it.
    """
    if not force:
        for name, content in files.items():
            _refuse_changed(folder / name, content)
    try:
        for name, content in files.items():
            replace_file(folder / name, content)
    except OSError as error:
        raise OutputError(
            f"cannot write {error.filename or folder}: {error.strerror}. Choose "
            "another folder."
        ) from error


def _refuse_changed(path: Path, content: str | bytes) -> None:
    """Raise where a file exists that is neither ours as written nor the new one."""
    if not os.path.lexists(path):
        return
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}.") from error
    if data == (content.encode() if isinstance(content, str) else content):
        return
    if path.suffix == ".npz" or _is_untouched(data.decode("utf-8", "replace")):
        return
    raise OutputError(
        f"{path} exists and is not as symdiff wrote it: it may hold somebody's work, "
        "and is left as it is. Choose another folder, or say --force to write over it."
    )


def _is_untouched(text: str) -> bool:
    """Whether a file of an exercise is as it was written."""
    if not text.startswith(EXERCISE_MARK):
        return False
    lines = text.split("\n")
    end = next((i for i, s in enumerate(lines) if not s.startswith("#")), len(lines))
    return f"{BODY_MARK}{body_hash(chr(10).join(lines[end:]))}" in lines[:end]


# --- texts ----------------------------------------------------------------------------


def _header(text: str) -> str:
    """Return a file's header, without the hash of its body."""
    lines = text.split("\n")
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    kept = [s for s in lines[:end] if not s.startswith(BODY_MARK)]
    return "\n".join(kept)


def _marked(text: str, how: str) -> str:
    """Return a file's text with the header of an exercise, and its own hash."""
    lines = text.split("\n")
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    head = [s for s in lines[:end] if not s.startswith(BODY_MARK)]
    head = [_HOW.format(how) if s == _LAST else s for s in head]
    if how == "it checks yours" or "backward.py" in how:
        head = [s for s in head if not s.startswith(_HOW[:20])]
    head[0] = head[0].replace(MARK, EXERCISE_MARK, 1)
    return sealed("\n".join([*head, *lines[end:]]))


def _without_rules(text: str) -> str:
    """Return a text whose comments tell shapes, and no rules."""
    return "\n".join(_SHAPE.sub(r"  # \1", line) for line in text.split("\n"))


# --- blanking -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Blank:
    """A name for the student to set, or a heading; ``rest`` is its comment."""

    text: str
    name: str = ""


def blanked(text: str, check: str, hints: str) -> str:
    """Return the text of a module with the body of its ``backward`` blanked."""
    rows = text.split("\n")
    tree = ast.parse(text)
    function = next(
        s for s in tree.body if isinstance(s, ast.FunctionDef) and s.name == "backward"
    )
    returned = function.body[-1]
    assert isinstance(returned, ast.Return)
    names, shown = _returned(returned)
    first = next(
        i for i, row in enumerate(rows[function.lineno :], function.lineno) if not row
    )
    body = list(_blanks(function, rows, first, hints)) if hints != "none" else []
    missing = [n for n in names if all(b.name != n for b in body)]
    made = [
        "",
        "    # TODO: put the gradient in the place of every `...`, then check it:",
        f"    #     {check}",
    ]
    made += [b.text for b in body]
    if missing:
        made += ["", *(f"    {n} = ..." for n in missing)]
    made += ["", *shown]
    assert returned.end_lineno is not None
    return "\n".join([*rows[:first], *made, *rows[returned.end_lineno :]]).replace(
        "\n\n\n\n", "\n\n\n"
    )


def _returned(stmt: ast.Return) -> tuple[list[str], list[str]]:
    """Return a name for each gradient, and the statement that returns them."""
    if isinstance(stmt.value, ast.Dict):
        keys = [ast.literal_eval(k) for k in stmt.value.keys if k is not None]
        names = _named(stmt.value.values, keys)
        pairs = zip(keys, names, strict=True)
        body = [f"        {_quoted(k)}: {n}," for k, n in pairs]
        return names, ["    return {", *body, "    }"]
    assert isinstance(stmt.value, ast.Call)
    names = _named(stmt.value.args, [f"{i}" for i in range(len(stmt.value.args))])
    listed = [f"        {n}," for n in names]
    return names, ["    return Gradients(", *listed, "    )"]


def _quoted(key: str) -> str:
    return '"' + repr(key)[1:-1].replace('"', '\\"') + '"'


def _named(values: list[ast.expr], keys: list[str]) -> list[str]:
    """Return the names of what is returned; what is no name gets one of its own."""
    found: list[str] = []
    for value, key in zip(values, keys, strict=True):
        back = [
            n.id
            for n in ast.walk(value)
            if isinstance(n, ast.Name) and n.id.startswith("d_")
        ]
        name = back[0] if len(back) == 1 else ""
        if not name or name in found:
            name = f"d_{identifier(key)}"
        while name in found:
            name += "_"
        found.append(name)
    return found


def _blanks(
    function: ast.FunctionDef, rows: list[str], first: int, hints: str
) -> Iterator[_Blank]:
    """Yield the headings, and a line for each cotangent, in their order."""
    told: set[str] = set()
    places = {
        s.lineno: s
        for s in ast.walk(function)
        if isinstance(s, (ast.Assign, ast.For, ast.While)) and s.lineno > first
    }
    end = function.body[-1].lineno - 1
    loop = 0
    for number, row in enumerate(rows[first:end], first + 1):
        bare = row.strip()
        if bare.startswith("# ") and bare.endswith("]") and re.search(r":\d+\]$", bare):
            yield _Blank("")
            yield _Blank(f"    {bare}")
            continue
        stmt = places.get(number)
        if isinstance(stmt, (ast.For, ast.While)):
            loop = max(loop, stmt.end_lineno or 0)
            yield _Blank("    # TODO: this takes a loop; inside it flow back")
            continue
        name = _cotangent(stmt)
        if name is None or name in told:
            continue
        told.add(name)
        comment = _comment(rows, stmt, hints)
        if number <= loop:
            yield _Blank(f"    #     {name}{comment.replace('  # ', '  ')}")
        else:
            yield _Blank(f"    {name} = ...{comment}", name)


def _cotangent(stmt: ast.stmt | None) -> str | None:
    """Return the cotangent that a statement sets."""
    match stmt:
        case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("d_"):
            return name
    return None


def _comment(rows: list[str], stmt: ast.stmt | None, hints: str) -> str:
    """Return the comment on a statement: its shape, and the rule if asked for."""
    assert stmt is not None
    for row in rows[stmt.lineno - 1 : stmt.end_lineno]:
        if found := _SHAPE.search(row):
            return f"  # {found[1]}{(found[2] or '') if hints == 'rules' else ''}"
    above = rows[stmt.lineno - 2].strip()
    return f"  {above}" if _SHAPE.search(f"  {above}") else ""
