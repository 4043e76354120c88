"""Read a chunk of RPSL objects into rows and columns: cut and type, never judge.

Every object that is kept (a net or one of the other classes of `layout.CLASSES`) becomes a row;
the other classes are counted; a record that cannot be read is a reject with offset, reason and
sample. Attribute values are looked at as columns over the whole chunk; the few that need Python
(continued, with a comment, not ASCII, lists) are rewritten into a text behind the chunk's and
point there.

Rules: `scan` for the lexical ones; organisation, status, country, maintainer and source compare
without regard to case and are upper-cased; a `#` begins a comment except in free text and in
netname (real ones hold it: `ACS-NET # 2`); bytes that
are not UTF-8 are latin-1, decided value by value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from socket import AF_INET6, inet_pton
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .blobs import Blocks, pack
from .intern import Column, column_of, local_column, rewritten, texts_of
from .scan import (
    ATTRIBUTES,
    CODE,
    NAME_LENGTH,
    Bytes,
    Ints,
    Scan,
    joined_value,
    lines_holding,
    padded,
    scan,
    trim,
)
from .values import Flags, parse_date, parse_range, read_dates, read_ranges

# Class of `layout.CLASSES` by the code of an object's first attribute; -1 = known, not kept.
_NET: Final = layout.CLASSES.index("net")
_CLASS: Final = {CODE[name]: k for k, name in enumerate(layout.CLASSES) if name != "net"} | {
    CODE["inetnum"]: _NET,
    CODE["inet6num"]: _NET,
}
_ROW_CLASS = np.array([_CLASS.get(code, -1) for code in range(len(ATTRIBUTES))], np.int8)
_IS_CLASS = np.array(
    [code in _CLASS or code >= CODE["as-block"] for code in range(len(ATTRIBUTES))]
)
_FREE_TEXT = np.isin(
    np.arange(len(ATTRIBUTES)),
    [CODE[name] for name in ("netname", "descr", "org-name", "role", "person", "as-name")],
)
_WANTED = np.array([0 < code < CODE["as-block"] for code in range(len(ATTRIBUTES))])
_NAME_OF: Final = {
    "organisation": "org-name", "role": "role", "person": "person", "aut-num": "as-name",
    "route": "descr", "route6": "descr",
}  # fmt: skip

# What the placeholder records of APNIC say of themselves in remarks or descr.
_NOT_HERE = re.compile(rb"not (?:fully )?allocated to|not administered by\s+APNIC")
LATIN, DISOWNED, OF_REGISTRY, MORE_DESCR, NARROW = 1, 2, 4, 8, 16
_SAMPLES: Final = 5


class Reject(NamedTuple):
    """Name a record that was not taken: where it begins, why, and its first bytes."""

    offset: int
    reason: str
    sample: bytes


class Batch(NamedTuple):
    """Hold what one chunk gave; every array has one row per kept object, in file order.

    ``first``/``last`` are IPv4 addresses where ``flags`` have `NARROW`; ``wide`` holds the IPv6
    ranges as (row, first high, first low, last high, last low) uint64; dates are seconds since
    1970, 0 = none; the other ``flags`` are `LATIN`, `DISOWNED`, `OF_REGISTRY`, `MORE_DESCR`.
    """

    kind: NDArray[np.int8]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]
    wide: NDArray[np.uint64]
    created: NDArray[np.uint32]
    modified: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    columns: dict[str, Column]
    blocks: Blocks
    classes: dict[str, int]
    reject_counts: dict[str, int]
    rejects: list[Reject]


class Values(NamedTuple):
    """Hold the wanted values of a chunk as spans of a text; rows are objects of the chunk.

    ``lead`` marks the values of the attributes with which objects begin.
    """

    text: Bytes
    row: Ints
    lead: Flags
    key: NDArray[np.uint8]
    start: Ints
    end: Ints

    def of(self, *names: str) -> Ints:
        """Return which values belong to these attributes, in the order of the text."""
        found = self.key == CODE[names[0]]
        for name in names[1:]:
            found |= self.key == CODE[name]
        return np.flatnonzero(found)

    def first_of(self, *names: str) -> Ints:
        """Return each object's first value among these attributes."""
        found = self.of(*names)
        row = self.row[found]
        new = np.ones(len(row), bool)
        new[1:] = row[1:] != row[:-1]
        return found[new]


