"""Read the nets of several indexes side by side: which are the same, and which are alike.

A *side* is the present or the past of an index. Codes of one side mean nothing in another, so the
texts of all sides get common numbers (`Common`); then columns are compared as numbers. A *slot* is
what a net is known by over time: its registry and source, its range and, where a source registers
one range several times, its handle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.audited import cells
from rirdex.query.cells import text_at
from rirdex.query.layout import INHERITED, MORE_ITEMS, RESULT_BITS
from rirdex.query.records import Net
from rirdex.query.store import PastTables, Store, Tables

from .announced import announced
from .intern import Column, Dictionary, hash_spans, merge
from .leasing import without_turnover
from .scan import Ints, padded
from .writer import IndexFile

TEXTS: Final = ("netname", "descr", "country", "status", "org", "mnt_by", "name")
SOURCE: Final = ("name", "date", "sha256", "size")  # what is kept of the files of the past
_SEED: Final = np.uint64(0x9E3779B97F4A7C15)
_PRIME: Final = np.uint64(0xD6E8FEB86659FD93)
_SHIFT: Final = np.uint64(29)
_SEVERAL: Final = ("ARIN", "LACNIC")  # registries that register one range several times
# Of a result: rule, status, mailbox, what has it, what refers to it, day (`layout`).
Item = tuple[int, int, bytes, bytes, bytes, int]
Numbers = Callable[[int, Ints], NDArray[Any]]  # of rows of a side
Verdict = tuple[int, int, str]  # verdict.what, verdict.rules, the facilitator's name
Unit = tuple[str, str, int]  # registry, source, family: what a snapshot has or has not


class Unsealed(Store):
    """Read the tables of an index that is still being written."""

    def __init__(self, file: IndexFile, meta: dict[str, Any]) -> None:
        self.path = file.path
        self.closed = False
        self.meta = {**meta, "tables": file.tables, "types": file.types}
        self._file = file

    def _get(self, name: str) -> memoryview | None:
        return self._file.get(name)


class Side:
    """Give the columns of the nets of an index's present, or those of its past."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.count = tables.nets
        self.count4 = tables.nets4
        self.is_past = isinstance(tables, PastTables)
        self._slots: dict[int, bytes] | None = None

    def column(self, name: str) -> NDArray[Any]:
        """Return a column, or an empty one."""
        return cells(self.tables, name.replace(".", "_"))

    def bounds(self, rows: Ints) -> tuple[NDArray[np.uint64], ...]:
        """Return first and last addresses of IPv4 rows, or high and low words of IPv6 ones."""
        names: tuple[str, ...] = ("net.first4", "net.last4")
        if len(rows) and rows[0] >= self.count4:
            rows = rows - self.count4
            names = ("net.first6.hi", "net.first6.lo", "net.last6.hi", "net.last6.lo")
        return tuple(self.column(name)[rows].astype(np.uint64) for name in names)

    def origins(self) -> list[tuple[str, str]]:
        """Return registry and source of each code of net.origin."""
        return [
            (str(item["registry"]), str(item["source"])) for item in self.tables.meta["origins"]
        ]

    def slots(self) -> dict[int, bytes]:
        """Return which of several nets of one source and range a row is; most are the only one."""
        if self._slots is None:
            self._slots = dict(self._past_slots() if self.is_past else self._several())
        return self._slots

    def _past_slots(self) -> Iterator[tuple[int, bytes]]:
        codes = self.column("net.slot")
        for row in np.flatnonzero(codes).tolist():
            yield row, (text_at(self.tables, "slot", int(codes[row])) or "").encode()

    def _several(self) -> Iterator[tuple[int, bytes]]:
        origins = self.origins()
        if not any(registry in _SEVERAL for registry, _ in origins):
            return
        origin = self.column("net.origin")
        groups: dict[tuple[object, ...], list[int]] = {}
        for rows in (np.arange(self.count4), np.arange(self.count4, self.count)):
            bounds = self.bounds(rows)
            same = np.ones(max(len(rows) - 1, 0), bool)
            for bound in bounds:
                same &= bound[1:] == bound[:-1]
            tied = np.flatnonzero(np.append(same, False) | np.append(False, same)[: len(rows)])
            for k in tied.tolist():
                registry, source = origins[origin[rows[k]]]
                if registry in _SEVERAL:
                    key = (source, *(int(bound[k]) for bound in bounds))
                    groups.setdefault(key, []).append(int(rows[k]))
        for group in groups.values():
            seen: dict[str, int] = {}
            for row in group if len(group) > 1 else ():
                name = Net(self.tables, row, row).key
                seen[name] = seen.get(name, 0) + 1
                yield row, f"{name}#{seen[name]}".encode()


