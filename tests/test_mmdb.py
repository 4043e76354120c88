"""Read MaxMind DB files back with MaxMind's own readers, and walk them byte by byte."""

from __future__ import annotations

import io
import ipaddress
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import TOP4, TOP6, addresses4, addresses6

from rirdex.query import mmdb
from rirdex.query.errors import Error
from rirdex.query.mmdb import MmdbError, Summary, write_mmdb

maxminddb = pytest.importorskip("maxminddb")

_SOME = settings(max_examples=80, deadline=None)
MODES = [maxminddb.MODE_MMAP_EXT, maxminddb.MODE_FILE]
MARKER = b"\xab\xcd\xefMaxMind.com"
MAPPED = range(0xFFFF << 32, 1 << 48)
LOW = range(1 << 32)  # ::/96
Range = tuple[int, int, int]  # first, last, entry
Columns = dict[str, tuple[Sequence[mmdb.Value], list[int]]]
ONE: Columns = {"name": (["a", "b", "c"], [0, 1, 2])}


class Case(NamedTuple):
    """Hold ranges and columns as Python has them."""

    four: list[Range]
    six: list[Range]
    columns: Columns


def words_of(numbers: list[int]) -> Any:
    """Return addresses as 64-bit words (n, 2)."""
    return np.array([(one >> 64, one % 2**64) for one in numbers], np.uint64).reshape(-1, 2)


def written(case: Case, **options: Any) -> tuple[bytes, Summary]:
    """Write a file; return it and the summary."""
    four = np.array(case.four, np.int64).reshape(-1, 3).T
    first, last, entry = zip(*case.six, strict=True) if case.six else ((), (), ())
    stream = io.BytesIO()
    about: dict[str, Any] = {"kind": "rirdex-Test", "description": "A test", "built": 1700000000}
    summary = write_mmdb(
        stream,
        (four[0].astype(np.uint32), four[1].astype(np.uint32), four[2].astype(np.int32)),
        (words_of(list(first)), words_of(list(last)), np.array(entry, np.int32)),
        {name: (values, np.array(c, np.int32)) for name, (values, c) in case.columns.items()},
        **(about | options),
    )
    return stream.getvalue(), summary


def record(case: Case, entry: int) -> dict[str, Any]:
    """Return the record of an entry as a reader is to give it."""
    found = {}
    for name, (values, codes) in case.columns.items():
        if codes[entry] >= 0:
            value = values[codes[entry]]
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def wanted(case: Case) -> Counter[tuple[str, str]]:
    """Return prefixes with records that iteration is to give, from the standard library alone."""
    found: Counter[tuple[str, str]] = Counter()
    for first, last, entry in case.four:
        kind4 = ipaddress.IPv4Address
        nets: list[Any] = list(ipaddress.summarize_address_range(kind4(first), kind4(last)))
        if nets[0].prefixlen == 0:
            nets = list(nets[0].subnets())
        found.update((str(net), repr(record(case, entry))) for net in nets)
    for first, last, entry in case.six:
        for low, high in [(LOW.stop, MAPPED.start - 1), (MAPPED.stop, TOP6)]:
            begin, end = max(first, low), min(last, high)
            if begin <= end:
                kind6 = ipaddress.IPv6Address
                nets = list(ipaddress.summarize_address_range(kind6(begin), kind6(end)))
                found.update((str(net), repr(record(case, entry))) for net in nets)
    return found


def look_up(case: Case, address: int, family: int) -> tuple[dict[str, Any] | None, int | None]:
    """Return the record for an address and the length of its prefix, None where none is there."""
    if family == 6 and (address in LOW or address in MAPPED):
        value, length = look_up(case, address % 2**32, 4)
        return value, None if length is None else length + 96
    lowest, highest = 0, TOP4
    if family == 6:
        between = address < MAPPED.start
        lowest, highest = (LOW.stop, MAPPED.start - 1) if between else (MAPPED.stop, TOP6)
    for first, last, entry in case.four if family == 4 else case.six:
        if first <= address <= last:
            begin, end = max(first, lowest), min(last, highest)
            bits = 32 if family == 4 else 128
            # The largest prefix around the address that the range contains.
            free = max(k for k in range(bits + 1) if begin <= address >> k << k and
                       (address >> k << k) + (1 << k) - 1 <= end)  # fmt: skip
            return record(case, entry), bits - free
    return None, None


