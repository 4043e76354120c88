"""Write notifications as files for a person to look at and send: nothing is sent from here.

One notification has one recipient. As `eml` it is a mail (RFC 5322): text first, then one X-ARF
report for each address; `xarf` are these reports alone, `txt` the text alone, `csv` a row for each
incident, `mailto` a link (RFC 6068). A recipient that is a web form gets text and reports, whatever
is asked for. All is made before anything is written, a file that is there already is an error, and
every mail is read back before it is kept: what a parser finds in it is what was meant, or there is
no draft. The texts are in `draft_texts`, the reports in `xarf_reports`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from .casework import Incident, Notification, Section
from .cells import Json
from .desk import URL
from .draft_texts import Templates, Text
from .mailboxes import domain_of
from .reporter import DraftError, Reporter, checked, one_address, read_reporter
from .untrusted import disarmed, one_line
from .xarf_reports import category_of, percent, port_of, reports_of, stamp

__all__ = ["FORMS", "Draft", "DraftError", "Reporter", "drafts", "read_reporter"]
FORMS: Final = ("eml", "xarf", "txt", "csv", "mailto")
COLUMNS: Final = (
    "ticket", "recipient", "kind", "ip", "port", "category", "url", "host", "utc", "reported",
    "brand", "sector", "reference", "note", "name", "handle", "first", "last", "netname", "key",
    "status", "role", "source", "file", "snapshot", "rule", "why",
)  # fmt: skip
LONGEST_LINK: Final = 2000
_LONGEST_SUBJECT: Final = 400  # of a link, percent-encoded
_POLICY: Final = SMTP.clone(cte_type="7bit")  # no relay has to take 8 bits
_HEADERS: Final = (
    "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Reply-To", "Subject", "To",
)  # fmt: skip
_KEPT: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_UNSAFE_NAME: Final = re.compile(r"[^a-z0-9._-]+", re.ASCII)
_CUT: Final = {
    "en": "[cut: the whole text is in the draft]",
    "ja": "[以下略: 全文は下書きにあります]",
}


class Draft(NamedTuple):
    """Name what was written for one notification. ``paths`` are in the order of the forms.

    ``ticket`` and ``message_id`` (None without a mail) are for the log; ``notes`` say what to know.
    """

    number: int
    ticket: str
    recipient: str
    lang: str
    subject: str
    paths: tuple[Path, ...]
    message_id: str | None = None
    notes: tuple[str, ...] = ()


class _Case(NamedTuple):
    """Hold what the forms of one notification have in common."""

    notification: Notification
    reporter: Reporter
    ticket: str
    lang: str
    to: str | None
    now: datetime
    templates: Templates
    reports: dict[str, bytes]

    @property
    def form(self) -> str | None:
        return None if self.to else self.notification.recipient

    def text(self, attached: Sequence[str] = ()) -> Text:
        return self.templates.text(
            self.notification, self.reporter, self.ticket, self.lang, form=self.form,
            attached=attached,
        )  # fmt: skip


def drafts(
    notifications: Sequence[Notification], reporter: Reporter, folder: str | os.PathLike[str],
    forms: Sequence[str] = ("eml",), lang: str | None = None,
    templates: str | os.PathLike[str] | None = None, *, now: datetime, replace: bool = False,
    told: Callable[[], object] | None = None,
) -> list[Draft]:  # fmt: skip
    """Write notifications into a folder, in some of `FORMS`; return what was written.

    ``now`` is the mails' date and has a zone; ``lang`` goes before each notification's own;
    ``templates`` is a folder of the user's; ``told`` is called for each notification that is
    made. The same input gives the same bytes. Raises
    `DraftError`, before anything is written, if a recipient is not exactly one mailbox or form, a
    template fails, or a file is there and not to be replaced.
    """
    for form in forms:
        if form not in FORMS:
            raise DraftError(f"{form!r} is no form of draft: use some of {', '.join(FORMS)}")
    reporter = checked(reporter)
    now = now.replace(microsecond=0)
    stamp(now)
    own = Templates(templates)
    made: list[Draft] = []
    files: dict[Path, bytes] = {}
    for number, notification in enumerate(notifications, 1):
        case = _case(notification, reporter, lang, now, own)
        whom = file_name(case.to or notification.recipient)[:60]
        stem = f"{number:03}-{file_name(case.ticket)}-{whom}"
        draft, written = _draft(case, number, stem, Path(folder), dict.fromkeys(forms))
        made.append(draft)
        files |= written
        if told is not None:
            told()
    _write(files, replace)
    return made


def _case(
    notification: Notification, reporter: Reporter, lang: str | None, now: datetime, own: Templates
) -> _Case:
    """Check a notification, give it a ticket, and write its reports."""
    recipient = notification.recipient
    to = one_address(recipient)
    if to is None and not URL.fullmatch(recipient):
        raise DraftError(f"{recipient!r} is not exactly one mail address, and no form's URL")
    if not notification.sections:
        raise DraftError(f"the notification to {recipient} has no sections")
    for section in notification.sections:
        _check(section, recipient)
    ticket = ticket_of(notification, reporter, now)
    reports = {
        ip: json_bytes(report)
        for ip, report in reports_of(notification, reporter, ticket, now).items()
    }
    if len(reports) < len(notification.sections):
        raise DraftError(f"the notification to {recipient} has two sections of one address")
    return _Case(
        notification, reporter, ticket, lang or notification.lang, to, now, own, reports
    )  # fmt: skip


def _check(section: Section, recipient: str) -> None:
    try:
        canonical = str(ip_address(section.ip))
    except ValueError:
        canonical = ""
    if canonical != section.ip or "%" in section.ip:
        raise DraftError(f"{section.ip!r} in the notification to {recipient} is no address")
    if not section.incidents:
        raise DraftError(f"{section.ip} in the notification to {recipient} has no incident")


def ticket_of(notification: Notification, reporter: Reporter, now: datetime) -> str:
    """Return a ticket: prefix, day and a digest of who is told what, so the same on each run."""
    told = [notification.recipient.lower(), notification.kind, str(notification.part)]
    for section in notification.sections:
        told.append(section.ip)
        told += [repr(incident._replace(row=0)) for incident in section.incidents]
    day = now.astimezone(UTC).strftime("%Y%m%d")
    return f"{reporter.ticket}-{day}-{_digest(told)[:8]}"


def _digest(texts: Sequence[str]) -> str:
    return sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()


def json_bytes(report: Json) -> bytes:
    """Return JSON in ASCII, so that no control or direction mark stands in the file."""
    return json.dumps(report, indent=2).encode() + b"\n"


def file_name(text: str) -> str:
    """Return a text in characters that are safe in names of files: `[a-z0-9._-]`."""
    name = _UNSAFE_NAME.sub("-", text.lower().replace("@", "-at-").replace("://", "-"))
    return name.strip("-._") or "x"


# -- the forms --------------------------------------------------------------------------------


def _draft(
    case: _Case, number: int, stem: str, folder: Path, forms: dict[str, None]
) -> tuple[Draft, dict[Path, bytes]]:
    """Make the files of one notification."""
    notes: list[str] = []
    message_id = None
    wanted = list(forms)
    if case.form:
        wanted = ["txt", "xarf", *(form for form in forms if form == "csv")]
        notes.append("the recipient is a web form: paste the text there")
    files: dict[Path, bytes] = {}
    for form in wanted:
        if form == "eml":
            files[folder / f"{stem}.eml"], message_id = _mail(case)
        elif form == "xarf":
            for ip, report in case.reports.items():
                files[folder / f"{stem}-{report_name(ip)}"] = report
        elif form == "txt":
            subject, text = case.text()
            files[folder / f"{stem}.txt"] = f"{subject}\n\n{text}".encode()
        elif form == "csv":
            files[folder / f"{stem}.csv"] = _table(case)
        else:
            link, cut = link_to(case.to or "", case.text(), case.lang)
            files[folder / f"{stem}-mailto.txt"] = f"{link}\n".encode()
            if cut:
                notes.append("the mailto link holds only the begin of the text")
    subject = case.text().subject
    draft = Draft(
        number, case.ticket, case.to or case.notification.recipient, case.lang, subject,
        tuple(files), message_id, tuple(notes),
    )  # fmt: skip
    return draft, files


def report_name(ip: str) -> str:
    """Return the name of an address's report: `xarf-192.0.2.1.json`."""
    return f"xarf-{ip.replace(':', '-')}.json"


