"""Answer millions of queries: blocks of them in, rows of chosen columns out, order kept.

Addresses are matched and their columns gathered over whole blocks (`columns`, `tabulated`). What is
no plain address of a net that no other net crosses (ranges, errors, pieces of cut nets) goes row by
row through the answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import numpy as np

from . import audited
from .addresses import Span, format_address
from .audited import Bools, Ints
from .blocks import Block
from .cells import Json
from .columns import COLUMNS, OF_ROWS, Dictionaries, Nets, Texts, texts_of, value_of
from .delimited import cells_of
from .errors import Error
from .inputs import open_blocks
from .many import pieces_of
from .model import Answer
from .render import json_line
from .tabulated import Table, spliced

if TYPE_CHECKING:
    from .index import Index

FORMS: Final = ("csv", "tsv", "jsonl")
_SHOWN: Final = 1000  # bytes of a query that is none
_LISTS: Final = ("country", "mnt_by", "descr", "origins")
_KEPT: Final = "rirdex_"
_RANKED: Final = ("contact", "contact_rule")


class BatchError(Error, ValueError):
    """Say that a batch is asked for what there is not: the caller's fault."""


class Done(NamedTuple):
    """Hold the output of a block: its bytes, how many rows, and how many were no queries."""

    text: bytes
    rows: int
    invalid: int


