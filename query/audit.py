"""Measure how accurate the registration of nets is, and how reachable those who use them are.

A *finding* is a fault in what is registered of one net (`FINDINGS`); a net may have several. All
nets that can stand in a chain as a party's are judged at once, a bit for each finding, over the
columns of the index; Python looks once at what is distinct: contacts, organisations, texts.

A net counts once. So does an address: for the last net of its chain; a net that is handed on as a
whole weighs nothing. IPv4 addresses are counted singly, IPv6 in /48. A contact of many mailboxes
has what one of them has. What cannot be measured is None, never 0. Mailboxes are judged in `mx`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .addresses import Network, Span, shown
from .audited import Ints, answering, cells, first_up, unlike_origins
from .cells import list_at, text_at
from .errors import Error
from .geofeeds import Fed, unlike_feeds
from .layout import INHERITED, RESULT_BITS, ROLE_BITS, UNLOADED
from .mx import judging, said
from .parties import facilitators, nets_of, with_user
from .raw import raw_text
from .verdicts import LEASED

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

Bits = NDArray[np.uint32]
Lands = NDArray[np.uint16]
Inside = str | Network | Span | None

FINDINGS: Final = {
    "no-contact": "no contact by the registry's rule, or the registry has no rule",
    "not-loaded": "a reference leads into a class that no source holds, or gives only a handle",
    "inherited-only": "the net has no contact of its own, only that of a net around it",
    "invalid-syntax": "a reference leads to a mailbox that holds no mail address",
    "marked-invalid": "the registry marks a mailbox as invalid",
    "dummy": "a mailbox is masked, or a stand-in that nobody reads",
    "registry-contact": "a mailbox is a registry's, which handles no abuse",
    "reserved-domain": "a mailbox is in a domain that cannot receive mail",
    "free-mail": "a mailbox is at a provider of free mail",
    "personal": "a mailbox is a person's, not a role's",
    "dangling": "a reference leads to no object, though a source holds its class",
    "country-unlike-org": "the net's country is not its organisation's",
    "country-unlike-delegated": "the net's country is not that of the registry's statistics",
    "stale": "the net was last modified more than --stale-years before the newest records",
    "user-without-contact": "the net is a user's, and its contact is none or inherited",
    "user-unlike-origin": "the net is a user's, and no AS that announces it is that user's",
    "geofeed-unlike-country": "a geofeed has another country for addresses of the net",
    "mail-domain-dead": "a mailbox is in a domain that takes no mail",
}
BIT: Final = {code: 1 << place for place, code in enumerate(FINDINGS)}
# No findings, but kept as bits, too.
_MAILED, _USER, _REACHED, _LESSEE, _LESSEE_REACHED = (1 << place for place in range(31, 26, -1))
_COUNTRY = re.compile(rb"^country:([^\n]*(?:\n[ \t+][^\n]*)*)", re.MULTILINE | re.IGNORECASE)
_LISTS: Final = {"country": ("country", 1), "maintainer": ("mnt_by", None)}
_LEASED: Final = [layout.VERDICTS.index(verdict) for verdict in LEASED]
BY: Final = ("registry", "holder", "country", "maintainer", "facilitator")


class AuditError(Error, ValueError):
    """Say that an audit is asked for by what there is not: the caller's fault."""


class Count(NamedTuple):
    """Hold how many nets, IPv4 addresses and IPv6 /48 there are."""

    nets: int
    addresses: int
    prefixes48: float


class Group(NamedTuple):
    """Hold the counts of a group of nets: of all, and of those with each finding.

    ``key`` is None for nets that name nothing, a finding that is not measured is None. Of the nets
    of users, ``users``, have ``reached`` a contact of their own; of those that known lessees appear
    to lease, ``lessees``, have ``lessees_reached`` one.
    """

    key: str | None
    total: Count
    findings: dict[str, Count | None]
    users: int
    reached: int
    lessees: int
    lessees_reached: int


class Audit(NamedTuple):
    """Hold all nets together, and of ``number`` groups those with most nets.

    ``date`` is that of the newest records; ``needs`` says of what is not measured what it needs.
    """

    by: str
    stale_years: int
    date: str | None
    totals: Group
    groups: tuple[Group, ...]
    number: int
    needs: dict[str, str]


class Measured(NamedTuple):
    """Hold the findings of the nets ``rows`` (n,) as ``bits`` (n,), see `BIT`.

    They are the last ones for ``narrow`` addresses (the first k nets) and ``wide`` IPv6 /48.
    """

    source: Index
    stale_years: int
    date: str | None
    needs: dict[str, str]
    rows: Ints
    bits: Bits
    narrow: Ints
    wide: NDArray[np.float64]


