"""Find who is to be told of an address, out of one answer: each party, its contact, and why.

Parties come from the chain, from the last net up: who uses it (with a contact of its own), who
stands between, who holds it; then the origin AS, the sponsoring organisation, the CSIRTs of the
desk, and the registry where a contact is invalid or nobody is reached. What a net takes from above
is told to the net above, with a note. Who sells transit to the origin AS is known as of today only,
and told behind it. Contacts are chosen in `reached`.

What follows from two answers, then and now, is in `escalation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import as_number
from .casework import Dropped, Evidence, Rung
from .cells import origin_of
from .contacts import Contact, for_last, of_object
from .elsewhere import national_place
from .reached import INVALID, Reach, Step, by_net, own_contacts, reach_of
from .records import Net, Object, Party
from .routing import Route, providers_of
from .rpsl import attributes

if TYPE_CHECKING:
    from .model import Answer
    from .store import Tables

# What a net's role makes its party on a ladder; those of registries and placeholders are nobody's.
_KIND: Final = {
    "lessee": "lessee", "customer": "lessee", "aggregate": "lessee", "facilitator": "facilitator",
    "holder": "holder", "partition": "holder", "infrastructure": "holder",
}  # fmt: skip
_WORD: Final = {"aggregate": "user", "partition": "holder", "infrastructure": "holder"}
# Where wrong registrations are reported: the pages of the registries that lead to their forms.
FORMS: Final = {
    "RIPE": "https://www.ripe.net/support/contact/reporting-procedure/",
    "APNIC": "https://www.apnic.net/manage-ip/using-whois/abuse-and-spamming/reporting-abuse-and-spam/",
    "ARIN": "https://www.arin.net/resources/registry/whois/inaccuracy_reporting",
}
_UPSTREAMS: Final = 3  # of an origin: a ladder of forty networks of transit helps nobody
INHERITED: Final = "inherited: "  # begins the note on a rung that is told for the net below
NOTHING: Final = Evidence(None, None, None, None, None, None, None, None, None, "")
# Which snapshot of a net's dump counts: its day and its file's name.
Dated = Callable[[Net], tuple[str | None, str]]


class Found(NamedTuple):
    """Hold a party of one answer: the rung, None when it is not reached, and what was dropped.

    ``names`` are the handles and AS numbers that it goes by, beside its name.
    """

    kind: str
    name: str | None
    names: tuple[str, ...]
    rung: Rung | None
    dropped: tuple[Dropped, ...] = ()


# The upstreams of an AS, now or not: many chains share their origin.
Sellers = dict[tuple[int, bool], list[Found]]


def dump_of(net: Net) -> tuple[str | None, str]:
    """Return day and file of the dump that a net was read from last."""
    return _source(net.tables, net.tables.net_origin[net.id])


def _source(tables: Tables, code: int) -> tuple[str | None, str]:
    source = tables.meta["sources"][origin_of(tables, code)["file"]]
    return source["date"], source["name"]


def parties(
    answer: Answer, route: Route | None, dated: Dated = dump_of, *, now: bool = False,
    today: date | None = None, sellers: Sellers | None = None,
) -> list[Found]:  # fmt: skip
    """Return the parties of an answer, in the order of `casework.KINDS`, the last net's first.

    ``route`` is what announces the address, ``dated`` the snapshots that count; ``now`` marks the
    rungs as those of today; ``today`` is to tell which CSIRTs were checked long ago; ``sellers``
    keeps upstreams from one answer to the next. How long to wait is left to the caller.
    """
    roles = ((net, net.role) for net in answer.chain)
    steps = [Step(net, role, _KIND[role]) for net, role in roles if role in _KIND]
    found = [*_of_nets(answer, steps, dated, now)]
    if all(item.kind != "facilitator" for item in found):
        found += _facilitator(answer, now)
    found.sort(key=lambda item: ("lessee", "facilitator", "holder").index(item.kind))
    found += _origins(answer, route, now)
    found += _upstreams(answer, route, now, {} if sellers is None else sellers)
    found += _sponsor(answer, now)
    if answer.desk.teams and steps:
        found += _csirts(answer, steps[-1].net, today, now)
    if not now:
        found += _registry(answer, found, dated)
    return found


# -- the chain ---------------------------------------------------------------------------------


def _range(net: Net) -> str:
    cidrs = net.cidrs
    text = cidrs[0] if len(cidrs) == 1 else f"{net.first} - {net.last}"
    return f"{text} ({net.netname})" if net.netname else text


def _in(file: str, day: str | None) -> str:
    return f"in {file} of {day}" if day else f"in {file}"


def _evidence(net: Net, role: str, rule: str, dated: Dated) -> Evidence:
    day, file = dated(net)
    return Evidence(
        str(net.first), str(net.last), net.netname, net.key, net.status, role, net.source,
        file, day, rule,
    )  # fmt: skip


def _lang(countries: Iterable[str]) -> str:
    return "ja" if "JP" in countries else "en"


def _of_nets(answer: Answer, steps: list[Step], dated: Dated, now: bool) -> Iterator[Found]:
    """Yield the parties of the nets of a chain, the last one first."""
    contacts = by_net(answer, steps) if steps else []
    bare = steps[-1].net if steps and not contacts[-1] else None
    for (net, role, kind), own in zip(reversed(steps), reversed(contacts), strict=True):
        party = net.party
        handles = (party.handle,) if party.handle else ()
        reach, dropped = reach_of(answer, kind, party, own, handles)
        rung = None
        if reach:
            rule = _rule(answer, net, reach.contact)
            evidence = _evidence(net, role, rule, dated)
            why = (
                f"is {'now ' if now else ''}registered as {_WORD.get(role, role)} of "
                f"{_range(net)} {_in(evidence.file or '', evidence.snapshot)} ({rule})"
            )
            if rule == "user.override":
                why = f"is the desk's own contact for {reach.contact.object} ({rule})"
            notes = [*reach.notes, *_abroad(answer, net, kind)]
            if bare is not None:
                name = bare.party.name or "the net"
                notes.append(f"{INHERITED}{name} ({_range(bare)}) has no contact of its own")
            bare = None
            countries = _of_net(answer, net)
            rung = _rung(kind, party, reach, why, evidence, countries, now, notes)
        yield Found(kind, party.name, handles, rung, dropped)


def _rule(answer: Answer, net: Net, contact: Contact) -> str:
    """Return the rule of a contact, of one that the last net inherits that of the net above."""
    if not contact.inherited:
        return contact.rule
    own = for_last(answer.chain[: answer.chain.index(net) + 1])
    return next((item.rule for item in own if item.mailbox == contact.mailbox), contact.rule)


def _abroad(answer: Answer, net: Net, kind: str) -> Iterator[str]:
    """Yield a note when who uses a net is of another country than its holder."""
    holder = answer.holder_net if kind == "lessee" else None
    here, there = net.country, holder.country if holder else ()
    if here and there and not set(here) & set(there):
        yield f"registered in {', '.join(here)}, its holder in {', '.join(there)}"


def _rung(
    kind: str, party: Party, reach: Reach, why: str, evidence: Evidence, countries: Iterable[str],
    now: bool, notes: Iterable[str],
) -> Rung:  # fmt: skip
    held = tuple(dict.fromkeys(countries))
    return Rung(
        (kind,), party.name, party.handle, reach.mailbox, reach.form, why, evidence, _lang(held),
        0, reach.single, now, tuple(notes), held,
    )  # fmt: skip


# -- objects -----------------------------------------------------------------------------------


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
            rung = _rung(kind, party, reach, why, evidence, (), now, reach.notes)
            return Found(kind, party.name, names, rung)
    gone = ()
    for item in items:
        orgs = (item.org_handle,) if item.org_handle else ()
        reach, dropped = reach_of(answer, kind, party, of_object(answer.tables, item), orgs)
        gone += dropped
        if reach:
            day, file = _source(answer.tables, answer.tables.object_origin[item.id])
            rule = reach.contact.rule
            evidence = NOTHING._replace(
                key=item.key, source=item.source, file=file, snapshot=day, rule=rule
            )
            why = f"{lead}, whose contact is {_in(file, day)} ({rule})"
            countries = _countries(answer, item)
            rung = _rung(kind, party, reach, why, evidence, countries, now, reach.notes)
            return Found(kind, party.name, names, rung, gone)
    if not gone:
        reason = "no record of it in the dumps has a contact"
        gone = (Dropped(kind, party.name or party.handle, None, reason),)
    return Found(kind, party.name, names, None, gone)


def _countries(answer: Answer, item: Object) -> list[str]:
    """Return the country of an organisation, or of that of an AS."""
    items = [item]
    if item.kind != "organisation" and item.org:
        items += answer.objects(item.org, "organisation", item.registry)
    return _named(items)


def _of_net(answer: Answer, net: Net) -> list[str]:
    """Return the countries of a net, else those of its organisation."""
    if net.country or not net.org_handle:
        return [code.upper() for code in net.country]
    return _named(answer.objects(net.org_handle, "organisation", net.registry))


def _named(items: Iterable[Object]) -> list[str]:
    return [
        value.upper() for it in items for name, value in attributes(it.raw) if name == "country"
    ]


def _facilitator(answer: Answer, now: bool) -> Iterator[Found]:
    """Yield who is known to stand between, by the contact of its organisation."""
    party = answer.facilitator
    if party is None:
        return
    items = answer.objects(party.handle, "organisation") if party.handle else []
    if not items:
        yield Found("facilitator", party.name, (), None)
        return
    lead = f"appears to stand between holder and user of {party.net}"
    yield _of_items(answer, "facilitator", party, items, lead, now, (party.handle or "",))


def _origins(answer: Answer, route: Route | None, now: bool) -> Iterator[Found]:
    for asn in route.origins if route else ():
        system = f"AS{asn}"
        items = answer.objects(system, "aut-num")
        verb = "now announces" if now else "announces"
        lead = f"{verb} {route.prefix if route else ''} as {system}"
        yield _of_system(answer, "origin-as", system, items, lead, now)


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


def _upstreams(
    answer: Answer, route: Route | None, now: bool, sellers: Sellers
) -> Iterator[Found]:  # fmt: skip
    """Yield who sells transit to the origins, the smallest of each that have a contact.

    Of the others nothing is said, unless the desk does not want their mailboxes to be bothered.
    Who they are is known as of today alone, for the origins of an earlier day too.
    """
    origins = route.origins if route else ()
    seen = {f"AS{asn}" for asn in origins}
    for asn in origins:
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


def _sponsor(answer: Answer, now: bool) -> Iterator[Found]:
    party, net = answer.sponsor, answer.holder_net
    if party is None or net is None or not party.handle:
        return
    items = answer.objects(party.handle, "organisation", net.registry)
    lead = f"sponsors {_range(net)} as {party.handle}"
    yield _of_items(answer, "sponsor", party, items, lead, now, (party.handle,))


# -- above the parties -------------------------------------------------------------------------


def _csirts(answer: Answer, last: Net, today: date | None, now: bool) -> Iterator[Found]:
    """Yield the desk's teams of the countries of who uses the net, then of its holder."""
    nets = [last, *([answer.holder_net] if answer.holder_net else [])]
    countries = {code: net for net in reversed(nets) for code in net.country}
    order = list(dict.fromkeys(code for net in nets for code in net.country))
    for team in answer.desk.csirts(order):
        if not (team.mail or team.form):
            continue
        notes = []
        if len(order) > 1:
            notes.append(f"the countries of the nets differ: {', '.join(order)}")
        if today is not None and team.stale(today):
            notes.append(f"csirt.csv: the team was checked on {team.checked or 'no day'}")
        why = (
            f"is the team for {team.country} in the desk's csirt.csv, the country of "
            f"{_range(countries[team.country])} (desk.csirt)"
        )
        day = team.checked.isoformat() if team.checked else None
        evidence = NOTHING._replace(file="csirt.csv", snapshot=day, rule="desk.csirt")
        form = None if team.mail else team.form
        lang = _lang([team.country])
        rung = Rung(
            ("csirt",), team.name, None, team.mail, form, why, evidence, lang, 0,
            now=now, notes=tuple(notes), countries=(team.country,),
        )  # fmt: skip
        yield Found("csirt", team.name, (), rung)


