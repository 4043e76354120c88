"""Check all registries in one index against brute force, on real dumps where they are at hand."""

from __future__ import annotations

import csv
import gzip
import ipaddress
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rirdex.indexer.build import build
from rirdex.query import DumpError, Index, open_index

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)
DUMPS = {
    "ripe": "ripe.db.inetnum.gz", "apnic": "apnic.db.inetnum.gz", "afrinic": "afrinic.db.gz",
    "arin": "arin_db.txt.gz", "lacnic": "lacnic.db.gz",
}  # fmt: skip
# formats/status.md: registry, direct, sub-allocation, customer; anything else comes last.
RANKS = {
    "rir": 0, "allocation": 1, "reallocation": 3, "reassignment": 5, "allocated": 1, "assigned": 1,
    "reallocated": 3, "reassigned": 5, "ALLOCATED PA": 1, "ALLOCATED PORTABLE": 1,
    "SUB-ALLOCATED PA": 3, "ALLOCATED NON-PORTABLE": 3, "ASSIGNED PA": 5,
    "ASSIGNED NON-PORTABLE": 5,
}  # fmt: skip


class Record(NamedTuple):
    key: str
    first: int
    last: int
    netname: str
    status: str
    parent: str


def bounds(text: str) -> tuple[int, int]:
    """Read a range or a prefix, octets of which may be missing."""
    if "/" not in text:
        low, high = (ipaddress.IPv4Address(part.strip()) for part in text.split("-"))
        return int(low), int(high)
    address, _, bits = text.partition("/")
    octets = (address.split(".") + ["0"] * 3)[:4]
    net = ipaddress.IPv4Network(f"{'.'.join(octets)}/{bits}")
    return int(net[0]), int(net[-1])


def naive_records(path: Path) -> list[Record]:
    """Read the nets of a dump line by line, sharing nothing with the readers under test."""
    found = []
    for block in re.split(rb"\n\n+", gzip.decompress(path.read_bytes())):
        values: dict[str, str] = {}
        for line in block.split(b"\n"):
            name, colon, value = line.partition(b":")
            if colon and not name.startswith((b"#", b"%", b" ", b"+")):
                values.setdefault(name.decode("latin-1").lower(), value.strip().decode("latin-1"))
        if "nethandle" in values:
            low, high = bounds(values["netrange"])
            parent = values.get("parent", "")
            found.append(Record(values["nethandle"], low, high, values.get("netname", ""),
                                values["nettype"], parent))  # fmt: skip
        elif "inetnum" in values:
            key = values["inetnum"]
            low, high = bounds(key)
            up = values.get("inetnum-up", "")
            found.append(Record(key, low, high, values.get("netname", ""), values["status"],
                                key if up == key else ""))  # fmt: skip
    return found


def rank(status: str) -> int:
    return RANKS.get(status, RANKS.get(status.upper(), 6))


def in_order(records: Sequence[Record]) -> list[Record]:
    """Sort a chain: larger first; of one range, parents first, then by status and key."""
    rest = sorted(records, key=lambda r: (r.first - r.last, rank(r.status), r.first, r.key))
    done: list[Record] = []
    while rest:
        same = [r for r in rest if (r.first, r.last) == (rest[0].first, rest[0].last)]
        handles = {r.key for r in same}
        free = [r for r in same if r.parent not in handles or r.parent == r.key]
        done.append((free or same)[0])
        rest.remove(done[-1])
    return done


@pytest.fixture(scope="module", params=["dumps", "dumps and old statistics"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Index:
    target = tmp_path_factory.mktemp("world") / "world.rirdex"
    paths = [DATA / "leases" / name for name in DUMPS.values()]
    if request.param != "dumps":
        files = (DATA / "delegated").iterdir()
        paths += sorted(path for path in files if "truncated" not in path.name)
    summary = build([str(path) for path in paths], str(target))
    assert len(summary.warnings) == len(paths) - len(DUMPS)
    return open_index(target)


@pytest.mark.parametrize("registry", DUMPS)
def test_every_published_lease_has_the_chain_of_its_own_registry(
    registry: str, world: Index
) -> None:
    records = naive_records(DATA / "leases" / DUMPS[registry])
    first = np.array([record.first for record in records])
    last = np.array([record.last for record in records])
    with gzip.open(DATA / "leases" / "expected.tsv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["registry"] == registry]
    assert len(rows) > 300
    chooser = random.Random(4)
    for row in rows:
        low, high = bounds(row["prefix"])
        for address in (low, high, chooser.randint(low, high)):
            around = np.flatnonzero((first <= address) & (address <= last)).tolist()
            wanted = in_order([records[k] for k in around])
            answer = world.lookup(address)
            assert answer.registry == registry.upper()
            found = [(int(net.first), int(net.last), net.netname or "") for net in answer.chain]
            assert found == [(r.first, r.last, r.netname) for r in wanted], row
            assert row["object"] in [net.key for net in answer.chain]
            block = bounds(row["holder_block"])
            assert any(a <= block[0] and block[1] <= b for a, b, _ in found)


def test_the_statistics_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = DATA / "delegated" / "delegated-arin-extended-20140804.truncated.gz"
    with pytest.raises(DumpError, match="its header promises 111,240 records"):
        build([str(path), str(DATA / "leases" / DUMPS["arin"])], str(tmp_path / "index"))


@pytest.mark.parametrize("name", ["lacnic.test", "arin.test.zip"])
def test_the_samples_of_the_dialects_lose_no_record(name: str, tmp_path: Path) -> None:
    report = build([str(DATA / "dialects" / name)], str(tmp_path / "index")).reports[0]
    assert not report.reject_counts
    assert sum(report.classes.values()) == {"lacnic.test": 3, "arin.test.zip": 5}[name]
