"""Find the parties of many nets at once: who holds them, who facilitates, which have a name.

It is what `Answer` says of one net, over columns of codes. Texts are read once for each distinct
one, and of names only those that can be the one that is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from . import layout
from .audited import Bools, Ints, Wanted, cells, first_up
from .cells import text_at
from .facts import known_to
from .names import folded, normal, normal_many
from .records import Net
from .rpsl import is_name
from .verdicts import SUB_STATUSES

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

_SLICE: Final = 1 << 16  # texts that are joined at a time
_NAMES: Final = ("name", "descr", "netname")
_NO_LETTERS: Final = np.array([code < 128 and not chr(code).isalnum() for code in range(256)])


def halves(tables: Tables, rows: Ints) -> tuple[NDArray[np.uint64], ...]:
    """Return the ends of nets of one family as (first high, low, last high, low)."""
    if len(rows) and rows[0] < tables.nets4:
        zero = np.zeros(len(rows), np.uint64)
        first, last = (cells(tables, f"net_{end}4", rows) for end in ("first", "last"))
        return zero, first.astype(np.uint64), zero, last.astype(np.uint64)
    rows = rows - tables.nets4
    return tuple(cells(tables, f"net_{end}6_{half}", rows)
                 for end in ("first", "last") for half in ("hi", "lo"))  # fmt: skip


def upto(high: Any, low: Any, other_high: Any, other_low: Any) -> Bools:
    """Say of pairs of addresses whether the first is not behind the second."""
    return np.asarray((high < other_high) | ((high == other_high) & (low <= other_low)))


def split(tables: Tables, rows: Ints) -> tuple[Ints, Ints]:
    """Return the IPv4 nets and the IPv6 nets of some."""
    place = int(np.searchsorted(rows, tables.nets4))
    return rows[:place], rows[place:]


def texts_of(tables: Tables, name: str) -> list[str]:
    """Return all lists of a small dictionary, their items joined with blanks."""
    count = len(tables.view(f"text_{name}_at")) - 1
    return [(text_at(tables, name, code) or "").replace("\n", " ") for code in range(count)]


def nets_of(tables: Tables, pieces: Ints) -> Ints:
    """Return the nets that pieces belong to; -1 stays."""
    found = pieces.copy()
    cut = np.flatnonzero(pieces >= tables.nets)
    found[cut] = cells(tables, "piece_net", pieces[cut] - tables.nets)
    return found


def _whole(tables: Tables, rows: Ints) -> Wanted:
    """Return what says of pieces above some nets whether theirs contain these whole.

    Of nets that cross, one stands above the first part of another, not in the chain of all of it.
    """
    cut = np.zeros(tables.nets, bool)
    cut[cells(tables, "piece_net")] = True
    doubtful = cut[rows]

    def whole(piece: Ints, place: Ints) -> Bools:
        found = np.ones(len(piece), bool)
        doubt = np.flatnonzero(doubtful[place])
        inner, outer = rows[place[doubt]], nets_of(tables, piece[doubt])
        for which in (inner < tables.nets4, inner >= tables.nets4):
            last, end = (halves(tables, nets[which])[2:] for nets in (inner, outer))
            found[doubt[which]] = upto(*last, *end)
        return found

    return whole


def holders(tables: Tables, rows: Ints) -> Ints:
    """Return the id of the holder's net of each net, -1 for an orphan."""
    roles, whole = cells(tables, "piece_role"), _whole(tables, rows)
    return nets_of(tables, first_up(tables, rows, lambda piece, place: (
        ((roles[piece] & layout.ROLE_BITS) == layout.HOLDER) & whole(piece, place)
    )))  # fmt: skip


def unheld(tables: Tables) -> Ints:
    """Return the nets that cross the holder's net they are judged under, ascending.

    As a whole they have no holder, or another one, and so no verdict (`verdicts`).
    """
    cut = np.unique(cells(tables, "piece_net")).astype(np.int64)
    roles = cells(tables, "piece_role")
    under = nets_of(tables, first_up(tables, cut, lambda piece, _: (
        (roles[piece] & layout.ROLE_BITS) == layout.HOLDER
    )))  # fmt: skip
    return np.asarray(cut[(under >= 0) & (under != holders(tables, cut))])


def no_names(text: NDArray[np.uint8], at: NDArray[Any], codes: Ints) -> Bools:
    """Mark the texts of a dictionary, by codes, that can be nobody's name (`rpsl.is_name`)."""
    # They begin with no letter and no digit: few do.
    start, end = at[codes], at[codes + 1]
    head = np.full(len(codes), 65, np.uint8)
    head[start < end] = text[start[start < end]]
    marked = _NO_LETTERS[head]
    for place in np.flatnonzero(marked).tolist():
        name = bytes(text[start[place] : end[place]]).decode("utf-8", "replace")
        marked[place] = not is_name(name)
    return np.asarray(marked)


