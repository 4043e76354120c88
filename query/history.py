"""Tell who held a range when: tenures, from the snapshots of an index.

A *state* is a net as it was seen without a change from one snapshot to another. A *tenure* is the
time one party held a range: it goes on while the organisation's handle or the normalised name
stays, across a transfer to another registry, too, and ends with the first snapshot that shows
another party or no net. Snapshots that do not hold the net's source say nothing of it. What the
registries themselves say of the time before the first snapshot is told beside, not mixed in.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from .addresses import Span
from .authority import moves
from .days import day_at
from .finding import inside_of, ranged
from .layout import PLACEHOLDER, REGISTRY, ROLE_BITS
from .names import one_party
from .past import rows_around
from .records import Net
from .rpsl import attributes
from .tenures import UNDATED, YEAR, Gap, History, Ranged, State, Tenure, Told

if TYPE_CHECKING:
    from .addresses import Network
    from .index import Index
    from .store import PastTables

_CHANGED: Final = re.compile(r"(?:\A|\s)((?:19|20)\d{6})\s*\Z")


def history(index: Index, query: str | Network | Span) -> History:
    """Return the tenures of every range that ever contained an address, prefix or range.

    Of prefixes and ranges also those of the ranges inside. Blocks of registries and placeholders
    are nobody's and have none. Raises `AddressError`.
    """
    span = query if isinstance(query, Span) else ranged(query)
    days = Days(index)
    by_range: dict[tuple[int, int], list[State]] = {}
    for net in _nets(index, index.times.past, span):
        if _counts(net):
            by_range.setdefault(net.bounds, []).append(days.state(net))
    ranges = []
    for bounds in sorted(by_range, key=lambda ends: (ends[0] - ends[1], ends[0])):
        ranges.append(_ranged(index, days, span, Span(span.family, *bounds, "range"),
                              by_range[bounds]))  # fmt: skip
    return History(str(query), span, tuple(ranges))


def _nets(index: Index, past: PastTables | None, span: Span) -> Iterator[Net]:
    """Yield all nets of the present and the past around a range, and in it unless it is one."""
    yield from index.containing(span)
    inside = span.kind != "address"
    tables = index._tables
    for row in inside_of(tables, span) if inside else ():
        net = index.net(row)
        if net.bounds != (span.first, span.last):
            yield net
    if past is None:
        return
    for row in rows_around(past, span.family, span.first):
        net = Net(past, row, row)
        if net.bounds[1] >= span.last:
            yield net
    for row in inside_of(past, span) if inside else ():
        net = Net(past, row, row)
        if net.bounds != (span.first, span.last):
            yield net


class Days:
    """Say when nets were seen, and on which days their sources were looked at."""

    def __init__(self, index: Index) -> None:
        self._index = index
        meta = index.meta["past"]
        self._since = [date.fromisoformat(day) for day in meta["days"]]
        self._days = {
            (unit["registry"], unit["source"], unit["family"]): [
                date.fromisoformat(day) for day in unit["days"]
            ]
            for unit in meta["units"]
        }

    def of(self, net: Net) -> list[date]:
        """Return the days on which a net's source was looked at."""
        return self._days.get((net.registry, net.source, net.family)) or [UNDATED]

    def years(self, net: Net) -> float:
        """Return for how many years a net's source has been looked at."""
        known = self.of(net)
        return (known[-1] - known[0]).days / YEAR

    def state(self, net: Net) -> State:
        """Return a net as a state."""
        tables = net.tables
        if tables.prefix:
            ends = (tables.net_from[net.id], tables.net_to[net.id])
            first, last = map(day_at, ends)
        else:
            known = self.of(net)
            codes = tables.net_since
            first = self._since[codes[net.id]] if self._since else known[0]
            last = known[-1]
        return State(self._index, net, first, last)

    def before(self, state: State) -> date | None:
        """Return the last day before a state on which its source was looked at."""
        known = self.of(state.net)
        place = bisect_left(known, state.first_seen)
        return known[place - 1] if place else None

    def after(self, state: State) -> date | None:
        """Return the first day after a state on which its source was looked at."""
        known = self.of(state.net)
        place = bisect_right(known, state.last_seen)
        return known[place] if place < len(known) else None


