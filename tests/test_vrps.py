"""Check the reader of VRPs against a naive one, format by format."""

from __future__ import annotations

import bz2
import gzip
import ipaddress
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer.vrps import Vrps, read_vrps
from rirdex.query.errors import AddressError, DumpError

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
real = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)
Row = tuple[int, int, int, int, int]  # family, first, length, AS number, maximum length

RPKI_CLIENT = """\
{
\t"metadata": {
\t\t"buildmachine": "validator.example.net",
\t\t"roas": 5
\t},

\t"roas": [
\t\t{ "asn": 64500, "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "ripe", "expires": 1753453 },
\t\t{ "asn": 64501, "prefix": "192.0.2.0/24", "maxLength": 28, "ta": "ripe", "expires": 1753453 },
\t\t{ "asn": 0, "prefix": "198.51.100.0/24", "maxLength": 32, "ta": "arin", "expires": 1753453 },
\t\t{ "asn": 4200000000, "prefix": "2001:db8::/32", "maxLength": 48, "ta": "lacnic" },
\t\t{ "asn": 64502, "prefix": "2001:db8:0:1::/64", "maxLength": 64, "ta": "lacnic" }
\t],

\t"aspas": [
\t\t{ "customer_asid": 64500, "expires": 1753053012, "providers": [ 64496, 64497 ] }
\t]
}
"""
ROUTINATOR = """\
{"metadata": {"generated": 1753453058, "generatedTime": "2025-07-20T09:31:33Z"},
 "roas": [
  {"asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "ripe"},
  {"asn": "AS64501", "prefix": "192.0.2.0/24", "maxLength": 28, "ta": "ripe"},
  {"asn": "AS0", "prefix": "198.51.100.0/24", "maxLength": 32, "source": [{"type": "roa"}]},
  {"asn": "AS4200000000", "prefix": "2001:db8::/32", "maxLength": 48, "ta": "lacnic"},
  {"asn": "64502", "prefix": "2001:0db8:0:1:0::/64", "ta": "lacnic"}
 ],
 "routerKeys": [{"asn": "AS64500", "SKI": "00", "routerPublicKey": "AA", "ta": "ripe"}]}
"""
CSV = """\
ASN,IP Prefix,Max Length,Trust Anchor
AS64500,192.0.2.0/24,24,ripe
AS64501,192.0.2.0/24,28,ripe
AS0,198.51.100.0/24,32,arin
AS4200000000,2001:db8::/32,48,lacnic
AS64502,2001:db8:0:1::/64,,lacnic
"""
COMPATIBLE = """\
"ASN","IP Prefix","Max Length","Trust Anchor"
"64500","192.0.2.0/24","24","ripe"
"64501","192.0.2.0/24","28","ripe"
"0","198.51.100.0/24","32","arin"
"4200000000","2001:db8::/32","48","lacnic"
"64502","2001:db8:0:1::/64","64","lacnic, again"
"""
EXTENDED = """\
URI,ASN,IP Prefix,Max Length,Not Before,Not After
rsync://example.net/1.roa,AS64500,192.0.2.0/24,24,2025-01-01 00:00:00,2026-01-01 00:00:00
rsync://example.net/2.roa,AS64501,192.0.2.0/24,28,2025-01-01 00:00:00,2026-01-01 00:00:00
N/A,AS0,198.51.100.0/24,32,2025-01-01 00:00:00,2026-01-01 00:00:00
N/A,AS4200000000,2001:db8::/32,48,2025-01-01 00:00:00,2026-01-01 00:00:00
N/A,AS64502,2001:db8:0:1::/64,64,2025-01-01 00:00:00,2026-01-01 00:00:00
"""
FORMATS = {"rpki-client": RPKI_CLIENT, "routinator": ROUTINATOR, "csv": CSV,
           "csvcompat": COMPATIBLE, "csvext": EXTENDED}  # fmt: skip
