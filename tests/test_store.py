"""Check that an index which is cut, overwritten, closed, replaced or shared never misleads."""

from __future__ import annotations

import copy
import gc
import ipaddress
import multiprocessing
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from operator import methodcaller
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pytest

from rirdex.indexer.build import build
from rirdex.query import (
    Answer,
    Damaged,
    Index,
    Net,
    NoIndex,
    Object,
    StoreError,
    WrongVersion,
    errors,
    layout,
    open_index,
    store,
)
from rirdex.query.cli import run
from rirdex.query.desk import DeskError
from rirdex.query.verify import verify

Command = Callable[..., subprocess.CompletedProcess[str]]
Capture = pytest.CaptureFixture[str]

PAGE = 4096
LEASED = "240.10.33.7"
WIDE = "3fff:10:4001::1"
HANDLE = "ORG-NLH1-TEST"
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
OUTSIDE = "outside its tables"
ADDRESSES = [
    *(str(ipaddress.IPv4Address((240 << 24) + 37 * k)) for k in range(0, 400_000, 401)),
    *(str(ipaddress.IPv6Address((0x3FFF0010 << 96) + (k << 76))) for k in range(600)),
    LEASED, WIDE, "192.88.99.1", "198.18.0.1", "100.64.9.1", "10.33.77.3",
]  # fmt: skip


class Place(NamedTuple):
    """Name a byte of an index file: where it lies, and in which tables it may lie."""

    at: int
    names: frozenset[str]
    kind: str


class SortedRow(NamedTuple):
    """Hold a row of a database with sorted keys: where in the file its value lies, key, value."""

    at: int
    key: bytes
    value: bytes


def rows_of(index: Index, database: str) -> list[SortedRow]:
    """Return all rows of a database with sorted keys.

    Where they lie is asked of LMDB: pages that it no longer uses may hold copies.
    """
    shared = index._store._map
    meta = shared.get("meta")
    assert meta is not None
    begin = address_of(meta) - Path(index.path).read_bytes().index(meta)
    with shared.environment.begin(db=shared.databases[database], buffers=True) as transaction:
        return [
            SortedRow(address_of(value) - begin, bytes(key), bytes(value))
            for key, value in transaction.cursor()
        ]


def address_of(value: memoryview) -> int:
    """Return where in memory a value lies."""
    return int(np.frombuffer(value, np.uint8).ctypes.data)


@pytest.fixture
def copied(index_path: Path, tmp_path: Path) -> Path:
    """Return a copy of the shared index that a test may spoil."""
    return Path(shutil.copyfile(index_path, tmp_path / "index"))


@pytest.fixture(scope="module")
def other_path(tmp_path_factory: pytest.TempPathFactory, dumps_now: Path) -> Path:
    """Return an index of other dumps than the shared one."""
    path = tmp_path_factory.mktemp("other") / "index"
    build([str(dumps_now / "private.db")], str(path), processes=0)
    return path


