"""Say of which day an answer is, and set it beside today's, as text."""

from __future__ import annotations

from collections.abc import Iterator

from . import wording
from .contacts import Contact
from .model import Answer
from .past import PastAnswer
from .records import Party
from .untrusted import clean

_ROWS = ("holder", "user", "lessor", "lessee", "contact", "lease")
_WARN = {
    "en": "warning: not the same today: {}",
    "ja": "注意: 現在は異なります: {}",
}


def then_and_now(answer: PastAnswer, lang: str) -> Iterator[str]:
    """Yield who was who then and who is now, and a warning where that differs."""
    now, changed = answer.now, answer.changed
    rows = []
    for name in _ROWS:
        if name == "lease":
            pair = [each.lease.verdict if each.chain else "" for each in (answer, now)]
        elif name == "contact":
            pair = [_contact(each.abuse) for each in (answer, now)]
        else:
            pair = [_party(getattr(each, name)) for each in (answer, now)]
        if any(pair):
            mark = "*" if name in changed or (name == "lease" and pair[0] != pair[1]) else " "
            rows.append((mark, wording.word(name, lang), *(text or "-" for text in pair)))
    if not rows:
        return
    rows.insert(0, (" ", "", wording.word("then", lang), wording.word("now", lang)))
    widths = [max(wording.width(row[k]) for row in rows) for k in range(3)]
    for row in rows:
        cells = (
            cell + " " * (size - wording.width(cell))
            for cell, size in zip(row[:3], widths, strict=True)
        )
        yield clean(f"  {'  '.join(cells)}  {row[3]}").rstrip()
    if changed:
        names = ", ".join(wording.word(name, lang) for name in changed)
        yield f"  {_WARN[lang].format(names)}"


def _party(party: Party | None) -> str:
    return (party.name or party.handle or "") if party else ""


def _contact(found: tuple[Contact, ...]) -> str:
    return (found[0].mailbox or found[0].handle or "") if found else ""


def of_day(answer: Answer, lang: str) -> str:
    """Return the day and the snapshot that an answer of the past is for, "" for one of today."""
    if not isinstance(answer, PastAnswer):
        return ""
    asked, snapshot = answer.moment.asked, answer.snapshot
    if lang == "ja":
        return f"  {asked} 時点" + (f"({snapshot.date} のスナップショット)" if snapshot else "")
    return f"  as of {asked}" + (f", snapshot of {snapshot.date}" if snapshot else "")
