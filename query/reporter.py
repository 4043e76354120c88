"""Say who reports: the name under which drafts are written, and how far they may be passed on.

It stands in the table `[reporter]` of `casework.toml` in the desk's folder, or is given by options.
TLP is version 2.0 of FIRST's Traffic Light Protocol; `forward` has the choices of Cloudflare's
abuse form: pass the report on with the reporter's name, without it, or not at all.
"""

from __future__ import annotations

import os
import re
import tomllib
from typing import Final, NamedTuple

from .errors import Error
from .mailboxes import addresses, ascii_form
from .untrusted import clean

TLPS: Final = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
FORWARDS: Final = ("send", "send-anon", "none")
_STAYS: Final = ("AMBER+STRICT", "RED")  # never leaves the recipient's organisation
_TICKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


class ReporterError(Error, ValueError):
    """Say what is wrong with how the reporter is named: its owner's fault."""


class DraftError(Error, ValueError):
    """Say why a draft cannot be written: a bad recipient, template or file."""


class Reporter(NamedTuple):
    """Name who reports. ``mail`` takes the answers; ``clock`` says how exact the times are.

    ``tlp`` is one of `TLPS`, ``forward`` one of `FORWARDS`; ``ticket`` begins every ticket.
    """

    name: str
    organisation: str
    mail: str
    phone: str | None = None
    tlp: str = "AMBER"
    forward: str = "send-anon"
    ticket: str = "CASE"
    clock: str | None = None


def one_address(text: str) -> str | None:
    """Return a text that is exactly one mail address, its domain in ASCII; None if it is not."""
    found = addresses(text)
    if len(found) != 1 or found[0].lower() != text.lower():
        return None
    return ascii_form(found[0]) or found[0]


def read_reporter(path: str | os.PathLike[str] | None = None, **given: str | None) -> Reporter:
    """Read `[reporter]` of a TOML file; what is given and not None goes first.

    Raises `ReporterError` when the file cannot be read or the reporter is not whole.
    """
    where = os.fspath(path) if path is not None else "the reporter"
    values = _table(where) if path is not None else {}
    values |= {key: value for key, value in given.items() if value is not None}
    known = Reporter._fields
    for key, value in values.items():
        if key not in known:
            raise ReporterError(f"{where}: {key!r} is no key: use one of {', '.join(known)}")
        if not isinstance(value, str):
            raise ReporterError(f"{where}: {key} must be a text in quotes")
    for key in ("name", "organisation", "mail"):
        if key not in values:
            raise ReporterError(f"{where}: {key} is missing: write it below [reporter]")
    try:
        return checked(Reporter(**values))  # type: ignore[arg-type]  # all are texts
    except ReporterError as error:
        raise ReporterError(f"{where}: {error}") from None


def _table(path: str) -> dict[str, object]:
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file).get("reporter")
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise ReporterError(f"{path}: {said}: write who reports below [reporter]") from None
    if not isinstance(table, dict):
        raise ReporterError(f"{path}: there is no table [reporter]")
    return dict(table)


def checked(reporter: Reporter) -> Reporter:
    """Return a reporter with its mail in ASCII; raise `ReporterError` if it is not sound."""
    for key, value in reporter._asdict().items():
        if value is None:
            continue
        if not value.strip() and key not in ("phone", "clock"):
            raise ReporterError(f"{key} is empty")
        if len(value) > 200 or clean(value) != value:
            raise ReporterError(f"{key} must be one line of at most 200 characters")
    mail = one_address(reporter.mail)
    if mail is None:
        raise ReporterError(f"mail {reporter.mail!r} is not exactly one mail address")
    if reporter.tlp not in TLPS:
        raise ReporterError(f"tlp {reporter.tlp!r} must be one of {', '.join(TLPS)}")
    if reporter.forward not in FORWARDS:
        raise ReporterError(f"forward {reporter.forward!r} must be one of {', '.join(FORWARDS)}")
    if reporter.tlp in _STAYS and reporter.forward != "none":
        raise ReporterError(
            f'TLP:{reporter.tlp} does not let a recipient tell its customer: set forward = "none" '
            "or a wider tlp"
        )
    if not _TICKET.fullmatch(reporter.ticket):
        raise ReporterError(
            f"ticket {reporter.ticket!r} must have letters, digits, dots and hyphens only, "
            "at most 40"
        )
    return reporter._replace(mail=mail)
