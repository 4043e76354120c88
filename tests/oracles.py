"""Hold the naive answers that tests compare with, and strategies for dumps and ranges.

Everything here is written for being obviously right, never for speed, and shares no code with
what it checks, but for finding mail addresses in a line, which has tests of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from rirdex.query.mailboxes import addresses, near_abuse

FREE_TEXT = (b"netname", b"descr", b"org-name", b"role", b"person", b"as-name")
BLANKS = bytes(range(33))


class Parsed(NamedTuple):
    """Hold an object: where its text lies, and its attributes (name in lower case, value)."""

    start: int
    end: int
    attributes: list[tuple[bytes, bytes]]


def parse(text: bytes) -> list[Parsed]:
    """Cut a text into objects; an attribute without a name is a line that is none."""
    objects: list[tuple[list[int], list[tuple[bytes, list[bytes]]]]] = []
    begin, fresh = 0, True
    for raw in text.split(b"\n"):
        line = raw.removesuffix(b"\r")
        opening = fresh and not line.strip(b" \t")
        if line and line[0] not in b"#%" and not opening:
            if fresh:
                objects.append(([begin, 0], []))
            span, attributes = objects[-1]
            span[1], fresh = begin + len(line), False
            name, colon, value = line.partition(b":")
            if line[0] not in b" \t+":
                attributes.append((name.lower() if colon else b"", [value]))
            elif attributes:
                attributes[-1][1].append(line[1:])
            else:
                attributes.append((b"", []))
        fresh = fresh or not line
        begin += len(raw) + 1
    return [Parsed(s[0], s[1], [(n, _joined(n, p)) for n, p in a]) for s, a in objects]


def _joined(name: bytes, parts: Iterable[bytes]) -> bytes:
    if name not in FREE_TEXT:
        parts = [part.partition(b"#")[0] for part in parts]
    return b" ".join(part for part in (part.strip(BLANKS) for part in parts) if part)


def decode(value: bytes) -> str:
    """Read a value as UTF-8, else as latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def folded(value: str) -> str:
    """Return a handle or status as it is compared: upper case, ASCII blanks collapsed."""
    return " ".join(re.split(r"[ \t\n\r\x0b\x0c]+", value.upper())).strip(" ")


# -- contacts ---------------------------------------------------------------------------------

REFERENCES = {
    b"abuse-c": "a", b"abusehandle": "a", b"orgabusehandle": "a", b"mnt-irt": "i",
    b"tech-c": "t", b"techhandle": "t", b"orgtechhandle": "t", b"admin-c": "d",
    b"nochandle": "d", b"orgnochandle": "d", b"owner-c": "o", b"mnt-lower": "l",
    b"sponsoring-org": "p",
}  # fmt: skip
MAILBOXES = {b"abuse-mailbox": "m", b"mailbox": "m", b"e-mail": "e"}
PEOPLE = (b"tech-c", b"admin-c", b"owner-c", b"mnt-lower")  # of nets and AS numbers alone
PRIVATE = (b"notify", b"mnt-nfy", b"upd-to", b"ref-nfy", b"irt-nfy", b"e-mail", b"changed")
DESKS = ("abuse", "security", "csirt", "cert", "noc")
RESOURCES = (b"inetnum", b"inet6num", b"nethandle", b"v6nethandle", b"aut-num", b"ashandle")
OF_ARIN = (b"nethandle", b"v6nethandle", b"orgid", b"ashandle")
CONTINUED = b"+"


class Line(NamedTuple):
    """Hold a line of an object: its name or `CONTINUED`, what it belongs to, value and text."""

    name: bytes
    owner: bytes
    value: str
    whole: bytes


class Said(NamedTuple):
    """Hold what an object says of contacts: its items, and whether its text may tell more."""

    items: list[str]
    says: bool


