"""Check the reader of routing tables and its joins against naive ones, and against pytricia."""

from __future__ import annotations

import bz2
import gzip
import ipaddress
import lzma
import os
import random
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer import evidence_files, values
from rirdex.indexer.prefix_set import PrefixSet
from rirdex.indexer.routes import (
    Routes,
    covering,
    exact,
    inside,
    joined_sets,
    read_routes,
)  # fmt: skip
from rirdex.indexer.scan import padded
from rirdex.query.errors import AddressError, DumpError, Error

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
real = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)
Prefix = tuple[int, int, int]  # family, first, length
Table = dict[Prefix, tuple[int, ...]]
BITS = {4: 32, 6: 128}

PFX2AS = """\
192.0.2.0\t24\t64500
198.51.100.0\t24\t64502_64501
203.0.113.0\t25\t64500,64510_64496
2001:db8::\t32\t64501
2001:db8:1:2:3::\t80\t4200000000
"""
RIS = """\
% This is RIS whois dump

64500\t192.0.2.0/24\t371
64501\t198.51.100.0/24\t12
64502\t198.51.100.0/24\t1
{64510,64496}\t203.0.113.0/25\t3
64500\t203.0.113.0/25\t3
64501\t2001:db8::/32\t5
4200000000\t2001:db8:1:2:3::/80\t5
"""
CSV = """\
seen,Origin_AS,Prefix
1,AS64500,192.0.2.0/24
2,64501 64502,198.51.100.0/24
2,"AS64496,AS64500,as64510","203.0.113.0/25"
2, AS64501 , 2001:DB8::/32
2,4200000000,2001:db8:1:2:3:0:0:0/80
"""
SEMICOLONS = "\ufeffprefix;asn\r\n" + "".join(
    f"{at}/{length};{origin}\r\n"
    for at, length, origin in (line.split("\t") for line in PFX2AS.splitlines())
)
WANTED: Table = {
    (4, 0xC0000200, 24): (64500,),
    (4, 0xC6336400, 24): (64501, 64502),
    (4, 0xCB007100, 25): (64496, 64500, 64510),
    (6, 0x20010DB8 << 96, 32): (64501,),
    (6, 0x20010DB8000100020003 << 48, 80): (4200000000,),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}


def put(folder: Path, text: str | bytes, name: str = "routes") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def as_table(routes: Routes) -> Table:
    """Return routes as a dict, and check their shapes, types and order on the way."""
    kinds: list[Any] = [
        routes.first, routes.length, routes.origins, routes.high, routes.low, routes.length6,
        routes.origins6, routes.parent, routes.parent6,
    ]  # fmt: skip
    assert [column.dtype.str[1:] for column in kinds] == [
        "u4", "u1", "i4", "u8", "u8", "u1", "i4", "i4", "i4",
    ]  # fmt: skip
    narrow = list(zip(routes.first.tolist(), routes.length.tolist(), strict=True))
    pairs = zip(routes.high.tolist(), routes.low.tolist(), strict=True)
    wide = list(zip((h << 64 | low for h, low in pairs), routes.length6.tolist(), strict=True))
    assert narrow == sorted(set(narrow))
    assert wide == sorted(set(wide))
    assert routes.sets == sorted(set(routes.sets))
    assert all(list(members) == sorted(set(members)) for members in routes.sets)
    codes = routes.origins.tolist() + routes.origins6.tolist()
    assert set(codes) == set(range(len(routes.sets)))
    assert routes.counts["ipv4"] == len(narrow)
    assert routes.counts["ipv6"] == len(wide)
    keys = [(4, *row) for row in narrow] + [(6, *row) for row in wide]
    return {key: routes.sets[code] for key, code in zip(keys, codes, strict=True)}


@pytest.mark.parametrize("text", [PFX2AS, RIS, CSV, SEMICOLONS], ids=["pfx2as", "ris", "csv", ";"])
def test_every_format_says_the_same(text: str, tmp_path: Path) -> None:
    routes = read_routes([put(tmp_path, text)])
    assert as_table(routes) == WANTED
    assert not routes.files[0].rejects
    assert routes.files[0].text_bytes == len(text.encode())


@pytest.mark.parametrize("end", PACKERS)
def test_files_may_be_compressed(end: str, tmp_path: Path) -> None:
    path = put(tmp_path, PACKERS[end](PFX2AS.encode()), f"routes.pfx2as{end}")
    assert as_table(read_routes([path])) == WANTED


