"""Infer leases as the published notebooks of "Sublet Your Subnet" (IMC 2024) do, slowly.

This shares nothing with rirdex: its own readers, dictionaries of prefixes, one rule after the
other as `leasing.md` section 1.2 to 1.7 tells them, the quirks included. The verdicts of rirdex
are held against it. Agreement with a published inference is not truth: nobody has asked the
parties.
"""

from __future__ import annotations

import gzip
import ipaddress
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

Prefix = tuple[int, int]  # first address, length
Systems = frozenset[int]
Attributes = dict[str, list[str]]

FILES: Final = {
    "ripe": "ripe.db.inetnum.gz", "apnic": "apnic.db.inetnum.gz", "afrinic": "afrinic.db.gz",
    "arin": "arin_db.txt.gz", "lacnic": "lacnic.db.gz",
}  # fmt: skip
HOLDING: Final = {
    "ripe": "ALLOCATED PA", "apnic": "ALLOCATED PORTABLE", "afrinic": "ALLOCATED PA",
    "arin": "allocation", "lacnic": "allocated",
}  # fmt: skip
LEAVES: Final = {
    "ripe": ("SUB-ALLOCATED PA", "ASSIGNED PA"),
    "afrinic": ("SUB-ALLOCATED PA", "ASSIGNED PA"),
    "apnic": ("ALLOCATED NON-PORTABLE", "ASSIGNED NON-PORTABLE"),
    "lacnic": ("reallocated", "reassigned"),
    "arin": ("reallocation", "reassignment"),
}  # fmt: skip
LONGEST: Final = 24
_WITH_ORGS: Final = ("ripe", "apnic", "afrinic")
_APNIC_OWN: Final = "ORG-APNI3-AP"
_RENAMED: Final = {"Amazon Technologies Inc.": "Amazon.com, Inc."}


class Holder(NamedTuple):
    """Hold an allocated block: its prefix, whose it is, and the AS numbers of that party."""

    prefix: Prefix
    name: str
    systems: Systems


class Inferred(NamedTuple):
    """Hold what the method says of a leaf: one of four groups, and whether it is leased.

    ``holder`` is the party of the root, whose AS numbers are ``systems``; ``origins`` and
    ``root_origins`` announce exactly the leaf and exactly the root.
    """

    group: int
    leased: bool
    root: Prefix
    holder: str
    systems: Systems
    origins: Systems
    root_origins: Systems


class Relations(NamedTuple):
    """Hold who buys transit from whom, as (customer, provider), and what AS owners are called."""

    transit: frozenset[tuple[int, int]] = frozenset()
    names: Mapping[int, str] = {}


# -- readers ----------------------------------------------------------------------------------


def read_objects(path: Path) -> Iterator[tuple[str, Attributes]]:
    """Yield the objects of a dump: the first attribute's name, and all values by name."""
    data = gzip.decompress(path.read_bytes())
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    for block in re.split(r"\n\s*\n", text):
        values: Attributes = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            if colon and re.fullmatch(r"[A-Za-z0-9-]+", name):
                values.setdefault(name, []).append(value.strip())
        if values:
            yield next(iter(values)), values


def read_routes(path: Path) -> dict[Prefix, Systems]:
    """Return the origins of announced prefixes; those of a set and several origins are split."""
    routes: dict[Prefix, Systems] = {}
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        address, length, origins = line.split("\t")
        prefix = int(ipaddress.IPv4Address(address)), int(length)
        routes[prefix] = frozenset(int(part) for part in re.split("[_,]", origins))
    return routes


def prefixes_of(registry: str, text: str) -> list[Prefix]:
    """Return the prefixes of a net's range, none when one of them is longer than a /24."""
    if registry == "lacnic":
        # Shortened: 24.152.118/24. (The notebook adds ".0", as if it always had three octets.)
        block, _, length = text.partition("/")
        if ":" in block or int(length) > LONGEST:
            return []
        octets = (block.split(".") + ["0"] * 4)[:4]
        return [(int(ipaddress.IPv4Address(".".join(octets))), int(length))]
    first, last = (ipaddress.IPv4Address(part.strip()) for part in text.split("-"))
    blocks = list(ipaddress.summarize_address_range(first, last))
    if any(block.prefixlen > LONGEST for block in blocks):
        return []
    return [(int(block[0]), block.prefixlen) for block in blocks]


# -- a tree of prefixes, plainly ---------------------------------------------------------------


def cut(prefix: Prefix, length: int) -> Prefix:
    """Return the prefix of a length that contains another."""
    return prefix[0] >> (32 - length) << (32 - length), length


def ancestors(prefix: Prefix, tree: Container[Prefix]) -> list[Prefix]:
    """Return the prefixes of a tree that contain one, itself included, the largest first."""
    return [around for length in range(1, prefix[1] + 1) if (around := cut(prefix, length)) in tree]


def inner(tree: Iterable[Prefix]) -> set[Prefix]:
    """Return the prefixes that contain another of the tree."""
    held = set(tree)
    return {around for prefix in held for around in ancestors(prefix, held) if around != prefix}


# -- the method --------------------------------------------------------------------------------


class Dump(NamedTuple):
    """Hold what is read of a registry: status and values of the nets by prefix, and holders."""

    nets: dict[Prefix, list[tuple[str, Attributes]]]
    holders: dict[Prefix, Holder]


