"""Read what leads to a contact: references, mailboxes, marks of validation, addresses in free text.

All of it is one text column, of which `contacts` makes results once everything is read: a line
for each item, a letter and a colon before it. Most objects have no such item, and few texts are
distinct.

Sources: RIPE NCC documentation of `abuse-c`; APNIC prop-079 and prop-125 (irt, validation);
AFRINIC AFPUB-2010-GEN-006; the keys of ARIN's bulk text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.mailboxes import CONTACT_HINTS, addresses, near_abuse
from rirdex.query.rpsl import decode, lines_of

from .batch import SAYS, Values
from .columns import folded, lists_of
from .freetext import VALUE, FreeText, holding, places
from .intern import Column, local_column, texts_of
from .scan import (
    ATTRIBUTES,
    CODE,
    NAME_LENGTH,
    Ints,
    Scan,
    trim,
    words_of,
)
from .values import Flags

ABUSE, IRT, TECH, ADMIN, OWNER_C = b"a", b"i", b"t", b"d", b"o"
LOWER, SPONSOR = b"l", b"p"  # mnt-lower, sponsoring-org: no contact, but parties
MAIL, WEAK, BAD = b"m", b"e", b"b"  # abuse-mailbox; e-mail; a mailbox that holds no address
VALID, INVALID = b"v", b"x"  # a day and a mailbox; a mailbox
SAID, SAID_HANDLE = b"s", b"h"

_REFERENCE: Final = {
    "abuse-c": ABUSE, "abusehandle": ABUSE, "orgabusehandle": ABUSE, "mnt-irt": IRT,
    "tech-c": TECH, "techhandle": TECH, "orgtechhandle": TECH, "admin-c": ADMIN,
    "nochandle": ADMIN, "orgnochandle": ADMIN, "owner-c": OWNER_C, "mnt-lower": LOWER,
    "sponsoring-org": SPONSOR,
}  # fmt: skip
_MAILBOX: Final = {"abuse-mailbox": MAIL, "mailbox": MAIL, "e-mail": WEAK}
_LETTER = np.zeros(len(ATTRIBUTES), np.uint8)
for _name, _letter in (_REFERENCE | _MAILBOX).items():
    _LETTER[CODE[_name]] = _letter[0]
# What only nets and AS numbers lead to a contact by: organisations and roles name people, too.
_OF_RESOURCES: Final = [CODE[name] for name in ("tech-c", "admin-c", "owner-c", "mnt-lower")]
_RESOURCES: Final = [layout.CLASSES.index(name) for name in ("net", "aut-num")]
_CHECKED: Final = [layout.CLASSES.index(name) for name in ("irt", "role")]
# Attributes that hold mail addresses which are no abuse desk's unless they are called so.
_PRIVATE = np.isin(
    np.arange(len(ATTRIBUTES)),
    [CODE[name] for name in ("notify", "mnt-nfy", "upd-to", "ref-nfy", "irt-nfy", "e-mail",
                             "changed")],
)  # fmt: skip
_NO_TEXT = np.isin(np.arange(len(ATTRIBUTES)), [CODE["abuse-mailbox"], CODE["mailbox"]])
_ROLE_PARTS: Final = [
    (np.uint64(int.from_bytes(part, "little")), np.uint64((1 << 8 * len(part)) - 1))
    for part in (b"abuse", b"security", b"csirt", b"cert", b"noc")
]
_LOWER = np.uint64(0x2020202020202020)
_DUMMY: Final = b"unread@ripe.net"  # what the RIPE NCC's public dump has for mail
_FOUR = np.uint64(0xFFFFFFFF)
_RIPE = np.uint64(int.from_bytes(b"RIPE", "little"))
_HANDLE = re.compile(rb"\b[A-Z0-9]+-ARIN\b")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# `bytes.lower` leaves wide capitals alone.
_HINTS: Final = (*CONTACT_HINTS, "\uff21".encode(), "\uff34".encode())
_LONGEST: Final = 330  # bytes of a mail address, and a bracket or two

_UNREAD: Final = ("comment", "notify", "mnt-nfy", "upd-to", "ref-nfy", "irt-nfy", "geofeed")
_MARKS: Final = (b"was validated on ", b"is invalid")


def dummified(scanned: Scan) -> bool:
    """Say whether a chunk is of the RIPE NCC's public dump, which has dummies for people."""
    source = scanned.line_start[scanned.line_key == CODE["source"]] + VALUE
    of_ripe = (words_of(scanned.text)[source] & _FOUR) == _RIPE
    return (
        len(source) > 0
        and bool(of_ripe.all())
        and b"DUMY-RIPE" in scanned.text[: 1 << 16].tobytes()
    )


