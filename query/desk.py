"""Read a desk: the files in which a CSIRT keeps what it knows better than the dumps.

A desk is a folder with up to four files; each may be missing, none may be malformed: `never.toml`
(mailboxes not to bother), `forms.toml` (providers that want a web form), `overrides.csv` (contacts
of its own), `csirt.csv` (teams of countries). Below the first two lie those that come with rirdex.

A range is kept under the smallest prefix that contains it. A span inside of it begins in that
prefix too, so one dictionary for each length in use finds every range that contains a span.
"""

from __future__ import annotations

import csv
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from .addresses import Span, as_number, shown, span
from .errors import AddressError, Error
from .place import default_desk

KINDS: Final = ("range", "asn", "organisation", "mailbox")  # of overrides, most specific first
MARKS: Final = ("drop", "registry_contact", "reserved_domain", "keep")
CSIRT_COLUMNS: Final = ("country", "name", "mail", "form", "source", "checked")
_OVERRIDE_COLUMNS: Final = ("match", "contact", "note", "valid_until")
_NAME: Final = r"[^\x00-\x20\x7f-\xa0@<>(),:;\"\\\[\]*/.]+"
_LABEL = re.compile(_NAME)
DOMAIN = re.compile(rf"{_NAME}(?:\.{_NAME})+")
MAILBOX = re.compile(
    rf'(?:"[^"\x00-\x1f\x7f-\x9f]+"|[^\x00-\x20\x7f-\xa0@<>(),:;"\\\[\]]+)@{DOMAIN.pattern}'
)
URL = re.compile(r"https?://[^\x00-\x20\x7f-\xa0/?#<>\"]+[^\x00-\x20\x7f-\xa0<>\"]*", re.I)
HANDLE = re.compile(r"(?=.*[A-Z])(?!AS\d+$)[A-Z0-9][\w-]*", re.ASCII | re.I)
_COUNTRY = re.compile(r"[A-Z]{2}|")
_DATE = re.compile(r"\d{4}-\d\d-\d\d|", re.ASCII)
TEXT = re.compile(r".*\S.*", re.DOTALL)
_WHOSE: Final = ("mailboxes", "domains", "organisations")
# Of each key of the TOML files: its type, what texts match, and what to write.
Key = tuple[type, re.Pattern[str], str]
_KEYS: Final[Mapping[str, Key]] = {
    "mailbox": (str, MAILBOX, "a mailbox"),
    "domain": (str, DOMAIN, "a domain, as example.net"),
    "tld": (str, _LABEL, "the last label of domains, as invalid"),
    "mark": (str, re.compile("|".join(MARKS)), f"one of {', '.join(MARKS)}"),
    "url": (str, URL, "an http or https URL"),
    "mailboxes": (list, MAILBOX, "a list of mailboxes"),
    "domains": (list, DOMAIN, "a list of domains"),
    **dict.fromkeys(("owners", "organisations"), (list, HANDLE, "a list of handles")),
    **dict.fromkeys(("name", "reason", "source"), (str, TEXT, "a text in quotes")),
    **dict.fromkeys(("only", "single"), (bool, TEXT, "true or false")),
    "checked": (date, TEXT, "a date without quotes, as 2026-01-31"),
}
_OF_ENTRY: Final = ("mailbox", "domain", "tld", "mark", "reason", "owners", "source")
_OF_FORM: Final = ("name", "url", *_WHOSE, "only", "single", "source", "checked")
_ENTRY, _FORM = ({key: _KEYS[key] for key in keys} for keys in (_OF_ENTRY, _OF_FORM))


