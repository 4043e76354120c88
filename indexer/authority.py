"""Decide for every address which registry's nets answer.

The first that speaks is responsible: the registries' statistics; else, where the nets come from
one registry, that one; else the one IANA's table names; else the one with the smallest net. Where
the responsible registry has no net, what the others have answers all the same.

Positions are those of `hierarchy`. The query side finds the reason again, for one address, with
`rirdex.query.authority`; the tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .scan import Ints

NOBODY, UNCLEAR = -1, -2


class Segments(NamedTuple):
    """Hold who answers or is responsible from each position on, until the next one begins."""

    begins: Ints
    owners: Ints


class Claim(NamedTuple):
    """Hold ranges of positions and whose they are, as numbers >= 0."""

    first: Ints
    last: Ints
    owner: Ints


def spread(claim: Claim, end: int) -> Segments:
    """Turn claims into segments of 0 .. end - 1; where two owners claim a place it is `UNCLEAR`."""
    cuts = np.concatenate([np.zeros(1, np.int64), claim.first, claim.last + 1])
    begins = np.unique(cuts[cuts < end])
    owners = np.full(len(begins), NOBODY, np.int64)
    for owner in np.unique(claim.owner).tolist():
        mine = claim.owner == owner
        place = touched(begins, claim.first[mine], claim.last[mine])[0]
        taken = owners[place]
        owners[place] = np.where((taken == NOBODY) | (taken == owner), owner, UNCLEAR)
    return Segments(begins, owners)


def touched(begins: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return the segments inside ranges whose ends are borders, and the range each lies in."""
    low = np.searchsorted(begins, first)
    count = np.searchsorted(begins, last, "right") - low
    which = np.repeat(np.arange(len(first)), count)
    inner = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    return low[which] + inner, which


def answering(
    registries: Sequence[Segments], stated: Segments, iana: Segments, order: Sequence[NDArray[Any]],
    end: int,
) -> Segments:  # fmt: skip
    """Choose among the segments of all registries; owners are pieces, -1 = none.

    ``stated`` and ``iana`` say which registry (an index of ``registries``) is responsible.
    ``order`` says of each piece where it stands in a chain, as keys of which a larger one, the
    most important first, stands lower.
    """
    if len(registries) < 2:
        return registries[0] if registries else Segments(*np.array([[0], [NOBODY]]))
    begins = np.unique(np.concatenate([each.begins for each in (*registries, stated, iana)]))
    count = np.zeros(len(begins), np.int16)
    smallest, by_stated, by_iana = (np.full(len(begins), NOBODY, np.int64) for _ in range(3))
    said, named = at_borders(stated, begins), at_borders(iana, begins)
    for number, (starts, owners) in enumerate(registries):
        full = np.flatnonzero(owners >= 0)
        lasts = np.append(starts[1:], end)[full] - 1
        place, which = touched(begins, starts[full], lasts)
        owner = owners[full][which]
        count[place] += 1
        other = smallest[place]
        wins = other < 0
        wins[~wins] = _lower(order, owner[~wins], other[~wins])
        smallest[place[wins]] = owner[wins]
        for chosen, responsible in ((by_stated, said), (by_iana, named)):
            mine = responsible[place] == number
            chosen[place[mine]] = owner[mine]
    owner = np.where((count > 1) & (by_iana >= 0), by_iana, smallest)
    owner = np.where(by_stated >= 0, by_stated, owner)
    new = np.ones(len(owner), bool)
    new[1:] = owner[1:] != owner[:-1]
    return Segments(begins[new], owner[new])


def at_borders(segments: Segments, begins: Ints) -> Ints:
    """Return the owners of segments at borders, of which theirs are some."""
    place = np.searchsorted(begins, segments.begins)
    return np.repeat(segments.owners, np.diff(np.append(place, len(begins))))


def _lower(order: Sequence[NDArray[Any]], left: Ints, right: Ints) -> NDArray[np.bool_]:
    """Say of pairs of pieces whether the left one stands lower in a chain."""
    result = np.zeros(len(left), bool)
    equal = np.ones(len(left), bool)
    for key in order:
        a, b = key[left], key[right]
        result |= equal & (a > b)
        equal &= a == b
    return result