def _keys(tables: Tables, nets: Ints) -> tuple[NDArray[np.int8], Ints]:
    """Return where the name of each net's party stands (a place in `_NAMES`), and its code."""
    objects = cells(tables, "org_object")[cells(tables, "net_org", nets)]
    names = np.zeros(len(nets), np.int64)
    held = np.flatnonzero(objects >= 0)
    names[held] = cells(tables, "object_name", objects[held])
    descr, netname = (cells(tables, f"net_{name}", nets).astype(np.int64)
                      for name in ("descr", "netname"))  # fmt: skip
    text = np.frombuffer(tables.view("text_descr"), np.uint8)
    descr[no_names(text, cells(tables, "text_descr_at"), descr)] = 0
    kind = np.where(names > 0, 0, np.where(descr > 0, 1, 2)).astype(np.int8)
    return kind, np.where(names > 0, names, np.where(descr > 0, descr, netname))


def _handled(index: Index, nets: Ints, handle: str) -> Bools:
    """Mark the nets of an organisation by its handle, whatever its case."""
    tables = index._tables
    orgs = np.zeros(len(tables.view("org_object")), bool)
    orgs[cells(tables, "net_org", np.array(index.nets(org=handle), np.int64))] = True
    found: Bools = orgs[cells(tables, "net_org", nets)]
    return found


def named(index: Index, nets: Ints, wanted: str) -> Bools:
    """Mark the nets whose party has a name, compared as `names.normal`, or a handle."""
    tables, form = index._tables, normal(wanted)
    found = _handled(index, nets, wanted)
    kinds, codes = _keys(tables, nets) if form else (np.zeros(0, np.int8), nets[:0])
    for kind, name in enumerate(_NAMES):
        which = np.flatnonzero(kinds == kind)
        found[which] |= _alike(tables, name, codes[which], form)[codes[which]]
    return found


def _alike(tables: Tables, name: str, codes: Ints, form: str) -> Bools:
    """Mark the texts of a dictionary, of those with some codes, that have a normal form."""
    text, at = (
        np.frombuffer(tables.view(f"text_{name}"), np.uint8),
        cells(tables, f"text_{name}_at"),
    )
    marked = np.zeros(max(len(at) - 1, 1), bool)
    marked[codes] = True
    marked[0] = False
    codes = np.flatnonzero(marked)
    marked[:] = False
    # A word of the form stands in the text itself, unless that has accents or entities.
    words = [word.encode() for word in folded(form).split() if word.isascii()]
    for low in range(0, len(codes), _SLICE):
        some = codes[low : low + _SLICE]
        some = some[_with_words(text, at[some].astype(np.int64), at[some + 1], words)]
        texts = [text[at[code] : at[code + 1]].tobytes() for code in some.tolist()]
        marked[some] = [each == form.encode() for each in normal_many(texts)]
    return marked


def _with_words(
    text: NDArray[np.uint8], begin: Ints, end: NDArray[Any], words: list[bytes]
) -> Bools:
    """Mark the texts, none of them empty, that have the rarest of some words, or may have it."""
    size = end - begin + 1
    stops = np.cumsum(size)
    starts = stops - size
    joined = text.take(np.arange(stops[-1]) + np.repeat(begin - starts, size), mode="clip")
    joined[stops - 1] = 10
    found: Bools = np.maximum.reduceat(joined, starts) > 127
    found[np.searchsorted(stops, np.flatnonzero(joined == ord("&")), "right")] = True
    lines, at = joined.tobytes().lower(), stops.tolist()
    word = min(words, key=lines.count, default=b"")
    place = lines.find(word)
    while 0 <= place < len(lines):
        row = bisect_right(at, place)
        found[row] = True
        place = lines.find(word, at[row])
    return found


# -- facilitators -----------------------------------------------------------------------------


def _rules(*names: str) -> np.uint32:
    return np.uint32(sum(1 << layout.LEASE_RULES.index(name) for name in names))


_IS_ONE: Final = _rules("user-is-facilitator")
_BY_ORG: Final = _rules("facilitator-organisation")
_SURE: Final = _BY_ORG | _rules("facilitator-maintainer")
_TOLD: Final = _SURE | _IS_ONE | _rules("facilitator-contact", "facilitator-name")


def rules_of(tables: Tables, nets: Ints) -> NDArray[np.uint32]:
    """Return the rules that fired for each net, as bits."""
    rules: NDArray[np.uint32] = cells(tables, "verdict_rules")[cells(tables, "piece_verdict", nets)]
    return rules


def with_user(tables: Tables, nets: Ints) -> Bools:
    """Mark the nets whose party is a user, and no known facilitator."""
    found: Bools = cells(tables, "piece_role", nets) & layout.IS_USER > 0
    found &= rules_of(tables, nets) & _IS_ONE == 0
    return found


