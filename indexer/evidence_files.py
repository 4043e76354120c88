"""Open the files that are evidence beside the dumps, and read their lines and fields with NumPy.

Routes, VRPs, AS relationships and AS organisations come as files named on the command line, each
compressed or not, each read whole. Here is what their readers share: texts, lines and fields as
offset arrays, numbers and prefixes of many spans at once, and what is done about lines that cannot
be read: they are counted, and the first of them are kept as samples. A file of which no line can
be read is not what it was given as, and an error; so is one that is cut off. What the fields mean
is the readers' business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.addresses import pack
from rirdex.query.errors import AddressError, DumpError
from rirdex.query.quads import read_quads

from . import sources
from .batch import Reject
from .scan import Bytes, Ints, Words, padded, trim
from .sources import Source
from .values import MASKS, Flags, read_decimals, read_high_halves

LONGEST: Final = 1 << 30
SAMPLES: Final = 20
# Why a line is not read; a fault is a place in this list.
FAULTS: Final = (
    "", "a record of too few fields", "a record without a prefix",
    "a record without a legal prefix length", "a prefix with bits set behind its length",
    "a record without a legal AS number", "a record without a legal maximum length",
    "a record whose relationship is neither -1 nor 0", "an AS related to itself",
    "a record of no known kind",
)  # fmt: skip
GOOD, SHORT, PREFIX, LENGTH, HOST, ASN, MAXIMUM, RELATION, ITSELF, KIND = range(len(FAULTS))
AS_LIMIT: Final = 1 << 32


class Text(NamedTuple):
    """Hold the whole text of one file or member of a ZIP archive, and the file's sha256."""

    source: Source
    whole: bytes
    sha256: str


class EvidenceFile(NamedTuple):
    """Tell what came of one file.

    ``kind`` names its format. ``counts`` are the records that were read, by kind; ``reject_counts``
    the lines that were not, by reason; ``rejects`` are at most `SAMPLES` of them, in file order.
    Their offset is a byte of the text, in a list of JSON objects the place of the object.
    """

    path: str
    name: str
    kind: str
    text_bytes: int
    sha256: str
    counts: dict[str, int]
    reject_counts: dict[str, int]
    rejects: list[Reject]


class Lines(NamedTuple):
    """Hold a padded text and the bounds of the lines that are neither empty nor comments.

    ``start`` and ``end`` have shape (n,), line ends left out. ``closed`` says that the text ends
    with a line feed.
    """

    source: Text
    text: Bytes
    start: Ints
    end: Ints
    closed: bool


class Table(NamedTuple):
    """Hold the lines below a header, and start and end of their fields in some columns.

    ``short`` says of each line that it has too few fields.
    """

    lines: Lines
    columns: list[tuple[Ints, Ints]]
    short: Flags


class Prefixes(NamedTuple):
    """Hold n prefixes as they stand in a file.

    ``family`` (uint8) is 4 or 6; ``high`` and ``low`` (uint64) are the halves of the first address,
    an IPv4 address is the low half alone; ``length`` is int64; ``fault`` (uint8) is a place in
    `FAULTS`, and what is not `GOOD` means nothing.
    """

    family: NDArray[np.uint8]
    high: Words
    low: Words
    length: Ints
    fault: NDArray[np.uint8]


def read_texts(paths: Sequence[str]) -> list[Text]:
    """Read files whole, in the order of their names, then of their content.

    Raises `DumpError` for what cannot be read, is damaged, cut off, or larger than 1 GiB.
    """
    texts = []
    for path in paths:
        members = sources.members(path)
        if not members:
            raise DumpError(path, "is an archive that holds no file")
        texts += [_text(source) for source in members]
    return sorted(texts, key=lambda text: (text.source.name, text.sha256))


def _text(source: Source) -> Text:
    opened = sources.open_source(source)
    try:
        whole = sources.read_exactly(source, opened.text, LONGEST + 1)
        if len(whole) > LONGEST:
            raise DumpError(source.place, "holds more than 1 GiB of text: is it the right file?")
        return Text(source, whole, sources.digest(source, opened))
    finally:
        opened.close()


