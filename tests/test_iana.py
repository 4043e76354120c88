"""Check IANA's tables, and what is said of a user's broken one."""

from __future__ import annotations

import gzip
import ipaddress
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rirdex.indexer.delegated import ALLOCATED, ASSIGNED, REGISTRIES, read_delegated
from rirdex.indexer.iana import Block, load_iana, load_special
from rirdex.query.errors import DumpError

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
FILES = ["afrinic-extended-20260505", "apnic-extended-20130417", "lacnic-extended-20240104",
         "ripencc-extended-20130418"]  # fmt: skip


def smallest(blocks: list[Block], address: str) -> str | None:
    """Return what the smallest block says that contains an address."""
    number = ipaddress.ip_address(address)
    found = [(last - first, name) for family, first, last, name in blocks
             if family == number.version and first <= int(number) <= last]  # fmt: skip
    return min(found)[1] if found else None


@pytest.mark.parametrize(
    ("address", "registry"),
    [
        ("1.1.1.1", "APNIC"),
        ("8.8.8.8", "ARIN"),
        ("25.0.0.1", "RIPE"),  # legacy, administered by
        ("53.0.0.1", "RIPE"),  # legacy, under the holder's name
        ("17.0.0.1", "ARIN"),
        ("43.0.0.1", "APNIC"),
        ("154.0.0.1", "AFRINIC"),
        ("191.0.0.1", "LACNIC"),
        ("188.0.0.1", "RIPE"),
        ("0.0.0.1", "IANA"),
        ("10.0.0.1", "IANA"),
        ("127.0.0.1", "IANA"),
        ("224.0.0.1", "IANA"),
        ("255.255.255.255", "IANA"),
        ("2001::1", "IANA"),
        ("2001:db8::1", "APNIC"),  # set aside inside of a block of APNIC's
        ("2001:1600::", "RIPE"),
        ("2001:3fff::", "RIPE"),
        ("2001:4200::", "AFRINIC"),
        ("2001:1200::", "LACNIC"),
        ("2003::1", "RIPE"),
        ("2410::1", "APNIC"),
        ("2620:1ff::", "ARIN"),
        ("2630::1", "ARIN"),
        ("2800::1", "LACNIC"),
        ("2a10::1", "RIPE"),
        ("2c0f::1", "AFRINIC"),
        ("2420::1", None),
        ("2001:1000::", None),
        ("3000::1", None),
    ],
)
def test_iana_names_the_registry_of_a_block(address: str, registry: str | None) -> None:
    assert smallest(load_iana(), address) == registry


def test_every_ipv4_address_and_no_ipv6_address_twice_is_in_the_table() -> None:
    blocks = load_iana()
    narrow = sorted(block[1:] for block in blocks if block[0] == 4)
    assert [(first, last) for first, last, _ in narrow] == [
        (k << 24, (k << 24) + (1 << 24) - 1) for k in range(256)
    ]
    wide = sorted(block[1:3] for block in blocks if block[0] == 6)
    assert all(one[1] < other[0] for one, other in pairwise(wide))
    # IANA's registry has 221 blocks at registries and 35 reserved, and 34 IPv6 blocks at them.
    assert sum(name == "IANA" for _, _, name in narrow) == 35
    assert sum(block[0] == 6 and block[3] != "IANA" for block in blocks) == 34


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.2.3", "Private-Use (RFC 1918)"),
        ("100.64.0.1", "Shared Address Space (RFC 6598)"),
        ("192.0.2.1", "Documentation (TEST-NET-1) (RFC 5737)"),
        ("192.0.0.9", "Port Control Protocol Anycast (RFC 7723)"),
        ("192.88.99.2", "6a44-relay anycast address (RFC 6751)"),
        ("255.255.255.255", "Limited Broadcast (RFC 8190 RFC 919)"),
        ("239.0.0.1", "Multicast (RFC 5771)"),
        ("::1", "Loopback Address (RFC 4291)"),
        ("2001::1", "TEREDO (RFC 4380 RFC 8190)"),
        ("2001:db8::1", "Documentation (RFC 3849)"),
        ("3fff:fff::1", "Documentation (RFC 9637)"),
        ("fd00::1", "Unique-Local (RFC 4193 RFC 8190)"),
        ("8.8.8.8", None),
        ("3fff:1000::", None),
    ],
)
def test_special_blocks_have_a_name_and_a_document(address: str, name: str | None) -> None:
    assert smallest(load_special(), address) == name


