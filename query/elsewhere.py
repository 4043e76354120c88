"""Say where the detail lies that a registry's dump does not hold.

National registries keep the records of their members' customers; ARIN's members may keep theirs
in an rwhois server of their own, which the organisation's record names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .rpsl import attributes

if TYPE_CHECKING:
    from .model import Answer
    from .records import Net, Object


class Place(NamedTuple):
    """Name a national registry and the server to ask."""

    name: str
    server: str


# By maintainer of APNIC's dump, with the source of mirrored records; addresses of the registries'
# whois servers as their web pages give them.
_BY_MAINTAINER: Final = {
    "MAINT-JPNIC": Place("JPNIC", "whois.nic.ad.jp"),
    "MNT-KRNIC-AP": Place("KRNIC", "whois.kisa.or.kr"),
    "MAINT-TW-TWNIC": Place("TWNIC", "whois.twnic.net.tw"),
}
_BY_SOURCE: Final = {place.name: place for place in _BY_MAINTAINER.values()}
# LACNIC's members in these countries are served by a national registry.
_BY_COUNTRY: Final = {
    "BR": Place("NIC.br", "whois.registro.br"),
    "MX": Place("NIC.mx", "whois.mx"),
}


def national_place(net: Net) -> str | None:
    """Return a sentence that names the national registry with the detail of a net, or None."""
    place = None
    if net.registry == "APNIC":
        place = _BY_SOURCE.get(net.source)
        if place is None:
            place = next(
                (found for item in net.mnt_by if (found := _BY_MAINTAINER.get(item))), None
            )
    elif net.registry == "LACNIC":
        place = next((found for item in net.country if (found := _BY_COUNTRY.get(item))), None)
    return f"the detail lies with {place.name}: ask {place.server}" if place else None


def referral(answer: Answer, net: Net) -> str | None:
    """Return the rwhois server to which ARIN's record of a net's organisation refers, or None."""
    org = net.org if net.registry == "ARIN" else None
    if org is None:
        return None
    for item in answer.objects(org.handle, "organisation", "ARIN"):
        server = _attribute(item, "referralserver")
        if server and server.lower().startswith("rwhois://"):
            return server
    return None


def _attribute(item: Object, name: str) -> str | None:
    return next((value for key, value in attributes(item.raw) if key == name and value), None)
