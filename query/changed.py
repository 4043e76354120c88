"""Find what differs between the nets of two indexes, over columns.

The nets are paired (`paired`), their records compared (`same`), and then what the surroundings make
of a net: who holds it, who uses and facilitates it, the verdict, the contact. It is what `Answer`
says of each. Most holders are pairs of nets themselves, so that it is known already what has become
of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .audited import Bools, Ints, cells
from .columns import Nets
from .contacts import items_of
from .layout import CONFIDENCE_SHIFT, INHERITED, MORE_ITEMS, RESULT_BITS, RULE_BITS, VERDICT_BITS
from .leases import answer_of
from .names import normal
from .paired import Apart, Side, bounds, pair, sides
from .parties import facilitators, holders, with_user
from .same import BIT, OTHER, OTHER_NAME, SAME, Bits, Records, States, parties, records, unlike
from .verdicts import LEASED

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

Become = Callable[[Ints, Ints], States]
PARTIES: Final = ("holder", "user", "lessor", "lessee", "facilitator")
# A party that is the same under another name has this bit beside that of its field.
RENAMED: Final = {name: BIT[name] << 16 for name in PARTIES}
_SLICE: Final = 1 << 17  # pairs at a time, so that the work stays small
_JUDGED: Final = VERDICT_BITS | 3 << CONFIDENCE_SHIFT
_LEASED: Final = [layout.VERDICTS.index(verdict) for verdict in LEASED]
# What is taken from above is by its registry's rule `parent`, whatever rule it is there.
_OF_REGISTRY: Final = [rule.partition(".")[0] for rule in layout.RULES]
_PARENT: Final = np.array([64 + _OF_REGISTRY.index(name) for name in _OF_REGISTRY])


class Compared(NamedTuple):
    """Hold what differs: net ids ``left`` in the old and ``right`` in the new index, -1 = none.

    ``bits`` (k,) are the fields of a pair that differ (`BIT`, `RENAMED`), 0 without a pair. They go
    by address, IPv4 first, the larger first. ``after`` is by net of the old index its id in the new
    one, ``before`` the other way, -1 without one. ``apart`` is what was left out.
    """

    old: Side
    new: Side
    left: Ints
    right: Ints
    bits: Bits
    after: Ints
    before: Ints
    apart: tuple[Apart, ...]

    def picked(self, which: Bools | Ints) -> Compared:
        """Return some of the rows."""
        left, right = self.left[which], self.right[which]
        return self._replace(left=left, right=right, bits=self.bits[which])

    def moved(self) -> Bools:
        """Mark the nets that moved from one registry to another."""
        found = (self.left >= 0) & (self.right >= 0)
        left, right = self.left[found], self.right[found]
        found[found] = self.old.labels_of(left) != self.new.labels_of(right)
        return found


def compare(old: Index, new: Index, *, all_sources: bool = False) -> Compared:
    """Compare all nets of two indexes but registries' blocks and placeholders.

    Nets of a source and family that one index has none of are left out, unless ``all_sources``.
    """
    left, right, apart = sides(old, new, all_sources)
    a, b = pair(left, right, lambda a, b: records(left, right, a, b).touched)
    own = records(left, right, a, b)
    after, before = np.full(left.tables.nets, -1), np.full(right.tables.nets, -1)
    after[a], before[b] = b, a
    become = _becoming(left, right, after, a, own)
    for low in range(0, len(a), _SLICE):
        some = slice(low, low + _SLICE)
        own.bits[some] |= _around(left, right, a[some], b[some], own.states[some], become)
    differs = np.flatnonzero((own.bits > 0) | (left.labels_of(a) != right.labels_of(b)))
    gone = np.flatnonzero(left.counted & (after < 0))
    come = np.flatnonzero(right.counted & (before < 0))
    found = Compared(
        left, right,
        np.concatenate([a[differs], gone, np.full(len(come), -1)]),
        np.concatenate([b[differs], np.full(len(gone), -1), come]),
        np.append(own.bits[differs], np.zeros(len(gone) + len(come), np.uint32)),
        after, before, apart,
    )  # fmt: skip
    return found.picked(by_address(found))


def _becoming(left: Side, right: Side, after: Ints, paired: Ints, own: Records) -> Become:
    """Return what says of pairs of nets, or of none (-1), what has become of their parties."""
    states = np.zeros(len(after), np.uint8)
    states[paired] = own.states

    def become(mine: Ints, theirs: Ints) -> States:
        found = np.where((mine < 0) != (theirs < 0), OTHER, SAME).astype(np.uint8)
        both = np.flatnonzero((mine >= 0) & (theirs >= 0))
        known = after[mine[both]] == theirs[both]
        found[both[known]] = states[mine[both[known]]]
        rest = both[~known]
        pairs, which = np.unique(mine[rest] << 32 | theirs[rest], return_inverse=True)
        found[rest] = parties(left, right, pairs >> 32, pairs & 0xFFFFFFFF)[which.ravel()]
        return found

    return become


def by_address(found: Compared) -> Ints:
    """Return the order of rows by address; what is equal goes by registry and source."""
    there = found.left >= 0
    label, wide = np.zeros(len(there), np.int64), np.zeros(len(there), bool)
    for side, ids, which in ((found.old, found.left, there), (found.new, found.right, ~there)):
        label[which] = side.labels_of(ids[which])
        wide[which] = ids[which] >= side.tables.nets4
    order = []
    for family in (4, 6):
        some = np.flatnonzero(wide == (family == 6))
        some = some[np.argsort(label[some], kind="stable")]
        old = there[some]
        keys = np.zeros(len(some), np.uint64 if family == 4 else "S32")
        keys[old] = bounds(found.old, family, found.left[some[old]])
        keys[~old] = bounds(found.new, family, found.right[some[~old]])
        order.append(some[np.argsort(keys, kind="stable")])
    return np.concatenate(order)


# -- surroundings -----------------------------------------------------------------------------


def _around(left: Side, right: Side, a: Ints, b: Ints, states: States, become: Become) -> Bits:
    """Return the bits of what the surroundings of pairs of nets make of them."""
    bits = np.zeros(len(a), np.uint32)

    def note(name: str, mine: Bools, theirs: Bools, state: States) -> None:
        """Note what has become of a party that is there on some sides only."""
        bits[(mine != theirs) | (mine & theirs & (state > 0))] |= BIT[name]
        bits[mine & theirs & (state == OTHER_NAME)] |= RENAMED[name]

    held = holders(left.tables, a), holders(right.tables, b)
    state = become(*held)
    note("holder", held[0] >= 0, held[1] >= 0, state)
    let = leased(left, a) & (held[0] >= 0), leased(right, b) & (held[1] >= 0)
    note("lessor", *let, state)
    note("user", used(left, a), used(right, b), states)
    note("lessee", with_lessee(left, a), with_lessee(right, b), states)
    state = _between(left, right, a, b, become)
    note("facilitator", state >= 0, state >= 0, state)
    apart = judged(left, a) ^ judged(right, b)
    bits[apart & VERDICT_BITS > 0] |= BIT["verdict"]
    bits[apart >> CONFIDENCE_SHIFT > 0] |= BIT["confidence"]
    bits[_reached_otherwise(left, right, a, b)] |= BIT["contact"]
    return bits


def judged(side: Side, rows: Ints) -> NDArray[np.uint8]:
    """Return verdict and confidence of nets, as in `layout`; a net that crosses has no verdict."""
    what = cells(side.tables, "verdict_what")[side.cell("piece_verdict", rows)] & _JUDGED
    return np.where(side.crossing[rows], 0, what).astype(np.uint8)


def leased(side: Side, rows: Ints) -> Bools:
    """Mark the nets that appear to be leased."""
    return np.isin(judged(side, rows) & VERDICT_BITS, _LEASED)


def used(side: Side, rows: Ints) -> Bools:
    """Mark the nets with a user who has a name or a handle."""
    found: Bools = side.cell("piece_role", rows) & layout.IS_USER > 0
    bare = (side.cell("net_netname", rows) == 0) & (side.cell("net_org", rows) == 0)
    some = np.flatnonzero(found & bare)
    found[some] = Nets(side.known, rows[some]).names(rows[some]).length > 0
    return found


def with_lessee(side: Side, rows: Ints) -> Bools:
    """Mark the nets whose lessee is known."""
    return leased(side, rows) & used(side, rows) & with_user(side.tables, rows)


def _between(left: Side, right: Side, a: Ints, b: Ints, become: Become) -> States:
    """Say what has become of facilitators: they stay the same with their name or handle."""
    told = []
    for side, rows in ((left, a), (right, b)):
        known, nets = facilitators(side.tables, rows)
        known[side.crossing[rows]], nets[side.crossing[rows]] = 0, -1
        told.append((known, nets))
    (known, nets), (others, theirs) = told
    some = np.flatnonzero((known > 0) | (nets >= 0) | (others > 0) | (theirs >= 0))
    listed = [
        [None, *(str(party["name"]) for party in side.source.meta["facilitators"])]
        for side in (left, right)
    ]
    numbers = {name: number for number, name in enumerate(listed[1])}
    number = np.array([numbers.get(name, -1) for name in listed[0]])
    same = (number[known[some]] == others[some]) & (become(nets[some], theirs[some]) == SAME)
    found = np.zeros(len(a), np.uint8)
    for k in some[~same].tolist():
        found[k] = _facilitator(left, right, int(a[k]), int(b[k]))
    return found


def _facilitator(left: Side, right: Side, a: int, b: int) -> int:
    before = answer_of(left.source, left.net(a)).facilitator
    after = answer_of(right.source, right.net(b)).facilitator
    if before is None or after is None:
        return SAME if before is after else OTHER
    if normal(before.name or "") == normal(after.name or ""):
        return SAME
    return OTHER_NAME if before.handle and before.handle == after.handle else OTHER


# -- contacts ---------------------------------------------------------------------------------


def _reached_otherwise(left: Side, right: Side, a: Ints, b: Ints) -> Bools:
    """Mark the pairs of nets whose contacts differ, in mailboxes or rules."""
    keep = np.uint32(RESULT_BITS | INHERITED)
    values = left.cell("net_contact", a) & keep, right.cell("net_contact", b) & keep
    mine, theirs = (
        _results(side, value) for side, value in zip((left, right), values, strict=True)
    )
    found: Bools = (mine.mail < 0) != (theirs.mail < 0)
    single = np.flatnonzero((mine.mail > 0) & (theirs.mail > 0))
    mails = mine.mail[single], theirs.mail[single]
    found[single] = (mine.rule != theirs.rule)[single] | unlike(left, right, "mail", *mails)
    rest = np.flatnonzero((mine.mail >= 0) & (theirs.mail >= 0) & (mine.mail * theirs.mail == 0))
    pairs = values[0][rest].astype(np.uint64) << np.uint64(32) | values[1][rest]
    distinct, which = np.unique(pairs, return_inverse=True)
    apart = [
        _reached(left.tables, key >> 32) != _reached(right.tables, key & 0xFFFFFFFF)
        for key in distinct.tolist()
    ]
    found[rest] = np.array(apart, bool)[which.ravel()]
    return found


class Results(NamedTuple):
    """Hold contacts of nets: rules by number, and codes of text.mail: a mailbox, else a handle.

    The code is 0 for what is no single text, -1 for no contact.
    """

    rule: Ints
    mail: Ints


def _results(side: Side, values: Bits) -> Results:
    code = values & np.uint32(RESULT_BITS)
    what, mail, handle = (
        cells(side.tables, f"contact_{name}")[code].astype(np.int64)
        for name in ("what", "mail", "handle")
    )
    mail = np.where(mail > 0, mail, np.maximum(-handle, 0))
    mail[what & MORE_ITEMS > 0] = 0
    mail[code == 0] = -1
    rule = what & RULE_BITS
    return Results(np.where(values & np.uint32(INHERITED) > 0, _PARENT[rule], rule), mail)


def _reached(tables: Tables, value: int) -> frozenset[tuple[str, str]]:
    """Return what a result leads to: mailboxes, or handles in their place, and rules."""
    items = items_of(tables, None, value & RESULT_BITS, bool(value & INHERITED))
    return frozenset(((item.mailbox or item.handle or "").upper(), item.rule) for item in items)