def audit(
    index: Index, *, by: str = "registry", stale_years: int = 5, inside: Inside = None,
    registry: str | None = None, top: int = 20, dead: Collection[str] | None = None,
    feeds: Sequence[Fed] | None = None,
) -> Audit:  # fmt: skip
    """Count the findings over all nets of an index, those inside a range or those of a registry.

    ``by`` is one of `BY`; 0 as ``top`` gives all groups. ``dead`` are the mail domains that take no
    mail, None when nobody looked (`mx.look_up`); ``feeds`` are lines of geofeeds
    (`geofeeds.read_geofeeds`). Raises `AuditError`, `AddressError`.
    """
    rows = chosen(index, inside, registry)
    found = measure(index, rows, stale_years=stale_years, dead=dead, feeds=feeds)
    return summed(found, by=by, top=top)


def chosen(index: Index, inside: Inside = None, registry: str | None = None) -> Ints:
    """Return the ids of the nets that can stand in a chain as a party's, ascending."""
    tables = index._tables
    role = cells(tables, "piece_role")[: tables.nets] & ROLE_BITS
    kept = (role != layout.REGISTRY) & (role != layout.PLACEHOLDER)
    if registry is not None:
        names = [str(origin["registry"]) for origin in index.meta["origins"]]
        if registry.upper() not in names:
            raise AuditError(f"{shown(registry)} is none of {', '.join(sorted(set(names)))}")
        kept &= np.array([name == registry.upper() for name in names])[cells(tables, "net_origin")]
    if inside is not None:
        kept &= np.isin(np.arange(tables.nets), index.nets(inside=inside))
    return np.flatnonzero(kept)


def measure(
    index: Index, rows: Ints, *, stale_years: int = 5, dead: Collection[str] | None = None,
    feeds: Sequence[Fed] | None = None,
) -> Measured:  # fmt: skip
    """Judge nets, whose ids ascend; see `audit`."""
    tables = index._tables
    needs: dict[str, str] = {}
    days = {index.meta["sources"][one["file"]]["date"] for one in index.meta["origins"]}
    newest = max(filter(None, days), default=None)  # of the records: statistics are beside them
    bits = _contacts(index, rows, frozenset(dead or ()))
    lands = _lands(tables)[cells(tables, "net_country", rows)]
    for code, others, source in (
        ("country-unlike-org", _of_organisations(tables, rows, lands), "organisations"),
        ("country-unlike-delegated", _delegated(tables, rows), "statistics of the dumps' date"),
    ):
        if others is None:
            needs[code] = f"needs {source}"
        else:
            bits |= ((lands > 0) & (others > 0) & (lands != others)) * np.uint32(BIT[code])
    if newest is None:
        needs["stale"] = "needs the date of the records"
    else:
        day, month = np.datetime64(newest, "D"), np.datetime64(newest, "M")
        before = (month - 12 * stale_years).astype("M8[D]") + (day - month.astype("M8[D]"))
        modified = cells(tables, "net_modified", rows)
        bits |= ((modified > 0) & (modified < before.astype(int))) * np.uint32(BIT["stale"])
    unlike = unlike_origins(index, rows)
    if unlike is None:
        needs["user-unlike-origin"] = "needs routes: build the index with --routes"
    else:
        bits |= unlike * np.uint32(BIT["user-unlike-origin"])
    if feeds is None:
        needs["geofeed-unlike-country"] = "needs geofeeds: --geofeed"
    else:
        other = np.isin(rows, unlike_feeds(index, feeds))
        bits |= other * np.uint32(BIT["geofeed-unlike-country"])
    if dead is None:
        needs["mail-domain-dead"] = "needs a look-up of the mail domains: --mx"
    narrow, wide = answering(tables)
    four, six = np.split(rows, [int(np.searchsorted(rows, tables.nets4))])
    return Measured(index, stale_years, newest, needs, rows, bits, narrow[four], wide[six])


def _of_pieces(tables: Tables, name: str) -> NDArray[Any]:
    """Return for every piece what a column has for its net."""
    column = cells(tables, name)
    return np.append(column, column[cells(tables, "piece_net")])


