"""Read queries out of one column of CSV or TSV (RFC 4180): records may hold line feeds in quotes.

Where every quote opens or closes a cell, or is one of two, the quotes before a byte say whether it
is inside: NumPy finds all records and cells together. A piece with any other quote is read cell by
cell: such a quote stands for itself, and what follows a closing quote belongs to the cell. Where a
record has no end within a megabyte, each line of that megabyte is taken for a record: a quote that
is never closed spoils its own line only. A line with nothing in it is no record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import BinaryIO, Final, NamedTuple

import numpy as np

from .addresses import Span
from .asked import parse_query
from .blocks import (
    LIMIT,
    NEVER_CLOSED,
    PAD,
    Block,
    Bytes,
    Flags,
    InputError,
    Ints,
    Piece,
    array_of,
    faulty,
    pieces,
    settle,
    whole_lines,
)
from .dated import dated

_COLUMNS: Final = ("ip", "ip_address", "ipaddress", "address", "addr")  # tried without a field
_NAME: Final = re.compile(r"[^\W\d][\w -]*")
_EMPTY: Final = re.compile(rb"(?:\r?\n)*+")
_SHOWN: Final = 20  # names of columns in a message


class Cells(NamedTuple):
    """Hold the records of a piece, how many cells each has, and the cells of one column or two.

    Ends are those of the text: without the line end. Where a record has no such cell the record
    stands for it. ``cells`` has a begin and an end for each column.
    """

    start: Ints
    end: Ints
    size: Ints
    cells: list[tuple[Ints, Ints]]


def _patterns(delimiter: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    rest = b"[^" + delimiter + b"\n]*+"
    cell = rb'(?:"[^"]*+(?:""[^"]*+)*+"' + rest + rb'|(?!")' + rest + b")"
    return re.compile(cell), re.compile(cell + b"(?:" + delimiter + cell + rb")*+\n")


_TIDY: Final = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",]*+)'
_PLAIN: Final = re.compile(_TIDY + b"(?:," + _TIDY + b")*+")  # a record of CSV, regular in quotes
_PATTERNS: Final = {delimiter: _patterns(delimiter) for delimiter in (b",", b"\t")}


def open_records(
    stream: BinaryIO,
    delimiter: bytes,
    *,
    field: str | None,
    time_field: str | None,
    keep: bool,
    header: bool | None,
    size: int,
) -> tuple[tuple[str, ...], Iterator[Piece], Callable[[Piece], Block]]:
    """Return the names of the columns, the pieces behind the header, what makes a block of one."""
    parts = pieces(stream, size, partial(whole_records, delimiter))
    for piece in parts:
        if (at := _opening(piece.text)) < len(piece.text):
            break
    else:
        return (), iter(()), partial(_block, delimiter=delimiter, columns=[0], width=None)
    match = _PATTERNS[delimiter][1].match(piece.text, at)
    end = match.end() if match else len(piece.text)
    record = piece.text[at : end - 1].removesuffix(b"\r")
    cells = [] if piece.fault else cells_of(record, delimiter)
    names = tuple(cell.decode("utf-8", "replace").strip() for cell in cells)
    wanted = [field] if time_field is None else [field, time_field]
    numbers = [each for each in wanted if each and each.isdecimal()]
    if piece.fault and not keep and len(numbers) == len(wanted) and not header:
        columns, headed = [_number(each) - 1 for each in numbers], False
    else:
        column, headed = _column(names, field, header)
        columns = [column]
        if time_field is not None:
            columns.append(_chosen(names, time_field, header))
            headed = headed or time_field not in numbers
    if headed:
        piece = Piece(piece.text[end:])
    else:
        names = tuple(f"column_{number + 1}" for number in range(len(names)))
    width = len(names) if keep else None
    block = partial(_block, delimiter=delimiter, columns=columns, width=width)
    return names, chain((piece,), parts), block


def _opening(text: bytes) -> int:
    """Return the offset behind the empty lines that a text begins with."""
    match = _EMPTY.match(text)
    return match.end() if match else 0


def _column(names: tuple[str, ...], field: str | None, header: bool | None) -> tuple[int, bool]:
    """Return which column holds the queries, counted from 0, and whether there is a header."""
    if field is not None:
        column = _chosen(names, field, header)
        if not _is_number(field):
            return column, True
        name = names[column]
        word = _NAME.fullmatch(name) is not None and not isinstance(parse_query(name), Span)
        return column, word if header is None else header
    known = [name.casefold() for name in names]
    for name in _COLUMNS if header is not False else ():
        if name in known:
            return known.index(name), True
    if names and (len(names) == 1 or isinstance(parse_query(names[0]), Span)):
        return 0, bool(header)
    raise InputError(
        f"name the column that holds the addresses: the first record is {_shown(names)}"
    )


def _chosen(names: tuple[str, ...], field: str, header: bool | None) -> int:
    """Return the column of a name or number, counted from 0. Raises `InputError`."""
    if _is_number(field):
        number = _number(field)
        if number > len(names):
            raise InputError(f"there is no column {number}: the first record is {_shown(names)}")
        return number - 1
    if header is False:
        raise InputError(f"column {field!r}: without a header, give the column's number")
    known = [name.casefold() for name in names]
    if (wanted := field.strip().casefold()) not in known:
        raise InputError(f"there is no column {field!r}: the first record is {_shown(names)}")
    return known.index(wanted)


def _is_number(field: str) -> bool:
    return field.isascii() and field.isdigit()


def _shown(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names[:_SHOWN]))


def _number(field: str) -> int:
    """Return the number of a column. Raises `InputError` for 0."""
    number = int(field.lstrip("0")[:9] or 0)
    if not number:
        raise InputError("columns are counted from 1")
    return number


def _block(piece: Piece, delimiter: bytes, columns: list[int], width: int | None) -> Block:
    """Make a block; the queries stand in the first of the columns, times in a second one."""
    text, fault = piece
    if fault and fault != NEVER_CLOSED:
        return faulty(text, fault, None if width is None else [b"," * (width - 1)])
    padded = text + PAD
    data = array_of(padded)
    regular = not fault and _is_regular(data, len(text), delimiter)
    if regular:
        cells = _cells_together(padded, len(text), delimiter, columns)
    else:
        ends = _line_ends(text) if fault else _record_ends(text, delimiter)
        cells = _cells_singly(padded, ends, delimiter, columns)
    full = cells.start < cells.end
    if not full.all():
        start, end, size = (values[full] for values in cells[:3])
        cells = Cells(start, end, size, [(begin[full], stop[full]) for begin, stop in cells.cells])
    faults = _lacking(cells, columns[0])
    kept = None if width is None else _kept(padded, cells, delimiter, width, regular, faults)
    for row in np.flatnonzero(cells.size == 0).tolist():
        faults[row] = NEVER_CLOSED
    block = settle(padded, *_inside(data, cells, 0), faults, kept)
    if len(columns) == 1:
        return block
    spans = zip(*(ends.tolist() for ends in _inside(data, cells, 1)), strict=True)
    times = [str(padded[begin:stop], "utf-8", "replace") for begin, stop in spans]
    return dated(block, times, _lacking(cells, columns[1]))


def _lacking(cells: Cells, column: int) -> dict[int, str]:
    """Return the records that have no cell in a column, and how that is said."""
    return {
        row: f"there is no column {column + 1}: the record has {cells.size[row]}"
        for row in np.flatnonzero(cells.size <= column).tolist()
    }


def _inside(data: Bytes, cells: Cells, number: int) -> tuple[Ints, Ints]:
    """Return where the cells of one of the columns begin and end, without quotes around them."""
    begin, stop = cells.cells[number]
    quoted = (data[begin] == 34) & (stop - begin > 1) & (data[stop - 1] == 34) & (cells.size > 0)
    return begin + quoted, stop - quoted


# -- records and cells ------------------------------------------------------------------------


def whole_records(delimiter: bytes, buffer: bytes) -> int:
    """Return the offset behind the last whole record that no longer one than `LIMIT` precedes."""
    if b'"' not in buffer:
        return whole_lines(buffer)
    data = array_of(buffer + PAD)
    if _is_regular(data, len(buffer), delimiter):
        ends = np.flatnonzero((data == 10) & _outside(data))
    else:
        ends = np.array(list(_record_ends(buffer, delimiter)), np.int64)
    long = np.flatnonzero(np.diff(ends, prepend=-1) > LIMIT + 1)
    ends = ends[: long[0]] if len(long) else ends
    return int(ends[-1]) + 1 if len(ends) else 0


def _is_regular(data: Bytes, length: int, delimiter: bytes) -> bool:
    """Say whether every quote of a padded text opens or closes a cell, or is one of two."""
    quotes = np.flatnonzero(data == 34)
    opens, closes = quotes[::2], quotes[1::2]
    around = np.zeros(256, bool)
    around[[10, 34, delimiter[0]]] = True
    before = around[data[opens - 1]] | (opens == 0)
    behind = around[data[closes + 1]] | (closes + 1 >= length)
    behind |= (data[closes + 1] == 13) & (data[closes + 2] == 10)
    return bool(before.all() and behind.all())


def _outside(data: Bytes) -> Flags:
    """Mark the bytes before which an even number of quotes stands."""
    outside: Flags = np.cumsum(data == 34, dtype=np.uint8) & 1 == 0
    return outside


def _line_ends(text: bytes) -> Iterator[int]:
    """Yield the offsets of all line feeds."""
    at = -1
    while (at := text.find(b"\n", at + 1)) >= 0:
        yield at


def _record_ends(text: bytes, delimiter: bytes) -> Iterator[int]:
    """Yield the offsets of the line feeds that end whole records, of any text."""
    record, at = _PATTERNS[delimiter][1], 0
    while match := record.match(text, at):
        at = match.end()
        yield at - 1


def _cells_together(text: bytes, length: int, delimiter: bytes, columns: list[int]) -> Cells:
    """Cut a text whose quotes are regular; see `Cells`."""
    data = array_of(text)
    marks = (data == delimiter[0]) | (data == 10)
    if b'"' in text:
        marks &= _outside(data)
    marks[length:] = False
    marked = np.flatnonzero(marks)
    feeds = np.flatnonzero(data.take(marked) == 10)
    end = marked.take(feeds)
    start, first = np.zeros_like(end), np.zeros_like(feeds)
    start[1:], first[1:] = end[:-1] + 1, feeds[:-1] + 1
    count = feeds - first + 1
    end = end - ((end > start) & (data[end - 1] == 13))
    cells = []
    for column in columns:
        at = first + column
        begin = start if column == 0 else marked.take(at - 1, mode="clip") + 1
        stop = marked.take(at, mode="clip")
        lacks = count <= column
        begin = np.where(lacks, start, begin)
        cells.append((begin, np.where(lacks, end, np.minimum(stop, end))))
    return Cells(start, end, count, cells)


def _cells_singly(text: bytes, ends: Iterable[int], delimiter: bytes, columns: list[int]) -> Cells:
    """Cut any text into records and cells; a record with an open quote has no cells."""
    rows = []
    start = 0
    for feed in ends:
        end = feed - (feed > start and text[feed - 1] == 13)
        spans = list(_spans(text, start, end, delimiter))
        if not spans or spans[-1][1] != end:
            spans = []
        cells = [spans[column] if column < len(spans) else (start, end) for column in columns]
        rows.append((start, end, len(spans), *chain(*cells)))
        start = feed + 1
    table = np.array(rows, np.int64).reshape(-1, 3 + 2 * len(columns))
    begun, ended, size, *others = (np.ascontiguousarray(values) for values in table.T)
    return Cells(begun, ended, size, [*zip(others[::2], others[1::2], strict=True)])


def _spans(text: bytes, start: int, end: int, delimiter: bytes) -> Iterator[tuple[int, int]]:
    cell = _PATTERNS[delimiter][0]
    while match := cell.match(text, start, end):
        yield match.span()
        start = match.end() + 1
        if start > end:
            return


# -- cells of the input that are kept ---------------------------------------------------------


def cells_of(record: bytes, delimiter: bytes = b",") -> list[bytes]:
    """Return the values of a record without its line end, such as one that was kept."""
    found = []
    for begin, stop in _spans(record, 0, len(record), delimiter):
        cell = record[begin:stop]
        if len(cell) > 1 and cell[:1] == b'"' == cell[-1:]:
            cell = cell[1:-1].replace(b'""', b'"')
        found.append(cell)
    return found


def cell_of(value: bytes) -> bytes:
    """Return a value as a cell of CSV, in quotes where it needs them."""
    if b'"' in value or b"," in value or b"\n" in value or b"\r" in value:
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def _kept(
    text: bytes, cells: Cells, delimiter: bytes, width: int, regular: bool, faults: dict[int, str]
) -> list[bytes]:
    """Return each record as ``width`` cells of CSV; more cells than that are a fault.

    A record is kept as it stands, or written anew, whatever stands beside it.
    """
    kept = [text[a:b] for a, b in zip(cells.start.tolist(), cells.end.tolist(), strict=True)]
    if delimiter != b"," and (b'"' in text or b"," in text):
        odd = set(range(len(kept)))
    else:
        odd = set(np.flatnonzero(cells.size != width).tolist())
        if not regular:
            odd |= {row for row, record in enumerate(kept) if not _PLAIN.fullmatch(record)}
        if b"\r" in text:
            odd |= {row for row, record in enumerate(kept) if b"\r" in record}
        if delimiter != b",":
            for row in set(range(len(kept))) - odd:
                kept[row] = kept[row].replace(delimiter, b",")
    for row in odd:
        values = cells_of(kept[row], delimiter) if cells.size[row] else []
        if any(values[width:]):
            faults[row] = f"the record has {len(values)} cells, the first one {width}"
        values = values[:width] + [b""] * (width - len(values))
        kept[row] = b",".join(map(cell_of, values))
    return kept
