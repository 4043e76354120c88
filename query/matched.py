"""Match a block of queries: which rows have the same answer, and which have one by themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from .addresses import Span, format_address
from .audited import Ints, cells
from .blocks import Block
from .columns import Dictionaries
from .entries import Entries
from .many import pieces_of
from .model import Answer
from .routing import place_of, route_at

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

RANKED: Final = ("contact", "contact_rule")
_ROUTED: Final = ("route", "origins", *RANKED)


class Matched(NamedTuple):
    """Hold what n rows have for answers.

    ``entry`` (n,) is the place of each row's answer in ``entries``, -1 for none. ``singles`` has
    the rows that are no addresses, which have none either: the answer to a range, or why the text
    is no query.
    """

    entries: Entries
    entry: Ints
    singles: dict[int, Answer | str]


class Matcher:
    """Match blocks for some columns. Raises `DeskError` when one of them needs the desk's files."""

    def __init__(self, index: Index, columns: Sequence[str]) -> None:
        self._index = index
        self._known = Dictionaries(index)
        self._routed = bool(set(columns) & set(_ROUTED)) and len(index._tables.origin_asn) > 0
        self._bounds: dict[int, list[int]] = {}
        if set(columns) & set(RANKED):
            self._bounds = _bounds(index)

    def match(self, block: Block) -> Matched:
        """Match the queries of a block."""
        index, tables = self._index, self._index._tables
        singles: dict[int, Answer | str] = {}
        addresses: list[tuple[int, Span]] = []
        for row, asked in block.others.items():
            if isinstance(asked, str):
                singles[row] = asked
            elif asked.kind == "address":
                addresses.append((row, asked))
            else:
                piece = index._piece(asked.family, asked.first)
                singles[row] = Answer(index, tables, written(asked), asked, piece)
        pieces = np.full(len(block.start), -1, np.int64)
        known = np.flatnonzero(block.known)
        numbers = block.numbers if len(known) == len(pieces) else block.numbers[known]
        pieces[known] = pieces_of(index, numbers)
        for row, asked in addresses:
            pieces[row] = index._piece(asked.family, asked.first)
        keys = [pieces]
        if self._routed:
            keys.append(np.full(len(pieces), -1, np.int64))
            keys[-1][known] = places4(tables, numbers)
            for row, asked in addresses:
                place = place_of(tables, asked.family, asked.first, asked.last)
                keys[-1][row] = place if asked.family == 4 or place < 0 else ~place - 1
        if self._bounds:
            keys.append(np.zeros(len(pieces), np.int64))
            keys[-1][known] = np.searchsorted(self._bounds[4], numbers, "right")
            for row, asked in addresses:
                keys[-1][row] = bisect_right(self._bounds[asked.family], asked.first)
        return self._told_apart(block, keys, singles)

    def _told_apart(
        self, block: Block, keys: list[Ints], singles: dict[int, Answer | str]
    ) -> Matched:
        pieces = keys[0]
        joined = pieces + 1
        for key in keys[1:]:
            values, codes = np.unique(key, return_inverse=True)
            joined = joined * len(values) + codes
        joined[pieces < 0] = -1
        found, first, entry = np.unique(joined, return_index=True, return_inverse=True)
        if len(found) and found[0] < 0:
            first, entry = first[1:], entry - 1
        routes = None
        if self._routed:
            tables = self._index._tables
            routes = [
                route_at(tables, 4, place) if place >= -1 else route_at(tables, 6, ~(place + 1))
                for place in keys[1][first].tolist()
            ]
        ask = partial(self._asked, block, first)
        return Matched(Entries(self._known, pieces[first], routes, ask), entry, singles)

    def _asked(self, block: Block, first: Ints, entry: int) -> Answer:
        row = int(first[entry])
        asked = block.others.get(row)
        if not isinstance(asked, Span):
            number = int(block.numbers[row])
            asked = Span(4, number, number, "address")
        piece = self._index._piece(asked.family, asked.first)
        return Answer(self._index, self._index._tables, written(asked), asked, piece)


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