def _registry(answer: Answer, found: list[Found], dated: Dated) -> Iterator[Found]:
    """Yield the registry, when a contact is invalid or none of the chain's parties is reached."""
    if not answer.chain:
        return
    last = answer.chain[-1]
    parties = [item for item in found if item.kind in ("lessee", "facilitator", "holder")]
    reached = [item.rung for item in parties if item.rung]
    bounced = answer.memory.bounced
    bad = [rung for rung in reached if INVALID in rung.notes or rung.recipient in bounced]
    if reached and not bad:
        return
    fault = "its records here lead to nobody who is written to"
    if bad:
        what = "is marked invalid" if INVALID in bad[0].notes else "sends mail back"
        fault = f"its contact {bad[0].mailbox} {what}"
    notes = ["it acts on wrong registrations, not on what a host does"]
    notes += filter(None, [national_place(last)])
    notes += [
        f"named for it, as a last resort: {item.mailbox}"
        for party in parties
        for item in party.dropped
        if item.mailbox and _of_registry(answer, item.mailbox)
    ]
    evidence = _evidence(last, last.role, "registry", dated)
    why = (
        f"registers {_range(last)} {_in(evidence.file or '', evidence.snapshot)}, "
        f"and {fault} (registry)"
    )
    rung = Rung(
        ("registry",), last.registry, None, None, FORMS.get(last.registry), why, evidence, "en", 0,
        notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip
    yield Found("registry", last.registry, (), rung)


def _of_registry(answer: Answer, mailbox: str) -> bool:
    verdict = answer.desk.judge(mailbox)
    return verdict is not None and verdict.mark == "registry_contact"
