"""Match a block of queries: which rows have the same answer, and which have one by themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from . import layout
from .addresses import Span, format_address
from .audited import Ints, cells
from .blocks import Block, Numbers
from .columns import Texts
from .entries import LISTS, ROUTES, Coded, Entries, Value, cleaned, value_of
from .many import pieces_of
from .model import Answer
from .records import Net
from .render import clean
from .routing import Route, place_of, route_at

if TYPE_CHECKING:
    from .earlier import Earlier
    from .index import Index
    from .store import Tables

OF_ROWS: Final = ("ip", "input")  # the others are those of an answer
RANKED: Final = ("contact", "contact_rule")
_ROUTED: Final = (*ROUTES, *RANKED)
_SHOWN: Final = 1000  # bytes of a query that is none


class Matched(NamedTuple):
    """Hold what n rows have for answers.

    ``entry`` (n,) is the place of each row's answer in ``entries``, -1 for none. ``singles`` has
    the rows with an answer of their own (ranges where nets cross), or that are no queries, and why.
    """

    block: Block
    entries: Entries
    entry: Ints
    singles: dict[int, Answer | str]

    def spans(self) -> Texts:
        """Return a column of `OF_ROWS` where all queries are dotted quads, as they stand."""
        block = self.block
        length = block.end - block.start
        buffer = np.frombuffer(block.text, np.uint8)
        return Texts((buffer,), np.zeros(len(length), np.int8), block.start, length)

    def texts(self, name: str) -> list[bytes]:
        """Return a column of `OF_ROWS`; of a row that is no query it is the whole text."""
        block = self.block
        start, end = block.start, block.end
        found = block.text[: end[-1]].split(b"\n") if len(end) else []
        if len(found) != len(end) or start[:1].any() or (start[1:] != end[:-1] + 1).any():
            spans = zip(start.tolist(), end.tolist(), strict=True)
            found = [block.text[begin:stop] for begin, stop in spans]
        if name == "ip":
            for row, asked in block.others.items():
                if isinstance(asked, Span):
                    found[row] = written(asked).encode()
        return found

    def value(self, row: int, name: str) -> Value:
        """Return what one row has in a column; what is missing in a list is ()."""
        found = self.singles.get(row)
        value: Value = None
        if name in OF_ROWS:
            return self._asked(row, name)
        if found is None:
            values, codes = self.entries.coded(name)
            code = codes[self.entry[row]] if self.entry[row] >= 0 else -1
            value = values[code] if code >= 0 else None
        elif name == "error" or isinstance(found, str):
            value = found if name == "error" and isinstance(found, str) else None
        else:
            value = value_of(found, name)
        return () if value is None and name in LISTS else value

    def _asked(self, row: int, name: str) -> str:
        """Return a query as it stood, or its canonical form; the beginning of what is none."""
        block = self.block
        asked = block.others.get(row)
        begin, end = int(block.start[row]), int(block.end[row])
        if name == "ip":
            if isinstance(asked, Span):
                return written(asked)
            if end - begin > _SHOWN:
                end = begin + _SHOWN
                while end > begin + _SHOWN - 4 and block.text[end] & 0xC0 == 0x80:
                    end -= 1  # no letter is cut in two
        return block.text[begin:end].decode("utf-8", "replace")

    def values(self, name: str) -> list[str]:
        """Return a column of `OF_ROWS` as clean texts."""
        found = [text.decode("utf-8", "replace") for text in self.texts(name)]
        for row in self.block.others:
            found[row] = clean(self._asked(row, name))
        return found

    def coded(self, name: str) -> Coded:
        """Return any other column, (n,)."""
        values, codes = self.entries.coded(name)
        codes = np.append(codes, -1)[self.entry]
        if self.singles:
            known = {value: code for code, value in enumerate(values)}
            for row in self.singles:
                value = cleaned(self.value(row, name))
                if value or value == 0:
                    codes[row] = known.setdefault(value, len(known))
            values = [*known]
        return Coded(values, codes)


class Matcher:
    """Match blocks for some columns. Raises `DeskError` when one of them needs the desk's files.

    With ``earlier`` rows are answered for their days instead of today.
    """

    def __init__(
        self, index: Index, columns: Sequence[str], earlier: Earlier | None = None
    ) -> None:
        self._index, self._earlier = index, earlier
        self._known = index.dictionaries
        self._routed = not set(columns).isdisjoint(_ROUTED) and len(index._tables.origin_asn) > 0
        if earlier is not None:
            self._routed = not set(columns).isdisjoint(ROUTES)
        self._bounds: dict[int, list[int]] = {}
        if set(columns) & set(RANKED):
            self._bounds = _bounds(index)

    def match(self, block: Block) -> Matched:
        """Match the queries of a block."""
        singles: dict[int, Answer | str] = {}
        alone: list[int] = []
        addresses: list[tuple[int, Span]] = []
        found: list[int] = []
        for row, asked in block.others.items():
            if isinstance(asked, str):
                singles[row] = asked
            elif (piece := self._piece(asked)) is None:
                alone.append(row)
            else:
                addresses.append((row, asked))
                found.append(piece)
        pieces = np.full(len(block.start), -1, np.int64)
        known = np.flatnonzero(block.known)
        numbers = block.numbers if len(known) == len(pieces) else block.numbers[known]
        pieces[known] = pieces_of(self._index, numbers)
        pieces[[row for row, _ in addresses]] = found
        bounds = np.zeros(len(pieces), np.int64)
        if self._bounds:
            bounds[known] = np.searchsorted(self._bounds[4], numbers, "right")
            for row, asked in addresses:
                bounds[row] = bisect_right(self._bounds[asked.family], asked.first)
        if self._earlier is not None:
            return self._then(self._earlier, block, pieces, bounds, alone, singles)
        for row in alone:
            singles[row] = self._answer(block, row)
        keys = [bounds] if self._bounds else []
        routes = None
        if self._routed:
            keys.append(self._places(known, numbers, addresses, len(pieces)))
        first, entry = _told_apart(pieces, keys)
        if self._routed:
            routes = [self._route(place) for place in keys[-1][first].tolist()]
        entries = Entries(
            self._known, pieces[first], routes, lambda entry: self._answer(block, int(first[entry]))
        )
        return Matched(block, entries, entry, singles)

    def _then(
        self, earlier: Earlier, block: Block, pieces: Ints, bounds: Ints, alone: list[int],
        singles: dict[int, Answer | str],
    ) -> Matched:  # fmt: skip
        """Match queries for earlier days. The route of an answer is then that of its last net."""
        eras = earlier.eras(block)
        others = earlier.others(block, eras, pieces, bounds, alone)
        first, entry = _told_apart(pieces, [bounds] if self._bounds else [])
        own = pieces[first]

        def asked(entry: int) -> Answer:
            number = int(own[entry]) - earlier.pieces
            if number >= 0:
                return others[number]
            row = int(first[entry])
            return earlier.answer(asked_by(block, row), int(eras[row]))

        routes = earlier.routes(own, others) if self._routed else None
        entries = Entries(self._known, own, routes, asked, earlier.value)
        return Matched(block, entries, entry, singles)

    def _piece(self, asked: Span) -> int | None:
        """Return the piece whose chain answers for all of a range, -1 for none.

        None where the range is to be asked by itself: where nets cross, or overrides are of ranges;
        for an earlier day also where there is none, since others may have been.
        """
        tables = self._index._tables
        piece = self._index._piece(asked.family, asked.first)
        if asked.kind == "address":
            return piece
        if self._bounds:
            return None
        while piece >= 0:
            if piece >= tables.nets or not self._known.whole[piece]:
                return None
            is_block = tables.piece_role[piece] & layout.ROLE_BITS == layout.REGISTRY
            if not is_block and Net(tables, piece, piece).bounds[1] >= asked.last:
                return piece
            piece = tables.piece_above[piece]
        return -1 if self._earlier is None else None

    def _places(
        self, known: Ints, numbers: Numbers, addresses: list[tuple[int, Span]], count: int
    ) -> Ints:
        """Return the places of the longest routes around queries, -1 = none; of IPv6 -2 - place."""
        tables = self._index._tables
        found = np.full(count, -1, np.int64)
        found[known] = places4(tables, numbers)
        for row, asked in addresses:
            place = place_of(tables, asked.family, asked.first, asked.last)
            found[row] = place if asked.family == 4 or place < 0 else ~place - 1
        return found

    def _route(self, place: int) -> Route | None:
        tables = self._index._tables
        return route_at(tables, 4, place) if place >= -1 else route_at(tables, 6, ~(place + 1))

    def _answer(self, block: Block, row: int) -> Answer:
        asked = asked_by(block, row)
        piece = self._index._piece(asked.family, asked.first)
        return Answer(self._index, self._index._tables, written(asked), asked, piece)


def asked_by(block: Block, row: int) -> Span:
    """Return the query of a row that has one."""
    asked = block.others.get(row)
    if isinstance(asked, Span):
        return asked
    number = int(block.numbers[row])
    return Span(4, number, number, "address")


def _told_apart(pieces: Ints, keys: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Return a row of each distinct answer, and the place of each row's among these, -1 for none.

    ``keys`` tell apart rows of one piece.
    """
    joined = pieces + 1
    for key in keys:
        values, codes = np.unique(key, return_inverse=True)
        joined = joined * len(values) + codes
    joined[pieces < 0] = -1
    found, first, entry = np.unique(joined, return_index=True, return_inverse=True)
    if len(found) and found[0] < 0:
        first, entry = first[1:], entry - 1
    return first, entry


