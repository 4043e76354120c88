"""Pair the nets of two indexes: which net of the one is which of the other.

It is the same net where registry, source and range are, and the handle where a registry has several
records of one range: ARIN's handle; at LACNIC, which has none, status and owner-c, and what these
leave open goes by order. Handles lie in raw texts, which are slow to read: they are read only where
something else of such a record is not as it was, be it a date. What is left over on both sides with
one range, but at two registries, is one net that moved, when name or handle of its party is the
same.

Registries' blocks and placeholders are nobody's nets and have no pairs. Nothing is compared here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .audited import Bools, Ints, cells
from .days import number_of
from .names import one_party
from .parties import unheld
from .records import Net
from .rpsl import attributes

if TYPE_CHECKING:
    from .columns import Dictionaries
    from .index import Index
    from .store import Tables

Differing = Callable[[Ints, Ints], Bools]
# Classes of objects that names and contacts come from.
_TELLING: Final = frozenset({"organisation", "role", "person", "irt", "mntner"})


class Apart(NamedTuple):
    """Name nets that are not compared: the other index has none of their source and family."""

    registry: str
    source: str
    family: int
    nets: int
    in_old: bool


class Side(NamedTuple):
    """Hold one of two indexes that are compared.

    ``labels`` are registry and source of the origins of both; ``label`` numbers them by origin, and
    ``registry`` numbers the registries by label. ``fresh`` is the day before the dump by label, 0 =
    not known. ``counted`` are the nets that are compared, ``crossing`` those that cross their
    holder's, so that their verdict is unknown (both by net).
    """

    source: Index
    tables: Tables
    known: Dictionaries
    labels: list[tuple[str, str]]
    label: Ints
    registry: Ints
    fresh: Ints
    counted: Bools
    crossing: Bools

    def cell(self, name: str, rows: Ints) -> NDArray[Any]:
        """Return some rows of a column."""
        return cells(self.tables, name, rows)

    def labels_of(self, rows: Ints) -> Ints:
        """Return the labels of nets."""
        return np.asarray(self.label[self.cell("net_origin", rows)])

    def net(self, row: int) -> Net:
        """Return a net."""
        return Net(self.tables, row, row)


# -- the two sides ----------------------------------------------------------------------------


def sides(old: Index, new: Index, every: bool = False) -> tuple[Side, Side, tuple[Apart, ...]]:
    """Return both sides, and what is left out: nets of sources and families that one has none of.

    Nothing is left out with ``every``.
    """
    origins = [
        [(str(one["registry"]), str(one["source"])) for one in index.meta["origins"]]
        for index in (old, new)
    ]
    labels = sorted({*origins[0], *origins[1]})
    left, right = (
        _side(index, labels, mine) for index, mine in zip((old, new), origins, strict=True)
    )
    apart: list[Apart] = []
    if not every:
        keys = [_labels_and_families(side) for side in (left, right)]
        counts = [
            np.bincount(key[side.counted], minlength=2 * len(labels))
            for side, key in zip((left, right), keys, strict=True)
        ]
        for k, side in enumerate((left, right)):
            alone = (counts[k] > 0) & (counts[1 - k] == 0)
            side.counted[alone[keys[k]]] = False
            apart += [
                Apart(*labels[each >> 1], 6 if each & 1 else 4, int(counts[k][each]), k == 0)
                for each in np.flatnonzero(alone).tolist()
            ]
    return left, right, tuple(apart)


def _side(index: Index, labels: list[tuple[str, str]], origins: list[tuple[str, str]]) -> Side:
    tables = index._tables
    role = cells(tables, "piece_role")[: tables.nets] & layout.ROLE_BITS
    crossing = np.zeros(tables.nets, bool)
    crossing[unheld(tables)] = True
    registries = sorted({registry for registry, _ in labels})
    label = np.array([labels.index(each) for each in origins], np.int64)
    return Side(
        index, tables, index.dictionaries, labels, label,
        np.array([registries.index(registry) for registry, _ in labels], np.int64),
        _fresh(index, label, len(labels)),
        (role != layout.REGISTRY) & (role != layout.PLACEHOLDER), crossing,
    )  # fmt: skip


def _fresh(index: Index, label: Ints, count: int) -> Ints:
    """Return by label the day before the oldest dump, counted from 1970."""
    found = np.zeros(count, np.int64)
    for origin, number in zip(index.meta["origins"], label.tolist(), strict=True):
        day = index.meta["sources"][origin["file"]]["date"]
        days = number_of(day) - 1 if day else 0
        found[number] = min(days, found[number]) if found[number] else days
    return found


def _labels_and_families(side: Side) -> Ints:
    rows = np.arange(side.tables.nets)
    return side.labels_of(rows) * 2 + (rows >= side.tables.nets4)


def notes(left: Side, right: Side, apart: Iterable[Apart]) -> Iterator[str]:
    """Yield what a reader should know: what is left out, and what only one of the indexes has."""
    sides = (("old", left), ("new", right))
    partly = {label for _, side in sides for label, _ in _classes(side)}
    left_out: dict[tuple[str, str, bool], list[Apart]] = {}
    for one in apart:
        left_out.setdefault((one.registry, one.source, one.in_old), []).append(one)
    for (registry, source, in_old), each in left_out.items():
        family = f"IPv{each[0].family} " if (registry, source) in partly else ""
        yield (
            f"left out: {family}nets of {_source(registry, source)} "
            f"({sum(one.nets for one in each):,}), which only the {'old' if in_old else 'new'} "
            "index has"
        )  # fmt: skip
    for (name, side), (_, other) in (sides, sides[::-1]):
        held = dict(_classes(side)), dict(_classes(other))
        for label in sorted(held[0].keys() & held[1].keys()):
            kinds = ", ".join(sorted(held[0][label] - held[1][label]))
            if kinds:
                yield (
                    f"only the {name} index has {kinds} objects of {_source(*label)}: names and "
                    "contacts differ for that"
                )  # fmt: skip
        if len(side.tables.view("origin_asn")) and not len(other.tables.view("origin_asn")):
            yield f"only the {name} index has routes: verdicts differ for that"


def _source(registry: str, source: str) -> str:
    return source if source == registry else f"{source} ({registry})"


def _classes(side: Side) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    """Yield the sources that nets are compared of, and the classes of their objects."""
    label = side.label[cells(side.tables, "object_origin")]
    kind = cells(side.tables, "object_class")
    for number in np.unique(side.labels_of(np.flatnonzero(side.counted))).tolist():
        held = {layout.CLASSES[each] for each in np.unique(kind[label == number]).tolist()}
        yield side.labels[number], frozenset(held & _TELLING)


# -- ranges -----------------------------------------------------------------------------------


class Runs(NamedTuple):
    """Hold nets of one side by key: those of ``key[k]`` are ``ids[start[k]:][: size[k]]``."""

    ids: Ints
    key: Ints
    start: Ints
    size: Ints

    def of(self, number: int) -> list[int]:
        """Return the nets of a key."""
        start = self.start[number]
        found: list[int] = self.ids[start : start + self.size[number]].tolist()
        return found


def bounds(side: Side, family: int, rows: Ints) -> NDArray[Any]:
    """Return the ranges of nets of one family as numbers or bytes: by first, the larger first."""
    if family == 4:
        first, last = (
            side.cell(f"net_{end}4", rows).astype(np.uint64) for end in ("first", "last")
        )
        return np.asarray(first << np.uint64(32) | (np.uint64(0xFFFFFFFF) - last))
    words = np.empty((len(rows), 4), ">u8")  # bytes compare as their numbers do
    for k, name in enumerate(("first6_hi", "first6_lo", "last6_hi", "last6_lo")):
        word = side.cell(f"net_{name}", rows - side.tables.nets4)
        words[:, k] = word if k < 2 else ~word
    return words.view("S32").ravel()


def _heads(keys: NDArray[Any]) -> Bools:
    """Mark the first of each run of equal keys."""
    return np.append(np.ones(1, bool), keys[1:] != keys[:-1])[: len(keys)]


def _found(keys: NDArray[Any], wanted: NDArray[Any]) -> tuple[Ints, Bools]:
    """Return where the wanted ones stand among ascending keys, and which are there."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, np.asarray(keys[place] == wanted)