def check(path: Path, case: Case, **options: Any) -> Summary:
    """Write a file and assert everything that is to hold for it."""
    data, summary = written(case, **options)
    assert written(case, **options)[0] == data
    path.write_bytes(data)
    right = wanted(case)
    assert Counter(walk(data, summary)) == Counter(net for net, _ in right.elements())
    for mode in MODES:
        with maxminddb.open_database(path, mode) as reader:
            about = reader.metadata()
            assert about.node_count == summary.nodes
            assert about.record_size == summary.record_size
            # The readers take a prefix that begins at ::1:0:0 for one of IPv4, and fail.
            if not any(first <= LOW.stop <= last for first, last, _ in case.six):
                found = [(str(net), repr(value)) for net, value in reader]
                assert len(found) == summary.prefixes
                assert Counter(found) == right
            for family, ranges, top in [(4, case.four, TOP4), (6, case.six, TOP6)]:
                probes = {0, top, 1 << 31, MAPPED.start, MAPPED.stop - 1, MAPPED.stop, LOW.stop}
                ends = {end for first, last, _ in ranges for end in (first, last)}
                probes |= {end + step for end in ends for step in (-1, 0, 1)}
                if family == 6:
                    inner = {end for first, last, _ in case.four for end in (first, last)}
                    probes |= inner | {MAPPED.start + end for end in inner}
                for probe in sorted(p for p in probes if 0 <= p <= top):
                    agree(reader, case, probe, family)
    return summary


def agree(reader: Any, case: Case, address: int, family: int) -> None:
    """Assert that a reader finds what is to be found for an address."""
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    value, length = reader.get_with_prefix_len(str(kind(address)))
    right, free = look_up(case, address, family)
    if free == 0:
        free = 1  # all of IPv4 is two prefixes
    elif free == 96 and family == 6 and (address in LOW or address in MAPPED):
        free = 97
    assert (value, length if value is not None else None) == (right, free)


# -- walking a file as the specification says -------------------------------------------------


def control(data: bytes, at: int) -> tuple[int, int, int]:
    """Return kind, size and the place behind; of a pointer the size is where it leads."""
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 1:
        wide = (size >> 3) + 1
        bias = (0, 2048, 526336, 0)[wide - 1]
        value = int.from_bytes(data[at : at + wide], "big")
        if wide < 4:
            value += (size & 7) << 8 * wide
        else:
            assert size & 7 == 0
        return kind, value + bias, at + wide
    if kind == 0:
        kind, at = data[at] + 7, at + 1
    if size >= 29:
        wide = size - 28
        size = (29, 285, 65821)[wide - 1] + int.from_bytes(data[at : at + wide], "big")
        at += wide
    return kind, size, at


def skip(data: bytes, at: int, depth: int, starts: set[int], pointers: set[int]) -> int:
    """Read a value of a data section; return the place behind. Note values and pointers."""
    begin = at
    kind, size, at = control(data, at)
    if kind == 1:
        pointers.add(size)
        return at
    starts.add(begin)
    assert depth < 3
    if kind in (7, 11):
        for _ in range(size * (2 if kind == 7 else 1)):
            at = skip(data, at, depth + 1, starts, pointers)
        return at
    assert kind in (2, 5, 6, 9, 10)
    if kind == 2:
        data[at : at + size].decode()
    return at + size


