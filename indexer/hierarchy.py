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

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.errors import Error

from .scan import Ints

Keys = Callable[[Ints], Sequence[NDArray[Any]]]
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


def nesting_order(first: Ints, last: Ints, ties: Keys) -> Ints:
    """Return the order by first position, then larger first, then ``ties``.

    ``ties`` gives for the indices of ranges that are equal what to sort them by, most important
    first.
    """
    key = (first.astype(np.uint64) << np.uint64(32)) | (
        np.uint64(0xFFFFFFFF) - last.astype(np.uint64)
    )
    order = np.argsort(key, kind="stable")
    key = key[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    if len(same):
        tied = np.zeros(len(order), bool)
        tied[same] = tied[same + 1] = True
        places = np.flatnonzero(tied)
        rows = order[places]
        order[places] = rows[np.lexsort([*reversed(ties(rows)), key[places]])]
    return order


def nest(first: Ints, last: Ints, ranks: Keys) -> Forest:
    """Nest ranges that are in `nesting_order`.

    ``ranks`` gives for some indices what says which of two nets stands lower in a chain: the
    keys are compared one after the other, larger means lower. The first should be the size,
    negated. Raises `TooManyCrossings`.
    """
    rows = np.arange(len(first))
    suspects = _crossing_groups(first, last)
    if len(suspects):
        first, last, rows = _cut(first, last, suspects, ranks)
        order = nesting_order(first, last, lambda which: ranks(rows[which]))
        first, last, rows = first[order], last[order], rows[order]
    depth = rows_open_before(first, last)
    return Forest(first, last, rows, _parents(depth), depth)


def rows_open_before(first: Ints, last: Ints) -> Ints:
    """Return how many of the ranges before each one are still open where it begins."""
    closed = np.searchsorted(np.sort(last), first)
    return np.arange(len(first)) - closed


def _crossing_groups(first: Ints, last: Ints) -> Ints:
    """Return the rows of all ranges that overlap, directly or through others, with a crossing.

    Ranges nest exactly when each closes at the depth at which it opened. Rows ascend.
    """
    if not len(first):
        return np.zeros(0, np.int64)
    before = rows_open_before(first, last)
    begun = np.searchsorted(first, last, "right")
    # Of ranges that end together the one opened last closes first.
    closing = len(last) - 1 - np.argsort(last[::-1], kind="stable")
    place = np.empty(len(last), np.int64)
    place[closing] = np.arange(len(last))
    wrong = begun - place - 1 != before
    if not wrong.any():
        return np.zeros(0, np.int64)
    group = np.zeros(len(first), np.int64)
    group[1:] = np.cumsum(first[1:] > np.maximum.accumulate(last)[:-1])
    bad = np.zeros(int(group[-1]) + 1, bool)
    bad[group[wrong]] = True
    return np.flatnonzero(bad[group])


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


def _cut(first: Ints, last: Ints, suspects: Ints, ranks: Keys) -> tuple[Ints, Ints, Ints]:
    """Cut nets at the borders of crossing nets above them; return pieces as first, last, net."""
    cuts = _crossings(first, last, suspects, ranks)
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


def _crossings(first: Ints, last: Ints, suspects: Ints, ranks: Keys) -> set[tuple[int, int]]:
    """Return for each crossing the net that gives way and the position where it is cut.

    A stack of open nets, ordered so that the one that ends first is on top: what a new net
    crosses is then on top of the stack. One plain loop over the suspects; 0.7 s for 4 million.
    """
    limit = len(first) + SPARE_PIECES
    begins, ends = first[suspects].tolist(), last[suspects].tolist()
    keys = list(zip(*(key.tolist() for key in ranks(suspects)), suspects.tolist(), strict=True))
    cuts: set[tuple[int, int]] = set()
    stack: list[int] = []
    for row, begin in enumerate(begins):
        while stack and ends[stack[-1]] < begin:
            stack.pop()
        end = ends[row]
        place = len(stack)
        while place and ends[stack[place - 1]] < end:
            place -= 1
            other = stack[place]
            if keys[row] > keys[other]:
                cuts.add((keys[row][-1], ends[other] + 1))
            else:
                cuts.add((keys[other][-1], begin))
        stack.insert(place, row)
        if len(cuts) > limit:
            raise TooManyCrossings(keys[stack[place - 1]][-1], keys[row][-1])
    return cuts


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
