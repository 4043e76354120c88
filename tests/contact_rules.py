"""Resolve abuse contacts slowly and plainly, and make up dumps in which every case occurs.

The rules are the registries' own (RIPE NCC's AbuseCFinder; APNIC prop-079 and prop-125; AFRINIC
AFPUB-2010-GEN-006; ARIN's points of contact), over dictionaries that are parsed here. Nothing is
shared with the program.

A made-up handle says by its letter what it leads to:
G a mailbox · T two · V, I one that is marked as validated or invalid · E only an `e-mail` ·
M nothing · N a mailbox without an address · S a masked one · X no object at all.
Organisations carry two letters, what they are and what they refer to: `ORG-NG3-TEST` has no
mailbox of its own and the abuse-c `G3-TEST`.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import NamedTuple

NUMBERS = 12  # objects of each letter
RS = {"RIPE-NCC-HM-MNT", "RIPE-NCC-END-MNT", "RIPE-NCC-LEGACY-MNT"}
WORDS = re.compile(
    r"abus|spam|security|complaint|incident|\b(?:csirt|cert|noc)\b", re.IGNORECASE
)  # fmt: skip
MAIL = re.compile(r"(?<![\w.*+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
MARK = re.compile(r"(\S+@\S+) (?:was validated on ([\d-]{10})|is (invalid))")


class Entry(NamedTuple):
    """Hold what an answer's contact shall be."""

    mailbox: str | None
    handle: str | None
    rule: str
    level: str
    inherited: bool
    status: str
    checked: str | None


class Item(NamedTuple):
    """Hold a mailbox, what has it, and the rule by which it was found."""

    mailbox: str
    handle: str | None
    rule: str
    status: str = "unknown"
    checked: str | None = None


class Record:
    """Hold one parsed object; of a net, its range and the nets around it, the widest first."""

    __slots__ = ("around", "first", "found", "key", "kind", "last", "values")

    def __init__(self, kind: str, key: str, values: dict[str, list[str]]) -> None:
        self.kind, self.key, self.values = kind, key, values
        self.first, self.last = -1, -1
        self.around: list[Record] = []
        self.found: tuple[Record, list[Item]] | None = None

    def lines(self, *names: str) -> list[str]:
        """Return the values of some attributes."""
        return [value for name in names for value in self.values.get(name, ())]

    def handles(self, *names: str) -> list[str]:
        """Return what some attributes refer to, in upper case."""
        parts = (part.strip() for line in self.lines(*names) for part in line.split(","))
        return [part.upper() for part in parts if part]

    def mails(self, name: str) -> list[str]:
        """Return the addresses in an attribute, domains in lower case."""
        return [mail for line in self.lines(name) for mail in mails(line)]


def mails(text: str) -> list[str]:
    """Return the plain addresses in a text, each once, domains in lower case."""
    found = (mail.rpartition("@") for mail in MAIL.findall(text))
    return list(dict.fromkeys(f"{local}@{domain.lower()}" for local, _, domain in found))


def near_abuse(lines: list[str]) -> list[str]:
    """Return the addresses on lines with an abuse word, or beside such a line."""
    marked = [bool(WORDS.search(line)) for line in lines]
    near = (line for k, line in enumerate(lines) if any(marked[max(0, k - 1) : k + 2]))
    return list(dict.fromkeys(mail for line in near for mail in mails(line)))


# -- parsing ----------------------------------------------------------------------------------

_NETS = ("inetnum", "inet6num", "nethandle", "v6nethandle")
_CLASSES = {"pochandle": "role", "orgid": "organisation", "ashandle": "aut-num"}


def parse(text: str) -> Iterator[Record]:
    """Yield the objects of a dump without continuation lines."""
    for block in text.split("\n\n"):
        values: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            values.setdefault(name.lower(), []).append(value.strip())
        kind = next(iter(values), "")
        if not kind:
            continue
        key = values.get("nic-hdl", values[kind])[0]
        record = Record(_CLASSES.get(kind, kind), key if "inet" in kind else key.upper(), values)
        if kind in _NETS:
            record.first, record.last = bounds(values.get("netrange", [key])[0])
        yield record


def bounds(text: str) -> tuple[int, int]:
    """Read a range or an IPv6 prefix."""
    low, _, high = text.partition(" - ")
    if high:
        return number_of(low), number_of(high)
    net = ipaddress.IPv6Network(low)
    return int(net[0]), int(net[-1])