def tenures_of(index: Index, days: Days, net: Net) -> Ranged:
    """Return the tenures of a net's range, as `history` has them for the range that is exact."""
    bounds, past = net.bounds, index.times.past
    nets = [net]
    for step in (-1, 1):
        row = net.id + step
        while 0 <= row < len(index) and index.net(row).bounds == bounds:
            nets.append(index.net(row))
            row += step
    if past is not None:
        rows = rows_around(past, net.family, bounds[0])
        nets += [each for row in rows if (each := Net(past, row, row)).bounds == bounds]
    span = Span(net.family, *bounds, "range")
    return _ranged(index, days, span, span, [days.state(each) for each in nets if _counts(each)])


def _counts(net: Net) -> bool:
    """Say whether a net is somebody's."""
    return net.tables.piece_role[net.id] & ROLE_BITS not in (PLACEHOLDER, REGISTRY)


def _ranged(index: Index, days: Days, asked: Span, span: Span, states: list[State]) -> Ranged:
    states.sort(key=lambda state: (state.first_seen, state.last_seen, state.registry))
    runs: list[list[State]] = []
    for state in states:
        for run in reversed(runs):
            if _goes_on(days, run[-1], state):
                run.append(state)
                break
        else:
            runs.append([state])
    tenures = tuple(Tenure(tuple(run), days.before(run[0]), days.after(run[-1])) for run in runs)
    exact = (span.first, span.last) == (asked.first, asked.last)
    around = span.first <= asked.first and asked.last <= span.last
    relation = "exact" if exact else "around" if around else "inside"
    known = [day for state in states for day in (days.of(state.net)[0], days.of(state.net)[-1])]
    told = tuple(_told(index, span, states))
    return Ranged(span, relation, tenures, tuple(_gaps(days, tenures)), told,
                  (min(known), max(known)))  # fmt: skip


def _goes_on(days: Days, state: State, following: State) -> bool:
    """Say whether a state is the same party's as one before, and nothing was seen between them."""
    ended, began = days.after(state), days.before(following)
    if state.net.registry == following.net.registry and state.net.source == following.net.source:
        near = ended == following.first_seen
    else:
        near = ended is None or began is None or began < ended
    return near and one_party(state.net.called, following.net.called)


def _gaps(days: Days, tenures: Iterable[Tenure]) -> Iterator[Gap]:
    """Yield the times in which a range was seen not to be there, between its tenures."""
    reached: date | None = None
    for item in tenures:
        began = item.began_after
        if reached is not None and began is not None and reached <= began:
            yield Gap(reached, began)
        ended = item.ended
        reached = ended if ended and (reached is None or ended > reached) else reached
        if ended is None:
            return


def _told(index: Index, span: Span, states: list[State]) -> Iterator[Told]:
    """Yield what the registries say of the time before the first snapshot, oldest first."""
    earliest = states[0]
    net, begin = earliest.net, earliest.first_seen
    found = []
    for what, day in (("created", net.created), ("last-modified", net.modified)):
        if day and day < begin:
            found.append(Told(day, what, f"{net.key} of {net.source}"))
    for name, value in attributes(net.raw):
        hit = _CHANGED.search(value) if name == "changed" else None
        if hit:
            day = _date(hit[1])
            if day and day < begin and all(day != item.date for item in found):
                found.append(Told(day, "changed", f"{net.key} of {net.source}"))
    for source, recipient, text in moves(index._tables, span):
        found.append(Told(date.fromisoformat(text), "transfer", f"from {source} to {recipient}"))
    yield from sorted(set(found))


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
