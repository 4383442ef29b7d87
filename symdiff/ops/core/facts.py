"""What the stages ask of an op beside its mathematics: the typed facts of its record.

In: nothing. Out: `Facts`, given where an op is declared and read as ``node.op.facts``.
Invariant: what a stage needs to know of an op stands here and nowhere else; a fact left
out has the value that is safe for an op of which nothing is known.
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

# What becomes of the zeros around a part: all elements are handed on, some of them
# ("moved") or all ("rearranged"), in place or beside other operands' ("joined"); or
# they are placed into zeros, each at a place of its own ("apart") or not.
Zeros = Literal["moved", "rearranged", "in place", "joined", "placed", "placed apart"]


# The index of a part, of as many slices as there are axes.
Index = tuple[slice, ...]
IndexRule = Callable[[Node, Index], Index | None]
AxesRule = Callable[[Node, Shape], list[int | None]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an op.

    Attributes
    ----------
    zeros : how zeros among its operands' elements are handed on
    layout : in which order NumPy lays its result out
    out_form : how it fills memory given to it, where its text does not tell
    short : of a number, a quicker text to the same bits
    fresh : whether a number that it gives is never a view of what it is made from
    rows : what becomes of it when a batch is worked through in parts
    work : how many operations it takes; one for each element if left out
    repeats : whether it only repeats its operand, as NumPy's broadcasting does
    draws : whether it draws random numbers
    python : the same on Python's numbers
    scalar : its text on Python's floats, over ``_math``, which has NumPy's values
    word : what its result is called where nothing names it; its own name if left out
    formula : its formula in reports, where its text is no expression
    chain : its derivative in the words of a report, where no rule says it shortly
    units : the operands that leave the other one as it is where they are 1
    stretches : the operands that NumPy broadcasts where the text assigns them
    independent : the axes along which elements take no part in each other
    selects : whether functions among its partials can make nothing of a 0 but 0
    sweeps : whether its rules differentiate a body, and are given the sweep for it
    hides : whether the slope of its value is deliberately not its derivative
    scales : the operands that it is linear in, each by itself, element by element
    rectifies : whether its slope is finite wherever a mask makes it 0
    singular : whether it, or its slope, is infinite for some matrices
    sign : whether it can be negative; what moves elements has its operand's
    bounded : whether its values cannot be large
    interval : the interval of integers that it gives
    axes : the operand's axis that each of its axes is, if that is not told by lengths
    index : the index of a part of its operand in it, where it has one
    indices : the operands that are labels or indices, and the lengths they stay below
    labels : whether no index counts from the end, constants included
    compares : whether NumPy raises for no index beyond the axis
    trained : the operand that counts while training, where that is one alone
    weight : how many operations it stands for in the limits of TOML specs
    """

    zeros: Zeros | None = None
    layout: LayoutRule | None = None
    out_form: OutRule | None = None
    short: Callable[[Node], str] | None = None
    fresh: bool = False
    rows: RowRule | None = None
    work: WorkRule | None = None
    repeats: bool = False
    draws: bool = False
    python: Callable[..., float] | None = None
    scalar: str = ""
    word: str = ""
    formula: str = ""
    chain: str = ""
    units: tuple[int, ...] = ()
    stretches: tuple[int, ...] | Literal["all"] = ()
    independent: Independent | None = None
    selects: bool = False
    sweeps: bool = False
    hides: bool = False
    scales: tuple[int, ...] = ()
    rectifies: bool = False
    singular: bool = False
    sign: SignRule | None = None
    bounded: bool = False
    interval: IntervalRule | None = None
    axes: AxesRule | None = None
    index: IndexRule | None = None
    indices: Callable[[Node], Mapping[int, Dim]] | None = None
    labels: bool = False
    compares: bool = False
    trained: int | None = None
    weight: int = 1


UNKNOWN = Facts()  # of an op of which nothing is known