def number_of(address: str) -> int:
    """Read an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, address))


class World:
    """Hold the objects of one registry, nets in the order of first address, wider ones first."""

    def __init__(self, registry: str, text: str) -> None:
        self.registry = registry
        self.known: dict[tuple[str, str], Record] = {}
        self.systems: list[Record] = []
        nets = []
        for record in parse(text):
            self.known[record.kind, record.key] = record
            if record.kind in _NETS:
                nets.append(record)
            elif record.kind == "aut-num":
                self.systems.append(record)
        # Of one range the parent comes first: handles of one range ascend in these dumps.
        self.nets = sorted(nets, key=lambda n: (n.kind, n.first, -n.last, n.key))
        self._nest()
        steps, climbs = RULES[registry]
        for own in steps:
            for each in (each for each in self.nets + self.systems if each.found is None):
                items = own(self, each)
                if items:
                    each.found = each, items
                elif each.around and climbs(each, each.around[-1]):
                    each.found = each.around[-1].found

    def _nest(self) -> None:
        """Note the nets around each net: every one that contains all of it."""
        open_: list[Record] = []
        for net in self.nets:
            open_ = [n for n in open_ if n.kind == net.kind and n.last >= net.first]
            net.around = sorted((n for n in open_ if n.last >= net.last),
                                key=lambda n: n.first - n.last)  # fmt: skip
            open_.append(net)

    def named(self, record: Record, kinds: Iterable[str], *names: str) -> Iterator[Record]:
        """Yield the objects that some attributes refer to."""
        for handle in record.handles(*names):
            found = (self.known[kind, handle] for kind in kinds if (kind, handle) in self.known)
            yield from list(found)[:1]

    def via(
        self, record: Record, name: str, kinds: Iterable[str], rule: str,
        mail: str = "abuse-mailbox",
    ) -> list[Item]:  # fmt: skip
        """Return the mailboxes of the objects that an attribute refers to."""
        return [item for found in self.named(record, kinds, name) for item in of(found, mail, rule)]

    def answer(self, net: Record) -> list[Entry]:
        """Return what an answer whose last net is this one says."""
        source = net.found[0] if net.found else None
        entries = []
        for each in (net, *reversed(net.around)):
            if each.found is None:
                continue
            supplier, items = each.found
            inherited = supplier is not each
            if each is not net and (inherited or each is source or is_block(each)):
                continue
            for item in dict.fromkeys(items):
                rule = f"{self.registry}.parent" if inherited else item.rule
                entries.append(
                    Entry(item.mailbox, item.handle, rule, supplier.key, inherited, *item[3:])
                )
        return entries


def of(record: Record, name: str, rule: str) -> list[Item]:
    """Return the mailboxes of an object, with what APNIC's irts and roles say of them."""
    items = []
    for mail in record.mails(name):
        status, checked = "unknown", None
        for text in record.lines("remarks") if record.kind in ("irt", "role") else ():
            mark = MARK.search(text)
            if mark and rule.startswith("apnic.") and mark[1].lower() == mail.lower():
                status, checked = ("invalid", None) if mark[3] else ("valid", mark[2])
        items.append(Item(mail, record.key, rule, status, checked))
    return items


# -- the registries' rules --------------------------------------------------------------------

Own = Callable[[World, Record], list[Item]]
Climbs = Callable[[Record, Record], bool]
_PEOPLE = ("role", "person")


def maintained_by_rs(record: Record) -> bool:
    """Say whether the RIPE NCC's registration services maintain an object."""
    return not RS.isdisjoint(record.handles("mnt-by", "mnt-lower"))


def is_block(net: Record) -> bool:
    """Say whether a net is the registry's own, or that of a national registry."""
    names = {"EU-ZZ-BLOCK", "APNIC-AP", "JPNIC-NET-JP", "AFRINIC-BLOCK", "ARIN-BLOCK"}
    return not names.isdisjoint(net.lines("netname"))


def ripe(world: World, record: Record) -> list[Item]:
    """Follow the own abuse-c, else that of the organisation."""
    own = world.via(record, "abuse-c", ("role",), "ripe.abuse-c")
    return own or [
        item
        for org in world.named(record, ("organisation",), "org")
        for item in world.via(org, "abuse-c", ("role",), "ripe.org.abuse-c")
    ]