def lines_in(text: bytes) -> list[Line]:
    """Return the lines of one object that are no comments."""
    found: list[Line] = []
    for raw in text.split(b"\n"):
        line = raw.removesuffix(b"\r")
        name, colon, value = line.partition(b":")
        name = name.lower() if colon else b""
        if line[:1] in (b" ", b"\t", b"+"):
            owner = found[-1].owner if found else b""
            found.append(Line(CONTINUED, owner, decode(line[1:].strip(BLANKS)), line))
        elif line and line[:1] not in (b"#", b"%"):
            found.append(Line(name, name, decode(value.strip(BLANKS)), line))
    return found


def source_of(item: Parsed) -> str:
    """Return the first source that an object names."""
    values = (value for name, value in item.attributes if name == b"source" and value)
    return folded(decode(next(values, b"")))


def dummified(text: bytes) -> bool:
    """Say whether a chunk is of the RIPE NCC's public dump: who is named in it is not read."""
    # Where the RIPE NCC's dumps have the value.
    places = [at for at in _line_starts(text) if text[at : at + 7].lower() == b"source:"]
    ripe = bool(places) and all(text[at + 16 : at + 20] == b"RIPE" for at in places)
    return ripe and b"DUMY-RIPE" in text


def _line_starts(text: bytes) -> list[int]:
    return [0, *(at + 1 for at, byte in enumerate(text) if byte == 10)]


def said_by(item: Parsed, text: bytes, dummies: bool) -> Said:
    """Return what an object in a text says of contacts."""
    lead = item.attributes[0][0]
    lines = lines_in(text[item.start : item.end])
    of_apnic = source_of(item) == "APNIC"
    telling = _telling(lines, lead in (b"inetnum", b"inet6num"), dummies, of_apnic)
    items = [
        made
        for name, value in item.attributes
        if value and not (dummies and name in (b"tech-c", b"admin-c", b"e-mail"))
        if lead in RESOURCES or name not in PEOPLE
        for made in _items(name, decode(value))
    ]
    if source_of(item) == "APNIC" and lead in (b"irt", b"role"):
        marks = [mark for line in lines if line.name in (b"remarks", CONTINUED) for mark in
                 _marks(line)]  # fmt: skip
        items += marks
    if lead in OF_ARIN:
        items += _commented([line.value for line in lines if line.owner == b"comment"])
    elif source_of(item) == "AFRINIC" and lead in RESOURCES and telling:
        noted = [line.value for line in lines if line.owner in (b"remarks", b"descr")]
        found = near_abuse(noted) or [mail for line in noted for mail in addresses(line)]
        items += dict.fromkeys(f"s:{mail}" for mail in found)
    return Said(items, any(_to_be_read(line) for line in telling))


def _items(name: bytes, value: str) -> list[str]:
    """Return the items of one value."""
    if name in REFERENCES:
        names = [folded(part) for part in value.split(",")]
        return [f"{REFERENCES[name]}:{part}" for part in names if part]
    if name not in MAILBOXES:
        return []
    found = [f"{MAILBOXES[name]}:{mail}" for mail in addresses(value)]
    return found or (["b:"] if MAILBOXES[name] == "m" else [])


def _marks(line: Line) -> list[str]:
    """Return what the marks of validation in a line say, valid ones first."""
    words = decode(line.whole).split()
    valid, invalid = [], []
    for k, word in enumerate(words):
        if words[k + 1 : k + 4] == ["was", "validated", "on"]:
            day = re.match(r"\d{4}-\d\d-\d\d", "".join(words[k + 4 : k + 5]))
            valid += [f"v:{day[0]} {mail}" for mail in addresses(word)] if day else []
        if words[k + 1 : k + 2] == ["is"] and "".join(words[k + 2 : k + 3]).startswith("invalid"):
            invalid += [f"x:{mail}" for mail in addresses(word)]
    return valid + invalid


def _commented(lines: list[str]) -> Iterable[str]:
    """Return the addresses near a word like abuse, and the handles where abuse is named."""
    found = [f"s:{mail}" for mail in near_abuse(lines)]
    for line in lines:
        for clause in line.replace(";", ",").upper().split(","):
            if "ABUSE" in clause:
                names = re.findall(r"\b[A-Z0-9]+-ARIN\b", clause, re.ASCII)
                found += [f"h:{name}" for name in names]
    return dict.fromkeys(found)


