"""Read delivery reports and answers as servers write them, and mails that nobody should."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.query.bounces import Bounce, Reply, import_mails, read_mails
from rirdex.query.casework import Evidence, Incident, Notification, Rung, Section
from rirdex.query.drafts import Draft
from rirdex.query.errors import Error
from rirdex.query.ledger import Ledger, open_ledger

NOW: Final = datetime(2026, 5, 10, 12, tzinfo=UTC)
OURS: Final = "<CASE-1.0123@fixture.example>"
EVIDENCE: Final = Evidence(None, None, None, None, None, None, None, None, None, "ripe.abuse-c")
POSTFIX: Final = f"""From MAILER-DAEMON Mon May  4 10:00:00 2026
Return-Path: <>
Date: Mon, 4 May 2026 10:00:00 +0900
From: MAILER-DAEMON@fixture.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.fixture.example
Arrival-Date: Mon, 4 May 2026 09:59:58 +0900

Final-Recipient: rfc822; abuse@mondfisch.example
Original-Recipient: rfc822;Abuse@Mondfisch.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
    in this \x1b[31mdomain

Final-Recipient: rfc822; noc@mondfisch.example
Action: delayed
Status: 4.4.1

--b
Content-Type: message/rfc822

From: csirt@fixture.example
To: abuse@mondfisch.example
Message-ID: {OURS}
Subject: [CASE-1] phishing

Text
--b--

"""
# Exchange: the original's headers only, no Original-Recipient; Exim: a header, and no report.
EXCHANGE: Final = (
    POSTFIX.replace("message/rfc822\n", "text/rfc822-headers\n")
    .replace("Original-Recipient: rfc822;Abuse@Mondfisch.example\n", "")
    .replace("Action: failed", "Action: Failed (generated)")
)
EXIM: Final = """From MAILER-DAEMON Mon May  4 10:00:00 2026
X-Failed-Recipients: abuse@mondfisch.example
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@fixture.example>
Subject: Mail delivery failed: returning message to sender
Date: Mon, 04 May 2026 01:00:00 +0000

This message was created automatically by mail delivery software.

"""
REPLY: Final = f"""From abuse@mondfisch.example Tue May  5 10:00:00 2026
From: Abuse Desk <abuse@mondfisch.example>
Date: Tue, 5 May 2026 10:00:00 +0000
In-Reply-To: {OURS}
Message-ID: <77@mondfisch.example>
Subject: Re: [CASE-1] phishing

Done.

"""
OTHER: Final = """From x@y.example Tue May  5 10:00:00 2026
From: x@y.example
Subject: lunch

No.

"""
NOTHING: Final = "From x Tue May  5 10:00:00 2026\n\n\n"


def report(ticket: str, recipient: str, message_id: str | None) -> tuple[Notification, Draft]:
    rung = Rung(("lessee",), "Mondfisch", None, recipient, None, "is there", EVIDENCE, "en", 24)
    section = Section("192.0.2.1", (Incident(1, "192.0.2.1", reference=ticket),), rung)
    draft = Draft(1, ticket, recipient, "en", "subject", (), message_id)
    return Notification(recipient, "lessee", "en", 1, (section,)), draft


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Return a ledger: one report with a name of a message, one without, one not sent."""
    found = open_ledger(tmp_path / "cases.db", create=True)
    rows = [
        report("CASE-1", "abuse@mondfisch.example", OURS),
        report("CASE-2", "abuse@silbersee.example", None),
        report("CASE-3", "abuse@mondfisch.example", None),
    ]
    found.record([row[0] for row in rows], [row[1] for row in rows], NOW.replace(day=1))
    for ticket, day in (("CASE-1", 2), ("CASE-2", 3)):
        found.mark(ticket, "sent", NOW.replace(day=day))
    return found


def box(tmp_path: Path, *mails: str) -> Path:
    path = tmp_path / "box.mbox"
    path.write_bytes("".join(mails).encode("latin-1"))
    return path


@pytest.mark.parametrize("text", [POSTFIX, EXCHANGE, EXIM], ids=["postfix", "exchange", "exim"])
def test_a_report_of_failure_is_read_as_each_server_writes_it(tmp_path: Path, text: str) -> None:
    ((bounce,),) = [found for found in read_mails(box(tmp_path, text)) if isinstance(found, list)]
    assert isinstance(bounce, Bounce)
    assert bounce.recipient.lower() == "abuse@mondfisch.example"
    assert bounce.when == datetime(2026, 5, 4, 1, tzinfo=UTC)
    if text is not EXIM:
        assert bounce.ids == (OURS,)
        assert bounce.status == "5.1.1"
        assert bounce.reason is not None
        assert "no such user in this" in bounce.reason
        assert "\x1b" not in bounce.reason


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_what_did_not_fail_is_no_failure(tmp_path: Path, action: str) -> None:
    text = POSTFIX.replace("Action: failed", f"Action: {action}")
    (found,) = read_mails(box(tmp_path, text))
    assert found is None


def test_bounces_are_matched_by_message_else_by_recipient(ledger: Ledger, tmp_path: Path) -> None:
    silent = EXIM.replace("mondfisch", "SILBERSEE")
    stranger = EXIM.replace("mondfisch", "stranger")
    path = box(tmp_path, POSTFIX, OTHER, silent, NOTHING, stranger)
    found = import_mails(ledger, path, NOW)
    assert (found.mails, found.bounces) == (5, 3)
    assert found.bounced == ("CASE-1", "CASE-2")
    assert found.unknown == ("abuse@stranger.example",)
    assert (
        ledger.report("CASE-1").note
        == "5.1.1 smtp; 550 5.1.1 no such user in this \ufffd[31mdomain"
    )
    assert ledger.report("CASE-3").state == "drafted"
    assert set(ledger.bounced()) == {"abuse@mondfisch.example", "abuse@silbersee.example"}
    again = import_mails(ledger, path, NOW)
    assert again == found._replace(bounced=())


def test_what_failed_before_it_was_sent_is_another_mail(ledger: Ledger, tmp_path: Path) -> None:
    early = EXIM.replace("04 May", "01 May")
    assert import_mails(ledger, box(tmp_path, early), NOW).unknown == ("abuse@mondfisch.example",)
    # A mail of tomorrow came today at the latest.
    late = POSTFIX.replace("4 May 2026", "4 May 2036")
    assert import_mails(ledger, box(tmp_path, late), NOW).bounced == ("CASE-1",)
    assert ledger.report("CASE-1").bounced == NOW


def test_people_answer_and_machines_do_not(ledger: Ledger, tmp_path: Path) -> None:
    machines = [
        REPLY.replace("Subject", f"{line}\nSubject")
        for line in ("Auto-Submitted: auto-replied (vacation)", "Precedence: bulk",
                     "X-Autoreply: yes", "Return-Path: <>")
    ]  # fmt: skip
    found = import_mails(ledger, box(tmp_path, *machines), NOW, answers=True)
    assert (found.automatic, found.answered) == (4, ())
    human = REPLY.replace("Subject", "Auto-Submitted: no\nSubject")
    assert import_mails(ledger, box(tmp_path, human), NOW).answered == ()
    assert import_mails(ledger, box(tmp_path, human), NOW, answers=True).answered == ("CASE-1",)
    assert ledger.report("CASE-1").answered == datetime(2026, 5, 5, 10, tzinfo=UTC)
    later = REPLY.replace("5 May", "6 May").replace(
        f"In-Reply-To: {OURS}", f"References: <a@b> {OURS}"
    )
    assert import_mails(ledger, box(tmp_path, later), NOW, answers=True).answered == ()
    assert isinstance(next(iter(read_mails(box(tmp_path, later)))), Reply)


def test_what_came_back_did_so_after_it_was_sent(ledger: Ledger, tmp_path: Path) -> None:
    # Sending was noted when the failure and the answer were there already.
    late = NOW.replace(hour=11)
    ledger.mark("CASE-1", "sent", late)
    assert import_mails(ledger, box(tmp_path, POSTFIX), NOW).bounced == ("CASE-1",)
    assert ledger.report("CASE-1").bounced == late
    assert ledger.report("CASE-1").state == "bounced"
    assert [(item.why, item.since) for item in ledger.due(NOW)][:1] == [("mail came back", late)]
    assert import_mails(ledger, box(tmp_path, REPLY), NOW, answers=True).answered == ("CASE-1",)
    assert ledger.report("CASE-1").answered == late


def test_a_failure_shows_that_a_draft_was_sent(ledger: Ledger, tmp_path: Path) -> None:
    name = "<CASE-4.1@fixture.example>"
    notification, draft = report("CASE-4", "x@x.example", name)
    ledger.record([notification], [draft], NOW.replace(day=1))
    assert import_mails(ledger, box(tmp_path, POSTFIX.replace(OURS, name)), NOW).bounced == (
        "CASE-4",
    )
    found = ledger.report("CASE-4")
    assert (found.state, found.sent) == ("bounced", None)


def test_a_report_attached_to_an_answer_is_not_ours(ledger: Ledger, tmp_path: Path) -> None:
    customer = POSTFIX.partition("\n")[2].replace("mondfisch", "customer").replace(OURS, "<9@c>")
    answer = REPLY.replace("Subject", 'Content-Type: multipart/mixed; boundary="z"\nSubject')
    answer = answer.replace("Done.\n", (
        "--z\n\nWe told our customer, and it came back.\n\n--z\n"
        f"Content-Type: message/rfc822\n\n{customer}\n--z--\n"
    ))  # fmt: skip
    found = import_mails(ledger, box(tmp_path, answer), NOW, answers=True)
    assert (found.bounces, found.answered) == (0, ("CASE-1",))


def test_a_report_behind_a_disclaimer_is_one(ledger: Ledger, tmp_path: Path) -> None:
    head, _, body = POSTFIX.partition("MIME-Version: 1.0\n")
    text = (
        f'{head}Content-Type: multipart/mixed; boundary="z"\n\n--z\n{body}\n'
        "--z\n\nThis mail was scanned.\n--z--\n\n"
    )
    assert import_mails(ledger, box(tmp_path, text), NOW).bounced == ("CASE-1",)


def test_a_receipt_is_no_answer(ledger: Ledger, tmp_path: Path) -> None:
    read = REPLY.replace(
        "Subject", "Content-Type: multipart/report; report-type=disposition-notification\nSubject"
    )
    found = import_mails(ledger, box(tmp_path, read), NOW, answers=True)
    assert (found.automatic, found.answered) == (1, ())


def test_one_mail_by_itself_and_no_mail(ledger: Ledger, tmp_path: Path) -> None:
    alone = POSTFIX.partition("\n")[2]
    assert import_mails(ledger, box(tmp_path, alone), NOW).bounced == ("CASE-1",)
    assert import_mails(ledger, box(tmp_path, ""), NOW).bounces == 0
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Error, match="no such mailbox"):
            import_mails(ledger, path, NOW)


