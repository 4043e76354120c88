"""Check the reader of statistics files against a naive one, line by line."""

from __future__ import annotations

import gzip
import ipaddress
import os
import re
from bisect import bisect_right
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rirdex.indexer.delegated import (
    REGISTRIES,
    STATUSES,
    TYPES,
    Delegated,
    Ranges,
    is_delegated,
    merged,
    read_delegated,
)  # fmt: skip
from rirdex.indexer.stated import Statistics, gather
from rirdex.query.errors import DumpError

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
real = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)
NAMES = {"ripencc": "RIPE", "apnic": "APNIC", "afrinic": "AFRINIC", "lacnic": "LACNIC",
         "arin": "ARIN", "iana": "IANA"}  # fmt: skip
Row = tuple[int, int, str, str, int, str]


def file(*records: str, head: str = "2|ripencc|1700000000|{}|19830705|20231115|+0100") -> bytes:
    """Return a file of these records, whose header and summaries promise as many."""
    types = Counter(record.split("|")[2] for record in records)
    summaries = [f"ripencc|*|{name}|*|{types[name]}|summary" for name in TYPES]
    return "".join(
        f"{line}\n" for line in (head.format(len(records)), *summaries, *records)
    ).encode()


def naive(line: str) -> tuple[str, Row] | None:
    """Read one record, sharing nothing with the reader under test; None when it is malformed."""
    fields = line.split("|")
    if len(fields) < 7 or fields[2] not in TYPES or fields[0] not in NAMES:
        return None
    numbers = [fields[4], *(fields[3:4] if fields[2] == "asn" else [])]
    if not all(re.fullmatch("[0-9]{1,10}", number) for number in numbers):
        return None
    registry, status = NAMES[fields[0]], fields[6] if fields[6] in STATUSES[1:5] else "other"
    try:
        if fields[2] == "ipv6":
            net = ipaddress.IPv6Network(f"{fields[3]}/{int(fields[4])}")
            first, last = int(net[0]), int(net[-1])
        else:
            start = ipaddress.IPv4Address(fields[3]) if fields[2] == "ipv4" else fields[3]
            first = int(start)
            last = first + int(fields[4]) - 1
            if not first <= last < 1 << 32:
                return None
    except ValueError:
        return None
    try:
        day = (date.fromisoformat(fields[5]) - date(1970, 1, 1)).days if fields[5] else 0
    except ValueError:
        day = 0
    country = fields[1].upper() if re.fullmatch("[A-Za-z]{2}", fields[1]) else ""
    return fields[2], (first, last, registry, status, day, country)


def rows(ranges: Ranges) -> list[Row]:
    """Return ranges as the naive reader has them."""
    first, last = (whole(side) for side in (ranges.first, ranges.last))
    return [
        (first[k], last[k], REGISTRIES[ranges.registry[k]], STATUSES[ranges.status[k]],
         int(ranges.date[k]), letters(ranges.country[k]))
        for k in range(len(first))
    ]  # fmt: skip


def letters(code: Any) -> str:
    return int(code).to_bytes(2, "big").decode() if code else ""


def whole(addresses: Any) -> list[int]:
    if addresses.ndim == 1:
        return [int(number) for number in addresses]
    return [int(high) << 64 | int(low) for high, low in addresses.tolist()]


def columns(read: Delegated) -> dict[str, list[Row]]:
    return {"ipv4": rows(read.ipv4), "ipv6": rows(read.ipv6), "asn": rows(read.asn)}


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"2|afrinic|20230323|15019|00000000|20230323|00000\n", True),
        (b"# comment\n#\n\n2.3|lacnic|20230323|1|19870101|20230323|-0300\r\n", True),
        (b"2.0|nro|20230323|1|19821213|20230323|+0000\n", True),
        (b"2|iana|20190911|", True),
        (b"2|RIPENCC|1|1|||+0000", True),
        (b"# only comments\n", False),
        (b"", False),
        (b"2|example|20230323|1|||\n", False),
        (b"ripencc|FR|ipv4|192.0.2.0|256|20100712|allocated\n", False),
        (b"inetnum: 192.0.2.0 - 192.0.2.255\n", False),
        (b"1|2|3|4|5|6|7\n", False),
    ],
)
def test_a_statistics_file_is_known_by_its_version_line(head: bytes, answer: bool) -> None:
    assert is_delegated(head) is answer