@pytest.fixture(scope="module")
def large_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index large enough for branch pages and tables of many pages."""
    folder = tmp_path_factory.mktemp("large")
    rng = Random(1)
    parts = []
    for k in range(12_000):
        first = ipaddress.IPv4Address((240 << 24) + 64 * k)
        word = f"{rng.getrandbits(40):x}"
        parts.append(
            f"inetnum:        {first} - {first + rng.randrange(1, 63)}\n"
            f"netname:        NET-{word}-{k}\ndescr:          {word} of {k}\ncountry:        NL\n"
            f"org:            ORG-{k}-TEST\nmnt-by:         M{k // 3}-{word}\n"
            + f"abuse-c:        AR{k}-TEST\n" * (k % 8 == 0)
            + "source:         RIPE\n"
        )
        if k % 8 == 0:
            parts.append(
                f"role:           Desk {k}\nnic-hdl:        AR{k}-TEST\n"
                f"abuse-mailbox:  abuse@{word}.example\nsource:         RIPE\n"
            )
        if k % 2 == 0:
            parts.append(f"mntner:         M{k // 3}-{word}\nsource:         RIPE\n")
        if k % 5 == 0:
            first6 = ipaddress.IPv6Address((0x3FFF << 112) + (rng.getrandbits(60) << 48))
            parts.append(
                f"inet6num:       {first6}/80\nnetname:        SIX-{k}\nsource:         RIPE\n"
            )
    (folder / "a.db").write_text("\n".join(parts))
    build([str(folder / "a.db")], str(folder / "index"), processes=0)
    return folder / "index"


def one_line(text: str) -> str:
    """Return a complaint: exactly one line, which names the program and is no traceback."""
    assert text.startswith("rirdex: ")
    assert text.count("\n") == 1
    return text


def everything(index: Index) -> list[object]:
    """Return answers that use every table of an index."""
    nets = [index.net(row) for row in range(len(index))]
    orgs = sorted({net.org.handle for net in nets if net.org})
    maintainers = sorted({name for net in nets for name in net.mnt_by})
    told = [item for address in ADDRESSES[-6:] for item in index.lookup(address).abuse]
    mailboxes = sorted({item.mailbox for item in told if item.mailbox})
    assert mailboxes
    return [
        [index.match(address) for address in ADDRESSES],
        index.match_many(ADDRESSES).tolist(),
        [
            answer.to_dict(more=True, everything=True, explain=True)
            for answer in index.lookup_many(ADDRESSES[::90])
        ],
        [(net.to_dict(explain=True), net.raw) for net in nets],
        [(name, index.nets(org=name), [item.raw for item in index.objects(name)]) for name in orgs],
        [(name, index.nets(mnt_by=name)) for name in maintainers],
        [item.to_dict() for item in told],
        [(mailbox, index.nets(contact=mailbox)) for mailbox in mailboxes],
        [index.nets(netname=net.netname or "-", country="NL") for net in nets],
        index.nets(inside="240.0.0.0/8"),
        index.lookup(HANDLE).to_dict(explain=True),
    ]  # fmt: skip


# -- opening --------------------------------------------------------------------------------------


def lengths() -> list[int]:
    """Return about 60 lengths to cut an index of about a megabyte to, as parts of it."""
    size = 1_069_056
    rng = Random(2)
    chosen = [0, 1, 2, 15, 16, 100, 151, 152, 2047, 2048, 2049, 2160, 2163, 2164, 4095, 4096, 4097]
    chosen += [4096 + 152, 8191, 8192, 8193, size // 2, size // 2 // PAGE * PAGE]
    return chosen + [rng.randrange(size // PAGE) * PAGE for _ in range(15)] + [
        rng.randrange(size) for _ in range(15)
    ]  # fmt: skip


def test_an_index_cut_at_any_byte_is_refused_as_damaged(
    capsys: Capture, index_path: Path, tmp_path: Path
) -> None:
    data = index_path.read_bytes()
    size = len(data)
    ends = [size - n for n in (1, 2, 100, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE)]
    for length in {*(length for length in lengths() if length < size), *ends}:
        path = tmp_path / f"cut{length}"
        path.write_bytes(data[:length])
        with pytest.raises(Damaged) as caught:
            open_index(path)
        assert caught.value.path == str(path)
        assert run(["lookup", LEASED, "-i", str(path)]) == 3
        done = capsys.readouterr()
        assert done.out == ""
        assert path.name in one_line(done.err)
        assert "build" in done.err
        path.unlink()


def test_an_index_with_something_behind_it_is_refused_as_damaged(copied: Path) -> None:
    for more in (b"\0", bytes(PAGE)):
        copied.write_bytes(copied.read_bytes() + more)
        with pytest.raises(Damaged):
            open_index(copied)


@pytest.mark.parametrize("page", [0, 1])
def test_an_index_with_a_first_page_overwritten_is_refused_as_damaged(
    capsys: Capture, copied: Path, page: int
) -> None:
    data = copied.read_bytes()
    rng = Random(page)
    for fill in (bytes(PAGE), rng.randbytes(PAGE), b"\xff" * PAGE, data[2 * PAGE : 3 * PAGE]):
        copied.write_bytes(data[: page * PAGE] + fill + data[(page + 1) * PAGE :])
        with pytest.raises(Damaged):
            open_index(copied)
        assert run(["lookup", LEASED, "-i", str(copied)]) == 3
        assert "rirdex build" in one_line(capsys.readouterr().err)


def test_the_cut_index_is_refused_by_the_program_itself(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    for length in (0, PAGE, index_path.stat().st_size - PAGE):
        (tmp_path / "cut").write_bytes(index_path.read_bytes()[:length])
        done = rirdex(LEASED, "-i", tmp_path / "cut")
        assert (done.returncode, done.stdout) == (3, "")
        one_line(done.stderr)


def test_an_index_of_another_format_names_the_found_and_the_supported(
    capsys: Capture, copied: Path
) -> None:
    for found in (0, layout.FORMAT + 1, 4_000_000_000):
        with open(copied, "r+b") as file:
            file.seek(layout.SEAL_AT + len(layout.SEAL_MAGIC))
            file.write(struct.pack("<I", found))
        with pytest.raises(WrongVersion) as caught:
            open_index(copied)
        assert (caught.value.found, caught.value.supported) == (found, layout.FORMAT)
        for command in (["lookup", LEASED], ["info"], ["verify"]):
            assert run([*command, "-i", str(copied)]) == 3
            error = one_line(capsys.readouterr().err)
            for text in (str(found), str(layout.FORMAT), "rirdex build", str(copied)):
                assert text in error


def test_a_missing_index_is_no_index(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "none" / "none"):
        with pytest.raises(NoIndex, match="rirdex build") as caught:
            open_index(path)
        assert caught.value.path == str(path)


def test_a_dangling_link_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "none")
    with pytest.raises(NoIndex):
        open_index(tmp_path / "link")


def test_places_that_cannot_be_an_index_raise_store_errors(
    tmp_path: Path, index_path: Path
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, index_path / "below", Path("x" * 300), tmp_path / "loop", Path("a\0b")):
        for look in (open_index, lambda path: verify(str(path))):
            with pytest.raises(StoreError) as caught:
                look(path)
            assert caught.value.path == str(path)


def test_an_unreadable_index_is_a_store_error(copied: Path) -> None:
    copied.chmod(0)

    def refused() -> int:
        try:
            open_index(copied)
        except Damaged:
            return 2
        except StoreError as error:
            return 0 if "Permission denied" in str(error) else 3
        return 1

    def refused_to_nobody() -> int:
        os.seteuid(65534)
        return refused()

    assert (refused() if os.geteuid() else in_child(refused_to_nobody)) == 0


def test_an_index_swapped_while_it_is_opened_is_one_or_the_other(
    copied: Path, other_path: Path, monkeypatch: pytest.MonkeyPatch, index: Index
) -> None:
    sizes = {index.build_id: len(index)}
    with open_index(other_path) as other:
        sizes[other.build_id] = len(other)
    shutil.copyfile(other_path, copied.parent / "new")
    read = store.read_seal

    def slow(file: BinaryIO, path: str) -> store.Seal:
        seal = read(file, path)
        if (copied.parent / "new").exists():
            os.replace(copied.parent / "new", copied)
        return seal

    monkeypatch.setattr(store, "read_seal", slow)
    with open_index(copied) as opened:
        assert sizes[opened.build_id] == len(opened)


# -- verify ---------------------------------------------------------------------------------------


def pages(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield LMDB's pages as (offset, flags, number of pages)."""
    at = 0
    while at < len(data):
        flags = struct.unpack_from("<H", data, at + 10)[0]
        count = struct.unpack_from("<I", data, at + 12)[0] if flags & OVERFLOW else 1
        yield at, flags, count
        at += PAGE * count


