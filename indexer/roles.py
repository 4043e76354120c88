"""Say what a net is by what its registry says of it: status tables and rules R1, R2, R3, R5.

A status gives a class; a class gives the rank among nets of one size and, together with the
chain above, the role. Sources: RIPE NCC documentation (ripe-826, ripe-738, descriptions of
primary objects), apnic.net "Recording network assignments", AFRINIC's status enumeration.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .hierarchy import Forest
from .intern import Dictionary
from .scan import Ints, padded

REG, HOLD, HOLD_PI, LEG, ANY, PART, SUB, AGG, CUST, NONE, MIRRORED = range(11)
# The rank of each class among nets of one size: registry first, no status last.
RANK = np.array([0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6], np.int8)

_RPSL: Final = {
    "ALLOCATED UNSPECIFIED": REG, "ALLOCATED PA": HOLD, "ALLOCATED-ASSIGNED PA": HOLD,
    "ALLOCATED PI": HOLD, "LIR-PARTITIONED PA": PART, "LIR-PARTITIONED PI": PART,
    "SUB-ALLOCATED PA": SUB, "AGGREGATED-BY-LIR": AGG, "ASSIGNED PA": CUST,
    "ASSIGNED PI": HOLD_PI, "ASSIGNED ANYCAST": ANY, "LEGACY": LEG, "EARLY-REGISTRATION": LEG,
    "NOT-SET": LEG, "ASSIGNED": CUST, "ALLOCATED": HOLD, "ALLOCATED-BY-RIR": HOLD,
    "ALLOCATED-BY-LIR": SUB,
}  # fmt: skip
_APNIC: Final = {
    "ALLOCATED PORTABLE": HOLD, "ASSIGNED PORTABLE": HOLD_PI, "ALLOCATED NON-PORTABLE": SUB,
    "ASSIGNED NON-PORTABLE": CUST, "UNSPECIFIED": REG,
}  # fmt: skip
_AFRINIC: Final = _RPSL | {"POLICY-RESERVED": REG}
# LACNIC and ARIN write in lower case. ARIN's `assignment` was a direct one to an end user until
# the fee harmonisation of 2022; since then only special-purpose blocks of IANA have it.
_LACNIC: Final = {
    "allocated": HOLD, "assigned": HOLD_PI, "reallocated": SUB, "reassigned": CUST,
}  # fmt: skip
_ARIN: Final = {
    "rir": REG, "reserved": REG, "allocation": HOLD, "assignment": HOLD_PI, "reallocation": SUB,
    "reassignment": CUST,
}  # fmt: skip
STATUS: Final = {
    "RIPE": _RPSL, "APNIC": _APNIC, "AFRINIC": _AFRINIC, "LACNIC": _LACNIC, "ARIN": _ARIN,
}  # fmt: skip
# Other registries that speak RPSL: any of the three grammars.
OTHER_STATUS: Final = {**_APNIC, **_AFRINIC}

RS_MAINTAINERS: Final = frozenset({"RIPE-NCC-HM-MNT", "RIPE-NCC-END-MNT", "RIPE-NCC-LEGACY-MNT"})
REGISTRY_ORGS: Final = frozenset(
    {"ORG-NCC1-RIPE", "ORG-IANA1-RIPE", "ORG-APNI1-AP", "ORG-APNI3-AP", "ORG-AFNC1-AFRINIC"}
)
# The organisations under which ARIN's dump has the blocks of registries; "VR" is "various".
ARIN_ORGS: Final = frozenset({"ARIN", "RIPE", "APNIC", "LACNIC", "AFRINIC", "VR-ARIN", "IANA"})
# APNIC and the national registries of its region: maintainer and how the netnames of their own
# blocks begin. APNIC-ERX-... are early registrations of others.
OWN_BLOCKS: Final = {
    "APNIC-HM": "APNIC-",
    "MAINT-JPNIC": "JPNIC-NET-JP", "MNT-KRNIC-AP": "KRNIC-", "MAINT-TW-TWNIC": "TWNIC-TW",
    "MAINT-CNNIC-AP": "CNNIC-", "MAINT-VN-VNNIC": "VNNIC-NET", "MNT-APJII-ID": "IDNIC-ID",
    "MAINT-IN-IRINN": "IRINN-",
}  # fmt: skip
# Which netnames are placeholders in the dumps of RIPE, APNIC and AFRINIC (ipfire/libloc discards
# the same ones), and which are when the record covers the whole address space.
_PLACEHOLDER = re.compile(
    rb"ERX-NETBLOCK|(?:AFRINIC|ARIN|LACNIC|RIPE)-CIDR-BLOCK|IANA-NETBLOCK-\d{1,3}$|IANA-BLO?C?K$"
    rb"|NON-RIPE-NCC-MANAGED-ADDRESS-BLOCK|STUB-[0-9A-F-]+SLASH\d{1,3}"
)
_PLACEHOLDER_STARTS = (b"ERX-", b"AFRI", b"ARIN", b"LACN", b"RIPE", b"IANA", b"NON-", b"STUB")
# A placeholder is the registry's own record: members have copied these netnames into theirs
# (APNIC's dump has customers named NON-RIPE-NCC-MANAGED-ADDRESS-BLOCK).
_OWN_MAINTAINERS: Final = {
    "RIPE": re.compile(rb"^(?:RIPE-NCC-|RIPE-DBM-)", re.MULTILINE),
    "APNIC": re.compile(rb"^(?:MAINT-)?APNIC-", re.MULTILINE),
    "AFRINIC": re.compile(rb"^AFRINIC-", re.MULTILINE),
}


class Facts(NamedTuple):
    """Hold what is known of each net, in the order of net ids; all arrays are (n,).

    ``registry`` indexes ``registries``; ``org``, ``status``, ``mnt_by``, ``netname`` are codes
    of their dictionaries; ``mirrored`` marks records of national registries.
    """

    registries: list[str]
    registry: NDArray[np.int16]
    status: NDArray[np.uint32]
    org: NDArray[np.uint32]
    mnt_by: NDArray[np.uint32]
    netname: NDArray[np.uint32]
    whole: NDArray[np.bool_]
    disowned: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]


def placeholders(facts: Facts, netnames: Dictionary, mnt_by: Dictionary) -> NDArray[np.bool_]:
    """Mark the records that say only "not here": they never match and stand in no chain."""
    named = np.zeros(len(netnames), bool)
    text = padded(netnames.text)
    head = np.ndarray((len(text) - 4,), "<u4", text.data, 0, (1,))[netnames.at[:-1]]
    wanted = np.frombuffer(b"".join(_PLACEHOLDER_STARTS), "<u4")
    for k in np.flatnonzero(np.isin(head & 0xDFDFDFDF, wanted & 0xDFDFDFDF)).tolist():
        named[k] = _PLACEHOLDER.match(netnames[k].upper()) is not None
    whole = set(facts.netname[facts.whole].tolist())
    roots = [code for code in whole if netnames[code].upper() == b"ROOT"]
    apart = named[facts.netname] | (facts.whole & np.isin(facts.netname, roots))
    apart |= facts.disowned & (facts.registry == _index(facts.registries, "APNIC"))
    rows = np.flatnonzero(apart)
    for row in rows.tolist():
        own = _OWN_MAINTAINERS.get(facts.registries[facts.registry[row]])
        maintainers = mnt_by[int(facts.mnt_by[row])]
        apart[row] = own is not None and (not maintainers or own.search(maintainers) is not None)
    return apart


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else -1


def codes_with(dictionary: Dictionary, wanted: frozenset[str]) -> NDArray[np.bool_]:
    """Mark the codes of a dictionary of lists that hold one of some items."""
    marked = np.zeros(len(dictionary), bool)
    pattern = b"|".join(re.escape(item.encode()) for item in sorted(wanted))
    places = [found.start() for found in re.finditer(pattern, dictionary.text)]
    codes = np.searchsorted(dictionary.at, np.array(places, np.uint32), "right") - 1
    items = {item.encode() for item in wanted}
    for code in set(codes.tolist()):
        marked[code] = not items.isdisjoint(dictionary[code].split(b"\n"))
    return marked


def classify(
    facts: Facts, dictionaries: dict[str, Dictionary], org_of_registry: NDArray[np.bool_],
    org_known: NDArray[np.bool_],
) -> NDArray[np.int8]:  # fmt: skip
    """Return the class of each net by its registry's table and rule R1.

    ``org_of_registry`` and ``org_known`` say of each organisation code whether it is a registry's
    own, and whether a source holds the organisation.
    """
    statuses = [dictionaries["status"][k].decode() for k in range(len(dictionaries["status"]))]
    table = np.array(
        [
            [STATUS.get(registry, OTHER_STATUS).get(status, NONE) for status in statuses]
            for registry in facts.registries
        ]
        or [[NONE] * len(statuses)],
        np.int8,
    )
    kind = table[facts.registry, facts.status]
    status_is = {name: statuses.index(name) for name in
                 ("ALLOCATED UNSPECIFIED", "ASSIGNED") if name in statuses}  # fmt: skip
    ripe = facts.registry == _index(facts.registries, "RIPE")
    own = org_of_registry[facts.org]
    # R1: an organisation of type RIR or IANA, or one of the registries' own.
    kind[own & (kind != NONE)] = REG
    # What APNIC mirrors of a national registry has no status: the widest such net is the holder's.
    kind[facts.mirrored & (kind == NONE)] = MIRRORED
    arin = facts.registry == _index(facts.registries, "ARIN")
    if arin.any():
        orgs = dictionaries["org"]
        of_registry = np.array([orgs[k].decode() in ARIN_ORGS for k in range(len(orgs))])
        kind[arin & of_registry[facts.org]] = REG
    if "ALLOCATED UNSPECIFIED" in status_is:
        unspecified = facts.status == status_is["ALLOCATED UNSPECIFIED"]
        kind[ripe & unspecified & org_known[facts.org] & ~own] = HOLD
    if "ASSIGNED" in status_is:
        assigned = ripe & (facts.status == status_is["ASSIGNED"])
        kind[assigned & rs_maintained(facts, dictionaries)] = HOLD_PI
    kind[_national_blocks(facts, dictionaries)] = REG
    return kind


def _national_blocks(facts: Facts, dictionaries: dict[str, Dictionary]) -> NDArray[np.bool_]:
    apnic = facts.registry == _index(facts.registries, "APNIC")
    found = np.zeros(len(facts.registry), bool)
    lists, netnames = dictionaries["mnt_by"], dictionaries["netname"]
    theirs = codes_with(lists, frozenset(OWN_BLOCKS))[facts.mnt_by]
    for row in np.flatnonzero(apnic & theirs).tolist():
        name = netnames[int(facts.netname[row])].upper().decode()
        maintainers = lists[int(facts.mnt_by[row])].decode().split("\n")
        own = any(name.startswith(OWN_BLOCKS.get(item, "\n")) for item in maintainers)
        found[row] = own and not name.startswith("APNIC-ERX-")
    return found


class Parties(NamedTuple):
    """Hold what tells the parties of some nets apart; all arrays are (n,).

    ``org`` is a code, ``name`` and ``country`` are as in `identity.Identity`, ``mnt_by`` is a code
    of ``lists``, ``rs`` says whether an RS maintainer is named, ``held`` whether a source holds the
    organisation.
    """

    org: NDArray[np.uint32]
    name: NDArray[np.uint64]
    country: NDArray[np.uint16]
    mnt_by: NDArray[np.uint32]
    rs: NDArray[np.bool_]
    held: NDArray[np.bool_]
    lists: Dictionary

    def picked(self, row: Ints) -> Parties:
        """Return the parties of the nets in some rows."""
        return Parties(
            self.org[row], self.name[row], self.country[row], self.mnt_by[row], self.rs[row],
            self.held[row], self.lists,
        )  # fmt: skip

    def same(self, left: Ints, right: Ints) -> NDArray[np.bool_]:
        """Say of pairs of nets whether they name one party: org handle, else normalised name.

        Organisations of two handles are one party where their names are and the registry's data
        agree: no country speaks against it, and a maintainer is common to both nets. The name
        decides where nets have no maintainers (ARIN), and for a handle that leads nowhere.
        """
        orgs = self.org[left], self.org[right]
        by_name = self.name[left] == self.name[right]
        both = (orgs[0] > 0) & (orgs[1] > 0)
        same = np.where(both, orgs[0] == orgs[1], by_name)
        lands = self.country[left], self.country[right]
        apart = (lands[0] > 0) & (lands[1] > 0) & (lands[0] != lands[1])
        same |= both & by_name & ~apart & ~(self.held[left] & self.held[right])
        open_pairs = np.flatnonzero(both & by_name & ~same & ~apart)
        lists = self.mnt_by[left[open_pairs]], self.mnt_by[right[open_pairs]]
        same[open_pairs] = [
            self._in_common(*pair) for pair in zip(*(k.tolist() for k in lists), strict=True)
        ]
        return np.asarray(same)

    def _in_common(self, left: int, right: int) -> bool:
        """Say whether two lists have a maintainer in common, or are both empty."""
        names = [set(self.lists[code].decode().split("\n")) for code in (left, right)]
        return not (left or right) or bool(names[0] & names[1] - RS_MAINTAINERS)


class Assigned(NamedTuple):
    """Hold the role byte of every piece (`layout.ROLES`), and the holder's net, -1 = none."""

    role: NDArray[np.uint8]
    holder: Ints