def unread_attributes(public: bool) -> tuple[str, ...]:
    """Return the attributes of a chunk that no rule reads, to save the time."""
    return (*_UNREAD, "tech-c", "admin-c", "e-mail") if public else _UNREAD


def contact_column(
    scanned: Scan, values: Values, kind: NDArray[np.int8], sources: Column, marked: Flags
) -> Column:
    """Return the items of each object; ``marked`` are the lines that may hold an address."""
    row, parts, texts = _items(values, kind)
    pairs = [*_marks(scanned, kind, sources), *_said(scanned, kind, sources, marked)]
    if pairs:
        row = np.concatenate([row, np.array([pair[0] for pair in pairs], np.int64)])
        parts = np.concatenate([parts, len(texts) + np.arange(len(pairs))])
        texts += [item for _, item in pairs]
        order = np.argsort(row, kind="stable")
        row, parts = row[order], parts[order]
    return lists_of(row, parts, texts, len(kind))


def _items(values: Values, kind: NDArray[np.int8]) -> tuple[Ints, Ints, list[bytes]]:
    """Return the references and mailboxes of attributes: rows, items, and the distinct items."""
    found = np.flatnonzero(_LETTER[values.key])
    resource = np.isin(kind, _RESOURCES)[values.row[found]]
    found = found[resource | ~np.isin(values.key[found], _OF_RESOURCES)]
    each = local_column(
        values.text, np.arange(len(found)), values.start[found], values.end[found], len(found)
    )
    pair = each.codes.astype(np.int64) << 8 | _LETTER[values.key[found]]
    distinct, parts = np.unique(pair, return_inverse=True)
    texts = texts_of(each)
    made = [_item(bytes([code & 255]), texts[code >> 8]) for code in distinct.tolist()]
    return values.row[found], parts.astype(np.int64), made


def _item(letter: bytes, value: bytes) -> bytes:
    """Return the lines of one value."""
    if letter in (MAIL, WEAK):
        if value == _DUMMY:
            return b""
        found = addresses(decode(value))
        if found or letter == WEAK:
            return b"\n".join(letter + b":" + address.encode() for address in found)
        return BAD + b":"
    if b"," not in value:
        return letter + b":" + folded(value)
    names = (folded(part) for part in value.split(b",") if part.strip())
    return b"\n".join(letter + b":" + name for name in names)


def address_lines(scanned: Scan, sources: Column, free: FreeText) -> Flags:
    """Mark the lines that may hold a mail address: no masked one, no mark of validation."""
    text = scanned.text
    at = np.flatnonzero(text == 64)
    at = at[text[at - 1] != 42]
    line = np.searchsorted(scanned.line_start, at, "right") - 1
    at, line = at[line >= 0], line[line >= 0]
    marked = np.zeros(len(scanned.line_start), bool)
    marked[line[at < scanned.line_end[line]]] = True
    for k in free.holding(_HINTS).tolist():
        marked[k] |= bool(addresses(decode(free.value(k))))
    of_apnic = _rows_of(sources, b"APNIC")
    if of_apnic.any():
        lines = np.flatnonzero(marked & of_apnic[scanned.line_object])
        marked[lines[holding(scanned, lines, _MARKS)]] = False
    return marked