def read_dump(registry: str, path: Path) -> Dump:
    """Read a dump, make prefixes of its nets, and join holders with their AS numbers."""
    objects = list(read_objects(path))
    leader = "NetHandle" if registry == "arin" else "inetnum"
    span, state = ("NetRange", "NetType") if registry == "arin" else ("inetnum", "status")
    nets: dict[Prefix, list[tuple[str, Attributes]]] = {}
    for kind, values in objects:
        if kind != leader or state not in values:
            continue
        status = values[state][0]
        if registry == "arin" and status == "rir":
            continue
        status = status.upper() if registry == "apnic" else status
        for prefix in prefixes_of(registry, values[span][0]):
            nets.setdefault(prefix, []).append((status, values))
    owners, called = _owners(registry, objects)
    holders = {}
    for prefix, found in nets.items():
        for status, values in found:
            if status != HOLDING[registry]:
                continue
            key = _owner_of(registry, values)
            if (not key and registry in _WITH_ORGS) or key == _APNIC_OWN:
                continue
            name = called.get(key, "")
            if registry == "lacnic":
                name = values["owner"][0]
            whose = name if registry == "arin" else key
            holders[prefix] = Holder(prefix, name, frozenset(owners.get(whose, ())))
    return Dump(nets, holders)


def _owner_of(registry: str, values: Attributes) -> str:
    """Return what holders and AS numbers are joined by: a handle."""
    name = {"arin": "OrgID", "lacnic": "owner-c"}.get(registry, "org")
    handle = values.get(name, [""])[0]
    return handle if registry in ("arin", "lacnic") else handle.upper()


def _owners(
    registry: str, objects: list[tuple[str, Attributes]]
) -> tuple[dict[str, set[int]], dict[str, str]]:
    """Return the AS numbers by owner (at ARIN by its name), and names by handle."""
    called: dict[str, str] = {}
    for kind, values in objects:
        if registry == "arin" and kind == "OrgID" and values["OrgID"][0] != "IANA":
            name = values.get("OrgName", [""])[0]
            called[values["OrgID"][0]] = _RENAMED.get(name, name)
        elif kind == "organisation":
            called[values["organisation"][0].upper()] = values.get("org-name", [""])[0]
    owners: dict[str, set[int]] = {}
    for kind, values in objects:
        if kind == "ASHandle":
            low, _, high = values["ASNumber"][0].partition("-")
            numbers = set(range(int(low), int(high or low) + 1))
            owners.setdefault(called.get(values["OrgID"][0], ""), set()).update(numbers)
        elif kind == "aut-num":
            number = int(values["aut-num"][0].upper().removeprefix("AS"))
            owners.setdefault(_owner_of(registry, values), set()).add(number)
            if registry == "ripe" and "sponsoring-org" in values:
                owners.setdefault(values["sponsoring-org"][0].upper(), set()).add(number)
    return owners, called


def registered_once(registry: str, path: Path) -> Systems:
    """Return the AS numbers of which a dump has one object: whose they are is no question."""
    leader = "ASHandle" if registry == "arin" else "aut-num"
    count = Counter(values[kind][0] for kind, values in read_objects(path) if kind == leader)
    return frozenset(int(text.upper().removeprefix("AS")) for text in count if count[text] == 1)


def related(left: Systems, right: Systems, relations: Relations) -> bool:
    """Say whether two sets of AS numbers are siblings, or one of the left a customer.

    The notebooks' sibling test fails as a whole when one AS number has no known owner; an AS
    number that stands on both sides then counts as unrelated, unless its owner is known.
    """
    names = relations.names
    known = all(system in names for system in left | right)
    if known and {names[system] for system in left} & {names[system] for system in right}:
        return True
    return any((one, other) in relations.transit for one in left for other in right)


def infer(
    registry: str, path: Path, routes: Mapping[Prefix, Systems], relations: Relations
) -> dict[Prefix, Inferred]:
    """Return what the method says of every leaf of a registry's dump whose root is a holder's."""
    dump = read_dump(registry, path)
    containing = inner(dump.nets)
    roots = dump.holders if registry == "apnic" else dump.nets
    found = {}
    for prefix, nets in dump.nets.items():
        if prefix in containing or not any(status in LEAVES[registry] for status, _ in nets):
            continue
        around = ancestors(prefix, roots)
        holder = dump.holders.get(around[0]) if around else None
        if holder is not None:
            found[prefix] = _judged(prefix, holder, routes, relations)
    return found


def _judged(
    prefix: Prefix, holder: Holder, routes: Mapping[Prefix, Systems], relations: Relations
) -> Inferred:
    origins = routes.get(prefix, frozenset())
    root_origins = routes.get(holder.prefix, frozenset())
    group = 1 + (2 if origins else 0) + (1 if root_origins else 0)
    leased = group >= 3 and not related(origins, holder.systems, relations)
    if group == 4:
        leased = leased and not related(origins, root_origins, relations)
    return Inferred(
        group, leased, holder.prefix, holder.name, holder.systems, origins, root_origins
    )


def infer_all(folder: Path, relations: Relations | None = None) -> dict[tuple[str, str], Inferred]:
    """Return what the method says of all leaves by (registry, prefix as text)."""
    routes = read_routes(folder / "routes.pfx2as.gz")
    return {
        (registry, f"{ipaddress.IPv4Address(first)}/{length}"): said
        for registry, name in FILES.items()
        for (first, length), said in infer(
            registry, folder / name, routes, relations or Relations()
        ).items()
    }  # fmt: skip
