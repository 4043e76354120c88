"""Offer the command `notify`: whom to tell of incidents, in order, and drafts for a round of mail.

Without a folder it shows ladders; with one it writes drafts of one rung of each. With a ledger it
knows who was told already, and what is due. Nothing is sent, and nothing is resolved.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

import click

from . import render
from .auditing import csv_line
from .caseload import incident_options, incidents_of, perpetrators_of
from .console import INVALID, complain, write
from .index import open_index
from .options import index_option, moment, with_options
from .reporter import FORWARDS, TLPS, read_reporter
from .telling import desk_option

if TYPE_CHECKING:
    from tqdm import tqdm

    from .casework import Incident, Ladder, Notification, Rung
    from .drafts import Draft
    from .escalation import Options
    from .index import Index
    from .ledger import Ledger
    from .reporter import Reporter

FORMATS: Final = ("text", "jsonl", "csv")
DRAFTS: Final = ("eml", "xarf", "txt", "csv", "mailto")
_TOLD: Final = 10  # invalid rows that are told of one by one
_DRAFT: Final = ("number", "ticket", "recipient", "kind", "step", "lang", "addresses", "incidents",
                 "subject", "file", "notes")  # fmt: skip
Command = TypeVar("Command", bound=Callable[..., Any])


def _options(command: Command) -> Command:
    """Give the command its options, by what they are about."""
    options = (
        click.option("-o", "--output", metavar="FOLDER", default=None,
                     help="Write drafts here, and list them; without it ladders are shown."),
        click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="text",
                     help="How ladders or drafts are listed; text by default."),
        click.option("--csv-safe", is_flag=True, help="Disarm formulas in CSV."),
        click.option("--form", "forms", type=click.Choice(DRAFTS), multiple=True,
                     help="What drafts are written as; eml by default. Repeatable."),
        click.option("--step", type=click.IntRange(1), default=1, metavar="N",
                     help="The rung that is told, from 1, the default."),
        click.option("--due", is_flag=True,
                     help="Of the ledger's cases that are due, the next rung; names no incidents."),
        click.option("--ledger", metavar="FILE", default=None, envvar="RIRDEX_LEDGER",
                     help="The file in which cases are kept; made if missing. Default "
                     "$RIRDEX_LEDGER, else none. See `rirdex cases`."),
        click.option("--urgent", is_flag=True,
                     help="Wait 4 hours, and tell the origin AS together with the first rung."),
        click.option("--largest", type=click.IntRange(1), default=50, metavar="N",
                     help="Addresses in one mail, 50 by default."),
        click.option("--perpetrators", metavar="FILE", default=None,
                     help="Parties not to be told first: a name, handle or AS number a line."),
        click.option("--never-tell", is_flag=True, help="Leave these out altogether."),
        click.option("--reporter", metavar="FILE", default=None,
                     help="TOML with [reporter]; default casework.toml in the desk's folder."),
        click.option("--tlp", type=click.Choice(TLPS), default=None,
                     help="Traffic Light Protocol; default as the reporter says, else AMBER."),
        click.option("--forward", type=click.Choice(FORWARDS), default=None,
                     help="May it go on to the customer: with your name, without it, not at all."),
        click.option("--lang", type=click.Choice(["en", "ja"]), default=None,
                     help="The language of all drafts; by default that of each recipient."),
        click.option("--templates", metavar="FOLDER", default=None,
                     help="Your own templates; default `templates` in the desk's folder."),
        click.option("--replace", is_flag=True, help="Overwrite drafts of the same name."),
        click.option("--now", "present", metavar="TIME", default=None,
                     help="Take this for the present: the mails' date, and what is due."),
        incident_options, desk_option, index_option,
        click.option("-q", "--quiet", is_flag=True, help="No progress and no notes."),
    )  # fmt: skip
    return with_options(command, options)


class Round(NamedTuple):
    """Hold what one run is asked for."""

    output: str | None
    form: str
    csv_safe: bool
    step: int
    due: bool
    urgent: bool
    largest: int
    quiet: bool
    now: datetime


@click.command(epilog="Example: rirdex notify incidents.csv -o drafts --form eml --form csv")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@_options
def notify(
    files: tuple[str, ...], output: str | None, form: str, csv_safe: bool, forms: tuple[str, ...],
    step: int, due: bool, ledger: str | None, urgent: bool, largest: int,
    perpetrators: str | None, never_tell: bool, reporter: str | None, tlp: str | None,
    forward: str | None, lang: str | None, templates: str | None, replace: bool,
    present: str | None, given: str | None, columns: tuple[str, ...], zone: str | None,
    desk: str | None, path: str | None, quiet: bool,
) -> int:  # fmt: skip
    """Say whom to tell of incidents, in order and why, and write drafts to send.

    Incidents are CSV or JSON lines with any of ip, url, host, time, port, category, brand, sector,
    note, reference; IntelMQ's names are known too. The ladder is that of the incident's time, and
    of today where tenant or contact has changed. Nothing is sent.

    With -o one rung of each ladder is drafted: one mail a recipient and kind, an X-ARF report for
    each address. A file - is standard input.
    """
    if due and (files or not ledger):
        raise click.UsageError("--due takes the incidents of a ledger: name --ledger, and no files")
    if not files and not due:
        raise click.UsageError("name files of incidents, or - for standard input")
    from .escalation import Options

    asked = Round(
        output, form, csv_safe, step, due, urgent, largest, quiet, moment("--now", present)
    )
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(open_index(path, desk=desk))
        makes = output is not None and not due
        book = stack.enter_context(_opened(ledger, makes)) if ledger else None
        index.memory.bounced = book.bounced() if book else {}
        options = Options(urgent, perpetrators_of(perpetrators), never_tell, asked.now.date())
        who = None
        if output is not None:
            folder = index.desk.folder
            named = reporter or os.path.join(folder, "casework.toml")
            who = read_reporter(named, tlp=tlp, forward=forward)
            own = os.path.join(folder, "templates")
            templates = templates or (own if os.path.isdir(own) else None)
        incidents = _due(book, asked) if due and book else incidents_of(
            files, given, columns, zone
        )  # fmt: skip
        laddered = _Laddered(index, options, asked, book)
        if who is None:
            write(_listed(laddered, incidents, asked))
        else:
            drafting = _Drafting(who, forms or ("eml",), lang, templates, replace)
            write(_drafted(laddered, incidents, asked, drafting))
        return laddered.told()


def _opened(path: str, create: bool) -> Ledger:
    from .ledger import open_ledger

    return open_ledger(path, create=create)


def _due(book: Ledger, asked: Round) -> Iterator[Incident]:
    """Yield the incidents of the cases that are due, and say why."""
    why: dict[str, int] = {}
    for item in book.due(asked.now):
        why[item.why] = why.get(item.why, 0) + 1
        yield item.case.incident
    for text, count in why.items():
        if not asked.quiet:
            complain(f"{count:,} due: {text}")


def _bar(asked: Round, unit: str, total: int | None = None) -> tqdm[NoReturn]:
    """Return a bar of progress, which is seen on a terminal alone."""
    from tqdm import tqdm

    silent = True if asked.quiet or sys.stderr is None else None
    return tqdm(unit=unit, total=total, disable=silent, leave=False)


# -- ladders ----------------------------------------------------------------------------------


class _Laddered:
    """Find ladders of incidents, choose the rungs of the round, and count what is left out."""

    def __init__(self, index: Index, options: Options, asked: Round, book: Ledger | None) -> None:
        from .escalation import Ladders

        self._ladders = Ladders(index, options)
        self._asked = asked
        self._book = book
        self._rows = self._invalid = self._known = self._nobody = 0

    def of(self, incidents: Iterator[Incident]) -> Iterator[Ladder]:
        """Yield the ladder of each incident; of the bad ones too, which are told of."""
        with _bar(self._asked, " incidents") as bar:
            for incident in incidents:
                bar.update()
                self._rows += 1
                if incident.error is not None:
                    self._invalid += 1
                    if self._invalid <= _TOLD:
                        complain(f"row {incident.row}: {incident.error}")
                yield self._ladders.of(incident)

    def rungs(self, ladder: Ladder) -> list[int]:
        """Return the numbers of the rungs that are told of an incident in this round."""
        if ladder.incident.error is not None:
            return []
        asked, book, rungs = self._asked, self._book, ladder.rungs
        told: frozenset[str] = frozenset()
        if book is not None:
            told = book.told(ladder.incident)
            if told and not asked.due and asked.step == 1:
                self._known += 1
                return []
        left = [n for n, rung in enumerate(rungs, 1) if rung.reached and rung.recipient not in told]
        if asked.due:
            found = left[:1]
        else:
            found = [n for n in left if n == asked.step]
            if asked.urgent and asked.step == 1:
                found += [n for n in left if n > 1 and _soon(rungs[n - 1])][:1]
        self._nobody += not found
        return found

    def told(self) -> int:
        """Say what was left out; return the exit code."""
        if self._asked.due and not self._rows and not self._asked.quiet:
            complain("nothing is due")
        if self._known and not self._asked.quiet:
            complain(f"{self._known:,} incidents are in the ledger already: see --due")
        if self._nobody and not self._asked.quiet:
            complain(f"{self._nobody:,} incidents have nobody to tell at this step")
        if self._invalid:
            complain(f"{self._invalid:,} of {self._rows:,} rows are no incidents")
        return INVALID if self._invalid else 0


def _soon(rung: Rung) -> bool:
    """Say whether a rung is told together with the first when it is urgent."""
    from .escalation import ACCUSED

    return "origin-as" in rung.kinds and ACCUSED not in rung.notes


def _listed(laddered: _Laddered, incidents: Iterator[Incident], asked: Round) -> Iterator[str]:
    """Yield ladders in whatever format, each with the rungs of this round."""
    from .laddered import csv_lines, json_lines, text_lines

    found = ((ladder, laddered.rungs(ladder)) for ladder in laddered.of(incidents))
    if asked.form == "csv":
        return csv_lines(found, asked.csv_safe)
    return json_lines(found) if asked.form == "jsonl" else text_lines(found)


# -- drafts -----------------------------------------------------------------------------------


class _Drafting(NamedTuple):
    """Hold how drafts are written."""

    reporter: Reporter
    forms: Sequence[str]
    lang: str | None
    templates: str | None
    replace: bool


def _drafted(
    laddered: _Laddered, incidents: Iterator[Incident], asked: Round, how: _Drafting
) -> Iterator[str]:
    """Write the drafts of a round, note them in the ledger, and yield a line for each."""
    from .drafts import drafts
    from .triage import triage

    notifications = triage(laddered.of(incidents), laddered.rungs, asked.largest)
    with _bar(asked, " drafts", len(notifications)) as bar:
        made = drafts(
            notifications, how.reporter, asked.output or "", how.forms, how.lang, how.templates,
            now=asked.now, replace=how.replace, told=bar.update,
        )  # fmt: skip
    if laddered._book is not None:
        laddered._book.record(notifications, made, asked.now)
    rows = map(_row, made, notifications)
    if asked.form == "jsonl":
        yield from map(render.json_line, rows)
    elif asked.form == "csv":
        yield csv_line(_DRAFT)
        for row in rows:
            row["notes"] = " ".join(row["notes"])
            yield csv_line(row.values(), asked.csv_safe)
    else:
        yield from _table([*rows])


def _row(draft: Draft, notification: Notification) -> dict[str, Any]:
    """Return what is listed of a draft, by the names of `_DRAFT`."""
    incidents = sum(len(section.incidents) for section in notification.sections)
    return dict(zip(_DRAFT, (
        draft.number, draft.ticket, draft.recipient, notification.kind, notification.step,
        draft.lang, len(notification.sections), incidents, draft.subject,
        str(draft.paths[0]) if draft.paths else None, [*draft.notes],
    ), strict=True))  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "no drafts"
        return
    names = ("ticket", "recipient", "kind", "step", "addresses", "incidents", "file")
    yield from render.table((tuple(row[name] for name in names) for row in rows), names)
    forms = sum(bool(row["notes"]) for row in rows)
    if forms:
        yield f"{forms} with notes: -f jsonl shows them"
