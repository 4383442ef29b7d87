"""`symdiff diff`: what differs between two models, or between two generated modules.

In: two specs or generated packages. Out: a `Comparison`: declared facts, nodes, rules,
shapes, generated statements and costs that changed. Invariant: meaning is compared, so
renumbered names, comments and line numbers are no changes. But any other difference in
the generated text, except in headings and hashes, is at least named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from symdiff.emit.modules.headers import Header
from symdiff.explain.derivation import Derivation
from symdiff.explain.matching import Change, changes
from symdiff.graph.errors import SpecError
from symdiff.review.declared import changed, told_by
from symdiff.review.facts import ORDER, TOLD, blocks_of, facts_of, heads_of
from symdiff.review.files import (
    PARTS,
    edited_arrays,
    header_of,
    is_generated,
    one_package,
    read_text,
    used,
)
from symdiff.review.lines import FileLine, lines_of, parsed

# Functions whose statements are compared. Of REPEATING, which repeats statements of the
# others, only differences that those do not have are reported.
SHOWN = {
    "forward": ("forward",),
    "backward": ("loss_and_residuals", "forward_with_residuals", "backward"),
    "train": ("metrics", "compute_grads", "_hyper", "apply_update"),
}
REPEATING = "metrics"
BLOCKS = ("forward", "backward")  # modules that have no other public functions, but
SAME = ("value_and_grad",)  # the same in every package


@dataclass
class Side:
    """One of the two sides: its modules' texts, their contents, and its graph if known.

    ``declared`` are the facts of a spec, None for generated files.
    """

    label: str
    texts: Mapping[str, str]  # of modules, by name
    header: Header | None
    derivation: Derivation | None = None
    declared: Mapping[str, str] | None = None
    lone: bool = False  # whether it is a single module of a package
    arrays: Sequence[str] = ()  # what is said of files of arrays that were edited
    lines: list[tuple[str, FileLine]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    heads: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in self.texts.items():
            try:
                parsed(text)
            except SyntaxError as error:
                raise SpecError(
                    f"{self.label}: {name}.py is no Python at line {error.lineno}: "
                    f"{error.msg}."
                ) from error
            shown = partial(self.shows, name)
            for line in lines_of(text, shown):
                self.lines.append((f"{name}.py {line.function}", line))
            for function, arguments, said in heads_of(text, shown):
                self.heads[name, function] = arguments, said
        self.facts = facts_of(self.texts)

    def shows(self, module: str, function: str) -> bool:
        """Whether a function's statements are compared."""
        if module in BLOCKS and function.isidentifier() and function not in SAME:
            # those of blocks that repeat stand beside the others
            return function[0].islower()
        if module in PARTS:
            return function in SHOWN.get(module, ())
        return function not in TOLD

    def only(self, modules: Iterable[str]) -> Side:
        """Return this side with some of its modules alone."""
        kept = {n: self.texts[n] for n in modules}
        return Side(
            *(self.label, kept, self.header, self.derivation, self.declared),
            arrays=self.arrays,
        )


@dataclass(frozen=True)
class Comparison:
    """What differs, section by section; the sections are empty if nothing does."""

    old: str
    new: str
    sections: Mapping[str, tuple[str, ...]]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not any(self.sections.values())

    def __str__(self) -> str:
        if self.same:
            return f"{self.old} and {self.new} compute the same by the same statements."
        parts = [f"{self.old} → {self.new}"]
        for title, lines in self.sections.items():
            if lines:
                parts.append("\n".join([title, *(f"  {line}" for line in lines)]))
        return "\n\n".join(parts)


def generated_side(path: Path) -> Side:
    """Return a generated package, or one of its modules, as a side."""
    if path.is_dir() and not any(is_generated(path / f"{n}.py") for n in SHOWN):
        path = one_package(path)
    if path.is_dir():
        files = [path / f"{n}.py" for n in ordered(PARTS)]
        files = [f for f in files if is_generated(used(f))]
        if not any(f.stem in SHOWN for f in files):
            raise SpecError(
                f"{path} holds no generated modules; give a spec, a generated module, "
                "or the folder of a generated package."
            )
    else:
        files = [path]
    taken = {f: used(f) if path.is_dir() else f for f in files}
    texts = {_module(f): read_text(t) for f, t in taken.items()}
    lone = not path.is_dir() and path.stem in PARTS
    last = [f for f in files if f.stem in SHOWN or len(files) == 1][-1]
    arrays = edited_arrays(taken.values())
    return Side(str(path), texts, header_of(taken[last]), lone=lone, arrays=arrays)


