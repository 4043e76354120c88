"""Put incidents together for one round of mail: who gets what, one recipient at a time.

A round is a step: the rung of that number of every ladder. Recipients are told by mailbox or form,
and rungs of different kinds never share a mail, since whoever reads it learns what it is to whom
(one mail for each level). A section is an address with all that happened there.
The order depends on recipient, kind and address alone, not on the order of the incidents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from .casework import KINDS, Incident, Ladder, Notification, Rung, Section


def triage(ladders: Iterable[Ladder], step: int = 1, largest: int = 50) -> list[Notification]:
    """Return what goes out for one step of some ladders.

    ``step`` counts rungs from 1; a ladder with fewer gives nothing. A notification has at most
    ``largest`` sections. Who wants one report for each address, and every form, gets one for each.
    A rung with neither mailbox nor form (a registry without one) has an empty recipient and is
    left out. Raises `ValueError`.
    """
    if step < 1 or largest < 1:
        raise ValueError("step and largest count from 1")
    groups: dict[tuple[str, str], dict[str, tuple[Rung, list[Incident]]]] = {}
    for item in ladders:
        if len(item.rungs) < step or item.incident.ip is None:
            continue
        rung = item.rungs[step - 1]
        if not rung.reached:
            continue
        recipient = rung.mailbox.casefold() if rung.mailbox else rung.reached
        held = groups.setdefault((recipient, rung.kind), {})
        known = held.setdefault(item.incident.ip, (rung, []))
        if _first(rung) < _first(known[0]):
            held[item.incident.ip] = (rung, known[1])
        known[1].append(item.incident)
    found: list[Notification] = []
    for (recipient, kind), held in sorted(groups.items(), key=lambda group: _order(*group[0])):
        sections = [
            Section(ip, tuple(sorted(incidents, key=_when)), rung)
            for ip, (rung, incidents) in sorted(held.items(), key=lambda pair: _number(pair[0]))
        ]
        found += _notifications(recipient, kind, step, sections, largest)
    return found


def _notifications(
    recipient: str, kind: str, step: int, sections: list[Section], largest: int
) -> Iterator[Notification]:
    """Yield the mails of one recipient and kind; parts count those that had to be split alone."""
    apart: list[Section] = []
    together: list[Section] = []
    for section in sections:
        alone = section.rung.single or not section.rung.mailbox
        (apart if alone else together).append(section)
    for section in apart:
        yield Notification(recipient, kind, section.rung.lang, step, (section,))
    langs = dict.fromkeys(section.rung.lang for section in together)
    for lang in sorted(langs):
        same = tuple(section for section in together if section.rung.lang == lang)
        parts = -(-len(same) // largest)
        for part in range(parts):
            cut = same[part * largest : (part + 1) * largest]
            yield Notification(recipient, kind, lang, step, cut, part + 1, parts)


def _order(recipient: str, kind: str) -> tuple[str, int]:
    return recipient, KINDS.index(kind)


def _number(ip: str) -> tuple[int, int]:
    address = ip_address(ip)
    return address.version, int(address)


def _when(incident: Incident) -> tuple[bool, float, str, int]:
    """Order the incidents of an address: by time, those without one last, then as they came."""
    time = incident.time
    return time is None, time.timestamp() if time else 0.0, incident.url or "", incident.row


def _first(rung: Rung) -> tuple[str, str]:
    """Order rungs of one mailbox and address on different days: the latest snapshot's first."""
    day = rung.evidence.snapshot or ""
    return "".join(chr(0x10FFFF - ord(c)) for c in day), rung.why
