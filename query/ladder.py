"""Rank whom to tell about an address: overrides, the registries' rules, then a ladder of texts.

What a registry's rule gives comes from the index (`contacts`). The ladder below it is for what
registries do not publish as a contact: addresses in free text near a word like abuse, mail of the
roles a net names, the origin AS. It is looked for when it is asked for, and only where the build
has seen that there is something to find (`layout.TELLS`).

Rules: `user.override`; `generic.` remarks, org-remarks, local-part, role-e-mail for each net from
the last one up, then origin-as, guess. RFC 2142 has the mailbox names of the last one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from .contacts import LOW, MEDIUM, Contact, for_last, of_object
from .layout import OTHERS_TELL, REGISTRIES, TELLS
from .records import Net, Object, chain_of
from .rpsl import attributes, decode, lines_of

if TYPE_CHECKING:
    from .desk import Csirt, Desk, Form, Override, Verdict
    from .model import Answer

# Attributes that name people or roles of an object, of RPSL and of ARIN's bulk text.
_PEOPLE: Final = (
    "abuse-c", "tech-c", "admin-c", "abusehandle", "techhandle", "nochandle", "orgabusehandle",
    "orgtechhandle", "orgnochandle",
)  # fmt: skip
_NOTES: Final = ("remarks", "descr", "comment")
_MAIL: Final = ("e-mail", "mailbox")
_MARK_OF_CHECK: Final = ("was validated on ", "is invalid")
_MORE: Final = TELLS | OTHERS_TELL
_REMEMBERED: Final = 1 << 16
_IS_NOTE: Final = re.compile(rb"(?:remarks|descr|comment):|[ \t+]", re.IGNORECASE).match
_NAME: Final = re.compile(rb"[ \t+]|[^:]*:")
Judged = tuple["Verdict | None", "Form | None"]
Saying = tuple[str, str, int | None]


class Memory:
    """Keep what was found for one index: the desk, what it says, what the texts of objects say.

    Of mailboxes at an organisation and of objects at most `_REMEMBERED` each. ``bounced`` are the
    mailboxes, in lower case, that mail came back from, and the day: they come behind the others.
    """

    __slots__ = ("bounced", "desk", "judged", "told")

    def __init__(self, folder: str | None) -> None:
        from .desk import load_desk

        self.desk = load_desk(folder)
        self.bounced: Mapping[str, date] = {}
        self.judged: dict[tuple[str | None, int], Judged] = {}
        self.told: dict[tuple[str | None, int], list[Saying]] = {}


def ranked(answer: Answer, *, guess: bool = False) -> list[Contact]:
    """Return whom to tell, in order: the user's overrides, the registry's rules, then the ladder.

    What the desk says not to bother is left out (`drop`) or comes last, with its mark and reason;
    before it stands what mail came back from.
    ``guess`` adds `abuse@` the domain of an organisation's mail (RFC 2142), which nobody
    published.
    """
    return [*in_order(answer, guess=guess)]


def in_order(answer: Answer, *, guess: bool = False) -> Iterator[Contact]:
    """Yield whom to tell, as `ranked` has it; what stands below is looked for when asked for."""
    memory = answer.memory
    judged = memory.judged
    aside: list[Contact] = []
    back: list[Contact] = []
    seen: set[str] = set()
    for contact in _found(answer, memory.desk, guess):
        place = contact.place
        org = place.org_code if place is not None else 0
        mailbox = contact.mailbox
        mailbox = mailbox and mailbox.lower()
        if mailbox in seen and contact.rule.startswith("generic."):
            continue
        known = judged.get((mailbox, org))
        if known is None:
            handle = place.org_handle if place is not None else None
            if len(judged) >= _REMEMBERED:
                judged.clear()
            known = judged[mailbox, org] = judged_by(
                memory.desk, mailbox, (handle,) if handle else ()
            )
        verdict, contact.form = known
        if mailbox is not None:
            seen.add(mailbox)
            if verdict is not None and contact.rule != "user.override":
                if verdict.mark == "drop":
                    continue
                contact.mark, contact.reason = verdict
                if verdict.mark == "registry_contact":
                    contact.confidence = LOW
        if contact.mark == "registry_contact":
            aside.append(contact)
        elif mailbox and (day := memory.bounced.get(mailbox)):
            contact.mark, contact.reason = "bounced", came_back(day)
            contact.confidence = LOW
            back.append(contact)
        else:
            yield contact
    yield from back
    yield from aside


def came_back(day: date) -> str:
    """Say that mail to a mailbox came back."""
    return f"mail to it came back on {day.isoformat()}"


def _found(answer: Answer, desk: Desk, guess: bool) -> Iterator[Contact]:
    """Yield all that there is, in order."""
    own = _own_results(answer)
    yield from _overrides(answer, desk, own)
    yield from own
    if desk.overrides or answer.object or _tells(answer):
        yield from _ladder(answer)
    if guess:
        yield from _guesses(answer)


def judged_by(desk: Desk, mailbox: str | None, orgs: tuple[str, ...]) -> Judged:
    """Return what the desk says of a mailbox and organisations: a verdict, and a form."""
    return desk.judge(mailbox, orgs) if mailbox else None, desk.form(mailbox, orgs)


def _own_results(answer: Answer) -> list[Contact]:
    if answer.object is None:
        return list(answer.abuse)
    if isinstance(answer.object, Net):
        return for_last(chain_of(answer.tables, answer.object.id)[::-1])
    return of_object(answer.tables, answer.object)


def _overrides(answer: Answer, desk: Desk, own: list[Contact]) -> Iterator[Contact]:
    """Yield what the user's own table says of the range, its AS, organisations or mailboxes."""
    if not desk.overrides:
        return
    item = answer.object
    orgs = {handle for place in _places(answer) if (handle := place.org_handle)}
    systems = set(answer.origins)
    if isinstance(item, Object):
        systems |= {int(item.key[2:])} if item.kind == "aut-num" else set()
    mailboxes = [contact.mailbox for contact in own if contact.mailbox]
    for entry in desk.overrides_for(answer.span, systems, orgs, mailboxes):
        yield overriding(answer, entry)