def read_chunk(chunk: bytes | memoryview, base: int, dictionary: bytes) -> Batch:
    """Read a chunk of whole objects that begins ``base`` bytes into its file's text."""
    text = bytes(chunk)
    scanned = scan(padded(text), len(text))
    foreign = lines_holding(scanned, scanned.text > 127)
    values = _values(scanned, foreign)
    rejected: dict[int, str] = {}
    kind = _kinds(scanned, rejected)
    first, last, wide = _ranges(values, kind, rejected)
    key = _keys(values, kind, rejected)
    for obj in rejected:
        kind[obj] = -1
    kept = np.flatnonzero(kind >= 0)
    wide = wide[np.isin(wide[:, 0].astype(np.int64), kept)]
    wide[:, 0] = np.searchsorted(kept, wide[:, 0].astype(np.int64))
    columns = {name: _picked(column, kept) for name, column in _columns(values, kind, key).items()}
    created, modified = _dates(values, len(kind))
    counts, rejects = _report(scanned, rejected, base)
    apnic = b"APNIC" in texts_of(columns["source"])
    flags = _flags(scanned, values, foreign, text, kind, apnic)
    flags[first >= 0] |= NARROW
    return Batch(
        kind[kept], _word(first[kept]), _word(last[kept]), wide, _word(created[kept]),
        _word(modified[kept]), flags[kept], columns,
        pack(text, base, scanned.object_start[kept], scanned.object_end[kept], dictionary),
        _class_counts(scanned, rejected), counts, rejects,
    )  # fmt: skip


def _word(values: Ints) -> NDArray[np.uint32]:
    return np.clip(values, 0, 0xFFFFFFFF).astype(np.uint32)


def _picked(column: Column, rows: Ints) -> Column:
    """Return a column of some rows, its codes as narrow as they can be: they wait in memory."""
    codes = column.codes[rows]
    return column._replace(codes=codes.astype(np.int16) if len(column.hashes) < 1 << 15 else codes)


def _kinds(scanned: Scan, rejected: dict[int, str]) -> NDArray[np.int8]:
    """Return each object's class, and reject what is no object."""
    lead = scanned.line_key[scanned.object_line]
    bad = scanned.continues[scanned.object_line] | ~_IS_CLASS[lead]
    for obj in np.flatnonzero(bad).tolist():
        line = scanned.object_line[obj]
        if scanned.continues[line]:
            rejected[obj] = "begins with a continuation line"
            continue
        head = scanned.text[scanned.line_start[line] : scanned.line_end[line]].tobytes()
        name, colon, _ = head.partition(b":")
        known = colon and re.fullmatch(rb"[A-Za-z0-9*_-]{1,40}", name)
        rejected[obj] = f"unknown class {name.decode()!r}" if known else "no attribute line"
    return _ROW_CLASS[lead].copy()


def _class_counts(scanned: Scan, rejected: dict[int, str]) -> dict[str, int]:
    lead = scanned.line_key[scanned.object_line]
    kept = np.ones(len(lead), bool)
    kept[list(rejected)] = False
    counts = np.bincount(lead[kept], minlength=len(ATTRIBUTES)).tolist()
    return {ATTRIBUTES[code].decode(): n for code, n in enumerate(counts) if n and code}


def _report(
    scanned: Scan, rejected: dict[int, str], base: int
) -> tuple[dict[str, int], list[Reject]]:
    counts: dict[str, int] = {}
    samples = []
    for obj, reason in sorted(rejected.items()):
        general = reason.partition(":")[0]
        counts[general] = counts.get(general, 0) + 1
        if counts[general] <= _SAMPLES:
            start = int(scanned.object_start[obj])
            sample = scanned.text[start : min(start + 80, int(scanned.object_end[obj]))].tobytes()
            samples.append(Reject(base + start, reason, sample))
    return counts, samples


def _values(scanned: Scan, foreign: Flags) -> Values:
    """Return the wanted values, trimmed, decoded and without comments; empty ones are left out."""
    kept = _ROW_CLASS[scanned.line_key[scanned.object_line]] >= 0
    line = np.flatnonzero(_WANTED[scanned.line_key] & kept[scanned.line_object])
    key = scanned.line_key[line]
    begin = scanned.line_start[line] + NAME_LENGTH[key] + 1
    start, end = trim(scanned.text, begin, scanned.line_end[line])
    comment = lines_holding(scanned, scanned.text == 35)[line] & ~_FREE_TEXT[key]
    aside = bytearray()
    base = len(scanned.text)
    for k in np.flatnonzero(scanned.continued[line] | comment | foreign[line]).tolist():
        value = joined_value(scanned, line[k], comments=not _FREE_TEXT[key[k]])
        start[k] = base + len(aside)
        aside += utf8(value)
        end[k] = base + len(aside)
    full = start < end
    text = padded(scanned.text, aside)
    row = scanned.line_object[line[full]]
    lead = scanned.object_line[row] == line[full]
    return Values(text, row, lead, key[full], start[full], end[full])


