"""Find the longest announced prefix around a range, in the routes that an index was built with.

Routes nest. In the order of their first address, the shorter prefix first, the last one that begins
at or before a range is inside of every one that contains it: so bisect, then climb.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from .addresses import Span, address_object

if TYPE_CHECKING:
    from .store import Tables


class Route(NamedTuple):
    """Name an announced prefix and the AS numbers that announce it, ascending."""

    prefix: str
    origins: tuple[int, ...]
    span: tuple[int, int]


def route_of(tables: Tables, span: Span) -> Route | None:
    """Return the longest announced prefix that contains a range, None without one."""
    return route_at(tables, span.family, place_of(tables, span.family, span.first, span.last))


def route_at(tables: Tables, family: int, place: int) -> Route | None:
    """Return the route with a place among its family's, None for -1."""
    if place < 0:
        return None
    if family == 4:
        first, length = tables.route4_first[place], tables.route4_length[place]
        code = tables.route4_origins[place]
    else:
        first = tables.route6_hi[place] << 64 | tables.route6_lo[place]
        length, code = tables.route6_length[place], tables.route6_origins[place]
    asn = tables.origin_asn[tables.origin_at[code] : tables.origin_at[code + 1]]
    last = first | (1 << (32 if family == 4 else 128) - length) - 1
    return Route(f"{address_object(family, first)}/{length}", tuple(asn), (first, last))


def place_of(tables: Tables, family: int, first: int, last: int) -> int:
    """Return the place of the longest route around a range among its family's, -1 without one."""
    if family == 4:
        begins, lengths, parents = tables.route4_first, tables.route4_length, tables.route4_parent
        place = bisect_right(begins, first) - 1
        while place >= 0 and last > begins[place] | (1 << 32 - lengths[place]) - 1:
            place = parents[place]
        return place
    high, low = first >> 64, first & (1 << 64) - 1
    begin = bisect_left(tables.route6_hi, high)
    end = bisect_right(tables.route6_hi, high, begin)
    place = bisect_right(tables.route6_lo, low, begin, end) - 1
    while place >= 0:
        route = tables.route6_hi[place] << 64 | tables.route6_lo[place]
        if last <= route | (1 << 128 - tables.route6_length[place]) - 1:
            break
        place = tables.route6_parent[place]
    return place


def providers_of(tables: Tables, asn: int) -> tuple[int, ...]:
    """Return who sells transit to an AS, by the relationships of the build: the smallest first."""
    known = tables.upstream_asn
    place = bisect_left(known, asn)
    if place == len(known) or known[place] != asn:
        return ()
    begin, end = tables.upstream_at[place], tables.upstream_at[place + 1]
    return tuple(tables.upstream_provider[begin:end])
