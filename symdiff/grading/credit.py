"""Which gradients of a file that is not right as a whole count as right all the same.

In: the cases, what came of them, and what was found wrong. Out: names of gradients.
Invariant: a gradient counts only where its numbers were measured and are right, at
least for a cotangent of 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np

from symdiff.grading.hypotheses import close
from symdiff.grading.reference import Case
from symdiff.grading.results import CaseOutcome
from symdiff.grading.verdict import Mistake


def reached_before_error(case: Case, outcome: CaseOutcome) -> set[str]:
    """Return the gradients that were there, and right, when an exception came.

    Looked for among all values that the student's lines had made; one of zeros alone
    proves nothing.
    """
    if outcome.error is None:
        return set()
    seen = [value for *_, value in outcome.trace]
    found = set()
    for name, right in case.gradients.items():
        alike = [v for v in seen if v.shape == right.shape]
        if np.any(right) and any(close(v, right, case.slack[name]) for v in alike):
            found.add(name)
    return found


def lacking_scale(
    cases: Sequence[Case], findings: Sequence[Mistake], places: Mapping[str, Set[str]]
) -> set[str]:
    """Return the gradients that are wrong only for want of the factor d_loss.

    ``places`` are the cases at which each gradient is wrong.
    """
    weighed = {c.name for c in cases if any(np.any(s != 1) for s in c.seeds)}
    lacking: set[str] = set()
    otherwise: set[str] = set()
    for f in findings:
        of_it = f.cause == "d_loss" and f.certain
        (lacking if of_it else otherwise).update(f.gradients)
    alone = {name for name, where in places.items() if where <= weighed}
    return alone & lacking - otherwise
