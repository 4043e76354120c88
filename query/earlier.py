"""Answer the rows of a batch for earlier days: which have today's answer, which another one.

A row has today's answer where every net of its chain was as it is, and no row of the past around
it was seen but placeholders. That is decided for all rows of a block together. The others share a
`PastAnswer` where they lie in one piece of the present and one of the past and ask for one era: the
days on which the same snapshots count. Where the nets around are of several registries, or of none,
nets that stand in no piece may answer: then those share one between which no net and no block of
IANA's begins or ends. Every range has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .addresses import Span
from .audited import Bools, Ints, cells, first_up
from .blocks import Block, Numbers
from .days import Day, day_at, day_of, number_of
from .entries import Value, value_of
from .layout import PLACEHOLDER, REGISTRY, ROLE_BITS
from .matched import asked_by, written
from .model import Answer
from .parties import nets_of
from .past import Moment, PastAnswer, rows_around
from .records import Net
from .routing import Route, route_of

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

_KEPT: Final = 1 << 14  # answers that are kept from block to block
Key = tuple[Any, ...]


class Earlier:
    """Answer rows for their days, or all of them for one day, ``at``. Raises `DateError`."""

    def __init__(self, index: Index, at: Day | None = None) -> None:
        self._index, self._tables, self._past = index, index._tables, index.times.past
        meta = index.meta["past"]
        units = [_numbers(unit["days"]) for unit in meta["units"]]
        # The days on which eras begin; what lies before the first one belongs to it.
        self._begins = np.unique(np.concatenate([*units, _numbers([])]))
        if not len(self._begins):
            self._begins = np.zeros(1, np.int64)
        # What counts in an era: the day of each source's snapshot, 0 for a source without one.
        self._days = np.zeros((len(self._begins), len(units) + 1), np.int64)
        for number, days in enumerate(units):
            if len(days):
                place = np.searchsorted(days, self._begins, "right") - 1
                self._days[:, number] = days[np.maximum(place, 0)]
        self._since = _numbers(meta["days"])
        self._units = _units(self._tables)
        self._past_units = _units(self._past) if self._past else self._units
        self._at = number_of(day_of(at)) if at is not None else 0
        self._moments: dict[int, Moment] = {}
        self._mixed: dict[Key, bool] = {}
        self._answers: dict[Key, PastAnswer] = {}
        self._values: dict[Answer, dict[str, Value]] = {}
        # From this number on pieces stand for answers that are not today's.
        self.pieces = len(self._tables.view("piece_role"))

    def eras(self, block: Block) -> Ints:
        """Return the era of each row."""
        days = np.full(len(block.start), self._at) if block.days is None else block.days
        return np.maximum(np.searchsorted(self._begins, days, "right") - 1, 0)

    def answer(self, asked: Span, era: int) -> PastAnswer:
        """Return the answer to a query in an era."""
        index, tables = self._index, self._tables
        piece = index._piece(asked.family, asked.first)
        now = Answer(index, tables, written(asked), asked, piece)
        return PastAnswer(now, self._moment(era))

    def value(self, answer: Answer, name: str) -> Value:
        """Return what an answer has in a column, as `entries.value_of`."""
        known = self._values.get(answer)
        if known is None:
            return value_of(answer, name)
        if name not in known:
            known[name] = value_of(answer, name)
        return known[name]

    def routes(self, pieces: Ints, others: Sequence[PastAnswer]) -> list[Route | None]:
        """Return the routes of answers, by pieces as `others` leaves them: those of last nets."""
        tables = self._tables
        found = []
        for piece in pieces.tolist():
            if piece >= self.pieces:
                found.append(others[piece - self.pieces]._route())
            else:
                net = piece if piece < tables.nets else tables.piece_net[piece - tables.nets]
                last = Net(tables, net, piece)
                found.append(route_of(tables, Span(last.family, *last.bounds, "range")))
        return found

    def others(
        self, block: Block, eras: Ints, pieces: Ints, bounds: Ints, alone: Sequence[int]
    ) -> list[PastAnswer]:
        """Return the answers of the rows that have not today's, and change the pieces of these.

        ``pieces`` are those of today, -1 = none; such a row gets `Earlier.pieces` + the place of
        its answer, or -1 where that is empty. Rows with different ``bounds`` share no answer;
        ``alone`` are ranges that cannot have today's.
        """
        thens = self._thens(block)
        shown = self._shown(block, eras)
        changed = self._unheld(pieces, eras) | self._seen(thens, eras)
        changed[[*alone, *shown]] = True
        rows = np.flatnonzero(changed)
        keys = self._keys(block, rows, np.stack([eras, pieces, thens, bounds]), shown)
        found: dict[PastAnswer, int] = {}
        for row, key in zip(rows.tolist(), keys, strict=True):
            answer = self._answers.get(key)
            if answer is None:
                answer = self._kept(key, self.answer(asked_by(block, row), int(eras[row])))
            pieces[row] = -1
            if answer:
                pieces[row] = self.pieces + found.setdefault(answer, len(found))
        return [*found]

    def _kept(self, key: Key, answer: PastAnswer) -> PastAnswer:
        if len(self._answers) >= _KEPT:
            for table in (self._answers, self._values, self._mixed):
                table.clear()
        self._answers[key], self._values[answer] = answer, {}
        return answer

    def _moment(self, era: int) -> Moment:
        found = self._moments.get(era)
        if found is None:
            day = day_at(int(self._begins[era]))
            found = self._moments[era] = self._index.times.moment(day)
        return found

    # -- which rows have another answer than today's ------------------------------------------

    def _thens(self, block: Block) -> Ints:
        """Return the piece of the past around each dotted quad, -1 for none."""
        found = np.full(len(block.start), -1, np.int64)
        if self._past is not None:
            known = np.flatnonzero(block.known)
            place = np.searchsorted(
                cells(self._past, "segment4_begin"), block.numbers[known], "right"
            )
            known, place = known[place > 0], place[place > 0] - 1
            found[known] = cells(self._past, "segment4_piece", place)
        return found

    def _shown(self, block: Block, eras: Ints) -> dict[int, tuple[int, ...]]:
        """Return the rows of the past around the first address of other queries, if any."""
        found = {}
        for row, asked in block.others.items() if self._past is not None else ():
            if isinstance(asked, Span) and (around := self._around(asked, int(eras[row]))):
                found[row] = around
        return found

    def _around(self, asked: Span, era: int) -> tuple[int, ...]:
        """Return the rows of the past around the first address of a query, no placeholders."""
        past, moment = self._past, self._moment(era)
        if past is None:
            return ()
        rows = filter(moment.showed, rows_around(past, asked.family, asked.first))
        return tuple(row for row in rows if past.piece_role[row] & ROLE_BITS != PLACEHOLDER)

    def _unheld(self, pieces: Ints, eras: Ints) -> Bools:
        """Mark the pieces in whose chain a net was not as it is."""
        tables, since = self._tables, self._since

        def unheld(piece: Ints, era: Ints) -> Bools:
            net = nets_of(tables, piece)
            unit = self._units[(net >= tables.nets4).astype(np.intp), _origins(tables, net)]
            begun = since[cells(tables, "net_since", net)]
            return np.asarray(begun > self._days[era, unit])

        return _any_up(tables, pieces, eras, unheld) if len(since) else np.zeros(len(pieces), bool)

    def _seen(self, thens: Ints, eras: Ints) -> Bools:
        """Mark the pieces of the past in whose chain a row was seen that is no placeholder."""
        past = self._past
        if past is None:
            return np.zeros(len(thens), bool)

        def seen(piece: Ints, era: Ints) -> Bools:
            row = nets_of(past, piece)
            unit = self._past_units[(row >= past.nets4).astype(np.intp), _origins(past, row)]
            day = self._days[era, unit]
            found = (cells(past, "net_from", row) <= day) & (day <= cells(past, "net_to", row))
            return np.asarray(found & (cells(past, "piece_role", row) & ROLE_BITS != PLACEHOLDER))

        return _any_up(past, thens, eras, seen)

    # -- which of them share one --------------------------------------------------------------

    def _keys(
        self, block: Block, rows: Ints, columns: Ints, shown: dict[int, tuple[int, ...]]
    ) -> list[Key]:
        """Return what rows with one answer have in common; ``columns`` has their eras first."""
        keys: list[Key] = []
        apart: list[int] = []
        listed = zip(rows.tolist(), *columns[:, rows].tolist(), strict=True)
        for number, (row, era, *rest) in enumerate(listed):
            asked = block.others.get(row)
            key: Key = (era, *rest, shown.get(row, ()))
            if isinstance(asked, Span) and asked.kind != "address":
                key = (era, asked)
            elif self._is_mixed(key, block, row):
                key = (era, asked)  # of a dotted quad: where it lies, below
                if asked is None:
                    apart.append(number)
            keys.append(key)
        if apart:
            places = self._places(block.numbers[rows[apart]]).tolist()
            bounds = columns[-1, rows[apart]].tolist()
            for number, place, bound in zip(apart, places, bounds, strict=True):
                keys[number] = (*keys[number], place, bound)
        return keys

    def _is_mixed(self, key: Key, block: Block, row: int) -> bool:
        """Say whether the nets of parties around an address were of several registries, or none."""
        found = self._mixed.get(key)
        if found is None:
            registries = {*self._registries(asked_by(block, row), key[0])}
            found = self._mixed[key] = len(registries) != 1
        return found

    def _registries(self, asked: Span, era: int) -> Iterator[str]:
        """Yield the registries of the parties' nets around an address in an era."""
        tables, past, moment = self._tables, self._past, self._moment(era)
        piece = self._index._piece(asked.family, asked.first)
        while piece >= 0:
            net = piece if piece < tables.nets else tables.piece_net[piece - tables.nets]
            if _is_party(tables, piece) and moment.held(tables, net):
                yield tables.meta["origins"][tables.net_origin[net]]["registry"]
            piece = tables.piece_above[piece]
        if past is not None:
            for row in self._around(asked, era):
                if _is_party(past, row):
                    yield past.meta["origins"][past.net_origin[row]]["registry"]

    def _places(self, numbers: Numbers) -> Ints:
        """Return in which of the stretches addresses lie, in which the same nets contain each."""
        begins, ends = self._borders
        place = np.zeros(len(numbers), np.int64)
        for border in begins:
            place += np.searchsorted(border, numbers, "right")
        for border in ends:
            place += np.searchsorted(border, numbers, "left")
        return place

    @cached_property
    def _borders(self) -> tuple[list[Ints], list[Ints]]:
        """Return where nets and blocks of IANA's begin, and where they end: ascending arrays."""
        tables = self._tables
        iana = [(int(first), int(last)) for family, first, last, _ in tables.meta["iana"]
                if family == 4]  # fmt: skip
        begins = [cells(tables, "net_first4"), np.array(sorted(first for first, _ in iana))]
        ends = [np.sort(cells(tables, "net_last4")), np.array(sorted(last for _, last in iana))]
        if self._past is not None:
            begins.append(cells(self._past, "segment4_begin"))
        return begins, ends


