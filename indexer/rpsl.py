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
from socket import AF_INET6, inet_pton
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .batch import (
    DISOWNED,
    LATIN,
    MORE_DESCR,
    NARROW,
    OF_REGISTRY,
    Batch,
    Values,
    class_counts,
    picked,
    report,
    utf8,
    values_of,
    word,
)
from .blobs import pack
from .columns import (
    changes,
    countries,
    folded,
    handles,
    listed,
    only,
    single,
    status_text,
    texts_at,
)
from .intern import Column, column_of, local_column, rewritten, texts_of
from .scan import ATTRIBUTES, CODE, Ints, Scan, lines_holding, padded, scan
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


def read_chunk(chunk: bytes | memoryview, base: int, dictionary: bytes) -> Batch:
    """Read a chunk of whole objects that begins ``base`` bytes into its file's text."""
    text = bytes(chunk)
    scanned = scan(padded(text), len(text))
    foreign = lines_holding(scanned, scanned.text > 127)
    known = _ROW_CLASS[scanned.line_key[scanned.object_line]] >= 0
    values = values_of(scanned, foreign, _WANTED, _FREE_TEXT, known)
    rejected: dict[int, str] = {}
    kind = _kinds(scanned, rejected)
    first, last, wide = _ranges(values, kind, rejected)
    key = _keys(values, kind, rejected)
    for obj in rejected:
        kind[obj] = -1
    kept = np.flatnonzero(kind >= 0)
    wide = wide[np.isin(wide[:, 0].astype(np.int64), kept)]
    wide[:, 0] = np.searchsorted(kept, wide[:, 0].astype(np.int64))
    columns = {name: picked(column, kept) for name, column in _columns(values, kind, key).items()}
    created, modified = _dates(values, len(kind))
    counts, rejects = report(scanned, rejected, base)
    apnic = b"APNIC" in texts_of(columns["source"])
    flags = _flags(scanned, values, foreign, text, kind, apnic)
    flags[first >= 0] |= NARROW
    return Batch(
        kind[kept], word(first[kept]), word(last[kept]), wide, word(created[kept]),
        word(modified[kept]), flags[kept], columns,
        pack(text, base, scanned.object_start[kept], scanned.object_end[kept], dictionary),
        class_counts(scanned, rejected), counts, rejects,
    )  # fmt: skip


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
        rejected[obj] = f"unknown class: {name.decode()!r}" if known else "no attribute line"
    return _ROW_CLASS[lead].copy()


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
    if changes(column):
        column = rewritten(column, folded)
    if not route.any():
        return column
    origin = dict(zip(values.row[origins].tolist(), texts_at(values, origins), strict=True))
    texts = texts_of(column)
    codes = column.codes.copy()
    for row in np.flatnonzero(route & have).tolist():
        if row in origin:
            texts.append(texts[codes[row]] + folded(origin[row]))
            codes[row] = len(texts) - 1
        else:
            rejected[row] = "route without origin"
    return column_of(codes, texts)


def _columns(values: Values, kind: NDArray[np.int8], key: Column) -> dict[str, Column]:
    """Return the text columns of a chunk by name, as `layout.DICTIONARIES` and `source`."""
    net = kind == _NET
    count = len(kind)

    return {
        "key": key,
        "name": _names(values, kind),
        "netname": single(values, "netname", count),
        "descr": only(single(values, "descr", count), net),
        "status": only(rewritten(single(values, "status", count), status_text), net),
        "org": single(values, "org", count, folded),
        "source": single(values, "source", count, folded),
        "country": only(listed(values, "country", countries, count), net),
        "mnt_by": only(listed(values, "mnt-by", handles, count), net),
    }


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


def _dates(values: Values, count: int) -> tuple[Ints, Ints]:
    """Return when each object was created and last changed, in seconds since 1970, 0 = unknown."""
    created = np.zeros(count, np.int64)
    modified = np.zeros(count, np.int64)
    for names, target in ((("created",), created), (("last-modified", "changed"), modified)):
        found = values.of(*names)
        seconds, good = read_dates(values.text, values.start[found], values.end[found])
        for k in np.flatnonzero(~good).tolist():
            seconds[k] = parse_date(texts_at(values, found[k : k + 1])[0].decode())
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
    for k, text in zip(types.tolist(), texts_at(values, types), strict=True):
        if folded(text) in (b"RIR", b"IANA") and kind[values.row[k]] >= 0:
            flags[values.row[k]] |= OF_REGISTRY
    return flags