def all_at(data: bytes, part: bytes) -> Iterator[int]:
    """Yield every offset at which a text begins."""
    at = data.find(part)
    while at >= 0:
        yield at
        at = data.find(part, at + 1)


def table_places(path: Path, rng: Random) -> list[Place]:
    """Return a byte in the value and one in the padding of every table.

    Tables are found by searching the file's overflow pages for their bytes. Tables with equal
    bytes cannot be told apart: each of them may be the damaged one.
    """
    data = path.read_bytes()
    found: dict[bytes, set[str]] = {}
    sizes: dict[bytes, int] = {}
    with open_index(path) as index:
        for name, known in index.meta["tables"].items():
            if name not in layout.SORTED:
                value = bytes(index._store.raw(name))
                whole = value.ljust(layout.SMALLEST_TABLE, b"\0")
                found.setdefault(whole, set()).add(name)
                sizes[whole] = known["size"]
    places = []
    values = [at + 16 for at, flags, _ in pages(data) if flags & OVERFLOW]
    for whole, names in found.items():
        starts = [at for at in values if data.startswith(whole, at)]
        assert starts, names
        begin, size = rng.choice(starts), sizes[whole]
        if size:
            inside = {begin, begin + size - 1, begin + rng.randrange(size)}
            places += [Place(at, frozenset(names), "value") for at in inside]
        if size < len(whole):
            pad = begin + rng.randrange(size, len(whole))
            places.append(Place(pad, frozenset(names), "padding"))
    return places


def sorted_places(path: Path, rng: Random) -> list[Place]:
    """Return bytes in keys and values of every database with sorted keys."""
    data = path.read_bytes()
    places = []
    with open_index(path) as index:
        for name in layout.SORTED:
            rows = rows_of(index, name)
            for begin, key, value in rng.sample(rows, min(4, len(rows))):
                assert data.startswith(value, begin)
                places.append(Place(begin + rng.randrange(len(value)), frozenset([name]), "row"))
                if data[begin - len(key) : begin] == key:
                    places.append(Place(begin - 1, frozenset([name]), "key"))
    return places


