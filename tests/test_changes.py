"""Check what changed between two indexes against a naive comparison of the answers of all nets."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from exchange import FILES, exchange
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rirdex.indexer.build import build
from rirdex.query import Index, comparing, open_index
from rirdex.query.addresses import span
from rirdex.query.cells import Json
from rirdex.query.changed import compare
from rirdex.query.changes import KINDS, ONLY, ChangesError, changes, select, summary
from rirdex.query.cli import run
from rirdex.query.comparing import FORMATS
from rirdex.query.contacts import for_last
from rirdex.query.errors import AddressError, StoreError
from rirdex.query.leases import answer_of
from rirdex.query.names import normal
from rirdex.query.paired import notes
from rirdex.query.records import Party
from rirdex.query.rpsl import attributes
from rirdex.query.same import FIELDS

Capture = pytest.CaptureFixture[str]
Pairs = list[tuple[Index, Index]]
FINGERPRINTS = """
[[party]]
name = "Middle Broker"
kind = "broker"
maintainers = ["MIDDLE-MNT"]
organisations = ["ORG-MID1-TEST"]
netnames = ["MIDDLE-*"]
descrs = ["Middle Broker*"]
domains = ["middle.example"]
source = "invented for the tests"
date = 2026-01-31
confidence = "high"
"""
DAYS: Final = ("2025-03-01", "2025-03-08")
PARTIES: Final = ("holder", "user", "lessor", "lessee", "facilitator")


# -- worlds -----------------------------------------------------------------------------------

NAMES = (
    "One Networks Ltd", "ONE NETWORKS, L.T.D.", "Zweites Netz GmbH", "Télé & Fils S.A.",
    "Middle Broker B.V.", "=cmd|' /C calc'!A0", "Fünfte Firma", "Some User",
)  # fmt: skip
MAINTAINERS = ("HOLDER-MNT", "USER-MNT", "MIDDLE-MNT", "OTHER-MNT")
COUNTRIES = ("DE", "NL", "US", "EU")
STATUSES = {
    "RIPE": ("ALLOCATED PA", "SUB-ALLOCATED PA", "ASSIGNED PA", "LIR-PARTITIONED PA"),
    "APNIC": ("ALLOCATED PORTABLE", "ALLOCATED NON-PORTABLE", "ASSIGNED NON-PORTABLE"),
    "AFRINIC": ("ALLOCATED PA", "SUB-ALLOCATED PA", "ASSIGNED PA"),
    "LACNIC": ("allocated", "reallocated", "reassigned"),
    "ARIN": ("allocation", "reallocation", "reassignment"),
}
WIDE = ("ALLOCATED-BY-RIR", "ALLOCATED-BY-LIR", "ASSIGNED", "AGGREGATED-BY-LIR")
BASES = {"RIPE": 0, "APNIC": 1, "AFRINIC": 2, "LACNIC": 3, "ARIN": 4}
RPSL = ("RIPE", "APNIC", "AFRINIC")
OLD_DAYS = ("2019-01-02", "2021-07-30", "2024-12-24")


@dataclass
class Record:
    """Hold a net of a dump: its range and its attributes, lists in their order."""

    registry: str
    six: bool
    first: int
    last: int
    handle: str = ""
    lists: dict[str, list[str]] = field(default_factory=dict)

    def text(self) -> str:
        """Write it in the dialect of its registry."""
        if self.registry == "ARIN":
            lead, names = ("V6NetHandle" if self.six else "NetHandle"), ARIN
        else:
            lead = "inet6num" if self.six and self.registry in RPSL else "inetnum"
            names = LACNIC if self.registry == "LACNIC" else {}
        lines = [f"{lead}: {self.handle or self.range()}"]
        if self.registry == "ARIN":
            lines.append(f"NetRange: {self.range()}")
        for name, values in self.lists.items():
            lines += [f"{names.get(name, name)}: {value}" for value in values]
        return "\n".join([*lines, f"source: {self.registry}", ""])

    def range(self) -> str:
        if self.six or self.registry == "LACNIC":
            bits = 128 if self.six else 32
            address = IPv6Address(self.first) if self.six else IPv4Address(self.first)
            return f"{address}/{bits - (self.last - self.first).bit_length()}"
        return f"{IPv4Address(self.first)} - {IPv4Address(self.last)}"


ARIN = {"org": "OrgID", "status": "NetType", "netname": "NetName", "created": "RegDate",
        "last-modified": "Updated", "country": "Country", "parent": "Parent",
        "abuse-c": "OrgAbuseHandle", "descr": "Comment", "mnt-by": "Comment",
        "remarks": "Comment"}  # fmt: skip
LACNIC = {"descr": "owner", "last-modified": "changed", "netname": "city", "org": "owner-c",
          "mnt-by": "remarks"}  # fmt: skip


@dataclass
class World:
    """Hold the records of dumps: nets, organisations by handle, roles by handle, routes."""

    nets: list[Record]
    orgs: dict[str, dict[str, str]]
    roles: dict[str, str]
    routes: list[str]

    def built(self, folder: Path, day: str, held: bool = True) -> Path:
        """Build an index; without the organisations if they are not to be held."""
        folder.mkdir()
        for registry in BASES:
            texts = [record.text() for record in self.nets if record.registry == registry]
            if registry in RPSL:
                texts += self._others(registry, held)
            (folder / f"{registry.lower()}.db").write_text("\n".join(texts))
        (folder / "fingerprints.toml").write_text(FINGERPRINTS)
        (folder / "routes.csv").write_text("prefix,origin\n" + "".join(self.routes))
        dumps = [str(folder / f"{name.lower()}.db") for name in BASES
                 if any(record.registry == name for record in self.nets)]  # fmt: skip
        target = folder / "index.rirdex"
        build(dumps, str(target), processes=0, snapshot=date.fromisoformat(day),
              routes=[str(folder / "routes.csv")] if self.routes else [],
              desk=str(folder))  # fmt: skip
        return target

    def _others(self, registry: str, held: bool) -> Iterator[str]:
        for handle, values in self.orgs.items() if held else ():
            if handle.endswith(registry) or handle == "ORG-MID1-TEST":
                lines = [f"{name}: {value}" for name, value in values.items() if value]
                yield "\n".join([f"organisation: {handle}", *lines, f"source: {registry}", ""])
        for handle, mailbox in self.roles.items():
            yield (f"role: {handle}\nnic-hdl: {handle}\nabuse-mailbox: {mailbox}\n"
                   f"source: {registry}\n")  # fmt: skip
            yield (f"irt: IRT-{handle}\nabuse-mailbox: {mailbox}\ne-mail: {mailbox}\n"
                   f"source: {registry}\n")  # fmt: skip


def ranges(rng: Random, registry: str, six: bool) -> Iterator[tuple[int, int, int]]:
    """Yield first, last, depth: blocks and what is in them, which for IPv4 may cross."""
    base, unit = (0x3FFF << 112, 1 << 92) if six else (10 << 24, 1 << 8)
    base += BASES[registry] * 64 * unit
    crossing = not six and registry != "LACNIC"
    for block in range(2):
        low = base + block * 16 * unit
        yield low, low + 16 * unit - 1, 0
        for _ in range(rng.randrange(6)):
            size = rng.choice((8, 4, 2, 1))
            at = rng.randrange(16 // size) * size
            if crossing and not rng.randrange(4):
                at = rng.randrange(17 - size)
            yield low + at * unit, low + (at + size) * unit - 1, 1
            if not rng.randrange(3):
                yield low + at * unit, low + at * unit + unit // 4 - 1, 2


def record(rng: Random, registry: str, six: bool, first: int, last: int, depth: int) -> Record:
    """Invent a net."""
    found = Record(registry, six, first, last)
    statuses = WIDE if six and registry in RPSL else STATUSES[registry]
    org = f"ORG-{rng.choice(('A', 'B', 'C', 'LOST'))}-{registry}"
    found.lists = {
        "netname": [rng.choice(("NET", "MIDDLE", "POOL")) + f"-{rng.randrange(20)}"],
        "descr": rng.sample(NAMES, rng.choice((0, 1, 1, 2, 3))),
        "country": rng.sample(COUNTRIES, rng.randrange(3)),
        "org": [rng.choice((org, org, "ORG-MID1-TEST"))] * (rng.random() < 0.5),
        "status": [statuses[0] if not depth else rng.choice(statuses[1:])],
        "remarks": ["for lease"] * (rng.random() < 0.15),
        "mnt-by": rng.sample(MAINTAINERS, 1 + rng.randrange(3)),
        "abuse-c": [rng.choice(("MIDDLE-ROLE", "USER-ROLE", "LOST-ROLE"))] * (rng.random() < 0.4),
        "mnt-irt": ["IRT-USER-ROLE"] * (registry == "APNIC" and rng.random() < 0.5),
        "created": [rng.choice(OLD_DAYS)],
        "last-modified": [rng.choice(OLD_DAYS)] * (registry == "ARIN" or rng.random() < 0.9),
    }  # fmt: skip
    if not depth and registry == "RIPE":
        found.lists["mnt-by"].append("RIPE-NCC-HM-MNT")
    if registry == "ARIN":
        found.handle = f"NET{'6' if six else ''}-{first:X}-{rng.randrange(1000)}"
    return found


def world(rng: Random) -> World:
    """Invent a world of all registries, several nets of one range where a registry has them."""
    nets = []
    for registry in BASES:
        for six in (False, True):
            seen: set[tuple[int, int]] = set()
            for bounds in ranges(rng, registry, six):
                again = registry in ("ARIN", "LACNIC") and not rng.randrange(3)
                if bounds[:2] not in seen or again:
                    seen.add(bounds[:2])
                    nets.append(record(rng, registry, six, *bounds))
    orgs = {
        f"ORG-{letter}-{registry}": {
            "org-name": rng.choice(NAMES), "org-type": "LIR",
            "abuse-c": rng.choice(("", "MIDDLE-ROLE", "USER-ROLE")),
        }
        for registry in RPSL for letter in "ABC"
    }  # fmt: skip
    orgs["ORG-MID1-TEST"] = {"org-name": "Middle Broker", "org-type": "OTHER"}
    roles = {"MIDDLE-ROLE": "abuse@middle.example", "USER-ROLE": "abuse@user.example"}
    return World(nets, orgs, roles, [*routes(rng, nets)] if rng.random() < 0.7 else [])


def routes(rng: Random, nets: Iterable[Record]) -> Iterator[str]:
    for net in nets:
        size = net.last - net.first + 1
        if not size & size - 1 and rng.random() < 0.6:
            bits = (128 if net.six else 32) - size.bit_length() + 1
            address = IPv6Address(net.first) if net.six else IPv4Address(net.first)
            yield f"{address}/{bits},AS{rng.randrange(64496, 64504)}\n"


def altered(rng: Random, before: World) -> World:
    """Return another day's world: records altered, gone, new, moved; others as they were."""
    after = deepcopy(before)
    rate = rng.choice((0.05, 0.3))
    kept = []
    for net in after.nets:
        if rng.random() < rate:
            alter(rng, net)
        if rng.random() > rate / 3:
            kept.append(net)
    rng.shuffle(kept)
    for _ in range(rng.randrange(4)):
        model = rng.choice(kept)
        unit = model.last - model.first + 1
        first = model.first + rng.choice((0, unit // 2))
        if unit >= 4:
            kept.append(record(rng, model.registry, model.six, first, first + unit // 4 - 1, 2))
    once: dict[tuple[Any, ...], Record] = {}
    for net in kept:
        several = net.handle or (net.lists["status"] + net.lists["org"]
                                 if net.registry == "LACNIC" else "")  # fmt: skip
        once.setdefault((net.registry, net.six, net.first, net.last, str(several)), net)
    after.nets = [*once.values()]
    for values in after.orgs.values():
        if rng.random() < rate:
            values["org-name"] = rng.choice((rng.choice(NAMES), values["org-name"].upper()))
        if rng.random() < rate:
            values["abuse-c"] = rng.choice(("", "MIDDLE-ROLE", "USER-ROLE"))
    if rng.random() < rate:
        after.roles["USER-ROLE"] = rng.choice(("ABUSE@user.example", "abuse@other.example"))
    if rng.random() < rate:
        after.routes = [*routes(rng, after.nets)]
    return after


def alter(rng: Random, net: Record) -> None:
    """Change something of a net, which may mean nothing; its date is another one, if it has one."""
    lists = net.lists
    other = record(rng, net.registry, net.six, net.first, net.last, 1).lists
    ways = ("nothing", "case", "order", "more", "move", *other)
    match rng.choice(ways):
        case "case":
            lists["netname"] = [name.lower() for name in lists["netname"]]
            lists["org"] = [handle.lower() for handle in lists["org"]]
            lists["abuse-c"] = [handle.lower() for handle in lists["abuse-c"]]
        case "order":
            for name in ("mnt-by", "country", "descr"):
                rng.shuffle(lists[name])
        case "more":
            lists["descr"] = [*lists["descr"][:1], rng.choice(NAMES)]
        case "move":
            others = [name for name in RPSL if name != net.registry]
            if net.registry in RPSL and not net.six:
                net.registry = rng.choice(others)
                lists["org"] = [handle.replace("RIPE", net.registry) for handle in lists["org"]]
        case "nothing":
            pass
        case name:
            lists[name] = other[name]
            if net.registry == "ARIN" and not rng.randrange(3):
                net.handle += "9"
    if lists["last-modified"]:
        lists["last-modified"] = [DAYS[1]]


# -- the naive way ----------------------------------------------------------------------------


class Told:
    """Hold what is said of a net, asked of its answer."""

    def __init__(self, index: Index, number: int) -> None:
        self.net = index.net(number)
        answer = self.answer = answer_of(index, self.net)
        org = self.net.org
        self.said: dict[str, Any] = {
            "netname": self.net.netname, "descr": self.net.descr, "country": self.net.country,
            "status": self.net.status, "org": org and org.handle, "org_name": org and org.name,
            "mnt_by": self.net.mnt_by, "holder": answer.holder, "user": answer.user,
            "lessor": answer.lessor, "lessee": answer.lessee, "facilitator": answer.facilitator,
            "verdict": answer.lease.verdict, "confidence": answer.lease.confidence,
            "contact": {(item.mailbox, None if item.mailbox else item.handle, item.rule)
                        for item in for_last(answer.chain)},
        }  # fmt: skip

    def named(self, party: Party) -> bool:
        """Say whether the name of a party is that of its organisation."""
        nets = [net for net in self.answer.chain if net.key == party.net and net.org]
        return any(net.org is not None and net.org.name == party.name for net in nets)

    @property
    def label(self) -> tuple[str, str, int]:
        return self.net.registry, self.net.source, self.net.family

    @property
    def range(self) -> tuple[int, int, int]:
        first, last = self.net.bounds
        return self.net.family, first, -last

    @property
    def handle(self) -> tuple[str | None, ...]:
        if self.net.registry == "ARIN":
            return (self.net.key,)
        owners = [value for name, value in attributes(self.net.raw) if name == "owner-c"]
        return (self.net.status, *map(str.upper, owners)) if self.net.registry == "LACNIC" else ()


def of_party(before: Told, after: Told, name: str) -> str:
    """Say what has become of a party: "", "renamed" or "other"."""
    mine, theirs = before.said[name], after.said[name]
    if mine is None or theirs is None:
        return "" if mine is theirs else "other"
    alike = normal(mine.name or mine.handle or "") == normal(theirs.name or theirs.handle or "")
    handled = mine.handle and theirs.handle
    same = mine.handle == theirs.handle if handled else alike
    if name == "facilitator" or before.net.registry != after.net.registry:
        same = alike or bool(handled and same)
    if not same:
        return "other"
    known = before.named(mine) == after.named(theirs) or name == "facilitator"
    return "renamed" if known and not alike else ""


MEANT: Mapping[str, Any] = {
    "netname": lambda text: (text or "").upper(), "country": frozenset, "mnt_by": frozenset,
    "contact": lambda found: {
        ((mailbox or handle or "").upper(), rule) for mailbox, handle, rule in found
    },
}  # fmt: skip


def differing(before: Told, after: Told) -> dict[str, bool]:
    """Return the fields that differ, and whether only the party's name does."""
    found: dict[str, bool] = {}
    for name in FIELDS:
        mine, theirs = before.said[name], after.said[name]
        if name in PARTIES:
            become = of_party(before, after, name)
            if become:
                found[name] = become == "renamed"
        elif name == "org_name":
            if mine and theirs and mine != theirs:
                found[name] = False
        else:
            meant = MEANT.get(name, lambda value: value)
            if meant(mine) != meant(theirs):
                found[name] = False
    return found


def as_json(value: Any) -> Any:
    if isinstance(value, Party):
        return {"name": value.name, "handle": value.handle}
    if isinstance(value, set):
        found = sorted(value, key=lambda one: (one[0] or "", one[1] or "", one[2]))
        return [dict(zip(("mailbox", "handle", "rule"), one, strict=True)) for one in found]
    return list(value) if isinstance(value, tuple) else value


def told_of(index: Index) -> list[Told]:
    apart = ("registry", "placeholder")
    return [Told(index, k) for k in range(len(index)) if index.net(k).role not in apart]


Pair = tuple[Told | None, Told | None]


def naive_pairs(before: Sequence[Told], after: Sequence[Told]) -> Iterator[Pair]:
    """Pair what is the same net, then what moved; yield the rest alone."""
    groups: dict[Any, tuple[list[Told], list[Told]]] = {}
    for side, found in enumerate((before, after)):
        for told in found:
            groups.setdefault((told.label, told.range), ([], []))[side].append(told)
    rest: tuple[list[Told], list[Told]] = ([], [])
    for mine, theirs in groups.values():
        for told in list(theirs):
            same = [each for each in mine if each.handle == told.handle]
            if same:
                yield same[0], told
                mine.remove(same[0])
                theirs.remove(told)
        if mine and theirs and mine[0].net.registry == "LACNIC":
            pairs = [*zip(mine, theirs, strict=False)]
            yield from pairs
            del mine[: len(pairs)], theirs[: len(pairs)]
        rest[0].extend(mine)
        rest[1].extend(theirs)
    for told in list(rest[1]):
        for each in rest[0]:
            if each.range == told.range and each.net.registry != told.net.registry:
                (name, handle), (other, theirs_too) = each.net.called, told.net.called
                if normal(name or "") == normal(other or "") != "" or handle == theirs_too != None:  # noqa: E711
                    yield each, told
                    rest[0].remove(each)
                    rest[1].remove(told)
                    break
    yield from ((told, None) for told in rest[0])
    yield from ((None, told) for told in rest[1])


def naive(before: Sequence[Told], after: Sequence[Told], every: bool = False) -> list[Json]:
    """Return what changed, as in JSON, without the members that say which net it is."""
    labels = {told.label for told in before}, {told.label for told in after}
    if not every:
        common = labels[0] & labels[1]
        before, after = ([told for told in side if told.label in common] for side in
                         (before, after))  # fmt: skip
    found = []
    for mine, theirs in naive_pairs(before, after):
        told = theirs or mine
        assert told is not None
        moved = mine and theirs and mine.net.registry != theirs.net.registry
        fields: Json = {}
        if mine and theirs:
            differ = differing(mine, theirs)
            if not differ and not moved:
                continue
            kind = "transferred" if moved else "changed"
        else:
            kind = "removed" if mine else "added"
            differ = dict.fromkeys(FIELDS, False)
        for name, renamed in differ.items():
            values = [as_json(side.said[name]) if side else None for side in (mine, theirs)]
            if any(values):
                empty: Any = [] if isinstance(values[0] or values[1], list) else None
                fields[name] = {"old": values[0] or empty, "new": values[1] or empty}
                if name in PARTIES:
                    fields[name]["renamed"] = renamed
        place = (told.range, (mine or told).label[:2])
        found.append((place, told.net.id, {
            "schema_version": 1, "kind": kind, "registry": told.net.registry,
            "source": told.net.source, "key": told.net.key, "first": str(told.net.first),
            "last": str(told.net.last), "cidrs": list(told.net.cidrs),
            "netname": told.net.netname,
            "from": mine.net.registry if mine and moved else None,
            "to": theirs.net.registry if theirs and moved else None, "fields": fields,
        }))  # fmt: skip
    return [one[2] for one in sorted(found, key=lambda one: one[:2])]


def in_order(found: Iterable[Json]) -> list[Json]:
    """Sort what has one range and source: which comes first there means nothing."""
    listed = [*found]
    return sorted(listed, key=lambda one: (one["kind"], one["key"], one["first"], str(one)))


def check(old: Index, new: Index) -> Counter[str]:
    """Hold everything against the naive comparison; return how many there are of each kind."""
    before, after = told_of(old), told_of(new)
    found = [change.to_dict() for change in changes(old, new)]
    expected = naive(before, after)
    assert in_order(found) == in_order(expected)
    places = [(one["first"], one["last"]) for one in found]
    assert places == [(one["first"], one["last"]) for one in expected]
    every = [change.to_dict() for change in changes(old, new, all_sources=True)]
    assert in_order(every) == in_order(naive(before, after, every=True))
    assert not [*changes(old, old)]
    return Counter(one["kind"] for one in found)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Return pairs of worlds that are a week apart."""
    found = []
    for seed in range(6):
        rng, folder = Random(seed), tmp_path_factory.mktemp("pairs")
        before = world(rng)
        after = altered(rng, before)
        found.append((open_index(before.built(folder / "old", DAYS[0])),
                      open_index(after.built(folder / "new", DAYS[1]))))  # fmt: skip
    yield found
    for pair in found:
        for index in pair:
            index.close()


@settings(
    max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(seed=st.integers(0, 1 << 32))
def test_changes_are_those_of_a_naive_comparison_of_all_answers(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = Random(seed)
    folder = tmp_path_factory.mktemp("any")
    before = world(rng)
    after = altered(rng, before)
    paths = before.built(folder / "old", DAYS[0]), after.built(folder / "new", DAYS[1])
    with open_index(paths[0]) as old, open_index(paths[1]) as new:
        check(old, new)
        check(new, old)


def test_worlds_have_every_kind_and_field(pairs: Pairs) -> None:
    kinds: Counter[str] = Counter()
    fields: Counter[tuple[str, bool]] = Counter()
    for old, new in pairs:
        kinds += check(old, new)
        for change in changes(old, new):
            if change.kind in ("changed", "transferred"):
                fields.update((each.field, each.renamed) for each in change.differences)
    assert set(kinds) == set(KINDS)
    assert {name for name, _ in fields} == set(FIELDS)
    assert {name for name, renamed in fields if renamed} >= {"holder", "user", "lessor", "lessee"}
    assert any(len(index._tables.view("piece_net")) for pair in pairs for index in pair)


# -- filters ----------------------------------------------------------------------------------


def asked_for(old: Index, new: Index) -> Iterator[dict[str, Any]]:
    """Yield filters: every holder and country there is, and others."""
    holders = {Told(index, k).said["holder"] for index in (old, new) for k in range(len(index))}
    texts = {text for party in holders if party for text in (party.name, party.handle) if text}
    yield from ({"lessor": text} for text in sorted({*texts, "nobody", "", "one networks"}))
    yield from ({"country": text} for text in ("DE", "nl", "ZZ", ""))
    yield from ({"registry": text} for text in ("RIPE", "arin", "LACNIC"))
    yield from ({"only": (text,)} for text in ONLY)
    yield {"only": ("lessee", "status"), "country": "DE"}
    for text in ("10.0.0.0/8", "10.0.8.0 - 10.0.31.255", "10.64.0.0/16", "3fff::/20", "::/0",
                 "3fff:0:3000::/36", "10.0.0.1"):  # fmt: skip
        yield {"inside": text}


def kept(change: Json, pair: Pair, asked: Mapping[str, Any]) -> bool:
    """Say whether a change is asked for, by its JSON and what is said of both sides."""
    sides = [side for side in pair if side]
    fields = change["fields"]
    for name, value in asked.items():
        if name == "lessor":
            hit = any(is_party(side.said["holder"], value) for side in sides)
        elif name == "country":
            hit = any(value.upper() in side.net.country for side in sides)
        elif name == "registry":
            hit = any(side.net.registry == value.upper() for side in sides)
        elif name == "inside":
            bounds = span(value)
            first, last = sides[0].net.bounds
            hit = bounds is not None and (
                sides[0].net.family == bounds.family
                and bounds.first <= first <= last <= bounds.last
            )
        elif len(sides) == 1:
            hit = "lessee" in value and "lessee" in fields
        else:
            hit = any(fields.get(each) and not fields[each].get("renamed") for each in value)
        if not hit:
            return False
    return True


def is_party(party: Party | None, text: str) -> bool:
    if party is None:
        return False
    same = normal(party.name or "") == normal(text) != ""
    return same or (party.handle or "\n").upper() == text.strip().upper()


def test_every_filter_keeps_what_a_loop_over_all_changes_keeps(pairs: Pairs) -> None:
    some: Counter[str] = Counter()
    for old, new in pairs[:3]:
        told = {(id(index), each.net.id): each for index in (old, new) for each in told_of(index)}
        compared = compare(old, new)
        ids = zip(compared.left.tolist(), compared.right.tolist(), strict=True)
        sides = [(told.get((id(old), left)), told.get((id(new), right))) for left, right in ids]
        every = [change.to_dict() for change in changes(old, new)]
        for asked in asked_for(old, new):
            found = [change.to_dict() for change in changes(old, new, **asked)]
            expected = [change for change, pair in zip(every, sides, strict=True)
                        if kept(change, pair, asked)]  # fmt: skip
            assert found == expected, asked
            some.update([*asked] * (0 < len(found) < len(every)))
    assert set(some) == {"lessor", "country", "registry", "inside", "only"}


def test_what_there_is_not_is_the_callers_fault(pairs: Pairs) -> None:
    found = compare(*pairs[0])
    for asked in ({"registry": "NOWHERE"}, {"only": ("netname",)}):
        with pytest.raises(ChangesError, match="is none of"):
            select(found, **asked)
    with pytest.raises(AddressError):
        select(found, inside="10.0.0.1/8")


def test_a_summary_counts_the_rows(pairs: Pairs) -> None:
    for old, new in pairs:
        found = compare(old, new)
        listed = [*changes(old, new)]
        told = summary(found)
        assert told.nets == len(listed)
        assert told.kinds == {kind: sum(one.kind == kind for one in listed) for kind in KINDS}
        both = [each for one in listed if one.kind in ("changed", "transferred")
                for each in one.differences]  # fmt: skip
        assert told.fields == {name: sum(each.field == name for each in both) for name in FIELDS}
        assert told.renamed == {
            name: sum(each.field == name and each.renamed for each in both) for name in PARTIES
        }


def test_a_closed_index_gives_no_changes(tmp_path: Path) -> None:
    one, other = world(Random(1)), world(Random(2))
    old = open_index(one.built(tmp_path / "old", DAYS[0]))
    new = open_index(other.built(tmp_path / "new", DAYS[1]))
    found = changes(old, new)
    next(found)
    new.close()
    with pytest.raises(StoreError, match="closed"):
        list(found)
    old.close()


# -- what counts ------------------------------------------------------------------------------

BLOCK = """\
inetnum: 10.0.0.0 - 10.0.255.255
netname: BLOCK
org: ORG-H1-TEST
abuse-c: H-ROLE
status: ALLOCATED PA
mnt-by: RIPE-NCC-HM-MNT
last-modified: 2020-01-01T00:00:00Z
source: RIPE

organisation: ORG-H1-TEST
org-name: Holder Ltd
source: RIPE

role: Holder desk
nic-hdl: H-ROLE
abuse-mailbox: abuse@holder.example
source: RIPE

role: Tenant desk
nic-hdl: T-ROLE
abuse-mailbox: abuse@tenant.example
source: RIPE
"""
LEAF = """\
inetnum: 10.0.1.0 - 10.0.1.255
netname: LEAF
descr: Tenant Ltd
descr: Second Street 2
country: DE
country: NL
status: ASSIGNED PA
mnt-by: ONE-MNT
mnt-by: TWO-MNT
last-modified: 2020-01-01T00:00:00Z
source: RIPE
"""


def indexed(folder: Path, *texts: str, day: str = DAYS[0], **files: str) -> Index:
    """Build and open an index of a dump, and of others by their names."""
    folder.mkdir(parents=True)
    files |= {"ripe": "\n".join(texts)} if texts else {}
    for name, text in files.items():
        (folder / f"{name}.db").write_text(text)
    dumps = [str(path) for path in sorted(folder.glob("*.db"))]
    target = folder / "index.rirdex"
    build(dumps, str(target), processes=0, snapshot=date.fromisoformat(day))
    return open_index(target)


def said(old: Index, new: Index, **asked: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return kind, key and the fields with their values."""
    return [
        (one.kind, one.key, {each.field: (each.old, each.new) for each in one.differences})
        for one in changes(old, new, **asked)
    ]


SAME_THING = {
    "a date": ("2020-01-01", "2025-01-01"),
    "the order of maintainers": ("mnt-by: ONE-MNT\nmnt-by: TWO-MNT", "mnt-by: two-mnt, ONE-MNT"),
    "the order of countries": ("country: DE\ncountry: NL", "country: nl\ncountry: DE"),
    "the order of attributes": (
        "status: ASSIGNED PA\nmnt-by: ONE-MNT", "mnt-by: ONE-MNT\nstatus: assigned  pa"
    ),
    "the case of a netname": ("LEAF", "leaf"),
    "a line that goes on": ("Second Street 2", "Second\n  Street\n# 3\n+2"),
}  # fmt: skip


@pytest.mark.parametrize("written", SAME_THING)
def test_what_means_the_same_is_no_change(tmp_path: Path, written: str) -> None:
    one, other = SAME_THING[written]
    assert one in LEAF
    old = indexed(tmp_path / "old", BLOCK, LEAF)
    new = indexed(tmp_path / "new", BLOCK, LEAF.replace(one, other), day=DAYS[1])
    assert said(old, new) == []


OTHER_THING: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a later line of descr, the date too": (
        "Second Street 2\n", "Third Street\nlast-modified: 2025-03-02T00:00:00Z\n",
        {"descr": (("Tenant Ltd", "Second Street 2"), ("Tenant Ltd", "Third Street"))},
    ),
    "a legal form": (
        "Tenant Ltd", "TENANT GmbH",
        {"descr": (("Tenant Ltd", "Second Street 2"), ("TENANT GmbH", "Second Street 2"))},
    ),
    "an organisation of the same name": (
        "status", "org: ORG-TEN-TEST\nstatus", {"org": (None, "ORG-TEN-TEST")},
    ),
    "a party": (
        "Tenant Ltd", "Other Ltd",
        {"descr": (("Tenant Ltd", "Second Street 2"), ("Other Ltd", "Second Street 2")),
         "user": (("Tenant Ltd", None), ("Other Ltd", None))},
    ),
    "the holder's name in its place": (
        "Tenant Ltd", "HOLDER",
        {"descr": (("Tenant Ltd", "Second Street 2"), ("HOLDER", "Second Street 2")),
         "user": (("Tenant Ltd", None), None), "verdict": ("unknown", "own-use")},
    ),
    "its own contact": (
        "status", "abuse-c: T-ROLE\nstatus",
        {"contact": ((("abuse@holder.example", None, "ripe.parent"),),
                     (("abuse@tenant.example", None, "ripe.abuse-c"),))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_THING)
def test_what_means_something_else_is_a_change(tmp_path: Path, name: str) -> None:
    one, other, fields = OTHER_THING[name]
    old = indexed(tmp_path / "old", BLOCK, LEAF)
    new = indexed(tmp_path / "new", BLOCK, LEAF.replace(one, other), day=DAYS[1])
    expected = [("changed", "10.0.1.0 - 10.0.1.255", fields)]
    assert said(old, new) == expected
    turned = {field: (new, old) for field, (old, new) in fields.items()}
    assert said(new, old) == [("changed", "10.0.1.0 - 10.0.1.255", turned)]


def test_a_later_line_is_seen_though_the_date_is_that_of_the_old_dump(tmp_path: Path) -> None:
    leaf = LEAF.replace("2020-01-01", DAYS[0])
    old = indexed(tmp_path / "old", BLOCK, leaf)
    new = indexed(tmp_path / "new", BLOCK, leaf.replace("Second", "Third"), day=DAYS[1])
    assert [[*fields] for _, _, fields in said(old, new)] == [["descr"]]


def test_a_holder_of_another_name_is_renamed_for_every_net_below(tmp_path: Path) -> None:
    old = indexed(tmp_path / "old", BLOCK, LEAF)
    new = indexed(tmp_path / "new", BLOCK.replace("Holder Ltd", "Halter AG"), LEAF, day=DAYS[1])
    found = [*changes(old, new)]
    assert [[each.field for each in one.differences] for one in found] == [
        ["org_name", "holder"], ["holder"],
    ]  # fmt: skip
    last = found[1].differences[0]
    assert last.renamed
    assert (last.old, last.new) == (("Holder Ltd", "ORG-H1-TEST"), ("Halter AG", "ORG-H1-TEST"))
    assert not [*changes(old, new, only=["holder"])]
    assert found[1].to_dict()["fields"]["holder"] == {
        "old": {"name": "Holder Ltd", "handle": "ORG-H1-TEST"},
        "new": {"name": "Halter AG", "handle": "ORG-H1-TEST"}, "renamed": True,
    }  # fmt: skip
    other = indexed(tmp_path / "other", BLOCK.replace("ORG-H1", "ORG-H2"), LEAF, day=DAYS[1])
    for one in changes(old, other, only=["holder"]):
        assert not any(each.renamed for each in one.differences)


def test_a_name_that_one_index_does_not_know_is_no_other_name(tmp_path: Path) -> None:
    without = BLOCK.partition("\norganisation")[0] + "\n" + BLOCK[BLOCK.index("role:") :]
    old = indexed(tmp_path / "old", BLOCK, LEAF)
    new = indexed(tmp_path / "new", without, LEAF, day=DAYS[1])
    assert said(old, new) == said(new, old) == []
    found = compare(old, new)
    assert [*notes(found.old, found.new, found.apart)] == [
        "only the old index has organisation objects of RIPE: names and contacts differ for that"
    ]


def test_mailboxes_and_rules_count_but_neither_case_nor_the_day_of_a_check(tmp_path: Path) -> None:
    irt = """\
inetnum: 10.1.0.0 - 10.1.255.255
netname: ASIA
descr: Asian Holder
mnt-irt: IRT-ONE-AP
status: ALLOCATED PORTABLE
source: APNIC

irt: IRT-ONE-AP
e-mail: noc@asia.example
abuse-mailbox: abuse@asia.example
remarks: abuse@asia.example was validated on 2024-05-05
source: APNIC
"""
    old = indexed(tmp_path / "old", BLOCK, LEAF, apnic=irt)
    for k, (one, other) in enumerate((("2024-05-05", "2025-02-02"), ("abuse@", "Abuse@"))):
        new = indexed(tmp_path / str(k), BLOCK, LEAF, apnic=irt.replace(one, other), day=DAYS[1])
        assert said(old, new) == []
    other = irt.replace("mailbox: abuse@asia", "mailbox: cert@asia")
    block = BLOCK.replace("abuse@h", "desk@h")
    new = indexed(tmp_path / "new", block, LEAF, day=DAYS[1], apnic=other)
    assert [(key, fields) for _, key, fields in said(old, new)] == [
        (key, {"contact": (((f"{was}.example", None, rule),), ((f"{now}.example", None, rule),))})
        for key, was, now, rule in (
            ("10.0.0.0 - 10.0.255.255", "abuse@holder", "desk@holder", "ripe.abuse-c"),
            ("10.0.1.0 - 10.0.1.255", "abuse@holder", "desk@holder", "ripe.parent"),
            ("10.1.0.0 - 10.1.255.255", "abuse@asia", "cert@asia", "apnic.mnt-irt"),
        )
    ]
    assert len([*changes(old, new, only=["contact"])]) == 3
    assert not [*changes(old, new, only=["holder", "lessee", "status"])]


# -- pairs ------------------------------------------------------------------------------------

MOVED = LEAF.replace("10.0.1.", "10.9.1.").replace("Tenant Ltd", "Moving Ltd")
ASIAN = MOVED.replace("RIPE", "APNIC").replace("ASSIGNED PA", "ASSIGNED NON-PORTABLE")
STAY = LEAF.replace("10.0.1.", "10.8.1.").replace("RIPE", "APNIC")


def test_a_net_that_moves_to_another_registry_is_one_change(tmp_path: Path) -> None:
    old = indexed(tmp_path / "old", BLOCK, MOVED, apnic=STAY)
    new = indexed(tmp_path / "new", BLOCK, apnic=STAY + "\n" + ASIAN, day=DAYS[1])
    (found,) = changes(old, new)
    assert (found.kind, found.left, found.joined) == ("transferred", "RIPE", "APNIC")
    assert [each.field for each in found.differences] == ["status"]
    assert found.registry == found.source == "APNIC"
    (back,) = changes(new, old)
    assert (back.kind, back.left, back.joined) == ("transferred", "APNIC", "RIPE")
    assert (
        [*changes(old, new, registry="ripe")] == [*changes(old, new, registry="APNIC")] == [found]
    )


def test_a_net_moves_with_its_name_or_handle_only(tmp_path: Path) -> None:
    old = indexed(tmp_path / "old", BLOCK, MOVED, apnic=STAY)
    other = ASIAN.replace("Moving Ltd", "Somebody")
    new = indexed(tmp_path / "new", BLOCK, apnic=STAY + "\n" + other, day=DAYS[1])
    assert [one.kind for one in changes(old, new)] == ["added", "removed"]
    with_org = ("descr", "org: ORG-MOV-TEST\ndescr")
    old = indexed(tmp_path / "with", BLOCK, MOVED.replace(*with_org, 1), apnic=STAY)
    new = indexed(tmp_path / "then", BLOCK, apnic=STAY + "\n" + other.replace(*with_org, 1))
    assert [one.kind for one in changes(old, new)] == ["transferred"]


def of_arin(number: int, org: str, updated: str = "2020-02-02", name: str = "NET") -> str:
    return (
        f"NetHandle: NET-10-3-0-0-{number}\nOrgID: {org}\nNetName: {name}\n"
        "NetRange: 10.3.0.0 - 10.3.255.255\nNetType: reallocation\nRegDate: 2019-01-01\n"
        f"Updated: {updated}\nSource: ARIN\n"
    )  # fmt: skip


def test_nets_of_one_range_are_told_apart_by_handle(tmp_path: Path) -> None:
    nets = [of_arin(1, "ONE"), of_arin(2, "TWO"), of_arin(3, "THREE")]
    old = indexed(tmp_path / "old", arin="\n".join(nets))
    new = indexed(tmp_path / "new", arin="\n".join([
        of_arin(4, "FOUR", "2025-02-02"), of_arin(3, "OTHER", "2025-02-02"), nets[0],
    ]))  # fmt: skip
    found = said(old, new)
    assert sorted((kind, key, fields.get("org")) for kind, key, fields in found) == [
        ("added", "NET-10-3-0-0-4", (None, "FOUR")),
        ("changed", "NET-10-3-0-0-3", ("THREE", "OTHER")),
        ("removed", "NET-10-3-0-0-2", ("TWO", None)),
    ]
    again = indexed(tmp_path / "again", arin="\n".join(reversed(nets)))
    assert said(old, again) == []


def test_a_net_that_is_registered_anew_with_another_handle_is_another_one(tmp_path: Path) -> None:
    old = indexed(tmp_path / "old", arin=of_arin(1, "ONE"))
    new = indexed(tmp_path / "new", arin=of_arin(2, "ONE", "2025-02-02"))
    assert [kind for kind, *_ in said(old, new)] == ["removed", "added"]


def of_lacnic(owner: str, handle: str, status: str = "reassigned") -> str:
    return (f"inetnum: 10.4/16\nstatus: {status}\nowner: {owner}\nowner-c: {handle}\n"
            "created: 20190101\nchanged: 20200101\nsource: LACNIC\n")  # fmt: skip


def test_records_of_one_range_without_a_handle_go_by_status_and_owner(tmp_path: Path) -> None:
    nets = [of_lacnic("Uno", "U1", "allocated"), of_lacnic("Dos", "D2"), of_lacnic("Tres", "T3")]
    old = indexed(tmp_path / "old", lacnic="\n".join(nets))
    changed = of_lacnic("Dos y Medio", "D2")
    new = indexed(tmp_path / "new", lacnic="\n".join([nets[2], changed, nets[0]]))
    assert [(kind, fields["user"]) for kind, _, fields in said(old, new)] == [
        ("changed", (("Dos", None), ("Dos y Medio", None)))
    ]
    alone = indexed(tmp_path / "alone", lacnic=of_lacnic("Uno", "U1"))
    status = indexed(tmp_path / "status", lacnic=of_lacnic("Uno", "u1", "reallocated"))
    assert [[*fields] for _, _, fields in said(alone, status)] == [["status"]]


# -- sources ----------------------------------------------------------------------------------

WIDE_NET = """\
inet6num: 3fff::/32
netname: WIDE
status: ALLOCATED-BY-RIR
mnt-by: RIPE-NCC-HM-MNT
source: RIPE
"""


def test_a_source_that_one_index_has_not_is_left_out(tmp_path: Path) -> None:
    old = indexed(tmp_path / "old", BLOCK, LEAF, WIDE_NET, apnic=STAY)
    new = indexed(tmp_path / "new", BLOCK, LEAF, day=DAYS[1])
    for one, other, name in ((old, new, "old"), (new, old, "new")):
        assert said(one, other) == []
        found = compare(one, other)
        assert [*notes(found.old, found.new, found.apart)] == [
            f"left out: nets of APNIC (1), which only the {name} index has",
            f"left out: IPv6 nets of RIPE (1), which only the {name} index has",
        ]
    assert [(one.kind, one.source) for one in changes(old, new, all_sources=True)] == [
        ("removed", "APNIC"), ("removed", "RIPE"),
    ]  # fmt: skip
    assert {one.kind for one in changes(new, old, all_sources=True)} == {"added"}


def test_routes_that_one_index_has_not_are_noted(tmp_path: Path) -> None:
    before = world(Random(5))
    routed, bare = deepcopy(before), deepcopy(before)
    routed.routes, bare.routes = ["10.0.0.0/20,AS64500\n"], []
    paths = routed.built(tmp_path / "old", DAYS[0]), bare.built(tmp_path / "new", DAYS[1])
    with open_index(paths[0]) as old, open_index(paths[1]) as new:
        found = compare(old, new)
        assert [*notes(found.old, found.new, found.apart)] == [
            "only the old index has routes: verdicts differ for that"
        ]


# -- the command ------------------------------------------------------------------------------


def output(capsys: Capture, old: Index, new: Index, *arguments: str, code: int = 1) -> str:
    assert run(["diff", old.path, new.path, *arguments]) == code
    return capsys.readouterr().out


def test_the_command_writes_what_the_library_says(pairs: Pairs, capsys: Capture) -> None:
    for old, new in pairs:
        listed = [*changes(old, new)]
        lines = output(capsys, old, new, "-f", "jsonl").splitlines()
        assert [json.loads(line) for line in lines] == [one.to_dict() for one in listed]
        head, *rows = csv.reader(io.StringIO(output(capsys, old, new, "-f", "csv")))
        expected = [(one.kind, one.key, one.first, each.field, "yes" if each.renamed else "")
                    for one in listed for each in one.differences]  # fmt: skip
        found = [dict(zip(head, row, strict=True)) for row in rows]
        assert expected == [
            tuple(row[name] for name in ("kind", "key", "first", "field", "renamed"))
            for row in found
        ]
        blocks = output(capsys, old, new).split("\n\n")
        assert [block.split()[0] for block in blocks] == [one.kind for one in listed]
        assert [block.count("\n") for block in map(str.strip, blocks)] == [
            len(one.differences) for one in listed
        ]


def test_options_are_those_of_the_library(pairs: Pairs, capsys: Capture) -> None:
    old, new = pairs[0]
    for options, asked in (
        (["--lessor", "one networks"], {"lessor": "one networks"}),
        (["--country", "de"], {"country": "DE"}), (["--registry", "ripe"], {"registry": "RIPE"}),
        (["--inside", "10.0.0.0/8"], {"inside": "10.0.0.0/8"}),
        (["--only", "lessee", "--only", "status"], {"only": ("lessee", "status")}),
        (["--all-sources"], {"all_sources": True}),
    ):  # fmt: skip
        listed = [one.to_dict() for one in changes(old, new, **asked)]
        text = output(capsys, old, new, "-f", "jsonl", *options, code=1 if listed else 0)
        assert [json.loads(line) for line in text.splitlines()] == listed
    assert set(comparing.ONLY) == set(ONLY)


def test_the_text_is_old_and_new_side_by_side(tmp_path: Path, capsys: Capture) -> None:
    old = indexed(tmp_path / "old", BLOCK, LEAF, MOVED, apnic=STAY)
    block = BLOCK.replace("Holder Ltd", "Halter AG")
    leaf = LEAF.replace("country: DE\n", "").replace("Tenant Ltd", "Other Ltd")
    new = indexed(tmp_path / "new", block, leaf, apnic=STAY + "\n" + ASIAN, day=DAYS[1])
    assert (
        output(capsys, old, new)
        == """\
changed       10.0.0.0/16  RIPE  BLOCK
  org_name    Holder Ltd -> Halter AG
  holder      Holder Ltd (ORG-H1-TEST) -> Halter AG (ORG-H1-TEST), renamed

changed       10.0.1.0/24  RIPE  LEAF
  descr       Tenant Ltd, Second Street 2 -> Other Ltd, Second Street 2
  country     DE, NL -> NL
  holder      Holder Ltd (ORG-H1-TEST) -> Halter AG (ORG-H1-TEST), renamed
  user        Tenant Ltd -> Other Ltd

transferred   10.9.1.0/24  RIPE -> APNIC  LEAF
  status      ASSIGNED PA -> ASSIGNED NON-PORTABLE
"""
    )
    gone = indexed(tmp_path / "gone", block, apnic=STAY + "\n" + ASIAN, day=DAYS[1])
    assert (
        output(capsys, new, gone)
        == """\
removed       10.0.1.0/24  RIPE  LEAF
  netname     LEAF
  descr       Other Ltd, Second Street 2
  country     NL
  status      ASSIGNED PA
  mnt_by      ONE-MNT, TWO-MNT
  holder      Halter AG (ORG-H1-TEST)
  user        Other Ltd
  verdict     unknown
  confidence  low
  contact     abuse@holder.example (ripe.parent)
"""
    )


def test_a_summary_is_the_same_in_every_format(pairs: Pairs, capsys: Capture) -> None:
    for old, new in pairs:
        told = summary(compare(old, new))
        found = json.loads(output(capsys, old, new, "--summary", "-f", "jsonl"))
        assert found == {"schema_version": 1, **told._asdict(), "left_out": []}
        head, *rows = csv.reader(io.StringIO(output(capsys, old, new, "--summary", "-f", "csv")))
        assert head == ["section", "key", "nets"]
        assert rows[0] == ["total", "", str(told.nets)]
        assert {(section, key): int(count) for section, key, count in rows[1:]} == {
            (section, key): count
            for section, counts in (("kind", told.kinds), ("field", told.fields),
                                    ("renamed", told.renamed))
            for key, count in counts.items()
        }  # fmt: skip
        text = output(capsys, old, new, "--summary")
        assert text.startswith(f"{told.nets:,} nets changed\n")


def test_exit_codes_say_whether_anything_changed(
    pairs: Pairs, tmp_path: Path, capsys: Capture
) -> None:
    old, new = pairs[0]
    assert output(capsys, old, old, code=0) == ""
    assert output(capsys, old, new, "--country", "ZZ", code=0) == ""
    assert "nets changed" in output(capsys, old, old, "--summary", code=0)
    for options in (
        ["--registry", "NOWHERE"], ["--only", "netname"], ["--inside", "10.0.0.1/8"], ["-f", "xml"],
        ["extra"],
    ):  # fmt: skip
        assert run(["diff", old.path, new.path, *options]) == 2, options
    assert run(["diff", old.path]) == 2
    capsys.readouterr()
    for missing in ((str(tmp_path / "none"), new.path), (old.path, str(tmp_path / "none"))):
        assert run(["diff", *missing]) == 3
        assert str(tmp_path / "none") in capsys.readouterr().err


def test_notes_go_to_standard_error_and_can_be_left_out(tmp_path: Path, capsys: Capture) -> None:
    old = indexed(tmp_path / "old", BLOCK, LEAF, apnic=STAY)
    new = indexed(tmp_path / "new", BLOCK, LEAF, day=DAYS[1])
    assert run(["diff", old.path, new.path]) == 0
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "rirdex: left out: nets of APNIC (1), which only the old index has\n"
    assert run(["diff", old.path, new.path, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["diff", old.path, new.path, "--all-sources"]) == 1
    assert "removed" in capsys.readouterr().out
    found = json.loads(output(capsys, old, new, "--summary", "-f", "jsonl", code=0))
    assert found["left_out"] == [
        {"registry": "APNIC", "source": "APNIC", "family": 4, "nets": 1, "in": "old"}
    ]


def test_texts_of_dumps_can_neither_drive_a_terminal_nor_a_sheet(
    tmp_path: Path, capsys: Capture
) -> None:
    leaf = LEAF.replace("Tenant Ltd", "=1+1\x1b[31m").replace("netname: LEAF", "netname: @\u202ex")
    old = indexed(tmp_path / "old", BLOCK, LEAF, STAY.replace("APNIC", "RIPE"))
    new = indexed(tmp_path / "new", BLOCK, leaf, day=DAYS[1])
    for one, other in ((old, new), (new, old)):
        for form in FORMATS:
            assert not {"\x1b", "\u202e"} & set(output(capsys, one, other, "-f", form))
        rows = [*csv.reader(io.StringIO(output(capsys, one, other, "-f", "csv", "--csv-safe")))]
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]
        plain = [*csv.reader(io.StringIO(output(capsys, one, other, "-f", "csv")))]
        assert [[cell.removeprefix("'") for cell in row] for row in rows] == plain


def test_a_reader_that_is_gone_ends_it_quietly(
    environment: dict[str, str], program: list[str], pairs: Pairs
) -> None:
    old, new = pairs[0]
    for form in FORMATS:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [*program, "diff", old.path, new.path, "-f", form], stdout=writer,
            stderr=subprocess.PIPE, text=True, timeout=60, env=environment, check=False,
        )  # fmt: skip
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")


# -- real data --------------------------------------------------------------------------------

REAL = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent") / "leases"
OTHERS = ("arin_db.txt.gz", "lacnic.db.gz")
OWN = {"netname", "descr", "country", "status", "org", "org_name", "mnt_by"}
NOTHING = ("reordered", "dated")


@pytest.mark.skipif(not REAL.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps")
def test_exchanged_dumps_differ_in_what_was_exchanged_and_nothing_else(tmp_path: Path) -> None:
    done = exchange(REAL, tmp_path / "dumps", seed=1, each=12)
    for folder, name in ((REAL, "old"), (tmp_path / "dumps", "new")):
        build([str(folder / file) for file in (*FILES.values(), *OTHERS)], str(tmp_path / name),
              routes=[str(REAL / "routes.pfx2as.gz")])  # fmt: skip
    with open_index(tmp_path / "old") as old, open_index(tmp_path / "new") as new:
        found = [change.to_dict() for change in changes(old, new)]
        # What surroundings do to other nets a comparison of all answers says.
        before, after = told_of(old), told_of(new)
        assert in_order(found) == in_order(naive(before, after))
        renamed = {one.first for one in done if one.what == "renamed"}
        named = {(told.net.registry, str(told.net.first), str(told.net.last))
                 for told in after if told.said["org"] in renamed}  # fmt: skip
        own = {
            (one["registry"], one["first"], one["last"]): (
                one["kind"], tuple(sorted(OWN & set(one["fields"]))), one["from"],
            )
            for one in found if one["kind"] != "changed" or OWN & set(one["fields"])
        }  # fmt: skip
        everything = tuple(sorted(OWN))
        expected: dict[tuple[str, str, str], Any] = dict.fromkeys(
            named, ("changed", ("org_name",), None)
        )
        for one in done:
            place = one.registry, one.first, one.last
            if one.what in ("added", "removed"):
                own[place] = (own[place][0], everything, None)
                expected[place] = (one.what, everything, None)
            elif one.what not in ("renamed", *NOTHING):
                kind = "transferred" if one.moved else "changed"
                expected[place] = (kind, tuple(sorted(one.fields)), one.moved)
        assert own == expected
        tenants = {(one.registry, one.first, one.last) for one in done if one.what == "tenant"}
        leased = {
            (told.net.registry, str(told.net.first), str(told.net.last))
            for told in after if told.said["lessee"]
        }  # fmt: skip
        lessees = {
            (one.registry, one.first, one.last) for one in changes(old, new, only=["lessee"])
        }
        assert len(tenants & leased) > len(tenants) / 2
        assert tenants & leased <= lessees
        quiet = {(one.registry, one.first, one.last) for one in done if one.what in NOTHING}
        assert not quiet & set(own)
