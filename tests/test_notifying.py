"""Try the command `notify`: ladders as text and data, drafts, rounds by a ledger, mistakes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, Final

import pytest

from rirdex.indexer.build import build
from rirdex.query import open_index
from rirdex.query.cli import run
from rirdex.query.escalation import ladders
from rirdex.query.incidents import read
from rirdex.query.ledger import open_ledger
from rirdex.query.triage import triage

FOLDER: Final = Path(__file__).parent.parent / "fixtures" / "leases"
KEEP: Final = '[[entry]]\ntld = "example"\nmark = "keep"\nreason = "invented"\n'
REPORTER: Final = """[reporter]
name = "Handler on duty"
organisation = "Fixture CSIRT"
mail = "csirt@fixture.example"
"""
# Two URLs at a lessee with a contact of its own, one at a net without, one outside of all nets.
ROWS: Final = """ip,url,time,category,brand
252.16.1.9,hxxps://login[.]bank[.]example/x?id=1,2026-03-02T10:15:30+09:00,phishing,Kawasemi
252.16.1.9,https://login.bank.example/y,2026-03-03T10:15:30+09:00,phishing,=Kawasemi
252.16.2.9,,2026-03-03,scan,
198.51.100.1,,2026-03-03,scan,
"""
BAD: Final = "nonsense,,,,\n252.16.1.0/24,,,,\n,https://no.address.example/,,,\n"
LESSEE, HOLDER = "abuse@mondfisch.example", "abuse@silbersee.example"
BROKER: Final = "abuse@leihnetz.example"  # known by its maintainer on the net
MONDAY: Final = "2026-05-04T09:00:00+09:00"
TUESDAY: Final = "2026-05-05T10:00:00+09:00"  # 25 hours later
FRIDAY: Final = "2026-05-08T09:00:00+09:00"
Capture = pytest.CaptureFixture[str]
Notify = Callable[..., int]


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an index of `fixtures/leases` with all its evidence."""
    path = str(tmp_path_factory.mktemp("leases") / "leases.rirdex")
    build(
        [str(FOLDER)], path, processes=0, routes=[str(FOLDER / "pfx2as")],
        vrps=[str(FOLDER / "vrps.json")], relationships=[str(FOLDER / "as-rel")],
        as_orgs=[str(FOLDER / "as-org2info.txt")], desk=str(FOLDER / "desk"),
    )  # fmt: skip
    return path