def rs_maintained(facts: Facts, dictionaries: dict[str, Dictionary]) -> NDArray[np.bool_]:
    """Mark the nets that name an RS maintainer."""
    return codes_with(dictionaries["mnt_by"], RS_MAINTAINERS)[facts.mnt_by]


def assign(forest: Forest, kind: NDArray[np.int8], parties: Parties) -> Assigned:
    """Return role and holder of every piece (R1, R2, R3, R5).

    ``kind`` and ``parties`` are those of the forest's nets. The first net with role `holder` on
    the way up from a piece is its holder.
    """
    rs, org = parties.rs, parties.org
    net, above = forest.net, forest.above
    direct = np.full(len(net), -1, np.int64)
    legacy = np.full(len(net), -1, np.int64)
    classes = kind[net]
    is_direct = np.isin(classes, (HOLD, HOLD_PI, ANY))
    is_legacy = np.isin(classes, (LEG, MIRRORED))
    for rows in _levels(forest):
        up = above[rows]
        inherited = np.where(up >= 0, direct[up], -1)
        direct[rows] = np.where(is_direct[rows], net[rows], inherited)
        old = np.where(up >= 0, legacy[up], -1)
        own = net[rows]
        # A deeper LEGACY wins with an RS maintainer of its own and another organisation.
        wins = (old < 0) | (rs[own] & (org[own] != org[old]) & (org[own] > 0))
        legacy[rows] = np.where(is_legacy[rows] & wins, own, old)
    holder = np.where(direct >= 0, direct, legacy)
    differs = (holder < 0) | ~parties.same(net, holder)
    role = np.full(len(net), layout.INFRASTRUCTURE, np.uint8)
    role[differs] = layout.CUSTOMER
    role[classes == AGG] = layout.AGGREGATE
    like = parties.same(net, np.where(above >= 0, net[above], net))
    # R3: a partition is the party around it, unless it names an organisation of its own.
    part = (classes == PART) & ((org[net] == 0) | like)
    role[part] = layout.PARTITION
    role[is_direct | (holder == net)] = layout.HOLDER
    role[classes == REG] = layout.REGISTRY
    user = differs & (classes != REG)
    role[user & (user & ~part)[_whose(part, above)]] |= layout.IS_USER
    role[like & (above >= 0)] |= layout.AS_ABOVE
    return Assigned(role, holder)


def _whose(part: NDArray[np.bool_], above: Ints) -> Ints:
    """Return for each piece whose party it has: of a partition, the next above that is none."""
    place = np.arange(len(part))
    while True:
        further = np.where(part[place] & (above[place] >= 0), above[place], place)
        if np.array_equal(further, place):
            return place
        place = further


def _levels(forest: Forest) -> list[Ints]:
    order = np.argsort(forest.depth, kind="stable")
    ends = np.cumsum(np.bincount(forest.depth)) if len(order) else np.zeros(0, np.int64)
    return np.split(order, ends[:-1]) if len(ends) else []
