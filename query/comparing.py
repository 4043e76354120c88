"""Offer the commands that compare two indexes: `diff` and `watch`.

Nothing here compares. Lines are written as they are made, so that the first one does not wait for
the last. NumPy is loaded when a command runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import render
from .auditing import csv_line
from .cells import Json
from .console import complain, write
from .index import open_index
from .options import with_options

if TYPE_CHECKING:
    from .changed import Compared
    from .changes import Change, Difference, Summary
    from .watched import Item
    from .watching import Event

Command = TypeVar("Command", bound=Callable[..., Any])
SCHEMA_VERSION = 1
CHANGED = 1  # the exit code
ONLY = ("lessee", "holder", "contact", "verdict", "status")
_COLUMNS = (
    "kind", "registry", "source", "key", "first", "last", "cidrs", "netname", "from", "to",
    "field", "old", "new", "renamed",
)  # fmt: skip
FORMATS = ("text", "jsonl", "csv")
_COUNTED = ("section", "key", "nets")
_WIDTH = 12  # of the names of fields, kinds and events in text
# What is told of a net that came or went.
_TOLD = ("status", "holder", "user", "facilitator", "verdict", "contact")


def _diff_options(command: Command) -> Command:
    options = (
        click.option("--lessor", metavar="NAME|HANDLE", default=None,
                     help="Only nets held by a party, then or now: its organisation handle or its "
                     "whole name."),
        click.option("--country", metavar="CC", default=None,
                     help="Only nets registered in a country, then or now."),
        click.option("--inside", metavar="RANGE", default=None,
                     help="Only nets inside an address, prefix or range."),
        click.option("--registry", metavar="NAME", default=None,
                     help="Only nets of a registry, then or now."),
        click.option("--only", type=click.Choice(ONLY), multiple=True,
                     help="Only nets of which this is another. Repeatable."),
        click.option("--all-sources", is_flag=True,
                     help="Also nets of sources that only one of the indexes has."),
        click.option("--summary", "counted", is_flag=True,
                     help="Count instead, by kind and by field."),
        click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="text",
                     show_default=True, help="How to write."),
        click.option("--csv-safe", is_flag=True,
                     help="Disarm cells of CSV that a spreadsheet would compute."),
        _quiet,
    )  # fmt: skip
    return with_options(command, options)


_quiet = click.option("-q", "--quiet", is_flag=True, help="No notes on standard error.")


@click.command(epilog="Example: rirdex diff monday.rirdex tuesday.rirdex --only lessee -f csv")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@_diff_options
def diff(
    old: str, new: str, lessor: str | None, country: str | None, inside: str | None,
    registry: str | None, only: tuple[str, ...], all_sources: bool, counted: bool, form: str,
    csv_safe: bool, quiet: bool,
) -> int:  # fmt: skip
    """Say what changed between two indexes, net by net. Exit code 1 when anything did.

    A net is the same one where registry, range and, at ARIN, handle are. What counts is what a
    record means: no dates, no order, no case of handles. Parties are told apart by organisation
    handle, else by name; a party that is the same under another name is renamed, and for --only it
    is no other. Holder, verdict and contact may change though the record did not.

    A net that one registry has no longer and another has now, for the same party, is transferred.
    With --only lessee nets are kept that came or went with a lessee, else none that came or went.
    Nets of sources that one index has none of are left out, with a note.
    """
    from .changed import compare
    from .changes import ChangesError, rows, select, summary
    from .paired import notes

    with open_index(old) as before, open_index(new) as after:
        found = compare(before, after, all_sources=all_sources)
        try:
            chosen = select(
                found, lessor=lessor, country=country, inside=inside, registry=registry, only=only
            )
        except ChangesError as error:
            raise click.UsageError(f"--registry: {error}") from None
        _tell(() if quiet else notes(found.old, found.new, found.apart))
        if counted:
            write(_counts(summary(chosen), chosen, form, csv_safe))
        else:
            write(_LINES[form](rows(chosen), csv_safe))
        return CHANGED if len(chosen.bits) else 0


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        complain(note)


# -- rows -------------------------------------------------------------------------------------


def _text(found: Iterator[Change], _: bool) -> Iterator[str]:
    """Yield a block for each net: what became of it, then a line for each field."""
    for number, change in enumerate(found):
        if number:
            yield ""
        moved = f"{change.left} -> {change.joined}" if change.left else change.registry
        yield render.clean("  ".join((
            change.kind.ljust(_WIDTH), _net(change), moved, change.netname or "-",
        )))  # fmt: skip
        for each in change.differences:
            yield render.clean(f"  {each.field.ljust(_WIDTH)}{_became(change.kind, each)}")


def _net(found: Change | Event) -> str:
    """Return a net as one prefix, else its range; behind it ARIN's handle."""
    text = found.cidrs[0] if len(found.cidrs) == 1 else f"{found.first} - {found.last}"
    return f"{text} ({found.key})" if found.registry == "ARIN" else text


def _became(kind: str, found: Difference) -> str:
    if kind == "added":
        return said(found.new)
    if kind == "removed":
        return said(found.old)
    return f"{said(found.old)} -> {said(found.new)}{', renamed' * found.renamed}"


def said(value: Any) -> str:
    """Return a value of a field in one line; nothing is `-`."""
    if not isinstance(value, tuple):
        return str(value) if value else "-"
    from .changes import Named, Reach

    if isinstance(value, Named):
        handle = f"({value.handle})" if value.name and value.handle else value.handle
        return " ".join(filter(None, (value.name, handle)))
    if isinstance(value, Reach):
        return f"{value.mailbox or value.handle} ({value.rule})"
    return ", ".join(map(said, value)) or "-"