@pytest.fixture
def notify(leases: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notify:
    """Return what runs the command in a folder with a desk and some incidents."""
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "never.toml").write_text(KEEP)
    (tmp_path / "desk" / "casework.toml").write_text(REPORTER)
    (tmp_path / "i.csv").write_text(ROWS)
    (tmp_path / "bad.csv").write_text(ROWS + BAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RIRDEX_LEDGER", raising=False)

    def call(*arguments: str) -> int:
        return run(["notify", "-i", leases, "--desk", "desk", "--now", MONDAY, *arguments])

    return call


def listed(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def mails(folder: str) -> dict[str, str]:
    """Return the recipients of a folder's mails, and their texts."""
    found = {}
    for path in sorted(Path(folder).glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        part = mail.get_body()
        assert part is not None
        found[mail["To"].addresses[0].addr_spec] = part.get_content()
    return found


# -- ladders ----------------------------------------------------------------------------------


def test_ladders_are_those_of_the_library_in_every_format(
    notify: Notify, leases: str, capsys: Capture
) -> None:
    with open_index(leases, desk="desk") as index, open("i.csv", "rb") as stream:
        found = [*ladders(index, read(stream, "csv"))]
        assert [len(ladder.rungs) for ladder in found][:3] == [3, 3, 1]
        assert notify("i.csv", "-f", "jsonl") == 0
        assert listed(capsys) == [
            json.loads(json.dumps(ladder.to_dict())) | {"next": [1] if ladder.rungs else []}
            for ladder in found
        ]
    assert notify("i.csv", "-f", "csv") == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    rungs = [
        (str(ladder.incident.row), str(step), rung.mailbox or "", rung.why)
        for ladder in found
        for step, rung in enumerate(ladder.rungs, 1)
    ] + [("4", "", "", "")]
    assert [(row["row"], row["step"], row["mailbox"], row["why"]) for row in rows] == rungs
    assert rows[0]["url"] == "https://login.bank.example/x?id=1"
    assert notify("i.csv") == 0
    captured = capsys.readouterr()
    text = captured.out
    assert text.index(f"> 1. lessee: {LESSEE}") < text.index(f"  3. holder: {HOLDER}")
    assert "hxxps://login[.]bank[.]example/x?id=1" in text
    assert "https://" not in text
    assert "ripe.db.inetnum" in text
    assert "no-net" in text
    assert "1 incidents have nobody to tell" in captured.err


def test_a_bad_row_stops_no_other_and_is_told(notify: Notify, capsys: Capture) -> None:
    assert notify("bad.csv", "-f", "jsonl") == 4
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 7
    assert "row 5: " in captured.err
    assert "nothing is resolved here" in captured.err
    assert "3 of 7 rows are no incidents" in captured.err
    assert notify("bad.csv", "-o", "out") == 4
    assert set(mails("out")) == {LESSEE, HOLDER}
    Path("many.csv").write_text("ip\n" + "x\n" * 1000)
    capsys.readouterr()
    assert notify("many.csv", "-f", "csv") == 4
    assert capsys.readouterr().err.count("\n") == 11


def test_standard_input_other_columns_and_json_lines(
    notify: Notify, leases: str, environment: dict[str, str], program: list[str], capsys: Capture
) -> None:
    line = {"where": {"addr": "252.16.1.9"}, "seen_at": "2026-03-02T10:15:30"}
    text = json.dumps(line) + "\n"
    done = subprocess.run(
        [*program, "notify", "-", "-i", leases, "--desk", "desk", "-f", "jsonl", "--zone",
         "Asia/Tokyo", "--map", "ip=where.addr", "--map", "time=seen_at"],
        input=text, capture_output=True, text=True, env=environment, timeout=60, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["incident"]["time"] == "2026-03-02T10:15:30+09:00"
    assert found["rungs"][0]["mailbox"] == LESSEE
    assert done.stderr == ""


HOSTED: Final = """inetnum: 10.0.0.0 - 10.0.255.255
netname: ALDER
descr: Alder Networks
country: NL
status: ALLOCATED PA
mnt-by: RIPE-NCC-HM-MNT
abuse-c: AL-RIPE
source: RIPE

inetnum: 10.0.1.0 - 10.0.1.255
netname: BIRCH
descr: Birch Hosting
country: NL
status: ASSIGNED PA
mnt-by: ALDER-MNT
abuse-c: BI-RIPE
source: RIPE

aut-num: AS64500
as-name: CEDAR
abuse-c: CE-RIPE
source: RIPE
"""
ROLE: Final = "\nrole: {0}\nnic-hdl: {0}\nabuse-mailbox: abuse@{1}.example\nsource: RIPE\n"


def test_urgent_tells_the_origin_together_with_the_first(
    notify: Notify, capsys: Capture, tmp_path: Path
) -> None:
    names = (("AL-RIPE", "alder"), ("BI-RIPE", "birch"), ("CE-RIPE", "cedar"))
    text = HOSTED + "".join(ROLE.format(*each) for each in names)
    (tmp_path / "ripe.db").write_text(text)
    (tmp_path / "routes").write_text("10.0.1.0\t24\t64500\n")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "x"), routes=[str(tmp_path / "routes")])
    Path("u.csv").write_text("ip,category\n10.0.1.9,c2\n10.0.2.9,c2\n")
    for more, chosen in (([], [[1], [1]]), (["--urgent"], [[1, 3], [1]])):
        assert notify("u.csv", "-f", "jsonl", "-i", "x", *more) == 0
        found = listed(capsys)
        assert [ladder["next"] for ladder in found] == chosen
        assert [rung["kinds"] for rung in found[0]["rungs"]][:3] == [
            ["lessee"], ["holder"], ["origin-as"]
        ]  # fmt: skip
        waits = {rung["wait"] for ladder in found for rung in ladder["rungs"]}
        assert waits == ({4} if more else {24})
    assert notify("u.csv", "-i", "x", "-o", "out", "--urgent") == 0
    assert set(mails("out")) == {f"abuse@{name}.example" for _, name in names}


def test_an_urgent_round_tells_no_presumed_perpetrator_together_with_the_first(
    notify: Notify, capsys: Capture, tmp_path: Path
) -> None:
    names = (("AL-RIPE", "alder"), ("BI-RIPE", "birch"), ("CE-RIPE", "birch"))
    (tmp_path / "ripe.db").write_text(HOSTED + "".join(ROLE.format(*each) for each in names))
    (tmp_path / "routes").write_text("10.0.1.0\t24\t64500\n")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "x"), routes=[str(tmp_path / "routes")])
    Path("u.csv").write_text("ip,category\n10.0.1.9,c2\n")
    Path("them").write_text("Birch Hosting\n")
    assert notify("u.csv", "-f", "jsonl", "-i", "x", "--urgent", "--perpetrators", "them") == 0
    (ladder,) = listed(capsys)
    assert [rung["kinds"] for rung in ladder["rungs"]] == [["holder"], ["lessee", "origin-as"]]
    assert ladder["next"] == [1]
    assert any("presumed perpetrator" in note for note in ladder["rungs"][1]["notes"])
    assert not ladder["rungs"][1]["said"]
    # Where it is the first rung itself, it is told once.
    Path("o.csv").write_text("ip,category\n10.0.1.9,c2\n")
    assert notify("o.csv", "-f", "jsonl", "-i", "x", "--urgent") == 0
    (ladder,) = listed(capsys)
    assert ladder["next"] == [1]


