"""Hold the ledger against a plain model of it, and try its commands and its mistakes."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.query.cases import FACTS, key_of
from rirdex.query.casework import Evidence, Incident, Notification, Rung, Section
from rirdex.query.cli import run
from rirdex.query.drafts import Draft
from rirdex.query.ledger import LedgerError, open_ledger

BEGIN: Final = datetime(2026, 5, 4, tzinfo=UTC)
EVIDENCE: Final = Evidence(
    "192.0.2.0", "192.0.2.255", "NET", "192.0.2.0 - 192.0.2.255", None, "lessee", "RIPE",
    "ripe.db.inetnum", "2026-05-01", "ripe.abuse-c",
)  # fmt: skip
Made = tuple[list[Notification], list[Draft]]
Capture = pytest.CaptureFixture[str]


def incident(number: int) -> Incident:
    return Incident(
        number, f"192.0.2.{number}", f"https://h.example/{number}", "h.example",
        BEGIN if number % 2 else None, "phishing", "=Brand", None, "a\nb", f"INC-{number}",
    )  # fmt: skip


def report(
    ticket: str, recipient: str, incidents: Sequence[int], wait: int = 24, step: int = 1
) -> tuple[Notification, Draft]:
    rung = Rung(
        ("lessee", "holder"), "Name", None, recipient, None, "is there", EVIDENCE, "ja", wait,
        countries=("JP", "NL"),
    )  # fmt: skip
    sections = tuple(
        Section(f"192.0.2.{number}", (incident(number),), rung) for number in incidents
    )
    draft = Draft(1, ticket, recipient, "ja", f"[{ticket}] x", (), f"<{ticket}@a.example>")
    return Notification(recipient, "lessee", "ja", step, sections), draft


def both(*rows: tuple[Notification, Draft]) -> Made:
    return [row[0] for row in rows], [row[1] for row in rows]


# -- the model --------------------------------------------------------------------------------


@dataclass
class Model:
    """Do the same with lists and dictionaries."""

    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)

    def record(
        self, ticket: str, box: str, incidents: Sequence[int], wait: int, step: int, day: int
    ) -> None:
        self.reports.setdefault(ticket, {"box": box, "of": set(incidents), "wait": wait,
                                         "facts": {}, "drafted": day, "step": step})  # fmt: skip

    def state(self, ticket: str) -> str:
        facts = self.reports[ticket]["facts"]
        order = sorted(facts, key=lambda name: (facts[name], FACTS.index(name)))
        return order[-1] if order else "drafted"

    def due(self, day: int) -> set[int]:
        found = set()
        for number in {each for item in self.reports.values() for each in item["of"]}:
            if number in self.closed:
                continue
            of_it = [ticket for ticket, item in self.reports.items() if number in item["of"]]
            last = max(enumerate(of_it), key=lambda pair: (
                self.reports[pair[1]]["drafted"], self.reports[pair[1]]["step"], pair[0]
            ))[1]  # fmt: skip
            state, item = self.state(last), self.reports[last]
            when = item["facts"].get(state, 0)
            waits = item["wait"] // 24 if state == "sent" else 0
            if state in ("sent", "refused", "bounced") and when + waits <= day:
                found.add(number)
        return found

    def bounced(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for box in {item["box"] for item in self.reports.values()}:
            mine = [item["facts"] for item in self.reports.values() if item["box"] == box]
            last = max((facts.get("bounced", -1) for facts in mine), default=-1)
            if last > max((facts.get("answered", -1) for facts in mine), default=-1):
                found[box] = last
        return found


BOXES: Final = ("a@a.example", "b@b.example")
STEPS: Final = st.one_of(
    st.tuples(st.just("record"), st.integers(0, 5), st.sampled_from(BOXES),
              st.sets(st.integers(1, 4), min_size=1).map(sorted), st.sampled_from([24, 72]),
              st.integers(1, 3)),
    st.tuples(st.just("mark"), st.integers(0, 5), st.sampled_from(FACTS)),
    st.tuples(st.just("close"), st.integers(0, 5)),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_a_ledger_is_what_a_plain_model_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "cases.db"
    model = Model()
    with open_ledger(path, create=True) as ledger:
        for place, (what, number, *rest) in enumerate(steps):
            day = place // 3  # some are of one round
            now, ticket = BEGIN + timedelta(days=day), f"T-{number}"
            known = ticket in model.reports
            if what == "record":
                box, incidents, wait, step = rest
                made = both(report(ticket, box, incidents, wait, step))
                assert ledger.record(*made, now) == (not known)
                model.record(ticket, box, incidents, wait, step, day)
            elif not known:
                with pytest.raises(LedgerError, match="no report"):
                    ledger.mark(ticket, "sent", now) if what == "mark" else ledger.close(
                        ticket, now
                    )
            elif what == "mark":
                ledger.mark(ticket, rest[0], now)
                facts = model.reports[ticket]["facts"]
                if rest[0] == "sent" and "sent" not in facts:  # noted late
                    facts |= dict.fromkeys(facts, day)
                facts[rest[0]] = day
            else:
                open_ = model.reports[ticket]["of"] - model.closed
                assert ledger.close(ticket, now, "done") == len(open_)
                model.closed |= open_
        day = len(steps) // 3 + 1
        now = BEGIN + timedelta(days=day)
        due = {int((item.case.incident.ip or "").rpartition(".")[2]) for item in ledger.due(now)}
        assert due == model.due(day)
        assert ledger.bounced() == {
            box: (BEGIN + timedelta(days=when)).date() for box, when in model.bounced().items()
        }
        states = {item.ticket: item.state for item in ledger.reports()}
        assert states == {ticket: model.state(ticket) for ticket in model.reports}
        for number in range(1, 5):
            told = {item["box"] for item in model.reports.values() if number in item["of"]}
            assert ledger.told(incident(number)) == told
            assert ledger.known(incident(number)) == bool(told)
        open_cases = {case.incident.ip for case in ledger.cases(open_only=True)}
        assert len(open_cases) == len([*ledger.cases()]) - len(model.closed)
        for found, cases in ledger.outcomes():
            assert len(cases) == found.incidents == len(model.reports[found.ticket]["of"])


# -- what is kept -----------------------------------------------------------------------------


def test_all_of_a_report_comes_back(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l", create=True) as ledger:
        ledger.record(*both(report("T-1", "a@a.example", [1, 2], 72, 3)), BEGIN)
    with open_ledger(tmp_path / "l") as ledger:
        (found,) = ledger.reports()
        assert found[:11] == (
            "T-1", "a@a.example", "lessee", ("lessee", "holder"), 3, "ja", "[T-1] x",
            "<T-1@a.example>", 72, ("JP", "NL"), BEGIN,
        )  # fmt: skip
        assert found.incidents == 2
        assert [case.incident._replace(row=0) for case in ledger.cases()] == [
            incident(1)._replace(row=0), incident(2)._replace(row=0)
        ]  # fmt: skip
        assert ledger.evidence("T-1") == [
            {"ip": f"192.0.2.{n}", "why": "is there", "evidence": EVIDENCE._asdict()}
            for n in (1, 2)
        ]
        assert ledger.by_message_id("<T-1@a.example>") == "T-1"
        assert ledger.by_message_id("<T-2@a.example>") is None
        with pytest.raises(ValueError, match="none of"):
            ledger.mark("T-1", "eaten", BEGIN)


def test_of_one_round_the_highest_rung_says_what_is_due(tmp_path: Path) -> None:
    # An urgent round tells two rungs at once, ordered by mailbox and not by rung.
    rows = (report("A", "a@origin.example", [1], step=3), report("Z", "z@user.example", [1]))
    for number, made in enumerate((rows, rows[::-1])):
        with open_ledger(tmp_path / str(number), create=True) as ledger:
            ledger.record(*both(*made), BEGIN)
            ledger.mark("Z", "bounced", BEGIN)
            assert not [*ledger.due(BEGIN)]
            ledger.mark("A", "sent", BEGIN)
            assert [item.why for item in ledger.due(BEGIN + timedelta(days=1))] == [
                "no answer for 24 h"
            ]


def test_an_incident_of_a_strange_time_comes_back(tmp_path: Path) -> None:
    notification, draft = report("T-1", "a@a.example", [1])
    (section,) = notification.sections
    times = [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), None]
    incidents = tuple(incident(1)._replace(row=0, time=time) for time in times)
    held = notification._replace(sections=(section._replace(incidents=incidents),))
    with open_ledger(tmp_path / "l", create=True) as ledger:
        ledger.record([held], [draft], BEGIN)
        ledger.mark("T-1", "refused", BEGIN)
        assert [case.incident for case in ledger.cases()] == [*incidents]
        assert [item.case.incident for item in ledger.due(BEGIN)] == [*incidents]


def test_an_incident_is_known_by_all_it_says_but_its_row() -> None:
    one = incident(1)
    assert key_of(one) == key_of(one._replace(row=77, error="x"))
    for name in set(Incident._fields) - {"row", "error", "time"}:
        value: Any = 7 if name == "port" else "other"
        assert key_of(one._replace(**{name: value})) != key_of(one)
    assert key_of(one._replace(time=None)) != key_of(one)


def test_a_round_is_recorded_whole_or_not_at_all(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l", create=True) as ledger:
        notifications, drafts = both(
            report("T-1", "a@a.example", [1]), report("T-2", "b@b.example", [2])
        )
        with pytest.raises(ValueError, match="zip"):
            ledger.record(notifications, drafts[:1], BEGIN)
        broken = notifications[1]._replace(sections=())
        with pytest.raises(ValueError, match=r"max|empty"):
            ledger.record([notifications[0], broken], drafts, BEGIN)
        assert not [*ledger.reports()]
        assert not [*ledger.cases()]
        assert ledger.record(notifications, drafts, BEGIN) == 2


# -- files that are none ----------------------------------------------------------------------


def test_files_that_are_no_ledger_are_told_and_left(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        open_ledger(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    text = tmp_path / "text"
    text.write_text("ip,url\n" * 1000)
    short = tmp_path / "short"
    short.write_text("x")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as base:
        base.execute("CREATE TABLE t (x)")
    base.close()
    newer = tmp_path / "newer.db"
    open_ledger(newer, create=True).__exit__(None, None, None)
    with sqlite3.connect(newer) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    for path, said in (
        (text, "not a database"),
        (short, "not a database"),
        (other, "no ledger"),
        (newer, "version 99"),
        (tmp_path, "cannot be opened"),
        (tmp_path / "no" / "folder", "opened"),
    ):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(LedgerError, match=said):
            open_ledger(path, create=True)
        assert before == (path.read_bytes() if path.is_file() else b"")


def test_an_empty_file_is_a_ledger_only_where_one_is_made(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(LedgerError, match="there is no ledger"):
        open_ledger(path)
    assert path.read_bytes() == b""
    with open_ledger(path, create=True) as ledger:
        assert not [*ledger.reports()]


def test_no_ledger_is_lost_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_ledger(":memory:", create=True) as ledger:
        ledger.record(*both(report("T-1", "a@a.example", [1])), BEGIN)
    with open_ledger(tmp_path / ":memory:") as ledger:
        assert [item.ticket for item in ledger.reports()] == ["T-1"]
    with pytest.raises(LedgerError, match="opened"):
        open_ledger("", create=True)


def test_one_ledger_is_made_by_many_at_once(tmp_path: Path) -> None:
    for number in range(20):
        path, start = tmp_path / str(number), Barrier(4)

        def made(path: Path = path, start: Barrier = start) -> int:
            start.wait(10)
            with open_ledger(path, create=True) as ledger:
                return len([*ledger.reports()])

        with ThreadPoolExecutor(4) as pool:
            assert [each.result() for each in [pool.submit(made) for _ in range(4)]] == [0] * 4


@pytest.mark.parametrize("change", [
    "UPDATE report SET drafted = 'noon'", "UPDATE report SET sent = '2026-05-04'",
    "UPDATE report SET sent = '9999-12-31T00:00:00+00:00'", "UPDATE report SET sent = 7",
    "UPDATE report SET wait = 'long'", "UPDATE report SET wait = 1e300",
    "UPDATE report SET wait = -1", "UPDATE report SET recipient = x'ff00'",
    "UPDATE report SET note = x'00'", "UPDATE report SET kinds = x'00'",
    "UPDATE incident SET data = '{}'", "UPDATE incident SET data = '['",
    "UPDATE incident SET data = '7'", "UPDATE incident SET data = replace(data, '\"ip\"', '\"x\"')",
    "UPDATE incident SET data = replace(data, '\"192.0.2.1\"', '[]')",
    "UPDATE incident SET data = replace(data, 'T00:00:00+00:00', '')",
    "UPDATE incident SET first = '2026'", "UPDATE incident SET closed = 'x'",
    "UPDATE section SET evidence = '}'", "UPDATE section SET evidence = x'ff'",
    "DROP TABLE told",
])  # fmt: skip
def test_a_damaged_ledger_is_told_in_a_line(tmp_path: Path, change: str) -> None:
    path = tmp_path / "l"
    with open_ledger(path, create=True) as ledger:
        ledger.record(*both(report("T-1", "a@a.example", [1])), BEGIN)
        ledger.mark("T-1", "bounced", BEGIN)
    base = sqlite3.connect(path)
    base.execute(change)
    base.commit()
    base.close()
    faults = []
    with open_ledger(path) as ledger:
        for ask in (
            ledger.reports, ledger.cases, ledger.outcomes, ledger.bounced,
            lambda: ledger.evidence("T-1"), lambda: ledger.due(BEGIN + timedelta(days=9)),
        ):  # fmt: skip
            try:
                [*ask()]
            except LedgerError as error:
                faults.append(str(error))
    assert faults
    assert all("\n" not in fault and str(path) in fault for fault in faults)


def test_another_writer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rirdex.query.ledger._PATIENCE", 0.1)
    with open_ledger(tmp_path / "l", create=True) as ledger:
        ledger.record(*both(report("T-1", "a@a.example", [1])), BEGIN)
        other = sqlite3.connect(tmp_path / "l", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            ledger.mark("T-1", "sent", BEGIN)
        other.execute("ROLLBACK")
        other.close()
        ledger.mark("T-1", "sent", BEGIN)


# -- commands ---------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a ledger of three reports."""
    path = str(tmp_path / "cases.db")
    with open_ledger(path, create=True) as ledger:
        rows = (report("T-10", "a@a.example", [1, 2]), report("T-11", "b@b.example", [3]),
                report("U-12", "=c@c.example", [4]))  # fmt: skip
        ledger.record(*both(*rows), BEGIN)
    monkeypatch.setenv("RIRDEX_LEDGER", path)
    return path


