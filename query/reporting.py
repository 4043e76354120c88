"""Offer the command `report`: a year of incidents as a page, as JSON or as CSV."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from .auditing import csv_line
from .caseload import incident_options, incidents_of, perpetrators_of
from .console import INVALID, complain
from .index import open_index
from .options import index_option, with_options
from .packed import suffix, to_write
from .telling import desk_option

if TYPE_CHECKING:
    from .casework import Incident
    from .report_figures import Figures

FORMATS: Final = ("html", "json", "csv")
Command = TypeVar("Command", bound=Callable[..., Any])


def _options(command: Command) -> Command:
    options = (
        click.option("-o", "--output", metavar="FILE", default=None,
                     help="Where to write, standard output by default; packed by its name."),
        click.option("-f", "--format", "form", type=click.Choice(FORMATS), default=None,
                     help="By default what the name of the output says, else html."),
        click.option("--lang", type=click.Choice(["en", "ja"]), default="en",
                     help="The language of the page; CSV and JSON stay English."),
        click.option("--title", metavar="TEXT", default=None, help="The page's title."),
        click.option("--top", type=click.IntRange(1), default=10, metavar="N",
                     help="Names in a list, 10 by default."),
        click.option("--ledger", metavar="FILE", default=None, envvar="RIRDEX_LEDGER",
                     help="A file of cases (`rirdex cases`): what was reported, and answered. "
                     "Default $RIRDEX_LEDGER, else none."),
        click.option("--perpetrators", metavar="FILE", default=None,
                     help="Parties not to be told first: a name, handle or AS number a line."),
        click.option("--csv-safe", is_flag=True, help="Disarm formulas in CSV."),
        incident_options, desk_option, index_option,
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
    )  # fmt: skip
    return with_options(command, options)


@click.command(epilog="Example: rirdex report incidents.csv -o 2026.html --lang ja")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_options
def report(
    files: tuple[str, ...], output: str | None, form: str | None, lang: str, title: str | None,
    top: int, ledger: str | None, perpetrators: str | None, csv_safe: bool, given: str | None,
    columns: tuple[str, ...], zone: str | None, desk: str | None, path: str | None, quiet: bool,
) -> int:  # fmt: skip
    """Count incidents: how many lie in leased space, whose it is, who is told, what came of it.

    Incidents are read as by `rirdex notify`; verdicts and parties are those of the incident's own
    time. The page needs nothing but itself; CSV has a row for each number: table, row, column,
    value. A file - is standard input.
    """
    from .escalation import Options
    from .report_figures import figures

    form = form or {".json": "json", ".csv": "csv"}.get(suffix(output or ""), "html")
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(open_index(path, desk=desk))
        book = None
        if ledger:
            from .ledger import open_ledger

            book = stack.enter_context(open_ledger(ledger))
            index.memory.bounced = book.bounced()
        options = Options(perpetrators=perpetrators_of(perpetrators), today=date.today())
        incidents = _counted(incidents_of(files, given, columns, zone), quiet)
        found = figures(index, incidents, options, top=top, ledger=book)
    text = _written(found, form, lang, title, csv_safe)
    with to_write(output) as target:
        target.write(text.encode("utf-8", "replace"))
    if invalid := found.about["invalid"]:
        complain(f"{invalid:,} rows are no incidents: `rirdex notify` tells why")
    return INVALID if invalid else 0


def _counted(incidents: Iterator[Incident], quiet: bool) -> Iterator[Incident]:
    """Show how far it is."""
    from tqdm import tqdm

    silent = True if quiet or sys.stderr is None else None
    yield from tqdm(incidents, unit=" incidents", disable=silent, leave=False)


def _written(figures: Figures, form: str, lang: str, title: str | None, safe: bool) -> str:
    if form == "json":
        from .untrusted import cleaned

        return json.dumps(cleaned(figures.to_dict()), ensure_ascii=False, indent=2) + "\n"
    if form == "csv":
        return "".join(f"{line}\n" for line in _csv(figures, safe))
    from .report_page import page

    return page(figures, lang, title)


def _csv(figures: Figures, safe: bool) -> Iterator[str]:
    """Yield a row for each number; what is not known is empty."""
    yield csv_line(("table", "row", "column", "value"))
    for name, value in figures.about.items():
        if not isinstance(value, list | dict):
            yield csv_line(("about", "", name, value), safe)
    for table in figures.tables:
        for key, row in table.rows.items():
            for column, value in zip(table.columns, row, strict=True):
                yield csv_line((table.name, key, column, value), safe)
