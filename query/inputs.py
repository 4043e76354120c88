"""Read the queries of a batch out of lines, CSV, TSV, JSON lines, free text and logs.

`lines`: blank lines and those that begin with `#` or `;` give no row, every other line exactly
one. `csv`, `tsv` (`delimited`) and `jsonl`: one for each record. `text` (`found`): one for each
address. Rows are in the input's order. A stream may be of any length: a block holds the queries of
about one read. Opening and unpacking files is left to the caller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from typing import BinaryIO, Final, NamedTuple

import numpy as np

from .blocks import (
    BLANKS,
    BOM,
    PAD,
    Block,
    Flags,
    InputError,
    Ints,
    Numbers,
    Piece,
    array_of,
    faulty,
    others,
    pieces,
    quads_of,
    settle,
    trim,
    whole_lines,
)
from .dated import dated
from .delimited import open_records
from .found import find_block, whole_words

FORMS: Final = ("lines", "csv", "tsv", "jsonl", "text")
_DELIMITERS: Final = {"csv": b",", "tsv": b"\t"}
_FIELD: Final = "ip"
_DEEPEST: Final = 200
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NO_QUAD: Final = np.uint16(1 << 10)


class Reading(NamedTuple):
    """Hold the names of the columns of `Block.kept`, the pieces, and what makes a block of one.

    There are names for csv and tsv only: a kept JSON object has its own.
    """

    header: tuple[str, ...]
    pieces: Iterator[Piece]
    block: Callable[[Piece], Block]

    @property
    def blocks(self) -> Iterator[Block]:
        """Yield the blocks, none of them empty."""
        for piece in self.pieces:
            block = self.block(piece)
            if len(block.start):
                yield block


def open_blocks(
    stream: BinaryIO,
    form: str,
    *,
    field: str | None = None,
    time_field: str | None = None,
    keep: bool = False,
    header: bool | None = None,
    size: int = 1 << 20,
) -> Reading:
    """Begin to read a stream of bytes: up to the header, where there may be one.

    ``field``: of csv and tsv the name of a column without regard to case (the first record is the
    header then) or its number from 1; of jsonl a member, `a.b` for `b` in `a`. Without it a column
    or member `ip` (or a column `address` and the like), else the first column. ``header`` says
    whether csv and tsv have one; by default they do where the first record has the name, or a word
    that is no address in the column of the number. ``time_field`` is where the time of each row
    stands (`dated`), named like ``field``.

    Raises `InputError`.
    """
    if form not in FORMS:
        raise InputError(f"{form!r} is no form of input: give one of {', '.join(FORMS)}")
    if form in _DELIMITERS:
        delimiter = _DELIMITERS[form]
        return Reading(
            *open_records(
                stream, delimiter, field=field, time_field=time_field, keep=keep, header=header,
                size=size,
            )
        )  # fmt: skip
    if form == "jsonl":
        block = partial(_object_block, field=field or _FIELD, time_field=time_field, keep=keep)
        return Reading((), pieces(stream, size, whole_lines), block)
    if time_field is not None:
        raise InputError(
            f"input of the form {form!r} has no column or member with a time: "
            "give csv, tsv or jsonl, or one day for all"
        )
    if keep or field is not None:
        raise InputError(f"input of the form {form!r} has no columns to keep or to choose from")
    if form == "lines":
        return Reading((), pieces(stream, size, whole_lines), _line_block)
    return Reading((), pieces(stream, size, whole_words), lambda piece: find_block(piece.text))


def read_blocks(
    stream: BinaryIO,
    form: str,
    *,
    field: str | None = None,
    keep: bool = False,
    header: bool | None = None,
    size: int = 1 << 20,
) -> Iterator[Block]:
    """Yield the blocks of a stream, none of them empty; see `open_blocks`."""
    return open_blocks(stream, form, field=field, keep=keep, header=header, size=size).blocks


# -- lines ------------------------------------------------------------------------------------


def _line_block(piece: Piece) -> Block:
    text = piece.text
    if piece.fault:
        head = text.removeprefix(BOM).lstrip(BLANKS)
        if head != b"\n" and head[:1] not in (b"#", b";"):
            return faulty(head, piece.fault)
        text = b""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    start, end, numbers, known = line_quads(text)
    text += PAD
    if known.all():
        return Block(text, start, end, numbers, known, {}, None)
    data = array_of(text)
    rest = np.flatnonzero(~known)
    before, behind = start[rest], end[rest]
    trim(data, start, end, rest)
    marked = rest[data[start[rest]] == BOM[0]]
    marked = marked[(data[start[marked] + 1] == BOM[1]) & (data[start[marked] + 2] == BOM[2])]
    start[marked] += len(BOM)
    trim(data, start, end, marked)
    moved = rest[(start[rest] != before) | (end[rest] != behind)]
    numbers[moved], known[moved] = quads_of(data, start[moved], end[moved])
    first = data[start]
    asked = known | ((start < end) & (first != 35) & (first != 59))
    if not asked.all():
        start, end, numbers, known = start[asked], end[asked], numbers[asked], known[asked]
    return Block(text, start, end, numbers, known, others(text, start, end, known), None)


def line_quads(text: bytes) -> tuple[Ints, Ints, Numbers, Flags]:
    """Cut whole lines; return their starts, ends and addresses, and which are dotted quads.

    The value of the up to three digits that end at each byte is computed for all bytes, and taken
    at the bytes before dots and line feeds: faster than `read_quads`, which goes from line to line.
    """
    data = np.frombuffer(b"\n\n\n" + text, np.uint8)
    digit = data - np.uint8(48)
    is_digit = digit < 10
    digit *= is_digit
    zero = digit == 0
    here, last, third, fourth = is_digit[3:], is_digit[2:-1], is_digit[1:-2], is_digit[:-3]
    pair = last & third
    # No digit, a leading zero before two or one more, or more than three digits.
    bad = ~here
    bad |= pair & (fourth | zero[1:-2])
    bad |= last & zero[2:-1] & ~third
    value = digit[3:].astype(np.uint16)
    value += digit[2:-1] * np.uint8(10)
    value += (digit[1:-2] * last) * np.uint16(100)
    value |= bad * _NO_QUAD
    marks = np.flatnonzero(~here)
    kind = data[3:].take(marks)
    feeds = np.flatnonzero(kind == 10)
    end = marks.take(feeds)
    start = np.zeros_like(end)
    start[1:] = end[:-1] + 1
    before = value.take(marks - 1, mode="clip")
    dot = kind == 46
    known = np.diff(feeds, prepend=-1) == 4
    numbers = np.zeros(len(feeds), np.uint32)
    largest = np.zeros(len(feeds), np.uint16)
    for back in (3, 2, 1, 0):
        at = feeds - back
        part = before.take(at, mode="clip")
        largest |= part
        numbers = numbers << np.uint32(8) | part
        if back:
            known &= dot.take(at, mode="clip")
    known &= largest < 256
    numbers *= known
    return start, end, numbers, known


# -- JSON lines -------------------------------------------------------------------------------


def _object_block(piece: Piece, field: str, time_field: str | None, keep: bool) -> Block:
    text = piece.text
    if piece.fault:
        return faulty(text, piece.fault, [b"{}"] if keep else None)
    values: list[bytes] = []
    faults: dict[int, str] = {}
    kept: list[bytes] = []
    times: list[str | None] = []
    decoder = DECODER if time_field is None else _WITH_NUMBERS
    for line in text.split(b"\n"):
        line = line.strip(BLANKS).removeprefix(BOM)
        if not line:
            continue
        try:
            if _depth(line) > _DEEPEST:
                raise ValueError(f"it is nested more than {_DEEPEST} deep")
            record = decoder.decode(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            record = None
            faults[len(values)] = f"broken JSON: {error}"[:200]
        value = None
        if isinstance(record, dict):
            value = _member(record, field)
            if not isinstance(value, str):
                faults[len(values)] = f"the object has no text {field!r}"
        elif record is not None or len(values) not in faults:
            faults[len(values)] = "the line is no JSON object"
        values.append(value.encode("utf-8", "replace") if isinstance(value, str) else line)
        times.append(_time(record, time_field))
        # A carriage return is a blank in JSON, and the end of a line to some readers.
        kept.append(line.replace(b"\r", b" ") if isinstance(record, dict) else b"{}")
    stops = np.array(list(accumulate(len(value) + 1 for value in values)), np.int64)
    start = np.zeros(len(values), np.int64)
    start[1:] = stops[:-1]
    joined = b"\n".join(values) + b"\n" + PAD
    block = settle(joined, start, stops - 1, faults, kept if keep else None)
    if time_field is None:
        return block
    missing = f"the object has no text or number {time_field!r}"
    return dated(block, times, {row: missing for row, text in enumerate(times) if text is None})


def _time(record: object, field: str | None) -> str | None:
    """Return the text or number that a member is, as it stands."""
    value = _member(record, field) if isinstance(record, dict) and field is not None else None
    if isinstance(value, _Number):
        return value.text
    return value if isinstance(value, str) else None


class _Number(NamedTuple):
    """Hold a number as it stands."""

    text: str


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Numbers are not needed, and large ones take long.
DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse, parse_int=lambda _: 0, parse_float=lambda _: 0.0
)
_WITH_NUMBERS: Final = json.JSONDecoder(
    parse_constant=_refuse, parse_int=_Number, parse_float=_Number
)


def _depth(line: bytes) -> int:
    """Return how deep a text of JSON is nested; few have so many brackets that it is counted."""
    if line.count(b"[") + line.count(b"{") <= _DEEPEST:
        return 0
    brackets = _STRING.sub(b"", line).translate(None, _NO_BRACKETS)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def _member(record: dict[str, object], field: str) -> object:
    """Return a member by its name, or by the names on the way to it."""
    if field in record:
        return record[field]
    value: object = record
    for name in field.split("."):
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value
