"""Nest ranges: order the nets, cut those that cross, link every piece to the piece above it.

Ranges mostly nest, like brackets. Then a net is one piece, its parent is the nearest net that
was opened one level up, and everything is a few sorts. Where two ranges cross, the one that
stands lower in the chain is cut at the other's border; every piece then lies wholly inside or
outside each net above it, so that walking up from a piece still meets every net that contains
it, in the order of the chain. Checked by brute force in the tests.

Positions are int64 below 2**32: IPv4 addresses, or the ranks of IPv6 borders (`compress`), so
that one piece of code serves both families.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.errors import Error

from .scan import Ints

# How many pieces more than nets a registry may need before the input counts as hostile: real
# dumps have a few thousand crossings, n sliding windows of n addresses need n * n pieces.
SPARE_PIECES: Final = 1 << 20


class TooManyCrossings(Error):
    """Say that ranges cross in a way no registry's do. ``left``, ``right``: two of the nets."""

    def __init__(self, left: int, right: int) -> None:
        super().__init__("ranges cross too often to be cut into pieces")
        self.left = left
        self.right = right


class Forest(NamedTuple):
    """Hold pieces in the order of first position, then widest first; all arrays are (n,).

    ``net`` is the row of the net a piece belongs to, ``above`` the index of the piece around
    it (-1 = none), ``depth`` how many pieces lie around it.
    """

    first: Ints
    last: Ints
    net: Ints
    above: Ints
    depth: Ints


def nesting_order(first: Ints, last: Ints, ties: Sequence[NDArray[np.generic]]) -> Ints:
    """Return the order by first position, then larger first, then ``ties`` (most important first)."""
    key = (first.astype(np.uint64) << np.uint64(32)) | (
        np.uint64(0xFFFFFFFF) - last.astype(np.uint64)
    )
    order = np.argsort(key, kind="stable")
    key = key[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    if len(same):
        places = np.union1d(same, same + 1)
        rows = order[places]
        keys = [tie[rows] for tie in reversed(ties)]
        order[places] = rows[np.lexsort([*keys, key[places]])]
    return order


def nest(first: Ints, last: Ints, ranks: Sequence[NDArray[np.generic]]) -> Forest:
    """Nest ranges that are in `nesting_order`.

    ``ranks`` say which of two nets stands lower in a chain: compared one after the other,
    larger means lower. The first should be the size, negated.
    """
    rows = np.arange(len(first))
    if not _laminar(first, last):
        first, last, rows = _cut(first, last, ranks)
        order = nesting_order(first, last, [rank[rows] for rank in ranks])
        first, last, rows = first[order], last[order], rows[order]
    depth = rows_open_before(first, last)
    return Forest(first, last, rows, _parents(depth), depth)


def rows_open_before(first: Ints, last: Ints) -> Ints:
    """Return how many of the ranges before each one are still open where it begins."""
    closed = np.searchsorted(np.sort(last), first)
    return np.arange(len(first)) - closed


def _laminar(first: Ints, last: Ints) -> bool:
    """Say whether all ranges nest: each closes at the depth at which it opened."""
    if not len(first):
        return True
    before = rows_open_before(first, last)
    begun = np.searchsorted(first, last, "right")
    # Of ranges that end together the one opened last closes first.
    closing = np.lexsort((-np.arange(len(last)), last))
    place = np.empty(len(last), np.int64)
    place[closing] = np.arange(len(last))
    return bool((begun - place - 1 == before).all())


def _parents(depth: Ints) -> Ints:
    """Return the nearest row before each that lies one level up."""
    above = np.full(len(depth), -1, np.int64)
    levels = np.argsort(depth, kind="stable")
    starts = np.searchsorted(depth[levels], np.arange(int(depth.max(initial=0)) + 2))
    for level in range(1, len(starts) - 1):
        outer = levels[starts[level - 1] : starts[level]]
        inner = levels[starts[level] : starts[level + 1]]
        above[inner] = outer[np.searchsorted(outer, inner) - 1]
    return above


def _cut(
    first: Ints, last: Ints, ranks: Sequence[NDArray[np.generic]]
) -> tuple[Ints, Ints, Ints]:
    """Cut nets at the borders of crossing nets above them; return pieces as first, last, net."""
    cuts = _crossings(first.tolist(), last.tolist(), ranks)
    net = np.array([row for row, _ in cuts], np.int64)
    at = np.array([border for _, border in cuts], np.int64)
    order = np.lexsort((at, net))
    net, at = net[order], at[order]
    # Each cut begins a new piece, which ends before the next cut of the net or at its end.
    final = np.append(net[1:] != net[:-1], True)
    end = np.where(final, last[net], np.append(at[1:], 0) - 1)
    opening = np.insert(final[:-1], 0, True)
    last = last.copy()
    last[net[opening]] = at[opening] - 1
    rows = np.arange(len(first))
    return (
        np.concatenate([first, at]),
        np.concatenate([last, end]),
        np.concatenate([rows, net]),
    )


def _crossings(
    first: list[int], last: list[int], ranks: Sequence[NDArray[np.generic]]
) -> set[tuple[int, int]]:
    """Return for each crossing the net that gives way and the position where it is cut.

    A stack of open nets, ordered so that the one that ends first is on top: what a new net
    crosses is then on top of the stack. One plain loop; 0.7 s for 4 million nets.
    """
    limit = len(first) + SPARE_PIECES
    cuts: set[tuple[int, int]] = set()
    stack: list[int] = []
    for row, begin in enumerate(first):
        while stack and last[stack[-1]] < begin:
            stack.pop()
        end = last[row]
        place = len(stack)
        while place and last[stack[place - 1]] < end:
            place -= 1
            other = stack[place]
            if _lower(ranks, row, other):
                cuts.add((row, last[other] + 1))
            else:
                cuts.add((other, begin))
        stack.insert(place, row)
        if len(cuts) > limit:
            raise TooManyCrossings(other, row)
    return cuts


def _lower(ranks: Sequence[NDArray[np.generic]], row: int, other: int) -> bool:
    """Say whether a net stands below another in a chain."""
    for rank in ranks:
        if rank[row] != rank[other]:
            return bool(rank[row] > rank[other])
    return row > other


def compress(
    first: Sequence[NDArray[np.uint64]], last: Sequence[NDArray[np.uint64]]
) -> tuple[Ints, Ints, tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """Replace IPv6 borders by their ranks.

    Takes (high, low) uint64 pairs. Returns first and last as ranks, and for every rank the
    address where its stretch begins; the stretch ends before the next one.
    """
    high, low = last
    over = low == np.uint64(2**64 - 1)
    after_low = low + np.uint64(1)
    after_high = high + over.astype(np.uint64)
    wrapped = over & (high == np.uint64(2**64 - 1))
    highs = np.concatenate([first[0], after_high])
    lows = np.concatenate([first[1], after_low])
    order = np.lexsort((lows, highs))
    order_high, order_low = highs[order], lows[order]
    new = np.ones(len(order), bool)
    new[1:] = (order_high[1:] != order_high[:-1]) | (order_low[1:] != order_low[:-1])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.cumsum(new) - 1
    starts = order_high[new], order_low[new]
    count = len(first[0])
    end = np.where(wrapped, len(starts[0]), rank[count:])
    return rank[:count], end - 1, starts