def _telling(lines: list[Line], net: bool, dummies: bool, of_apnic: bool) -> list[Line]:
    """Return the lines that may hold an address: no masked one, and none that is only validated.

    Disguised addresses count in free text, but in the RIPE NCC's public dump neither in remarks
    that begin with a star where its own do, nor in further lines of descr of nets.
    """
    described = [line for line in lines if line.name == b"descr"]
    further = described[1:] if dummies and net and any(d.value for d in described) else []
    starred = [line for line in lines if line.name == b"remarks" and line.whole[16:17] == b"*"]
    apart = {id(line) for line in further + (starred if dummies else [])}
    found = []
    for line in lines:
        if of_apnic and (b"was validated on " in line.whole or b"is invalid" in line.whole):
            continue
        free = line.name in (b"remarks", b"descr", b"comment", CONTINUED) and id(line) not in apart
        plain = re.search(rb"(?<!\*)@", line.whole) is not None
        if plain or (free and addresses(line.value)):
            found.append(line)
    return found


def _to_be_read(line: Line) -> bool:
    """Say whether who reads an object as free text is to read a line that may hold an address."""
    if line.name in PRIVATE:
        return line.value.lower().startswith(DESKS)
    return line.name not in (b"abuse-mailbox", b"mailbox")


# -- chains -----------------------------------------------------------------------------------


class Range(NamedTuple):
    """Hold a net as far as it decides over chains; ``rank`` and ``registry`` as in `design.md`."""

    first: int
    last: int
    rank: int = 0
    registry: int = 0


def chain(nets: Sequence[Range], address: int) -> list[int]:
    """Return the indices of the nets that contain an address, in the order of a chain."""

    def order(k: int) -> tuple[int, int, int, int]:
        net = nets[k]
        return net.first - net.last, net.rank, net.first, net.registry

    return sorted((k for k, n in enumerate(nets) if n.first <= address <= n.last), key=order)


def probes(nets: Iterable[Range], top: int, others: Iterable[int]) -> list[int]:
    """Return the borders of nets with their neighbours, the ends of the space, and others."""
    near = [b + d for n in nets for b in (n.first, n.last) for d in (-1, 0, 1)]
    return sorted(p for p in {*near, 0, top, *others} if 0 <= p <= top)


# -- ranges -----------------------------------------------------------------------------------

TOP4, TOP6 = 2**32 - 1, 2**128 - 1
_ANCHOR6 = 0x20010DB8 << 96


def _ranges(address: st.SearchStrategy[int], sizes: Sequence[int], top: int) -> st.SearchStrategy[
    tuple[int, int]
]:  # fmt: skip
    """Return ranges whose ends meet, nest and cross often: few anchors, few sizes."""

    def of_size(first: int, size: int) -> tuple[int, int]:
        return first, min(first + size - 1, top)

    def prefix(inside: int, bits: int) -> tuple[int, int]:
        return inside >> bits << bits, inside | ((1 << bits) - 1)

    def between(one: int, other: int) -> tuple[int, int]:
        return min(one, other), max(one, other)

    bits = st.integers(0, top.bit_length())
    return st.one_of(
        st.builds(of_size, address, st.sampled_from(sizes)),
        st.builds(prefix, address, bits),
        st.builds(between, address, address),
        st.just((0, top)),
    )


addresses4 = st.one_of(
    st.integers(0, 24).map(lambda k: 0x0A000000 + k),
    st.integers(0, 24).map(lambda k: 0x0A000000 + (k << 8)),
    st.sampled_from([0, 1, TOP4 - 1, TOP4, 0x0A00FFFF, 0x0A010000, 1 << 31]),
    st.integers(0, TOP4),
)
ranges4 = _ranges(addresses4, [1, 2, 3, 5, 8, 16, 256, 300, 65536, 1 << 24], TOP4)
# In one /64, at its borders, in many /64 of one /48, in many /32, and anywhere.
addresses6 = st.one_of(
    st.integers(0, 24).map(lambda k: _ANCHOR6 + k),
    st.integers(0, 40).map(lambda k: _ANCHOR6 + (k << 64)),
    st.integers(0, 24).map(lambda k: _ANCHOR6 + (k << 80)),
    st.integers(0, 9).map(lambda k: _ANCHOR6 + (k << 96)),
    st.integers(-2, 2).map(lambda k: _ANCHOR6 + (1 << 64) + k),
    st.sampled_from([0, 1, 2**64 - 1, 2**64, TOP6 - 1, TOP6, TOP6 - 2**64, 1 << 127]),
    st.integers(0, TOP6),
)
_SIZES6 = [1, 2, 3, 5, 2**16, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 3 * 2**64, 2**80, 2**96]
ranges6 = _ranges(addresses6, _SIZES6, TOP6)