def said(capsys: Capture, *arguments: str, code: int = 0) -> str:
    assert run(["cases", *arguments]) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out if code == 0 else captured.err


def test_a_life_of_reports_by_commands(book: str, capsys: Capture) -> None:
    assert said(capsys, "due") == "none\n"
    assert said(capsys, "sent", "T-10", "--when", "2026-05-04T09:00+09:00") == "sent      T-10\n"
    assert said(capsys, "sent", "--all").count("sent") == 2
    rows = [json.loads(line) for line in said(capsys, "list", "-f", "jsonl").splitlines()]
    assert [row["state"] for row in rows] == ["sent"] * 3
    assert rows[0]["due"] == "2026-05-05T00:00:00+00:00"
    assert rows[0]["countries"] == ["JP", "NL"]
    assert said(capsys, "due").count("no answer for 24 h") == 2
    assert said(capsys, "answered", "U", "--refused", "--note", "not our customer")
    assert "refused" in said(capsys, "due")
    assert said(capsys, "closed", "U-12", "--outcome", "gone") == "1 cases closed\n"
    assert "refused" not in said(capsys, "due")
    assert said(capsys, "answered", "T-10")
    assert said(capsys, "due") == "none\n"
    rows = [*csv.DictReader(io.StringIO(said(capsys, "list", "-f", "csv", "--csv-safe")))]
    assert [row["state"] for row in rows] == ["answered", "sent", "refused"]
    assert rows[2]["recipient"] == "'=c@c.example"
    assert "T-11" in said(capsys, "list", "--state", "sent")
    assert "T-10" not in said(capsys, "list", "--state", "sent")
    text = said(capsys, "show", "T-10")
    assert "hxxps://h[.]example/1" in text
    assert "https://" not in text
    found = json.loads(said(capsys, "show", "T-10", "--json"))
    assert [case["url"] for case in found["cases"]] == [
        "https://h.example/1", "https://h.example/2"
    ]  # fmt: skip
    assert found["sections"][0]["evidence"]["rule"] == "ripe.abuse-c"


