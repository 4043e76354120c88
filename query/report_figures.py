"""Count incidents for a report: when, in what space, whose, told to whom, and what came of it.

Verdict, parties and contacts are those of the incident's own time. Every figure is a `Table`, so
that page, CSV and JSON show the same numbers. Who is told is the first rung of the ladder; with a
ledger the reports that were drafted are counted beside.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date
from typing import TYPE_CHECKING, Final, NamedTuple

from .casework import KINDS, Incident, Ladder, Rung
from .cells import Json
from .escalation import Ladders, Options
from .facts import system_text
from .incidents import NAMES
from .reached import INVALID
from .rung_parts import INHERITED, countries_of_net
from .turned import Turned, Turns

if TYPE_CHECKING:
    from .cases import Report
    from .index import Index
    from .ledger import Ledger
    from .model import Answer
    from .records import Party

SCHEMA_VERSION: Final = 1
SPACES: Final = ("leased", "likely-leased", "registered", "none")
LEASED: Final = SPACES[:2]
COUNTED: Final = (*SPACES, "total", "share", "share_leased")  # of all rows; of the row
QUALITIES: Final = ("own", "inherited", "text", "form", "invalid", "bounced", "none")
_PARTIES: Final = ("lessee", "facilitator", "holder")
_COUNTRIES: Final = 8  # of a side of the matrix; the others are one
Value = int | float | None


class Table(NamedTuple):
    """Hold a figure: numbers by the key of a row and the name of a column, None = not known."""

    name: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[Value, ...]]

    def to_dict(self) -> Json:
        """Return the table as in the JSON of a report."""
        return {
            "columns": [*self.columns],
            "rows": [
                {"key": key, **dict(zip(self.columns, row, strict=True))}
                for key, row in self.rows.items()
            ],
        }  # fmt: skip


class Figures(NamedTuple):
    """Hold all figures; ``about`` says of what: rows, period, sources, and what is not counted."""

    about: Json
    tables: tuple[Table, ...]

    def to_dict(self) -> Json:
        """Return the report as JSON."""
        return {
            "schema_version": SCHEMA_VERSION, "about": self.about,
            "tables": {table.name: table.to_dict() for table in self.tables},
        }  # fmt: skip


class Judged(NamedTuple):
    """Hold the space an address lies in, the parties of a lease, the countries of both sides."""

    space: str
    lessor: str | None = None
    facilitator: str | None = None
    lessee: str | None = None
    countries: tuple[str, str] | None = None  # of lessor and lessee


class Seen(NamedTuple):
    """Hold what counts of one incident."""

    incident: Incident
    day: date | None
    judged: Judged
    origins: tuple[str, ...]
    net: tuple[int, int, int] | None  # family and ends of the last net
    quality: str
    told: Rung | None
    turned: Turned


# -- one incident -----------------------------------------------------------------------------


class Gatherer:
    """Find what counts of incidents in one index; what many addresses share is found once."""

    def __init__(self, index: Index, options: Options | None = None) -> None:
        self._index = index
        self._ladders = Ladders(index, options)
        self._turns = Turns(index)
        self._judgements: dict[object, Judged] = {}
        self._systems: dict[int, str] = {}

    def of(self, incident: Incident) -> Seen:
        """Return what counts of a good incident."""
        day = incident.time.astimezone(UTC).date() if incident.time else None
        answer = self._index.lookup(incident.ip or "", at=day)
        ladder = self._ladders.of(incident)
        last = answer.chain[-1] if answer.chain else None
        return Seen(
            incident, day, self._judged(answer), self._named(answer),
            (last.family, *last.bounds) if last else None, self._quality(ladder),
            next((rung for rung in ladder.rungs if rung.reached), None),
            self._turns.of(last, day),
        )  # fmt: skip

    def _judged(self, answer: Answer) -> Judged:
        """Return what the verdict of an answer says."""
        if not answer.chain:
            return Judged("none")
        last = answer.chain[-1]
        key = (last.tables.prefix, last.id, last._piece, answer.moment and answer.moment.asked)
        found = self._judgements.get(key)
        if found is None:
            found = Judged("registered")
            if (space := answer.lease.verdict) in LEASED:
                nets = (answer.holder_net, last)
                codes = [countries_of_net(answer, net)[:1] if net else [] for net in nets]
                found = Judged(
                    space, _name(answer.lessor), _name(answer.facilitator), _name(answer.lessee),
                    (codes[0][0], codes[1][0]) if all(codes) else None,
                )  # fmt: skip
            self._judgements[key] = found
        return found

    def _named(self, answer: Answer) -> tuple[str, ...]:
        for asn in answer.origins:
            if asn not in self._systems:
                self._systems[asn] = system_text(answer, asn)
        return tuple(self._systems[asn] for asn in answer.origins)

    def _quality(self, ladder: Ladder) -> str:
        """Return how good the contact of an incident's block is, one of `QUALITIES`."""
        rungs = [rung for rung in ladder.rungs if not rung.now]
        # Not the order of the ladder, in which mailboxes that mail came back from are behind.
        ranked = (rung for kind in _PARTIES for rung in rungs if kind in rung.kinds)
        first = next(ranked, None)
        if first is None:
            return "none"
        if first.recipient in self._index.memory.bounced:
            return "bounced"
        if INVALID in first.notes:
            return "invalid"
        if first.mailbox is None:
            return "form"
        if first.evidence.rule.startswith("generic."):
            return "text"
        # The note stands on the holder's rung, which may be behind that of a platform.
        inherits = "lessee" not in first.kinds and any(
            note.startswith(INHERITED) for rung in rungs for note in rung.notes
        )
        return "inherited" if inherits else "own"


