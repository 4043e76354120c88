"""Read the contacts that the registries' own rules give, as the build resolved them.

How they were found is in `rirdex.indexer.contacts`; what more there is, and whom to tell first,
in `ladder`. Rules: `layout.RULES`, and `REGISTRY.parent` for what the last net takes from above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from . import layout
from .cells import Json, date_of, day_text, text_at
from .layout import INHERITED, MORE_ITEMS, RESULT_BITS, RULE_BITS, STATUS_SHIFT, STATUSES
from .records import Net, Object

if TYPE_CHECKING:
    from .desk import Form
    from .store import Tables

_PARENT: Final = tuple(f"{rule.partition('.')[0]}.parent" for rule in layout.RULES)
HIGH, MEDIUM, LOW = "high", "medium", "low"


class Contact:
    """Describe one way to reach somebody: a mailbox, or a handle or form in its place.

    ``rule`` says how it was found, ``handle`` which object has the mailbox, ``object`` which
    object leads there, ``level`` the key of the net (or object) it belongs to. ``inherited``:
    the last net has no contact of its own and takes this one. ``status`` is valid, invalid or
    unknown, as the registry marks it, and ``checked`` its day. ``confidence`` is this program's,
    ``mark`` (registry_contact, reserved_domain), ``reason``, ``form`` and ``url`` the desk's.
    """

    __slots__ = (
        "_day", "_has", "_refers", "confidence", "form", "inherited", "mailbox", "mark", "place",
        "reason", "rule", "status", "tables", "url",
    )  # fmt: skip

    def __init__(
        self, tables: Tables, place: Net | Object | None, mailbox: str | None, rule: str,
        confidence: str = HIGH, has: int | str | None = None, refers: int | str | None = None,
        inherited: bool = False, status: str = "unknown", day: int = 0,
    ) -> None:  # fmt: skip
        self.tables = tables
        self.place = place
        self.mailbox = mailbox
        self.rule = rule
        self.confidence = confidence
        self._has = has
        self._refers = refers
        self.inherited = inherited
        self.status = status
        self._day = day
        self.mark: str | None = None
        self.reason: str | None = None
        self.url: str | None = None
        self.form: Form | None = None

    @property
    def handle(self) -> str | None:
        """Return the handle of the object that has the mailbox, None for a text or override."""
        return Object(self.tables, self._has).key if isinstance(self._has, int) else self._has

    @property
    def object(self) -> str | None:
        """Return the key of the object that leads to the mailbox."""
        if self._refers is None:
            return self.level
        refers = self._refers
        return Object(self.tables, refers).key if isinstance(refers, int) else refers

    @property
    def level(self) -> str | None:
        """Return the key of the net or object the contact belongs to, None for an override."""
        return self.place.key if self.place is not None else None

    @property
    def role(self) -> str | None:
        """Return the role in the chain of the net the contact belongs to."""
        return self.place.role if isinstance(self.place, Net) else None

    @property
    def checked(self) -> date | None:
        """Return the day on which the registry last found the mailbox to work."""
        return date_of(self._day)

    def to_dict(self) -> Json:
        """Return the contact as in the JSON of an answer's `abuse`."""
        return {
            "mailbox": self.mailbox, "handle": self.handle, "rule": self.rule,
            "object": self.object, "level": self.level, "inherited": self.inherited,
            "status": self.status, "checked": day_text(self.checked),
        }  # fmt: skip

    def to_ranked(self) -> Json:
        """Return the contact as in the JSON of `contacts`."""
        from .mailboxes import ascii_form, unicode_form

        mailbox = self.mailbox
        return self.to_dict() | {
            "confidence": self.confidence, "role": self.role,
            "unicode": unicode_form(mailbox) if mailbox else None,
            "ascii": ascii_form(mailbox) if mailbox else None,
            "mark": self.mark, "reason": self.reason,
            "form": self.form.url if self.form else self.url,
            "form_only": bool(self.form.only if self.form else self.url),
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Contact {self.mailbox or self.handle} {self.rule} {self.confidence}>"


# -- what the registries' rules give ----------------------------------------------------------


def for_last(chain: Sequence[Net]) -> list[Contact]:
    """Return what the registry's own rule gives for the last net of a chain, [] for nothing."""
    last = chain[-1]
    value: int = last.tables.net_contact[last.id]
    if value & INHERITED:
        place = _supplier(chain)
        code = value & RESULT_BITS if place is None else _own(place)
        tables = last.tables if place is None else place.tables
        return [*items_of(tables, place, code, inherited=True)] if code else []
    code = value & RESULT_BITS
    return [*items_of(last.tables, last, code)] if code else []


def _own(net: Net) -> int:
    """Return the code of the result that a net has of its own, 0 for none."""
    value: int = net.tables.net_contact[net.id]
    return 0 if value & INHERITED else value & RESULT_BITS


def _supplier(chain: Sequence[Net]) -> Net | None:
    """Return the net of a chain whose result the last one takes.

    The climb goes from each net to the next one that contains all of it: of nets that cross, one
    is passed over.
    """
    first, last = chain[-1].bounds
    for net in reversed(chain):
        low, high = net.bounds
        if low <= first and last <= high:
            if _own(net):
                return net
            first, last = low, high
    return None


def registered(chain: Sequence[Net]) -> list[Contact]:
    """Return what the registry's own rule gives for the nets of a chain, the last net first.

    A net that has nothing of its own gives nothing, but for the last one: what it takes from a
    net above is `inherited`, by rule `parent`.
    """
    if not chain:
        return []
    found = for_last(chain)
    source = found[0].place if found else None
    for net in chain[-2::-1]:
        code = _own(net)
        if code and net != source and net.role != "registry":
            found += items_of(net.tables, net, code)
    return found


def of_object(tables: Tables, item: Object) -> list[Contact]:
    """Return what the registry's own rule gives for an AS number or an organisation."""
    code = tables.object_contact[item.id] & RESULT_BITS
    return [*items_of(tables, item, code)] if code else []


def items_of(
    tables: Tables, place: Net | Object | None, code: int, inherited: bool = False
) -> Iterator[Contact]:
    """Yield the items of a result."""
    while True:
        what: int = tables.contact_what[code]
        rule = what & RULE_BITS
        handle: int = tables.contact_handle[code]
        has = handle - 1 if handle > 0 else text_at(tables, "mail", -handle)
        refers = tables.contact_object[code]
        status = STATUSES[what >> STATUS_SHIFT & 3]
        confidence = LOW if status == "invalid" else MEDIUM if inherited else HIGH
        yield Contact(
            tables, place, text_at(tables, "mail", tables.contact_mail[code]),
            _PARENT[rule] if inherited else layout.RULES[rule], confidence, has,
            refers if refers >= 0 else text_at(tables, "mail", -1 - refers), inherited, status,
            tables.contact_checked[code],
        )  # fmt: skip
        if not what & MORE_ITEMS:
            return
        code += 1
