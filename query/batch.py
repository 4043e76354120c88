"""Answer millions of queries: blocks of them in, rows of chosen columns out, order kept.

The columns of a net are written once for all rows of a block that have them, and put between the
columns of the rows. What is no address (ranges, errors) is written row by row.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby, islice, repeat
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Protocol

from .blocks import Block, InputError, Piece
from .columns import checked
from .delimited import cells_of
from .earlier import Earlier
from .entries import Entries, Value
from .errors import BatchError
from .inputs import DECODER, open_blocks
from .matched import OF_ROWS, Matched, Matcher
from .objects import Objects, beside, distinct, joined
from .tabulated import Table

if TYPE_CHECKING:
    from .days import Day
    from .index import Index

_SHARED: Final = 2  # rows to an answer, from which on it is written by itself
FORMS: Final = ("csv", "tsv", "jsonl", "parquet", "arrow", "summary")


class Done(NamedTuple):
    """Hold the output of a block: its bytes, how many rows, and how many were no queries.

    ``read`` is how many bytes of the input it was made of.
    """

    text: bytes
    rows: int
    invalid: int
    read: int = 0


class Writer(Protocol):
    """Write rows in some form; `Table` and `Objects` do."""

    def head(self, names: Sequence[str]) -> bytes: ...
    def row(self, names: Sequence[str], values: Sequence[Value]) -> bytes: ...
    def between(self, names: Sequence[str]) -> list[bytes]: ...
    def cells(self, texts: Sequence[bytes]) -> list[bytes]: ...
    def spans(
        self, entries: Entries, names: Sequence[str], between: Sequence[bytes]
    ) -> list[bytes]: ...


class Batch:
    """Turn blocks of queries into rows of columns.

    ``kept`` are the names of the input's own columns, where blocks have them; ``earlier`` answers
    for earlier days. Raises `BatchError` for a column that there is not, `DeskError`.
    """

    def __init__(
        self, index: Index, columns: Sequence[str], form: str = "csv", *, safe: bool = False,
        kept: Sequence[str] = (), earlier: Earlier | None = None,
    ) -> None:  # fmt: skip
        self.columns = checked(columns)
        if form not in FORMS[:3]:
            raise BatchError(f"{form!r} is no form of output: give one of {', '.join(FORMS)}")
        self._kept, self._safe = tuple(kept), safe
        self._matcher = Matcher(index, self.columns, earlier)
        self._table: Table | None = None
        self._writer: Writer
        if form == "jsonl":
            self.columns = tuple(dict.fromkeys(self.columns))
            self._writer = Objects()
            self._kept = tuple(distinct(self._kept))
        else:
            self._writer = self._table = Table("\t" if form == "tsv" else ",", safe)
        self._names = beside(self._kept, self.columns)
        # Where a kept object may have a member of the same name as a column.
        names = "|".join(map(re.escape, self.columns))
        self._taken = re.compile(rf'"(?:{names})"|\\'.encode())

    def header(self) -> bytes:
        """Return the line of the names of columns; those of the input come first."""
        return self._writer.head([*self._kept, *self._names])

    def rows(self, block: Block) -> Done:
        """Return the rows of a block."""
        if not len(block.start):
            return Done(b"", 0, 0)
        matched = self._matcher.match(block)
        few = len(block.start) < _SHARED * len(matched.entries)
        if self._table is not None and block.kept is None and few and not block.others:
            return Done(self._at_once(self._table, matched), len(block.start), 0)
        if block.kept is None:
            lines = self._lines(matched, self._names)
        elif self._table is not None:
            lines = self._lines(matched, self._names)
            lines = self._with_cells(self._table, block.kept, lines)
        else:
            lines = self._with_objects(matched, block.kept)
        invalid = sum(isinstance(found, str) for found in matched.singles.values())
        return Done(b"\n".join([*lines, b""]), len(lines), invalid)

    def _lines(self, matched: Matched, names: Sequence[str]) -> list[bytes]:
        """Return the lines of a block, without line feeds and without what is kept of its input."""
        entry = matched.entry.tolist()
        between = self._writer.between(names)
        parts: list[Sequence[bytes] | repeat[bytes]] = []
        at = 0
        for of_rows, group in groupby(self.columns, OF_ROWS.__contains__):
            columns = [*group]
            marks = between[at : (at := at + len(columns)) + 1]
            if of_rows:
                for mark, name in zip(marks, columns, strict=False):
                    parts += [*_repeated(mark), self._writer.cells(matched.texts(name))]
            else:
                spans = self._writer.spans(matched.entries, columns, marks)
                parts += [*_repeated(marks[0]), [spans[place] for place in entry]]
        parts += _repeated(between[-1])
        lines = [*map(b"".join, zip(*parts, strict=False))]
        for row in matched.singles:
            lines[row] = self._line(matched, row, names)
        return lines

    def _at_once(self, table: Table, matched: Matched) -> bytes:
        """Return the rows of a block of IPv4 addresses of which few have the same answer."""
        there = matched.entry >= 0
        place = matched.entry[there]
        columns = [
            matched.spans() if name in OF_ROWS else matched.entries.texts(name).at(place, there)
            for name in self.columns
        ]
        return b"".join(table.parts(columns, len(columns) == 1))

    def _line(self, matched: Matched, row: int, names: Sequence[str]) -> bytes:
        return self._writer.row(names, [matched.value(row, name) for name in self.columns])

    def _with_cells(self, table: Table, kept: list[bytes], lines: list[bytes]) -> list[bytes]:
        """Put the records of the input before lines of a table."""
        if self._safe or table.separator != ",":
            kept = [table.own(cells_of(record)) for record in kept]
        separator = table.separator.encode()
        return [record + separator + line for record, line in zip(kept, lines, strict=True)]

    def _with_objects(self, matched: Matched, kept: list[bytes]) -> list[bytes]:
        """Put the members of the input before those of objects, whose names give way."""
        if self._kept:
            kept = [self._object(record) for record in kept]
            lines = self._lines(matched, self._names)
        else:
            rows: dict[tuple[str, ...], list[int]] = {}
            for row, record in enumerate(kept):
                taken = DECODER.decode(record.decode()) if self._taken.search(record) else ()
                rows.setdefault(tuple(beside(taken, self.columns)), []).append(row)
            most = max(rows, key=lambda names: len(rows[names]))
            lines = self._lines(matched, most)
            for names, places in rows.items():
                for row in places if names != most else ():
                    lines[row] = self._line(matched, row, names)
        return [joined(record, line) for record, line in zip(kept, lines, strict=True)]

    def _object(self, kept: bytes) -> bytes:
        """Return a record of the input's cells as an object of JSON."""
        cells = (cell.decode("utf-8", "replace") for cell in cells_of(kept))
        return json.dumps(dict(zip(self._kept, cells, strict=True)), ensure_ascii=False).encode()


