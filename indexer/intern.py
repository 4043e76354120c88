"""Give equal texts one code: first within a chunk, then over all chunks.

Texts are hashed eight bytes at a time over the whole column. The hash only brings candidates
together; bytes are compared before two texts count as one, so hostile input can slow interning
down but never mix texts up. Padded string arrays are avoided: one long value would pad all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .scan import Bytes, Ints, Words, padded, words_of

_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(29)
# Word loops cost one round per eight bytes of the longest text; longer ones are hashed singly.
_LONG: Final = 512
_SLICE: Final = 1 << 20
_MASKS = np.array([0] + [(1 << 8 * k) - 1 for k in range(1, 8)] + [2**64 - 1], np.uint64)


class Column(NamedTuple):
    """Hold one column of one chunk: a code for each row into its own texts, -1 = missing."""

    codes: NDArray[np.signedinteger[Any]]
    hashes: Words
    lengths: NDArray[np.uint32]
    text: bytes


EMPTY: Final = Column(np.zeros(0, np.int32), np.zeros(0, np.uint64), np.zeros(0, np.uint32), b"")


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Hold a whole column: a code for each row (0 = missing) and where each text lies.

    ``at`` (uint32, one more than there are texts) counts bytes of ``text``; text 0 is empty.
    """

    codes: NDArray[np.uint32]
    at: NDArray[np.uint32]
    text: bytearray

    def __getitem__(self, code: int) -> bytes:
        return bytes(self.text[self.at[code] : self.at[code + 1]])

    def __len__(self) -> int:
        return len(self.at) - 1

    def texts(self, codes: NDArray[Any] | None = None) -> list[bytes]:
        """Return the texts of some codes, or all."""
        text = bytes(self.text) if codes is None else memoryview(self.text)
        start = self.at[:-1] if codes is None else self.at[codes]
        end = self.at[1:] if codes is None else self.at[1:][codes]
        return [bytes(text[a:b]) for a, b in zip(start.tolist(), end.tolist(), strict=True)]

    def lengths(self) -> Ints:
        """Return the length of every text, in bytes."""
        at = self.at.astype(np.int64)
        return at[1:] - at[:-1]


def hash_spans(text: Bytes, start: Ints, length: Ints) -> Words:
    """Return a 64-bit hash of each span of a padded text."""
    words = words_of(text)
    result = length.astype(np.uint64) * _SEED
    rest = np.flatnonzero((length > 0) & (length <= _LONG))
    offset = 0
    while len(rest):
        word = words[start[rest] + offset] & _MASKS[np.minimum(length[rest] - offset, 8)]
        mixed = (result[rest] ^ word) * _PRIME
        result[rest] = mixed ^ (mixed >> _SHIFT)
        offset += 8
        rest = rest[length[rest] > offset]
    for k in np.flatnonzero(length > _LONG).tolist():
        long = text[start[k] : start[k] + length[k]].tobytes()
        result[k] = int.from_bytes(blake2b(long, digest_size=8).digest(), "big")
    return result


def differing(text: Bytes, left: Ints, right: Ints, length: Ints) -> Ints:
    """Return the rows whose spans at ``left`` and ``right``, of one length, hold other bytes."""
    words = words_of(text)
    bad = []
    rest = np.flatnonzero((length > 0) & (length <= _LONG))
    offset = 0
    while len(rest):
        mask = _MASKS[np.minimum(length[rest] - offset, 8)]
        other = (words[left[rest] + offset] ^ words[right[rest] + offset]) & mask != 0
        bad.append(rest[other])
        offset += 8
        rest = rest[~other & (length[rest] > offset)]
    long = [
        k
        for k in np.flatnonzero(length > _LONG).tolist()
        if not np.array_equal(
            text[left[k] : left[k] + length[k]], text[right[k] : right[k] + length[k]]
        )
    ]
    return np.concatenate([*bad, np.array(long, np.int64)]).astype(np.int64)