def _numbers(days: Sequence[str]) -> Ints:
    return np.array(days, "M8[D]").astype(np.int64)


def _units(tables: Tables) -> Ints:
    """Return by family and code of net.origin which of the sources with snapshots it is."""
    meta = tables.store.meta["past"]["units"]
    known = {(unit["registry"], unit["source"], unit["family"]): k for k, unit in enumerate(meta)}
    found = [
        [known.get((item["registry"], item["source"], family), len(meta)) for family in (4, 6)]
        for item in tables.meta["origins"]
    ]
    return np.array(found, np.int64).reshape(-1, 2).T


def _origins(tables: Tables, rows: Ints) -> Ints:
    return np.asarray(cells(tables, "net_origin", rows))


def _any_up(
    tables: Tables, pieces: Ints, eras: Ints, wanted: Callable[[Ints, Ints], Bools]
) -> Bools:
    """Mark the pieces from which up, in their era, there is one that is wanted."""
    found = np.zeros(len(pieces), bool)
    there = np.flatnonzero(pieces >= 0)
    era = eras[there]
    found[there] = first_up(tables, pieces[there], lambda up, place: wanted(up, era[place])) >= 0
    return found


def _is_party(tables: Tables, piece: int) -> bool:
    return tables.piece_role[piece] & ROLE_BITS not in (REGISTRY, PLACEHOLDER)
