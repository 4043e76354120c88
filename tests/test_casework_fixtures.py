"""Hold the ladders of 300 incidents against those written by hand, and their mails and reports."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest
from casework_rules import (
    ACCUSED,
    BEFORE,
    BLOCKS,
    CHANGED,
    CLOUDFLARE,
    DESK,
    FOLDER,
    JAPANESE,
    LEASED,
    Expected,
    block_of,
    build_index,
    expected,
)
from xarf import schema_validator

from rirdex.query import Index, open_index
from rirdex.query.casework import Incident, Ladder
from rirdex.query.drafts import drafts, read_reporter
from rirdex.query.escalation import Options, ladders, perpetrators
from rirdex.query.incidents import read
from rirdex.query.triage import triage

NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return the index of that world."""
    with open_index(build_index(tmp_path_factory.mktemp("world")), desk=str(DESK)) as found:
        yield found


@pytest.fixture(scope="module")
def incidents() -> list[Incident]:
    """Return the 300 incidents."""
    with (FOLDER / "incidents.csv").open("rb") as stream:
        return [*read(stream, "csv")]


def check(ladder: Ladder, wanted: Expected) -> None:
    """Hold a ladder against the one written by hand."""
    rungs = [("!" * rung.now + "+".join(rung.kinds), rung.reached) for rung in ladder.rungs]
    assert (rungs, [*ladder.flags]) == (wanted.rungs, wanted.flags), ladder.incident
    dropped = [(item.kind, item.mailbox) for item in ladder.dropped]
    assert dropped == [(kind, mailbox) for kind, mailbox, _ in wanted.dropped]
    for item, (_, _, reason) in zip(ladder.dropped, wanted.dropped, strict=True):
        assert item.reason.startswith(reason)
    notes = [note for rung in ladder.rungs for note in rung.notes]
    for begin in wanted.notes:
        assert any(note.startswith(begin) for note in notes), begin