@pytest.mark.parametrize("rows", [("phishing", "scan"), ("scan", "phishing")])
@pytest.mark.parametrize("last", [9, 10])  # of one address, of two
def test_each_case_of_a_mail_waits_its_own_hours(
    notify: Notify, capsys: Capture, rows: tuple[str, str], last: int
) -> None:
    first, second = rows
    Path("w.csv").write_text(
        f"ip,time,category\n252.16.1.9,2026-03-02,{first}\n252.16.1.{last},2026-03-03,{second}\n"
    )
    assert notify("w.csv", "-o", "w", "--ledger", "w.db") == 0
    with open_ledger("w.db") as ledger:
        (report,) = ledger.reports()
        ledger.mark(report.ticket, "sent", _time(MONDAY))
        due = {time: [item.case.incident.category for item in ledger.due(_time(time))]
               for time in (MONDAY, TUESDAY, FRIDAY)}  # fmt: skip
    assert due[MONDAY] == []
    assert due[TUESDAY] == ["phishing"]
    assert sorted(due[FRIDAY]) == ["phishing", "scan"]


def test_a_presumed_perpetrator_is_not_told_first(notify: Notify, capsys: Capture) -> None:
    Path("them").write_text("# by the desk\nmondfisch streaming LIMITED\n")
    assert notify("i.csv", "-f", "jsonl", "--perpetrators", "them") == 0
    first, *_ = listed(capsys)
    assert [rung["mailbox"] for rung in first["rungs"]] == [BROKER, HOLDER, LESSEE]
    assert "perpetrator" in first["flags"]
    assert notify("i.csv", "-f", "jsonl", "--perpetrators", "them", "--never-tell") == 0
    first, *_ = listed(capsys)
    assert [rung["mailbox"] for rung in first["rungs"]] == [BROKER, HOLDER]
    assert LESSEE in [item["mailbox"] for item in first["dropped"]]


# -- drafts -----------------------------------------------------------------------------------


