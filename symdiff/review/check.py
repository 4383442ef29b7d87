"""`symdiff check`: are generated files still what their specs compile to?

In: packages of generated files. Out: a `Finding` for each file. Invariant: specs are
compiled again in memory, and every character is compared except line ends, which git
may change, and the header's line on the check of gradients. Nothing is written.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from symdiff.compiler.compilation import Compilation
from symdiff.declare.spec import SpecFile, load_specs
from symdiff.emit.modules.assembly import CHECK_MARK
from symdiff.emit.modules.headers import Header, read_header
from symdiff.graph.errors import SymdiffError
from symdiff.review.files import (
    Package,
    command_line,
    find_specs,
    header_of,
    is_generated,
    read_text,
    used,
)

State = Literal["current", "edited", "stale", "missing", "left over", "unknown"]
Compile = Callable[[SpecFile, Header, bool], Compilation]


@dataclass(frozen=True)
class Finding:
    """The state of a file, the reason for it, and the differing lines."""

    path: Path
    state: State
    reason: str = ""
    difference: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageReport:
    """The findings of one package, its spec, and the command that writes it anew."""

    shown: Path
    spec: Path | None
    findings: tuple[Finding, ...]
    command: str = ""

    @property
    def wrong(self) -> list[Finding]:
        """The findings that are not "current"."""
        return [f for f in self.findings if f.state != "current"]


@dataclass
class Checker:
    """Checks packages; a spec that several were generated from is executed once."""

    compile: Compile
    given: Path | None = None
    _specs: dict[Path, dict[str, SpecFile]] = field(default_factory=dict)

    def check(self, package: Package) -> PackageReport:
        """Return the states of a package's files.

        Edits are found even where there is no spec to compile; the other files are then
        "unknown". If several files have the spec's name, the first that compiles to
        these files counts.
        """
        if self.given is not None:
            return self._by(self.given, package)
        try:
            paths = find_specs(package)
        except SymdiffError as error:
            return PackageReport(
                package.shown, None, _without_spec(package, str(error))
            )
        if len(paths) == 1:
            return self._by(paths[0], package)
        for path in paths:
            report = self._by(path, package)
            if not report.wrong:
                return report
        shown = f"{', '.join(map(str, paths[:5]))}{', ...' if len(paths) > 5 else ''}"
        problem = (
            f"{package.shown} was generated from {package.header.origin}; several "
            f"files have that name: {shown}. Say which with --spec."
        )
        return PackageReport(package.shown, None, _without_spec(package, problem))

    def _by(self, path: Path, package: Package) -> PackageReport:
        """Compare a package with what a spec file declares under the package's name.

        If nothing has that name, but another declaration compiles to the same files,
        the package has been renamed.
        """
        try:
            specs = self._specs_of(path)
        except SymdiffError as error:
            return PackageReport(
                package.shown, path, _without_spec(package, str(error))
            )
        if package.name in specs:
            return self._against(specs[package.name], path, package)
        for spec in specs.values():
            report = self._against(spec, path, package)
            if not report.wrong:
                return report
        problem = (
            f"{path} declares no {package.name!r}, but {', '.join(map(repr, specs))}; "
            "if it was renamed, compile it again and remove these files."
        )
        return PackageReport(package.shown, path, _without_spec(package, problem))

    def _against(self, spec: SpecFile, path: Path, package: Package) -> PackageReport:
        """Compare a package with what one declaration compiles to."""
        try:
            compiled = self.compile(spec, package.header, package.single)
        except SymdiffError as error:
            return PackageReport(
                package.shown, path, _without_spec(package, str(error))
            )
        findings = tuple(_findings(package, compiled))
        command = _command(path, package, spec)
        return PackageReport(package.shown, path, findings, command)

    def _specs_of(self, path: Path) -> dict[str, SpecFile]:
        if path not in self._specs:
            self._specs[path] = load_specs(path)
        return self._specs[path]


def _without_spec(package: Package, problem: str) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for path, header in package.files.items():
        if header.intact:
            found.append(Finding(path, "unknown", problem))
        else:
            found.append(Finding(path, "edited", _edited(header)))
    for own, path in _instead(package, package.files):
        told = header_of(path) if is_generated(path) else None
        if told is None or not told.intact:
            found.append(Finding(path, "edited", _taken_for(own, told)))
    return tuple(found)


def _findings(package: Package, compiled: Compilation) -> list[Finding]:
    """Compare each file of a package with the compiled file of the same name."""
    expected = {Path(name).name: text for name, text in compiled.files.items()}
    if package.single and len(package.files) == 1:  # a module may have been renamed
        (path,) = package.files
        expected[path.name] = expected.pop(f"{compiled.name}.py", "")
    found: list[Finding] = []
    for path, header in package.files.items():
        text = expected.pop(path.name, None)
        if text is None:
            reason = "an earlier compilation made it; this one would not"
            found.append(Finding(path, "left over", reason))
        else:
            found.append(_compared(path, header, str(text)))
    if package.whole:
        for name, content in expected.items():
            found += _absent(package.folder / name, content)
    made = {package.folder / Path(n).name: c for n, c in compiled.files.items()}
    asked = [p for p in made if package.whole or p in package.files]
    found += [_taken(own, path, made[own]) for own, path in _instead(package, asked)]
    return sorted(found, key=lambda f: f.path)


def _instead(package: Package, files: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each file in whose place Python takes another one, and that other."""
    if not package.single:
        yield from ((own, used(own)) for own in files if used(own) != own)