def _bounds(index: Index) -> dict[int, list[int]]:
    """Return by family where a range of the desk's overrides begins, or has ended; {} for none."""
    found: dict[int, set[int]] = {4: set(), 6: set()}
    for family, tables in index.desk.ranges.items():
        for table in tables.values():
            for items in table.values():
                for first, last, _ in items:
                    found[family] |= {first, last + 1}
    return {family: sorted(ends) for family, ends in found.items()} if any(found.values()) else {}


def places4(tables: Tables, numbers: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]) -> Ints:
    """Return the place of the longest route around each IPv4 address, -1 without one."""
    first = cells(tables, "route4_first")
    place = np.searchsorted(first, numbers, "right").astype(np.int64) - 1
    size = np.uint64(1) << (32 - cells(tables, "route4_length")).astype(np.uint64)
    behind = first + size
    parents = cells(tables, "route4_parent")
    outside = np.flatnonzero(place >= 0)
    while len(outside):
        outside = outside[numbers[outside] >= behind[place[outside]]]
        place[outside] = parents[place[outside]]
        outside = outside[place[outside] >= 0]
    return place


def written(asked: Span) -> str:
    """Return a query as its canonical text."""
    first = format_address(asked.family, asked.first)
    if asked.kind == "address":
        return first
    if asked.kind == "prefix":
        width = 32 if asked.family == 4 else 128
        return f"{first}/{width - (asked.last - asked.first + 1).bit_length() + 1}"
    return f"{first} - {format_address(asked.family, asked.last)}"
