"""Resolve the abuse contact of every net and AS number as its registry would, rule by rule.

A *result* is a run of items: a mailbox (or a handle, where no source holds its class), the rule,
the object that has the mailbox and the object that refers to it. Few results are distinct: they
are made once for each distinct text of references (`resolver`), then handed out over all nets by
codes. What a net has not it takes from the net around it, where its registry's rule climbs: at
the RIPE NCC never beyond a net that its registration services maintain, elsewhere never into a
block of the registry.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from . import roles
from .batch import SAYS
from .intern import Dictionary
from .references import LOWER
from .resolver import Resolver, Step
from .results import Items, Results
from .rows import Rows
from .scan import Ints

_SYSTEM = layout.CLASSES.index("aut-num")


class Contacts(NamedTuple):
    """Hold the tables of contacts, the texts of mailboxes, and which results each is in.

    ``texts`` are mailboxes and handles; ``named`` are pairs of a text's code and a result.
    """

    tables: dict[str, NDArray[Any]]
    texts: Dictionary
    named: tuple[Ints, Ints]


def _phase(
    resolver: Resolver, steps: list[Step], rows: Ints, which: Ints, values: NDArray[np.uint32],
    silent: NDArray[np.bool_],
) -> NDArray[np.uint32]:  # fmt: skip
    """Return what some nets or objects have themselves by one phase of their registry's order.

    Those that have a result already are left out, and the ``silent`` ones. Flags go into
    ``values``; ``rows`` are the rows of all of them.
    """
    own = np.zeros(len(which), np.uint32)
    rest = np.flatnonzero(((values[which] & np.uint32(layout.RESULT_BITS)) == 0) & ~silent)
    for column, step in steps:
        codes, found, flags = resolver.tabulated(column, step, rows[which[rest]])
        own[rest] = found[codes]
        values[which[rest]] |= flags[codes]
        rest = rest[own[rest] == 0]
    return own


def _climbed(own: NDArray[np.uint32], up: Ints) -> Ints:
    """Return for each net the net whose result it takes: its own, or the next above that has one.

    ``up`` is the net around each one where the rule climbs, else -1.
    """
    source = np.where((own > 0) | (up < 0), np.arange(len(own)), up)
    while True:
        further = source[source]
        if np.array_equal(further, source):
            return source
        source = further


def _rising(
    rows: Rows, net_rows: Ints, mine: Ints, parents: NDArray[np.int32], kind: NDArray[np.int8],
    rs: NDArray[np.bool_], by_ripe: bool,
) -> Ints:  # fmt: skip
    """Return for each of a registry's nets the place among them of the net it may climb to."""
    place = np.full(len(net_rows) + 1, -1, np.int64)
    place[mine] = np.arange(len(mine))
    up = place[parents[mine]]
    row = net_rows[mine]
    if by_ripe:
        lower = frozenset(f"{LOWER.decode()}:{name}" for name in roles.RS_MAINTAINERS)
        theirs = roles.codes_with(rows.words["contact"], lower)[rows.code("contact")[row]]
        up[rs[row] | theirs] = -1
    else:
        up[kind[row][up] == roles.REG] = -1
    return up


def resolve(
    rows: Rows, net_rows: Ints, objects: Ints, org_object: Ints, parents: NDArray[np.int32],
    kind: NDArray[np.int8], placeholder: NDArray[np.bool_], rs: NDArray[np.bool_],
) -> Contacts:  # fmt: skip
    """Resolve the contacts of all nets and objects.

    ``parents`` is the smallest net of the same registry that contains each net, -1 without one;
    ``kind``, ``placeholder`` and ``rs`` (an RS maintainer in mnt-by) are those of all rows.
    """
    results, items = Results(), Items(rows, objects)
    nets = np.zeros(len(net_rows), np.uint32)
    others = np.zeros(len(objects), np.uint32)
    for number, registry in enumerate(rows.registries):
        resolver = Resolver(rows, objects, org_object, registry, items, results)
        mine = np.flatnonzero(rows.registry[net_rows] == number)
        systems = np.flatnonzero(
            (rows.kind[objects] == _SYSTEM) & (rows.registry[objects] == number)
        )
        by_ripe = resolver.registry == "RIPE"
        up = _rising(rows, net_rows, mine, parents, kind, rs, by_ripe)
        silent = placeholder[net_rows[mine]]
        if not by_ripe:
            silent = silent | (kind[net_rows[mine]] == roles.REG)
        for steps in resolver.phases:
            own = _phase(resolver, steps, net_rows, mine, nets, silent)
            source = _climbed(own, up)
            inherited = (own == 0) & (own[source] > 0)
            found = own[source] | inherited * np.uint32(layout.INHERITED)
            free = (nets[mine] & np.uint32(layout.RESULT_BITS)) == 0
            nets[mine] |= np.where(free, found, np.uint32(0))
            nothing = np.zeros(len(systems), bool)
            others[systems] |= _phase(resolver, steps, objects, systems, others, nothing)
            resolver.add_organisations(steps, number, others)
        nets[mine] |= resolver.telling(net_rows[mine])
        others[systems] |= resolver.telling(objects[systems])
    others |= ((rows.flags[objects] & SAYS) > 0) * np.uint32(layout.TELLS)
    tables = results.tables() | {"net.contact": nets, "object.contact": others}
    return Contacts(tables, results.texts(), results.named())
