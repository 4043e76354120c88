"""See what registrations alone show of a lease: known facilitators, and lesser signs.

Rules: R4 of facilitators (maintainer, organisation, mailbox, name), and the signs that lessors and
lessees leave in objects, as the published work on leases lists them. A sign is a bit of
`layout.LEASE_RULES`; what the bits mean together is decided in `leasing`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.layout import LEASE_RULES, MORE_ITEMS, RESULT_BITS

from . import roles
from .batch import GEOFEED, LEASES
from .contacts import Contacts
from .identity import Identity, Known, of_codes
from .intern import Dictionary
from .references import LOWER
from .rows import Rows
from .scan import Ints

Bits = NDArray[np.uint32]
Numbers = NDArray[np.uint8]
BIT: Final = {name: np.uint32(1 << k) for k, name in enumerate(LEASE_RULES)}
_LATER: Final = 2 * 365 * 86400  # seconds between a holder's block and a net made much later
_BELOW: Final = np.uint32(RESULT_BITS)


class Subject(NamedTuple):
    """Hold what is judged: the pieces of all registries, and what is known of their nets.

    ``net``, ``above`` (a piece), ``holder`` (a net, -1 = none) and ``role`` are (pieces,);
    ``row`` is the row of each net, ``kind`` the class of each row; ``first`` and ``last`` are
    those of the IPv4 nets.
    """

    rows: Rows
    row: Ints
    objects: Ints
    kind: NDArray[np.int8]
    net: NDArray[np.int32]
    above: NDArray[np.int32]
    holder: NDArray[np.int32]
    role: NDArray[np.uint8]
    first: NDArray[Any]
    last: NDArray[Any]
    identity: Identity
    contacts: Contacts
    known: Known


class Signs(NamedTuple):
    """Hold the rules that fired for each piece, and the facilitator they speak of, 0 = none."""

    bits: Bits
    party: Numbers


def fired(rule: str, where: NDArray[np.bool_]) -> Bits:
    """Return a rule's bit where it fired."""
    return np.where(where, BIT[rule], np.uint32(0))


def signs_of(subject: Subject) -> Signs:
    """Return what registrations show for every piece."""
    rows, net, row = subject.rows, subject.net, subject.row
    own = np.zeros(len(row), np.uint32)
    flags = rows.flags[row]
    own |= fired("lease-remark", (flags & LEASES) > 0) | fired("own-geofeed", (flags & GEOFEED) > 0)
    small = np.zeros(len(row), bool)
    narrow = len(subject.first)
    small[:narrow] = subject.last.astype(np.int64) - subject.first == 255
    own |= fired("sub-allocated-24", small & (subject.kind[row] == roles.SUB))
    bits = own[net]
    party = np.zeros(len(net), np.uint8)
    # Whoever the holder itself is does not stand between it and a user.
    top = subject.identity.known[row[subject.holder]]
    top[subject.holder < 0] = 0
    for rule, numbers in _facilitators(subject, top):
        bits |= fired(rule, numbers > 0)
        party = np.where(party > 0, party, numbers)
    user = subject.identity.known[row][net]
    bits |= fired("user-is-facilitator", (user > 0) & (user != top) & _users(subject))
    return Signs(bits | _against_holder(subject), party)


def _users(subject: Subject) -> NDArray[np.bool_]:
    return (subject.role & layout.IS_USER) > 0


def _facilitators(subject: Subject, top: Numbers) -> list[tuple[str, Numbers]]:
    """Return the facilitator of each piece by each rule, the strongest rule first.

    ``top`` is the one that the holder is, and never counts.
    """
    rows, row, net, known = subject.rows, subject.row, subject.net, subject.known
    orgs = rows.code("org")[row]

    def other(*numbers: Numbers) -> Numbers:
        """Return the first of some that is one, and not the holder."""
        found = np.zeros(len(net), np.uint8)
        for each in numbers:
            found = np.where((found == 0) & (each != top), each, found)
        return found

    mine = _listed(rows.words["mnt_by"], b"", known)
    under = np.flatnonzero((subject.holder >= 0) & (subject.holder != net) & _users(subject))
    theirs = _listed(rows.words["contact"], LOWER + b":", known)
    listed = rows.code("mnt_by")[row][net]
    below = rows.code("contact")[row[subject.holder[under]]]
    lower = [np.zeros(len(net), np.uint8) for _ in theirs]
    for each, numbers in zip(lower, theirs, strict=True):
        each[under] = numbers[below]
    by_maintainer = _passed_down(subject, other(*(numbers[listed] for numbers in mine)))
    by_org = of_codes(rows.words["org"], orgs, known.of_organisation)[orgs][net]
    result = (subject.contacts.tables["net.contact"] & _BELOW).astype(np.int64)
    identity = subject.identity
    return [
        ("facilitator-maintainer", other(by_maintainer, *lower)),
        ("facilitator-organisation", _passed_down(subject, other(by_org))),
        ("facilitator-contact", other(_by_results(subject)[result][net])),
        (
            "facilitator-name",
            _passed_down(subject, other(identity.called[row][net], identity.known[row][net])),
        ),
    ]


