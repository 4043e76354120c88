"""Find nets by their range or their contact."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from . import layout
from .addresses import Network, Span, shown, span
from .cover import reaching
from .errors import AddressError
from .records import Net

if TYPE_CHECKING:
    from .store import Tables


def inside_of(tables: Tables, bounds: Span) -> list[int]:
    """Return the ids of the nets that lie whole inside a range, ascending."""
    if bounds.family == 4:
        begin = bisect_left(tables.net_first4, bounds.first)
        end = bisect_right(tables.net_first4, bounds.last, begin)
        lasts = tables.net_last4
        return [row for row in range(begin, end) if lasts[row] <= bounds.last]
    highs, count = tables.net_first6_hi, tables.nets - tables.nets4
    begin = bisect_left(highs, bounds.first >> 64)
    end = bisect_right(highs, bounds.last >> 64, begin, count)
    rows = (Net(tables, tables.nets4 + row, tables.nets4 + row) for row in range(begin, end))
    return [
        net.id for net in rows if bounds.first <= net.bounds[0] and net.bounds[1] <= bounds.last
    ]


def containing(tables: Tables, bounds: Span) -> list[Net]:
    """Return every net that contains a range, of any registry and role, widest first."""
    if bounds.family == 4:
        count = bisect_right(tables.net_first4, bounds.first)
        found = reaching(tables.net_last4, tables.cover4, count, bounds.last)
    else:
        count = bisect_right(
            tables.net_first6_hi, bounds.first >> 64, 0, tables.nets - tables.nets4
        )
        rows = reaching(tables.net_last6_hi, tables.cover6, count, bounds.last >> 64)
        found = [tables.nets4 + row for row in rows]
    nets = [Net(tables, row, row) for row in found]
    nets = [net for net in nets if net.bounds[0] <= bounds.first and net.bounds[1] >= bounds.last]
    return sorted(nets, key=lambda net: (net.bounds[0] - net.bounds[1], net.id))


def near(tables: Tables, bounds: Span) -> list[int]:
    """Return the ids of the nets around a range and of those inside."""
    return [net.id for net in containing(tables, bounds)] + inside_of(tables, bounds)


def ranged(query: str | Network) -> Span:
    """Return the range that a text or object names. Raises `AddressError`."""
    bounds = span(query)
    if bounds is None:
        raise AddressError(f"{shown(query)} is no address, prefix or range")
    return bounds


def reached_at(tables: Tables, contact: str) -> list[int]:
    """Return the ids of the nets whose contact is a mailbox or has a domain, ascending."""
    results = tables.store.find("contact", layout.sort_key(contact.strip(layout.BLANKS)))
    if not results:
        return []
    from .many import nets_with

    return nets_with(tables, results)


def chosen(
    tables: Tables, texts: dict[str, str | None], contact: str | None,
    inside: str | Network | Span | None,
) -> list[int]:  # fmt: skip
    """Return the ids of the nets that match every text that is given, ascending: `Index.nets`."""
    found: list[list[int]] = [
        tables.store.find(name, layout.sort_key(value.strip(layout.BLANKS)))
        for name, value in texts.items()
        if value is not None
    ]
    if contact is not None:
        found.append(reached_at(tables, contact))
    if inside is not None:
        bounds = inside if isinstance(inside, Span) else ranged(inside)
        found.append(inside_of(tables, bounds))
    if not found:
        return list(range(tables.nets))
    found.sort(key=len)
    return sorted(set(found[0]).intersection(*found[1:]))
