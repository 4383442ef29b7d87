"""`symdiff grade`: a student's backward pass against the derived one.

In: a declared model, compiled, and students' files. Out: a `Grade` for each.
Invariant: students' code runs in processes of its own; whatever it does there, wrong or
hostile, becomes a sentence in its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.compiler.compilation import Compilation
from symdiff.declare.model import Function, Model
from symdiff.grading.cases import cases
from symdiff.grading.credit import lacking_scale, reached_before_error
from symdiff.grading.diagnosis import TRACED, Diagnosis
from symdiff.grading.files import LONGEST, imports_noted, unread
from symdiff.grading.hypotheses import Search, close
from symdiff.grading.naming import same_name
from symdiff.grading.reference import Case, DerivedStatement, Reference, forward_values
from symdiff.grading.results import CaseOutcome, regular
from symdiff.grading.runner import WATCHED
from symdiff.grading.sandbox import Given, Limits, Session, run
from symdiff.grading.verdict import Grade, GradientMark, Mistake
from symdiff.grading.words import cause_of, exception_words, said
from symdiff.graph.errors import DerivativeError


class Grader:
    """Grades files against one spec; what is derived and searched is shared."""

    def __init__(
        self,
        declared: Model | Function,
        compiled: Compilation,
        plain: Compilation | None = None,
        spec: str = "",
        limits: Limits | None = None,
        seed: int = 0,
    ) -> None:
        self.spec = spec or declared.name
        self.limits = limits or Limits()
        self.reference = Reference(compiled)
        self.cases = cases(self.reference, declared, seed)
        if not self.cases or self.cases[TRACED].narrow:
            raise DerivativeError(
                f"no point was found at which {declared.name!r} has a finite gradient; "
                "declare low=, high= or sample= of its inputs."
            )
        if plain is not None:
            for case in self.cases:
                case.forward = forward_values(plain, case)
        self._search: Search | None = None

    @property
    def search(self) -> Search:
        """The search among known mistakes, made when it is first needed."""
        if self._search is None:
            self._search = Search(self.reference, self.cases)
        return self._search

    def grade(self, path: Path) -> Grade:
        """Return the verdict on a file, or on the backward.py of a folder."""
        verdict = Grade(str(path), self.spec)
        file = path / "backward.py" if path.is_dir() else path
        content = regular(file, LONGEST)
        if content is None:
            verdict.refused = f"cannot read {file}: {unread(file)}"
            return verdict
        text = content.decode("utf-8", "replace")
        given = [self._given(c) for c in self.cases]
        try:
            session = run(file, self._job(), given, self.limits)
            _Grading(self, verdict, session, text.split("\n")).grade()
        except Exception as error:  # whatever it is, the other files are graded
            verdict = Grade(str(path), self.spec)
            kind = f"{type(error).__name__}: {error}"
            verdict.refused = f"what came of it cannot be compared ({kind:.200})"
            return verdict
        verdict.notes += imports_noted(text)
        return verdict

    def _job(self) -> dict[str, Any]:
        reference = self.reference
        residuals = self.cases[TRACED].residuals
        sizes = [[a.size for a in c.gradients.values()] for c in self.cases]
        values = max(sum(np.size(v) for v in c.values) for c in self.cases)
        largest = 4 * max(map(max, sizes)) + (1 << 16)
        elements = 2 * len(reference.wrt) * largest + values + WATCHED
        return {
            "largest": largest,
            "bytes": 8 * elements + (1 << 24),
            "model": reference.is_model,
            "params": list(reference.params),
            "arguments": list(reference.arguments),
            "wrt": reference.wrt,
            "fields": list(residuals._fields),
        }

    def _given(self, case: Case) -> Given:
        """Return a case as the process reads it, and the arrays it must not change."""
        arrays: dict[str, np.ndarray] = {}
        arrays |= {f"p{i}": a for i, a in enumerate(case.params.values())}
        arrays |= {f"a{i}": a for i, a in enumerate(case.arguments.values())}
        arrays |= {f"d{i}": np.asarray(s) for i, s in enumerate(case.seeds)}
        held = {f"params[{n!r}]": a for n, a in case.params.items()} | case.arguments
        if not self.reference.is_model:
            held |= {f"cotangent {i}": np.asarray(s) for i, s in enumerate(case.seeds)}
        kinds = []
        for i, value in enumerate(case.residuals):
            kind = "array"
            if isinstance(value, np.dtype):
                kind, value = "dtype", value.name
            elif isinstance(value, int):
                kind = "int"
            kinds.append(kind)
            arrays[f"r{i}"] = np.asarray(value)
        told = {
            "key": case.key,
            "seeds": len(case.seeds),
            "residuals": kinds,
            "trace": case is self.cases[TRACED],
        }
        return Given(told, arrays, held)


class _Grading:
    def __init__(
        self,
        grader: Grader,
        verdict: Grade,
        session: Session,
        source: Sequence[str],
    ) -> None:
        self.grader, self.verdict, self.session = grader, verdict, session
        self.source = source
        self.reference, self.cases = grader.reference, grader.cases
        self.outcomes = session.outcomes
        self.wrong: dict[str, str] = {}
        self.places: dict[str, set[str]] = {}  # the cases at which each is wrong
        self.kinks: dict[str, str] = {}  # case where the student's convention differs

    def grade(self) -> None:
        """Fill in the verdict."""
        verdict = self.verdict
        verdict.cases = [c.name for c in self.cases[: len(self.outcomes)]]
        shapes = {n: g.shape for n, g in self.cases[TRACED].gradients.items()}
        if self._whole():
            verdict.marks = [GradientMark(n, s, False) for n, s in shapes.items()]
            return
        reached = reached_before_error(self.cases[TRACED], self.outcomes[TRACED])
        for case, outcome in zip(self.cases, self.outcomes, strict=True):
            self._case(case, outcome, reached)
        self._find()
        unscaled: set[str] = set()
        if self.reference.is_model:
            unscaled = lacking_scale(self.cases, verdict.findings, self.places)
        verdict.scaled = not unscaled
        verdict.raised = any(o.error is not None for o in self.outcomes)
        for n, s in shapes.items():
            right, words = n not in self.wrong, self.wrong.get(n, "")
            if n in unscaled:
                right, words = True, f"but for d_loss: {words}"
            elif n in reached and right:
                words = "where the error came"
            verdict.marks.append(GradientMark(n, s, right, words))
        self._conduct()

    # --- the file as a whole ----------------------------------------------------------

    def _whole(self) -> bool:
        """Note why the file as a whole failed; return whether it did."""
        session, verdict = self.session, self.verdict
        if session.failed is not None:
            failed = session.failed
            if "missing" in failed:
                words = "the file defines no function backward"
                verdict.findings.append(Mistake("", "raises", words))
                return True
            words = "the file cannot be imported: " + exception_words(failed)
            verdict.findings.append(self._raised(failed, words, None))
            return True
        if not session.ended:
            return False
        name = self.cases[min(session.at, len(self.cases) - 1)].name
        words = f"it {session.ended} (at {name})"
        made = Mistake("", "raises", words, line=session.line)
        made.source = self._row(session.line)
        verdict.findings.append(made)
        return True

    def _row(self, line: int) -> str:
        return self.source[line - 1].strip() if 0 < line <= len(self.source) else ""

    def _raised(
        self, error: dict[str, Any], words: str, s: DerivedStatement | None
    ) -> Mistake:
        line = int(error.get("line") or 0)
        cause, hint = cause_of(str(error.get("message"))), ""
        source = self._row(line)
        if cause != "raises":
            hint = said(cause, {})[1]
        made = Mistake("", cause, words, hint, line=line, source=source)
        if s is not None:
            made.node, made.statement, made.place = s.target, s.heading, s.place
            made.expected, made.rule, made.shape = s.source, s.rule, s.shape
        return made

    # --- a case -----------------------------------------------------------------------

    def _case(self, case: Case, outcome: CaseOutcome, reached: set[str]) -> None:
        """Note the gradients that are wrong at a case."""
        names = self.reference.wrt
        if outcome.error is not None:
            for n in names:
                if n not in reached:
                    self._wrong(n, f"an error at {case.name}", case)
            return
        for n in names:
            if n not in outcome.gradients:
                self._wrong(n, self._lacking(n, outcome), case)
        for n, mine in outcome.gradients.items():
            right = case.gradients[n]
            if close(mine, right, case.slack[n]):
                continue
            if case.kink and mine.shape == right.shape and np.all(np.isfinite(mine)):
                self.kinks.setdefault(n, case.name)
                continue
            self._wrong(n, f"{_differs(mine, right)}, at {case.name}", case)

    def _wrong(self, name: str, words: str, case: Case) -> None:
        self.wrong.setdefault(name, words)
        self.places.setdefault(name, set()).add(case.name)

    def _lacking(self, name: str, outcome: CaseOutcome) -> str:
        """Return words for why a gradient is missing, which always counts as wrong."""
        if name in outcome.amiss:
            return outcome.amiss[name]
        if outcome.returned:
            want = "a dict by parameter" if self.reference.is_model else "Gradients"
            return f"backward returns {outcome.returned}, not {want}"
        return "was not handed back"

    # --- findings ---------------------------------------------------------------------

    def _find(self) -> None:
        """Name the first wrong node and its cause."""
        verdict = self.verdict
        for outcome, case in zip(self.outcomes, self.cases, strict=True):
            if outcome.error is None:
                continue
            if outcome.error.get("stage") == "forward":
                words = "the forward pass fails: " + exception_words(outcome.error)
            else:
                words = f"{exception_words(outcome.error)} (at {case.name})"
            s = self._statement(self._row(int(outcome.error.get("line") or 0)))
            if s is None and outcome is self.outcomes[TRACED] and outcome.trace:
                looked = Diagnosis(self.grader.search, self.outcomes, self.source)
                s = looked.first_missing(set(self.reference.wrt))
            verdict.findings.append(self._raised(outcome.error, words, s))
            break
        unwritten = [n for n, w in self.wrong.items() if "not written" in w]
        if unwritten:
            what, hint = said("not written", {})
            made = Mistake(", ".join(unwritten), "not written", what, hint)
            made.gradients = tuple(unwritten)
            verdict.findings.append(made)
        left = set(self.wrong) - set(unwritten)
        for cause, names in self._plain().items():
            mine = [n for n in self.reference.wrt if n in names & left]
            if mine:
                what, hint = said(cause, {})
                if cause == "returns":
                    what = f"{what}: {self.wrong[mine[0]]}"
                made = Mistake(", ".join(mine), cause, what, hint)
                made.gradients = tuple(mine)
                verdict.findings.append(made)
            left -= names
        if left:
            diagnosis = Diagnosis(self.grader.search, self.outcomes, self.source)
            verdict.findings += diagnosis.findings(left)

    def _plain(self) -> dict[str, set[str]]:
        """Return the wrong gradients whose cause needs no search."""
        outcomes = self.outcomes
        changed = any(o.changed for o in outcomes)
        random = set() if changed else {n for o in outcomes for n in o.unstable}
        coarse = {n for o in outcomes for n, d in o.dtypes.items() if d == "float16"}
        odd = {
            n
            for o in outcomes
            if o.error is None
            for n in self.reference.wrt
            if n not in o.gradients
        }
        return {"returns": odd, "random": random, "precision": coarse}

    def _statement(self, source: str) -> DerivedStatement | None:
        """Return the derived statement that sets what a student's line sets."""
        name = source.split("=")[0].strip(" +-*/@")
        for s in self.reference.statements:
            if name.isidentifier() and same_name(name, s.target):
                return s
        return None

    # --- conduct ----------------------------------------------------------------------

    def _conduct(self) -> None:
        """Note faults of conduct: what the code did besides returning gradients."""
        verdict, outcomes = self.verdict, self.outcomes
        kinks = {n: c for n, c in self.kinks.items() if n not in self.wrong}
        if kinks:
            verdict.notes.append(
                f"at a kink ({next(iter(kinks.values()))}) the derivative is a "
                f"convention, such as relu'(0) = 0, and {', '.join(kinks)} follows "
                "another; that is not counted"
            )
        changed = {pair: None for o in outcomes for pair in o.changed}
        for where, name in list(changed)[:4]:
            verdict.faults.append(f"{where} changes {name} in place")
        if changed:
            self._in_place([n for w, n in changed if w == "backward"])
        else:
            unstable = {n: None for o in outcomes for n in o.unstable}
            if unstable:
                shown = ", ".join(unstable)
                verdict.faults.append(f"called twice, it gives another {shown}")
        self._loss()
        unknown = {n: None for o in outcomes for n in o.unknown}
        if unknown:
            verdict.notes.append(f"it returns names nobody asked for: {list(unknown)}")
        if any("no d_loss" in o.notes for o in outcomes):
            verdict.notes.append("backward takes no d_loss; its third argument is one")
        wide = {
            n: None
            for c, o in zip(self.cases, outcomes, strict=True)
            if c.narrow
            for n, d in o.dtypes.items()
            if d == "float64" and c.gradients[n].size
        }
        held = [s[0] for s in self.reference.params.values()]
        if wide and "float64" not in held:
            verdict.notes.append(
                f"given float32, it returns float64 for {', '.join(wide)}"
            )
        if self.session.printed.strip():
            first = self.session.printed.strip().splitlines()[0]
            verdict.notes.append(f"it prints while it runs: {first[:60]!r}")

    def _in_place(self, names: Sequence[str]) -> None:
        verdict = self.verdict
        bare = [n.removeprefix("residuals.") for n in names]
        if not bare or verdict.findings:
            return
        what, hint = said("in place", {})
        made = Mistake(names[0], "in place", what, hint, certain=True)
        trace = self.outcomes[TRACED].trace
        lines = [line for n, line, own, _ in trace if own and n == bare[0]]
        if len(lines) > 1:
            made.line, made.source = lines[1], self._row(lines[1])
        verdict.findings.append(made)

    def _loss(self) -> None:
        """Note it if the student's own forward pass gives another value."""
        for case, outcome in zip(self.cases, self.outcomes, strict=True):
            if case.narrow or not outcome.own or outcome.error is not None:
                continue
            for i, right in enumerate(case.values):
                mine = outcome.values.get(i)
                if right.dtype.kind != "f":
                    continue
                if mine is None or not close(mine, right, 1e-9):
                    what = "loss" if self.reference.is_model else "value"
                    self.verdict.faults.append(
                        f"the forward pass gives another {what} than the spec's, at "
                        f"{case.name}"
                    )
                    return


def _differs(mine: np.ndarray, right: np.ndarray) -> str:
    if mine.shape != right.shape:
        return f"the shape is {mine.shape}, expected {right.shape}"
    with np.errstate(all="ignore"):
        gap = np.where(np.isfinite(mine), np.abs(mine - right), np.inf)
    index = np.unravel_index(int(np.argmax(gap)), mine.shape)
    place = f"[{', '.join(str(int(i)) for i in index)}] " if mine.ndim else ""
    return f"{place}is {mine[index]:.6g}, expected {right[index]:.6g}"
