"""Say what changed between two indexes: nets that came, went, moved or are not what they were.

`changes` gives records, `compare` and `select` the columns they are made of (`changed`), `summary`
counts. Records are made when their turn comes and hold only what differs. What counts as a change
is what it means: not a date, the order of attributes or of a list's items, the case of handles and
mailboxes, the day a mailbox was checked. A description counts as it is written.

What its surroundings make of a net is compared too: who holds it, the verdict, the contact. So a
net may change though its own record is what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from . import layout
from .addresses import Network, Span, format_address, format_prefixes, shown
from .audited import Bools, Ints
from .cells import Json
from .changed import PARTIES, RENAMED, Compared, compare, judged, leased, used, with_lessee
from .contacts import items_of
from .errors import Error
from .finding import ranged
from .layout import INHERITED, RESULT_BITS
from .leases import answer_of, listing, within
from .paired import Side
from .parties import holders, named
from .records import Net
from .same import BIT, FIELDS, descr_of

if TYPE_CHECKING:
    from .contacts import Contact
    from .index import Index

KINDS: Final = ("added", "removed", "changed", "transferred")
ONLY: Final = ("lessee", "holder", "contact", "verdict", "status")
LISTS: Final = ("descr", "country", "mnt_by", "contact")  # fields whose nothing is ()
SCHEMA_VERSION: Final = 1
_BLOCK: Final = 512  # rows whose ids become Python's integers at a time


class ChangesError(Error, ValueError):
    """Say that changes are asked for by what there is not: the caller's fault."""


class Named(NamedTuple):
    """Name a party: a name, an organisation handle, or both."""

    name: str | None
    handle: str | None


class Reach(NamedTuple):
    """Say where somebody is reached by a registry's rule; ``handle`` stands for a mailbox."""

    mailbox: str | None
    handle: str | None
    rule: str


Value = str | tuple[str, ...] | Named | tuple[Reach, ...] | None


class Difference(NamedTuple):
    """Hold a field before and after; ``renamed``: it is the same party under another name.

    Values: text, texts (descr, country, mnt_by), `Named` (the parties), `Reach` (contact); None or
    () for nothing.
    """

    field: str
    old: Value
    new: Value
    renamed: bool = False


class Change(NamedTuple):
    """Describe what became of a net. ``kind`` is one of `KINDS`.

    ``key`` and ``netname`` are as they are now, else as they were; so are ``registry`` and
    ``source``. A transferred net has ``left`` and ``joined``, the registries. ``differences`` are
    the fields that differ, in the order of `FIELDS`; of a net that came or went all that it has.
    """

    kind: str
    registry: str
    source: str
    key: str
    first: str
    last: str
    cidrs: tuple[str, ...]
    netname: str | None
    left: str | None
    joined: str | None
    differences: tuple[Difference, ...]

    def to_dict(self) -> Json:
        """Return the change as in `diff -f jsonl`; what is missing is null or []."""
        return {
            "schema_version": SCHEMA_VERSION, "kind": self.kind, "registry": self.registry,
            "source": self.source, "key": self.key, "first": self.first, "last": self.last,
            "cidrs": list(self.cidrs), "netname": self.netname, "from": self.left,
            "to": self.joined,
            "fields": {
                item.field: {"old": to_json(item.old), "new": to_json(item.new)}
                | ({"renamed": item.renamed} if item.field in PARTIES else {})
                for item in self.differences
            },
        }  # fmt: skip


class Summary(NamedTuple):
    """Count nets by kind, and those of pairs by field that differs and by party renamed."""

    nets: int
    kinds: dict[str, int]
    fields: dict[str, int]
    renamed: dict[str, int]


def to_json(value: Value | Reach) -> object:
    """Return a value of a field as JSON has it."""
    if isinstance(value, (Named, Reach)):
        return value._asdict()
    if isinstance(value, tuple):
        return [to_json(item) if isinstance(item, Reach) else item for item in value]
    return value


def changes(
    old: Index, new: Index, *, lessor: str | None = None, country: str | None = None,
    inside: str | Network | Span | None = None, registry: str | None = None,
    only: Collection[str] = (), all_sources: bool = False,
) -> Iterator[Change]:  # fmt: skip
    """Yield what changed between two open indexes, by address: IPv4 first, larger nets first.

    Filters are those of `select`; ``all_sources`` is that of `changed.compare`, which leaves out
    nets of sources that one index has none of. Raises `ChangesError`, `AddressError`.
    """
    found = compare(old, new, all_sources=all_sources)
    return rows(select(
        found, lessor=lessor, country=country, inside=inside, registry=registry, only=only
    ))  # fmt: skip


