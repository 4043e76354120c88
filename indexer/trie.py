"""Flatten nested pieces into segments, and segments into longest-prefix-match tries.

IPv4: a root table over the first bits of an address, then levels of nodes for 3 or 4 bits each
(`layout.STRIDES_LARGE`, `STRIDES_SMALL`). An entry >= 0 is the piece that answers, -1 is
nothing, anything below is a node: its entries begin at -2 - entry. Where the dump is large so is
the root, and one memory access answers most addresses; a small index stays small.

IPv6: a root over 16 bits, nodes of 256 entries for 8 bits each, down to bit 64 of the address.
A stretch in which few segments begin (at most `CROWD`), or that is cut below bit 64, is a
bucket instead of a node: a run of segments to search by bisection. That bounds the memory by
the number of segments whatever the addresses are. The entries of a node begin at -2 - entry, as
in the IPv4 trie; an entry of `layout.BUCKETS` or below is bucket `layout.BUCKETS` - entry.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .hierarchy import Forest
from .scan import Ints

LARGE: Final = 100_000  # segments from which a root of 16 MB is worth it
CROWD: Final = 16
Entries = NDArray[np.int32]
Words = NDArray[np.uint64]


class Trie4(NamedTuple):
    """Hold the IPv4 trie: the root table and all nodes behind each other (int32)."""

    root: Entries
    nodes: Entries


class Trie6(NamedTuple):
    """Hold the IPv6 trie: root and nodes (int32), buckets, and the segments they search.

    ``buckets`` (uint32) are pairs: the first segment of a run and the one behind it. Segment i
    begins at address ``high[i] << 64 | low[i]`` and is answered by ``piece[i]``.
    """

    root: Entries
    nodes: Entries
    buckets: NDArray[np.uint32]
    high: Words
    low: Words
    piece: Entries


def flatten(forest: Forest, owner: Ints, end: int) -> tuple[Ints, Ints]:
    """Cut the positions 0 .. end - 1 into segments; return where each begins and who owns it.

    A border belongs to the smallest piece that begins there, else to what lies around the widest
    piece that ended there. ``owner`` translates pieces (-1 stays); neighbours with one owner are
    one segment.
    """
    ended = forest.last + 1
    begins = np.sort(np.concatenate([np.zeros(1, np.int64), forest.first, ended]))
    # Not np.unique, which goes through a hash table here: eight times as long.
    begins = begins[np.concatenate([np.ones(1, bool), begins[1:] != begins[:-1]])]
    begins = begins[begins < end]
    if not len(forest.first):
        return begins, np.full(len(begins), -1, np.int64)
    innermost = np.searchsorted(forest.first, begins, "right") - 1
    piece = np.where(forest.first[innermost] == begins, innermost, -1)
    closing = np.argsort(ended, kind="stable")
    place = np.searchsorted(ended[closing], begins)
    place[place == len(closing)] = 0
    outermost = closing[place]
    closes = (piece < 0) & (ended[outermost] == begins)
    piece = np.where(closes, forest.above[outermost], piece)
    owned = np.append(owner, -1)[piece]
    new = np.ones(len(owned), bool)
    new[1:] = owned[1:] != owned[:-1]
    return begins[new], owned[new]


def strides_for(segments: int) -> tuple[int, ...]:
    """Return the strides of an IPv4 trie over so many segments."""
    return layout.STRIDES_LARGE if segments > LARGE else layout.STRIDES_SMALL


def build4(begins: Ints, owners: Ints) -> Trie4:
    """Build the IPv4 trie, with `strides_for` them, from segments that begin at address 0."""
    root_bits, *strides = strides_for(len(begins))
    shift = 32 - root_bits
    starts = np.arange(1 << root_bits, dtype=np.int64) << shift
    root, places = _fill(begins, owners, starts, shift)
    levels: list[Entries] = []
    base = 0
    target = root
    for bits in strides:
        size = 1 << bits
        parents = starts[places]
        target[places] = (-2 - base - size * np.arange(len(places))).astype(np.int32)
        base += size * len(places)
        shift -= bits
        starts = (parents[:, None] + (np.arange(size) << shift)).ravel()
        target, places = _fill(begins, owners, starts, shift)
        levels.append(target)
    return Trie4(root, np.concatenate(levels))


def _fill(begins: Ints, owners: Ints, starts: Ints, shift: int) -> tuple[Entries, Ints]:
    """Return the owner of each slot of 2**shift addresses, and the slots that need a node."""
    segment = np.searchsorted(begins, starts, "right") - 1
    following = np.append(begins, 1 << 32)[segment + 1]
    crowded = np.flatnonzero(following < starts + (1 << shift))
    return owners[segment].astype(np.int32), crowded


def build6(high: Words, low: Words, owners: Ints) -> Trie6:
    """Build the IPv6 trie from segments that begin at address 0, given as (high, low) words."""
    shift = 48
    slots = np.arange(1 << 16, dtype=np.uint64)
    levels: list[Entries] = []
    runs: list[NDArray[np.uint32]] = []
    base = buckets = 0
    while len(slots):
        begin = slots << np.uint64(shift)
        # The segment at the slot's first address, and the first one behind the slot.
        segment = np.searchsorted(high, begin, "left")
        exact = segment < len(high)
        exact[exact] = (high[segment[exact]] == begin[exact]) & (low[segment[exact]] == 0)
        segment = segment - ~exact
        behind = np.searchsorted(high, begin | np.uint64((1 << shift) - 1), "right")
        inside = behind - segment - 1
        entries = owners[segment].astype(np.int32)
        deep = (inside > CROWD) & (shift > 0)
        few = np.flatnonzero((inside > 0) & ~deep)
        entries[few] = layout.BUCKETS - (buckets + np.arange(len(few)))
        runs.append(np.stack([segment[few], behind[few]], axis=1).astype(np.uint32).ravel())
        buckets += len(few)
        nodes = np.flatnonzero(deep)
        entries[nodes] = -2 - 256 * (base + np.arange(len(nodes)))
        base += len(nodes)
        levels.append(entries)
        children = (slots[nodes, None] << np.uint64(8)) + np.arange(256, dtype=np.uint64)
        slots = children.ravel().astype(np.uint64)
        shift -= 8
    return Trie6(
        levels[0],
        np.concatenate([*levels[1:], np.zeros(0, np.int32)]),
        np.concatenate(runs),
        high,
        low,
        owners.astype(np.int32),
    )
