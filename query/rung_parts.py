"""Make rungs: what those of nets and of other objects have in common.

A rung says why its party is told, by which record of which dump, and in which countries that is
registered. Notes are for who works on the incident; few of them the recipient may read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from .casework import Dropped, Evidence, Rung
from .cells import origin_of
from .reached import IN_TEXT, Reach
from .records import Net, Object, Party
from .rpsl import attributes

if TYPE_CHECKING:
    from .model import Answer
    from .store import Tables

INHERITED: Final = "inherited: "  # begins the note on a rung that is told for the net below
NOTHING: Final = Evidence(None, None, None, None, None, None, None, None, None, "")


class Found(NamedTuple):
    """Hold a party of one answer: the rung, None when it is not reached, and what was dropped.

    ``names`` are the handles and AS numbers that it goes by, beside its name.
    """

    kind: str
    name: str | None
    names: tuple[str, ...]
    rung: Rung | None
    dropped: tuple[Dropped, ...] = ()


def source_of(tables: Tables, code: int) -> tuple[str | None, str]:
    """Return day and file of the dump that is behind a code of net.origin or object.origin."""
    source = tables.meta["sources"][origin_of(tables, code)["file"]]
    return source["date"], source["name"]


def lang_of(countries: Iterable[str]) -> str:
    """Return the language that people of some countries are written to in."""
    return "ja" if "JP" in countries else "en"


def made(
    kind: str, party: Party, reach: Reach, why: str, evidence: Evidence, countries: Iterable[str],
    now: bool, notes: Iterable[str],
) -> Rung:  # fmt: skip
    """Make a rung; how long to wait is left open."""
    held, told = tuple(dict.fromkeys(countries)), tuple(notes)
    return Rung(
        (kind,), party.name, party.handle, reach.mailbox, reach.form, why, evidence, lang_of(held),
        0, reach.single, now, told, held, tuple(filter(_public, told)),
    )  # fmt: skip


def _public(note: str) -> bool:
    """Say whether a note is about the recipient's own registration: others are the desk's."""
    return note == IN_TEXT or note.startswith(INHERITED)


def countries_of(answer: Answer, item: Object) -> list[str]:
    """Return the country of an organisation, or of that of an AS."""
    items = [item]
    if item.kind != "organisation" and item.org:
        items += answer.objects(item.org, "organisation", item.registry)
    return _named(items)


def countries_of_net(answer: Answer, net: Net) -> list[str]:
    """Return the countries of a net, else those of its organisation."""
    if net.country or not net.org_handle:
        return [code.upper() for code in net.country]
    return _named(answer.objects(net.org_handle, "organisation", net.registry))


def _named(items: Iterable[Object]) -> list[str]:
    return [
        value.upper() for it in items for name, value in attributes(it.raw) if name == "country"
    ]


def shown_range(net: Net) -> str:
    """Return a range for people, with its netname."""
    cidrs = net.cidrs
    text = cidrs[0] if len(cidrs) == 1 else f"{net.first} - {net.last}"
    return f"{text} ({net.netname})" if net.netname else text


def in_dump(file: str, day: str | None) -> str:
    """Say in which file of which day something stands."""
    return f"in {file} of {day}" if day else f"in {file}"
