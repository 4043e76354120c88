"""Keep a ledger of cases: which incident was told to whom and when, and what came of it.

A *case* is an incident, known by what it says (`key_of`); a *report* is what was drafted for one
recipient, known by its ticket, and is about some cases. Sent, answered, refused, bounced are facts
of a report, each with its time; the state follows from them. When the next rung of a case is due
depends on its latest report alone. Nothing here finds rungs: that is `escalation`.

The file is SQLite's. Times have a zone; they are kept in UTC, as ISO 8601, so that they compare.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from .cases import (
    FACTS,
    Case,
    Due,
    Report,
    aware,
    case_of,
    checked,
    data_of,
    key_of,
    report_of,
    text_of,
    time_of,
)  # fmt: skip
from .casework import Incident, Section, wait_of
from .cells import Json
from .errors import Error

if TYPE_CHECKING:
    from .casework import Notification
    from .drafts import Draft

APPLICATION: Final = 0x52495244  # "RIRD"
VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS incident (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, data TEXT NOT NULL, first TEXT NOT NULL,
    closed TEXT, outcome TEXT
);
CREATE TABLE IF NOT EXISTS report (
    number INTEGER PRIMARY KEY, ticket TEXT NOT NULL UNIQUE, recipient TEXT NOT NULL,
    kind TEXT NOT NULL, kinds TEXT NOT NULL, step INTEGER NOT NULL, lang TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT, wait INTEGER NOT NULL, countries TEXT NOT NULL,
    drafted TEXT NOT NULL, sent TEXT, answered TEXT, refused TEXT, bounced TEXT, note TEXT
);
CREATE INDEX IF NOT EXISTS report_recipient ON report (recipient);
CREATE INDEX IF NOT EXISTS report_message ON report (message_id);
CREATE TABLE IF NOT EXISTS told (
    incident INTEGER NOT NULL REFERENCES incident, report INTEGER NOT NULL REFERENCES report,
    PRIMARY KEY (incident, report)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS told_report ON told (report);
CREATE TABLE IF NOT EXISTS section (
    report INTEGER NOT NULL REFERENCES report, ip TEXT NOT NULL, why TEXT NOT NULL,
    evidence TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS section_report ON section (report);
"""
_COLUMNS: Final = (
    "ticket, recipient, kind, kinds, step, lang, subject, message_id, wait, countries, drafted, "
    "sent, answered, refused, bounced, note"
)
_MAGIC: Final = b"SQLite format 3\0"
_WHY: Final = {"bounced": "mail came back", "refused": "refused"}
_PATIENCE: Final = 5.0  # seconds for another writer to end


class LedgerError(Error):
    """Say what is wrong with a ledger, or with what is asked of it."""


def open_ledger(path: str | os.PathLike[str], *, create: bool = False) -> Ledger:
    """Open a ledger; ``create`` makes one where there is no file. Raises `LedgerError`."""
    name = os.fspath(path)
    head = b""
    if os.path.isfile(name):
        try:
            with open(name, "rb") as file:
                head = file.read(len(_MAGIC))
        except OSError as error:
            raise LedgerError(f"{name}: cannot be opened: {error.strerror}") from None
    if head and head != _MAGIC:  # SQLite takes a very short file for an empty one
        raise LedgerError(f"{name}: is not a database, so no ledger of rirdex: name another file")
    if not create and not head:
        raise LedgerError(f"{name}: there is no ledger: `rirdex notify -o … --ledger` makes one")
    return Ledger(name)


