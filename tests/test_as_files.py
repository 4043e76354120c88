"""Check the readers of AS relationships and AS organisations against naive ones."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer.as_orgs import Organisations, read_organisations
from rirdex.indexer.as_relations import read_relations
from rirdex.query.errors import DumpError

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
real = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)

SERIAL_1 = """\
# inferred clique: 64496 64497
64496|64500|-1
64496|64497|0
64497|64500|-1
64500|4200000000|-1
"""
SERIAL_2 = """\
# source:topology|BGP|20210901|ripe|rrc00
64496|64500|-1|bgp
64496|64497|0|bgp
64497|64500|-1|mlp
64500|4200000000|-1|bgp
"""


def put(folder: Path, text: str | bytes, name: str = "file") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.mark.parametrize("text", [SERIAL_1, SERIAL_2, SERIAL_1.replace("\n", "\r\n")])
def test_both_serials_say_who_is_a_customer(text: str, tmp_path: Path) -> None:
    relations = read_relations([put(tmp_path, text)])
    assert relations.counts == {"transit": 3, "peers": 1, "again": 0}
    assert relations.files[0].counts == {"transit": 3, "peers": 1}
    assert relations.providers(64500) == (64496, 64497)
    assert relations.providers(4200000000) == (64500,)
    assert relations.providers(64496) == relations.providers(5) == relations.providers(-1) == ()
    left = np.array([64500, 64496, 64496, 4200000000, 64500, -1, 64500, 1 << 32])
    right = np.array([64496, 64500, 64497, 64500, 64500, 64496, -1, 64496])
    wanted = [True, False, False, True, False, False, False, False]
    assert relations.is_customer(left, right).tolist() == wanted


def test_pairs_broadcast(tmp_path: Path) -> None:
    relations = read_relations([put(tmp_path, SERIAL_1)])
    table = relations.is_customer(np.array([64500, 5])[:, None], np.array([64496, 64497]))
    assert table.tolist() == [[True, True], [False, False]]


def test_files_of_relationships_are_brought_together(tmp_path: Path) -> None:
    one = put(tmp_path, gzip.compress(SERIAL_1.encode()), "as-rel.gz")
    two = put(tmp_path, SERIAL_2 + "64500|64496|-1|bgp\n", "as-rel2")
    relations = read_relations([one, two])
    assert relations.counts == {"transit": 4, "peers": 2, "again": 3}
    assert relations.providers(64496) == (64500,)
    assert relations.providers(64500) == (64496, 64497)


def test_no_files_relate_nobody() -> None:
    relations = read_relations([])
    assert relations.providers(64500) == ()
    assert relations.is_customer(np.array([1]), np.array([2])).tolist() == [False]


BAD_RELATIONS = [
    ("64496|64500", "a record of too few fields"),
    ("64496", "a record of too few fields"),
    ("64496|64500|1", "a record whose relationship is neither -1 nor 0"),
    ("64496|64500|-2", "a record whose relationship is neither -1 nor 0"),
    ("64496|64500|-10|bgp", "a record whose relationship is neither -1 nor 0"),
    ("64496|64500|01", "a record whose relationship is neither -1 nor 0"),
    ("64496|64500||bgp", "a record whose relationship is neither -1 nor 0"),
    ("64496|64496|-1", "an AS related to itself"),
    ("0|64496|-1", "a record without a legal AS number"),
    ("64496|4294967296|0", "a record without a legal AS number"),
    ("64496||0", "a record without a legal AS number"),
    ("x|64496|0", "a record without a legal AS number"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_RELATIONS)
def test_a_bad_relationship_is_counted_and_sampled(line: str, reason: str, tmp_path: Path) -> None:
    relations = read_relations([put(tmp_path, f"{SERIAL_1}{line}\n1|2|-1\n")])
    assert relations.counts == {"transit": 4, "peers": 1, "again": 0}
    assert relations.files[0].reject_counts == {reason: 1}
    wanted = [(len(SERIAL_1), reason, line.encode())]
    assert [tuple(reject) for reject in relations.files[0].rejects] == wanted


ORGANISATIONS = """\
# name: AS Org
# date: 202010
# format:org_id|changed|org_name|country|source
ORG-1|20200109|Example Networks|ZZ|RIPE
EXAM-2|20200622|EXAMPLE  networks|US|ARIN
ORG-3|20200622|Other | Bar, Inc.|US|ARIN
@del-4|20000427||JP|APNIC
@del-5|20000427||JP|APNIC
ORG-6|20000427|-|JP|APNIC
ORG-7|20000427|-|JP|APNIC
ORG-8|20000427|Sørlandet Straße|NO|RIPE
ORG-9|20000427|sØrlandet STRASSE|NO|RIPE
# format:aut|changed|aut_name|org_id|opaque_id|source
64500|20180220|EXAMPLE-AS|ORG-1|e5e3_RIPE|RIPE
64501||EXAMPLE-2|ORG-1||RIPE
64502|20120621|EXAM-US|EXAM-2|c3a1_ARIN|ARIN
64503|20120621|OTHER|BAR|ORG-3|c3a1_ARIN|ARIN
64504|20120621|GONE-1|@del-4||APNIC
64505|20120621|GONE-2|@del-5||APNIC
64506|20120621|GONE-3|@del-5||APNIC
64507|20120621|DASH-1|ORG-6||APNIC
64508|20120621|DASH-2|ORG-7||APNIC
64509|20120621|NO-1|ORG-8||RIPE
4200000000|20120621|NO-2|ORG-9||RIPE
64511|20120621|STRAY|ORG-404||RIPE
"""
SAME = [{64500, 64501, 64502}, {64503}, {64504}, {64505, 64506}, {64507}, {64508},
        {64509, 4200000000}, {64511}]  # fmt: skip


def as_json(text: str) -> str:
    """Return an as2org text in the JSON form, its ASes first."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        parts = line.split("|")
        if not line.startswith("#") and len(parts) > 5 and parts[0].isdigit():
            fields = {"asn": parts[0], "changed": parts[1], "name": "|".join(parts[2:-3]),
                      "organizationId": parts[-3], "type": "ASN"}  # fmt: skip
            found.insert(0, fields)
        elif not line.startswith("#"):
            fields = {"organizationId": parts[0], "changed": parts[1], "country": parts[-2],
                      "name": "|".join(parts[2:-2]), "type": "Organization"}  # fmt: skip
            found.append(fields)
    return "".join(f"{json.dumps(fields)}\n" for fields in found)


