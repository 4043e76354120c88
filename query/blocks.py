"""Cut inputs of any length into pieces of whole records; settle what the queries of one ask for.

A piece holds the records that one read completes, so that memory stays bounded whatever comes. A
record longer than `LIMIT` bytes is none: its head stands for it, with a fault. What is read does
not depend on where the reads ended.

A block is a piece with its queries found: dotted quads are read in NumPy, all else one by one
(`asked`). Where the queries of a piece stand is the business of the reader of its form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .addresses import Span
from .asked import parse_query
from .errors import Error
from .quads import read_quads

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.uint32]

LIMIT: Final = 1 << 20
HEAD: Final = 1000  # bytes that stand for a record that is too long
PAD: Final = bytes(16)  # what `read_quads` may touch behind a text
BLANKS: Final = b" \t\r\v\f"
BOM: Final = b"\xef\xbb\xbf"
TOO_LONG: Final = "the line is longer than 1 MiB"
NEVER_CLOSED: Final = "a quote is not closed within 1 MiB"

_SLICE: Final = 1 << 14  # quads at a time, so that the work stays in the cache
_ROUNDS: Final = 8  # blanks that are trimmed off all queries together; more is rare
_BLANK: Final = np.isin(np.arange(256), np.frombuffer(BLANKS, np.uint8))


class InputError(Error, ValueError):
    """Say that an input cannot be read as asked, such as by a column that it has not."""


class Block(NamedTuple):
    """Hold the queries of some rows, in order; n of them.

    ``text[start[i]:end[i]]`` is the query of row i as it stood, without blanks around it.
    Where ``known``, it is a canonical dotted quad and ``numbers`` its address. ``others`` has
    every other row: what it asks for, or why it is no query. ``kept`` are the input's own
    records as cells of CSV (a JSON object for jsonl) without line end, None unless asked for.
    ``days`` are the days of the rows, counted from 1970, None where they have none of their own.
    """

    text: bytes
    start: Ints
    end: Ints
    numbers: Numbers
    known: Flags
    others: dict[int, Span | str]
    kept: list[bytes] | None
    days: Ints | None = None


class Piece(NamedTuple):
    """Hold the text of whole records, each with its line feed; or what is none, and why.

    Where a line is too long that is its head, else the lines of a record without an end.
    """

    text: bytes
    fault: str | None = None


def pieces(stream: BinaryIO, size: int, whole: Callable[[bytes], int]) -> Iterator[Piece]:
    """Cut a stream into pieces, reading ``size`` bytes at a time; a byte order mark is dropped.

    ``whole`` returns the offset behind the last whole record that no record longer than `LIMIT`
    precedes, or 0. One read makes one piece as a rule, so a stream whose reads return what there
    is (an unbuffered one) gives its rows as they come.
    """
    size = max(1, min(size, LIMIT))
    buffer, ended = _opening(stream, size)
    wanted = 1
    while buffer or not ended:
        if not ended:
            buffer, ended = _filled(stream, buffer, wanted, size)
        if ended and buffer and not buffer.endswith(b"\n"):
            buffer += b"\n"
        end = whole(buffer)
        if end:
            yield Piece(buffer[:end])
            buffer = buffer[end:]
            wanted = len(buffer) + 1
        elif buffer and (ended or len(buffer) > LIMIT):
            feed = buffer.rfind(b"\n", 0, LIMIT + 1) + 1
            if feed:
                yield Piece(buffer[:feed], NEVER_CLOSED)
                buffer = buffer[feed:]
            else:
                head, buffer, ended = _skipped(stream, buffer, size)
                yield Piece(head + b"\n", TOO_LONG)
            wanted = 1
        else:
            # What is not complete is looked at again only when it has doubled.
            wanted = max(2 * len(buffer), 1)


def _opening(stream: BinaryIO, size: int) -> tuple[bytes, bool]:
    buffer = b""
    while len(buffer) < len(BOM) and BOM.startswith(buffer):
        part = stream.read(size)
        if not part:
            return buffer, True
        buffer += part
    return buffer.removeprefix(BOM), False


def _filled(stream: BinaryIO, buffer: bytes, wanted: int, size: int) -> tuple[bytes, bool]:
    parts, length = [buffer], len(buffer)
    while length < wanted:
        part = stream.read(size)
        if not part:
            return b"".join(parts), True
        parts.append(part)
        length += len(part)
    return b"".join(parts), False


def _skipped(stream: BinaryIO, buffer: bytes, size: int) -> tuple[bytes, bytes, bool]:
    """Skip a line; return its head without blanks, what was read behind it, and whether all is."""
    head, part = b"", buffer
    while part:
        line, feed, rest = part.partition(b"\n")
        if len(head) < HEAD:
            head = (head + line).lstrip(BLANKS)[:HEAD]
        if feed:
            return head, rest, False
        part = stream.read(size)
    return head, b"", True


def whole_lines(buffer: bytes) -> int:
    """Return the offset behind the last whole line that no line longer than `LIMIT` precedes."""
    at = 0
    while (feed := buffer.rfind(b"\n", at, at + LIMIT + 1)) >= 0:
        at = feed + 1
    return at


def array_of(text: bytes) -> Bytes:
    """Return a text as an array."""
    return np.frombuffer(text, np.uint8)


def quads_of(data: Bytes, start: Ints, end: Ints) -> tuple[Numbers, Flags]:
    """Read spans of a padded text; return their addresses and which are dotted quads."""
    numbers = np.zeros(len(start), np.uint32)
    known = np.zeros(len(start), bool)
    for low in range(0, len(start), _SLICE):
        part = slice(low, low + _SLICE)
        found, stops, good = read_quads(data, start[part])
        known[part] = good & (stops == end[part])
        numbers[part] = found
    numbers[~known] = 0
    return numbers, known


def trim(data: Bytes, start: Ints, end: Ints, rows: Ints) -> None:
    """Move both ends of the spans of some rows inwards over blanks, in place."""
    rest = rows
    for _ in range(_ROUNDS):
        rest = rest[(start[rest] < end[rest]) & _BLANK[data[start[rest]]]]
        start[rest] += 1
    for row in rest.tolist():
        text = data[start[row] : end[row]].tobytes()
        start[row] += len(text) - len(text.lstrip(BLANKS))
    rest = rows
    for _ in range(_ROUNDS):
        rest = rest[(start[rest] < end[rest]) & _BLANK[data[end[rest] - 1]]]
        end[rest] -= 1
    for row in rest.tolist():
        end[row] = start[row] + len(data[start[row] : end[row]].tobytes().rstrip(BLANKS))


def settle(
    text: bytes,
    start: Ints,
    end: Ints,
    faults: dict[int, str] | None = None,
    kept: list[bytes] | None = None,
) -> Block:
    """Make a block of spans of a padded text: trim them, and read what they ask for.

    ``faults`` has rows of which it is known already that they are no queries, and why.
    """
    data = array_of(text)
    start, end = start.copy(), end.copy()
    numbers, known = quads_of(data, start, end)
    rest = np.flatnonzero(~known)
    before, behind = start[rest], end[rest]
    trim(data, start, end, rest)
    moved = rest[(start[rest] != before) | (end[rest] != behind)]
    numbers[moved], known[moved] = quads_of(data, start[moved], end[moved])
    for row in faults or ():
        numbers[row], known[row] = 0, False
    return Block(text, start, end, numbers, known, others(text, start, end, known, faults), kept)


def others(
    text: bytes, start: Ints, end: Ints, known: Flags, faults: dict[int, str] | None = None
) -> dict[int, Span | str]:
    """Read the rows that are no dotted quads, one by one."""
    rest = np.flatnonzero(~known)
    found: dict[int, Span | str] = {}
    spans = zip(rest.tolist(), start[rest].tolist(), end[rest].tolist(), strict=True)
    for row, begin, stop in spans:
        fault = faults.get(row) if faults else None
        found[row] = fault or parse_query(text[begin:stop].decode("utf-8", "replace"))
    return found


def faulty(head: bytes, fault: str, kept: list[bytes] | None = None) -> Block:
    """Make a block of one row that is no query."""
    text = head.strip(BLANKS + b"\n")[:HEAD]
    return settle(text + PAD, np.zeros(1, np.int64), np.array([len(text)]), {0: fault}, kept)