RECORDS = [
    ("ripencc|FR|ipv4|192.0.2.0|256|20100712|allocated", "a record without an id"),
    ("arin|US|ipv4|198.51.100.0|768|19930405|assigned|25af", "a count that is no power of two"),
    ("lacnic||ipv4|203.0.113.0|256||available", "seven fields, no country, no date"),
    ("lacnic||ipv6|3fff:100::|24||available", "the same for IPv6"),
    ("arin|US|asn|64496|1|00000000|assigned|d98c", "a date of zeros"),
    ("apnic|au|asn|65536|16|20230101|allocated|A91|e-stats", "more fields than eight"),
    ("iana|ZZ|ipv4|240.0.0.0|268435456|19810901|reserved|ietf|iana", "to the end of the space"),
    ("iana|ZZ|asn|4200000000|94967296|20130701|reserved|ietf", "to the last AS number"),
    ("afrinic|ZZ|ipv6|3fff:0::|32||reserved|", "a group of one zero"),
    ("afrinic|ZA|ipv6|3fff:0:0:1:0:0:0:0|64|20110301|allocated|F3", "all groups written"),
    ("afrinic|ZA|ipv6|3fff::1:0|112|20110301|allocated|F3", "a low half that is not zero"),
    ("ripencc|DE|ipv6|3FFF:ABC0::|29|20110301|assigned|x", "upper case"),
    ("ripencc|DE|ipv6|::|0|20110301|reserved|x", "all of IPv6"),
    ("apnic|JP|ipv4|192.0.2.0|256|19690101|allocated|x", "a day before 1970"),
    ("apnic|JP|ipv4|192.0.2.0|256|20230230|allocated|x", "a day there is not"),
    ("iana|ZZ|asn|64512|1024|20230101|ianapool|iana", "a status of IANA's own"),
    ("apnic|JP|ipv4|192.0.2.0|256|20230101|allocatef|x", "a status that differs in the end"),
]


@pytest.mark.parametrize("record", [r for r, _ in RECORDS], ids=[name for _, name in RECORDS])
def test_a_record_is_read_as_the_naive_reader_reads_it(record: str) -> None:
    read = read_delegated(file(record), "stats")
    found = naive(record)
    assert found is not None
    kind, row = found
    if row[4] < 0:
        row = (*row[:4], 0, row[5])
    assert columns(read) == {name: [row] if name == kind else [] for name in TYPES}
    assert read.rejects == []


def test_a_file_tells_its_registry_serial_date_and_counts() -> None:
    read = read_delegated(file(*(record for record, _ in RECORDS)), "stats")
    assert (read.registry, read.serial) == ("RIPE", "1700000000")
    assert read.date == (date(2023, 11, 15) - date(1970, 1, 1)).days
    assert read.counts == {"ipv4": 7, "ipv6": 6, "asn": 4}
    assert read.ipv6.first.dtype == np.uint64
    assert read.ipv4.first.dtype == read.asn.last.dtype == np.int64
    assert read.ipv4.date.dtype == np.uint16
    assert read.ipv4.country.dtype == np.uint16


@pytest.mark.parametrize(
    ("head", "registry", "day"),
    [
        ("2.3|apnic|20230323|{}||20230322|+1000", "APNIC", date(2023, 3, 22)),
        ("2|afrinic|20230323|{}|20230321|00000000|00000", "AFRINIC", date(2023, 3, 21)),
        ("2.0|nro|20230323|{}|19821213|20230323|+0000", "NRO", date(2023, 3, 23)),
        ("2|ripencc|x|{}|||+0000", "RIPE", date(1970, 1, 1)),
    ],
)
def test_the_date_is_the_end_of_the_version_line_else_its_start(
    head: str, registry: str, day: date
) -> None:
    read = read_delegated(file(RECORDS[0][0], head=head), "stats")
    assert (read.registry, read.date) == (registry, (day - date(1970, 1, 1)).days)


