"""Read the registries' statistics: who has delegated which ranges, to the day.

The files are lines of fields between bars (RIR statistics exchange format; the extended one adds
an opaque id): comments, a version line, a summary line for each type, then records, whose first
fields are the same in every variant:

    2|afrinic|20230323|15019|00000000|20230323|00000
    afrinic|*|ipv4|*|5089|summary
    afrinic|ZA|ipv4|192.0.2.0|256|20110412|allocated|F36B9F4B

The value is a number of addresses, of any size, for IPv6 a prefix length, for AS numbers how many.
Records may end behind the status. The offsets of bars and line feeds give all fields at once; no
line is looked at in Python but the few that are no records.

A header or a summary that promises more records than follow is an error: the file was cut off.
More than promised is none (IANA's file may have them). Whom to believe where two registries name
one address is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.addresses import pack
from rirdex.query.errors import AddressError, DumpError
from rirdex.query.quads import read_quads

from .batch import Reject
from .scan import PAD, Bytes, Ints, words_of
from .values import MASKS, Flags, parse_date, read_decimals, read_high_halves

REGISTRIES: Final = ("RIPE", "APNIC", "AFRINIC", "LACNIC", "ARIN", "IANA")
STATUSES: Final = ("other", "allocated", "assigned", "available", "reserved", "block")
OTHER, ALLOCATED, ASSIGNED, AVAILABLE, RESERVED, BLOCK = range(6)
TYPES: Final = ("ipv4", "ipv6", "asn")

_PUBLISHED: Final = (b"ripencc", b"apnic", b"afrinic", b"lacnic", b"arin", b"iana")
_FILES: Final = dict(zip(_PUBLISHED, REGISTRIES, strict=True)) | {b"nro": "NRO"}
_VERSION = re.compile(rb"2(?:\.\d+)*\|(?:%s)\|" % b"|".join(_FILES), re.IGNORECASE)
_NO_TYPE: Final = len(TYPES)
_NO_REGISTRY: Final = len(REGISTRIES)


class Ranges(NamedTuple):
    """Hold the ranges of one type, in file order; n of them.

    ``first`` and ``last`` are int64 (n,) of IPv4 addresses or AS numbers, of IPv6 addresses uint64
    (n, 2): the high and the low half. ``registry`` and ``status`` (uint8) are places in
    `REGISTRIES` and `STATUSES`; ``date`` (uint16) are days since 1970, 0 = none; ``country``
    (uint16) are the two letters in upper case, the first one high, 0 = none.
    """

    first: NDArray[Any]
    last: NDArray[Any]
    registry: NDArray[np.uint8]
    status: NDArray[np.uint8]
    date: NDArray[np.uint16]
    country: NDArray[np.uint16]


class Delegated(NamedTuple):
    """Hold what one file says.

    ``registry`` is a name of `REGISTRIES`, or `NRO` for the combined file; ``serial`` is as
    published; ``date`` is the last day the file speaks of, in days since 1970, 0 = none.
    ``counts`` are the records of each of `TYPES` that were read. A `BLOCK` is what IANA gave to the
    registry of the row: no statement about who holds an address in it.
    """

    registry: str
    serial: str
    date: int
    ipv4: Ranges
    ipv6: Ranges
    asn: Ranges
    counts: dict[str, int]
    rejects: list[Reject]


class _Fields(NamedTuple):
    """Hold a padded text and where the lines that may be records and their fields lie in it.

    ``start`` and ``end`` are (n, 8): registry, country, type, start, value, date, status, id; what
    is missing is empty. ``width`` counts the fields of each line, ``kind`` is a place in `TYPES`
    or `_NO_TYPE`.
    """

    text: Bytes
    start: Ints
    end: Ints
    width: Ints
    kind: Ints


def is_delegated(head: bytes) -> bool:
    """Say whether a text begins like a statistics file: comments, then a version line."""
    for line in head.split(b"\n"):
        if line.strip() and not line.startswith(b"#"):
            return _VERSION.match(line) is not None
    return False


def read_delegated(text: bytes | Iterable[bytes], place: str) -> Delegated:
    """Read a statistics file, whole or as pieces that follow each other.

    Rejects are in file order. Raises `DumpError` for what is no such file, or is cut off.
    """
    whole = text if isinstance(text, bytes) else b"".join(text)
    start, end = _lines(whole)
    version = whole[start[0] : end[0]] if len(start) else b""
    registry_name, serial, promised, date = _header(version, place, len(start))
    fields, summaries = _fields(whole, start[1:], end[1:], place)
    status, registry = _shared(fields)
    known = (registry < _NO_REGISTRY) & (fields.width >= 7)
    strange = np.flatnonzero(fields.kind == _NO_TYPE)
    reasons = dict.fromkeys(strange.tolist(), "a record of no known type")
    found: dict[str, Ranges] = {}
    for code, (name, read) in enumerate(zip(TYPES, (_ipv4, _ipv6, _asn), strict=True)):
        rows = np.flatnonzero(fields.kind == code)
        first, last, good = read(fields, rows)
        reasons |= dict.fromkeys(rows[~good].tolist(), f"an {name} record without a legal range")
        fault = f"an {name} record that names no registry or has too few fields"
        reasons |= dict.fromkeys(rows[~known[rows]].tolist(), fault)
        kept = good & known[rows]
        rows = rows[kept]
        found[name] = Ranges(
            first[kept], last[kept], registry[rows], status[rows], _days(fields, rows),
            _countries(fields, rows),
        )  # fmt: skip
    _refuse_cut(fields, promised, summaries, place)
    final = len(fields.kind) - 1
    if not whole.endswith(b"\n") and (final in reasons or status[final:].tolist() == [OTHER]):
        raise DumpError(place, "is cut off in its last line: download it again", int(start[-1]))
    begin = fields.start[:, 0].tolist()
    rejects = [Reject(begin[k], reasons[k], _sample(whole, begin[k])) for k in sorted(reasons)]
    counts = {name: len(ranges.date) for name, ranges in found.items()}
    return Delegated(registry_name, serial, date, **found, counts=counts, rejects=rejects)


def _sample(whole: bytes, start: int) -> bytes:
    return whole[start : start + 80].partition(b"\n")[0]


def _lines(whole: bytes) -> tuple[Ints, Ints]:
    """Return where the lines begin and end that are neither empty nor comments."""
    text = np.frombuffer(whole, np.uint8)
    feeds = np.flatnonzero(text == 10)
    start = np.concatenate([np.zeros(1, np.int64), feeds + 1])
    end = np.append(feeds, len(text))
    filled = end > start
    start, end = start[filled], end[filled]
    end = end - (text[end - 1] == 13)
    filled = (end > start) & (text[start] != 35)
    return start[filled], end[filled]


def _header(line: bytes, place: str, lines: int) -> tuple[str, str, int, int]:
    """Return registry, serial, promised records and date of the version line, 0 for none."""
    if not _VERSION.match(line):
        raise DumpError(place, "is no statistics file: it has no version line like 2|ripencc|...")
    fields = line.split(b"|")
    if len(fields) < 7:
        fault = "is cut off in its version line" if lines == 1 else "has a broken version line"
        raise DumpError(place, f"{fault}: download it again")
    serial, last, first = (fields[k].decode("latin-1").strip() for k in (2, 5, 4))
    date = (parse_date(last) or parse_date(first)) // 86400
    return _FILES[fields[1].lower()], serial, _count(fields[3]), date


def _count(text: bytes) -> int:
    return int(text) if re.fullmatch(rb"\d{1,18}", text) else 0


def _fields(whole: bytes, start: Ints, end: Ints, place: str) -> tuple[_Fields, dict[str, int]]:
    """Find the fields of the lines below the version line, and take the summaries out."""
    text = np.zeros(len(whole) + PAD, np.uint8)
    text[: len(whole)] = np.frombuffer(whole, np.uint8)
    bars = np.flatnonzero(text == 124)
    low = np.searchsorted(bars, start)
    count = np.searchsorted(bars, end) - low
    bars = np.append(bars, np.zeros(8, np.int64))
    ends = np.stack([np.where(count > k, bars[low + k], end) for k in range(8)], axis=1)
    starts = np.concatenate([start[:, None], np.minimum(ends[:, :7] + 1, end[:, None])], axis=1)
    # Only summaries have a star for a country; only version lines begin with a digit.
    stars = (text[starts[:, 1]] == 42) & (ends[:, 1] == starts[:, 1] + 1)
    summaries: dict[str, int] = {}
    for k in np.flatnonzero(stars).tolist():
        parts = [*whole[start[k] : end[k]].split(b"|"), b"", b"", b""]
        name = parts[2].decode("latin-1").lower()
        summaries[name] = summaries.get(name, 0) + _count(parts[4])
    for k in np.flatnonzero(text[start] - np.uint8(48) < 10).tolist():
        if _VERSION.match(whole[start[k] : end[k]]):
            raise DumpError(place, "holds several statistics files: give them one by one")
    starts, ends = starts[~stars], ends[~stars]
    types = [name.encode() for name in TYPES]
    kind = _coded(text, starts[:, 2], ends[:, 2], types, _NO_TYPE)
    return _Fields(text, starts, ends, count[~stars] + 1, kind), summaries


def _coded(text: Bytes, start: Ints, end: Ints, words: Iterable[bytes], other: int) -> Ints:
    """Return which of some words of at most 9 characters each span is, else ``other``."""
    size = end - start
    at = words_of(text)[start]
    at |= np.uint64(0x2020202020202020)
    at &= MASKS[8 * np.clip(size, 0, 8)]
    ninth = text[start + 8] | np.uint8(32)
    code = np.full(len(start), other, np.int64)
    for number, word in enumerate(words):
        wanted = np.frombuffer(word[:8].ljust(8, b"\0"), "<u8")[0]
        same = (at == wanted) & (size == len(word))
        code[same & (ninth == word[8]) if len(word) == 9 else same] = number
    return code


def _shared(fields: _Fields) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the status and the registry of each line, `_NO_REGISTRY` for none."""
    text, start, end = fields.text, fields.start, fields.end
    words = [name.encode() for name in STATUSES[:BLOCK]]
    status = _coded(text, start[:, 6], end[:, 6], words, OTHER)
    registry = _coded(text, start[:, 0], end[:, 0], _PUBLISHED, _NO_REGISTRY)
    # IANA's file names in the place of the id whom it gave a block to.
    given = _coded(text, start[:, 7], end[:, 7], _PUBLISHED[:-1], _NO_REGISTRY)
    block = (registry == REGISTRIES.index("IANA")) & (given < _NO_REGISTRY)
    block &= status == ALLOCATED
    status[block], registry[block] = BLOCK, given[block]
    return status.astype(np.uint8), registry.astype(np.uint8)


