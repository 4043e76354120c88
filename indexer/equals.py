"""Order the nets of one and the same range, where registries register it several times.

An explicit parent handle stands above its child (ARIN's `Parent`, LACNIC's `inetnum-up`); what is
left open is decided by the rank of the status, the registry and the bytes of the key. Such groups
are small and few, so this is plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from .intern import Dictionary
from .scan import Ints


def text_ranks(words: Dictionary, row: Ints) -> Ints:
    """Return for some rows the rank of their texts among them, by bytes."""
    codes, place = np.unique(words.codes[row], return_inverse=True)
    texts = [words[code] for code in codes.tolist()]
    rank = np.empty(len(texts), np.int64)
    rank[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    return rank[place]


def reordered(
    group: Ints, row: Ints, handles: Dictionary, parents: Dictionary
) -> tuple[Ints, Ints]:
    """Return places that want another net, and which of the places holds it.

    ``group`` says of each place which range it belongs to, ascending; within a range the places
    are in the order that status and key give. ``row`` are the rows of the nets there.
    """
    if not len(group):
        return group, group
    edges = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    behind = np.append(edges[1:], len(group))
    linked = parents.codes[row] > 0
    several = (behind - edges > 1) & (np.add.reduceat(linked, edges) > 0)
    places: list[int] = []
    wanted: list[int] = []
    for low, high in zip(edges[several].tolist(), behind[several].tolist(), strict=True):
        mine = row[low:high].tolist()
        order = parents_first(
            [handles[int(handles.codes[k])] for k in mine],
            [parents[int(parents.codes[k])] for k in mine],
        )
        places += range(low, high)
        wanted += [low + k for k in order]
    return np.array(places, np.int64), np.array(wanted, np.int64)


def parents_first(handles: Sequence[bytes], parents: Sequence[bytes]) -> list[int]:
    """Return the order in which every parent that is there comes before its children.

    Otherwise the order stays as it is; members of a cycle come last.
    """
    by_handle = {handle: k for k, handle in reversed(list(enumerate(handles)))}
    # LACNIC names the range, not a record: meant is the first that names nothing around it.
    outer = next((k for k, parent in enumerate(parents) if not parent), None)
    above = [
        by_handle.get(parent, outer if handle.partition(b"\n")[0] == parent else None)
        for handle, parent in zip(handles, parents, strict=True)
    ]
    children: dict[int, list[int]] = {}
    ready = []
    for k, parent in enumerate(above):
        if parent is None or parent == k:
            ready.append(k)
        else:
            children.setdefault(parent, []).append(k)
    heapify(ready)
    order = []
    while ready:
        order.append(heappop(ready))
        for child in children.get(order[-1], ()):
            heappush(ready, child)
    return order + sorted(set(range(len(handles))) - set(order))


def raised(group: Ints, rank: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return ranks that never fall within a range: a child counts as low as its parent at least."""
    order = group * 16 + rank
    return (np.maximum.accumulate(order) - group * 16).astype(np.int8)
