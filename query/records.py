"""Define the records of an index: `Net`, `Object`, `Org`, `Party`.

They are small handles on the index: every member is read when it is asked for, so that an answer
of which one field is used costs one field. They are frozen, keep the index's memory alive, and
raise `StoreError` once the index is closed. `to_dict` gives the JSON.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from . import layout
from .addresses import address_object, format_prefixes, format_range
from .cells import Json, date_of, day_text, dump_of, list_at, origin_of, text_at
from .raw import raw_text
from .rpsl import attributes, is_name, text_of

if TYPE_CHECKING:
    from .contacts import Contact
    from .store import Tables


class Org(NamedTuple):
    """Name an organisation: its handle and, when a source holds it, its name."""

    handle: str
    name: str | None


class Party(NamedTuple):
    """Name a party of a chain: a name, a handle or both, and the key of the net it stands in."""

    name: str | None
    handle: str | None
    net: str


class Net:
    """Describe one net: its range and what its registry says of it.

    ``first`` and ``last`` are address objects, lists are tuples, dates are `datetime.date`,
    what is missing is None or ().
    """

    __slots__ = ("_id", "_last", "_piece", "_tables")

    def __init__(
        self, tables: Tables, net: int, piece: int, last: int | Sequence[Net] | None = None
    ) -> None:
        self._tables = tables
        self._id = net
        self._piece = piece
        self._last = last  # the chain's last piece, None = this one; of the past its nets upwards

    @property
    def id(self) -> int:
        """Return the net's id, valid for this index file only."""
        return self._id

    @property
    def tables(self) -> Tables:
        """Return the tables that the net is read from."""
        return self._tables

    @property
    def netname(self) -> str | None:
        """Return the net's short name as published."""
        tables = self._tables
        code = tables.net_netname[self._id]
        at = tables.text_netname_at
        return str(tables.text_netname[at[code] : at[code + 1]], "utf-8") or None

    @property
    def family(self) -> int:
        """Return 4 or 6."""
        return 4 if self._id < self._tables.nets4 else 6

    @property
    def bounds(self) -> tuple[int, int]:
        """Return the first and last address as integers."""
        tables, row = self._tables, self._id
        if row < tables.nets4:
            return tables.net_first4[row], tables.net_last4[row]
        row -= tables.nets4
        return (
            tables.net_first6_hi[row] << 64 | tables.net_first6_lo[row],
            tables.net_last6_hi[row] << 64 | tables.net_last6_lo[row],
        )

    @property
    def first(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """Return the first address."""
        return address_object(self.family, self.bounds[0])

    @property
    def last(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """Return the last address."""
        return address_object(self.family, self.bounds[1])

    @property
    def key(self) -> str:
        """Return the key: a handle at ARIN, the range as written at LACNIC, else the range."""
        if self.registry in ("ARIN", "LACNIC"):
            pairs = attributes(self.raw)
            name, value = pairs[0] if pairs else ("", "")
            if name in ("nethandle", "v6nethandle"):
                return value.upper()
            if value and self.registry == "LACNIC":
                return value
        return format_range(self.family, *self.bounds)

    @property
    def cidrs(self) -> tuple[str, ...]:
        """Return the fewest prefixes that make up the range."""
        return tuple(format_prefixes(self.family, *self.bounds))

    @property
    def status(self) -> str | None:
        """Return the status, upper case, blanks collapsed."""
        return text_at(self._tables, "status", self._tables.net_status[self._id])

    @property
    def role(self) -> str:
        """Return the role of the net in its chain (`layout.ROLES`); outside it, `foreign`."""
        piece = self._piece
        if piece < 0:
            return "foreign"
        flags = self._tables.piece_role[piece]
        if flags & layout.IS_USER:
            from .verdicts import role_of

            return role_of(self._tables, piece, piece if self._last is None else self._last)
        return layout.ROLES[flags & layout.ROLE_BITS]

    @property
    def country(self) -> tuple[str, ...]:
        """Return the country codes as published, upper case."""
        return list_at(self._tables, "country", self._tables.net_country[self._id])

    @property
    def descr(self) -> tuple[str, ...]:
        """Return the description, a text for each attribute."""
        tables = self._tables
        if tables.piece_role[self._id] & layout.OWNER:
            return ()
        if tables.piece_role[self._id] & layout.MORE_DESCR:
            return tuple(value for name, value in attributes(self.raw) if name == "descr" and value)
        first = text_at(tables, "descr", tables.net_descr[self._id])
        return (first,) if first else ()

    @property
    def org(self) -> Org | None:
        """Return the organisation the net refers to; its name is None when no source holds it."""
        tables = self._tables
        code = tables.net_org[self._id]
        handle = text_at(tables, "org", code)
        if handle is None:
            return None
        row = tables.org_object[code]
        return Org(handle, text_at(tables, "name", tables.object_name[row]) if row >= 0 else None)

    @property
    def org_code(self) -> int:
        """Return what stands for the organisation in this part of the index, 0 without one."""
        code: int = self._tables.net_org[self._id]
        return code | (1 << 40 if self._tables.prefix else 0)

    @property
    def org_handle(self) -> str | None:
        """Return the handle of the organisation the net refers to."""
        return text_at(self._tables, "org", self._tables.net_org[self._id])

    @property
    def mnt_by(self) -> tuple[str, ...]:
        """Return the maintainers of the object."""
        return list_at(self._tables, "mnt_by", self._tables.net_mnt_by[self._id])

    @property
    def created(self) -> date | None:
        """Return when the registry says the object was created."""
        return date_of(self._tables.net_created[self._id])

    @property
    def modified(self) -> date | None:
        """Return when the registry says the object was last changed."""
        return date_of(self._tables.net_modified[self._id])

    @property
    def source(self) -> str:
        """Return the `source` of the object, upper case."""
        return str(self._origin["source"])

    @property
    def registry(self) -> str:
        """Return the registry that publishes the object."""
        return str(self._origin["registry"])

    @property
    def _origin(self) -> Json:
        return origin_of(self._tables, self._tables.net_origin[self._id])

    @property
    def raw(self) -> bytes:
        """Return the object's text as it stands in its dump."""
        return raw_text(self._tables, self._tables.net_object[self._id])

    @property
    def text(self) -> str:
        """Return the object's text, each line decoded as UTF-8, else latin-1."""
        return text_of(self.raw)

    @property
    def dump(self) -> Json:
        """Return where the object stands: file, date and sha256 of the dump, offset in its text."""
        return dump_of(self._tables, self._origin, self._tables.net_object[self._id])

    def as_foreign(self) -> Net:
        """Return the net as another registry's record than the responsible one's."""
        return Net(self._tables, self._id, -1)

    def as_object(self, explain: bool = False) -> Json:
        """Return the net as the object that a handle names, as in the JSON of an answer."""
        from .contacts import for_last

        chain = tuple(reversed(chain_of(self._tables, self._piece)))
        found: Json = {
            "class": "net", "key": self.key, "source": self.source, "name": self.netname,
            "org": self.org_handle, "abuse": [item.to_dict() for item in for_last(chain)],
        }  # fmt: skip
        return found | {"dump": self.dump} if explain else found

    @property
    def party(self) -> Party:
        """Return who the net names: by org-name, else first descr or owner, else netname."""
        return Party(*self.called, self.key)

    @property
    def called(self) -> tuple[str | None, str | None]:
        """Return name and handle of the net's party."""
        org, tables = self.org, self._tables
        handle = org.handle if org else None
        if org is not None and org.name:
            return org.name, handle
        name = text_at(tables, "descr", tables.net_descr[self._id])
        return (name if name and is_name(name) else self.netname), handle

    def to_dict(self, explain: bool = False) -> Json:
        """Return the net as in the JSON of an answer; ``explain`` adds `dump`."""
        org = self.org
        found = {
            "key": self.key, "first": str(self.first), "last": str(self.last),
            "cidrs": list(self.cidrs), "netname": self.netname, "status": self.status,
            "role": self.role, "country": list(self.country), "descr": list(self.descr),
            "org": org._asdict() if org else None, "mnt_by": list(self.mnt_by),
            "created": day_text(self.created), "modified": day_text(self.modified),
            "source": self.source,
        }  # fmt: skip
        return found | {"dump": self.dump} if explain else found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Net) and identity_of(self) == identity_of(other)

    def __hash__(self) -> int:
        return hash(identity_of(self))

    def __repr__(self) -> str:
        return f"<Net {self._id} {self.key} {self.netname} {self.status}>"


def chain_of(tables: Tables, piece: int) -> list[Net]:
    """Return the nets on the way up from a piece, the widest last."""
    above, count, last = tables.piece_above, tables.nets, piece
    nets = []
    while piece >= 0:
        net = piece if piece < count else tables.piece_net[piece - count]
        nets.append(Net(tables, net, piece, last))
        piece = above[piece]
    return nets


class Object:
    """Describe an object that is no net: an organisation, role, person, irt, mntner, ..."""

    __slots__ = ("_id", "_tables")

    def __init__(self, tables: Tables, row: int) -> None:
        self._tables = tables
        self._id = row

    @property
    def id(self) -> int:
        """Return the object's number, valid for this index file only."""
        return self._id

    @property
    def kind(self) -> str:
        """Return the class of the object."""
        return layout.CLASSES[self._tables.object_class[self._id]]

    @property
    def key(self) -> str:
        """Return the primary key, upper case."""
        return text_at(self._tables, "key", self._tables.object_key[self._id]) or ""

    @property
    def name(self) -> str | None:
        """Return what the object is called: org-name, role, person, as-name or descr."""
        return text_at(self._tables, "name", self._tables.object_name[self._id])

    @property
    def org(self) -> str | None:
        """Return the handle of the organisation the object refers to."""
        return text_at(self._tables, "org", self._tables.object_org[self._id])

    @property
    def org_code(self) -> int:
        """Return what stands for the organisation in this index file, 0 without one."""
        if self.kind == "organisation":
            return ~self._id
        code: int = self._tables.object_org[self._id]
        return code

    @property
    def org_handle(self) -> str | None:
        """Return the handle of the organisation the object is or refers to."""
        return self.key if self.kind == "organisation" else self.org

    @property
    def abuse(self) -> tuple[Contact, ...]:
        """Return what the registry's own rule gives for an AS number or organisation, else ()."""
        from .contacts import of_object

        return tuple(of_object(self._tables, self))

    @property
    def created(self) -> date | None:
        """Return when the registry says the object was created."""
        return date_of(self._tables.object_created[self._id])

    @property
    def modified(self) -> date | None:
        """Return when the registry says the object was last changed."""
        return date_of(self._tables.object_modified[self._id])

    @property
    def source(self) -> str:
        """Return the `source` of the object, upper case."""
        return str(self._origin["source"])

    @property
    def registry(self) -> str:
        """Return the registry that publishes the object."""
        return str(self._origin["registry"])

    @property
    def _origin(self) -> Json:
        return origin_of(self._tables, self._tables.object_origin[self._id])

    @property
    def raw(self) -> bytes:
        """Return the object's text as it stands in its dump."""
        return raw_text(self._tables, self._tables.object_object[self._id])

    @property
    def text(self) -> str:
        """Return the object's text, each line decoded as UTF-8, else latin-1."""
        return text_of(self.raw)

    @property
    def dump(self) -> Json:
        """Return where the object stands: file, date and sha256 of the dump, offset in its text."""
        return dump_of(self._tables, self._origin, self._tables.object_object[self._id])

    def to_dict(self, explain: bool = False) -> Json:
        """Return the object as in the JSON of an answer."""
        found: Json = {
            "class": self.kind, "key": self.key, "source": self.source, "name": self.name,
            "org": self.org, "abuse": [item.to_dict() for item in self.abuse],
        }  # fmt: skip
        return found | {"dump": self.dump} if explain else found

    as_object = to_dict

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Object) and identity_of(self) == identity_of(other)

    def __hash__(self) -> int:
        return hash(identity_of(self))

    def __repr__(self) -> str:
        return f"<Object {self.kind} {self.key} {self.source}>"


def identity_of(item: Object | Net) -> tuple[object, ...]:
    """Return what tells nets, or objects, from each other: number, part and file of the index."""
    return item._id, item._tables.prefix, item._tables.store.seal