def _ipv4(fields: _Fields, rows: Ints) -> tuple[Ints, Ints, Flags]:
    """Read the ranges of IPv4 records: first, last, and whether each is one."""
    first, stop, good = read_quads(fields.text, fields.start[rows, 3])
    return _counted(fields, rows, first, good & (stop == fields.end[rows, 3]))


def _asn(fields: _Fields, rows: Ints) -> tuple[Ints, Ints, Flags]:
    return _counted(fields, rows, *_numbers(fields, rows, 3))


def _counted(fields: _Fields, rows: Ints, first: Ints, good: Flags) -> tuple[Ints, Ints, Flags]:
    count, fine = _numbers(fields, rows, 4)
    last = first + count - 1
    return first, last, good & fine & (count > 0) & (last < 1 << 32)


def _ipv6(fields: _Fields, rows: Ints) -> tuple[NDArray[np.uint64], NDArray[np.uint64], Flags]:
    """Read the prefixes of IPv6 records; bits set behind the length are an error."""
    first = np.zeros((len(rows), 2), np.uint64)
    begin, end = fields.start[rows, 3], fields.end[rows, 3]
    first[:, 0], good = read_high_halves(fields.text, begin, end)
    for k in np.flatnonzero(~good).tolist():
        text = fields.text[begin[k] : min(end[k], begin[k] + 64)].tobytes()
        try:
            family, number = pack(text.decode("latin-1"))
        except AddressError:
            continue
        first[k] = number >> 64, number & 0xFFFFFFFFFFFFFFFF
        good[k] = family == 6
    length, fine = _numbers(fields, rows, 4)
    host = 128 - np.minimum(length, 128)
    mask = np.stack([MASKS[np.maximum(host - 64, 0)], MASKS[np.minimum(host, 64)]], axis=1)
    good &= fine & (length <= 128) & ~((first & mask).any(axis=1))
    return first, first | mask, good


