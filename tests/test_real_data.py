"""Check answers against real dumps, by brute force, where they are at hand.

`RIRDEX_REAL_DATA` names the folder; without it these tests are skipped. Nothing of the data is
part of the project: its terms forbid that.
"""

from __future__ import annotations

import csv
import gzip
import ipaddress
import os
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)
LEASES = {"ripe": "ripe.db.inetnum.gz", "apnic": "apnic.db.inetnum.gz", "afrinic": "afrinic.db.gz"}
# status.md section 1 to 3: rank among nets of one size, as far as these dumps go.
RANKS = {"ALLOCATED PA": 1, "ALLOCATED PORTABLE": 1, "SUB-ALLOCATED PA": 3,
         "ALLOCATED NON-PORTABLE": 3, "ASSIGNED PA": 5, "ASSIGNED NON-PORTABLE": 5}  # fmt: skip


class Record(NamedTuple):
    first: int
    last: int
    netname: str
    status: str
    country: str


def naive_records(path: Path) -> Iterator[Record]:
    """Read a dump line by line, sharing nothing with the reader under test."""
    text = gzip.decompress(path.read_bytes())
    for block in re.split(rb"\n\n+", text):
        values: dict[str, str] = {}
        countries: list[str] = []
        for line in block.split(b"\n"):
            name, colon, value = line.partition(b":")
            if colon and name.strip() == name and not name.startswith((b"#", b"%")):
                shown = value.strip().decode("latin-1")
                values.setdefault(name.decode().lower(), shown)
                if name == b"country":
                    countries += shown.upper().split()[:1]
        if "inetnum" in values:
            low, high = (ipaddress.IPv4Address(x.strip()) for x in values["inetnum"].split("-"))
            yield Record(
                int(low), int(high), values["netname"], values["status"].upper(),
                " ".join(countries),
            )  # fmt: skip


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> Index:
    target = tmp_path_factory.mktemp("real") / "leases.rirdex"
    build([str(DATA / "leases" / name) for name in LEASES.values()], str(target))
    return open_index(target)


@pytest.mark.parametrize("registry", LEASES)
def test_every_published_lease_has_the_chain_of_a_brute_force_scan(
    registry: str, leases: Index
) -> None:
    records = list(naive_records(DATA / "leases" / LEASES[registry]))
    first = np.array([record.first for record in records])
    last = np.array([record.last for record in records])
    rows = [row for row in expected_rows() if row["registry"] == registry]
    assert len(rows) > 1000
    chooser = random.Random(4)
    for row in rows:
        prefix = ipaddress.IPv4Network(row["prefix"])
        low, high = int(prefix[0]), int(prefix[-1])
        for address in (low, high, chooser.randint(low, high)):
            around = np.flatnonzero((first <= address) & (address <= last)).tolist()
            wanted = sorted((records[k] for k in around), key=chain_order)
            answer = leases.lookup(address)
            assert [as_record(net) for net in answer.chain] == wanted, address
            assert any(
                (record.netname, record.status, record.country)
                == (row["netname"], row["status"].upper(), row["country"].upper())
                for record in wanted
            )
            assert answer.holder is not None
            block = ipaddress.IPv4Network(row["holder_block"])
            assert any(
                record.first <= int(block[0]) and int(block[-1]) <= record.last for record in wanted
            )


def chain_order(record: Record) -> tuple[int, int, int]:
    return record.first - record.last, RANKS.get(record.status, 6), record.first


def as_record(net: object) -> Record:
    from rirdex.query import Net

    assert isinstance(net, Net)
    low, high = net.bounds
    return Record(low, high, net.netname or "", net.status or "", " ".join(net.country))


def expected_rows() -> list[dict[str, str]]:
    with gzip.open(DATA / "leases" / "expected.tsv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def text_of(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return b"\n\n".join(archive.read(name) for name in archive.namelist())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rpsl/ripe-nonauth.db.route.gz", "route"),
        ("rpsl/ripe-nonauth.db.route6.gz", "route6"),
        ("rpsl/ripe.db.as-block.gz", "as-block"),
        ("rpsl/ripe.db.filter-set.gz", "filter-set"),
        ("rpsl/apnic.db.inetnum.part.gz", "inetnum"),
        ("dialects/ripe.test.gz", "as-block"),
        ("dialects/apnic.test.gz", "as-block"),
        ("dialects/afrinic.test.gz", "inetnum"),
        ("dialects/afrinic.test.gz", "as-block"),
        ("dialects/radb.test.gz", "route"),
        ("dialects/radb.test.gz", "aut-num"),
        ("dialects/jpirr.test.gz", "route"),
        ("dialects/jpirr.test.gz", "as-set"),
        ("dialects/ripe-db-route.txt", "route"),
        ("dialects/ripe-db-route6.txt", "route6"),
        ("dialects/ripe.role.display_name.txt", "role"),
        ("dialects/ripe.role.multiple_addresses.txt", "role"),
        ("dialects/ripe.role.simple_uppercase.txt", "role"),
        ("dialects/ripe.role.special_characters.txt", "role"),
        ("dialects/ripe.role.trailing_comment.txt", "role"),
        ("leases/ripe.db.inetnum.gz", "inetnum"),
        ("leases/ripe.db.inetnum.gz", "organisation"),
        ("leases/ripe.db.inetnum.gz", "aut-num"),
        ("leases/apnic.db.inetnum.gz", "inetnum"),
        ("leases/afrinic.db.gz", "inetnum"),
    ],
)
def test_a_dump_has_as_many_objects_as_a_line_count_says(
    name: str, kind: str, tmp_path: Path
) -> None:
    summary = build([str(DATA / name)], str(tmp_path / "one.rirdex"))
    report = summary.reports[0]
    lines = re.findall(rb"^%b:" % kind.encode(), text_of(DATA / name), re.MULTILINE)
    assert report.classes[kind] == len(lines)
    # Nothing is dropped in silence: blank-line separated blocks are counted or rejected.
    blocks = re.split(rb"(?:\r?\n){2,}", b"\n\n" + text_of(DATA / name))
    full = [
        block for block in blocks
        if any(line.strip() and line[:1] not in b"#%" for line in block.split(b"\n"))
    ]  # fmt: skip
    assert sum(report.classes.values()) + sum(report.reject_counts.values()) == len(full)
