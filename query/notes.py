"""Say what a reader should know about an answer: a stable code and a sentence for each fact."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from .model import Note

if TYPE_CHECKING:
    from .model import Answer


def notes_of(answer: Answer) -> tuple[Note, ...]:
    """Return the notes of an answer about addresses; about a handle there are none."""
    span = answer.span
    if span is None:
        return ()
    notes = []
    if span.mapped:
        notes.append(
            Note("embedded-ipv4", "the IPv6 text holds an IPv4 address, which is answered")
        )
    if answer.chain:
        return (*notes, *_chain_notes(answer))
    blocks = [net for net in answer.all if net.role == "registry"]
    if blocks:
        block = blocks[-1]
        text = f"only a block of the registry contains it: {block.key} ({block.netname})"
        return (*notes, Note("registry-block", text))
    return (*notes, Note("no-net", "no net of the dumps in this index contains it"))


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
