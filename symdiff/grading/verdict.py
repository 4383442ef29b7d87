"""The verdict on a student's backward pass, for people and as JSON.

In: what was found. Out: a `Grade`, its exit code, its text, its dict. Invariant: the
text and the dict say the same; neither shows a traceback of symdiff's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

WIDTH = 88
RIGHT, WRONG, UNKNOWN = 0, 1, 2
CONDUCT = "leaves its arguments as they are, and gives the same each time"


@dataclass
class GradientMark:
    """One gradient: whether it is right, and if not, where and how it differs."""

    name: str
    shape: tuple[int, ...]
    right: bool
    words: str = ""


@dataclass
class Mistake:
    """A mistake: the first wrong node, what it should be, and the likely cause.

    ``certain``: the derived gradient with this mistake gives the student's numbers in
    all cases. Otherwise the mistake is a guess from how they look.
    """

    node: str
    cause: str
    words: str
    hint: str = ""
    statement: str = ""  # the user's, quoted
    place: str = ""
    expected: str = ""  # the derived statement
    rule: str = ""
    shape: str = ""
    line: int = 0  # the student's
    source: str = ""
    example: str = ""
    gradients: tuple[str, ...] = ()
    certain: bool = False


@dataclass
class Grade:
    """The grade of one file."""

    file: str
    spec: str
    marks: list[GradientMark] = field(default_factory=list)
    findings: list[Mistake] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # of conduct, such as writes
    notes: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    refused: str = ""  # why it cannot be graded
    scaled: bool = True  # whether every right gradient has the factor d_loss
    raised: bool = False  # whether an exception ended it, so that conduct is not seen

    @property
    def total(self) -> int:
        """A point for each gradient, and one for d_loss and for changing nothing."""
        return len(self.marks) + 1 if self.marks else 0

    @property
    def points(self) -> int:
        """The points that were earned."""
        right = sum(m.right for m in self.marks)
        whole = self.scaled and not self.raised and not self.faults
        return right + (1 if right and whole else 0)

    @property
    def code(self) -> int:
        """The exit code: 0 all right, 1 something is wrong, 2 cannot be graded."""
        if self.refused:
            return UNKNOWN
        return RIGHT if self.points == self.total else WRONG

    def dict(self) -> dict[str, Any]:
        """Return everything, for a script."""
        return {
            "file": self.file,
            "spec": self.spec,
            "right": self.code == RIGHT,
            "points": self.points,
            "total": self.total,
            "gradients": [
                {**asdict(m), "shape": list(m.shape), "words": m.words}
                for m in self.marks
            ],
            "findings": [
                {**asdict(f), "gradients": list(f.gradients)} for f in self.findings
            ],
            "faults": list(self.faults),
            "scaled": self.scaled,
            "notes": list(self.notes),
            "cases": list(self.cases),
            "refused": self.refused,
        }

    def text(self) -> str:
        """Return everything, for a student."""
        if self.refused:
            return f"{self.file}: cannot be graded: {self.refused}"
        lines = [f"{self.file}: {self.points} of {self.total} points"]
        width = max((len(m.name) for m in self.marks), default=0)
        shapes = max((len(str(list(m.shape))) for m in self.marks), default=0)
        for m in self.marks:
            state = "right" if m.right else "WRONG"
            shown = f"{m.name:{width}}  {list(m.shape)!s:{shapes}}  {state}"
            lines.append(f"  {shown}  {plain(m.words)}".rstrip())
        if self.marks:
            state = "WRONG" if self.faults else "yes"
            if self.raised and not self.faults:
                state = "not seen, for it raises"
            elif not any(m.right for m in self.marks):
                state += ", which counts once a gradient is right"
            lines.append(f"  {CONDUCT}: {state}")
            if not self.scaled:
                lines.append(
                    "  every gradient times d_loss: WRONG, which costs a point"
                )
        for i, finding in enumerate(self.findings):
            lines += ["", *_told(finding, "The first wrong node" if not i else "Also")]
        if self.faults:
            lines += ["", *(f"To be mended: {plain(f)}" for f in self.faults)]
        if self.notes:
            lines += ["", *(f"note: {plain(note)}" for note in self.notes)]
        return "\n".join(lines)


def _told(f: Mistake, title: str) -> list[str]:
    if f.cause in ("not written", "returns", "random", "precision"):
        title = "Gradients"
    elif not f.node:
        title = "What is wrong"
    lines = [f"{title}: {f.node}" if f.node else title]
    rule = f"   ({f.rule})" if f.rule else ""
    fields = {
        "of the statement": f"{f.statement}   [{f.place}]" if f.statement else "",
        f"your line {f.line}": f.source or " ",
        "cause:" if f.certain else "what is seen:": f.words,
        "what it should be:": f"{f.expected}  {f.shape}{rule}" if f.expected else "",
        "for example:": f.example,
        "hint:": f.hint,
    }
    if not f.line:
        del fields["your line 0"]
    for label, text in fields.items():
        if text:
            lines += _field(label, plain(text.strip()))
    return lines


def _field(label: str, text: str) -> list[str]:
    """Return a labelled text, wrapped and indented where it is long."""
    start = f"  {label:18} "
    rest = " " * len(start)
    if len(start + text) <= WIDTH or label.startswith(("your", "what it", "of the")):
        return [start + text]  # code is not wrapped
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=rest, tabsize=4
    )


def plain(text: str) -> str:
    """Return a text in one line, with control characters escaped.

    Quoted messages and lines of students' files must not look like a verdict.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def table(verdicts: Sequence[Grade]) -> str:
    """Return a line for each file: points, and the first mistake."""
    width = max((len(v.file) for v in verdicts), default=0)
    lines = []
    for v in verdicts:
        if v.refused:
            lines.append(f"{v.file:{width}}    -    cannot be graded: {v.refused}")
            continue
        said = "all right"
        if v.findings:
            said = f"{v.findings[0].node}: {v.findings[0].words}".removeprefix(": ")
        elif v.faults:
            said = v.faults[0]
        lines.append(f"{v.file:{width}}  {v.points:>2}/{v.total:<2}  {plain(said)}")
    return "\n".join(lines)
