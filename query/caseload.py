"""Take incidents from files named on the command line: the options, and the reading.

`notify` and `report` share them. What a row says is read in `incidents`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Final, TypeVar

import click

from .casework import Incident
from .errors import Error
from .incidents import FORMS, NAMES, IncidentsError, read
from .options import with_options
from .packed import suffix, to_read

Command = TypeVar("Command", bound=Callable[..., Any])
_ENDS: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv"}


def incident_options(command: Command) -> Command:
    """Give a command the options that say how incidents are read: given, columns, zone."""
    options = (
        click.option(
            "--input", "given", type=click.Choice(FORMS), default=None,
            help="How the incidents are written; by default what the name or the first byte says.",
        ),
        click.option(
            "--map", "columns", multiple=True, metavar="FIELD=COLUMN",
            help=f"The column of a field, where its name is another: {', '.join(NAMES)}. "
            "Repeatable.",
        ),
        click.option(
            "--zone", metavar="ZONE", default=None,
            help="The time zone of times that name none, as Asia/Tokyo; default UTC.",
        ),
    )  # fmt: skip
    return with_options(command, options)


def mapping_of(columns: Iterable[str]) -> dict[str, str]:
    """Return the columns of fields that `--map` names. Raises `click.UsageError`."""
    found = {}
    for text in columns:
        field, mark, column = text.partition("=")
        if not mark or not column.strip():
            raise click.UsageError(f"--map {text}: write FIELD=COLUMN")
        found[field.strip().lower()] = column
    return found


def incidents_of(
    names: Iterable[str], given: str | None, columns: Iterable[str], zone: str | None
) -> Iterator[Incident]:
    """Yield the incidents of files, `-` for standard input; rows count on from file to file.

    Raises `click.UsageError` for what was asked, `Error` and OSError for a file.
    """
    mapping, rows = mapping_of(columns), 0
    for name in names:
        with to_read(name) as stream:
            form, lines = _form(stream, given or _ENDS.get(suffix(name)))
            try:
                for incident in read(lines, form, mapping, zone=zone):
                    rows += 1
                    yield incident._replace(row=rows)
            except IncidentsError as error:
                raise click.UsageError(f"{name}: {error}") from None


def perpetrators_of(name: str | None) -> frozenset[str]:
    """Return the parties of a file that `--perpetrators` names, none without one."""
    from .escalation import perpetrators

    if name is None:
        return frozenset()
    try:
        with open(name, encoding="utf-8-sig") as file:
            return perpetrators(file)
    except UnicodeDecodeError:
        raise Error(f"{name}: is no UTF-8: save the file as UTF-8") from None


def _form(stream: BinaryIO, form: str | None) -> tuple[str, Iterator[bytes]]:
    """Return how a stream is written, and its lines."""
    lines = iter(stream)
    if form is not None:
        return form, lines
    first = next(lines, b"")
    found = "jsonl" if first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "csv"
    return found, chain([first], lines)
