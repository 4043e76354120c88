"""Hold what reading a chunk gives, and the wanted values of a chunk on the way there.

A *batch* has one row for each object that is kept, whatever registry's dialect it was read from:
what comes behind the readers knows no dialects.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blobs import Blocks
from .intern import Column
from .scan import (
    ATTRIBUTES,
    CODE,
    NAME_LENGTH,
    Bytes,
    Ints,
    Scan,
    joined_value,
    lines_holding,
    padded,
    trim,
)
from .values import Flags

LATIN, DISOWNED, OF_REGISTRY, MORE_DESCR, NARROW, OWNER, SAYS, LEASES, GEOFEED = (
    1 << k for k in range(9)
)
_SAMPLES: Final = 5


class Reject(NamedTuple):
    """Name a record that was not taken: where it begins, why, and its first bytes."""

    offset: int
    reason: str
    sample: bytes


class Batch(NamedTuple):
    """Hold what one chunk gave; every array has one row per kept object, in file order.

    ``first``/``last`` are IPv4 addresses where ``flags`` have `NARROW`; ``wide`` holds the IPv6
    ranges as (row, first high, first low, last high, last low) uint64; dates are seconds since
    1970, 0 = none; the other ``flags`` are `LATIN`, `DISOWNED`, `OF_REGISTRY`, `MORE_DESCR`,
    `OWNER` where the descr is LACNIC's owner, `SAYS` where free text may hold a mail address,
    `LEASES` where it names a lease, `GEOFEED` where there is one. ``systems`` holds AS ranges as
    (row, first, last).
    """

    kind: NDArray[np.int8]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]
    wide: NDArray[np.uint64]
    created: NDArray[np.uint32]
    modified: NDArray[np.uint32]
    flags: NDArray[np.uint16]
    systems: NDArray[np.uint32]
    columns: dict[str, Column]
    blocks: Blocks
    classes: dict[str, int]
    reject_counts: dict[str, int]
    rejects: list[Reject]


class Values(NamedTuple):
    """Hold the wanted values of a chunk as spans of a text; rows are objects of the chunk.

    ``lead`` marks the values of the attributes with which objects begin.
    """

    text: Bytes
    row: Ints
    lead: Flags
    key: NDArray[np.uint8]
    start: Ints
    end: Ints

    def of(self, *names: str) -> Ints:
        """Return which values belong to these attributes, in the order of the text."""
        found = self.key == CODE[names[0]]
        for name in names[1:]:
            found |= self.key == CODE[name]
        return np.flatnonzero(found)

    def first_of(self, *names: str) -> Ints:
        """Return each object's first value among these attributes."""
        found = self.of(*names)
        row = self.row[found]
        new = np.ones(len(row), bool)
        new[1:] = row[1:] != row[:-1]
        return found[new]


def word(values: Ints) -> NDArray[np.uint32]:
    """Return numbers as uint32, clipped to its bounds."""
    return np.clip(values, 0, 0xFFFFFFFF).astype(np.uint32)


def picked(column: Column, rows: Ints) -> Column:
    """Return a column of some rows, its codes as narrow as they can be: they wait in memory."""
    codes = column.codes[rows]
    return column._replace(codes=codes.astype(np.int16) if len(column.hashes) < 1 << 15 else codes)


def class_counts(scanned: Scan, rejected: dict[int, str]) -> dict[str, int]:
    """Return how many objects of each class were not rejected."""
    lead = scanned.line_key[scanned.object_line]
    kept = np.ones(len(lead), bool)
    kept[list(rejected)] = False
    counts = np.bincount(lead[kept], minlength=len(ATTRIBUTES)).tolist()
    return {ATTRIBUTES[code].decode(): n for code, n in enumerate(counts) if n and code}


def report(
    scanned: Scan, rejected: dict[int, str], base: int
) -> tuple[dict[str, int], list[Reject]]:
    """Return how often each reason occurred, without what stands behind its colon, and samples."""
    counts: dict[str, int] = {}
    samples = []
    for obj, reason in sorted(rejected.items()):
        general = reason.partition(":")[0]
        counts[general] = counts.get(general, 0) + 1
        if counts[general] <= _SAMPLES:
            start = int(scanned.object_start[obj])
            sample = scanned.text[start : min(start + 80, int(scanned.object_end[obj]))].tobytes()
            samples.append(Reject(base + start, reason, sample))
    return counts, samples


def values_of(
    scanned: Scan, foreign: Flags, wanted: Flags, free_text: Flags, kept: Flags
) -> Values:
    """Return the wanted values, trimmed, decoded and without comments; empty ones are left out.

    ``wanted`` and ``free_text`` are flags by attribute code, ``kept`` by object and
    ``foreign`` by line.
    """
    line = np.flatnonzero(wanted[scanned.line_key] & kept[scanned.line_object])
    key = scanned.line_key[line]
    begin = scanned.line_start[line] + NAME_LENGTH[key] + 1
    start, end = trim(scanned.text, begin, scanned.line_end[line])
    comment = lines_holding(scanned, scanned.text == 35)[line] & ~free_text[key]
    aside = bytearray()
    base = len(scanned.text)
    for k in np.flatnonzero(scanned.continued[line] | comment | foreign[line]).tolist():
        value = joined_value(scanned, line[k], comments=not free_text[key[k]])
        start[k] = base + len(aside)
        aside += utf8(value)
        end[k] = base + len(aside)
    full = start < end
    text = padded(scanned.text, aside)
    row = scanned.line_object[line[full]]
    lead = scanned.object_line[row] == line[full]
    return Values(text, row, lead, key[full], start[full], end[full])


def utf8(value: bytes) -> bytes:
    """Return a value in UTF-8: as it is when it is UTF-8, else read as latin-1."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value
