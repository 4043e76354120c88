"""Describe what a ledger holds: cases, the reports about them, what is due; and their rows.

A case is an incident, known by what it says. Facts of a report have times, and its state follows
from them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from .casework import Incident
from .cells import Json

FACTS: Final = ("sent", "answered", "refused", "bounced")
STATES: Final = ("drafted", *FACTS)
_LONGEST: Final = 100_000  # hours: no rung waits longer


class Report(NamedTuple):
    """Describe a drafted notification and what came of it.

    ``recipient`` is a mailbox without case, or a form's URL. ``wait`` are the hours before the next
    rung, ``countries`` those of the registrations behind it, ``incidents`` how many it is about.
    ``note`` is the last remark.
    """

    ticket: str
    recipient: str
    kind: str
    kinds: tuple[str, ...]
    step: int
    lang: str
    subject: str
    message_id: str | None
    wait: int
    countries: tuple[str, ...]
    drafted: datetime
    sent: datetime | None
    answered: datetime | None
    refused: datetime | None
    bounced: datetime | None
    note: str | None
    incidents: int

    @property
    def state(self) -> str:
        """Return one of `STATES`: the fact that came last, of one time the last of `FACTS`."""
        facts = [
            (getattr(self, name), place, name)
            for place, name in enumerate(FACTS) if getattr(self, name)
        ]  # fmt: skip
        return max(facts)[2] if facts else "drafted"


class Case(NamedTuple):
    """Hold an incident of the ledger: since when it is there, and if and how it was closed."""

    id: int
    incident: Incident
    first: datetime
    closed: datetime | None
    outcome: str | None


class Due(NamedTuple):
    """Name a case whose next rung is due, since when and why."""

    case: Case
    since: datetime
    why: str


def key_of(incident: Incident) -> str:
    """Return what tells an incident from others: a digest of all it says, but not of its row."""
    data = data_of(incident)
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def text_of(when: datetime) -> str:
    """Return a time as it is kept: UTC, whole seconds."""
    return when.astimezone(UTC).isoformat(timespec="seconds")


def time_of(text: str) -> datetime:
    """Return a time that was kept."""
    return datetime.fromisoformat(text)


def data_of(incident: Incident) -> Json:
    """Return what an incident says, as JSON; its place in a file is not of it."""
    data = incident.to_dict()
    del data["row"], data["error"]
    return data


def _incident(text: str) -> Incident:
    data = json.loads(text)
    time = data.pop("time")
    return Incident(row=0, **data, time=time_of(time) if time else None)


def case_of(row: Sequence[Any]) -> Case:
    """Return a case out of its row: id, data, first, closed, outcome."""
    id_, data, first, closed, outcome = row
    return Case(id_, _incident(data), time_of(first), time_of(closed) if closed else None, outcome)


def report_of(row: tuple[Any, ...]) -> Report:
    """Return a report out of the columns of its members."""
    values = dict(zip(Report._fields, row, strict=True))
    for name in ("drafted", *FACTS):
        values[name] = values[name] and time_of(values[name])
    for name in ("kinds", "countries"):
        values[name] = tuple(values[name].split())
    return Report(**values)


def checked(report: Report) -> Report:
    """Return a report whose values are what they should be, or raise some error of Python's."""
    texts = (report.ticket, report.recipient, report.kind, report.lang, report.subject)
    maybe = (*report.kinds, *report.countries, report.message_id, report.note)
    if not all(isinstance(text, str) for text in (*texts, *filter(None, maybe))):
        raise TypeError("a text is none")
    if not (isinstance(report.wait, int) and 0 <= report.wait <= _LONGEST):
        raise ValueError("wait is no number of hours")
    aware(report.drafted, *(getattr(report, name) for name in FACTS))
    if report.sent:
        report.sent + timedelta(hours=report.wait)  # OverflowError where there is no such time
    return report


def aware(*times: datetime | None) -> None:
    """Raise `ValueError` for a time without a zone."""
    if any(when is not None and when.utcoffset() is None for when in times):
        raise ValueError("a time has no zone")