# -- choosing ---------------------------------------------------------------------------------


def select(
    found: Compared, *, lessor: str | None = None, country: str | None = None,
    inside: str | Network | Span | None = None, registry: str | None = None,
    only: Collection[str] = (),
) -> Compared:  # fmt: skip
    """Return the rows that match every filter, on either side.

    ``lessor`` is the name or organisation handle of who holds the net, leased or not; ``country``
    one of the net's; ``inside`` a range that contains it whole. ``only`` are fields of `ONLY`: kept
    is where one of them differs, a party's name alone does not count. Nets that came or went have
    no field that differs, but they bring or take a lessee: with ``lessee`` those are kept.
    Raises `ChangesError`, `AddressError`.
    """
    for word in only:
        if word not in ONLY:
            raise ChangesError(f"{shown(word)} is none of {', '.join(ONLY)}")
    if only:
        found = found.picked(_only(found, only))
    if registry is not None:
        names = sorted({name for name, _ in found.old.labels})
        if registry.upper() not in names:
            raise ChangesError(f"{shown(registry)} is none of {', '.join(names)}")
        number = names.index(registry.upper())
        found = found.picked(_either(
            found, lambda side, ids: side.registry[side.labels_of(ids)] == number
        ))  # fmt: skip
    if country is not None:
        found = found.picked(_either(found, lambda side, ids: _listing(side, ids, country)))
    if inside is not None:
        bounds = inside if isinstance(inside, Span) else ranged(inside)
        found = found.picked(_either(found, lambda side, ids: _within(side, ids, bounds)))
    if lessor is not None:
        found = found.picked(_either(found, lambda side, ids: _held_by(side, ids, lessor)))
    return found


def _either(found: Compared, wanted: Callable[[Side, Ints], Bools]) -> Bools:
    """Mark the rows of which one side or the other is wanted."""
    marked = np.zeros(len(found.bits), bool)
    for side, ids in ((found.old, found.left), (found.new, found.right)):
        there = np.flatnonzero(ids >= 0)
        marked[there] |= wanted(side, ids[there])
    return marked


def _only(found: Compared, only: Collection[str]) -> Bools:
    marked = np.zeros(len(found.bits), bool)
    for name in only:
        renamed = found.bits & RENAMED.get(name, 0) > 0
        marked |= (found.bits & BIT[name] > 0) & ~renamed
    if "lessee" in only:
        single = (found.left < 0) | (found.right < 0)
        marked |= single & _either(found, with_lessee)
    return marked


def _listing(side: Side, ids: Ints, country: str) -> Bools:
    return np.asarray(listing(side.tables, country)[side.cell("net_country", ids)])


def _within(side: Side, ids: Ints, bounds: Span) -> Bools:
    found = (ids < side.tables.nets4) == (bounds.family == 4)
    found[found] = within(side.tables, ids[found], bounds)
    return np.asarray(found)


def _held_by(side: Side, ids: Ints, lessor: str) -> Bools:
    held = holders(side.tables, ids)
    blocks = np.unique(held[held >= 0])
    theirs = np.zeros(side.tables.nets + 1, bool)  # the last one is for -1
    theirs[blocks] = named(side.source, blocks, lessor)
    return np.asarray(theirs[held])


# -- records ----------------------------------------------------------------------------------


def rows(found: Compared) -> Iterator[Change]:
    """Yield a record for each row, in order; nothing is read of a net long before its turn."""
    kinds = kinds_of(found)
    for low in range(0, len(kinds), _BLOCK):
        some = slice(low, low + _BLOCK)
        sides = _told(found.old, found.left[some]), _told(found.new, found.right[some])
        told = zip(kinds[some].tolist(), found.bits[some].tolist(), *sides, strict=True)
        for kind, bits, before, after in told:
            yield _change(KINDS[kind], bits, before, after)


def kinds_of(found: Compared) -> Ints:
    """Return the kind of each row, a place in `KINDS`."""
    kinds = np.where(found.left < 0, 0, np.where(found.right < 0, 1, 2))
    kinds[found.moved()] = 3
    return kinds


