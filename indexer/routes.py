"""Read routing tables: which prefixes are announced, by which AS numbers; join ranges with them.

Formats, told by the first line that is of one:

    1.0.0.0<TAB>24<TAB>13335           CAIDA's RouteViews prefix-to-AS (pfx2as)
    13335<TAB>1.0.0.0/24<TAB>371       RIPE NCC's riswhoisdump: origin, prefix, peers that see it
    prefix,origin                      CSV with a header, its columns in any order

Several origins of one prefix are joined by `_`, the members of an AS set by `,` (CAIDA) or written
`{1,2}` (RIPE NCC); all are split, and a prefix named again adds its origins. AS numbers that are
private or reserved are kept: they are what was seen. Default routes say nothing about who uses a
net; they are counted and left out.

Prefixes nest, so sorted by address, the shorter first, every route comes after those that contain
it. The joins take millions of ranges at once: bisect, then climb parents. Ranges may have any
borders, not only those of prefixes. What a route proves is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import evidence_files as files
from .evidence_files import ASN, GOOD, SHORT, EvidenceFile, Lines, Prefixes, Text
from .scan import Bytes, Ints, Words
from .values import MASKS, Flags

Codes = NDArray[np.int32]
Addresses = NDArray[Any]  # (n,) of IPv4, (n, 2) uint64 of IPv6: the high and the low half
Set = tuple[int, ...]

_PFX2AS: Final = "CAIDA pfx2as"
_RIS: Final = "RIPE NCC riswhoisdump"
_CSV: Final = "CSV of prefix and origin"
_FORMS: Final = (
    (_PFX2AS, re.compile(rb"[0-9a-fA-F.:]+\t[0-9]{1,3}\t[0-9_,]+")),
    (_RIS, re.compile(rb"[0-9{},]+\t[0-9a-fA-F.:]+/[0-9]{1,3}(?:\t.*)?")),
)
_COLUMNS: Final = (
    ("prefix", "ip prefix", "ip_prefix", "network", "route"),
    ("origin", "origins", "asn", "as", "origin_as", "origin as", "origin_asn", "origin asn"),
)
_LOOKED_AT: Final = 20  # lines in which a format is looked for: the first ones may be broken
_SEVERAL = re.compile(r"[\s_,;|]+")
_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_SETS: Final = 1 << 32


class Routes(NamedTuple):
    """Hold the announced prefixes of both families, and their origins.

    IPv4, n of them: ``first`` uint32, ``length`` uint8, ``origins`` int32 = a place in ``sets``,
    ``parent`` int32 = the longest other route that contains it, -1 = none. IPv6, m of them:
    ``high`` and ``low`` uint64, then likewise. Both are sorted by address, then length, and hold
    no prefix twice. ``sets`` are the sets of origins, sorted, each ascending. ``counts`` are
    `ipv4`, `ipv6`, `default` (lines left out), `again` (lines of a prefix that had come before).
    """

    first: NDArray[np.uint32]
    length: NDArray[np.uint8]
    origins: Codes
    parent: Codes
    high: Words
    low: Words
    length6: NDArray[np.uint8]
    origins6: Codes
    parent6: Codes
    sets: list[Set]
    counts: dict[str, int]
    files: list[EvidenceFile]


class Inside(NamedTuple):
    """Hold the routes inside each of k ranges, in their order.

    Those of range i are ``route[offset[i] : offset[i + 1]]``: places among the routes of the
    family. ``offset`` is int64 (k + 1,), ``route`` int32.
    """

    offset: Ints
    route: Codes


class _Sets:
    """Number the sets of several AS numbers; the code of a set of one is that number."""

    def __init__(self) -> None:
        self._codes: dict[Set, int] = {}
        self._sets: list[Set] = []

    def code(self, members: Set) -> int:
        """Return the code of a set, whose members ascend."""
        if len(members) == 1:
            return members[0]
        code = self._codes.setdefault(members, _SETS + len(self._sets))
        if code == _SETS + len(self._sets):
            self._sets.append(members)
        return code

    def members(self, code: int) -> Set:
        """Return the members of the set that has a code."""
        return (code,) if code < _SETS else self._sets[code - _SETS]


class _Family(NamedTuple):
    """Hold the routes of one family; ``code`` is one of `_Sets`."""

    first: Addresses
    length: NDArray[np.uint8]
    code: Ints


def read_routes(paths: Sequence[str]) -> Routes:
    """Read routing tables and bring them together; of no files the result is empty.

    It depends neither on the order of the files nor on that of their lines. Raises `DumpError` for
    a file that is no routing table, or is cut off.
    """
    sets = _Sets()
    told, found, codes = [], [], [np.zeros(0, np.int64)]
    for text in files.read_texts(paths):
        prefixes, code, report = _read(text, sets)
        found.append(prefixes)
        codes.append(code)
        told.append(report)
    return _gathered(found, codes, sets, told)


def _gathered(
    found: list[Prefixes], codes: list[Ints], sets: _Sets, told: list[EvidenceFile]
) -> Routes:
    """Bring prefixes and the codes of their origins together."""
    narrow, wide, defaults = _families(found, np.concatenate(codes), sets)
    used = np.unique(np.concatenate([narrow.code, wide.code]))
    members = [sets.members(code) for code in used.tolist()]
    order = sorted(range(len(members)), key=members.__getitem__)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    counts = {"ipv4": len(narrow.code), "ipv6": len(wide.code), "default": defaults}
    counts["again"] = sum(map(len, codes)) - sum(counts.values())
    return Routes(
        narrow.first, narrow.length, place[np.searchsorted(used, narrow.code)], _parents(narrow),
        wide.first[:, 0].copy(), wide.first[:, 1].copy(), wide.length,
        place[np.searchsorted(used, wide.code)], _parents(wide),
        [members[k] for k in order], counts, told,
    )  # fmt: skip


def _read(text: Text, sets: _Sets) -> tuple[Prefixes, Ints, EvidenceFile]:
    """Read one file; return the prefixes of its good lines, their origins, and what came of it."""
    lines = files.lines_of(text, b"#%")
    kind = _kind(lines)
    if kind == _PFX2AS:
        start, end, count = files.fields_of(lines, 9, 3)
        read = files.split_prefixes(lines.text, start[:, 0], end[:, 0], start[:, 1], end[:, 1])
        read.fault[count < 3] = SHORT
        begin, stop = start[:, 2], end[:, 2]
    elif kind == _RIS:
        start, end, count = files.fields_of(lines, 9, 2)
        read = files.read_prefixes(lines.text, start[:, 1], end[:, 1])
        read.fault[count < 2] = SHORT
        begin, stop = start[:, 0], end[:, 0]
    else:
        table = files.table_of(lines, _COLUMNS, "routing table (pfx2as, riswhoisdump or CSV)")
        lines, (at, origin) = table.lines, table.columns
        read = files.read_prefixes(lines.text, *at)
        read.fault[table.short] = SHORT
        begin, stop = origin
    code, good = _origins(lines.text, begin, stop, sets)
    read.fault[(read.fault == GOOD) & ~good] = ASN
    kept = read.fault == GOOD
    left = Prefixes(*(column[kept] for column in read))
    default = left.length == 0
    counts = {
        "ipv4": int((left.family[~default] == 4).sum()),
        "ipv6": int((left.family[~default] == 6).sum()), "default": int(default.sum()),
    }  # fmt: skip
    report = files.report(lines, kind, read.fault, counts, closed=kind != _CSV)
    return left, code[kept], report


def _kind(lines: Lines) -> str:
    for start, end in zip(lines.start[:_LOOKED_AT], lines.end, strict=False):
        line = lines.text[start:end].tobytes()
        for kind, form in _FORMS:
            if form.fullmatch(line):
                return kind
    return _CSV


def _origins(text: Bytes, start: Ints, end: Ints, sets: _Sets) -> tuple[Ints, Flags]:
    """Read origins as codes of sets; return them and whether each was read."""
    code, good = files.read_asns(text, start, end)
    good &= code > 0
    rest = np.flatnonzero(~good)
    known: dict[bytes, int] = {}
    for k in rest.tolist():
        word = text[start[k] : end[k]].tobytes()
        if word not in known:
            known[word] = _set_code(word.decode("latin-1"), sets)
        code[k] = known[word]
    good[rest] = code[rest] > 0
    return code, good


def _set_code(word: str, sets: _Sets) -> int:
    """Return the code of a set written in any of the forms, 0 for what is none."""
    numbers = set()
    for part in _SEVERAL.split(word.strip(" \t{}")):
        found = _NUMBER.fullmatch(part)
        numbers.add(int(found[1]) if found else 0)
    legal = all(0 < number < files.AS_LIMIT for number in numbers)
    return sets.code(tuple(sorted(numbers))) if legal else 0


def _families(
    found: list[Prefixes], code: Ints, sets: _Sets
) -> tuple[_Family, _Family, int]:  # fmt: skip
    """Sort the prefixes of all files into families; count the default routes, left out."""
    empty = Prefixes(*(np.zeros(0, kind) for kind in ("u1", "u8", "u8", "i8", "u1")))
    every = Prefixes(*(np.concatenate(columns) for columns in zip(empty, *found, strict=True)))
    shown = every.length > 0
    rows = np.flatnonzero(shown & (every.family == 4))
    key = every.low[rows].astype(np.int64) << 6 | every.length[rows]
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        rows, key = rows[order], key[order]
    new = np.append(True, key[1:] > key[:-1])[: len(key)]
    length = every.length[rows[new]].astype(np.uint8)
    narrow = _Family(every.low[rows[new]].astype(np.uint32), length, _united(code[rows], new, sets))
    rows = np.flatnonzero(shown & (every.family == 6))
    high, low, bits = every.high[rows], every.low[rows], every.length[rows]
    order = np.lexsort((bits, low, high))
    rows, high, low, bits = rows[order], high[order], low[order], bits[order]
    new = np.ones(len(rows), bool)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1]) | (bits[1:] != bits[:-1])
    pair = np.stack([high[new], low[new]], axis=1)
    wide = _Family(pair, bits[new].astype(np.uint8), _united(code[rows], new, sets))
    return narrow, wide, int(len(shown) - shown.sum())


def _united(code: Ints, new: Flags, sets: _Sets) -> Ints:
    """Return the union of the sets of each run; ``new`` marks where runs begin."""
    heads = np.flatnonzero(new)
    if len(heads) == len(code):
        return code
    ends = np.append(heads[1:], len(code))
    union = code[heads]
    mixed = np.flatnonzero(np.maximum.reduceat(code, heads) != np.minimum.reduceat(code, heads))
    for k, begin, end in zip(mixed, heads[mixed], ends[mixed], strict=True):
        members = set().union(*map(sets.members, code[begin:end].tolist()))
        union[k] = sets.code(tuple(sorted(members)))
    return union


def _last(first: Addresses, length: NDArray[np.uint8]) -> Addresses:
    """Return the last address of prefixes; int64 of IPv4."""
    if first.ndim == 1:
        return first.astype(np.int64) | (np.int64(0xFFFFFFFF) >> length)
    bits = length.astype(np.int64)
    host = MASKS[np.maximum(64 - bits, 0)], MASKS[np.minimum(128 - bits, 64)]
    return np.asarray(first | np.stack(host, axis=1))


def less(one: Addresses, other: Addresses) -> Flags:
    if one.ndim == 1:
        return np.asarray(one < other)
    same = one[:, 0] == other[:, 0]
    return np.asarray((one[:, 0] < other[:, 0]) | (same & (one[:, 1] < other[:, 1])))


def count_below(first: Addresses, query: Addresses, side: Literal["left", "right"]) -> Ints:
    """Bisect sorted addresses: how many are below each of k, with ``right`` also equal to it."""
    if first.ndim == 1:
        return np.searchsorted(first, query, side).astype(np.int64)
    high, low = np.unique(first[:, 0]), np.unique(first[:, 1])
    upper = np.searchsorted(high, query[:, 0])
    there = upper < len(high)
    there[there] = high[upper[there]] == query[there, 0]
    lower = np.where(there, np.searchsorted(low, query[:, 1], side), 0)
    scale = len(low) + 1
    places = np.searchsorted(high, first[:, 0]) * scale + np.searchsorted(low, first[:, 1])
    return np.searchsorted(places, upper * scale + lower).astype(np.int64)


def _parents(family: _Family) -> Codes:
    """Find the parent of every route: -1, or the one next before it that contains it."""
    reach = count_below(family.first, _last(family.first, family.length), "right")
    parent = np.arange(-1, len(reach) - 1)
    active = np.arange(1, len(reach))
    while len(active):
        # Whatever contains a route and comes before one that does not, contains that one too: so
        # go on where that one goes on. Sound while that is no parent yet, and takes a logarithm of
        # rounds along a row of neighbours.
        apart = reach[parent[active]] <= active
        active = active[apart]
        parent[active] = parent[parent[active]]
        active = active[parent[active] >= 0]
    return parent.astype(np.int32)


def spans_of(routes: Routes, ranges: Addresses) -> tuple[Addresses, Addresses, Codes]:
    """Return first, last and parent of the routes of the family that ranges are of."""
    if ranges.ndim == 1:
        return routes.first, _last(routes.first, routes.length), routes.parent
    first = np.stack([routes.high, routes.low], axis=1)
    return first, _last(first, routes.length6), routes.parent6


def covering(routes: Routes, first: Addresses, last: Addresses) -> Codes:
    """Find the longest announced prefix that contains each range whole, or is the range.

    ``first`` and ``last`` are (k,) integers of IPv4, or (k, 2) uint64 of IPv6. Returns (k,) places
    among the routes of that family, -1 = none.
    """
    begin, end, parent = spans_of(routes, first)
    at = count_below(begin, first, "right") - 1
    active = np.flatnonzero(at >= 0)
    while len(active):
        active = active[less(end[at[active]], last[active])]
        at[active] = parent[at[active]]
        active = active[at[active] >= 0]
    return at.astype(np.int32)


def exact(routes: Routes, first: Addresses, last: Addresses) -> Codes:
    """Find the announced prefix that each range is; arguments and result as of `covering`."""
    begin, end, _ = spans_of(routes, first)
    at = covering(routes, first, last)
    found = np.flatnonzero(at >= 0)
    here = at[found]
    differs = (begin[here] != first[found]) | (end[here] != last[found])
    at[found[differs if differs.ndim == 1 else differs.any(axis=1)]] = -1
    return at


def inside(routes: Routes, first: Addresses, last: Addresses) -> Inside:
    """Find the announced prefixes that lie in each range and are not the range.

    Arguments as of `covering`. Prefixes that cross a border of the range are not inside.
    """
    begin, end, _ = spans_of(routes, first)
    low = count_below(begin, first, "left")
    count = np.maximum(count_below(begin, last, "right") - low, 0)
    owner = np.repeat(np.arange(len(count)), count)
    route = np.arange(len(owner)) + np.repeat(low - np.cumsum(count) + count, count)
    below, above = less(end[route], last[owner]), less(first[owner], begin[route])
    kept = below | (above & ~less(last[owner], end[route]))
    number = np.bincount(owner[kept], minlength=len(count))
    return Inside(np.append(0, np.cumsum(number)), route[kept].astype(np.int32))


def joined_sets(sets: list[Set], codes: Codes, offset: Ints) -> tuple[Codes, list[Set]]:
    """Unite sets of origins: ``codes[offset[i] : offset[i + 1]]`` for each i of k.

    Takes ``routes.sets``, ``routes.origins[found.route]`` and ``found.offset`` of an `Inside`.
    Returns (k,) codes, -1 of no sets, and the list they are places in: the sets given, then new
    ones, sorted.
    """
    owner = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    owner, code = np.divmod(np.unique(owner * len(sets) + codes), max(len(sets), 1))
    heads = np.flatnonzero(np.append(True, owner[1:] > owner[:-1])[: len(owner)])
    ends = np.append(heads[1:], len(owner))[: len(heads)]
    united = np.full(len(offset) - 1, -1, np.int32)
    united[owner[heads]] = code[heads]
    known = {members: place for place, members in enumerate(sets)}
    several = np.flatnonzero(ends - heads > 1)
    spans = zip(heads[several].tolist(), ends[several].tolist(), strict=True)
    runs = [tuple(code[begin:end].tolist()) for begin, end in spans]
    # Ranges near each other hold the same routes.
    union = {run: tuple(sorted(set().union(*map(sets.__getitem__, run)))) for run in set(runs)}
    new = sorted(set(union.values()) - known.keys())
    known |= {members: len(sets) + place for place, members in enumerate(new)}
    united[owner[heads[several]]] = [known[union[run]] for run in runs]
    return united, sets + new


def tables(routes: Routes) -> dict[str, NDArray[Any]]:
    """Return the routes as tables of an index."""
    sizes = [len(members) for members in routes.sets]
    numbers = [asn for members in routes.sets for asn in members]
    return {
        "route4.first": routes.first, "route4.length": routes.length,
        "route4.origins": routes.origins, "route4.parent": routes.parent,
        "route6.hi": routes.high, "route6.lo": routes.low, "route6.length": routes.length6,
        "route6.origins": routes.origins6, "route6.parent": routes.parent6,
        "origin.at": np.cumsum([0, *sizes]).astype(np.uint32),
        "origin.asn": np.array(numbers, np.uint32),
    }  # fmt: skip