def _taken(own: Path, path: Path, content: str | bytes) -> Finding:
    """Compare what Python takes for a file with what that file should be."""
    if isinstance(content, bytes):
        (finding,) = _absent(path, content)
        return finding
    if is_generated(path):
        return _compared(path, header_of(path), content)
    return Finding(path, "edited", _taken_for(own, None))


def _taken_for(own: Path, header: Header | None) -> str:
    return _edited(header) if header else f"Python imports it for {own.name}"


def _compared(path: Path, header: Header, expected: str) -> Finding:
    text = read_text(path)
    if _unchecked(text) == _unchecked(expected):
        return Finding(path, "current")
    wanted = read_header(expected)
    assert wanted is not None
    difference = tuple(
        difflib.unified_diff(
            text.splitlines(),
            expected.splitlines(),
            str(path),
            f"{path}, compiled now",
            lineterm="",
            n=2,
        )
    )
    reasons = _moved(header, wanted)
    if not header.intact:
        also = f"; besides, {'; '.join(reasons)}" if reasons else ""
        return Finding(path, "edited", _edited(header) + also, difference)
    if not reasons and header.body == wanted.body:
        return Finding(path, "edited", "its header was changed by hand", difference)
    if not reasons:
        reasons = ["names, lines or initial values of its spec have changed"]
    return Finding(path, "stale", "; ".join(reasons), difference)


def _moved(header: Header, wanted: Header) -> list[str]:
    """Return reasons why a file is stale, as far as the two headers tell."""
    found: list[str] = []
    if header.symdiff != wanted.symdiff:
        found.append(f"symdiff {header.symdiff} made it, this is {wanted.symdiff}")
    if header.sympy != wanted.sympy:
        found.append(f"it was made with SymPy {header.sympy}, this is {wanted.sympy}")
    if (header.level, header.wrt) != (wanted.level, wanted.wrt):
        found.append("it was compiled with other options than the rest of its package")
    if header.graph != wanted.graph:
        found.append("its spec computes something else now")
    return found


def _edited(header: Header) -> str:
    if header.body is None:
        return "edited by hand: the hash of its body is gone from its header"
    return "edited by hand: its body does not have the hash that its header tells"


def _unchecked(text: str) -> list[str]:
    """Return a text's lines without that on the check of gradients."""
    return [s for s in text.split("\n") if not s.startswith(CHECK_MARK)]


def _absent(path: Path, content: str | bytes) -> list[Finding]:
    """Return the finding for a file that is expected, but not found as generated."""
    if not path.exists():
        return [Finding(path, "missing", "its spec compiles to it as well")]
    if isinstance(content, bytes):
        try:
            same = path.read_bytes() == content
        except OSError as error:
            return [Finding(path, "unknown", f"cannot read it: {error.strerror}")]
        reason = "its arrays are not those of the spec"
        return [Finding(path, "current") if same else Finding(path, "stale", reason)]
    if is_generated(path):
        return []
    return [
        Finding(path, "edited", "edited by hand: its header is gone; remove it first")
    ]


def _command(path: Path, package: Package, spec: SpecFile) -> str:
    """Return the command line, or the call, that writes a package anew."""
    header = package.header
    if spec.variable != "model":  # the command line compiles `model` alone
        return _call(package, spec)
    words: list[object] = ["symdiff", "compile", path, "-o", package.root]
    if header.level not in (None, 2):
        words += ["-O", header.level]
    words += [w for name in spec.beyond(header.wrt) for w in ("--wrt", name)]
    words += [w for name in header.only for w in ("--only", name)]
    words += ["--single-file"] * package.single + ["--inline"] * header.inline
    words += ["--target", header.target] if header.target else []
    words += ["--planned", "exact"] * header.exact
    return command_line(*words)


def _call(package: Package, spec: SpecFile) -> str:
    """Return the Python expression that writes a package anew."""
    header, wrt = package.header, spec.beyond(package.header.wrt)
    options = {
        "optimize": None if header.level == 2 else header.level,
        "wrt": wrt or None,
        "only": header.only or None,
        "single_file": package.single or None,
        "inline": header.inline or None,
        "target": header.target or None,
        "planned": "exact" if header.exact else None,
    }
    said = [f"{k}={v!r}" for k, v in options.items() if v is not None]
    call = f"sd.compile({', '.join([spec.variable, *said])})"
    return f"{call}.write({str(package.root)!r}) in {spec.path}"


def exit_code(reports: Sequence[PackageReport]) -> int:
    """Return 0: all is current, 1: something is not, 2: it cannot be told."""
    states = {f.state for r in reports for f in r.findings}
    if states - {"current", "unknown"}:
        return 1
    return 2 if "unknown" in states else 0