def record_of(data: bytes, node: int, side: int, bits: int) -> int:
    """Return a record of a node."""
    both = int.from_bytes(data[node * bits // 4 : (node + 1) * bits // 4], "big")
    if bits == 28:
        left, middle, right = both >> 32, both >> 24 & 255, both & 0xFFFFFF
        return (middle & 15) << 24 | right if side else middle >> 4 << 24 | left
    return both & (1 << bits) - 1 if side else both >> bits


def walk(data: bytes, summary: Summary) -> list[str]:
    """Assert what a verifier does: each node is reached once, each record of the data section is
    reached and read whole, pointers lead backwards to values, nothing is between or behind.

    Return the prefixes that have a record.
    """
    assert len(data) == summary.size
    nodes, bits = summary.nodes, summary.record_size
    tree = nodes * bits // 4
    assert data[tree : tree + 16] == bytes(16)
    end = data.rfind(MARKER)
    assert len(data) - end < 128 << 10
    section = data[tree + 16 : end]
    at, records, starts, pointers = 0, set[int](), set[int](), set[int]()
    while at < len(section):
        records.add(at)
        assert control(section, at)[0] == 7
        behind = skip(section, at, 0, starts, pointers)
        assert all(pointer < behind for pointer in pointers)
        at = behind
    assert at == len(section)
    assert pointers <= starts - records
    reached: Counter[int] = Counter()
    leaves, found = set(), []
    todo = [(0, 0, 0)]
    while todo:
        node, prefix, length = todo.pop()
        reached[node] += 1
        if reached[node] > 1:
            assert (prefix, length) == (0xFFFF, 96)  # only the root of the IPv4 tree
            continue
        for side in (1, 0):
            value, below = record_of(data, node, side, bits), prefix << 1 | side
            if value < nodes:
                todo.append((value, below, length + 1))
            elif value > nodes:
                leaves.add(value - nodes - 16)
                found.append((below << 127 - length, length + 1))
    assert set(reached) == set(range(nodes))
    assert leaves == records
    assert (len(records), len(found)) == (summary.records, summary.prefixes)
    return [
        str(ipaddress.IPv4Network((first, length - 96)) if first < LOW.stop
            else ipaddress.IPv6Network((first, length)))
        for first, length in found
    ]  # fmt: skip


# -- metadata ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_metadata_are_as_they_were_given(mode: int, tmp_path: Path) -> None:
    case = Case([(0, 255, 0)], [], ONE)
    data, summary = written(
        case, kind="rirdex-Nets", description="Wer hält es?", built=1764000000,
        languages=("de", "ja"),
    )  # fmt: skip
    (tmp_path / "a.mmdb").write_bytes(data)
    with maxminddb.open_database(tmp_path / "a.mmdb", mode) as reader:
        about = reader.metadata()
    assert about.binary_format_major_version == 2
    assert about.binary_format_minor_version == 0
    assert about.build_epoch == 1764000000
    assert about.database_type == "rirdex-Nets"
    assert about.languages == ["de", "ja"]
    assert about.description == {"de": "Wer hält es?"}
    assert about.ip_version == 6
    assert (about.record_size, about.node_count) == (24, summary.nodes)


def test_without_languages_the_description_is_english() -> None:
    data, _ = written(Case([], [], {}), languages=())
    assert b"\x42enFA test" in data


# -- ranges -----------------------------------------------------------------------------------

AT_THE_EDGES: list[tuple[list[Range], list[Range]]] = [
    ([], []),
    ([(0, TOP4, 0)], []),
    ([], [(0, TOP6, 0)]),
    ([(0, TOP4, 0)], [(0, TOP6, 0)]),
    ([(0, TOP4, 0)], [(0, TOP6, 1)]),
    ([(0, 0, 0)], []),
    ([(TOP4, TOP4, 0)], [(TOP6, TOP6, 1)]),
    ([(0, 0, 0), (TOP4, TOP4, 0)], [(0, 0, 1), (TOP6, TOP6, 0)]),
    ([(1, TOP4 - 1, 2)], [(1, TOP6 - 1, 1)]),
    ([(0, (1 << 31) - 1, 0), (1 << 31, TOP4, 0)], []),
    ([(0, (1 << 31) - 1, 0), (1 << 31, TOP4, 1)], [(LOW.stop, LOW.stop, 2)]),
    ([(7, 9, 1)], [(MAPPED.start, MAPPED.stop - 1, 0)]),
    ([], [(MAPPED.start, MAPPED.stop - 1, 0)]),
    ([], [(5, 6, 0), (MAPPED.start + 1, MAPPED.start + 2, 1)]),
    ([(7, 9, 1)], [(LOW.stop - 1, LOW.stop, 0), (MAPPED.start - 1, MAPPED.stop, 2)]),
    ([], [(0, 1 << 33, 0), ((1 << 33) + 1, 2**64 - 1, 1), (2**64, 2**64, 2)]),
    ([(7, 9, 1)], [(1 << 127, TOP6, 0)]),
]


@pytest.mark.parametrize("ranges", AT_THE_EDGES)
@pytest.mark.parametrize("bits", [24, 28, 32])
def test_ranges_at_the_edges_are_found_again(
    ranges: tuple[list[Range], list[Range]], bits: int, tmp_path: Path
) -> None:
    summary = check(tmp_path / "a.mmdb", Case(*ranges, ONE), _at_least=bits)
    assert summary.record_size == bits


@st.composite
def ranges_of(draw: st.DrawFn, addresses: st.SearchStrategy[int]) -> list[Range]:
    """Return sorted disjoint ranges with one of four entries; some touch each other."""
    ends = sorted(draw(st.sets(addresses, max_size=12)))
    found, k = [], 0
    while k < len(ends):
        wide = k + 1 < len(ends) and draw(st.booleans())
        last = ends[k + 1] - draw(st.integers(0, 1)) if wide else ends[k]
        found.append((ends[k], last, draw(st.integers(0, 3))))
        k += 1 + (wide and last == ends[k + 1])
    return found


NEAR6 = st.sampled_from(
    [end + step for end in (0, LOW.stop, MAPPED.start, MAPPED.stop, 1 << 64, TOP6)
     for step in (-1, 0, 1) if 0 <= end + step <= TOP6]
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
NUMBERS = st.integers(0, 2**128 - 1) | st.sampled_from([0, 255, 256, 2**32 - 1, 2**32, 2**64 - 1])
VALUES = st.one_of(TEXTS, NUMBERS, st.lists(TEXTS | NUMBERS, max_size=4).map(tuple))


@st.composite
def columns_of(draw: st.DrawFn) -> Columns:
    """Return columns for four entries, with members that are absent."""
    found: Columns = {}
    for name in draw(st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=4)):
        values = draw(st.lists(VALUES, max_size=4))
        codes = st.integers(-1, len(values) - 1)
        found[name] = (values, draw(st.lists(codes, min_size=4, max_size=4)))
    return found


def replaced(case: Case) -> Case:
    """Return a case with the texts as they can be stored."""

    def stored(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode(errors="replace").decode()
        return tuple(map(stored, value)) if isinstance(value, tuple) else value

    columns: Columns = {
        name: ([stored(value) for value in values], codes)
        for name, (values, codes) in case.columns.items()
    }
    return Case(case.four, case.six, columns)


@_SOME
@given(
    ranges_of(addresses4), ranges_of(addresses6 | NEAR6), columns_of(),
    st.sampled_from([24, 28, 32]),
)  # fmt: skip
def test_random_ranges_and_records_are_found_again(
    tmp_path_factory: pytest.TempPathFactory,
    four: list[Range],
    six: list[Range],
    columns: Columns,
    bits: int,
) -> None:
    case = Case(four, six, columns)
    path = tmp_path_factory.getbasetemp() / "random.mmdb"
    assert written(case)[0] == written(replaced(case))[0]
    check(path, replaced(case), _at_least=bits)


@_SOME
@given(ranges_of(NEAR6), ranges_of(addresses4), st.booleans())
def test_ranges_around_the_blocks_of_ipv4_are_cut(
    tmp_path_factory: pytest.TempPathFactory, six: list[Range], four: list[Range], mixed: bool
) -> None:
    columns: Columns = {"name": (["a", "b"], [0, 1, 0, -1])}
    case = Case(four if mixed else [], six, columns)
    check(tmp_path_factory.getbasetemp() / "near.mmdb", case)


@pytest.mark.parametrize("mode", MODES)
def test_a_mapped_address_answers_as_its_ipv4_address(mode: int, tmp_path: Path) -> None:
    data, _ = written(Case([(0xC0000200, 0xC00002FF, 1)], [(0, TOP6, 0)], ONE))
    (tmp_path / "a.mmdb").write_bytes(data)
    with maxminddb.open_database(tmp_path / "a.mmdb", mode) as reader:
        assert reader.get_with_prefix_len("192.0.2.9") == ({"name": "b"}, 24)
        assert reader.get_with_prefix_len("::ffff:192.0.2.9") == ({"name": "b"}, 120)
        assert reader.get_with_prefix_len("::192.0.2.9") == ({"name": "b"}, 120)
        assert reader.get("::ffff:192.0.3.9") is None
        assert reader.get("::fffe:192.0.2.9") == {"name": "a"}


def test_a_file_without_ranges_is_valid_and_answers_nothing(tmp_path: Path) -> None:
    empty: list[Columns] = [{}, ONE, {"name": ([], [])}]
    for columns in empty:
        summary = check(tmp_path / "a.mmdb", Case([], [], columns))
        assert summary[:4] == (1, 24, 0, 0)


# -- records ----------------------------------------------------------------------------------


def each_address(count: int) -> list[Range]:
    """Return a range of one address for each entry, no two of which touch."""
    return [(3 * k, 3 * k, k) for k in range(count)]


LENGTHS = [0, 1, 28, 29, 30, 284, 285, 286, 540, 541, 65820, 65821, 65822, 70000, 200_000]


def test_texts_of_all_lengths_are_read_back(tmp_path: Path) -> None:
    texts = [f"{k:x}" * length for k, length in enumerate(LENGTHS)]
    codes = [*range(len(texts)), *range(len(texts))]
    other = [k % 3 - 1 for k in range(len(codes))]
    columns: Columns = {"text": (texts, codes), "more": (["x", "y"], other)}
    check(tmp_path / "a.mmdb", Case(each_address(len(codes)), [], columns))


def test_arrays_of_all_lengths_are_read_back(tmp_path: Path) -> None:
    arrays: list[mmdb.Value] = [(), (1,), ("a", 2)]
    arrays += [tuple(range(size)) for size in (28, 29, 300)]
    arrays.append((0,) * 60_000)  # readers refuse maps of more than 65,536 values
    codes = [*range(len(arrays)), *range(len(arrays))]
    check(tmp_path / "a.mmdb", Case(each_address(len(codes)), [], {"array": (arrays, codes)}))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, b"\xc0"), (1, b"\xc1\x01"), (255, b"\xc1\xff"), (2**32 - 1, b"\xc4\xff\xff\xff\xff"),
        (2**32, b"\x05\x02\x01\x00\x00\x00\x00"), (2**64, b"\x09\x03\x01" + bytes(8)),
        ("", b"\x40"), ("ä", b"\x42\xc3\xa4"), ("a" * 28, b"\x5c" + b"a" * 28),
        ("a" * 29, b"\x5d\x00" + b"a" * 29), ("a" * 285, b"\x5e\x00\x00" + b"a" * 285),
        ("a" * 65821, b"\x5f\x00\x00\x00" + b"a" * 65821), ("\udc80x", b"\x42?x"),
        ((), b"\x00\x04"), (("a", 1), b"\x02\x04\x41a\xc1\x01"),
        ((0,) * 29, b"\x1d\x04\x00" + b"\xc0" * 29),
        ((0,) * 65821, b"\x1f\x04\x00\x00\x00" + b"\xc0" * 65821),
    ],
)  # fmt: skip
def test_values_are_encoded_as_the_specification_says(value: mmdb.Value, encoded: bytes) -> None:
    data, summary = written(Case([(0, 0, 0)], [], {"n": ([value], [0])}))
    tree = summary.nodes * 6 + 16
    assert data[tree : data.rfind(MARKER)] == b"\xe1\x41n" + encoded


