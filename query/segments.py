"""Walk the flattened ranges of an index in order, and cut ranges into prefixes.

A *segment* is a longest run of addresses that one piece answers for, or nothing (piece -1).
The segments of a family partition its address space: the first begins at 0, the last ends with
the space, so only their beginnings are kept. IPv4 segments are read off the trie, a slice of its
root at a time, so that the memory is bounded by the answer; IPv6 segments lie in the index as
they are (`rirdex.indexer.trie` describes both). What segments are good for is not said here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .index import Index

Pieces = NDArray[np.int32]
Words = NDArray[np.uint64]
Words4 = NDArray[np.uint32]
_SPAN: Final = 1 << 22  # IPv4 addresses to walk at a time: as many entries, at the very worst
_SLICE: Final = 1 << 16  # ranges to cut at a time; their numbers fit 16 bits, which sort fast
_END4: Final = np.uint32(0xFFFFFFFF)
_END: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
MAPPED: Final = np.uint64(0xFFFF << 32)  # ::ffff:0:0/96, its first address
_BEHIND: Final = np.uint64(1 << 48)  # and the address behind its last
_ONES: Final = np.array([(1 << bits) - 1 for bits in range(65)], np.uint64)


class Segments4(NamedTuple):
    """Hold IPv4 segments: first address, uint32 (n,), and piece or -1, int32 (n,)."""

    first: Words4
    piece: Pieces


class Segments6(NamedTuple):
    """Hold IPv6 segments: two halves of the first address, uint64 (n,), and piece or -1."""

    high: Words
    low: Words
    piece: Pieces


class Prefixes4(NamedTuple):
    """Hold IPv4 prefixes: first address uint32 (m,), length uint8, number of the range int32."""

    first: Words4
    length: NDArray[np.uint8]
    source: NDArray[np.int32]


class Prefixes6(NamedTuple):
    """Hold IPv6 prefixes: first address uint64 (m, 2), length uint8, number of the range int32."""

    first: Words
    length: NDArray[np.uint8]
    source: NDArray[np.int32]


# -- segments ---------------------------------------------------------------------------------


def segments4(index: Index) -> Segments4:
    """Return the IPv4 segments of an index, in order. Raises `StoreError` when it is closed."""
    tables = index._tables
    root = np.frombuffer(tables.view("trie4_root"), np.int32)
    nodes = np.frombuffer(tables.view("trie4_nodes"), np.int32)
    step = max(1, _SPAN >> tables.shift4)
    starts, pieces = [], []
    for slot in range(0, len(root), step):
        entries = root[slot : slot + step]
        first = (np.arange(slot, slot + len(entries)) << tables.shift4).astype(np.uint32)
        first, entries = _merged(first, entries)
        for shift, mask in tables.levels4:
            first, entries = _merged(*_opened(first, entries, nodes, shift, mask + 1))
        starts.append(first)
        pieces.append(entries)
    return Segments4(*_merged(np.concatenate(starts), np.concatenate(pieces)))


def _opened(
    first: Words4, entries: Pieces, nodes: Pieces, shift: int, size: int
) -> tuple[Words4, Pieces]:
    """Put the entries of the next level, 2**shift addresses each, in the place of nodes."""
    count = np.where(entries < -1, size, 1)
    parent = np.repeat(np.arange(len(entries)), count)
    slot = np.arange(len(parent)) - np.repeat(np.cumsum(count) - count, count)
    below = entries[parent]
    inside = np.flatnonzero(below < -1)
    below[inside] = nodes[slot[inside] - below[inside]]
    return first[parent] + (slot << shift).astype(np.uint32), below


def _merged(first: Words4, entries: Pieces) -> tuple[Words4, Pieces]:
    """Drop entries that answer like the one before; nodes stay."""
    kept = entries < -1
    kept[:1] = True
    kept[1:] |= entries[1:] != entries[:-1]
    return first[kept], entries[kept]


def segments6(index: Index) -> Segments6:
    """Return the IPv6 segments of an index, in order. Raises `StoreError` when it is closed.

    An IPv4-mapped address (::ffff:0:0/96, RFC 4291, 2.5.5.2) is answered as its IPv4 address, by
    `segments4`: here that block is one segment without a piece, whatever was registered for it.
    """
    tables = index._tables
    high = np.frombuffer(tables.view("trie6_hi"), np.uint64)
    low = np.frombuffer(tables.view("trie6_lo"), np.uint64)
    piece = np.frombuffer(tables.view("trie6_piece"), np.int32)
    count = int(np.searchsorted(high, np.uint64(0), "right"))  # segments that begin in ::/64
    left = int(np.searchsorted(low[:count], MAPPED))
    right = int(np.searchsorted(low[:count], _BEHIND, "right"))
    # What answers behind the block begins anew there. The first segment is at 0, so there is one.
    high = np.concatenate([high[:left], np.zeros(2, np.uint64), high[right:]])
    low = np.concatenate([low[:left], np.array([MAPPED, _BEHIND]), low[right:]])
    inner = np.array([-1, piece[right - 1]], np.int32)
    piece = np.concatenate([piece[:left], inner, piece[right:]])
    kept = np.ones(len(piece), bool)
    kept[1:] = piece[1:] != piece[:-1]
    return Segments6(high[kept], low[kept], piece[kept])


def lasts4(first: Words4) -> Words4:
    """Return the last addresses, uint32 (n,), of segments that begin at ``first``."""
    return np.append(first[1:] - np.uint32(1), _END4)


def lasts6(high: Words, low: Words) -> tuple[Words, Words]:
    """Return the two halves, uint64 (n,), of the last addresses of segments."""
    borrow = low[1:] == 0
    return np.append(high[1:] - borrow, _END), np.append(low[1:] - np.uint64(1), _END)


# -- ranges ------------------------------------------------------------------------------------


def outside_ipv4(first: Words, last: Words) -> tuple[Words, Words, NDArray[np.int64]]:
    """Cut sorted disjoint IPv6 ranges at ::/96 and ::ffff:0:0/96; what is inside is dropped.

    Takes uint64 (n, 2) both; returns the same of what is left, and the number of the range each
    comes from, in order.
    """
    far = last[:, 0] > 0
    before = (first[:, 0] == 0) & (first[:, 1] < MAPPED) & (far | (last[:, 1] > _END4))
    between, beyond = np.flatnonzero(before), np.flatnonzero(far | (last[:, 1] >= _BEHIND))
    source = np.concatenate([between, beyond])
    begin, end = first[source], last[source]
    low, high = begin[: len(between)], end[: len(between)]
    low[:, 1] = np.maximum(low[:, 1], np.uint64(1 << 32))
    ahead = MAPPED - np.uint64(1)
    high[:, 1] = np.where(high[:, 0] > 0, ahead, np.minimum(high[:, 1], ahead))
    high[:, 0] = 0
    low = begin[len(between) :]
    low[:, 1] = np.where(low[:, 0] > 0, low[:, 1], np.maximum(low[:, 1], _BEHIND))
    return begin, end, source


def disjoint(first: NDArray[Any], last: NDArray[Any]) -> bool:
    """Say whether ranges, uint64 (n, 2) or uint32 (n,), are none backwards, sorted and disjoint."""
    return not (_less(last, first).any() or (~_less(last[:-1], first[1:])).any())


def _less(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
    """Say which addresses are below those on the right."""
    if left.ndim == 1:
        return np.asarray(left < right)
    high = left[:, 0] == right[:, 0]
    return np.asarray(np.where(high, left[:, 1] < right[:, 1], left[:, 0] < right[:, 0]))


# -- prefixes ---------------------------------------------------------------------------------


def prefixes4(first: Words4, last: Words4) -> Prefixes4:
    """Cut sorted disjoint IPv4 ranges, uint32 (n,) both, into the fewest prefixes (RFC 4632)."""
    parts = []
    for slot in range(0, len(first), _SLICE):
        begin = first[slot : slot + _SLICE].astype(np.int64)
        end = last[slot : slot + _SLICE].astype(np.int64)
        which = np.arange(len(begin))
        rounds = []
        while len(which):
            aligned = np.where(begin == 0, 1 << 32, begin & -begin)
            bits = np.minimum(bit_length(aligned), bit_length(end - begin + 1)) - 1
            rounds.append((which.astype(np.uint16), begin.astype(np.uint32), 32 - bits))
            begin += np.left_shift(1, bits)
            rest = np.flatnonzero(begin <= end)
            which, begin, end = which[rest], begin[rest], end[rest]
        parts.append(_in_order(rounds, slot))
    return Prefixes4(*_joined(parts, np.zeros(0, np.uint32)))


def prefixes6(first: Words, last: Words) -> Prefixes6:
    """Cut sorted disjoint IPv6 ranges, uint64 (n, 2) both, into the fewest prefixes (RFC 4291)."""
    parts = []
    for slot in range(0, len(first), _SLICE):
        begin, end = first[slot : slot + _SLICE], last[slot : slot + _SLICE]
        which = np.arange(len(begin))
        rounds = []
        while len(which):
            bits = _largest6(begin, end)
            rounds.append((which.astype(np.uint16), begin, 128 - bits))
            ones = np.stack([_ONES[np.maximum(bits, 64) - 64], _ONES[np.minimum(bits, 64)]], 1)
            begin = begin | ones  # the last address of each prefix
            rest = np.flatnonzero((begin != end).any(axis=1))
            which, begin, end = which[rest], begin[rest], end[rest]
            begin[:, 1] += np.uint64(1)
            begin[:, 0] += begin[:, 1] == 0
        parts.append(_in_order(rounds, slot))
    return Prefixes6(*_joined(parts, np.zeros((0, 2), np.uint64)))


def _largest6(begin: Words, end: Words) -> NDArray[np.int64]:
    """Return how many bits the largest prefix leaves free that begins a range and fits in it."""
    high, low = begin[:, 0], begin[:, 1]
    lowest = np.where(low != 0, low & -low, high & -high)
    aligned = bit_length(lowest) - 1 + np.where(low != 0, 0, 64)
    aligned[(low == 0) & (high == 0)] = 128
    size_low = end[:, 1] - low + np.uint64(1)
    size_high = end[:, 0] - high - (end[:, 1] < low) + (size_low == 0)
    fits = np.where(size_high != 0, 64 + bit_length(size_high), bit_length(size_low)) - 1
    fits[(size_high == 0) & (size_low == 0)] = 128  # the size of the whole space, 2**128
    largest: NDArray[np.int64] = np.minimum(aligned, fits)
    return largest


def shared_bits(words: tuple[NDArray[Any], ...]) -> NDArray[np.int8]:
    """Return how many leading bits each address has in common with the one before.

    ``words`` are the parts of the addresses, unsigned, the highest first. -1 for the first
    address; neighbours are not equal.
    """
    bits = words[0].itemsize * 8
    shared = np.full(len(words[0]), -1, np.int8)
    for slot in range(0, len(shared) - 1, _SLICE):
        for place in reversed(range(len(words))):
            part = words[place][slot : slot + _SLICE + 1]
            other = part[1:] ^ part[:-1]
            differ = np.flatnonzero(other)
            shared[slot + 1 + differ] = (place + 1) * bits - bit_length(other[differ])
    return shared


def bit_length(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Return the bit length of unsigned numbers below 2**64, 0 for 0; int64, of the same shape."""
    words: Words = numbers.astype(np.uint64)
    upper = words >> np.uint64(32)
    # A float holds 32 bits exactly; from 54 bits on it would round up to the next power of two.
    half = np.where(upper != 0, upper, words)
    return np.asarray(np.frexp(half.astype(np.float64))[1] + np.where(upper != 0, 32, 0))


def _in_order(rounds: list[Any], slot: int) -> tuple[NDArray[Any], ...]:
    """Bring prefixes that were found a round at a time in address order, stable in each range."""
    which, first, length = (np.concatenate(part) for part in zip(*rounds, strict=True))
    order = np.argsort(which, kind="stable")
    return (
        first[order],
        length[order].astype(np.uint8),
        which[order].astype(np.int32) + np.int32(slot),
    )


def _joined(parts: list[Any], none: NDArray[Any]) -> list[NDArray[Any]]:
    empty = (none, np.zeros(0, np.uint8), np.zeros(0, np.int32))
    return [np.concatenate(part) for part in zip(empty, *parts, strict=True)]
