"""Offer the commands of `cases`: what became of reports, by a ledger that `notify` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from . import render
from .auditing import csv_line
from .cases import STATES
from .cells import Json
from .console import complain, write
from .options import moment, with_options

if TYPE_CHECKING:
    from .cases import Report
    from .ledger import Ledger

FORMATS: Final = ("text", "jsonl", "csv")
_COLUMNS: Final = (
    "ticket", "state", "recipient", "kind", "step", "incidents", "drafted", "sent", "answered",
    "refused", "bounced", "due", "countries", "subject", "note",
)  # fmt: skip
_TABLE: Final = ("ticket", "state", "recipient", "kind", "incidents", "drafted", "sent", "due")
Command = TypeVar("Command", bound=Callable[..., Any])


def _ledger_option(command: Command) -> Command:
    return click.option(
        "--ledger", "path", metavar="FILE", required=True, envvar="RIRDEX_LEDGER",
        help="The ledger; default $RIRDEX_LEDGER.",
    )(command)  # fmt: skip


def _when_option(command: Command) -> Command:
    return click.option(
        "--when", metavar="TIME", default=None,
        help="When that was, ISO 8601, UTC where it names no zone; default now.",
    )(command)  # fmt: skip


def _form_options(command: Command) -> Command:
    return with_options(command, (
        click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="text",
                     help="Text by default."),
        click.option("--csv-safe", is_flag=True, help="Disarm formulas in CSV."),
    ))  # fmt: skip


@click.group(
    epilog="Example: rirdex cases sent --ledger cases.db CASE-20261201-d6c4042b",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def cases() -> None:
    """Keep track of reports: sent, answered, refused, bounced, closed.

    The ledger is written by `rirdex notify -o FOLDER --ledger FILE`. A ticket may be given by its
    begin. What is due is drafted by `rirdex notify --due`.
    """


@cases.command("list", epilog="Example: rirdex cases list --ledger cases.db --state sent")
@_ledger_option
@click.option("--state", type=click.Choice(STATES), default=None, help="Only reports of a state.")
@_form_options
def listed(path: str, state: str | None, form: str, csv_safe: bool) -> int:
    """List the reports, in the order in which they were drafted."""
    with _opened(path) as ledger:
        write(_rows(map(_row, ledger.reports(state)), _COLUMNS, _TABLE, form, csv_safe))
    return 0


@cases.command(epilog="Example: rirdex cases show --ledger cases.db CASE-20261201-d6c4042b")
@_ledger_option
@click.argument("ticket")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def show(path: str, ticket: str, as_json: bool) -> int:
    """Show a report: its cases, and why it went where it went."""
    with _opened(path) as ledger:
        report = ledger.report(ticket)
        held = ledger.cases_of(report.ticket)
        found: Json = _row(report) | {
            "message_id": report.message_id, "lang": report.lang, "kinds": [*report.kinds],
            "sections": ledger.evidence(report.ticket),
            "cases": [
                case.incident.to_dict() | {"closed": _shown(case.closed), "outcome": case.outcome}
                for case in held
            ],
        }  # fmt: skip
        for case in found["cases"]:
            del case["row"], case["error"]
    write([render.json_line(found)] if as_json else _text(found))
    return 0


@cases.command(epilog="Example: rirdex cases sent --ledger cases.db --all")
@_ledger_option
@click.argument("tickets", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are drafted and not sent.")
@_when_option
def sent(path: str, tickets: tuple[str, ...], everything: bool, when: str | None) -> int:
    """Note that reports were sent: their time to answer begins."""
    if bool(tickets) == everything:
        raise click.UsageError("name tickets, or --all")
    with _opened(path) as ledger:
        names = [item.ticket for item in ledger.reports("drafted")] if everything else tickets
        return _mark(ledger, names, "sent", when)


@cases.command(epilog="Example: rirdex cases answered --ledger cases.db CASE-20261201-d6c4042b")
@_ledger_option
@click.argument("tickets", nargs=-1, required=True)
@click.option("--refused", is_flag=True, help="The answer is no, or not our customer: go on.")
@click.option("--note", metavar="TEXT", default=None, help="What they said.")
@_when_option
def answered(
    path: str, tickets: tuple[str, ...], refused: bool, note: str | None, when: str | None
) -> int:
    """Note that reports were answered: nothing more is due of them."""
    with _opened(path) as ledger:
        return _mark(ledger, tickets, "refused" if refused else "answered", when, note)


@cases.command(epilog="Example: rirdex cases closed --ledger cases.db CASE-20261201-d6c4042b")
@_ledger_option
@click.argument("tickets", nargs=-1, required=True)
@click.option("--outcome", metavar="TEXT", default=None, help="How it ended.")
@_when_option
def closed(path: str, tickets: tuple[str, ...], outcome: str | None, when: str | None) -> int:
    """Close the cases of reports: they are never due again."""
    at = moment("--when", when)
    with _opened(path) as ledger:
        names = [ledger.report(ticket).ticket for ticket in tickets]
        done = sum(ledger.close(name, at, outcome) for name in names)
    write([f"{done:,} cases closed"])
    return 0


@cases.command(epilog="Example: rirdex cases bounces --ledger cases.db returned.mbox --answers")
@_ledger_option
@click.argument("mbox")
@click.option("--answers", is_flag=True, help="Also note answers to what was sent.")
def bounces(path: str, mbox: str, answers: bool) -> int:
    """Note what came back, by the delivery reports in a mailbox file.

    A report of failure is known by the message it is about, else by its recipient. A mailbox that
    mail came back from stands behind the others, and the next rung is due at once.
    """
    from .bounces import import_mails

    with _opened(path) as ledger:
        found = import_mails(ledger, mbox, datetime.now(UTC), answers=answers)
    for ticket in found.bounced:
        write([f"bounced   {render.clean(ticket)}"])
    for ticket in found.answered:
        write([f"answered  {render.clean(ticket)}"])
    for recipient in found.unknown:
        complain(f"{recipient}: it failed, and no report was sent to it")
    complain(
        f"{found.mails:,} mails: {found.bounces:,} failures, {len(found.bounced):,} reports "
        f"bounced, {len(found.answered):,} answered, {found.automatic:,} automatic replies"
    )
    return 0


@cases.command(epilog="Example: rirdex cases due --ledger cases.db")
@_ledger_option
@_form_options
def due(path: str, form: str, csv_safe: bool) -> int:
    """List the cases whose next rung is due, since when, and why."""
    names = ("since", "why", "ip", "category", "url", "reference")
    with _opened(path) as ledger:
        rows = (
            {"since": _shown(item.since), "why": item.why, **item.case.incident.to_dict()}
            for item in ledger.due(datetime.now(UTC))
        )
        write(_rows(rows, names, tuple(name for name in names if name != "url"), form, csv_safe))
    return 0


# -- helpers ----------------------------------------------------------------------------------


def _opened(path: str) -> Ledger:
    from .ledger import open_ledger

    return open_ledger(path)


def _mark(
    ledger: Ledger, tickets: Iterable[str], what: str, when: str | None, note: str | None = None
) -> int:
    """Mark reports, all of which must be there; say which."""
    at = moment("--when", when)
    names = [ledger.report(ticket).ticket for ticket in tickets]
    for name in names:
        ledger.mark(name, what, at, note)
        write([f"{what:<9} {render.clean(name)}"])
    return 0


def _shown(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _row(report: Report) -> Json:
    """Return a report by the names of `_COLUMNS`; ``due`` is when its time to answer ends."""
    found = {name: getattr(report, name, None) for name in _COLUMNS}
    for name in ("drafted", "sent", "answered", "refused", "bounced"):
        found[name] = _shown(found[name])
    ends = report.state == "sent" and report.sent
    found["due"] = _shown(ends + timedelta(hours=report.wait)) if ends else None
    return found | {"countries": [*report.countries]}


def _rows(
    rows: Iterable[Json], names: tuple[str, ...], shown: tuple[str, ...], form: str, safe: bool
) -> Iterator[str]:
    """Yield rows in whatever format; a table for people has fewer columns."""
    if form == "jsonl":
        yield from (render.json_line({name: row[name] for name in names}) for row in rows)
    elif form == "csv":
        yield csv_line(names)
        for row in rows:
            cells = (row[name] for name in names)
            yield csv_line(
                (" ".join(cell) if isinstance(cell, list) else cell for cell in cells), safe
            )
    else:
        held = [tuple("-" if row[name] is None else row[name] for name in shown) for row in rows]
        yield from render.table(held, shown) if held else ["none"]


def _text(found: Json) -> Iterator[str]:
    """Yield a report for people, its URLs defanged but for the form that is its recipient."""
    from .draft_texts import defanged, defanged_url

    names = (*_COLUMNS, "lang", "message_id")
    for name in names:
        value = " ".join(found[name]) if isinstance(found[name], list) else found[name]
        if value not in (None, ""):
            text = defanged(value) if name == "note" else render.clean(str(value))
            yield f"{name + ':':<12} {text}"
    for section in found["sections"]:
        yield f"{section['ip']}: {defanged(section['why'])}"
    for case in found["cases"]:
        facts = (case["ip"], case["category"], case["time"], case["reference"])
        texts = [*map(defanged, filter(None, facts))]
        if case["url"]:
            texts.append(defanged_url(case["url"]))
        if case["closed"]:
            texts.append(f"closed {case['closed']} {defanged(case['outcome'])}".rstrip())
        yield "  " + "  ".join(texts)