def flipped(path: Path, at: int, bit: int) -> None:
    """Flip one bit of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def check_damage(capsys: Capture, path: Path, places: list[Place], rng: Random) -> None:
    """Flip one bit at each place in turn; check that `verify` finds it and names the table."""
    for place in places:
        bit = rng.randrange(8)
        flipped(path, place.at, bit)
        code = run(["verify", "-i", str(path)])
        done = capsys.readouterr()
        flipped(path, place.at, bit)
        where = (place, bit, done)
        assert code == 1, where
        assert done.out == "", where
        found = re.findall(r"^rirdex: .*: damaged: (.*)$", done.err, re.MULTILINE)
        assert found, where
        assert "Traceback" not in done.err, where
        if place.names:
            assert len(found) == 1, where
            assert found[0] in place.names, where
    assert run(["verify", "-i", str(path)]) == 0
    capsys.readouterr()


def test_verify_finds_a_flipped_bit_in_any_table_and_names_it(
    capsys: Capture, copied: Path, index: Index
) -> None:
    rng = Random(3)
    places = table_places(copied, rng)
    named = {name for place in places for name in place.names}
    tables = set(index.meta["tables"]) - set(layout.SORTED)
    assert named == tables
    check_damage(capsys, copied, rng.sample(places, 90), rng)


def test_verify_finds_a_flipped_bit_in_any_database_and_names_it(
    capsys: Capture, large_path: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copyfile(large_path, tmp_path / "index"))
    rng = Random(4)
    places = sorted_places(path, rng)
    assert {name for place in places for name in place.names} == set(layout.SORTED)
    assert {place.kind for place in places} == {"row", "key"}
    check_damage(capsys, path, places, rng)


def test_verify_finds_a_flipped_bit_in_branches_leaves_and_headers(
    capsys: Capture, large_path: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copyfile(large_path, tmp_path / "index"))
    data = path.read_bytes()
    rng = Random(5)
    places = []
    found = {flags: [at for at, kind, _ in pages(data) if kind == flags] for flags in (1, 2, 4)}
    assert all(found.values())
    for flags, starts in found.items():
        for at in rng.sample(starts, min(len(starts), 9)):
            places.append(Place(at + rng.randrange(16), frozenset(), f"header {flags}"))
        if flags != OVERFLOW:
            for at in rng.sample(starts, min(len(starts), 9)):
                lower = struct.unpack_from("<H", data, at + 12)[0]
                places.append(Place(at + rng.randrange(16, lower), frozenset(), "pointers"))
                upper = struct.unpack_from("<H", data, at + 14)[0]
                places.append(Place(at + rng.randrange(upper, PAGE), frozenset(), "nodes"))
    check_damage(capsys, path, places, rng)


def test_verify_finds_a_flipped_bit_anywhere(capsys: Capture, copied: Path) -> None:
    rng = Random(6)
    size = copied.stat().st_size
    places = [Place(rng.randrange(2 * PAGE, size), frozenset(), "anywhere") for _ in range(40)]
    # Page 0 behind the seal, and page 1 behind LMDB's meta structure, are used by nobody.
    for begin, end in ((2164, PAGE), (PAGE + 152, 2 * PAGE)):
        places += [Place(rng.randrange(begin, end), frozenset(), "unused") for _ in range(4)]
    check_damage(capsys, copied, places, rng)


def test_verify_finds_a_flipped_bit_in_the_first_two_pages(capsys: Capture, copied: Path) -> None:
    rng = Random(7)
    chosen = [0, 8, 10, 16, 24, 40, 88, 136, 144, layout.SEAL_AT, layout.SEAL_AT + 24]
    chosen += [PAGE, PAGE + 10, PAGE + 16, PAGE + 40, PAGE + 140]
    places = [Place(at, frozenset(), "first pages") for at in chosen]
    check_damage(capsys, copied, places, rng)


def test_verify_finds_a_flipped_bit_in_every_member_of_the_seal(
    capsys: Capture, copied: Path
) -> None:
    # Behind magic and format: unused, size, build id, and the two digests.
    members = ((20, 24), (24, 32), (32, 48), (48, 80), (80, 112), (112, 144))
    assert members[-1][1] == layout.SEAL.size
    rng = Random(9)
    for begin, end in members:
        at = layout.SEAL_AT + rng.randrange(begin, end)
        flipped(copied, at, 3)
        assert run(["verify", "-i", str(copied)]) != 0, (begin, end)
        assert "damaged" in capsys.readouterr().err
        flipped(copied, at, 3)


def test_verify_says_where_the_metadata_are_damaged(
    capsys: Capture, copied: Path, index: Index
) -> None:
    data = copied.read_bytes()
    meta = index._store._map.get("meta")
    assert meta is not None
    (begin,) = all_at(data, bytes(meta))
    rng = Random(8)
    name = data.index(b'"ripe.db.inetnum"', begin) + 3
    digest = data.index(b'"sha256": "', begin) + 15
    places = [Place(at, frozenset(["meta"]), "meta") for at in (name, digest)]
    places += [
        Place(begin + rng.randrange(len(meta)), frozenset(["meta"]), "meta") for _ in range(12)
    ]
    check_damage(capsys, copied, places, rng)


def test_metadata_that_cannot_be_read_are_refused_as_damaged(
    capsys: Capture, copied: Path, index: Index
) -> None:
    data = copied.read_bytes()
    meta = bytes(index._store._map.get("meta") or b"")
    begin = data.index(meta)
    # No JSON; no UTF-8; a member is missing.
    for at in (begin, begin + len(meta) - 1, begin + 5, data.index(b'"origins"', begin) + 2):
        for bit in (1, 7):
            flipped(copied, at, bit)
            with pytest.raises(Damaged):
                open_index(copied)
            assert run(["info", "-i", str(copied)]) == 3
            assert "build" in one_line(capsys.readouterr().err)
            flipped(copied, at, bit)


@pytest.mark.parametrize("name", layout.SORTED)
def test_a_look_up_in_a_damaged_database_raises_store_errors(
    large_path: Path, tmp_path: Path, name: str
) -> None:
    path = Path(shutil.copyfile(large_path, tmp_path / "index"))
    data = path.read_bytes()
    with open_index(path) as index:
        places = [row.at for row in rows_of(index, name)]
        known = index.net(0)
        mailbox = f"abuse@{known.descr[0].split()[0]}.example"
        texts = {"handles": known.mnt_by[0], "org": "ORG-0-TEST", "country": "NL"}
        texts |= {"mnt_by": known.mnt_by[0], "netname": known.netname or "", "contact": mailbox}
        key = texts[name]
        assert index._store.find(name, layout.sort_key(key))
        if name != "handles":
            assert 0 in index.nets(**{name: key})
    del index, known
    gc.collect()
    leaves = {at for at, flags, _ in pages(data) if flags == LEAF}
    spoilt_pages = leaves & {at // PAGE * PAGE for at in places}
    assert spoilt_pages
    for at in spoilt_pages:
        flipped(path, at + 10, 1)  # A leaf no longer: LMDB says "wrong type".
    with open_index(path) as spoilt:
        with pytest.raises(StoreError):
            spoilt._store.find(name, layout.sort_key(key))
        if name != "handles":
            with pytest.raises(StoreError):
                spoilt.nets(**{name: key})


def test_verify_of_an_intact_index_finds_nothing(index_path: Path, large_path: Path) -> None:
    assert verify(str(index_path)) == []
    assert verify(str(large_path)) == []


def test_verify_notices_a_file_whose_pages_are_mixed_up(capsys: Capture, copied: Path) -> None:
    data = copied.read_bytes()
    swapped = bytearray(data)
    a, b = 30 * PAGE, 90 * PAGE
    swapped[a : a + PAGE], swapped[b : b + PAGE] = data[b : b + PAGE], data[a : a + PAGE]
    swapped[a] ^= 1
    copied.write_bytes(swapped)
    assert run(["verify", "-i", str(copied)]) == 1
    assert "damaged" in capsys.readouterr().err


# -- closing --------------------------------------------------------------------------------------

USES: dict[str, Callable[[Index], object]] = {
    "match": lambda index: index.match(LEASED),
    "match of IPv6": lambda index: index.match(WIDE),
    "match of bytes": lambda index: index.match(b"\xf0\x0a\x21\7"),
    "match_many": lambda index: index.match_many([LEASED, WIDE]),
    "match_many of an array": lambda index: index.match_many(np.array([1, 2], np.uint32)),
    "match_many of IPv6": lambda index: index.match_many(np.zeros((2, 16), np.uint8)),
    "lookup": lambda index: index.lookup(LEASED).chain,
    "lookup of a prefix": lambda index: index.lookup("240.10.33.0/24").chain,
    "lookup of a handle": lambda index: index.lookup(HANDLE),
    "lookup_many": lambda index: [answer.chain for answer in index.lookup_many([LEASED])],
    "answers": lambda index: index.answers(HANDLE),
    "net": lambda index: index.net(0).key,
    "nets": lambda index: index.nets(org=HANDLE),
    "nets of a contact": lambda index: index.nets(contact="example.net"),
    "nets inside": lambda index: index.nets(inside="240.0.0.0/8"),
    "object": lambda index: index.object(HANDLE),
    "object that is a net": lambda index: index.object("240.10.33.0/24"),
    "objects": lambda index: index.objects(HANDLE),
}
MEMBERS: dict[str, Callable[[Net], object]] = {
    name: methodcaller("__getattribute__", name)
    for name in (
        "netname", "bounds", "first", "last", "key", "cidrs", "status", "role", "country", "descr",
        "org", "mnt_by", "created", "modified", "source", "registry", "raw", "text", "dump",
        "party",
    )
}  # fmt: skip
PARTS: dict[str, Callable[[Answer], object]] = {
    name: methodcaller("__getattribute__", name)
    for name in (
        "chain",
        "registry",
        "holder",
        "user",
        "abuse",
        "notes",
        "all",
        "more",
        "__bool__",
    )
}


def closed(call: Callable[[], object]) -> None:
    """Check that a call raises because the index is closed."""
    with pytest.raises(StoreError, match="index is closed"):
        call()


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
@pytest.mark.parametrize("name", USES)
def test_a_closed_index_says_so(index_path: Path, name: str, used: bool) -> None:
    index = open_index(index_path)
    if used:
        USES[name](index)
    index.close()
    closed(lambda: USES[name](index))
    index.close()


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_a_net_of_a_closed_index_says_so(index_path: Path, used: bool) -> None:
    for name, member in MEMBERS.items():
        index = open_index(index_path)
        net = index.lookup(LEASED).chain[-1]
        if used:
            assert member(net), name
        index.close()
        closed(lambda member=member, net=net: member(net))  # type: ignore[misc]
        closed(net.to_dict)
        assert repr(type(net))


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_an_object_of_a_closed_index_says_so(index_path: Path, used: bool) -> None:
    for name in (
        "kind",
        "key",
        "name",
        "org",
        "created",
        "modified",
        "source",
        "raw",
        "text",
        "dump",
    ):
        index = open_index(index_path)
        (item,) = index.objects("AS65551")
        if used:
            getattr(item, name)
        index.close()
        closed(lambda item=item, name=name: getattr(item, name))  # type: ignore[misc]
        closed(item.to_dict)


def test_an_answer_of_a_closed_index_says_so(index_path: Path) -> None:
    for name in PARTS:
        index = open_index(index_path)
        answer = index.lookup(LEASED)
        index.close()
        closed(lambda answer=answer, name=name: bool(PARTS[name](answer)) and bool(answer))  # type: ignore[misc]
        closed(answer.to_dict)
    index = open_index(index_path)
    answer = index.lookup(LEASED)
    handle = index.lookup(HANDLE)
    assert answer.chain
    index.close()
    closed(answer.to_dict)
    closed(handle.to_dict)
    closed(lambda: handle.more)
    closed(lambda: answer.holder)
    closed(lambda: answer.chain[-1].netname)


def test_an_iterator_of_a_closed_index_says_so(index_path: Path) -> None:
    index = open_index(index_path)
    answers = index.lookup_many([LEASED, LEASED, LEASED])
    assert next(answers).chain
    index.close()
    closed(lambda: next(answers).chain)


def test_the_end_of_a_with_block_closes(index_path: Path) -> None:
    with open_index(index_path) as index:
        assert index.match(LEASED) is not None
    closed(lambda: index.match(LEASED))
    with pytest.raises(ZeroDivisionError), open_index(index_path) as index:
        _ = 1 // 0
    closed(lambda: index.match(LEASED))


def test_arrays_that_were_given_out_outlive_the_index(index_path: Path) -> None:
    index = open_index(index_path)
    found = index.match_many(ADDRESSES)
    again = found.tolist()
    found += 1
    assert index.match_many(ADDRESSES).tolist() == again
    index.close()
    del index
    gc.collect()
    assert (found - 1).tolist() == again


# -- sharing --------------------------------------------------------------------------------------


def test_two_opens_of_one_file_share_the_map_and_close_apart(copied: Path) -> None:
    first, second = open_index(copied), open_index(str(copied))
    assert first._store._map is second._store._map
    wanted = second.lookup(LEASED).to_dict()
    first.close()
    closed(lambda: first.match(LEASED))
    assert second.lookup(LEASED).to_dict() == wanted
    assert second.nets(org=HANDLE)
    third = open_index(copied)
    assert third._store._map is second._store._map
    second.close()
    second = third
    gc.collect()
    assert third.lookup(LEASED).to_dict() == wanted


def test_links_to_one_file_share_the_map(copied: Path) -> None:
    (copied.parent / "soft").symlink_to(copied)
    os.link(copied, copied.parent / "hard")
    with (
        open_index(copied) as one,
        open_index(copied.parent / "soft") as two,
        open_index(copied.parent / "hard") as three,
    ):
        assert one._store._map is two._store._map is three._store._map
        assert one.match(LEASED) == two.match(LEASED) == three.match(LEASED) is not None


def test_two_files_are_open_at_once(index: Index, other_path: Path) -> None:
    with open_index(other_path) as other:
        assert len(other) != len(index)
        assert other.match("248.1.0.1") is not None
        assert other.match(LEASED) is None
        assert index.match(LEASED) is not None


def test_a_replaced_file_leaves_its_readers_with_the_old_data(
    copied: Path, other_path: Path
) -> None:
    old = open_index(copied)
    untouched = open_index(copied)
    wanted = old.lookup(LEASED).to_dict()
    os.replace(shutil.copyfile(other_path, copied.parent / "new"), copied)
    new = open_index(copied)
    assert new.build_id != old.build_id
    assert new.match(LEASED) is None
    assert new.lookup("248.1.0.1")
    assert old.lookup(LEASED).to_dict() == wanted
    assert everything(untouched) == everything(old)
    old.close()
    assert new.lookup("248.1.0.1").chain[-1].raw


def test_a_removed_file_leaves_its_readers_with_the_data(copied: Path, index: Index) -> None:
    with open_index(copied) as opened:
        copied.unlink()
        assert everything(opened) == everything(index)


def test_a_build_over_a_file_in_use_leaves_its_readers_with_the_old_data(
    copied: Path, dumps_now: Path, index: Index
) -> None:
    with open_index(copied) as old:
        build([str(dumps_now / "private.db")], str(copied), processes=0)
        with open_index(copied) as new:
            assert len(new) < len(old)
            assert everything(old) == everything(index)


def test_an_index_that_was_collected_can_be_opened_again(copied: Path, index: Index) -> None:
    wanted = everything(index)
    for _ in range(5):
        opened = open_index(copied)
        assert opened.match(LEASED) is not None
        if _ % 2:
            opened.close()
        del opened
        gc.collect()
    assert everything(open_index(copied)) == wanted
    gc.collect()
    assert everything(open_index(copied)) == wanted


def test_the_map_goes_with_its_last_holder_and_not_before(copied: Path) -> None:
    def maps() -> int:
        return Path("/proc/self/maps").read_text().count(str(copied))

    gc.collect()
    gc.disable()
    try:
        index = open_index(copied)
        answer = index.lookup(LEASED)
        assert answer.chain[-1].raw
        index.close()
        del index
        assert maps()
        del answer
        assert not maps()
    finally:
        gc.enable()


def test_what_an_index_gave_outlives_the_variable_that_held_it(copied: Path) -> None:
    index = open_index(copied)
    answer, handle = index.lookup(LEASED), index.lookup(HANDLE)
    net, item = index.net(3), index.objects(HANDLE)[0]
    iterator = index.lookup_many([LEASED, WIDE])
    wanted = [answer.to_dict(), handle.to_dict(), net.to_dict(), item.to_dict()]
    del index
    gc.collect()
    open_index(copied).close()
    gc.collect()
    assert [answer.to_dict(), handle.to_dict(), net.to_dict(), item.to_dict()] == wanted
    assert net.raw
    assert item.raw
    assert [found.chain[-1].netname for found in iterator] == [
        "WOLKENBURG-FI-33",
        "WOLKENBURG-FI-V6",
    ]


def test_threads_get_the_answers_of_one_thread(copied: Path, index: Index) -> None:
    wanted = everything(index)
    with open_index(copied) as shared:
        barrier = threading.Barrier(8)
        results: list[object] = []

        def work() -> None:
            barrier.wait()
            for _ in range(2):
                results.append(everything(shared))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(results) == 16
    assert all(result == wanted for result in results)


def test_threads_may_open_and_close_one_file_at_once(copied: Path, index: Index) -> None:
    wanted = index.lookup(LEASED).to_dict()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(40):
                opened = open_index(copied)
                assert opened.lookup(LEASED).to_dict() == wanted
                assert opened.nets(org=HANDLE)
                opened.close()
                del opened
                gc.collect(0)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []


# -- processes ------------------------------------------------------------------------------------


def in_child(work: Callable[[], int]) -> int:
    """Fork, work in the child, and return its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_goes_on_with_what_it_inherited(copied: Path, index: Index) -> None:
    wanted = everything(index)
    untouched, touched = open_index(copied), open_index(copied)
    assert everything(touched) == wanted
    assert in_child(lambda: 0 if everything(untouched) == wanted else 1) == 0
    assert in_child(lambda: 0 if everything(touched) == wanted else 1) == 0

    def nested() -> int:
        return in_child(lambda: 0 if everything(untouched) == wanted else 1)

    assert in_child(nested) == 0
    assert everything(untouched) == wanted


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_may_open_the_file_again_and_close_it(copied: Path, index: Index) -> None:
    wanted = everything(index)
    opened = open_index(copied)

    def work() -> int:
        with open_index(copied) as again:
            if everything(again) != wanted:
                return 1
        opened.close()
        return 0

    assert in_child(work) == 0
    assert everything(opened) == wanted


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_takes_an_index(method: str, copied: Path) -> None:
    opened = open_index(copied)
    wanted = [opened.match(address) for address in ADDRESSES[:50]]
    with multiprocessing.get_context(method).Pool(2) as pool:
        calls = [pool.apply_async(Index.match, (opened, address)) for address in ADDRESSES[:50]]
        nets = pool.apply_async(Index.nets, (opened,), {"org": HANDLE})
        assert [call.get(60) for call in calls] == wanted
        assert nets.get(60) == opened.nets(org=HANDLE)
        pool.close()
        pool.join()