def swapped(text: str) -> str:
    """Return an as2org text with its sections in the other order, as old files have them."""
    head, organisations, ases = text.split("# format:")
    return head + "# format: " + ases + "# format: " + organisations


VARIANTS = {
    "text": ORGANISATIONS,
    "swapped": swapped(ORGANISATIONS),
    "json": as_json(ORGANISATIONS),
    "json without end": as_json(ORGANISATIONS).rstrip(),
    "latin-1": ORGANISATIONS.replace("sØrlandet STRASSE", "sørlandet straße"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_knows_which_ases_are_of_one_organisation(name: str, tmp_path: Path) -> None:
    raw = VARIANTS[name].encode("latin-1" if name == "latin-1" else "utf-8")
    organisations = read_organisations([put(tmp_path, raw)])
    assert organisations.counts == {"organisations": 9, "asns": 12, "again": 0}
    assert organisations.files[0].counts == {"organisations": 9, "asns": 12}
    check(organisations, SAME)
    assert organisations.name(64500) == "Example Networks"
    assert organisations.name(64502) == "EXAMPLE  networks"
    assert organisations.name(64503) == "Other | Bar, Inc."
    assert organisations.name(64509) == "Sørlandet Straße"
    assert organisations.name(64507) == "-"
    for asn in (64504, 64511, 5, -1, 1 << 40):
        assert organisations.name(asn) is None


def check(organisations: Organisations, groups: list[set[int]]) -> None:
    """Check that codes are equal within groups, and only there, and none for other ASes."""
    everyone = sorted(asn for group in groups for asn in group)
    assert organisations.asn.tolist() == everyone
    asked = np.array([*everyone, 5, -1, 1 << 40])
    codes = organisations.name_code(asked)
    assert codes.dtype == np.int64
    assert codes[-3:].tolist() == [-1, -1, -1]
    same = organisations.same(asked[:, None], asked)
    for i, left in enumerate(asked.tolist()):
        for j, right in enumerate(asked.tolist()):
            wanted = any({left, right} <= group for group in groups)
            assert same[i, j] == wanted, (left, right)
            assert not wanted or codes[i] == codes[j]


def test_no_files_know_no_organisation() -> None:
    organisations = read_organisations([])
    assert organisations.name_code(np.array([1, 2])).tolist() == [-1, -1]
    assert organisations.same(np.array([1]), np.array([1])).tolist() == [False]
    assert organisations.name(1) is None


def test_of_two_files_the_later_date_counts_whatever_the_order(tmp_path: Path) -> None:
    newer = """\
# format:org_id|changed|org_name|country|source
ORG-1|20210109|Renamed Networks|ZZ|RIPE
ORG-3|20190109|Old Name|ZZ|RIPE
# format:aut|changed|aut_name|org_id|opaque_id|source
64503|20110109|OLD|ORG-1||RIPE
64504|20210109|MOVED|ORG-1||RIPE
"""
    paths = [put(tmp_path, ORGANISATIONS, "a"), put(tmp_path, newer, "b")]
    for order in (paths, paths[::-1]):
        organisations = read_organisations(order)
        assert organisations.counts == {"organisations": 9, "asns": 12, "again": 4}
        assert organisations.name(64501) == organisations.name(64504) == "Renamed Networks"
        assert organisations.name(64503) == "Other | Bar, Inc."
        assert not organisations.same(np.array([64500]), np.array([64502]))[0]


BAD_ORGANISATIONS = [
    ("64512|20120621|FEW|ORG-1|RIPE", "a record of too few fields"),
    ("64512|20120621|NOBODY|||RIPE", "a record of too few fields"),
    ("0|20120621|ZERO|ORG-1||RIPE", "a record without a legal AS number"),
    ("4294967296|20120621|MANY|ORG-1||RIPE", "a record without a legal AS number"),
    ("AS64512|20120621|PREFIXED|ORG-1||RIPE", "a record without a legal AS number"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_ORGANISATIONS)
def test_a_bad_line_is_counted_and_sampled(line: str, reason: str, tmp_path: Path) -> None:
    text = f"{ORGANISATIONS}{line}\n64513|20120621|LAST|ORG-3||RIPE\n"
    organisations = read_organisations([put(tmp_path, text)])
    check(organisations, [group | {64513} if 64503 in group else group for group in SAME])
    assert organisations.files[0].reject_counts == {reason: 1}
    wanted = [(len(ORGANISATIONS.encode()), reason, line.encode())]
    assert [tuple(reject) for reject in organisations.files[0].rejects] == wanted


BAD_OBJECTS = [
    ("{", "a record of no known kind"),
    ("[" * 100_000, "a record of no known kind"),
    ("[1]", "a record of no known kind"),
    ('{"type": "Router"}', "a record of no known kind"),
    ('{"type": ["ASN"]}', "a record of no known kind"),
    ('{"type": "ASN", "organizationId": "ORG-1"}', "a record without a legal AS number"),
    (
        '{"type": "ASN", "asn": "x", "organizationId": "ORG-1"}',
        "a record without a legal AS number",
    ),
    ('{"type": "ASN", "asn": "64512"}', "a record of too few fields"),
    ('{"type": "ASN", "asn": "64512", "organizationId": 5}', "a record of too few fields"),
    ('{"type": "Organization", "name": "Nobody"}', "a record of too few fields"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_OBJECTS)
def test_a_bad_object_is_counted_and_sampled(line: str, reason: str, tmp_path: Path) -> None:
    text = as_json(ORGANISATIONS)
    organisations = read_organisations([put(tmp_path, f"{text}{line}\n{text}")])
    check(organisations, SAME)
    assert organisations.files[0].reject_counts == {reason: 1}
    assert [reject.offset for reject in organisations.files[0].rejects] == [len(text)]


def test_lines_before_a_section_or_of_an_unknown_one_are_rejects(tmp_path: Path) -> None:
    text = "64500|1|X|ORG-1||RIPE\n" + ORGANISATIONS + "# format:router|asn\n5|64500\n"
    organisations = read_organisations([put(tmp_path, text)])
    check(organisations, SAME)
    assert organisations.files[0].reject_counts == {"a record of no known kind": 2}


HALF = ORGANISATIONS[: ORGANISATIONS.index("# format:aut")]
WRONG_RELATIONS = {
    "empty": (b"", "is empty"),
    "comments": (b"# nothing\n", "holds no record"),
    "routes": (b"192.0.2.0\t24\t64500\n", "holds no record"),
    "page": (b"<html>\n404\n</html>\n", "holds no record"),
    "cut": (SERIAL_2.encode()[:-1], "is cut off in its last line"),
    "torn": (SERIAL_2.encode()[:-8], "is cut off in its last line"),
    "cut.gz": (gzip.compress(SERIAL_2.encode())[:-9], "is cut off"),
    "page.gz": (b"<html>busy</html>", "is named like gzip but holds a HTML page"),
}
WRONG_ORGANISATIONS = {
    "empty": (b"", "is empty"),
    "comments": (b"# nothing\n", "holds no record"),
    "routes": (b"192.0.2.0\t24\t64500\n", "holds no record"),
    "vrps": (b'{"roas": []}\n', "holds no record"),
    "half": (HALF.encode(), "names no AS number"),
    "other half": (ORGANISATIONS[len(HALF) :].encode(), "names no organisation"),
    "cut": (ORGANISATIONS.encode()[:-1], "is cut off in its last line"),
    "torn": (ORGANISATIONS.encode()[:-20], "is cut off in its last line"),
    "torn.jsonl": (as_json(ORGANISATIONS).encode()[:-20], "is cut off in its last line"),
    "cut.gz": (gzip.compress(ORGANISATIONS.encode())[:-9], "is cut off"),
}


@pytest.mark.parametrize("name", WRONG_RELATIONS)
def test_what_holds_no_relationships_or_is_cut_off_is_an_error(name: str, tmp_path: Path) -> None:
    content, message = WRONG_RELATIONS[name]
    path = put(tmp_path, content, name)
    with pytest.raises(DumpError, match=message) as caught:
        read_relations([path])
    assert caught.value.path == path


@pytest.mark.parametrize("name", WRONG_ORGANISATIONS)
def test_what_holds_no_organisations_or_is_cut_off_is_an_error(name: str, tmp_path: Path) -> None:
    content, message = WRONG_ORGANISATIONS[name]
    path = put(tmp_path, content, name)
    with pytest.raises(DumpError, match=message) as caught:
        read_organisations([path])
    assert caught.value.path == path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("as")


AS = st.one_of(st.integers(1, 6), st.integers(1, (1 << 32) - 1))


@settings(deadline=None)
@given(st.lists(st.tuples(AS, AS, st.sampled_from((-1, 0)))))
def test_relations_agree_with_a_naive_scan(folder: Path, pairs: list[tuple[int, int, int]]) -> None:
    pairs = [(4_000_000_000, 4_000_000_001, -1), (1, (1 << 32) - 1, -1), *pairs]
    text = "".join(f"{left}|{right}|{kind}\n" for left, right, kind in pairs)
    relations = read_relations([put(folder, text)])
    transit = {(right, left) for left, right, kind in pairs if kind and left != right}
    everyone = sorted({asn for pair in pairs for asn in pair[:2]})
    table = relations.is_customer(np.array(everyone)[:, None], np.array(everyone))
    for i, left in enumerate(everyone):
        assert relations.providers(left) == tuple(sorted(b for a, b in transit if a == left))
        for j, right in enumerate(everyone):
            assert table[i, j] == ((left, right) in transit)


@real
def test_the_real_organisations_are_those_of_a_naive_reader() -> None:
    path = DATA / "routing" / "20201001.as-org2info.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    records = [line.split("|") for line in lines if not line.startswith("#")]
    names = {parts[0]: parts[2] for parts in records if len(parts) == 5}
    owners = {int(parts[0]): parts[3] for parts in records if len(parts) == 6}
    assert (len(names), len(owners), len(records)) == (80_180, 98_549, 178_729)
    organisations = read_organisations([str(path)])
    assert organisations.counts == {"organisations": 80_180, "asns": 98_549, "again": 0}
    assert not organisations.files[0].rejects
    assert organisations.asn.tolist() == sorted(owners)
    groups: dict[tuple[bool, str], set[int]] = {}
    for asn, owner in owners.items():
        assert organisations.name(asn) == (names[owner].strip() or None)
        name = " ".join(names[owner].split()).casefold()
        groups.setdefault((bool(name), name or owner), set()).add(asn)
    codes = dict(zip(organisations.asn.tolist(), organisations.code.tolist(), strict=True))
    assert len(set(codes.values())) == len(groups)
    assert all(len({codes[asn] for asn in group}) == 1 for group in groups.values())


@real
def test_the_real_relationships_are_those_of_a_naive_reader() -> None:
    path = DATA / "dialects" / "as-rel2.sample.txt"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    relations = read_relations([str(path)])
    assert relations.counts == {"transit": 12, "peers": 10, "again": 0}
    assert not relations.files[0].rejects
    for line in lines:
        left, right, kind, _ = line.split("|")
        pair = np.array([int(right)]), np.array([int(left)])
        assert relations.is_customer(*pair)[0] == (kind == "-1")
        assert not relations.is_customer(*pair[::-1])[0]
