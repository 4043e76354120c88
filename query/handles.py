"""Answer AS numbers and handles: the objects under them, and the nets that refer to these."""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from typing import TYPE_CHECKING

from . import layout
from .addresses import as_number, span
from .errors import AddressError
from .finding import inside_of
from .model import Answer, HandleAnswer
from .records import Net, Object

if TYPE_CHECKING:
    from .index import Index


def handle_answers(index: Index, query: str) -> list[Answer]:
    """Return one answer for each object under a handle or AS number, or one of none."""
    text = query.strip()
    number = as_number(text)
    if number is not None:
        kind = "asn"
        found = _systems(index, number)
    else:
        kind = "handle"
        found = [*index.objects(text), *handled(index, text)]
    answers: list[Answer] = [
        HandleAnswer(index, index._tables, query, kind, item, partial(_referring, index, item))
        for item in found
    ]
    return answers or [HandleAnswer(index, index._tables, query, kind, None, list)]


def _systems(index: Index, number: int) -> list[Object | Net]:
    """Return the aut-num objects of an AS number, and those of ranges of numbers with it."""
    tables = index._tables
    found: list[Object | Net] = []
    found += index.objects(f"AS{number}", "aut-num")
    known = {item.id for item in found}
    for place in range(bisect_right(tables.asn_first, number)):
        if tables.asn_last[place] >= number and tables.asn_object[place] not in known:
            found.append(Object(tables, tables.asn_object[place]))
    return found


def handled(index: Index, key: str) -> list[Net]:
    """Return the nets whose registry gives them a handle of their own, by that handle."""
    count = index.meta["counts"]["objects"]
    rows = index._store.find("handles", layout.sort_key(key.strip(layout.BLANKS)))
    return [index.net(row - count) for row in rows if row >= count]


def object_of(
    index: Index, key: str, kind: str | None, registry: str | None
) -> Object | Net | None:
    """Return the first object under a key, last a net by its handle or range: `Index.object`."""
    if kind != "net":
        found = index.objects(key, kind, registry)
        if found or kind is not None:
            return found[0] if found else None
    try:
        asked = span(key)
    except AddressError:
        return None
    if asked is None:
        named = handled(index, key)
        return next((net for net in named if registry in (None, net.registry)), None)
    for row in inside_of(index._tables, asked):
        net = index.net(row)
        if net.bounds == (asked.first, asked.last) and registry in (None, net.registry):
            return net
    return None


def _referring(index: Index, item: Object | Net) -> list[int]:
    """Return the nets that name an object by its handle; of a net, the net itindex."""
    if isinstance(item, Net):
        return [item.id]
    if item.kind == "organisation":
        return index.nets(org=item.key)
    if item.kind == "mntner":
        return index.nets(mnt_by=item.key)
    return []
