"""Offer the command `history`: who held a range when, as text with a drawn line of time, JSON, CSV.

Nothing here finds tenures; that is `history`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

import click

from . import render
from .auditing import csv_line
from .cells import Json
from .console import NO_MATCH, USAGE, complain, write
from .errors import AddressError
from .index import open_index
from .options import index_option
from .tenures import UNDATED

if TYPE_CHECKING:
    from .tenures import History, Ranged, State, Tenure

FORMATS: Final = ("text", "json", "csv")
_DRAWN: Final = 24  # characters of a line of time
_COLUMNS: Final = (
    "query", "key", "relation", "name", "handle", "registry", "country", "contact", "role",
    "first_seen", "last_seen", "began_after", "ended", "days", "states", "changes", "turnover",
)  # fmt: skip
_STATE: Final = (
    ("netname", "netname"), ("name", "name"), ("handle", "org"), ("country", "country"),
    ("status", "status"), ("mnt_by", "mnt-by"), ("contact", "contact"), ("verdict", "verdict"),
    ("origins", "origins"), ("registry", "registry"),
)  # fmt: skip


@click.command(epilog="Example: rirdex history 192.0.2.1 -i world.rirdex")
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@index_option
@click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="text",
              help="Text by default; JSON has one object for each query and line.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as -f json.")
@click.option("--states", is_flag=True, help="In text, also what changed while a party stayed.")
def history(
    queries: tuple[str, ...], path: str | None, form: str, as_json: bool, states: bool
) -> int:
    """Show who held an address, prefix or range when.

    Tenures of every range that ever contained it, and of those inside a prefix or range. A tenure
    lasts while the organisation's handle or the normalised name stays. The past comes from
    snapshots: build with --previous.
    """
    code = 0
    form = "json" if as_json else form
    with open_index(path) as index:
        if form == "csv":
            write([csv_line(_COLUMNS)])
        for query in queries:
            try:
                found = index.history(query)
            except AddressError as error:
                complain(error)
                code = max(code, USAGE)
                continue
            code = code if found else max(code, NO_MATCH)
            if form == "json":
                write([render.json_line(found.to_dict())])
            elif form == "csv":
                write(_csv(found))
            else:
                write(_text(found, states))
    return code


def _csv(found: History) -> Iterator[str]:
    for ranged in found.ranges:
        for item in ranged.tenures:
            row: Json = {
                **item.to_dict(), "query": found.query, "key": ranged.key,
                "relation": ranged.relation, "country": " ".join(item.country),
                "states": len(item.states), "changes": ranged.changes,
                "turnover": _rate(ranged),
            }  # fmt: skip
            yield csv_line("" if row[name] is None else row[name] for name in _COLUMNS)


def _rate(ranged: Ranged) -> str:
    return "" if ranged.turnover is None else f"{ranged.turnover:.2f}"


# -- text -------------------------------------------------------------------------------------


def _text(found: History, states: bool) -> Iterator[str]:
    yield render.clean(found.query)
    if not found:
        yield "  no net in any snapshot of this index"
        return
    for ranged in found.ranges:
        yield f"  {ranged.key}  {_relation(ranged)}{_summary(ranged)}"
        for told in ranged.told:
            yield render.clean(f"    {told.date}  {told.what}: {told.text}")
        yield from _lines(ranged, states)


def _relation(ranged: Ranged) -> str:
    return "" if ranged.relation == "exact" else f"({ranged.relation})  "


def _summary(ranged: Ranged) -> str:
    tenants = len(ranged.tenures)
    seen = _seen(*ranged.watched, "from ")
    said = f"{tenants} {'tenure' if tenants == 1 else 'tenures'} {seen}"
    if ranged.changes and ranged.turnover is not None:
        said += f", {ranged.turnover:.1f} changes a year"
    return said if ranged.current else f"{said}; not there now"


def _lines(ranged: Ranged, states: bool) -> Iterator[str]:
    """Yield a line for each tenure and each gap, in the order of time."""
    rows: list[tuple[date, str, list[str]]] = []
    for item in ranged.tenures:
        more = [*_changes(item)] if states else []
        rows.append((item.first_seen, _tenure(ranged, item), more))
    for gap in ranged.gaps:
        bar = _bar(ranged, gap.first, gap.last, " ")
        rows.append((gap.first, f"    {gap.first} to {gap.last}  {bar}  not registered", []))
    for _, line, more in sorted(rows, key=lambda row: row[0]):
        yield line
        yield from more


def _tenure(ranged: Ranged, item: Tenure) -> str:
    end = item.last_seen
    name = item.name or item.handle or "-"
    handle = f" ({item.handle})" if item.handle and item.name else ""
    facts = [f"{name}{handle}", " ".join(item.country), item.contact or "no contact"]
    if len(item.registries) > 1:
        facts.append("moved " + " to ".join(item.registries))
    facts.append(_length(item))
    bar = _bar(ranged, item.first_seen, end, "=", item.ended)
    seen = _seen(item.first_seen, end)
    return render.clean(f"    {seen}  {bar}  " + "  ".join(filter(None, facts)))


def _seen(first: date, last: date, before: str = "") -> str:
    """Say between which days something was seen; the dumps of an index may tell no day at all."""
    return "undated" if first == UNDATED else f"{before}{first} to {last}"


def _length(item: Tenure) -> str:
    """Return how long a tenure was seen, and whether it goes on."""
    begin = "from before" if item.began_after is None else ""
    end = "still there" if item.ended is None else ""
    days = f"{item.days:,} days" if item.days else ""
    return "[" + ", ".join(filter(None, (days, begin, end)) or ("seen once",)) + "]"


def _bar(ranged: Ranged, first: date, last: date, mark: str, ended: date | None = None) -> str:
    """Draw a stretch of time within that in which the range was watched.

    From the last snapshot with it to the first without it nobody knows: `-`.
    """
    begin, end = ranged.watched
    whole = max((end - begin).days, 1)
    low = min((first - begin).days * _DRAWN // whole, _DRAWN - 1)
    high = max(low + 1, min(-(-(last - begin).days * _DRAWN // whole), _DRAWN))
    over = max(high, (ended - begin).days * _DRAWN // whole) if ended else high
    over = min(over, _DRAWN)
    parts = ("." * low, mark * (high - low), "-" * (over - high), "." * (_DRAWN - over))
    return f"|{''.join(parts)}|"


def _changes(item: Tenure) -> Iterator[str]:
    """Yield what changed from each state of a tenure to the next."""
    before: Json | None = None
    for state in item.states:
        now = state.to_dict()
        if before is None:
            yield render.clean(f"      {now['first_seen'] or 'undated'}: {_shown(state)}")
        else:
            parts = (
                f"{label} {_value(before[name])} -> {_value(now[name])}"
                for name, label in _STATE
                if before[name] != now[name]
            )
            yield render.clean(
                f"      {state.first_seen}: {', '.join(parts) or 'its surroundings'}"
            )
        before = now


def _shown(state: State) -> str:
    facts = state.to_dict()
    return ", ".join(f"{label} {_value(facts[name])}" for name, label in _STATE if facts[name])


def _value(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return str(value) if value is not None else "-"