def test_a_value_stands_once_and_equal_records_are_one() -> None:
    columns: Columns = {"a": (["value", "other"], [0, 0, 1, 0]), "b": ([1, 2], [0, 1, 0, 0])}
    data, summary = written(Case(each_address(4), [], columns))
    assert data.count(b"value") == 1
    assert data.count(b"\x41a") == data.count(b"\x41b") == 1
    assert summary.records == 3


def test_records_that_only_share_a_hash_stay_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mmdb, "_ODD", np.uint64(0))
    codes = [0, 1, 0, 1, 2, 0]
    columns: Columns = {"a": (["x", "y", "z"], codes)}
    summary = check(tmp_path / "a.mmdb", Case(each_address(6), [], columns))
    assert summary.records == 4  # those like the first are one


def test_entries_that_no_range_has_are_not_written(tmp_path: Path) -> None:
    case = Case([(4, 5, 1)], [(3, 9, 2), (MAPPED.start, MAPPED.start, 0)], ONE)
    summary = check(tmp_path / "a.mmdb", case)
    assert summary.records == 1
    assert b"\x41a" not in written(case)[0].partition(MARKER)[0]


@pytest.mark.parametrize("count", [28, 29, 30, 284])
def test_records_of_many_columns_are_read_back(count: int, tmp_path: Path) -> None:
    codes = [[0, 0, k % 2 - 1] for k in range(count)]
    columns: Columns = {f"c{k}": ([k, "x"], codes[k]) for k in range(count)}
    check(tmp_path / "a.mmdb", Case(each_address(3), [], columns))