def test_a_zip_may_hold_several_tables(tmp_path: Path) -> None:
    path = tmp_path / "routes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("four", "".join(PFX2AS.splitlines(keepends=True)[:3]))
        archive.writestr("six", "".join(PFX2AS.splitlines(keepends=True)[3:]))
    routes = read_routes([str(path)])
    assert as_table(routes) == WANTED
    assert [file.name for file in routes.files] == ["routes.zip/four", "routes.zip/six"]


def test_no_files_give_no_routes() -> None:
    routes = read_routes([])
    assert as_table(routes) == {}
    assert covering(routes, np.array([5]), np.array([7])).tolist() == [-1]
    assert exact(routes, np.zeros((1, 2), "u8"), np.zeros((1, 2), "u8")).tolist() == [-1]
    assert inside(routes, np.array([5]), np.array([7])).offset.tolist() == [0, 0]


def test_a_prefix_named_again_adds_its_origins(tmp_path: Path) -> None:
    one = put(tmp_path, "192.0.2.0\t24\t64501\n192.0.2.0\t24\t64500\n10.0.0.0\t8\t1\n", "b")
    two = put(tmp_path, "64502\t192.0.2.0/24\t1\n64500\t192.0.2.0/24\t1\n", "a")
    wanted = {(4, 0xC0000200, 24): (64500, 64501, 64502), (4, 10 << 24, 8): (1,)}
    routes = read_routes([one, two])
    assert as_table(routes) == wanted == as_table(read_routes([two, one]))
    assert routes.counts == {"ipv4": 2, "ipv6": 0, "default": 0, "again": 3}
    assert [file.name for file in routes.files] == ["a", "b"]
    assert [file.kind for file in routes.files] == ["RIPE NCC riswhoisdump", "CAIDA pfx2as"]


def test_default_routes_are_counted_and_left_out(tmp_path: Path) -> None:
    routes = read_routes([put(tmp_path, PFX2AS + "0.0.0.0\t0\t64500\n::\t0\t64500\n")])
    assert as_table(routes) == WANTED
    assert routes.counts == {"ipv4": 3, "ipv6": 2, "default": 2, "again": 0}
    assert routes.files[0].counts == {"ipv4": 3, "ipv6": 2, "default": 2}


