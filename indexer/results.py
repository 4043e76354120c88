"""Hold what leads to contacts, and collect the distinct results: runs of mailboxes with rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .intern import Dictionary, narrowed
from .rows import Rows
from .scan import Ints

# What an item is: rule, status, mailbox, what has it, what refers to it, day (`layout.COLUMNS`).
Item = tuple[int, int, int, int, int, int]
Parsed = dict[bytes, list[bytes]]


class Items:
    """Hold the items of every text of references, by letter, taken apart when asked for."""

    def __init__(self, rows: Rows, objects: Ints) -> None:
        self._texts = rows.words["contact"].texts()
        self._codes = rows.code("contact")[objects].tolist()
        self._known: dict[int, Parsed] = {}

    def of_code(self, code: int) -> Parsed:
        """Return the items of a text."""
        found = self._known.get(code)
        if found is None:
            found = self._known[code] = {}
            for line in self._texts[code].split(b"\n"):
                if line:
                    found.setdefault(line[:1], []).append(line[2:])
        return found

    def of_object(self, number: int) -> Parsed:
        """Return the items of an object."""
        return self.of_code(self._codes[number])


class Results:
    """Collect distinct results; a result's code is its first item's number, from 1 on."""

    def __init__(self) -> None:
        self._known: dict[tuple[Item, ...], int] = {(): 0}
        self._items: list[Item] = []
        self._more: list[int] = []
        self._texts: dict[bytes, int] = {b"": 0}

    def text(self, value: bytes) -> int:
        """Return the code of a mailbox or handle."""
        return self._texts.setdefault(value, len(self._texts))

    def code(self, items: list[Item]) -> int:
        """Return the code of a result, 0 for an empty one."""
        run = tuple(items) if len(items) < 2 else tuple(dict.fromkeys(items))
        found = self._known.get(run)
        if found is None:
            found = self._known[run] = len(self._items) + 1
            self._items += run
            self._more += [layout.MORE_ITEMS] * (len(run) - 1) + [0]
        return found

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the items; row 0 belongs to no result."""
        items = np.array([(0,) * 6, *self._items], np.int64)
        what = items[:, 0] | items[:, 1] << layout.STATUS_SHIFT
        what[1:] |= np.array(self._more, np.int64)
        return {
            "contact.what": what.astype(np.uint8),
            "contact.mail": narrowed(items[:, 2], len(self._texts)),
            "contact.handle": items[:, 3].astype(np.int32),
            "contact.object": items[:, 4].astype(np.int32),
            "contact.checked": items[:, 5].astype(np.uint16),
        }  # fmt: skip

    def texts(self) -> Dictionary:
        """Return the texts by code."""
        texts = list(self._texts)
        at = np.zeros(len(texts) + 1, np.uint32)
        at[1:] = np.cumsum([len(text) for text in texts])
        return Dictionary(np.zeros(0, np.uint32), at, bytearray(b"".join(texts)))

    def named(self) -> tuple[Ints, Ints]:
        """Return pairs of a mailbox's code and a result that has it, by ascending results."""
        pairs = [(item[2], code) for run, code in self._known.items() for item in run if item[2]]
        table = np.array(pairs, np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]
