"""Tell known lessors and facilitators by what registry objects name: handles, names, mailboxes.

They come from `fingerprints.toml`, that of the desk before the one that comes with rirdex. The
tables are for dictionaries of distinct values: a build asks once for each value, not for each
net. To be known here is evidence of who a party is, never of a lease: that is decided elsewhere.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeVar

from .addresses import as_number, shown
from .desk import (
    DOMAIN,
    HANDLE,
    MAILBOX,
    TEXT,
    URL,
    check,
    desk_folder,
    keys_of,
    tables_of,
    text_of,
)
from .names import folded, normal

FILE: Final = "fingerprints.toml"
KINDS: Final = ("platform", "broker", "holder", "isp")
FACILITATORS: Final = ("platform", "broker")
CONFIDENCES: Final = ("high", "medium", "low")
_HANDLES: Final = ("maintainers", "organisations", "roles")
_PATTERNS: Final = ("netnames", "descrs")
_TOLD_BY: Final = (*_HANDLES, "asns", *_PATTERNS, "domains", "abuse")
_NEEDED: Final = ("name", "kind", "source", "date", "confidence")
_SHORTEST: Final = 3  # letters and digits beside a star
# Of each key: its type, what texts match, and what to write.
_KEYS: Final[Mapping[str, tuple[type, re.Pattern[str], str]]] = {
    **dict.fromkeys(("name", "source"), (str, TEXT, "a text in quotes")),
    "kind": (str, re.compile("|".join(KINDS)), f"one of {', '.join(KINDS)}"),
    "confidence": (str, re.compile("|".join(CONFIDENCES)), f"one of {', '.join(CONFIDENCES)}"),
    **dict.fromkeys(_HANDLES, (list, HANDLE, "a list of handles")),
    "asns": (list, re.compile(r"AS\d+", re.ASCII | re.I), 'a list as ["AS64500"]'),
    "netnames": (list, re.compile(r"[!-~]+"), "a list of netnames without blanks"),
    "descrs": (list, TEXT, "a list of names"),
    "domains": (list, DOMAIN, "a list of domains"),
    "abuse": (str, MAILBOX, "a mailbox"),
    "form": (str, URL, "an http or https URL"),
    "date": (date, TEXT, "a date without quotes, as 2026-01-31"),
}
_Key = TypeVar("_Key")


class Party(NamedTuple):
    """Hold an entry of the list, as its file has it; what it does not say is empty or None."""

    name: str
    kind: str
    source: str
    date: date
    confidence: str
    maintainers: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    asns: tuple[str, ...] = ()
    netnames: tuple[str, ...] = ()
    descrs: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    abuse: str | None = None
    form: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what the entry says, as JSON has it."""
        told = {key: value for key, value in self._asdict().items() if value}
        return told | {"date": self.date.isoformat()}

    @property
    def facilitates(self) -> bool:
        """Say whether the party is registered as one that stands between holders and users."""
        return self.kind in FACILITATORS


