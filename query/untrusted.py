"""Make texts from dumps fit to be shown: control characters never get out.

They could drive a terminal, and marks that turn the direction of writing could lie.
"""

from __future__ import annotations

import json
from typing import Any

from .cells import Json

_UNSAFE = dict.fromkeys(
    [
        *range(32),
        *range(0x7F, 0xA0),
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ],
    "\ufffd",
)
_UNSAFE_IN_LINES = {k: v for k, v in _UNSAFE.items() if k not in (9, 10)}


def clean(text: str) -> str:
    """Replace control characters and direction marks in one line of text."""
    if text.isprintable() and text.isascii():
        return text
    return text.encode("utf-8", "replace").decode().translate(_UNSAFE)


def clean_lines(text: str) -> str:
    """Replace control characters and direction marks, but keep line feeds and tabs."""
    return text.encode("utf-8", "replace").decode().translate(_UNSAFE_IN_LINES)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def json_line(value: Json) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(_cleaned(value), ensure_ascii=False)
