"""Hold the origins of nets against the AS numbers of their holders and users.

Sources: the published method (see `evidence`) for what is related; a set of origins is asked about
a holder once, however many nets they have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .announcing import Origins
from .evidence import Bounds, Evidence, Kin, Kinship, Systems
from .registered import Bits, Subject, fired
from .scan import Ints
from .values import Flags as Bools
from .vrps import Vrps

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


class Relatives:
    """Hold origins against the AS numbers of holders and users."""

    def __init__(self, subject: Subject, evidence: Evidence, bounds: Sequence[Bounds]) -> None:
        self._subject, self._bounds = subject, bounds
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

    def authorised(self, vrps: Vrps, asked: Bools) -> Bits:
        """Return the rule that fired where a ROA inside the holder's block names another's AS."""
        net, holder = self._subject.net, self._subject.holder
        foreign = np.zeros(len(asked), bool)
        kin: dict[frozenset[int], Kin] = {}
        for piece in np.flatnonzero(asked).tolist():
            family, first, last = self._range(int(net[piece]))
            spare = (first ^ last).bit_length()
            width = 32 if family == 4 else 128
            found = vrps.closest(family, first >> spare << spare, width - spare)
            if found is None:
                continue
            top = int(holder[piece])
            _, low, high = self._range(top)
            size = 1 << width - found[1] + 1
            begin = found[0] & -size
            if low <= begin and begin + size - 1 <= high:
                if found[2] not in kin:
                    kin[found[2]] = self._kinship.of(found[2])
                foreign[piece] = not kin[found[2]].related(self._kin_of(top, with_block=True))
        return fired("roa-foreign", foreign)

    def _range(self, net: int) -> tuple[int, int, int]:
        """Return the family of a net, its first and its last address."""
        narrow = len(self._bounds[0].first)
        if net < narrow:
            first, last = self._bounds[0]
            return 4, int(first[net]), int(last[net])
        first, last = self._bounds[1]
        (a, b), (c, d) = first[net - narrow].tolist(), last[net - narrow].tolist()
        return 6, a << 64 | b, c << 64 | d

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