def _numbers(fields: _Fields, rows: Ints, column: int) -> tuple[Ints, Flags]:
    return read_decimals(fields.text, fields.start[rows, column], fields.end[rows, column])


def _days(fields: _Fields, rows: Ints) -> NDArray[np.uint16]:
    """Read dates `YYYYMMDD` as days since 1970; 0 for none, and for what is no day since then."""
    number, good = _numbers(fields, rows, 5)
    good &= fields.end[rows, 5] - fields.start[rows, 5] == 8
    year, month, day = number // 10000, number // 100 % 100, number % 100
    good &= (year >= 1970) & (year < 2149) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    begin = months.astype("M8[D]").astype(np.int64)
    good &= day <= (months + 1).astype("M8[D]").astype(np.int64) - begin
    return np.where(good, begin + day - 1, 0).astype(np.uint16)


def _countries(fields: _Fields, rows: Ints) -> NDArray[np.uint16]:
    start, size = fields.start[rows, 1], fields.end[rows, 1] - fields.start[rows, 1]
    pair = fields.text[start[:, None] + np.arange(2)] & 0xDF
    good = (size == 2) & ((pair >= 65) & (pair <= 90)).all(axis=1)
    return np.where(good, pair[:, 0].astype(np.uint16) << 8 | pair[:, 1], 0).astype(np.uint16)


