"""Read what came back: delivery reports (RFC 3464) and answers, out of a mailbox file (mbox).

A report of failure is matched by the name of the message that it is about, else by the recipient
that it names, against what was sent there last. An answer is a mail in reply to a message of ours
that no machine wrote (RFC 3834). A report that somebody attached to a mail of theirs is no report
to us. What came back did so after it was sent: where a mail claims an earlier time, since `sent`
was noted late, that of sending is taken. A failure of a report that is not known to be sent is
noted as well, and it stays unknown when it was sent.

Mails are untrusted: one that cannot be read says nothing. Only the begin of a mail is read, and
the begin of each of its headers, since hostile ones would keep the parser busy for hours.
"""

from __future__ import annotations

import email
import mailbox
import os
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.message import Message
from email.policy import Compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .errors import Error
from .untrusted import one_line

if TYPE_CHECKING:
    from .ledger import Ledger

_ID: Final = re.compile(r"<[^<>\s]{1,900}>")
_MACHINES: Final = ("mailer-daemon", "postmaster")
_LARGEST: Final = 256 << 10  # bytes of a mail that are read: reports stand before the original
_HEADER: Final = 8_000  # characters of a header that are read


class _Short(Compat32):
    """Read mails, but of each header no more than its begin."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_HEADER]


_POLICY: Final = _Short()


class Bounce(NamedTuple):
    """Say that mail to a recipient failed. ``ids`` name the message, where the report does.

    ``status`` is the code of RFC 3463, as 5.1.1; ``reason`` one line of what the server said.
    """

    recipient: str
    ids: tuple[str, ...]
    status: str | None
    reason: str | None
    when: datetime | None


class Reply(NamedTuple):
    """Name a mail in reply to others; ``automatic``: a machine wrote it."""

    ids: tuple[str, ...]
    when: datetime | None
    automatic: bool


class Imported(NamedTuple):
    """Count what an mbox held; ``unknown`` are recipients that failed and that nobody wrote to.

    ``bounced`` and ``answered`` are the tickets that were marked now.
    """

    mails: int
    bounces: int
    automatic: int
    bounced: tuple[str, ...]
    answered: tuple[str, ...]
    unknown: tuple[str, ...]


def read_mails(path: str | os.PathLike[str]) -> Iterator[list[Bounce] | Reply | None]:
    """Yield for each mail of an mbox the failures it reports, or that it is a reply, or None.

    A file that does not begin as an mbox does is taken for one mail. Raises `Error` when the file
    cannot be read.
    """
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise Error(f"{name}: there is no such mailbox file")
    try:
        with open(name, "rb") as file:
            if file.read(5) != b"From ":
                file.seek(0)
                yield _read(file.read(_LARGEST))
                return
        with closing(mailbox.mbox(name, create=False)) as box:
            for key in box.iterkeys():
                with closing(box.get_file(key)) as file:
                    data = file.read(_LARGEST)
                yield _read(data)
    except (OSError, mailbox.Error) as error:
        raise Error(f"{name}: {getattr(error, 'strerror', None) or error}") from None


def import_mails(
    ledger: Ledger, path: str | os.PathLike[str], now: datetime, *, answers: bool = False
) -> Imported:
    """Mark the reports that came back, and with ``answers`` those that were answered.

    ``now`` is the time of a mail that tells none, or one to come. The same mails again change
    nothing. Raises `Error`.
    """
    mails = bounces = automatic = 0
    marked: dict[str, list[str]] = {"bounced": [], "answered": []}
    unknown: dict[str, None] = {}
    for found in read_mails(path):
        mails += 1
        if isinstance(found, Reply):
            automatic += found.automatic
            if answers and not found.automatic:
                ticket = _named(ledger, found.ids)
                _mark(ledger, ticket, "answered", _until(found.when, now), None, marked)
            continue
        for bounce in found or ():
            bounces += 1
            when = _until(bounce.when, now)
            ticket = _named(ledger, bounce.ids)
            latest = None if ticket else ledger.latest(bounce.recipient, when)
            ticket = latest.ticket if latest else ticket
            if ticket is None:
                unknown[bounce.recipient] = None
            reason = " ".join(filter(None, (bounce.status, bounce.reason))) or None
            _mark(ledger, ticket, "bounced", when, reason, marked)
    return Imported(
        mails, bounces, automatic, tuple(marked["bounced"]), tuple(marked["answered"]),
        tuple(unknown),
    )  # fmt: skip


def _until(when: datetime | None, now: datetime) -> datetime:
    return now if when is None else min(when, now)


def _named(ledger: Ledger, ids: tuple[str, ...]) -> str | None:
    return next(filter(None, map(ledger.by_message_id, ids)), None)


def _mark(
    ledger: Ledger, ticket: str | None, what: str, when: datetime, note: str | None,
    marked: dict[str, list[str]],
) -> None:  # fmt: skip
    """Mark a report once."""
    report = ledger.report(ticket) if ticket is not None else None
    if report is not None and getattr(report, what) is None:
        ledger.mark(report.ticket, what, when, note)
        marked[what].append(report.ticket)


# -- mails ------------------------------------------------------------------------------------


def _read(data: bytes) -> list[Bounce] | Reply | None:
    """Read one mail, None if it is of no use."""
    try:
        mail = email.message_from_bytes(data, policy=_POLICY)
        if found := _failures(mail):
            return found
        ids = _ids(_text(mail, "In-Reply-To"), _text(mail, "References"))
        return Reply(ids, _date(mail), _automatic(mail)) if ids else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError):
        return None  # hostile or broken beyond what the parser takes


def _failures(mail: Message) -> list[Bounce]:
    """Return the recipients that a delivery report says have failed for good."""
    parts = [*_parts(mail)]
    when = _date(mail)
    ids = _original(mail, parts)
    found: list[Bounce] = []
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            blocks: Any = part.get_payload()
            for block in blocks if isinstance(blocks, list) else ():
                if _text(block, "Action").lower().startswith("failed"):
                    found += _failure(block, ids, when)
    if not found:
        failed = getaddresses([_text(mail, "X-Failed-Recipients")])
        found = [Bounce(box, ids, None, None, when) for _, box in failed if "@" in box]
    return found


def _parts(mail: Message) -> Iterator[Message]:
    """Yield a mail and its parts, but not those of mails inside it."""
    left = [mail]
    while left:
        part = left.pop()
        yield part
        payload: Any = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            left += reversed(payload)


def _failure(block: Message, ids: tuple[str, ...], when: datetime | None) -> Iterator[Bounce]:
    """Yield the failure of a recipient: whom we wrote to, not whom that was forwarded to."""
    for name in ("Original-Recipient", "Final-Recipient"):
        address = _text(block, name).rpartition(";")[2].strip().strip("<>")
        if "@" in address:
            status = one_line(_text(block, "Status").partition(" ")[0], 20) or None
            reason = one_line(_text(block, "Diagnostic-Code"), 300) or None
            yield Bounce(one_line(address, 320), ids, status, reason, when)
            return


def _original(mail: Message, parts: list[Message]) -> tuple[str, ...]:
    """Return the names of the message that a report is about."""
    texts = []
    for part in parts:
        payload: Any = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
            texts.append(_text(payload[0], "Message-ID"))
        elif part.get_content_type() == "text/rfc822-headers":
            data: Any = part.get_payload(decode=True)
            if isinstance(data, bytes):
                texts.append(_text(email.message_from_bytes(data, policy=_POLICY), "Message-ID"))
    return _ids(*texts, _text(mail, "In-Reply-To"), _text(mail, "References"))


def _automatic(mail: Message) -> bool:
    """Say whether a machine wrote a mail; it does write reports, as that of having been read."""
    submitted = _text(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    sender = _text(mail, "From").lower()
    return (
        submitted not in ("", "no")
        or mail.get_content_type() == "multipart/report"
        or _text(mail, "Precedence").lower() in ("bulk", "junk", "auto_reply")
        or any(name in mail for name in ("X-Autoreply", "X-Autorespond"))
        or _text(mail, "Return-Path") == "<>"
        or any(machine in sender for machine in _MACHINES)
    )


def _text(mail: Message, name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())


def _ids(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for text in texts for found in _ID.findall(text)))


def _date(mail: Message) -> datetime | None:
    """Return when a mail was written, None where it does not say so."""
    try:
        when = parsedate_to_datetime(_text(mail, "Date"))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