def test_what_iana_gave_to_a_registry_is_a_block_of_that_registry() -> None:
    read = read_delegated(
        file(
            "iana|ZZ|ipv4|192.0.2.0|256|20100119|allocated|apnic|iana",
            "iana|ZZ|ipv4|198.51.100.0|256|20100119|reserved|ietf|iana",
            "iana|ZZ|ipv4|203.0.113.0|256|20100119|allocated|ietf|iana",
            "apnic|AU|ipv4|192.0.2.0|256|20100119|allocated|arin|e-stats",
        ),
        "stats",
    )
    assert [row[2:4] for row in rows(read.ipv4)] == [
        ("APNIC", "block"), ("IANA", "reserved"), ("IANA", "allocated"), ("APNIC", "allocated"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "record",
    [
        "ripencc|FR|ipv4|192.0.2|256|20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.256|256|20100712|allocated",
        "ripencc|FR|ipv4|192.0.02.0|256|20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.0|-256|20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.0|0|20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.0||20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.0|99999999999|20100712|allocated",
        "ripencc|FR|ipv4|255.255.255.0|257|20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.0 |256|20100712|allocated",
        "ripencc|FR|ipv6|3fff::1|32|20100712|allocated",
        "ripencc|FR|ipv6|3fff::|129|20100712|allocated",
        "ripencc|FR|ipv6|3fff:::|32|20100712|allocated",
        "ripencc|FR|ipv6|3fff:12345::|64|20100712|allocated",
        "ripencc|FR|ipv6|::ffff:192.0.2.0|120|20100712|allocated",
        "ripencc|FR|ipv6|192.0.2.0|24|20100712|allocated",
        "ripencc|FR|asn|AS64496|1|20100712|allocated",
        "ripencc|FR|asn|4294967296|1|20100712|allocated",
        "ripencc|FR|ipv4|192.0.2.0|256|20100712",
        "example|FR|ipv4|192.0.2.0|256|20100712|allocated",
        "ripencc|FR|ipv5|192.0.2.0|256|20100712|allocated",
        "ripencc|FR",
        "garbage",
    ],
)
def test_a_malformed_record_is_a_reject_and_the_rest_is_read(record: str) -> None:
    good = "ripencc|FR|ipv4|198.51.100.0|256|20100712|allocated"
    head = "2|ripencc|1700000000|3|19830705|20231115|+0100\nripencc|*|ipv4|*|3|summary"
    text = f"{head}\n{good}\n{record}\n{good}\n".encode()
    if "|ipv6|" in record or "|asn|" in record:
        text = text.replace(b"|*|3|", b"|*|2|")
    read = read_delegated(text, "stats")
    assert read.counts == {"ipv4": 2, "ipv6": 0, "asn": 0}
    (reject,) = read.rejects
    assert text[reject.offset :].startswith(record.encode())
    assert reject.sample == record.encode()
    assert reject.reason


def test_comments_empty_lines_and_carriage_returns_change_nothing() -> None:
    text = file(*(record for record, _ in RECORDS))
    other = b"#x\r\n\r\n" + text.replace(b"\n", b"\r\n# 1|2|3\r\n\r\n")
    assert columns(read_delegated(other, "stats")) == columns(read_delegated(text, "stats"))


def test_pieces_are_read_as_the_whole() -> None:
    text = file(*(record for record, _ in RECORDS))
    pieces = (text[k : k + 7] for k in range(0, len(text), 7))
    assert columns(read_delegated(pieces, "stats")) == columns(read_delegated(text, "stats"))


def test_a_file_without_records_is_empty() -> None:
    read = read_delegated(b"2|ripencc|1|0|19830705|20231115|+0100\n", "stats")
    assert read.counts == {"ipv4": 0, "ipv6": 0, "asn": 0}
    assert columns(read) == {"ipv4": [], "ipv6": [], "asn": []}


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    text = file(*(record for record, _ in reversed(RECORDS)))
    assert text.endswith(b"|allocated\n")
    for length in range(len(text) - 1):
        with pytest.raises(DumpError, match=r"is cut off|has no version line"):
            read_delegated(text[:length], "stats")
    # Only the line end is missing: nothing is lost.
    assert columns(read_delegated(text[:-1], "stats")) == columns(read_delegated(text, "stats"))


def test_the_error_says_what_is_missing() -> None:
    lines = file(*(record for record, _ in RECORDS)).splitlines(keepends=True)
    with pytest.raises(DumpError) as caught:
        read_delegated(b"".join(lines[:-7]), "stats")
    assert str(caught.value) == (
        "stats: is cut off: its header promises 17 records, 10 follow "
        "(4 of 7 ipv4, 3 of 6 ipv6, 3 of 4 asn): download it again"
    )


@pytest.mark.parametrize(
    ("head", "promised", "fault"),
    [
        ("2|ripencc|1|2|19830705|20231115|+0100", 2, None),
        ("2|ripencc|1|3|19830705|20231115|+0100", 2, None),  # counts the summary as a record
        ("2|ripencc|1|1|19830705|20231115|+0100", 1, None),  # IANA's has more than promised
        ("2|ripencc|1|0|19830705|20231115|+0100", 2, None),
        ("2|ripencc|1||19830705|20231115|+0100", 2, None),
        ("2|ripencc|1|4|19830705|20231115|+0100", 2, "header promises 4 records, 2 follow:"),
        ("2|ripencc|1|0|19830705|20231115|+0100", 3, "summaries promise 3 records, 2 follow (2 of"),
        ("2|ripencc|1|2", 2, "has a broken version line"),
        ("# nothing", 2, "it has no version line"),
    ],
)
def test_promises_of_more_records_than_follow_are_an_error(
    head: str, promised: int, fault: str | None
) -> None:
    record = "ripencc|FR|ipv4|192.0.2.0|256|20100712|allocated\n"
    text = f"{head}\nripencc|*|ipv4|*|{promised}|summary\n{record}{record}".encode()
    if fault is None:
        assert read_delegated(text, "stats").counts["ipv4"] == 2
    else:
        with pytest.raises(DumpError) as caught:
            read_delegated(text, "stats")
        assert fault in str(caught.value)


def test_files_behind_each_other_are_refused() -> None:
    text = file(RECORDS[0][0])
    with pytest.raises(DumpError, match="several statistics files: give them one by one"):
        read_delegated(text + text, "stats")


FIELD = st.text("0123456789abcdef.:-*| ", max_size=12)
V4 = st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number)))
V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda pair: str(ipaddress.IPv6Network(pair, strict=False)).split("/")
)
START = st.one_of(
    st.tuples(st.just("ipv4"), V4, st.integers(0, 2**33).map(str)),
    st.tuples(st.just("asn"), st.integers(0, 2**33).map(str), st.integers(0, 2**12).map(str)),
    V6.map(lambda pair: ("ipv6", *pair)),
    st.tuples(st.sampled_from(TYPES), FIELD, FIELD),
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    kind, start, value = draw(START)
    registry = draw(st.sampled_from([*NAMES, "example"]))
    country = draw(st.sampled_from(["", "ZZ", "FR", "de", "D", "DEU", "D1", "{a", "\xc4"]))
    day = draw(st.sampled_from(["", "00000000", "20240229", "20230229", "19700101", "2024"]))
    status = draw(st.sampled_from([*STATUSES[1:5], "", "legacy", "allocate", "allocatedx"]))
    tail = draw(st.sampled_from(["", "|", "|A1", "|A1|e-stats"]))
    return f"{registry}|{country}|{kind}|{start}|{value}|{day}|{status}{tail}"


@given(st.lists(lines(), max_size=12))
def test_any_records_are_read_as_the_naive_reader_reads_them(records: list[str]) -> None:
    text = "2|nro|1|0|19830705|20231115|+0100\n" + "".join(f"{line}\n" for line in records)
    read = read_delegated(text.encode(), "stats")
    expected: dict[str, list[Row]] = {name: [] for name in TYPES}
    rejected = []
    for line in records:
        found = naive(line)
        if found is None:
            rejected.append(line[:80].encode())
        else:
            expected[found[0]].append(found[1])
    assert columns(read) == expected
    assert [reject.sample for reject in read.rejects] == rejected


@given(st.binary(max_size=200))
def test_any_bytes_below_a_version_line_are_records_or_rejects(garbage: bytes) -> None:
    read = read_delegated(b"2|nro|1|0|||+0000\n" + garbage + b"\n", "stats")
    assert sum(read.counts.values()) == 0
    assert all(reject.sample for reject in read.rejects)


@pytest.mark.parametrize(
    ("text", "country"),
    [("jp", "JP"), ("zZ", "ZZ"), ("", ""), ("J", ""), ("JPN", ""), ("J1", ""), ("[Z", ""),
     ("  ", ""), ("\xc4", "")],
)  # fmt: skip
def test_a_country_is_two_letters_or_none(text: str, country: str) -> None:
    read = read_delegated(file(f"apnic|{text}|ipv4|192.0.2.0|256|20230101|allocated|x"), "stats")
    assert letters(read.ipv4.country[0]) == country


Cell = tuple[int, int, int, int, int]  # first, how many more, registry, status, country
CELLS = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 6), st.integers(0, 2), st.integers(1, 2),
        st.sampled_from([0, 0x4652, 0x4A50]),
    ),
    max_size=12,
)  # fmt: skip


