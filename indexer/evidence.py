"""Gather what routes, ROAs and AS files say about nets: the evidence of leases.

Sources: the published method (Du et al., "Sublet Your Subnet", IMC 2024) holds the origins of a net
against the AS numbers of its holder, with siblings by CAIDA's as2org and customers by its AS
relationships. Here each pair of AS numbers is judged by itself, so that one missing from a file
decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.addresses import prefixes
from rirdex.query.errors import Error
from rirdex.query.fingerprints import Fingerprints, load_fingerprints

from . import routes as routing
from .as_orgs import Organisations, read_organisations
from .as_relations import Relations, read_relations
from .evidence_files import AS_LIMIT, EvidenceFile
from .identity import Identity
from .intern import narrowed
from .references import SPONSOR
from .routes import Routes, read_routes
from .rows import Rows
from .scan import Ints
from .values import MASKS
from .vrps import Vrps, read_vrps

NOTHING, EXACT, COVERING, INSIDE = range(len(layout.ANNOUNCED))
_ORGANISATION: Final = layout.CLASSES.index("organisation")
_SYSTEM: Final = layout.CLASSES.index("aut-num")
_LARGEST: Final = 4096  # AS numbers of one registered range that are looked at
_LONGEST: Final = 24  # bits of the prefixes that tables of routes have
_NOBODY: Final = frozenset[int]()


class Evidence(NamedTuple):
    """Hold what a build is given beside the dumps; None where there is no such file.

    ``without`` are the names of rules that are switched off;
    ``files`` say what came of the files.
    """

    routes: Routes | None
    vrps: Vrps | None
    relations: Relations | None
    organisations: Organisations | None
    fingerprints: Fingerprints
    without: frozenset[str]
    files: list[EvidenceFile]


def read_evidence(
    routes: Sequence[str], vrps: Sequence[str], relationships: Sequence[str],
    as_orgs: Sequence[str], without: Iterable[str], desk: str | None,
) -> Evidence:  # fmt: skip
    """Read the files that are evidence. Raises `DumpError`, `DeskError`, `Error`."""
    for name in without:
        if name not in layout.LEASE_RULES:
            raise Error(f"no rule is called {name!r}: {', '.join(layout.LEASE_RULES)}")
    prints = load_fingerprints(desk)
    announced = read_routes(routes) if routes else None
    roas = read_vrps(vrps) if vrps else None
    relations = read_relations(relationships) if relationships else None
    organisations = read_organisations(as_orgs) if as_orgs else None
    told = (announced, roas, relations, organisations)
    return Evidence(
        announced, roas, relations, organisations, prints,
        frozenset(without), [file for item in told if item is not None for file in item.files],
    )  # fmt: skip


def as_names(evidence: Evidence) -> dict[str, NDArray[Any]]:
    """Return what the AS numbers seen in routes are called, as tables of an index."""
    names: list[tuple[int, bytes]] = []
    if evidence.organisations is not None and evidence.routes is not None:
        seen = sorted({asn for members in evidence.routes.sets for asn in members})
        named = ((asn, evidence.organisations.name(asn)) for asn in seen)
        names = [(asn, name.encode("utf-8", "replace")) for asn, name in named if name]
    texts = [b"", *sorted({name for _, name in names})]
    code = {text: k for k, text in enumerate(texts)}
    return {
        "as.number": np.array([asn for asn, _ in names], np.uint32),
        "as.name": narrowed(np.array([code[name] for _, name in names]), len(texts)),
        "text.asname": np.frombuffer(b"".join(texts), np.uint8),
        "text.asname.at": np.cumsum([0, *map(len, texts)]).astype(np.uint32),
    }


def upstreams(evidence: Evidence) -> dict[str, NDArray[Any]]:
    """Return the providers of every AS that the relationships know, as tables of an index.

    Those with the fewest customers come first: who sells to few knows them best.
    """
    key = np.zeros(0, np.uint64) if evidence.relations is None else evidence.relations.key
    customer = (key >> np.uint64(32)).astype(np.uint32)
    provider = (key & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    _, code, customers = np.unique(provider, return_inverse=True, return_counts=True)
    order = np.lexsort((provider, customers[code], customer))
    known, first = np.unique(customer, return_index=True)
    return {
        "upstream.asn": known, "upstream.at": np.append(first, len(key)).astype(np.uint32),
        "upstream.provider": provider[order],
    }  # fmt: skip


class Bounds(NamedTuple):
    """Hold the first and last addresses of the nets of one family, as `routes` takes them."""

    first: NDArray[Any]
    last: NDArray[Any]


class Announced(NamedTuple):
    """Hold how the nets of one family are announced, (n,).

    ``exact`` is the set of origins of a net as the prefix, or the prefixes, that it is;
    ``covering`` is the place of the longest route around it; both -1 = none. ``sets`` are the sets
    of origins.
    """

    exact: NDArray[np.int32]
    covering: NDArray[np.int32]
    sets: list[tuple[int, ...]]


def announced(routes: Routes, bounds: Bounds, sets: list[tuple[int, ...]]) -> Announced:
    """Join nets with routes. ``sets`` are those of the routes, or more."""
    first, last = bounds
    origins = routes.origins if first.ndim == 1 else routes.origins6
    exact = codes_at(origins, routing.exact(routes, first, last))
    if first.ndim == 1:
        sets = _as_prefixes(routes, bounds, exact, sets)
    return Announced(exact, routing.covering(routes, first, last), sets)


class Answering(NamedTuple):
    """Hold which piece answers from each address on: ``begin`` as in `Bounds`, ``piece`` -1."""

    begin: NDArray[Any]
    piece: NDArray[Any]


def inside(
    routes: Routes, answering: Answering, bounds: Bounds, net: Ints, above: NDArray[np.int32],
    sets: list[tuple[int, ...]],
) -> tuple[NDArray[np.int32], list[tuple[int, ...]]]:  # fmt: skip
    """Return the set of origins of the routes inside each piece and in no net inside of it.

    -1 = none. ``net`` are the nets of the pieces as places in ``bounds``, ``above`` the pieces
    above. A route belongs to the smallest net around it.
    """
    first, last, _ = routing.spans_of(routes, bounds.first)
    at = routing.count_below(answering.begin, first, "right") - 1
    piece = np.append(answering.piece, -1)[at].astype(np.int64)
    active = np.flatnonzero(piece >= 0)
    while len(active):
        own = net[piece[active]]
        out = routing.less(first[active], bounds.first[own])
        out |= routing.less(bounds.last[own], last[active])
        active = active[out]
        piece[active] = above[piece[active]]
        active = active[piece[active] >= 0]
    held = np.flatnonzero(piece >= 0)
    order = held[np.argsort(piece[held], kind="stable")]
    pieces, count = np.unique(piece[order], return_counts=True)
    origins = (routes.origins if first.ndim == 1 else routes.origins6)[order]
    codes, sets = routing.joined_sets(sets, origins, np.append(0, np.cumsum(count)))
    found = np.full(len(net), -1, np.int32)
    found[pieces] = codes
    return found, sets


def codes_at(origins: NDArray[np.int32], place: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the sets of origins of routes at some places, -1 = none."""
    return np.asarray(np.append(origins, np.int32(-1))[place])


