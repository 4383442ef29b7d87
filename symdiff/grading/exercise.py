"""`symdiff exercise`: a package whose backward pass is left for a student to write.

In: a compiled package of level 0 or 1. Out: the same files with the body of
``backward`` blanked, and a check that runs with NumPy alone. Invariant: the student's
files do not hold the derived gradient, and a file that a student has changed is only
written over on request.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from symdiff.compiler.compilation import Compilation
from symdiff.emit.listing import Line, Listing, Region
from symdiff.emit.lower.identifiers import identifier
from symdiff.emit.modules.assembly import BODY_MARK, body_hash, sealed
from symdiff.emit.modules.render import render
from symdiff.emit.modules.writing import MARK, replace_file
from symdiff.emit.python import code as py
from symdiff.graph.errors import DerivativeError, OutputError

EXERCISE_MARK = "# Exercise made by symdiff"
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
        listing = compiled.listing[path]
        text = content if hints == "rules" else _joined(_without_rules(listing))
        if module == "backward":
            made = without_front(blanked(listing, check, hints))
            files[path] = _marked(made, f"check it by {check}")
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
    """Raise where a file exists that symdiff did not write, or that was changed."""
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


def _without_rules(listing: Listing) -> list[str | None]:
    """Return a module's rows with the shapes, but not the rules, in its comments.

    A row with nothing but a rule is None.
    """
    rows: list[str | None] = list(listing.rows)
    for line in listing.lines:
        if line.rule:
            row = listing.rows[line.above - 1]
            kept = f"  # {line.shape}" if line.shape else ""
            start = row.rindex(kept or "  # ")
            rows[line.above - 1] = f"{row[:start]}{kept}".rstrip() or None
    return rows


def _joined(rows: Sequence[str | None]) -> str:
    return "\n".join(row for row in rows if row is not None)


# --- blanking -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Blank:
    """A row for the student, who is to set ``name`` there."""

    text: str
    name: str = ""


def blanked(listing: Listing, check: str, hints: str) -> str:
    """Return the text of a module with the body of its ``backward`` blanked."""
    rows = list(listing.rows) if hints == "rules" else _without_rules(listing)
    region = listing.functions["backward"]
    returned = region.lines[-1]
    names, shown = _returned(returned.stmt)
    given = [x.last for x in region.lines[:-1] if not x.tensors]
    first = max(given, default=region.body - 1)
    body = list(_blanks(region, hints)) if hints != "none" else []
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
    text = _joined([*rows[:first], *made, *rows[returned.last :]])
    return text.replace("\n\n\n\n", "\n\n\n")


def without_front(text: str) -> str:
    """Return the text of backward.py without the formulas that open it.

    The two paragraphs before them stay: what the file is, and how it is used.
    """
    words = ast.parse(text).body[0]
    rows = text.split("\n")
    end = (words.end_lineno or words.lineno) - 1
    blank = [i for i in range(words.lineno, end) if not rows[i].strip()]
    return "\n".join([*rows[: blank[1]], *rows[end:]]) if blank[1:] else text


def _returned(stmt: py.Stmt) -> tuple[list[str], list[str]]:
    """Return a name for each gradient, and the statement that returns them."""
    match stmt:
        case py.Return(py.Dict_(pairs)):
            keys = [str(key.value) for key, _ in pairs if isinstance(key, py.Lit)]
            names = _named([value for _, value in pairs], keys)
            named = zip(keys, names, strict=True)
            body = [f"        {_quoted(k)}: {n}," for k, n in named]
            return names, ["    return {", *body, "    }"]
        case py.Return(py.Call(args=values)):
            names = _named(values, [f"{i}" for i in range(len(values))])
            listed = [f"        {n}," for n in names]
            return names, ["    return Gradients(", *listed, "    )"]
    raise TypeError(f"backward ends with {stmt}")


def _quoted(key: str) -> str:
    return '"' + repr(key)[1:-1].replace('"', '\\"') + '"'


def _named(values: Iterable[py.Expr], keys: list[str]) -> list[str]:
    """Return a name for each returned gradient: its cotangent's, or a new one."""
    found: list[str] = []
    for value, key in zip(values, keys, strict=True):
        names = [n.id for n in py.names_in(value) if isinstance(n, py.Name)]
        back = [n for n in names if n.startswith("d_")]
        name = back[0] if len(back) == 1 else ""
        if not name or name in found:
            name = f"d_{identifier(key)}"
        while name in found:
            name += "_"
        found.append(name)
    return found


def _blanks(region: Region, hints: str) -> Iterator[_Blank]:
    """Yield the headings, and a row for each cotangent, in their order."""
    told: set[str] = set()
    headings = list(region.headings)
    for line in region.lines:
        while headings and headings[0][0] < line.first:
            yield _Blank("")
            yield _Blank(f"    # {headings.pop(0)[1].comment().text}")
        match line.stmt:
            case py.For() | py.While():
                yield _Blank("    # TODO: this takes a loop; inside it flow back")
            case py.Assign(targets=(py.Name(name),)) if name.startswith("d_"):
                if name in told or not line.tensors:
                    continue
                told.add(name)
                comment = _comment(line, hints)
                if line.looped:
                    yield _Blank(f"    #     {name}{comment.replace('  # ', '  ')}")
                else:
                    yield _Blank(f"    {name} = ...{comment}", name)


def _comment(line: Line, hints: str) -> str:
    """Return the comment on a statement: its shape, and the rule if asked for."""
    if not line.shape:
        return ""
    rule = f"   {line.rule}" if hints == "rules" and line.rule else ""
    return f"  # {line.shape}{rule}"