# -- dumps ------------------------------------------------------------------------------------

CLASSES = (
    b"organisation", b"role", b"person", b"irt", b"mntner", b"aut-num", b"route", b"route6",
    b"inetnum", b"inet6num",
)  # fmt: skip
COUNTED = (
    b"as-block", b"as-set", b"domain", b"filter-set", b"inet-rtr", b"key-cert", b"limerick",
    b"peering-set", b"poem", b"poetic-form", b"route-set", b"rtr-set", b"dictionary",
    b"repository",
)  # fmt: skip
CONTACT = (
    b"abuse-c", b"mnt-irt", b"mnt-lower", b"tech-c", b"admin-c", b"abuse-mailbox", b"e-mail",
    b"notify",
)  # fmt: skip
ATTRIBUTES = (
    b"netname", b"descr", b"country", b"org", b"status", b"mnt-by", b"created",
    b"last-modified", b"changed", b"source", b"nic-hdl", b"org-name", b"org-type", b"as-name",
    b"origin", *CONTACT,
)  # fmt: skip
# Names that are not looked for, or nearly those that are.
OTHERS = (
    b"remarks", b"remark", b"abuse-mailboxes", b"netnam", b"netnamee", b"descr-", b"last-modifie",
    b"last-modifiedd", b"organisatio", b"organisation-", b"org_name", b"inetnum ", b"x", b"",
    b"sponsoring-organisation-name", b"mnt-b", b"routes", b"route66", b"as-setx", b"created\0",
)  # fmt: skip
_VALUES: dict[bytes, tuple[bytes, ...]] = {
    b"inetnum": (
        b"192.0.2.0 - 192.0.2.255", b"192.0.2.0-192.0.2.255", b"192.0.2.9 - 192.0.2.1",
        b"10.0.0.0/8", b"10.1.2.3 / 24", b"0.0.0.0 - 255.255.255.255", b"192.0.2.256 - 192.0.3.0",
        b"192.0.2.00 - 192.0.2.1", b"192.0.2.7", b"192.0.2.0  -  192.0.2.255", b"192.0.2.0 -",
        b"2001:db8::/32", b"192.0.2.0 - 192.0.2.255 x", b"198.51.100.17 - 198.51.100.17",
        b"192.0.2.0/33", b"192.0.2.0/024", b"192.0.2.0 - 2001:db8::1",
    ),
    b"inet6num": (
        b"2001:db8::/32", b"2001:DB8::1/128", b"::/0", b"2001:db8::5/64", b"2001:db8::/129",
        b"2001:db8:: - 2001:db8::ffff", b"2001:db8::ffff - 2001:db8::", b"2001:db8::",
        b"10.0.0.0/8",
        b"ffff::/16", b"fe80::1%eth0/64", b"2001:db8::/64/3", b"2001:db8::/+3",
    ),
    b"created": (
        b"2015-03-09T17:35:16Z", b"1970-01-01T00:00:00Z", b"2015-03-09", b"20150309",
        b"1999-02-29T00:00:00Z", b"2000-02-29T23:59:59Z", b"1900-02-29T00:00:00Z",
        b"0000-01-01T00:00:00Z", b"1969-12-31T23:59:59Z", b"2015-13-09T17:35:16Z",
        b"2015-03-09T24:00:00Z", b"2015-03-09t17:35:16Z", b"yesterday", b"9999-12-31T23:59:59Z",
        b"2100-03-01T00:00:00Z", b"0001-01-01T00:00:00Z",
    ),
    b"changed": (
        b"hostmaster@example.net 20010118", b"a@example.net 20019999", b"a@example.net",
        b"x20100102@example.net 20010118", b"a@example.net 20010118 20020304",
    ),
    b"country": (b"NL", b"nl", b"EU # Country is really world wide", b"DE, fr", b"US Texas", b",",
                 b", IT,", b"\xc3\xa9"),
    b"status": (b"ALLOCATED PA", b"assigned  pa", b"ALLOCATED_UNSPECIFIED", b"Assigned\tPI # x"),
    b"mnt-by": (b"EX-MNT", b"ex-mnt", b"A-MNT, B-MNT", b"b-mnt,A-MNT,c-mnt", b"A MNT", b" , "),
    b"org": (b"ORG-EX1-RIPE", b"org-ex1-ripe", b"ORG  EX1\tRIPE", b"ORG-EX1-RIPE # comment"),
    b"source": (b"RIPE", b"ripe # Filtered", b"TEST", b"Apnic", b"AFRINIC", b"afrinic # x"),
    b"nic-hdl": (b"EX1-RIPE", b"ex1-ripe", b"EX2-RIPE # x"),
    b"org-type": (b"RIR", b"iana", b"LIR"),
    b"origin": (b"AS64500", b"as64501 # x"),
    b"route": (b"192.0.2.0/24", b"198.51.100.0/24"),
    b"route6": (b"2001:db8::/32", b"2001:DB8::/48"),
    b"abuse-c": (b"AR1-RIPE", b"ar1-ripe # x", b"A1-AP, A2-AP", b" , ", b"stra\xdfe"),
    b"tech-c": (b"T1-RIPE", b"t1-ripe", b"DUMY-RIPE", b"DUMY-RIPE"),
    b"mnt-irt": (b"IRT-EX-AP", b"irt-ex-ap,IRT-EX2-AP", b"IRT EX"),
    b"mnt-lower": (
        b"EX-MNT", b"ripe-ncc-hm-mnt", b"A-MNT, RIPE-NCC-END-MNT", b"RIPE-NCC-HM-PI-MNT",
        b"RIPE-NCC-LEGACY-MNT # x", b"# RIPE-NCC-HM-MNT",
    ),
    b"abuse-mailbox": (
        b"abuse@example.net", b"Abuse@Example.NET", b"a@example.net, b@example.net # c@example.net",
        b"***@example.net", b"nobody", b'"abuse contact"@example.com', b"abuse [at] example.net",
        b"Caf\xe9 <abuse@example.net>", b"Caf\xc3\xa9 <noc@example.net>", b"# abuse@example.net",
    ),
    b"notify": (
        b"john@example.net", b"abuse@example.net", b"NOC@example.net", b"Security <x@example.net>",
        b"nobody", b"***@example.net", b"abuse", b"certainly@example.net", b"x abuse@example.net",
    ),
    b"remarks": (
        b"Please report abuse to", b"abuse@example.net", b"John@example.net, noc@example.org",
        b"Mail ***@example.net", b"abuse [at] example.net", b"*** abuse (at) example.net ***",
        b"abuse at example dot net", b"We are at home", b"abuse\xef\xbc\xa0example.net",
        b"abuse@example.net was validated on 2026-01-02", b"noc@example.net is invalid",
        b"<a@example.net>, was validated on 2026-01-02", b"a@example.net was validated on Monday",
        b"John [at] example.net # joe@example.org", b"abus\xe9 : x@example.net",
    ),
}  # fmt: skip
_VALUES[b"last-modified"] = _VALUES[b"created"]
_VALUES[b"admin-c"] = _VALUES[b"tech-c"]
_VALUES[b"e-mail"] = _VALUES[b"abuse-mailbox"] + _VALUES[b"notify"]
_VALUES[b"descr"] = _VALUES[b"remarks"][:7]