def _mail(case: _Case) -> tuple[bytes, str]:
    """Return a mail and its Message-ID, which tells the same content by the same name."""
    names = [report_name(ip) for ip in case.reports]
    subject, text = case.text(names)
    reporter = case.reporter
    seed = [case.to or "", subject, text, *(data.decode() for data in case.reports.values())]
    message_id = f"<{case.ticket}.{_digest(seed)[:16]}@{domain_of(reporter.mail)}>"
    message = EmailMessage(policy=_POLICY)
    try:
        head = _head("From", one_line(reporter.name), f" <{reporter.mail}>")
        head += _head("Subject", subject)
        message["To"] = Address(addr_spec=case.to or "")
        message["Reply-To"] = Address(addr_spec=reporter.mail)
        message["Date"] = case.now
        message["Message-ID"] = message_id
        message.set_content(text, charset="utf-8")
        for name, data in zip(names, case.reports.values(), strict=True):
            message.add_attachment(data, "application", "json", filename=name)
        message.set_boundary(f"=_{_digest([message_id])[:40]}")  # not a random one
        data = head.encode("ascii") + message.as_bytes()
    except (ValueError, MessageError) as error:
        raise DraftError(f"no mail to {case.to} can be written: {error}") from None
    if (fault := _fault(data, case, subject, text)) is not None:
        raise DraftError(f"the mail to {case.to} is not read back as it was meant: {fault}")
    return data, message_id


