"""Flatten nested pieces into segments, and segments into longest-prefix-match tries.

IPv4: a root table over the first bits of an address, then levels of nodes for 3 or 4 bits each
(`layout.STRIDES_LARGE`, `STRIDES_SMALL`). An entry >= 0 is the piece that answers, -1 is
nothing, anything below is a node: its entries begin at -entry
(the first two of all are unused). Where the dump is large so is the root, and one memory access
answers most addresses; a small index stays small.

IPv6: a root over 16 bits, nodes of 256 entries for 8 bits each, down to bit 64 of the address;
where many segments begin within 16 bits of the root, one node of 65,536 entries saves a level. A
stretch in which few segments begin (at most `layout.CROWD`) is a bucket instead of a node: the
segments from a first one on, to search by bisection. That bounds the memory by the number of
segments whatever the addresses are. What is still crowded below bit 64 is a bucket without a limit.
The entries of a node begin at -entry, those of a wide one at `layout.WIDE` - entry; how buckets are
encoded is said in `layout`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.errors import Error

from .hierarchy import Forest
from .scan import Ints

LARGE: Final = 100_000  # segments from which a root of 16 MB is worth it
BUSY: Final = 4096  # segments in a /16 from which a wide node is worth its 256 KiB
MOST_SEGMENTS: Final = 1 << 25  # so that the entries of buckets do not run into each other
Entries = NDArray[np.int32]
Words = NDArray[np.uint64]
_UNUSED = np.full(2, -1, np.int32)  # so that the entry of every node is below -1


class Trie4(NamedTuple):
    """Hold the IPv4 trie: the root table and all nodes behind each other (int32)."""

    root: Entries
    nodes: Entries


class Trie6(NamedTuple):
    """Hold the IPv6 trie: root, wide nodes and nodes (int32), and the segments to search.

    Segment i begins at address ``high[i] << 64 | low[i]`` and is answered by ``piece[i]``.
    """

    root: Entries
    wide: Entries
    nodes: Entries
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
    levels = [_UNUSED]
    base = len(_UNUSED)
    target = root
    for bits in strides:
        size = 1 << bits
        parents = starts[places]
        target[places] = (-base - size * np.arange(len(places))).astype(np.int32)
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
    if len(high) > MOST_SEGMENTS:
        raise Error(f"more than {MOST_SEGMENTS:,} IPv6 borders: leave some of the dumps out")
    slots = np.arange(1 << 16, dtype=np.uint64)
    wide_slots, wide = slots[:0], np.zeros(0, np.int32)
    root = wide
    levels = [_UNUSED]
    base = len(_UNUSED)
    for shift in range(48, -1, -8):
        own = len(slots)
        if shift == 32:
            slots = np.concatenate([slots, wide_slots])
        first, inside = _segments6(high, low, slots, shift)
        entries = owners[first].astype(np.int32)
        crowded = inside > layout.CROWD
        bucket = (inside > 0) & ~(crowded & (shift > 0))
        packed = layout.BUCKETS - (first * layout.ROOM + inside - 1)
        entries[bucket] = np.where(crowded, layout.DEEP - first, packed)[bucket]
        node = crowded & (shift > 0)
        if shift == 48:
            busy = np.flatnonzero(inside > BUSY)
            entries[busy] = layout.WIDE - (np.arange(len(busy)) << 16)
            node[busy] = False
            wide_slots = _children(slots[busy], 16)
        nodes = np.flatnonzero(node)
        entries[nodes] = -base - 256 * np.arange(len(nodes))
        base += 256 * len(nodes)
        if shift == 32:
            entries, wide = entries[:own], entries[own:]
        if shift == 48:
            root = entries
        else:
            levels.append(entries)
        slots = _children(slots[nodes], 8)
    return Trie6(root, wide, np.concatenate(levels), high, low, owners.astype(np.int32))


def _children(slots: Words, bits: int) -> Words:
    """Return the slots into which slots fall when ``bits`` more bits count."""
    inner = np.arange(1 << bits, dtype=np.uint64)
    return ((slots[:, None] << np.uint64(bits)) + inner).ravel().astype(np.uint64)


def _segments6(high: Words, low: Words, slots: Words, shift: int) -> tuple[Ints, Ints]:
    """Return the segment at the beginning of each slot, and how many begin inside it."""
    begin = slots << np.uint64(shift)
    first = np.searchsorted(high, begin, "left")
    exact = first < len(high)
    exact[exact] = (high[first[exact]] == begin[exact]) & (low[first[exact]] == 0)
    first = first - ~exact
    behind = np.searchsorted(high, begin | np.uint64((1 << shift) - 1), "right")
    return first, behind - first - 1