_SPACES = (
    b" ",
    b"",
    b"  ",
    b"\t",
    b" " * 8,
    b" " * 9,
    b" " * 15,
    b"\t \x0b\x0c\r ",
    b"\0",
    b" " * 700,
)


def _without_feeds(value: bytes) -> bytes:
    return value.replace(b"\n", b"|")


_loose = st.one_of(
    st.sampled_from(
        [
            b"", b"x", b"Example Holding", b"a#b", b"#", b"a # b # c", b"\0", b"a\0b", b"Caf\xe9",
            b"Caf\xc3\xa9", b"\xc3", b"\xff\xfe", b"a:b: c", b"y" * 513, b"z" * 512 + b"#", b"%x",
            b"\xe3\x83\x86", b"stra\xdfe", b"stra\xc3\x9fe", b"1234567", b"12345678", b"+", b"\r",
            b"w " * 700,
        ]
    ),
    st.binary(max_size=9).map(_without_feeds),
)  # fmt: skip
_spaces = st.sampled_from(_SPACES)
_casings = st.sampled_from([bytes.lower, bytes.lower, bytes.upper, bytes.title, bytes.swapcase])


def _line(name: bytes, case: object, space: bytes, value: bytes, behind: bytes) -> bytes:
    assert callable(case)
    return bytes(case(name)) + b":" + space + value + behind


