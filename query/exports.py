"""Write an index in the formats of others: MaxMind DB, Parquet, CSV for ClickHouse's `ip_trie`.

What is written are the flattened ranges (`segments`) with columns of `batch`, so that every format
answers as the index does. Rows go in slices, each with its own distinct answers. A MaxMind DB needs
all at once: then a column is a code for each answer, and its texts stay in the index until they are
written. Pieces answer alike wherever they lie, except for the ranked contacts, for which routes and
the user's own files count too: those are asked range by range.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from . import layout
from .addresses import Span
from .audited import Ints, cells
from .columnar import block_with
from .columns import COLUMNS, Nets, Texts
from .entries import Entries, cleaned
from .export_ranges import ExportError, Part, addresses_of, flattened, in_order, slices
from .leases import answer_of
from .matched import Matched, written
from .mmdb import Column, Summary, Value, write_mmdb
from .model import Answer
from .parties import nets_of
from .render import clean
from .segments import MAPPED, outside_ipv4, prefixes4, prefixes6
from .tabulated import Table

if TYPE_CHECKING:
    from .index import Index

DEFAULT: Final = (
    "netname", "country", "registry", "holder", "user", "lessee", "facilitator", "verdict",
    "confidence", "abuse", "abuse_holder",
)  # fmt: skip
# Those of a query, and those of a route: a range may lie in several.
_REFUSED: Final = ("ip", "input", "error", "route", "origins")
EXPORTABLE: Final = tuple(name for name in COLUMNS if name not in _REFUSED)
# Columns that a net has by itself, whatever it lies in.
_OWN: Final = (
    "first", "last", "netname", "status", "country", "registry", "descr", "org", "mnt_by",
    "created", "modified", "source",
)  # fmt: skip
_ENDS: Final = ("first", "last")  # of a net, not of a range
_RANGED: Final = ("family", "first", "last", "first4", "last4", "first16", "last16")
_PARTY: Final = ("name", "descr", "netname", "org")
# The dictionaries of the index in which the texts of a column lie; other columns have few texts.
_LYING: Final[dict[str, tuple[str, ...]]] = {
    **{name: (name,) for name in ("netname", "status", "org")},
    **dict.fromkeys(("holder", "user", "lessor", "lessee", "facilitator"), _PARTY),
    "holder_handle": ("org",), "abuse": ("mail",), "abuse_holder": ("mail",),
}  # fmt: skip
_ROWS: Final = 1 << 16  # at a time; of Parquet, a row group
Told = Callable[[int], object]


def chosen(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns, each once. Raises `ExportError` for what cannot be exported."""
    for name in columns or ("nothing",):
        if name in _REFUSED:
            raise ExportError(f"{name} belongs to a query, not to a range: leave it out")
        if name not in EXPORTABLE:
            raise ExportError(f"{name!r} is no column: choose from {', '.join(EXPORTABLE)}")
    return tuple(dict.fromkeys(columns))


def newest(index: Index) -> date | None:
    """Return the newest date of the sources of an index."""
    days = [source["date"] for source in index.meta["sources"] if source.get("date")]
    return date.fromisoformat(max(days)) if days else None


# -- answers ----------------------------------------------------------------------------------


def match(index: Index, part: Part) -> Matched:
    """Return what ranges have for answers."""
    pieces, rows, entry = _told_apart(part)
    return _matched(_entries(index, part, pieces, rows), entry)


def _told_apart(part: Part) -> tuple[Ints, Ints, Ints]:
    """Return the pieces of distinct answers, a range of each, and the answer of each range."""
    pieces = part.piece.astype(np.int64)
    if part.alike:
        return np.unique(pieces, return_index=True, return_inverse=True)
    every = np.arange(len(pieces))
    return pieces, every, every


def _entries(index: Index, part: Part, pieces: Ints, rows: Ints) -> Entries:
    def ask(entry: int) -> Answer:
        number = part.number(int(rows[entry]))
        span = Span(part.family, number, number, "address")
        return Answer(index, index._tables, written(span), span, int(pieces[entry]))

    return Entries(index.dictionaries, pieces, None, ask)


