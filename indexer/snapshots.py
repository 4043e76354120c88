"""Keep the past in an index: what earlier snapshots showed, and since when nets are as they are.

Every build makes an index of its dumps alone. With a previous index, its nets and those of all
snapshots before are put into one line of time (`timeline`). What each source showed last is the
present; the rest goes into the tables of the past. Usually the dumps are the latest of all their
sources and hold every source: then the present is the index just made. If all of them are older,
it is that of the previous index, copied; else it is built from the raw texts of both (`carried`),
so that a source that was not downloaded today stays, as it was last seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.days import day_at, number_of
from rirdex.query.errors import Damaged, Error
from rirdex.query.store import PastTables, Store, Tables, whole_digest

from .intern import narrowed
from .leasing import VERDICTS
from .past import Past, ordered
from .scan import Ints
from .sides import SOURCE, Common, Side, Unit, Unsealed
from .timeline import Days, Line, Matcher, inserted, joined
from .turnover import changed_hands, rejudged
from .writer import IndexFile

Json = dict[str, Any]


class Shown(NamedTuple):
    """Say on which days a source was seen (ISO), and in which files (places in the sources)."""

    days: list[str]
    files: list[list[int]]


Seen = dict[Unit, Shown]
# Build another index beside, of the raw texts of some units of two indexes; return its metadata.
Rebuild = Callable[[IndexFile, Store, Collection[Unit], Store, Collection[Unit]], Json]


def opened(path: str) -> Store:
    """Open a previous index, when every byte of it is as it was written. Raises `StoreError`.

    What is damaged would be handed down from build to build.
    """
    store = Store(path)
    with open(path, "rb") as file:
        if whole_digest(file) != store.seal.whole:
            raise Damaged(path, "is damaged, and would be the past of another: see `rirdex verify`")
    return store


def first(file: IndexFile, meta: Json) -> None:
    """Complete an index that has no past: its files are the first snapshot."""
    file.put("net.since", np.zeros(0, np.uint8))
    side = Side(Tables(Unsealed(file, meta)))
    sources = [{key: source[key] for key in SOURCE} for source in meta["sources"]]
    meta["past"] = {
        "nets": 0, "nets4": 0, "origins": [], "facilitators": [], "days": [], "sources": sources,
        "units": _to_json(_seen(side)),
    }  # fmt: skip


def extend(
    file: IndexFile, meta: Json, previous: Store, beside: Callable[[], IndexFile], rebuild: Rebuild
) -> tuple[IndexFile, Json]:
    """Complete an index with the past of a previous one; return the file that holds the present.

    ``file`` is the index of the dumps alone; ``beside`` gives another file to write, where the
    present is not that. Raises `Error` where a file has no date.
    """
    made = Unsealed(file, meta)
    common = Common(_sides(made, previous))
    seen, before = _seen(common.sides[0]), _from_json(previous.meta["past"]["units"])
    _check_dates(seen, "these dumps")
    _check_dates(before, previous.path)
    days: Days = {common.units[unit]: _numbers(shown.days) for unit, shown in before.items()}
    line = inserted(
        _line_of(common, previous, days), days, _fresh(common, seen), common.same, common.alike
    )
    newest = {
        unit for unit in seen if unit not in before or seen[unit].days[0] >= before[unit].days[-1]
    }
    if newest == seen.keys() >= before.keys():
        kept, present = file, 0
    elif not newest:
        kept, present = beside(), 1
        meta = _copied(previous, kept)
    else:
        kept = beside()
        meta = rebuild(kept, made, newest, previous, before.keys() - newest)
        present = common.add(Side(Tables(Unsealed(kept, meta))))
    lasting = line.end == _by_unit(days, -1)[line.unit]
    shown = _shown(common, line, np.flatnonzero(lasting), present)
    hands = np.flatnonzero(np.isin(shown, changed_hands(common, line, lasting)))
    for name, table in rejudged(common.sides[present], hands, meta["rules_off"]).items():
        kept.hold(name, table)
    begun, since = np.unique(
        np.where(shown >= 0, line.begin[shown], np.int32(0)), return_inverse=True
    )
    kept.put("net.since", narrowed(since, max(len(begun), 1)))
    past = Past(common, *ordered(common, line.picked(~lasting)))
    past.write(kept)
    units = _all_units(common, before, previous, seen, made)
    meta["past"] = past.meta() | {
        "days": [day_at(day).isoformat() for day in begun.tolist()], "sources": common.sources,
        "units": _to_json(units),
    }  # fmt: skip
    return kept, meta


def _sides(made: Store, previous: Store) -> list[Side]:
    """Return the index of the dumps, the present of the previous one, and its past, if any."""
    sides = [Side(Tables(made)), Side(Tables(previous))]
    return sides + ([Side(PastTables(previous))] if previous.meta["past"]["nets"] else [])


def told(past: Json) -> Iterator[str]:
    """Yield what the summary of a build says of the past."""
    days: dict[str, set[str]] = {}
    for unit in past["units"]:
        days.setdefault(unit["source"], set()).update(unit["days"])
    for source, known in days.items():
        count = f"{len(known)} snapshot{'s' if len(known) > 1 else ''}"
        yield f"{source}: {count}, the present is of {max(known)}"
    yield f"states of nets that are over: {past['nets']:,}"


def _seen(side: Side) -> Seen:
    """Return the sources that an index holds, their day, and the files they are in.

    The day is that of the latest of a source's files; a source of which nothing says the day was
    seen with the latest of the others.
    """
    origin, entries = side.column("net.origin"), side.tables.meta["origins"]
    files: dict[Unit, set[int]] = {}
    for family, part in ((4, origin[: side.count4]), (6, origin[side.count4 :])):
        for code in np.flatnonzero(np.bincount(part)).tolist():
            item = entries[code]
            unit = (str(item["registry"]), str(item["source"]), family)
            files.setdefault(unit, set()).add(int(item["file"]))
    sources = side.tables.meta["sources"]
    dated: dict[str, list[str]] = {}
    for item in entries:
        if day := sources[item["file"]]["date"]:
            dated.setdefault(str(item["source"]), []).append(day)
    latest = [source["date"] for source in sources if source["date"]]
    found = {}
    for unit, places in sorted(files.items()):
        dates = dated.get(unit[1], latest)
        found[unit] = Shown([max(dates)] if dates else [], [sorted(places)] if dates else [])
    return found


def _check_dates(seen: Seen, where: str) -> None:
    """Raise `Error` where nothing says of which day a source is."""
    for (_, source, _), shown in seen.items():
        if not shown.days:
            raise Error(
                f"{where}: nothing says of which day {source}'s records are: build with --date"
            )


def _line_of(common: Common, previous: Store, days: Days) -> Line:
    """Return the line of time that an index holds: its present, then its past."""
    side, units = common.sides[1], common.unit[1]
    codes = side.column("net.since")
    if len(codes):
        begin = np.array(_numbers(previous.meta["past"]["days"]), np.int32)[codes]
    else:
        begin = _by_unit(days, 0)[units]
    line = _line(common, 1, begin, _by_unit(days, -1)[units])
    if len(common.sides) > 2:
        past = common.sides[2]
        ends = (past.column(f"net.{end}").astype(np.int32) for end in ("from", "to"))
        line = joined(line, _line(common, 2, *ends))
    return line


def _fresh(common: Common, seen: Seen) -> Line:
    days = {common.units[unit]: _numbers(shown.days) for unit, shown in seen.items()}
    day = _by_unit(days, 0)[common.unit[0]]
    return _line(common, 0, day, day.copy())


def _line(common: Common, side: int, begin: NDArray[np.int32], end: NDArray[np.int32]) -> Line:
    count = common.sides[side].count
    return Line(
        np.full(count, side, np.int8), np.arange(count), begin, end, common.keys(side),
        common.unit[side],
    )  # fmt: skip


def _by_unit(days: Days, place: int) -> NDArray[np.int32]:
    """Return the first (0) or last (-1) day of every source."""
    table = np.zeros(max(days, default=-1) + 1, np.int32)
    for unit, known in days.items():
        table[unit] = known[place]
    return table


def _shown(common: Common, line: Line, lasting: Ints, present: int) -> Ints:
    """Return for each net of the present its stretch among the lasting ones, -1 without one."""
    count = common.sides[present].count
    if present < 2:
        found = np.full(count, -1, np.int64)
        found[line.row[lasting]] = lasting
        return found
    none = np.zeros(count, np.int32)
    nets = _line(common, present, none, none)
    return Matcher(nets, common.same, _every).matched(line, lasting, np.arange(count))


def _every(_: int, at: Ints, __: int, ___: Ints) -> NDArray[np.bool_]:
    return np.ones(len(at), bool)


def _all_units(common: Common, before: Seen, previous: Store, seen: Seen, made: Store) -> Seen:
    """Return the days of all sources; the files are places in the sources of all sides."""
    found: dict[Unit, dict[str, list[int]]] = {}
    for shown_by, sources in (
        (before, previous.meta["past"]["sources"]), (seen, made.meta["sources"]),
    ):  # fmt: skip
        for unit, shown in shown_by.items():
            for day, files in zip(shown.days, shown.files, strict=True):
                places = [common.source(sources[place]) for place in files]
                found.setdefault(unit, {})[day] = places
    return {
        unit: Shown(sorted(days), [days[day] for day in sorted(days)])
        for unit, days in sorted(found.items())
    }


def _copied(previous: Store, file: IndexFile) -> Json:
    """Copy the present of an index; return its metadata."""
    types = previous.meta["types"]
    for name in previous.meta["tables"]:
        if name in layout.SORTED:
            file.put_sorted(name, [*previous.rows(name)])
        elif name != "net.since" and not name.startswith("past."):
            if name in VERDICTS:
                file.hold(name, np.array(previous.table(name)))
                continue
            file.put(name, previous.raw(name))
            if name in types:
                file.types[name] = types[name]
    return {key: value for key, value in previous.meta.items() if key not in ("tables", "types")}


def _to_json(seen: Seen) -> list[Json]:
    return [
        {"registry": unit[0], "source": unit[1], "family": unit[2], **shown._asdict()}
        for unit, shown in seen.items()
    ]


def _from_json(units: list[Json]) -> Seen:
    return {
        (item["registry"], item["source"], item["family"]): Shown(item["days"], item["files"])
        for item in units
    }


def _numbers(days: list[str]) -> list[int]:
    return [number_of(day) for day in days]