class Told(NamedTuple):
    """Hold what columns say of a net: its holder's net, None for an orphan, and who else is there.

    ``judged`` is verdict and confidence, as in `layout`.
    """

    side: Side
    net: Net
    holder: Net | None
    judged: int
    let: bool
    used: bool
    rented: bool


def _told(side: Side, ids: Ints) -> list[Told | None]:
    """Return what columns say of some nets, None for -1."""
    some = ids[ids >= 0]
    held = holders(side.tables, some)
    columns = (some, held, judged(side, some), leased(side, some), used(side, some),
               with_lessee(side, some))  # fmt: skip
    nets = iter([
        Told(side, side.net(row), side.net(holder) if holder >= 0 else None, *rest)
        for row, holder, *rest in zip(*(column.tolist() for column in columns), strict=True)
    ])  # fmt: skip
    return [next(nets) if there else None for there in (ids >= 0).tolist()]


def _change(kind: str, bits: int, before: Told | None, after: Told | None) -> Change:
    told = after or before
    assert told is not None
    net, family, bounds = told.net, told.net.family, told.net.bounds
    moved = before.net.registry if before and kind == "transferred" else None
    first, last = (format_address(family, end) for end in bounds)
    return Change(
        kind, net.registry, net.source, net.key, first, last,
        tuple(format_prefixes(family, *bounds)), net.netname, moved,
        net.registry if moved else None, tuple(_differences(before, after, bits)),
    )  # fmt: skip


def _differences(before: Told | None, after: Told | None, bits: int) -> Iterator[Difference]:
    """Yield the fields that differ; of a net that is there once all that it has."""
    for name in FIELDS:
        if bits & BIT[name] or before is None or after is None:
            empty = () if name in LISTS else None
            value = _VALUES[name]
            old, new = before and value(before), after and value(after)
            if old or new:
                yield Difference(
                    name, old or empty, new or empty, bool(bits & RENAMED.get(name, 0))
                )


def _named(net: Net | None, there: bool = True) -> Named | None:
    return Named(*net.called) if net and there else None


def _facilitator(told: Told) -> Named | None:
    party = answer_of(told.side.source, told.net).facilitator
    return Named(party.name, party.handle) if party else None


def _org_name(net: Net) -> str | None:
    org = net.org
    return org.name if org else None


def reaches(contacts: Iterable[Contact]) -> tuple[Reach, ...]:
    """Return whom contacts reach and by which rules, in the order of mailboxes."""
    found = {
        Reach(item.mailbox, None if item.mailbox else item.handle, item.rule) for item in contacts
    }
    return tuple(sorted(found, key=lambda reach: [text or "" for text in reach]))


def _contact(net: Net) -> tuple[Reach, ...]:
    value = net.tables.net_contact[net.id]
    code = value & RESULT_BITS
    return reaches(items_of(net.tables, None, code, bool(value & INHERITED))) if code else ()


_VALUES: Final[dict[str, Callable[[Told], Value]]] = {
    "netname": lambda told: told.net.netname, "descr": lambda told: descr_of(told.net),
    "country": lambda told: told.net.country, "status": lambda told: told.net.status,
    "org": lambda told: told.net.org_handle, "org_name": lambda told: _org_name(told.net),
    "mnt_by": lambda told: told.net.mnt_by, "holder": lambda told: _named(told.holder),
    "user": lambda told: _named(told.net, told.used),
    "lessor": lambda told: _named(told.holder, told.let),
    "lessee": lambda told: _named(told.net, told.rented), "facilitator": _facilitator,
    "verdict": lambda told: layout.VERDICTS[told.judged & layout.VERDICT_BITS],
    "confidence": lambda told: layout.CONFIDENCES[told.judged >> layout.CONFIDENCE_SHIFT],
    "contact": lambda told: _contact(told.net),
}  # fmt: skip


# -- counts -----------------------------------------------------------------------------------


def summary(found: Compared) -> Summary:
    """Count the rows; nothing is read of a net."""
    kinds = np.bincount(kinds_of(found), minlength=len(KINDS)).tolist()
    fields, renamed = (
        {name: int((found.bits & bit > 0).sum()) for name, bit in bits.items()}
        for bits in (BIT, RENAMED)
    )
    return Summary(len(found.bits), dict(zip(KINDS, kinds, strict=True)), fields, renamed)