def test_nothing_that_is_shown_can_be_followed_or_acts(book: str, capsys: Capture) -> None:
    bad = "see https://login.example/a\x1b[31m"
    with open_ledger(book) as ledger:
        notification, draft = report("V-1", "v@v.example", [5])
        (section,) = notification.sections
        case = section.incidents[0]._replace(url=f"shop.example/{'a' * 600}/end", reference=bad)
        held = section._replace(incidents=(case,), rung=section.rung._replace(why=bad))
        ledger.record([notification._replace(sections=(held,))], [draft], BEGIN)
        ledger.mark("V-1", "bounced", BEGIN, bad)
        ledger.close("V-1", BEGIN, bad)
    text = said(capsys, "show", "V-1")
    assert "shop[.]example/a" in text
    assert "a/end  closed" in text
    assert text.count("hxxps://login[.]example/a") == 4
    for each in (text, said(capsys, "list"), said(capsys, "show", "V-1", "--json")):
        assert "\x1b" not in each


def test_an_empty_ticket_is_not_the_only_one(tmp_path: Path, capsys: Capture) -> None:
    path = str(tmp_path / "one.db")
    with open_ledger(path, create=True) as ledger:
        ledger.record(*both(report("T-1", "a@a.example", [1])), BEGIN)
    assert "no report ''" in said(capsys, "sent", "--ledger", path, "", code=5)
    with open_ledger(path) as ledger:
        assert ledger.report("T").state == "drafted"