def utf8(value: bytes) -> bytes:
    """Return a value in UTF-8: as it is when it is UTF-8, else read as latin-1."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


def _ranges(
    values: Values, kind: NDArray[np.int8], rejected: dict[int, str]
) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """Read the range of every net, the common form at once and the others one by one."""
    first = np.full(len(kind), -1, np.int64)
    last = np.full(len(kind), -1, np.int64)
    found = np.flatnonzero(values.lead & (kind[values.row] == _NET))
    narrow = found[values.key[found] == CODE["inetnum"]]
    low, high, good = read_ranges(values.text, values.start[narrow], values.end[narrow])
    first[values.row[narrow[good]]] = low[good]
    last[values.row[narrow[good]]] = high[good]
    wide = []
    for k in np.concatenate([narrow[~good], found[values.key[found] == CODE["inet6num"]]]).tolist():
        value = values.text[values.start[k] : values.end[k]].tobytes()
        row = int(values.row[k])
        parsed = _prefix6(value) or parse_range(value.decode())
        if parsed is None:
            rejected[row] = f"no address range: {value[:60].decode(errors='replace')!r}"
        elif parsed[0] == 4:
            first[row], last[row] = parsed[1:]
        else:
            wide.append((row, *divmod(parsed[1], 1 << 64), *divmod(parsed[2], 1 << 64)))
    lost = np.ones(len(kind), bool)
    lost[values.row[found]] = False
    for obj in np.flatnonzero(lost & (kind == _NET)).tolist():
        rejected.setdefault(obj, "no address range: empty")
    return first, last, np.array(sorted(wide), np.uint64).reshape(-1, 5)


def _prefix6(value: bytes) -> tuple[int, int, int] | None:
    """Read `address/length` of IPv6, the form nearly every inet6num has."""
    address, slash, bits = value.partition(b"/")
    if not slash or not bits.isdigit() or len(bits) > 3 or int(bits) > 128:
        return None
    try:
        number = int.from_bytes(inet_pton(AF_INET6, address.decode()), "big")
    except (OSError, ValueError):
        return None
    host = 128 - int(bits)
    first = number >> host << host
    return 6, first, first | ((1 << host) - 1)


def _keys(values: Values, kind: NDArray[np.int8], rejected: dict[int, str]) -> Column:
    """Return the primary keys of the objects that are no nets, upper-cased."""
    nic = values.first_of("nic-hdl")
    person = np.isin(kind, [layout.CLASSES.index("role"), layout.CLASSES.index("person")])
    nic = nic[person[values.row[nic]]]
    keyed = (kind >= 0) & (kind != _NET) & ~person
    first = np.flatnonzero(values.lead & keyed[values.row])
    found = np.concatenate([first, nic])
    origins = values.first_of("origin")
    route = np.isin(kind, [layout.CLASSES.index("route"), layout.CLASSES.index("route6")])
    have = np.zeros(len(kind), bool)
    have[values.row[found]] = True
    for obj in np.flatnonzero((kind >= 0) & (kind != _NET) & ~have).tolist():
        rejected[obj] = "no key"
    column = local_column(
        values.text, values.row[found], values.start[found], values.end[found], len(kind)
    )
    if _changes(column):
        column = rewritten(column, _folded)
    if not route.any():
        return column
    origin = dict(zip(values.row[origins].tolist(), _texts(values, origins), strict=True))
    texts = texts_of(column)
    codes = column.codes.copy()
    for row in np.flatnonzero(route & have).tolist():
        if row in origin:
            texts.append(texts[codes[row]] + _folded(origin[row]))
            codes[row] = len(texts) - 1
        else:
            rejected[row] = "route without origin"
    return column_of(codes, texts)


def _changes(column: Column) -> bool:
    """Say whether folding may change a text of a column: most handles are folded already."""
    text = column.text
    return not text.isascii() or text.upper() != text or text.split() != [text]


def _texts(values: Values, which: Ints) -> list[bytes]:
    pairs = zip(values.start[which].tolist(), values.end[which].tolist(), strict=True)
    return [values.text[a:b].tobytes() for a, b in pairs]


def _folded(value: bytes) -> bytes:
    upper = value.upper() if value.isascii() else value.decode().upper().encode()
    return b" ".join(upper.split())


def _status(value: bytes) -> bytes:
    return _folded(value.replace(b"_", b" "))


def _countries(value: bytes) -> bytes:
    tokens = [part.split(None, 1)[0] for part in value.split(b",") if part.strip()]
    return b"\n".join(_folded(token) for token in tokens)


def _handles(value: bytes) -> bytes:
    return b"\n".join(_folded(part) for part in value.split(b",") if part.strip())


def _columns(values: Values, kind: NDArray[np.int8], key: Column) -> dict[str, Column]:
    """Return the text columns of a chunk by name, as `layout.DICTIONARIES` and `source`."""
    net = kind == _NET
    count = len(kind)

    def single(name: str, change: Callable[[bytes], bytes] | None = None) -> Column:
        found = values.first_of(name)
        column = local_column(
            values.text, values.row[found], values.start[found], values.end[found], count
        )
        return rewritten(column, change) if change and _changes(column) else column

    return {
        "key": key,
        "name": _names(values, kind),
        "netname": single("netname"),
        "descr": _only(single("descr"), net),
        "status": _only(rewritten(single("status"), _status), net),
        "org": single("org", _folded),
        "source": single("source", _folded),
        "country": _only(_listed(values, "country", _countries, count), net),
        "mnt_by": _only(_listed(values, "mnt-by", _handles, count), net),
    }


def _only(column: Column, rows: Flags) -> Column:
    return column._replace(codes=np.where(rows, column.codes, np.int32(-1)))


def _names(values: Values, kind: NDArray[np.int8]) -> Column:
    """Return what objects that are no nets are called."""
    found = []
    for name, attribute in _NAME_OF.items():
        some = values.first_of(attribute)
        found.append(some[kind[values.row[some]] == layout.CLASSES.index(name)])
    which = np.concatenate(found)
    return local_column(
        values.text, values.row[which], values.start[which], values.end[which], len(kind)
    )


def _listed(values: Values, name: str, split: Callable[[bytes], bytes], count: int) -> Column:
    """Return a column of lists: one attribute's values over all its lines, joined by LF."""
    found = values.of(name)
    row = values.row[found]
    each = local_column(
        values.text, np.arange(len(found)), values.start[found], values.end[found], len(found)
    )
    texts = texts_of(each)
    if b"," in each.text or _changes(each):
        texts = [split(text) for text in texts]
    codes = np.full(count, -1, np.int32)
    again = np.zeros(len(row), bool)
    again[1:] = row[1:] == row[:-1]
    codes[row[~again]] = each.codes[~again]
    several = np.unique(row[again])
    if len(several):
        member = np.isin(row, several)
        _join_lists(codes, texts, row[member].tolist(), each.codes[member].tolist())
    return column_of(codes, texts)


