"""A run's results as a table for the screen, or in Markdown."""

from __future__ import annotations

from typing import Any

FIRST = ("torch", "jax", "plain", "readable", "autograd")  # then the rest, by name


def columns(run: dict[str, Any]) -> list[str]:
    """Return the ratios that any row has: symdiff/best first."""
    names = {pair.split("/")[0] for row in run["rows"] for pair in row["ratios"]}
    names.discard("symdiff")
    rest = sorted(names.difference(FIRST))
    ordered = [name for name in FIRST if name in names] + rest
    return ["symdiff/best", *(f"{name}/symdiff" for name in ordered)]


def cells(run: dict[str, Any]) -> list[list[str]]:
    """Return the header and the rows, as words."""
    pairs, timed = columns(run), clock(run)
    table = [["", "best", "symdiff", *pairs, "allocated"]]
    for row in run["rows"]:
        times = [seconds(row["contenders"][k][timed]) for k in ("best", "symdiff")]
        ratios = [row["ratios"].get(pair) for pair in pairs]
        shown = [f"{r[timed]:.2f}" if r else "–" for r in ratios]
        table.append([row["name"], *times, *shown, size(row["allocated"])])
    return table


def clock(run: dict[str, Any]) -> str:
    """Return which time counts: the processor's, unless all cores were used."""
    return "cpu" if run["machine"]["threads"] == 1 else "wall"


def text(run: dict[str, Any]) -> str:
    """Return the table for a screen, with what it was measured on."""
    table = cells(run)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            word.ljust(width) if i == 0 else word.rjust(width)
            for i, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return "\n".join([*lines, "", *footnotes(run)])


def markdown(run: dict[str, Any]) -> str:
    """Return the table for a page."""
    header, *rows = cells(run)
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(words)} |" for words in lines)


def footnotes(run: dict[str, Any]) -> list[str]:
    """Return what was measured, where, and with which versions."""
    machine, load = run["machine"], run["load"]
    used = "processor time" if clock(run) == "cpu" else "elapsed time"
    versions = ", ".join(f"{k} {v}" for k, v in run["versions"].items())
    return [
        f"{used} of a step, medians of rounds in turn; ratios within rounds",
        (
            f"{machine['processor']}, {machine['cores']} cores, threads: "
            f"{machine['threads']}, BLAS: {machine['blas']}"
        ),
        f"load {load['before']} before, {load['after']} after; {versions}",
    ]


def seconds(value: float) -> str:
    """Return a time in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def size(count: int) -> str:
    """Return bytes in a unit that suits them."""
    for unit, bytes_of in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= bytes_of:
            return f"{count / bytes_of:.1f} {unit}"
    return f"{count} B"