def test_mistakes_are_told_in_a_line(book: str, capsys: Capture, tmp_path: Path) -> None:
    for arguments, code, text in (
        (["sent"], 2, "name tickets"), (["sent", "T-10", "--all"], 2, "name tickets"),
        (["sent", "T"], 5, "more than one"), (["sent", "X"], 5, "no report"),
        (["sent", "T_10"], 5, "no report"), (["sent", "%"], 5, "no report"),
        (["sent", "T-10", "--when", "noon"], 2, "--when"), (["show", ""], 5, "no report"),
            (["sent", "T-10", "--when", "20262-05-04"], 2, "--when"),
            (["sent", "T-10", "--when", "9999-12-31T23:59"], 2, "--when"),
            (["sent", "\udcff"], 5, "no UTF-8"),
            (["closed", "T-10", "--outcome", "\udcff"], 5, "no UTF-8"),
            (["answered", "T-10", "--note", "\udcff"], 5, "no UTF-8"),
        (["bounces", "none.mbox"], 5, "no such mailbox"),
        (["list", "--ledger", "none.db"], 5, "there is no ledger"),
        (["list", "--state", "lost"], 2, "lost"), (["eat"], 2, "eat"),
        (["closed", "T-10", "X"], 5, "no report"), (["sent", "T-10", "X"], 5, "no report"),
    ):  # fmt: skip
        assert text in said(capsys, *arguments, code=code)
    with open_ledger(book) as ledger:  # nothing was done by halves
        assert {item.state for item in ledger.reports()} == {"drafted"}
        assert all(case.closed is None for case in ledger.cases())