class Common:
    """Number what the sides hold alike: texts, contacts, verdicts, announcements, sources.

    ``words`` are the texts of all sides; ``results``, ``verdicts``, ``origin_sets``, ``units`` what
    the numbers stand for.
    """

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = [*sides]
        self.units: dict[Unit, int] = {}
        self.results: dict[tuple[tuple[object, ...], ...], int] = {}
        self.items: list[list[Item]] = []
        self.verdicts: dict[Verdict, int] = {}
        self.origin_sets: dict[bytes, int] = {b"": 0}
        self.words: dict[str, Dictionary] = {}
        self._texts: dict[str, list[NDArray[np.uint32]]] = {}
        for name in TEXTS:
            self._merge(name)
        self._contacts = [self._contact_ids(side) for side in sides]
        self._judged = [self._verdict_ids(side) for side in sides]
        self._ways = [self._announced(side) for side in sides]
        self.unit = [self._units(side) for side in sides]
        self.sources: list[dict[str, Any]] = []
        self.origin_entries: list[dict[str, Any]] = []
        self.files = [self._files(side) for side in sides]

    def add(self, side: Side) -> int:
        """Take in a side of which only slots are compared; return its number."""
        self.sides.append(side)
        self.unit.append(self._units(side))
        return len(self.sides) - 1

    def source(self, source: dict[str, Any]) -> int:
        """Return the place of a file in `sources`."""
        return _place(self.sources, {key: source[key] for key in SOURCE})

    def _files(self, side: Side) -> list[int]:
        """Return for each code of net.origin a place in `origin_entries`."""
        meta, places = side.tables.meta, []
        for item in meta["origins"]:
            entry = {**item, "file": self.source(meta["sources"][item["file"]])}
            places.append(_place(self.origin_entries, entry))
        return places

    def _merge(self, name: str) -> None:
        columns = []
        for side in self.sides:
            text = padded(bytes(side.tables.view(f"text_{name}")))
            at = side.column(f"text.{name}.at").astype(np.int64)
            length = at[1:] - at[:-1]
            hashes = hash_spans(text, at[:-1], length)
            codes = np.arange(len(length), dtype=np.int32)
            columns.append(
                Column(codes, hashes, length.astype(np.uint32), text[: at[-1]].tobytes())
            )
        self.words[name] = merge(columns)
        ends = np.cumsum([len(column.codes) for column in columns])[:-1]
        self._texts[name] = np.split(self.words[name].codes, ends)

    def _units(self, side: Side) -> NDArray[np.int16]:
        origin = side.column("net.origin")
        result = np.zeros(side.count, np.int16)
        for family, rows in ((4, slice(side.count4)), (6, slice(side.count4, side.count))):
            used = np.bincount(origin[rows], minlength=len(side.origins()))
            table = np.zeros(len(used), np.int16)
            for code in np.flatnonzero(used).tolist():
                registry, source = side.origins()[code]
                table[code] = self.units.setdefault((registry, source, family), len(self.units))
            result[rows] = table[origin[rows]]
        return result

    def _contact_ids(self, side: Side) -> NDArray[np.int32]:
        """Return the number of each result that a net has of its own."""
        values = side.column("net.contact")
        codes = np.where(values & np.uint32(INHERITED), np.uint32(0), values & RESULT_BITS)
        distinct = np.flatnonzero(np.bincount(codes, minlength=1))
        table = np.zeros(int(distinct[-1]) + 1 if len(distinct) else 1, np.int32)
        read = _Items(side)
        for code in distinct.tolist():
            if code:
                items = read.of_result(code)
                # The day of the last check is no part of what a contact is.
                key = tuple((rule, mail, has, refers) for rule, _, mail, has, refers, _ in items)
                found = self.results.setdefault(key, len(self.results))
                if found == len(self.items):
                    self.items.append(items)
                table[code] = found + 2
        return table

    def _verdict_ids(self, side: Side) -> NDArray[np.int32]:
        names = [str(item["name"]) for item in side.tables.meta["facilitators"]]
        bits, what = without_turnover(side.column("verdict.rules"), side.column("verdict.what"))
        rows = zip(what.tolist(), bits.tolist(), side.column("verdict.party").tolist(), strict=True)
        found = [
            self.verdicts.setdefault(
                (what, rules, names[party - 1] if party else ""), len(self.verdicts)
            )
            for what, rules, party in rows
        ]
        return np.array(found or [0], np.int32)

    def _announced(self, side: Side) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Return the length + 1 of the prefix by which each net is announced, and its origins."""
        if side.is_past:
            length, codes = side.column("net.route"), side.column("net.origins")
        else:
            length, codes = announced(side)
        at, systems = side.column("origin.at"), side.column("origin.asn")
        table = np.zeros(max(len(at), 1), np.int32)
        for code in np.unique(codes[codes >= 0]).tolist():
            key = systems[at[code] : at[code + 1]].tobytes()
            table[code] = self.origin_sets.setdefault(key, len(self.origin_sets))
        return length, np.where(codes >= 0, table[codes], np.int32(0)).astype(np.int32)

    # -- numbers of rows ----------------------------------------------------------------------

    def text_ids(self, side: int, name: str, rows: Ints) -> NDArray[np.uint32]:
        """Return the common numbers of the texts of some rows; they begin at 1."""
        known = self.sides[side]
        if name == "name":
            objects = known.column("org.object")
            codes = known.column("object.name")
            at = objects[known.column("net.org")[rows]]
            code = np.where(at >= 0, np.append(codes, 0)[at], 0)
        else:
            code = known.column(f"net.{name}")[rows]
        return self._texts[name][side][code]

    def contact_ids(self, side: int, rows: Ints) -> NDArray[np.int32]:
        """Return what a net has as contact: 0 nothing, 1 what the net above has, 2 + a result."""
        values = self.sides[side].column("net.contact")[rows]
        above = (values & np.uint32(INHERITED)) > 0
        codes = np.where(above, np.uint32(0), values & np.uint32(RESULT_BITS))
        return np.where(above, np.int32(1), self._contacts[side][codes]).astype(np.int32)

    def verdict_ids(self, side: int, rows: Ints) -> NDArray[np.int32]:
        """Return the numbers of the verdicts on some rows."""
        found: NDArray[np.int32] = self._judged[side][
            self.sides[side].column("piece.verdict")[rows]
        ]
        return found

    def roles(self, side: int, rows: Ints) -> NDArray[np.uint8]:
        """Return the roles with the bits that say who is who."""
        return self.sides[side].column("piece.role")[rows] & np.uint8(0xFF ^ layout.MORE_DESCR)

    def routes(self, side: int, rows: Ints) -> NDArray[np.uint8]:
        """Return the lengths + 1 of the prefixes by which some rows are announced."""
        return self._ways[side][0][rows]

    def origins(self, side: int, rows: Ints) -> NDArray[np.int32]:
        """Return the numbers of the sets of AS numbers that announce some rows."""
        return self._ways[side][1][rows]

    def of_line(self, side: NDArray[np.int8], row: Ints, numbers: Numbers) -> NDArray[Any]:
        """Return the numbers of rows of several sides."""
        parts = [np.flatnonzero(side == k) for k in range(len(self.sides))]
        values = [numbers(k, row[part]) for k, part in enumerate(parts) if len(part)]
        result = np.zeros(len(row), values[0].dtype if values else np.int64)
        for part, found in zip((part for part in parts if len(part)), values, strict=True):
            result[part] = found
        return result

    def texts(self, name: str) -> Numbers:
        """Return what gives the numbers of a column of texts."""
        return lambda side, rows: self.text_ids(side, name, rows)

    def ranges(self, side: int, rows: Ints) -> NDArray[np.uint64]:
        """Return a hash of the range of each row."""
        known = self.sides[side]
        result = np.zeros(len(rows), np.uint64)
        narrow = rows < known.count4
        for part in (np.flatnonzero(narrow), np.flatnonzero(~narrow)):
            mixed = np.full(len(part), _SEED)
            for bound in known.bounds(rows[part]):
                mixed = (mixed ^ bound) * _PRIME
                mixed ^= mixed >> _SHIFT
            result[part] = mixed
        return result

    def keys(self, side: int) -> NDArray[np.uint64]:
        """Return a hash of each row's slot."""
        known = self.sides[side]
        result = self.ranges(side, np.arange(known.count))
        result ^= (self.unit[side].astype(np.uint64) + np.uint64(1)) * _SEED
        slots = known.slots()
        if slots:
            texts = [*slots.values()]
            length = np.array([len(text) for text in texts], np.int64)
            hashes = hash_spans(padded(b"".join(texts)), np.cumsum(length) - length, length)
            result[np.array([*slots], np.int64)] ^= hashes
        return result

    def same(self, left: int, at: Ints, right: int, rows: Ints) -> NDArray[np.bool_]:
        """Say which pairs of rows have one slot."""
        one, other = self.sides[left], self.sides[right]
        result: NDArray[np.bool_] = self.unit[left][at] == self.unit[right][rows]
        narrow = at < one.count4
        for part in (np.flatnonzero(result & narrow), np.flatnonzero(result & ~narrow)):
            pairs = zip(one.bounds(at[part]), other.bounds(rows[part]), strict=True)
            for mine, theirs in pairs:
                result[part] &= mine == theirs
        slots, others = one.slots(), other.slots()
        if slots or others:
            named = np.isin(at, [*slots]) | np.isin(rows, [*others])
            for k in np.flatnonzero(named).tolist():
                result[k] &= slots.get(int(at[k])) == others.get(int(rows[k]))
        return result

    def alike(self, left: int, at: Ints, right: int, rows: Ints) -> NDArray[np.bool_]:
        """Say which pairs of rows are alike in everything that makes a state."""
        result = np.ones(len(at), bool)
        for name in TEXTS:
            result &= self.text_ids(left, name, at) == self.text_ids(right, name, rows)
        for numbers in (self.contact_ids, self.verdict_ids, self.roles, self.routes, self.origins):
            numbers_of: Callable[[int, Ints], NDArray[Any]] = numbers
            result &= numbers_of(left, at) == numbers_of(right, rows)
        return result


