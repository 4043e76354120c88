"""Hold the figures of a report against a plain recount, and the page, CSV and JSON together."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from casework_rules import BLOCKS, CHANGED, DESK, FOLDER, block_of, build_index, expected

from rirdex.query import Index, open_index
from rirdex.query.casework import Incident
from rirdex.query.cli import run
from rirdex.query.drafts import drafts, read_reporter
from rirdex.query.escalation import ladders
from rirdex.query.incidents import read
from rirdex.query.ledger import open_ledger
from rirdex.query.report_figures import SPACES, Figures, figures
from rirdex.query.report_page import page
from rirdex.query.report_words import WORDS
from rirdex.query.triage import triage
from rirdex.query.turned import AROUND

CSV: Final = str(FOLDER / "incidents.csv")
NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
Capture = pytest.CaptureFixture[str]
# By hand: what the blocks of that world are, and who lets, stands between and uses them.
LEASED: Final = {
    "leased-own": ("Kranich Netze GmbH", None, "Alpenkaffee Hosting Ltd", "DE", "GB"),
    "leased-own-v6": ("Kranich Netze GmbH", None, "Alpenkaffee Hosting Ltd", "DE", "GB"),
    "leased-none": ("Kranich Netze GmbH", None, "Birkenrinde Media Ltd", "DE", "HK"),
    "broker": ("Kranich Netze GmbH", "Zwischenhafen", "Meerkatze Commerce LLC", "DE", "US"),
    "perpetrator": ("Kranich Netze GmbH", None, "Nachtschatten Hosting Ltd", "DE", "SC"),
    "japanese": ("Kranich Netze GmbH", None, "Kirschbaum Web K.K.", "DE", "JP"),
    "override": ("Banksia Networks Pty Ltd", None, "Sundew Cloud Pte Ltd", "AU", "SG"),
    "tenant": ("Dodo Address Holdings Ltd", None, "Orinoco Nuevo Hosting C.A.", "MU", "VE"),
    "tenant-own": ("Dodo Address Holdings Ltd", None, "Hinoki Hosting K.K.", "MU", "JP"),
}
BEFORE: Final = {
    "tenant": ("Dodo Address Holdings Ltd", None, "Papierdrache Servers Limited", "MU", "HK"),
    "tenant-own": ("Dodo Address Holdings Ltd", None, "Kleeblatt Servers (Pty) Ltd", "MU", "ZA"),
}
LIKELY: Final = (
    "override",
    "tenant",
    "tenant-own",
)  # without an origin that is unrelated and known
QUALITY: Final = {
    "inherited": ("leased-none", "broker", "inherited"), "form": ("form",),
    "none": ("dropped", "legacy", "no-contact", "nir"),
}  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the index of the world of casework."""
    return build_index(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def index(path: Path) -> Iterator[Index]:
    """Return it open."""
    with open_index(path, desk=str(DESK)) as found:
        yield found


@pytest.fixture(scope="module")
def incidents() -> list[Incident]:
    """Return the 300 incidents."""
    with (FOLDER / "incidents.csv").open("rb") as stream:
        return [*read(stream, "csv")]


@pytest.fixture(scope="module")
def counted(index: Index, incidents: list[Incident]) -> Figures:
    """Return the figures of the 300."""
    return figures(index, incidents, top=20)


def table(found: Figures, name: str) -> dict[str, dict[str, Any]]:
    (wanted,) = (item for item in found.tables if item.name == name)
    return {
        key: dict(zip(wanted.columns, row, strict=True)) for key, row in wanted.rows.items()
    }  # fmt: skip


def earlier(item: Incident) -> bool:
    return item.time is not None and item.time.astimezone(UTC).date() < date.fromisoformat(CHANGED)


def parties(item: Incident) -> tuple[str | None, ...] | None:
    name = block_of(item.ip or "")
    return BEFORE[name] if name in BEFORE and earlier(item) else LEASED.get(name)


def space(item: Incident) -> str:
    name = block_of(item.ip or "")
    if name == "nowhere":
        return "none"
    return "registered" if name not in LEASED else SPACES[1 if name in LIKELY else 0]


# -- figures ----------------------------------------------------------------------------------


def test_incidents_are_counted_by_month_sector_and_space(
    counted: Figures, incidents: list[Incident]
) -> None:
    months = Counter(
        (f"{item.time.astimezone(UTC):%Y-%m}", space(item)) for item in incidents if item.time
    )
    found = table(counted, "months")
    assert {(month, name): row[name] for month, row in found.items() for name in SPACES
            if row[name]} == months  # fmt: skip
    for name, field in (("sectors", "sector"), ("categories", "category"), ("brands", "brand")):
        plain = Counter((getattr(item, field), space(item)) for item in incidents)
        rows = table(counted, name)
        assert {(key, each): row[each] for key, row in rows.items() for each in SPACES
                if row[each]} == {key: n for key, n in plain.items() if key[0]}  # fmt: skip
        whole = sum(row["total"] for row in rows.values())
        for row in rows.values():
            leased = row["leased"] + row["likely-leased"]
            assert row["total"] == sum(row[each] for each in SPACES)
            assert row["share"] == pytest.approx(row["total"] / whole, abs=1e-4)
            assert row["share_leased"] == pytest.approx(leased / row["total"], abs=1e-4)
        assert [row["total"] for row in rows.values()] == sorted(
            (row["total"] for row in rows.values()), reverse=True
        )
    about = counted.about
    assert (about["incidents"], about["invalid"]) == (300, 0)
    assert about["untimed"] == sum(item.time is None for item in incidents) > 0
    assert about["leased"] == sum(space(item) in SPACES[:2] for item in incidents)


def test_parties_and_countries_are_counted(counted: Figures, incidents: list[Incident]) -> None:
    told = [held for item in incidents if (held := parties(item))]
    for place, name in enumerate(("lessors", "facilitators", "lessees")):
        plain = Counter(held[place] for held in told if held[place])
        assert {key: row["incidents"] for key, row in table(counted, name).items()} == plain
    pairs = Counter(held[3:] for held in told)
    assert {(row, column): value for row, cells in table(counted, "matrix").items()
            for column, value in cells.items() if value} == pairs  # fmt: skip
    assert counted.about["share_abroad"] == 1.0
    origins = table(counted, "origins")
    assert origins["AS13335"]["incidents"] == sum(
        block_of(item.ip or "") == "cdn" for item in incidents
    )
    assert "AS64508 (Hafenlicht Hosting Ltd)" in origins
    lessees = table(counted, "lessees")["Alpenkaffee Hosting Ltd"]
    assert lessees["addresses"] == len({
        item.ip for item in incidents if block_of(item.ip or "").startswith("leased-own")
    })  # fmt: skip


def test_who_is_told_is_counted_by_country_and_year(
    counted: Figures, incidents: list[Incident]
) -> None:
    kinds: Counter[tuple[str, str]] = Counter()
    for item in incidents:
        rungs = expected(item.ip or "", item.time).rungs
        if item.time:
            year = str(item.time.astimezone(UTC).year)
            kinds[year, rungs[0][0].partition("+")[0] if rungs else "nobody"] += 1
    assert {(year, kind): value for year, row in table(counted, "kinds").items()
            for kind, value in row.items() if value} == kinds  # fmt: skip
    countries = table(counted, "countries")
    assert sum(row["incidents"] for row in countries.values()) == 300 - 10
    assert countries["SC"]["incidents"] == sum(
        block_of(item.ip or "") == "perpetrator" for item in incidents
    )


def test_contacts_and_turnover_are_counted(counted: Figures, incidents: list[Incident]) -> None:
    names = {block: quality for quality, blocks in QUALITY.items() for block in blocks}
    plain: Counter[str] = Counter()
    for item in incidents:
        name = block_of(item.ip or "")
        if name == "tenant":  # the earlier one had a mailbox in its remarks, by AFRINIC's rule
            plain["own" if earlier(item) else "inherited"] += 1
        elif name != "nowhere":
            plain[names.get(name, "own")] += 1
    quality = table(counted, "quality")
    assert {key: row["incidents"] for key, row in quality.items() if row["incidents"]} == plain
    assert quality["form"]["nets"] == 1
    tenants = [item for item in incidents if block_of(item.ip or "") in BEFORE and item.time]
    change = date.fromisoformat(CHANGED)
    away = [(change - item.time.astimezone(UTC).date()).days for item in tenants if item.time]
    turnover = {key: row["incidents"] for key, row in table(counted, "turnover").items()}
    assert turnover["since"] == sum(days > 0 for days in away)
    assert turnover["before"] == sum(-AROUND <= days <= 0 for days in away)
    assert turnover["after"] == sum(0 < days <= AROUND for days in away)
    assert turnover["steady"] == 0
    outside = sum(block_of(item.ip or "") == "nowhere" for item in incidents)
    assert turnover["unknown"] == 300 - len(tenants) - outside


def test_a_block_that_stays_is_steady(index: Index) -> None:
    steady = Incident(1, "246.32.1.1", time=datetime(2024, 8, 1, tzinfo=UTC))
    rows = table(figures(index, [steady]), "turnover")
    assert {key for key, row in rows.items() if row["incidents"]} == {"steady"}


def test_a_ledger_tells_what_came_of_it(
    index: Index, incidents: list[Incident], tmp_path: Path
) -> None:
    mails = triage(ladders(index, incidents))
    made = drafts(mails, read_reporter(DESK / "casework.toml"), tmp_path, ("txt",), now=NOW)
    with open_ledger(tmp_path / "l", create=True) as ledger:
        ledger.record(mails, made, NOW)
        days: dict[str, list[int]] = {}
        for number, (mail, draft) in enumerate(zip(mails, made, strict=True)):
            ledger.mark(draft.ticket, "sent", NOW)
            if number % 2:
                ledger.mark(draft.ticket, "answered", NOW + timedelta(days=number))
                days.setdefault(mail.kind, []).append(number)
        ledger.mark(made[0].ticket, "bounced", NOW)
        found = figures(index, incidents, ledger=ledger)
        index.memory.bounced = ledger.bounced()
        try:
            back = table(figures(index, incidents, ledger=ledger), "quality")["bounced"]
        finally:
            index.memory.bounced = {}
        (box,) = ledger.bounced()
    mine = [mail for mail in mails if mail.recipient == box and mail.kind == "lessee"]
    assert back["incidents"] == sum(len(part.incidents) for mail in mine for part in mail.sections)
    states, answers = table(found, "states"), table(found, "answers")
    assert states["all"] == {"reports": len(mails), "sent": len(mails), "refused": 0,
                             "answered": sum(map(len, days.values())), "bounced": 1}  # fmt: skip
    for kind, numbers in days.items():
        assert answers[kind]["answered"] == len(numbers)
        middle = sorted(numbers)
        half = len(middle) // 2
        median = middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2
        assert answers[kind]["median"] == median
        assert min(middle) <= answers[kind]["lower"] <= median <= answers[kind]["upper"]
    reports = sum(row["reports"] for row in table(found, "countries").values())
    assert reports == len(mails)


# -- page, CSV, JSON --------------------------------------------------------------------------


class Page(HTMLParser):
    """Collect the tables of a page, its attributes, and what does not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.words = ""
        self._figure = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "figure":
            self._figure = dict(attrs)["id"] or ""
        if tag == "tr" and self._figure:
            self.tables.setdefault(self._figure, []).append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._figure = "" if tag == "figure" else self._figure

    def handle_data(self, data: str) -> None:
        if self._figure and self.open[-1:] in (["td"], ["th"]):
            self.tables[self._figure][-1].append(data)
        if "style" not in self.open:
            self.words += data


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_shows_the_numbers_and_needs_nothing_else(counted: Figures, lang: str) -> None:
    text = page(counted, lang)
    found = Page(text)
    assert found.open == []
    assert text.startswith('<!DOCTYPE html>\n<html lang="' + lang)
    assert WORDS[lang]["inference"] in found.words
    assert found.words.index(WORDS[lang]["inference"]) < found.words.index("300")
    for tag, name, value in found.attributes:
        assert not name.startswith("on")
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert name not in ("src", "srcset")
        assert not value.strip().startswith("javascript")
        assert name not in ("href", "xlink:href") or value.startswith("#")
    assert "@import" not in text
    assert "url(" not in text.partition("</style>")[0]
    for item in counted.tables:
        rows = [row for row in found.tables[item.name] if row][1:]
        for shown, cells in zip(rows, item.rows.values(), strict=False):
            plain = [
                f"{cell:.1%}" if name.startswith("share") else f"{cell:,}"
                for name, cell in zip(item.columns, cells, strict=True) if cell is not None
            ]  # fmt: skip
            assert shown[-len(plain) :] == plain
        assert len(rows) >= len(item.rows)
    assert text.count("<svg") == text.count('role="img"') > 8
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_both_languages_say_the_same_things() -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return len(value) if isinstance(value, tuple) else type(value)

    assert shape(WORDS["en"]) == shape(WORDS["ja"])


def test_csv_json_and_the_page_have_the_same_numbers(
    path: Path, counted: Figures, tmp_path: Path, capsys: Capture
) -> None:
    def made(name: str, *more: str) -> str:
        target = tmp_path / name
        assert run(["report", CSV, "-i", str(path), "--desk", str(DESK), "--top", "20", "-q",
                    "-o", str(target), *more]) == 0  # fmt: skip
        return target.read_text()

    found = json.loads(made("r.json"))
    assert found == json.loads(json.dumps(counted.to_dict()))
    rows = [*csv.DictReader(io.StringIO(made("r.csv")))]
    numbers = {(row["table"], row["row"], row["column"]): row["value"] for row in rows}
    assert len(numbers) == len(rows)
    for item in counted.tables:
        for key, row in item.rows.items():
            for column, value in zip(item.columns, row, strict=True):
                wanted = "" if value is None else str(value)
                assert numbers[item.name, key, column] == wanted
    assert made("r.html", "--lang", "ja") == page(counted, "ja")
    assert made("x.html", "--lang", "ja") == page(counted, "ja")
    assert made("y", "-f", "json", "--title", "x") == made("r.json")
    capsys.readouterr()


HOSTILE: Final = (
    "<script>alert(1)</script>", r"$\frac{1}{2}$", "=1+1", "\u202egnp.exe", "a" * 900, "$", "\\",
    "&amp;<b>", "日本語の名前" * 20, "-->", "]]>", "{{ 7 * 7 }}", "\x1b[31m",
)  # fmt: skip


def test_no_text_becomes_markup_mathematics_or_a_formula(index: Index) -> None:
    day = datetime(2025, 1, 1, tzinfo=UTC)
    found = figures(index, [
        Incident(n, "245.16.1.7", time=day, brand=text, sector=text)
        for n, text in enumerate(HOSTILE, 1)
    ], top=50)  # fmt: skip
    for lang in ("en", "ja"):
        text = page(found, lang, title="<script>x</script> $a$")
        parsed = Page(text)
        assert parsed.open == []
        assert not [tag for tag, _, _ in parsed.attributes if tag in ("script", "b")]
        assert "<script" not in text
        assert "49" not in [cell for row in parsed.tables["brands"] for cell in row if row]
        assert not {"\u202e", "\x1b"} & set(text)
        shown = [row[0] for row in parsed.tables["sectors"]]
        for plain in ("<script>alert(1)</script>", r"$\frac{1}{2}$", "{{ 7 * 7 }}", "$"):
            assert plain in shown
            assert plain in parsed.words
    assert len(table(found, "brands")) == len(HOSTILE)


def test_nothing_and_no_times_can_be_counted(index: Index) -> None:
    nothing = figures(index, [])
    assert nothing.about["incidents"] == 0
    for lang in ("en", "ja"):
        assert WORDS[lang]["nothing"] in page(nothing, lang)
    odd = [Incident(n, None, error=f"'{n}' is no address") for n in range(9)]
    odd += [Incident(9, None, error="is no JSON object"), Incident(10, None, error="time: x: none")]
    assert figures(index, odd).about["invalid_by"] == {"address": 9, "record": 1, "time": 1}
    untimed = figures(index, [Incident(1, "245.16.1.7"), Incident(2, None, error="time: is none")])
    assert untimed.about["untimed"] == untimed.about["incidents"] == 1
    assert untimed.about["invalid_by"] == {"time": 1}
    assert "1 rows could not be read" in page(untimed)
    assert not table(untimed, "months")


def test_the_command_counts_what_is_wrong(path: Path, capsys: Capture) -> None:
    arguments = ["report", str(FOLDER / "bad.csv"), "-i", str(path), "--desk", str(DESK)]
    assert run([*arguments, "-f", "json"]) == 4
    captured = capsys.readouterr()
    assert json.loads(captured.out)["about"]["invalid"] == 6
    assert "6 rows are no incidents" in captured.err
    for more, code, said in (
        (["--ledger", "none.db"], 5, "no ledger"), (["-f", "pdf"], 2, "pdf"),
        (["--map", "x"], 2, "FIELD=COLUMN"), (["-o", "/nonexistent/x.html"], 5, "nonexistent"),
        (["--perpetrators", "none"], 5, "none"),
    ):  # fmt: skip
        assert run([*arguments, *more]) == code
        captured = capsys.readouterr()
        assert said in captured.err
        assert "Traceback" not in captured.err
    assert set(BLOCKS) > set(LEASED)
