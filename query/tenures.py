"""Describe who held ranges when: `History`, `Ranged`, `Tenure`, `State`.

They are made in `history`. States read the index when they are asked; the rest are tuples.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import Span, format_prefixes, format_range
from .cells import Json, day_text
from .contacts import for_last
from .records import Net, Party
from .verdicts import judged

if TYPE_CHECKING:
    from .index import Index

SCHEMA_VERSION: Final = 1
YEAR: Final = 365.25
UNDATED: Final = date.min  # the day of a snapshot of which the dumps do not tell it


class State:
    """Describe a net as it was from one snapshot to another; its members are read when asked for.

    ``first_seen`` and ``last_seen`` are days of snapshots; `UNDATED` where no dump tells its day.
    """

    __slots__ = ("_index", "first_seen", "last_seen", "net")

    def __init__(self, index: Index, net: Net, first_seen: date, last_seen: date) -> None:
        self._index = index
        self.net = net
        self.first_seen = first_seen
        self.last_seen = last_seen

    @property
    def party(self) -> Party:
        """Return whom the net named."""
        return self.net.party

    @property
    def name(self) -> str | None:
        """Return the party's name."""
        return self.net.called[0]

    @property
    def handle(self) -> str | None:
        """Return the party's organisation handle."""
        return self.net.called[1]

    @property
    def netname(self) -> str | None:
        """Return the netname."""
        return self.net.netname

    @property
    def descr(self) -> tuple[str, ...]:
        """Return the description."""
        return self.net.descr

    @property
    def country(self) -> tuple[str, ...]:
        """Return the country codes."""
        return self.net.country

    @property
    def status(self) -> str | None:
        """Return the status."""
        return self.net.status

    @property
    def mnt_by(self) -> tuple[str, ...]:
        """Return the maintainers."""
        return self.net.mnt_by

    @property
    def registry(self) -> str:
        """Return the registry."""
        return self.net.registry

    @property
    def contact(self) -> str | None:
        """Return the mailbox, else handle, that the registry's rule gave at the state's end."""
        found = for_last(self._chain())
        return found[0].mailbox or found[0].handle if found else None

    @property
    def verdict(self) -> str:
        """Return whether the net appeared to be leased."""
        return judged(self.net.tables, self.net.id).verdict

    @property
    def confidence(self) -> str:
        """Return how sure the verdict was."""
        return judged(self.net.tables, self.net.id).confidence

    @property
    def origins(self) -> tuple[int, ...]:
        """Return the AS numbers that announced the net."""
        return self._index.lookup(self._text(), at=self.last_seen).origins

    def _text(self) -> str:
        return format_range(self.net.family, *self.net.bounds)

    def _chain(self) -> tuple[Net, ...]:
        """Return the nets from the widest down to this one, at the state's end."""
        chain = self._index.lookup(self._text(), at=self.last_seen).chain
        if self.net not in chain:
            return (self.net,)
        return chain[: chain.index(self.net) + 1]

    def to_dict(self) -> Json:
        """Return the state as in the JSON of a history."""
        return {
            "first_seen": _day(self.first_seen), "last_seen": _day(self.last_seen),
            "netname": self.netname, "name": self.name, "handle": self.handle,
            "descr": [*self.descr], "country": [*self.country], "status": self.status,
            "mnt_by": [*self.mnt_by], "contact": self.contact, "verdict": self.verdict,
            "confidence": self.confidence, "origins": [*self.origins],
            "registry": self.registry, "source": self.net.source,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<State {self.first_seen} {self.last_seen} {self.netname}>"


class Tenure(NamedTuple):
    """Tell how long one party held a range; ``states`` are in the order of time.

    ``began_after`` is the last snapshot before, which did not show it: None when it was there in
    the first one. ``ended`` is the first one after that did not, None while it is there.
    """

    states: tuple[State, ...]
    began_after: date | None
    ended: date | None

    @property
    def last(self) -> State:
        """Return the last state."""
        return self.states[-1]

    @property
    def first_seen(self) -> date:
        """Return the day of the first snapshot with it."""
        return self.states[0].first_seen

    @property
    def last_seen(self) -> date:
        """Return the day of the last snapshot with it."""
        return max(state.last_seen for state in self.states)

    @property
    def name(self) -> str | None:
        """Return what the party was called last."""
        return self.last.name

    @property
    def handle(self) -> str | None:
        """Return the party's handle, the last one."""
        return self.last.handle

    @property
    def country(self) -> tuple[str, ...]:
        """Return the country codes of the last state."""
        return self.last.country

    @property
    def contact(self) -> str | None:
        """Return the contact of the last state."""
        return self.last.contact

    @property
    def registry(self) -> str:
        """Return the registry of the last state."""
        return self.last.registry

    @property
    def registries(self) -> tuple[str, ...]:
        """Return the registries the range passed through, in order."""
        return tuple(dict.fromkeys(state.registry for state in self.states))

    @property
    def days(self) -> int:
        """Return the days from the first snapshot with it to the last."""
        return (self.last_seen - self.first_seen).days

    def to_dict(self) -> Json:
        """Return the tenure as in the JSON of a history."""
        return {
            "name": self.name, "handle": self.handle, "country": [*self.country],
            "contact": self.contact, "registry": self.registry,
            "registries": [*self.registries], "role": self.last.net.role,
            "first_seen": _day(self.first_seen), "last_seen": _day(self.last_seen),
            "began_after": day_text(self.began_after), "ended": day_text(self.ended),
            "days": self.days, "states": [state.to_dict() for state in self.states],
        }  # fmt: skip


class Gap(NamedTuple):
    """Name days on which a range was seen not to be there: of the first and the last snapshot."""

    first: date
    last: date

    def to_dict(self) -> Json:
        """Return the gap as in the JSON of a history."""
        return {"first": day_text(self.first), "last": day_text(self.last)}


class Told(NamedTuple):
    """Hold what a registry says of the past itself: its attribute, or its log of transfers."""

    date: date
    what: str
    text: str

    def to_dict(self) -> Json:
        """Return it as in the JSON of a history."""
        return {"date": day_text(self.date), "what": self.what, "text": self.text}


class Ranged(NamedTuple):
    """Hold the tenures of one range, in the order of time.

    ``relation`` is how it lies to the query: around, exact or inside. ``watched`` is the time in
    which its sources had snapshots: first and last day.
    """

    span: Span
    relation: str
    tenures: tuple[Tenure, ...]
    gaps: tuple[Gap, ...]
    told: tuple[Told, ...]
    watched: tuple[date, date]

    @property
    def first(self) -> object:
        """Return the first address."""
        return self.tenures[-1].last.net.first

    @property
    def last(self) -> object:
        """Return the last address."""
        return self.tenures[-1].last.net.last

    @property
    def key(self) -> str:
        """Return the range as text."""
        return format_range(self.span.family, self.span.first, self.span.last)

    @property
    def current(self) -> Tenure | None:
        """Return the tenure that goes on, None where there is none."""
        return next((item for item in reversed(self.tenures) if item.ended is None), None)

    @property
    def changes(self) -> int:
        """Return how often another party followed: tenures that began when one had been seen."""
        firsts = [item.last_seen for item in self.tenures]
        return sum(
            item.began_after is not None and min(firsts) < item.first_seen for item in self.tenures
        )

    @property
    def years(self) -> float:
        """Return for how many years the range has been watched."""
        return (self.watched[1] - self.watched[0]).days / YEAR

    @property
    def turnover(self) -> float | None:
        """Return changes a year; None where all snapshots are of one day."""
        return self.changes / self.years if self.years else None

    def to_dict(self) -> Json:
        """Return the range as in the JSON of a history."""
        cidrs = format_prefixes(self.span.family, self.span.first, self.span.last)
        return {
            "key": self.key, "cidrs": [*cidrs], "relation": self.relation,
            "tenures": [item.to_dict() for item in self.tenures],
            "gaps": [item.to_dict() for item in self.gaps],
            "before": [item.to_dict() for item in self.told],
            "watched": [_day(day) for day in self.watched], "changes": self.changes,
            "turnover": None if self.turnover is None else round(self.turnover, 3),
        }  # fmt: skip


class History(NamedTuple):
    """Hold the ranges that ever covered a query, or lay in it: widest first. False without any."""

    query: str
    span: Span
    ranges: tuple[Ranged, ...]

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def to_dict(self) -> Json:
        """Return the history as JSON."""
        return {
            "schema_version": SCHEMA_VERSION, "query": self.query, "kind": self.span.kind,
            "ranges": [item.to_dict() for item in self.ranges],
        }  # fmt: skip


def _day(day: date) -> str | None:
    return None if day == UNDATED else day_text(day)
