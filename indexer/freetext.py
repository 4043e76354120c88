"""Search the free text of a chunk: remarks, comments, descr.

The first descr of each net, the bulk of all text, is looked at in the distinct texts of its
column; the other lines are joined once. So a word costs one `find` over a tenth of the chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from .intern import Column
from .scan import CODE, Ints, Scan, words_of
from .values import Flags

VALUE: Final = 16  # where values begin in the dumps of the RIPE NCC
_LOWER = np.uint64(0x2020202020202020)
_REMARKS = np.uint64(int.from_bytes(b"remarks:", "little"))
_WIDE: Final = (b"\xef", b"\xe3")  # how wide letters and blanks begin in UTF-8


class FreeText:
    """Hold the lines of free text of a chunk.

    ``descr`` has the first descr of each net. In the RIPE NCC's public dump (``public``), which is
    long, its own remarks and further lines of descr are left out.
    """

    def __init__(self, scanned: Scan, descr: Column, public: bool) -> None:
        self._scanned = scanned
        text, key = scanned.text, scanned.line_key
        other = np.flatnonzero((key == 0) & ~scanned.continues)
        start = scanned.line_start[other]
        remarks = (words_of(text)[start] | _LOWER) == _REMARKS
        # The RIPE NCC's own remarks, a third of its dump, begin with stars.
        remarks &= (text[start + VALUE] != 42) | (not public)
        described = np.flatnonzero(key == CODE["descr"])
        row = scanned.line_object[described]
        again = np.zeros(len(described), bool)
        again[1:] = row[1:] == row[:-1]
        self._lines = np.concatenate([
            other[remarks], np.flatnonzero((key == CODE["comment"]) | scanned.continues),
            described[(again & (not public)) | (descr.codes[row] < 0)],
        ])  # fmt: skip
        self._body, self._begin = _joined(scanned, self._lines)
        self._body = self._body.lower()
        self._described = described[~again]
        self._code = descr.codes[scanned.line_object[self._described]]
        self._ends = np.cumsum(descr.lengths.astype(np.int64))
        self._texts = descr.text.lower()

    def holding(self, wanted: Iterable[bytes]) -> Ints:
        """Return the lines that hold one of some bytes, in lower case."""
        wanted = tuple(wanted)
        found = np.searchsorted(self._begin, _with_any(self._body, wanted), "right") - 1
        hit = np.zeros(len(self._ends) + 1, bool)
        hit[np.searchsorted(self._ends, _with_any(self._texts, wanted), "right")] = True
        hit[-1] = False
        return np.concatenate([np.unique(self._lines[found]), self._described[hit[self._code]]])

    def value(self, line: int) -> bytes:
        """Return the value that a line has."""
        scanned = self._scanned
        text = scanned.text[scanned.line_start[line] : scanned.line_end[line]].tobytes()
        return text[1:] if scanned.continues[line] else text.partition(b":")[2]


def holding(scanned: Scan, lines: Ints, wanted: Iterable[bytes], *, lower: bool = False) -> Flags:
    """Mark those of some lines that hold one of some bytes."""
    body, begin = _joined(scanned, lines)
    marked = np.zeros(len(lines), bool)
    at = _with_any(body.lower() if lower else body, wanted)
    marked[np.searchsorted(begin, at, "right") - 1] = True
    return marked


def _joined(scanned: Scan, lines: Ints) -> tuple[bytes, Ints]:
    """Return the texts of some lines as one, and where each begins."""
    text = scanned.text.data
    start, end = scanned.line_start[lines], scanned.line_end[lines]
    body = b"".join([text[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)])
    return body, np.cumsum(end - start) - (end - start)


def _with_any(body: bytes, wanted: Iterable[bytes]) -> Ints:
    """Return where one of some bytes begins."""
    wide = any(byte in body for byte in _WIDE)
    found = [p for item in wanted if item.isascii() or wide for p in places(body, item)]
    return np.array(found, np.int64)


def places(body: bytes | bytearray, wanted: bytes) -> Iterator[int]:
    """Yield where some bytes begin."""
    place = body.find(wanted)
    while place >= 0:
        yield place
        place = body.find(wanted, place + 1)