BAD_LINES = [
    ("192.0.2.0\t24", "a record of too few fields"),
    ("192.0.2\t24\t64500", "a record without a prefix"),
    ("192.0.02.0\t24\t64500", "a record without a prefix"),
    ("192.0.2.256\t24\t64500", "a record without a prefix"),
    ("192.0.2.0 \t24\t64500", "a record without a prefix"),
    ("2001:db8::g\t32\t64500", "a record without a prefix"),
    ("2001:db8:::\t32\t64500", "a record without a prefix"),
    ("::ffff:192.0.2.0\t120\t64500", "a record without a prefix"),
    ("", ""),
    ("192.0.2.0\t33\t64500", "a record without a legal prefix length"),
    ("192.0.2.0\t-1\t64500", "a record without a legal prefix length"),
    ("192.0.2.0\t\t64500", "a record without a legal prefix length"),
    ("192.0.2.0\t24/8\t64500", "a record without a legal prefix length"),
    ("2001:db8::\t129\t64500", "a record without a legal prefix length"),
    ("2001:db8::\t99999999999\t64500", "a record without a legal prefix length"),
    ("192.0.2.1\t24\t64500", "a prefix with bits set behind its length"),
    ("2001:db8::1\t127\t64500", "a prefix with bits set behind its length"),
    ("2001:db8:8000::\t32\t64500", "a prefix with bits set behind its length"),
    ("192.0.2.0\t24\t0", "a record without a legal AS number"),
    ("192.0.2.0\t24\tAS", "a record without a legal AS number"),
    ("192.0.2.0\t24\t", "a record without a legal AS number"),
    ("192.0.2.0\t24\t4294967296", "a record without a legal AS number"),
    ("192.0.2.0\t24\t64500_0", "a record without a legal AS number"),
    ("192.0.2.0\t24\t64500_", "a record without a legal AS number"),
    ("192.0.2.0\t24\t1.10", "a record without a legal AS number"),
    ("192.0.2.0\t24\t99999999999", "a record without a legal AS number"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_counted_and_sampled(line: str, reason: str, tmp_path: Path) -> None:
    routes = read_routes([put(tmp_path, f"{PFX2AS}{line}\r\n10.0.0.0\t8\t1\n")])
    assert as_table(routes) == WANTED | {(4, 10 << 24, 8): (1,)}
    file = routes.files[0]
    assert file.reject_counts == ({reason: 1} if reason else {})
    assert [tuple(reject) for reject in file.rejects] == (
        [(len(PFX2AS), reason, line.encode())] if reason else []
    )


@pytest.mark.parametrize("text", [RIS, CSV], ids=["ris", "csv"])
def test_a_line_that_ends_before_its_last_column_has_too_few_fields(
    text: str, tmp_path: Path
) -> None:
    lines = "64500\n" if text == RIS else "3,64500\n3\n"
    routes = read_routes([put(tmp_path, text + lines)])
    assert as_table(routes) == WANTED
    assert routes.files[0].reject_counts == {"a record of too few fields": lines.count("\n")}


def test_numbers_at_the_edges_are_read(tmp_path: Path) -> None:
    text = "255.255.255.255\t32\t4294967295\n128.0.0.0\t1\t1\n1.2.3.4\t32\t0064512\n"
    text += f"{':'.join(['ffff'] * 8)}\t128\t23456\n8000::\t1\t65535\n1:2:3:4:5:6:7:8\t128\t9\n"
    assert as_table(read_routes([put(tmp_path, text)])) == {
        (4, 0x01020304, 32): (64512,),
        (4, 1 << 31, 1): (1,),
        (4, (1 << 32) - 1, 32): (4294967295,),
        (6, 0x00010002000300040005000600070008, 128): (9,),
        (6, 1 << 127, 1): (65535,),
        (6, (1 << 128) - 1, 128): (23456,),
    }


def test_only_the_first_rejects_are_sampled_and_all_are_counted(tmp_path: Path) -> None:
    routes = read_routes([put(tmp_path, PFX2AS + "nothing\n" * 50)])
    assert routes.files[0].reject_counts == {"a record of too few fields": 50}
    assert len(routes.files[0].rejects) == 20


WRONG = {
    "empty": (b"", "is empty"),
    "blank": (b"\n\n", "it has no lines"),
    "comments": (b"# nothing\n% here\n", "it has no lines"),
    "as-rel": (b"64500|64501|-1\n", "is no routing table"),
    "vrps": (b'{"roas": []}\n', "is no routing table"),
    "html": (b"<!doctype html>\n<p>404\n", "is no routing table"),
    "csv": (b"prefix,holder\n192.0.2.0/24,64500\n", "columns prefix, origin"),
    "all.csv": (b"prefix,asn\nx,64500\n", "holds no record"),
    "header.csv": (b"prefix,asn\n", "holds no record"),
    "page.gz": (b"<html>busy</html>", "is named like gzip but holds a HTML page"),
    "cut.gz": (gzip.compress(PFX2AS.encode())[:-9], "is cut off"),
    "cut.bz2": (bz2.compress(PFX2AS.encode())[:-9], "is cut off"),
    "cut": (PFX2AS.encode()[:-1], "is cut off in its last line"),
    "torn": (PFX2AS.encode()[:-14], "is cut off in its last line"),
    "torn.csv": (b"prefix,asn\n192.0.2.0/24,64500\n192.0.2", "is cut off in its last line"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_routing_table_or_cut_off_is_an_error(name: str, tmp_path: Path) -> None:
    content, message = WRONG[name]
    path = put(tmp_path, content, name)
    with pytest.raises(DumpError, match=message) as caught:
        read_routes([put(tmp_path, PFX2AS, "good"), path])
    assert caught.value.path == path


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="cannot be read"):
        read_routes([str(tmp_path / "nothing")])


def test_a_csv_may_end_without_a_line_feed(tmp_path: Path) -> None:
    routes = read_routes([put(tmp_path, "prefix,asn\n192.0.2.0/24,64500")])
    assert as_table(routes) == {(4, 0xC0000200, 24): (64500,)}


WORDS = st.one_of(
    st.integers(0, 10**11).map(str),
    st.from_regex(rb"0*[0-9]{1,12}", fullmatch=True).map(bytes.decode),
    st.from_regex(rb"[0-9]{0,9}[x/:]?[0-9]{0,9}", fullmatch=True).map(bytes.decode),
    st.text("0123456789/:;,_ ASas\x00\xff", max_size=12),
    st.just(""),
)


@settings(deadline=None)
@given(st.lists(WORDS))
def test_numbers_are_read_as_python_reads_them(words: list[str]) -> None:
    text, start, end = spans_of(words)
    for read, form, limit in (
        (values.read_decimals, "[0-9]{1,10}", 10**10),
        (evidence_files.read_asns, "(?i:AS)?[0-9]{1,10}", 1 << 32),
    ):
        value, good = read(text, start, end)
        for word, number, fine in zip(words, value.tolist(), good.tolist(), strict=True):
            matched = re.fullmatch(form, word)
            wanted = int(word.upper().removeprefix("AS")) if matched else limit
            assert fine == (wanted < limit), word
            assert not fine or number == wanted


ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
    st.from_regex(r"([0-9a-f]{1,4}:){1,4}:", fullmatch=True),
    st.text("0123456789abcdefABCDEFg.:/", max_size=20),
)


@settings(deadline=None)
@given(st.lists(st.tuples(ADDRESSES, st.integers(0, 140), st.booleans())))
def test_prefixes_are_read_as_the_standard_library_reads_them(
    cases: list[tuple[str, int, bool]],
) -> None:
    words = [
        f"{cleared(word, length) if clear else word}/{length}" for word, length, clear in cases
    ]
    text, start, end = spans_of(words)
    read = evidence_files.read_prefixes(text, start, end)
    for k, word in enumerate(words):
        try:
            net = ipaddress.ip_network(word)
            mapped = net.version == 6 and int(net.network_address) >> 32 == 0xFFFF
        except ValueError:
            mapped = True
        assert (read.fault[k] == evidence_files.GOOD) != mapped, word
        if not mapped:
            number = int(read.high[k]) << 64 | int(read.low[k])
            found = (read.family[k], number, read.length[k])
            assert found == (net.version, int(net.network_address), net.prefixlen)


def cleared(word: str, length: int) -> str:
    """Return an address without what is set behind a length, a text that is none as it is."""
    try:
        return str(ipaddress.ip_network(f"{word}/{length}", strict=False).network_address)
    except ValueError:
        return word


def spans_of(words: list[str]) -> tuple[Any, Any, Any]:
    """Return a text that holds words side by side, and their bounds."""
    parts = [word.encode("latin-1") for word in words]
    end = np.cumsum([len(part) for part in parts]).astype(np.int64)
    return padded(b"".join(parts)), end - np.array([len(part) for part in parts], np.int64), end


# A small world where prefixes nest and ranges cross them: five bits, at both ends of the space and
# in the middle, in IPv6 across the border of the halves.
WORLDS = {4: (0, 27), 6: (62, 61)}  # how far to shift a number of 5 bits, the length before it
BASES = {4: (0, 0x0A00000 >> 1, (1 << 27) - 1), 6: (0, 0x20010DB8 << 29, (1 << 61) - 1)}


def widened(family: int, number: int, base: int) -> int:
    return ((base << 5) + number) << WORLDS[family][0]


@st.composite
def prefixes(draw: st.DrawFn, family: int) -> tuple[int, int]:
    base = draw(st.sampled_from(BASES[family]))
    bits = draw(st.integers(0, 5))
    number = draw(st.integers(0, (1 << bits) - 1)) << (5 - bits)
    shift, above = WORLDS[family]
    extra = draw(st.sampled_from((0, 0, 0, shift)))
    return widened(family, number, base), above + bits + (extra if bits == 5 else 0)


@st.composite
def ranges(draw: st.DrawFn, family: int) -> tuple[int, int]:
    base = draw(st.sampled_from(BASES[family]))
    low, high = sorted((draw(st.integers(0, 31)), draw(st.integers(0, 31))))
    last = widened(family, high + 1, base) - 1
    return widened(family, low, base), last - draw(st.integers(0, 1)) * (last > 0 and low < high)


def tables(family: int) -> st.SearchStrategy[dict[tuple[int, int], tuple[int, ...]]]:
    origins = st.sets(st.integers(1, 6), min_size=1, max_size=3).map(lambda x: tuple(sorted(x)))
    return st.dictionaries(prefixes(family), origins, max_size=24)


FAMILY_CASES = st.sampled_from((4, 6)).flatmap(
    lambda family: st.tuples(
        st.just(family),
        tables(family),
        st.lists(st.one_of(ranges(family), prefixes(family).map(lambda p: whole(family, *p)))),
    )
)


def whole(family: int, first: int, length: int) -> tuple[int, int]:
    return first, first | ((1 << (BITS[family] - length)) - 1)


def arrays(family: int, numbers: list[int]) -> Any:
    if family == 4:
        return np.array(numbers, np.int64)
    pairs = [(number >> 64, number & 0xFFFFFFFFFFFFFFFF) for number in numbers]
    return np.array(pairs, np.uint64).reshape(-1, 2)


def written(family: int, table: dict[tuple[int, int], tuple[int, ...]]) -> str:
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    return "".join(
        f"{kind(first)}\t{length}\t{'_'.join(map(str, origins))}\n"
        for (first, length), origins in table.items()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("routes")


@settings(deadline=None, max_examples=300)
@given(FAMILY_CASES)
def test_joins_agree_with_a_naive_scan_and_with_pytricia(
    folder: Path, case: tuple[int, dict[tuple[int, int], tuple[int, ...]], list[tuple[int, int]]]
) -> None:
    family, table, wanted = case
    text = written(family, table)
    routes = read_routes([put(folder, text)] if table else [])
    assert as_table(routes) == {(family, *key): origins for key, origins in table.items()}
    keys = sorted(table)
    spans = [whole(family, *key) for key in keys]
    parents = routes.parent if family == 4 else routes.parent6
    assert parents.tolist() == [longest(spans, span, itself=False) for span in spans]
    first = arrays(family, [low for low, _ in wanted])
    last = arrays(family, [high for _, high in wanted])
    above = covering(routes, first, last).tolist()
    same = exact(routes, first, last).tolist()
    below = inside(routes, first, last)
    assert below.offset[0] == 0
    assert below.offset[-1] == len(below.route)
    codes = routes.origins if family == 4 else routes.origins6
    united, sets = joined_sets(routes.sets, codes[below.route], below.offset)
    assert sets[: len(routes.sets)] == routes.sets
    trie = PrefixSet()
    trie.fill(family, [(*key, number) for number, key in enumerate(keys)])
    for k, (low, high) in enumerate(wanted):
        assert above[k] == longest(spans, (low, high), itself=True)
        assert same[k] == (spans.index((low, high)) if (low, high) in spans else -1)
        within = [
            number
            for number, span in enumerate(spans)
            if low <= span[0] and span[1] <= high and span != (low, high)
        ]
        assert below.route[below.offset[k] : below.offset[k + 1]].tolist() == within
        union = tuple(sorted({origin for number in within for origin in table[keys[number]]}))
        assert (sets[united[k]] if united[k] >= 0 else ()) == union
        size = (high - low + 1).bit_length() - 1
        if high - low + 1 == 1 << size and low % (1 << size) == 0:
            prefix = (family, low, BITS[family] - size)
            assert trie.covering(*prefix) == (above[k] if above[k] >= 0 else None)
            assert trie.exact(*prefix) == (same[k] if same[k] >= 0 else None)
            assert [row[2] for row in trie.inside(*prefix)] == within
    assert len(trie) == len(keys)


def longest(spans: list[tuple[int, int]], wanted: tuple[int, int], *, itself: bool) -> int:
    """Return the smallest span that contains one, by looking at all of them."""
    low, high = wanted
    found = [
        (span[1] - span[0], number)
        for number, span in enumerate(spans)
        if span[0] <= low and high <= span[1] and (itself or span != wanted)
    ]
    return min(found)[1] if found else -1


def test_ranges_of_any_integer_type_are_taken(tmp_path: Path) -> None:
    routes = read_routes([put(tmp_path, "255.255.255.0\t24\t1\n10.0.0.0\t8\t2\n")])
    for kind in ("u4", "i8", "u8"):
        low = np.array([0xFFFFFF00, 10 << 24, 0, 0xFFFFFFFF], kind)
        high = np.array([0xFFFFFFFF, (11 << 24) - 1, 0xFFFFFFFF, 0xFFFFFFFF], kind)
        assert covering(routes, low, high).tolist() == [1, 0, -1, 1]
        assert exact(routes, low, high).tolist() == [1, 0, -1, -1]
        assert inside(routes, low, high).route.tolist() == [0, 1]


def test_prefixes_that_cross_a_range_are_not_inside_it(tmp_path: Path) -> None:
    text = "10.0.0.0\t25\t1\n10.0.0.128\t25\t2\n10.0.0.128\t26\t3\n10.0.1.0\t24\t4\n"
    routes = read_routes([put(tmp_path, text)])
    low, high = np.array([10 << 24]), np.array([(10 << 24) + 191])
    found = inside(routes, low, high)
    assert found.route.tolist() == [0, 2]
    united, sets = joined_sets(routes.sets, routes.origins[found.route], found.offset)
    assert sets[united[0]] == (1, 3)


@pytest.mark.parametrize(
    ("family", "first", "length"),
    [(4, 1 << 32, 32), (4, 10 << 24, 33), (4, 10 << 24, -1), (4, -1, 32), (4, 1, 8),
     (6, 1 << 128, 128), (6, 0, 129), (6, 1, 127), (5, 0, 0), (4, 1, 0)],
)  # fmt: skip
def test_a_prefix_set_refuses_what_pytricia_would_store(
    family: int, first: int, length: int
) -> None:
    held = PrefixSet()
    for method in (held.exact, held.covering, held.inside, held.chain):
        with pytest.raises(AddressError):
            method(family, first, length)
    with pytest.raises(AddressError):
        held.add(family, first, length, 1)
    assert len(held) == 0


def test_a_prefix_set_keeps_families_apart_and_itself_unchanged() -> None:
    held = PrefixSet()
    held.add(6, 0x2000 << 112, 8, 1)
    held.add(4, 0x20000000, 16, 2)
    held.add(4, 0x20000000, 16, 3)
    assert len(held) == 2
    assert held.covering(4, 0x20000001, 32) == 3
    assert held.covering(4, 0x20010000, 32) is None
    assert held.exact(4, 0x20000000, 8) is None
    assert held.inside(4, 0x20000000, 8) == [(0x20000000, 16, 3)]
    assert held.covering(4, 0x20010000, 32) is None
    held.add(4, 0, 0, 4)
    assert held.chain(4, 0x20000000, 24) == [(0x20000000, 16, 3), (0, 0, 4)]
    assert held.chain(6, 0x2001 << 112, 16) == [(0x2000 << 112, 8, 1)]
    assert held.inside(6, 0, 0) == [(0x2000 << 112, 8, 1)]


def test_without_pytricia_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytricia", None)
    with pytest.raises(Error, match="C compiler"):
        PrefixSet()


@real
def test_the_real_tables_have_a_route_for_every_line() -> None:
    paths = [str(DATA / "routing" / f"routeviews{name}.pfx2as.gz") for name in ("-rv2", "6")]
    routes = read_routes(paths)
    lines = [gzip.decompress(Path(path).read_bytes()).decode().splitlines() for path in paths]
    assert [len(part) for part in lines] == [886_068, 83_125]
    assert routes.counts == {"ipv4": 886_068, "ipv6": 83_125, "default": 0, "again": 0}
    assert not any(file.rejects for file in routes.files)
    table = as_table(routes)
    for line in (*lines[0], *lines[1]):
        address, length, origins = line.split("\t")
        at = ipaddress.ip_address(address)
        members = tuple(sorted({int(part) for part in origins.replace(",", "_").split("_")}))
        assert table[at.version, int(at), int(length)] == members, line


@real
def test_joins_with_the_real_table_agree_with_pytricia() -> None:
    routes = read_routes([str(DATA / "routing" / "routeviews-rv2.pfx2as.gz")])
    trie = PrefixSet()
    rows = zip(routes.first.tolist(), routes.length.tolist(), strict=True)
    trie.fill(4, ((first, length, number) for number, (first, length) in enumerate(rows)))
    chooser = random.Random(5)
    wanted = []
    for _ in range(50_000):
        length = chooser.randint(8, 32)
        wanted.append((chooser.randrange(1 << 32) >> (32 - length) << (32 - length), length))
    wanted += list(zip(routes.first.tolist(), routes.length.tolist(), strict=True))[::20]
    spans = [whole(4, *prefix) for prefix in wanted]
    first, last = np.array(spans).T
    above, same = covering(routes, first, last).tolist(), exact(routes, first, last).tolist()
    below = inside(routes, first, last)
    for k, prefix in enumerate(wanted):
        assert trie.covering(4, *prefix) == (above[k] if above[k] >= 0 else None)
        assert trie.exact(4, *prefix) == (same[k] if same[k] >= 0 else None)
        if k % 50 == 0:
            found = below.route[below.offset[k] : below.offset[k + 1]].tolist()
            assert [row[2] for row in trie.inside(4, *prefix)] == found