class Ledger:
    """Read and write a ledger, as a context; each call is one transaction; see `open_ledger`."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            # A whole path, since "" and ":memory:" would be ledgers that nobody sees again.
            self._base = sqlite3.connect(
                os.path.abspath(path), timeout=_PATIENCE, isolation_level=None
            )
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: cannot be opened: {error}") from None
        try:
            self._prepare()
        except BaseException:
            self._base.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._base.close()

    def _prepare(self) -> None:
        """Make the tables of an empty file; refuse one that is another's."""
        with self._told():
            self._base.execute("PRAGMA foreign_keys = ON")
            self._base.execute("BEGIN")  # one view, since another may be making the tables
            (application,) = self._base.execute("PRAGMA application_id").fetchone()
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            (tables,) = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._base.execute("COMMIT")
        if application == APPLICATION and version != VERSION:
            raise LedgerError(
                f"{self.path}: is a ledger of version {version}, this rirdex reads {VERSION}"
            )
        if application == APPLICATION:
            return
        if application or tables:
            raise LedgerError(f"{self.path}: is no ledger of rirdex: name another file")
        with self._told():
            self._base.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {APPLICATION}; "
                f"PRAGMA user_version = {VERSION}; COMMIT;"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into an error of a line."""
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from None
        except UnicodeError:
            raise LedgerError(f"{self.path}: a text with bytes that are no UTF-8") from None

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Turn what comes of values that nobody here has written into an error of a line."""
        try:
            yield
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            raise LedgerError(
                f"{self.path}: is damaged: it holds what rirdex never writes"
            ) from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Do all of it or nothing."""
        with self._told():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        with self._told():
            yield from self._base.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Any:
        with self._told():
            row = self._base.execute(query, values).fetchone()
        return row and row[0]

    # -- writing -------------------------------------------------------------------------------

    def record(
        self, notifications: Sequence[Notification], drafts: Sequence[Draft], now: datetime
    ) -> int:
        """Note what was drafted; return how many reports are new. A known ticket stays as it is."""
        new = 0
        moment = text_of(now)
        with self._writing():
            for notification, draft in zip(notifications, drafts, strict=True):
                sections = notification.sections
                rungs = [section.rung for section in sections]
                kinds = dict.fromkeys(kind for rung in rungs for kind in rung.kinds)
                countries = dict.fromkeys(code for rung in rungs for code in rung.countries)
                added = self._base.execute(
                    f"INSERT OR IGNORE INTO report ({_COLUMNS}) VALUES "
                    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
                    (draft.ticket, notification.recipient, notification.kind, " ".join(kinds),
                     notification.step, draft.lang, draft.subject, draft.message_id,
                     max(rung.wait for rung in rungs), " ".join(countries), moment),
                )  # fmt: skip
                if added.rowcount:
                    new += 1
                    self._link(added.lastrowid or 0, sections, moment)
        return new

    def _link(self, report: int, sections: Sequence[Section], moment: str) -> None:
        """Write the sections of a report, and its cases."""
        self._base.executemany(
            "INSERT INTO section VALUES (?, ?, ?, ?)",
            [(report, item.ip, item.rung.why, json.dumps(item.rung.evidence._asdict()))
             for item in sections],
        )  # fmt: skip
        cases = [
            (key_of(incident), json.dumps(data_of(incident)))
            for item in sections for incident in item.incidents
        ]  # fmt: skip
        self._base.executemany(
            "INSERT OR IGNORE INTO incident (key, data, first) VALUES (?, ?, ?)",
            [(key, data, moment) for key, data in cases],
        )
        self._base.executemany(
            "INSERT OR IGNORE INTO told SELECT id, ? FROM incident WHERE key = ?",
            [(report, key) for key, _ in cases],
        )

    def mark(self, ticket: str, what: str, when: datetime, note: str | None = None) -> None:
        """Note one of `FACTS` of a report. Raises `LedgerError`, `ValueError`.

        What came of a report did so after it was sent, which may be noted late.
        """
        if what not in FACTS:
            raise ValueError(f"{what!r} is none of {', '.join(FACTS)}")
        with self._writing():
            if what == "sent":  # noted first after what came of it: that counts from then
                later = ", ".join(
                    f"{fact} = CASE WHEN sent IS NULL THEN max({fact}, :at) ELSE {fact} END"
                    for fact in FACTS[1:]
                )
                change = f"sent = :at, {later}"
            else:
                change = f"{what} = max(:at, coalesce(sent, ''))"
            done = self._base.execute(
                f"UPDATE report SET {change}, note = coalesce(:note, note) WHERE ticket = :ticket",
                {"at": text_of(when), "note": note, "ticket": ticket},
            )
        if not done.rowcount:
            raise LedgerError(f"{self.path}: there is no report {ticket!r}")

    def close(self, ticket: str, when: datetime, outcome: str | None = None) -> int:
        """Close the open cases of a report; return how many they were. Raises `LedgerError`."""
        if not self._one("SELECT count(*) FROM report WHERE ticket = ?", ticket):
            raise LedgerError(f"{self.path}: there is no report {ticket!r}")
        with self._writing():
            done = self._base.execute(
                "UPDATE incident SET closed = ?, outcome = ? WHERE closed IS NULL AND id IN "
                "(SELECT incident FROM told JOIN report ON number = report WHERE ticket = ?)",
                (text_of(when), outcome, ticket),
            )
        return done.rowcount

    # -- reading -------------------------------------------------------------------------------

    def known(self, incident: Incident) -> bool:
        """Say whether an incident is a case already."""
        return self._one("SELECT id FROM incident WHERE key = ?", key_of(incident)) is not None

    def told(self, incident: Incident) -> frozenset[str]:
        """Return the recipients that reports about an incident were drafted for."""
        return frozenset(recipient for (recipient,) in self._rows(
            "SELECT recipient FROM report JOIN told ON number = report JOIN incident ON id = "
            "incident WHERE key = ?", key_of(incident),
        ))  # fmt: skip

    def bounced(self) -> dict[str, date]:
        """Return the mailboxes that mail came back from and that did not answer since: the day."""
        rows = self._rows(
            "SELECT recipient, max(bounced) AS last FROM report GROUP BY recipient HAVING "
            "last IS NOT NULL AND last > coalesce(max(answered), '')"
        )
        with self._sound():
            return {recipient: time_of(bounced).date() for recipient, bounced in rows}

    def due(self, now: datetime) -> Iterator[Due]:
        """Yield the open cases whose next rung is due, in the order in which they came.

        That is where the latest report came back or was refused, or was sent and not answered in
        its hours; of reports of one round the highest rung's is the latest. What was drafted and
        not sent is never due.
        """
        known: dict[int, Report] = {}
        for *row, number in self._rows(
            "SELECT id, data, first, closed, outcome, (SELECT number FROM told JOIN report ON "
            "number = report WHERE incident = id ORDER BY drafted DESC, step DESC, number DESC "
            "LIMIT 1) AS last FROM incident WHERE closed IS NULL AND last IS NOT NULL ORDER BY id",
        ):
            if number not in known:
                (known[number],) = self._reports("WHERE number = ?", number)
            report = known[number]
            since, why = getattr(report, report.state), _WHY.get(report.state, "")
            if report.state != "sent":
                if why and since <= now:
                    yield Due(self._case(row), since, why)
                continue
            case = self._case(row)
            wait = min(report.wait, wait_of(case.incident.category))
            since += timedelta(hours=wait)  # its own, where a mail is about more than one kind
            if since <= now:
                yield Due(case, since, f"no answer for {wait} h")

    def reports(self, state: str | None = None) -> Iterator[Report]:
        """Yield reports in the order in which they were drafted; of one of `STATES`, or all."""
        for found in self._reports("ORDER BY number"):
            if state is None or found.state == state:
                yield found

    def report(self, ticket: str) -> Report:
        """Return the report of a ticket, or of the begin of one alone. Raises `LedgerError`."""
        found = [*self._reports("WHERE ticket = ?", ticket)]
        if not found and ticket:
            begin = ticket.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            found = [*self._reports("WHERE ticket LIKE ? ESCAPE '\\' LIMIT 2", f"{begin}%")]
        if len(found) != 1:
            what = "more than one report begins with" if found else "there is no report"
            raise LedgerError(f"{self.path}: {what} {ticket!r}")
        return found[0]

    def latest(self, recipient: str, until: datetime) -> Report | None:
        """Return the report that was sent to a recipient last, up to a time; None without one."""
        rows = self._reports(
            "WHERE recipient = ? AND sent <= ? ORDER BY sent DESC, number DESC LIMIT 1",
            recipient.casefold(), text_of(until),
        )  # fmt: skip
        return next(rows, None)

    def _reports(self, where: str, *values: object) -> Iterator[Report]:
        count = "(SELECT count(*) FROM told WHERE report = number)"
        for row in self._rows(f"SELECT {_COLUMNS}, {count} FROM report {where}", *values):
            with self._sound():
                found = checked(report_of(row))
            yield found

    def _case(self, row: Sequence[Any]) -> Case:
        with self._sound():
            found = case_of(row)
            incident = found.incident
            texts = (*incident._replace(port=None, time=None)[1:], found.outcome)
            aware(incident.time, found.first, found.closed)
            if not all(text is None or isinstance(text, str) for text in texts):
                raise TypeError("a text is none")
        return found

    def cases(self, *, open_only: bool = False) -> Iterator[Case]:
        """Yield cases in the order in which they came."""
        where = "WHERE closed IS NULL" if open_only else ""
        for row in self._rows(
            f"SELECT id, data, first, closed, outcome FROM incident {where} ORDER BY id"
        ):
            yield self._case(row)

    def outcomes(self) -> Iterator[tuple[Report, tuple[Case, ...]]]:
        """Yield each report with the cases it is about."""
        for report in self.reports():
            yield report, self.cases_of(report.ticket)

    def cases_of(self, ticket: str) -> tuple[Case, ...]:
        """Return the cases that a report is about."""
        return tuple(self._case(row) for row in self._rows(
            "SELECT id, data, first, closed, outcome FROM incident JOIN told ON incident = id JOIN "
            "report ON number = report WHERE ticket = ? ORDER BY id", ticket,
        ))  # fmt: skip

    def evidence(self, ticket: str) -> list[Json]:
        """Return for each address of a report why it went there, and the record behind that."""
        rows = self._rows(
            "SELECT ip, why, evidence FROM section JOIN report ON number = report "
            "WHERE ticket = ? ORDER BY section.rowid",
            ticket,
        )
        with self._sound():
            return [
                {"ip": str(ip), "why": str(why), "evidence": json.loads(evidence)}
                for ip, why, evidence in rows
            ]

    def by_message_id(self, message_id: str) -> str | None:
        """Return the ticket of the report that was a mail of this name, None without one."""
        found = self._one("SELECT ticket FROM report WHERE message_id = ?", message_id)
        return None if found is None else str(found)
