"""Say what a reader should know about an answer: a stable code and a sentence for each fact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from .authority import by_iana, moves, stated
from .elsewhere import national_place, referral
from .layout import UNLOADED
from .model import Note
from .records import Object

if TYPE_CHECKING:
    from .addresses import Span
    from .model import Answer
    from .records import Net

# What APNIC's stubs say in their descr.
_MOVED = re.compile(r"Transferred to the (\w+) region on (\d{4}-\d\d-\d\d)")


def notes_of(answer: Answer) -> tuple[Note, ...]:
    """Return the notes of an answer."""
    span = answer.span
    if span is None:
        return tuple(_unloaded(answer))
    notes = []
    if span.mapped:
        notes.append(
            Note("embedded-ipv4", "the IPv6 text holds an IPv4 address, which is answered")
        )
    nets = answer.containing
    notes += _block_notes(answer, span, nets)
    if answer.chain:
        return (*notes, *_unloaded(answer), *_chain_notes(answer), *_elsewhere(answer))
    blocks = [net for net in nets if net.role == "registry"]
    if blocks:
        block = blocks[-1]
        text = f"only a block of the registry contains it: {block.key} ({block.netname})"
        return (*notes, Note("registry-block", text), *_elsewhere(answer))
    return (*notes, Note("no-net", "no net of the dumps in this index contains it"))


def _block_notes(answer: Answer, span: Span, nets: list[Net]) -> Iterator[Note]:
    """Yield what statistics, IANA and other registries' records say of the range."""
    special = by_iana(answer.tables, span, "special")
    if special:
        yield Note("special-purpose", f"IANA has set it aside: {special}")
    said = stated(answer.tables, span)
    if said and said["status"] in ("available", "reserved"):
        yield Note(
            said["status"],
            f"{said['file']} of {said['date']}: {said['registry']} has it as {said['status']}",
        )
    if said and said["registry"] is None:
        yield Note("authority-unclear", f"{said['file']}: more than one registry claims it")
    authority = answer.authority_of(span, nets)
    present = {row["registry"] for row in answer.tables.store.meta["coverage"]}
    if authority.registry is not None and authority.registry not in present:
        yield Note(
            "source-missing", f"{authority.text}: no registrations of {authority.registry} are here"
        )
    if answer.chain and authority.registry not in (None, answer.registry):
        yield Note(
            "not-authoritative",
            f"{authority.text}, but no net of {authority.registry} is here: "
            f"{answer.registry}'s record answers",
        )
    stubs = {
        net.registry: moved
        for net in nets
        if net.role == "placeholder" and (moved := _MOVED.search(" ".join(net.descr)))
    }
    logged = moves(answer.tables, span)
    for source, recipient, day in logged:
        stub = f"; {source}'s record is a stub" if stubs.pop(source, None) else ""
        yield Note("transferred", f"moved from {source} to {recipient} on {day}{stub}")
    for source, moved in stubs.items():
        yield Note(
            "transferred",
            f"moved from {source} to {moved[1].upper()} on {moved[2]}; {source}'s record is a stub",
        )


def _unloaded(answer: Answer) -> Iterator[Note]:
    """Yield that contacts may be missing since no source holds the objects referred to."""
    tables = answer.tables
    item = answer.object
    if isinstance(item, Object):
        missing = [item.key] if tables.object_contact[item.id] & UNLOADED else []
    else:
        nets = answer.chain if item is None else (item,)
        missing = [
            net.key for net in nets
            if net.tables.net_contact[net.id] & UNLOADED and net.role != "registry"
        ]  # fmt: skip
    if missing:
        yield Note(
            "contacts-not-loaded",
            f"{', '.join(missing)}: refers to objects of a class that no source here holds",
        )


def _elsewhere(answer: Answer) -> Iterator[Note]:
    """Yield where to ask for what the dumps do not hold."""
    last = answer.chain[-1] if answer.chain else None
    if last is not None and last.registry == "LACNIC" and not (last.netname or last.party.name):
        yield Note("source-missing", "LACNIC's public dump has no owners: ask LACNIC's whois")
    for net in reversed(answer.chain):
        place = national_place(net)
        if place:
            yield Note("nir-detail-elsewhere", place)
            break
    for net in reversed(answer.chain):
        server = referral(answer, net)
        if server:
            yield Note("rwhois", f"{net.key}: reassignments are at {server}, not in the dump")
            break


def _chain_notes(answer: Answer) -> list[Note]:
    notes = []
    chain = answer.chain
    if answer.holder is None:
        notes.append(
            Note("orphan", "no net above names a holder; the holder's own record is not here")
        )
    holders = [net.key for net in chain if net.role == "holder"]
    if len(holders) > 1:
        notes.append(
            Note("several-holders", "more than one direct delegation: " + ", ".join(holders))
        )
    for outer, inner in pairwise(chain):
        (first, last), (low, high) = outer.bounds, inner.bounds
        if low < first or high > last:
            notes.append(Note("crossing", f"{inner.key} crosses the border of {outer.key}"))
    return notes