def _matched(entries: Entries, entry: Ints) -> Matched:
    nothing = np.zeros(len(entry), np.uint32)
    return Matched(block_with(nothing, nothing == 0, {}, None), entries, entry, {})


# -- MaxMind DB -------------------------------------------------------------------------------


def export_mmdb(
    index: Index, stream: BinaryIO, columns: Sequence[str] = DEFAULT, told: Told | None = None
) -> Summary:
    """Write a MaxMind DB file of the flattened ranges.

    A record is a map of columns, without those that are missing. IPv6 addresses in ::/96 and
    ::ffff:0:0/96 are IPv4 addresses in such a file. ``told`` gets numbers of answers.

    Raises `ExportError`, `MmdbError`, `DeskError`.
    """
    columns = chosen(columns)
    four, six = flattened(index, columns)
    first, last, source = outside_ipv4(six.first, six.last)
    six = six._replace(first=first, last=last, piece=six.piece[source])
    gathered = {name: _Gathered(index, name) for name in columns}
    count, numbers = 0, []
    for part in (four, six):
        pieces, rows, entry = _told_apart(part)
        numbers.append((entry + count).astype(np.int32))
        count += len(pieces)
        for low in range(0, len(pieces), _ROWS):
            some = slice(low, low + _ROWS)
            entries = _entries(index, part, pieces[some], rows[some])
            for column in gathered.values():
                column.add(entries)
            if told is not None:
                told(len(entries))
        del pieces, rows, entry
    day = newest(index)
    # Where no source has a date it is the first second of 1970: libmaxminddb takes no 0.
    built = max((day - date(1970, 1, 1)).days * 86400, 1) if day else 1
    dumps = f": dumps of the registries of {day}" if day else ""
    return write_mmdb(
        stream, (four.first, four.last, numbers[0]), (six.first, six.last, numbers[1]),
        {name: gathered.pop(name).finished() for name in columns}, kind="rirdex",
        description=f"Who holds an address and who uses it{dumps}",
        built=built,
    )  # fmt: skip


class _Gathered:
    """Gather a column: for each answer a code, of a text of the index or of a value kept here."""

    def __init__(self, index: Index, name: str) -> None:
        self._index, self._name = index, name
        self._codes = [np.zeros(0, np.int32)]
        self._lying = [index.dictionaries[each] for each in _LYING.get(name, ())]
        # Single items of a memoryview are read in a third of the time.
        self._views = [(each.text.data, each.at.data) for each in self._lying]
        sizes = [len(dictionary.at) - 1 for dictionary in self._lying]
        # Where the codes of each dictionary begin, and those of values that are kept.
        self._bases: list[int] = [0, *np.cumsum(sizes, dtype=np.int64).tolist()]
        self._kept: dict[Value, int] = {}

    def add(self, entries: Entries) -> None:
        """Add the answers that come next."""
        codes = np.full(len(entries), -1, np.int32)
        if self._name in _ENDS:
            codes[:] = nets_of(self._index._tables, entries.pieces)
        elif self._lying:
            self._of_texts(codes, entries.texts(self._name))
        else:
            values, known = entries.coded(self._name)
            codes[:] = np.append([self._keep(value) for value in values], -1)[known]
        self._codes.append(codes)

    def _of_texts(self, codes: NDArray[np.int32], texts: Texts) -> None:
        """Put the codes of texts in their places."""
        for source, buffer in enumerate(texts.buffers):
            rows = np.flatnonzero((texts.source == source) & (texts.length > 0))
            start = texts.start[rows]
            for base, each in zip(self._bases, self._lying, strict=False):
                if each.text is buffer:
                    codes[rows] = np.searchsorted(each.at, start, "right") - 1 + base
                    break
            else:
                _, first, same = np.unique(start, return_index=True, return_inverse=True)
                known = texts.decoded(rows[first])
                kept = [self._keep(clean(text)) for text in known]
                codes[rows] = np.array(kept, np.int32)[same]

    def _keep(self, value: Any) -> int:
        return self._kept.setdefault(value, len(self._kept)) + self._bases[-1]

    def _read(self, code: int) -> Any:
        """Return the value with a code."""
        if self._name in _ENDS:
            return str(getattr(self._index.net(code), self._name))
        if code >= self._bases[-1]:
            return self._values[code - self._bases[-1]]
        which = bisect_right(self._bases, code) - 1
        text, at = self._views[which]
        code -= self._bases[which]
        return clean(str(text[at[code] : at[code + 1]], "utf-8", "replace"))

    def finished(self) -> Column:
        """Return values, and a code of one of them for each answer; only those in use."""
        self._values = [*self._kept]
        codes = np.concatenate(self._codes)
        used = np.zeros(int(codes.max(initial=-1)) + 2, bool)
        used[codes] = True
        used[-1] = False  # the place of -1
        rank = np.cumsum(used, dtype=np.int32) - np.int32(1)
        rank[-1] = -1
        return _Values(self._read, np.flatnonzero(used)), rank[codes]


