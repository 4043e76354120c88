"""Say what changed of the things on a watch list: ranges, AS numbers, handles, mailboxes, domains.

The list is read in `watched`. The nets that changed are those of `changes`, objects are compared
here. A range is concerned by every net that has an address of it, be it inside or around. Neither
watched ranges nor nets need be prefixes, so that a set of prefixes (pytricia) would not do: the
nets that changed stand in order, and those of a range are found by bisection.

An item is told of by itself, in the order of the list, the objects first, then nets by address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .addresses import Span
from .audited import Ints, cells
from .cells import Json
from .changed import Compared, by_address
from .changes import Change, Difference, Named, Reach, Value, reaches, rows, to_json
from .handles import handled
from .names import normal
from .paired import Side
from .parties import halves, upto
from .records import Object
from .rpsl import attributes
from .same import BIT
from .watched import Item

if TYPE_CHECKING:
    from .index import Index

SCHEMA_VERSION: Final = 1
# By field: the event when there is a new value, and when there is none any more.
EVENTS: Final = {
    "lessee": ("new-lessee", "lessee-gone"), "holder": ("new-holder", "holder-gone"),
    "user": ("new-user", "user-gone"), "contact": ("new-contact", "contact-gone"),
    "facilitator": ("new-facilitator", "facilitator-gone"),
}  # fmt: skip
_DATES: Final = ("last-modified", "changed", "updated", "created", "regdate")
_NAMES: Final = ("org-name", "orgname", "owner", "role", "person", "as-name", "asname")
_NAMED: Final = ("organisation", "role", "person")  # whose names are compared as `names.normal`


class Event(NamedTuple):
    """Tell what became of a net or object.

    ``kind`` is the class of the object, or net; ``key``, ``name``, ``registry`` and ``source`` are
    its own, ``first``, ``last`` and ``cidrs`` a net's. ``field`` is what differs (`same.FIELDS`),
    None for the whole of it; ``old`` and ``new`` are values as in `changes.Difference`, or all
    fields by name. ``days`` are the dates of both snapshots, None where they are not known.
    """

    event: str
    item: Item
    kind: str
    key: str
    name: str | None
    registry: str
    source: str
    first: str | None
    last: str | None
    cidrs: tuple[str, ...]
    field: str | None
    old: Value | dict[str, Value]
    new: Value | dict[str, Value]
    days: tuple[str | None, str | None]

    def to_dict(self) -> Json:
        """Return the event as in `watch -f jsonl`."""
        old, new = (
            {name: to_json(each) for name, each in value.items()}
            if isinstance(value, dict) else to_json(value)
            for value in (self.old, self.new)
        )  # fmt: skip
        return {
            "schema_version": SCHEMA_VERSION, "event": self.event, "item": self.item.text,
            "note": self.item.note, "line": self.item.line, "class": self.kind, "key": self.key,
            "name": self.name, "registry": self.registry, "source": self.source,
            "first": self.first, "last": self.last, "cidrs": list(self.cidrs),
            "field": self.field, "old": old, "new": new,
            "old_date": self.days[0], "new_date": self.days[1],
        }  # fmt: skip


# -- events -----------------------------------------------------------------------------------


class Watch(NamedTuple):
    """Hold what events are made of: what differs, and the dates of both sides by registry."""

    found: Compared
    days: tuple[dict[str, str | None], dict[str, str | None]]


def events(found: Compared, items: Iterable[Item]) -> Iterator[Event]:
    """Yield what changed of each item between two indexes; ``found`` is of `changed.compare`."""
    watch = Watch(found, (_days(found.old), _days(found.new)))
    near = _near(found)
    for item in items:
        if item.span is not None:
            yield from _of_nets(watch, item, near[item.span.family](item.span))
        if item.kind in ("asn", "handle"):
            yield from _of_objects(watch, item)
        if item.kind == "handle":
            yield from _of_nets(watch, item, _handled_rows(found, item.text))
            yield from _of_owner(watch, item, "org")
            yield from _of_owner(watch, item, "mnt_by")
        if item.kind in ("mailbox", "domain"):
            yield from _of_owner(watch, item, "contact")


def snapshots(found: Compared) -> tuple[str | None, str | None]:
    """Return the dates of the newest dumps of both indexes, None where nobody knows.

    Registries that only one of them has do not count.
    """
    sides = _days(found.old), _days(found.new)
    common = sides[0].keys() & sides[1].keys()
    old, new = (max(filter(None, (side[name] for name in common)), default=None) for side in sides)
    return old, new


def _days(side: Side) -> dict[str, str | None]:
    """Return the date of the newest dump by registry."""
    found: dict[str, str | None] = {}
    for origin in side.source.meta["origins"]:
        day, registry = side.source.meta["sources"][origin["file"]]["date"], origin["registry"]
        found[registry] = max(filter(None, (found.get(registry), day)), default=None)
    return found


# -- nets -------------------------------------------------------------------------------------


def _near(found: Compared) -> dict[int, Callable[[Span], Ints]]:
    """Return by family what finds the rows whose net shares an address with a range."""
    there = found.left >= 0
    narrow = np.where(there, found.left < found.old.tables.nets4,
                      found.right < found.new.tables.nets4)  # fmt: skip
    near = {}
    for family in (4, 6):
        rows = np.flatnonzero(narrow == (family == 4))
        old = there[rows]
        ends = np.zeros((4, len(rows)), np.uint64)
        ends[:, old] = halves(found.old.tables, found.left[rows[old]])
        ends[:, ~old] = halves(found.new.tables, found.right[rows[~old]])
        near[family] = finder(family, ends, rows)
    return near


def finder(family: int, ends: NDArray[np.uint64], rows: Ints) -> Callable[[Span], Ints]:
    """Return what finds the rows whose range shares an address with another one.

    ``ends`` are (4, n): high and low half of the first and of the last address, in the order of the
    first one.
    """
    # An IPv4 address is a low half; of IPv6 the high half is enough to look for.
    key = 1 if family == 4 else 0
    reached = np.maximum.accumulate(ends[2 + key])

    def near(bounds: Span) -> Ints:
        first, last = _halves(bounds.first), _halves(bounds.last)
        low = int(np.searchsorted(reached, first[key]))
        high = max(low, int(np.searchsorted(ends[key], last[key], "right")))
        begin_high, begin_low, end_high, end_low = ends[:, low:high]
        hit = upto(begin_high, begin_low, *last) & upto(*first, end_high, end_low)
        return np.asarray(rows[low:high][hit])

    return near


def _halves(address: int) -> tuple[np.uint64, np.uint64]:
    high, low = divmod(address, 1 << 64)
    return np.uint64(high), np.uint64(low)


def _handled_rows(found: Compared, handle: str) -> Ints:
    """Return the rows of the nets that have a handle of their registry's."""
    left, right = (
        [net.id for net in handled(side.source, handle)] for side in (found.old, found.new)
    )
    if not left and not right:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.isin(found.left, left) | np.isin(found.right, right))


