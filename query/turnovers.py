"""Rank leased ranges, and their lessors, by how often the ranges change hands.

What counts as a change is said in `history`. Only nets of which an earlier snapshot showed
something else are looked at one by one; all others have never changed hands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .audited import Ints, cells
from .history import Days, tenures_of
from .leases import Row, rows
from .parties import halves

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables
    from .tenures import Tenure


class RangeTurnover(NamedTuple):
    """Tell how often a net changed hands: ``changes`` in ``years``, and a year.

    ``tenants`` are the parties in the order of time, ``since`` the first snapshot (ISO).
    ``turnover`` is None where all snapshots are of one day.
    """

    first: str
    last: str
    cidrs: tuple[str, ...]
    netname: str | None
    registry: str
    country: tuple[str, ...]
    lessor: str | None
    lessor_handle: str | None
    lessee: str | None
    lessee_handle: str | None
    verdict: str
    confidence: str
    tenants: tuple[str, ...]
    changes: int
    since: str
    years: float
    turnover: float | None


class LessorTurnover(NamedTuple):
    """Tell how often the leased nets of a party changed hands.

    ``nets`` are all of them, ``changed`` those that did; ``turnover`` are changes for each net and
    year, ``median_days`` how long the tenures that are over lasted, None where none is known.
    """

    lessor: str | None
    lessor_handle: str | None
    nets: int
    changed: int
    changes: int
    turnover: float | None
    median_days: int | None


def ranges(index: Index, ids: Ints) -> list[RangeTurnover]:
    """Return the nets among some that changed hands, those that did most often first."""
    days = Days(index)
    which = with_past(index, ids)
    found = [_turnover(index, days, number, row) for number, row in _rows(index, which)]
    return sorted(
        (item for item in found if item.changes),
        key=lambda item: (-item.changes, -(item.turnover or 0)),
    )


def _rows(index: Index, ids: Ints) -> Iterator[tuple[int, Row]]:
    return zip(ids.tolist(), rows(index, ids), strict=True)


def _turnover(index: Index, days: Days, number: int, row: Row) -> RangeTurnover:
    ranged = tenures_of(index, days, index.net(number))
    tenants = tuple(item.name or item.handle or "-" for item in ranged.tenures)
    shared = {name: getattr(row, name) for name in RangeTurnover._fields if hasattr(row, name)}
    return RangeTurnover(
        **shared, tenants=tenants, changes=ranged.changes, since=ranged.watched[0].isoformat(),
        years=round(ranged.years, 2),
        turnover=None if ranged.turnover is None else round(ranged.turnover, 3),
    )  # fmt: skip


def lessors(index: Index, ids: Ints) -> list[LessorTurnover]:
    """Return the lessors of some nets, those whose nets changed hands most often first."""
    days = Days(index)
    past = set(with_past(index, ids).tolist())
    groups: dict[str, _Group] = {}
    for number, row in _rows(index, ids):
        key = row.lessor_handle or row.lessor or ""
        group = groups.setdefault(key, _Group(row.lessor, row.lessor_handle))
        group.nets += 1
        if number in past:
            ranged = tenures_of(index, days, index.net(number))
            group.add(ranged.tenures, ranged.changes, ranged.years)
        else:
            group.years += days.years(index.net(number))
    found = [group.turnover() for group in groups.values()]
    return sorted(found, key=lambda item: (-item.changes, -item.nets, item.lessor or ""))


class _Group:
    """Add up what the nets of one lessor did."""

    def __init__(self, name: str | None, handle: str | None) -> None:
        self.name, self.handle = name, handle
        self.nets = self.changed = self.changes = 0
        self.years = 0.0
        self.over: list[int] = []

    def add(self, tenures: Iterable[Tenure], changes: int, years: float) -> None:
        """Add a net."""
        self.changed += changes > 0
        self.changes += changes
        self.years += years
        self.over += [item.days for item in tenures if item.ended is not None]

    def turnover(self) -> LessorTurnover:
        """Return what came of it."""
        return LessorTurnover(
            self.name, self.handle, self.nets, self.changed, self.changes,
            round(self.changes / self.years, 3) if self.years else None,
            round(median(self.over)) if self.over else None,
        )  # fmt: skip


def with_past(index: Index, ids: Ints) -> Ints:
    """Return the nets among some whose range has a row of the past, ascending int64."""
    past = index.times.past
    if past is None or not len(ids):
        return np.zeros(0, np.int64)
    tables = index._tables
    narrow = ids[ids < tables.nets4]
    known = _pairs(cells(past, "net_first4"), cells(past, "net_last4"))
    mine = _pairs(cells(tables, "net_first4", narrow), cells(tables, "net_last4", narrow))
    found = [narrow[np.isin(mine, known)]]
    wide = ids[ids >= tables.nets4]
    if len(wide):
        keys = {*zip(*(half.tolist() for half in _words(past)), strict=True)}
        mine6 = zip(*(half.tolist() for half in halves(tables, wide)), strict=True)
        found.append(wide[np.array([key in keys for key in mine6], bool)])
    return np.concatenate(found)


def _pairs(first: NDArray[Any], last: NDArray[Any]) -> NDArray[np.uint64]:
    return first.astype(np.uint64) << np.uint64(32) | last.astype(np.uint64)


def _words(past: Tables) -> list[NDArray[Any]]:
    names = ("net_first6_hi", "net_first6_lo", "net_last6_hi", "net_last6_lo")
    return [cells(past, name) for name in names]
