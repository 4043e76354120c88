"""Check flattening and both tries against filtering all nets, walking the tables as documented."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    TOP4,
    TOP6,
    Range,
    addresses4,
    addresses6,
    chain,
    probes,
    ranges4,
    ranges6,
)  # fmt: skip

from rirdex.indexer import trie
from rirdex.indexer.hierarchy import Forest, compress, nest, nesting_order
from rirdex.indexer.scan import Ints
from rirdex.indexer.trie import Trie4, Trie6, build4, build6, flatten
from rirdex.query import layout

_SOME = settings(max_examples=60, deadline=None)
_ANCHOR = 0x20010DB8 << 96
Ranges = Sequence[tuple[int, int]]


# -- walking and building ---------------------------------------------------------------------


def walk4(made: Trie4, strides: Sequence[int], address: int) -> int:
    """Return the entry that answers for an IPv4 address."""
    shift = 32 - strides[0]
    entry = int(made.root[address >> shift])
    for bits in strides[1:]:
        if entry >= -1:
            break
        shift -= bits
        entry = int(made.nodes[-entry + (address >> shift) % (1 << bits)])
    return entry


def walk6(made: Trie6, address: int) -> int:
    """Return the entry that answers for an IPv6 address."""
    shift, entry = 112, int(made.root[address >> 112])
    if layout.BUCKETS < entry <= layout.WIDE:
        shift = 96
        entry = int(made.wide[layout.WIDE - entry + (address >> shift) % (1 << 16)])
    while layout.BUCKETS < entry < -1:
        shift -= 8
        entry = int(made.nodes[-entry + (address >> shift) % 256])
    if entry >= -1:
        return entry
    deep = entry <= layout.DEEP
    first, inside = divmod(layout.BUCKETS - entry, layout.ROOM)
    first, behind = (layout.DEEP - entry, len(made.high)) if deep else (first, first + inside + 2)
    begins = [(int(made.high[k]) << 64) + int(made.low[k]) for k in range(first, behind)]
    return int(made.piece[first + sum(begin <= address for begin in begins) - 1])


def nested(first: Ints, last: Ints) -> tuple[Forest, Ints]:
    """Nest nets that no rank tells apart; return the forest and the row of each of its nets."""
    order = nesting_order(first, last, lambda which: [which])
    low, high = first[order], last[order]
    return nest(low, high, lambda which: [(low - high)[which], low[which]]), order


def segments4(ranges: Ranges) -> tuple[Ints, Ints, Ints]:
    """Return where segments begin, the pieces that own them, and the nets of pieces."""
    first, last = np.array(ranges, np.int64).reshape(-1, 2).T
    forest, order = nested(first, last)
    begins, owners = flatten(forest, np.arange(len(forest.net)), 1 << 32)
    return begins, owners, np.append(order[forest.net], -1)


def nets6(ranges: Ranges) -> tuple[Trie6, Ints]:
    """Build a trie whose entries are pieces; return it and the nets of pieces."""
    words = [
        (
            np.array([b >> 64 for b in side], np.uint64),
            np.array([b % 2**64 for b in side], np.uint64),
        )
        for side in zip(*ranges, strict=True)
    ]
    first, last, (high, low) = compress(words[0], words[1])
    order = nesting_order(first, last, lambda which: [which])
    opening = first[order]
    # What is larger is decided by the addresses, not by the ranks of borders.
    sizes = [ranges[k][1] - ranges[k][0] for k in order]
    larger = np.array([sorted(set(sizes), reverse=True).index(size) for size in sizes])
    forest = nest(opening, last[order], lambda which: [larger[which], opening[which]])
    begins, owners = flatten(forest, np.arange(len(forest.net)), len(high))
    high, low = high[begins], low[begins]
    if not len(high) or high[0] or low[0]:
        high, low = (np.insert(words, 0, np.uint64(0)) for words in (high, low))
        owners = np.insert(owners, 0, -1)
    return build6(high, low, owners), np.append(order[forest.net], -1)


def check4(ranges: Ranges, others: Sequence[int]) -> Trie4:
    """Build an IPv4 trie and assert that it answers like the oracle."""
    begins, owners, net = segments4(ranges)
    made, strides = build4(begins, owners), trie.strides_for(len(begins))
    assert len(made.root) == 1 << strides[0]
    for address in probes([Range(*r) for r in ranges], TOP4, others):
        row = net[walk4(made, strides, address)]
        assert (ranges[row] if row >= 0 else None) == innermost(ranges, address)
    return made


def check6(ranges: Ranges, others: Sequence[int]) -> None:
    """Build an IPv6 trie and assert that it answers like the oracle."""
    made, net = nets6(ranges)
    for address in probes([Range(*r) for r in ranges], TOP6, others):
        row = net[walk6(made, address)]
        assert (ranges[row] if row >= 0 else None) == innermost(ranges, address)


def innermost(ranges: Ranges, address: int) -> tuple[int, int] | None:
    """Return the range of the last net of an address's chain."""
    found = chain([Range(*r) for r in ranges], address)
    return ranges[found[-1]] if found else None


# -- against the oracle -----------------------------------------------------------------------


