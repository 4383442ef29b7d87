"""`symdiff diff`: what differs between two models, or between two generated modules.

In: two specs or generated packages. Out: a `Comparison`: leaves, nodes, rules, shapes,
generated statements and costs that changed. Invariant: what is compared is meaning:
names that were numbered anew, comments and places of lines are no changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symdiff.emit.headers import Header
from symdiff.explain.derivation import Derivation
from symdiff.explain.lines import Line, lines_of, values_of
from symdiff.explain.matching import Change, changes
from symdiff.generated import header_of, is_generated, one_package, read_text
from symdiff.graph.errors import SpecError

SHOWN = {
    "forward": ("forward",),
    "backward": ("loss_and_residuals", "forward_with_residuals", "backward"),
    "train": ("compute_grads", "apply_update"),
}
ROLES = {"PARAMS": "parameter", "ARGUMENTS": "argument", "HYPER": "setting"}


@dataclass
class Side:
    """One of the two: its leaves by name, its statements, and its graph if known."""

    label: str
    texts: Mapping[str, str]  # of modules, by name
    header: Header | None
    derivation: Derivation | None = None
    lines: list[tuple[str, Line]] = field(default_factory=list)
    leaves: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in self.texts.items():
            try:
                found = lines_of(text)
                tables = values_of(text, "PARAMS", "ARGUMENTS", "HYPER")
            except SyntaxError as error:
                raise SpecError(
                    f"{self.label}: {name}.py is no Python at line {error.lineno}: "
                    f"{error.msg}."
                ) from error
            shown = SHOWN.get(name)
            for line in found:
                if shown is None or line.function in shown:
                    self.lines.append((f"{name}.py {line.function}", line))
            for kind, table in tables.items():
                for leaf, spec in dict(table).items():  # type: ignore[call-overload]
                    hyper = kind == "HYPER"
                    self.leaves[f"{ROLES[kind]} {leaf}"] = (
                        repr(spec) if hyper else _declared(spec)
                    )


def _declared(spec: Any) -> str:
    kind, shape, low, high = spec
    bounds = ""
    if low is not None or high is not None:
        bounds = f" from {low} to below {high}"
    return f"{kind}[{', '.join(map(str, shape))}]{bounds}"


@dataclass(frozen=True)
class Comparison:
    """What differs, section by section; nothing where both mean the same."""

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
        files = [path / f"{n}.py" for n in SHOWN if (path / f"{n}.py").exists()]
        files = [f for f in files if is_generated(f)]
        if not files:
            raise SpecError(
                f"{path} holds no generated modules; give a spec, a generated module, "
                "or the folder of a generated package."
            )
    else:
        files = [path]
    header = header_of(files[-1])
    texts = {_module(f): read_text(f) for f in files}
    return Side(str(path), texts, header)


def _module(path: Path) -> str:
    return path.stem if path.stem in SHOWN else path.name.removesuffix(".py")


def compare(old: Side, new: Side) -> Comparison:
    """Return what differs between two sides."""
    sections: dict[str, tuple[str, ...]] = {}
    sections["inputs and parameters"] = tuple(_leaves(old.leaves, new.leaves))
    if old.derivation is not None and new.derivation is not None:
        found, follow = changes(old.derivation, new.derivation)
        lines = [s for c in found for s in _node(c)]
        if follow and lines:
            lines.append(f"({follow} more read a changed value and are as before)")
        sections["nodes"] = tuple(lines)
    sections["generated"] = tuple(_statements(old.lines, new.lines))
    if any(sections.values()):
        sections["cost"] = tuple(_costs(old.header, new.header))
    sections["compiled by"] = tuple(_versions(old.header, new.header))
    return Comparison(old.label, new.label, sections)


def _leaves(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield f"- {name}: {old[name]}"
        elif name not in old:
            yield f"+ {name}: {new[name]}"
        elif old[name] != new[name]:
            yield f"~ {name}: {old[name]} → {new[name]}"


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
    """Return what a node hands back: the rule of its operation."""
    for share in entry.hands:
        rule = f"   {share.rule}" if share.rule else ""
        yield f"d_{share.source} gets {share.formula.text}{rule}"


# --- statements -----------------------------------------------------------------------


def _statements(
    old: Sequence[tuple[str, Line]], new: Sequence[tuple[str, Line]]
) -> Iterable[str]:
    """Compare statements by what they set, function by function."""
    first, second = _keyed(old), _keyed(new)
    functions = dict.fromkeys([k[0] for k in first] + [k[0] for k in second])
    for function in functions:
        lines: list[str] = []
        for key in _merged(first, second, function):
            lines += _statement(first.get(key), second.get(key))
        if lines:
            yield function
            yield from (f"  {s}" for s in lines)


def _keyed(lines: Sequence[tuple[str, Line]]) -> dict[tuple[str, str, int], Line]:
    found: dict[tuple[str, str, int], Line] = {}
    for function, line in lines:
        count = 0
        while (function, line.target, count) in found:
            count += 1
        found[function, line.target, count] = line
    return found


Key = tuple[str, str, int]


def _merged(
    first: Mapping[Key, Line], second: Mapping[Key, Line], function: str
) -> list[Key]:
    """Return the keys of both, those that were removed where they stood."""
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


def _statement(old: Line | None, new: Line | None) -> Iterable[str]:
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


def _source(line: Line) -> str:
    return " ".join(part.strip() for part in line.source.splitlines())


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
    first = (old.level, old.wrt, old.only)
    second = (new.level, new.wrt, new.only)
    if first != second:
        yield f"options {_options(old)} → {_options(new)}"
    if not old.intact or not new.intact:
        which = "both were" if not (old.intact or new.intact) else "one was"
        yield f"{which} edited after it was generated"


def _options(header: Header) -> str:
    only = f", only={','.join(header.only)}" if header.only else ""
    return f"-O{header.level}, wrt={','.join(header.wrt)}{only}"