def _keyed(left: Side, right: Side) -> tuple[Runs, Runs]:
    """Bring nets of one range and label together: a key is a number of the range and the label."""
    both = (left, right)
    ids: tuple[list[Ints], list[Ints]] = ([], [])
    keys: tuple[list[Ints], list[Ints]] = ([], [])
    base = 0
    for family in (4, 6):
        rows = [_counted(side, family) for side in both]
        ranges = [bounds(side, family, some) for side, some in zip(both, rows, strict=True)]
        heads = [_heads(each) for each in ranges]
        mine, theirs = (each[head] for each, head in zip(ranges, heads, strict=True))
        place, hit = _found(mine, theirs)
        numbers = np.arange(len(mine)), np.where(hit, place, len(mine) + np.arange(len(theirs)))
        for k, side in enumerate(both):
            number = base + numbers[k][np.cumsum(heads[k]) - 1]
            ids[k].append(rows[k])
            keys[k].append(number * len(side.labels) + side.labels_of(rows[k]))
        base += len(mine) + len(theirs)
    return _runs(*map(np.concatenate, (ids[0], keys[0]))), _runs(
        *map(np.concatenate, (ids[1], keys[1]))
    )


def _counted(side: Side, family: int) -> Ints:
    rows = np.flatnonzero(side.counted)
    place = np.searchsorted(rows, side.tables.nets4)
    return rows[:place] if family == 4 else rows[place:]


