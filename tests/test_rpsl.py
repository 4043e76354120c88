"""Check the reading of objects into rows and columns against a reader that takes them singly."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import NamedTuple, cast

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import (
    CLASSES,
    COUNTED,
    Parsed,
    decode,
    dummified,
    dumps,
    folded,
    parse,
    said_by,
    source_of,
)

from rirdex.indexer import blobs
from rirdex.indexer.batch import (
    LATIN,
    MORE_DESCR,
    NARROW,
    OF_REGISTRY,
    SAYS,
    Batch,
)
from rirdex.indexer.intern import texts_of
from rirdex.indexer.rpsl import read_chunk
from rirdex.query import layout
from rirdex.query.raw import Blocks, raw_offset, raw_text
from rirdex.query.store import Tables

NAMED_BY = {
    "organisation": "org-name", "role": "role", "person": "person", "aut-num": "as-name",
    "route": "descr", "route6": "descr",
}  # fmt: skip
LATEST = 2**32 - 1  # what lies behind 2106 counts as its February
NAMES = re.compile(r"[A-Za-z0-9*_-]{1,40}")


class Row(NamedTuple):
    """Hold what is expected of one kept object; texts that are missing are ""."""

    kind: str
    bounds: tuple[int, int, int] | None
    created: int
    modified: int
    flags: int
    columns: dict[str, str]


# -- the naive reader -------------------------------------------------------------------------


def bounds_of(value: str) -> tuple[int, int, int] | None:
    """Read a range or prefix with the standard library."""
    ends = [part.strip() for part in value.split("/" if "/" in value else "-")]
    if len(ends) != 2 or any(not re.fullmatch("[0-9a-fA-F:.]+", end) for end in ends):
        return None
    try:
        if "/" in value:
            net = ip_network(f"{ends[0]}/{int(ends[1])}", strict=False)
            return net.version, int(net[0]), int(net[-1])
        low, high = ip_address(ends[0]), ip_address(ends[1])
    except ValueError:
        return None
    good = low.version == high.version and int(low) <= int(high)
    return (low.version, int(low), int(high)) if good else None


def seconds_of(value: str) -> int:
    """Return the last date that a value holds in seconds since 1970, 0 without one."""
    last = 0
    for year, month, day, time in re.findall(
        r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(T\d\d:\d\d:\d\dZ?)?(?!\d)", value
    ):
        hour, minute, second = (int(part) for part in re.findall(r"\d\d", time) or "000")
        try:
            moment = datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        last = max(round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()), 0)
    return min(last, LATEST)


def read_all(text: bytes) -> list[tuple[Parsed, Row | str | None]]:
    """Read every object of a chunk."""
    objects = parse(text)
    dummies = dummified(text)
    return [(item, read(item, text, dummies)) for item in objects]


def read(parsed: Parsed, text: bytes, dummies: bool) -> Row | str | None:
    """Read one object: its row, the reason why it is a reject, or None when it is only counted."""
    lead, head = parsed.attributes[0]
    if text[parsed.start : parsed.start + 1] in (b" ", b"\t", b"+"):
        return "begins with a continuation line"
    if lead in COUNTED:
        return None
    if lead not in CLASSES:
        return "unknown class" if NAMES.fullmatch(lead.decode("latin-1")) else "no attribute line"
    kind = "net" if lead in (b"inetnum", b"inet6num") else lead.decode()
    values = [(name.decode(errors="replace"), decode(v)) for name, v in parsed.attributes if v]

    def of(name: str) -> list[str]:
        return [value for named, value in values if named == name]

    def one(name: str) -> str:
        return next(iter(of(name)), "")

    bounds = bounds_of(decode(head)) if kind == "net" else None
    key = "" if kind == "net" else folded(one("nic-hdl" if kind in ("role", "person") else kind))
    if kind == "net" and bounds is None:
        return "no address range"
    if kind != "net" and not key:
        return "no key"
    if kind in ("route", "route6"):
        if not one("origin"):
            return "route without origin"
        key += folded(one("origin"))
    items = [part for value in of("mnt-by") for part in value.split(",") if folded(part)]
    codes = [part for value in of("country") for part in value.split(",") if folded(part)]
    net = kind == "net"
    raw = text[parsed.start : parsed.end].split(b"\n")
    shown = [line for line in raw if line[:1] not in (b"#", b"%")]
    flags = LATIN if any(decode(line).encode() != line for line in shown) else 0
    flags |= MORE_DESCR if len(of("descr")) > 1 else 0
    flags |= OF_REGISTRY if {"RIR", "IANA"} & {folded(item) for item in of("org-type")} else 0
    said = said_by(parsed, text, dummies)
    flags |= SAYS if said.says else 0
    return Row(
        kind, bounds,
        max([seconds_of(value) for value in of("created")], default=0),
        max([seconds_of(v) for name in ("last-modified", "changed") for v in of(name)], default=0),
        flags,
        {
            "key": "AS" + key if kind == "aut-num" and re.fullmatch("[0-9]+", key) else key,
            "handle": "", "parent": "", "name": one(NAMED_BY[kind]) if kind in NAMED_BY else "",
            "netname": one("netname"), "descr": one("descr") if net else "",
            "status": folded(one("status").replace("_", " ")) if net else "",
            "org": folded(one("org")), "source": source_of(parsed),
            "country": _list([folded(code).split(" ")[0] for code in codes]) if net else "",
            "mnt_by": _list(items) if kind in ("net", "aut-num") else "",
            "contact": "\n".join(said.items),
        },
    )  # fmt: skip


def _list(items: list[str]) -> str:
    return "\n".join(folded(item) for item in items)


# -- the batch, taken apart -------------------------------------------------------------------


def rows_of(batch: Batch) -> list[Row]:
    """Return the rows of a batch, with the texts in place of their codes."""
    wide = {
        int(row): (6, (high0 << 64) | low0, (high1 << 64) | low1)
        for row, high0, low0, high1, low1 in batch.wide.tolist()
    }
    texts = {name: [*texts_of(column), b""] for name, column in batch.columns.items()}
    rows = []
    for k, kind in enumerate(batch.kind.tolist()):
        narrow = (4, int(batch.first[k]), int(batch.last[k]))
        flags = int(batch.flags[k])
        columns = {name: texts[name][c.codes[k]].decode() for name, c in batch.columns.items()}
        bounds = narrow if flags & NARROW else wide.get(k)
        rows.append(
            Row(
                layout.CLASSES[kind], bounds, int(batch.created[k]), int(batch.modified[k]),
                flags & ~NARROW, columns,
            )
        )  # fmt: skip
    return rows


class Shelf:
    """Give `raw_text` the tables it reads, out of the blocks of one batch."""

    path = "shelf"
    prefix = ""

    def __init__(self, batch: Batch, dictionary: bytes) -> None:
        self.raw_at: list[int] = np.cumsum([0, *batch.blocks.sizes]).tolist()
        self.values = {"raw.dictionary": dictionary, "raw.0": batch.blocks.data}
        self.blocks: Blocks | None = None
        self.parts: dict[int, memoryview] = {}
        self.store = self

    def check_open(self) -> None:
        """Say that the shelf is open."""

    def raw(self, name: str) -> memoryview:
        """Return the dictionary or the blocks."""
        return memoryview(self.values[name])


def raw_of(batch: Batch, dictionary: bytes = b"") -> list[tuple[int, bytes]]:
    """Return the offset and text of every object, as an index reads them out of its blocks."""
    tables = cast("Tables", Shelf(batch, dictionary))
    return [(raw_offset(tables, k), raw_text(tables, k)) for k in range(len(batch.kind))]


def compare(text: bytes, base: int = 0) -> None:
    """Assert that a chunk gives what the naive reader reads."""
    batch = read_chunk(text, base, b"")
    answers = read_all(text)
    kept = [item for item, row in answers if isinstance(row, Row)]
    assert rows_of(batch) == [row for _, row in answers if isinstance(row, Row)]
    counted: dict[str, int] = {}
    refused: dict[str, int] = {}
    for item, answer in answers:
        if isinstance(answer, str):
            refused[answer] = refused.get(answer, 0) + 1
        else:
            name = item.attributes[0][0].decode()
            counted[name] = counted.get(name, 0) + 1
    assert batch.classes == counted
    assert batch.reject_counts == refused
    assert sum(counted.values()) + sum(refused.values()) == len(answers)
    starts = [item.start for item, answer in answers if isinstance(answer, str)]
    assert {reject.offset - base for reject in batch.rejects} <= set(starts)
    for offset, _, sample in batch.rejects:
        assert sample
        assert text[offset - base :].startswith(sample)
    assert raw_of(batch) == [(base + item.start, text[item.start : item.end]) for item in kept]


# -- everything at once -----------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(dumps())
def test_a_chunk_gives_the_rows_and_counts_of_the_naive_reader(text: bytes) -> None:
    compare(text)


@settings(max_examples=20, deadline=None)
@given(dumps(), st.sampled_from([1, 1 << 21, 1 << 33]))
def test_offsets_count_from_the_beginning_of_the_file(text: bytes, base: int) -> None:
    compare(text, base)


# -- single rules -----------------------------------------------------------------------------

NET = b"inetnum: 192.0.2.0 - 192.0.2.255\n"
# text of the attributes, column, what it holds
CASES = [
    (b"netname: A\nnetname: B\n", "netname", "A"),
    (b"netname:\nnetname: B\n", "netname", "B"),
    (b"NETNAME:A", "netname", "A"),
    (b"netname: ACS-NET # 2\n", "netname", "ACS-NET # 2"),
    (b"netname: \n #A\n", "netname", "#A"),
    (b"org: A#B\n", "org", "A"),
    (b"org: #A\n B\n", "org", "B"),
    (b"netname: A\n# comment\n%\n+ B\n", "netname", "A B"),
    (b"netname: A\n \n\t\n+\n B\n", "netname", "A B"),
    (b"netname : A\nnetname\nnetname: B\n", "netname", "B"),
    (b"netname: Caf\xe9\r\n", "netname", "Caf\xe9"),
    (b"netname: Caf\xc3\xa9\r\n", "netname", "Caf\xe9"),
    (b"netname: \xc3\xa9\n \xe9", "netname", "\xc3\xa9 \xe9"),
    (b"netname: A\0B\0\n", "netname", "A\0B"),
    (b"netname: " + b"x" * 600 + b"\n", "netname", "x" * 600),
    (b"descr: Suite #5\n  # 6\n", "descr", "Suite #5 # 6"),
    (b"descr: one\ndescr: two\n", "descr", "one"),
    (b"descr: http://example.net/#a", "descr", "http://example.net/#a"),
    (b"country: EU # Country is really world wide\n", "country", "EU"),
    (b"country: nl\ncountry: DE fr\ncountry: NL\n", "country", "NL\nDE\nNL"),
    (b"country: de, fr,,\n", "country", "DE\nFR"),
    (b"country: de, de\n", "country", "DE\nDE"),
    (b"mnt-by: a-mnt, B-MNT\nmnt-by: b-mnt\nmnt-by: C # x", "mnt_by", "A-MNT\nB-MNT\nB-MNT\nC"),
    (b"mnt-by: ,\nmnt-by: A\n", "mnt_by", "A"),
    (b"mnt-by: A,\n B\n", "mnt_by", "A\nB"),
    (b"status: allocated_unspecified # x\n", "status", "ALLOCATED UNSPECIFIED"),
    (b"status: NOT_SET\n", "status", "NOT SET"),
    (b"status: Assigned\n  non-portable", "status", "ASSIGNED NON-PORTABLE"),
    (b"org: org-ex1-ripe # x\n", "org", "ORG-EX1-RIPE"),
    (b"source: ripe # Filtered\nremarks: x\n", "source", "RIPE"),
    (b"remarks: netname: A\n netname: B\n", "netname", ""),
    (b"remarks: " + b"z" * 3000 + b"\nnetname: A\n", "netname", "A"),
    (b"netname:" + b" " * 5000 + b"A" + b"\t" * 5000 + b"\n", "netname", "A"),
]  # fmt: skip
RANGES = [
    (b"inetnum: 192.0.2.0 - 192.0.2.255", (4, 0xC0000200, 0xC00002FF)),
    (b"inetnum: 192.0.2.0-192.0.2.255\r", (4, 0xC0000200, 0xC00002FF)),
    (b"inetnum:        192.0.2.0 - 192.0.2.255   ", (4, 0xC0000200, 0xC00002FF)),
    (b"inetnum: 192.0.2.0 # c1\n+- # c2\n+192.0.2.1", (4, 0xC0000200, 0xC0000201)),
    (b"inetnum: 0.0.0.0 - 255.255.255.255", (4, 0, 2**32 - 1)),
    (b"inetnum: 255.255.255.255 - 255.255.255.255", (4, 2**32 - 1, 2**32 - 1)),
    (b"inetnum: 192.0.2.7/24", (4, 0xC0000200, 0xC00002FF)),
    (b"inet6num: ::/0", (6, 0, 2**128 - 1)),
    (b"inet6num: 2001:2002:2003:2004:1::/65", (6, 0x2001200220032004 << 64, (0x2001200220032004
                                                                             << 64) + 2**63 - 1)),
    (b"inet6num: FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF/128", (6, 2**128 - 1, 2**128 - 1)),
    (b"inet6num: 2001:db8:: - 2001:db8::1", (6, 0x20010DB8 << 96, (0x20010DB8 << 96) + 1)),
]  # fmt: skip
NO_RANGES = [
    b"inetnum:", b"inetnum: 10", b"inetnum: 192.0.2.1", b"inetnum: 192.0.2.2 - 192.0.2.1",
    b"inetnum: 192.0.2.256 - 192.0.3.0", b"inetnum: 192.0.2.010 - 192.0.2.255",
    b"inetnum: 192.0.2.0 - 192.0.2.1 x", b"inetnum: 192.0.2.0 -- 192.0.2.1",
    b"inetnum: 192.0.2.0 - 2001:db8::1", b"inetnum: 192.0.2.0/33", b"inetnum: 192.0.2.0/",
    b"inet6num: 2001:db8::/129", b"inet6num: 2001:db8::", b"inet6num: fe80::1%lo/64",
    b"inet6num: 2001:db8::1::/32", b"inetnum: 192.0.2.0\0 - 192.0.2.1",
    b"inetnum: 192.0.2.0 - 192.0.2.1\xe9", b"inetnum: # 192.0.2.0 - 192.0.2.1",
    b"inetnum: 1234567890.0.2.0 - 192.0.2.1", b"inetnum: 192.0.2.0 - 192.0.2.1111",
    b"inetnum:\ninet6num: 2001:db8::/32", b"inet6num: # x\ninetnum: 192.0.2.0 - 192.0.2.1",
]  # fmt: skip
# text, class, key
KEYS = [
    (b"organisation: org-ex1-ripe\n", "organisation", "ORG-EX1-RIPE"),
    (b"role: Abuse\nnic-hdl: ar1-ripe # x\n", "role", "AR1-RIPE"),
    (b"person: A Person\nnic-hdl: AP1-RIPE\nrole: x\n", "person", "AP1-RIPE"),
    (b"irt: IRT-EX-AP\nmntner: M-MNT\n", "irt", "IRT-EX-AP"),
    (b"mntner: ex-mnt\n", "mntner", "EX-MNT"),
    (b"aut-num: as64500\n", "aut-num", "AS64500"),
    (b"origin: AS1\n", "", ""),
    (b"route: 192.0.2.0/24\norigin: as64500\n", "route", "192.0.2.0/24AS64500"),
    (b"route: 192.0.2.0/24\nroute: 198.51.100.0/24\norigin: AS1\norigin: AS2", "route",
     "192.0.2.0/24AS1"),
    (b"route6: 2001:db8::/32\norigin: AS64500\n", "route6", "2001:DB8::/32AS64500"),
    (b"mntner: M1-MNT\nnic-hdl: X1\nirt: IRT-X\n", "mntner", "M1-MNT"),
]  # fmt: skip
# text, what the object is called
NAMED = [
    (b"organisation: ORG-A\norg-name: Suite #5\norg-name: x\n", "Suite #5"),
    (b"role: Desk #1\nnic-hdl: A\nperson: x\n", "Desk #1"),
    (b"person: A. #1\n # B\nnic-hdl: A\nrole: x\n", "A. #1 # B"),
    (b"aut-num: AS64500\nas-name: EX#1\ndescr: x\n", "EX#1"),
    (b"route: 10.0.0.0/8\norigin: AS64500\ndescr: Net #1\ndescr: y\n", "Net #1"),
    (b"route6: 2001:db8::/32\norigin: AS64500\ndescr: # 6\n", "# 6"),
    (b"irt: IRT-X\norg-name: x\ndescr: x\n", ""),
    (b"mntner: M-MNT\ndescr: x\n", ""),
]  # fmt: skip
REFUSED = [
    (b" inetnum: 192.0.2.0 - 192.0.2.255", "begins with a continuation line"),
    (b"+\ninetnum: 192.0.2.0 - 192.0.2.255", "begins with a continuation line"),
    (b"netname: x", "unknown class: 'netname'"),
    (b"<html>: x", "no attribute line"),
    (b"inetnum 192.0.2.0", "no attribute line"),
    (b"\xe9: x", "no attribute line"),
    (b"x" * 41 + b": x", "no attribute line"),
    (b"role: Nobody", "no key"),
    (b"role: Nobody\nnic-hdl: # x", "no key"),
    (b"mntner:", "no key"),
    (b"mntner:\nirt: IRT-X", "no key"),
    (b"route: 192.0.2.0/24", "route without origin"),
    (b"route:\norigin: AS64500", "no key"),
]  # fmt: skip


def only(text: bytes) -> Row:
    """Return the one row that a text gives."""
    (row,) = rows_of(read_chunk(text, 0, b""))
    return row


@pytest.mark.parametrize(("attributes", "column", "value"), CASES)
def test_a_column_holds_the_value_by_the_lexical_rules(
    attributes: bytes, column: str, value: str
) -> None:
    assert only(NET + attributes).columns[column] == value
    crlf = (NET + attributes).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert only(b"\r\n" + crlf).columns[column] == value


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_an_object_is_called_by_the_free_text_of_its_class(text: bytes, name: str) -> None:
    assert only(text).columns["name"] == name


@pytest.mark.parametrize(("head", "bounds"), RANGES)
def test_a_range_is_read_in_every_form(head: bytes, bounds: tuple[int, int, int]) -> None:
    assert only(head + b"\nnetname: X\n").bounds == bounds


@pytest.mark.parametrize("head", NO_RANGES)
def test_a_net_without_a_range_is_a_reject(head: bytes) -> None:
    batch = read_chunk(head + b"\nnetname: X\n\n" + NET, 0, b"")
    assert batch.reject_counts == {"no address range": 1}
    assert len(batch.kind) == 1


@pytest.mark.parametrize(("text", "kind", "key"), KEYS)
def test_an_object_that_is_no_net_is_known_by_its_key(text: bytes, kind: str, key: str) -> None:
    rows = rows_of(read_chunk(text, 0, b""))
    assert [(row.kind, row.columns["key"]) for row in rows] == ([(kind, key)] if kind else [])


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_object_is_a_reject_with_its_place(text: bytes, reason: str) -> None:
    batch = read_chunk(NET + b"\n\n" + text + b"\nremarks: x\n\n" + NET, 1000, b"")
    assert batch.reject_counts == {reason.partition(":")[0]: 1}
    (reject,) = batch.rejects
    assert (reject.offset, reject.reason) == (1000 + len(NET) + 2, reason)
    assert reject.sample == (text + b"\nremarks: x")[:80]
    assert len(batch.kind) == 2


def test_only_five_samples_are_kept_of_one_reason_but_all_are_counted() -> None:
    batch = read_chunk(b"inetnum: x\n\n" * 9 + b"role: x\n\n", 0, b"")
    assert batch.reject_counts == {"no address range": 9, "no key": 1}
    assert [reject.offset for reject in batch.rejects] == [0, 12, 24, 36, 48, 108]


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))
@example(datetime(2000, 2, 29, 23, 59, 59))
@example(datetime(2100, 2, 28))
@example(datetime(1970, 1, 1))
def test_a_date_is_read_in_seconds_since_1970(moment: datetime) -> None:
    text = f"{moment:%m-%dT%H:%M:%S}Z"
    row = only(NET + f"created: {moment.year:04}-{text}\n".encode())
    seconds = int((moment - datetime(1970, 1, 1)).total_seconds())
    assert row.created == min(max(seconds, 0), LATEST)


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789-:TZ", min_size=18, max_size=22))
@example("1999-02-29T00:00:00Z")
@example("2015-03-09T24:00:00Z")
@example("2015-00-09T23:00:00Z")
@example("2015-03-09T23:60:00Z")
def test_what_is_no_date_counts_as_unknown(value: str) -> None:
    assert only(NET + f"created: {value}\n".encode()).created == seconds_of(value)


# -- raw text ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(dumps())
def test_raw_texts_come_back_from_blocks_with_a_trained_dictionary(text: bytes) -> None:
    batch = read_chunk(text, 7, DICTIONARY)
    kept = [item for item, row in read_all(text) if isinstance(row, Row)]
    assert raw_of(batch, DICTIONARY) == [(7 + a, text[a:b]) for a, b, _ in kept]


DICTIONARY = blobs.train(
    [b"inetnum: 192.0.2.%d - 192.0.2.255\nnetname: N%d\nsource: TEST" % (k, k * k)
     for k in range(256)]
    * 4
)  # fmt: skip


@pytest.mark.parametrize("gap", [1, 3, 62, 63, 64, 65, 200, 5000])
@pytest.mark.parametrize("count", [1, 2, layout.BLOCK, layout.BLOCK + 1, 3 * layout.BLOCK])
def test_raw_texts_come_back_however_far_apart_objects_lie(gap: int, count: int) -> None:
    texts = [NET + b"netname: N%d" % k for k in range(count)]
    between = b"\n\n# " + b"x" * gap + b"\n\n"
    text = (between if gap > 3 else b"\n\n").join(texts)
    found = raw_of(read_chunk(text, 3, b""))
    assert [item for _, item in found] == texts
    step = len(between if gap > 3 else b"\n\n")
    starts = np.cumsum([0, *(len(item) + step for item in texts[:-1])])
    assert [offset - 3 for offset, _ in found] == starts.tolist()


def test_the_dictionary_is_one() -> None:
    assert DICTIONARY


def test_an_object_of_two_megabytes_is_read_like_any_other() -> None:
    long = NET + b"remarks: x\n" * 200_000 + b"netname: LONG\n"
    text = NET + b"\n" + long + b"\n\n" + NET + b"netname: LAST"
    batch = read_chunk(text, 0, b"")
    assert [row.columns["netname"] for row in rows_of(batch)] == ["", "LONG", "LAST"]
    assert raw_of(batch)[1] == (len(NET) + 1, long.rstrip(b"\n"))


def test_a_value_of_two_megabytes_is_read_like_any_other() -> None:
    value = b"y" * (2 << 20)
    rows = rows_of(
        read_chunk(NET + b"descr: " + value + b"\n\n" + NET + b"descr: " + value, 0, b"")
    )
    assert [row.columns["descr"] for row in rows] == [value.decode()] * 2
