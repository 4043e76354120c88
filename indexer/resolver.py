"""Say in what order each registry looks for the abuse contact of a net, and follow references.

Sources: RIPE NCC's reference server (`AbuseCFinder`: own abuse-c, then the organisation's); APNIC
prop-079 and prop-125 (abuse-c, irt, weakly the organisation's e-mail); AFRINIC (six places, never
a masked address); ARIN (points of contact of net and organisation; the comment last); LACNIC
(handles). Other registries publish no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.layout import (
    BAD_MAILBOX,
    DANGLING,
    OTHERS_TELL,
    RESULT_BITS,
    TELLS,
    UNLOADED,
)

from .batch import SAYS
from .references import (
    ABUSE,
    ADMIN,
    BAD,
    INVALID,
    IRT,
    MAIL,
    OWNER_C,
    SAID,
    SAID_HANDLE,
    TECH,
    VALID,
    WEAK,
)
from .results import Item, Items, Parsed, Results
from .rows import Rows
from .scan import Ints

_CLASS: Final = {name: k for k, name in enumerate(layout.CLASSES)}
_RULE: Final = {name: k for k, name in enumerate(layout.RULES)}
_UNKNOWN, _VALID, _INVALID = range(3)
_EPOCH: Final = date(1970, 1, 1)
# Whose objects the rules of a registry find: RIPE's database has a part that is not its own.
RULES_OF: Final = {"RIPE-NONAUTH": "RIPE", "RIPE-GRS": "RIPE"}
_ROLE: Final = (_CLASS["role"],)
_IRT: Final = (_CLASS["irt"],)
_PEOPLE: Final = (_CLASS["role"], _CLASS["person"])
_ITSELF: Final = -1

Found = tuple[list[Item], int]
Step = tuple[str, Callable[[int], Found]]


class Place(NamedTuple):
    """Name a kind of reference: its letter, the classes it leads to, and the rule."""

    letter: bytes
    classes: tuple[int, ...]
    rule: str


class Resolver:
    """Find results of one registry's objects, by its order of places."""

    def __init__(
        self, rows: Rows, objects: Ints, org_object: Ints, registry: str, items: Items,
        results: Results,
    ) -> None:  # fmt: skip
        self._rows, self._objects, self._org_object = rows, objects, org_object
        self._results = results
        self.parsed, self.of_object = items.of_code, items.of_object
        self.registry = registry = RULES_OF.get(registry, registry)
        names = [name for name in rows.registries if RULES_OF.get(name, name) == registry]
        mine = np.isin(rows.registry[objects], [rows.registries.index(name) for name in names])
        kinds = rows.kind[objects]
        self._held = frozenset(np.unique(kinds[mine]).tolist())
        self._known: dict[int, dict[bytes, int]] = {}
        self._asked: dict[Callable[[int], Found], dict[int, tuple[int, int]]] = {}
        for kind in (_CLASS["role"], _CLASS["person"], _CLASS["irt"], _CLASS["mntner"]):
            found = np.flatnonzero(mine & (kinds == kind))[::-1]
            keys = rows.words["key"].texts(rows.code("key")[objects[found]])
            self._known[kind] = dict(zip(keys, found.tolist(), strict=True))
        self.phases = _PHASES[registry](self) if registry in _PHASES else []

    def tabulated(
        self, column: str, step: Callable[[int], Found], which: Ints
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the codes of some rows, and for each code a step's result and flags.

        A step takes a code; of organisations it takes the object's number.
        """
        codes = self._rows.code(column)[which]
        size = len(self._rows.words[column])
        found, flags = np.zeros(size, np.uint32), np.zeros(size, np.uint32)
        used = np.flatnonzero(np.bincount(codes, minlength=size))
        used = used[used > 0]
        if column == "org":
            missing = DANGLING if _CLASS["organisation"] in self._held else UNLOADED
            flags[used[self._org_object[used] < 0]] = missing
            used = used[self._org_object[used] >= 0]
        if column == "org":
            told = [self._of_org(step, number) for number in self._org_object[used].tolist()]
        else:
            told = [self._told(step, code) for code in used.tolist()]
        if told:
            found[used], flags[used] = zip(*told, strict=True)
        return codes, found, flags

    def _told(self, step: Callable[[int], Found], number: int) -> tuple[int, int]:
        """Return the code of what a step finds, and its flags."""
        items, flags = step(number)
        return self._results.code(items), flags

    def _of_org(self, step: Callable[[int], Found], number: int) -> tuple[int, int]:
        """Return what a step finds at an organisation, which is asked for its nets and itself."""
        known = self._asked.setdefault(step, {})
        found = known.get(number)
        if found is None:
            found = known[number] = self._told(step, number)
        return found

    def add_organisations(
        self, steps: list[Step], registry: int, values: NDArray[np.uint32]
    ) -> None:
        """Give a registry's organisations what they have themselves, in an array by object."""
        rows, objects = self._rows, self._objects
        org = rows.code("org")[objects]
        mine = (rows.code("contact")[objects] > 0) | (org > 0)
        mine &= (rows.kind[objects] == _CLASS["organisation"]) & (values & RESULT_BITS == 0)
        mine &= rows.registry[objects] == registry
        finders = [step for column, step in steps if column == "org"]
        for number in np.flatnonzero(mine).tolist():
            # An organisation may belong to another one.
            above = int(self._org_object[org[number]]) if org[number] else -1
            for at in (number, above) if above >= 0 else (number,):
                for step in finders:
                    if not values[number] & RESULT_BITS:
                        code, flags = self._of_org(step, at)
                        values[number] |= code | flags

    def telling(self, which: Ints) -> NDArray[np.uint32]:
        """Return bits for rows whose text, or that of what they refer to, may tell more."""
        rows = self._rows
        says = rows.flags & SAYS > 0
        others = np.zeros(len(which), bool)
        org = np.append(says[self._objects], False)[self._org_object]
        others |= org[rows.code("org")[which]]
        # Most dumps have nothing but what the rule uses.
        text = rows.words["contact"].text
        if any(letter + b":" in text for letter in (IRT, TECH, ADMIN, WEAK)) or not self.phases:
            others |= self._by_code("contact", which, self._people_tell)
            others |= self._by_code("org", which, self._organisation_tells)
        known = self._known[_CLASS["mntner"]]
        maintainers = {name for name, k in known.items() if says[self._objects[k]]}
        if maintainers:
            others |= self._by_code(
                "mnt_by", which, lambda code: not maintainers.isdisjoint(self.maintainers(code))
            )
        return says[which] * np.uint32(TELLS) | others * np.uint32(OTHERS_TELL)

    def _by_code(self, column: str, which: Ints, tells: Callable[[int], bool]) -> NDArray[np.bool_]:
        """Ask once for each code of some rows."""
        codes = self._rows.code(column)[which]
        table = np.zeros(len(self._rows.words[column]), bool)
        for code in np.flatnonzero(np.bincount(codes)).tolist():
            table[code] = code > 0 and tells(code)
        return table[codes]

    def _people_tell(self, code: int) -> bool:
        return self._tells(self.parsed(code))

    def _organisation_tells(self, code: int) -> bool:
        number = int(self._org_object[code])
        return number >= 0 and self._tells(self.of_object(number))

    def _tells(self, own: Parsed) -> bool:
        """Say whether references lead to a text or mail that the registry's rule does not use."""
        irts = (self._known[_CLASS["irt"]].get(name, -1) for name in own.get(IRT, ()))
        if any(k >= 0 and self._rows.flags[self._objects[k]] & SAYS for k in irts):
            return True
        for letter in (ABUSE, TECH, ADMIN):
            unused = (WEAK,) if letter == ABUSE and self.phases else (WEAK, MAIL)
            for name in own.get(letter, ()):
                number = self._known[_CLASS["role"]].get(name, -1)
                if number >= 0 and any(mail in self.of_object(number) for mail in unused):
                    return True
        return False

    def maintainers(self, code: int) -> list[bytes]:
        """Return the maintainers of a list."""
        return self._rows.words["mnt_by"][code].split(b"\n")

    def mailboxes(self, number: int, rule: str, refers: int, letter: bytes = MAIL) -> Found:
        """Return the items of an object's mailboxes; ``refers`` is the object that leads to it."""
        own = self.of_object(number)
        found = own.get(letter)
        if found is None:
            return [], BAD_MAILBOX if BAD in own else 0
        checked = INVALID in own or VALID in own
        code, text = _RULE[rule], self._results.text
        items = []
        for address in found:
            status, day = _status(own, address) if checked else (_UNKNOWN, 0)
            items.append((code, status, text(address), number + 1, refers, day))
        return items, 0

    def follow(
        self, names: Sequence[bytes], place: Place, refers: int = _ITSELF, mail: bytes = MAIL
    ) -> Found:
        """Return the mailboxes of the objects that references lead to."""
        items: list[Item] = []
        flags = 0
        for name in names:
            for kind in place.classes:
                number = self._known[kind].get(name)
                if number is not None:
                    found, flag = self.mailboxes(number, place.rule, refers, mail)
                    items += found
                    flags |= flag
                    break
            else:
                flags |= DANGLING if self.holds(place) else UNLOADED
        return items, flags

    def first(self, parsed: Parsed, places: Sequence[Place], refers: int = _ITSELF) -> Found:
        """Return the mailboxes of the first kind of reference that leads to one."""
        flags = 0
        for place in places:
            items, flag = self.follow(parsed.get(place.letter, ()), place, refers)
            flags |= flag
            if items:
                return items, flags
        return [], flags

    def holds(self, place: Place) -> bool:
        """Say whether a source holds objects of one of a place's classes."""
        return not self._held.isdisjoint(place.classes)

    def handles(self, parsed: Parsed, place: Place, refers: int = _ITSELF) -> list[Item]:
        """Return references as they stand: handles of objects that no source holds."""
        texts = (self._results.text(name) for name in parsed.get(place.letter, ()))
        return [(_RULE[place.rule], _UNKNOWN, 0, -text, refers, 0) for text in texts]

    def kept(self, parsed: Parsed, places: Sequence[Place], refers: int = _ITSELF) -> Found:
        """Return the handles of references into classes that no source holds."""
        missing = [place for place in places if not self.holds(place)]
        return [item for place in missing for item in self.handles(parsed, place, refers)], 0

    def said(self, parsed: Parsed, rule: str, refers: int = _ITSELF) -> Found:
        """Return the addresses in an object's free text, and the contacts it names there."""
        items = [
            (_RULE[rule], _UNKNOWN, self._results.text(address), 0, refers, 0)
            for address in parsed.get(SAID, ())
        ]
        place = Place(SAID_HANDLE, _PEOPLE, rule)
        found, flags = self.follow(parsed.get(SAID_HANDLE, ()), place, refers)
        return items + found, flags


def _status(own: Parsed, address: bytes) -> tuple[int, int]:
    """Return what an object says of its mailbox: status, and the day as days since 1970."""
    wanted = address.lower()
    if any(text.lower() == wanted for text in own.get(INVALID, ())):
        return _INVALID, 0
    days = [text[:10].decode() for text in own.get(VALID, ()) if text[11:].lower() == wanted]
    try:
        return (_VALID, (date.fromisoformat(max(days)) - _EPOCH).days) if days else (_UNKNOWN, 0)
    except ValueError:
        return _VALID, 0


# -- the orders of the registries -------------------------------------------------------------

_ABUSE_C: Final = {
    name: Place(ABUSE, _ROLE, f"{name}.abuse-c") for name in ("ripe", "apnic", "afrinic")
}


def _own(resolver: Resolver, *places: Place) -> Step:
    """Return a step: the first kind of an object's own references that leads to a mailbox."""
    return "contact", lambda code: resolver.first(resolver.parsed(code), places)


def _kept(resolver: Resolver, *places: Place) -> Step:
    """Return a step: the handles of an object's references into classes that no source holds."""
    return "contact", lambda code: resolver.kept(resolver.parsed(code), places)


def _of_org(resolver: Resolver, *places: Place) -> list[Step]:
    """Return two steps: the organisation's mailboxes, and its handles where no source holds more.

    Between them comes what the object itself has only as a handle.
    """
    return [
        ("org", lambda number: resolver.first(resolver.of_object(number), places, number)),
        ("org", lambda number: resolver.kept(resolver.of_object(number), places, number)),
    ]


def _ripe(resolver: Resolver) -> list[list[Step]]:
    own = _ABUSE_C["ripe"]
    org, kept = _of_org(resolver, Place(ABUSE, _ROLE, "ripe.org.abuse-c"))
    return [[_own(resolver, own), org, _kept(resolver, own), kept]]


def _apnic(resolver: Resolver) -> list[list[Step]]:
    places = (_ABUSE_C["apnic"], Place(IRT, _IRT, "apnic.mnt-irt"))
    weak = Place(IRT, _IRT, "apnic.irt.e-mail")

    def irt(code: int) -> Found:
        return resolver.follow(resolver.parsed(code).get(IRT, ()), weak, mail=WEAK)

    def org(number: int) -> Found:
        return resolver.mailboxes(number, "apnic.org.e-mail", number, WEAK)

    kept = _kept(resolver, *places)
    return [[_own(resolver, *places), ("contact", irt), kept, ("org", org)]]


def _afrinic(resolver: Resolver) -> list[list[Step]]:
    places = (_ABUSE_C["afrinic"], Place(IRT, _IRT, "afrinic.mnt-irt"))
    people = (
        Place(TECH, _PEOPLE, "afrinic.tech-c"), Place(ADMIN, _PEOPLE, "afrinic.admin-c"),
    )  # fmt: skip
    maintainer = Place(b"", (_CLASS["mntner"],), "afrinic.mnt-by")
    theirs = (Place(ABUSE, _ROLE, "afrinic.org"),)

    def org(number: int) -> Found:
        items, flags = resolver.mailboxes(number, "afrinic.org", number)
        if items:
            return items, flags
        # The server of 2014 looked here; AFRINIC's organisations seldom have one.
        items, more = resolver.first(resolver.of_object(number), theirs, number)
        return items, flags | more

    def maintained(code: int) -> Found:
        return resolver.follow(resolver.maintainers(code), maintainer)

    def said(code: int) -> Found:
        return resolver.said(resolver.parsed(code), "afrinic.remarks")

    return [
        [
            _own(resolver, *places), ("org", org), _own(resolver, *people),
            ("mnt_by", maintained), ("contact", said), _kept(resolver, *places),
        ]
    ]  # fmt: skip


def _arin(resolver: Resolver) -> list[list[Step]]:
    abuse = Place(ABUSE, _PEOPLE, "arin.net.abuse")
    others = (Place(ADMIN, _PEOPLE, "arin.noc"), Place(TECH, _PEOPLE, "arin.tech"))
    org, kept = _of_org(resolver, Place(ABUSE, _PEOPLE, "arin.org.abuse"))
    org_others, _ = _of_org(resolver, *others)

    def comment(code: int) -> Found:
        return resolver.said(resolver.parsed(code), "arin.comment")

    def org_comment(number: int) -> Found:
        return resolver.said(resolver.of_object(number), "arin.comment", number)

    return [
        [_own(resolver, abuse), org, _kept(resolver, abuse), kept],
        [
            _own(resolver, *others), org_others, ("contact", comment),
            ("org", org_comment),
        ],
    ]  # fmt: skip


def _lacnic(resolver: Resolver) -> list[list[Step]]:
    places = [
        Place(letter, _PEOPLE, f"lacnic.{name}")
        for letter, name in ((ABUSE, "abuse-c"), (TECH, "tech-c"), (OWNER_C, "owner-c"))
    ]

    def step(code: int) -> Found:
        # The first reference there is decides; its object is in no dump that we know of.
        parsed = resolver.parsed(code)
        for place in places:
            names = parsed.get(place.letter, ())
            if names:
                items, flags = resolver.follow(names, place, mail=WEAK)
                return items or resolver.handles(parsed, place), flags
        return [], 0

    return [[("contact", step)]]


_PHASES: Final[dict[str, Callable[[Resolver], list[list[Step]]]]] = {
    "RIPE": _ripe, "APNIC": _apnic, "AFRINIC": _afrinic, "ARIN": _arin, "LACNIC": _lacnic,
}  # fmt: skip
