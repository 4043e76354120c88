"""Offer the commands that open connections: `fetch` and `update`. No other command does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TypeVar

import click

from . import render
from .console import FAILED, complain, write
from .errors import Error
from .place import default_path

Command = TypeVar("Command", bound=Callable[..., Any])


def _fetch_options(command: Command) -> Command:
    options = (
        click.option("-q", "--quiet", is_flag=True, help="No progress, terms or summary."),
        click.option("--sources", "table", metavar="FILE", default=None, envvar="RIRDEX_SOURCES",
                     help="A table of your own that goes over ours; default $RIRDEX_SOURCES."),
        click.option("-d", "--folder", metavar="FOLDER", default=None,
                     help="Where the files are kept; default `dumps` beside the index."),
        click.argument("names", nargs=-1, metavar="[SOURCE]..."),
    )  # fmt: skip
    for option in options:
        command = option(command)
    return command


def _dumps_folder(folder: str | None, index: str) -> str:
    return folder or os.path.join(os.path.dirname(os.path.abspath(index)), "dumps")


@contextlib.contextmanager
def _bars(quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar for each file as it comes, where standard error is a terminal."""
    from tqdm import tqdm

    with contextlib.ExitStack() as stack:
        bars: dict[str, tqdm[NoReturn]] = {}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in bars:
                stack.close()
                bars.clear()
                bars[name] = stack.enter_context(
                    tqdm(desc=name, unit="B", unit_scale=True, leave=False,
                         disable=True if quiet else None)
                )  # fmt: skip
            bars[name].total = total
            bars[name].update(done - bars[name].n)

        yield show


def _fetch(names: Sequence[str], table: str | None, folder: str, quiet: bool) -> int:
    """Fetch what is new of the sources named; return the exit code."""
    from rirdex.indexer import downloads
    from rirdex.indexer.fetch import fetch as fetch_files

    known = downloads.read_table(table)
    try:
        chosen = downloads.choose(known, names, os.environ)
    except Error as error:
        raise click.UsageError(str(error)) from None
    if not quiet:
        for line in downloads.terms(chosen):
            complain(f"terms of {line}")
        for name, variable in downloads.keyless(known, os.environ).items() if not names else ():
            complain(f"{name} is left out: ${variable} is not set")
    with _bars(quiet) as show:
        outcomes = fetch_files(chosen, folder, environ=os.environ, say=complain, progress=show)
    for outcome in outcomes:
        if outcome.error is not None:
            complain(outcome.error)
        if not quiet:
            write([f"{outcome.state:<9}  {outcome.size:>13,}  {outcome.file}"])
    return FAILED if any(outcome.error is not None for outcome in outcomes) else 0


@click.command(epilog="Example: rirdex fetch ripe afrinic --folder dumps")
@click.option("--list", "listed", is_flag=True, help="Print the table of sources; fetch nothing.")
@_fetch_options
def fetch(
    names: tuple[str, ...], folder: str | None, table: str | None, quiet: bool, listed: bool
) -> int:
    """Fetch the registries' files that are new, under the registries' terms.

    SOURCE is a set, a registry or a file of --list, or `all`; without one the default sets are
    fetched. ARIN's bulk data needs your key in $RIRDEX_ARIN_KEY. What is cut off is continued by
    the next run; a file gets its name only when it is whole.
    """
    if listed:
        from rirdex.indexer import downloads

        write(render.clean(line) for line in downloads.listing(downloads.read_table(table)))
        return 0
    return _fetch(names, table, _dumps_folder(folder, default_path()), quiet)


@click.command(epilog="Example: rirdex update -o ripe.rirdex --folder dumps")
@click.option(
    "-o",
    "--output",
    metavar="INDEX",
    default=None,
    help="The index to replace; default $RIRDEX_INDEX, else the user data folder.",
)
@click.option("--past", is_flag=True, help="Keep what the index that is replaced showed.")
@_fetch_options
def update(
    names: tuple[str, ...], folder: str | None, table: str | None, quiet: bool,
    output: str | None, past: bool,
) -> int:  # fmt: skip
    """Fetch what has changed, build an index of the folder, and swap it in.

    Where a file cannot be fetched, or nothing has changed, the index stays as it is. With --past
    every run adds a snapshot: what changed since the last one, as build --previous does.
    """
    from rirdex.indexer.build import build as build_index
    from rirdex.indexer.fetch import is_stale

    target = output or default_path()
    place = _dumps_folder(folder, target)
    if code := _fetch(names, table, place, quiet):
        complain(f"{target}: stays as it is, since not everything was fetched")
        return code
    if not is_stale(place, target):
        if not quiet:
            write([f"{render.clean(target)}: nothing has changed"])
        return 0
    previous = target if past and os.path.exists(target) else None
    summary = build_index([place], target, previous=previous)
    if not quiet:
        write(render.build_text(summary))
    return 0
