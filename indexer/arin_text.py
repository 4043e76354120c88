"""Write records of ARIN's bulk text out of the texts of one object of ARIN's XML.

Keys and their order are those of the template with which ARIN makes the text from the XML; empty
values are left out. What is found is a list of texts by path below the object, cleaned: nothing
here may put any of it before a colon or let it end a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

# Codes of Reg-RWS. The template knows neither AV nor RD, and leaves NetType empty there.
NET_TYPES: Final = {
    "DA": "allocation", "DS": "assignment", "IU": "assignment", "A": "reallocation",
    "S": "reassignment", "IR": "reserved",
} | dict.fromkeys(("AF", "AP", "AR", "AV", "FX", "LN", "LX", "PV", "PX", "RD", "RN", "RV", "RX"),
                  "rir")  # fmt: skip
FUNCTIONS: Final = {"T": "Tech", "AB": "Abuse", "AD": "Admin", "N": "NOC"}
BLOCK: Final = ("startAddress", "endAddress", "type")
_PHONE = re.compile("[A-Za-z]{1,20}")
# How ARIN's XML pads octets; they would read as octal numbers.
_OCTETS: Final = {f"{n:0{width}}": str(n) for n in range(256) for width in (2, 3)}

Found = dict[str, list[str]]
Links = list[tuple[str, str]]  # function and handle of contacts
Pairs = tuple[tuple[str, str], ...]  # a key, padded, and a path


def _padded(*pairs: str) -> Pairs:
    """Return pairs out of `Key path` texts; what is repeated in XML is repeated in text."""
    return tuple((f"{key + ':':<16}", f"/{path}") for key, path in (pair.split() for pair in pairs))


_PLACE: Final = (
    "Street streetAddress/line", "City city", "State/Prov iso3166-2", "Country iso3166-1/code2",
    "PostalCode postalCode", "Comment comment/line",
)  # fmt: skip
_DATES: Final = ("RegDate registrationDate", "Updated updateDate")
_SYSTEM: Final = _padded(
    "ASHandle handle", "OrgID orgHandle", "ASName name", "ASNumber numbers",
    "RegDate registrationDate", "Comment comment/line", "Updated updateDate",
)  # fmt: skip
_CONTACT: Final = _padded(
    "POCHandle handle", "IsRole isRoleAccount", "LastName lastName", "FirstName firstName",
    *_PLACE, *_DATES,
)  # fmt: skip
_MAILBOXES: Final = _padded("Mailbox emails/email")
_PARTY: Final = _padded(
    "OrgID handle", "OrgName name", "OrgName customerName", "CanAllocate canAllocate",
    *_PLACE, *_DATES, "ReferralServer referralServer",
)  # fmt: skip
_NET_NAMES: Final = _padded(
    "OrgID orgHandle", "OrgID customerHandle", "Parent parentNetHandle", "NetName name",
    "NetName netName",
)  # fmt: skip
_NET_REST: Final = _padded("Comment comment/line", *_DATES, "Nameserver nameservers/nameserver")
_END: Final = f"{'Source:':<16}ARIN\n\n"
NET_PATHS: Final = frozenset(path for _, path in (*_NET_NAMES, *_NET_REST)) | {
    "/handle", "/originASes/originAS", "/startAddress", "/endAddress",
    *(f"/netBlocks/netBlock/{name}" for name in BLOCK),
}  # fmt: skip


def _lines(found: Found, pairs: Pairs) -> str:
    return "".join(
        [f"{key}{value}\n" for key, path in pairs if path in found for value in found[path]]
    )


def _record(found: Found, pairs: Pairs, *more: str) -> str:
    """Return a record; its first line is there even without a value, to be refused and counted."""
    first = "" if pairs[0][1] in found else f"{pairs[0][0]}\n"
    return "".join((first, _lines(found, pairs), *more, _END))


def _one(found: Found, path: str) -> str:
    return found[path][0] if path in found else ""


def _shorten_dates(found: Found) -> None:
    """Cut the times off both dates."""
    for path in ("/registrationDate", "/updateDate"):
        if path in found:
            found[path] = [found[path][0][:10]]


def _contacts(links: Links, whose: str = "") -> str:
    return "".join(
        [
            f"{whose + FUNCTIONS[function] + 'Handle:':<16}{handle}\n"
            for function, handle in links
            if function in FUNCTIONS
        ]
    )


def end_phone(found: Found) -> None:
    """Keep a phone as one text; its kind is part of the key, so it may be nothing but a word."""
    kind = found.pop("/phones/phone/type/description", ["Office"])[0]
    for number in found.pop("/phones/phone/number/phoneNumber", [])[:1]:
        key = f"{kind}Phone:" if _PHONE.fullmatch(kind) else "OfficePhone:"
        found.setdefault("phones", []).append(f"{key:<16}{number}\n")


def end_block(found: Found) -> None:
    """Keep a block of a net as three texts: first and last address, type."""
    for name in BLOCK:
        value = found.pop(f"/netBlocks/netBlock/{name}", [""])[0]
        found.setdefault(name, []).append(value)


def _system(found: Found, links: Links) -> str:
    first, last = _one(found, "/startAsNumber"), _one(found, "/endAsNumber")
    found["/numbers"] = [first if last in ("", first) else f"{first} - {last}"]
    _shorten_dates(found)
    return _record(found, _SYSTEM, _contacts(links))


def _contact(found: Found, _: Links) -> str:
    _shorten_dates(found)
    phones = "".join(found.get("phones", []))
    return _record(found, _CONTACT, phones, _lines(found, _MAILBOXES))


def _party(found: Found, links: Links) -> str:
    _shorten_dates(found)
    return _record(found, _PARTY, _contacts(links, "Org"))


def net(found: Found, links: Links) -> str:
    """Return a net as one record for each of its ranges: one, but where its blocks lie apart."""
    _shorten_dates(found)
    rest = _lines(found, _NET_REST)
    if "/originASes/originAS" in found:
        rest = f"OriginAS:       {', '.join(found['/originASes/originAS'])}\n{rest}"
    if links:
        rest += _contacts(links)
    handle, names = _one(found, "/handle"), _lines(found, _NET_NAMES)
    texts = []
    for first, last, code in _ranges(found):
        key = "V6NetHandle:    " if ":" in first else "NetHandle:      "
        kind = f"NetType:        {NET_TYPES.get(code) or code.lower()}\n" if code else ""
        span = f"NetRange:       {first} - {last}\n"
        texts.append(f"{key}{handle}\n{names}{span}{kind}{rest}{_END}")
    return "".join(texts)


def _ranges(found: Found) -> list[tuple[str, str, str]]:
    """Return first, last and type of a net's ranges; blocks of one type that touch are one."""
    blocks = []
    if "type" in found:
        columns = found["startAddress"], found["endAddress"], found["type"]
        blocks = [(_plain(one), _plain(two), kind) for one, two, kind in zip(*columns, strict=True)]
    if len(blocks) == 1 and all(blocks[0][:2]):
        return blocks
    if len(blocks) > 1:
        return _joined(blocks)
    whole = _plain(_one(found, "/startAddress")), _plain(_one(found, "/endAddress"))
    return [(*whole, blocks[0][2] if blocks else "")]


def _joined(blocks: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Join blocks that touch: ARIN cuts a range that is no prefix, its text has it whole."""
    try:
        spans = [(int(ip_address(b[0])), int(ip_address(b[1])), b) for b in blocks]
    except ValueError:
        return blocks
    joined: list[tuple[int, tuple[str, str, str]]] = []
    for first, last, (begin, end, kind) in sorted(spans):
        if joined and joined[-1][0] + 1 == first and joined[-1][1][2] == kind:
            begin = joined.pop()[1][0]
        joined.append((last, (begin, end, kind)))
    return [block for _, block in joined]


def _plain(address: str) -> str:
    """Strip the zeros off padded octets; IPv6 stays as it is."""
    if "." not in address:
        return address
    return ".".join([_OCTETS.get(octet, octet) for octet in address.split(".")])


GROUPS: Final[dict[str, Callable[[Found], None]]] = {
    "/phones/phone": end_phone,
    "/netBlocks/netBlock": end_block,
}
RECORDS: Final[dict[str, Callable[[Found, Links], str]]] = {
    "asn": _system,
    "poc": _contact,
    "org": _party,
    "customer": _party,
    "net": net,
}
