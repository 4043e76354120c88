"""Answer lists of queries from the command line: `rirdex batch`."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final, cast

import click

from .console import complain
from .errors import Error
from .index import open_index

INVALID: Final = 4
_PACKED: Final[dict[str, Callable[[str, str], Any]]] = {
    ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open,
}  # fmt: skip
_PIECE: Final = 1 << 13  # compressed bytes at a time; ten thousand times as many may come out
_FORMS: Final = {".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def _options(command: Any) -> Any:
    options = (
        click.option("-f", "--format", "form", type=click.Choice(("csv", "tsv", "jsonl")),
                     default=None, help="How to write; default by the name of -o, else csv."),
        click.option("-c", "--columns", metavar="NAMES", multiple=True,
                     help="Columns, in this order, with commas between. Repeatable."),
        click.option("-o", "--output", metavar="FILE", default=None,
                     help="Where to write; .gz and .zst are compressed."),
        click.option("--input", "given", default=None,
                     type=click.Choice(("lines", "csv", "tsv", "jsonl", "text")),
                     help="What the input is; default by its name, else lines. text: every "
                     "address in free text or a log."),
        click.option("--field", metavar="NAME", default=None,
                     help="The column (name or number) or the member of JSON with the query."),
        click.option("--keep", is_flag=True, help="Write the input's own columns first."),
        click.option("--no-header", is_flag=True, help="No line with the names of columns."),
        click.option("--csv-safe", is_flag=True,
                     help="Disarm cells that a spreadsheet would compute."),
        click.option("--jobs", type=click.IntRange(0), default=None, metavar="N",
                     help="Processes beside this one; the result is the same."),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
        click.option("-i", "--index", "path", metavar="INDEX", default=None,
                     help="The index file; default $RIRDEX_INDEX, else the user data folder."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command(epilog="Example: rirdex batch list.txt -c ip,holder,lessee,verdict,abuse -o out.csv")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@_options
def batch(
    files: tuple[str, ...], form: str | None, columns: tuple[str, ...], output: str | None,
    given: str | None, field: str | None, keep: bool, no_header: bool, csv_safe: bool,
    jobs: int | None, quiet: bool, path: str | None,
) -> int:  # fmt: skip
    """Answer a list of queries, of files or standard input.

    A query is an address, a prefix or a range; by default there is one a line.

    Order is kept. A row that is no query stays in its place, with the reason in the column
    error, and exit code 4.
    """
    from tqdm import tqdm

    from .batch import run
    from .blocks import InputError
    from .columns import COLUMNS, DEFAULT
    from .errors import BatchError

    named = [name for part in columns for name in part.replace(",", " ").split()]
    # Before an output is opened, and what it had is gone.
    if unknown := [name for name in named if name not in COLUMNS]:
        raise click.UsageError(f"{', '.join(unknown)}: choose columns from {', '.join(COLUMNS)}")
    end = _suffix(output or "")
    if form is None and end in (".parquet", ".arrow", ".json"):
        raise click.UsageError(f"{output}: this release writes csv, tsv and jsonl; say which by -f")
    form = form or _FORMS.get(end, "csv")
    wrong = rows = 0
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(open_index(path))
        write = stack.enter_context(_opened_to_write(output, files))
        silent = True if quiet or sys.stderr is None else None
        bar = stack.enter_context(tqdm(unit=" rows", unit_scale=True, disable=silent, leave=False))
        for number, name in enumerate(files or ("-",)):
            told = given or (_FORMS | {".csv": "csv"}).get(_suffix(name), "lines")
            try:
                with _opened(name) as stream:
                    found, invalid = run(
                        index, stream, write, columns=named or DEFAULT, form=form, given=told,
                        field=field, keep=keep, header=not no_header and not number, safe=csv_safe,
                        jobs=jobs, told=bar.update,
                    )  # fmt: skip
            except BatchError as error:
                raise click.UsageError(str(error)) from None
            except InputError as error:
                raise click.UsageError(f"{name}: {error}") from None
            rows, wrong = rows + found, wrong + invalid
    if wrong:
        complain(f"{wrong:,} of {rows:,} rows are no queries: see the column error")
    return INVALID if wrong else 0


def _suffix(name: str) -> str:
    """Return what the name of a file ends in, without that of a compression."""
    base, end = os.path.splitext(name.lower())
    return os.path.splitext(base)[1] if end in (*_PACKED, ".zst") else end


class _Unpacked:
    """Read frames of zstandard; unlike the library's reader, notice one that is cut off."""

    def __init__(self, packed: BinaryIO) -> None:
        import zstandard

        self._packed, self._fresh = packed, zstandard.ZstdDecompressor().decompressobj
        self._reader: Any = None
        self._ready, self._rest = io.BytesIO(), b""

    def read(self, size: int) -> bytes:
        """Return some bytes, b"" at the end. Raises EOFError."""
        while not (part := self._ready.read(size)):
            packed = self._rest or self._packed.read(_PIECE)
            if not packed:
                if self._reader is not None:
                    raise EOFError("the compressed data ends early")
                return b""
            self._reader = self._reader or self._fresh()
            self._ready = io.BytesIO(self._reader.decompress(packed))
            self._rest = self._reader.unused_data
            if self._reader.eof:
                self._reader = None
        return part


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Open an input, unpacked by its name; `-` is standard input. Raises `Error`, OSError."""
    if name == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        yield sys.stdin.buffer
        return
    end = os.path.splitext(name.lower())[1]
    damage: tuple[type[Exception], ...] = (EOFError, OSError, zlib.error, lzma.LZMAError)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_PACKED.get(end, open)(name, "rb"))
        if end == ".zst":
            from zstandard import ZstdError

            damage, stream = (EOFError, ZstdError), cast(BinaryIO, _Unpacked(stream))
        try:
            yield stream
        except damage as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # not of the data, or of the output
            raise Error(f"{name}: cannot be unpacked: {error}") from None


@contextlib.contextmanager
def _opened_to_write(
    name: str | None, inputs: Sequence[str]
) -> Iterator[Callable[[bytes], object]]:
    """Open the output, packed by its name. Raises OSError."""
    if name is None or name == "-":
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    if os.path.isfile(name) and any(os.path.samefile(name, i) for i in inputs if os.path.exists(i)):
        raise click.UsageError(f"{name} is both read and written: give another name to -o")
    end = os.path.splitext(name.lower())[1]
    if end == ".zst":
        import zstandard

        with open(name, "wb") as plain, zstandard.ZstdCompressor().stream_writer(plain) as packed:
            yield packed.write
        return
    with _PACKED.get(end, open)(name, "wb") as opened:
        yield opened.write