class DeskError(Error):
    """Say that a file of the desk is malformed: its owner's fault. ``path`` names the file."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class Verdict(NamedTuple):
    """Say why a mailbox is not to be bothered; ``mark`` is one of `MARKS` but never `keep`."""

    mark: str
    reason: str


class Form(NamedTuple):
    """Name a web form. ``only``: mail is not processed; ``single``: one address in a report."""

    name: str
    url: str
    mailboxes: tuple[str, ...]
    domains: tuple[str, ...]
    organisations: tuple[str, ...]
    only: bool
    single: bool
    source: str
    checked: date | None


class Override(NamedTuple):
    """Hold a contact of the desk's own: a mailbox or a URL, for what matches.

    ``kind`` is one of `KINDS`, ``line`` the line in `overrides.csv`.
    """

    match: str
    kind: str
    contact: str
    note: str
    valid_until: date | None
    line: int


class Csirt(NamedTuple):
    """Name a team. ``country`` has two letters or none; ``checked`` is when a person looked."""

    country: str
    name: str
    mail: str | None
    form: str | None
    source: str
    checked: date | None

    def stale(self, today: date) -> bool:
        """Say whether the team was checked more than a year ago, or never."""
        year_ago = (today.year - 1, today.month, today.day)
        return self.checked is None or self.checked.timetuple()[:3] < year_ago


_MASKED: Final = Verdict("drop", "The registry masked this address.")
_Never = dict[str, list[tuple[Verdict, frozenset[str]]]]  # by mailbox or domain in lower case
_Ranges = dict[int, dict[int, dict[int, list[tuple[int, int, Override]]]]]
_Named = dict[int | str, list[Override]]
Names = Collection[str]


@dataclass(frozen=True, slots=True)
class Desk:
    """Answer from a desk's files; `load_desk` makes one.

    ``overrides`` are the valid ones in the file's order, ``expired`` the others; ``teams`` are
    the rows of `csirt.csv`. The others are tables of the methods, the desk's own first.
    """

    folder: str
    overrides: tuple[Override, ...]
    expired: tuple[Override, ...]
    teams: tuple[Csirt, ...]
    never: tuple[_Never, ...]
    forms: tuple[dict[str, Form], ...]
    ranges: _Ranges
    named: _Named

    def judge(self, mailbox: str, orgs: Names = ()) -> Verdict | None:
        """Say whether a mailbox is not to be bothered; None when nothing is against it.

        ``orgs`` are those of the net that the mailbox is a contact of: an entry does not count on
        its owners' nets. The desk's own win; in a file, a mailbox goes before domains above it.
        """
        if "***" in mailbox:
            return _MASKED
        handles = {org.upper() for org in orgs}
        for table in self.never:
            for key in keys_of(mailbox):
                for verdict, owners in table.get(key, ()):
                    if owners.isdisjoint(handles):
                        return None if verdict.mark == "keep" else verdict
        return None

    def form(self, mailbox: str | None, orgs: Names) -> Form | None:
        """Return the web form for a mailbox, else for an organisation; None when there is none."""
        keys = (keys_of(mailbox) if mailbox else []) + [org.upper() for org in orgs]
        found = (table[key] for table in self.forms for key in keys if key in table)
        return next(found, None)

    def overrides_for(
        self, span: Span | None, systems: Collection[int], orgs: Names, mailboxes: Names
    ) -> list[Override]:
        """Return the overrides that match, the most specific first.

        That is: ranges that contain the whole span, the smallest first; then AS numbers,
        organisations, mailboxes; what is equal stands in the file's order.
        """
        if not self.overrides:
            return []
        held: list[tuple[int, int, Override]] = []
        if span is not None:
            first, last = span.first, span.last
            for shift, table in self.ranges[span.family].items():
                near = table.get(first >> shift, ())
                held += [item for item in near if item[0] <= first and last <= item[1]]
            held.sort(key=lambda item: (item[1] - item[0], item[2].line))
        result = [item[2] for item in held]
        keys: set[int | str] = {*systems, *map(str.upper, orgs), *map(str.lower, mailboxes)}
        others = (item for key in keys for item in self.named.get(key, ()))
        return result + sorted(others, key=lambda item: (KINDS.index(item.kind), item.line))

    def csirts(self, countries: Iterable[str]) -> list[Csirt]:
        """Return the teams of countries, in the order of the countries, then of the file."""
        order = dict.fromkeys(country.upper() for country in countries if country)
        return [team for country in order for team in self.teams if team.country == country]


def keys_of(mailbox: str) -> list[str]:
    """Return a mailbox, its domain and every domain above it, in lower case."""
    keys = [mailbox.lower().rstrip(".")]
    domain = keys[0].rpartition("@")[2]
    while domain:
        keys.append(domain)
        domain = domain.partition(".")[2]
    return keys


def desk_folder(path: str | None = None) -> str:
    """Return the desk's folder: the argument, else `place.default_desk`'s."""
    return path or default_desk()


def load_desk(folder: str | None = None, *, today: date | None = None) -> Desk:
    """Read the desk in a folder (see `desk_folder`). Raises `DeskError`.

    ``today`` decides which overrides have expired; one is valid through its last day.
    """
    folder = desk_folder(folder)
    packaged = os.path.dirname(__file__)
    day = today or date.today()
    overrides = tuple(_overrides(*text_of(folder, "overrides.csv")))
    valid = tuple(o for o in overrides if o.valid_until is None or day <= o.valid_until)
    ranges, named = _indexes(valid)
    return Desk(
        folder=folder,
        overrides=valid,
        expired=tuple(o for o in overrides if o.valid_until is not None and o.valid_until < day),
        teams=tuple(_csirts(*text_of(folder, "csirt.csv"))),
        never=(_never(*text_of(folder, "never.toml")), _never(*text_of(packaged, "never.toml"))),
        forms=(_forms(*text_of(folder, "forms.toml")), _forms(*text_of(packaged, "forms.toml"))),
        ranges=ranges,
        named=named,
    )


def text_of(folder: str, name: str) -> tuple[str, str]:
    """Return the path of a file and its text, none when it or the user's folder is missing."""
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as file:
            return path, file.read().decode("utf-8-sig")
    except FileNotFoundError:
        named = os.environ.get("RIRDEX_CONFIG") or folder != default_desk()
        if named and not os.path.isdir(folder):
            raise DeskError(folder, "there is no such folder: make it, or name another") from None
        return path, ""
    except OSError as error:
        raise DeskError(path, f"cannot be read ({error.strerror}): correct that") from None
    except UnicodeDecodeError as error:
        raise DeskError(path, f"byte {error.start} is no UTF-8: save the file as UTF-8") from None


