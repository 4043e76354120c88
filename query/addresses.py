"""Read addresses, prefixes, ranges and AS numbers, one at a time; write them back.

An address is what `inet_pton` takes, never `inet_aton` (which reads `1`, `127.1`, and
`010.0.0.1` as 8.0.0.1). An IPv4-mapped IPv6 address is its IPv4 address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct
from typing import NamedTuple

from .errors import AddressError

type_address = ipaddress.IPv4Address | ipaddress.IPv6Address
Address = str | int | bytes | ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WORD = Struct(">I").unpack
PAIR = Struct(">QQ").unpack
PARTS = Struct(">HH4B8x").unpack  # what the levels of the IPv6 trie go by
_MAPPED_HIGH = 0xFFFF
LIMIT = {4: 1 << 32, 6: 1 << 128}


class Span(NamedTuple):
    """Hold a range of addresses: family 4 or 6, first and last as integers, and its kind."""

    family: int
    first: int
    last: int
    kind: str
    mapped: bool = False


def pack(address: Address) -> tuple[int, int]:
    """Return (4, address) or (6, address) for one address in any accepted form.

    Raises `AddressError`.
    """
    if isinstance(address, str):
        try:
            return 4, WORD(inet_pton(AF_INET, address))[0]
        except (OSError, ValueError):
            pass
        try:
            return _unmapped(int.from_bytes(inet_pton(AF_INET6, address), "big"))
        except (OSError, ValueError):
            raise AddressError(f"{shown(address)} is no IP address{_hint(address)}") from None
    if isinstance(address, bytes):
        if len(address) == 4:
            return 4, int.from_bytes(address, "big")
        if len(address) == 16:
            return _unmapped(int.from_bytes(address, "big"))
        raise AddressError(f"a packed address has 4 or 16 bytes, this one {len(address)}")
    if isinstance(address, ipaddress.IPv4Address):
        return 4, int(address)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise AddressError(f"{shown(str(address))} has a zone: leave it out")
        return _unmapped(int(address))
    if isinstance(address, int) and not isinstance(address, bool):
        if 0 <= address < LIMIT[4]:
            return 4, address
        if 0 <= address < LIMIT[6]:
            return _unmapped(address)
        raise AddressError("the integer is outside the IPv6 address space")
    raise AddressError(
        f"{shown(address)} is no IP address: give text, int, bytes or ipaddress objects"
    )


def _unmapped(number: int) -> tuple[int, int]:
    if number >> 32 == _MAPPED_HIGH:
        return 4, number & 0xFFFFFFFF
    return 6, number


def shown(value: object) -> str:
    """Return a value for an error message: quoted and cut."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _hint(text: str) -> str:
    parts = text.split(".")
    if len(parts) == 4 and all(part.isascii() and part.isdigit() for part in parts):
        if any(len(part) > 1 and part[0] == "0" for part in parts):
            return ": leading zeros are ambiguous, write the numbers without them"
        if any(len(part) > 3 or int(part) > 255 for part in parts):
            return ": a number is larger than 255"
    if "%" in text:
        return ": leave out the zone behind '%'"
    return ""


def span(query: object) -> Span | None:
    """Read an address, a prefix (`a/len`) or a range (`a - b`); None when a text is neither.

    Raises `AddressError` for what looks like one of them and is wrong. Host bits of a prefix
    must be zero.
    """
    if isinstance(query, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return _read_prefix(str(query))
    if not isinstance(query, str):
        family, number = pack(query)  # type: ignore[arg-type]
        return Span(family, number, number, "address")
    text = query.strip()
    if "/" in text:
        return _read_prefix(text)
    if "-" in text:
        return _read_range(text)
    try:
        family, number = pack(text)
    except AddressError:
        if looks_like_address(text):
            raise
        return None
    return Span(family, number, number, "address", family == 4 and ":" in text)


def looks_like_address(text: str) -> bool:
    """Say whether a text that is no address was surely meant as one."""
    if ":" in text:
        return all(c in "0123456789abcdefABCDEF:.%/" for c in text.partition("%")[0])
    digits = text.replace(".", "").replace("/", "")
    return "." in text and digits.isascii() and digits.isdigit()


def _read_prefix(text: str) -> Span | None:
    address, _, bits = text.partition("/")
    try:
        family, number = pack(address.strip())
    except AddressError:
        if looks_like_address(address.strip()):
            raise
        return None
    mapped = family == 4 and ":" in address
    if not (bits.isascii() and bits.isdigit() and len(bits) <= 3):
        raise AddressError(f"{shown(text)} is no prefix: {shown(bits)} is no prefix length")
    length = int(bits) - (96 if mapped else 0)
    return _prefix(number, family, length, text)._replace(mapped=mapped)


def _prefix(number: int, family: int, length: int, text: str) -> Span:
    host = (32 if family == 4 else 128) - length
    if host < 0 or length < 0:
        raise AddressError(f"{shown(text)} is no prefix: the length is out of range")
    if number & ((1 << host) - 1):
        right = f"{format_address(family, number >> host << host)}/{length}"
        raise AddressError(
            f"{shown(text)} is no prefix: bits are set behind it, did you mean {right}"
        )
    return Span(family, number, number | ((1 << host) - 1), "prefix")


def _read_range(text: str) -> Span | None:
    begin, _, end = (part.strip() for part in text.partition("-"))
    try:
        low, high = pack(begin), pack(end)
    except AddressError:
        if looks_like_address(begin) and (looks_like_address(end) or not end):
            raise AddressError(f"{shown(text)} is no range: an end is no IP address") from None
        return None
    if low[0] != high[0]:
        raise AddressError(f"{shown(text)} is no range: one end is IPv4, the other IPv6")
    if low[1] > high[1]:
        raise AddressError(f"{shown(text)} is no range: it ends before it begins")
    return Span(low[0], low[1], high[1], "range", low[0] == 4 and ":" in begin)


def as_number(text: str) -> int | None:
    """Read `AS64500`; None when the text is no AS number."""
    digits = text[2:]
    if text[:2].upper() != "AS" or not (digits.isascii() and digits.isdigit()) or len(digits) > 10:
        return None
    number = int(digits)
    return number if number < 1 << 32 else None


def format_address(family: int, number: int) -> str:
    """Return the canonical text of an address (RFC 5952 for IPv6)."""
    if family == 4:
        return inet_ntop(AF_INET, number.to_bytes(4, "big"))
    return str(ipaddress.IPv6Address(number))


def address_object(family: int, number: int) -> type_address:
    """Return an address as an object of the standard library."""
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


def prefixes(family: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the fewest prefixes that make up a range, as (address, length)."""
    width = 32 if family == 4 else 128
    while first <= last:
        low = (first & -first).bit_length() - 1 if first else width
        size = min(low, (last - first + 1).bit_length() - 1)
        yield first, width - size
        first += 1 << size


def format_prefixes(family: int, first: int, last: int) -> list[str]:
    """Return the fewest prefixes that make up a range, as text."""
    return [f"{format_address(family, a)}/{n}" for a, n in prefixes(family, first, last)]


def format_range(family: int, first: int, last: int) -> str:
    """Return a net's range as registries write it: `a - b` for IPv4, a prefix for IPv6.

    An IPv6 range that is no prefix is written `a - b` too.
    """
    if family == 6:
        parts = list(prefixes(family, first, last))
        if len(parts) == 1:
            return f"{format_address(6, first)}/{parts[0][1]}"
    return f"{format_address(family, first)} - {format_address(family, last)}"