def attribute_lines(name: bytes) -> st.SearchStrategy[bytes]:
    """Return lines of one attribute, mostly with a value that suits it."""
    values = [st.sampled_from(_VALUES[name])] * 3 if name in _VALUES else []
    return st.builds(_line, st.just(name), _casings, _spaces, st.one_of(*values, _loose), _spaces)


_continuations = st.builds(
    lambda mark, space, value: mark + space + value,
    st.sampled_from([b" ", b"\t", b"+"]), _spaces,
    st.one_of(
        _loose, st.sampled_from([b"", b"", b"- # c2", b"192.0.2.255", b"B-MNT, C-MNT"]),
        st.sampled_from(_VALUES[b"remarks"]),
    ),
)  # fmt: skip
_comments = st.sampled_from(
    [b"# comment", b"%", b"% source: X", b"#descr: x", b"# abuse@example.net", b"% noc at home",
     b"# noc@example.net is invalid"]
)  # fmt: skip
_junk = st.sampled_from([b"junk", b"inetnum", b"a b", b"=: x", b"netname", b"\0", b"role\0", b"-"])
_lines = st.one_of(
    *[st.sampled_from(ATTRIBUTES).flatmap(attribute_lines)] * 6,
    *[st.sampled_from(CONTACT).flatmap(attribute_lines)] * 2,
    *[attribute_lines(b"remarks")] * 2,
    st.sampled_from(OTHERS).flatmap(attribute_lines),
    _continuations, _continuations, _comments, _junk,
)  # fmt: skip
_heads = st.one_of(
    *[st.sampled_from(CLASSES).flatmap(attribute_lines)] * 6,
    st.sampled_from([*CLASSES[-2:]]).flatmap(attribute_lines),
    st.sampled_from(COUNTED).flatmap(attribute_lines),
    st.sampled_from(OTHERS).flatmap(attribute_lines),
    _comments, _junk, _continuations,
)  # fmt: skip
_paragraphs = st.builds(lambda head, rest: [head, *rest], _heads, st.lists(_lines, max_size=9))


@st.composite
def dumps(draw: st.DrawFn) -> bytes:
    """Return a text like a dump: any line ends, comments, blank lines, with or without an end."""
    ends = draw(st.sampled_from([(b"\n",), (b"\r\n",), (b"\n", b"\r\n")]))
    text = b""
    for lines in draw(st.lists(_paragraphs, max_size=6)):
        blanks = draw(st.sampled_from([1, 1, 1, 2, 5]))
        for k, line in enumerate([*lines, *[b""] * blanks]):
            text += line + ends[k % len(ends)]
    return text[: len(text) - draw(st.integers(0, 4))] if text else text


# -- records of every dialect, as dumps write them --------------------------------------------