def apnic(world: World, record: Record) -> list[Item]:
    """Follow abuse-c, mnt-irt (else its e-mail), and weakly the organisation's e-mail."""
    if is_block(record):
        return []
    return (
        world.via(record, "abuse-c", ("role",), "apnic.abuse-c")
        or world.via(record, "mnt-irt", ("irt",), "apnic.mnt-irt")
        or world.via(record, "mnt-irt", ("irt",), "apnic.irt.e-mail", "e-mail")
        or world.via(record, "org", ("organisation",), "apnic.org.e-mail", "e-mail")
    )


def afrinic(world: World, record: Record) -> list[Item]:
    """Follow the six places in their order."""
    if is_block(record):
        return []
    orgs = list(world.named(record, ("organisation",), "org"))
    lines = record.lines("descr", "remarks")
    said = near_abuse(lines) or [mail for line in lines for mail in mails(line)]
    return (
        world.via(record, "abuse-c", ("role",), "afrinic.abuse-c")
        or world.via(record, "mnt-irt", ("irt",), "afrinic.mnt-irt")
        or world.via(record, "org", ("organisation",), "afrinic.org")
        or [item for org in orgs for item in world.via(org, "abuse-c", ("role",), "afrinic.org")]
        or world.via(record, "tech-c", _PEOPLE, "afrinic.tech-c")
        or world.via(record, "admin-c", _PEOPLE, "afrinic.admin-c")
        or world.via(record, "mnt-by", ("mntner",), "afrinic.mnt-by")
        or [Item(mail, None, "afrinic.remarks") for mail in said]
    )


def arin(world: World, record: Record) -> list[Item]:
    """Follow the points of contact for abuse: the net's, else the organisation's."""
    return [] if is_block(record) else _points(world, record, "abuse")


def arin_others(world: World, record: Record) -> list[Item]:
    """Follow NOC and Tech of the net, of the organisation, then the comments."""
    if is_block(record):
        return []
    found = _points(world, record, "noc", "tech")
    for each in (record, *world.named(record, ("organisation",), "orgid")):
        lines = each.lines("comment")
        found = found or [Item(mail, None, "arin.comment") for mail in near_abuse(lines)]
        clauses = (part for line in lines for part in re.split("[;,]", line))
        named = [
            handle for part in clauses if "abuse" in part.lower()
            for handle in re.findall(r"\b[A-Z0-9]+-ARIN\b", part.upper())
        ]  # fmt: skip
        points = filter(None, (world.known.get(("role", handle)) for handle in named))
        found = found or [item for point in points for item in of(point, "mailbox", "arin.comment")]
    return found


def _points(world: World, record: Record, *kinds: str) -> list[Item]:
    orgs = list(world.named(record, ("organisation",), "orgid"))
    for place, prefix in ((record, ""), *((org, "org") for org in orgs)):
        for kind in kinds:
            rule = f"arin.{kind}" if kind != "abuse" else f"arin.{prefix or 'net'}.abuse"
            found = world.via(place, f"{prefix}{kind}handle", _PEOPLE, rule, "mailbox")
            if found:
                return found
    return []


def _outside_blocks(net: Record, parent: Record) -> bool:
    return not is_block(parent)


RULES: dict[str, tuple[list[Own], Climbs]] = {
    "ripe": ([ripe], lambda net, parent: not maintained_by_rs(net)),
    "apnic": ([apnic], _outside_blocks),
    "afrinic": ([afrinic], _outside_blocks),
    "arin": ([arin, arin_others], _outside_blocks),
}


# -- dumps ------------------------------------------------------------------------------------

