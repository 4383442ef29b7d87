"""Who declared a tensor, and what it is called: one frozen `Origin`.

In: the user's call that declares a tensor. Out: an `Origin`, which every pass hands on
to the tensors that it makes from this one. Invariant: an origin never changes. Where a
handle must stay the same object, because others hold it, `give` and `mark` assign it
another origin; nothing else does.
"""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from symdiff.graph.cells import cell_of

if TYPE_CHECKING:
    from symdiff.graph.tensor import Tensor

Position = tuple[CodeType, int]
# where a tensor is among what a call returned: an index, or several in nested tuples
Place = int | tuple[int, ...]
FAN_OUT = "fan-out"
MOST_MARKS = 16  # a number such as 0 may replace very many tensors


class Site:
    """One executed call in the user's program, and the scope it ran in.

    ``frames`` are (code, instruction offset) pairs, innermost first. The site of a
    derivative also has the ``primal`` tensor whose rule built it and the ``rule`` in
    words; the sum of a value's cotangents has that value and `FAN_OUT`.
    """

    __slots__ = ("_location", "frames", "primal", "rule", "scope")

    def __init__(
        self,
        frames: tuple[Position, ...],
        scope: tuple[str, ...] = (),
        primal: Tensor | None = None,
        rule: str = "",
    ) -> None:
        self.frames = frames
        self.scope = scope
        self.primal = primal
        self.rule = rule
        self._location: str | None = None  # told when it is first asked for

    @property
    def location(self) -> str:
        """``file:line`` of the innermost user frame, or '' when there is none."""
        if self._location is None:
            self._location = self._told()
        return self._location

    def _told(self) -> str:
        if not self.frames:
            return self.primal.site.location if self.primal is not None else ""
        code, offset = self.frames[0]
        file = cell_of(code.co_filename) or code.co_filename
        return f"{file}:{line_of(code, offset)}"


def line_of(code: CodeType, offset: int) -> int:
    """Return the source line of an instruction."""
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


class Origin(NamedTuple):
    """Who declared a tensor, where, and what it is called.

    ``label`` is a name that the user gave with ``name=``, ``hint`` one that a composite
    suggests for an inner value. ``result`` is the position among the values that the
    user's call at ``site`` returned. The site of a derivative is that of its rule, so
    the user's call and the position are in ``bound_to``. ``cotangent_of`` holds pairs
    (prefix, primal): prefix "d" makes the name d_z. ``marks`` are numbers that the
    tensor, and those that it replaced, were given where they were made: by them a value
    is recognised after passes that have replaced it. ``was`` is the composite that it
    is written out for.
    """

    site: Site
    scope: tuple[str, ...]
    label: str | None = None
    hint: str | None = None
    result: Place | None = None
    bound_to: tuple[Site, Place] | None = None
    cotangent_of: tuple[tuple[str, Tensor], ...] = ()
    marks: tuple[int, ...] = ()
    was: Tensor | None = None

    def or_else(self, other: Origin, hint: str | None = None) -> Origin:
        """Return this origin with the names of another where it has none of its own.

        ``hint`` is used where neither origin has one.
        """
        result = self.result
        if self.site is other.site and result is None:
            result = other.result
        known = {(prefix, primal.node) for prefix, primal in self.cotangent_of}
        more = (c for c in other.cotangent_of if (c[0], c[1].node) not in known)
        return self._replace(
            label=self.label or other.label,
            hint=self.hint or other.hint or hint,
            scope=self.scope or other.scope,
            bound_to=self.bound_to or other.bound_to,
            result=result,
            cotangent_of=(*self.cotangent_of, *more),
            was=other.was if self.was is None else self.was,
            marks=(*self.marks, *other.marks)[:MOST_MARKS],
        )

    @property
    def number(self) -> int:
        """The number of its declaration, or of the first one that it stands for."""
        return min(self.marks, default=0)

    def of_same_name(self, site: Site) -> Origin:
        """Return the origin of a variable that stands for the same value."""
        bound_to = self.bound_to
        if bound_to is None and self.result is not None and self.site.primal is None:
            bound_to = self.site, self.result
        return self._replace(site=site, result=None, bound_to=bound_to)


class Declared:
    """Base class of objects with an origin."""

    __slots__ = ("origin",)

    origin: Origin
    node: Any

    @property
    def site(self) -> Site:
        """The call that declared it, or whose rule made it."""
        return self.origin.site

    @property
    def scope(self) -> tuple[str, ...]:
        """The names of the scopes that it was declared in, outermost first."""
        return self.origin.scope

    @property
    def label(self) -> str | None:
        """The name that the user gave with ``name=``."""
        return self.origin.label

    @property
    def hint(self) -> str | None:
        """The name that a composite suggests for an inner value."""
        return self.origin.hint

    @property
    def cotangent_of(self) -> tuple[tuple[str, Tensor], ...]:
        """Pairs (prefix, primal) of a derivative: ("d", z) makes the name d_z."""
        return self.origin.cotangent_of


D = TypeVar("D", bound=Declared)


def give(declared: D, origin: Origin) -> D:
    """Give a handle that others hold another origin; return it."""
    declared.origin = origin
    return declared


def mark(declared: D, **changes: Any) -> D:
    """Give a handle that others hold an origin with some fields changed; return it."""
    return give(declared, declared.origin._replace(**changes))


def hinted(declared: D, name: str) -> D:
    """Return a tensor, with the name it gets in generated code unless it has one."""
    return mark(declared, hint=name)


def mark_results(result: Any, site: Site) -> None:
    """Mark the tensors that a user's call returned, each with its position."""
    if isinstance(result, (tuple, list)):
        for index, value in enumerate(result):
            _mark_result(value, site, index)
    else:
        _mark_result(result, site, 0)


def _mark_result(value: Any, site: Site, place: Place) -> None:
    if isinstance(value, (tuple, list)):
        above = place if isinstance(place, tuple) else (place,)
        for index, inner in enumerate(value):
            _mark_result(inner, site, (*above, index))
    elif isinstance(value, Declared):
        if value.site is site:
            mark(value, result=place)
        elif value.origin.bound_to is None and not value.node.op.leaf:
            mark(value, bound_to=(site, place))  # a derivative keeps its rule's site
