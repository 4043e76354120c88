"""Write rows of `batch` as CSV or TSV: millions of cells into bytes without a Python step for each.

The cells of a row are spans of texts (`columns.Texts`). They are read eight bytes at a time into a
matrix with a line for each row, a mask says which bytes of it are the row's, and what the mask
leaves is the output. Rows that need more are written one by one: a cell that is long, or has a
byte that must be quoted or replaced.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .audited import Bools
from .columns import Texts
from .entries import Entries, Value, text_of
from .untrusted import FORMULAS, clean, disarmed

_SLICE: Final = 1 << 13  # rows at a time, so that the matrix stays in the cache
_LONGEST: Final = 96  # bytes of a cell in the matrix
_PLACES: Final = np.arange(_LONGEST, dtype=np.uint8)
_MASKS: Final = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_BLANK: Final = np.uint64(0x2020202020202020)
_ONE: Final = np.uint64(0x0101010101010101)
_HIGH: Final = np.uint64(0x8080808080808080)


class Table:
    """Write rows of cells, separated by commas or tabs.

    ``safe`` puts a quote before what a spreadsheet would compute.
    """

    def __init__(self, separator: str = ",", safe: bool = False) -> None:
        self.separator, self._safe = separator, safe
        letters = [ord(separator), ord('"'), 0x7F]
        self._special = [np.uint64(letter) * _ONE for letter in letters]
        self._formulas = np.isin(np.arange(256), [*map(ord, FORMULAS[:4])])

    def line(self, cells: Sequence[str]) -> bytes:
        """Return one line, without a line feed."""
        return self._written([clean(cell) for cell in cells])

    def head(self, names: Sequence[str]) -> bytes:
        """Return the line of the names of columns."""
        return self.line(names) + b"\n"

    def row(self, names: Sequence[str], values: Sequence[Value]) -> bytes:
        """Return the line of some values."""
        return self.line([*map(text_of, values)])

    def between(self, names: Sequence[str]) -> list[bytes]:
        """Return what stands before each cell of a line, and behind the last."""
        return [b"", *[self.separator.encode()] * (len(names) - 1), b""]

    def cells(self, texts: Sequence[bytes]) -> list[bytes]:
        """Return texts as cells."""
        if self._simple(b"".join(texts)):
            return [*texts]
        return [self.line([text.decode("utf-8", "replace")]) for text in texts]

    def _simple(self, text: bytes) -> bool:
        """Say whether a text has only what stands in an address: then no cell of it is odd."""
        return not text.translate(None, b"0123456789abcdef.:")

    def spans(
        self, entries: Entries, names: Sequence[str], between: Sequence[bytes]
    ) -> list[bytes]:
        """Return some columns of entries that stand side by side: a span of a line for each.

        The last span is that of no entry.
        """
        # A line of one empty cell would be no row to a reader: it has quotes.
        alone = len(names) == 1 and between == [b"", b""]
        nothing = b'""' if alone else self.separator.encode() * (len(names) - 1)
        if not len(entries):
            return [nothing]
        return [*self.lines([entries.texts(name) for name in names], alone), nothing]

    def own(self, cells: Sequence[bytes]) -> bytes:
        """Return a record of the input's own cells, as they stood, without a line feed."""
        return self._written([cell.decode("utf-8", "surrogateescape") for cell in cells])

    def _written(self, row: list[str]) -> bytes:
        text = io.StringIO()
        if self._safe:
            row = [disarmed(cell) for cell in row]
        # What stands in a line's end is put in quotes.
        csv.writer(text, delimiter=self.separator, lineterminator="\r\n").writerow(row)
        return text.getvalue()[:-2].encode("utf-8", "surrogateescape")

    def lines(self, columns: Sequence[Texts], alone: bool) -> list[bytes]:
        """Return the lines of some columns, without line feeds.

        ``alone`` puts quotes where nothing stands.
        """
        return b"".join(self.parts(columns, alone)).split(b"\n")[:-1]  # no cell has a line feed

    def parts(self, columns: Sequence[Texts], alone: bool) -> Iterator[bytes]:
        """Yield the lines of some columns, many at a time, each with a line feed; see `lines`."""
        for low in range(0, len(columns[0].length), _SLICE):
            part = [column.picked(slice(low, low + _SLICE)) for column in columns]
            text, odd = self._lines(part)
            if alone:
                odd |= part[0].length == 0
            rows = np.flatnonzero(odd)
            if len(rows):
                found = text.split(b"\n")
                cells = zip(*(column.decoded(rows) for column in part), strict=True)
                for row, values in zip(rows.tolist(), cells, strict=True):
                    found[row] = self.line(values)
                text = b"\n".join(found)
            yield text

    def _lines(self, columns: Sequence[Texts]) -> tuple[bytes, Bools]:
        """Return lines as one text, and which of them are not right: those that need more."""
        count = len(columns[0].length)
        widths = [_width(column) for column in columns]
        matrix = np.empty((count, sum(widths) // 8), np.uint64)
        kept = np.empty((count, sum(widths)), bool)
        body = matrix.view(np.uint8)
        odd = np.zeros(count, bool)
        every = np.arange(count)
        place = 0
        for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
            odd |= self._fill(matrix[:, place // 8 : (place + width) // 8], column)
            length = np.minimum(column.length, width - 1).astype(np.uint8)
            np.less_equal(_PLACES[:width], length[:, None], out=kept[:, place : place + width])
            last = number == len(columns) - 1
            body[every, place + length.astype(np.int64)] = 10 if last else ord(self.separator)
            if self._safe:
                odd |= np.asarray(self._formulas[body[:, place]] & (column.length > 0))
            place += width
        # Nobody knows what these hold: nothing but the end of a line is left of them.
        body[odd, 0], kept[odd], kept[odd, 0] = 10, False, True
        return body[kept].tobytes(), odd

    def _fill(self, words: NDArray[np.uint64], column: Texts) -> Bools:
        """Read a column into its part of the matrix; return the rows that need more."""
        odd = column.length >= 8 * words.shape[1]
        for k in range(words.shape[1]):
            words[:, k] = _BLANK
            for source, buffer in enumerate(column.buffers):
                there = column.length > 8 * k
                if len(column.buffers) > 1:
                    there &= column.source == source
                which = np.flatnonzero(there)
                start = column.start[which] + 8 * k
                if len(which) and int(start.max()) + 8 > len(buffer):
                    inside = start + 8 <= len(buffer)
                    odd[which[~inside]] = True
                    which, start = which[inside], start[inside]
                if not len(which):
                    continue
                mask = _MASKS[np.minimum(column.length[which] - 8 * k, 8)]
                every = np.ndarray((len(buffer) - 7,), "<u8", buffer, 0, (1,))
                word = (every[start] & mask) | (_BLANK & ~mask)
                words[which, k] = word
                odd[which] |= self._suspicious(word)
        return np.asarray(odd)

    def _suspicious(self, word: NDArray[np.uint64]) -> Bools:
        """Say which words have a byte that is no plain ASCII, or one to be quoted."""
        found = word | ((word - _BLANK) & ~word)
        for letters in self._special:
            other = word ^ letters
            found |= (other - _ONE) & ~other
        return np.asarray((found & _HIGH) != 0)


def _width(column: Texts) -> int:
    """Return how many bytes of the matrix a column takes, with its separator."""
    longest = int(column.length.max(initial=0))
    return (min(longest, _LONGEST - 1) // 8 + 1) * 8
