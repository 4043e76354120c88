"""Name what casework goes by: incidents, whom to tell of them and why, and what one mail holds.

`incidents` reads them, `escalation` finds the rungs, `triage` puts incidents together, `drafts`
writes. Nothing here is sent, and nothing is resolved: addresses come with the incident.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from .cells import Json

SCHEMA_VERSION: Final = 1
# The rungs of a ladder in the order in which they are told.
KINDS: Final = (
    "lessee", "facilitator", "holder", "origin-as", "upstream", "sponsor", "csirt", "registry",
)  # fmt: skip
CATEGORIES: Final = (
    "phishing", "malware", "c2", "spam", "scan", "login-attack", "ddos", "fraud", "compromised",
    "other",
)  # fmt: skip


_HOT: Final = frozenset({"phishing", "malware", "c2", "fraud", "compromised"})
_WAITS: Final = (24, 72, 4)  # hours: of those categories, of others, when it is urgent


def wait_of(category: str, urgent: bool = False) -> int:
    """Return the hours before the next rung is told of an incident."""
    return _WAITS[2 if urgent else category not in _HOT]


class Incident(NamedTuple):
    """Hold one incident as it was reported.

    ``row`` counts the records of the input from 1; ``ip`` is canonical; ``time`` has a zone.
    ``error`` says why it cannot be worked on, None for a good one. What is missing is None.
    """

    row: int
    ip: str | None
    url: str | None = None
    host: str | None = None
    time: datetime | None = None
    category: str = "other"
    brand: str | None = None
    sector: str | None = None
    note: str | None = None
    reference: str | None = None
    port: int | None = None
    error: str | None = None

    def to_dict(self) -> Json:
        """Return the incident as JSON; the time as in ISO 8601, with its own offset."""
        return self._asdict() | {"time": self.time and self.time.isoformat()}


class Evidence(NamedTuple):
    """Say which record of which dump leads to a rung: what a recipient can check.

    ``role`` is the net's role in the chain, ``rule`` the one that gave the contact; ``snapshot`` is
    the day of the dump (ISO). Of a rung that no net leads to (an AS, a CSIRT) what is missing is
    None.
    """

    first: str | None
    last: str | None
    netname: str | None
    key: str | None
    status: str | None
    role: str | None
    source: str | None
    file: str | None
    snapshot: str | None
    rule: str


class Rung(NamedTuple):
    """Name a party to tell: where it is reached, what it is to the address, and why it is told.

    ``kinds`` are those of `KINDS` that were merged, since they have one mailbox; the first counts.
    ``mailbox`` or ``form`` (a URL) is None. ``lang`` is `ja` or `en`, a hint; ``wait`` the hours
    before the next rung is told. ``single`` wants a report for each address. ``now`` says that the
    party is of today, not of the time of the incident. ``notes`` are for who works on the incident,
    ``said`` are those of them that the recipient may read too. ``countries`` are those of the
    registration that leads to it.
    """

    kinds: tuple[str, ...]
    name: str | None
    handle: str | None
    mailbox: str | None
    form: str | None
    why: str
    evidence: Evidence
    lang: str
    wait: int
    single: bool = False
    now: bool = False
    notes: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return what the party is to the address, first of all."""
        return self.kinds[0]

    @property
    def reached(self) -> str:
        """Return the mailbox, else the form."""
        return self.mailbox or self.form or ""

    @property
    def recipient(self) -> str:
        """Return by what it is told apart from others: the mailbox without case, else the form."""
        return self.mailbox.casefold() if self.mailbox else self.form or ""

    def to_dict(self) -> Json:
        """Return the rung as in the JSON of a ladder."""
        return self._asdict() | {
            "kinds": [*self.kinds], "evidence": self.evidence._asdict(), "notes": [*self.notes],
            "countries": [*self.countries], "said": [*self.said],
        }  # fmt: skip


class Dropped(NamedTuple):
    """Name a party that is not told, and why."""

    kind: str
    name: str | None
    mailbox: str | None
    reason: str


class Ladder(NamedTuple):
    """Hold whom to tell of an incident, in order, who is not told, and what to know about it.

    ``flags`` are codes: `cdn`, `changed-tenant`, `perpetrator`, `no-contact`, `no-net`, `no-time`.
    """

    incident: Incident
    rungs: tuple[Rung, ...]
    dropped: tuple[Dropped, ...]
    flags: tuple[str, ...]

    def to_dict(self) -> Json:
        """Return the ladder as in `notify -f jsonl`."""
        return {
            "schema_version": SCHEMA_VERSION, "incident": self.incident.to_dict(),
            "flags": [*self.flags],
            "rungs": [{"step": n, **rung.to_dict()} for n, rung in enumerate(self.rungs, 1)],
            "dropped": [item._asdict() for item in self.dropped],
        }  # fmt: skip


class Section(NamedTuple):
    """Hold the incidents of one address in a mail, and the rung that leads to its recipient."""

    ip: str
    incidents: tuple[Incident, ...]
    rung: Rung


class Notification(NamedTuple):
    """Hold what goes to one recipient at once: sections of one kind of rung.

    ``part`` of ``parts`` where a mail had to be split; ``step`` is the place of the rung in the
    ladder, from 1.
    """

    recipient: str
    kind: str
    lang: str
    step: int
    sections: tuple[Section, ...]
    part: int = 1
    parts: int = 1
