"""Cut a chunk of RPSL text into objects, lines and attributes, as offset arrays.

No line is looked at in Python. Line feeds give the lines, the first byte of each gives its
kind, and the attribute's name is recognised by its first sixteen bytes, read as two words,
lower-cased by one OR and cut behind the colon by bit arithmetic. What is left for Python are
the rare values that continue on a second line, hold a comment, or are not ASCII.

Rules (RFC 2622 section 2; RIPE-NCC/whois, irrd): objects are separated by empty lines; a line
of blanks only is a continuation; a line that begins with `#` or `%` is no part of the text
wherever it stands; blank, tab and `+` continue the value before; one CR before LF is dropped.
A line of blanks with which an object begins is no part of it.

A chunk holds whole objects. Values are not interpreted here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

# The attributes whose values are read: of RPSL, of LACNIC, of ARIN; then the class names that need
# no value. Their place in this list is their code; 0 is any other attribute.
ATTRIBUTES: Final = (
    b"", b"inetnum", b"inet6num", b"organisation", b"role", b"person", b"irt", b"mntner",
    b"aut-num", b"route", b"route6", b"netname", b"descr", b"country", b"org", b"status",
    b"mnt-by", b"created", b"last-modified", b"changed", b"source", b"nic-hdl", b"org-name",
    b"org-type", b"as-name", b"origin",
    b"owner", b"owner-c", b"inetnum-up",
    b"nethandle", b"v6nethandle", b"orgid", b"ashandle", b"pochandle", b"netrange", b"nettype",
    b"parent", b"regdate", b"updated", b"orgname", b"asname", b"asnumber", b"isrole", b"lastname",
    b"firstname",
    b"abuse-c", b"mnt-irt", b"mnt-lower", b"tech-c", b"admin-c", b"abuse-mailbox", b"e-mail",
    b"abusehandle", b"techhandle", b"nochandle", b"orgabusehandle", b"orgtechhandle",
    b"orgnochandle", b"mailbox", b"comment", b"notify", b"mnt-nfy", b"upd-to", b"ref-nfy",
    b"irt-nfy", b"geofeed", b"sponsoring-org",
    b"as-block", b"as-set", b"domain", b"filter-set", b"inet-rtr", b"key-cert", b"limerick",
    b"peering-set", b"poem", b"poetic-form", b"route-set", b"rtr-set", b"dictionary",
    b"repository",
)  # fmt: skip
CODE: Final = {name.decode(): code for code, name in enumerate(ATTRIBUTES) if name}
NAME_LENGTH: Final = np.array([len(name) for name in ATTRIBUTES], np.int64)

BLANKS: Final = bytes(range(33))
_ROUNDS: Final = 8  # blanks that are trimmed off all values together; more is rare
PAD: Final = 64  # bytes behind a text that word reads may touch
_LOWER = np.uint64(0x2020202020202020)
_COLONS = np.uint64(0x3A3A3A3A3A3A3A3A)
_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_REMARKS = np.frombuffer(b"remarks:", "<u8")[0]
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Scan(NamedTuple):
    """Hold a chunk's attribute lines and objects; all offsets count from the chunk's start.

    ``line_*`` have one row for each line that is neither empty nor a comment (continuations
    included), ``object_*`` one for each object. ``line_key`` is an index into `ATTRIBUTES`;
    ``continued`` says that the next row continues the value.
    """

    text: Bytes
    line_start: Ints
    line_end: Ints
    line_object: Ints
    line_key: NDArray[np.uint8]
    continues: NDArray[np.bool_]
    continued: NDArray[np.bool_]
    object_line: Ints
    object_start: Ints
    object_end: Ints


def padded(*parts: bytes | bytearray | memoryview | Bytes) -> Bytes:
    """Join texts into one array with `PAD` zero bytes behind it."""
    arrays = [np.frombuffer(part, np.uint8) for part in parts]
    return np.concatenate([*arrays, np.zeros(PAD, np.uint8)])


def words_of(text: Bytes) -> Words:
    """Return the little-endian 8-byte word that begins at every byte of a padded text."""
    return np.ndarray((len(text) - 8,), "<u8", text.data, 0, (1,))


def _first_colon(word: Words) -> Words:
    """Return the mask of the bytes up to the first colon, or all ones where there is none."""
    gap = word ^ _COLONS
    hit = (gap - _ONES) & ~gap & _HIGHS
    return hit ^ (hit - np.uint64(1))


def _name_words() -> tuple[Words, Words]:
    named = [(name + b":").ljust(16, b"\0") for name in ATTRIBUTES[1:]]
    pairs = np.frombuffer(b"".join(named), "<u8").reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def _plain_words() -> tuple[Words, Words]:
    """Return the case bits of the characters of each name that have no case."""
    bits = [
        bytes(0 if chr(c).isalpha() or not c else 32 for c in (name + b":").ljust(16, b"\0"))
        for name in ATTRIBUTES[1:]
    ]
    pairs = np.frombuffer(b"".join(bits), "<u8").reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


_HEAD, _TAIL = _name_words()
_HEAD_PLAIN, _TAIL_PLAIN = _plain_words()
_TAIL_MASK = np.where(_TAIL > 0, _first_colon(_TAIL), np.uint64(0))
_KEYS = _HEAD ^ (_TAIL * _MIX)
_RANK = np.argsort(_KEYS)
_SORTED = _KEYS[_RANK]


def attribute_codes(words: Words, start: Ints) -> NDArray[np.uint8]:
    """Return the code in `ATTRIBUTES` of the attribute that begins at each offset, 0 = other."""
    raw = words[start]
    head = raw | _LOWER
    mask = _first_colon(head)
    head &= mask
    tail = np.zeros(len(start), np.uint64)
    raw_tail = tail.copy()
    long = np.flatnonzero(mask == ~np.uint64(0))
    # A colon as the eighth byte gives the same mask; the name is complete then.
    long = long[(head[long] >> np.uint64(56)) != 0x3A]
    raw_tail[long] = words[start[long] + 8]
    second = raw_tail[long] | _LOWER
    tail[long] = second & _first_colon(second)
    key = head ^ (tail * _MIX)
    place = np.searchsorted(_SORTED, key)
    place[place == len(_SORTED)] = 0
    code = _RANK[place]
    known = (_HEAD[code] == head) & (_TAIL[code] == tail)
    # Lower-casing turns some control characters into hyphens, digits and colons, too.
    odd = np.flatnonzero(known & ((raw & mask != head) | (raw_tail & _TAIL_MASK[code] != tail)))
    if len(odd):
        plain, plain_tail = _HEAD_PLAIN[code[odd]], _TAIL_PLAIN[code[odd]]
        known[odd] = (raw[odd] & plain == plain) & (raw_tail[odd] & plain_tail == plain_tail)
    return np.where(known, code + 1, 0).astype(np.uint8)


def scan(text: Bytes, length: int) -> Scan:
    """Cut the first ``length`` bytes of a padded text into lines and objects."""
    body = text[:length]
    feeds = np.flatnonzero(body == 10)
    start = np.concatenate([np.zeros(1, np.int64), feeds + 1])
    end = np.concatenate([feeds, np.array([length])])
    end = end - ((end > start) & (text[end - 1] == 13))
    first = text[start]
    empty = start >= end
    shown = ~(empty | (first == 35) | (first == 37))
    count = np.cumsum(empty)
    _hide_blank_openings(text, start, end, first, shown, count)
    group = count[shown]
    start, end, first = start[shown], end[shown], first[shown]
    new = np.ones(len(start), bool)
    new[1:] = group[1:] != group[:-1]
    owner = np.cumsum(new) - 1
    continues = (first == 32) | (first == 9) | (first == 43)
    continued = np.zeros(len(start), bool)
    continued[:-1] = continues[1:] & ~new[1:]
    key = np.zeros(len(start), np.uint8)
    words = words_of(text)
    # A third of the lines are remarks, which have no code: most in the dumps of RIPE.
    named = np.flatnonzero(~continues & (words[start] != _REMARKS))
    key[named] = attribute_codes(words, start[named])
    object_line = np.flatnonzero(new)
    last_line = np.append(object_line, len(start))[1:] - 1
    return Scan(
        text, start, end, owner, key, continues, continued,
        object_line, start[object_line], end[last_line],
    )  # fmt: skip


def _hide_blank_openings(
    text: Bytes, start: Ints, end: Ints, first: Bytes, shown: NDArray[np.bool_], group: Ints
) -> None:
    """Hide lines of blanks with which an object would begin: ARIN writes one before a net."""
    lines = np.flatnonzero(shown)
    opens = np.append(True, group[lines[1:]] != group[lines[:-1]])[: len(lines)]
    blank = (first[lines] == 32) | (first[lines] == 9)
    for k in np.flatnonzero(opens & blank).tolist():
        here = group[lines[k]]
        while k < len(lines) and group[lines[k]] == here and blank[k]:
            if text[start[lines[k]] : end[lines[k]]].tobytes().strip(b" \t"):
                break
            shown[lines[k]] = False
            k += 1


def trim(text: Bytes, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Move both ends of spans inwards over blanks and control characters (bytes up to 32)."""
    start, end = start.copy(), end.copy()
    for width, blank in ((8, _LOWER), (4, np.uint32(0x20202020)), (2, np.uint16(0x2020))):
        window = np.ndarray((len(text) - width,), f"<u{width}", text.data, 0, (1,))
        start += width * (window[start] == blank)
    rest = np.arange(len(start))
    for _ in range(_ROUNDS):
        rest = rest[(start[rest] < end[rest]) & (text[start[rest]] <= 32)]
        start[rest] += 1
    for k in rest.tolist():
        left = len(text[start[k] : end[k]].tobytes().lstrip(BLANKS))
        start[k] = end[k] - left if left else max(start[k], end[k])
    rest = np.arange(len(end))
    for _ in range(_ROUNDS):
        rest = rest[(end[rest] > start[rest]) & (text[end[rest] - 1] <= 32)]
        end[rest] -= 1
    for k in rest.tolist():
        end[k] = start[k] + len(text[start[k] : end[k]].tobytes().rstrip(BLANKS))
    return start, np.maximum(start, end)


def joined_value(scanned: Scan, line: int, *, comments: bool) -> bytes:
    """Return the value of an attribute line with its continuations, joined by one blank.

    With ``comments`` what follows a `#` on each line is a comment and dropped.
    """
    text, parts = scanned.text, []
    begin = int(scanned.line_start[line])
    whole = text[begin : scanned.line_end[line]].tobytes()
    part = whole.partition(b":")[2]
    while True:
        if comments:
            part = part.partition(b"#")[0]
        part = part.strip(BLANKS)
        if part:
            parts.append(part)
        if not scanned.continued[line]:
            return b" ".join(parts)
        line += 1
        part = text[scanned.line_start[line] + 1 : scanned.line_end[line]].tobytes()


def lines_holding(scanned: Scan, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the lines in which a byte is marked, by a mask over the text."""
    marked = np.zeros(len(scanned.line_start) + 1, bool)
    at = np.flatnonzero(where)
    if len(at) and len(scanned.line_start):
        line = np.searchsorted(scanned.line_start, at, "right") - 1
        line = np.where((line >= 0) & (at < scanned.line_end[line]), line, len(marked) - 1)
        marked[line] = True
    return marked[:-1]