def ordered(modules: Iterable[str]) -> list[str]:
    """Return the names of modules, first those whose statements are compared."""
    return sorted(modules, key=lambda n: ([*SHOWN, n].index(n), n))


def _module(path: Path) -> str:
    return path.stem if path.stem in PARTS else path.name.removesuffix(".py")


def compare(old: Side, new: Side) -> Comparison:
    """Return what differs between two sides."""
    if old.lone or new.lone:  # compare the modules that both have
        common = [n for n in old.texts if n in new.texts]
        if common:
            old, new = old.only(common), new.only(common)
    sections: dict[str, tuple[str, ...]] = {}
    sections["declared"] = tuple(_facts(old, new))
    if old.derivation is not None and new.derivation is not None:
        found, follow = changes(old.derivation, new.derivation)
        lines = [s for c in found for s in _node(c)]
        if follow and lines:
            lines.append(f"({follow} more read a changed value and are as before)")
        sections["nodes"] = tuple(lines)
    sections["generated"] = tuple(_statements(old, new))
    if any(sections.values()):
        sections["cost"] = tuple(_costs(old.header, new.header))
    told = any(sections.values())
    sections["further text that differs"] = tuple(_rest(old, new, told))
    edited = [f"{side.label}: {said}" for side in (old, new) for said in side.arrays]
    sections["compiled by"] = (*_versions(old.header, new.header), *edited)
    return Comparison(old.label, new.label, sections)


def _facts(old: Side, new: Side) -> Iterable[str]:
    yield from _leaves(old.facts, new.facts)
    if old.declared is None or new.declared is None:
        return
    told = changed(old.facts, new.facts)
    rest = [
        {n: f for n, f in s.items() if told_by(n) not in told}
        for s in (old.declared, new.declared)
    ]
    yield from _leaves(*rest)


