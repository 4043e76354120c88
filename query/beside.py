"""Find the parties beside a chain, by their own objects: who stands between, announces, sponsors.

An origin AS is known by its number, a facilitator by its organisation or the list of fingerprints,
and who sells transit to the origin by the relationships of the build: as of today alone, for the
origins of an earlier day too. A content delivery network that the dumps do not know has a form in
`cdn.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import as_number
from .casework import Dropped, Rung
from .contacts import Contact, of_object
from .facts import known_to
from .reached import own_contacts, reach_of
from .records import Object, Party
from .routing import Route, providers_of
from .rung_parts import NOTHING, Found, countries_of, in_dump, made, shown_range, source_of

if TYPE_CHECKING:
    from .fingerprints import Party as Fingerprint
    from .model import Answer

_UPSTREAMS: Final = 3  # of an origin: a ladder of forty networks of transit helps nobody
# The upstreams of an AS, now or not: many chains share their origin.
Sellers = dict[tuple[int, bool], list[Found]]


class Cdn(NamedTuple):
    """Name a content delivery network, and the form that takes reports, if it has one."""

    name: str
    form: str | None


@cache
def cdns() -> dict[int, Cdn]:
    """Return the networks of `cdn.toml` by AS number."""
    text = files(__package__).joinpath("cdn.toml").read_text("utf-8")
    return {row["asn"]: Cdn(row["name"], row.get("form")) for row in tomllib.loads(text)["cdn"]}


def _of_items(
    answer: Answer, kind: str, party: Party, items: list[Object], lead: str, now: bool,
    names: tuple[str, ...],
) -> Found:  # fmt: skip
    """Return a party that is reached by its own object; ``lead`` begins the sentence."""
    if own := own_contacts(answer, as_number(names[0]), names[-1]):
        reach, gone = reach_of(answer, kind, party, own, ())
        if reach:
            rule = reach.contact.rule
            why = f"is the desk's own contact for {reach.contact.object} ({rule})"
            evidence = NOTHING._replace(rule=rule)
            rung = made(kind, party, reach, why, evidence, (), now, reach.notes)
            return Found(kind, party.name, names, rung)
    gone = ()
    for item in items:
        orgs = (item.org_handle,) if item.org_handle else ()
        reach, dropped = reach_of(answer, kind, party, of_object(answer.tables, item), orgs)
        gone += dropped
        if reach:
            day, file = source_of(answer.tables, answer.tables.object_origin[item.id])
            rule = reach.contact.rule
            evidence = NOTHING._replace(
                key=item.key, source=item.source, file=file, snapshot=day, rule=rule
            )
            why = f"{lead}, whose contact is {in_dump(file, day)} ({rule})"
            countries = countries_of(answer, item)
            rung = made(kind, party, reach, why, evidence, countries, now, reach.notes)
            return Found(kind, party.name, names, rung, gone)
    if not gone:
        reason = "no record of it in the dumps has a contact"
        gone = (Dropped(kind, party.name or party.handle, None, reason),)
    return Found(kind, party.name, names, None, gone)


def facilitator(answer: Answer, now: bool) -> Iterator[Found]:
    """Yield who is known to stand between, by the contact of its organisation.

    A party that is known by its maintainer alone has organisations, a mailbox or a form in the list
    of fingerprints.
    """
    party = answer.facilitator
    if party is None:
        return
    listed = [
        each for each in known_to(answer.tables).parties
        if each.facilitates and each.name == party.name
    ]  # fmt: skip
    known = [org for each in listed for org in each.organisations]
    handles = [party.handle] if party.handle else known
    items = [item for handle in handles for item in answer.objects(handle, "organisation")]
    names = tuple(handles)
    if items:
        lead = f"appears to stand between holder and user of {party.net}"
        found = _of_items(answer, "facilitator", party, items, lead, now, names or ("",))
        if found.rung or any(item.mailbox for item in found.dropped):
            yield found
            return
    yield _listed(answer, party, listed, names, now)


def _listed(
    answer: Answer, party: Party, listed: list[Fingerprint], names: tuple[str, ...], now: bool
) -> Found:
    """Return a facilitator by the mailbox or form of the list that it is known from."""
    contacts = []
    for each in listed:
        if each.abuse or each.form:
            contact = Contact(answer.tables, None, each.abuse, "fingerprint", refers=each.name)
            contact.url = None if each.abuse else each.form
            contacts.append(contact)
    reach, gone = reach_of(answer, "facilitator", party, contacts, ())
    rung = None
    if reach:
        why = (
            f"appears to stand between holder and user of {party.net}; its contact is in "
            "fingerprints.toml (fingerprint)"
        )
        evidence = NOTHING._replace(file="fingerprints.toml", rule="fingerprint")
        rung = made("facilitator", party, reach, why, evidence, (), now, reach.notes)
    return Found("facilitator", party.name, names, rung, gone)


def origins(answer: Answer, route: Route | None, now: bool) -> Iterator[Found]:
    """Yield who announces an address."""
    for asn in route.origins if route else ():
        system = f"AS{asn}"
        items = answer.objects(system, "aut-num")
        verb = "now announces" if now else "announces"
        lead = f"{verb} {route.prefix if route else ''} as {system}"
        found = _of_system(answer, "origin-as", system, items, lead, now)
        network = cdns().get(asn)
        if found.rung is None and network is not None and network.form:
            found = _edge(found, network, lead, now)
        yield found


def _edge(found: Found, network: Cdn, lead: str, now: bool) -> Found:
    """Return a content delivery network that the dumps have no contact of, with its form."""
    evidence = NOTHING._replace(file="cdn.toml", rule="cdn")
    rung = Rung(
        ("origin-as",), network.name, found.names[0], None, network.form,
        f"{lead}; its form is in cdn.toml (cdn)", evidence, "en", 0, True, now,
    )  # fmt: skip
    return found._replace(name=network.name, rung=rung, dropped=())


def _of_system(
    answer: Answer, kind: str, system: str, items: list[Object], lead: str, now: bool
) -> Found:
    """Return the party of an AS number, by its own records and its organisation's name."""
    orgs = [
        org for it in items if it.org for org in answer.objects(it.org, "organisation", it.registry)
    ]
    named: list[Object] = [*orgs, *items]
    name = next((it.name for it in named if it.name), None)
    names = (system, *(it.org for it in items if it.org))
    return _of_items(answer, kind, Party(name, system, system), items, lead, now, names)


