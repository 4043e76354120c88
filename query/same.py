"""Say of nets of two indexes whether their records are the same: texts, and who the party is.

Texts are compared where they lie, a word at a time. What differs is few, and of that Python says
whether it means anything else: the order of a list's items does not, nor the case of netnames and
mailboxes.

A party is another one when its organisation handle is, or its normal name (`names`) where one side
has no handle or the registries differ; else it may be renamed. A name that an index does not know,
since no source of it holds the organisation, is no other name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .audited import Bools, Ints, cells
from .cells import text_at
from .columns import Nets, Texts
from .names import normal_many
from .paired import Side
from .records import Net
from .rpsl import attributes

Bits = NDArray[np.uint32]
States = NDArray[np.uint8]
FIELDS: Final = (
    "netname", "descr", "country", "status", "org", "org_name", "mnt_by", "holder", "user",
    "lessor", "lessee", "facilitator", "verdict", "confidence", "contact",
)  # fmt: skip
BIT: Final = {name: 1 << place for place, name in enumerate(FIELDS)}
_NAMING: Final = BIT["netname"] | BIT["org"]
SAME, OTHER_NAME, OTHER = range(3)  # what has become of a party
_SLICE: Final = 1 << 19  # pairs at a time: memory stays bounded; 2^17 took a quarter longer
_MASKS: Final = np.array([(1 << 8 * k) - 1 for k in range(8)] + [2**64 - 1], np.uint64)
# With the lines that go on, and comments among them.
_DESCR: Final = re.compile(rb"^descr:([^\n]*(?:\n[ \t+#%][^\n]*)*)", re.MULTILINE | re.IGNORECASE)
# What texts mean that may be written in several ways.
_MEANT: Final[dict[str, Callable[[str], object]]] = {
    "netname": str.upper, "mail": str.upper,
    "country": lambda text: frozenset(text.split("\n")),
    "mnt_by": lambda text: frozenset(text.split("\n")),
}  # fmt: skip


class Records(NamedTuple):
    """Hold what differs in the records of pairs of nets (n,).

    ``bits`` are the fields (`BIT`), ``states`` what has become of the party, ``touched`` whether
    anything differs, be it a date.
    """

    bits: Bits
    states: States
    touched: Bools


# -- texts ------------------------------------------------------------------------------------


def unlike(left: Side, right: Side, name: str, mine: Ints, theirs: Ints) -> Bools:
    """Mark the pairs of codes of a dictionary whose texts do not mean the same."""
    found = _written_otherwise(left, right, name, mine, theirs)
    meant = _MEANT.get(name)
    if meant is None:
        return found
    said: dict[tuple[int, int], bool] = {}
    rows = np.flatnonzero(found & (mine > 0) & (theirs > 0))
    codes = zip(mine[rows].tolist(), theirs[rows].tolist(), strict=True)
    for row, pair in zip(rows.tolist(), codes, strict=True):
        if pair not in said:
            one, other = text_at(left.tables, name, pair[0]), text_at(right.tables, name, pair[1])
            said[pair] = meant(one or "") != meant(other or "")
        found[row] = said[pair]
    return found


def _written_otherwise(left: Side, right: Side, name: str, mine: Ints, theirs: Ints) -> Bools:
    """Mark the pairs of codes of a dictionary whose texts are not the same bytes.

    A text has one code in an index. So it is enough to compare each code of the left with one of
    those that stand on its right, and those that are left then. In the order of codes texts lie
    side by side: that is faster even where each has its own.
    """
    old, new = left.known[name], right.known[name]
    twin = np.full(len(old.at), -1, np.int32)
    twin[mine] = theirs
    codes = np.flatnonzero(twin >= 0)
    wrong = np.zeros(len(twin), bool)
    wrong[codes] = _differ(old.texts(codes), new.texts(twin[codes]))
    found = wrong[mine]
    rest = np.flatnonzero(twin[mine] != theirs)
    found[rest] = ~wrong[mine[rest]]
    rest = rest[wrong[mine[rest]]]
    found[rest] = _differ(old.texts(mine[rest]), new.texts(theirs[rest]))
    return found


def _differ(left: Texts, right: Texts) -> Bools:
    """Mark the rows whose texts are not the same bytes."""
    found: Bools = left.length != right.length
    width = len(right.buffers)
    ways = left.source.astype(np.int64) * width + right.source
    for way in range(len(left.buffers) * width):
        rest = np.flatnonzero((ways == way) & ~found & (left.length > 0))
        words = _words(left.buffers[way // width]), _words(right.buffers[way % width])
        offset = 0
        while len(rest):
            size = left.length[rest] - offset
            one = _word(words[0], left.start[rest] + offset)
            other = _word(words[1], right.start[rest] + offset)
            apart = (one ^ other) & _MASKS[np.minimum(size, 8)] != 0
            found[rest[apart]] = True
            rest = rest[~apart & (size > 8)]
            offset += 8
    return found


def _words(text: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the little-endian word that begins at every byte but the last seven."""
    if len(text) < 8:
        text = np.append(text, np.zeros(8 - len(text), np.uint8))
    return np.ndarray((len(text) - 7,), "<u8", text.data, 0, (1,))