def overriding(answer: Answer, entry: Override) -> Contact:
    """Return what a line of the user's own table says as a contact."""
    mailbox = entry.contact if "://" not in entry.contact else None
    contact = Contact(answer.tables, None, mailbox, "user.override", refers=entry.match)
    contact.url = None if mailbox else entry.contact
    contact.reason = entry.note
    return contact


def _tells(answer: Answer) -> bool:
    """Say whether the build has seen more than results in the texts of a chain."""
    for net in answer.chain:
        if net.tables.net_contact[net.id] & _MORE:
            return True
    return bool(answer.origins)


def _places(answer: Answer) -> list[Net | Object]:
    """Return whose texts are looked at: the object asked for, else the nets from the last up."""
    return [answer.object] if answer.object is not None else list(reversed(answer.chain))


def _ladder(answer: Answer) -> Iterator[Contact]:
    """Yield what the texts of the nets say, from the last net up, then the origin AS's contact."""
    tables = answer.tables
    for place in _places(answer):
        if isinstance(place, Net):
            flags = place.tables.net_contact[place.id] & _MORE
        else:
            flags = tables.object_contact[place.id] & _MORE
        if flags and getattr(place, "role", "") != "registry":
            yield from _told(answer, place, flags)
    for system in answer.origins:
        for item in answer.objects(f"AS{system}", "aut-num"):
            for contact in of_object(tables, item):
                contact.rule, contact.confidence = "generic.origin-as", MEDIUM
                yield contact


def _told(answer: Answer, place: Net | Object, flags: int) -> Iterator[Contact]:
    """Yield the addresses in the text of a net, and in those of the objects it refers to."""
    told = answer.memory.told
    key = (place.tables.prefix if isinstance(place, Net) else None, place.id)
    sayings = told.get(key)
    if sayings is None:
        if len(told) >= _REMEMBERED:
            told.clear()
        sayings = told[key] = [*_sayings(answer, place, flags)]
    for mailbox, rule, refers in sayings:
        confidence = LOW if rule == "generic.role-e-mail" else MEDIUM
        yield Contact(answer.tables, place, mailbox, rule, confidence, has=refers, refers=refers)


def _sayings(answer: Answer, place: Net | Object, flags: int) -> Iterator[Saying]:
    """Yield mailbox, rule and the object whose text has it, None for the place itself."""
    from .mailboxes import addresses, near_abuse, role_like

    raw = place.raw
    with_at = [line for line in raw.split(b"\n") if b"@" in line] if flags & TELLS else []
    if flags & TELLS and (not with_at or any(map(_IS_NOTE, with_at))):
        for mailbox in near_abuse(lines_of(raw, _NOTES)):
            yield mailbox, "generic.remarks", None
    pairs = attributes(raw) if flags & OTHERS_TELL else []
    for item in _related(answer, place, pairs):
        lines = lines_of(item.raw, _NOTES)
        lines = [line for line in lines if not any(mark in line for mark in _MARK_OF_CHECK)]
        for mailbox in near_abuse(lines):
            yield mailbox, "generic.org-remarks", item.id
    for line in with_at:
        for mailbox in addresses(decode(_NAME.sub(b"", line, 1)).strip()):
            if role_like(mailbox):
                yield mailbox, "generic.local-part", None
    for item in _roles(answer, place, pairs):
        wanted = _MAIL if item.registry in REGISTRIES else ("abuse-mailbox", *_MAIL)
        for name, value in attributes(item.raw):
            if name in wanted:
                for mailbox in addresses(value):
                    yield mailbox, "generic.role-e-mail", item.id


