"""Check what `fixtures/generate.py` writes for ARIN and LACNIC, and that RIPE's files stay so."""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import sys
from collections import Counter, defaultdict
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "fixtures" / "generate.py"
NETS = 6000
Record = dict[str, list[str]]
# Made with `--inetnum 300` before there were dialects; benchmarks compare across versions.
RIPE = {
    "ripe.db.inetnum": "ca72d4d4d22aa826",
    "ripe.db.role": "0c36cd1a84c94a8f",
}


def generate(folder: Path, *arguments: str) -> Path:
    subprocess.run([sys.executable, SCRIPT, folder, *arguments], check=True)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both files, plain."""
    path = tmp_path_factory.mktemp("generated")
    return generate(path, "--arin", str(NETS), "--lacnic", str(NETS), "--plain")


@pytest.fixture(scope="module")
def arin(folder: Path) -> list[Record]:
    """Return ARIN's records."""
    return records((folder / "arin_db.txt").read_bytes().decode("utf-8"))


@pytest.fixture(scope="module")
def lacnic(folder: Path) -> list[Record]:
    """Return LACNIC's records."""
    return records((folder / "lacnic.db").read_bytes().decode("latin-1"))


def records(text: str) -> list[Record]:
    found = []
    for block in re.split("\n\n+", text.strip("\n")):
        record: Record = defaultdict(list)
        for line in block.split("\n"):
            key, colon, value = line.partition(":")
            assert colon
            record[key].append(value.strip())
        found.append(record)
    return found


def nets(found: list[Record]) -> list[Record]:
    return [each for each in found if next(iter(each)) in ("NetHandle", "V6NetHandle")]


def handle(net: Record) -> str:
    return next(iter(net.values()))[0]


def span(net: Record) -> tuple[int, int]:
    first, last = (ip_address(end) for end in net["NetRange"][0].split(" - "))
    assert first <= last  # type: ignore[operator]
    return int(first), int(last)


def full(prefix: str) -> str:
    """Write a shortened prefix out."""
    address, _, bits = prefix.partition("/")
    octets = [*address.split("."), "0", "0", "0"][:4]
    return prefix if ":" in address else f"{'.'.join(octets)}/{bits}"


def test_the_files_hold_the_number_of_nets_that_was_asked_for(
    arin: list[Record], lacnic: list[Record]
) -> None:
    assert len(nets(arin)) == NETS
    assert sum("inetnum" in record for record in lacnic) == NETS


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others(
    folder: Path, tmp_path: Path
) -> None:
    wanted = ("--arin", str(NETS), "--lacnic", str(NETS))
    again = generate(tmp_path / "again", *wanted)
    other = generate(tmp_path / "other", *wanted, "--seed", "2")
    for name in ("arin_db.txt", "lacnic.db"):
        text = gzip.decompress((again / f"{name}.gz").read_bytes())
        assert text == (folder / name).read_bytes()
        assert text != gzip.decompress((other / f"{name}.gz").read_bytes())


@pytest.mark.parametrize("more", [(), ("--arin", "50", "--lacnic", "50")])
def test_what_is_written_for_ripe_stays_the_same_with_and_without_dialects(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    generate(tmp_path, "--inetnum", "300", "--plain", *more)
    digests = {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16] for name in RIPE
    }
    assert digests == RIPE


def test_of_arins_nets_most_are_reassignments_and_some_have_one_range(arin: list[Record]) -> None:
    kinds = Counter(net["NetType"][0] for net in nets(arin))
    assert set(kinds) == {"rir", "allocation", "reallocation", "reassignment"}
    assert 0.94 < kinds["reassignment"] / NETS < 0.97
    assert NETS - len({span(net) for net in nets(arin)}) > 20
    assert any(handle(net).startswith("NET6") for net in nets(arin))


def test_every_net_of_arin_lies_in_its_parent_and_every_handle_is_there_once(
    arin: list[Record],
) -> None:
    by_handle = {handle(net): net for net in nets(arin)}
    assert len(by_handle) == NETS
    for net in nets(arin):
        parent = net["Parent"][0]
        if parent:
            first, last = span(by_handle[parent])
            assert first <= span(net)[0] <= span(net)[1] <= last
        else:
            assert net["NetType"] == ["rir"] or handle(net).startswith("NET6")


def test_every_handle_that_arins_records_refer_to_is_a_record(arin: list[Record]) -> None:
    kinds = [next(iter(record)) for record in arin]
    there = {handle(record) for record in arin}
    assert set(kinds) == {"ASHandle", "POCHandle", "OrgID", "NetHandle", "V6NetHandle"}
    for record in arin:
        for key, values in record.items():
            if key == "OrgID" or key.endswith("Handle"):
                assert there.issuperset(values)


def test_customers_have_no_contacts(arin: list[Record]) -> None:
    parties = [record for record in arin if next(iter(record)) == "OrgID"]
    customers = [party for party in parties if re.fullmatch(r"C\d{8}", handle(party))]
    assert 0 < len(customers) < len(parties)
    assert not any("OrgTechHandle" in party for party in customers)
    assert any("ReferralServer" in party for party in parties)


def test_nets_without_unicast_lie_in_reserved_space(arin: list[Record]) -> None:
    rooms = [ip_network(net) for net in ("198.18.0.0/15", "100.64.0.0/10", "10.0.0.0/8")]
    rooms += [ip_network("240.0.0.0/4")]
    for net in nets(arin):
        if not handle(net).startswith("NET6"):
            assert any(all(IPv4Address(end) in room for end in span(net)) for room in rooms)


def test_lacnics_prefixes_are_shortened_and_lie_in_what_is_above_them(
    lacnic: list[Record],
) -> None:
    found = [record for record in lacnic if "inetnum" in record]
    assert any(net["inetnum"][0].count(".") == 2 for net in found)
    assert any(":" in net["inetnum"][0] for net in found)
    for net in found:
        inner = ip_network(full(net["inetnum"][0]))
        for up in net["inetnum-up"]:
            assert inner.subnet_of(ip_network(full(up)))  # type: ignore[arg-type]
        assert bool(net["inetnum-up"]) == (net["status"][0] in ("reallocated", "reassigned"))


def test_lacnic_has_its_four_statuses_and_numbers_without_as(lacnic: list[Record]) -> None:
    statuses = Counter(record["status"][0] for record in lacnic if record["status"])
    assert set(statuses) == {"allocated", "assigned", "reallocated", "reassigned"}
    assert 0.65 < statuses["reallocated"] / NETS < 0.78
    assert all(number.isdigit() for record in lacnic for number in record["aut-num"])


@pytest.mark.parametrize("arguments", [(), ("--arin", "-1"), ("--arin", "0"), ("--inetnum", "0")])
def test_what_cannot_be_written_is_an_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, *arguments], capture_output=True, check=False
    )
    assert done.returncode == 2