class _Values(Sequence[Value]):
    """Read values, those with some codes, when they are asked for."""

    def __init__(self, read: Callable[[int], Value], codes: Ints) -> None:
        self._read, self._codes = read, codes.data

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, place: Any) -> Any:
        return self._read(self._codes[place])


# -- ClickHouse -------------------------------------------------------------------------------


def export_clickhouse(
    index: Index, write: Callable[[bytes], object], columns: Sequence[str] = DEFAULT,
    told: Told | None = None,
) -> int:  # fmt: skip
    """Write CSV for a dictionary with the layout `ip_trie`; return the number of prefixes.

    The first column is ``prefix``, lists are joined with blanks. ``told`` gets numbers of ranges.
    Raises `ExportError`, `DeskError`.
    """
    columns, table, count = chosen(columns), Table(), 0
    write(table.head(["prefix", *columns]))
    for part in slices(flattened(index, columns)):
        matched = match(index, part)
        spans = table.spans(matched.entries, columns, table.between(columns))
        cut: Any = prefixes4 if part.family == 4 else prefixes6
        first, length, source = cut(part.first, part.last)
        texts, bits = addresses_of(part.family, first), length.tolist()
        entry = matched.entry[source].tolist()
        rows = zip(texts, bits, entry, strict=True)
        write(b"".join(b"%s/%d,%s\n" % (text.encode(), n, spans[k]) for text, n, k in rows))
        count += len(bits)
        if told is not None:
            told(len(part.piece))
    return count


# -- Parquet ----------------------------------------------------------------------------------