def test_bounces_by_command(book: str, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "box").write_text(
        "From x Mon May  4 10:00:00 2026\nDate: Mon, 4 May 2026 10:00:00 +0000\n"
        "X-Failed-Recipients: A@a.example, z@z.example\n\n\n"
    )
    said(capsys, "sent", "T-10", "--when", "2026-05-04T00:00Z")
    assert said(capsys, "bounces", str(tmp_path / "box")) == "bounced   T-10\n"
    assert said(capsys, "due").count("mail came back") == 2


def test_what_came_of_a_report_counts_from_its_sending_whenever_that_is_noted(
    tmp_path: Path,
) -> None:
    with open_ledger(tmp_path / "l", create=True) as ledger:
        for ticket in ("T-1", "T-2"):
            ledger.record(*both(report(ticket, "a@a.example", [1], 24, 1)), BEGIN)
        early, late = BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=9)
        ledger.mark("T-1", "answered", early)
        ledger.mark("T-1", "sent", late)
        ledger.mark("T-2", "sent", late)
        ledger.mark("T-2", "answered", early)
        for found in ledger.reports():
            assert (found.state, found.sent, found.answered) == ("answered", late, late)
        ledger.mark("T-1", "sent", late + timedelta(days=1))  # once more, and that is waited for
        assert ledger.report("T-1").state == "sent"
