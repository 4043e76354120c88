"""Check segments against look-ups and against what tries were built of, prefixes against Python."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import TOP4, TOP6, addresses4, addresses6

from rirdex.indexer import trie
from rirdex.indexer.build import build
from rirdex.query import Index, layout, open_index
from rirdex.query.segments import (
    bit_length,
    disjoint,
    lasts4,
    lasts6,
    outside_ipv4,
    prefixes4,
    prefixes6,
    segments4,
    segments6,
    shared_bits,
)  # fmt: skip

FIXTURES = Path(__file__).parent.parent / "fixtures"
_SOME = settings(max_examples=80, deadline=None)
MAPPED = range(0xFFFF << 32, 1 << 48)
# At both ends of both spaces, nested, crossing, single addresses, and around ::ffff:0:0/96.
EDGES = [
    "0.0.0.0 - 0.0.0.255", "0.0.0.0 - 0.0.0.0", "255.255.255.255 - 255.255.255.255",
    "255.255.0.0 - 255.255.255.255", "192.0.2.0 - 192.0.2.200", "192.0.2.100 - 192.0.3.3",
    "192.0.2.150 - 192.0.2.160", "192.0.2.150 - 192.0.2.155", "::/64", "::/128", "::fffe:0:0/95",
    "::ffff:c000:200/120", "::1:0:0:0/96", "2001:db8::/32", "2001:db8::/33", "2001:db8::/128",
    "2001:db8:0:0:ffff:ffff:ffff:ffff/128", "ffff::/16",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
]  # fmt: skip


def number(words: Any) -> int:
    """Return an address given as two 64-bit words."""
    return (int(words[0]) << 64) + int(words[1])


def words_of(numbers: list[int]) -> Any:
    """Return addresses as 64-bit words (n, 2)."""
    parts = [(one >> 64, one % 2**64) for one in numbers]
    return np.array(parts, np.uint64).reshape(-1, 2)


@pytest.fixture(scope="module", params=["now", "world", "leases", "edges", "nothing"])
def each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[
    Index
]:  # fmt: skip
    """Return the indexes of some fixtures, one with nets at the edges, and one without nets."""
    folder = tmp_path_factory.mktemp(request.param)
    dump = folder / "a.db"
    nets = "".join(
        f"inet{'6' * (':' in net)}num: {net}\nnetname: NET-{k}\ncountry: NL\n"
        f"status: ASSIGNED PA\nmnt-by: MNT-{k}\nsource: RIPE\n\n"
        for k, net in enumerate(EDGES if request.param == "edges" else [])
    )
    dump.write_text(nets + "organisation: ORG-A1-RIPE\norg-name: Alone\nsource: RIPE\n")
    path = FIXTURES / request.param
    build([str(path if path.is_dir() else dump)], str(folder / "index"), processes=0)
    with open_index(folder / "index") as index:
        yield index


# -- segments ---------------------------------------------------------------------------------


def check(index: Index, family: int, firsts: list[int], lasts: list[int], pieces: Any) -> None:
    """Assert that segments partition a space, are as long as can be, and answer as look-ups do."""
    top = TOP4 if family == 4 else TOP6
    assert [firsts[0], *(last + 1 for last in lasts)] == [*firsts, top + 1]
    assert (pieces[1:] != pieces[:-1]).all()
    nets = index._tables.nets
    for first, last, piece in zip(firsts, lasts, pieces.tolist(), strict=True):
        answer = piece if piece < nets else index._tables.piece_net[piece - nets]
        for address in (first, last, (first + last) // 2):
            if family == 6 and address in MAPPED:
                assert piece == -1
                continue
            kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
            assert index._piece(family, address) == piece
            assert index.match(kind(address)) == (None if piece < 0 else answer)


def test_ipv4_segments_partition_the_space_and_answer_like_a_look_up(each: Index) -> None:
    first, piece = segments4(each)
    assert [part.dtype for part in (first, piece)] == [np.uint32, np.int32]
    check(each, 4, first.tolist(), lasts4(first).tolist(), piece)


def test_ipv6_segments_partition_the_space_and_answer_like_a_look_up(each: Index) -> None:
    high, low, piece = segments6(each)
    assert [part.dtype for part in (high, low, piece)] == [np.uint64, np.uint64, np.int32]
    firsts = [number(pair) for pair in zip(high, low, strict=True)]
    lasts = [number(pair) for pair in zip(*lasts6(high, low), strict=True)]
    check(each, 6, firsts, lasts, piece)


def test_the_block_of_mapped_addresses_has_no_piece_and_what_is_around_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.db").write_text(
        "inet6num: ::/64\nnetname: A\nstatus: ASSIGNED\nmnt-by: M\nsource: RIPE\n"
    )
    build([str(tmp_path / "a.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        high, low, piece = segments6(index)
        assert piece.tolist() == [0, -1, 0, -1]
        assert [number(pair) for pair in zip(high, low, strict=True)] == [
            0, MAPPED.start, MAPPED.stop, 1 << 64,
        ]  # fmt: skip


class Built(SimpleNamespace):
    """Hold tries as an index does: `_tables` with views of the tables."""

    def __init__(self, strides: tuple[int, ...], **views: Any) -> None:
        shift4, levels4 = layout.levels(strides)
        tables = SimpleNamespace(
            shift4=shift4, levels4=levels4, view=lambda name: memoryview(views[name])
        )
        super().__init__(_tables=tables)


@settings(max_examples=25, deadline=None)  # each walks a root of 2**16 or 2**22 entries
@given(st.sets(addresses4, max_size=60), st.sampled_from([0, trie.LARGE]), st.randoms())
def test_ipv4_segments_are_those_a_trie_was_built_of(
    cuts: set[int], large: int, random: Any
) -> None:
    begins = np.array(sorted({0, *cuts}), np.int64)
    owners = np.array([random.randrange(-1, 3) for _ in begins], np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trie, "LARGE", large)
        made, strides = trie.build4(begins, owners), trie.strides_for(len(begins))
    index: Any = Built(strides, trie4_root=made.root, trie4_nodes=made.nodes)
    first, piece = segments4(index)
    new = np.append(True, owners[1:] != owners[:-1])
    assert (first.tolist(), piece.tolist()) == (begins[new].tolist(), owners[new].tolist())


@_SOME
@given(
    st.sets(addresses6 | st.sampled_from([MAPPED.start, MAPPED.stop, MAPPED.stop - 1]), max_size=9),
    st.randoms(),
)
def test_ipv6_segments_are_those_of_the_index_but_for_the_mapped_block(
    cuts: set[int], random: Any
) -> None:
    begins = sorted({0, *cuts})
    owners = [random.randrange(-1, 3) for _ in begins]
    high, low = words_of(begins).T.copy()
    index: Any = Built(
        layout.STRIDES_SMALL, trie6_hi=high, trie6_lo=low, trie6_piece=np.array(owners, np.int32)
    )
    found = segments6(index)
    starts = [number(pair) for pair in zip(found.high, found.low, strict=True)]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert (found.piece[1:] != found.piece[:-1]).all()
    for address in {*begins, *starts, TOP6, MAPPED.start, MAPPED.stop - 1, MAPPED.stop}:
        wanted = owners[max(k for k, begin in enumerate(begins) if begin <= address)]
        place = max(k for k, begin in enumerate(starts) if begin <= address)
        assert found.piece[place] == (-1 if address in MAPPED else wanted)


# -- ranges and prefixes ----------------------------------------------------------------------


@st.composite
def disjoint_ranges(draw: st.DrawFn, addresses: st.SearchStrategy[int]) -> list[tuple[int, int]]:
    """Return sorted disjoint ranges; some touch each other."""
    ends = sorted(draw(st.sets(addresses, max_size=14)))
    ranges, k = [], 0
    while k < len(ends):
        step = draw(st.integers(0, 1)) if k + 1 < len(ends) else 0
        last = ends[k + step]
        if step and k + 2 < len(ends) and draw(st.booleans()):
            last = ends[k + 2] - 1
        ranges.append((ends[k], last))
        k += step + 1
    return ranges


def summarized(ranges: list[tuple[int, int]], kind: Any) -> list[tuple[int, int, int]]:
    """Return first address, length and range of the prefixes, as the standard library has them."""
    return [
        (int(net.network_address), net.prefixlen, k)
        for k, (first, last) in enumerate(ranges)
        for net in ipaddress.summarize_address_range(kind(first), kind(last))
    ]


def found4(ranges: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    first, last = np.array(ranges, np.uint32).reshape(-1, 2).T
    found = prefixes4(first, last)
    assert [part.dtype for part in found] == [np.uint32, np.uint8, np.int32]
    return list(zip(*(part.tolist() for part in found), strict=True))


def found6(ranges: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    found = prefixes6(words_of([a for a, _ in ranges]), words_of([b for _, b in ranges]))
    assert [part.dtype for part in found] == [np.uint64, np.uint8, np.int32]
    numbers = [number(pair) for pair in found.first]
    return list(zip(numbers, found.length.tolist(), found.source.tolist(), strict=True))


WHOLE = [[], [(0, 0)], [(0, 1)], [(1, 2)]]


@pytest.mark.parametrize(
    "ranges",
    [*WHOLE, [(0, TOP4)], [(1, TOP4)], [(0, TOP4 - 1)], [(1, TOP4 - 1)], [(TOP4, TOP4)],
     [(0, 0), (TOP4, TOP4)], [(0, 1 << 31), ((1 << 31) + 1, TOP4)]],
)  # fmt: skip
def test_ipv4_ranges_at_the_edges_are_cut_as_the_standard_library_does(
    ranges: list[tuple[int, int]],
) -> None:
    assert found4(ranges) == summarized(ranges, ipaddress.IPv4Address)


@pytest.mark.parametrize(
    "ranges",
    [*WHOLE, [(0, TOP6)], [(1, TOP6)], [(0, TOP6 - 1)], [(1, TOP6 - 1)], [(TOP6, TOP6)],
     [(0, 2**64 - 1)], [(0, 2**64)], [(1, 2**64)], [(2**64 - 1, 2**64)], [(2**64, 2**65 - 1)],
     [(2**64 - 1, TOP6)], [(0, 0), (TOP6, TOP6)], [(TOP6 - 2**64 + 1, TOP6)]],
)  # fmt: skip
def test_ipv6_ranges_at_the_edges_are_cut_as_the_standard_library_does(
    ranges: list[tuple[int, int]],
) -> None:
    assert found6(ranges) == summarized(ranges, ipaddress.IPv6Address)


@_SOME
@given(disjoint_ranges(addresses4))
def test_ipv4_ranges_are_cut_as_the_standard_library_does(ranges: list[tuple[int, int]]) -> None:
    assert found4(ranges) == summarized(ranges, ipaddress.IPv4Address)


@_SOME
@given(disjoint_ranges(addresses6))
def test_ipv6_ranges_are_cut_as_the_standard_library_does(ranges: list[tuple[int, int]]) -> None:
    assert found6(ranges) == summarized(ranges, ipaddress.IPv6Address)


def test_more_ranges_than_are_cut_at_a_time_keep_their_numbers_and_their_order() -> None:
    first = np.arange(200_000, dtype=np.uint32) * np.uint32(8) + np.uint32(1)
    four = prefixes4(first, first + np.uint32(2))  # x.1, and x.2 with x.3
    assert (four.source == np.repeat(np.arange(200_000), 2)).all()
    assert (four.first.reshape(-1, 2) == np.stack([first, first + np.uint32(1)], 1)).all()
    words = np.stack([first.astype(np.uint64), np.zeros(200_000, np.uint64)], 1)
    six = prefixes6(words, words + np.array([2, 7], np.uint64))
    assert (np.diff(six.source) >= 0).all()
    assert (six.length.reshape(-1, 3) == [64, 64, 125]).all()


NEAR = [
    0, 1, 2**32 - 1, 2**32, 2**32 + 1, MAPPED.start - 1, MAPPED.start, MAPPED.start + 1,
    MAPPED.stop - 1, MAPPED.stop, MAPPED.stop + 1, 2**64 - 1, 2**64, 2**65, TOP6,
]  # fmt: skip


@_SOME
@given(disjoint_ranges(st.sampled_from(NEAR)))
def test_ranges_are_cut_at_the_blocks_of_ipv4(ranges: list[tuple[int, int]]) -> None:
    begin, end, source = outside_ipv4(
        words_of([a for a, _ in ranges]), words_of([b for _, b in ranges])
    )
    windows = [(1 << 32, MAPPED.start - 1), (MAPPED.stop, TOP6)]
    wanted = [
        (max(first, low), min(last, high), k)
        for low, high in windows
        for k, (first, last) in enumerate(ranges)
        if max(first, low) <= min(last, high)
    ]
    numbers = ([number(pair) for pair in side] for side in (begin, end))
    assert list(zip(*numbers, source.tolist(), strict=True)) == wanted
    assert disjoint(begin, end)


@pytest.mark.parametrize(
    ("ranges", "good"),
    [([], True), ([(0, 0)], True), ([(1, 0)], False), ([(0, 3), (4, 4)], True),
     ([(0, 3), (3, 4)], False), ([(5, 6), (1, 2)], False), ([(0, 9), (2, 3)], False)],
)  # fmt: skip
def test_ranges_are_disjoint_or_not(ranges: list[tuple[int, int]], good: bool) -> None:
    first, last = np.array(ranges, np.uint32).reshape(-1, 2).T
    assert disjoint(first, last) is good
    for factor in (1, 2**60, 2**64):
        words = [words_of([one * factor for one in side.tolist()]) for side in (first, last)]
        assert disjoint(*words) is good


@_SOME
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 64).map(lambda k: (1 << k) - 1)))
def test_bit_lengths_are_those_of_integers(numbers: list[int]) -> None:
    assert bit_length(np.array(numbers, np.uint64)).tolist() == [n.bit_length() for n in numbers]


@_SOME
@given(st.lists(addresses6, unique=True), st.sampled_from([1, 3, 1 << 16]))
def test_shared_bits_are_those_before_the_first_difference(numbers: list[int], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rirdex.query.segments._SLICE", size)
        found = shared_bits(tuple(words_of(numbers).T))
    pairs = pairwise(numbers)
    wanted = [-1, *(128 - (a ^ b).bit_length() for a, b in pairs)]
    assert found.tolist() == wanted[: len(numbers)]