def _refuse_cut(fields: _Fields, header: int, summaries: dict[str, int], place: str) -> None:
    """Raise `DumpError` when header or summaries promise more records than follow."""
    have = np.bincount(fields.kind, minlength=_NO_TYPE + 1).tolist()
    found = len(fields.kind)
    pairs = [
        (name, count, summaries.get(name, 0)) for name, count in zip(TYPES, have, strict=False)
    ]
    missing = [pair for pair in pairs if pair[1] < pair[2]]
    lost = sum(promised - count for _, count, promised in missing)
    # A line of no known type may be any record; a header may count the summaries as records.
    if lost <= have[_NO_TYPE] and header <= found + len(summaries):
        return
    what, promised = "summaries promise", sum(summaries.values())
    if header > found:
        what, promised = "header promises", header
    parts = ", ".join(f"{count:,} of {promised:,} {name}" for name, count, promised in missing)
    parts = parts and f" ({parts})"
    fault = f"is cut off: its {what} {promised:,} records, {found:,} follow{parts}"
    raise DumpError(place, f"{fault}: download it again")


class Blocks(NamedTuple):
    """Hold merged ranges in the order of their first address; columns as in `Ranges`."""

    first: NDArray[Any]
    last: NDArray[Any]
    registry: NDArray[np.uint8]
    status: NDArray[np.uint8]
    country: NDArray[np.uint16]


def merged(ranges: Ranges) -> Blocks:
    """Merge ranges that touch or overlap and agree in registry, status and country; of one type."""
    begin, stop, borders, places = _placed(ranges.first, ranges.last)
    group = (ranges.registry.astype(np.int64) << 4 | ranges.status) << 16 | ranges.country
    # Places of one group lie behind those of the one before, so one pass does all groups.
    shift = group * (2 * len(borders) + 2)
    order = np.argsort(begin + shift, kind="stable")
    reach = np.maximum.accumulate((stop + shift)[order])
    apart = (begin + shift)[order][1:] > reach[:-1] + 1
    heads = np.flatnonzero(np.append(True, apart)[: len(order)])
    tails = np.append(heads[1:], len(order))[: len(heads)] - 1
    chosen = order[heads]
    last = borders[np.searchsorted(places, reach[tails] - shift[chosen])]
    sort = np.lexsort((chosen, begin[chosen]))
    chosen, last = chosen[sort], last[sort]
    if ranges.last.ndim == 1:
        last = last[:, 1].astype(ranges.last.dtype)
    registry, status, country = ranges.registry[chosen], ranges.status[chosen], ranges.country
    return Blocks(ranges.first[chosen], last, registry, status, country[chosen])


def _placed(first: NDArray[Any], last: NDArray[Any]) -> tuple[Ints, Ints, NDArray[Any], Ints]:
    """Number the addresses that are borders, with a gap wherever addresses lie between two.

    Returns the numbers of first and last, the borders as pairs (m, 2) and their numbers.
    """
    both = np.concatenate([first, last]).astype(np.uint64)
    if both.ndim == 1:
        both = np.stack([np.zeros(len(both), np.uint64), both], axis=1)
    order = np.lexsort((both[:, 1], both[:, 0]))
    step = np.diff(both[order], axis=0)
    new = np.append(True, step.any(axis=1))[: len(both)]
    borders = both[order][new]
    step = np.diff(borders, axis=0)
    next_door = (step[:, 1] == 1) & (step[:, 0] == (borders[1:, 1] == 0))
    places = np.append(0, np.cumsum(np.where(next_door, 1, 2)))
    number = np.empty(len(both), np.int64)
    number[order] = places[np.cumsum(new) - 1]
    return number[: len(first)], number[len(first) :], borders, places
