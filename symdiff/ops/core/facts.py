"""What the compiler's stages ask about an op beside its mathematics: typed facts.

In: nothing. Out: `Facts`, given where an op is declared and read as ``node.op.facts``.
Invariant: everything that a stage needs to know about an op is here and nowhere else; a
fact left out has the value that is safe for an op about which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from symdiff.graph.node import Node
from symdiff.graph.types import Dim, Shape
from symdiff.ops.core.independent import Independent
from symdiff.ops.core.interval import IntervalRule
from symdiff.ops.core.layouts import LayoutRule
from symdiff.ops.core.outforms import OutRule
from symdiff.ops.core.rows import RowRule
from symdiff.ops.core.signs import SignRule
from symdiff.ops.core.work import WorkRule

# How an op treats elements that are 0 because only a part of an array was used. Some
# elements are taken over ("moved") or all of them ("rearranged"), or those of several
# operands are put beside each other ("joined"); some are set to 0 where they are ("in
# place"); or all are placed into an array of zeros, each at its own place ("placed
# apart") or possibly several at one ("placed").
Zeros = Literal["moved", "rearranged", "joined", "in place", "placed", "placed apart"]
# The operands that NumPy broadcasts itself: these, "all", or only their "batch" axes.
Stretches = tuple[int, ...] | Literal["all", "batch"]
# The index of a part: one slice per axis.
Index = tuple[slice, ...]
IndexRule = Callable[[Node, Index], Index | None]
AxesRule = Callable[[Node, Shape], list[int | None]]
Part = tuple[int, Dim, Dim]  # an axis, and where it starts and stops along that
BesideRule = Callable[[Node], list[Part]]
LengthsRule = Callable[[Node], Mapping[int, Dim]]


@dataclass(frozen=True, slots=True)
class Through:
    """A text over ``sources``, in place of one over ``views`` of them."""

    text: str
    sources: tuple[Node, ...]
    views: tuple[Node, ...]


ThroughRule = Callable[[Node], "Through | None"]


def never(node: Node) -> bool:
    """Answer a question about nodes of an op with no."""
    return False


def always(node: Node) -> bool:
    """Answer it with yes."""
    return True


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about an op.

    Attributes
    ----------
    zeros : how zeros among its operands' elements appear in the result
    repeats : whether it only repeats its operand, as NumPy's broadcasting does
    axes : for each axis of the result, which axis of the operand it is, where lengths
        alone do not tell
    index : where a part of the operand, given by its index, lies in the result
    independent : the axes along which elements do not depend on each other
    scales : the operands in each of which it is linear, element by element
    selects : whether its partials make 0 of a cotangent of 0 whatever the operands are
    rectifies : whether the slope that its mask sets to 0 is finite anyway, as relu's
    hides : whether its derivative is deliberately not the slope of its value
    singular : whether it, or its slope, is infinite for some matrices
    sweeps : whether it is a loop or branch, whose rules are given the sweep of bodies
    draws : whether it draws random numbers
    trained : the only operand that is computed in training, if there is one such
    averages : of how many elements its result is the mean, if it is one
    summed : the lengths of the axes over which its text sums, if it tells their places

    sign : whether it can be negative; an op that moves elements has its operand's sign
    bounded : whether its values cannot be large
    interval : the interval of the integers that it gives
    units : the operands that can be left out where they are 1, as in ``x * 1``
    python : the op on Python's numbers
    indices : the operands that are labels or indices, and the lengths they stay below
    labels : whether no index counts from the end, constants included
    permutes : whether the result holds each index along its axis exactly once
    compares : whether it only compares indices, so that NumPy never raises for one

    rows : what becomes of it when a batch is computed in parts
    layout : in which order NumPy lays its result out
    out_form : how it fills memory given to it, where its text does not tell
    beside : where its operands lie in the result, if they lie beside each other there
    fresh : whether a 0-d result is never a view of an operand
    reduces : whether a 0-d result of an array is a scalar of the array's dtype
    lends : whether its text may give an operand itself, or a view of one
    read_only : whether NumPy returns a view that cannot be written to
    work : how many operations it takes, where that is not one for each element
    picks : whether it reads only as many elements of its first operand as it returns
    weight : how many operations it stands for in the limits of TOML specs

    stretches : the operands that NumPy broadcasts itself, where it is not elementwise
    scalar : its text on Python's floats, over ``_math``, which has NumPy's values
    short : a faster text for a 0-d result, which computes the same bits
    through : a text over what its operands are views of, if NumPy has a function for it
    word : the name of its result where nothing else names it; by default its own name
    called : the name of its result after those of its operands, over ``{0}``, ``{1}``;
        by default, of one operand, the word and that
    row : the same for what stands for a row of a value that has a name
    with_numbers : the same where the second operand is a certain number
    results : the words for its results, if it has several
    formula : its formula in reports, where its text is no expression
    called_from : of how many in the body of a loop on it is not expanded: its text is
        then a function of the generated file
    untold : attributes that formulas leave out, since they matter at infinity alone
    chain : its derivative in the words of a report, where ``rule`` is not short enough
    """

    # where elements go, and what becomes of derivatives
    zeros: Zeros | None = None
    repeats: bool = False
    axes: AxesRule | None = None
    index: IndexRule | None = None
    independent: Independent | None = None
    scales: tuple[int, ...] = ()
    selects: bool = False
    rectifies: bool = False
    hides: bool = False
    singular: bool = False
    sweeps: bool = False
    draws: bool = False
    trained: int | None = None
    averages: Callable[[Node], Dim] | None = None
    summed: Callable[[Node], tuple[Dim, ...]] | None = None
    # what values can be
    sign: SignRule | None = None
    bounded: bool = False
    interval: IntervalRule | None = None
    units: tuple[int, ...] = ()
    python: Callable[..., float] | None = None
    indices: LengthsRule | None = None
    labels: Callable[[Node], bool] = never
    permutes: bool = False
    compares: bool = False
    # plans
    rows: RowRule | None = None
    layout: LayoutRule | None = None
    out_form: OutRule | None = None
    beside: BesideRule | None = None
    fresh: bool = False
    reduces: bool = False
    lends: Callable[[Node], bool] = never
    read_only: bool = False
    work: WorkRule | None = None
    picks: bool = False
    weight: int = 1
    # text and words
    stretches: Stretches = ()
    scalar: str = ""
    short: Callable[[Node], str] | None = None
    through: ThroughRule | None = None
    word: str = ""
    called: str = ""
    row: Callable[[Node], str] | None = None
    with_numbers: tuple[tuple[float, str], ...] = ()
    results: tuple[str, ...] = ()
    formula: str | Callable[[Node], str] = ""
    called_from: int = 0
    untold: tuple[str, ...] = ()
    chain: str = ""


UNKNOWN = Facts()  # for an op about which nothing is known
