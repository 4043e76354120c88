"""Write rows of `batch` as JSON lines: the counterpart of `tabulated.Table`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

from .entries import LISTS, Entries, Value
from .render import clean, json_line

_OURS: Final = "rirdex_"


class Objects:
    """Write rows as objects, one a line."""

    def head(self, names: Sequence[str]) -> bytes:
        """Return nothing: an object has its names with it."""
        return b""

    def between(self, names: Sequence[str]) -> list[bytes]:
        """Return what stands before each value of a line, and behind the last."""
        marks = [f"{json_line(name)}: ".encode() for name in names]  # type: ignore[arg-type]
        return [b"{" + marks[0], *(b", " + mark for mark in marks[1:]), b"}"]

    def row(self, names: Sequence[str], values: Sequence[Value]) -> bytes:
        """Return the line of some values."""
        listed = [[*value] if isinstance(value, tuple) else value for value in values]
        return json_line(dict(zip(names, listed, strict=True))).encode()

    def cells(self, texts: Sequence[bytes]) -> list[bytes]:
        """Return texts as values."""
        decoded = [text.decode("utf-8", "replace") for text in texts]
        return [value.encode() for value in _encoded(decoded)]

    def spans(
        self, entries: Entries, names: Sequence[str], between: Sequence[bytes]
    ) -> list[bytes]:
        """Return some columns of entries that stand side by side: a span of a line for each.

        The last span is that of no entry.
        """
        columns = []
        for name in names:
            values, codes = entries.coded(name)
            missing = "[]" if name in LISTS else "null"
            items = [*_encoded(values), missing]
            columns.append([*(items[code] for code in codes.tolist()), missing])
        form = "%s".join(["", *(mark.decode() for mark in between[1:-1]), ""])
        return [(form % row).encode() for row in zip(*columns, strict=True)]


def _encoded(values: Sequence[Value]) -> list[str]:
    if any(isinstance(value, tuple) for value in values):
        return [json.dumps(value, ensure_ascii=False) for value in values]
    cleaned = [clean(value) if isinstance(value, str) else value for value in values]
    # No value has a line feed as JSON, so it tells them apart: one call is ten times as fast.
    text = json.dumps(cleaned, ensure_ascii=False, separators=("\n", ":"))
    return text[1:-1].split("\n") if values else []


def beside(taken: Collection[str], columns: Sequence[str]) -> list[str]:
    """Return what columns are called beside those of the input."""
    names = []
    for name in columns:
        while name in taken:
            name = _OURS + name
        names.append(name)
    return names


def distinct(names: Sequence[str]) -> list[str]:
    """Return names of columns as members of one object: one that comes again gets a number."""
    found: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for name in names:
        called, number = name, numbers.get(name, 2)
        while called in found:
            called, number = f"{name}_{number}", number + 1
        found[called], numbers[name] = None, number
    return list(found)


def joined(kept: bytes, own: bytes) -> bytes:
    """Return the object that has the members of two, the first one as it is written."""
    head = kept.rstrip()[:-1].rstrip()
    return own if head.endswith(b"{") and len(head.lstrip()) == 1 else head + b", " + own[1:]
