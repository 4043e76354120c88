"""Find who is to be told of an address, out of one answer: each party, its contact, and why.

Parties come from the chain, from the last net up: who uses it (with a contact of its own), who
stands between, who holds it; then the origin AS, the sponsoring organisation, the CSIRTs of the
desk, and the registry where a contact is wrong or nobody is reached. What a net takes from above
is told to the net above, with a note. Those that are no nets are found in `beside`, contacts are
chosen in `reached`.

What follows from two answers, then and now, is in `escalation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from .beside import Sellers, facilitator, origins, sponsor, upstreams
from .casework import Dropped, Evidence, Rung
from .contacts import Contact, for_last
from .elsewhere import national_place
from .names import Called, one_party
from .reached import INVALID, Step, by_net, reach_of
from .records import Net
from .routing import Route
from .rung_parts import (
    INHERITED,
    NOTHING,
    Found,
    countries_of_net,
    in_dump,
    lang_of,
    made,
    shown_range,
    source_of,
)  # fmt: skip

if TYPE_CHECKING:
    from .model import Answer

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
NO_CONTACT: Final = "the dumps have no contact of its own for it"
# Which snapshot of a net's dump counts: its day and its file's name.
Dated = Callable[[Net], tuple[str | None, str]]


def dump_of(net: Net) -> tuple[str | None, str]:
    """Return day and file of the dump that a net was read from last."""
    return source_of(net.tables, net.tables.net_origin[net.id])


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
        found += facilitator(answer, now)
    found.sort(key=lambda item: ("lessee", "facilitator", "holder").index(item.kind))
    found = [*_silent(found)]
    found += origins(answer, route, now)
    found += upstreams(answer, route, now, {} if sellers is None else sellers)
    found += sponsor(answer, now)
    if answer.desk.teams and steps:
        found += _csirts(answer, steps[-1].net, today, now)
    if not now:
        found += _registry(answer, found, dated)
    return found


# -- the chain ---------------------------------------------------------------------------------


def _evidence(net: Net, role: str, rule: str, dated: Dated) -> Evidence:
    day, file = dated(net)
    return Evidence(
        str(net.first), str(net.last), net.netname, net.key, net.status, role, net.source,
        file, day, rule,
    )  # fmt: skip


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
                f"{shown_range(net)} {in_dump(evidence.file or '', evidence.snapshot)} ({rule})"
            )
            if rule == "user.override":
                why = f"is the desk's own contact for {reach.contact.object} ({rule})"
            notes = [*reach.notes, *_abroad(answer, net, kind)]
            if bare is not None:
                name = bare.party.name or "the net"
                notes.append(f"{INHERITED}{name} ({shown_range(bare)}) has no contact of its own")
            bare = None
            countries = countries_of_net(answer, net)
            rung = made(kind, party, reach, why, evidence, countries, now, notes)
        yield Found(kind, party.name, handles, rung, dropped)


def _called(item: Found) -> Called:
    return item.name, item.names[0] if item.names else None


def _silent(found: list[Found]) -> Iterator[Found]:
    """Yield parties; those that are not reached anywhere, and not dropped, as left out."""
    known = [_called(item) for item in found if item.rung or item.dropped]
    for item in found:
        called = _called(item)
        if item.rung is None and not item.dropped and not any(
            one_party(called, other) for other in known
        ):  # fmt: skip
            known.append(called)
            gone = Dropped(item.kind, item.name or called[1], None, NO_CONTACT)
            yield item._replace(dropped=(gone,))
        else:
            yield item


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


# -- above the parties -------------------------------------------------------------------------


def _csirts(answer: Answer, last: Net, today: date | None, now: bool) -> Iterator[Found]:
    """Yield the desk's teams of the countries of who uses the net, then of its holder."""
    nets = [last, *([answer.holder_net] if answer.holder_net else [])]
    listed = [(net, countries_of_net(answer, net)) for net in nets]
    countries = {code: net for net, codes in reversed(listed) for code in codes}
    order = list(dict.fromkeys(code for _, codes in listed for code in codes))
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
            f"{shown_range(countries[team.country])} (desk.csirt)"
        )
        day = team.checked.isoformat() if team.checked else None
        evidence = NOTHING._replace(file="csirt.csv", snapshot=day, rule="desk.csirt")
        form = None if team.mail else team.form
        lang = lang_of([team.country])
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
    if (reached or any(_spared(answer, item) for item in parties)) and not bad:
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
        f"registers {shown_range(last)} {in_dump(evidence.file or '', evidence.snapshot)}, "
        f"and {fault} (registry)"
    )
    rung = Rung(
        ("registry",), last.registry, None, None, FORMS.get(last.registry), why, evidence, "en", 0,
        notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip
    yield Found("registry", last.registry, (), rung)


def _spared(answer: Answer, found: Found) -> bool:
    """Say whether a party has a contact that is right, and that the desk does not bother."""
    verdicts = (answer.desk.judge(item.mailbox) for item in found.dropped if item.mailbox)
    return any(verdict is not None and verdict.mark == "drop" for verdict in verdicts)


def _of_registry(answer: Answer, mailbox: str) -> bool:
    verdict = answer.desk.judge(mailbox)
    return verdict is not None and verdict.mark == "registry_contact"
