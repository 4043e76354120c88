"""Find for every net of an index the longest announced prefix around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .scan import Ints

if TYPE_CHECKING:
    from .sides import Side

Outside = Callable[[Ints, Ints], NDArray[np.bool_]]  # routes, and which nets they are of


def announced(side: Side) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return for each net the length of its route + 1, 0 without one, and the code of its origins.

    The code is one of route4.origins and route6.origins, -1 without a route.
    """
    length = np.zeros(side.count, np.uint8)
    origins = np.full(side.count, -1, np.int32)
    for family, rows in ((4, np.arange(side.count4)), (6, np.arange(side.count4, side.count))):
        route = _narrow(side, rows) if family == 4 else _wide(side, rows)
        found = np.flatnonzero(route >= 0)
        length[rows[found]] = side.column(f"route{family}.length")[route[found]] + np.uint8(1)
        origins[rows[found]] = side.column(f"route{family}.origins")[route[found]]
    return length, origins


def _narrow(side: Side, rows: Ints) -> Ints:
    first, last = (bound.astype(np.int64) for bound in side.bounds(rows))
    begins = side.column("route4.first").astype(np.int64)
    lengths = side.column("route4.length").astype(np.int64)
    ends = begins | (np.int64(1) << (32 - lengths)) - 1
    return _climbed(
        np.searchsorted(begins, first, "right") - 1, side.column("route4.parent"),
        lambda place, which: last[which] > ends[place],
    )  # fmt: skip


def _wide(side: Side, rows: Ints) -> Ints:
    high, low = side.column("route6.hi"), side.column("route6.lo")
    if not len(rows) or not len(high):
        return np.full(len(rows), -1, np.int64)
    first_high, first_low, last_high, last_low = side.bounds(rows)
    lengths = side.column("route6.length").astype(np.int64)
    ones = np.uint64(2**64 - 1)
    # Masks of the bits behind each prefix, in both words.
    tail_high = np.where(lengths < 64, ones >> np.minimum(lengths, 63).astype(np.uint64), 0)
    short = np.clip(lengths - 64, 0, 63).astype(np.uint64)
    tail_low = np.where(lengths <= 64, ones, np.where(lengths == 128, 0, ones >> short))
    end_high, end_low = high | tail_high.astype(np.uint64), low | tail_low.astype(np.uint64)
    # Routes before nets that begin at the same address: how many routes begin up to there.
    order = np.lexsort((
        np.arange(len(high) + len(rows)) >= len(high),
        np.concatenate([low, first_low]), np.concatenate([high, first_high]),
    ))  # fmt: skip
    counted = np.cumsum(order < len(high))
    begun = np.empty(len(order), np.int64)
    begun[order] = counted

    def outside(place: Ints, which: Ints) -> NDArray[np.bool_]:
        above, same = last_high[which] > end_high[place], last_high[which] == end_high[place]
        found: NDArray[np.bool_] = above | (same & (last_low[which] > end_low[place]))
        return found

    return _climbed(begun[len(high) :] - 1, side.column("route6.parent"), outside)


def _climbed(place: Ints, parents: NDArray[np.int32], outside: Outside) -> Ints:
    """Go up from routes to the first that contains each net."""
    rest = np.flatnonzero(place >= 0)
    while len(rest):
        rest = rest[outside(place[rest], rest)]
        place[rest] = parents[place[rest]]
        rest = rest[place[rest] >= 0]
    return place