class Batch:
    """Turn blocks of queries into rows of columns.

    ``kept`` are the names of the input's own columns, where blocks have them. Raises `BatchError`
    for a column that there is not, `DeskError`.
    """

    def __init__(
        self, index: Index, columns: Sequence[str], form: str = "csv", *, safe: bool = False,
        kept: Sequence[str] = (),
    ) -> None:  # fmt: skip
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown or not columns:
            raise BatchError(
                f"{', '.join(unknown) or 'nothing'} is no column: choose from {', '.join(COLUMNS)}"
            )
        if form not in FORMS:
            raise BatchError(f"{form!r} is no form of output: give one of {', '.join(FORMS)}")
        self.columns, self.form = tuple(columns), form
        self._index, self._safe, self._kept = index, safe, tuple(kept)
        tables = index._tables
        self._of_query = set(OF_ROWS)
        if set(columns) & set(_RANKED) and (index.desk.overrides or len(tables.origin_asn)):
            # What the desk says of ranges and AS numbers differs within a net.
            self._of_query.update(_RANKED)
        self._known = Dictionaries(index)
        self._table = Table("\t" if form == "tsv" else ",", safe)
        cut = np.zeros(tables.nets, bool)
        cut[audited.cells(tables, "piece_net")] = True
        self._whole = np.append(~cut, True)  # the last one stands for no net

    def header(self) -> bytes:
        """Return the line of the names of columns; those of the input come first."""
        if self.form == "jsonl":
            return b""
        return self._table.line([*self._kept, *_beside(self._kept, self.columns)])

    def rows(self, block: Block) -> Done:
        """Return the rows of a block."""
        count = len(block.start)
        pieces = np.full(count, -1, np.int64)
        known = np.flatnonzero(block.known)
        pieces[known] = pieces_of(self._index, block.numbers[known])
        singles: dict[int, Answer | str] = {}
        for row, asked in block.others.items():
            if isinstance(asked, Span) and asked.kind == "address":
                pieces[row] = self._index._piece(asked.family, asked.first)
            elif isinstance(asked, Span):
                piece = self._index._piece(asked.family, asked.first)
                tables = self._index._tables
                singles[row] = Answer(self._index, tables, written(asked), asked, piece)
            else:
                singles[row] = asked
        nothing = len(self._whole) - 1
        plain = pieces < nothing
        plain &= self._whole[np.where(plain, pieces, nothing)]
        plain[list(singles)] = False
        invalid = sum(isinstance(found, str) for found in singles.values())
        if self.form == "jsonl":
            return Done(self._as_json(block, pieces, plain, singles), count, invalid)
        return Done(self._as_table(block, pieces, plain, singles), count, invalid)

    # -- tables -------------------------------------------------------------------------------

    def _as_table(
        self, block: Block, pieces: Ints, plain: Bools, singles: dict[int, Answer | str]
    ) -> bytes:
        many = np.flatnonzero(plain)
        text, at = b"", np.zeros(1, np.int64)
        if len(many):
            there = pieces[many] >= 0
            nets, place = np.unique(pieces[many][there], return_inverse=True)
            found = Nets(self._known, nets)
            columns = [
                self._of_rows(block, many, name) if name in self._of_query
                else found.column(name).at(place, there)
                for name in self.columns
            ]  # fmt: skip
            text, at = self._table.lines(columns)
        few = np.flatnonzero(~plain)
        lines = [
            self._table.line(
                [self._cell(block, row, pieces, singles, name) for name in self.columns]
            )
            for row in few.tolist()
        ]
        if not len(few) and block.kept is None:
            return text
        every = spliced(text, at, few, lines)
        if block.kept is None:
            return every
        kept: list[bytes] = block.kept
        if self._safe or self.form == "tsv":
            kept = [self._table.own(cells_of(record)) for record in kept]
        separator = self._table.separator.encode()
        own = _lines(every)
        return b"".join(record + separator + line for record, line in zip(kept, own, strict=True))

    def _of_rows(self, block: Block, rows: Ints, name: str) -> Texts:
        """Return a column that is of the query, not of its net."""
        if name == "error":
            return texts_of([b""], np.zeros(len(rows), np.int64))
        if name not in ("ip", "input"):
            answers = (self._index.lookup(self._ip(block, row)) for row in rows.tolist())
            value: Callable[[Answer], str] = partial(value_of, name=name)
            if name in _RANKED and not self._index.desk.overrides:
                value = self._remembered(value)
            return texts_of([value(answer).encode("utf-8", "replace") for answer in answers])
        buffer = np.frombuffer(block.text + bytes(8), np.uint8)
        length = block.end[rows] - block.start[rows]
        spans = Texts((buffer,), np.zeros(len(rows), np.int8), block.start[rows], length)
        if name == "input" or not block.others:
            return spans
        others = [k for k, row in enumerate(rows.tolist()) if row in block.others]
        if not others:
            return spans
        written = texts_of([self._ip(block, int(rows[k])).encode() for k in others])
        source, start = spans.source, spans.start.copy()
        source[others], start[others], length[others] = 1, written.start, written.length
        return Texts((buffer, *written.buffers), source, start, length)

    def _remembered(self, value: Callable[[Answer], str]) -> Callable[[Answer], str]:
        """Return a function that asks once for all addresses of a net with the same origins."""
        known: dict[tuple[int, tuple[int, ...]], str] = {}

        def asked(answer: Answer) -> str:
            key = answer._piece, answer.origins
            if key not in known:
                known[key] = value(answer)
            return known[key]

        return asked

    def _ip(self, block: Block, row: int) -> str:
        """Return the canonical form of a query, or its text where it is none."""
        asked = block.others.get(row)
        if isinstance(asked, Span):
            return written(asked)
        begin, end = int(block.start[row]), int(block.end[row])
        if end - begin > _SHOWN:
            end = begin + _SHOWN
            while end > begin + _SHOWN - 4 and block.text[end] & 0xC0 == 0x80:
                end -= 1  # no letter is cut in two
        return block.text[begin:end].decode("utf-8", "replace")

    def _cell(
        self, block: Block, row: int, pieces: Ints, singles: dict[int, Answer | str], name: str
    ) -> str:
        """Return a cell of a row that is written by itself."""
        if name == "ip":
            return self._ip(block, row)
        if name == "input":
            return block.text[int(block.start[row]) : int(block.end[row])].decode(
                "utf-8", "replace"
            )
        answer = self._answer(block, row, pieces, singles)
        if isinstance(answer, str):
            return answer if name == "error" else ""
        return "" if name == "error" else value_of(answer, name)

    def _answer(
        self, block: Block, row: int, pieces: Ints, singles: dict[int, Answer | str]
    ) -> Answer | str:
        found = singles.get(row)
        if found is None:
            found = singles[row] = self._index.lookup(self._ip(block, row))
        return found

    # -- JSON lines ---------------------------------------------------------------------------

    def _as_json(
        self, block: Block, pieces: Ints, plain: Bools, singles: dict[int, Answer | str]
    ) -> bytes:
        lines = []
        for row in range(len(pieces)):
            answer = self._answer(block, row, pieces, singles)
            kept = self._object(block.kept[row]) if block.kept else b"{}"
            names = _beside(json.loads(kept), self.columns)
            own: Json = {}
            for name, called in zip(self.columns, names, strict=True):
                cell = self._cell(block, row, pieces, singles, name)
                value: Any = [] if name in _LISTS else cell or None
                if name in _LISTS and not isinstance(answer, str) and answer.chain:
                    value = _listed(answer, name)
                elif name == "depth" and cell:
                    value = int(cell)
                own[called] = value
            lines.append(_joined(kept, json_line(own).encode()) + b"\n")
        return b"".join(lines)

    def _object(self, kept: bytes) -> bytes:
        """Return a record of the input as an object of JSON; one that is one stays as it is."""
        if not self._kept:
            return kept
        cells = (cell.decode("utf-8", "replace") for cell in cells_of(kept))
        named = dict(zip(_distinct(self._kept), cells, strict=True))
        return json.dumps(named, ensure_ascii=False).encode()