def _related(answer: Answer, place: Net | Object, pairs: list[tuple[str, str]]) -> Iterator[Object]:
    """Yield the organisation, roles, irts and maintainers of an object whose texts tell more."""
    kinds = (
        ("organisation", ("org", "orgid")), ("role", _PEOPLE), ("irt", ("mnt-irt",)),
        ("mntner", ("mnt-by",)),
    )  # fmt: skip
    telling = answer.tables.object_contact
    for kind, names in kinds:
        for item in _named(answer, place, pairs, kind, names):
            if telling[item.id] & TELLS:
                yield item


def _roles(answer: Answer, place: Net | Object, pairs: list[tuple[str, str]]) -> Iterator[Object]:
    """Yield the roles, no persons, that an object names, then those its organisation names."""
    yield from _named(answer, place, pairs, "role", _PEOPLE)
    for org in _named(answer, place, pairs, "organisation", ("org", "orgid")):
        yield from _named(answer, place, attributes(org.raw), "role", _PEOPLE)


def _named(
    answer: Answer, place: Net | Object, pairs: list[tuple[str, str]], kind: str,
    names: tuple[str, ...],
) -> Iterator[Object]:  # fmt: skip
    """Yield the objects of a class and of the same registry that some attributes name."""
    handles = [
        part.strip().upper() for name, value in pairs if name in names for part in value.split(",")
    ]
    for handle in dict.fromkeys(filter(None, handles)):
        yield from answer.objects(handle, kind, place.registry)


def _guesses(answer: Answer) -> Iterator[Contact]:
    """Yield `abuse@` the domains of the organisations' mail, masked mail included."""
    from .mailboxes import addresses, domain_of

    for place in _places(answer):
        if getattr(place, "role", "") == "registry":
            continue
        pairs = attributes(place.raw)
        texts = [value for _, value in pairs if "@" in value]
        for org in _named(answer, place, pairs, "organisation", ("org", "orgid")):
            texts += [value for _, value in attributes(org.raw) if "@" in value]
        found = (a for text in texts for a in addresses(text.replace("***", "masked")))
        for domain in dict.fromkeys(map(domain_of, found)):
            yield Contact(answer.tables, place, f"abuse@{domain}", "generic.guess", LOW)


# -- what else a handler asks -----------------------------------------------------------------


class Independence(NamedTuple):
    """Say whether user and holder are reached at different places.

    ``independent`` is None where one of them has no mailbox; ``text`` says why.
    """

    independent: bool | None
    text: str


def independence(answer: Answer) -> Independence | None:
    """Compare whom the registry's rule names for the last net and for the holder's net.

    None without a user beside the holder.
    """
    from .mailboxes import domain_of

    chain = answer.chain
    if answer.user is None or answer.holder is None:
        return None
    place = next(k for k in reversed(range(len(chain))) if chain[k].role == "holder")
    own = for_last(chain)
    theirs = [c.mailbox for c in for_last(chain[: place + 1]) if c.mailbox]
    mine = [c.mailbox for c in own if c.mailbox]
    if own and own[0].inherited:
        return Independence(False, f"the user has no contact of its own: it is {own[0].level}'s")
    if not mine or not theirs:
        who = "the user" if not mine else "the holder"
        return Independence(None, f"{who} has no mailbox by the registry's rule")
    same = [m for m in mine if m.lower() in {t.lower() for t in theirs}]
    if same:
        return Independence(False, f"user and holder are both reached at {same[0]}")
    domains = {domain_of(m) for m in mine} & {domain_of(t) for t in theirs}
    if domains:
        return Independence(False, f"user and holder are both reached at {min(domains)}")
    return Independence(True, "user and holder are reached at different domains")


def csirts(answer: Answer) -> list[Csirt]:
    """Return the desk's CSIRTs of the countries of the nets, the last net's first."""
    countries = [code for net in reversed(answer.chain) for code in net.country]
    return answer.desk.csirts(dict.fromkeys(countries))