def _csv(found: Iterator[Change], safe: bool) -> Iterator[str]:
    """Yield a row for each field of each net."""
    yield ",".join(_COLUMNS)
    for change in found:
        net = (
            change.kind, change.registry, change.source, change.key, change.first, change.last,
            " ".join(change.cidrs), change.netname, change.left, change.joined,
        )  # fmt: skip
        for each in change.differences or (None,):
            cells = (
                (each.field, *(said(value) if value else "" for value in (each.old, each.new)),
                 "yes" if each.renamed else "")
                if each else ("", "", "", "")
            )  # fmt: skip
            yield csv_line((*net, *cells), safe)


def _jsonl(found: Iterator[Change], _: bool) -> Iterator[str]:
    for change in found:
        yield render.json_line(change.to_dict())


_LINES: dict[str, Callable[[Iterator[Change], bool], Iterator[str]]] = {
    "text": _text, "csv": _csv, "jsonl": _jsonl,
}  # fmt: skip


# -- counts -----------------------------------------------------------------------------------


def _counts(found: Summary, compared: Compared, form: str, safe: bool) -> Iterator[str]:
    """Yield the lines of a summary, in whatever format."""
    if form == "jsonl":
        yield render.json_line(to_dict(found, compared))
        return
    sections = (("kind", found.kinds), ("field", found.fields), ("renamed", found.renamed))
    lines = [(section, key, count) for section, counts in sections for key, count in counts.items()]
    if form == "csv":
        yield ",".join(_COUNTED)
        for line in [("total", None, found.nets), *lines]:
            yield csv_line(line, safe)
        return
    yield f"{found.nets:,} nets changed"
    for section, counts in sections:
        mine = [(key, f"{count:,}") for key, count in counts.items() if count]
        if mine:
            yield ""
            yield from render.table(mine, (section, "nets"))


def to_dict(found: Summary, compared: Compared) -> Json:
    """Return the JSON of `diff --summary`."""
    return {"schema_version": SCHEMA_VERSION, **found._asdict(), "left_out": [
        {"registry": one.registry, "source": one.source, "family": one.family, "nets": one.nets,
         "in": "old" if one.in_old else "new"}
        for one in compared.apart
    ]}  # fmt: skip


# -- watch ------------------------------------------------------------------------------------


@click.command(epilog="Example: rirdex watch ours.txt monday.rirdex tuesday.rirdex")
@click.argument("path", metavar="FILE")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("-f", "--format", "form", type=click.Choice(("text", "jsonl")), default="text",
              show_default=True, help="How to write; jsonl has an event a line.")  # fmt: skip
@_quiet
def watch(path: str, old: str, new: str, form: str, quiet: bool) -> int:
    """Say what changed of the things on a list. Nothing is written, exit code 0, when nothing did.

    FILE (- is standard input) has one thing a line: a prefix, address or range, an AS number, the
    handle of an organisation, maintainer or other object, a mailbox, or the @domain of mailboxes.
    What stands behind it is a note, which is repeated. Lines that begin with # or ; do not count.

    Of a range every net counts that has an address of it, inside or around. Of a handle, what
    became of the object, and which nets it gained and lost; of mailboxes, for which nets they
    became or are no longer the contact by the registry's rule.
    """
    from .changed import compare
    from .paired import notes
    from .watched import WatchError, parse, unknown
    from .watching import events, snapshots

    try:
        with click.open_file(path, encoding="utf-8-sig", errors="replace") as file:
            items = parse(file)
        with open_index(old) as before, open_index(new) as after:
            strange = unknown(items, before, after)
            found = compare(before, after)
            if not quiet:
                _tell(f"line {item.line}: neither index knows {item.text}" for item in strange)
                _tell(notes(found.old, found.new, found.apart))
            told = events(found, items)
            first = next(told, None)
            if first is None:
                return 0
            every = chain([first], told)
            if form == "text":
                write(_event_lines(every, snapshots(found)))
            else:
                write(render.json_line(event.to_dict()) for event in every)
            return CHANGED
    except WatchError as error:
        raise click.UsageError(f"{'standard input' if path == '-' else path}: {error}") from None


def _event_lines(found: Iterable[Event], days: tuple[str | None, str | None]) -> Iterator[str]:
    """Yield the events, each below the line of the list that it is about."""
    yield f"From {days[0] or 'an unknown day'} to {days[1] or 'an unknown day'}:"
    item: Item | None = None
    for event in found:
        if event.item != item:
            item = event.item
            yield ""
            yield render.clean("  ".join(filter(None, (item.text, item.note))))
        yield render.clean(f"  {event.event.ljust(_WIDTH)}  {_about(event)}: {_happened(event)}")


def _about(event: Event) -> str:
    if event.kind == "net":
        return " ".join(filter(None, (_net(event), event.registry, event.name)))
    return f"{event.kind} {event.key} of {event.source}"


def _happened(event: Event) -> str:
    """Return what an event says: a value, two, or of a net that came or went who is who."""
    for value in (event.new, event.old):
        if isinstance(value, dict):
            named = (f"{name} {said(value[name])}" for name in _TOLD if value.get(name))
            return ", ".join(named) or "-"
    if event.field is None and not (event.old and event.new):
        return said(event.new or event.old)
    return f"{said(event.old)} -> {said(event.new)}"
