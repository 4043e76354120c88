"""Offer the command `leases`: list the nets that appear to be leased, or count them.

Nothing here chooses or counts. Rows are written as they are made, so that the first one does not
wait for the last. NumPy is loaded when the command runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import layout, render
from .auditing import csv_line
from .cells import Json
from .console import NO_MATCH, complain, write
from .index import open_index
from .options import index_option, with_options

if TYPE_CHECKING:
    from .audit import Count
    from .audited import Ints
    from .index import Index
    from .lease_counts import Summary
    from .leases import Row

Command = TypeVar("Command", bound=Callable[..., Any])
SCHEMA_VERSION = 1
_HANDLE = re.compile(r"(?: \([^\s()]+\))?\Z")
FORMATS = ("table", "csv", "jsonl")
_COUNTED = ("section", "key", "nets", "addresses", "prefixes48")
# A table that is written as it comes has widths of its own; what is longer is cut.
_WIDTHS = {
    "net": 31, "netname": 20, "country": 7, "lessor": 26, "lessee": 26, "facilitator": 14,
    "origins": 10, "verdict": 0,
}  # fmt: skip


def _options(command: Command) -> Command:
    options = (
        click.option("--lessor", metavar="NAME|HANDLE", default=None,
                     help="Only nets held by a party: its organisation handle or its whole name."),
        click.option("--lessee", metavar="NAME|HANDLE", default=None,
                     help="Only nets used by a party other than the holder: its organisation "
                     "handle or its whole name."),
        click.option("--facilitator", metavar="NAME|HANDLE", default=None,
                     help="Only nets with a party in between: its handle or its whole name."),
        click.option("--country", metavar="CC", default=None,
                     help="Only nets registered in a country."),
        click.option("--registry", metavar="NAME", default=None, help="Only nets of a registry."),
        click.option("--verdict", "verdicts", type=click.Choice(layout.VERDICTS), multiple=True,
                     help="Only this verdict. Repeatable; default leased and likely-leased."),
        click.option("--confidence", type=click.Choice(layout.CONFIDENCES), default="low",
                     show_default=True, help="The least confidence."),
        click.option("--inside", metavar="RANGE", default=None,
                     help="Only nets inside an address, prefix or range."),
        click.option("--summary", "counted", is_flag=True,
                     help="Count instead, by lessor, facilitator, registry, countries, verdict."),
        click.option("--turnover", is_flag=True,
                     help="Rank by how often the nets changed hands; with --summary the lessors."),
        click.option("--top", type=click.IntRange(0), default=20, show_default=True, metavar="N",
                     help="How many groups of --summary, those with most nets; 0 is all."),
        click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="table",
                     show_default=True, help="How to write."),
        click.option("--csv-safe", is_flag=True,
                     help="Disarm cells of CSV that a spreadsheet would compute."),
        index_option,
    )  # fmt: skip
    return with_options(command, options)


@click.command(epilog="Example: rirdex leases --lessor ORG-EX1-RIPE --confidence medium -f csv")
@_options
def leases(
    lessor: str | None, lessee: str | None, facilitator: str | None, country: str | None,
    registry: str | None, verdicts: tuple[str, ...], confidence: str, inside: str | None,
    counted: bool, turnover: bool, top: int, form: str, csv_safe: bool, path: str | None,
) -> int:  # fmt: skip
    """List the nets that appear to be leased, by address. Exit code 1 when there are none.

    Verdicts are inferences from public data. Names compare whole, but without legal forms, case and
    accents.
    Of other verdicts than leased and likely-leased, --lessor means the holder and --lessee the
    user, and both columns are empty.

    --summary counts every net, but an address once: for the widest of the nets that contain it.
    So a group of small nets inside leased larger ones may have 0 addresses. IPv6 is counted in /48.

    --turnover needs the snapshots that build --previous has kept.
    """
    from .leases import LeasesError, rows, select
    from .verdicts import LEASED

    with open_index(path) as index:
        try:
            ids = select(
                index, lessor=lessor, lessee=lessee, facilitator=facilitator, country=country,
                registry=registry, verdicts=verdicts or LEASED, confidence=confidence,
                inside=inside,
            )  # fmt: skip
        except LeasesError as error:
            raise click.UsageError(f"--registry: {error}") from None
        if not len(ids):
            complain("no net matches" + _why(index, bool(lessor or lessee or facilitator)))
        if turnover:
            write(_turnovers(index, ids, counted, form, csv_safe))
        elif counted:
            from .lease_counts import summary

            write(_counts(summary(index, ids, top=top), form, csv_safe))
        else:
            write(_LINES[form](rows(index, ids), csv_safe))
    return 0 if len(ids) else NO_MATCH


def _why(index: Index, named: bool) -> str:
    """Return why there may be no match: what was asked for, or what the index lacks."""
    reasons = ["names compare whole"] if named else []
    if not len(index._tables.view("origin_asn")):
        reasons.append("the index has no routes, which verdicts need; build it with --routes")
    return ": " + "; ".join(reasons) if reasons else ""


# -- rows -------------------------------------------------------------------------------------


def _table(found: Iterator[Row], _: bool) -> Iterator[str]:
    for number, row in enumerate(found):
        if not number:
            yield _padded(_WIDTHS)
        yield _padded((
            row.cidrs[0] if len(row.cidrs) == 1 else f"{row.first} - {row.last}",
            row.netname, " ".join(row.country), row.lessor or row.lessor_handle,
            row.lessee or row.lessee_handle, row.facilitator,
            " ".join(f"AS{asn}" for asn in row.origins), f"{row.verdict}, {row.confidence}",
        ))  # fmt: skip


def _padded(texts: Any) -> str:
    """Return the cells of a line of the table; a cell that is longer than its column is cut."""
    line = []
    for text, width in zip(texts, _WIDTHS.values(), strict=True):
        line.append(_cut(render.clean(text or "-"), width).ljust(width))
    return "  ".join(line)


def _cut(text: str, width: int) -> str:
    return text[: width - 1] + "…" if 0 < width < len(text) else text


def _csv(found: Iterator[Row], safe: bool) -> Iterator[str]:
    from .leases import Row

    yield from _fields(Row._fields, found, "csv", safe)


def _jsonl(found: Iterator[Row], safe: bool) -> Iterator[str]:
    from .leases import Row

    yield from _fields(Row._fields, found, "jsonl", safe)


def _fields(names: Sequence[str], found: Iterable[Any], form: str, safe: bool) -> Iterator[str]:
    """Yield named tuples as lines of CSV, with a head, or as JSON."""
    if form == "csv":
        yield ",".join(names)
    for row in found:
        if form == "csv":
            cells = zip(names, row, strict=True)
            yield csv_line((_joined(*pair) for pair in cells), safe)
        else:
            pairs = row._asdict().items()
            yield render.json_line(
                {name: [*cell] if isinstance(cell, tuple) else cell for name, cell in pairs}
            )


def _joined(name: str, cell: Any) -> Any:
    """Return a list as one cell: with blanks between, the names of tenants with arrows."""
    if not isinstance(cell, tuple):
        return cell
    return (" > " if name == "tenants" else " ").join(map(str, cell))


_LINES: dict[str, Callable[[Iterator[Row], bool], Iterator[str]]] = {
    "table": _table, "csv": _csv, "jsonl": _jsonl,
}  # fmt: skip


# -- turnover ---------------------------------------------------------------------------------

_RANKED = ("net", "lessor", "lessee", "changes", "a year", "tenants")
_LESSORS = ("lessor", "nets", "changed", "changes", "a year", "median days")


def _turnovers(index: Index, ids: Ints, by_lessor: bool, form: str, safe: bool) -> Iterator[str]:
    """Yield the lines of a ranking, of nets or of lessors, in whatever format."""
    from . import turnovers

    kind = turnovers.LessorTurnover if by_lessor else turnovers.RangeTurnover
    found: list[Any] = [*(turnovers.lessors if by_lessor else turnovers.ranges)(index, ids)]
    if form != "table":
        yield from _fields(kind._fields, found, form, safe)
    elif by_lessor:
        yield from render.table(
            (
                (_cut(item.lessor or item.lessor_handle or "-", 40), item.nets, item.changed,
                 item.changes, _rate(item.turnover), _rate(item.median_days))
                for item in found
            ),
            _LESSORS,
        )  # fmt: skip
    else:
        yield from render.table(
            (
                (item.cidrs[0] if len(item.cidrs) == 1 else f"{item.first} - {item.last}",
                 _cut(item.lessor or item.lessor_handle or "-", 26),
                 _cut(item.lessee or item.lessee_handle or "-", 26), item.changes,
                 _rate(item.turnover), " > ".join(item.tenants))
                for item in found
            ),
            _RANKED,
        )  # fmt: skip


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


# -- counts -----------------------------------------------------------------------------------


def _numbers(count: Count) -> tuple[int, int, int | float]:
    """Return counts for output, a number of /48 as a whole one where it is."""
    wide = count.prefixes48
    return count.nets, count.addresses, int(wide) if wide == int(wide) else round(wide, 6)


def _counts(found: Summary, form: str, safe: bool) -> Iterator[str]:
    """Yield the lines of a summary, in whatever format."""
    if form == "jsonl":
        yield render.json_line(to_dict(found))
        return
    lines = [("total", None, *_numbers(found.total))] + [
        (section, group.key, *_numbers(group.total))
        for section, groups in found.sections.items() for group in groups
    ]  # fmt: skip
    if form == "csv":
        yield ",".join(_COUNTED)
        for line in lines:
            yield csv_line(line, safe)
        return
    nets, addresses, wide = _numbers(found.total)
    yield f"{nets:,} nets, {addresses:,} IPv4 addresses and {wide:,} IPv6 /48"
    for section in found.sections:
        mine = [line[1:] for line in lines if line[0] == section]
        if mine:
            yield ""
            yield from render.table(
                (
                    (_label(section, key), *(f"{each:,}" for each in counts))
                    for key, *counts in mine
                ),
                (section, "nets", "addresses", "/48"),
            )


def _label(section: str, key: str | None) -> str:
    """Return the key of a group; a party's name is cut as in the list, the handle behind it not."""
    text = render.clean(key or "(none)")
    handle = _HANDLE.search(text) if section in ("lessor", "facilitator") else None
    if handle is None:
        return text
    return _cut(text[: handle.start()], _WIDTHS["lessor"]) + handle[0]


def to_dict(found: Summary) -> Json:
    """Return the JSON of `leases --summary`."""
    names = _COUNTED[2:]
    return {
        "schema_version": SCHEMA_VERSION, **dict(zip(names, _numbers(found.total), strict=True)),
        **{
            section: [
                {"key": group.key, **dict(zip(names, _numbers(group.total), strict=True))}
                for group in groups
            ]
            for section, groups in found.sections.items()
        },
    }  # fmt: skip
