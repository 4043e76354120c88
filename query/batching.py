"""Answer lists of queries from the command line: `rirdex batch`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import click

from .console import INVALID, complain
from .index import open_index
from .options import index_option, with_options
from .packed import is_one, is_packed, suffix, to_read, to_write

_FORMS: Final = {".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_WRITTEN: Final = {
    **_FORMS, ".csv": "csv", ".parquet": "parquet", ".arrow": "arrow", ".arrows": "arrow",
    ".feather": "arrow",
}  # fmt: skip
_OTHERS: Final = (".zip", ".xlsx", ".xls", ".ods", ".orc", ".db", ".sqlite", ".mmdb", ".html")
_BINARY: Final = ("parquet", "arrow")


def _options(command: Any) -> Any:
    options = (
        click.option("-f", "--format", "form", default=None,
                     type=click.Choice(("csv", "tsv", "jsonl", "parquet", "arrow")),
                     help="How to write; default by the name of -o, else csv."),
        click.option("-c", "--columns", metavar="NAMES", multiple=True,
                     help="Columns, in this order, with commas between. Repeatable."),
        click.option("-o", "--output", metavar="FILE", default=None,
                     help="Where to write; .gz, .bz2, .xz, .zst are compressed."),
        click.option("--input", "given", default=None,
                     type=click.Choice(("lines", "csv", "tsv", "jsonl", "text")),
                     help="What the input is; default by its name, else lines. text: every "
                     "address in free text or a log."),
        click.option("--field", metavar="NAME", default=None,
                     help="The column (name or number) or the member of JSON with the query."),
        click.option("--at", metavar="DATE", default=None,
                     help="Answer for an earlier day instead of today."),
        click.option("--time-field", metavar="NAME", default=None,
                     help="Answer each row for the time it has there."),
        click.option("--summary", is_flag=True,
                     help="Count the rows by the columns instead; -f csv or jsonl."),
        click.option("--top", type=click.IntRange(0), default=20, metavar="N", show_default=True,
                     help="Values of each column in a summary; 0 = all."),
        click.option("--keep", is_flag=True, help="Write the input's own columns first."),
        click.option("--no-header", is_flag=True, help="No line with the names of columns."),
        click.option("--csv-safe", is_flag=True,
                     help="Disarm cells that a spreadsheet would compute."),
        click.option("--jobs", type=click.IntRange(0), default=None, metavar="N",
                     help="Processes beside this one; the result is the same."),
        click.option("--line-buffered", is_flag=True,
                     help="Answer what there is at once, as on a terminal; slower."),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
        index_option,
    )  # fmt: skip
    return with_options(command, options)


@click.command(epilog="Example: rirdex batch list.txt -c ip,holder,lessee,verdict,abuse -o out.csv")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@_options
def batch(
    files: tuple[str, ...], form: str | None, columns: tuple[str, ...], output: str | None,
    given: str | None, field: str | None, at: str | None, time_field: str | None, summary: bool,
    top: int, keep: bool, no_header: bool, csv_safe: bool, jobs: int | None, line_buffered: bool,
    quiet: bool, path: str | None,
) -> int:  # fmt: skip
    """Answer a list of queries, of files or standard input.

    A query is an address, a prefix or a range; by default there is one a line.

    Order is kept. A row that is no query stays in its place, with the reason in the column
    error, and exit code 4.

    Each row's time for --time-field is a date or time of ISO 8601 (UTC where it names no zone)
    or seconds since 1970; a row without one is no query.
    """
    from .batch import run
    from .blocks import InputError
    from .days import day_of
    from .errors import BatchError

    form = _form(form, output, summary)
    named = _columns(columns, summary)
    kinds = {name: given or _read_as(name) for name in files or ("-",)}
    _check(files, output, form, summary, keep)
    _check_times(at, time_field, kinds)
    day = None if at is None else day_of(at)
    prompt = line_buffered or _is_terminal(output)
    rows = wrong = 0
    kept: tuple[str, ...] = ()
    headed = no_header and form not in _BINARY
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(open_index(path))
        if is_one(output, index.path):
            raise click.UsageError(f"{output} is the index itself: give another name to -o")
        write, finish = stack.enter_context(_sink(output, form, summary, top, csv_safe, prompt))
        told = stack.enter_context(_progress(quiet, files))
        names = files or ("-",)
        for number, name in enumerate(names, 1):
            try:
                with to_read(name, at_once=prompt) as stream:
                    ran = run(
                        index, stream, write, columns=named, field=field, given=kinds[name],
                        form="summary" if summary else form, keep=keep, safe=csv_safe, told=told,
                        header=not headed, last=number == len(names), like=kept, at=day,
                        time_field=time_field, jobs=0 if prompt and jobs is None else jobs,
                    )  # fmt: skip
            except BatchError as error:
                raise click.UsageError(str(error)) from None
            except InputError as error:
                raise click.UsageError(f"{name}: {error}") from None
            rows, wrong, kept = rows + ran.rows, wrong + ran.invalid, ran.kept or kept
            headed = headed or ran.headed
        finish(rows, wrong)
    if wrong:
        see = "see the column error" if "error" in named else "-c error says why"
        complain(f"{wrong:,} of {rows:,} rows are no queries: {see}")
    return INVALID if wrong else 0


def _form(form: str | None, output: str | None, summary: bool) -> str:
    """Return how to write, by the option or the name of the output."""
    if form is None and suffix(output or "") in _OTHERS:
        raise click.UsageError(f"{output} is not written by batch: say how by -f, or another name")
    found = form or _WRITTEN.get(suffix(output or ""), "csv")
    if form is None and suffix(output or "") == ".json":
        if not summary:
            raise click.UsageError(f"{output}: rows are no JSON document: give -f jsonl")
        found = "jsonl"
    if summary and found in _BINARY:
        raise click.UsageError("a summary is written as csv, tsv or jsonl: give one of them to -f")
    return found


def _read_as(name: str) -> str:
    """Return as what to read an input, by its name."""
    return (_FORMS | {".csv": "csv"}).get(suffix(name), "lines")


def _columns(columns: tuple[str, ...], summary: bool) -> Sequence[str]:
    """Return the columns to write, or to count by. An unknown one is told before all else."""
    from .columns import COLUMNS, DEFAULT
    from .tallies import BY

    named = [name for part in columns for name in part.replace(",", " ").split()]
    if unknown := [name for name in named if name not in COLUMNS]:
        raise click.UsageError(f"{', '.join(unknown)}: choose columns from {', '.join(COLUMNS)}")
    return named or (BY if summary else DEFAULT)


def _check(
    files: tuple[str, ...], output: str | None, form: str, summary: bool, keep: bool
) -> None:
    """Refuse what cannot be, before an index or an output is opened."""
    if summary and keep:
        raise click.UsageError("a summary has no rows to keep columns in")
    if form in _BINARY:
        if output is not None and is_packed(output):
            raise click.UsageError(f"{output}: {form} is compressed inside: leave out the suffix")
        if output is None and sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError(f"{form} is not for a terminal: give -o, or a pipe")
        try:
            import rirdex.query.arrow  # noqa: F401
        except ModuleNotFoundError as error:
            raise click.UsageError(
                f'{form} needs {error.name}: pip install "rirdex[arrow]"'
            ) from None
    if any(is_one(output, name) for name in files if os.path.exists(name)):
        raise click.UsageError(f"{output} is both read and written: give another name to -o")


def _check_times(at: str | None, time_field: str | None, kinds: dict[str, str]) -> None:
    """Refuse times of rows beside one day for all, and where rows have none."""
    if time_field is None:
        return
    if at is not None:
        raise click.UsageError("--at is one day for all rows, --time-field one for each: give one")
    for name, kind in kinds.items():
        if kind in ("lines", "text"):
            raise click.UsageError(
                f"{name}: --time-field needs rows with columns or members, and {kind} have none: "
                "give --input csv, tsv or jsonl, or one day by --at"
            )


def _is_terminal(output: str | None) -> bool:
    return output in (None, "-") and sys.stdout is not None and sys.stdout.isatty()


@contextlib.contextmanager
def _progress(quiet: bool, files: Sequence[str]) -> Iterator[Callable[[int, int], None]]:
    """Show how much of the input is read, with an end in sight where its size is known."""
    from tqdm import tqdm

    plain = [name for name in files if os.path.isfile(name) and not is_packed(name)]
    total = sum(map(os.path.getsize, plain)) if files and len(plain) == len(files) else None
    silent = True if quiet or sys.stderr is None else None
    count = 0
    with tqdm(
        unit="B", unit_scale=True, unit_divisor=1024, total=total, disable=silent, leave=False
    ) as bar:

        def told(rows: int, read: int) -> None:
            nonlocal count
            count += rows
            seconds = bar.format_dict["elapsed"] if not bar.disable else 0
            bar.set_postfix_str(f"{count:,} rows, {count / (seconds or 1):,.0f}/s", refresh=False)
            bar.update(read)

        yield told


@contextlib.contextmanager
def _sink(
    output: str | None, form: str, summary: bool, top: int, safe: bool, prompt: bool
) -> Iterator[tuple[Callable[[bytes], object], Callable[[int, int], None]]]:
    """Open the output; yield what takes the output of blocks, and what is to be called at the end.

    The latter gets the number of rows and of those that are no queries.
    """
    with to_write(output) as stream:
        if summary:
            from .tallies import Totals, lines_of

            totals = Totals()
            yield (
                totals.write,
                lambda rows, invalid: stream.writelines(
                    lines_of(totals.summary(rows, invalid, top), form, safe)
                ),
            )
        elif form in _BINARY:
            from .arrow_files import File, Stream

            is_stream = form == "arrow" and (output in (None, "-") or suffix(output) == ".arrows")
            written = Stream(stream) if is_stream else File(stream, form)
            try:
                yield written.write, lambda rows, invalid: written.close()
            except BaseException:
                written.abandon()
                raise
        elif prompt:
            yield lambda text: (stream.write(text), stream.flush()), lambda rows, invalid: None
        else:
            yield stream.write, lambda rows, invalid: None
