"""Tell how the tenant of a block changed around a day, from the snapshots of an index.

A change counts from the first snapshot that shows it. Where a source has one snapshot only, nothing
is known. Most blocks never changed: that is seen without reading their history.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import Span
from .history import Days, history
from .past import rows_around
from .records import Net

if TYPE_CHECKING:
    from .index import Index

AROUND: Final = 90  # days


class Turned(NamedTuple):
    """Say whether a tenant changed since a day, in the `AROUND` days before it, or after it.

    ``unknown`` where one snapshot, or no day, cannot tell; ``steady`` when it never changed.
    """

    since: bool = False
    before: bool = False
    after: bool = False
    steady: bool = False
    unknown: bool = False


class Turns:
    """Answer for the nets of one index, and keep the days on which they changed hands."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._seen = Days(index)
        self._days: dict[tuple[int, int, int], tuple[date, ...]] = {}
        self._often = {
            (unit["registry"], unit["source"], unit["family"])
            for unit in index.meta["past"]["units"] if len(unit["days"]) > 1
        }  # fmt: skip

    def of(self, net: Net | None, day: date | None) -> Turned:
        """Return how the tenant of a net changed around a day."""
        if net is None or day is None:
            return Turned(unknown=True)
        if (net.registry, net.source, net.family) not in self._often:
            return Turned(unknown=True)
        away = [(changed - day).days for changed in self._changes(net)]
        return Turned(
            since=any(days > 0 for days in away), steady=not away,
            before=any(-AROUND <= days <= 0 for days in away),
            after=any(0 < days <= AROUND for days in away),
        )  # fmt: skip

    def _changes(self, net: Net) -> tuple[date, ...]:
        """Return the days on which a net's range was first seen with another party, or without."""
        key = (net.family, *net.bounds)
        known = self._days.get(key)
        if known is None:
            known = self._days[key] = (
                self._read(net) if self._was_other(net) else self._appeared(net)
            )
        return known

    def _was_other(self, net: Net) -> bool:
        """Say whether the past has anything of a net's range."""
        past = self._index.times.past
        if past is None:
            return False
        bounds = net.bounds
        return any(
            Net(past, row, row).bounds == bounds for row in rows_around(past, net.family, bounds[0])
        )

    def _appeared(self, net: Net) -> tuple[date, ...]:
        """Return the day on which a net that never was another was first seen, if not at once."""
        state = self._seen.state(net)
        return (state.first_seen,) if self._seen.before(state) else ()

    def _read(self, net: Net) -> tuple[date, ...]:
        span = Span(net.family, *net.bounds, "range")
        exact = (each for each in history(self._index, span).ranges if each.relation == "exact")
        tenures = [tenure for each in exact for tenure in each.tenures]
        return tuple(sorted(
            {each.first_seen for each in tenures if each.began_after}
            | {each.ended for each in tenures if each.ended}
        ))  # fmt: skip