PARTS: Final = st.sampled_from([
    POSTFIX, EXIM, REPLY, "From ", "\n\n", "--b\n", "Content-Type: message/delivery-status\n\n",
    "Content-Type: multipart/report; boundary=b\n\n", "Content-Type: message/rfc822\n\n",
    "Date: Thu, 99 Foo 99999 99:99:99 +9999\n", "Action: failed\n", "Final-Recipient: ;;@\n",
    "Content-Transfer-Encoding: base64\n\n", "=?utf-8?b?!!!?=", "X-Failed-Recipients: a@b, <,\n",
    "Content-Type: text/plain; charset=\"\\xff\"\n", "In-Reply-To: <" + "x" * 2000 + ">\n",
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(PARTS, st.text(max_size=20)), max_size=12), st.binary(max_size=40))
def test_no_mail_stops_the_others(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], more: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "box"
    path.write_bytes("".join(parts).encode("utf-8", "surrogateescape") + more + b"\n\n" +
                     POSTFIX.encode("latin-1"))  # fmt: skip
    for found in read_mails(path):
        for bounce in found if isinstance(found, list) else ():
            assert "@" in bounce.recipient
            assert not {"\n", "\x1b"} & set(bounce.recipient + (bounce.reason or ""))


@pytest.mark.parametrize("head", [
    'Content-Type: multipart/report; a="' + '\\";' * 80_000,
    "X-Failed-Recipients: " + "a@b.example, " * 20_000,
    "References: " + "<a " * 80_000,
], ids=["quotes", "recipients", "names"])  # fmt: skip
def test_no_header_keeps_the_others_waiting(tmp_path: Path, head: str) -> None:
    mail = f"From x Tue May  5 10:00:00 2026\n{head}\n\n\n"
    begin = perf_counter()
    found = [*read_mails(box(tmp_path, mail, POSTFIX))]
    assert perf_counter() - begin < 3
    assert isinstance(found[-1], list)


def test_of_a_large_mail_the_begin_is_read(tmp_path: Path) -> None:
    large = POSTFIX.replace("\nText\n", "\n" + ("Text" * 19 + "\n") * 260_000)
    path = box(tmp_path, large, EXIM)
    tracemalloc.start()
    first, second = read_mails(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(first, list)
    assert first[0].ids == (OURS,)
    assert isinstance(second, list)
    assert most < 12_000_000


def test_a_mail_in_a_mail_without_end_is_none(tmp_path: Path) -> None:
    deep = "From x Tue May  5 10:00:00 2026\n" + "Content-Type: message/rfc822\n\n" * 5000
    found = [*read_mails(box(tmp_path, deep, "\n\n", POSTFIX))]
    assert isinstance(found[-1], list)
