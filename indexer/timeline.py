"""Put what a snapshot shows into the line of time of every net.

A *stretch* is a slot (`sides`) as it was without a change from one day to another; both are days of
snapshots that hold the slot's source. Days on which a source was not looked at say nothing of it:
each source has days of its own. The line of a source is a function of what its days showed, so
snapshots may come in any order and come again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .scan import Ints

NEVER: Final = 1 << 30  # behind the last day
Days = dict[int, list[int]]  # of each source (`sides.Unit`), ascending; days since 1970
Pairs = Callable[[int, Ints, int, Ints], NDArray[np.bool_]]


class Line(NamedTuple):
    """Hold stretches, arrays (n,): where what they show is found, and from when to when.

    ``row`` is a row of the side ``side``; ``key`` a hash of the slot; ``unit`` its source.
    """

    side: NDArray[np.int8]
    row: Ints
    begin: NDArray[np.int32]
    end: NDArray[np.int32]
    key: NDArray[np.uint64]
    unit: NDArray[np.int16]

    def picked(self, which: Ints | NDArray[np.bool_]) -> Line:
        """Return some of the stretches."""
        columns: list[Any] = [column[which] for column in self]
        return Line(*columns)

    def shown(self, which: Ints, side: int, row: Ints) -> None:
        """Say that some stretches are found in another side."""
        self.side[which] = side
        self.row[which] = row


def joined(*lines: Line) -> Line:
    """Return the stretches of several lines as one."""
    columns: list[Any] = [np.concatenate(each) for each in zip(*lines, strict=True)]
    return Line(*columns)


def inserted(line: Line, days: Days, fresh: Line, same: Pairs, alike: Pairs) -> Line:
    """Return the line of time with what one snapshot shows; ``days`` get its days.

    ``fresh`` are the nets of the snapshot, all of one side, beginning and ending on the day of
    their source. ``same`` and ``alike`` say of pairs of rows whether they have one slot, and
    whether they show the same.
    """
    matcher = Matcher(fresh, same, alike)
    day, before, after = _neighbours(line, days, fresh)
    units = line.unit
    known = day[units] >= 0
    covers = np.flatnonzero(known & (line.begin <= day[units]) & (day[units] <= line.end))
    found = matcher.matched(line, covers, np.arange(len(fresh.key)))
    kept = np.flatnonzero(found >= 0)
    latest = found[kept][line.end[found[kept]] == fresh.end[kept]]
    line.shown(latest, int(fresh.side[0]) if len(fresh.side) else 0,
               fresh.row[kept[line.end[found[kept]] == fresh.end[kept]]])  # fmt: skip
    broken = np.setdiff1d(covers, found[kept], assume_unique=True)
    line = _stripped(line, broken, day, before, after)
    line = _added(line, np.flatnonzero(found < 0), matcher, before, after)
    for unit in np.unique(fresh.unit).tolist():
        days[unit] = sorted({*days.get(unit, ()), int(day[unit])})
    return line


class Matcher(NamedTuple):
    """Match the nets of a snapshot with stretches."""

    fresh: Line
    same: Pairs
    alike: Pairs

    def matched(self, line: Line, stretches: Ints, nets: Ints) -> Ints:
        """Return for some nets the stretch among some that is alike, -1 without one."""
        result = np.full(len(nets), -1, np.int64)
        if not len(stretches) or not len(nets):
            return result
        order = stretches[np.argsort(line.key[stretches], kind="stable")]
        keys = line.key[order]
        wanted = np.argsort(self.fresh.key[nets], kind="stable")
        place = np.searchsorted(keys, self.fresh.key[nets[wanted]])
        place[place == len(keys)] = 0
        hit = keys[place] == self.fresh.key[nets[wanted]]
        at, stretch = wanted[hit], order[place[hit]]
        mine = int(self.fresh.side[0])
        for side in np.unique(line.side[stretch]).tolist():
            which = np.flatnonzero(line.side[stretch] == side)
            rows, theirs = self.fresh.row[nets[at[which]]], line.row[stretch[which]]
            good = self.same(mine, rows, side, theirs)
            which, rows, theirs = which[good], rows[good], theirs[good]
            which = which[self.alike(mine, rows, side, theirs)]
            result[at[which]] = stretch[which]
        return result


def _neighbours(line: Line, days: Days, fresh: Line) -> tuple[Ints, Ints, Ints]:
    """Return the day of each source in a snapshot, -1 = not there, and the days around it.

    The day before is -1 and the one after `NEVER` where there is none.
    """
    count = 1 + max((int(part.unit.max(initial=-1)) for part in (line, fresh)), default=-1)
    count = max(count, 1 + max(days, default=-1))
    day = np.full(count, -1, np.int64)
    day[fresh.unit] = fresh.begin
    before, after = np.full(count, -1, np.int64), np.full(count, NEVER, np.int64)
    for unit, known in days.items():
        if day[unit] < 0:
            continue
        before[unit] = max((other for other in known if other < day[unit]), default=-1)
        after[unit] = min((other for other in known if other > day[unit]), default=NEVER)
    return day, before, after


def _stripped(line: Line, broken: Ints, day: Ints, before: Ints, after: Ints) -> Line:
    """Return a line in which some stretches do not hold the day of the snapshot."""
    if not len(broken):
        return line
    rest = np.ones(len(line.key), bool)
    rest[broken] = False
    cut = line.picked(broken)
    at = day[cut.unit]
    early, late = cut.begin < at, cut.end > at
    left = cut._replace(end=before[cut.unit].astype(np.int32)).picked(early)
    right = cut._replace(begin=after[cut.unit].astype(np.int32)).picked(late)
    return joined(line.picked(rest), left, right)


def _added(line: Line, nets: Ints, matcher: Matcher, before: Ints, after: Ints) -> Line:
    """Return a line that holds some nets of a snapshot on its day: prolonged, or new stretches."""
    fresh, units = matcher.fresh, line.unit
    left = np.flatnonzero(line.end == before[units])
    right = np.flatnonzero(line.begin == after[units])
    earlier, later = matcher.matched(line, left, nets), matcher.matched(line, right, nets)
    both = (earlier >= 0) & (later >= 0)
    line.begin[later[both]] = line.begin[earlier[both]]
    only = (earlier >= 0) & ~both
    line.end[earlier[only]] = fresh.end[nets[only]]
    if len(nets):
        line.shown(earlier[only], int(fresh.side[0]), fresh.row[nets[only]])
    only = (later >= 0) & ~both
    line.begin[later[only]] = fresh.begin[nets[only]]
    rest = np.ones(len(line.key), bool)
    rest[earlier[both]] = False
    new = nets[(earlier < 0) & (later < 0)]
    return joined(line.picked(rest), fresh.picked(new))
