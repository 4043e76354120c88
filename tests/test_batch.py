"""Check `batch`: every column against a row made of the answer, in every form, and the command."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_leases import an, made

from rirdex.indexer.build import build
from rirdex.query import Index, layout, leases, open_index
from rirdex.query import entries as entries_module
from rirdex.query.arrow_files import File, Stream
from rirdex.query.batch import run
from rirdex.query.columns import COLUMNS, DEFAULT
from rirdex.query.contacts import registered
from rirdex.query.desk import DeskError
from rirdex.query.errors import BatchError
from rirdex.query.model import Answer
from rirdex.query.records import Net
from rirdex.query.render import clean

Command = Callable[..., subprocess.CompletedProcess[str]]
Row = dict[str, Any]

FIXTURES = Path(__file__).parent.parent / "fixtures"
LEASES = FIXTURES / "leases"
LISTS = ("country", "descr", "mnt_by", "origins")
CONTRACT = [
    "ip", "first", "last", "netname", "status", "country", "registry", "holder", "holder_handle",
    "user", "lessee", "facilitator", "verdict", "confidence", "abuse", "abuse_holder", "depth",
    "error",
]  # fmt: skip
OVERRIDES = """\
match,contact,note,valid_until
252.16.1.9 - 252.16.1.12,desk@cert.example,a few addresses,
252.48.0.0/16,https://forms.example/abuse,a form,
"""
LAND = "0123456789.:/- ,;\"'[]()#\tazN=+\x00\x1b\u202eé\n\r"


class Case(NamedTuple):
    """Hold a query as it stands in an input, and what to look up for it, None for an error."""

    text: str
    query: str | None
    ip: str


# -- the naive way ----------------------------------------------------------------------------


def called(party: Any) -> str | None:
    return (party.name or party.handle) if party else None


def mailbox(answer: Answer, chain: tuple[Net, ...]) -> str | None:
    """Return the first mailbox of the last net of a chain, its own or what it takes from above."""
    found = registered(chain) if chain else []
    mine = [item for item in found if item.inherited or item.place == chain[-1]]
    return next((item.mailbox for item in mine if item.mailbox), None)


def naive(index: Index, case: Case) -> Row:
    """Return the row of a query as the contract describes it."""
    row: Row = {name: [] if name in LISTS else None for name in COLUMNS}
    row |= {"ip": case.ip, "input": case.text}
    if case.query is None:
        return row | {"error": True}
    answer = index.lookup(case.query)
    if not answer:
        return row
    chain = answer.chain
    net, holder = chain[-1], answer.holder_net
    told = answer.to_dict()
    top = answer.contacts[0] if answer.contacts else None
    return row | {
        "first": str(net.first), "last": str(net.last), "netname": net.netname,
        "status": net.status, "country": [*net.country], "registry": told["registry"],
        "holder": called(answer.holder), "user": called(answer.user),
        "holder_handle": answer.holder.handle if answer.holder else None,
        "lessor": called(answer.lessor), "lessee": called(answer.lessee),
        "facilitator": called(answer.facilitator), "sponsor": called(answer.sponsor),
        "verdict": told["lease"]["verdict"], "confidence": told["lease"]["confidence"],
        "abuse": mailbox(answer, chain),
        "abuse_holder": mailbox(answer, chain[: chain.index(holder) + 1]) if holder else None,
        "depth": len([each for each in chain if each.role != "registry"]),
        "contact": (top.mailbox or top.handle) if top else None,
        "contact_rule": top.rule if top else None, "descr": [*net.descr],
        "org": net.org.handle if net.org else None, "mnt_by": [*net.mnt_by],
        "created": str(net.created) if net.created else None,
        "modified": str(net.modified) if net.modified else None, "source": net.source,
        "route": told["route"], "origins": told["origins"],
    }  # fmt: skip


def cell(value: Any) -> str:
    """Return a value as a cell of a table has it."""
    if isinstance(value, list):
        return " ".join(clean(str(item)) for item in value)
    return "" if value is None else clean(str(value))


def cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return clean(value) if isinstance(value, str) else value


def odd_world(folder: Path) -> Path:
    """Build an index of holders that cross, orphans, names that are none, irts without mail."""
    held = ("status: ALLOCATED PA", "mnt-by: RIPE-NCC-HM-MNT")
    ripe = [
        an("organisation", "ORG-A1-TEST", "org-name: First Holder"),
        an("role", "R", "abuse-mailbox: a@a.example", "nic-hdl: R1-TEST"),
        an("inetnum", "10.0.0.0 - 10.0.5.255", "netname: A", "org: ORG-A1-TEST",
           "abuse-c: R1-TEST", *held),
        an("inetnum", "10.0.3.0 - 10.0.20.255", "netname: B", "descr: Second Holder", *held),
        *(an("inetnum", f"10.0.{k}.0 - 10.0.{k}.127", f"netname: U{k}", f"descr: {descr}",
             "status: ASSIGNED PA", "mnt-by: U-MNT")
          for k, descr in enumerate(["User", "----", "***", "_", "(x)", "\u00c9t\u00e9", "&amp;"])),
        an("inetnum", "10.2.0.0 - 10.2.0.255", "netname: ORPHAN", "status: ASSIGNED PA"),
        an("inetnum", "10.1.0.0 - 10.1.0.255", "netname: OTHER", "country: DE", "country: fr",
           "descr: ====", "descr: two", "org: ORG-LOST-TEST", *held),
    ]  # fmt: skip
    mail = ((), (), (), ("abuse-mailbox: irt@c.example",))
    apnic = [an("irt", f"IRT-{k}-TEST", *mail[k], source="APNIC") for k in range(4)]
    apnic.append(an("inetnum", "10.9.0.0 - 10.9.0.255", "netname: IRTS", "country: JP",
                    *(f"mnt-irt: IRT-{k}-TEST" for k in range(4)),
                    "status: ALLOCATED PORTABLE", source="APNIC"))  # fmt: skip
    (folder / "ripe.db").write_text("\n".join(ripe))
    (folder / "apnic.db").write_text("\n".join(apnic))
    files = [str(folder / "ripe.db"), str(folder / "apnic.db")]
    build(files, str(folder / "index"), processes=0)
    return folder / "index"


# -- running ----------------------------------------------------------------------------------


def output(index: Index, text: bytes, columns: Sequence[str] = COLUMNS, **options: Any) -> bytes:
    parts: list[bytes] = []
    run(index, io.BytesIO(text), parts.append, columns=columns, **options)
    return b"".join(parts)


def table(text: bytes | str, separator: str = ",") -> list[list[str]]:
    text = text if isinstance(text, str) else text.decode("utf-8")
    return [*csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)]


def objects(text: bytes | str) -> list[Row]:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    text = text if isinstance(text, str) else text.decode("utf-8")
    return [json.loads(line, parse_constant=refuse) for line in text.split("\n")[:-1]]


def records(index: Index, text: bytes, form: str, columns: Sequence[str] = COLUMNS,
            **options: Any) -> list[Row]:  # fmt: skip
    """Return the rows of a file of Parquet or Arrow."""
    file = io.BytesIO()
    written = Stream(file) if form == "stream" else File(file, form)
    form = "arrow" if form == "stream" else form
    run(index, io.BytesIO(text), written.write, columns=columns, form=form, **options)
    written.close()
    file.seek(0)
    found: list[Row] = read_records(file.getvalue()).to_pylist()
    return found


def read_records(text: bytes) -> pa.Table:
    """Read a file of Parquet or Arrow, or an Arrow stream."""
    if text.startswith(b"PAR1"):
        return pq.read_table(io.BytesIO(text))
    opened = pa.ipc.open_file if text.startswith(b"ARROW1") else pa.ipc.open_stream
    return opened(text).read_all()


def check(index: Index, cases: Sequence[Case], **options: Any) -> None:
    """Compare the rows of some queries, as CSV, TSV and JSON lines, with the naive ones."""
    text = "".join(f"{case.text}\n" for case in cases).encode("utf-8", "surrogateescape")
    wanted = [naive(index, case) for case in cases]
    for form, separator in (("csv", ","), ("tsv", "\t")):
        head, *lines = table(output(index, text, form=form, **options), separator)
        assert head == [*COLUMNS]
        assert len(lines) == len(cases)
        for want, line in zip(wanted, lines, strict=True):
            found: Row = dict(zip(head, line, strict=True))
            if want["error"]:
                assert found["error"]
                found["error"] = "True"
            assert found == {name: cell(value) for name, value in want.items()}, want["input"]
    for want, found in zip(wanted, objects(output(index, text, form="jsonl", **options)),
                           strict=True):  # fmt: skip
        assert [*found] == [*COLUMNS]
        found["error"] = found["error"] is not None or None
        assert found == {name: cleaned(value) for name, value in want.items()}, want["input"]
    plain = objects(output(index, text, form="jsonl", **options))
    for form in ("parquet", "arrow", "stream"):
        assert records(index, text, form, **options) == plain


# -- worlds and queries -----------------------------------------------------------------------


@pytest.fixture(scope="module", params=["now", "world", "leases", "desk", "odd", 0, 3])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("batch")
    desk: Path = folder
    target = folder / "index"
    if isinstance(request.param, int):
        target = made(folder, Random(request.param))
    elif request.param == "odd":
        odd_world(folder)
    elif request.param in ("leases", "desk"):
        build(
            [str(LEASES)], str(target), processes=0, routes=[str(LEASES / "pfx2as")],
            vrps=[str(LEASES / "vrps.json")], relationships=[str(LEASES / "as-rel")],
            as_orgs=[str(LEASES / "as-org2info.txt")], desk=str(LEASES / "desk"),
        )  # fmt: skip
        if request.param == "desk":
            (folder / "overrides.csv").write_text(OVERRIDES)
        else:
            desk = LEASES / "desk"
    else:
        build([str(FIXTURES / request.param)], str(target), processes=0)
    with open_index(target, desk=desk) as index:
        yield index


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("crossing")
    with open_index(made(folder, Random(3)), desk=folder) as index:
        assert len(index._tables.view("piece_net")) > 0
        yield index


def whole(text: str, query: str | None = None) -> Case:
    return Case(text, query or text, query or text)


def bad(text: str) -> Case:
    return Case(text, None, text)


ODD = [
    whole("::ffff:10.0.0.1", "10.0.0.1"), whole("::FFFF:a00:1", "10.0.0.1"),
    whole("::ffff:10.0.0.0/104", "10.0.0.0/8"), whole("2001:DB8:0::1", "2001:db8::1"),
    whole("10.0.0[.]1", "10.0.0.1"), whole("hxxps://10[.]0[.]1[.]2:8080/a?b", "10.0.1.2"),
    whole("10.0.3.4:53", "10.0.3.4"), whole("[2001:db8::7]:443", "2001:db8::7"),
    whole("10.0.0.0/8"), whole("10.0.0.0/30"), whole("10.0.0.1/32"), whole("0.0.0.0/0"),
    whole("::/0"), whole("10.0.0.5-10.0.9.7", "10.0.0.5 - 10.0.9.7"), whole("2001:db8::/32"),
    whole("0.0.0.0"), whole("255.255.255.255"), whole("::"), whole("192.88.99.1"),
    whole("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    bad("010.0.0.1"), bad("10.0.0.256"), bad("10.0.0.1,"), bad('"10.0.0.1"'), bad("AS64500"),
    bad("example.com"), bad("fe80::1%eth0"), bad("10.0.0.1/8"), bad("=1+1"), bad("é\x1b[31m\u202e"),
    bad("ORG-EX1-TEST"), bad("a,b\tc;d"),
]  # fmt: skip


def asked(index: Index, rng: Random, count: int = 150) -> list[Case]:
    """Return queries for the ends of nets, beside them, for addresses, prefixes and ranges."""
    found = []
    for number in range(len(index)):
        net = index.net(number)
        low, high = net.bounds
        kind: Any = IPv4Address if net.family == 4 else IPv6Address
        top = (1 << (32 if net.family == 4 else 128)) - 1
        found += [whole(str(net.first)), whole(str(net.last)), whole(str(kind(min(high + 1, top))))]
        found += [whole(str(kind(rng.randint(low, high))))]
        found += [whole(cidr) for cidr in net.cidrs[:2]]
        ends = sorted((rng.randint(low, high), rng.randint(low, min(2 * high - low + 1, top))))
        if ends[0] < ends[1]:
            found.append(whole(" - ".join(str(kind(end)) for end in ends)))
    found += [whole(str(IPv4Address(rng.getrandbits(32)))) for _ in range(count)]
    # Those that would be an embedded IPv4 address are not among these.
    found += [whole(str(IPv6Address(rng.getrandbits(127) | 1 << 127))) for _ in range(count)]
    found += ODD
    rng.shuffle(found)
    # A mapped address is written as what it is.
    return [case for case in found if case.query is None or not case.text.startswith("::ffff:")
            or case in ODD]  # fmt: skip


# -- columns ----------------------------------------------------------------------------------


def test_the_columns_are_those_of_the_contract() -> None:
    assert list(DEFAULT) == CONTRACT
    assert set(COLUMNS) - set(DEFAULT) == {
        "input", "lessor", "sponsor", "contact", "contact_rule", "descr", "org", "mnt_by",
        "created", "modified", "source", "route", "origins",
    }  # fmt: skip


def test_every_column_is_what_the_answer_says(world: Index) -> None:
    check(world, asked(world, Random(1)))


def test_one_column_alone_is_one_row_for_each_query(world: Index) -> None:
    cases = asked(world, Random(2), 20)
    text = "".join(f"{case.text}\n" for case in cases).encode()
    wanted = [naive(world, case) for case in cases]
    for name in COLUMNS:
        head, *lines = table(output(world, text, [name]))
        assert head == [name]
        assert all(len(line) == 1 for line in lines)
        if name != "error":
            assert [line[0] for line in lines] == [cell(row[name]) for row in wanted]


def test_a_batch_without_any_match_has_its_rows(index: Index) -> None:
    text = b"".join(b"192.88.99.%d\n" % k for k in range(9))
    lines = table(output(index, text, DEFAULT))[1:]
    assert lines == [[f"192.88.99.{k}", *[""] * (len(DEFAULT) - 1)] for k in range(9)]


def test_an_override_for_a_part_of_a_net_stands_in_its_rows_only(tmp_path: Path) -> None:
    (tmp_path / "overrides.csv").write_text(
        OVERRIDES.replace("252.16.1.9 - 252.16.1.12", "10.0.0.5")
    )
    (tmp_path / "ripe.db").write_text(
        an("inetnum", "10.0.0.0 - 10.0.0.255", "netname: N", "status: ALLOCATED PA",
           "abuse-c: R1-TEST") + "\n"
        + an("role", "R", "abuse-mailbox: a@net.example", "nic-hdl: R1-TEST")
    )  # fmt: skip
    build([str(tmp_path / "ripe.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        found = table(output(index, b"10.0.0.4\n10.0.0.5\n", ["ip", "contact", "contact_rule"]))
    assert found[1:] == [
        ["10.0.0.4", "a@net.example", "ripe.abuse-c"],
        ["10.0.0.5", "desk@cert.example", "user.override"],
    ]


def test_a_name_that_columns_show_is_one_that_leases_find(tmp_path: Path) -> None:
    with open_index(odd_world(tmp_path)) as index:
        text = b"".join(b"10.0.%d.1\n" % k for k in range(7))
        users = [row["user"] for row in objects(output(index, text, ["user"], form="jsonl"))]
        for k, user in enumerate(users):
            found = leases.select(index, lessee=user, verdicts=layout.VERDICTS)
            assert index.match(f"10.0.{k}.1") in found, user
        assert users[1] == "U1"


# -- order ------------------------------------------------------------------------------------


LINES = st.lists(
    st.one_of(
        st.integers(10 << 24, (10 << 24) + (1 << 14)).map(lambda n: str(IPv4Address(n))),
        st.integers(0, (1 << 128) - 1).map(lambda n: str(IPv6Address(n))),
        st.sampled_from([case.text for case in ODD]),
        st.sampled_from(["", " ", "# 10.0.0.1", "; x", "\t10.0.0.9 ", "10.0.0.1\r"]),
        st.text(st.sampled_from(LAND.replace("\n", "")), max_size=30),
    ),
    max_size=30,
)


@given(lines=LINES, size=st.integers(1, 200), form=st.sampled_from(["csv", "tsv", "jsonl"]),
       columns=st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True),
       end=st.sampled_from(["", "\n"]))  # fmt: skip
@settings(max_examples=150, deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink])
def test_every_query_has_one_row_in_order_whatever_the_blocks(
    crossing: Index, lines: list[str], size: int, form: str, columns: list[str], end: str
) -> None:
    text = ("\n".join(lines) + end).encode()
    named = ["input", *(name for name in columns if name != "input")]
    found = output(crossing, text, named, form=form, size=size)
    assert found == output(crossing, text, named, form=form)
    stripped = [line.strip(" \t\r\v\f") for line in text.decode().split("\n")]
    wanted = [clean(line) for line in stripped if line and line[0] not in "#;"]
    if form == "jsonl":
        assert [row["input"] or "" for row in objects(found)] == wanted
        return
    rows = table(found, "\t" if form == "tsv" else ",")
    assert [row[0] for row in rows] == ["input", *wanted]
    assert {len(row) for row in rows} == {len(named)}


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_any_number_of_processes_writes_the_same(crossing: Index, form: str) -> None:
    cases = asked(crossing, Random(4), 50)
    text = "".join(f"{case.text}\n" for case in cases).encode()
    alone = output(crossing, text, form=form)
    for jobs in (0, 1, 2, None):
        assert output(crossing, text, form=form, jobs=jobs, size=900) == alone


def test_progress_and_counts_are_those_of_the_rows(crossing: Index) -> None:
    told: list[tuple[int, int]] = []
    text = b"10.0.0.1\n\nx\n# no\n10.0.0.2\n" * 50
    found = run(crossing, io.BytesIO(text), lambda _: None, columns=["ip"], size=100,
                told=lambda *numbers: told.append(numbers))  # fmt: skip
    assert found[:2] == (150, 50)
    assert [sum(numbers) for numbers in zip(*told, strict=True)] == [150, len(text)]
    assert len(told) > 2


# -- hostile texts ----------------------------------------------------------------------------

NAMES = [
    "plain", "comma, inside", 'a "quoted" name', "=1+1", "+1", "-1", "@sum(a1)", "tab\there",
    "esc\x1b]0;owned\x07", "del\x7f", "c1 \x9b2J", "bidi \u202egpj.exe", "line\u2028sep",
    "é" * 150, "x" * 300, "x" * 95, "x" * 96, "x" * 97, "y" * 7, "y" * 8, "y" * 9, '"', "'",
    "名前株式会社", "\U0001f600 emoji", "semi;colon", "a\u200fb", '=cmd|"/C calc"!A0',
    "x" * 87 + ",",
]  # fmt: skip


def hostile_index(folder: Path, names: Sequence[str]) -> Path:
    text = "".join(
        an("organisation", f"ORG-H{k}-TEST", f"org-name: {name}") + "\n"
        + an("inetnum", f"10.0.{k}.0 - 10.0.{k}.255", f"netname: N{k}", f"descr: {name}",
             f"org: ORG-H{k}-TEST", f"country: {name[:1]}E", "status: ALLOCATED PA",
             "mnt-by: RIPE-NCC-HM-MNT") + "\n"
        for k, name in enumerate(names)
    )  # fmt: skip
    (folder / "ripe.db").write_bytes(text.encode())
    build([str(folder / "ripe.db")], str(folder / "index"), processes=0)
    return folder / "index"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with open_index(hostile_index(tmp_path_factory.mktemp("hostile"), NAMES)) as index:
        yield index


@pytest.mark.parametrize("safe", [False, True])
def test_hostile_texts_are_read_back_clean(hostile: Index, safe: bool) -> None:
    columns = ["holder", "ip", "country", "descr", "holder"]
    text = b"".join(b"10.0.%d.9\n10.0.%d.0/24\n" % (k, k) for k in range(len(NAMES)))
    for form, separator in (("csv", ","), ("tsv", "\t")):
        written = output(hostile, text, columns, form=form, safe=safe)
        assert not [c for c in written.decode() if c != "\n" and c != separator and clean(c) != c]
        lines = table(written, separator)[1:]
        for k, name in enumerate(NAMES):
            first, second = lines[2 * k : 2 * k + 2]
            own = hostile.lookup(f"10.0.{k}.9")
            assert own.holder is not None
            assert own.holder.name is not None
            assert own.holder.name.split() == name.rstrip("\x07").split()
            wanted = clean(own.holder.name)
            if safe and wanted[0] in "=+-@":
                wanted = "'" + wanted
            assert first[0] == first[4] == wanted
            assert first[0:1] + first[2:] == second[0:1] + second[2:]
        if safe:
            assert not [c for line in lines for c in line if c[:1] in ("=", "+", "-", "@")]
    rows = objects(output(hostile, text, columns, form="jsonl"))
    assert [row["holder"] for row in rows[::2]] == [
        clean(hostile.lookup(f"10.0.{k}.9").holder.name or "")  # type: ignore[union-attr]
        for k in range(len(NAMES))
    ]


@pytest.mark.parametrize("last", ["z", "zz zz", "z" * 8, "z,z", "é"])
def test_a_name_at_the_very_end_of_a_dictionary_is_whole(tmp_path: Path, last: str) -> None:
    with open_index(hostile_index(tmp_path, ["aaa", last])) as index:
        found = table(output(index, b"10.0.1.1\n10.0.0.1\n", ["holder", "descr", "netname"]))
    assert found[1:] == [[last, last, "N1"], ["aaa", "aaa", "N0"]]


@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n#"),
                              min_size=1, max_size=40), min_size=1, max_size=3))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_any_name_is_read_back_clean(tmp_path_factory: pytest.TempPathFactory,
                                     names: list[str]) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("any")
    with open_index(hostile_index(folder, names)) as index:
        text = b"".join(b"10.0.%d.9\n" % k for k in range(len(names)))
        for form, separator in (("csv", ","), ("tsv", "\t")):
            found = table(output(index, text, ["holder", "descr"], form=form), separator)[1:]
            for k, row in enumerate(found):
                answer = index.lookup(f"10.0.{k}.9")
                assert row[0] == clean(called(answer.holder) or "")
                assert row[1] == clean(" ".join(answer.chain[-1].descr))


# -- the input's own columns ------------------------------------------------------------------

TABLE = (
    'ip,Note,holder,rirdex_holder\n240.10.33.7,"a, ""b""\nc",mine,x\nno,=1,,\n240.10.33.7,é,,"\t"\n'
)


def kept_rows(index: Index, form: str, **options: Any) -> bytes:
    return output(index, TABLE.encode(), ["ip", "holder", "error"], form=form, given="csv",
                  keep=True, **options)  # fmt: skip


def test_kept_columns_come_first_as_they_stood_and_ours_give_way(index: Index) -> None:
    holder = called(index.lookup("240.10.33.7").holder)
    own = [["240.10.33.7", 'a, "b"\nc', "mine", "x"], ["no", "=1", "", ""],
           ["240.10.33.7", "é", "", "\t"]]  # fmt: skip
    for form, separator in (("csv", ","), ("tsv", "\t")):
        head, *lines = table(kept_rows(index, form), separator)
        assert head == ["ip", "Note", "holder", "rirdex_holder",
                        "rirdex_ip", "rirdex_rirdex_holder", "error"]  # fmt: skip
        assert [line[:4] for line in lines] == own
        assert [line[4:6] for line in lines] == [["240.10.33.7", holder], ["no", ""],
                                                 ["240.10.33.7", holder]]  # fmt: skip
        assert [bool(line[6]) for line in lines] == [False, True, False]
        safe = table(kept_rows(index, form, safe=True), separator)
        assert safe[2][1] == "'=1"
    rows = objects(kept_rows(index, "jsonl"))
    assert [[*row.values()][:4] for row in rows] == own
    assert [row["rirdex_rirdex_holder"] for row in rows] == [holder, None, holder]


def test_columns_of_one_name_are_kept_apart_in_json(index: Index) -> None:
    text = b"a,a,ip,a\n1,2,240.10.33.7,3\n"
    found = objects(output(index, text, ["ip"], form="jsonl", given="csv", keep=True))
    assert found == [{"a": "1", "a_2": "2", "ip": "240.10.33.7", "a_3": "3",
                      "rirdex_ip": "240.10.33.7"}]  # fmt: skip


def test_kept_tsv_is_kept_in_every_form(index: Index) -> None:
    text = b'ip\tnote\n240.10.33.7\ta,b\n240.10.33.7\t"x\ty"\n'
    for form, separator in (("csv", ","), ("tsv", "\t")):
        found = table(output(index, text, ["ip"], form=form, given="tsv", keep=True), separator)
        assert [line[:2] for line in found] == [["ip", "note"], ["240.10.33.7", "a,b"],
                                                ["240.10.33.7", "x\ty"]]  # fmt: skip


def test_kept_objects_stay_as_they_are_written(index: Index) -> None:
    lines = ['{"ip": "240.10.33.7", "n": 1.10, "big": 1e999, "s": "a\\nb\\u202e"}',
             '{"q": {"ip": "x"}}', "{}", "[1]", '{"ip": "::1", "depth": [] }']  # fmt: skip
    text = "\n".join(lines).encode()
    found = output(index, text, ["ip", "depth", "ip"], form="jsonl", given="jsonl", keep=True)
    written = found.decode().splitlines()
    assert written[0].startswith(lines[0][:-1] + ', "rirdex_ip": "240.10.33.7", "depth": ')
    rows = [json.loads(line) for line in written]
    assert [*rows[1]] == ["q", "ip", "depth"]
    assert [*rows[2]] == [*rows[3]] == ["ip", "depth"]
    assert [*rows[4]] == ["ip", "depth", "rirdex_ip", "rirdex_depth"]
    for form in ("csv", "tsv"):
        with pytest.raises(BatchError):
            output(index, text, form=form, given="jsonl", keep=True)


# -- texts that are no queries ----------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * 5000, "é" * 3000, "a" + "é" * 3000, "名" * 999])
def test_a_text_that_is_no_query_is_cut_at_1000_bytes(index: Index, text: str) -> None:
    for form in ("csv", "jsonl"):
        found = output(index, text.encode() + b"\n", ["ip", "input", "error"], form=form)
        if form == "csv":
            ip, given_text, error = table(found)[1]
        else:
            ip, given_text, error = objects(found)[0].values()
        assert len(ip.encode()) in (998, 999, 1000)
        assert text.startswith(ip)
        assert given_text == text
        assert error


def test_a_column_or_form_that_there_is_not_is_refused(index: Index) -> None:
    for columns, form in ((["ip", "nonsense"], "csv"), ([], "csv"), (["ip"], "xml")):
        with pytest.raises(BatchError):
            output(index, b"", columns, form=form)


def test_a_broken_desk_is_told_before_any_process_begins(index_path: Path, tmp_path: Path) -> None:
    (tmp_path / "overrides.csv").write_text("nonsense\n")
    with open_index(index_path, desk=tmp_path) as index:
        for jobs in (0, 1):
            with pytest.raises(DeskError):
                output(index, b"240.10.33.7\n", ["contact"], jobs=jobs)
            assert output(index, b"240.10.33.7\n", ["ip"], jobs=jobs) == b"ip\n240.10.33.7\n"


# -- the command ------------------------------------------------------------------------------

IP = "240.10.33.7"


@pytest.fixture
def asked_file(tmp_path: Path) -> Path:
    (tmp_path / "list.txt").write_text(f"# a list\n{IP}\n10.33.77.5\n")
    return tmp_path / "list.txt"


def test_piped_input_without_arguments_is_a_batch(rirdex: Command, index_path: Path) -> None:
    done = rirdex(stdin=f"{IP}\n".encode(), RIRDEX_INDEX=str(index_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == ",".join(CONTRACT)
    assert len(table(done.stdout)) == 2
    again = rirdex("batch", "-", "-i", index_path, stdin=f"{IP}\n".encode())
    assert again.stdout == done.stdout


def test_a_terminal_and_no_arguments_show_help(
    program: list[str], environment: dict[str, str], index_path: Path
) -> None:
    master, terminal = pty.openpty()
    done = subprocess.run(
        program, stdin=terminal, capture_output=True, text=True, timeout=60, check=False,
        env=environment | {"RIRDEX_INDEX": str(index_path)},
    )  # fmt: skip
    os.close(terminal)
    os.close(master)
    assert (done.returncode, done.stdout) == (2, "")
    assert "lookup" in done.stderr


def test_empty_input_gives_the_header_only(rirdex: Command, index_path: Path) -> None:
    for stdin in (b"", b"\n\n# nothing\n", b"\xef\xbb\xbf"):
        done = rirdex("batch", "-i", index_path, stdin=stdin)
        assert (done.returncode, done.stdout, done.stderr) == (0, ",".join(CONTRACT) + "\n", "")
    for options in (["--no-header"], ["-f", "jsonl"]):
        assert rirdex("batch", "-i", index_path, *options).stdout == ""


def test_columns_are_picked_and_ordered(rirdex: Command, index_path: Path) -> None:
    stdin = f"{IP}\n".encode()
    done = rirdex("batch", "-i", index_path, "-c", "depth,ip", "-c", "input", stdin=stdin)
    assert [line[1:] for line in table(done.stdout)] == [["ip", "input"], [IP, IP]]
    done = rirdex("batch", "-i", index_path, "-c", "ip", "--no-header", stdin=stdin)
    assert done.stdout == f"{IP}\n"
    for wrong in (["-c", "ip,nonsense"], ["-f", "xml"], ["--jobs", "-1"], ["--keep"],
                  ["--field", "x"], ["--input", "csv", "--field", "nonsense"]):  # fmt: skip
        done = rirdex("batch", "-i", index_path, *wrong, stdin=b"a,b\n1,2\n")
        assert done.returncode == 2, wrong
        assert table(done.stdout)[1:] == []
        assert "Traceback" not in done.stderr
        assert wrong[-1].lstrip("-").split(",")[-1] in done.stderr


def test_rows_that_are_no_queries_stay_and_give_4(rirdex: Command, index_path: Path) -> None:
    done = rirdex("batch", "-i", index_path, stdin=f"{IP}\nexample.com\n{IP}\n".encode())
    assert done.returncode == 4
    rows = table(done.stdout)
    assert [row[0] for row in rows] == ["ip", IP, "example.com", IP]
    assert rows[2][1:-1] == [""] * 16
    assert "host name" in rows[2][-1]
    assert rows[1][-1] == rows[3][-1] == ""
    assert done.stderr.count("\n") == 1
    assert "1 of 3 rows" in done.stderr


PACKERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "": (bytes, bytes),
    ".gz": (gzip.compress, gzip.decompress),
    ".bz2": (bz2.compress, bz2.decompress),
    ".xz": (lzma.compress, lzma.decompress),
    ".zst": (
        zstandard.compress,
        lambda text: zstandard.ZstdDecompressor().decompressobj().decompress(text),
    ),
}


@pytest.mark.parametrize("end", PACKERS)
def test_names_say_how_files_are_packed_and_written(
    rirdex: Command, index_path: Path, tmp_path: Path, end: str
) -> None:
    pack, unpack = PACKERS[end]
    lines = f"{IP}\n".encode() * 3
    (tmp_path / f"list.txt{end}").write_bytes(pack(lines) + (pack(lines) if end else lines))
    (tmp_path / f"list.tsv{end}").write_bytes(pack(f"x\tip\n1\t{IP}\n".encode()))
    for form in ("csv", "tsv", "jsonl"):
        for source, count in (("txt", 6), ("tsv", 1)):
            out = tmp_path / f"OUT.{form.upper()}{end}"
            done = rirdex("batch", "-i", index_path, "-c", "ip,depth", "-o", out,
                          tmp_path / f"list.{source}{end}")  # fmt: skip
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            text = unpack(out.read_bytes())
            if form == "jsonl":
                found = [row["ip"] for row in objects(text)]
            else:
                found = [row[0] for row in table(text, "\t" if form == "tsv" else ",")[1:]]
            assert found == [IP] * count


@pytest.mark.parametrize("end", [".gz", ".bz2", ".xz", ".zst"])
def test_a_file_that_is_cut_off_or_mislabelled_is_an_error(
    rirdex: Command, index_path: Path, tmp_path: Path, end: str
) -> None:
    whole_file = PACKERS[end][0]("".join(f"{ip_address(k)}\n" for k in range(9999)).encode())
    for text in (whole_file[:-9], whole_file[:20], b"10.0.0.1\n" * 9, b"\x00" + whole_file):
        place = tmp_path / f"list{end}"
        place.write_bytes(text)
        done = rirdex("batch", "-i", index_path, "-c", "ip", place)
        assert done.returncode == 5, text[:20]
        assert done.stderr.startswith(f"rirdex: {place}: ")
        assert done.stderr.count("\n") == 1


def test_several_files_have_one_header(
    rirdex: Command, index_path: Path, tmp_path: Path, asked_file: Path
) -> None:
    (tmp_path / "more.csv").write_text(f"ip,x\n{IP},1\nno,2\n")
    done = rirdex("batch", "-i", index_path, "-c", "ip", asked_file, tmp_path / "more.csv",
                  asked_file)  # fmt: skip
    assert done.returncode == 4
    assert done.stdout.split() == ["ip", IP, "10.33.77.5", IP, "no", IP, "10.33.77.5"]


def test_what_cannot_be_opened_is_told(
    rirdex: Command, index_path: Path, tmp_path: Path, asked_file: Path
) -> None:
    done = rirdex("batch", "-i", index_path, tmp_path / "none.txt")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    done = rirdex("batch", "-i", index_path, asked_file, "-o", tmp_path / "no" / "out.csv")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    done = rirdex("batch", "-i", tmp_path / "none", asked_file)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    text = asked_file.read_bytes()
    done = rirdex("batch", "-i", index_path, asked_file, "-o", asked_file)
    assert done.returncode == 2
    assert asked_file.read_bytes() == text
    if Path("/dev/full").exists():
        done = rirdex("batch", "-i", index_path, asked_file, "-o", "/dev/full")
        assert (done.returncode, done.stderr.count("\n")) == (5, 1)


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_reader_that_goes_ends_it_quietly(
    environment: dict[str, str], program: list[str], index_path: Path, tmp_path: Path, jobs: int
) -> None:
    (tmp_path / "list").write_text(f"{IP}\n" * 200_000)
    command = f'"$@" batch -i {index_path} --jobs {jobs} {tmp_path}/list'
    line = f"{command} | head -n 2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line, "-", *program], capture_output=True, text=True, timeout=60,
        env=environment, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0"
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == ""


def test_closed_streams_are_told(
    environment: dict[str, str], program: list[str], index_path: Path, asked_file: Path
) -> None:
    for redirect in ("<&-", f"{asked_file} >&-"):
        done = subprocess.run(
            ["bash", "-c", f'"$@" batch -i {index_path} {redirect}', "-", *program],
            capture_output=True, text=True, timeout=60, env=environment, check=False,
        )  # fmt: skip
        assert done.returncode == 5
        assert done.stderr.startswith("rirdex: ")
        assert done.stderr.count("\n") == 1


def test_rows_of_a_slow_writer_come_as_they_are_asked(
    environment: dict[str, str], program: list[str], index_path: Path
) -> None:
    child = subprocess.Popen(
        [*program, "batch", "-i", str(index_path), "-c", "ip"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env=environment,
    )  # fmt: skip
    out, _ = child.communicate(f"{IP}\n".encode(), timeout=60)
    assert out.decode() == f"ip\n{IP}\n"
    assert child.returncode == 0


def test_the_command_is_offered_without_numpy(environment: dict[str, str]) -> None:
    code = "import sys, rirdex.query.batching; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "False\n"


def test_a_million_rows_are_not_asked_one_by_one(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(entries_module, "value_of", refuse)
    numbers = np.random.default_rng(1).integers(0, 1 << 32, 5000).tolist()
    cut = set(np.frombuffer(index._tables.view("piece_net"), np.uint32).tolist())
    lines = [str(IPv4Address(n)) for n in numbers]
    lines += [str(index.net(k).first) for k in range(len(index))]
    text = "".join(f"{line}\n" for line in lines if index.match(line) not in cut).encode()
    assert output(index, text, DEFAULT).count(b"\n") == text.count(b"\n") + 1