Pairs = list[tuple[str, str]]
# Of each attribute of a net how its handles look, and what is drawn: letters of one or more
# handles, - for no such attribute.
_DRAWN = {
    "ripe": (
        ("abuse-c", "{}-TEST", "- - - G X M N T G+T X+G"),
        ("org", "ORG-{}-TEST", "- - MG MG MT MX MM MN MO XX"),
        ("mnt-irt", "IRT-{}-TEST", "- - G"),
        ("tech-c", "{}-TEST", "PM PG G"),
    ),
    "apnic": (
        ("abuse-c", "{}-TEST", "- - - - - V I G X M N T"),
        ("mnt-irt", "IRT-{}-TEST", "- - - - V I G T E N M X G+V X+E"),
        ("org", "ORG-{}-TEST", "- - - EO MO XX"),
        ("tech-c", "{}-TEST", "PM PG G"),
    ),
    "afrinic": (
        ("abuse-c", "{}-TEST", "- - - - - - G X S M"),
        ("mnt-irt", "IRT-{}-TEST", "- - - - - - G T X S N"),
        ("org", "ORG-{}-TEST", "- - - - - GO MG SG MX MO XX"),
        ("tech-c", "{}-TEST", "M PM PM S X X PG M+PG G"),
        ("admin-c", "{}-TEST", "M PM PM S X X PG G"),
        ("mnt-by", "{}-MNT", "M M M M X S G M+G"),
    ),
    "arin": (
        ("OrgID", "{}", "OOO OOO OOO GGG MOO OGM OOG XXX MXG"),
        ("AbuseHandle", "{}-ARIN", "- - - - - - G X M T G+T"),
        ("NOCHandle", "{}-ARIN", "- - - - - - G X M"),
        ("TechHandle", "{}-ARIN", "- - - - - - G X T"),
    ),
}  # fmt: skip
_WORDS = {name: {drawn[0]: drawn[2].split() for drawn in rows} for name, rows in _DRAWN.items()}
_NOTES = (
    "", "", "", "", "Write to info@n{}.example|about prices.", "Report spam|to|desk@n{}.example",
    "Abuse reports: abuse@n{}.example|or by phone.|Sales:|sales@n{}.example",
    "For abuse write to ***@n{}.example", "Abuse POC: G{}-ARIN; Admin POC: T{}-ARIN",
    "abuse contact is X{}-ARIN", "Ask T{}-ARIN",
)  # fmt: skip
# The registries' own blocks; at APNIC a NIR's block lies in each.
_BLOCKS = {
    "ripe": "netname:EU-ZZ-BLOCK|org:ORG-NCC1-RIPE|status:ALLOCATED UNSPECIFIED"
    "|mnt-by:RIPE-NCC-HM-MNT|abuse-c:T1-TEST",
    "apnic": "netname:APNIC-AP|org:ORG-APNI1-AP|status:ALLOCATED PORTABLE|mnt-by:APNIC-HM"
    "|abuse-c:V1-TEST|mnt-irt:IRT-V1-TEST",
    "afrinic": "netname:AFRINIC-BLOCK|org:ORG-AFNC1-AFRINIC|status:ALLOCATED UNSPECIFIED"
    "|mnt-by:AFRINIC-HM-MNT|tech-c:G1-TEST|remarks:abuse@registry.example",
    "arin": "OrgID:ARIN|NetName:ARIN-BLOCK|NetType:rir|AbuseHandle:G1-ARIN",
}
_NIR = "netname:JPNIC-NET-JP|status:ALLOCATED PORTABLE|mnt-by:MAINT-JPNIC|mnt-irt:IRT-G1-TEST"
STATUS = {
    "ripe": (("ALLOCATED PA", "ASSIGNED PI", "LEGACY"), ("ASSIGNED PA", "LEGACY")),
    "apnic": (("ALLOCATED PORTABLE",), ("ALLOCATED NON-PORTABLE", "ASSIGNED NON-PORTABLE")),
    "afrinic": (("ALLOCATED PA", "ASSIGNED PI"), ("ASSIGNED PA",)),
    "arin": (("allocation",), ("reallocation", "reassignment")),
    "lacnic": (("allocated",), ("reallocated",)),
}
FIRST4, FIRST6 = 0xF0000000, 0xFD << 120
BLOCK4, BLOCK6 = 25, 108  # bits of the registry's blocks: the first 4,096 trees


def text_of(pairs: Iterable[tuple[str, str]]) -> str:
    """Write an object."""
    return "".join(f"{name + ':':<16}{value}\n" for name, value in pairs) + "\n"


def pairs_of(text: str) -> Pairs:
    """Read attributes that are written as `name:value|name:value`."""
    parts = (part.partition(":") for part in text.split("|") if part)
    return [(name.strip(), value.strip()) for name, _, value in parts]


def objects(registry: str) -> str:
    """Write the objects that handles lead to; no object has the letter X."""
    found = _arin_objects() if registry == "arin" else _rpsl_objects(registry.upper())
    return "".join(map(text_of, found))


def _mailboxes(letter: str, number: int) -> Pairs:
    """Return the attributes of an object with a letter."""
    name = f"abuse@{letter.lower()}{number}.example"
    styles = (name, f"Desk <abuse@{letter}{number}.Example>", f"{name} (preferred)")
    values = {
        "G": [styles[number % 3]], "T": [name, f"cert@t{number}.example"], "V": [name],
        "I": [name], "N": ["none known"], "S": [f"***@s{number}.example"],
    }  # fmt: skip
    pairs = [("abuse-mailbox", value) for value in values.get(letter, ())]
    marks = {"V": f"was validated on 2026-0{number % 9 + 1}-17", "I": "is invalid"}
    if letter in marks:
        pairs += [("remarks", "Generated from irt object"), ("remarks", f"{name} {marks[letter]}")]
    return pairs + ([("e-mail", f"mail@{letter.lower()}{number}.example")] if letter != "M" else [])


