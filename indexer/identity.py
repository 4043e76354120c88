"""Say who the party of each row is, as numbers to compare: by its name, and by its country.

The name is the organisation's, else the first descr (LACNIC: the owner), else the netname, in the
normal form of `rirdex.query.names`: legal forms, punctuation and case tell nobody apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.errors import Error
from rirdex.query.fingerprints import Fingerprints, Party
from rirdex.query.names import normal_many
from rirdex.query.parties import no_names

from .freetext import places
from .intern import Dictionary, hash_spans
from .rows import Rows
from .scan import Ints, padded

_SLICE: Final = 1 << 16
_NO_COUNTRY: Final = (b"ZZ", b"EU", b"AP")  # regions, and nowhere
_MOST: Final = 255
Finder = Callable[[bytes], int]


class Identity(NamedTuple):
    """Hold what tells parties apart, for every row.

    ``name`` is a hash of the name, ``country`` a number, ``known`` the facilitator (`Known.number`)
    that the party is by its name or organisation, ``called`` the one that the netname speaks of;
    0 = none.
    """

    name: NDArray[np.uint64]
    country: NDArray[np.uint16]
    known: NDArray[np.uint8]
    called: NDArray[np.uint8]


class Known:
    """Number the facilitators of the lists, in their order; the holders and ISPs among them are 0.

    To be on a list says who a party is. It makes no lease.
    """

    def __init__(self, prints: Fingerprints) -> None:
        self.prints = prints
        found = dict.fromkeys(party.name for party in prints.parties if party.facilitates)
        if len(found) > _MOST:
            raise Error(
                f"the lists of facilitators have {len(found)} platforms and brokers, and an index "
                f"{_MOST} at most: leave some out of fingerprints.toml"
            )
        self._numbers = {name: number + 1 for number, name in enumerate(found)}

    def number(self, party: Party | None) -> int:
        """Return the number of a facilitator, 0 for none."""
        return self._numbers.get(party.name, 0) if party and party.facilitates else 0

    def entries(self) -> list[dict[str, str]]:
        """Return what the metadata say of the facilitators, by number."""
        parties = {party.name: party for party in self.prints.parties[::-1] if party.facilitates}
        return [
            {
                "name": name, "kind": parties[name].kind, "source": parties[name].source,
                "date": parties[name].date.isoformat(), "confidence": parties[name].confidence,
            }
            for name in self._numbers
        ]  # fmt: skip

    @cached_property
    def maintainers(self) -> dict[str, int]:
        """Return the numbers of facilitators by their maintainers."""
        found = {name: self.number(party) for name, party in self.prints.by_maintainer.items()}
        return {name: number for name, number in found.items() if number}

    def of_organisation(self, handle: bytes) -> int:
        """Return the facilitator that an organisation is."""
        return self.number(self.prints.by_organisation.get(handle.decode("utf-8", "replace")))


def identify(rows: Rows, objects: Ints, org_object: Ints, known: Known) -> Identity:
    """Identify the parties of all rows. ``org_object`` is by organisation code, -1 = not held."""
    org = rows.code("org")
    names = np.zeros(len(org_object), np.int64)
    held = org_object >= 0
    names[held] = rows.code("name")[objects[org_object[held]]]
    of_name, known_name = _named(rows.words["name"], known)
    of_descr, known_descr = _named(rows.words["descr"], known)
    netname, own = rows.code("netname"), rows.code("name")
    descrs = rows.words["descr"]
    every = np.arange(len(descrs.at) - 1)
    nameless = no_names(np.frombuffer(descrs.text, np.uint8), descrs.at, every)
    descr = np.where(nameless[rows.code("descr")], 0, rows.code("descr"))
    # Most nets are told by more than their netname.
    alone = np.unique(netname[(descr == 0) & (names[org] == 0)])
    of_netname = np.zeros(len(rows.words["netname"]), np.uint64)
    of_netname[alone] = _hashes(normal_many(rows.words["netname"].texts(alone)))
    called = _netnames(rows.words["netname"], known)[netname]
    # Other objects than nets have neither netname nor descr, but a name (LACNIC's owner).
    name = np.where(netname > 0, of_netname[netname], of_name[own])
    is_known = np.where(netname > 0, called, known_name[own])
    for codes, hashes, numbers in (
        (descr, of_descr, known_descr), (names[org], of_name, known_name),
    ):  # fmt: skip
        name = np.where(codes > 0, hashes[codes], name)
        is_known = np.where(codes > 0, numbers[codes], is_known)
    by_org = of_codes(rows.words["org"], org, known.of_organisation)[org]
    is_known = np.where(by_org > 0, by_org, is_known)
    name[(netname == 0) & (descr == 0) & (own == 0) & (names[org] == 0)] = 0
    country = np.array([_country(text) for text in rows.words["country"].texts()], np.uint16)
    return Identity(
        name, country[rows.code("country")], is_known.astype(np.uint8), called.astype(np.uint8),
    )  # fmt: skip


def of_codes(words: Dictionary, codes: NDArray[np.uint32], find: Finder) -> NDArray[np.uint8]:
    """Return a number for each code of a dictionary, asking once for each that occurs."""
    table = np.zeros(len(words), np.uint8)
    used = np.flatnonzero(np.bincount(codes, minlength=len(words)))
    used = used[used > 0]
    table[used] = [find(text) for text in words.texts(used)]
    return table


def _country(text: bytes) -> int:
    code = text.split(b"\n")[0]
    return 0 if len(code) != 2 or code in _NO_COUNTRY else int.from_bytes(code, "big")


def _hashes(texts: list[bytes]) -> NDArray[np.uint64]:
    length = np.array([len(text) for text in texts], np.int64)
    return hash_spans(padded(b"".join(texts)), np.cumsum(length) - length, length)


def _named(words: Dictionary, known: Known) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Return the hash of each text's normal form, and the facilitator that it names."""
    hashes = np.zeros(len(words), np.uint64)
    numbers = np.zeros(len(words), np.uint8)
    for low in range(0, len(words), _SLICE):
        high = min(low + _SLICE, len(words))
        normals = normal_many(words.texts(np.arange(low, high)))
        hashes[low:high] = _hashes(normals)
        for place, party in known.prints.match_descrs(normals).items():
            numbers[low + place] = known.number(party)
    return hashes, numbers


def _netnames(words: Dictionary, known: Known) -> NDArray[np.uint8]:
    """Return the facilitator whose netnames each one is of, looked for in all texts at once."""
    numbers = np.zeros(len(words), np.uint8)
    text = words.text.lower()
    found = [at for piece in known.prints.netnames.pieces for at in places(text, piece)]
    codes = np.unique(np.searchsorted(words.at, np.array(found, np.int64), "right") - 1)
    for place, party in known.prints.match_netnames(words.texts(codes)).items():
        numbers[codes[place]] = known.number(party)
    return numbers
