"""Say how every piece of a net is announced in a table of routes, and by whom.

Exact: the net as the prefix, or the prefixes, that it is. Covering: the longest route around it
that is more specific than the holder's block. Inside: routes in it that are in no net inside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .evidence import (
    COVERING,
    EXACT,
    INSIDE,
    NOTHING,
    Announced,
    Answering,
    Bounds,
    announced,
    codes_at,
    inside,
    more_specific,
)
from .registered import Subject
from .routes import Routes, covering, exact, less
from .scan import Ints
from .values import Flags as Bools


class Family(NamedTuple):
    """Hold the ranges of the nets of one family, and which piece answers where."""

    bounds: Bounds
    answering: Answering


class Origins(NamedTuple):
    """Hold how each piece is announced: `layout.ANNOUNCED`, the set of origins, -1 = none.

    ``block`` says that only the holder's whole block, or more, is announced. ``exact`` is the set
    of origins of each net as just this prefix.
    """

    how: NDArray[np.uint8]
    code: NDArray[np.int32]
    block: Bools
    exact: NDArray[np.int32]
    sets: list[tuple[int, ...]]


def origins_of(subject: Subject, routes: Routes, families: Sequence[Family]) -> Origins:
    """Return how each piece is announced in a table of routes."""
    how = np.zeros(len(subject.net), np.uint8)
    code = np.full(len(subject.net), -1, np.int32)
    block = np.zeros(len(subject.net), bool)
    sets, alone, base = routes.sets, [], 0
    for family in families:
        end = base + len(family.bounds.first)
        told = announced(routes, family.bounds, sets)
        alone.append(told.exact)
        net = subject.net.astype(np.int64) - base
        within, sets = inside(
            routes, family.answering, family.bounds, net, subject.above, told.sets
        )
        pieces = np.flatnonzero((subject.net >= base) & (subject.net < end))
        holder = subject.holder[pieces].astype(np.int64) - base
        near = _near(routes, family.bounds, told, net[pieces], holder)
        for name, which in ((EXACT, near[0]), (COVERING, near[1]), (INSIDE, within[pieces])):
            free = (how[pieces] == NOTHING) & (which >= 0)
            how[pieces[free]], code[pieces[free]] = name, which[free]
        block[pieces] = near[2] & (how[pieces] == NOTHING)
        base = end
    return Origins(how, code, block, np.concatenate(alone), sets)


def _near(
    routes: Routes, bounds: Bounds, told: Announced, net: Ints, holder: Ints
) -> tuple[NDArray[np.int32], NDArray[np.int32], Bools]:
    """Return the origins of pieces as just this prefix, of a closer route than the holder's block.

    -1 = none; and whether there is a route around at all. ``holder`` is below 0 without one.
    """
    only, around = told.exact[net], told.covering[net]
    first, last = bounds
    held = np.flatnonzero(holder >= 0)
    top = holder[held]
    # Of a net that crosses its holder's, what lies in that.
    out = less(first[net[held]], first[top]) | less(last[top], last[net[held]])
    held, top = held[out], top[out]
    low, high = first[net[held]], last[net[held]]
    low = _chosen(less(low, first[top]), first[top], low)
    high = _chosen(less(last[top], high), last[top], high)
    origins = routes.origins if first.ndim == 1 else routes.origins6
    only[held] = codes_at(origins, exact(routes, low, high))
    around[held] = covering(routes, low, high)
    own = holder == net
    below = np.flatnonzero((around >= 0) & (holder >= 0) & ~own)
    closer = (around >= 0) & (own | (holder < 0))
    # Of the holder's own block every route around it tells; of a net below only a closer one.
    top = holder[below]
    closer[below] = more_specific(routes, around[below], Bounds(first[top], last[top]))
    return only, np.where(closer, codes_at(origins, around), -1), around >= 0


def _chosen(which: Bools, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return np.where(which if left.ndim == 1 else which[:, None], left, right)