def _beside(taken: Collection[str], columns: Sequence[str]) -> list[str]:
    """Return what columns are called beside those of the input."""
    names = []
    for name in columns:
        while name in taken:
            name = _KEPT + name
        names.append(name)
    return names


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names of columns as members of one object: one that comes again gets a number."""
    found: dict[str, None] = {}
    for name in names:
        others = (f"{name}_{number}" for number in count(2))
        found[name if name not in found else next(n for n in others if n not in found)] = None
    return list(found)


def _joined(kept: bytes, own: bytes) -> bytes:
    """Return the object that has the members of two, the first one as it is written."""
    head = kept.rstrip()[:-1].rstrip()
    return own if head.endswith(b"{") and len(head.lstrip()) == 1 else head + b", " + own[1:]


def _listed(answer: Answer, name: str) -> list[Any]:
    return list(answer.origins if name == "origins" else getattr(answer.chain[-1], name))


def _lines(text: bytes) -> list[bytes]:
    """Return the lines of a text, with their line feeds; none is within quotes."""
    return [line + b"\n" for line in text.split(b"\n")[:-1]]


def written(asked: Span) -> str:
    """Return a query as its canonical text."""
    first = format_address(asked.family, asked.first)
    if asked.kind == "address":
        return first
    if asked.kind == "prefix":
        width = 32 if asked.family == 4 else 128
        return f"{first}/{width - (asked.last - asked.first + 1).bit_length() + 1}"
    return f"{first} - {format_address(asked.family, asked.last)}"


def run(
    index: Index, stream: BinaryIO, write: Callable[[bytes], object], *, columns: Sequence[str],
    form: str = "csv", given: str = "lines", field: str | None = None, keep: bool = False,
    header: bool = True, safe: bool = False, jobs: int | None = 0,
    told: Callable[[int], object] | None = None, size: int = 1 << 20,
) -> tuple[int, int]:  # fmt: skip
    """Answer a stream of queries; return how many rows there were, and how many were no queries.

    ``jobs`` are processes beside this one, 0 = none, None = as many as there are processors, for
    an input of several blocks; ``told`` gets the number of rows of each block, a read of ``size``
    bytes. Raises `BatchError`, `InputError`, `DeskError`.
    """
    if keep and given == "jsonl" and form != "jsonl":
        raise BatchError("objects of JSON can be kept in JSON lines only: give -f jsonl")
    reading = open_blocks(stream, given, field=field, keep=keep, size=size)
    batch = Batch(index, columns, form, safe=safe, kept=reading.header if keep else ())
    if header:
        write(batch.header())
    rows = invalid = 0
    for done in _done(batch, reading.blocks, jobs):
        write(done.text)
        rows, invalid = rows + done.rows, invalid + done.invalid
        if told is not None:
            told(done.rows)
    return rows, invalid


def _done(batch: Batch, blocks: Iterator[Block], jobs: int | None) -> Iterator[Done]:
    if jobs is None:
        first = list(islice(blocks, 2))
        blocks = chain(first, blocks)
        jobs = min(os.cpu_count() or 1, 8) if len(first) > 1 else 0
    if not jobs:
        yield from map(batch.rows, blocks)
        return
    from .workers import in_order

    yield from in_order(batch.rows, blocks, jobs)