def _head(name: str, text: str, behind: str = "") -> str:
    """Return the line of a header with free text, folded.

    Not left to `EmailMessage`, which loses or adds blanks where it folds what is in part encoded.
    """
    plain = text.isascii() and "=?" not in text
    if plain and behind:
        text = '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    written = Header(text, "us-ascii" if plain else "utf-8", 76, name).encode(linesep="\r\n")
    return f"{name}: {written}{behind}\r\n"


def _fault(data: bytes, case: _Case, subject: str, text: str) -> str | None:
    """Read a mail back; name what is not as it was meant, None if all is."""
    mail = message_from_bytes(data, policy=default)
    if sorted(mail.keys()) != sorted(_HEADERS):
        return "other headers"
    reporter = case.reporter
    meant = {"To": (case.to,), "From": (reporter.mail,), "Reply-To": (reporter.mail,)}
    for name, mailboxes in meant.items():
        if tuple(item.addr_spec for item in mail[name].addresses) != mailboxes:
            return f"other mailboxes in {name}"
    # Blanks aside, which the parser takes off some encoded words.
    shown, name = mail["From"].addresses[0].display_name, one_line(reporter.name)
    if "".join(shown.split()) != "".join(name.split()):
        return "another name in From"
    if mail["Subject"] != subject:
        return "another subject"
    first, *others = mail.iter_parts()
    if first.get_content_type() != "text/plain" or _unix(first.get_content()) != text:
        return "another text"
    if [part.get_content() for part in others] != list(case.reports.values()):
        return "other attachments"
    return None


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def link_to(to: str, content: Text, lang: str) -> tuple[str, bool]:
    """Return a `mailto:` link (RFC 6068), and whether its text had to be cut to be short enough."""
    begin = f"mailto:{percent(to, _KEPT + '@')}?subject="
    begin += _encoded(content.subject, _LONGEST_SUBJECT) + "&body="
    body = content.text.replace("\n", "\r\n")
    whole = percent(body, _KEPT)
    if len(begin) + len(whole) <= LONGEST_LINK:
        return begin + whole, False
    note = percent(f"\r\n{_CUT.get(lang, _CUT['en'])}\r\n", _KEPT)
    return begin + _encoded(body, LONGEST_LINK - len(begin) - len(note)) + note, True


def _encoded(text: str, most: int) -> str:
    """Percent-encode as many whole characters as there is room for."""
    found: list[str] = []
    for char in text:
        written = percent(char, _KEPT)
        most -= len(written)
        if most < 0:
            break
        found.append(written)
    return "".join(found)


def _table(case: _Case) -> bytes:
    target = io.StringIO()
    rows = csv.writer(target, lineterminator="\n")
    rows.writerow(COLUMNS)
    for section in case.notification.sections:
        for incident in section.incidents:
            rows.writerow([*map(_cell, _cells(case, section, incident))])
    return target.getvalue().encode()


def _cells(case: _Case, section: Section, incident: Incident) -> Iterator[object]:
    """Yield the cells of a row, in the order of `COLUMNS`."""
    time, rung = incident.time, section.rung
    known: dict[str, object] = {
        **incident._asdict(), **rung.evidence._asdict(), "ticket": case.ticket,
        "recipient": case.to or case.notification.recipient, "kind": case.notification.kind,
        "ip": section.ip, "port": port_of(incident), "category": category_of(incident),
        "utc": time and stamp(time), "reported": time and time.isoformat(),
        "name": rung.name, "handle": rung.handle, "why": rung.why,
    }  # fmt: skip
    return (known[name] for name in COLUMNS)


def _cell(value: object) -> str:
    """Return one line for a cell, quoted if a spreadsheet would compute it."""
    return disarmed(one_line("" if value is None else str(value), 1 << 15))


# -- files ------------------------------------------------------------------------------------


def _write(files: dict[Path, bytes], replace: bool) -> None:
    """Write files, each whole or not at all; none if one is there and not to be replaced."""
    if not replace:
        for path in files:
            if os.path.lexists(path):
                raise DraftError(f"{path}: there is such a file already: remove it or replace it")
    for path, data in files.items():
        beside = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.unlink(missing_ok=True)
            with beside.open("xb") as target:
                target.write(data)
            os.replace(beside, path)
        except OSError as error:
            raise DraftError(f"{error.filename or path}: {error.strerror}") from None