def test_drafts_are_those_of_the_triage(notify: Notify, leases: str, capsys: Capture) -> None:
    assert notify("i.csv", "-o", "out", "--form", "eml", "--form", "csv", "-f", "jsonl") == 0
    rows = listed(capsys)
    with open_index(leases, desk="desk") as index, open("i.csv", "rb") as stream:
        wanted = triage(ladders(index, read(stream, "csv")))
    assert [(row["recipient"], row["kind"], row["incidents"]) for row in rows] == [
        (item.recipient, item.kind, sum(len(each.incidents) for each in item.sections))
        for item in wanted
    ]
    texts = mails("out")
    assert set(texts) == {LESSEE, HOLDER}
    assert texts[LESSEE].count("URL (defanged)") == 2
    assert all(Path(row["file"]).is_file() for row in rows)
    assert len(os.listdir("out")) == 4
    assert notify("i.csv", "-o", "out") == 5
    assert "there is such a file already" in capsys.readouterr().err
    assert notify("i.csv", "-o", "out", "--replace") == 0
    out = capsys.readouterr().out
    assert LESSEE in out
    assert ".eml" in out
    assert notify("i.csv", "-o", "second", "--step", "2", "-f", "csv") == 0
    assert set(mails("second")) == {BROKER}


def test_language_tlp_and_forwarding_by_option(notify: Notify) -> None:
    assert notify("i.csv", "-o", "out", "--lang", "ja", "--tlp", "GREEN", "--forward", "send") == 0
    for text in mails("out").values():
        assert "TLP:GREEN" in text
        assert "報告者の名称を含めて" in text
    Path("desk/templates").mkdir()
    Path("desk/templates/notification.en.txt.j2").write_text("Ours: {{ ticket }} {{ 7 * 6 }}\n")
    assert notify("i.csv", "-o", "own") == 0
    assert all("Ours: CASE-20260504-" in text for text in mails("own").values())


# -- rounds -----------------------------------------------------------------------------------


def test_rounds_by_a_ledger(notify: Notify, capsys: Capture) -> None:
    book = ("--ledger", "cases.db")
    assert notify("i.csv", "-f", "csv", *book) == 5  # only a round of drafts makes one
    assert not Path("cases.db").exists()
    capsys.readouterr()
    assert notify("i.csv", "-o", "a", *book, "-f", "jsonl") == 0
    tickets = {row["recipient"]: row["ticket"] for row in listed(capsys)}
    assert notify("i.csv", "-o", "b", *book) == 0
    captured = capsys.readouterr()
    assert captured.out == "no drafts\n"
    assert "3 incidents are in the ledger already" in captured.err

    def due(now: str) -> list[dict[str, Any]]:
        assert notify("--due", *book, "-f", "jsonl", "--now", now) == 0
        return listed(capsys)

    assert due(FRIDAY) == []  # drafted is not sent
    assert notify("--due", *book) == 0
    assert capsys.readouterr().err == "rirdex: nothing is due\n"
    with open_ledger("cases.db") as ledger:
        for ticket in tickets.values():
            ledger.mark(ticket, "sent", _time(MONDAY))
    assert due(MONDAY) == []
    tuesday = due(TUESDAY)  # phishing waits for 24 hours, scans for 72
    assert [ladder["incident"]["ip"] for ladder in tuesday] == ["252.16.1.9"] * 2
    assert [ladder["next"] for ladder in tuesday] == [[2], [2]]
    assert [ladder["incident"]["ip"] for ladder in due(FRIDAY)].count("252.16.2.9") == 1
    assert notify("--due", *book, "-o", "c", "--now", TUESDAY) == 0
    assert set(mails("c")) == {BROKER}
    capsys.readouterr()
    assert due(TUESDAY) == []
    with open_ledger("cases.db") as ledger:
        ledger.mark(tickets[HOLDER], "answered", _time(TUESDAY))
        ledger.mark(tickets[LESSEE], "bounced", _time(TUESDAY))
    assert due(FRIDAY) == []