def test_the_incidents_are_what_the_generator_writes(
    incidents: list[Incident], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    import incidents as generator

    assert (FOLDER / "incidents.csv").read_text() == generator.text()
    del sys.modules["incidents"]
    assert len(incidents) == 300
    assert not [item for item in incidents if item.error]
    kinds = Counter(block_of(item.ip or "") for item in incidents)
    assert kinds.keys() == BLOCKS.keys()
    assert min(kinds.values()) >= 10
    times = [item.time.date() for item in incidents if item.time]
    assert (max(times) - min(times)).days > 700
    assert {item.time.utcoffset() for item in incidents if item.time} >= {
        datetime.fromisoformat(f"2025-01-01T00:00:00{zone}").utcoffset()
        for zone in ("+00:00", "+09:00")
    }
    assert len(times) < 300
    assert any("[.]" in line for line in (FOLDER / "incidents.csv").read_text().splitlines())


def test_more_of_the_second_year_lies_in_leased_space(
    index: Index, incidents: list[Incident]
) -> None:
    for name, (prefix, _) in BLOCKS.items():
        verdict = index.lookup(str(ip_network(prefix)[1])).lease.verdict
        assert (verdict in ("leased", "likely-leased")) == (name in LEASED), name
    years: dict[bool, list[bool]] = {True: [], False: []}
    for item in incidents:
        if item.time:
            early = item.time < datetime(2025, 5, 1, tzinfo=UTC)
            years[early].append(block_of(item.ip or "") in LEASED)
    first, second = (sum(years[early]) / len(years[early]) for early in (True, False))
    assert first + 0.1 < second


def test_every_ladder_is_the_one_written_by_hand(index: Index, incidents: list[Incident]) -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    for ladder in ladders(index, incidents, Options(today=NOW.date())):
        item = ladder.incident
        assert item.ip is not None
        wanted = expected(item.ip, item.time)
        check(ladder, wanted)
        for rung in ladder.rungs:
            assert rung.lang == ("ja" if rung.reached in JAPANESE else "en")
            assert rung.wait == (72 if item.category == "scan" else 24)
            alone = rung.form == CLOUDFLARE or (wanted.single and rung is ladder.rungs[0])
            assert rung.single == alone
        earlier = item.time is not None and item.time.date().isoformat() < CHANGED
        seen[block_of(item.ip), earlier] += 1
    assert min(seen["tenant", early] for early in (True, False)) >= 10
    assert all(seen[name, early] for name in BEFORE for early in (True, False))


def test_why_is_told_with_the_record(index: Index) -> None:
    for ip, day, text in (
        ("245.16.1.7", 2024, "is registered as lessee of 245.16.1.0/24 (ALPENKAFFEE-GB) in ripe.db "
                             "of 2024-05-01 (ripe.org.abuse-c)"),
        ("246.32.77.4", 2024, "is registered as lessee of 246.32.77.0/24 (PAPIERDRACHE-HK) in "
                              "afrinic.db of 2024-05-01 (afrinic.remarks)"),
        ("246.32.77.4", 2026, "is registered as holder of 246.32.0.0/16 (DODO-20140210) in "
                              "afrinic.db of 2025-05-15"),
        ("245.160.3.9", 2025, "is the desk's own contact for 245.160.3.0/24 (user.override)"),
    ):  # fmt: skip
        (ladder,) = ladders(index, [Incident(1, ip, time=datetime(day, 8, 1, tzinfo=UTC))])
        assert ladder.rungs[0].why.startswith(text)
    assert ladder.rungs[0].countries == ("SG",)


def test_presumed_perpetrators_are_behind_their_holder(
    index: Index, incidents: list[Incident]
) -> None:
    with (FOLDER / "perpetrators.txt").open() as lines:
        options = Options(perpetrators=perpetrators(lines))
    for plain, ladder in zip(
        ladders(index, incidents), ladders(index, incidents, options), strict=True
    ):
        if block_of(ladder.incident.ip or "") == "perpetrator":
            timed = ladder._replace(flags=tuple(f for f in ladder.flags if f != "no-time"))
            check(timed, ACCUSED)
        else:
            assert ladder == plain


def test_bad_rows_are_told_and_stop_no_other() -> None:
    with (FOLDER / "bad.csv").open("rb") as stream:
        found = [*read(stream, "csv")]
    assert [item.error is None for item in found] == [True] + [False] * 6
    with (FOLDER / "incidents.jsonl").open("rb") as stream:
        events = [*read(stream, "jsonl")]
    assert [item.category for item in events] == [
        "phishing", "malware", "c2", "login-attack", "malware", "phishing", "spam", "ddos",
        "compromised", "other",
    ]  # fmt: skip
    assert not [item.error for item in events if item.error]
    assert [item.reference for item in events if item.reference] == ["4711"]
    assert [item.port for item in events if item.port] == [443, 8443]


def test_a_round_tells_everybody_once(index: Index, incidents: list[Incident]) -> None:
    found = [*ladders(index, incidents)]
    mails = triage(found)
    for mail in mails:
        assert {section.rung.kind for section in mail.sections} == {mail.kind}
        assert len({section.ip for section in mail.sections}) == len(mail.sections)
        if block_of(mail.sections[0].ip) in ("single", "form"):
            assert len(mail.sections) == 1
    rows = Counter(
        item.row for mail in mails for section in mail.sections for item in section.incidents
    )
    assert rows == Counter(ladder.incident.row for ladder in found if ladder.rungs)
    wanted: dict[tuple[str, str, str], list[int]] = {}
    for ladder in found:
        item = ladder.incident
        by_hand = expected(item.ip or "", item.time)
        for kinds, recipient in by_hand.rungs[:1]:
            alone = by_hand.single or "://" in recipient
            key = (recipient, kinds.split("+")[0], (item.ip or "") if alone else "")
            wanted.setdefault(key, []).append(item.row)
    got = {}
    for mail in mails:
        ip = mail.sections[0].ip
        key = (mail.recipient, mail.kind, ip if (mail.recipient, mail.kind, ip) in wanted else "")
        got[key] = sorted(item.row for part in mail.sections for item in part.incidents)
    assert got == wanted
    assert len(mails) == len(wanted)
    kranich = [mail for mail in mails if mail.recipient == "abuse@kranich.example"]
    # As holder, and as the origin AS of what it sponsors: two kinds, two mails.
    assert sorted(mail.kind for mail in kranich) == ["holder", "origin-as"]
    assert len(mails) < 60


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_draft_is_a_mail_with_sound_reports(
    index: Index, incidents: list[Incident], tmp_path: Path, lang: str
) -> None:
    reporter = read_reporter(DESK / "casework.toml")
    checked = 0
    for step in (1, 2):
        mails = triage(ladders(index, incidents), step)
        made = drafts(mails, reporter, tmp_path / str(step), ("eml", "xarf"), lang, now=NOW)
        for mail, draft in zip(mails, made, strict=True):
            for path in draft.paths:
                if path.suffix == ".json":
                    report = json.loads(path.read_text())
                    assert schema_validator.validate(report) == []
                    checked += 1
                elif path.suffix == ".eml":
                    read_back = message_from_bytes(path.read_bytes(), policy=default)
                    assert isinstance(read_back, EmailMessage)
                    assert read_back["To"].addresses[0].addr_spec == mail.recipient
                    body = read_back.get_body()
                    assert body is not None
                    text = body.get_content()
                    assert all(section.ip in text for section in mail.sections)
                    assert "https://" not in text
                    assert ("インシデント" in text) == (lang == "ja")
    assert checked > 100
