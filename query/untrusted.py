"""Make texts from dumps fit to be shown: control characters never get out.

They could drive a terminal, and marks that turn the direction of writing could lie.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .cells import Json

_UNSAFE = dict.fromkeys(
    [
        *range(32),
        *range(0x7F, 0xA0),
        0x061C,
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ],
    "\ufffd",
)
_BREAKS: Final = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
LINE: Final = 500  # characters of a value in a text that people read
FORMULAS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # wide ones, too
_UNSEEN: Final = "".join(map(chr, range(33))) + "\x7f\xa0\ufeff"  # what may stand before one
_UNSAFE_IN_LINES = {k: v for k, v in _UNSAFE.items() if k not in (9, 10)}


def clean(text: str) -> str:
    """Replace control characters and direction marks in one line of text."""
    if text.isprintable() and text.isascii():
        return text
    return text.encode("utf-8", "replace").decode().translate(_UNSAFE)


def clean_lines(text: str) -> str:
    """Replace control characters and direction marks, but keep line feeds and tabs."""
    return text.encode("utf-8", "replace").decode().translate(_UNSAFE_IN_LINES)


def one_line(text: str | None, most: int = LINE) -> str:
    """Return a text as one line of at most so many characters, breaks as blanks."""
    shown = clean(_BREAKS.sub(" ", text or "")).strip()
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def disarmed(cell: str) -> str:
    """Put a quote before what a spreadsheet would compute."""
    return f"'{cell}" if cell.lstrip(_UNSEEN).startswith(FORMULAS) else cell


def cleaned(value: Any) -> Any:
    """Clean every text in what JSON can hold; keys of objects stay."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


def json_line(value: Json) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(cleaned(value), ensure_ascii=False)
