"""Check that drafts say what is known, and that no text of a dump or incident leaves its place.

Mails are read back with the standard library's parser, reports are held against the schema of the
XARF specification, and arbitrary text goes into every field.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xarf import schema_validator

from rirdex.query.casework import CATEGORIES, KINDS, Evidence, Incident, Notification, Rung, Section
from rirdex.query.draft_texts import defanged, defanged_url
from rirdex.query.drafts import FORMS, LONGEST_LINK, Draft, drafts, file_name
from rirdex.query.errors import Error
from rirdex.query.reporter import (
    FORWARDS,
    TLPS,
    DraftError,
    Reporter,
    ReporterError,
    one_address,
    read_reporter,
)
from rirdex.query.untrusted import one_line
from rirdex.query.xarf_reports import report_of, uri_of

NOW = datetime(2026, 9, 2, 12, 0, tzinfo=UTC)
TIME = datetime(2026, 9, 1, 10, 15, 30, tzinfo=timezone(timedelta(hours=9)))
REPORTER = Reporter(
    "Duty officer", "例示 CSIRT", "csirt@example.jp", "+81 3 0000 0000", ticket="EX",
    clock="NTP synchronised, error below 1 s",
)  # fmt: skip
EVIDENCE = Evidence(
    "192.0.2.0", "192.0.2.255", "TEST-NET", "192.0.2.0 - 192.0.2.255", "ASSIGNED PA", "lessee",
    "RIPE", "ripe.db.inetnum.gz", "2026-08-30", "ripe.abuse-c",
)  # fmt: skip
RUNG = Rung(
    ("lessee",), "例示株式会社", "AR1-TEST", "abuse@example.net", None,
    "the last net names this contact", EVIDENCE, "en", 24,
)  # fmt: skip
URL = "https://login.example.com/bank/?next=http://second.example/"
PHISHING = Incident(
    1, "192.0.2.10", URL, "login.example.com", TIME, "phishing", "例示銀行", "金融",
    "alive\nGET /bank/ 200", "REF-7", 443,
)  # fmt: skip
HEADERS = sorted([
    "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Reply-To", "Subject", "To",
])  # fmt: skip


def note(*incidents: Incident, to: str = "abuse@example.net", **changed: Any) -> Notification:
    """Make a notification of one section on 192.0.2.10."""
    section = Section("192.0.2.10", incidents or (PHISHING,), changed.pop("rung", RUNG))
    made = Notification(to, "lessee", "en", 1, (section,))
    return made._replace(**changed)


def parsed(path: Path) -> EmailMessage:
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def text_of(mail: EmailMessage) -> str:
    first = next(iter(mail.iter_parts()))
    return str(first.get_content()).replace("\r\n", "\n")


def one(folder: Path, notification: Notification, form: str = "eml", **named: Any) -> Draft:
    return drafts([notification], REPORTER, folder, (form,), now=NOW, **named)[0]


def said(folder: Path, notification: Notification, **named: Any) -> str:
    return one(folder, notification, "txt", **named).paths[0].read_text()


# -- mails ------------------------------------------------------------------------------------


def test_a_mail_has_one_recipient_text_first_and_a_report_for_each_address(tmp_path: Path) -> None:
    two = Section("2001:db8::1", (PHISHING,), RUNG)
    told = note()._replace(sections=(*note().sections, two))
    draft = one(tmp_path, told)
    mail = parsed(draft.paths[0])
    assert sorted(mail.keys()) == HEADERS
    assert mail["To"] == "abuse@example.net"
    assert str(mail["From"]) in (
        "Duty officer <csirt@example.jp>", '"Duty officer" <csirt@example.jp>'
    )  # fmt: skip
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == draft.message_id
    assert mail["Subject"] == draft.subject
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", *["application/json"] * 2]
    names = ["xarf-192.0.2.10.json", "xarf-2001-db8--1.json"]
    assert [part.get_filename() for part in parts[1:]] == names
    reports = [json.loads(part.get_content()) for part in parts[1:]]
    assert [report["source_identifier"] for report in reports] == ["192.0.2.10", "2001:db8::1"]
    assert reports[0]["report_id"] != reports[1]["report_id"]
    assert names[1] in text_of(mail)


def test_the_subject_names_ticket_kind_address_and_tlp(tmp_path: Path) -> None:
    draft = one(tmp_path / "en", note())
    assert draft.subject == (
        f"[{draft.ticket}] phishing on 192.0.2.10 - request for action [TLP:AMBER]"
    )
    assert re.fullmatch(r"EX-20260902-[0-9a-f]{8}", draft.ticket)
    draft = one(tmp_path / "ja", note(part=1, parts=2), lang="ja")
    assert draft.subject == (
        f"[{draft.ticket}] 192.0.2.10 におけるフィッシングサイトについて - 対応のお願い (1/2) "
        "[TLP:AMBER]"
    )
    assert parsed(draft.paths[0])["Subject"] == draft.subject


def test_the_text_says_what_where_when_and_why(tmp_path: Path) -> None:
    text = said(tmp_path, note())
    for expected in (
        "TLP:AMBER", "Organisation: 例示 CSIRT", "csirt@example.jp", "+81 3 0000 0000",
        "imitating or against: 例示銀行 (sector: 金融)", "192.0.2.10 port 443",
        "hxxps://login[.]example[.]com/bank/?next=hxxp://second[.]example/",
        "Host (defanged): login[.]example[.]com",
        "2026-09-01 01:15:30 UTC (as reported: 2026-09-01T10:15:30+09:00)",
        "NTP synchronised", "REF-7", "  > alive\n  > GET /bank/ 200\n",
        "you appear to be the user (lessee)", "the last net names this contact",
        '192.0.2.0 - 192.0.2.255 "TEST-NET"', "AR1-TEST", "ASSIGNED PA",
        "ripe.db.inetnum.gz, dump of 2026-08-30", "ripe.abuse-c",
        "registration at the time of the incident", "inference from public data",
        "take the content down", "preserve the logs", "without our name",
    ):  # fmt: skip
        assert expected in text


def test_the_japanese_text_has_the_fields_of_a_report_to_a_csirt(tmp_path: Path) -> None:
    text = said(tmp_path, note(lang="ja"))
    for expected in (
        "■ 報告者情報", "■ インシデントの種別", "■ 発生日時 (タイムゾーン)", "■ 対象", "■ 依頼事項",
        "■ ログ", "2026-09-01T10:15:30+09:00", "時計の精度: NTP", "推定されます", "例示銀行",
        "hxxps://login[.]example[.]com", "発生時の登録情報",
    ):  # fmt: skip
        assert expected in text
    mail = parsed(one(tmp_path, note(lang="ja")).paths[0])
    assert text.partition("\n\n")[2].strip() == text_of(mail).rpartition("\n\n添付")[0].strip()


def test_a_party_of_today_is_told_that_it_may_be_another(tmp_path: Path) -> None:
    now = RUNG._replace(now=True)
    untimed = PHISHING._replace(time=None)
    assert "registration of today" in said(tmp_path / "now", note(rung=now))
    assert "has no time" in said(tmp_path / "untimed", note(untimed))
    assert "When:   not known" in said(tmp_path / "unknown", note(untimed))
    later = RUNG._replace(evidence=RUNG.evidence._replace(snapshot="2026-09-02"))
    assert "earliest registration known" in said(tmp_path / "later", note(rung=later))


@pytest.mark.parametrize("forward", FORWARDS)
def test_the_wish_about_forwarding_is_told(tmp_path: Path, forward: str) -> None:
    wishes = {"send": "with our name", "send-anon": "without our name", "none": "do not forward"}
    reporter = REPORTER._replace(forward=forward)
    draft = drafts([note()], reporter, tmp_path, ("txt", "xarf"), now=NOW)[0]
    text = draft.paths[0].read_text()
    assert [name for name, wish in wishes.items() if wish in text] == [forward]
    assert f"forward:{forward}" in json.loads(draft.paths[1].read_bytes())["tags"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_kind_of_party_and_abuse_has_words(tmp_path: Path, kind: str, lang: str) -> None:
    incidents = [PHISHING._replace(category=category) for category in CATEGORIES]
    text = said(tmp_path, note(*incidents, kind=kind, rung=RUNG._replace(kinds=(kind,))), lang=lang)
    assert kind not in text.split("\n")  # a word, not the code
    asks = "take the content down" in text or "コンテンツの停止" in text
    assert asks == (kind not in ("csirt", "registry"))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        drafts([note()], REPORTER, tmp_path / name, FORMS, now=NOW)
    one_of, other = (sorted((tmp_path / name).iterdir()) for name in ("a", "b"))
    assert [path.name for path in one_of] == [path.name for path in other]
    assert [path.read_bytes() for path in one_of] == [path.read_bytes() for path in other]
    changed = one(tmp_path / "c", note(PHISHING._replace(note="another")))
    assert changed.ticket != one(tmp_path / "d", note()).ticket


# -- recipients -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipient",
    [
        "", "abuse", "abuse@", "a@example.net,b@example.net", "abuse@example.net\nBcc: b@c.example",
        "abuse@example.net ", "<abuse@example.net>", "abuse [at] example [dot] net",
        "mailto:abuse@example.net", "x abuse@example.net", "abuse@example.net\r\n", "http://",
        "javascript:alert(1)", "https://form.example/\nx", "a***@example.net",
        "ab\u2028c@d.example",
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_mailbox_or_form_is_refused(tmp_path: Path, recipient: str) -> None:
    with pytest.raises(DraftError, match="not exactly one mail address"):
        one(tmp_path, note(to=recipient))
    assert not list(tmp_path.iterdir())


def test_a_mailbox_goes_out_with_its_domain_in_ascii(tmp_path: Path) -> None:
    draft = one(tmp_path, note(to="abuse@例え.jp"))
    assert parsed(draft.paths[0])["To"] == draft.recipient == "abuse@xn--r8jz45g.jp"
    assert one_address('"a b"@Example.NET') == '"a b"@example.net'
    quoted = one(tmp_path / "quoted", note(to='"a b"@example.net'))
    assert parsed(quoted.paths[0])["To"].addresses[0].addr_spec == '"a b"@example.net'


def test_a_form_gets_text_and_reports_whatever_is_asked_for(tmp_path: Path) -> None:
    draft = drafts([note(to="https://form.example/abuse")], REPORTER, tmp_path, now=NOW)[0]
    assert [path.suffix for path in draft.paths] == [".txt", ".json"]
    assert "Web form: https://form.example/abuse\n" in draft.paths[0].read_text()
    assert draft.message_id is None
    assert "form" in draft.notes[0]


@pytest.mark.parametrize(
    "section",
    [
        Section("192.0.2.010", (PHISHING,), RUNG), Section("x", (PHISHING,), RUNG),
        Section("fe80::1%eth0", (PHISHING,), RUNG), Section("192.0.2.1", (), RUNG),
        Section("192.0.2.1", (PHISHING._replace(time=datetime(2026, 9, 1)),), RUNG),
    ],
)  # fmt: skip
def test_a_section_without_address_incident_or_zone_is_refused(
    tmp_path: Path, section: Section
) -> None:
    with pytest.raises(DraftError):
        one(tmp_path, note()._replace(sections=(section,)))


# -- X-ARF ------------------------------------------------------------------------------------

BARE = Incident(1, "192.0.2.10", time=TIME)
TYPES = {
    ("phishing", True, True): "content/phishing",
    ("malware", True, True): "content/malware",
    ("fraud", True, True): "content/fraud",
    ("compromised", True, True): "content/remote_compromise",
    ("c2", True, True): "infrastructure/botnet",
    ("c2", False, False): "infrastructure/botnet",
    ("spam", False, False): "messaging/spam",
    ("spam", True, True): "messaging/spam",
    ("scan", False, True): "connection/port_scan",
    ("login-attack", False, True): "connection/login_attack",
    ("ddos", True, True): "connection/ddos",
    ("other", True, True): "infrastructure/compromised_server",
    ("no such", True, True): "infrastructure/compromised_server",
}


@pytest.mark.parametrize("category", [*CATEGORIES, "no such"])
@pytest.mark.parametrize("url", [True, False])
@pytest.mark.parametrize("port", [True, False])
def test_every_report_is_valid_and_of_the_nearest_type(
    category: str, url: bool, port: bool
) -> None:
    incident = BARE._replace(
        category=category, url=URL if url else None, port=4242 if port else None
    )
    report = report_of(Section("192.0.2.10", (incident,), RUNG), "a@b.example", REPORTER, "T", NOW)
    assert schema_validator.validate(report) == []
    kind = f"{report['category']}/{report['type']}"
    # Without what its type wants, an incident is reported as the type that wants least.
    assert kind == TYPES.get((category, url, port), kind)
    if kind.startswith("content/"):
        assert report["url"] == URL
    if category in ("phishing", "malware", "fraud") and not url:
        assert kind == "infrastructure/compromised_server"
        assert "No URL is told" in report["description"]
    if category in ("scan", "login-attack", "ddos") and not port:
        assert kind == "infrastructure/compromised_server"
        assert "No source port is told" in report["description"]
    assert "_internal" not in report


def test_a_report_carries_the_chain_and_the_evidence() -> None:
    rung = RUNG._replace(kinds=("origin-as",), handle="AS64500")
    section = Section("192.0.2.10", (BARE, PHISHING), rung)
    report = report_of(section, "a@b.example", REPORTER, "T", NOW)
    assert report["timestamp"] == "2026-09-01T01:15:30Z"
    assert report["asn"] == 64500
    assert report["hosting_provider"] == "例示株式会社"
    assert report["target_brand"] == "例示銀行"
    assert report["domain"] == "login.example.com"
    assert report["whois"]["netname"] == "TEST-NET"
    assert b64decode(report["evidence"][0]["payload"]).decode() == PHISHING.note
    assert [item["category"] for item in report["incidents"]] == ["other", "phishing"]
    assert set(report["tags"]) == {
        "abuse:other", "abuse:phishing", "tlp:amber", "forward:send-anon"
    }  # fmt: skip
    again = report_of(section, "A@b.example", REPORTER, "T", NOW)
    assert again["report_id"] == report["report_id"]
    assert report_of(section, "c@b.example", REPORTER, "T", NOW)["report_id"] != again["report_id"]


def test_a_report_without_a_time_says_whose_time_it_has() -> None:
    section = Section("192.0.2.10", (BARE._replace(time=None),), RUNG)
    report = report_of(section, "a@b.example", REPORTER, "T", NOW)
    assert report["timestamp"] == "2026-09-02T12:00:00Z"
    assert "No incident tells its time" in report["description"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, URL), (None, None), ("", None), ("example.com/x", None), ("http://", None),
        ("http://a.example/%zz%20", "http://a.example/%25zz%20"),
        ("http://例え.jp/い b\n", "http://%E4%BE%8B%E3%81%88.jp/%E3%81%84%20b%0A"),
        ("http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
    ],
)  # fmt: skip
def test_a_url_is_reported_as_it_is_where_it_is_a_uri(
    url: str | None, expected: str | None
) -> None:
    assert uri_of(url) == expected


# -- whatever the texts are -------------------------------------------------------------------

NASTY = st.sampled_from([
    "\r\nBcc: x@evil.example", "\n\n--=_x\nContent-Type: text/html\n\n<b>", "From me", "\nFrom x",
    "{{ 7 * 7 }}", "{% include '/etc/passwd' %}", "{#", "#}", "\u202eevil", "\u061c\u2028\u2029x",
    "=?utf-8?q?=0d=0aBcc:_x?=", "http://evil.example/", "HtTpS://EVIL.example", "www.evil.example",
    "http\n://x.example", "a://http://x.example", "\x00\x1b[31m", "日本語、。", ".", "=1+1",
    "\ud800", "<script>", "http:http://a.b//c.d",
])  # fmt: skip
TEXT = st.one_of(NASTY, st.text(max_size=80), st.builds(str.__add__, st.text(max_size=9), NASTY))
MAYBE = st.none() | TEXT
TIMES = st.none() | st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.timezones()
)
INCIDENTS = st.builds(
    Incident, row=st.integers(), ip=MAYBE, url=MAYBE | TEXT.map("https://x.example/{}".format),
    host=MAYBE, time=TIMES, category=st.sampled_from(CATEGORIES) | TEXT, brand=MAYBE, sector=MAYBE,
    note=MAYBE, reference=MAYBE, port=st.none() | st.integers(), error=MAYBE,
)  # fmt: skip
RUNGS = st.builds(
    Rung, kinds=st.lists(st.sampled_from(KINDS) | TEXT, min_size=1, max_size=3).map(tuple),
    name=MAYBE, handle=MAYBE, mailbox=MAYBE, form=MAYBE, why=TEXT,
    evidence=st.builds(Evidence, *[MAYBE] * 9, TEXT), lang=TEXT, wait=st.integers(),
    now=st.booleans(), notes=st.lists(TEXT, max_size=2).map(tuple),
)  # fmt: skip
NOTIFICATIONS = st.builds(
    Notification, st.sampled_from(["abuse@example.net", "a+b@例え.jp", '"a\\"b,c"@x.example']),
    st.sampled_from(KINDS) | TEXT, st.sampled_from(["en", "ja"]) | TEXT, st.just(1),
    st.lists(
        st.builds(
            Section, st.ip_addresses().map(str), st.lists(INCIDENTS, min_size=1, max_size=3), RUNGS
        ),
        min_size=1, max_size=2, unique_by=lambda section: section.ip,
    ).map(tuple),
    st.integers(1, 3), st.integers(1, 3),
)  # fmt: skip
LIVE = re.compile(r"(?:https?|ftp)://|(?<!\w)www\.", re.IGNORECASE)
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def checked_mail(mail: EmailMessage, notification: Notification) -> None:
    """Hold a mail against what it may have at most."""
    assert sorted(mail.keys()) == HEADERS
    assert not mail.defects
    recipient = one_address(notification.recipient)
    assert [item.addr_spec for item in mail["To"].addresses] == [recipient]
    for value in mail.values():
        assert not re.search(r"[\r\n]", value)
        assert not UNSAFE.search(value)
    parts = list(mail.walk())[1:]
    kinds = ["text/plain", *["application/json"] * len(notification.sections)]
    assert [part.get_content_type() for part in parts] == kinds
    text = text_of(mail)
    assert not LIVE.search(text)
    assert not UNSAFE.search(text)
    assert not re.search(r"^From ", text, re.MULTILINE)
    for part, section in zip(mail.iter_attachments(), notification.sections, strict=True):
        report = json.loads(part.get_content())
        assert schema_validator.validate(report) == []
        assert report["source_identifier"] == section.ip
        assert "_internal" not in report
        for item, incident in zip(report["incidents"], section.incidents, strict=True):
            exact = (incident.url or "").encode("utf-8", "replace").decode()
            assert item.get("url", "") == exact


@settings(max_examples=150, deadline=None)
@given(NOTIFICATIONS)
def test_whatever_the_texts_are_a_mail_stays_what_it_is(notification: Notification) -> None:
    with TemporaryDirectory() as folder:
        draft = drafts([notification], REPORTER, folder, FORMS, now=NOW)[0]
        for path in draft.paths:
            assert path.parent == Path(folder)
            assert re.fullmatch(r"001-[a-z0-9._-]+", path.name)
        mail, *reports, text, table, link = draft.paths
        checked_mail(parsed(mail), notification)
        attached = list(parsed(mail).iter_attachments())
        assert [part.get_content() for part in attached] == [p.read_bytes() for p in reports]
        lines = text_of(parsed(mail)).split("\n")
        heads = [line for line in lines if line.startswith("====")]
        assert len(heads) == len(notification.sections)
        assert not LIVE.search(text.read_text())
        rows = list(csv.reader(io.StringIO(table.read_text())))
        assert len(rows) == 1 + sum(len(s.incidents) for s in notification.sections)
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
        url = link.read_text().rstrip("\n")
        assert len(url) <= LONGEST_LINK
        assert url.isascii()
        assert [*parse_qs(urlsplit(url).query)] == ["subject", "body"]


@given(TEXT)
def test_a_line_is_one_line_and_has_no_live_url(text: str) -> None:
    for shown in (one_line(text), defanged(text), defanged_url(text)):
        assert len(shown.splitlines()) <= 1
        assert not UNSAFE.search(shown)
    assert not LIVE.search(defanged(text))
    assert not LIVE.search(defanged_url(text))
    assert re.fullmatch(r"[a-z0-9_][a-z0-9._-]*", file_name(text))


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(min_codepoint=0x3000, max_codepoint=0x9FFF), min_size=1, max_size=150))
def test_japanese_names_and_subjects_survive(name: str) -> None:
    name = name.strip() or "名"
    reporter = REPORTER._replace(name=f"{name}, (A)")
    with TemporaryDirectory() as folder:
        draft = drafts([note(lang="ja")], reporter, folder, now=NOW)[0]
        mail = parsed(draft.paths[0])
        shown = mail["From"].addresses[0].display_name
        # The parser takes the blanks off an encoded word that has nothing else.
        assert "".join(shown.split()) == "".join(reporter.name.split())
        assert mail["Subject"] == draft.subject
        assert one_line(reporter.name) in text_of(mail)


# -- files and templates ----------------------------------------------------------------------


def test_nothing_is_written_where_a_file_is_there_already(tmp_path: Path) -> None:
    draft = one(tmp_path, note())
    with pytest.raises(DraftError, match="already"):
        drafts([note()], REPORTER, tmp_path, ("txt", "eml"), now=NOW)
    assert list(tmp_path.iterdir()) == list(draft.paths)
    one(tmp_path, note(), replace=True)
    assert list(tmp_path.iterdir()) == list(draft.paths)


def test_nothing_is_written_where_one_of_many_is_bad(tmp_path: Path) -> None:
    with pytest.raises(DraftError):
        drafts([note(), note(to="nobody")], REPORTER, tmp_path, now=NOW)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DraftError, match="no form of draft"):
        one(tmp_path, note(), "pdf")
    assert drafts([], REPORTER, tmp_path, now=NOW) == []


def test_a_link_is_cut_at_two_thousand_characters_and_says_so(tmp_path: Path) -> None:
    draft = one(tmp_path, note(lang="ja"), "mailto")
    url = draft.paths[0].read_text().strip()
    assert len(url) <= LONGEST_LINK
    assert url.startswith("mailto:abuse@example.net?subject=%5BEX-")
    assert "以下略" in unquote(url, errors="strict")
    assert "mailto" in draft.notes[0]


def test_a_folder_of_the_users_own_templates_goes_first(tmp_path: Path) -> None:
    own = tmp_path / "templates"
    own.mkdir()
    (own / "subject.en.txt.j2").write_text("Abuse {{ ticket }}\nBcc: x@y.example")
    (own / "notification.en.txt.j2").write_text("From here\n{{ sections[0].name }}\n")
    rung = RUNG._replace(name="{{ reporter.mail }}")
    draft = one(tmp_path / "out", note(rung=rung), templates=own)
    mail = parsed(draft.paths[0])
    assert mail["Subject"] == f"Abuse {draft.ticket} Bcc: x@y.example"
    assert sorted(mail.keys()) == HEADERS
    assert text_of(mail) == " From here\n{{ reporter.mail }}\n"


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ nothing }}", "nothing"), ("{% if %}", "line 1"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"), ("{{ 1 // 0 }}", "zero"),
        ("{% include '../x' %}", "x"),
    ],
)  # fmt: skip
def test_a_bad_template_is_named(tmp_path: Path, source: str, fault: str) -> None:
    (tmp_path / "notification.en.txt.j2").write_text(source)
    with pytest.raises(DraftError, match=rf"notification\.en\.txt\.j2.*{fault}"):
        one(tmp_path / "out", note(), templates=tmp_path)
    with pytest.raises(DraftError, match="no such folder"):
        one(tmp_path / "out", note(), templates=tmp_path / "none")


@pytest.mark.parametrize("library", ["jinja2", "xarf"])
def test_without_the_extra_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Error, match=r'pip install "rirdex\[casework\]"'):
        one(tmp_path, note())


# -- the reporter -----------------------------------------------------------------------------

WHOLE = 'name = "Duty officer"\norganisation = "例示"\nmail = "csirt@例え.jp"\n'


def test_a_reporter_is_read_and_options_go_first(tmp_path: Path) -> None:
    path = tmp_path / "casework.toml"
    path.write_text(f"[other]\nx = 1\n[reporter]\n{WHOLE}tlp = 'GREEN'\n")
    reporter = read_reporter(path)
    assert reporter == Reporter("Duty officer", "例示", "csirt@xn--r8jz45g.jp", tlp="GREEN")
    assert read_reporter(path, tlp="CLEAR", phone=None).tlp == "CLEAR"
    given = read_reporter(name="x", organisation="y", mail="a@b.example", tlp="RED", forward="none")
    assert (given.tlp, given.ticket) == ("RED", "CASE")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no table"), ("[reporter", "casework.toml"), ("[reporter]\nname = 'x'", "missing"),
        (f"[reporter]\n{WHOLE}x = '1'", "'x' is no key"),
        (f"[reporter]\n{WHOLE}phone = 1", "phone must be a text"),
        (f"[reporter]\n{WHOLE}tlp = 'WHITE'", "one of CLEAR"),
        (f"[reporter]\n{WHOLE}forward = 'yes'", "one of send"),
        (f"[reporter]\n{WHOLE}tlp = 'RED'", "set forward"),
        (f"[reporter]\n{WHOLE}ticket = 'a b'", "ticket"),
        (f"[reporter]\n{WHOLE}clock = \"a\\nb\"", "one line"),
        ("[reporter]\nname = ' '\norganisation = 'x'\nmail = 'a@b.example'", "name is empty"),
        ("[reporter]\nname = 'x'\norganisation = 'x'\nmail = 'a@b.example, c@d.ex'", "one mail"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_reporter_is_said(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "casework.toml"
    path.write_text(text)
    with pytest.raises(ReporterError, match=fault) as caught:
        read_reporter(path)
    assert isinstance(caught.value, ValueError)
    assert str(path) in str(caught.value)


def test_a_reporter_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReporterError, match=r"none\.toml"):
        read_reporter(tmp_path / "none.toml")


@pytest.mark.parametrize("tlp", TLPS)
def test_no_tlp_is_contradicted_by_the_wish_to_forward(tmp_path: Path, tlp: str) -> None:
    reporter = REPORTER._replace(tlp=tlp)
    if tlp in ("RED", "AMBER+STRICT"):
        with pytest.raises(ReporterError):
            drafts([note()], reporter, tmp_path, now=NOW)
        reporter = reporter._replace(forward="none")
    draft = drafts([note()], reporter, tmp_path, ("txt",), now=NOW)[0]
    assert f"\nTLP:{tlp}\n" in draft.paths[0].read_text()
    assert ("TLP" in draft.subject) == (tlp != "CLEAR")