def _contacts(index: Index, rows: Ints, dead: Collection[str]) -> Bits:
    """Return what there is to say of the contacts of nets."""
    tables = index._tables
    value = cells(tables, "net_contact", rows)
    result = value & np.uint32(RESULT_BITS)
    bits = _judged(index, result, (), dead)
    _for_owners(index, rows, result, bits, dead)
    role, contact = cells(tables, "piece_role"), _of_pieces(tables, "net_contact")
    none, inherited, unloaded = result == 0, value & INHERITED > 0, value & UNLOADED > 0
    # What a net without a result would take from above may not be loaded there.
    unloaded[none] = first_up(tables, rows[none], lambda piece, _: (
        (contact[piece] & UNLOADED > 0) & (role[piece] & ROLE_BITS != layout.REGISTRY)
    )) >= 0  # fmt: skip
    user, own = role[rows] & layout.IS_USER > 0, ~none & ~inherited
    verdict = cells(tables, "verdict_what")[cells(tables, "piece_verdict", rows)]
    lessee = np.isin(verdict & layout.VERDICT_BITS, _LEASED) & with_user(tables, rows)
    for bit, which in (
        (BIT["no-contact"], none & ~unloaded),
        (BIT["not-loaded"], unloaded | (~none & (bits & _MAILED == 0))),
        (BIT["inherited-only"], inherited),
        (BIT["invalid-syntax"], value & layout.BAD_MAILBOX > 0),
        (BIT["dangling"], value & layout.DANGLING > 0),
        (BIT["user-without-contact"], user & ((none & ~unloaded) | inherited)),
        (_USER, user),
        (_REACHED, user & own),
        (_LESSEE, lessee),
        (_LESSEE_REACHED, lessee & own),
    ):
        bits |= which * np.uint32(bit)
    return bits


def _judged(index: Index, result: Bits, orgs: Sequence[str], dead: Collection[str]) -> Bits:
    """Return what there is to say of results, on nets of some organisations."""
    found = np.zeros(len(index._tables.view("contact_what")), np.uint32)
    found[result] = result > 0
    judge = judging(index, orgs, dead)
    for code in np.flatnonzero(found).tolist():
        names = {name for _, names in said(index, code, judge) for name in names}
        found[code] = sum(BIT.get(name, _MAILED) for name in names)
    return found[result]


def _for_owners(index: Index, rows: Ints, result: Bits, bits: Bits, dead: Collection[str]) -> None:
    """Judge again the contacts of the nets of those for whom the desk's lists make an exception."""
    tables = index._tables
    lists = (entries for table in index.desk.never for entries in table.values())
    owners = {owner for entries in lists for _, names in entries for owner in names}
    nets = {owner: found for owner in sorted(owners) if (found := index.nets(org=owner))}
    if not nets:
        return
    contact, org = (_of_pieces(tables, name) for name in ("net_contact", "net_org"))
    mask = np.uint32(RESULT_BITS | INHERITED)
    place = first_up(tables, rows, lambda piece, which: contact[piece] & mask == result[which])
    for owner, found in nets.items():
        mine = np.flatnonzero((place >= 0) & (org[place] == org[found[0]]))
        bits[mine] = _judged(index, result[mine], (owner,), dead)


def _land(text: str) -> int:
    """Return a country's two letters as one number, 0 for what is none."""
    known = len(text) == 2 and text.isascii() and text.isalpha() and text not in ("ZZ", "EU", "AP")
    return int.from_bytes(text.encode(), "big") if known else 0


def _lands(tables: Tables) -> Lands:
    """Return the first country of each list of countries."""
    codes = range(len(tables.view("text_country_at")) - 1)
    firsts = ((*list_at(tables, "country", code), "")[0] for code in codes)
    return np.array([*map(_land, firsts)], np.uint16)


def _of_organisations(tables: Tables, rows: Ints, lands: Lands) -> Lands | None:
    """Return the countries of the organisations of nets with one; None when none is held."""
    if not (cells(tables, "object_class") == layout.CLASSES.index("organisation")).any():
        return None
    objects, org = cells(tables, "org_object"), cells(tables, "net_org", rows)
    codes = np.unique(org[lands > 0])
    codes = codes[objects[codes] >= 0]
    numbers = cells(tables, "object_object", objects[codes])
    found = np.zeros(len(objects), np.uint16)
    for place in np.argsort(numbers).tolist():  # neighbours share a compressed block
        lines = _COUNTRY.finditer(raw_text(tables, int(numbers[place])))
        words = (line[1].replace(b"\n+", b" ").replace(b",", b" ").split() for line in lines)
        found[codes[place]] = _land(next(filter(None, words), [b""])[0].decode("latin-1").upper())
    return found.take(org)


def _delegated(tables: Tables, rows: Ints) -> Lands | None:
    """Return the country that statistics of the dumps' date have for first addresses, if any do."""
    told = [entry["used"] and entry.get("country") for entry in tables.store.meta["stated"][1:]]
    lands = np.array([0, *(_land(country or "") for country in told)], np.uint16)
    if not lands.any():
        return None
    four, six = np.split(rows, [int(np.searchsorted(rows, tables.nets4))])
    place = np.searchsorted(
        cells(tables, "stated4_begin"), cells(tables, "net_first4", four), "right"
    )
    narrow = np.append(0, cells(tables, "stated4_what"))[place]
    high, low = (cells(tables, f"net_first6_{half}", six - tables.nets4) for half in ("hi", "lo"))
    highs, lows = (np.append(cells(tables, f"stated6_{n}"), np.uint64(0)) for n in ("hi", "lo"))
    place = np.searchsorted(highs[:-1], high, "right")
    while (over := (place > 0) & (highs[place - 1] == high) & (lows[place - 1] > low)).any():
        place -= over
    return lands.take(np.append(narrow, np.append(0, cells(tables, "stated6_what"))[place]))