def _as_prefixes(
    routes: Routes, bounds: Bounds, exact: NDArray[np.int32], sets: list[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    """Note the origins of IPv4 nets that are several prefixes, where such a prefix is announced.

    Prefixes longer than 24 bits are in no table. Returns the sets of origins.
    """
    size = bounds.last - bounds.first
    several = np.flatnonzero((size > 255) & (((size + 1) & size | bounds.first & size) > 0))
    owner: list[int] = []
    parts: list[tuple[int, int]] = []
    pairs = zip(bounds.first[several].tolist(), bounds.last[several].tolist(), strict=True)
    for k, (first, last) in enumerate(pairs):
        found = [part for part in prefixes(4, first, last) if part[1] <= _LONGEST]
        parts += found
        owner += [k] * len(found)
    low = np.array([address for address, _ in parts], np.int64)
    high = low + np.array([(1 << 32 - length) - 1 for _, length in parts], np.int64)
    place = routing.exact(routes, low, high)
    there = place >= 0
    count = np.bincount(np.array(owner, np.int64)[there], minlength=len(several))
    codes = routes.origins[place[there]]
    exact[several], sets = routing.joined_sets(sets, codes, np.append(0, np.cumsum(count)))
    return sets


def more_specific(routes: Routes, place: NDArray[Any], block: Bounds) -> NDArray[np.bool_]:
    """Say of routes at some places whether they are more specific than a block.

    They are if the prefix of one bit less is still inside of it: a block that is no prefix is
    announced as the prefixes that it is made of.
    """
    if block.first.ndim == 1:
        size = np.int64(1) << (33 - routes.length[place].astype(np.int64))
        begin = routes.first[place].astype(np.int64) & -size
        return np.asarray((begin >= block.first) & (begin + size - 1 <= block.last))
    host = 129 - routes.length6[place].astype(np.int64)
    high, low = MASKS[np.maximum(host - 64, 0)], MASKS[np.minimum(host, 64)]
    mask = np.stack([high, low], axis=1)
    begin = np.stack([routes.high[place], routes.low[place]], axis=1) & ~mask
    return ~routing.less(begin, block.first) & ~routing.less(block.last, begin | mask)


class Systems:
    """Know the AS numbers of parties: registered for them, or sponsored by them."""

    def __init__(self, rows: Rows, objects: Ints, identity: Identity) -> None:
        self._of_org: dict[int, set[int]] = {}
        self._of_name: dict[int, set[int]] = {}
        codes = {text: code for code, text in enumerate(rows.words["org"].texts())}
        held = objects[rows.kind[objects] == _ORGANISATION]
        handles = rows.words["key"].texts(rows.code("key")[held])
        named = dict(zip(handles, identity.name[held].tolist(), strict=True))
        ranges = {int(row): (int(first), int(last)) for row, first, last in rows.systems.tolist()}
        # Also objects of which a later one stands in the index: LACNIC's dump has an AS number
        # under each of its owners.
        which = np.flatnonzero(rows.kind == _SYSTEM)
        keys = rows.words["key"].texts(rows.code("key")[which])
        items = rows.words["contact"].texts(rows.code("contact")[which])
        orgs, names = rows.code("org")[which].tolist(), identity.name[which].tolist()
        for row, key, text, org, name in zip(which.tolist(), keys, items, orgs, names, strict=True):
            first, last = ranges.get(row) or (_number(key[2:]),) * 2
            if not 0 < first <= last < first + _LARGEST:
                continue
            owners = [(org, name)]
            for line in text.split(b"\n"):
                if line[:1] == SPONSOR:
                    owners.append((codes.get(line[2:], 0), named.get(line[2:], 0)))
            for code, hashed in owners:
                numbers = range(first, last + 1)
                self._of_name.setdefault(hashed, set()).update(numbers)
                if code:
                    self._of_org.setdefault(code, set()).update(numbers)
        self._of_name.pop(0, None)

    def of(self, org: int, name: int) -> frozenset[int]:
        """Return the AS numbers of an organisation code and of the hash of a name."""
        return frozenset(self._of_org.get(org, _NOBODY)) | self._of_name.get(name, _NOBODY)

    def owners(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return pairs of an organisation code or the hash of a name, and an AS number of it."""
        pairs = [
            (owner, asn)
            for known in (self._of_org, self._of_name)
            for owner, numbers in known.items()
            for asn in numbers
        ]
        table = np.array(pairs, np.uint64).reshape(-1, 2)
        return table[:, 0], table[:, 1]


def _number(digits: bytes) -> int:
    """Return an AS number, 0 for what is none."""
    number = int(digits) if digits.isdigit() and len(digits) <= 10 else 0
    return number if number < AS_LIMIT else 0


class Kin(NamedTuple):
    """Hold AS numbers, the organisations they are of, and their providers."""

    systems: frozenset[int]
    organisations: frozenset[int] = _NOBODY
    providers: frozenset[int] = _NOBODY

    def related(self, holder: Kin) -> bool:
        """Say whether one of these is one of a holder's, a sibling, or a customer of one."""
        return not (
            self.systems.isdisjoint(holder.systems)
            and self.organisations.isdisjoint(holder.organisations)
            and self.providers.isdisjoint(holder.systems)
        )


class Kinship:
    """Know whose sibling and whose customer AS numbers are, by the files that a build is given."""

    def __init__(self, evidence: Evidence) -> None:
        self._relations = evidence.relations
        told = evidence.organisations
        codes = zip(told.asn.tolist(), told.code.tolist(), strict=True) if told else ()
        self._codes: dict[int, int] = dict(codes)
        self._known: dict[int, tuple[int, frozenset[int]]] = {}

    def of(self, systems: Iterable[int]) -> Kin:
        """Return what is known of some AS numbers."""
        systems = frozenset(systems)
        told = [self._known.get(asn) or self._ask(asn) for asn in systems]
        return Kin(
            systems, frozenset(code for code, _ in told if code >= 0),
            _NOBODY.union(*(providers for _, providers in told)),
        )  # fmt: skip

    def _ask(self, asn: int) -> tuple[int, frozenset[int]]:
        code = self._codes.get(asn, -1)
        providers = frozenset(self._relations.providers(asn)) if self._relations else _NOBODY
        self._known[asn] = found = (code, providers)
        return found