WANTED: list[Row] = [
    (4, 0xC0000200, 24, 64500, 24),
    (4, 0xC0000200, 24, 64501, 28),
    (4, 0xC6336400, 24, 0, 32),
    (6, 0x20010DB8 << 96, 32, 4200000000, 48),
    (6, 0x20010DB800000001 << 64, 64, 64502, 64),
]


def put(folder: Path, text: str | bytes, name: str = "vrps") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def as_rows(vrps: Vrps) -> list[Row]:
    """Return VRPs as rows, and check their types and order on the way."""
    columns: list[Any] = [
        vrps.first, vrps.length, vrps.max_length, vrps.asn, vrps.high, vrps.low, vrps.length6,
        vrps.max_length6, vrps.asn6,
    ]  # fmt: skip
    assert "".join(column.dtype.str[1:] for column in columns) == "u4u1u1u4u8u8u1u1u4"
    lists = [column.tolist() for column in columns]
    rows = [(4, *row) for row in zip(*(lists[k] for k in (0, 1, 3, 2)), strict=True)]
    firsts = [high << 64 | low for high, low in zip(lists[4], lists[5], strict=True)]
    rows += [(6, *row) for row in zip(firsts, lists[6], lists[8], lists[7], strict=True)]
    assert rows == sorted(set(rows))
    assert vrps.counts["as0"] == sum(row[3] == 0 for row in rows)
    assert vrps.counts["ipv4"] + vrps.counts["ipv6"] == len(rows)
    return rows


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same(name: str, tmp_path: Path) -> None:
    vrps = read_vrps([put(tmp_path, FORMATS[name])])
    assert as_rows(vrps) == WANTED
    assert vrps.counts == {"ipv4": 3, "ipv6": 2, "as0": 1, "again": 0}
    assert vrps.files[0].counts == {"ipv4": 3, "ipv6": 2}
    assert not vrps.files[0].rejects
    assert vrps.files[0].text_bytes == len(FORMATS[name])


def test_files_are_brought_together(tmp_path: Path) -> None:
    one = put(tmp_path, gzip.compress(RPKI_CLIENT.encode()), "b.gz")
    two = put(tmp_path, bz2.compress((CSV + "AS1,10.0.0.0/8,8,x\n").encode()), "a.bz2")
    for paths in ([one, two], [two, one]):
        vrps = read_vrps(paths)
        assert as_rows(vrps) == [(4, 10 << 24, 8, 1, 8), *WANTED]
        assert vrps.counts["again"] == 5
        assert [file.name for file in vrps.files] == ["a.bz2", "b.gz"]


def test_no_files_give_no_vrps() -> None:
    vrps = read_vrps([])
    assert as_rows(vrps) == []
    assert vrps.origins_for(4, 10 << 24, 8) == ()


def test_origins_are_of_all_vrps_that_cover_a_prefix(tmp_path: Path) -> None:
    text = CSV + "AS0,0.0.0.0/0,0,x\nAS7,192.0.2.0/25,25,x\nAS0,::/0,0,x\n"
    vrps = read_vrps([put(tmp_path, text)])
    everything, both = ((0, 0),), ((64500, 24), (64501, 28))
    assert vrps.origins_for(4, 0xC0000200, 24) == both + everything
    assert vrps.origins_for(4, 0xC0000201, 32) == ((7, 25), *both, *everything)
    assert vrps.origins_for(4, 0xC0000280, 25) == both + everything
    assert vrps.origins_for(4, 0xC0000200, 23) == everything
    assert vrps.origins_for(6, 0x20010DB8 << 96, 48) == ((4200000000, 48), *everything)
    assert vrps.origins_for(6, 0, 0) == everything
    with pytest.raises(AddressError):
        vrps.origins_for(4, 1, 24)


