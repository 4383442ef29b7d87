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

# What becomes of the zeros around a part. Elements are handed on, some ("moved") or all
# ("rearranged"), or those of several operands beside each other ("joined"); some become
# 0 where they are ("in place"); or all are placed into zeros, each at a place of its
# own ("placed apart"), or several at one ("placed").
Zeros = Literal["moved", "rearranged", "joined", "in place", "placed", "placed apart"]
# The operands that NumPy broadcasts itself, or the batch of all.
Stretches = tuple[int, ...] | Literal["all", "batch"]
# The index of a part, of as many slices as there are axes.
Index = tuple[slice, ...]
IndexRule = Callable[[Node, Index], Index | None]
AxesRule = Callable[[Node, Shape], list[int | None]]
LengthsRule = Callable[[Node], Mapping[int, Dim]]


def _no_labels(node: Node) -> bool:
    return False


def all_labels(node: Node) -> bool:
    """Say that no index of an op counts from the end."""
    return True


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an op.

    Attributes
    ----------
    zeros : how zeros among its operands' elements are handed on
    repeats : whether it only repeats its operand, as NumPy's broadcasting does
    axes : the operand's axis that each of its axes is, where lengths alone do not tell
    index : the index of a part of its operand in it, where a part has one
    independent : the axes along which elements take no part in each other
    scales : the operands that it is linear in, each by itself, element by element
    selects : whether functions among its partials can make nothing of a 0 but 0
    rectifies : whether its slope is finite wherever a mask makes it 0
    hides : whether the slope of its value is deliberately not its derivative
    singular : whether it, or its slope, is infinite for some matrices
    sweeps : whether it is a loop or branch, whose rules are given the sweep of bodies
    draws : whether it draws random numbers
    trained : the operand that counts while training, where that is one alone

    sign : whether it can be negative; what moves elements has its operand's sign
    bounded : whether its values cannot be large
    interval : the interval of the integers that it gives
    units : the operands that leave the other one as it is where they are 1
    python : the same on Python's numbers
    indices : the operands that are labels or indices, and the lengths they stay below
    labels : whether no index counts from the end, constants included
    permutes : whether it gives each index along its axis once
    compares : whether NumPy raises for no index beyond the axis

    rows : what becomes of it when a batch is worked through in parts
    layout : in which order NumPy lays its result out
    out_form : how it fills memory given to it, where its text does not tell
    fresh : whether a number that it gives is never a view of what it is made from
    read_only : whether NumPy gives it as a view that cannot be written to
    work : how many operations it takes, where that is not one for each element
    weight : how many operations it stands for in the limits of TOML specs

    stretches : the operands that NumPy broadcasts itself, where it is not elementwise
    scalar : its text on Python's floats, over ``_math``, which has NumPy's values
    short : of a number, a quicker text to the same bits
    word : what its result is called where nothing names it; its own name if left out
    formula : its formula in reports, where its text is no expression
    chain : its derivative in the words of a report, where no rule says it shortly
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
    # what values can be
    sign: SignRule | None = None
    bounded: bool = False
    interval: IntervalRule | None = None
    units: tuple[int, ...] = ()
    python: Callable[..., float] | None = None
    indices: LengthsRule | None = None
    labels: Callable[[Node], bool] = _no_labels
    permutes: bool = False
    compares: bool = False
    # plans
    rows: RowRule | None = None
    layout: LayoutRule | None = None
    out_form: OutRule | None = None
    fresh: bool = False
    read_only: bool = False
    work: WorkRule | None = None
    weight: int = 1
    # text and words
    stretches: Stretches = ()
    scalar: str = ""
    short: Callable[[Node], str] | None = None
    word: str = ""
    formula: str = ""
    chain: str = ""


UNKNOWN = Facts()  # of an op of which nothing is known
