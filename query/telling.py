"""Offer the commands about whom to tell: `contacts` and `csirt`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import render
from .cells import Json
from .compared import of_day
from .console import NO_MATCH, USAGE, complain, write
from .errors import AddressError
from .index import open_index
from .options import at_option, index_option

if TYPE_CHECKING:
    from .contacts import Contact
    from .desk import Csirt
    from .model import Answer

Command = TypeVar("Command", bound=Callable[..., Any])
SCHEMA_VERSION = 1


def desk_option(command: Command) -> Command:
    """Add the option that names the folder of the user's own files."""
    return click.option(
        "--desk", metavar="FOLDER", default=None,
        help="The folder of your own files (never.toml, forms.toml, overrides.csv, csirt.csv); "
        "default $RIRDEX_CONFIG, else `rirdex` in the user config folder.",
    )(command)  # fmt: skip


@click.command(epilog="Example: rirdex contacts 192.0.2.1 --json")
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@index_option
@desk_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each answer and line.")
@click.option("--guess", is_flag=True, help="Also abuse@ the domains of organisations' mail.")
@at_option
@click.option("--ledger", metavar="FILE", default=None, envvar="RIRDEX_LEDGER",
              help="A file of cases (`rirdex cases`): mailboxes that mail came back from are "
              "behind the others. Default $RIRDEX_LEDGER.")  # fmt: skip
def contacts(
    queries: tuple[str, ...], path: str | None, desk: str | None, as_json: bool, guess: bool,
    at: str | None, ledger: str | None,
) -> int:  # fmt: skip
    """Say whom to tell about an address, in order, and why.

    A query may be an AS number or an organisation too. First come your own overrides, then what
    the registry's rule gives for each net, the last net first; then what texts say, each with its
    rule and how far to trust it. A mailbox of a registry comes last. Exit code 1 when a query
    matches nothing.
    """
    code = 0
    with open_index(path, desk=desk) as index:
        if ledger:
            from .ledger import open_ledger

            with open_ledger(ledger) as book:
                index.memory.bounced = book.bounced()
        for query in queries:
            try:
                answers = index.answers(query, at=at)
            except AddressError as error:
                complain(error)
                code = max(code, USAGE)
                continue
            for answer in answers:
                if not answer:
                    code = max(code, NO_MATCH)
                write(_lines(answer, as_json, guess))
    return code


def _lines(answer: Answer, as_json: bool, guess: bool) -> Iterator[str]:
    from .ladder import csirts, ranked

    found = ranked(answer, guess=guess)
    teams = csirts(answer)
    if as_json:
        yield render.json_line(contacts_dict(answer, found, teams))
        return
    registry = f"  {answer.registry}" if answer.registry else ""
    yield render.clean(f"{answer.query}{registry}{of_day(answer, 'en')}")
    for number, contact in enumerate(found, 1):
        yield from _contact_text(number, contact)
    if not found:
        why = "no contact is registered, and none is named in the texts"
        outside = answer.span is not None and not answer.chain
        yield f"  nobody: {'no net in this index contains it' if outside else why}"
    for team in teams:
        reached = team.mail or team.form or "?"
        age = "" if not team.stale(_today()) else ", not checked for a year"
        yield render.clean(f"  CSIRT of {team.country}: {team.name}, {reached}{age}")
    if (compared := answer.independence) is not None:
        yield render.clean(f"  note:   {compared.text}")
    for note in answer.notes:
        yield render.clean(f"  note:   {note.text}")


def _contact_text(number: int, contact: Contact) -> Iterator[str]:
    where = contact.mailbox or contact.url or f"handle {contact.handle}"
    facts = [contact.rule, contact.confidence]
    if contact.status != "unknown":
        facts.append(f"{contact.status} {contact.checked or ''}".strip())
    if contact.mark:
        facts.append(contact.mark)
    yield render.clean(f"  {number:2}. {where}  ({', '.join(facts)})")
    why = []
    if contact.level:
        role = f", {contact.role}" if contact.role else ""
        why.append(f"for {contact.level}{role}")
    if contact.object and contact.object != contact.level:
        why.append(f"by {contact.object}")
    if contact.handle and contact.mailbox and contact.handle != contact.object:
        why.append(f"in {contact.handle}")
    if contact.form:
        only = "mail is not read: " if contact.form.only else "form: "
        why.append(only + contact.form.url)
    if contact.reason:
        why.append(contact.reason)
    if why:
        yield render.clean("      " + "; ".join(why))


def contacts_dict(answer: Answer, found: list[Contact], teams: list[Csirt]) -> Json:
    """Return the JSON of `contacts`."""
    compared = answer.independence
    return {
        "schema_version": SCHEMA_VERSION, "query": answer.query, "kind": answer.kind,
        "registry": answer.registry, "contacts": [contact.to_ranked() for contact in found],
        "independence": compared._asdict() if compared else None,
        "csirts": [
            {
                "country": team.country, "name": team.name, "mail": team.mail, "form": team.form,
                "source": team.source, "checked": team.checked and team.checked.isoformat(),
                "stale": team.stale(_today()),
            }
            for team in teams
        ],
        "notes": [note._asdict() for note in answer.notes],
    }  # fmt: skip


def _today() -> Any:
    return datetime.now(UTC).date()


@click.command(epilog="Example: rirdex csirt teams.json")
@click.argument("path", metavar="FILE")
@desk_option
@click.option("-o", "--output", metavar="FILE", default=None,
              help="Where to write; default csirt.csv in the desk, - for stdout.")  # fmt: skip
def csirt(path: str, desk: str | None, output: str | None) -> int:
    """Bring FIRST's list of teams into csirt.csv.

    FILE is JSON of FIRST's API, - for standard input. Rows of your own stay. FIRST does not say
    which teams are national: delete those that are of no use for a country.
    """
    from .csirt import merge, teams_of_first, write_csv
    from .desk import DeskError, desk_folder, load_desk

    folder = desk_folder(desk)
    with click.open_file(path, "rb") as file:
        data = file.read()
    try:
        teams = teams_of_first(data, today=_today())
    except DeskError as error:
        said = str(error).removeprefix(f"{error.path}: ")
        raise DeskError("standard input" if path == "-" else path, said) from None
    rows = merge(load_desk(folder).teams, teams)
    text = write_csv(rows)
    place = output or os.path.join(folder, "csirt.csv")
    if place == "-":
        write([text.rstrip("\n")])
        return 0
    os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
    with open(f"{place}.new", "w", encoding="utf-8", newline="") as target:
        target.write(text)
    os.replace(f"{place}.new", place)
    complain(f"{place}: {len(rows):,} teams")
    return 0