def _labelled(measured: Measured, by: str) -> tuple[Ints, Iterable[Sequence[str]]]:
    """Return a code for each net, and which groups the nets with each code are in ("" = none)."""
    index, rows = measured.source, measured.rows
    tables = index._tables
    if by == "registry":
        names = ([one["registry"]] for one in index.meta["origins"])
        return cells(tables, "net_origin", rows), names
    if by in _LISTS:
        name, most = _LISTS[by]
        joined, at = tables.view(f"text_{name}"), tables.view(f"text_{name}_at").tolist()
        lists = (str(joined[begin:end], "utf-8") for begin, end in pairwise(at))
        return cells(tables, f"net_{name}", rows), (each.split("\n")[:most] for each in lists)
    return _by_party(index, rows, by)


def _by_party(index: Index, rows: Ints, by: str) -> tuple[Ints, Iterable[Sequence[str]]]:
    """Return what `_labelled` does of holders or facilitators.

    A facilitator that the desk's list names goes by that name, other parties by their handle.
    """
    tables = index._tables
    if by == "facilitator":
        known, nets = facilitators(tables, rows)
        labels: list[Sequence[str]] = [(), *([one["name"]] for one in index.meta["facilitators"])]
    else:
        held = cells(tables, "piece_role") & ROLE_BITS == layout.HOLDER
        nets = nets_of(tables, first_up(tables, rows, lambda piece, _: held[piece]))
        known, labels = np.zeros_like(nets), [("",)]
    seen = np.zeros(tables.nets + 1, bool)
    seen[nets] = True  # the last one where there is no net
    places = len(labels) - 1 + np.cumsum(seen)
    texts = [(name, tables.view(f"net_{name}")) for name in ("org", "descr", "netname")]
    labels += (
        [next((text for name, codes in texts if (text := text_at(tables, name, codes[net]))), "")]
        for net in np.flatnonzero(seen[:-1]).tolist()
    )
    return np.where(nets < 0, known, places[nets]), labels


def summed(measured: Measured, *, by: str = "registry", top: int = 20) -> Audit:
    """Count what was measured, over all nets and by groups; see `audit`."""
    if by not in BY:
        raise AuditError(f"{shown(by)} is no group: choose one of {', '.join(BY)}")
    key, labels = _labelled(measured, by)
    places: dict[str, int] = {}
    codes, groups, size = array("i"), array("i"), 0
    for size, names in enumerate(labels, 1):
        for name in names if len(names) < 2 else dict.fromkeys(names):
            codes.append(size - 1)
            groups.append(places.setdefault(name, len(places)))

    def tallied(bit: int) -> NDArray[Any]:
        """Return the three counts of every group, and behind them those of all nets."""
        which = np.flatnonzero(measured.bits & np.uint32(bit) if bit else measured.rows >= 0)
        four, six = np.split(which, [int(np.searchsorted(which, len(measured.narrow)))])
        narrow, wide = measured.narrow[four], measured.wide[six - len(measured.narrow)]
        found = np.zeros((3, len(places) + 1))
        for row, nets, weights in ((0, which, None), (1, four, narrow), (2, six, wide)):
            each = np.bincount(key[nets], weights, size)
            found[row, :-1] = np.bincount(groups, each[codes], len(places))
            found[row, -1] = each.sum()
        return found

    people = (_USER, _REACHED, _LESSEE, _LESSEE_REACHED)
    table = np.stack([tallied(bit) for bit in (0, *people, *BIT.values())])

    def group(name: str, place: int) -> Group:
        total, *found = (
            Count(int(nets), int(addresses), prefixes)
            for nets, addresses, prefixes in table[:, :, place].tolist()
        )
        findings = {code: None if code in measured.needs else count
                    for code, count in zip(FINDINGS, found[4:], strict=True)}  # fmt: skip
        return Group(name or None, total, findings, *(count.nets for count in found[:4]))

    nets = {name: table[0, 0, place] for name, place in places.items() if table[0, 0, place]}
    names = sorted(nets, key=lambda name: (-nets[name], not name, name))
    kept = tuple(group(name, places[name]) for name in names[: top if top > 0 else None])
    return Audit(by, measured.stale_years, measured.date, group("", -1), kept, len(names),
                 measured.needs)  # fmt: skip