def facilitators(tables: Tables, nets: Ints) -> tuple[Ints, Ints]:
    """Return of each net the place + 1 in meta["facilitators"], 0 = none, and else a net above.

    A known one that maintains the net comes first, then the party of a net in between, then a known
    one by contact or name, as in `verdicts.facilitator_of`. The net is -1 where there is none.
    """
    rules = rules_of(tables, nets)
    party = cells(tables, "verdict_party")[cells(tables, "piece_verdict", nets)]
    known = np.where(rules & _TOLD, party, 0).astype(np.int64)
    between = np.full(len(nets), -1, np.int64)
    rest = np.flatnonzero((rules & _SURE == 0) | (known == 0))
    between[rest] = in_between(tables, nets[rest])
    known[between >= 0] = 0
    return known, between


def facilitated(index: Index, nets: Ints, wanted: str) -> Bools:
    """Mark the nets whose facilitator has a name or an organisation handle."""
    tables, form = index._tables, normal(wanted)
    known, between = facilitators(tables, nets)
    names = [party["name"] for party in index.meta["facilitators"]]
    found = np.array([False, *(form != "" and normal(name) == form for name in names)])[known]
    found |= _listed_as(index, nets, known, wanted)
    above = np.flatnonzero(between >= 0)
    found[above] = named(index, between[above], wanted)
    return found


def _listed_as(index: Index, nets: Ints, known: Ints, handle: str) -> Bools:
    """Mark the nets whose known facilitator is told by an organisation with a handle."""
    tables = index._tables
    found = np.zeros(len(nets), bool)
    told = np.flatnonzero((known > 0) & (rules_of(tables, nets) & _BY_ORG > 0))
    theirs = index.nets(org=handle)
    if not len(told) or not theirs:
        return found
    parties = known_to(tables).by_organisation
    numbers = {party["name"]: k for k, party in enumerate(index.meta["facilitators"], 1)}
    org, party = cells(tables, "net_org"), np.zeros(len(tables.view("org_object")), np.int64)
    for name, listed in parties.items():
        if listed.facilitates and listed.name in numbers:
            party[org[np.array(index.nets(org=name), np.int64)]] = numbers[listed.name]
    roles, mine = cells(tables, "piece_role"), known[told]
    whole = _whole(tables, nets[told])

    def wanted(piece: Ints, place: Ints) -> Bools:
        held = (roles[piece] & layout.ROLE_BITS) == layout.HOLDER
        own = party[org[nets_of(tables, piece)]] == mine[place]
        hit: Bools = held | (own & whole(piece, place))
        return hit

    place = nets_of(tables, first_up(tables, nets[told], wanted))
    found[told] = (place >= 0) & (org[place] == org[theirs[0]]) & (party[org[place]] == mine)
    return found


def in_between(tables: Tables, nets: Ints) -> Ints:
    """Return the nearest net between each net and its holder's that is a facilitator's, or -1."""
    subs = np.array([status in SUB_STATUSES for status in texts_of(tables, "status")] or [False])
    roles, status = cells(tables, "piece_role"), cells(tables, "net_status")
    whole = _whole(tables, nets)
    joined = np.ones(len(nets), bool)  # all pieces below have the party of the piece above

    def holding(piece: Ints) -> Bools:
        held: Bools = (roles[piece] & layout.ROLE_BITS) == layout.HOLDER
        return held

    def wanted(piece: Ints, place: Ints) -> Bools:
        role = roles[piece]
        user = (role & layout.IS_USER > 0) & ((role & layout.ROLE_BITS) != layout.PARTITION)
        sub = user & subs[status[nets_of(tables, piece)]] & whole(piece, place)
        apart = ~joined[place]
        joined[place] &= role & layout.AS_ABOVE > 0
        hit: Bools = holding(piece) | (sub & apart)
        return hit

    found = first_up(tables, nets, wanted)
    hits = np.flatnonzero((found >= 0) & ~holding(found))
    held = first_up(tables, found[hits], lambda piece, _: holding(piece)) >= 0
    result = np.full(len(nets), -1, np.int64)
    result[hits[held]] = nets_of(tables, found[hits[held]])
    return result


def labels_of(tables: Tables, nets: Ints) -> tuple[Ints, list[str | None]]:
    """Return a code for the party of each net (-1: none) and what the codes stand for."""
    distinct, place = np.unique(nets, return_inverse=True)
    identities: dict[str, int] = {"": 0}
    labels: list[str | None] = [None]
    codes = np.zeros(len(distinct), np.int64)
    for k, number in enumerate(distinct.tolist()):
        if number < 0:
            continue
        name, handle = Net(tables, number, number).called
        identity = f"#{handle}" if handle else normal(name or "")
        codes[k] = identities.setdefault(identity, len(labels))
        if codes[k] == len(labels):
            labels.append(" ".join(filter(None, (name, handle and f"({handle})"))))
    return codes[place.ravel()], labels
