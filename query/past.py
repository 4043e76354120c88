"""Answer for an earlier day, from what the snapshots of an index showed.

A source's state on a day is that of its latest snapshot up to then, before its first one that of
the first: `Moment`. A net of the present counts when it has been as it is since then; what was
otherwise stands in the tables of the past, each row with the days from and to which it was seen so
(`layout.PAST_COLUMNS`). Both are nets (`records.Net`), so an answer of the past is read like one of
today. Its route and origins are those of its last net; its statistics are not kept, so the
responsible registry goes by the records and IANA's table.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .addresses import Span, address_object
from .authority import Authority, by_records
from .cells import Json, day_text
from .days import Day, day_of, number_of
from .finding import inside_of
from .layout import PLACEHOLDER, REGISTRY, ROLE_BITS
from .model import Answer, Note, party_dict
from .records import Net, Party, chain_of
from .routing import Route, route_of
from .store import PastTables

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

_RANGES: Final = ("address", "prefix", "range")
_KEPT: Final = 4096  # moments of an index
_PARTIES: Final = ("holder", "user", "lessor", "lessee")


class Snapshot(NamedTuple):
    """Name a snapshot of a source: its day and its files."""

    date: str
    files: tuple[str, ...]


class Moment:
    """Hold what a day means in one index: the snapshot of each source that counts on it."""

    def __init__(self, tables: Tables, past: PastTables | None, asked: date) -> None:
        self.asked = asked
        self.past = past
        self._meta = tables.store.meta["past"]
        self._places: dict[tuple[str, str, int], int] = {}
        self._days: dict[tuple[str, str, int], int] = {}
        self._units: dict[tuple[str, str, int], dict[str, Any]] = {}
        for unit in self._meta["units"]:
            key = (unit["registry"], unit["source"], unit["family"])
            place = bisect_right(unit["days"], asked.isoformat()) - 1
            self._units[key] = unit
            self._places[key] = place
            self._days[key] = number_of(unit["days"][max(place, 0)]) if unit["days"] else 0
        since = [number_of(day) for day in self._meta["days"]]
        # For both families and each code of net.origin: the first code of net.since that is later.
        self._later = [
            [bisect_right(since, day) for day in days] for days in self._by_origin(tables)
        ]
        self._always = not since
        self.shown = self._by_origin(past) if past else [[], []]
        self._registry = [str(item["registry"]) for item in tables.meta["origins"]]
        self._past_registry = (
            [str(item["registry"]) for item in past.meta["origins"]] if past else []
        )

    def _by_origin(self, tables: Tables) -> list[list[int]]:
        """Return for both families the day that counts for each code of net.origin."""
        return [
            [
                self._days.get((item["registry"], item["source"], family), 0)
                for item in tables.meta["origins"]
            ]
            for family in (4, 6)
        ]

    def held(self, tables: Tables, row: int) -> bool:
        """Say whether a net of the present was as it is on this day."""
        later = self._later[row >= tables.nets4]
        return self._always or bool(tables.net_since[row] < later[tables.net_origin[row]])

    def showed(self, row: int) -> bool:
        """Say whether a row of the past was so on this day."""
        past = self.past
        if past is None:
            return False
        day = self.shown[row >= past.nets4][past.net_origin[row]]
        return bool(past.net_from[row] <= day <= past.net_to[row])

    def registry(self, net: Net) -> str:
        """Return the registry of a net, faster than the net does."""
        names = self._past_registry if net._tables.prefix else self._registry
        return names[int(net._tables.net_origin[net._id])]

    def snapshot(self, registry: str, source: str, family: int) -> Snapshot | None:
        """Return the snapshot of a source that counts, None where it is not held, or undated."""
        key = (registry, source, family)
        unit = self._units.get(key)
        if unit is None or not unit["days"]:
            return None
        place = max(self._places[key], 0)
        files = (self._meta["sources"][k]["name"] for k in unit["files"][place])
        return Snapshot(unit["days"][place], tuple(files))

    def too_early(self, registry: str, source: str, family: int) -> bool:
        """Say whether the day lies before the first snapshot of a source."""
        key = (registry, source, family)
        return self._places.get(key, 0) < 0 and bool(self._units[key]["days"])


class Times:
    """Hold the past of an open index, and the moments that were asked for."""

    def __init__(self, tables: Tables) -> None:
        store = tables.store
        self._tables = tables
        self.past = PastTables(store) if store.meta["past"]["nets"] else None
        self._moments: dict[Day, Moment] = {}

    def moment(self, at: Day) -> Moment:
        """Return which snapshots count on a day. Raises `DateError`, `StoreError`."""
        found = self._moments.get(at)
        if found is None:
            self._tables.store.check_open()
            if len(self._moments) >= _KEPT:
                self._moments.clear()
            found = self._moments[at] = Moment(self._tables, self.past, day_of(at))
        return found

    def answer(self, today: Answer, at: Day) -> Answer:
        """Return the answer for an earlier day in place of today's; handles have one only."""
        return PastAnswer(today, self.moment(at)) if today.kind in _RANGES else today

    def release(self) -> None:
        """Make the tables of the past unreadable once the index is closed."""
        if self.past is not None:
            self.past.release()


