"""Count the nets that `leases.select` finds: by lessor, facilitator, registry, countries, verdict.

IPv4 addresses are counted singly, IPv6 in /48, and each once: for the widest of the nets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .audit import Count
from .audited import Ints, cells
from .leases import verdict_of
from .parties import facilitators, halves, holders, labels_of, split, texts_of, upto

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables


class Group(NamedTuple):
    """Hold what the nets of a group have in common, None for nothing, and how many they are."""

    key: str | None
    total: Count


class Summary(NamedTuple):
    """Hold the counts of all nets, and by section those of the groups with most nets."""

    total: Count
    sections: dict[str, tuple[Group, ...]]


def summary(index: Index, ids: Ints, *, top: int = 20) -> Summary:
    """Count nets, IPv4 addresses and IPv6 /48; ``ids`` ascend, 0 as ``top`` gives all groups.

    Sections: `lessor` (whoever holds the nets), `facilitator`, `registry`, `countries` (the
    holder's, then the net's), `verdict` (with its confidence). Parties are told apart by
    organisation handle, else by normal name, and shown as the first of their nets names them.
    """
    tables = index._tables
    counts = _counted(tables, ids)
    held = holders(tables, ids)
    known, between = facilitators(tables, ids)
    names = [None, *(party["name"] for party in index.meta["facilitators"])]
    labels = labels_of(tables, between)
    places, texts = _numbered([*names, *labels[1]])
    countries = [text or "-" for text in texts_of(tables, "country") or [""]]
    mine = cells(tables, "net_country", ids).astype(np.int64)
    theirs = np.where(held < 0, 0, cells(tables, "net_country")[held]).astype(np.int64)
    pairs, pair = np.unique(theirs * len(countries) + mine, return_inverse=True)
    sides = (divmod(each, len(countries)) for each in pairs.tolist())
    judged = [" ".join(verdict_of(tables, code)[:2]) for code in range(len(tables.verdict_what))]
    verdict, said = _numbered(judged)
    registry, published = _numbered([str(one["registry"]) for one in index.meta["origins"]])
    found: dict[str, tuple[Ints, Sequence[str | None]]] = {
        "lessor": labels_of(tables, held),
        "facilitator": (places[np.where(between < 0, known, len(names) + labels[0])], texts),
        "registry": (registry[cells(tables, "net_origin", ids)], published),
        "countries": (pair.ravel(), [f"{countries[a]} > {countries[b]}" for a, b in sides]),
        "verdict": (verdict[cells(tables, "piece_verdict", ids)], said),
    }
    nets, addresses, wide = counts.sum(axis=1).tolist()
    total = Count(int(nets), int(addresses), wide)
    sections = {name: _groups(key, keys, counts, top) for name, (key, keys) in found.items()}
    return Summary(total, sections)


def _numbered(keys: Sequence[str | None]) -> tuple[Ints, list[str | None]]:
    """Return for each key the place of the first equal one among the distinct ones, and these."""
    places: dict[str | None, int] = {}
    found = np.array([places.setdefault(key, len(places)) for key in keys], np.int64)
    return found, [*places]


def _groups(
    codes: Ints, keys: Sequence[str | None], counts: NDArray[np.float64], top: int
) -> tuple[Group, ...]:
    """Return the groups with most nets first."""
    table = np.stack([np.bincount(codes, each, len(keys)) for each in counts], axis=1)
    groups = [
        Group(key, Count(int(nets), int(addresses), wide))
        for key, (nets, addresses, wide) in zip(keys, table.tolist(), strict=True)
        if nets
    ]
    groups.sort(key=lambda group: (-group.total.nets, group.key is None, group.key or ""))
    return tuple(groups[: top or None])


def _counted(tables: Tables, ids: Ints) -> NDArray[np.float64]:
    """Return (3, n): one for each net, and the IPv4 addresses and IPv6 /48 that are its alone.

    In the order of ids the widest net with an address comes first: what is behind the last end so
    far is new.
    """
    found = np.zeros((3, len(ids)))
    found[0] = 1
    four, six = split(tables, ids)
    first, last = (cells(tables, f"net_{end}4", four).astype(np.int64) for end in ("first", "last"))
    reached = np.maximum.accumulate(np.append(-1, last))[:-1] if len(four) else last
    found[1, : len(four)] = np.maximum(last - np.maximum(first - 1, reached), 0)
    if len(six):
        high, low, last_high, last_low = halves(tables, six)
        order = np.lexsort((last_low, last_high))
        rank = np.empty(len(six), np.int64)
        rank[order] = np.arange(len(six))
        furthest = order[np.maximum.accumulate(rank)][:-1]
        begun = np.append(False, upto(high[1:], low[1:], last_high[furthest], last_low[furthest]))
        high[begun], low[begun] = (end[furthest[begun[1:]]] for end in (last_high, last_low))
        within = upto(last_high, last_low, high, low) & begun
        wide = last_low.astype(float) - low.astype(float) + np.where(begun, 0, 1)
        size = ((last_high - high).astype(float) + wide / 2**64) / 2**16
        found[2, len(four) :] = np.where(within, 0, size)
    return found