@pytest.mark.parametrize("slice_bytes", [1, 5000, 1 << 22])
def test_pointers_of_every_width_are_read_back(
    slice_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values lie on both sides of bytes 2,048 and 526,336, close together."""
    monkeypatch.setattr(mmdb, "_SLICE_BYTES", slice_bytes)
    monkeypatch.setattr(mmdb, "_SLICE", 700)
    texts = [f"{k:04}" + "x" * (k % 240) for k in range(5000)]
    codes = [*range(5000), *range(0, 5000, 7)]
    other = [k % 40 for k in range(len(codes))]
    late = [-1] * 5000 + [k % 2 for k in range(len(codes) - 5000)]
    columns: Columns = {
        "a": (texts, codes), "b": ([f"b{k}" for k in range(40)], other), "late": (["x", 7], late),
    }  # fmt: skip
    check_few(tmp_path / "a.mmdb", Case(each_address(len(codes)), [], columns))


def test_pointers_behind_128_mib_are_read_back(tmp_path: Path) -> None:
    long = [f"{k:02}" * 900_000 for k in range(76)]  # readers refuse records of more than 2 MiB
    columns: Columns = {
        "long": (long, [*range(76), -1, -1, 75]), "a": (["x", "y"], [0] * 76 + [1, 1, 1]),
        "late": ([5], [-1] * 76 + [0, 0, 0]),
    }  # fmt: skip
    case = Case(each_address(79), [], columns)
    data, summary = written(case)
    assert summary.record_size == 28
    assert b"\x38\x08" in data[-300:]  # pointers of 5 bytes
    walk(data, summary)
    (tmp_path / "a.mmdb").write_bytes(data)
    with maxminddb.open_database(tmp_path / "a.mmdb", MODES[0]) as reader:
        for first, _, entry in case.four:
            assert reader.get(str(ipaddress.IPv4Address(first))) == record(case, entry)


def check_few(path: Path, case: Case) -> None:
    """Walk a large file and read every record once in each mode."""
    data, summary = written(case)
    walk(data, summary)
    path.write_bytes(data)
    for mode in MODES:
        with maxminddb.open_database(path, mode) as reader:
            for first, _, entry in case.four:
                assert reader.get(str(ipaddress.IPv4Address(first))) == record(case, entry)


@pytest.mark.parametrize(("size", "bits"), [(1 << 24, 24), (1 << 24, 28)])
def test_a_record_is_as_wide_as_the_largest_offset_asks(size: int, bits: int) -> None:
    """The last record begins at the last offset that fits, or one behind it."""
    count = written(Case(each_address(2), [], {"a": (["", ""], [0, 1])}))[1].nodes
    offset = size - 1 - count - 16 + (bits > 24)
    # A map, the name, 4 bytes of control and the text.
    columns: Columns = {"a": (["x" * (offset - 7), "y"], [0, 1])}
    data, summary = written(Case(each_address(2), [], columns))
    assert (summary.nodes, summary.record_size) == (count, bits)
    walk(data, summary)


# -- what cannot be written -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("four", "six", "columns", "message"),
    [
        ([(5, 4, 0)], [], ONE, "not sorted and disjoint"),
        ([(5, 9, 0), (9, 10, 1)], [], ONE, "not sorted and disjoint"),
        ([], [(1 << 80, 1 << 81, 0), (1 << 70, 1 << 71, 0)], ONE, "not sorted and disjoint"),
        ([(1, 2, 3)], [], ONE, "a code for every entry"),
        ([(1, 2, -1)], [], ONE, "a code for every entry"),
        ([], [], {"a": ([1], [0]), "b": ([1], [0, 0])}, "a code for every entry"),
        ([(1, 2, 0)], [], {"a": (["x"], [1])}, "column 'a': a code is no place in its 1 values"),
        ([(1, 2, 0)], [], {"a": (["x"], [-2])}, "column 'a': a code is no place"),
        ([(1, 2, 0)], [], {"a": ([-1], [0])}, "-1 is no unsigned integer"),
        ([(1, 2, 0)], [], {"a": ([1 << 128], [0])}, "no unsigned integer of at most 128 bits"),
        ([(1, 2, 0)], [], {"a": (["x" * 16_843_037], [0])}, "16,843,037 is too long: at most"),
        ([], [], {f"c{k}": ([], []) for k in range(285)}, "285 columns are too many"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_anything_is(
    four: list[Range], six: list[Range], columns: Columns, message: str
) -> None:
    with pytest.raises(MmdbError, match=message) as caught:
        written(Case(four, six, columns))
    assert isinstance(caught.value, Error)
    assert isinstance(caught.value, ValueError)


def test_the_longest_text_is_written() -> None:
    text = "x" * 16_843_036
    data, summary = written(Case([(1, 2, 0)], [], {"a": ([text], [0])}))
    assert data[summary.nodes * 6 + 19 :][:4] == b"\x5f\xff\xff\xff"


def test_more_than_32_bits_of_record_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MmdbError, match="does not fit the 32 bits of a record"):
        written(Case(each_address(2), [], ONE), _at_least=33)