def test_a_mailbox_that_mail_came_back_from_is_behind(
    notify: Notify, leases: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = ("--ledger", "cases.db")
    assert notify("i.csv", "-o", "a", *book, "-f", "jsonl") == 0
    tickets = {row["recipient"]: row["ticket"] for row in listed(capsys)}
    with open_ledger("cases.db") as ledger:
        ledger.mark(tickets[LESSEE], "sent", _time(MONDAY))
        ledger.mark(tickets[LESSEE], "bounced", _time(MONDAY))
    Path("new.csv").write_text("ip,time\n252.16.1.77,2026-03-04\n")
    assert notify("new.csv", "-f", "jsonl", *book) == 0
    (ladder,) = listed(capsys)
    assert [rung["mailbox"] for rung in ladder["rungs"]][:3] == [BROKER, HOLDER, LESSEE]
    assert any("came back on 2026-05-04" in note for note in ladder["rungs"][2]["notes"])
    # At once, and not to it again.
    assert notify("--due", *book, "-f", "jsonl") == 0
    for ladder in listed(capsys):
        (number,) = ladder["next"]
        assert ladder["rungs"][number - 1]["mailbox"] == BROKER
    contacts = ["contacts", "252.16.1.77", "-i", leases, "--desk", "desk", "--json"]
    assert run(contacts) == 0
    (before,) = listed(capsys)
    monkeypatch.setenv("RIRDEX_LEDGER", "cases.db")
    assert run(contacts) == 0
    (after,) = listed(capsys)
    boxes = [item["mailbox"] for item in before["contacts"]]
    assert boxes[0] == LESSEE
    moved = [item["mailbox"] for item in after["contacts"]]
    assert moved == [*(box for box in boxes if box != LESSEE), LESSEE]
    assert after["contacts"][-1]["mark"] == "bounced"


def _time(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name files of incidents"),
        (["--due"], 2, "name --ledger"),
        (["--due", "--ledger", "x.db", "i.csv"], 2, "no files"),
        (["--due", "--ledger", "x.db"], 5, "x.db"),
        (["i.csv", "--map", "ip"], 2, "FIELD=COLUMN"),
        (["i.csv", "--map", "ip=nowhere"], 2, "no column"),
        (["i.csv", "--map", "planet=ip"], 2, "no field"),
        (["i.csv", "--zone", "Mars/Olympus"], 2, "no time zone"),
        (["i.csv", "--now", "soon"], 2, "write a time"),
        (["i.csv", "--perpetrators", "nobody.txt"], 5, "nobody.txt"),
        (["nothing.csv"], 5, "nothing.csv"),
        (["i.csv", "-o", "out", "--reporter", "none.toml"], 5, "none.toml"),
        (["i.csv", "-o", "i.csv"], 5, "i.csv"),
        (["i.csv", "-o", "out", "--templates", "none"], 5, "no such folder"),
        (["i.csv", "-o", "out", "--tlp", "RED", "--forward", "send"], 5, "TLP:RED"),
        (["i.csv", "-i", "none.rirdex"], 3, "no index"),
        (["latin.txt", "--perpetrators", "latin.txt"], 5, "UTF-8"),
    ],
)
def test_mistakes_are_told_in_a_line(
    notify: Notify, capsys: Capture, arguments: list[str], code: int, said: str
) -> None:
    Path("latin.txt").write_bytes(b"\xe9\n")
    assert notify(*arguments) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert not Path("out").exists() or not os.listdir("out")


def test_texts_of_incidents_drive_neither_terminal_nor_sheet(
    notify: Notify, capsys: Capture
) -> None:
    hostile = 'ip,url,brand,reference\n252.16.1.9,"https://a.example/\x1b[31m","=1+1","@\u202ex"\n'
    Path("h.csv").write_text(hostile)
    for form in ("text", "jsonl", "csv"):
        assert notify("h.csv", "-f", form, "--csv-safe") in (0, 4)
        captured = capsys.readouterr()
        assert not {"\x1b", "\u202e"} & set(captured.out + captured.err)
    good = 'ip,url,brand,reference\n252.16.1.9,"=https://a.example/","=1+1","@x"\n'
    Path("g.csv").write_text(good)
    assert notify("g.csv", "-f", "csv", "--csv-safe") == 0
    for row in csv.reader(io.StringIO(capsys.readouterr().out)):
        assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_a_reader_that_is_gone_ends_it_quietly(
    notify: Notify, leases: str, environment: dict[str, str], program: list[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*program, "notify", "i.csv", "-i", leases, "--desk", "desk"], stdout=writer,
        stderr=subprocess.PIPE, text=True, timeout=60, env=environment, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