def kept(prefixes: Prefixes, which: Flags) -> Prefixes:
    """Return the prefixes that are marked."""
    family, high, low, length, fault = prefixes
    return Prefixes(family[which], high[which], low[which], length[which], fault[which])


def lines_of(text: Text, comments: bytes = b"#") -> Lines:
    """Find the lines of a text that are neither empty nor begin with one of some characters."""
    whole, length = padded(text.whole), len(text.whole)
    feeds = np.flatnonzero(whole[:length] == 10)
    mark = 3 if text.whole.startswith(b"\xef\xbb\xbf") else 0
    start = np.concatenate([np.array([mark]), feeds + 1])
    end = np.append(feeds, length)
    end = end - ((end > start) & (whole[end - 1] == 13))
    kept = end > start
    for character in comments:
        kept &= whole[start] != character
    closed = not length or bool(whole[length - 1] == 10)
    return Lines(text, whole, start[kept], end[kept], closed)


def fields_of(lines: Lines, separator: int, width: int) -> tuple[Ints, Ints, Ints]:
    """Cut lines into their first ``width`` fields.

    Returns start and end of the fields, (n, width), and how many fields each line has, (n,).
    What a line lacks is empty. Separators between double quotes separate nothing.
    """
    text, start, end = lines.text, lines.start, lines.end
    marks = np.flatnonzero(text == separator)
    quotes = np.flatnonzero(text == 34)
    if len(quotes) and len(start):
        line = np.maximum(np.searchsorted(start, marks, "right") - 1, 0)
        opened = np.searchsorted(quotes, marks) - np.searchsorted(quotes, start)[line]
        marks = marks[opened % 2 == 0]
    low = np.searchsorted(marks, start)
    count = np.searchsorted(marks, end) - low
    marks = np.append(marks, np.zeros(width, np.int64))
    ends = np.stack([np.where(count > k, marks[low + k], end) for k in range(width)], axis=1)
    starts = np.concatenate([start[:, None], np.minimum(ends[:, :-1] + 1, end[:, None])], axis=1)
    quoted = (text[starts] == 34) & (text[ends - 1] == 34) & (ends - starts > 1)
    return starts + quoted, ends - quoted, count + 1


def table_of(lines: Lines, names: Sequence[Sequence[str]], what: str) -> Table:
    """Find columns by the header in the first line; each may have one of several names.

    Fields lie between commas, semicolons, tabs or bars, within double quotes or not. Raises
    `DumpError` where a column is missing: the file is no ``what``.
    """
    place = lines.source.source.place
    first = zip(lines.start[:1].tolist(), lines.end.tolist(), strict=False)
    header = "".join(lines.text[start:end].tobytes().decode("latin-1") for start, end in first)
    for separator in ",;\t|":
        words = [word.strip(' "').lower() for word in header.split(separator)]
        found = [next((words.index(name) for name in some if name in words), -1) for some in names]
        if min(found) < 0:
            continue
        below = lines._replace(start=lines.start[1:], end=lines.end[1:])
        start, end, count = fields_of(below, ord(separator), max(found) + 1)
        columns = [trim(lines.text, start[:, k], end[:, k]) for k in found]
        return Table(below, columns, count <= max(found))
    wanted = ", ".join(some[0] for some in names)
    why = f"no line is of such a form, nor is the first one a header with columns {wanted}"
    raise DumpError(place, f"is no {what}: {why}" if header else f"is no {what}: it has no lines")


def read_asns(text: Bytes, start: Ints, end: Ints) -> tuple[Ints, Flags]:
    """Read AS numbers, `64500` or `AS64500`; AS 0 is one here.

    Returns int64 (n,) and whether each is a number below 2**32.
    """
    named = (text[start] | np.uint8(32) == 97) & (text[start + 1] | np.uint8(32) == 115)
    value, good = read_decimals(text, start + 2 * named, end)
    return value, good & (value < AS_LIMIT)


def read_prefixes(text: Bytes, start: Ints, end: Ints) -> Prefixes:
    """Read prefixes written as `address/length`."""
    slash = np.full(len(start), -1, np.int64)
    for size in (2, 3, 4):
        at = np.maximum(end - size, start)
        slash = np.where(text[at] == 47, at, slash)
    found = slash > start
    slash = np.where(found, slash, end)
    read = split_prefixes(text, start, slash, np.minimum(slash + 1, end), end)
    read.fault[~found & (read.fault == LENGTH)] = PREFIX
    return read


