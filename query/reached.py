"""Choose how a party is reached: the first contact that somebody reads, by mail or by form.

Contacts come as `ladder.in_order` has them: the desk's own first, then the registry's rules, then
texts. One that the registry marks invalid, or that mail came back from, is taken only for want of
another. Mailboxes that are nobody's (the desk's never-bother list), a registry's or of a reserved
domain are not written to; what is left out is kept, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import as_number
from .casework import Dropped
from .contacts import Contact
from .ladder import came_back, in_order, judged_by, overriding
from .records import Net, Party

if TYPE_CHECKING:
    from .model import Answer

# Texts about other parties: of whom a net refers to, which may be its holder's people.
_OF_OTHERS: Final = ("generic.role-e-mail", "generic.org-remarks", "generic.origin-as")
_ASIDE: Final = ("drop", "registry_contact", "reserved_domain")
INVALID: Final = "the registry has found the mailbox invalid: go on at once when mail comes back"


IN_TEXT: Final = "found in the text of a record, not published as its abuse contact"


class Step(NamedTuple):
    """Hold a net of a chain, its role, and what that makes its party on a ladder."""

    net: Net
    role: str
    kind: str


class Reach(NamedTuple):
    """Hold how a party is reached."""

    mailbox: str | None
    form: str | None
    single: bool
    notes: tuple[str, ...]
    contact: Contact


def _judged(answer: Answer, contact: Contact, orgs: tuple[str, ...]) -> str | None:
    """Return why nobody writes to a contact, None when one may; find its form."""
    if contact.rule != "user.override":
        memory, place, mailbox = answer.memory, contact.place, contact.mailbox
        key = (mailbox and mailbox.lower(), place.org_code if place is not None else 0)
        known = memory.judged.get(key)
        if known is None:
            known = judged_by(memory.desk, mailbox, orgs)
        verdict, contact.form = known
        if verdict and verdict.mark in _ASIDE:
            return verdict.reason
    if contact.mailbox or contact.url or contact.form:
        return None
    return f"the dump has no mailbox for it, only {contact.handle or 'a reference'}"


def reach_of(
    answer: Answer, kind: str, party: Party, contacts: Iterable[Contact], orgs: tuple[str, ...]
) -> tuple[Reach | None, tuple[Dropped, ...]]:
    """Return how a party is reached best, and what is not written to."""
    good: list[Contact] = []
    dropped: dict[str | None, Dropped] = {}
    for contact in contacts:
        reason = _judged(answer, contact, orgs)
        if reason is None:
            good.append(contact)
        else:
            item = Dropped(kind, party.name or party.handle, contact.mailbox, reason)
            dropped.setdefault(contact.mailbox, item)
    if not good:
        return None, tuple(dropped.values())
    bounced = answer.memory.bounced
    best = min(good, key=lambda contact: contact.status == "invalid" or _key(contact) in bounced)
    form, notes = best.form, []
    only = form is not None and (form.only or not (best.mailbox or best.url))
    if form is not None and not only:
        notes.append(f"{form.name} takes reports by its form too: {form.url}")
    if form is not None and form.only:
        notes.append(f"{form.name} processes no mail: use its form")
    if best.status == "invalid":
        notes.append(INVALID)
    if day := bounced.get(_key(best)):
        notes.append(came_back(day))
    if best.rule.startswith("generic."):
        notes.append(IN_TEXT)
    if best.rule == "user.override" and best.reason:
        notes.append(best.reason)
    others = dict.fromkeys(c.mailbox for c in good if c.rule == best.rule and c.mailbox)
    if more := [mailbox for mailbox in others if mailbox != best.mailbox]:
        notes.append(f"also named: {', '.join(more)}")
    mailbox = None if only else best.mailbox
    url = form.url if form is not None and only else best.url if not mailbox else None
    single = form is not None and form.single
    return Reach(mailbox, url, single, tuple(notes), best), tuple(dropped.values())


def _key(contact: Contact) -> str:
    return (contact.mailbox or "").casefold()


def by_net(answer: Answer, steps: Sequence[Step]) -> list[list[Contact]]:
    """Return the contacts of each net of a chain, in its order.

    Of texts only a net's own count for a user: whom its record refers to may be its holder's
    people. What the desk drops comes too, to be told of.
    """
    chain = [step.net for step in steps]
    places = {(net.tables.prefix, net.id): at for at, net in enumerate(chain)}
    found: list[list[Contact]] = [[] for _ in chain]
    for contact in (*in_order(answer), *answer.abuse):
        place = contact.place
        if contact.rule == "user.override":
            place = _matched(answer, chain, (contact.object or "").upper())
        elif place is None:
            place = answer.holder_net or chain[0]
        at = places.get((place.tables.prefix, place.id)) if isinstance(place, Net) else None
        if at is None or (contact.rule in _OF_OTHERS and steps[at].kind != "holder"):
            continue
        if all((c.mailbox, c._has) != (contact.mailbox, contact._has) for c in found[at]):
            found[at].append(contact)
    return found


def own_contacts(answer: Answer, system: int | None, org: str | None) -> list[Contact]:
    """Return the desk's own contacts for an AS number or an organisation."""
    systems, orgs = (() if system is None else (system,)), ((org,) if org else ())
    entries = answer.desk.overrides_for(None, systems, orgs, ())
    return [overriding(answer, entry) for entry in entries]


def _matched(answer: Answer, chain: list[Net], match: str) -> Net | None:
    """Return the net whose party an override is for; one for an AS is for none of the chain."""
    if as_number(match) is not None:
        return None
    for net in reversed(chain):
        if match == (net.org_handle or "").upper():
            return net
    for contact in answer.abuse:
        if match == (contact.mailbox or "").upper() and isinstance(contact.place, Net):
            return contact.place
    return chain[-1]