def rows_around(past: PastTables, family: int, address: int) -> Iterator[int]:
    """Yield the rows of the past that contain an address, the smallest ranges first."""
    if family == 4:
        place = bisect_right(past.view("segment4_begin"), address) - 1
        piece = past.segment4_piece[place] if place >= 0 else -1
    else:
        piece = _piece6(past, address)
    above, nets = past.piece_above, past.nets
    while piece >= 0:
        yield piece if piece < nets else past.piece_net[piece - nets]
        piece = above[piece]


def _piece6(past: PastTables, address: int) -> int:
    high, low = address >> 64, address & (1 << 64) - 1
    highs, lows = past.view("segment6_hi"), past.view("segment6_lo")
    begin, end = bisect_left(highs, high), bisect_right(highs, high)
    place = bisect_right(lows, low, begin, end) - 1
    return past.segment6_piece[place] if place >= 0 else -1


def nets_around(index: Index, moment: Moment, span: Span) -> list[Net]:
    """Return every net that contained a range on a day, of any registry and role, widest first."""
    nets = [net for net in index.containing(span) if moment.held(net.tables, net.id)]
    return _in_order(nets + _older(moment, span))


def _older(moment: Moment, span: Span) -> list[Net]:
    """Return the nets of the past that contained a range on a day, the smallest first."""
    past = moment.past
    if past is None:
        return []
    origin, begin, end = past.net_origin, past.net_from, past.net_to
    days = moment.shown[span.family == 6]
    nets = [
        Net(past, row, row)
        for row in rows_around(past, span.family, span.first)
        if begin[row] <= days[origin[row]] <= end[row]  # as `Moment.showed`
    ]
    if span.first == span.last:
        return nets
    return [net for net in nets if net.bounds[1] >= span.last]


def _in_order(nets: list[Net]) -> list[Net]:
    """Put nets into the order of a chain: larger first, then by role, then as they came."""
    return [net for *_, net in _keyed(nets)]


def _keyed(nets: list[Net]) -> list[tuple[int, int, int, Net]]:
    """Return nets in order, each behind what orders it: size, role, place."""
    keyed = []
    for place, net in enumerate(nets):
        first, last = net.bounds
        keyed.append((first - last, _role(net), place, net))
    keyed.sort()
    return keyed


def _role(net: Net) -> int:
    return int(net.tables.piece_role[net._piece] & ROLE_BITS)


def chain_at(index: Index, moment: Moment, span: Span, present: list[Net]) -> list[Net]:
    """Return the chain of a range on a day, the last net first.

    ``present`` are the nets of today's chain, the last one first.
    """
    tables, last = index._tables, span.last
    nets = [net for net in present if moment.held(tables, net.id)]
    if span.first != last:
        nets = [net for net in nets if net.bounds[1] >= last]
    older = _older(moment, span)
    if older or not nets or _role(nets[0]) == REGISTRY:
        nets = _merged(index, moment, span, nets, older, present)
    while nets and _role(nets[0]) == REGISTRY:
        nets.pop(0)
    for net in nets:
        net._last = nets
    return nets


def _merged(
    index: Index, moment: Moment, span: Span, nets: list[Net], older: list[Net],
    present: list[Net],
) -> list[Net]:  # fmt: skip
    """Return the nets of the responsible registry on a day, the last one first.

    Where that is not today's, nets of it that are there still are in no chain of today.
    """
    keyed = _keyed([*reversed(nets), *reversed(older)])
    registries = _registries(moment, keyed)
    if len(registries) != 1 or not present or moment.registry(present[0]) not in registries:
        keyed = _keyed(nets_around(index, moment, span))
        registries = _registries(moment, keyed)
    found = [net for _, role, _, net in reversed(keyed) if role != PLACEHOLDER]
    if len(registries) > 1:
        chosen = by_records(index._tables, span, found[::-1]).registry
        registries = {chosen} if chosen in registries else {found[0].registry}
    if not registries:
        return found
    return [net for net in found if moment.registry(net) in registries]


def _registries(moment: Moment, keyed: list[tuple[int, int, int, Net]]) -> set[str]:
    """Return the registries of the nets that are somebody's."""
    nobodys = (REGISTRY, PLACEHOLDER)
    return {moment.registry(net) for _, role, _, net in keyed if role not in nobodys}