def test_a_user_may_bring_tables(tmp_path: Path) -> None:
    iana = tmp_path / "iana.csv"
    iana.write_text(
        "# mine\n\nprefix,registry\n192.0.2.0/24,ripe\n3fff::/20, RIPE NCC \n"
        "# more\n198.51.100.0/24,Administered by ARIN\r\n"
    )
    first = int(ipaddress.ip_address("3fff::"))
    assert load_iana(str(iana)) == [
        (4, 0xC0000200, 0xC00002FF, "RIPE"), (6, first, first + (1 << 108) - 1, "RIPE"),
        (4, 0xC6336400, 0xC63364FF, "ARIN"),
    ]  # fmt: skip
    special = tmp_path / "special.csv"
    special.write_text('\ufeffprefix,name,rfc\n192.0.2.0/24,"Mine, all",\n', encoding="utf-8")
    assert load_special(str(special)) == [(4, 0xC0000200, 0xC00002FF, "Mine, all")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "holds no table: begin it with prefix,registry"),
        (b"# nothing\n", "holds no table"),
        (b"prefix,registry\n", "holds no table"),
        (b"192.0.2.0/24,RIPE\n", ", line 1: is no heading: begin the table with prefix,registry"),
        (b"prefix,registry\n192.0.2.0/24\n", ", line 2: has 1 fields: write prefix,registry"),
        (b"prefix,registry\n\n192.0.2.0,RIPE\n", ", line 3: '192.0.2.0' is no prefix"),
        (b"prefix,registry\n192.0.2.1/24,RIPE\n", ", line 2: '192.0.2.1/24' is no prefix"),
        (b"prefix,registry\n192.0.2.0/33,RIPE\n", "is no prefix: write one like 192.0.2.0/24"),
        (b"prefix,registry\n192.0.2.0/24,DN42\n", "'DN42' is no registry: write RIPE, APNIC,"),
        (b"prefix,registry\n3fff::/20,RIPE\n3FFF::/20,ARIN\n", "stands in line 2 already"),
        (b"prefix,registry\n\xff\n", "is no UTF-8 text"),
    ],
)
def test_a_broken_table_is_refused_with_file_line_and_remedy(
    text: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(text)
    with pytest.raises(DumpError) as caught:
        load_iana(str(path))
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_special_block_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("prefix,name,rfc\n192.0.2.0/24,,RFC 5737\n")
    with pytest.raises(DumpError, match=r"line 2: 192.0.2.0/24 has no name: add it"):
        load_special(str(path))


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="cannot be read"):
        load_iana(str(tmp_path / "missing.csv"))


@pytest.mark.skipif(not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps")
def test_the_table_agrees_with_most_of_what_the_registries_delegated() -> None:
    sizes = np.zeros((len(REGISTRIES), 256))
    wide: list[tuple[int, str]] = []
    for name in FILES:
        text = gzip.decompress((DATA / "delegated" / f"delegated-{name}.gz").read_bytes())
        read = read_delegated(text, name)
        held = np.isin(read.ipv4.status, (ALLOCATED, ASSIGNED))
        first, last = read.ipv4.first[held], read.ipv4.last[held]
        registry = read.ipv4.registry[held]
        for k in range(256):
            low, high = np.maximum(first, k << 24), np.minimum(last, (k << 24) + 0xFFFFFF)
            np.add.at(sizes[:, k], registry, np.maximum(high - low + 1, 0))
        wide += [(high << 64, REGISTRIES[code]) for (high, _), code in
                 zip(read.ipv6.first.tolist(), read.ipv6.registry, strict=True)]  # fmt: skip
    table = {first >> 24: name for family, first, _, name in load_iana() if family == 4}
    for k in np.flatnonzero(sizes.max(axis=0) > 1 << 23).tolist():
        assert REGISTRIES[int(sizes[:, k].argmax())] == table[k], k
    # ARIN's file is not at hand, so what is ARIN's has little of anybody else's.
    others = [k for k, name in table.items() if name in ("ARIN", "IANA")]
    assert sizes[:, others].max() < 1 << 23
    blocks = [block for block in load_iana() if block[0] == 6]
    strange = {
        (name, address >> 96)
        for address, name in wide
        if not any(b[1] <= address <= b[2] and b[3] == name for b in blocks)
    }
    assert len(wide) > 100_000
    # APNIC gives exchange points prefixes out of one /32 in a block of RIPE's.
    assert strange == {("APNIC", 0x200107FA)}
