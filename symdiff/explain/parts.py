"""A report as a tree of sections and parts, before it has a format.

In: names, formulas and numbers that have been computed. Out: `Section`s of parts.
Invariant: every format renders every kind of part, so that all formats say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from symdiff.explain.costs import Costs
from symdiff.explain.derivation import Gradient
from symdiff.explain.formulas import Formula
from symdiff.explain.sweeping import GIVEN


@dataclass(frozen=True)
class Leaf:
    """A value that is given: ``own`` is the user's name for it, if there is one.

    ``formula`` are the numbers of a constant, or what tells them from others.
    """

    name: str
    own: str
    role: str
    type: str
    value: str
    formula: Formula | None


@dataclass(frozen=True)
class ForwardStep:
    """A value that is computed, and its differentiation rule in words."""

    name: str
    op: str
    type: str
    formula: Formula
    value: str
    rule: str


@dataclass(frozen=True)
class Partial:
    """The derivative of a step by one operand, where it acts on each element alone."""

    name: str
    by: str
    formula: Formula


@dataclass(frozen=True)
class Handed:
    """The contribution of a step to the cotangent of an operand."""

    to: str
    formula: Formula


@dataclass(frozen=True)
class Contribution:
    """A contribution to a cotangent, from one reader of the value."""

    source: str
    formula: Formula
    value: str


@dataclass(frozen=True)
class Cotangent:
    """The cotangent of a value: the sum of its terms.

    ``given`` says, in words, which cotangent a result is given, which is added.
    """

    name: str
    of: str
    terms: tuple[Contribution, ...]
    given: str
    value: str

    @property
    def seed(self) -> bool:
        """Whether it is a result."""
        return bool(self.given)

    @property
    def told(self) -> str:
        """The cotangent that is given, in words, unless it is 1 from outside."""
        return "" if self.given == GIVEN else self.given

    @property
    def is_sum(self) -> bool:
        """Whether several readers contribute."""
        return len(self.terms) > 1

    def numbers(self) -> Iterator[tuple[Contribution, str]]:
        """Yield each term, with its value unless it is the whole cotangent."""
        whole = len(self.terms) + self.seed == 1
        yield from ((term, "" if whole else term.value) for term in self.terms)


@dataclass(frozen=True)
class Code:
    """Rows of a generated function that belong to one statement of the user."""

    function: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Stated:
    """An equation, and in words when or why it holds."""

    name: str
    formula: Formula
    words: str


@dataclass(frozen=True)
class StepRow:
    """What a step of a loop adds, or has, in numbers."""

    label: str
    value: str


@dataclass(frozen=True)
class Inside:
    """The body of a loop, or a side of a branch: what each step does.

    ``title`` says when it runs, ``lines`` what it starts with; then come the statements
    of the body, and the recursion of the cotangents.
    """

    title: str
    numbers: str  # which step has the values that are shown
    lines: tuple[Stated, ...]
    sections: tuple[Section, ...]


Part = (
    Leaf
    | ForwardStep
    | Partial
    | Handed
    | Cotangent
    | Code
    | Gradient
    | Costs
    | Stated
    | StepRow
    | Inside
)


@dataclass(frozen=True)
class Section:
    """Parts under a title. The title of a statement is its text, at ``place``."""

    kind: Literal["reads", "statement", "gradients", "cost", "recursion", "steps"]
    title: str
    parts: tuple[Part, ...]
    place: str = ""

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The values that are given."""
        return tuple(p for p in self.parts if isinstance(p, Leaf))

    @property
    def code(self) -> tuple[Code, ...]:
        """The code that is generated for it."""
        return tuple(p for p in self.parts if isinstance(p, Code))

    @property
    def told(self) -> tuple[Part, ...]:
        """The parts that are neither leaves nor code."""
        return tuple(p for p in self.parts if not isinstance(p, Leaf | Code))

    def groups(self) -> Iterator[list[Part]]:
        """Yield each step with the parts that follow it."""
        group: list[Part] = []
        for part in self.told:
            if isinstance(part, ForwardStep) and group:
                yield group
                group = []
            group.append(part)
        if group:
            yield group


@dataclass(frozen=True)
class Tree:
    """A report: its title, the results, the source of its numbers, its sections."""

    title: str
    results: tuple[str, ...]
    numbers: str
    sections: tuple[Section, ...]

    @property
    def convention(self) -> str:
        """The meaning of ``d_``, in words."""
        found = self.results
        of = found[0] if len(found) == 1 else f"the results ({', '.join(found)})"
        return f"d_v stands for the derivative of {of} by v, of v's shape."