def _of_nets(watch: Watch, item: Item, which: Ints) -> Iterator[Event]:
    for change in rows(watch.found.picked(which)):
        yield from _told(watch, item, change)


def _told(watch: Watch, item: Item, change: Change) -> Iterator[Event]:
    """Yield the events of a net: what became of it, then each field that says more.

    The lessor is the holder of what is leased; the lessee is the user of it.
    """
    event = _of_net(watch, item, change)
    fields = {each.field: each for each in change.differences}
    if change.kind == "transferred":
        yield event._replace(event="transfer", old=change.left, new=change.joined)
    elif change.kind == "added":
        yield event._replace(event="new-net", new={k: each.new for k, each in fields.items()})
    elif change.kind == "removed":
        yield event._replace(event="gone", old={k: each.old for k, each in fields.items()})
    if change.kind in ("added", "removed"):
        fields = {name: each for name, each in fields.items() if name == "lessee"}
    fields.pop("lessor", None)
    lessee, user = fields.get("lessee"), fields.get("user")
    if lessee and user and lessee[1:] == user[1:]:
        del fields["user"]
    if "org" in fields or any(each.renamed for each in fields.values()):
        fields.pop("org_name", None)
    for each in fields.values():
        yield _of_field(event, each)


def _of_field(event: Event, found: Difference) -> Event:
    """Return the event of a field that differs."""
    name = found.field.replace("_", "-")
    if found.renamed:
        name = "renamed"
    elif found.field in EVENTS:
        name = EVENTS[found.field][0 if found.new else 1]
    return event._replace(event=name, field=found.field, old=found.old, new=found.new)


def _of_net(watch: Watch, item: Item, change: Change) -> Event:
    """Return an event of a net that says nothing yet."""
    days = watch.days[0].get(change.left or change.registry), watch.days[1].get(change.registry)
    return Event(
        "", item, "net", change.key, change.netname, change.registry, change.source, change.first,
        change.last, change.cidrs, None, None, None, days,
    )  # fmt: skip


def _of_owner(watch: Watch, item: Item, field: str) -> Iterator[Event]:
    """Yield the nets that a handle, mailbox or domain has in one index only."""
    found, text = watch.found, item.text.removeprefix("@")
    asked: dict[str, str] = {field: text}
    left, right = (np.array(side.source.nets(**asked), np.int64) for side in (found.old, found.new))
    left, right = left[found.old.counted[left]], right[found.new.counted[right]]
    lost = left[~np.isin(found.after[left], right)]
    gained = right[~np.isin(found.before[right], left)]
    left = np.concatenate([lost, found.before[gained]])
    right = np.concatenate([found.after[lost], gained])
    bits = np.where((left >= 0) & (right >= 0), BIT[field], 0).astype(np.uint32)
    mine = found._replace(left=left, right=right, bits=bits)
    order = by_address(mine)
    names = np.repeat(["net-lost", "net-gained"], [len(lost), len(gained)])[order].tolist()
    for name, change in zip(names, rows(mine.picked(order)), strict=True):
        each = next(each for each in change.differences if each.field == field)
        yield _of_field(_of_net(watch, item, change), each)._replace(event=name)