_PLACES = {
    "RIPE": ("inetnum: 192.0.2.0 - 192.0.2.255", "inet6num: 2001:db8::/32", "aut-num: AS64500",
             "organisation: ORG-EX1-RIPE", "role: Desk\nnic-hdl: AR1-RIPE", "mntner: EX-MNT"),
    "APNIC": ("inetnum: 192.0.2.0 - 192.0.2.255", "irt: IRT-EX-AP", "role: X\nnic-hdl: AR1-AP"),
    "AFRINIC": ("inetnum: 192.0.2.0 - 192.0.2.255", "inet6num: 2001:db8::/32", "aut-num: AS64500",
                "organisation: ORG-EX1-AFRINIC", "person: X\nnic-hdl: X1-AFRINIC"),
    "LACNIC": ("inetnum: 203.0.113/24", "inetnum: 2001:db8::/32", "aut-num: 64500"),
    "ARIN": (
        "NetHandle: NET-192-0-2-0-1\nNetRange: 192.0.2.0 - 192.0.2.255",
        "V6NetHandle: NET6-2001-DB8-1\nNetRange: 2001:db8:: - 2001:db8::ffff", "OrgID: EX-1",
        "ASHandle: AS64500\nASNumber: 64500", "POCHandle: ABUSE1-ARIN\nIsRole: Y",
    ),
    "JPIRR": ("route: 192.0.2.0/24\norigin: AS64500", "mntner: EX-MNT"),
}  # fmt: skip
_NOTES = (
    "Report abuse", "john@example.net", "abuse@example.net", "Spam: a@example.net, b@example.net",
    "***@example.net", "abuse [at] example [dot] net", "Abuse POC: BLACK81-ARIN; Tech: T1-ARIN",
    "We are at home", "", "noc at example.net", "\u6ee5\u7528 abuse\uff20example.net",
    "Mail us\n  abuse@example.net", "Mail us\n+ abuse [at] example.net", "\u00fc",
    "** abuse (at) example.net **",
)  # fmt: skip
_MARKED = ("a@example.net was validated on 2026-01-02", "b@example.net is invalid")
_HANDLES = ("AA1-AP", "aa1-ap, BB1-AP", "CC1-AP # x", "CC1-AP,\n  DD1-AP", ",")
_MAILS = (
    "abuse@example.net", "a@example.net, b@example.net", "nobody", "***@example.net",
    "Abuse <noc@example.net>", "abuse [at] example.net", "Security@example.net",
)  # fmt: skip
_NAMED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("remarks", "descr"), _NOTES),
    "Comment": tuple(note for note in _NOTES if "\n" not in note),  # ARIN continues no line
    **dict.fromkeys(
        ("abuse-c", "mnt-irt", "tech-c", "admin-c", "owner-c", "AbuseHandle", "TechHandle",
         "NOCHandle", "OrgAbuseHandle", "OrgTechHandle", "OrgNOCHandle", "OrgAdminHandle"),
        _HANDLES,
    ),
    **dict.fromkeys(
        ("abuse-mailbox", "Mailbox", "e-mail", "notify", "mnt-nfy", "upd-to", "ref-nfy",
         "irt-nfy"),
        _MAILS,
    ),
    "mnt-lower": ("EX-MNT", "RIPE-NCC-HM-MNT", "EX-MNT, ripe-ncc-end-mnt"),
}  # fmt: skip


@st.composite
def contact_records(draw: st.DrawFn) -> bytes:
    """Return an object of some registry that is kept, with what may lead to a contact."""
    source = draw(st.sampled_from(sorted(_PLACES)))
    names = draw(st.lists(st.sampled_from([*_NAMED, "remarks", "Comment", "descr"]), max_size=7))
    lines = draw(st.sampled_from(_PLACES[source])).split("\n")
    for name in names:
        marked = name == "remarks" and source == "APNIC" and draw(st.booleans())
        value = draw(st.sampled_from(_MARKED if marked else _NAMED[name]))
        lines.append(f"{name}: {value}")
    lines.append(f"source: {source}")
    pairs = [line.partition(": ") for line in "\n".join(lines).split("\n")]
    written = [f"{name + ':':<16}{value}" if colon else name for name, colon, value in pairs]
    return "\n".join(written).encode() + b"\n"
