"""Read what people and their tools write for an address: one text, one query.

Beside addresses, prefixes and ranges (`addresses`) these are URLs, `ip:port`, `[v6]:port`, and all
of them defanged: `192.0.2[.]1`, `hxxps://`. Nothing is guessed: a host name is no address, octal
numbers and zones are refused, and quotes or commas around a query are an error that says so.
"""

from __future__ import annotations

import re
from typing import Final

from .addresses import Span, as_number, looks_like_address, pack, shown, span
from .errors import AddressError

_PORTS: Final = 65536
_SHOWN: Final = 1000  # characters of a text that a message may need to look at
_FANG: Final = re.compile(
    r"\[(\.|dot|:|://)\]|\((\.|dot|:|://)\)|\{(\.|dot|:|://)\}", re.IGNORECASE
)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+://([^/?#\\]*+)")
_NAME: Final = re.compile(r"(?!\d++(?:\.\d++)*+\.?\Z)[\w-]++(?:\.[\w-]++)*+\.?")
_QUOTES: Final = "\"'`<>()[]{},; "


def parse_query(text: str) -> Span | str:
    """Return what a text asks for, or why it is no query."""
    text = text.strip().removeprefix("\ufeff").lstrip()
    try:
        return _dressed(refanged(text)) or _fault(text)
    except AddressError as error:
        return str(error)


def refanged(text: str) -> str:
    """Return a text with the brackets around its dots and colons taken away."""
    return _FANG.sub(_bare, text) if "[" in text or "(" in text or "{" in text else text


def _bare(match: re.Match[str]) -> str:
    inner = match[match.lastindex or 0]
    return "." if inner.lower() == "dot" else inner


def _dressed(text: str) -> Span | None:
    """Read a text that was refanged: a URL, an address with a port, or a plain query.

    None when it has the form of none. Raises `AddressError`.
    """
    if url := _URL.match(text):
        return _host(url[1].rpartition("@")[2], text, bare=False)
    if text.startswith("[") or (text.count(":") == 1 and "." in text):
        return _host(text, text, bare=True)
    return span(text)


def _host(text: str, whole: str, *, bare: bool) -> Span | None:
    """Read a host with or without a port; None when a text has not the form of one.

    A bare one, in no URL, must not end with the colon (RFC 3986 allows it in a URL). Raises
    `AddressError`.
    """
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in host or (port and port[0] != ":"):
            return None
    else:
        host, colon, port = text.partition(":")
        port = colon + port
    if host and _NAME.fullmatch(host) and not looks_like_address(host):
        raise AddressError(f"{shown(host)} is a host name, no address")
    if not host:
        raise AddressError(f"{shown(whole[:_SHOWN])} has no host")
    family, number = pack(host)
    digits = port[1:]
    good = digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) < _PORTS
    if not good and (digits or (port and bare)):
        raise AddressError(f"{shown(whole[:_SHOWN])}: {shown(digits[:_SHOWN])} is no port")
    return Span(family, number, number, "address", family == 4 and ":" in host)


def _fault(text: str) -> str:
    """Say what is wrong with a text that has the form of no query."""
    if not text:
        return "empty"
    name, text = shown(text[:_SHOWN]), text[:_SHOWN]
    if "\0" in text:
        return f"{name} holds NUL bytes: is the input UTF-16?"
    if as_number(text) is not None:
        return f"{name} is an AS number, no address"
    bare = text.strip(_QUOTES)
    try:
        if bare != text and span(bare) is not None:
            return f"{name} is no address: leave out what stands around it"
    except AddressError:
        pass
    if "." in text and _NAME.fullmatch(text):
        return f"{name} is a host name, no address"
    return f"{name} is no address, prefix or range"