def _word(words: NDArray[np.uint64], place: Ints) -> NDArray[np.uint64]:
    """Return the words at places; behind the last one, what is left of the text."""
    near = np.minimum(place, len(words) - 1)
    return words[near] >> ((place - near) * 8).astype(np.uint64)


# -- records ----------------------------------------------------------------------------------


def records(left: Side, right: Side, a: Ints, b: Ints) -> Records:
    """Compare what is registered of pairs of nets."""
    found = Records(np.zeros(len(a), np.uint32), np.zeros(len(a), np.uint8), np.zeros(len(a), bool))
    for low in range(0, len(a), _SLICE):
        some = slice(low, low + _SLICE)
        part = _records(left, right, a[some], b[some])
        found.bits[some], found.states[some], found.touched[some] = part
    return found


def _records(left: Side, right: Side, a: Ints, b: Ints) -> Records:
    bits, states = np.zeros(len(a), np.uint32), np.zeros(len(a), np.uint8)

    def both(name: str) -> tuple[Ints, Ints]:
        return left.cell(name, a).astype(np.int64), right.cell(name, b).astype(np.int64)

    for name in ("netname", "country", "status", "org", "mnt_by"):
        bits[unlike(left, right, name, *both(f"net_{name}"))] |= BIT[name]
    names = _org_names(left, a), _org_names(right, b)
    other = unlike(left, right, "name", *names)
    bits[other & (names[0] > 0) & (names[1] > 0)] |= BIT["org_name"]
    descr = unlike(left, right, "descr", *both("net_descr"))
    # Whatever the party is called by is among these.
    named = np.flatnonzero(descr | other | (bits & _NAMING > 0))
    states[named] = parties(left, right, a[named], b[named])
    roles = both("piece_role")
    descr &= (roles[0] & roles[1] & layout.OWNER) == 0
    modified, created = both("net_modified"), both("net_created")
    dated = (modified[0] != modified[1]) | (created[0] != created[1])
    # Only the first descr is in a column. The others are read where the record may have changed:
    # by its date, or since the day on which the old dump was made.
    doubt = dated | (modified[1] == 0) | (modified[1] >= left.fresh[right.labels_of(b)])
    doubt &= (roles[0] | roles[1]) & layout.MORE_DESCR > 0
    for k in np.flatnonzero(doubt & ~descr).tolist():
        descr[k] = _described_otherwise(left.net(int(a[k])), right.net(int(b[k])))
    bits[descr] |= BIT["descr"]
    return Records(bits, states, dated | (bits > 0) | (states > 0))


def _described_otherwise(before: Net, after: Net) -> bool:
    lines = _DESCR.findall(before.raw), _DESCR.findall(after.raw)
    return lines[0] != lines[1] and descr_of(before) != descr_of(after)


def descr_of(net: Net) -> tuple[str, ...]:
    """Return `Net.descr`, without reading the other attributes of its text."""
    if not net.tables.piece_role[net.id] & layout.MORE_DESCR:
        return net.descr
    lines = b"\n".join(b"descr:" + value for value in _DESCR.findall(net.raw))
    return tuple(value for _, value in attributes(lines) if value)


def _org_names(side: Side, rows: Ints) -> Ints:
    """Return codes of the names of the nets' organisations, 0 where nobody knows."""
    objects = cells(side.tables, "org_object")[side.cell("net_org", rows)]
    names = np.zeros(len(rows), np.int64)
    held = np.flatnonzero(objects >= 0)
    names[held] = side.cell("object_name", objects[held])
    return names


def parties(left: Side, right: Side, a: Ints, b: Ints) -> States:
    """Say of pairs of nets what has become of the party of their records."""
    found = np.zeros(len(a), np.uint8)
    orgs = left.cell("net_org", a).astype(np.int64), right.cell("net_org", b).astype(np.int64)
    names = Nets(left.known, a).names(a), Nets(right.known, b).names(b)
    handles = ~unlike(left, right, "org", *orgs)
    rows = np.flatnonzero(_differ(*names) | ~handles)
    forms = (normal_many([text.encode() for text in texts.decoded(rows)]) for texts in names)
    alike = np.array([one == other for one, other in zip(*forms, strict=True)], bool)
    a, b, handles = a[rows], b[rows], handles[rows]
    both = (orgs[0][rows] > 0) & (orgs[1][rows] > 0)
    comparable = left.registry[left.labels_of(a)] == right.registry[right.labels_of(b)]
    same = np.where(both & comparable, handles, alike | (both & handles))
    known = (_org_names(left, a) > 0) == (_org_names(right, b) > 0)
    found[rows] = np.where(same, np.where(alike | ~known, SAME, OTHER_NAME), OTHER)
    return found