def test_the_closest_prefix_is_one_that_somebody_may_announce(tmp_path: Path) -> None:
    text = CSV + "AS0,0.0.0.0/0,0,x\nAS7,192.0.2.0/25,25,x\nAS0,192.0.2.128/25,25,x\n"
    vrps = read_vrps([put(tmp_path, text)])
    assert vrps.closest(4, 0xC0000201, 32) == (0xC0000200, 25, frozenset({7}))
    assert vrps.closest(4, 0xC0000281, 32) == (0xC0000200, 24, frozenset({64500, 64501}))
    assert vrps.closest(4, 0xC0000200, 23) is None
    assert vrps.closest(6, 0x20010DB8 << 96, 48) is not None
    assert read_vrps([]).closest(4, 10 << 24, 8) is None


MAXIMUM = "a record without a legal maximum length"
BAD_ROAS: list[tuple[object, str]] = [
    ({"asn": 1, "prefix": "192.0.2.0", "maxLength": 24}, "a record without a prefix"),
    ({"asn": 1, "prefix": None, "maxLength": 24}, "a record without a prefix"),
    ({"asn": 1, "prefix": ["192.0.2.0/24"], "maxLength": 24}, "a record without a prefix"),
    ({"asn": 1, "prefix": "192.0.2.0/33"}, "a record without a legal prefix length"),
    ({"asn": 1, "prefix": "192.0.2.1/24"}, "a prefix with bits set behind its length"),
    ({"asn": -1, "prefix": "192.0.2.0/24"}, "a record without a legal AS number"),
    ({"asn": 1.5, "prefix": "192.0.2.0/24"}, "a record without a legal AS number"),
    ({"asn": True, "prefix": "192.0.2.0/24"}, "a record without a legal AS number"),
    ({"asn": None, "prefix": "192.0.2.0/24"}, "a record without a legal AS number"),
    ({"asn": "AS", "prefix": "192.0.2.0/24"}, "a record without a legal AS number"),
    ({"asn": 1 << 32, "prefix": "192.0.2.0/24"}, "a record without a legal AS number"),
    ({"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 23}, MAXIMUM),
    ({"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 33}, MAXIMUM),
    ({"asn": 1, "prefix": "::/24", "maxLength": 129}, MAXIMUM),
    ({"asn": 1, "prefix": "192.0.2.0/24", "maxLength": "x"}, MAXIMUM),
    ({"asn": 1, "prefix": "192.0.2.0/24", "maxLength": {}}, MAXIMUM),
    ({"asn": 1, "prefix": "1.0.0.0/8\t1\n2.0.0.0/8"}, "a record of too few fields"),
    ({"asn": "\n\n", "prefix": "\ud800\u00e9/1"}, "a record of too few fields"),
    ({"asn": 1}, "a record of too few fields"),
    ({}, "a record of too few fields"),
    ("", "a record of too few fields"),
    (64500, "a record of too few fields"),
    (None, "a record of too few fields"),
]  # fmt: skip


@pytest.mark.parametrize(("roa", "reason"), BAD_ROAS)
def test_a_bad_record_is_counted_and_sampled(roa: object, reason: str, tmp_path: Path) -> None:
    loaded = json.loads(RPKI_CLIENT)
    loaded["roas"].insert(2, roa)
    vrps = read_vrps([put(tmp_path, json.dumps(loaded))])
    assert as_rows(vrps) == WANTED
    assert vrps.files[0].reject_counts == {reason: 1}
    assert [reject.offset for reject in vrps.files[0].rejects] == [2]


def test_a_bad_line_of_csv_is_counted_and_sampled(tmp_path: Path) -> None:
    vrps = read_vrps([put(tmp_path, CSV + "AS1\n" + "AS1,10.0.0.0/8,8,x\n")])
    assert as_rows(vrps) == [(4, 10 << 24, 8, 1, 8), *WANTED]
    reason = "a record of too few fields"
    assert [tuple(reject) for reject in vrps.files[0].rejects] == [(len(CSV), reason, b"AS1")]


WRONG = {
    "empty": (b"", "is empty"),
    "text": (b"192.0.2.0\t24\t64500\n", "is no file of VRPs"),
    "list": (b'[{"asn": 1}]', "is no file of VRPs"),
    "no-roas": (b'{"transfers": []}', "has no list of roas"),
    "strange": (b'{"roas": {"asn": 1}}', "has no list of roas"),
    "no-records": (b'{"roas": []}', "holds no record"),
    "bad-records": (b'{"roas": [{"asn": 1}]}', "holds no record"),
    "deep": (b'{"roas": ' + b"[" * 100_000, "nested too deeply|is cut off"),
    "comma": (b'{"roas": [,]}', "is no JSON"),
    "digits": (b'{"roas": [' + b"9" * 5000 + b"]}", "is no file of VRPs"),
    "cut.json": (RPKI_CLIENT.encode()[:-150], "is cut off"),
    "brace.json": (RPKI_CLIENT[: RPKI_CLIENT.index("28") + 45].encode(), "is cut off"),
    "cut.gz": (gzip.compress(RPKI_CLIENT.encode())[:-9], "is cut off"),
    "cut.csv": (CSV.encode() + b"AS64510,192.0", "is cut off in its last line"),
    "page.gz": (b"<html>busy</html>", "is named like gzip but holds a HTML page"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_holds_no_vrps_or_is_cut_off_is_an_error(name: str, tmp_path: Path) -> None:
    content, message = WRONG[name]
    path = put(tmp_path, content, name)
    with pytest.raises(DumpError, match=message) as caught:
        read_vrps([path])
    assert caught.value.path == path


@st.composite
def rows(draw: st.DrawFn) -> Row:
    family = draw(st.sampled_from((4, 6)))
    bits = 32 if family == 4 else 128
    length = draw(st.one_of(st.integers(0, 4), st.integers(0, bits)))
    number = draw(st.integers(0, (1 << min(length, 3)) - 1)) << (bits - min(length, 3))
    return (family, number, length, draw(st.integers(0, 3)), draw(st.integers(length, bits)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vrps")


@settings(deadline=None)
@given(st.lists(rows(), min_size=1, max_size=12))
def test_origins_agree_with_a_naive_scan(folder: Path, held: list[Row]) -> None:
    kinds = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}
    roas = [
        {"prefix": f"{kinds[family](first)}/{length}", "asn": asn, "maxLength": maximum}
        for family, first, length, asn, maximum in held
    ]
    vrps = read_vrps([put(folder, json.dumps({"roas": roas}))])
    assert as_rows(vrps) == sorted(set(held))
    for family, first, length, *_ in held:
        bits = 32 if family == 4 else 128
        around = sorted(
            (-above, asn, maximum)
            for kind, low, above, asn, maximum in set(held)
            if kind == family
            and above <= length
            and first >> (bits - above) == low >> (bits - above)
        )
        assert vrps.origins_for(family, first, length) == tuple(row[1:] for row in around)


@real
def test_the_real_file_has_a_vrp_for_every_record() -> None:
    path = DATA / "routing" / "rpkiclient_summary_20250720T093135Z.json.bz2"
    roas = json.loads(bz2.decompress(path.read_bytes()))["roas"]
    vrps = read_vrps([str(path)])
    assert len(roas) == 723_521
    assert vrps.counts == {"ipv4": 580_366, "ipv6": 143_155, "as0": 2_419, "again": 0}
    assert not vrps.files[0].rejects
    naive = []
    for roa in roas:
        address, _, length = roa["prefix"].partition("/")
        at = ipaddress.ip_address(address)
        naive.append((at.version, int(at), int(length), roa["asn"], roa["maxLength"]))
    assert as_rows(vrps) == sorted(naive)
    chooser = random.Random(6)
    four = np.flatnonzero(np.array([row[0] for row in naive]) == 4)
    first = np.array([naive[k][1] for k in four])
    length = np.array([naive[k][2] for k in four])
    for k in chooser.sample(four.tolist(), 200):
        _, start, bits, *_ = naive[k]
        shift = 32 - np.minimum(length, bits)
        around = four[(length <= bits) & (first >> shift == start >> shift)].tolist()
        wanted = sorted((-naive[j][2], *naive[j][3:]) for j in around)
        assert vrps.origins_for(4, start, bits) == tuple(row[1:] for row in wanted)