def _listed(words: Dictionary, mark: bytes, known: Known) -> tuple[Numbers, Numbers]:
    """Return for each list the first facilitator whose maintainer is in it, and the second.

    ``mark`` is what the items begin with that are maintainers (of a holder's block: mnt-lower, whom
    it lets register nets below).
    """
    first, second = np.zeros(len(words), np.uint8), np.zeros(len(words), np.uint8)
    wanted = frozenset(mark.decode() + name for name in known.maintainers)
    for code in np.flatnonzero(roles.codes_with(words, wanted)).tolist() if wanted else ():
        items = words[code].decode("utf-8", "replace").split("\n")
        found = [known.maintainers.get(item.removeprefix(mark.decode()), 0) for item in items]
        first[code], second[code] = [*dict.fromkeys(filter(None, found)), 0, 0][:2]
    return first, second


def _passed_down(subject: Subject, numbers: Numbers) -> Numbers:
    """Let a piece have what a piece between it and the holder has."""
    above, holder = subject.above, subject.holder
    up = np.where((above >= 0) & (subject.net[above] != holder), above, -1)
    up[(holder < 0) | (subject.net == holder)] = -1
    while numbers.any():
        further = np.where((numbers == 0) & (up >= 0), numbers[up], numbers)
        if np.array_equal(further, numbers):
            break
        numbers = further
    return numbers


def _by_results(subject: Subject) -> Numbers:
    """Return the facilitator whose abuse desk each result of contacts is (by its first item)."""
    told, known = subject.contacts, subject.known
    prints = known.prints
    texts = told.texts.texts()
    of_text = np.zeros(len(texts), np.uint8)
    for code, text in enumerate(texts):
        if code:
            name = text.decode("utf-8", "replace")
            by_mail = prints.match_mailbox(name) if b"@" in text else None
            of_text[code] = known.number(by_mail or prints.by_role.get(name.upper()))
    handle = told.tables["contact.handle"].astype(np.int64)
    wanted = {name.encode() for name in prints.by_role}
    keys, codes = subject.rows.words["key"], subject.rows.code("key")[subject.objects]
    of_object = of_codes(
        keys, codes,
        lambda text: known.number(prints.by_role[text.decode()]) if text in wanted else 0,
    )[codes]  # fmt: skip
    item = np.maximum(of_text[told.tables["contact.mail"]], of_text[np.maximum(-handle, 0)])
    if len(of_object):
        named = of_object[np.maximum(handle - 1, 0)]
        item = np.where((item == 0) & (handle > 0), named, item)
    # The later items of a run belong to its first.
    for _ in range(2):
        more = (told.tables["contact.what"] & MORE_ITEMS) > 0
        follows = np.append(item[1:], np.uint8(0))
        item = np.where((item == 0) & more, follows, item)
    return np.asarray(item)


def _against_holder(subject: Subject) -> Bits:
    """Return what differs between the net of a piece and its holder's."""
    rows, row = subject.rows, subject.row
    bits = np.zeros(len(subject.net), np.uint32)
    under = np.flatnonzero((subject.holder >= 0) & (subject.holder != subject.net))
    net, holder = subject.net[under], subject.holder[under]
    country = subject.identity.country[row]
    contact = subject.contacts.tables["net.contact"]
    own = contact[net]
    # The first mailbox of a result, or the handle in its place.
    mail = subject.contacts.tables["contact.mail"].astype(np.int64)
    reached = np.where(mail > 0, mail, subject.contacts.tables["contact.handle"])
    lands = country[net], country[holder]
    created = rows.created[row[net]].astype(np.int64), rows.created[row[holder]].astype(np.int64)
    for rule, where in (
        ("country-differs", (lands[0] > 0) & (lands[1] > 0) & (lands[0] != lands[1])),
        ("own-contact", ((own & _BELOW) > 0) & ((own & np.uint32(layout.INHERITED)) == 0)
         & (reached[own & _BELOW] != reached[contact[holder] & _BELOW])),
        ("created-later", (created[1] > 0) & (created[0] - created[1] > _LATER)),
    ):  # fmt: skip
        bits[under[where]] |= BIT[rule]
    return bits
