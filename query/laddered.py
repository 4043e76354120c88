"""Show ladders as text, JSON lines or CSV: whom to tell, why, and who is left out.

Each comes with the numbers of the rungs that are told next. URLs are shown defanged in text and
exact in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .auditing import csv_line
from .casework import Incident, Ladder, Rung
from .untrusted import clean, json_line

Chosen = tuple[Ladder, list[int]]
COLUMNS: Final = (
    "row", "ip", "time", "category", "url", "reference", "flags", "step", "next", "kind", "name",
    "handle", "mailbox", "form", "countries", "lang", "wait", "now", "rule", "key", "file",
    "snapshot", "why", "error",
)  # fmt: skip


def json_lines(ladders: Iterable[Chosen]) -> Iterator[str]:
    """Yield a JSON object for each ladder."""
    for ladder, chosen in ladders:
        yield json_line({**ladder.to_dict(), "next": chosen})


def csv_lines(ladders: Iterable[Chosen], safe: bool = False) -> Iterator[str]:
    """Yield a row for each rung, one for an incident without any; ``safe`` disarms formulas."""
    yield csv_line(COLUMNS)
    for ladder, chosen in ladders:
        incident = ladder.incident
        shared: dict[str, object] = {
            **incident.to_dict(), "flags": " ".join(ladder.flags),
        }  # fmt: skip
        for step, rung in enumerate(ladder.rungs, 1):
            evidence = rung.evidence
            cells = shared | rung._asdict() | {
                "step": step, "next": int(step in chosen), "kind": " ".join(rung.kinds),
                "countries": " ".join(rung.countries), "now": int(rung.now),
                "rule": evidence.rule, "key": evidence.key, "file": evidence.file,
                "snapshot": evidence.snapshot,
            }  # fmt: skip
            yield _row(cells, safe)
        if not ladder.rungs:
            yield _row(shared, safe)


def _row(cells: dict[str, object], safe: bool) -> str:
    found = (cells.get(name) for name in COLUMNS)
    return csv_line(("" if value is None else value for value in found), safe)


def text_lines(ladders: Iterable[Chosen]) -> Iterator[str]:
    """Yield readable ladders; `>` stands before the rungs that are told next."""
    from .draft_texts import defanged

    for ladder, chosen in ladders:
        yield clean(_head(ladder.incident))
        if ladder.incident.url:
            yield f"     {defanged(ladder.incident.url)}"
        if ladder.incident.error is not None:
            yield clean(f"     no incident: {ladder.incident.error}")
        if ladder.flags:
            yield f"     {', '.join(ladder.flags)}"
        for step, rung in enumerate(ladder.rungs, 1):
            yield from map(clean, _rung(step, rung, step in chosen))
        for item in ladder.dropped:
            name = f"{item.mailbox or item.name or '-'}, {item.kind}"
            yield clean(f"     not told: {name}: {item.reason}")


def _head(incident: Incident) -> str:
    time = incident.time.isoformat() if incident.time else None
    facts = [incident.ip or "-", incident.category, time, incident.brand, incident.reference]
    return f"{incident.row:>3}. " + "  ".join(filter(None, facts))


def _rung(step: int, rung: Rung, chosen: bool) -> Iterator[str]:
    name = rung.name or rung.handle or "-"
    today = " of today" if rung.now else ""
    yield (
        f"   {'>' if chosen else ' '}{step:2}. {', '.join(rung.kinds)}{today}: "
        f"{rung.reached or 'no mailbox and no form'}  {name}  wait {rung.wait} h"
    )
    yield f"        it {rung.why}"
    for note in rung.notes:
        yield f"        note: {note}"