def export_parquet(
    index: Index, stream: BinaryIO, columns: Sequence[str] = DEFAULT, *, nets: bool = False,
    told: Told | None = None,
) -> int:  # fmt: skip
    """Write Parquet, in the order of ``first16``; return the number of rows.

    Ranges come first: ``family``; ``first`` and ``last`` as text; ``first4``, ``last4`` as uint32,
    null for IPv6; ``first16``, ``last16`` as 16 bytes, IPv4 as IPv4-mapped IPv6 addresses. ``nets``
    writes all nets instead of the flattened ranges, with ``net``, ``parent`` and ``role`` before.
    The ends of a net as columns are ``net_first`` and ``net_last``. ``told`` gets numbers of rows.

    Raises `ExportError`, `DeskError`, ModuleNotFoundError without pyarrow.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .arrow import array_of, field_type

    columns = chosen(columns)
    ranged = (pa.uint8(), *[pa.string()] * 2, *[pa.uint32()] * 2, *[pa.binary(16)] * 2)
    fields = [*zip(_RANGED, ranged, strict=True)]
    if nets:
        fields = [("net", pa.uint32()), ("parent", pa.uint32()), ("role", pa.string()), *fields]
    fields += [(f"net_{name}" if name in _ENDS else name, field_type(name, coded=False))
               for name in columns]  # fmt: skip
    schema, rows = pa.schema(fields), 0
    with pq.ParquetWriter(
        stream, schema, compression="zstd", write_page_index=True,
        sorting_columns=[pq.SortingColumn(schema.get_field_index("first16"))],
    ) as writer:  # fmt: skip
        for part in slices(in_order(_nets(index) if nets else flattened(index, columns))):
            arrays: list[Any] = []
            if nets:
                own, answers = _matched_nets(index, part.piece.astype(np.int64))
                arrays = [pa.array(part.piece.astype(np.uint32)), *_placed(index, answers, pa)]
            else:
                own = answers = match(index, part)
            arrays += _range_arrays(part, pa)
            for name in columns:
                if nets and name == "descr":  # also of what answers for nothing
                    texts = [cleaned(index.net(net).descr) for net in part.piece.tolist()]
                    arrays.append(pa.array(texts, field_type(name)))
                else:
                    arrays.append(array_of(own if name in _OWN else answers, name, coded=False))
            writer.write_table(pa.table(arrays, schema=schema))
            rows += len(part.piece)
            if told is not None:
                told(len(part.piece))
    return rows


def _range_arrays(part: Part, pa: Any) -> list[Any]:
    """Return the columns `_RANGED` of ranges as Arrow arrays."""
    count = len(part.piece)
    ends = (part.first, part.last)
    arrays = [pa.array(np.full(count, part.family, np.uint8))]
    arrays += [pa.array(addresses_of(part.family, end), pa.string()) for end in ends]
    if part.family == 4:
        arrays += [pa.array(end) for end in ends]
    else:
        arrays += [pa.nulls(count, pa.uint32())] * 2
    for end in ends:
        words = end if end.ndim == 2 else np.stack([np.zeros_like(end, np.uint64), end + MAPPED], 1)
        packed = pa.py_buffer(words.astype(">u8").tobytes())
        arrays.append(pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, packed]))
    return arrays


def _nets(index: Index) -> tuple[Part, Part]:
    """Return all nets, which may lie in one another or cross, as ranges; their ids as pieces."""
    tables = index._tables
    here, count = tables.nets4, tables.nets
    first, last = (cells(tables, f"net_{end}4")[:here] for end in ("first", "last"))
    first6, last6 = (
        np.stack([cells(tables, f"net_{end}6_{half}")[: count - here] for half in ("hi", "lo")], 1)
        for end in ("first", "last")
    )
    ids = np.arange(count, dtype=np.int32)
    return Part(4, first, last, ids[:here], True), Part(6, first6, last6, ids[here:], True)


def _matched_nets(index: Index, ids: Ints) -> tuple[Matched, Matched]:
    """Return what some nets have by themselves, and as answers to their own ranges.

    A registry's block and a placeholder answer for nothing.
    """

    def ask(entry: int) -> Answer:
        return answer_of(index, index.net(int(ids[entry])))

    own, chains = (Entries(index.dictionaries, ids, None, ask) for _ in range(2))
    own.whole[:] = True  # what a net has by itself is the same where others cross it
    roles = cells(index._tables, "piece_role", ids) & layout.ROLE_BITS
    silent = (roles == layout.REGISTRY) | (roles == layout.PLACEHOLDER)
    every = np.arange(len(ids))
    return _matched(own, every), _matched(chains, np.where(silent, -1, every))


def _placed(index: Index, answers: Matched, pa: Any) -> list[Any]:
    """Return the parent and the role of nets as Arrow arrays.

    The parent is the smallest net of the chain that contains the whole net.
    """
    tables, entries = index._tables, answers.entries
    ids = entries.pieces
    nets = Nets(index.dictionaries, ids)
    roles = (cells(tables, "piece_role", ids) & layout.ROLE_BITS).astype(np.int64)
    parent = nets_of(tables, cells(tables, "piece_above", ids).astype(np.int64))
    # As `verdicts.role_of` has it for the last net of a chain.
    fixed = np.isin(roles, (layout.HOLDER, layout.REGISTRY, layout.PARTITION)) | ~nets.uses
    leased = np.where(nets.leased, layout.LESSEE, roles)
    roles = np.where(fixed, roles, np.where(nets.stock, layout.FACILITATOR, leased))
    for entry in np.flatnonzero(~entries.whole).tolist():
        chain = entries.answer(entry).chain
        if chain:
            roles[entry] = layout.ROLES.index(chain[-1].role)
        parent[entry] = chain[-2].id if len(chain) > 1 else -1
    words = pa.array(layout.ROLES).take(pa.array(roles))
    return [pa.array(parent.astype(np.uint32), mask=parent < 0), words]