# -- objects ----------------------------------------------------------------------------------

Key = tuple[str, str, str, str]  # class, registry, source, key


def _of_objects(watch: Watch, item: Item) -> Iterator[Event]:
    """Yield what became of the objects under a handle or AS number."""
    sides = watch.found.old, watch.found.new
    before, after = (_objects(side.source, item) for side in sides)
    for key in sorted({*before, *after}, key=lambda key: (layout.CLASSES.index(key[0]), key)):
        kind, registry, source, name = key
        old, new = before.get(key), after.get(key)
        present = new or old
        event = Event(
            "", item, kind, name, present.name if present else None, registry, source, None, None,
            (), None, None, None, (watch.days[0].get(registry), watch.days[1].get(registry)),
        )  # fmt: skip
        if old is None or new is None:
            if _loaded(sides[0 if old is None else 1], key):
                said = event.name or name
                yield (
                    event._replace(event="appeared", new=said) if old is None
                    else event._replace(event="vanished", old=said)
                )  # fmt: skip
            continue
        for each in _differences((sides[0].source, old), (sides[1].source, new)):
            yield _of_field(event, each)


def _objects(index: Index, item: Item) -> dict[Key, Object]:
    found = [answer.object for answer in index.answers(item.text)]
    return {
        (each.kind, each.registry, each.source, each.key): each
        for each in found if isinstance(each, Object)
    }  # fmt: skip


def _loaded(side: Side, key: Key) -> bool:
    """Say whether an index holds any object of the class and source."""
    origins = [
        number for number, one in enumerate(side.source.meta["origins"])
        if (one["registry"], one["source"]) == key[1:3]
    ]  # fmt: skip
    of_kind = cells(side.tables, "object_class") == layout.CLASSES.index(key[0])
    return bool(np.isin(cells(side.tables, "object_origin")[of_kind], origins).any())


def _differences(before: tuple[Index, Object], after: tuple[Index, Object]) -> Iterator[Difference]:
    """Yield what differs between two objects: name, holder, contact, and other attributes."""
    old, new = before[1], after[1]
    told = {*_DATES}
    form = normal if old.kind in _NAMED else str.casefold
    if form(old.name or "") != form(new.name or ""):
        yield Difference("name", old.name, new.name, renamed=True)
        told |= {*_NAMES}
    if old.kind == "aut-num":
        holders = _holder(*before), _holder(*after)
        become = _became(*holders)
        if become:
            yield Difference("holder", *holders, renamed=become == "renamed")
            told |= {"org", "orgid"}
    contacts = reaches(old.abuse), reaches(new.abuse)
    if _meant(contacts[0]) != _meant(contacts[1]):
        yield Difference("contact", *contacts)
    lines = _lines(old, new, told), _lines(new, old, told)
    if any(lines):
        yield Difference("attributes", *lines)


def _holder(index: Index, system: Object) -> Named | None:
    """Return the organisation of an AS number."""
    if system.org is None:
        return None
    held = index.objects(system.org, "organisation", system.registry)
    return Named(held[0].name if held else None, system.org)


def _became(before: Named | None, after: Named | None) -> str:
    """Say whether a holder is another one, or renamed; a name that nobody knows is no other."""
    if before is None or after is None or before.handle != after.handle:
        return "" if before is after else "other"
    names = before.name, after.name
    return "renamed" if all(names) and normal(names[0] or "") != normal(names[1] or "") else ""


def _meant(contacts: Iterable[Reach]) -> frozenset[tuple[str, str]]:
    return frozenset(((each.mailbox or each.handle or "").upper(), each.rule) for each in contacts)


def _lines(item: Object, other: Object, told: Collection[str]) -> tuple[str, ...]:
    """Return the attributes of an object that another one has not, in their order.

    Those that are told of are left out, and the key; case and blanks do not count.
    """
    theirs = Counter(line.casefold() for line in _attributes(other, told))
    found = []
    for line in _attributes(item, told):
        theirs[line.casefold()] -= 1
        if theirs[line.casefold()] < 0:
            found.append(line)
    return tuple(found)


def _attributes(item: Object, told: Collection[str]) -> list[str]:
    return [
        f"{name}: {' '.join(value.split())}"
        for name, value in attributes(item.raw)[1:]
        if name not in told and value
    ]