def split_prefixes(text: Bytes, start: Ints, end: Ints, begin: Ints, stop: Ints) -> Prefixes:
    """Read prefixes whose address is one span and whose length another."""
    family, high, low = _addresses(text, start, end)
    length, good = read_decimals(text, begin, stop)
    width = np.where(family == 4, 32, 128)
    good &= length <= width
    length = np.where(good, length, width)
    host = width - length
    behind = (high & MASKS[np.maximum(host - 64, 0)]) | (low & MASKS[np.minimum(host, 64)])
    fault = np.full(len(start), GOOD, np.uint8)
    fault[behind != 0] = HOST
    fault[~good] = LENGTH
    fault[family == 0] = PREFIX
    return Prefixes(family, high, low, length, fault)


def _addresses(text: Bytes, start: Ints, end: Ints) -> tuple[NDArray[np.uint8], Words, Words]:
    """Read addresses; the family is 0 for what is none, an IPv4-mapped one included."""
    value, stop, narrow = read_quads(text, start)
    narrow &= stop == end
    high, low = np.zeros(len(start), np.uint64), value.astype(np.uint64)
    family = np.where(narrow, 4, 0).astype(np.uint8)
    rest = np.flatnonzero(~narrow)
    if not len(rest):
        return family, high, low
    high[rest], wide = read_high_halves(text, start[rest], end[rest])
    low[rest] = 0
    family[rest] = np.where(wide, 6, 0)
    for k in rest[~wide].tolist():
        word = text[start[k] : min(end[k], start[k] + 64)].tobytes().decode("latin-1")
        try:
            kind, number = pack(word)
        except AddressError:
            kind, number = 0, 0
        if kind == 6:
            family[k], high[k], low[k] = 6, number >> 64, number & 0xFFFFFFFFFFFFFFFF
        else:
            high[k] = 0
    return family, high, low


def report(
    lines: Lines, kind: str, fault: NDArray[np.uint8], counts: dict[str, int], *, closed: bool
) -> EvidenceFile:
    """Tell what came of the lines of a file, of which ``fault`` has shape (n,).

    ``closed`` says that files of this kind always end with a line feed. Raises `DumpError` for a
    file that is cut off, or of which no line was read.
    """
    place = lines.source.source.place
    torn = not lines.closed and len(fault) > 0
    if torn and (closed or fault[-1] != GOOD) and (fault == GOOD).any():
        fault_of = "is cut off in its last line, which has no line feed: download it again"
        raise DumpError(place, fault_of, int(lines.start[-1]))

    def sample(k: int) -> tuple[int, bytes]:
        begin = int(lines.start[k])
        return begin, lines.text[begin : min(begin + 80, int(lines.end[k]))].tobytes()

    return told(lines.source, kind, fault, counts, sample)


def told(
    text: Text, kind: str, fault: NDArray[np.uint8], counts: dict[str, int],
    sample: Callable[[int], tuple[int, bytes]],
) -> EvidenceFile:  # fmt: skip
    """Tell what came of records; ``sample`` gives offset and first bytes of the k-th of them.

    Raises `DumpError` when none was read.
    """
    bad = np.flatnonzero(fault != GOOD)
    rejects = [Reject(sample(k)[0], FAULTS[fault[k]], sample(k)[1]) for k in bad[:SAMPLES].tolist()]
    if len(bad) == len(fault):
        why = f": {rejects[0].reason}, {rejects[0].sample!r}" if rejects else ""
        raise DumpError(text.source.place, f"holds no record of its kind ({kind}){why}")
    number = np.bincount(fault, minlength=len(FAULTS)).tolist()
    reject_counts = {FAULTS[k]: number[k] for k in range(1, len(FAULTS)) if number[k]}
    source = text.source
    return EvidenceFile(
        source.place, source.name, kind, len(text.whole), text.sha256,
        {name: count for name, count in counts.items() if count}, reject_counts, rejects,
    )  # fmt: skip
