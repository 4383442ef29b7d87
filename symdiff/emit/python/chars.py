"""The characters of literals, and how wide text is.

In go Python values, out comes the text black would write for them. The invariant:
`ast.literal_eval` of the text is the value, to the last bit.
"""

from __future__ import annotations

import unicodedata


def float_text(value: float) -> str:
    """Return the shortest literal that reads well and evaluates to `value` >= 0."""
    text = float.__repr__(value)
    mantissa, _, exponent = text.partition("e")
    digits = mantissa.replace(".", "").strip("0")
    if not digits:
        return "0.0"
    if not exponent and 1e-2 <= value < 1e5:
        return text
    whole, _, fraction = mantissa.partition(".")
    lead = len(whole) if whole != "0" else len(fraction.lstrip("0")) - len(fraction)
    power = int(exponent or 0) + lead - 1
    point = "." if len(digits) > 1 else ""
    scientific = f"{digits[0]}{point}{digits[1:]}e{power}"
    return scientific if exponent or len(scientific) < len(text) else text


def string_text(value: str, quote: str = "") -> str:
    """Return `value` quoted as black does: double quotes unless single escape less."""
    quote = quote or ("'" if value.count('"') > value.count("'") else '"')
    # A leading quote of the other kind makes repr use single quotes and escape them.
    body = repr('"' + value)[2:-1].replace("\\'", "'")
    return quote + body.replace(quote, "\\" + quote) + quote


def columns(text: str) -> int:
    """Return how many columns `text` takes; wide characters take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)
