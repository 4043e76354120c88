"""Hold the naive answers that tests compare with, and strategies for dumps and ranges.

Everything here is written for being obviously right, never for speed, and shares no code with
what it checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

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
ATTRIBUTES = (
    b"netname", b"descr", b"country", b"org", b"status", b"mnt-by", b"created",
    b"last-modified", b"changed", b"source", b"nic-hdl", b"org-name", b"org-type", b"as-name",
    b"origin",
)  # fmt: skip
# Names that are not looked for, or nearly those that are.
OTHERS = (
    b"remarks", b"admin-c", b"mnt-lower", b"netnam", b"netnamee", b"descr-", b"last-modifie",
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
    b"source": (b"RIPE", b"ripe # Filtered", b"TEST", b"Apnic"),
    b"nic-hdl": (b"EX1-RIPE", b"ex1-ripe", b"EX2-RIPE # x"),
    b"org-type": (b"RIR", b"iana", b"LIR"),
    b"origin": (b"AS64500", b"as64501 # x"),
    b"route": (b"192.0.2.0/24", b"198.51.100.0/24"),
    b"route6": (b"2001:db8::/32", b"2001:DB8::/48"),
}  # fmt: skip
_VALUES[b"last-modified"] = _VALUES[b"created"]

_SPACES = (b" ", b"", b"  ", b"\t", b" " * 8, b" " * 15, b"\t \x0b\x0c\r ", b"\0", b" " * 700)


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
    st.one_of(_loose, st.sampled_from([b"", b"", b"- # c2", b"192.0.2.255", b"B-MNT, C-MNT"])),
)  # fmt: skip
_comments = st.sampled_from([b"# comment", b"%", b"% source: X", b"#descr: x"])
_junk = st.sampled_from([b"junk", b"inetnum", b"a b", b"=: x", b"netname", b"\0", b"role\0", b"-"])
_lines = st.one_of(
    *[st.sampled_from(ATTRIBUTES).flatmap(attribute_lines)] * 6,
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
