"""Say which registry is responsible for an address, and by what.

The rule is the one by which `indexer/authority.py` chose the nets that answer; here it is applied
to one range, to explain. What the registries' statistics say lies in the index, IANA's table in
its metadata.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .cover import reaching
from .layout import REGISTRIES

if TYPE_CHECKING:
    from .addresses import Span
    from .records import Net
    from .store import Tables

DELEGATED = ("allocated", "assigned")
TOLD = (*REGISTRIES, "IANA")  # the registries as `indexer/transfers.py` numbers them


class Authority(NamedTuple):
    """Name the responsible registry, None where nobody is, the rule that says so, and a sentence.

    The rules are `delegated`, `records`, `iana`, `smallest` and `none`.
    """

    registry: str | None
    rule: str
    text: str


def stated(tables: Tables, span: Span) -> dict[str, Any] | None:
    """Return what the registries' statistics say of the first address of a range.

    It has `registry` (None where several claim it), `status`, `file`, `date`, and `used`: whether
    the file is of about the dumps' date.
    """
    if span.family == 4:
        place = bisect_right(tables.stated4_begin, span.first) - 1
        what = tables.stated4_what[place] if place >= 0 else 0
    else:
        high, low = span.first >> 64, span.first & (1 << 64) - 1
        place = bisect_right(tables.stated6_hi, high) - 1
        while place >= 0 and tables.stated6_hi[place] == high and tables.stated6_lo[place] > low:
            place -= 1
        what = tables.stated6_what[place] if place >= 0 else 0
    found: dict[str, Any] | None = tables.store.meta["stated"][what]
    return found


def moves(tables: Tables, span: Span) -> list[tuple[str, str, str]]:
    """Return the transfers of a range between registries as (from, to, ISO date), oldest first."""
    if span.family == 4:
        first, last = span.first, span.last
        firsts, lasts, what = tables.moved4_first, tables.moved4_last, tables.moved4_what
        maxima = tables.moved4_cover
    else:
        first, last = span.first >> 64, span.last >> 64
        firsts, lasts, what = tables.moved6_first, tables.moved6_last, tables.moved6_what
        maxima = tables.moved6_cover
    count = bisect_right(firsts, first)
    rows = reaching(lasts, maxima, count, last)
    found = sorted({what[row] for row in rows})
    return [(TOLD[k >> 4 & 15], TOLD[k & 15], _day(k >> 8)) for k in found]


def _day(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days)).isoformat()


def by_iana(tables: Tables, span: Span, table: str = "iana") -> str | None:
    """Return what a table of IANA's says of a range: a registry, or the name of a special block.

    Of several blocks the smallest counts.
    """
    found = [
        (last - first, name)
        for family, first, last, name in tables.store.meta[table]
        if family == span.family and int(first) <= span.first and span.last <= int(last)
        for first, last in [(int(first), int(last))]
    ]
    return min(found)[1] if found else None


def responsible(tables: Tables, span: Span, nets: list[Net]) -> Authority:
    """Apply the rule to the first address of a range; ``nets`` are all that contain it."""
    said = stated(tables, span)
    if said and said["used"] and said["registry"] and said["status"] in DELEGATED:
        text = f"{said['file']} of {said['date']} has it as {said['status']} by {said['registry']}"
        return Authority(said["registry"], "delegated", text)
    return by_records(tables, span, nets)


def by_records(tables: Tables, span: Span, nets: list[Net]) -> Authority:
    """Apply the rule without statistics: by what nets there are, then by IANA's table."""
    parties = [net for net in nets if net.role not in ("placeholder", "registry")]
    names = sorted({net.registry for net in parties})
    if len(names) == 1:
        return Authority(names[0], "records", f"only {names[0]} has a net of somebody's there")
    iana = by_iana(tables, span)
    if iana:
        return Authority(iana, "iana", f"IANA's table gives the block to {iana}")
    if names:
        return Authority(
            parties[-1].registry, "smallest", "several registries have nets, the smallest counts"
        )
    return Authority(None, "none", "no statistics, nets or table say whose it is")
