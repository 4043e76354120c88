"""Read a chunk of registry records into rows and columns: cut and type, never judge.

RPSL is the rule; the records of LACNIC and ARIN share its grammar of lines, and what is their own
is in `lacnic` and `arin`. Which they are is seen record by record, by source and first attribute.

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
from collections import Counter
from socket import AF_INET6, inet_pton
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from . import arin, lacnic, references
from .batch import (
    DISOWNED,
    LATIN,
    MORE_DESCR,
    NARROW,
    OF_REGISTRY,
    OWNER,
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
    changed_where,
    changes,
    countries,
    folded,
    handles,
    joined,
    listed,
    lower_text,
    only,
    single,
    status_text,
    texts_at,
)
from .freetext import FreeText
from .intern import EMPTY, Column, column_of, local_column, rewritten, texts_of
from .scan import ATTRIBUTES, CODE, Ints, Scan, lines_holding, padded, scan
from .signs import mark_signs
from .values import Flags, parse_date, parse_range, read_dates, read_ranges

# Class of `layout.CLASSES` by the code of an object's first attribute; -1 = known, not kept.
_NET: Final = layout.CLASSES.index("net")
_CLASS: Final = {CODE[name]: k for k, name in enumerate(layout.CLASSES) if name != "net"} | {
    CODE["inetnum"]: _NET,
    CODE["inet6num"]: _NET,
    CODE["nethandle"]: _NET,
    CODE["v6nethandle"]: _NET,
    CODE["orgid"]: layout.CLASSES.index("organisation"),
    CODE["ashandle"]: layout.CLASSES.index("aut-num"),
    CODE["pochandle"]: layout.CLASSES.index("person"),
}
_ROW_CLASS = np.array([_CLASS.get(code, -1) for code in range(len(ATTRIBUTES))], np.int8)
_IS_CLASS = np.array(
    [code in _CLASS or code >= CODE["as-block"] for code in range(len(ATTRIBUTES))]
)
_FREE = (
    "netname", "descr", "org-name", "role", "person", "as-name", "owner", "orgname", "asname",
    "lastname", "firstname",
)  # fmt: skip
_FREE_TEXT = np.isin(np.arange(len(ATTRIBUTES)), [CODE[name] for name in _FREE])
_WANTED = np.array([0 < code < CODE["as-block"] for code in range(len(ATTRIBUTES))])
_NAMES_OF: Final = {
    "organisation": ("org-name", "orgname"), "role": ("role",), "person": ("person",),
    "aut-num": ("as-name", "asname"), "route": ("descr",), "route6": ("descr",),
}  # fmt: skip

_DELETED: Final = b"*xx"  # how RADB and JPIRR begin records that are no longer there
# What the placeholder records of APNIC say of themselves in remarks or descr.
_NOT_HERE = re.compile(rb"not (?:fully )?allocated to|not administered by\s+APNIC")


class Kinds(NamedTuple):
    """Say of each object of a chunk what it is, by class and by dialect; all arrays are (n,)."""

    kind: NDArray[np.int8]
    lead: NDArray[np.uint8]
    arin: Flags
    lacnic: Flags


def read_chunk(
    chunk: bytes | memoryview, base: int, dictionary: bytes, source: bytes = b""
) -> Batch:
    """Read a chunk of whole objects that begins ``base`` bytes into its file's text.

    ``source`` is the source of records that name none.
    """
    text = bytes(chunk)
    scanned = scan(padded(text), len(text))
    foreign = lines_holding(scanned, scanned.text > 127)
    known = _ROW_CLASS[scanned.line_key[scanned.object_line]] >= 0
    wanted = _WANTED.copy()
    public = references.dummified(scanned)
    wanted[[CODE[name] for name in references.unread_attributes(public)]] = False
    values = values_of(scanned, foreign, wanted, _FREE_TEXT, known)
    rejected: dict[int, str] = {}
    classes = Counter[str]()
    sources = _sources(values, len(known), source)
    kinds = _kinds(scanned, values, sources, rejected, classes)
    kind = kinds.kind
    first, last, wide = _ranges(values, kinds, rejected)
    systems = arin.as_ranges(values, kinds.lead == CODE["ashandle"], rejected)
    key = _keys(values, kind, kinds.lead, rejected)
    kind[list(rejected)] = -1
    kept = np.flatnonzero(kind >= 0)
    columns = _columns(values, kinds) | {"key": key, "source": sources}
    free = FreeText(scanned, columns["descr"], public)
    marked = references.address_lines(scanned, sources, free)
    columns["contact"] = references.contact_column(scanned, values, kind, sources, marked)
    created, modified = _dates(values, len(kind))
    counts, rejects = report(scanned, rejected, base)
    flags = _flags(scanned, values, foreign, kinds)
    if b"APNIC" in texts_of(sources):
        _mark_disowned(text, scanned, flags)
    flags[first >= 0] |= NARROW
    references.mark_says(scanned, marked, flags)
    mark_signs(scanned, free, flags)
    return Batch(
        kind[kept], word(first[kept]), word(last[kept]), _kept_rows(wide, kept),
        word(created[kept]), word(modified[kept]), flags[kept], _kept_rows(systems, kept),
        {name: picked(column, kept) for name, column in columns.items()},
        pack(text, base, scanned.object_start[kept], scanned.object_end[kept], dictionary),
        class_counts(scanned, rejected) | classes, counts, rejects,
    )  # fmt: skip


def _kept_rows(table: NDArray[Any], kept: Ints) -> NDArray[Any]:
    """Return the rows of a table whose first column is a kept object, renumbered."""
    table = table[np.isin(table[:, 0].astype(np.int64), kept)]
    table[:, 0] = np.searchsorted(kept, table[:, 0].astype(np.int64))
    return table


def _sources(values: Values, count: int, default: bytes) -> Column:
    column = single(values, values.first_of("source"), count, folded)
    if not default:
        return column
    texts = [*texts_of(column), default]
    return column_of(np.where(column.codes < 0, np.int32(len(texts) - 1), column.codes), texts)


def _kinds(
    scanned: Scan, values: Values, sources: Column, rejected: dict[int, str], deleted: Counter[str]
) -> Kinds:
    """Say what each object is, reject what is no object, and count the deleted ones."""
    lead = scanned.line_key[scanned.object_line]
    bad = scanned.continues[scanned.object_line] | ~_IS_CLASS[lead]
    kind = _ROW_CLASS[lead].copy()
    for obj in np.flatnonzero(bad).tolist():
        line = scanned.object_line[obj]
        if scanned.continues[line]:
            rejected[obj] = "begins with a continuation line"
            continue
        head = scanned.text[scanned.line_start[line] : scanned.line_end[line]].tobytes()
        name, colon, _ = head.partition(b":")
        if head.startswith(_DELETED):
            deleted["deleted"] += 1
            continue
        known = colon and re.fullmatch(rb"[A-Za-z0-9_-]{1,40}", name)
        rejected[obj] = f"unknown class: {name.decode()!r}" if known else "no attribute line"
    lacnic_code = [k for k, text in enumerate(texts_of(sources)) if text == b"LACNIC"]
    of_arin = np.isin(lead, arin.RECORDS)
    of_lacnic = np.isin(sources.codes, lacnic_code) & ~of_arin
    arin.mark_roles(values, lead == CODE["pochandle"], kind)
    return Kinds(kind, lead, of_arin, of_lacnic)


def _ranges(
    values: Values, kinds: Kinds, rejected: dict[int, str]
) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """Read the range of every net, the common form at once and the others one by one."""
    kind = kinds.kind
    first = np.full(len(kind), -1, np.int64)
    last = np.full(len(kind), -1, np.int64)
    found = np.flatnonzero(values.lead & (kind[values.row] == _NET) & ~kinds.arin[values.row])
    if kinds.arin.any():
        of_arin = values.first_of("netrange")
        of_arin = of_arin[np.isin(kinds.lead[values.row[of_arin]], arin.NETS)]
        found = np.concatenate([found, of_arin])
    narrow = found[values.key[found] != CODE["inet6num"]]
    low, high, good = read_ranges(values.text, values.start[narrow], values.end[narrow])
    first[values.row[narrow[good]]] = low[good]
    last[values.row[narrow[good]]] = high[good]
    wide = []
    for k in np.concatenate([narrow[~good], found[values.key[found] == CODE["inet6num"]]]).tolist():
        value = values.text[values.start[k] : values.end[k]].tobytes()
        row = int(values.row[k])
        text = lacnic.written_out(value.decode()) if kinds.lacnic[row] else value.decode()
        parsed = _prefix6(value) or parse_range(text)
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


def _keys(
    values: Values, kind: NDArray[np.int8], lead: NDArray[np.uint8], rejected: dict[int, str]
) -> Column:
    """Return the primary keys of the objects that are no nets, upper-cased."""
    nic = values.first_of("nic-hdl")
    person = np.isin(kind, [layout.CLASSES.index("role"), layout.CLASSES.index("person")])
    nic = nic[person[values.row[nic]]]
    keyed = (kind >= 0) & (kind != _NET) & (~person | (lead == CODE["pochandle"]))
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
    systems = kind == layout.CLASSES.index("aut-num")
    if systems.any():
        column = changed_where(column, systems, arin.as_key, folded)
    elif changes(column):
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


def _columns(values: Values, kinds: Kinds) -> dict[str, Column]:
    """Return the text columns of a chunk by name, as `layout.DICTIONARIES` and a few more."""
    net, systems = kinds.kind == _NET, kinds.kind == layout.CLASSES.index("aut-num")
    count = len(net)
    descr = values.first_of("descr")
    orgs = values.first_of("org", "orgid")
    handle = parent = EMPTY._replace(codes=np.full(count, -1, np.int32))
    if kinds.lacnic.any():
        owner = values.first_of("owner")
        descr = _by_dialect(values, kinds.lacnic, descr, owner)
        handle, parent = lacnic.identities(values, kinds.lacnic & net)
    if kinds.arin.any():
        orgs = orgs[~values.lead[orgs]]
        nets = np.isin(kinds.lead, arin.NETS)
        handles_at = np.flatnonzero(values.lead & nets[values.row])
        handle = joined(handle, single(values, handles_at, count, folded))
        parents = values.first_of("parent")
        parent = joined(parent, single(values, parents[nets[values.row[parents]]], count, folded))
    lower = kinds.arin | kinds.lacnic
    status = single(values, values.first_of("status", "nettype"), count)
    return {
        "name": _names(values, kinds),
        "netname": single(values, values.first_of("netname"), count),
        "descr": only(single(values, descr, count), net),
        "status": only(changed_where(status, lower, lower_text, status_text), net),
        "org": single(values, orgs, count, folded),
        "country": only(listed(values, "country", countries, count), net),
        "mnt_by": only(listed(values, "mnt-by", handles, count), net | systems),
        "handle": only(handle, net),
        "parent": only(parent, net),
    }


def _by_dialect(values: Values, rows: Flags, others: Ints, theirs: Ints) -> Ints:
    """Return the values of one attribute in some rows, of another in all others."""
    return np.concatenate([others[~rows[values.row[others]]], theirs[rows[values.row[theirs]]]])


def _names(values: Values, kinds: Kinds) -> Column:
    """Return what objects that are no nets are called."""
    kind = kinds.kind
    found = []
    for name, attributes in _NAMES_OF.items():
        some = values.first_of(*attributes)
        found.append(some[kind[values.row[some]] == layout.CLASSES.index(name)])
    if kinds.lacnic.any():
        owner = values.first_of("owner")
        found.append(owner[(kinds.lacnic & (kind != _NET))[values.row[owner]]])
    column = single(values, np.concatenate(found), len(kind))
    contacts = kinds.lead == CODE["pochandle"]
    return joined(column, arin.contact_names(values, contacts)) if contacts.any() else column


def _dates(values: Values, count: int) -> tuple[Ints, Ints]:
    """Return when each object was created and last changed, in seconds since 1970, 0 = unknown."""
    created = np.zeros(count, np.int64)
    modified = np.zeros(count, np.int64)
    for names, target in (
        (("created", "regdate"), created),
        (("last-modified", "changed", "updated"), modified),
    ):
        found = values.of(*names)
        seconds, good = read_dates(values.text, values.start[found], values.end[found])
        for k in np.flatnonzero(~good).tolist():
            seconds[k] = parse_date(texts_at(values, found[k : k + 1])[0].decode())
        np.maximum.at(target, values.row[found], seconds)
    return created, modified


def _flags(scanned: Scan, values: Values, foreign: Flags, kinds: Kinds) -> NDArray[np.uint16]:
    """Mark objects that are not UTF-8, are a registry's, have more descr, or an owner for it."""
    flags = np.zeros(len(scanned.object_line), np.uint16)
    for line in np.flatnonzero(foreign).tolist():
        value = scanned.text[scanned.line_start[line] : scanned.line_end[line]].tobytes()
        if utf8(value) is not value:
            flags[scanned.line_object[line]] |= LATIN
    descr = values.row[values.of("descr")]
    flags[descr[1:][descr[1:] == descr[:-1]]] |= MORE_DESCR
    flags[kinds.lacnic] &= ~np.uint16(MORE_DESCR)
    flags[kinds.lacnic] |= OWNER
    types = values.of("org-type")
    for k, text in zip(types.tolist(), texts_at(values, types), strict=True):
        if folded(text) in (b"RIR", b"IANA") and kinds.kind[values.row[k]] >= 0:
            flags[values.row[k]] |= OF_REGISTRY
    return flags


def _mark_disowned(chunk: bytes, scanned: Scan, flags: NDArray[np.uint16]) -> None:
    """Mark the objects in which APNIC says that the range is not its own."""
    for found in _NOT_HERE.finditer(chunk):
        obj = int(np.searchsorted(scanned.object_start, found.start(), "right")) - 1
        if obj >= 0:
            flags[obj] |= DISOWNED
