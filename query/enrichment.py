"""Turn an answer into flat facts, in one place for all systems that take rirdex in.

What such a system calls a fact is its own business (`experts`, `misp_module`). Here is which
answer counts for an event, which mailboxes are fit to be written to by a machine, and what is left
out for being uncertain. Who leases what is inferred from public data, and stays marked as that by
`verdict`, `confidence` and `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .addresses import shown
from .cells import day_text
from .days import Day, day_of
from .errors import AddressError
from .ladder import in_order
from .layout import LEASE_RULES
from .past import PastAnswer
from .rungs import dump_of
from .untrusted import cleaned
from .verdicts import judged_of

if TYPE_CHECKING:
    from .contacts import Contact
    from .index import Index
    from .model import Answer
    from .records import Net, Party

Fact = str | bool | list[str] | list[int] | None


def answer_at(index: Index, address: str, time: Day | None = None) -> Answer:
    """Return the answer to an address for the day of an event, for today without a ``time``.

    It is also today's where the index holds one snapshot only, and where nothing in it is newer
    than the event. Raises `AddressError`, also for a handle, and `DateError`.
    """
    day = None if time is None else day_of(time)
    if day is not None:
        ends = [unit["days"] for unit in index.meta["past"]["units"] if unit["days"]]
        if all(len(days) == 1 for days in ends) or day.isoformat() >= max(d[-1] for d in ends):
            day = None
    answer = index.lookup(address, at=day)
    if answer.span is None:
        raise AddressError(f"{shown(address)} is no address, prefix or range")
    return answer


def facts(answer: Answer) -> dict[str, Fact]:
    """Return what there is to say of an answer, {} where nothing matched; texts are clean.

    Parties are names, else handles. ``contact`` are the mailboxes to write to first, by the desk
    or the registry's own rule; ``contact_now`` are those of today where they are others than on
    the day of the event; ``contact_of`` is the key of the net that they belong to. ``as_name`` is
    that of the only one of ``origins``, ``rules`` are those that led to the verdict.
    ``snapshot`` is the day of the dump that answers, ``as_of`` the day asked for, None for today.
    Raises `DeskError`.
    """
    if not answer:
        return {}
    last, holder, lease = answer.chain[-1], answer.holder_net, answer.lease
    origins = [*answer.origins]
    judged = judged_of(answer)
    found: dict[str, Fact] = {
        "net": _range(last), "netname": last.netname, "status": last.status, "role": last.role,
        "registry": last.registry, "country": [*last.country],
        "allocated": day_text(holder.created) if holder else None,
        "network": _network(answer, last), "origins": origins,
        "as_name": _as_name(answer, origins[0]) if len(origins) == 1 else None,
        "holder": _name(answer.holder), "user": _name(answer.user),
        "lessor": _name(answer.lessor), "lessee": _name(answer.lessee),
        "facilitator": _name(answer.facilitator), "sponsor": _name(answer.sponsor),
        "verdict": lease.verdict, "confidence": lease.confidence,
        "rules": [rule for rule in LEASE_RULES if judged and judged.fired(rule)],
        **_contact(answer), **_time(answer, last),
    }  # fmt: skip
    return cleaned(found)  # type: ignore[no-any-return]


def asn_of(found: dict[str, Fact]) -> int | None:
    """Return the AS that announces the route, None where there is none or several."""
    origins: Any = found.get("origins") or ()
    return origins[0] if len(origins) == 1 else None


def _name(party: Party | None) -> str | None:
    return (party.name or party.handle) if party else None


def _range(net: Net) -> str:
    cidrs = net.cidrs
    return cidrs[0] if len(cidrs) == 1 else f"{net.first} - {net.last}"


def _network(answer: Answer, last: Net) -> str | None:
    """Return the announced prefix; of an index without routes the net, if it is one prefix."""
    if len(answer.tables.origin_asn):
        return answer.route
    return last.cidrs[0] if len(last.cidrs) == 1 and last.role != "registry" else None


def _as_name(answer: Answer, asn: int) -> str | None:
    return next((x.name for x in answer.objects(f"AS{asn}", "aut-num") if x.name), None)


def _contact(answer: Answer) -> dict[str, Fact]:
    """Return whom to write to, how that was found, and a form where there is one."""
    usable = [*_usable(answer)]
    if not usable:
        return {}
    first = usable[0]
    form = first.form.url if first.form else first.url
    return {
        "contact": _mailboxes(usable), "contact_rule": first.rule, "contact_of": first.level,
        "contact_status": first.status, "contact_inherited": first.inherited,
        "contact_confidence": first.confidence, "contact_form": form,
    }  # fmt: skip


def _usable(answer: Answer) -> Iterator[Contact]:
    """Yield what the desk or the registry named, and nothing speaks against.

    What stands in free text, or is the contact of another party, is for people to judge.
    """
    for contact in in_order(answer):
        if contact.rule.startswith("generic."):
            return  # all that comes behind is such, or has a mark
        if contact.mark is None and (contact.mailbox or contact.url or contact.form):
            yield contact


def _mailboxes(usable: list[Contact]) -> list[str]:
    """Return the mailbox of the first contact, and those of its net that were found with it."""
    first = usable[0]
    if first.form and first.form.only:
        return []
    beside = [x for x in usable if (x.rule, x.level) == (first.rule, first.level)]
    return list(dict.fromkeys(item.mailbox for item in beside if item.mailbox))


def _time(answer: Answer, last: Net) -> dict[str, Fact]:
    """Return which day was asked for, which answers, and what is otherwise today."""
    if not isinstance(answer, PastAnswer):
        return {"snapshot": dump_of(last)[0]}
    snapshot, changed = answer.snapshot, [*answer.changed]
    now = _contact(answer.now).get("contact") if "contact" in changed else None
    return {
        "as_of": day_text(answer.moment.asked), "snapshot": snapshot.date if snapshot else None,
        "changed": changed, "contact_now": now,
    }  # fmt: skip