@_SOME
@given(st.lists(ranges4, max_size=16), st.lists(addresses4, max_size=9))
def test_the_ipv4_trie_answers_with_the_last_of_the_chain(
    ranges: list[tuple[int, int]], others: list[int]
) -> None:
    check4(ranges, others)


@_SOME
@given(
    st.lists(ranges6, min_size=1, max_size=30), st.lists(addresses6, max_size=9),
    st.sampled_from([0, 1, 3, layout.CROWD]), st.sampled_from([0, 2, trie.BUSY]),
)  # fmt: skip
def test_the_ipv6_trie_answers_with_the_last_of_the_chain(
    ranges: list[tuple[int, int]], others: list[int], crowd: int, busy: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trie, "BUSY", busy)
        patch.setattr(layout, "CROWD", crowd)
        check6(ranges, others)


def _random_ranges(random: Random, count: int) -> list[tuple[int, int]]:
    """Return ranges of the space of positions below 500 that cross, nest and repeat."""
    lows = [random.randrange(400) for _ in range(count)]
    return [(low, low + random.choice([0, 1, 3, random.randrange(100)])) for low in lows]


@pytest.mark.parametrize("large", [0, trie.LARGE])
@pytest.mark.parametrize("unit", [1, 1 << 7, 1 << 8, 1 << 16, 1 << 23])
def test_the_ipv4_trie_answers_where_hundreds_of_nets_cross(
    unit: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trie, "LARGE", large)
    strides = layout.STRIDES_SMALL if large else layout.STRIDES_LARGE
    found = _random_ranges(Random(unit), 150)
    made = check4([(a * unit, (b + 1) * unit - 1) for a, b in found], [])
    assert len(made.root) == 1 << strides[0]


@pytest.mark.parametrize("crowd", [0, layout.CROWD])
@pytest.mark.parametrize("unit", [1, 1 << 55, 1 << 64, 1 << 72, 1 << 88, 1 << 119])
def test_the_ipv6_trie_answers_where_hundreds_of_nets_cross(
    unit: int, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "CROWD", crowd)
    base = _ANCHOR if unit < 1 << 119 else 0
    found = _random_ranges(Random(unit), 150)
    check6([(base + a * unit, base + (b + 1) * unit - 1) for a, b in found], [])


# -- the shape of the tables ------------------------------------------------------------------


@_SOME
@given(st.lists(ranges4, max_size=16))
def test_segments_begin_at_zero_ascend_and_change_owner(ranges: list[tuple[int, int]]) -> None:
    begins, owners, _ = segments4(ranges)
    assert begins[0] == 0
    assert (np.diff(begins) > 0).all()
    assert (np.diff(owners) != 0).all()


def test_neighbours_that_pass_on_to_one_owner_are_one_segment() -> None:
    first, last = np.array([[0, 99], [10, 19], [20, 29], [40, 49]], np.int64).T
    forest, _ = nested(first, last)
    begins, owners = flatten(forest, np.array([7, 7, 7, 9]), 200)
    assert (begins.tolist(), owners.tolist()) == ([0, 40, 50, 100], [7, 9, 7, -1])


def test_only_slots_in_which_something_begins_need_a_node() -> None:
    whole = [(k << 16, (k + 1 << 16) - 1) for k in range(0, 90, 3)]
    assert len(check4(whole, []).nodes) == 2  # the unused ones
    inside = [(first, last - 1) for first, last in whole]
    assert len(check4(inside, []).nodes) == 2 + 30 * sum(1 << n for n in layout.STRIDES_SMALL[1:])


@pytest.mark.parametrize("crowd", [2, 4, 16])
def test_a_stretch_with_few_segments_is_a_bucket_and_a_crowded_one_a_node(
    crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "CROWD", crowd)
    for count in (crowd // 2, crowd):
        ranges = [
            (_ANCHOR + (2 * k + 1 << 80), _ANCHOR + (2 * k + 2 << 80) - 1) for k in range(count)
        ]
        made, _ = nets6(ranges)
        assert (len(made.nodes) == 2) == (2 * count <= crowd)


def test_what_is_cut_below_bit_64_is_a_bucket_however_crowded_it_is() -> None:
    made, _ = nets6([(_ANCHOR + 2 * k, _ANCHOR + 2 * k) for k in range(1000)])
    assert [entry for entry in made.nodes.tolist() if entry <= layout.DEEP] == [layout.DEEP - 1]
    # Six levels lead down to bit 64, each with one node, before the bucket is reached.
    assert len(made.nodes) == 2 + 6 * 256


@pytest.mark.parametrize("strides", [layout.STRIDES_LARGE, layout.STRIDES_SMALL])
def test_the_strides_of_an_ipv4_trie_make_up_an_address(strides: tuple[int, ...]) -> None:
    assert sum(strides) == 32


def test_tries_without_nets_answer_nothing() -> None:
    zero = np.zeros(1, np.uint64)
    assert walk4(build4(np.zeros(1, np.int64), np.full(1, -1)), trie.strides_for(1), 5) == -1
    assert walk6(build6(zero, zero, np.full(1, -1)), 5) == -1
