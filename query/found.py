"""Find the addresses in free text and logs, in order.

An address stands by itself: no letter, digit or underscore touches it, an IPv4 address is not
behind a dot, and no dot with a letter or digit follows it. So versions (`1.2.3.4.5`) and names
(`4.3.2.1.in-addr.arpa`) hold none. An IPv6 address may have a word and a colon on either side
(`src:2001:db8::1`); `::` alone is none. What is defanged is found as well. Every step takes time
in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from .addresses import Span, pack
from .blocks import LIMIT, PAD, Block, Bytes, Flags, Ints, Numbers, array_of, whole_lines
from .errors import AddressError
from .quads import read_quads

_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_DIGITS: Final = b"0123456789"
_TOKEN: Final = _LETTERS + _DIGITS + b".:[](){}"  # what an address or its surroundings are made of
_CUTS: Final = bytes(120 if byte in _TOKEN else 10 for byte in range(256))
_FANG: Final = re.compile(rb"\[(?:\.|:|dot)\]|\((?:\.|:|dot)\)|\{(?:\.|:|dot)\}", re.IGNORECASE)
_LONGEST: Final = 100  # bytes of a run that may hold an IPv6 address
# Without a pair of colons there are seven, or six before a dotted quad, four digits apart.
_SIX: Final = 25
_SLICE: Final = 1 << 14  # quads at a time, so that the work stays in the cache


def _table(members: bytes) -> Flags:
    return np.isin(np.arange(256), np.frombuffer(members, np.uint8))


_WORD: Final = _table(_LETTERS + _DIGITS)
_RUN: Final = _table(_DIGITS + b"ABCDEFabcdef:.")


def whole_words(buffer: bytes) -> int:
    """Return the offset behind the last byte that can be no part of an address or touch one.

    Where a megabyte holds none, the offset behind that megabyte.
    """
    return whole_lines(buffer.translate(_CUTS)) or (LIMIT if len(buffer) > LIMIT else 0)


def find_block(text: bytes) -> Block:
    """Make a block of the addresses in a text."""
    bare, fangs, lost = _refanged(text)
    data = array_of(bare + PAD)
    word = _WORD.take(data)
    start, end, numbers = _find4(data, word)
    spans = list(_find6(bare, data))
    if spans:
        begin6 = np.array([begin for begin, _, _ in spans])
        end6 = np.array([stop for _, stop, _ in spans])
        inside = np.searchsorted(begin6, start, "right") - 1
        free = (inside < 0) | (start >= end6[inside])
        start, end, numbers = start[free], end[free], numbers[free]
        place = np.searchsorted(start, begin6) + np.arange(len(spans))
    else:
        begin6 = end6 = place = np.zeros(0, np.int64)
    count = len(start) + len(spans)
    known = np.ones(count, bool)
    known[place] = False
    starts, ends, addresses = _merged(known, start, begin6), _merged(known, end, end6), numbers
    addresses = np.zeros(count, np.uint32)
    addresses[known] = numbers
    others: dict[int, Span | str] = {
        row: span for row, (_, _, span) in zip(place.tolist(), spans, strict=True)
    }
    if len(fangs):
        length = ends - starts
        starts = starts + lost[np.searchsorted(fangs, starts)]
        ends = ends + lost[np.searchsorted(fangs, ends)]
        for row in np.flatnonzero(known & (ends - starts != length)).tolist():
            number = int(addresses[row])
            others[row] = Span(4, number, number, "address")
            known[row], addresses[row] = False, 0
    return Block(text + PAD, starts, ends, addresses, known, others, None)


def _merged(known: Flags, values4: Ints, values6: Ints) -> Ints:
    merged = np.empty(len(known), np.int64)
    merged[known], merged[~known] = values4, values6
    return merged


def _refanged(text: bytes) -> tuple[bytes, Ints, Ints]:
    """Take the brackets around dots and colons away.

    Returns the text, where in it such a dot or colon stands, and how many bytes were lost before
    an offset that so many of them precede.
    """
    if not any(opening in text for opening in (b"[", b"(", b"{")):
        return text, np.zeros(0, np.int64), np.zeros(1, np.int64)
    matches = [match.span() for match in _FANG.finditer(text)]
    spans = np.array(matches, np.int64).reshape(-1, 2)
    lost = np.concatenate([np.zeros(1, np.int64), np.cumsum(spans[:, 1] - spans[:, 0] - 1)])
    if matches:
        text = _FANG.sub(lambda match: b":" if match[0][1:2] == b":" else b".", text)
    return text, spans[:, 0] - lost[:-1], lost


def _find4(data: Bytes, word: Flags) -> tuple[Ints, Ints, Numbers]:
    """Return where the dotted quads of a padded text begin and end, and their addresses."""
    dot = data == 46
    first = (data - np.uint8(48)) < 10
    first[1:] &= ~(word[:-1] | dot[:-1])
    near = dot[1:].copy()
    near[:-1] |= dot[2:]
    near[:-2] |= dot[3:]
    first[:-1] &= near
    first[-len(PAD) :] = False
    start = np.flatnonzero(first)
    parts = [read_quads(data, start[low : low + _SLICE]) for low in range(0, len(start), _SLICE)]
    if not parts:
        return start, start, np.zeros(0, np.uint32)
    numbers, end, good = (np.concatenate(values) for values in zip(*parts, strict=True))
    good &= ~(word[end] | (dot[end] & word[np.minimum(end + 1, len(data) - 1)]))
    return start[good], end[good], numbers[good].astype(np.uint32)


def _find6(text: bytes, data: Bytes) -> Iterator[tuple[int, int, Span]]:
    """Yield where the IPv6 addresses of a text begin and end, and what they are, in order."""
    colons = np.flatnonzero(data == 58)
    pair = data[colons + 1] == 58
    if not pair.any() and not (colons[5:] - colons[:-5] <= _SIX).any():
        return
    run = _RUN.take(data)
    edges = np.flatnonzero(np.diff(run, prepend=False))  # the padding ends the last run
    start, end = edges[::2], edges[1::2]
    owner = np.searchsorted(start, colons, "right") - 1
    likely = np.bincount(owner, minlength=len(start)) >= 6
    likely[owner[pair]] = True
    likely &= end - start <= _LONGEST
    for begin, stop in zip(start[likely].tolist(), end[likely].tolist(), strict=True):
        found = _address6(text, begin, stop)
        if found is not None:
            yield found


def _address6(text: bytes, start: int, end: int) -> tuple[int, int, Span] | None:
    """Read the IPv6 address in a run of hexadecimal digits, colons and dots."""
    if start and _WORD[text[start - 1]]:
        start = text.index(b":", start) + 1
        if text[start] == 58:
            return None
    if end < len(text) and _WORD[text[end]]:
        end = text.rindex(b":", 0, end)
        if end <= start or text[end - 1] == 58:
            return None
    token = text[start:end]
    left = token.lstrip(b".")
    if left[:1] == b":" != left[1:2]:
        left = left[1:]
    right = left.rstrip(b".")
    if right[-1:] == b":" != right[-2:-1]:
        right = right[:-1]
    if right == b"::":
        return None
    try:
        family, number = pack(right.decode("ascii"))
    except AddressError:
        return None
    if b":" not in right:
        return None
    begin = start + len(token) - len(left)
    span = Span(family, number, number, "address", family == 4)
    return begin, begin + len(right), span