def of_cells(cells: list[Cell], base: int) -> Ranges:
    """Return ranges that begin behind an address; those behind 2**32 are IPv6."""
    registry, status, country = (np.array([cell[k] for cell in cells], int) for k in (2, 3, 4))
    return Ranges(
        column([base + cell[0] for cell in cells], base > 0),
        column([base + cell[0] + cell[1] for cell in cells], base > 0),
        registry.astype(np.uint8), status.astype(np.uint8), np.zeros(len(cells), np.uint16),
        country.astype(np.uint16),
    )  # fmt: skip


@given(CELLS, st.sampled_from([0, 2**64 - 20, 2**128 - 47]))
def test_merging_keeps_every_address_and_leaves_nothing_that_touches(
    cells: list[Cell], base: int
) -> None:
    ranges = of_cells(cells, base)
    found = merged(ranges)
    starts, ends = whole(found.first), whole(found.last)
    assert starts == sorted(starts)
    assert found.first.dtype == ranges.first.dtype
    assert found.last.shape == found.first.shape
    groups = list(zip(found.registry, found.status, found.country, strict=True))
    for group in {cell[2:] for cell in cells}:
        mine = [k for k in range(len(starts)) if groups[k] == group]
        covered = [x for k in mine for x in range(starts[k], ends[k] + 1)]
        assert covered == sorted(
            {base + cell[0] + k for cell in cells if cell[2:] == group for k in range(cell[1] + 1)}
        )
        assert all(ends[a] + 1 < starts[b] for a, b in pairwise(mine))
    assert set(groups) == {cell[2:] for cell in cells}