def _place(entries: list[dict[str, Any]], entry: dict[str, Any]) -> int:
    """Return the place of an entry in a list, which gets it when it is new."""
    if entry not in entries:
        entries.append(entry)
    return entries.index(entry)


class _Items(NamedTuple):
    """Read the results of a side, with texts in the place of codes and objects."""

    side: Side

    def of_result(self, code: int) -> list[Item]:
        """Return the items of a result."""
        tables = self.side.tables
        items = []
        while True:
            what: int = tables.contact_what[code]
            items.append(
                (
                    what & layout.RULE_BITS, what >> layout.STATUS_SHIFT & 3,
                    self._mail(tables.contact_mail[code]), self._has(tables.contact_handle[code]),
                    self._refers(tables.contact_object[code]), tables.contact_checked[code],
                )
            )  # fmt: skip
            if not what & MORE_ITEMS:
                return items
            code += 1

    def _mail(self, code: int) -> bytes:
        return (text_at(self.side.tables, "mail", code) or "").encode()

    def _has(self, value: int) -> bytes:
        return self._key(value - 1) if value > 0 else self._mail(-value)

    def _refers(self, value: int) -> bytes:
        return self._key(value) if value >= 0 else self._mail(-1 - value)

    def _key(self, number: int) -> bytes:
        tables = self.side.tables
        return (text_at(tables, "key", tables.object_key[number]) or "").encode()
