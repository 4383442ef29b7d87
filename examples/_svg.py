"""What pictures are made of: text, ticks, scales, images and colours, as SVG."""

import base64
import math
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

LIGHT = "#0969a8 #cf4a10 #2b8a3e #7b4cc0 #b02a6f #8a6d00 #0e8585 #5c6370"
DARK = "#5db2f0 #ff9159 #6cc97c #b794f4 #f07fb8 #d8b53a #4fd0d0 #a3abb8"
COLOURS = len(LIGHT.split())

Range = tuple[float, float]
Place = Callable[[float], float]


def number(value: float) -> str:
    """Return a place in the picture, to a tenth of a unit."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, more: str = "") -> str:
    """Return a line of text; `more` holds further attributes."""
    place = f'x="{number(x)}" y="{number(y)}"'
    return f"<text {place}{more and ' ' + more}>{escape(words)}</text>"


def tick_text(value: float) -> str:
    """Return the label of a tick."""
    return re.sub(r"e([+-])0*(\d)", r"e\1\2", f"{value:.6g}").replace("-", "−")


def style() -> str:
    """Return the colours, for readers of light and of dark pages."""

    def rules(paper: str, ink: str, grid: str, colours: Sequence[str]) -> str:
        kinds = [f".paper {{ fill: {paper} }}", f".ink {{ fill: {ink} }}"]
        kinds.append(f".axis {{ stroke: {ink} }}")
        kinds.append(f".grid {{ stroke: {grid} }}")
        for i, colour in enumerate(colours):
            kinds.append(f".s{i} {{ stroke: {colour} }}")
            kinds.append(f".f{i} {{ fill: {colour} }}")
        return "\n".join(f".picture {kind}" for kind in kinds)

    light = rules("#ffffff", "#24292f", "#e4e7eb", LIGHT.split())
    dark = rules("#14171c", "#dde3ea", "#2c323a", DARK.split())
    return (
        f"<style>\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
        "</style>"
    )


def scale(shown: Range, room: Range, log: bool) -> Place:
    """Return the function from numbers to places."""
    turn: Place = math.log10 if log else float
    low, high = turn(shown[0]), turn(shown[1])

    def place(value: float) -> float:
        return room[0] + (turn(value) - low) / (high - low) * (room[1] - room[0])

    return place


def ticks(low: float, high: float, log: bool) -> list[float]:
    """Return numbers 1, 2 or 5 times a power of ten apart; powers of ten if `log`."""
    if log:
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        if last - first < 2:  # too few powers of ten
            powers = range(first - 1, last + 2)
            found = [m * 10.0**p for p in powers for m in (1, 2, 5)]
        else:
            found = [10.0**p for p in range(first, last + 1, (last - first) // 6 + 1)]
        return [t for t in found if low <= t <= high]
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [float(f"{i * step:.10g}") for i in places]


def image(x: float, y: float, width: float, height: float, link: str) -> str:
    """Return an image that is stretched over a rectangle, its pixels square."""
    place = f'x="{number(x)}" y="{number(y)}" '
    size = f'width="{number(width)}" height="{number(height)}" '
    how = 'preserveAspectRatio="none" style="image-rendering: pixelated" '
    return f'<image {place}{size}{how}href="{link}"/>'


def png(table: np.ndarray, low: float | None, high: float | None, signed: bool) -> str:
    """Return values as a data URL of an image, row 0 on top."""
    if signed:
        most = high if high is not None else float(np.abs(table).max()) or 1.0
        share = np.clip(table / most, -1, 1)[..., None]
        blue, white, red = (
            np.array(c) for c in ([33, 102, 172], [247] * 3, [178, 24, 43])
        )
        colours = white + np.abs(share) * (np.where(share < 0, blue, red) - white)
    else:
        least = float(table.min()) if low is None else low
        most = float(table.max()) if high is None else high
        share = np.clip((table - least) / ((most - least) or 1.0), 0, 1)
        colours = np.repeat(255 * share[..., None], 3, axis=2)
    pixels = np.rint(colours).astype(np.uint8)
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 9))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()