def said_of(cells: list[Cell], address: int) -> tuple[str | None, str, str | None] | None:
    """Return what records say of an address: registry, status and country; naively."""
    here = [cell[2:] for cell in cells if cell[0] <= address <= cell[0] + cell[1]]
    whose = {cell[:2] for cell in here}
    lands = {letters(cell[2]) or None for cell in here}
    if len(whose) > 1:
        return None, "allocated", None
    return next(
        ((REGISTRIES[r], STATUSES[s], lands.pop() if len(lands) == 1 else None) for r, s in whose),
        None,
    )


@given(CELLS, st.sampled_from([0, 2**64 - 20, 2**128 - 47]))
def test_tables_have_the_country_and_authority_does_not_care(cells: list[Cell], base: int) -> None:
    empty = of_cells([], 0), of_cells([], 1)
    held = of_cells(cells, base)
    files = [Delegated("NRO", "1", 9000, *pair, empty[0], {}, [])
             for pair in [(empty[0], held) if base else (held, empty[1])]]  # fmt: skip
    stated = gather([Statistics("stats", each, True) for each in files], [], REGISTRIES[:2])
    if base:
        begins = whole(np.stack([stated.tables["stated6.hi"], stated.tables["stated6.lo"]], axis=1))
    else:
        begins = whole(stated.tables["stated4.begin"])
    what = stated.tables["stated6.what" if base else "stated4.what"].tolist()
    assert all(one != other for one, other in pairwise(what))
    used = [entry for entry in stated.entries if entry]
    assert len({tuple(entry.values()) for entry in used}) == len(used) == len(stated.entries) - 1
    for offset in range(48 if base < 2**127 else 47):
        place = bisect_right(begins, base + offset) - 1
        entry = stated.entries[what[place]] if place >= 0 else None
        found = entry and (entry["registry"], entry["status"], entry["country"])
        assert found == said_of(cells, offset)
        assert entry is None or entry["file"] == "stats"
    # Whoever is responsible is so whatever the countries are.
    plain = held._replace(country=np.zeros(len(cells), np.uint16))
    other = gather(
        [Statistics("stats", each._replace(ipv4=plain) if not base else each._replace(ipv6=plain),
                    True) for each in files], [], REGISTRIES[:2],
    )  # fmt: skip
    for claims in (stated.claims, other.claims):
        narrow = [(*pair, owner) for *pair, owner in zip(*claims.narrow, strict=True)]
        wide = [(a << 64 | b, c << 64 | d, owner) for (a, b, c, d), owner in
                zip(claims.wide.tolist(), claims.owner.tolist(), strict=True)]  # fmt: skip
        for offset in range(47):
            owners = {o for low, high, o in narrow + wide if low <= base + offset <= high}
            assert owners == {r for a, n, r, _, _ in cells if a <= offset <= a + n and r < 2}