class Patterns(NamedTuple):
    """Hold patterns of one kind of text, in order, and a piece that each match contains."""

    tests: tuple[tuple[re.Pattern[str], Party], ...]
    pieces: tuple[bytes, ...]

    def first(self, text: str) -> Party | None:
        """Return the party of the first pattern that matches a whole text."""
        return next((party for test, party in self.tests if test.fullmatch(text)), None)

    def many(self, texts: Sequence[bytes]) -> dict[int, Party]:
        """Return what `first` finds, by position; only texts with a piece are looked at."""
        joined = b"\n".join(texts).lower()
        pieces = [piece for piece in self.pieces if piece in joined]
        ends = list(accumulate(len(text) + 1 for text in texts)) if pieces else []
        rows = set()
        for piece in pieces:
            at = joined.find(piece)
            while at >= 0:
                row = bisect_right(ends, at)
                rows.add(row)
                at = joined.find(piece, ends[row])
        found = ((row, self.first(texts[row].decode("utf-8", "replace"))) for row in sorted(rows))
        return {row: party for row, party in found if party is not None}


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Know parties by handle (upper case), AS number, mailbox and domain (lower case), and name.

    ``parties`` has the desk's first, each file in its order. Where two parties have one key, the
    first counts: so an entry of the desk's own also takes a maintainer away from a packaged one.
    """

    parties: tuple[Party, ...]
    by_maintainer: dict[str, Party]
    by_organisation: dict[str, Party]
    by_role: dict[str, Party]
    by_asn: dict[int, Party]
    by_mailbox: dict[str, Party]
    by_domain: dict[str, Party]
    netnames: Patterns
    descrs: Patterns

    def match_netname(self, text: str) -> Party | None:
        """Return the party whose pattern a netname matches."""
        return self.netnames.first(text)

    def match_descr(self, text: str) -> Party | None:
        """Return the party whose pattern a name matches: a descr, an org-name, an owner."""
        return self.descrs.first(normal(text))

    def match_netnames(self, texts: Sequence[bytes]) -> dict[int, Party]:
        """Return `match_netname` of many netnames by position, without those that match none."""
        return self.netnames.many(texts)

    def match_descrs(self, normals: Sequence[bytes]) -> dict[int, Party]:
        """Return `match_descr` of many names, given as `names.normal_many` returns them."""
        return self.descrs.many(normals)

    def match_mailbox(self, mailbox: str) -> Party | None:
        """Return the party whose abuse desk has a mailbox, its domain or one above that."""
        mail, *domains = keys_of(mailbox)
        found = (self.by_domain[domain] for domain in domains if domain in self.by_domain)
        return self.by_mailbox.get(mail) or next(found, None)


def load_fingerprints(folder: str | None = None) -> Fingerprints:
    """Read the desk's list, then the one that comes with rirdex. Raises `DeskError`.

    ``folder`` is the desk's, see `desk.desk_folder`; there the file may be missing.
    """
    own, packaged = desk_folder(folder), os.path.dirname(__file__)
    return known_by((*_parties(*text_of(own, FILE)), *_parties(*text_of(packaged, FILE))))


def from_json(entries: Iterable[Mapping[str, Any]]) -> Fingerprints:
    """Return the parties that a build knew, out of the metadata of an index (`Party.to_json`)."""
    parties = []
    for entry in entries:
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
        }
        parties.append(Party(**fields | {"date": date.fromisoformat(entry["date"])}))
    return known_by(tuple(parties))


def known_by(parties: tuple[Party, ...]) -> Fingerprints:
    """Return parties by all that tells them."""
    return Fingerprints(
        parties=parties,
        by_maintainer=_by(parties, lambda party: map(str.upper, party.maintainers)),
        by_organisation=_by(parties, lambda party: map(str.upper, party.organisations)),
        by_role=_by(parties, lambda party: map(str.upper, party.roles)),
        by_asn=_by(parties, lambda party: (as_number(text) or 0 for text in party.asns)),
        by_mailbox=_by(parties, lambda party: [party.abuse.lower()] if party.abuse else []),
        by_domain=_by(parties, lambda party: map(str.lower, party.domains)),
        netnames=_netnames(parties),
        descrs=_descrs(parties),
    )


def _by(parties: Iterable[Party], keys: Callable[[Party], Iterable[_Key]]) -> dict[_Key, Party]:
    """Return the first party of each key."""
    table: dict[_Key, Party] = {}
    for party in parties:
        for key in keys(party):
            table.setdefault(key, party)
    return table


def _netnames(parties: Iterable[Party]) -> Patterns:
    pairs = [(text.lower().split("*"), party) for party in parties for text in party.netnames]
    return _patterns(pairs, re.ASCII | re.IGNORECASE)


def _descrs(parties: Iterable[Party]) -> Patterns:
    """Compile what is compared with normal forms. Beside a star a name goes on: it is folded."""
    pairs = [
        ([*map(folded, text.split("*"))] if "*" in text else [normal(text)], party)
        for party in parties
        for text in party.descrs
    ]
    return _patterns(pairs, re.DOTALL)


def _patterns(pairs: Sequence[tuple[list[str], Party]], flags: int) -> Patterns:
    """Compile patterns, given as the pieces between their stars."""
    tests = tuple((re.compile(_expression(pieces), flags), party) for pieces, party in pairs)
    longest = {max(pieces, key=len).encode() for pieces, _ in pairs}
    return Patterns(tests, tuple(sorted(longest)))


def _expression(pieces: Sequence[str]) -> str:
    """Return the expression for pieces with stars between, which cut no word and no number."""
    last = len(pieces) - 1
    return ".*".join(
        (_bound(piece[:1], "<!") if number else "")
        + re.escape(piece)
        + (_bound(piece[-1:], "!") if number < last else "")
        for number, piece in enumerate(pieces)
    )


def _bound(character: str, look: str) -> str:
    """Forbid beside a star what would go on with a piece: letter by letter, digit by digit."""
    more = r"[^\W\d_]" if character.isalpha() else r"\d" if character.isdigit() else ""
    return f"(?{look}{more})" if more else ""


def _parties(path: str, text: str) -> Iterator[Party]:
    """Read a list; errors name the file and which entry it is."""
    for where, row in tables_of(path, text, "party", _KEYS, _NEEDED):
        told = any(row.get(key) for key in _TOLD_BY)
        check(told, path, where, f"can be told by nothing: add one of {', '.join(_TOLD_BY)}")
        for key in _PATTERNS:
            for pattern in row.get(key, ()):
                longest = max(sum(map(str.isalnum, piece)) for piece in pattern.split("*"))
                right = longest >= (_SHORTEST if "*" in pattern else 1)
                check(right, path, where, f"{key} has {shown(pattern)}: write at least "
                      f"{_SHORTEST} letters or digits beside a *")  # fmt: skip
        for asn in row.get("asns", ()):
            check(as_number(asn), path, where, f"{shown(asn)} is no AS number: write AS64500")
        fields: dict[str, Any] = {
            key: tuple(value) if type(value) is list else value for key, value in row.items()
        }
        yield Party(**fields)