def _name(party: Party | None) -> str | None:
    return (party.name or party.handle) if party else None


# -- all of them ------------------------------------------------------------------------------


def figures(
    index: Index, incidents: Iterable[Incident], options: Options | None = None, *, top: int = 10,
    ledger: Ledger | None = None,
) -> Figures:  # fmt: skip
    """Count incidents. ``top`` is how many names a list has; the ledger's bounces count as such."""
    gatherer = Gatherer(index, options)
    seen: list[Seen] = []
    faults: Counter[str] = Counter()
    for incident in incidents:
        if incident.error is None:
            seen.append(gatherer.of(incident))
        else:
            faults[_fault(incident.error)] += 1
    reports = [*ledger.reports()] if ledger is not None else None
    return Figures(_about(index, seen, faults, reports), tuple(_tables(seen, reports, top)))


def _fault(error: str) -> str:
    """Return of what kind an error is: the field, or `record` where a row cannot be read at all."""
    if error.startswith(("is no ", "no column")):
        return "record"
    field = error.partition(":")[0]
    return field if field in NAMES else "address"


def _about(
    index: Index, seen: list[Seen], faults: Counter[str], reports: list[Report] | None
) -> Json:
    """Return what the figures are of."""
    from importlib.metadata import version

    days = sorted(item.day.isoformat() for item in seen if item.day)
    leased = sum(item.judged.space in LEASED for item in seen)
    pairs = [item.judged.countries for item in seen if item.judged.countries]
    return {
        "incidents": len(seen), "addresses": len({item.incident.ip for item in seen}),
        "leased": leased, "share_leased": _share(leased, len(seen)),
        "pairs": len(pairs), "share_abroad": _share(sum(a != b for a, b in pairs), len(pairs)),
        "first": days[0] if days else None, "last": days[-1] if days else None,
        "untimed": len(seen) - len(days), "invalid": faults.total(),
        "invalid_by": dict(sorted(faults.items())), "ledger": reports is not None,
        "reports": len(reports) if reports is not None else None,
        "sources": [
            {"name": item["name"], "date": item["date"]} for item in index.meta["sources"]
        ],
        "snapshots": max((len(unit["days"]) for unit in index.meta["past"]["units"]), default=0),
        "routes": bool(len(index._tables.origin_asn)), "rirdex": version("rirdex"),
        "build": index.build_id,
    }  # fmt: skip


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _tables(seen: list[Seen], reports: list[Report] | None, top: int) -> Iterator[Table]:
    yield _by(seen, "months", lambda item: f"{item.day:%Y-%m}" if item.day else None)
    for field, name in (("sector", "sectors"), ("category", "categories"), ("brand", "brands")):
        counted = _by(seen, name, _member(field))
        yield _top(counted, top if name == "brands" else len(counted.rows))
    yield _countries(seen, reports)
    yield _kinds(seen)
    yield _parties(seen, "lessors", lambda item: (item.judged.lessor,), top)
    yield _parties(seen, "facilitators", lambda item: (item.judged.facilitator,), top)
    yield _parties(seen, "lessees", lambda item: (item.judged.lessee,), top)
    yield _parties(seen, "origins", lambda item: item.origins, top)
    yield _matrix(seen)
    yield _quality(seen)
    yield _turnover(seen)
    if reports is not None:
        yield from _outcomes(reports)


def _member(field: str) -> Callable[[Seen], str | None]:
    return lambda item: getattr(item.incident, field)


def _by(seen: list[Seen], name: str, key_of: Callable[[Seen], str | None]) -> Table:
    """Count incidents by something and by the space they lie in; ascending by the key."""
    counts: Counter[tuple[str, str]] = Counter()
    for item in seen:
        if (value := key_of(item)) is not None:
            counts[value, item.judged.space] += 1
    whole = counts.total()
    rows: dict[str, tuple[Value, ...]] = {}
    for key in sorted({value for value, _ in counts}):
        row = [counts[key, space] for space in SPACES]
        total = sum(row)
        rows[key] = (*row, total, _share(total, whole), _share(sum(row[:2]), total))
    return Table(name, COUNTED, rows)


def _top(table: Table, most: int) -> Table:
    """Put the rows with the most first, and keep some."""
    at = table.columns.index("total")
    rows = sorted(table.rows.items(), key=lambda row: (-(row[1][at] or 0), row[0]))
    return table._replace(rows=dict(rows[:most]))


