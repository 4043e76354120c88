"""Read validated ROA payloads (VRPs): which AS may announce which prefixes, as RPKI says.

Formats, told by the first character:

    {"roas": [{"asn": 64500, "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "ripe", ...}]}
    ASN,IP Prefix,Max Length,Trust Anchor

The first is the JSON of rpki-client (`-j`) and of Routinator (`json`, `jsonext`), which writes
`"AS64500"`; the second the CSV of Routinator (`csv`, `csvcompat` with its quotes, `csvext`), whose
columns are found by their header. A VRP without a maximum length allows its prefix only (RFC 6482
section 3.3). AS 0 is kept: such a VRP says that nobody may announce the prefix (RFC 6483 section
4). Trust anchors and times are not read: a validator has judged them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.errors import DumpError

from . import evidence_files as files
from .evidence_files import ASN, GOOD, MAXIMUM, SHORT, EvidenceFile, Lines, Prefixes, Text, kept
from .prefix_set import PrefixSet
from .scan import Ints, Words
from .values import Flags, read_decimals

_JSON: Final = "JSON of VRPs"
_CSV: Final = "CSV of VRPs"
_COLUMNS: Final = (
    ("ip prefix", "prefix", "ip_prefix"),
    ("asn", "as", "origin"),
    ("max length", "maxlength", "max_length", "max len"),
)


@dataclass(frozen=True, eq=False)
class Vrps:
    """Hold VRPs of both families, sorted by address, length, AS number and maximum length.

    IPv4, n of them: ``first`` uint32, ``length`` and ``max_length`` uint8, ``asn`` uint32, 0 = no
    AS may announce it. IPv6, m of them: ``high`` and ``low`` uint64, then likewise. None is there
    twice. ``counts`` are `ipv4`, `ipv6`, `as0` of both, and `again` (what had come before).
    """

    first: NDArray[np.uint32]
    length: NDArray[np.uint8]
    max_length: NDArray[np.uint8]
    asn: NDArray[np.uint32]
    high: Words
    low: Words
    length6: NDArray[np.uint8]
    max_length6: NDArray[np.uint8]
    asn6: NDArray[np.uint32]
    counts: dict[str, int]
    files: list[EvidenceFile]

    def origins_for(self, family: int, first: int, length: int) -> tuple[tuple[int, int], ...]:
        """Return (AS number, maximum length) of all VRPs whose prefix contains one.

        Those of the longest prefix come first, then by AS number. The first call puts all
        prefixes in a `PrefixSet`, which takes seconds where there are half a million. Raises
        `AddressError` for what is no prefix.
        """
        prefixes, columns = self._prefixes
        found: list[tuple[int, int]] = []
        for _, _, run in prefixes.chain(family, first, length):
            asn, maximum, ends = columns[family]
            span = slice(0 if run == 0 else ends[run - 1], ends[run])
            found += zip(asn[span].tolist(), maximum[span].tolist(), strict=True)
        return tuple(found)

    def closest(
        self, family: int, first: int, length: int
    ) -> tuple[int, int, frozenset[int]] | None:
        """Return the longest prefix around one that somebody may announce, and who.

        The prefix is its first address and length; None without one. See `origins_for`.
        """
        prefixes, columns = self._prefixes
        asn, _, ends = columns[family]
        for start, bits, run in prefixes.chain(family, first, length):
            named = frozenset(asn[ends[run - 1] if run else 0 : ends[run]].tolist()) - {0}
            if named:
                return start, bits, named
        return None

    @cached_property
    def _prefixes(self) -> tuple[PrefixSet, dict[int, tuple[Any, Any, list[int]]]]:
        """Put every prefix in a set, with the number of its run; return the ends of runs too."""
        prefixes = PrefixSet()
        narrow = (np.zeros_like(self.first), self.first, self.length, self.max_length, self.asn)
        wide = (self.high, self.low, self.length6, self.max_length6, self.asn6)
        columns = {}
        for family, (high, low, length, maximum, asn) in ((4, narrow), (6, wide)):
            new = np.ones(len(length), bool)
            new[1:] = _differs(high) | _differs(low) | _differs(length)
            heads = np.flatnonzero(new)
            parts = (column[heads].tolist() for column in (high, low, length))
            rows = (
                (upper << 64 | lower, bits, run)
                for run, (upper, lower, bits) in enumerate(zip(*parts, strict=True))
            )
            prefixes.fill(family, rows)
            columns[family] = (asn, maximum, [*heads[1:].tolist(), len(length)])
        return prefixes, columns


class _Rows(NamedTuple):
    prefixes: Prefixes
    asn: Ints
    maximum: Ints


def _differs(column: NDArray[Any]) -> Flags:
    return np.asarray(column[1:] != column[:-1])


def read_vrps(paths: Sequence[str]) -> Vrps:
    """Read files of VRPs and bring them together; of no files the result is empty.

    It depends neither on the order of the files nor on that of their records. Of rejects in JSON
    the offset is the place in the list. Raises `DumpError` for a file that holds no VRPs, or is cut
    off.
    """
    found, told = [], []
    for text in files.read_texts(paths):
        head = text.whole[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
        rows, report = _from_json(text) if head.startswith(b"{") else _from_csv(text)
        found.append(rows)
        told.append(report)
    _, first, length, top, asn = _family(found, 4)
    high, low, length6, top6, asn6 = _family(found, 6)
    counts = {"ipv4": len(asn), "ipv6": len(asn6)}
    again = sum(len(rows.asn) for rows in found) - sum(counts.values())
    counts |= {"as0": int((asn == 0).sum() + (asn6 == 0).sum()), "again": again}
    narrow = first.astype(np.uint32)
    return Vrps(narrow, length, top, asn, high, low, length6, top6, asn6, counts, told)


def _from_csv(text: Text) -> tuple[_Rows, EvidenceFile]:
    table = files.table_of(files.lines_of(text), _COLUMNS, "file of VRPs (JSON or CSV)")
    rows, counts = _rows(table.lines, table.columns, table.short)
    fault = rows.prefixes.fault
    return _good(rows), files.report(table.lines, _CSV, fault, counts, closed=False)


def _from_json(text: Text) -> tuple[_Rows, EvidenceFile]:
    """Read JSON: as a text of lines `prefix<TAB>AS number<TAB>maximum length`."""
    roas = _load(text)
    whole = "\n".join(roas)
    if whole.count("\n") != len(roas) - 1 or whole.count("\t") != 2 * len(roas):
        roas = [row if row.count("\t") == 2 and "\n" not in row else "-" for row in roas]
        whole = "\n".join(roas)
    lines = files.lines_of(text._replace(whole=whole.encode("utf-8", "replace")), b"")
    start, end, count = files.fields_of(lines, 9, 3)
    rows, counts = _rows(lines, [(start[:, k], end[:, k]) for k in range(3)], count < 3)

    def sample(k: int) -> tuple[int, bytes]:
        return k, roas[k].replace("\t", " ")[:80].encode("utf-8", "replace")

    return _good(rows), files.told(text, _JSON, rows.prefixes.fault, counts, sample)


def _load(text: Text) -> list[str]:
    """Parse JSON; return its VRPs as lines, `-` for what is none."""
    place = text.source.place

    def line(item: dict[str, Any]) -> object:
        # Lines take a fourth of the memory of dicts.
        if "prefix" not in item or "asn" not in item:
            return item
        top = item.get("maxLength")
        return f"{item['prefix']}\t{item['asn']}\t{'' if top is None else top}"

    try:
        held = json.loads(text.whole.decode("utf-8-sig", "replace"), object_hook=line)
    except RecursionError:
        raise DumpError(place, "is nested too deeply for a file of VRPs") from None
    except json.JSONDecodeError as error:
        if not error.doc.rstrip().endswith("}") or error.pos >= len(error.doc.rstrip()):
            why = "is cut off: its JSON does not end: download it again"
            raise DumpError(place, why) from None
        why = f"is no JSON ({error.msg}, line {error.lineno}): download it again"
        raise DumpError(place, why, len(error.doc[: error.pos].encode())) from None
    except ValueError as error:  # a number of thousands of digits
        raise DumpError(place, f"is no file of VRPs ({error})") from None
    roas = held.get("roas") if isinstance(held, dict) else None
    if not isinstance(roas, list):
        raise DumpError(place, "is no file of VRPs: its JSON has no list of roas")
    return [item if isinstance(item, str) and item else "-" for item in roas]


def _rows(
    lines: Lines, columns: list[tuple[Ints, Ints]], short: Flags
) -> tuple[_Rows, dict[str, int]]:
    """Read prefix, AS number and maximum length of lines; see what is wrong with them."""
    prefix, origin, top = columns
    read = files.read_prefixes(lines.text, *prefix)
    asn, named = files.read_asns(lines.text, *origin)
    maximum, legal = read_decimals(lines.text, *top)
    missing = top[0] == top[1]
    maximum = np.where(missing, read.length, maximum)
    legal = missing | legal
    legal &= (maximum >= read.length) & (maximum <= np.where(read.family == 4, 32, 128))
    for code, good in ((ASN, named), (MAXIMUM, legal)):
        read.fault[(read.fault == GOOD) & ~good] = code
    read.fault[short] = SHORT
    good = read.fault == GOOD
    counts = {f"ipv{family}": int((good & (read.family == family)).sum()) for family in (4, 6)}
    return _Rows(read, asn, maximum), counts


def _good(rows: _Rows) -> _Rows:
    good = rows.prefixes.fault == GOOD
    return _Rows(kept(rows.prefixes, good), rows.asn[good], rows.maximum[good])


def _family(found: list[_Rows], family: int) -> list[NDArray[Any]]:
    """Return the columns of one family, sorted: high, low, length, maximum length, AS number."""
    kinds = ("u8", "u8", "u1", "u1", "u4")
    parts: list[list[NDArray[Any]]] = [[np.zeros(0, kind)] for kind in kinds]
    for prefixes, asn, maximum in found:
        mine = prefixes.family == family
        columns = (prefixes.high, prefixes.low, prefixes.length, maximum, asn)
        for part, column in zip(parts, columns, strict=True):
            part.append(column[mine].astype(part[0].dtype))
    high, low, length, top, number = (np.concatenate(part) for part in parts)
    order = np.lexsort((top, number, length, low, high))
    sort = [column[order] for column in (high, low, length, top, number)]
    new = np.ones(len(order), bool)
    new[1:] = np.logical_or.reduce([_differs(column) for column in sort])
    return [column[new] for column in sort]