def mark_says(scanned: Scan, marked: Flags, flags: NDArray[np.uint16]) -> None:
    """Mark the objects whose free text may hold an address that a reader of it would write to."""
    line = np.flatnonzero(marked)
    key = scanned.line_key[line]
    text = scanned.text
    private = line[_PRIVATE[key]]
    begin = scanned.line_start[private] + NAME_LENGTH[scanned.line_key[private]] + 1
    start, _ = trim(text, begin, scanned.line_end[private])
    head = words_of(text)[start] | _LOWER
    named = np.zeros(len(private), bool)
    for part, mask in _ROLE_PARTS:
        named |= (head & mask) == (part | (_LOWER & mask))
    telling = np.concatenate([line[~_PRIVATE[key] & ~_NO_TEXT[key]], private[named]])
    flags[scanned.line_object[telling]] |= SAYS


def _marks(scanned: Scan, kind: NDArray[np.int8], sources: Column) -> Iterator[tuple[int, bytes]]:
    """Yield what APNIC says of the mailboxes of irts and roles: validated on a day, or invalid."""
    checked = _rows_of(sources, b"APNIC") & np.isin(kind, _CHECKED)
    if not checked.any():
        return
    lines = np.flatnonzero(checked[scanned.line_object] & (scanned.line_key == 0))
    for line in lines[holding(scanned, lines, _MARKS)].tolist():
        value = scanned.text[scanned.line_start[line] : scanned.line_end[line]].tobytes()
        for mark in _MARKS:
            for place in places(value, mark):
                # The word before the mark is the mailbox, if it is one.
                word = value[max(0, place - _LONGEST) : place].rsplit(None, 1)[-1:]
                behind = decode(value[place + len(mark) :][:10])
                day = behind if _DAY.fullmatch(behind) else ""
                for address in addresses(decode(word[0])) if word else ():
                    if day or mark == _MARKS[1]:
                        text = f"v:{day} {address}" if mark == _MARKS[0] else f"x:{address}"
                        yield int(scanned.line_object[line]), text.encode()


def _rows_of(sources: Column, *names: bytes) -> Flags:
    return np.isin(sources.codes, [k for k, text in enumerate(texts_of(sources)) if text in names])


def _said(
    scanned: Scan, kind: NDArray[np.int8], sources: Column, marked: Flags
) -> Iterator[tuple[int, bytes]]:
    """Yield the contacts in free text, for the registries whose own order goes down to them."""
    lead = scanned.line_key[scanned.object_line]
    of_arin = np.isin(lead, [CODE[n] for n in ("nethandle", "v6nethandle", "orgid", "ashandle")])
    of_afrinic = _rows_of(sources, b"AFRINIC") & np.isin(kind, _RESOURCES)
    if of_arin.any():
        lines = np.flatnonzero(scanned.line_key == CODE["comment"])
        telling = lines[marked[lines] | holding(scanned, lines, (b"-arin",), lower=True)]
        yield from _each(scanned, scanned.line_object[telling], of_arin, _commented)
    if of_afrinic.any():
        yield from _each(scanned, scanned.line_object[np.flatnonzero(marked)], of_afrinic, _noted)


def _each(
    scanned: Scan, objects: Ints, wanted: Flags, read: Callable[[bytes], Iterable[bytes]]
) -> Iterator[tuple[int, bytes]]:
    """Yield what a reader finds in the text of some objects."""
    objects = np.unique(objects)
    for obj in objects[wanted[objects]].tolist():
        raw = scanned.text[scanned.object_start[obj] : scanned.object_end[obj]].tobytes()
        for item in read(raw):
            yield obj, item


def _noted(raw: bytes) -> Iterable[bytes]:
    """Return the addresses in remarks and descr, those near a word like abuse if there are any."""
    lines = lines_of(raw, ("remarks", "descr"))
    found = near_abuse(lines) or [item for line in lines for item in addresses(line)]
    return dict.fromkeys(SAID + b":" + item.encode() for item in found)


def _commented(raw: bytes) -> Iterable[bytes]:
    """Return the addresses and contacts' handles that a comment gives for abuse."""
    lines = lines_of(raw, ("comment",))
    found = [SAID + b":" + item.encode() for item in near_abuse(lines)]
    for line in lines:
        for clause in re.split("[;,]", line):
            if "abuse" in clause.lower():
                handles = _HANDLE.findall(clause.upper().encode())
                found += [SAID_HANDLE + b":" + item for item in handles]
    return dict.fromkeys(found)