def _countries(seen: list[Seen], reports: list[Report] | None) -> Table:
    """Count by the country of who is told first, and of who got a report."""
    first = Counter((item.told.countries or ("-",))[0] for item in seen if item.told)
    columns: tuple[str, ...] = ("incidents",)
    sent: Counter[str] = Counter()
    if reports is not None:
        columns = ("incidents", "reports")
        sent = Counter((report.countries or ("-",))[0] for report in reports)
    keys = sorted({*first, *sent}, key=lambda key: (-first[key], -sent[key], key))
    return Table("countries", columns, {
        key: (first[key], sent[key])[: len(columns)] for key in keys
    })  # fmt: skip


def _kinds(seen: list[Seen]) -> Table:
    """Count who is told first, by year."""
    counts: Counter[tuple[str, str]] = Counter()
    for item in seen:
        if item.day:
            counts[str(item.day.year), item.told.kind if item.told else "nobody"] += 1
    columns = (*KINDS, "nobody")
    years = sorted({year for year, _ in counts})
    return Table("kinds", columns, {
        year: tuple(counts[year, kind] for kind in columns) for year in years
    })  # fmt: skip


def _parties(
    seen: list[Seen], name: str, key: Callable[[Seen], tuple[str | None, ...]], top: int
) -> Table:
    """Count incidents and addresses of parties, the ones with the most."""
    incidents: Counter[str] = Counter()
    addresses: dict[str, set[str]] = {}
    for item in seen:
        for party in key(item):
            if party is not None:
                incidents[party] += 1
                addresses.setdefault(party, set()).add(item.incident.ip or "")
    order = sorted(incidents, key=lambda party: (-incidents[party], party))
    return Table(name, ("incidents", "addresses"), {
        party: (incidents[party], len(addresses[party])) for party in order[:top]
    })  # fmt: skip


def _matrix(seen: list[Seen]) -> Table:
    """Count by the countries of lessor (rows) and lessee (columns); what is rare is `other`."""
    pairs = Counter(item.judged.countries for item in seen if item.judged.countries)
    sides = []
    for side in (0, 1):
        counts: Counter[str] = Counter()
        for pair, count in pairs.items():
            counts[pair[side]] += count
        order = sorted(counts, key=lambda code: (-counts[code], code))
        sides.append([*order[:_COUNTRIES], *(["other"] if order[_COUNTRIES:] else [])])
    cells: Counter[tuple[str, str]] = Counter()
    for pair, count in pairs.items():
        row, column = (
            code if code in side else "other" for code, side in zip(pair, sides, strict=True)
        )
        cells[row, column] += count
    rows, columns = sides
    return Table("matrix", tuple(columns), {
        row: tuple(cells[row, column] for column in columns) for row in rows
    })  # fmt: skip


def _quality(seen: list[Seen]) -> Table:
    """Count blocks and incidents by how good the contact is; of leased space apart."""
    nets: dict[str, set[tuple[int, int, int]]] = {name: set() for name in QUALITIES}
    counts: Counter[tuple[str, bool]] = Counter()
    for item in seen:
        if item.net is not None:
            nets[item.quality].add(item.net)
            counts[item.quality, item.judged.space in LEASED] += 1
    return Table("quality", ("nets", "incidents", "on_leased"), {
        name: (len(nets[name]), counts[name, True] + counts[name, False], counts[name, True])
        for name in QUALITIES
    })  # fmt: skip


def _turnover(seen: list[Seen]) -> Table:
    """Count how the tenant of the block changed around incidents; of leased space apart."""
    rows: dict[str, tuple[Value, ...]] = {}
    for name in Turned._fields:
        here = [item for item in seen if item.net is not None and getattr(item.turned, name)]
        rows[name] = (len(here), sum(item.judged.space in LEASED for item in here))
    return Table("turnover", ("incidents", "on_leased"), rows)


def _outcomes(reports: list[Report]) -> Iterator[Table]:
    """Count what came of reports, and the days to an answer, by kind of party."""
    facts = ("sent", "answered", "refused", "bounced")
    states: dict[str, tuple[Value, ...]] = {}
    answers: dict[str, tuple[Value, ...]] = {}
    for kind in (*KINDS, "all"):
        mine = [item for item in reports if kind in (item.kind, "all")]
        if not mine and kind != "all":
            continue
        states[kind] = (
            len(mine),
            *(sum(getattr(item, fact) is not None for item in mine) for fact in facts),
        )
        days = sorted(
            (item.answered - item.sent).total_seconds() / 86_400
            for item in mine if item.sent and item.answered
        )  # fmt: skip
        answers[kind] = (len(days), *_quartiles(days))
    yield Table("states", ("reports", *facts), states)
    yield Table("answers", ("answered", "lower", "median", "upper"), answers)


def _quartiles(days: list[float]) -> tuple[Value, ...]:
    """Return quartiles of some days, rounded; none of nothing."""
    if not days:
        return (None, None, None)
    if len(days) == 1:
        return (round(days[0], 1),) * 3
    return tuple(round(day, 1) for day in statistics.quantiles(days, n=4, method="inclusive"))