def _runs(ids: Ints, key: Ints) -> Runs:
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(_heads(key))
    return Runs(ids[order], key[start], start, np.diff(np.append(start, len(key))))


# -- pairs ------------------------------------------------------------------------------------


def pair(left: Side, right: Side, differing: Differing) -> tuple[Ints, Ints]:
    """Return the ids of the same nets in both indexes, int64 (n,) each, in no order.

    ``differing`` says of pairs of nets whether anything in their records differs, be it a date.
    """
    mine, theirs = _keyed(left, right)
    place, hit = _found(mine.key, theirs.key)
    ours, others = place[hit], np.flatnonzero(hit)
    counts = mine.size[ours], theirs.size[others]
    size = np.minimum(*counts)
    run = np.repeat(np.arange(len(size)), size)
    inner = np.arange(len(run)) - np.repeat(np.cumsum(size) - size, size)
    a = mine.ids[mine.start[ours][run] + inner]
    b = theirs.ids[theirs.start[others][run] + inner]
    handled = np.array([registry == "ARIN" for registry, _ in left.labels] or [False])
    several = (np.maximum(*counts) > 1) | handled[mine.key[ours] % max(len(left.labels), 1)]
    doubtful = several & (counts[0] != counts[1])
    open_pairs = np.flatnonzero(several[run])
    doubtful[run[open_pairs[differing(a[open_pairs], b[open_pairs])]]] = True
    more: list[tuple[int, int]] = []
    for k in np.flatnonzero(doubtful).tolist():
        more += _by_handle(left, right, mine.of(ours[k]), theirs.of(others[k]))
    sure = ~doubtful[run]
    a, b = _with(a[sure], b[sure], more)
    return _with(a, b, _moved(left, right, _rest(left, mine, a), _rest(right, theirs, b)))


def _with(a: Ints, b: Ints, more: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    added = np.array(more, np.int64).reshape(-1, 2)
    return np.concatenate([a, added[:, 0]]), np.concatenate([b, added[:, 1]])


def _by_handle(
    left: Side, right: Side, mine: list[int], theirs: list[int]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs among the nets of one range and source."""
    waiting: dict[tuple[str, ...], list[int]] = {}
    for row in mine:
        waiting.setdefault(_handle(left.net(row)), []).append(row)
    rest = []
    for row in theirs:
        same = waiting.get(_handle(right.net(row)))
        if same:
            yield same.pop(0), row
        else:
            rest.append(row)
    if right.net(theirs[0]).registry != "ARIN":
        left_over = sorted(row for rows in waiting.values() for row in rows)
        yield from zip(left_over, rest, strict=False)


def _handle(net: Net) -> tuple[str, ...]:
    """Return what tells a net from others of its range and source."""
    if net.registry == "ARIN":
        return (net.key,)
    owner = next((value for name, value in attributes(net.raw) if name == "owner-c"), "")
    return (net.status or "", owner.upper())


def _rest(side: Side, runs: Runs, paired: Ints) -> tuple[Ints, Ints]:
    """Return the nets without a pair, and the numbers of their ranges."""
    alone = side.counted.copy()
    alone[paired] = False
    which = alone[runs.ids]
    numbers = np.repeat(runs.key, runs.size)[which] // max(len(side.labels), 1)
    return runs.ids[which], numbers


def _moved(
    left: Side, right: Side, gone: tuple[Ints, Ints], come: tuple[Ints, Ints]
) -> list[tuple[int, int]]:
    """Return the nets that one registry has no longer and another has now, for the same party."""
    both = np.intersect1d(gone[1], come[1])
    waiting: dict[int, list[int]] = {number: [] for number in both.tolist()}
    for row, number in _listed(*gone, both):
        waiting[number].append(row)
    found = []
    for row, number in _listed(*come, both):
        same = [each for each in waiting[number] if _moves(left.net(each), right.net(row))]
        if same:
            waiting[number].remove(same[0])
            found.append((same[0], row))
    return found


def _listed(rows: Ints, numbers: Ints, wanted: Ints) -> Iterator[tuple[int, int]]:
    which = np.isin(numbers, wanted)
    return zip(rows[which].tolist(), numbers[which].tolist(), strict=True)


def _moves(before: Net, after: Net) -> bool:
    return before.registry != after.registry and one_party(before.called, after.called)
