"""Judge for every piece of a net whether it appears to be leased, and by which rules.

The published method ("Sublet Your Subnet", IMC 2024) says leased where a net below a holder's is
announced by an AS that is not related to the holder. This goes on where that method stops: portable
and legacy nets, nets that are not announced as just this prefix, IPv6, registrations alone. The
table of verdicts is `_verdicts`. Every rule is a bit and can be switched off.

These are inferences from public data, never an accusation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.layout import LEASE_RULES

from .evidence import (
    COVERING,
    EXACT,
    INSIDE,
    NOTHING,
    Announced,
    Answering,
    Bounds,
    Evidence,
    Kin,
    Kinship,
    Systems,
    announced,
    codes_at,
    inside,
    more_specific,
)
from .intern import narrowed
from .registered import BIT, Bits, Signs, Subject, fired, signs_of
from .routes import Routes, covering, exact, less
from .scan import Ints

Bools = NDArray[np.bool_]
_STRONG: Final = np.uint32(sum(int(BIT[name]) for name in layout.STRONG))
_FACTS: Final = BIT["no-holder"] | BIT["same-party"] | BIT["holder-without-as"]
_SIGNS: Final = tuple(BIT[name] for name in layout.SIGNS)
_UNKNOWN, _LEASED, _LIKELY, _CUSTOMER, _OWN, _UNUSED = range(len(layout.VERDICTS))
_LOW, _MEDIUM, _HIGH = range(len(layout.CONFIDENCES))
_SEVERAL: Final = 3  # users under one holder, whose origins are not the holder's
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_NOBODY: Final = frozenset[int]()
# Networks that announce addresses of others as a service: scrubbing, delivery, clouds that take
# their customers' own addresses. Such an origin does not say who uses a net. By their aut-num
# objects and pages: Cloudflare, Akamai and Prolexic, Fastly, Imperva, Amazon, Google, Microsoft,
# Radware, Vercara, Path, Voxility, Qrator, StormWall, DDoS-Guard.
SERVICES: Final = frozenset({
    13335, 20940, 16625, 32787, 54113, 19551, 16509, 14618, 15169, 396982, 8075, 198949, 19905,
    19324, 396998, 3223, 197068, 59796, 57724,
})  # fmt: skip


class Family(NamedTuple):
    """Hold the ranges of the nets of one family, and which piece answers where."""

    bounds: Bounds
    answering: Answering


class Origins(NamedTuple):
    """Hold how each piece is announced: `layout.ANNOUNCED`, the set of origins, -1 = none.

    ``block`` says that only the holder's whole block, or more, is announced. ``exact`` is the set
    of origins of each net as just this prefix.
    """

    how: NDArray[np.uint8]
    code: NDArray[np.int32]
    block: Bools
    exact: NDArray[np.int32]
    sets: list[tuple[int, ...]]


def judge(
    subject: Subject, families: Sequence[Family], evidence: Evidence
) -> dict[str, NDArray[Any]]:
    """Judge every piece of the nets of both families; return the tables of verdicts."""
    net, holder = subject.net, subject.holder
    signs = signs_of(subject)
    bits = signs.bits | fired("no-holder", holder < 0)
    below = (holder >= 0) & (holder != net)
    user = below & ((subject.role & layout.IS_USER) > 0)
    bits |= fired("same-party", (holder >= 0) & ~user)
    how = np.zeros(len(net), np.uint8)
    relatives = _Relatives(subject, evidence, [family.bounds for family in families])
    if evidence.routes is None:
        bits |= fired("no-routes", holder >= 0)
    else:
        told = origins_of(subject, evidence.routes, families)
        relatives.announce(told)
        how = told.how
        bits |= relatives.compared(told, user)
    if evidence.roas is not None:
        roas = origins_of(subject, evidence.roas, families)
        bits |= relatives.authorised(roas, user)
    bits |= relatives.without_systems(below | (holder == net))
    silent = np.isin(subject.role & layout.ROLE_BITS, (layout.REGISTRY, layout.PLACEHOLDER))
    bits[silent] = 0
    # What a rule says of the chain stays a fact, also when the rule is switched off.
    facts = bits & _FACTS
    for name in evidence.without:
        bits &= ~BIT[name]
    what = _verdicts(bits | facts, how, below, holder == net)
    what[silent] = 0
    return _tables(bits, (what | how << layout.ANNOUNCED_SHIFT).astype(np.uint8), signs)


def origins_of(subject: Subject, routes: Routes, families: Sequence[Family]) -> Origins:
    """Return how each piece is announced in a table of routes."""
    how = np.zeros(len(subject.net), np.uint8)
    code = np.full(len(subject.net), -1, np.int32)
    block = np.zeros(len(subject.net), bool)
    sets, alone, base = routes.sets, [], 0
    for family in families:
        end = base + len(family.bounds.first)
        told = announced(routes, family.bounds, sets)
        alone.append(told.exact)
        net = subject.net.astype(np.int64) - base
        within, sets = inside(
            routes, family.answering, family.bounds, net, subject.above, told.sets
        )
        pieces = np.flatnonzero((subject.net >= base) & (subject.net < end))
        holder = subject.holder[pieces].astype(np.int64) - base
        near = _near(routes, family.bounds, told, net[pieces], holder)
        for name, which in ((EXACT, near[0]), (COVERING, near[1]), (INSIDE, within[pieces])):
            free = (how[pieces] == NOTHING) & (which >= 0)
            how[pieces[free]], code[pieces[free]] = name, which[free]
        block[pieces] = near[2] & (how[pieces] == NOTHING)
        base = end
    return Origins(how, code, block, np.concatenate(alone), sets)


def _near(
    routes: Routes, bounds: Bounds, told: Announced, net: Ints, holder: Ints
) -> tuple[NDArray[np.int32], NDArray[np.int32], Bools]:
    """Return the origins of pieces as just this prefix, of a closer route than the holder's block.

    -1 = none; and whether there is a route around at all. ``holder`` is below 0 without one.
    """
    only, around = told.exact[net], told.covering[net]
    first, last = bounds
    held = np.flatnonzero(holder >= 0)
    top = holder[held]
    # Of a net that crosses its holder's, what lies in that.
    out = less(first[net[held]], first[top]) | less(last[top], last[net[held]])
    held, top = held[out], top[out]
    low, high = first[net[held]], last[net[held]]
    low = _chosen(less(low, first[top]), first[top], low)
    high = _chosen(less(last[top], high), last[top], high)
    origins = routes.origins if first.ndim == 1 else routes.origins6
    only[held] = codes_at(origins, exact(routes, low, high))
    around[held] = covering(routes, low, high)
    own = holder == net
    below = np.flatnonzero((around >= 0) & (holder >= 0) & ~own)
    closer = (around >= 0) & (own | (holder < 0))
    # Of the holder's own block every route around it tells; of a net below only a closer one.
    top = holder[below]
    closer[below] = more_specific(routes, around[below], Bounds(first[top], last[top]))
    return only, np.where(closer, codes_at(origins, around), -1), around >= 0


def _chosen(which: Bools, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return np.where(which if left.ndim == 1 else which[:, None], left, right)


class _Relatives:
    """Hold origins against the AS numbers of holders and users."""

    def __init__(self, subject: Subject, evidence: Evidence, bounds: Sequence[Bounds]) -> None:
        self._subject = subject
        self._systems = Systems(subject.rows, subject.objects, subject.identity)
        self._kinship = Kinship(evidence)
        row = subject.row
        self._org = subject.rows.code("org")[row]
        self._name = subject.identity.name[row]
        self._alike = _alike(subject, bounds)
        self._held: dict[int, frozenset[int]] = {}
        self._blocks: dict[int, frozenset[int]] = {}
        self._kin: dict[int, Kin] = {}

    def _systems_of(self, net: int) -> frozenset[int]:
        """Return the AS numbers of the party of a net."""
        found = self._held.get(net)
        if found is None:
            found = self._systems.of(int(self._org[net]), int(self._name[net]))
            self._held[net] = found
        return found

    def _kin_of(self, holder: int, with_block: bool) -> Kin:
        """Return what is known of a holder's AS numbers, with the origins of its block or not."""
        key = holder << 1 | with_block
        kin = self._kin.get(key)
        if kin is None:
            block = self._blocks.get(holder, _NOBODY) if with_block else _NOBODY
            kin = self._kin[key] = self._kinship.of(self._systems_of(holder) | block)
        return kin

    def announce(self, told: Origins) -> None:
        """Note the origins of the holders' blocks."""
        holders = _distinct(self._subject.holder)
        for net, code in zip(holders.tolist(), told.exact[holders].tolist(), strict=True):
            if code >= 0:
                self._blocks[net] = frozenset(told.sets[code])

    def compared(self, told: Origins, user: Bools) -> Bits:
        """Return the rules about routes that fired, and those that hang on them."""
        subject = self._subject
        announced = told.code >= 0
        asked = np.flatnonzero(announced & (subject.holder >= 0))
        related = np.zeros(len(user), bool)
        related[asked] = self._related(told, asked)
        unrelated = announced & (subject.holder >= 0) & ~related
        origins = [frozenset(members) for members in told.sets]
        service = np.array([members <= SERVICES for members in origins] or [False])
        prints = subject.known.prints
        agents = {asn for asn, party in prints.by_asn.items() if party.facilitates}
        agency = np.array([not members.isdisjoint(agents) for members in origins] or [False])
        found = fired("origin-related", related) | fired("origin-unrelated", unrelated)
        found |= fired("block-announced", told.block & (subject.holder >= 0))
        found |= fired("not-announced", ~announced & ~told.block & (subject.holder >= 0))
        found |= fired("origin-service", unrelated & service[told.code])
        found |= fired("facilitator-origin", unrelated & agency[told.code])
        found |= fired("siblings-differ", self._siblings(told, unrelated & user))
        found |= fired("origin-of-user", self._of_user(told, unrelated & user))
        return found

    def _related(self, told: Origins, pieces: Ints) -> Bools:
        """Say of pieces whether one of their origins is related to the holder."""
        subject = self._subject
        # Of the block itself, its own origins prove nothing.
        below = ~self._alike[pieces]
        key = (told.code[pieces].astype(np.int64) << 32) | (subject.holder[pieces] << 1) | below
        pairs, place = np.unique(key, return_inverse=True)
        kin: dict[int, Kin] = {}
        result = np.zeros(len(pairs), bool)
        for k, pair in enumerate(pairs.tolist()):
            code, holder = pair >> 32, pair & 0xFFFFFFFF
            mine = kin.get(code)
            if mine is None:
                mine = kin[code] = self._kinship.of(told.sets[code])
            result[k] = mine.related(self._kin_of(holder >> 1, bool(holder & 1)))
        return np.asarray(result[place])

    def _siblings(self, told: Origins, asked: Bools) -> Bools:
        """Say of pieces whether their holder has several users with origins of their own."""
        which = np.flatnonzero(asked)
        holder = self._subject.holder[which].astype(np.int64)
        named = self._name[self._subject.net[which]] > 0
        which, holder = which[named], holder[named]
        name = self._name[self._subject.net[which]] ^ (holder.astype(np.uint64) * _MIX)
        count = len(self._subject.row)
        _, first = np.unique(name, return_index=True)
        users = np.bincount(holder[first], minlength=count)
        pairs = np.unique(holder << 32 | told.code[which])
        many = (users >= _SEVERAL) & (np.bincount(pairs >> 32, minlength=count) >= _SEVERAL)
        result = np.zeros(len(asked), bool)
        result[which] = many[holder]
        return result

    def _of_user(self, told: Origins, asked: Bools) -> Bools:
        """Say of pieces whether an origin is the user's own, of which no relationship is known."""
        net = self._subject.net
        sizes = np.array([len(members) for members in told.sets], np.int64)
        ends = np.cumsum(sizes)
        numbers = np.array([asn for members in told.sets for asn in members], np.uint64)
        owner, asn = self._systems.owners()
        known = np.unique(owner ^ asn * _MIX)
        which = np.flatnonzero(asked)
        code = told.code[which]
        place = np.repeat(np.arange(len(which)), sizes[code])
        at = np.arange(len(place)) - np.repeat(np.cumsum(sizes[code]) - ends[code], sizes[code])
        mixed = numbers[at] * _MIX
        users = net[which[place]]
        owned = np.isin(self._org[users].astype(np.uint64) ^ mixed, known)
        owned |= np.isin(self._name[users] ^ mixed, known)
        result = np.zeros(len(asked), bool)
        for piece in which[np.unique(place[owned])].tolist():
            own = self._systems_of(int(net[piece])).intersection(told.sets[told.code[piece]])
            result[piece] = bool(own) and not self._kinship.of(own).providers
        return result

    def authorised(self, told: Origins, user: Bools) -> Bits:
        """Return the rule that fired where a ROA inside the holder's block names another's AS."""
        subject = self._subject
        # Only what is more specific than the block, or is the net: `told.how` of routes.
        asked = np.flatnonzero((told.code >= 0) & user & (told.how != INSIDE))
        foreign = np.zeros(len(user), bool)
        foreign[asked] = ~self._related(told, asked)
        return fired("roa-foreign", foreign & (subject.holder >= 0))

    def without_systems(self, asked: Bools) -> Bits:
        """Return the rule that fired where no AS number of the holder is known."""
        holders = _distinct(self._subject.holder)
        none = np.zeros(len(self._subject.row) + 1, bool)
        none[holders] = [not self._systems_of(net) for net in holders.tolist()]
        return fired("holder-without-as", asked & none[self._subject.holder])