def group(text: Bytes, start: Ints, length: Ints, hashes: Words) -> tuple[Ints, Ints]:
    """Bring equal spans together: return each row's first equal row, and the distinct rows.

    Both hold row numbers; the distinct rows ascend.
    """
    count = len(start)
    order = np.argsort(hashes, kind="stable")
    new = np.ones(count, bool)
    sorted_hashes = hashes[order]
    new[1:] = sorted_hashes[1:] != sorted_hashes[:-1]
    first = np.empty(count, np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    same_length = length == length[first]
    wrong = np.flatnonzero(~same_length)
    check = np.flatnonzero(same_length & (first != np.arange(count)))
    odd = check[differing(text, start[check], start[first[check]], length[check])]
    seen: dict[bytes, int] = {}
    for row in np.sort(np.concatenate([wrong, odd])).tolist():
        value = text[start[row] : start[row] + length[row]].tobytes()
        first[row] = seen.setdefault(value, row)
    return first, np.flatnonzero(first == np.arange(count))


def gather(text: Bytes, start: Ints, length: Ints) -> bytes:
    """Join spans of a text."""
    if not len(start):
        return b""
    behind = np.cumsum(length)
    at = np.arange(int(behind[-1])) + np.repeat(start - behind + length, length)
    return text[at].tobytes()


def local_column(text: Bytes, rows: Ints, start: Ints, end: Ints, count: int) -> Column:
    """Intern one value for each of some rows of a chunk of ``count`` rows."""
    length = end - start
    hashes = hash_spans(text, start, length)
    first, distinct = group(text, start, length, hashes)
    code = np.empty(len(start), np.int32)
    code[distinct] = np.arange(len(distinct), dtype=np.int32)
    codes = np.full(count, -1, np.int32)
    codes[rows] = code[first]
    return Column(
        codes,
        hashes[distinct],
        length[distinct].astype(np.uint32),
        gather(text, start[distinct], length[distinct]),
    )


def texts_of(column: Column) -> list[bytes]:
    """Return the distinct texts of a chunk's column."""
    ends = np.cumsum(column.lengths).tolist()
    return [column.text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def column_of(codes: NDArray[np.signedinteger[Any]], texts: Sequence[bytes]) -> Column:
    """Make a chunk's column of codes into a list of texts; an empty text means missing.

    The texts need not be distinct.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    blob = b"".join(texts)
    hashes = hash_spans(padded(blob), np.cumsum(lengths) - lengths, lengths)
    empty = np.append(lengths == 0, True)
    codes = np.where(empty[codes], np.int32(-1), codes)
    return Column(codes, hashes, lengths.astype(np.uint32), blob)


def rewritten(column: Column, change: Callable[[bytes], bytes]) -> Column:
    """Apply a function to every distinct text of a chunk's column."""
    return column_of(column.codes, [change(text) for text in texts_of(column)])


def merge(columns: Sequence[Column]) -> Dictionary:
    """Join the columns of all chunks into one with codes of its own, in order of appearance."""
    hashes = np.concatenate([c.hashes for c in columns] or [np.zeros(0, np.uint64)])
    length = np.concatenate([c.lengths for c in columns] or [np.zeros(0, np.uint32)])
    length = length.astype(np.int64)
    text = padded(*[c.text for c in columns])
    start = np.cumsum(length) - length
    first, distinct = group(text, start, length, hashes)
    del hashes
    code = np.zeros(len(first) + 1, np.uint32)
    code[distinct] = np.arange(1, len(distinct) + 1, dtype=np.uint32)
    code[:-1] = code[first]
    del first
    at = np.zeros(len(distinct) + 2, np.uint32)
    at[2:] = np.cumsum(length[distinct])
    kept = bytearray()
    for low in range(0, len(distinct), _SLICE):
        part = distinct[low : low + _SLICE]
        kept += _kept_text(text, start[part], length[part])
    base = 0
    codes = []
    for column in columns:
        place = column.codes.astype(np.int64) + base
        codes.append(np.where(column.codes < 0, np.uint32(0), code[place]))
        base += len(column.hashes)
    rows = np.concatenate(codes or [np.zeros(0, np.uint32)]).astype(np.uint32)
    return Dictionary(rows, at, kept)


def _kept_text(text: Bytes, start: Ints, length: Ints) -> bytes:
    """Join ascending spans by dropping what lies between them: one byte of mask a byte of text."""
    low, high = int(start[0]), int(start[-1] + length[-1])
    step = np.zeros(high - low + 1, np.int8)
    filled = length > 0
    step[start[filled] - low] += 1
    step[(start + length)[filled] - low] -= 1
    return text[low:high][np.cumsum(step[:-1], dtype=np.int8) > 0].tobytes()


def chained(first: Dictionary, second: Dictionary) -> Dictionary:
    """Return both dictionaries' texts as one; the codes of the second follow those of the first."""
    at = second.at[1:].astype(np.int64) + len(first.text)
    both = np.concatenate([first.at, at[1:].astype(np.uint32)])
    return Dictionary(np.zeros(0, np.uint32), both, first.text + second.text)


def narrowed(codes: NDArray[Any], count: int) -> NDArray[Any]:
    """Return codes below ``count`` in the narrowest unsigned type that holds them."""
    return codes.astype(
        np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint32
    )