class PastAnswer(Answer):
    """Answer one query for an earlier day; `now` is what is answered today."""

    __slots__ = ("_moment", "_now")

    def __init__(self, answer: Answer, moment: Moment) -> None:
        super().__init__(answer._index, answer._tables, answer.query, answer._span, answer._piece)
        self._moment = moment
        self._now: Answer | None = None

    @property
    def moment(self) -> Moment:
        """Return the day that is answered for."""
        return self._moment

    @property
    def chain(self) -> tuple[Net, ...]:
        """Return the nets that contained all of the query on that day, widest first."""
        chain = self._chain
        if chain is None:
            span = self.span
            nets = chain_of(self._tables, self._piece)
            found = chain_at(self._index, self._moment, span, nets) if span else []
            chain = self._chain = tuple(reversed(found))
        return chain

    @property
    def now(self) -> Answer:
        """Return today's answer to the same query."""
        if self._now is None:
            self._now = Answer(self._index, self._tables, self.query, self._span, self._piece)
        return self._now

    @property
    def snapshot(self) -> Snapshot | None:
        """Return the snapshot that answers, None where no net did."""
        if not self.chain:
            return None
        last = self.chain[-1]
        return self.moment.snapshot(last.registry, last.source, last.family)

    @property
    def changed(self) -> tuple[str, ...]:
        """Return which of holder, user, lessor, lessee and contact are others today."""
        now = self.now
        found = [name for name in _PARTIES if not _same(getattr(self, name), getattr(now, name))]
        then, today = ([item.mailbox or item.handle for item in x.abuse[:1]] for x in (self, now))
        return (*found, *(["contact"] if then != today else []))

    def _route(self) -> Route | None:
        if not self.chain:
            return None
        net = self.chain[-1]
        first, last = net.bounds
        if not net.tables.prefix:
            tables = self._tables
            span = Span(net.family, first, last, "range")
            return route_of(tables, span) if len(tables.origin_asn) else None
        past: Any = net.tables
        length, code = past.net_route[net.id] - 1, past.net_origins[net.id]
        if length < 0:
            return None
        size = (32 if net.family == 4 else 128) - length
        first = first >> size << size
        origins = past.origin_asn[past.origin_at[code] : past.origin_at[code + 1]]
        text = f"{address_object(net.family, first)}/{length}"
        return Route(text, tuple(origins), (first, first | (1 << size) - 1))

    @property
    def containing(self) -> list[Net]:
        """Return every net that contained the query on that day, widest first."""
        span = self.span
        return nets_around(self._index, self.moment, span) if span else []

    def authority_of(self, span: Span, nets: list[Net]) -> Authority:
        """Return which registry was responsible, by the records and IANA's table."""
        return by_records(self._tables, span, nets)

    @property
    def more(self) -> tuple[Net, ...]:
        """Return the nets inside the queried range on that day, ascending."""
        span, moment = self.span, self.moment
        if span is None:
            return ()
        nets = [self._index.net(row) for row in inside_of(self._tables, span)]
        nets = [net for net in nets if moment.held(net.tables, net.id)]
        past = moment.past
        rows = inside_of(past, span) if past else []
        nets += [Net(past, row, row) for row in rows if moment.showed(row)] if past else []
        known = set(self.chain)
        return tuple(sorted((net for net in nets if net not in known), key=lambda net: net.bounds))

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what a reader should know, first what is otherwise today."""
        return (*self._time_notes(), *super().notes)

    def _time_notes(self) -> Iterator[Note]:
        last = self.chain[-1] if self.chain else None
        shown = self.snapshot
        if last and shown is None:
            yield Note("undated", "no dump tells its day; this is what the index holds")
        elif last and shown and self.moment.too_early(last.registry, last.source, last.family):
            said = f"the first snapshot of {last.source} is of {shown.date}; what was on "
            yield Note("before-first-snapshot", f"{said}{self.moment.asked} is not known")
        now = self.now
        for name in self.changed:
            then = self.abuse if name == "contact" else getattr(self, name)
            today = now.abuse if name == "contact" else getattr(now, name)
            yield Note("changed-since", f"{name} then: {_text(then)}; now: {_text(today)}")

    def to_dict(
        self, *, more: bool = False, everything: bool = False, explain: bool = False
    ) -> Json:
        """Return the answer as in `lookup --json`, with the day, the snapshot, and today's."""
        now, snapshot = self.now, self.snapshot
        found = super().to_dict(more=more, everything=everything, explain=explain)
        return found | {
            "at": {
                "asked": day_text(self.moment.asked),
                "snapshot": snapshot.date if snapshot else None,
                "files": [*snapshot.files] if snapshot else [],
            },
            "now": {
                **{name: party_dict(getattr(now, name)) for name in _PARTIES},
                "verdict": now.lease.verdict, "abuse": [item.to_dict() for item in now.abuse],
            },
            "changed": [*self.changed],
        }  # fmt: skip


def _text(value: Any) -> str:
    """Return a party, or the first of some contacts, as text."""
    if isinstance(value, Party):
        return value.name or value.handle or "-"
    if value:
        return value[0].mailbox or value[0].handle or "-"
    return "nobody"


def _same(one: Party | None, other: Party | None) -> bool:
    """Say whether two parties are one: by the handle, else by the name."""
    from .names import one_party

    return one is other if one is None or other is None else one_party(one[:2], other[:2])