def test_a_file_with_more_kinds_than_a_byte_counts_is_told_apart() -> None:
    letters_of = [f"{a}{b}" for a in "ABCDEFGHIJKLM" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    records = [f"ripencc|{code}|ipv4|10.{k >> 8}.{k & 255}.0|256|20200101|allocated|x"
               for k, code in enumerate(letters_of)]  # fmt: skip
    held = read_delegated(file(*records), "stats")
    stated = gather([Statistics("stats", held, True)], [], ["RIPE"])
    assert stated.tables["stated4.what"].dtype == np.uint16
    found = [stated.entries[k] for k in stated.tables["stated4.what"]]
    assert [entry and entry["country"] for entry in found] == [None, *letters_of, None]


def column(numbers: list[int], wide: bool) -> Any:
    if not wide:
        return np.array(numbers, np.int64)
    pairs = [(number >> 64, number & (1 << 64) - 1) for number in numbers]
    return np.array(pairs, np.uint64).reshape(-1, 2)


REAL = [
    "delegated/delegated-afrinic-extended-20260505.gz",
    "delegated/delegated-apnic-extended-20130417.gz",
    "delegated/delegated-lacnic-extended-20240104.gz",
    "delegated/delegated-ripencc-extended-20130418.gz",
    *(f"dialects/delegated-{name}-extended.sample" for name in NAMES),
]


def real_text(name: str) -> bytes:
    text = (DATA / name).read_bytes()
    return gzip.decompress(text) if name.endswith(".gz") else text


@real
@pytest.mark.parametrize("name", REAL)
def test_a_real_file_has_the_records_of_its_summaries_and_of_the_naive_reader(name: str) -> None:
    text = real_text(name)
    assert is_delegated(text[:4096])
    read = read_delegated(text, name)
    assert read.rejects == []
    promised = {}
    expected: dict[str, list[Row]] = {kind: [] for kind in TYPES}
    for line in text.decode().splitlines():
        fields = line.split("|")
        if fields[-1] == "summary":
            promised[fields[2]] = int(fields[4])
        elif len(fields) >= 7 and fields[2] in TYPES:
            found = naive(line)
            assert found is not None
            expected[found[0]].append(found[1])
    # The excerpt of IANA's file has two records more than it promises.
    assert read.counts == promised | ({"asn": 8} if "iana" in name else {})
    if "iana" not in name:
        assert columns(read) == expected


@real
def test_the_real_file_that_is_cut_off_is_refused() -> None:
    name = "delegated/delegated-arin-extended-20140804.truncated.gz"
    with pytest.raises(DumpError, match=r"promises 111,240 records, 48,961 follow .*0 of 32,827"):
        read_delegated(real_text(name), name)