def _repeated(mark: bytes) -> list[repeat[bytes]]:
    """Return what stands in every line, as a part of them; nothing is none."""
    return [repeat(mark)] if mark else []


class Maker(Protocol):
    """Make the output of blocks; `Batch` does, and what writes other forms."""

    def header(self) -> bytes: ...
    def rows(self, block: Block) -> Done: ...


class Ran(NamedTuple):
    """Say how many rows there were, how many no queries, and the names of the input's columns.

    There are none of those in an input without records; then it may have no header either.
    """

    rows: int
    invalid: int
    kept: tuple[str, ...]
    headed: bool


def run(
    index: Index, stream: BinaryIO, write: Callable[[bytes], object], *, columns: Sequence[str],
    form: str = "csv", given: str = "lines", field: str | None = None, keep: bool = False,
    header: bool = True, safe: bool = False, jobs: int | None = 0,
    told: Callable[[int, int], object] | None = None, size: int = 1 << 20,
    like: tuple[str, ...] = (), last: bool = True, at: Day | None = None,
    time_field: str | None = None,
) -> Ran:  # fmt: skip
    """Answer a stream of queries.

    ``form`` is one of `FORMS`; what the binary ones write is for `arrow_files`, that of `summary`
    for `tallies.Totals`. ``jobs`` are processes beside this one, 0 = none, None = as many as there
    are processors, for an input of several blocks; ``told`` gets the numbers of rows and of bytes
    of each block, a read of ``size`` bytes. ``like`` are the columns that an earlier input had,
    and this one must have; an input without any that is not the ``last`` leaves the ``header`` to
    the next. ``at`` is an earlier day to answer for, ``time_field`` names the column or member with
    the time of each row (`dated`). Raises `BatchError`, `InputError`, `DateError`, `DeskError`.
    """
    if at is not None and time_field is not None:
        raise BatchError("rows are answered for one day, or each for its own time: not both")
    if keep and given == "jsonl" and form != "jsonl":
        raise BatchError("objects of JSON can be kept in JSON lines only: give -f jsonl")
    reading = open_blocks(stream, given, field=field, time_field=time_field, keep=keep, size=size)
    if keep and like and reading.header and reading.header != like:
        raise InputError(f"its columns are {reading.header}, those of the first input {like}")
    earlier = Earlier(index, at) if at is not None or time_field is not None else None
    made = _maker(index, columns, form, safe, reading.header if keep else (), earlier)
    headed = header and (last or not keep or bool(reading.header) or given == "jsonl")
    if headed:
        write(made.header())

    def answered(piece: Piece) -> Done:
        return made.rows(reading.block(piece))._replace(read=len(piece.text))

    rows = invalid = 0
    for done in spread(answered, reading.pieces, jobs):
        write(done.text)
        rows, invalid = rows + done.rows, invalid + done.invalid
        if told is not None:
            told(done.rows, done.read)
    return Ran(rows, invalid, reading.header, headed)


def _maker(
    index: Index, columns: Sequence[str], form: str, safe: bool, kept: Sequence[str],
    earlier: Earlier | None,
) -> Maker:  # fmt: skip
    if form in ("parquet", "arrow"):
        from .arrow_files import Records

        return Records(index, columns, kept, earlier)
    if form == "summary":
        from .tallies import Tallies

        return Tallies(index, columns, earlier)
    return Batch(index, columns, form, safe=safe, kept=kept, earlier=earlier)


def spread(
    work: Callable[[Piece], Done], pieces: Iterator[Piece], jobs: int | None
) -> Iterator[Done]:
    """Yield what is made of the pieces of an input, in order; see `run` for ``jobs``."""
    if jobs is None:
        first = list(islice(pieces, 2))
        pieces = chain(first, pieces)
        jobs = min(os.cpu_count() or 1, 8) if len(first) > 1 else 0
    if not jobs:
        yield from map(work, pieces)
        return
    from .workers import in_order

    yield from in_order(work, pieces, jobs)