def _rpsl_objects(source: str) -> Iterator[Pairs]:
    for number in range(NUMBERS):
        for letter in "GTVIEMNS":
            own = [*_mailboxes(letter, number), ("source", source)]
            yield [("role", "Desk"), ("nic-hdl", f"{letter}{number}-TEST"), *own]
            yield [("person", "Somebody"), ("nic-hdl", f"P{letter}{number}-TEST"), *own]
            yield [("irt", f"IRT-{letter}{number}-TEST"), *own]
            yield [("mntner", f"{letter}{number}-MNT"), *own]
        for letter, ref in ((letter, ref) for letter in "GMES" for ref in "GTMNXO"):
            refers = [("abuse-c", f"{ref}{number}-TEST")] if ref != "O" else []
            yield [
                ("organisation", f"ORG-{letter}{ref}{number}-TEST"), ("org-name", "Organisation"),
                *refers, *_mailboxes(letter, number), ("source", source),
            ]  # fmt: skip


def _arin_objects() -> Iterator[Pairs]:
    source = ("Source", "ARIN")
    for number in range(NUMBERS):
        for letter in "GTM":
            head = [("POCHandle", f"{letter}{number}-ARIN"), ("IsRole", "YN"[number % 2])]
            own = [value for name, value in _mailboxes(letter, number) if name == "abuse-mailbox"]
            yield [*head, ("LastName", "Desk"), *(("Mailbox", value) for value in own), source]
        for letters in ("OOO", "GGG", "MOO", "OGM", "OOG", "MXG"):
            kinds = zip(("Abuse", "NOC", "Tech"), letters, strict=True)
            refers = [(f"Org{kind}Handle", f"{x}{number}-ARIN") for kind, x in kinds if x != "O"]
            note = f"Abuse: org@n{number}.example" if letters == "OOO" and number % 2 else "No."
            yield [("OrgID", f"{letters}{number}"), ("OrgName", f"Organisation {number}"),
                   ("Comment", note), *refers, source]  # fmt: skip


