"""Read geofeeds, and find the nets whose country they contradict.

A geofeed is CSV of prefix, country, region, city, postal code (RFC 8805), published by whoever uses
the addresses; `geofeed:` of a net says where (RFC 9632). The files are the user's: nothing is
downloaded here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import Span, span
from .errors import AddressError, Error
from .finding import inside_of

if TYPE_CHECKING:
    from .index import Index

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_NOWHERE: Final = frozenset({"ZZ", "EU", "AP"})  # no countries


class Fed(NamedTuple):
    """Hold a line of a geofeed: a range, as text and read, and its country, upper case."""

    text: str
    span: Span
    country: str


def read_geofeeds(paths: Sequence[str]) -> list[Fed]:
    """Read geofeeds; lines without a prefix or country are passed over. Raises `Error`."""
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                lines = [*_lines(file.read())]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise Error(f"{path}: cannot be read as a geofeed: {reason}") from None
        if not lines:
            raise Error(f"{path}: no line has a prefix and a country: is it a geofeed (RFC 8805)?")
        found += lines
    return found


def _lines(text: str) -> Iterator[Fed]:
    rows = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    for row in csv.reader(rows):
        if len(row) < 2 or not _COUNTRY.fullmatch(row[1].strip()):
            continue
        try:
            bounds = span(row[0].strip())
        except AddressError:
            continue
        if bounds is not None:
            yield Fed(row[0].strip(), bounds, row[1].strip().upper())


def unlike_feeds(index: Index, feeds: Sequence[Fed]) -> list[int]:
    """Return the ids of nets of which a geofeed has addresses in another country.

    A line is about the nets inside its range, and the last net that contains all of it.
    """
    tables = index._tables
    found = set()
    for fed in feeds:
        if fed.country in _NOWHERE:
            continue
        around = index.answers(fed.text)[0].chain[-1:]
        for row in {*inside_of(tables, fed.span), *(net.id for net in around)}:
            country = index.net(row).country[:1]
            if country and country[0] not in _NOWHERE and country[0] != fed.country:
                found.add(row)
    return sorted(found)