def upstreams(
    answer: Answer, route: Route | None, now: bool, sellers: Sellers
) -> Iterator[Found]:  # fmt: skip
    """Yield who sells transit to the origins, the smallest of each that have a contact.

    Of the others nothing is said, unless the desk does not want their mailboxes to be bothered.
    Who they are is known as of today alone, for the origins of an earlier day too.
    """
    systems = route.origins if route else ()
    seen = {f"AS{asn}" for asn in systems}
    for asn in systems:
        found = sellers.get((asn, now))
        if found is None:
            found = sellers[asn, now] = [*_sellers(answer, asn, now)]
        yield from (item for item in found if item.names[0] not in seen)
        seen.update(item.names[0] for item in found)


def _sellers(answer: Answer, asn: int, now: bool) -> Iterator[Found]:
    left = _UPSTREAMS
    for provider in providers_of(answer.tables, asn):
        system = f"AS{provider}"
        items = answer.objects(system, "aut-num")
        if not items:
            continue
        lead = f"sells transit to AS{asn} as {system}, by the relationships of the build"
        found = _of_system(answer, "upstream", system, items, lead, now)
        if found.rung or any(item.mailbox for item in found.dropped):
            yield found
        left -= found.rung is not None
        if not left:
            return


def sponsor(answer: Answer, now: bool) -> Iterator[Found]:
    """Yield the sponsoring organisation of the holder's net."""
    party, net = answer.sponsor, answer.holder_net
    if party is None or net is None or not party.handle:
        return
    items = answer.objects(party.handle, "organisation", net.registry)
    lead = f"sponsors {shown_range(net)} as {party.handle}"
    yield _of_items(answer, "sponsor", party, items, lead, now, (party.handle,))