def _join_lists(
    codes: NDArray[np.int32], texts: list[bytes], rows: Iterable[int], parts: Iterable[int]
) -> None:
    lists: dict[int, list[int]] = {}
    for row, part in zip(rows, parts, strict=True):
        lists.setdefault(row, []).append(part)
    joined: dict[tuple[int, ...], int] = {}
    for row, members in lists.items():
        key = tuple(members)
        if key not in joined:
            joined[key] = len(texts)
            items = [item for part in key for item in texts[part].split(b"\n") if item]
            texts.append(b"\n".join(items))
        codes[row] = joined[key]


def _dates(values: Values, count: int) -> tuple[Ints, Ints]:
    """Return when each object was created and last changed, in seconds since 1970, 0 = unknown."""
    created = np.zeros(count, np.int64)
    modified = np.zeros(count, np.int64)
    for names, target in ((("created",), created), (("last-modified", "changed"), modified)):
        found = values.of(*names)
        seconds, good = read_dates(values.text, values.start[found], values.end[found])
        for k in np.flatnonzero(~good).tolist():
            seconds[k] = parse_date(_texts(values, found[k : k + 1])[0].decode())
        np.maximum.at(target, values.row[found], seconds)
    return created, modified


def _flags(
    scanned: Scan, values: Values, foreign: Flags, chunk: bytes, kind: NDArray[np.int8], apnic: bool
) -> NDArray[np.uint8]:
    """Mark objects that are not UTF-8, disown their range, are a registry's, or have more descr."""
    flags = np.zeros(len(scanned.object_line), np.uint8)
    for line in np.flatnonzero(foreign).tolist():
        value = scanned.text[scanned.line_start[line] : scanned.line_end[line]].tobytes()
        if utf8(value) is not value:
            flags[scanned.line_object[line]] |= LATIN
    if apnic:
        for found in _NOT_HERE.finditer(chunk):
            obj = int(np.searchsorted(scanned.object_start, found.start(), "right")) - 1
            if obj >= 0:
                flags[obj] |= DISOWNED
    descr = values.row[values.of("descr")]
    flags[descr[1:][descr[1:] == descr[:-1]]] |= MORE_DESCR
    types = values.of("org-type")
    for k, text in zip(types.tolist(), _texts(values, types), strict=True):
        if _folded(text) in (b"RIR", b"IANA") and kind[values.row[k]] >= 0:
            flags[values.row[k]] |= OF_REGISTRY
    return flags