def _distinct(nets: NDArray[np.int32]) -> Ints:
    """Return the nets that occur, ascending; those below 0 are none."""
    return np.flatnonzero(np.bincount(nets[nets >= 0]))


def _alike(subject: Subject, bounds: Sequence[Bounds]) -> Bools:
    """Say of pieces whether their net is the holder's, or has the range of it."""
    net, holder = subject.net, subject.holder
    result = np.asarray(net == holder)
    narrow = len(bounds[0].first)
    for base, (first, last), mine in (
        (0, bounds[0], net < narrow), (narrow, bounds[1], net >= narrow),
    ):  # fmt: skip
        which = np.flatnonzero(mine & (holder >= 0) & ~result)
        one, other = net[which] - base, holder[which] - base
        equal = (first[one] == first[other]) & (last[one] == last[other])
        result[which] = equal if equal.ndim == 1 else equal.all(axis=1)
    return result


def _verdicts(bits: Bits, how: NDArray[np.uint8], below: Bools, own: Bools) -> NDArray[np.uint8]:
    """Return verdict and confidence of pieces by the rules that fired."""

    def has(name: str) -> Bools:
        return (bits & BIT[name]) > 0

    strong = (bits & _STRONG) > 0
    signs = np.zeros(len(bits), np.int8)
    for sign in _SIGNS:
        signs += (bits & sign) > 0
    same = below & has("same-party")
    user = below & ~same
    service = has("origin-service")
    unrelated = has("origin-unrelated") & ~service
    self_made = has("origin-of-user") & ~strong
    block, nothing, no_routes = has("block-announced"), has("not-announced"), has("no-routes")
    related, poor = has("origin-related"), has("holder-without-as")
    # The first row that is true decides: where, verdict, confidence, and whether a route that is
    # not just this prefix makes it one step less sure.
    table = (
        (has("no-holder"), _UNKNOWN, _LOW, False),
        (own & related, _OWN, _HIGH, True),
        (own & unrelated & strong, _LIKELY, _LOW, False),
        (own & nothing, _UNUSED, _MEDIUM, False),
        (own, _UNKNOWN, _LOW, False),
        (same & (related | block), _OWN, _HIGH, True),
        (same & unrelated, _LIKELY, _LOW, False),
        (same & nothing, _UNUSED, _MEDIUM, False),
        (same & service, _LIKELY, _LOW, False),
        (same & no_routes, _OWN, _LOW, False),
        (user & unrelated & strong, _LEASED, _HIGH, True),
        (user & unrelated & self_made, _LIKELY, _LOW, False),
        (user & unrelated & ~poor, _LEASED, _MEDIUM, True),
        (user & unrelated & (signs > 0), _LIKELY, _MEDIUM, True),
        (user & unrelated, _LIKELY, _LOW, False),
        (user & service, _LIKELY, np.where(strong, _MEDIUM, _LOW), True),
        (user & (related | block) & strong, _LIKELY, _MEDIUM, True),
        (user & related, _CUSTOMER, _HIGH, True),
        (user & block, _CUSTOMER, _MEDIUM, False),
        (user & nothing, _UNUSED, _MEDIUM, False),
        (user & no_routes & strong, _LIKELY, _MEDIUM, False),
        (user & no_routes & (signs > 1), _LIKELY, _LOW, False),
    )
    near = np.isin(how, (COVERING, INSIDE))
    what = np.zeros(len(bits), np.uint8)
    rest = np.ones(len(bits), bool)
    for where, verdict, sure, by_route in table:
        found = np.flatnonzero(rest & where)
        rest[found] = False
        confidence = np.broadcast_to(np.asarray(sure), len(bits))[found]
        if by_route:
            confidence = np.maximum(confidence - near[found], _LOW)
        what[found] = verdict | confidence << layout.CONFIDENCE_SHIFT
    return what


def _tables(bits: Bits, what: NDArray[np.uint8], signs: Signs) -> dict[str, NDArray[Any]]:
    """Return the columns: a code for each piece, and what the codes stand for."""
    party = np.where(bits & _BY_PARTY, signs.party, np.uint8(0)).astype(np.uint64)
    key = bits.astype(np.uint64) << np.uint64(16) | what.astype(np.uint64) << np.uint64(8) | party
    kinds, codes = np.unique(key, return_inverse=True)
    return {
        "piece.verdict": narrowed(codes, max(len(kinds), 1)),
        "verdict.what": (kinds >> np.uint64(8)).astype(np.uint8),
        "verdict.rules": (kinds >> np.uint64(16)).astype(np.uint32),
        "verdict.party": kinds.astype(np.uint8),
    }


_BY_PARTY: Final = np.uint32(
    sum(int(BIT[name]) for name in LEASE_RULES if name.startswith("facilitator-"))
)
