"""Put incidents together for one round of mail: who gets what, one recipient at a time.

A round takes one rung of every ladder, or some. Recipients are told by mailbox or form, and rungs
of different kinds never share a mail, since whoever reads it learns what it is to whom (one mail
for each level). A section is an address with all that happened there.
The order depends on recipient, kind and address alone, not on the order of the incidents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from .casework import KINDS, Incident, Ladder, Notification, Rung, Section


class _Group(NamedTuple):
    """Hold what one recipient is told of one kind: for each address the rung and the incidents."""

    step: int
    held: dict[str, tuple[Rung, list[Incident]]]


Choose = Callable[[Ladder], Iterable[int]]  # returns numbers of rungs, from 1


def triage(
    ladders: Iterable[Ladder], step: int | Choose = 1, largest: int = 50
) -> list[Notification]:
    """Return what goes out in one round for some ladders.

    ``step`` is the number of the rung, from 1, or chooses the numbers for each ladder; one that a
    ladder does not have gives nothing. A notification has at most ``largest`` sections; its step is
    the lowest of their rungs'. Who wants one report for each address, and every form, gets one for
    each. A rung with neither mailbox nor form (a registry without one) has an empty recipient and
    is left out. Raises `ValueError`.
    """
    if largest < 1 or (isinstance(step, int) and step < 1):
        raise ValueError("step and largest count from 1")
    groups: dict[tuple[str, str], _Group] = {}
    for item in ladders:
        if item.incident.ip is None:
            continue
        for number in (step,) if isinstance(step, int) else step(item):
            rung = item.rungs[number - 1] if 0 < number <= len(item.rungs) else None
            if rung is not None and rung.reached:
                key = (rung.recipient, rung.kind)
                group = groups.setdefault(key, _Group(number, {}))
                groups[key] = _with(group, number, rung, item.incident)
    found: list[Notification] = []
    for (recipient, kind), group in sorted(groups.items(), key=lambda pair: _order(*pair[0])):
        held = sorted(group.held.items(), key=lambda pair: _number(pair[0]))
        sections = [
            Section(ip, tuple(sorted(incidents, key=_when)), rung) for ip, (rung, incidents) in held
        ]
        found += _notifications(recipient, kind, group.step, sections, largest)
    return found


def _with(group: _Group, step: int, rung: Rung, incident: Incident) -> _Group:
    """Put an incident into a group."""
    known, incidents = group.held.setdefault(incident.ip or "", (rung, []))
    incidents.append(incident)
    best = rung if _first(rung) < _first(known) else known
    wait = max(rung.wait, known.wait)
    group.held[incident.ip or ""] = (best._replace(wait=wait), incidents)
    return group if step >= group.step else group._replace(step=step)


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