def test_a_pickle_opens_the_same_build_again(copied: Path, index: Index) -> None:
    opened = open_index(copied)
    again = pickle.loads(pickle.dumps(opened))
    assert isinstance(again, Index)
    assert again.build_id == opened.build_id
    assert everything(again) == everything(index)
    assert everything(copy.deepcopy(opened)) == everything(index)


def test_a_pickle_finds_the_file_from_another_folder(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied.parent)
    data = pickle.dumps(open_index(copied.name))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pickle.loads(data).match(LEASED) is not None


def test_a_pickle_of_a_replaced_file_is_refused(copied: Path, other_path: Path) -> None:
    data = pickle.dumps(open_index(copied))
    os.replace(shutil.copyfile(other_path, copied.parent / "new"), copied)
    with pytest.raises(StoreError, match="replaced") as caught:
        pickle.loads(data)
    assert caught.value.path == str(copied)
    copied.unlink()
    with pytest.raises(NoIndex):
        pickle.loads(data)


# -- what it costs to open ------------------------------------------------------------------------


def test_scalar_look_ups_import_no_numpy(index_path: Path, environment: dict[str, str]) -> None:
    script = (
        "import sys; from rirdex.query import open_index\n"
        f"index = open_index({str(index_path)!r})\n"
        f"assert index.match({LEASED!r}) is not None\n"
        f"assert index.lookup({WIDE!r}).to_dict(explain=True)\n"
        f"assert index.lookup({HANDLE!r}).to_dict() and index.nets(org={HANDLE!r})\n"
        "found = {'numpy', 'rirdex.indexer', 'tqdm', 'click'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_net_that_is_not_there_is_an_index_error(index: Index) -> None:
    for number in (-1, len(index), 1 << 40):
        with pytest.raises(IndexError):
            index.net(number)


def test_equal_things_of_two_opens_are_equal(copied: Path, other_path: Path) -> None:
    with open_index(copied) as one, open_index(copied) as two, open_index(other_path) as other:
        assert one.net(1) == two.net(1) != one.net(2)
        assert hash(one.net(1)) == hash(two.net(1))
        assert one.net(1) != other.net(1)
        first: Any = one.objects(HANDLE)[0]
        assert isinstance(first, Object)
        assert first == two.objects(HANDLE)[0]
        assert len({first, two.objects(HANDLE)[0]}) == 1


@pytest.mark.parametrize(
    "error",
    [errors.AddressError("m", 7), errors.DumpError("/p", "m", 9), errors.FetchError("u", "m"),
     errors.NoIndex("/p", "m"), errors.WrongVersion("/p", 1, 2), errors.Damaged("", "m"),
     DeskError("/p", "m"), errors.BatchError("m")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_is_the_same_in_another_process(error: Exception) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert (str(again), again.__dict__) == (str(error), error.__dict__)