def _leaves(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name.startswith(ORDER) and _names(before) != _names(after):
            continue  # names that were added or removed have lines of their own
        if after is None:
            yield f"- {name}: {before}"
        elif before is None:
            yield f"+ {name}: {after}"
        else:
            yield f"~ {name}: {before} → {after}"


def _names(listed: str | None) -> list[str]:
    return sorted((listed or "").split(", "))


# --- nodes ----------------------------------------------------------------------------


def _node(change: Change) -> Iterable[str]:
    old, new = change.old, change.new
    if old is None or new is None:
        entry, sign = (new, "+") if old is None else (old, "-")
        assert entry is not None
        yield f"{sign} {_equation(entry)}  {entry.type}"
        yield from (f"    {s}" for s in _handed(entry))
        return
    before, after = _equation(old), _equation(new)
    if before == after:
        yield f"~ {before}"
    else:
        yield f"~ {before}"
        yield f"→ {after}"
    if old.type != new.type:
        yield f"    shape  {old.type} → {new.type}"
    if old.op != new.op:
        gone, come = list(_handed(old)), list(_handed(new))
        if gone != come:
            yield from (f"    was   {s}" for s in gone)
            yield from (f"    is    {s}" for s in come)
    if change.flops[0] != change.flops[1]:
        yield f"    flops  {change.flops[0]} → {change.flops[1]}"


def _equation(entry: Any) -> str:
    return f"{entry.name} = {entry.formula.text}" if entry.formula else entry.name


def _handed(entry: Any) -> Iterable[str]:
    """Yield the cotangents that a node hands to its inputs, with their rules."""
    for share in entry.hands:
        rule = f"   {share.rule}" if share.rule else ""
        yield f"d_{share.source} gets {share.formula.text}{rule}"


# --- statements -----------------------------------------------------------------------


def _statements(old: Side, new: Side) -> Iterable[str]:
    """Compare statements by what they set, function by function."""
    first, second = _keyed(old.lines), _keyed(new.lines)
    told: set[tuple[str, ...]] = set()
    for module, name in dict.fromkeys([*old.heads, *new.heads]):
        function = f"{module}.py {name}"
        lines = list(_head(name, old.heads, new.heads, module))
        for key in _merged(first, second, function):
            found = tuple(_statement(first.get(key), second.get(key)))
            if name != REPEATING or found not in told:
                lines += found
            told.add(found)
        if lines:
            yield function
            yield from (f"  {s}" for s in lines)


Heads = Mapping[tuple[str, str], tuple[str, str]]


def _head(name: str, old: Heads, new: Heads, module: str) -> Iterable[str]:
    """Compare the signatures and the docstrings of a function."""
    before, after = old.get((module, name)), new.get((module, name))
    if before is None or after is None:
        return
    if before[0] != after[0]:
        yield f"~ def {name}({before[0]})"
        yield f"→ def {name}({after[0]})"
    if before[1] != after[1]:
        yield f'~ """{_flat(before[1])}"""'
        yield f'→ """{_flat(after[1])}"""'


def _flat(text: str) -> str:
    return " ".join(text.split())


def _keyed(
    lines: Sequence[tuple[str, FileLine]],
) -> dict[tuple[str, str, int], FileLine]:
    found: dict[tuple[str, str, int], FileLine] = {}
    for function, line in lines:
        count = 0
        while (function, line.target, count) in found:
            count += 1
        found[function, line.target, count] = line
    return found


Key = tuple[str, str, int]


def _merged(
    first: Mapping[Key, FileLine], second: Mapping[Key, FileLine], function: str
) -> list[Key]:
    """Return the keys of both in order; removed ones keep their place."""
    a = [k for k in first if k[0] == function]
    b = [k for k in second if k[0] == function]
    merged: list[Key] = []
    waiting = list(a)
    for key in b:
        if key in first:
            while waiting and waiting[0] != key and waiting[0] not in second:
                merged.append(waiting.pop(0))
            if key in waiting:
                waiting.remove(key)
        merged.append(key)
    return merged + [k for k in waiting if k not in second]


def _statement(old: FileLine | None, new: FileLine | None) -> Iterable[str]:
    if old is None and new is not None:
        yield f"+ {_source(new)}"
    elif new is None and old is not None:
        yield f"- {_source(old)}"
    elif old is not None and new is not None:
        if old.value != new.value:
            yield f"~ {_source(old)}"
            yield f"→ {_source(new)}"
        elif old.shape != new.shape:
            yield f"~ {_source(old)}"
            yield f"    shape  {old.shape} → {new.shape}"
        elif old.rule != new.rule:
            yield f"~ {_source(old)}"
            yield f"    rule  {old.rule or 'none'} → {new.rule or 'none'}"


def _source(line: FileLine) -> str:
    return " ".join(part.strip() for part in line.source.splitlines())


# --- the rest -------------------------------------------------------------------------


def _rest(old: Side, new: Side, told: bool) -> Iterable[str]:
    """Name the parts of modules that differ and are not reported line by line.

    If nothing has been reported (not ``told``), every part that differs is named.
    """
    for module in ordered({*old.texts, *new.texts}):
        if module not in new.texts:
            yield f"- {module}.py"
        elif module not in old.texts:
            yield f"+ {module}.py"
        else:
            first, second = blocks_of(old.texts[module]), blocks_of(new.texts[module])
            names = [
                name
                for name in dict.fromkeys([*first, *second])
                if first.get(name) != second.get(name)
                and not (told and (name in TOLD or old.shows(module, name)))
            ]
            if names:
                yield f"~ {module}.py: {', '.join(names)}"


# --- the whole ------------------------------------------------------------------------


def _costs(old: Header | None, new: Header | None) -> Iterable[str]:
    if old is None or new is None or not old.cost or not new.cost:
        return
    names = ("nodes", "flops", "bytes")
    pairs = zip(_parts(old.cost), _parts(new.cost), strict=True)
    for name, (before, after) in zip(names, pairs, strict=True):
        if before != after:
            yield f"{name}  {before} → {after}"


def _parts(cost: str) -> list[str]:
    found = [part.rpartition(" ")[0] for part in cost.split(", ")[:2]]
    return [*found, cost.split(", ")[2].partition(" bytes")[0]]


def _versions(old: Header | None, new: Header | None) -> Iterable[str]:
    if old is None or new is None:
        return
    if old.symdiff != new.symdiff:
        yield f"symdiff {old.symdiff} → {new.symdiff}"
    if old.sympy != new.sympy:
        yield f"SymPy {old.sympy} → {new.sympy}"
    if old.options != new.options:
        yield f"options {old.options} → {new.options}"
    if not old.intact or not new.intact:
        which = "both were" if not (old.intact or new.intact) else "one was"
        yield f"{which} edited after it was generated"