def spans(rng: Random, first: int, last: int, depth: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield ranges in a range, and their depths; some cross."""
    yield first, last, depth
    size = last - first + 1
    if depth == 5 or size < 16:
        return
    parts = rng.choice((0, 0, 1, 1, 2, 2) if depth else (0, 1, 2, 3))
    step = size // max(parts, 1)
    for low in (first + part * step for part in range(parts)):
        begin, end = (rng.randrange(step // 4 + 1) for _ in range(2))
        yield from spans(rng, low + begin, low + step - 1 - end, depth + 1)
    if parts > 1 and rng.random() < 0.3:
        yield first + step // 2, first + step + step // 2, depth + 1


def spans6(rng: Random, first: int, bits: int, depth: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield prefixes in a prefix as ranges, and their depths."""
    yield first, first + (1 << 128 - bits) - 1, depth
    for part in rng.sample(range(256), rng.choice((0, 1, 1, 2))) if depth < 5 else ():
        yield from spans6(rng, first | part << 120 - bits, bits + 8, depth + 1)


def layout(rng: Random, registry: str, count: int) -> dict[tuple[int, int], int]:
    """Return about so many ranges, each once, and their depths; -1 is a registry's block."""
    blocks = [(FIRST4, BLOCK4), (FIRST6, BLOCK6)]
    blocks += [(FIRST4, BLOCK4 - 2), (FIRST6, BLOCK6 - 2)] if registry == "apnic" else []
    found = {(first, first + (1 << bits) - 1): -1 for first, bits in blocks}
    tree = 0
    while len(found) < count:
        tree += 1
        low = FIRST4 + tree * 8192
        more = spans(rng, low, low + 4095) if tree % 7 else spans6(rng, FIRST6 | tree << 96, 32)
        for first, last, depth in more:
            found.setdefault((first, last), depth)
    return found


def _body(rng: Random, registry: str, first: int, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a net or, with depth 9, of an AS number, from its name on."""
    if depth < 0:
        yield from pairs_of(_BLOCKS[registry] if first else _NIR)
        return
    arin = registry == "arin"
    if depth < 9:
        yield ("NetName" if arin else "netname"), f"NET-{first:X}"[:40]
        yield ("NetType" if arin else "status"), rng.choice(STATUS[registry][depth > 0])
    bare = depth == 0 and rng.random() < 0.6
    for name, form, _ in _DRAWN[registry]:
        word = rng.choice(_WORDS[registry][name])
        if word == "-" or (bare and name != "OrgID"):
            continue
        handles = [form.format(f"{letters}{rng.randrange(NUMBERS)}") for letters in word.split("+")]
        if rng.random() < 0.1:
            handles = [handle.lower() for handle in handles]
        if len(handles) > 1 and not arin and rng.random() < 0.5:
            handles = [", ".join(handles)]
        yield from ((name, handle) for handle in handles)
    if registry == "ripe":
        yield "mnt-by", "A-MNT, B-MNT" if rng.random() < 0.3 else "A-MNT"
        wide = depth in (0, 9)
        place = rng.choice(("", "", "mnt-by", "mnt-by", "mnt-lower") if wide else
                           ("", "", "", "", "", "mnt-by", "mnt-lower"))  # fmt: skip
        if place:
            handle = rng.choice(sorted(RS))
            yield place, rng.choice((handle, f"C-MNT,{handle}", handle.lower()))
    elif registry == "apnic":
        yield "mnt-by", "MAINT-A-TEST"
    name = "Comment" if arin else rng.choice(("remarks", "descr"))
    text = rng.choice(_NOTES).replace("{}", f"{rng.randrange(NUMBERS)}")
    yield from ((name, line) for line in text.split("|") if line)


def dump(registry: str, count: int, seed: int = 1) -> str:
    """Write a dump of about so many nets, and AS numbers; every seventh tree is IPv6."""
    rng = Random(seed)
    write = _arin_net if registry == "arin" else _rpsl_net
    found = [objects(registry)]
    for number in range(count // 7):
        name = f"AS{4_200_000_000 + number}"
        head = (
            [("ASHandle", name), ("ASName", "X"), ("ASNumber", name[2:])] if registry == "arin"
            else [("aut-num", name), ("as-name", "X"), ("sponsoring-org", "ORG-MG1-TEST")]
        )  # fmt: skip
        found.append(_written(head, _body(rng, registry, number, 9), registry))
    above: Above = {}
    for (first, last), depth in layout(rng, registry, count).items():
        found += write(rng, registry, first, last, depth, above)
    return "".join(found)


Above = dict[tuple[bool, int], str]  # ARIN: the handle of the net around, by family and depth


def _written(head: Pairs, body: Iterable[tuple[str, str]], registry: str) -> str:
    source = ("Source" if registry == "arin" else "source", registry.upper())
    return text_of([*head, *body, source])


def _span(first: int, last: int) -> tuple[bool, str]:
    six = first > 1 << 32
    make = ipaddress.IPv6Address if six else ipaddress.IPv4Address
    return six, f"{make(first)} - {make(last)}"


def _rpsl_net(
    rng: Random, registry: str, first: int, last: int, depth: int, above: Above
) -> Iterator[str]:
    six, span = _span(first, last)
    size = last - first + 1
    key = f"{span.partition(' ')[0]}/{129 - size.bit_length()}" if six else span
    nir = depth < 0 and size in (1 << BLOCK4 - 2, 1 << BLOCK6 - 2)
    body = _body(rng, registry, 0 if nir else first, depth)
    yield _written([("inet6num" if six else "inetnum", key)], body, registry)


def _arin_net(
    rng: Random, registry: str, first: int, last: int, depth: int, above: Above
) -> Iterator[str]:
    """Yield a net, and sometimes one of the same range in it."""
    six, span = _span(first, last)
    inside = first >> BLOCK4 == FIRST4 >> BLOCK4 or first >> BLOCK6 == FIRST6 >> BLOCK6
    parent = above.get((six, depth), "") if depth or inside else ""
    for twin in range(2 if depth >= 0 and rng.random() < 0.1 else 1):
        handle = f"NET{'6' if six else ''}-{first:X}-{depth + 1}{twin}"
        head = [("V6NetHandle" if six else "NetHandle", handle), ("Parent", parent),
                ("NetRange", span)]  # fmt: skip
        yield _written(head, _body(rng, registry, first, depth), registry)
        above[six, depth + 1] = parent = handle