def check(right: object, path: str, where: str, message: str) -> None:
    """Raise `DeskError` unless something is right."""
    if not right:
        raise DeskError(path, f"{where}: {message}")


def tables_of(
    path: str, text: str, name: str, keys: Mapping[str, Key], needed: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each table of a TOML file stands and what it says, with its types checked.

    The file is a list of tables under one name; ``keys`` are those a table may have.
    """
    try:
        parsed = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeskError(path, f"is no TOML ({error}): correct it") from None
    rows = parsed.pop(name, [])
    listed = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    check(listed, path, name, f"is no list of tables: write [[{name}]] above each {name}")
    other = next(iter(parsed), "")
    check(not parsed, path, other, f"is unknown: write [[{name}]] above each {name}")
    for number, row in enumerate(rows, 1):
        where = f"{name} {number}"
        for key in needed:
            check(key in row, path, where, f"has no {key}: add it")
        for key, value in row.items():
            check(key in keys, path, where, f"{key} is unknown: the keys are {', '.join(keys)}")
            kind, pattern, write = keys[key]
            texts = value if type(value) is list else [value] if kind is str else []
            right = all(isinstance(text, str) and pattern.fullmatch(text) for text in texts)
            right = right and type(value) is kind
            check(right, path, where, f"{key} is {shown(value)}: write {write}")
        yield where, row


def _never(path: str, text: str) -> _Never:
    """Read a never-bother list."""
    table: _Never = {}
    for where, row in tables_of(path, text, "entry", _ENTRY, ("mark", "reason")):
        given = [kind for kind in ("mailbox", "domain", "tld") if kind in row]
        check(len(given) == 1, path, where, f"names {' and '.join(given) or 'nothing'}: write "
               "exactly one of mailbox, domain, tld")  # fmt: skip
        owners = frozenset(owner.upper() for owner in row.get("owners", ()))
        verdict = Verdict(row["mark"], row["reason"])
        table.setdefault(row[given[0]].lower(), []).append((verdict, owners))
    return table


def _forms(path: str, text: str) -> dict[str, Form]:
    """Read a list of forms, by mailbox and domain in lower case and by handle in upper case."""
    table: dict[str, Form] = {}
    for where, row in tables_of(path, text, "form", _FORM, ("name", "url")):
        mails, domains, orgs = (tuple(row.get(key, ())) for key in _WHOSE)
        keys = [*map(str.lower, mails + domains), *map(str.upper, orgs)]
        check(keys, path, where, "is for nobody: add mailboxes, domains or organisations")
        form = Form(
            row["name"], row["url"], mails, domains, orgs, row.get("only", False),
            row.get("single", False), row.get("source", ""), row.get("checked"),
        )  # fmt: skip
        for key in keys:
            table.setdefault(key, form)
    return table


def _rows(path: str, text: str, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line numbers and fields of a CSV file's rows; a row is one line, without `#`."""
    heading: list[str] = []
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        where = f"line {number}"
        if not line or line.startswith("#"):
            continue
        try:
            fields = [*map(str.strip, next(csv.reader([line], strict=True, skipinitialspace=True)))]
        except csv.Error as error:
            raise DeskError(path, f"{where}: is no CSV ({error}): write each entry on one line, "
                            "and a quote inside quotes twice") from None  # fmt: skip
        if not heading:
            heading = [field.lower() for field in fields]
            missing = [column for column in columns if column not in heading]
            check(not missing, path, where, f"the heading lacks {', '.join(missing)}: write "
                   f"{','.join(columns)}")  # fmt: skip
            places = [heading.index(column) for column in columns]
        elif any(fields):
            more = any(fields[len(heading) :])
            check(not more, path, where, f"has {len(fields)} fields under a heading of "
                   f"{len(heading)}: put a text with a comma in quotes")  # fmt: skip
            fields += [""] * (len(heading) - len(fields))
            yield number, [fields[place] for place in places]


def _date(path: str, where: str, text: str) -> date | None:
    try:
        check(_DATE.fullmatch(text), path, where, f"{shown(text)} is no date: write 2026-01-31")
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise DeskError(path, f"{where}: {shown(text)} is no date ({error}): correct it") from None


def _overrides(path: str, text: str) -> Iterator[Override]:
    """Read `overrides.csv`."""
    for line, (match, contact, note, until) in _rows(path, text, _OVERRIDE_COLUMNS):
        where = f"line {line}"
        try:
            kind = _kind(match)
        except AddressError as error:
            raise DeskError(path, f"{where}: {error}") from None
        check(kind, path, where, f"{shown(match)} matches nothing: write an address, a prefix, a "
               "range, an AS number (AS64500), a mailbox or an organisation's handle")  # fmt: skip
        right = MAILBOX.fullmatch(contact) or URL.fullmatch(contact)
        check(right, path, where, f"{shown(contact)} is no contact: write a mailbox or a URL")
        yield Override(match, kind, contact, note, _date(path, where, until), line)


def _kind(text: str) -> str:
    """Return what kind of thing a text matches, none for nothing."""
    if "@" in text:
        return "mailbox" if MAILBOX.fullmatch(text) else ""
    if as_number(text) is not None:
        return "asn"
    return "range" if span(text) else "organisation" if HANDLE.fullmatch(text) else ""


def _indexes(overrides: Iterable[Override]) -> tuple[_Ranges, _Named]:
    """Return ranges by family and host bits of the prefix around each, and the others by name."""
    ranges: _Ranges = {4: {}, 6: {}}
    named: _Named = {}
    for item in overrides:
        text, number = item.match, as_number(item.match)
        if item.kind == "range" and (held := span(text)):
            shift = (held.first ^ held.last).bit_length()
            table = ranges[held.family].setdefault(shift, {})
            table.setdefault(held.first >> shift, []).append((held.first, held.last, item))
        else:
            folded = text.lower() if item.kind == "mailbox" else text.upper()
            named.setdefault(folded if number is None else number, []).append(item)
    return ranges, named


def _csirts(path: str, content: str) -> Iterator[Csirt]:
    """Read `csirt.csv`."""
    for line, (country, name, mail, form, source, checked) in _rows(path, content, CSIRT_COLUMNS):
        where, country = f"line {line}", country.upper()
        known = _COUNTRY.fullmatch(country)
        check(known, path, where, f"{shown(country)} is no country: write two letters")
        check(name, path, where, "has no name: add it")
        for text, pattern, kind in ((mail, MAILBOX, "mailbox"), (form, URL, "URL")):
            right = not text or pattern.fullmatch(text)
            check(right, path, where, f"{shown(text)} is no {kind}: write one or nothing")
        day = _date(path, where, checked)
        yield Csirt(country, name, mail or None, form or None, source, day)
