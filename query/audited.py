"""Read what is asked of many nets at once: columns, what is above, their space, who announces.

Whether a user's net is announced by somebody else is asked of parties: the organisation handles
and names of the origins' aut-num objects against the net's. Origins without an aut-num object in
the index decide nothing, since nobody knows whose they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import layout
from .names import normal
from .records import Net

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Wanted = Callable[[Ints, Ints], Bools]


def cells(tables: Tables, name: str, rows: Ints | None = None) -> NDArray[Any]:
    """Return a column of the index, or some rows of it."""
    view = tables.view(name)
    column = np.frombuffer(view, np.dtype(view.format))
    return column if rows is None else column[rows]


def first_up(tables: Tables, rows: Ints, wanted: Wanted) -> Ints:
    """Return the first piece from each net up that is wanted, -1 for none.

    ``wanted`` gets pieces, and the places in ``rows`` of the nets they were reached from.
    """
    above = cells(tables, "piece_above")
    found = np.full(len(rows), -1, np.int64)
    place, piece = np.arange(len(rows)), rows
    while len(place):
        hit = wanted(piece, place)
        found[place[hit]] = piece[hit]
        place, piece = place[~hit], above[piece[~hit]]
        place, piece = place[piece >= 0], piece[piece >= 0]
    return found


def answering(tables: Tables) -> tuple[Ints, NDArray[np.float64]]:
    """Return for how many IPv4 addresses and IPv6 /48 each net is the last one."""
    count = len(tables.view("piece_role"))
    narrow = np.zeros(count, np.int64)
    nodes, entries = cells(tables, "trie4_nodes"), cells(tables, "trie4_root")
    for shift, mask in ((tables.shift4, 0), *tables.levels4):
        if mask:
            inner = np.arange(mask + 1, dtype=np.int32)
            entries = nodes[inner - entries[entries < -1][:, None]].ravel()
        narrow += np.bincount(entries[entries >= 0], minlength=count) << shift
    high, low, piece = (cells(tables, f"trie6_{name}") for name in ("hi", "lo", "piece"))
    size = (np.append(high[1:], np.uint64(0)) - high).astype(float)
    size += (np.append(low[1:], np.uint64(0)).astype(float) - low.astype(float)) / 2**64
    size[-1:] += 2.0**64 * (high[-1:] == 0)  # one segment is all of IPv6
    wide = np.bincount(piece[piece >= 0], size[piece >= 0] / 2**16, count).astype(np.float64)
    for found in (narrow, wide):
        np.add.at(found, cells(tables, "piece_net"), found[tables.nets :])
    return narrow, wide


def unlike_origins(index: Index, rows: Ints) -> Bools | None:
    """Mark the users' nets whose origins are all of other parties; None in an index without routes.

    ``rows`` are ids of nets, ascending. A net without a route around it is not marked.
    """
    tables = index._tables
    if not len(tables.view("origin_asn")):
        return None
    found = np.zeros(len(rows), bool)
    users = np.flatnonzero(cells(tables, "piece_role", rows) & layout.IS_USER)
    origins = _origins(tables, rows[users])
    users, origins = users[origins >= 0], origins[origins >= 0]
    net = rows[users]
    org, descr, netname = (
        cells(tables, f"net_{name}", net).astype(np.int64) for name in ("org", "descr", "netname")
    )
    # A net is named by its organisation, else its descr, else its netname: asked once for each.
    kind = np.where(org > 0, 0, np.where(descr > 0, 1, 2))
    name = np.choose(kind, (org, descr, netname))
    pairs, first, which = np.unique(
        np.stack([origins, kind, name], axis=1), axis=0, return_index=True, return_inverse=True
    )
    known: dict[int, frozenset[str]] = {}
    unlike = np.zeros(len(pairs), bool)
    for k, (code, sample) in enumerate(zip(pairs[:, 0].tolist(), net[first].tolist(), strict=True)):
        theirs = known.get(code)
        if theirs is None:
            theirs = known[code] = _parties(index, code)
        unlike[k] = bool(theirs) and theirs.isdisjoint(_party(Net(tables, sample, sample)))
    found[users] = unlike[which.ravel()]
    return found


def _party(net: Net) -> set[str]:
    """Return the handle and the normal name of a net's party."""
    party = net.party
    return {party.handle or "", normal(party.name or "")} - {""}


def _parties(index: Index, code: int) -> frozenset[str]:
    """Return the handles and normal names of the parties of a set of origins."""
    tables = index._tables
    begin, end = tables.origin_at[code], tables.origin_at[code + 1]
    found: set[str] = set()
    for asn in tables.origin_asn[begin:end]:
        for system in index.objects(f"AS{asn}", "aut-num"):
            found.add(system.org or "")
            for org in index.objects(system.org, "organisation") if system.org else ():
                found.add(normal(org.name or ""))
            if system.org is None:
                found.add(normal(system.name or ""))
    return frozenset(found - {""})


def _origins(tables: Tables, rows: Ints) -> Ints:
    """Return the origins of the longest route around each net, -1 where there is none."""
    four, six = np.split(rows, [int(np.searchsorted(rows, tables.nets4))])
    first, last = (cells(tables, f"net_{end}4", four).astype(np.int64) for end in ("first", "last"))
    begin = cells(tables, "route4_first").astype(np.int64)
    length = cells(tables, "route4_length").astype(np.int64)
    place = _climbed(
        np.searchsorted(begin, first, "right") - 1, cells(tables, "route4_parent"),
        lambda route, net: begin[route] + (1 << 32 - length[route]) > last[net],
    )  # fmt: skip
    narrow = np.append(cells(tables, "route4_origins"), -1)[place]
    wide = np.array([_origins_of(tables, net) for net in six.tolist()], np.int64)
    return np.concatenate([narrow.astype(np.int64), wide])


def _origins_of(tables: Tables, net: int) -> int:
    from .routing import place_of

    first, last = Net(tables, net, net).bounds
    place = place_of(tables, 6, first, last)
    return tables.route6_origins[place] if place >= 0 else -1


def _climbed(place: Ints, parent: NDArray[Any], contains: Any) -> Ints:
    """Go up from places until what is there contains the net; -1 where nothing does."""
    rest = np.flatnonzero(place >= 0)
    while len(rest):
        rest = rest[~contains(place[rest], rest)]
        place[rest] = parent[place[rest]]
        rest = rest[place[rest] >= 0]
    return place
