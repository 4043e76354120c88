"""Check `batch` for earlier days: every row against the look-up of its query on its day."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from check_series import build_months, generate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_batch import (
    ODD,
    OVERRIDES,
    Case,
    Command,
    Row,
    cell,
    cleaned,
    naive,
    objects,
    output,
    records,
    table,
    whole,
)
from test_leases import BELOW, BELOW6, ORGS, an, ranges, written

from rirdex.indexer.build import build
from rirdex.query import Index, earlier, open_index
from rirdex.query.batch import run
from rirdex.query.blocks import InputError
from rirdex.query.columns import COLUMNS
from rirdex.query.dated import day_number
from rirdex.query.days import number_of
from rirdex.query.errors import AddressError, BatchError, DateError
from rirdex.query.tallies import BY, Totals

FIXTURES = Path(__file__).parent.parent / "fixtures"
DAY = timedelta(1)
FIRST = date(2025, 1, 10)
# Whose parts of the invented worlds are: nets lie across.
IANA = [
    (4, (10 << 24) + first * 256, (10 << 24) + last * 256 + 255, name)
    for first, last, name in ((0, 9, "RIPE"), (10, 27, "APNIC"), (28, 30, "ARIN"), (31, 50, "RIPE"))
]
DELEGATED = """\
2|apnic|{0:%Y%m%d}|2|00000000|{0:%Y%m%d}|00000
apnic|*|ipv4|*|1|summary
apnic|JP|ipv4|10.0.20.0|1024|20110412|allocated|A1
"""


# -- worlds ---------------------------------------------------------------------------------------


def about(rng: Random, source: str, six: bool, depth: int) -> tuple[str, ...]:
    """Return what a net says of itself."""
    names = ("One, Inc.", "Two", "T\u00e9l\u00e9")
    lines = [f"netname: NET-{rng.randrange(9)}", f"country: {rng.choice(('DE', 'NL'))}"]
    lines += [f"descr: {text}" for text in rng.sample(names, rng.randrange(3))]
    lines += [f"org: {rng.choice([*ORGS])}"] * rng.randrange(2)
    lines += [f"abuse-c: {rng.choice(('MIDDLE-ROLE', 'USER-ROLE'))}"] * rng.randrange(2)
    lines += ["remarks: abuse to desk@remark.example"] * (rng.random() < 0.2)
    if depth:
        status = rng.choice(BELOW6 if six else BELOW)
    elif source == "RIPE":
        status = "ALLOCATED-BY-RIR" if six else "ALLOCATED PA"
        lines.append("mnt-by: RIPE-NCC-HM-MNT")
    else:
        status = "ALLOCATED PORTABLE"
    return (*lines, f"status: {status}", f"mnt-by: {rng.choice(('A-MNT', 'B-MNT'))}")


def others() -> list[str]:
    """Return the objects that are no nets of parties."""
    return [
        an("inetnum", "0.0.0.0 - 255.255.255.255", "netname: IANA-BLK",
           "status: ALLOCATED UNSPECIFIED", "mnt-by: RIPE-NCC-HM-MNT"),
        *(an("organisation", handle, f"org-name: {name}") for handle, name in ORGS.items()),
        *(an("role", handle, f"role: {handle}", f"abuse-mailbox: abuse@{domain}",
             f"nic-hdl: {handle}")
          for handle, domain in (("MIDDLE-ROLE", "middle.example"), ("USER-ROLE", "user.example"))),
        *(an("aut-num", f"AS{number}", "as-name: AS", "abuse-c: USER-ROLE")
          for number in range(64496, 64499)),
    ]  # fmt: skip


def invented(folder: Path, rng: Random, months: int = 5) -> Path:
    """Build an index of months in which nets of two registries come, go and change.

    They nest and cross, are of one range, and lie in space that IANA gave to another registry.
    """
    places = {
        (source, six, first, last): depth
        for source, share in (("RIPE", 0.8), ("APNIC", 0.5)) for six in (False, True)
        for first, last, depth in ranges(rng, six) if rng.random() < share
    }  # fmt: skip
    nets: dict[tuple[str, bool, int, int], tuple[str, ...] | None] = {}
    target: Path | None = None
    for month in range(months):
        day = FIRST + month * 31 * DAY
        for place, depth in places.items():
            if not month or rng.random() < 0.3:
                nets[place] = about(rng, *place[:2], depth) if rng.random() < 0.75 else None
        files = []
        for source in ("RIPE", "APNIC") if rng.random() < 0.8 else ("RIPE",):
            texts = [
                an("inet6num" if six else "inetnum", written(six, first, last), *lines,
                   source=source)
                for (where, six, first, last), lines in nets.items() if lines and where == source
            ]  # fmt: skip
            texts += others() if source == "RIPE" else []
            files.append(str(folder / f"{source.lower()}{month}.db"))
            Path(files[-1]).write_text("\n".join(texts))
        if rng.random() < 0.5:
            files.append(str(folder / f"delegated-apnic-extended-{day:%Y%m%d}"))
            Path(files[-1]).write_text(DELEGATED.format(day))
        routes = folder / f"routes{month}.csv"
        announced = (f"10.0.{rng.randrange(64)}.0/{rng.choice((22, 23, 24))}" for _ in range(40))
        announced = (each for each in announced if "/24" in each or each.split(".")[2] == "0")
        lines_ = sorted({f"{each},AS{rng.randrange(64496, 64500)}\n" for each in announced})
        routes.write_text("prefix,origin\n10.0.0.0/18,AS64499\n" + "".join(lines_))
        path = folder / f"{month}.rirdex"
        build(files, str(path), processes=0, snapshot=day, iana=IANA,
              previous=str(target) if target else None,
              routes=[str(routes)] if rng.random() < 0.8 else ())  # fmt: skip
        target = path
    assert target is not None
    return target


def series(folder: Path) -> Path:
    """Build an index of a series of invented snapshots."""
    made = generate(folder / "dumps", 90, 5, 0.3, seed=3, plain=True)
    return [*build_months(made, range(5), folder)][-1]


def before_and_now(folder: Path) -> Path:
    """Build an index of the dumps of two years."""
    build([str(FIXTURES / "before")], str(folder / "a.rirdex"), processes=0)
    target = folder / "b.rirdex"
    build([str(FIXTURES / "now")], str(target), processes=0, previous=str(folder / "a.rirdex"))
    return target


@pytest.fixture(scope="module", params=["now", "before", "series", "desk", 2, 5, 6, 7])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("time")
    if request.param == "now":
        target = folder / "index"
        build([str(FIXTURES / "now")], str(target), processes=0)
    elif request.param == "before":
        target = before_and_now(folder)
    elif request.param == "series":
        target = series(folder)
    elif request.param == "desk":
        target = invented(folder, Random(9))
        text = OVERRIDES.replace("252.16.1.9 - 252.16.1.12", "10.0.3.9 - 10.0.3.99")
        (folder / "overrides.csv").write_text(text.replace("252.48.0.0/16", "10.0.8.0/22"))
    else:
        target = invented(folder, Random(request.param))
    with open_index(target, desk=folder) as index:
        yield index


def days_of(index: Index) -> list[date]:
    """Return the days of all snapshots, days between, before and behind them."""
    units = index.meta["past"]["units"]
    known = sorted({date.fromisoformat(day) for unit in units for day in unit["days"]})
    found = {known[0] - 400 * DAY, known[-1] + 400 * DAY}
    for day in known:
        found |= {day - DAY, day, day + DAY}
    return sorted(found)


def asked(index: Index, rng: Random, count: int = 60) -> list[Case]:
    """Return queries for the ends of nets of the present and the past, and others."""
    past = index.times.past
    bounds = {(net.family, *net.bounds) for net in map(index.net, range(len(index)))}
    if past is not None:
        from rirdex.query.records import Net

        bounds |= {(net.family, *net.bounds) for net in (Net(past, k, k) for k in range(past.nets))}
    found = []
    for family, first, last in rng.sample(sorted(bounds), min(len(bounds), count)):
        kind: Any = IPv4Address if family == 4 else IPv6Address
        top = (1 << (32 if family == 4 else 128)) - 1
        places = (first, last, min(last + 1, top), max(first - 1, 0), rng.randint(first, last))
        found += [whole(str(kind(place))) for place in places]
        found.append(whole(" - ".join(map(str, map(kind, (first, last)))) if first < last
                           else str(kind(first))))  # fmt: skip
        ends = sorted((rng.randint(first, last), rng.randint(first, min(last + 999, top))))
        if ends[0] < ends[1]:
            found.append(whole(" - ".join(str(kind(end)) for end in ends)))
    found += [whole(str(IPv4Address((10 << 24) + rng.randrange(1 << 14)))) for _ in range(count)]
    found += [whole(str(IPv4Address(rng.getrandbits(32)))) for _ in range(5)]
    found += ODD
    found = [case for case in found if case in ODD or not case.text.startswith("::")]
    rng.shuffle(found)
    return found


# -- the naive way ------------------------------------------------------------------------------


def row_of(index: Index, case: Case, at: Any) -> Row:
    """Return the row of a query on a day as its look-up has it."""
    then: Any = SimpleNamespace(lookup=lambda query: index.lookup(query, at=at))
    return naive(then, case)


def check_cells(wanted: Sequence[Row], lines: Sequence[Sequence[str]]) -> None:
    assert len(lines) == len(wanted)
    for want, line in zip(wanted, lines, strict=True):
        found: Row = dict(zip(COLUMNS, line, strict=True))
        found["error"] = found["error"] and "True"
        assert found == {name: cell(value) for name, value in want.items()}, want["input"]


def check_objects(wanted: Sequence[Row], rows: Sequence[Row]) -> None:
    assert len(rows) == len(wanted)
    for want, row in zip(wanted, rows, strict=True):
        found = row | {"error": row["error"] is not None or None}
        assert found == {name: cleaned(value) for name, value in want.items()}, want["input"]


def check(index: Index, text: bytes, wanted: Sequence[Row], **options: Any) -> None:
    """Compare the rows of an input in every form with those that are wanted."""
    for form, separator in (("csv", ","), ("tsv", "\t")):
        head, *lines = table(output(index, text, form=form, **options), separator)
        assert head == [*COLUMNS]
        check_cells(wanted, lines)
    plain = objects(output(index, text, form="jsonl", **options))
    check_objects(wanted, plain)
    for form in ("parquet", "arrow", "stream"):
        assert records(index, text, form, **options) == plain


def summed(wanted: Sequence[Row], columns: Sequence[str]) -> Any:
    """Return the counts of rows, as a summary has them."""
    valid = [row for row in wanted if not row["error"]]
    counts = {
        name: Counter(cell(row[name]) for row in valid if row[name] not in (None, []))
        for name in columns
    }
    return len(wanted), len(valid), sum(row["first"] is not None for row in valid), counts


def check_summary(
    index: Index, text: bytes, wanted: Sequence[Row], columns: Sequence[str], **options: Any
) -> None:
    totals = Totals()
    ran = run(
        index, io.BytesIO(text), totals.write, columns=columns, form="summary", **options
    )  # fmt: skip
    found = totals.summary(ran.rows, ran.invalid, 0)
    counts = {
        name: Counter({one["value"]: one["rows"] for one in part["top"]})
        for name, part in found["by"].items()
    }
    told = (found["rows"], found["rows"] - found["invalid"], found["answered"], counts)
    assert told == summed(wanted, columns)


def lines(cases: Iterable[Case]) -> bytes:
    return "".join(f"{case.text}\n" for case in cases).encode()


# -- one day for all ------------------------------------------------------------------------------


def test_every_column_is_what_the_look_up_of_the_day_says(world: Index) -> None:
    rng = Random(1)
    for day in rng.sample(days_of(world), 4):
        cases = asked(world, rng, 20)
        wanted = [row_of(world, case, day) for case in cases]
        check(world, lines(cases), wanted, at=day)
        check_summary(world, lines(cases), wanted, BY, at=day)


def test_every_day_is_answered_whatever_the_processes_and_blocks(world: Index) -> None:
    rng = Random(2)
    for number, day in enumerate(days_of(world)):
        cases = asked(world, rng, 8)
        wanted = [row_of(world, case, day) for case in cases]
        options: dict[str, Any] = {"jobs": 2, "size": 700} if not number % 4 else {"size": 900}
        at = rng.choice((day, str(day), datetime(day.year, day.month, day.day, 23, 59)))
        text = output(world, lines(cases), form="jsonl", at=at, **options)
        check_objects(wanted, objects(text))
        check_summary(world, lines(cases), wanted, ("user", "abuse", "origins"), at=at, **options)


def test_one_column_alone_is_read_by_itself(world: Index) -> None:
    cases = asked(world, Random(3), 20)
    day = days_of(world)[1]
    wanted = [row_of(world, case, day) for case in cases]
    for name in set(COLUMNS) - {"error"}:
        found = table(output(world, lines(cases), [name], at=day))[1:]
        assert [line[0] for line in found] == [cell(row[name]) for row in wanted]


def test_what_is_kept_stands_beside_the_answers_of_the_day(world: Index) -> None:
    cases = [case for case in asked(world, Random(4), 20) if "," not in case.text]
    day = days_of(world)[0]
    text = "ip,n\n" + "".join(f'"{case.text}",{k}\n' for k, case in enumerate(cases) if case.query)
    cases = [case for case in cases if case.query]
    head, *rows = table(output(world, text.encode(), ["user"], given="csv", keep=True, at=day))
    assert head == ["ip", "n", "user"]
    assert [row[2] for row in rows] == [cell(row_of(world, case, day)["user"]) for case in cases]


# -- a day for each row ---------------------------------------------------------------------------


def times_of(rng: Random, day: date) -> str | float:
    """Return a time of a day, in one of the forms that are read."""
    at = datetime(day.year, day.month, day.day, rng.randrange(24), rng.randrange(60), 7, tzinfo=UTC)
    hours = rng.randrange(-12, 13)
    elsewhere = (at + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    return rng.choice((
        str(day), f"{day:%Y%m%d}", at.replace(tzinfo=None).isoformat(" "),
        f"{elsewhere}{hours:+03}:00", at.isoformat().replace("+00:00", "Z"),
        at.timestamp(), int(at.timestamp()), int(at.timestamp() * 1000), at.timestamp() + 0.25,
        str(int(at.timestamp())), f" {day} ",
    ))  # fmt: skip


def timed(index: Index, rng: Random, count: int) -> tuple[list[tuple[Case, Any]], list[Row]]:
    """Return queries with times, some of them none, and their rows."""
    pairs: list[tuple[Case, Any]] = []
    wanted = []
    days = days_of(index)
    for case in asked(index, rng, count):
        if case.query is None and any(mark in case.text for mark in '",\t'):
            continue
        day = rng.choice(days)
        time: Any = rng.choice(("", "foo", "2025-02-30", None)) if rng.random() < 0.1 else day
        if isinstance(time, date):
            time = times_of(rng, day)
            wanted.append(row_of(index, case, day))
        else:
            wanted.append(row_of(index, Case(case.text, None, case.text), day))
        pairs.append((case, time))
    return pairs, wanted


def as_input(pairs: Iterable[tuple[Case, Any]], given: str) -> bytes:
    """Write queries with times as an input of a form."""
    if given == "jsonl":
        rows = ({"ip": case.text, "log": {"seen": time}} for case, time in pairs)
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    separator = "," if given == "csv" else "\t"
    cells = [("seen", "x", "ip"), *(("" if t is None else t, "a", case.text) for case, t in pairs)]
    return "".join(separator.join(map(str, row)) + "\n" for row in cells).encode()


@pytest.mark.parametrize("given_", ["csv", "tsv", "jsonl"])
def test_each_row_is_answered_for_its_own_time(world: Index, given_: str) -> None:
    rng = Random(given_)
    pairs, wanted = timed(world, rng, 20)
    text = as_input(pairs, given_)
    options: dict[str, Any] = {
        "given": given_, "time_field": "log.seen" if given_ == "jsonl" else "SEEN",
    }  # fmt: skip
    check(world, text, wanted, **options)
    for more in (options | {"size": 300}, options | {"jobs": 2, "size": 2000}):
        check_objects(wanted, objects(output(world, text, form="jsonl", **more)))
        check_summary(world, text, wanted, ("holder", "route", "contact"), **more)
    kept = objects(output(world, text, form="jsonl", keep=True, **options))
    for (_, time), row, want in zip(pairs, kept, wanted, strict=True):
        stood = row["log"]["seen"] if given_ == "jsonl" else row["seen"]
        assert stood == time or stood == str("" if time is None else time)
        assert row["user"] == cleaned(want["user"])


def test_columns_may_be_named_by_number_without_a_header(tmp_path: Path) -> None:
    with open_index(before_and_now(tmp_path)) as index:
        rows = ["10.33.77.5,2025-02-12,a", '10.33.77.5,"2025-11-03",b', "10.33.77.5,unknown,c"]
        for text in ("\n".join(rows), "ip,seen,x\n" + "\n".join(rows)):
            for end in ("\n", "\r\n"):
                found = output(index, (text + end).encode(), ["netname", "error"], given="csv",
                               field="1", time_field="2")  # fmt: skip
                then, now, none = table(found)[1:]
                assert then[0] == index.lookup("10.33.77.5", at="2025-02-12").chain[-1].netname
                assert now[0] == index.lookup("10.33.77.5").chain[-1].netname != then[0]
                assert none == ["", "time: 'unknown' is no date"]


def test_what_is_wrong_with_a_time_is_said_in_its_row(tmp_path: Path) -> None:
    with open_index(before_and_now(tmp_path)) as index:
        text = (
            b'ip,seen\n10.33.77.5,foo\n10.33.77.5,\n10.33.77.5\nx y,foo\n10.33.77.0/24,"a ""b"""\n'
        )
        found = table(output(index, text, ["ip", "holder", "depth", "error"], given="csv",
                             time_field="seen"))[1:]  # fmt: skip
        assert found == [
            ["10.33.77.5", "", "", "time: 'foo' is no date"],
            ["10.33.77.5", "", "", "time: empty"],
            ["10.33.77.5", "", "", "time: there is no column 2: the record has 1"],
            ["x y", "", "", "'x y' is no address, prefix or range"],
            ["10.33.77.0/24", "", "", 'time: \'a ""b""\' is no date'],
        ]
        values = ("true", "null", "[]", '"x"', "1e99", "-1e400", '"' + "9" * 70 + '"', '"  "')
        text = "".join(f'{{"ip": "10.33.77.5", "t": {value}}}\n' for value in values).encode()
        rows = objects(output(index, text + b'{"ip": "10.33.77.5"}\n{"ip": 7, "t": 8}\n[1]\n',
                              ["ip", "holder", "error"], form="jsonl", given="jsonl",
                              time_field="t"))  # fmt: skip
        assert {row["holder"] for row in rows} == {None}
        missing = "time: the object has no text or number 't'"
        assert [row["error"] for row in rows[:3]] == [missing] * 3
        assert rows[3]["error"] == "time: 'x' is no date"
        assert rows[4]["error"] == "time: '1e99' is no date"
        assert rows[5]["error"] == "time: '-1e400' is no date"
        assert [row["error"].endswith(" is no date") for row in rows[6:8]] == [True, True]
        assert [row["error"] for row in rows[8:]] == [
            missing, "the object has no text 'ip'", "the line is no JSON object",
        ]  # fmt: skip


def test_a_record_without_end_or_a_line_too_long_spoils_no_other(tmp_path: Path) -> None:
    good = "2025-02-12,10.33.77.5\n"
    for odd in (
        "x" * (2 << 20) + "\n",
        '"' + f"{'y' * 999}\n" * 1100,
        '2025-02-12,"10.33.77.5" b\n',
    ):
        text = f"seen,ip\n{good}{odd}{good * 3}".encode()
        with open_index(before_and_now(tmp_path)) as index:
            rows = table(output(index, text, ["netname", "error"], given="csv", time_field="seen"))
            name = index.lookup("10.33.77.5", at="2025-02-12").chain[-1].netname
            assert rows[1] == rows[-1] == [name, ""]
            assert rows[2][0] == ""


TIMES = {
    "2025-03-02": "2025-03-02", "20250302": "2025-03-02", "2025-W09-7": "2025-03-02",
    "2025-03-02T23:59:59": "2025-03-02", "2025-03-02 23:59:59.999": "2025-03-02",
    "2025-03-02T23:59:59Z": "2025-03-02", "2025-03-02T23:59:59-01:00": "2025-03-03",
    "2025-03-02T00:30+01:00": "2025-03-01", " 2025-03-02\t": "2025-03-02",
    "0": "1970-01-01", "-1": "1969-12-31", "86399.999": "1970-01-01", "86400": "1970-01-02",
    "1740873600": "2025-03-02", "1740873599": "2025-03-01", "1740873599.9": "2025-03-01",
    "1740873600000": "2025-03-02", "1740873599999": "2025-03-01", "1.7408736e9": "2025-03-02",
    "1712111012345": "2024-04-03", "1712111012345.5": "2024-04-03", "12345": "1970-01-01",
    "9999-12-31": "9999-12-31", "0001-01-01": "0001-01-01",
    "": None, "foo": None, "2025-13-01": None, "2025-02-29": None, "99999999": None, "1e20": None,
    "2025-03-02T25:00": None, "2025-03-02T10:00:00 UTC": None, "02/03/2025": None, "nan": None,
    "inf": None, "1_000": None, "\u0661\u0662": None, "17121110123456789": None, "0x10": None,
    "0001-01-01T00:00:00+05:00": None, "9999-12-31T23:00:00-05:00": None, "-2025-03-02": None,
}  # fmt: skip


@pytest.mark.parametrize("text", TIMES)
def test_times_are_read_as_days(text: str) -> None:
    wanted = TIMES[text]
    assert day_number(text) == (number_of(date.fromisoformat(wanted)) if wanted else None)


@given(at=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)), hours=st.integers(-14, 14))
def test_any_time_is_that_of_its_day_in_utc(at: datetime, hours: int) -> None:
    day = (at.date() - date(1970, 1, 1)).days
    assert day_number(at.isoformat()) == day
    elsewhere = (at + timedelta(hours=hours)).isoformat()
    assert day_number(f"{elsewhere}{hours:+03}:00") == day
    seconds = int((at - datetime(1970, 1, 1)).total_seconds())
    if len(str(seconds)) != 8:
        assert day_number(str(seconds)) == day_number(f"{seconds}.5") == day
    if len(str(seconds)) == 10:
        assert day_number(f"{seconds}123") == day


@given(texts=st.lists(st.text(max_size=20), max_size=5))
def test_no_text_breaks_the_reading_of_times(texts: list[str]) -> None:
    for text in texts:
        assert day_number(text) is None or -800_000 < (day_number(text) or 0) < 3_000_000


# -- any rows -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def invented_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("one")
    with open_index(invented(folder, Random(7)), desk=folder) as index:
        yield index


ADDRESSES = st.one_of(
    st.integers(10 << 24, (10 << 24) + (1 << 14)).map(lambda n: str(IPv4Address(n))),
    st.integers(0x3FFF << 112, (0x3FFF << 112) + (1 << 98)).map(lambda n: str(IPv6Address(n))),
    st.tuples(st.integers(0, 63), st.integers(17, 30)).map(
        lambda pair: f"10.0.{pair[0] >> max(24 - pair[1], 0) << max(24 - pair[1], 0)}.0/{pair[1]}"
    ),
    st.tuples(st.integers(0, 31), st.integers(32, 63)).map("10.0.{0[0]}.7 - 10.0.{0[1]}.8".format),
)
SHARED = [HealthCheck.function_scoped_fixture]
DAYS = st.dates(FIRST - 40 * DAY, FIRST + 200 * DAY)


@given(rows=st.lists(st.tuples(ADDRESSES, DAYS), min_size=1, max_size=40),
       size=st.integers(1, 400), room=st.integers(1, 5))  # fmt: skip
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_rows_are_what_their_look_ups_say(
    invented_one: Index, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, date]], size: int,
    room: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(earlier, "_KEPT", room)
    text = "ip,seen\n" + "".join(f"{query},{day}\n" for query, day in rows)
    wanted = [row_of(invented_one, whole(query), day) for query, day in rows]
    found = output(invented_one, text.encode(), form="jsonl", given="csv", time_field="seen",
                   size=size)  # fmt: skip
    check_objects(wanted, objects(found))


@given(queries=st.lists(ADDRESSES, min_size=1, max_size=30), day=DAYS)
@settings(max_examples=40, deadline=None)
def test_arrays_of_the_day_are_what_the_look_ups_say(
    invented_one: Index, queries: list[str], day: date
) -> None:
    wanted = [row_of(invented_one, whole(query), day) for query in queries]
    found = invented_one.lookup_many(queries, columns=COLUMNS, at=day)
    for name in set(COLUMNS) - {"error", "input"}:
        texts = [list(each) if isinstance(each, tuple) else each for each in found[name].tolist()]
        missing = -1 if name == "depth" else None
        assert texts == [missing if row[name] is None else cleaned(row[name]) for row in wanted]
    answers = [*invented_one.lookup_many(queries, at=day)]
    assert [answer.chain for answer in answers] == [
        invented_one.lookup(query, at=day).chain for query in queries
    ]


def test_arrays_of_numbers_and_errors_of_the_many_forms(invented_one: Index) -> None:
    numbers = np.arange(10 << 24, (10 << 24) + (1 << 14), 77, dtype=np.uint32)
    for day in days_of(invented_one):
        found = invented_one.lookup_many(numbers, columns=["netname", "route"], at=day)
        wanted = [invented_one.lookup(number, at=day) for number in numbers.tolist()]
        assert found["route"].tolist() == [answer.route for answer in wanted]
        assert found["netname"].tolist() == [
            answer.chain[-1].netname if answer else None for answer in wanted
        ]
    for columns in (None, ["ip"]):
        many: Callable[..., Any] = invented_one.lookup_many
        with pytest.raises(AddressError) as error:
            [*many(["10.0.0.1", "10.0.0.256"], columns=columns, at=FIRST)]
        assert error.value.position == 1
        with pytest.raises(DateError):
            [*many(["10.0.0.1"], columns=columns, at="yesterday")]


# -- which rows are asked by themselves -----------------------------------------------------------


def test_rows_with_the_answer_of_today_are_not_asked_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Counter[str]()
    answer = earlier.Earlier.answer

    def counted(self: earlier.Earlier, asked: Any, era: int) -> Any:
        made[str(IPv4Address(asked.first))] += 1
        return answer(self, asked, era)

    monkeypatch.setattr(earlier.Earlier, "answer", counted)
    queries = [f"10.33.77.{k}" for k in range(256)] + [f"240.10.33.{k}" for k in range(256)]
    text = "".join(f"{query}\n" for query in queries * 9).encode()
    with open_index(before_and_now(tmp_path)) as index:
        for day, count in (("2025-02-12", 1), ("2025-11-03", 0), ("2025-02-11", 1)):
            made.clear()
            output(index, text, [*set(COLUMNS) - {"contact", "contact_rule", "sponsor", "descr"}],
                   at=day, size=999)  # fmt: skip
            assert made.total() == count
            assert {*made} <= {"10.33.77.0"}


def test_a_placeholder_that_changed_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = an("inetnum", "10.0.0.0 - 10.0.0.255", "netname: N", "status: ALLOCATED PA",
             "mnt-by: RIPE-NCC-HM-MNT")  # fmt: skip
    for month, name in enumerate(("BEFORE", "AFTER")):
        (tmp_path / f"{month}.db").write_text(
            an("inetnum", "0.0.0.0 - 255.255.255.255", "netname: IANA-BLK", f"descr: {name}",
               "status: ALLOCATED UNSPECIFIED", "mnt-by: RIPE-NCC-HM-MNT") + "\n" + net
        )  # fmt: skip
        build([str(tmp_path / f"{month}.db")], str(tmp_path / f"{month}.rirdex"), processes=0,
              snapshot=FIRST + month * DAY,
              previous=str(tmp_path / "0.rirdex") if month else None)  # fmt: skip
    queries = ["10.0.0.1", "10.0.1.1", "10.0.0.0/25", "10.0.0.0/8", "::1"]
    cases = [whole(query) for query in queries]
    with open_index(tmp_path / "1.rirdex") as index:
        assert index.times.past
        assert index.times.past.nets == 1
        check(index, lines(cases), [row_of(index, case, FIRST) for case in cases], at=FIRST)
        monkeypatch.setattr(earlier.Earlier, "answer", None)  # nobody is asked
        output(index, b"10.0.0.1\n10.0.1.1\n10.0.0.0/25\n", ["netname"], at=FIRST)


def test_within_a_piece_the_nets_of_another_registry_may_decide(tmp_path: Path) -> None:
    held = ("status: ALLOCATED PA", "mnt-by: RIPE-NCC-HM-MNT")
    theirs = an("inetnum", "10.0.0.0 - 10.0.0.127", "netname: THEIRS",
                "status: ALLOCATED PORTABLE", source="APNIC")  # fmt: skip
    ours = an("inetnum", "10.0.0.0 - 10.0.0.255", "netname: OURS", *held)
    elsewhere = an("inetnum", "10.0.9.0 - 10.0.9.255", "netname: ELSEWHERE", *held)
    months = ([theirs, elsewhere], [theirs, elsewhere, ours])
    iana = [(4, 10 << 24, (10 << 24) + 255, "RIPE")]
    previous = None
    for month, nets in enumerate(months):
        files = []
        for source in ("RIPE", "APNIC"):
            files.append(str(tmp_path / f"{source.lower()}{month}.db"))
            Path(files[-1]).write_text("\n".join(x for x in nets if f"source: {source}" in x))
        target = str(tmp_path / f"{month}.rirdex")
        build(files, target, processes=0, previous=previous, snapshot=FIRST + 31 * month * DAY,
              iana=iana)  # fmt: skip
        previous = target
    assert previous is not None
    text = b"10.0.0.1\n10.0.0.200\n10.0.0.127\n10.0.0.128\n10.0.0.9\n"
    with open_index(previous) as index:
        now = table(output(index, text, ["netname"]))[1:]
        then = table(output(index, text, ["netname"], at=FIRST + 9 * DAY))[1:]
    assert now == [["OURS"]] * 5
    assert then == [["THEIRS"], [""], ["THEIRS"], [""], ["THEIRS"]]


# -- the command ----------------------------------------------------------------------------------

SEEN = "ip,seen\n10.33.77.5,2025-02-12\n10.33.77.5,2025-11-03\n10.33.77.5,soon\n"


@pytest.fixture(scope="module")
def with_past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return before_and_now(tmp_path_factory.mktemp("past"))


def test_the_command_answers_for_a_day(rirdex: Command, with_past: Path) -> None:
    with open_index(with_past) as index:
        for at in ("2025-02-12", "2025-11-02T23:59:59+00:00", "2025-11-03", "2030-01-01"):
            done = rirdex("batch", "-i", with_past, "--at", at, "-c", "user", "--jobs", "1",
                          stdin=b"10.33.77.5\n")  # fmt: skip
            user = index.lookup("10.33.77.5", at=at).user
            assert user is not None
            assert (done.returncode, done.stdout) == (0, f"user\n{user.name}\n")


def test_the_command_answers_for_the_times_of_rows(
    rirdex: Command, with_past: Path, tmp_path: Path
) -> None:
    (tmp_path / "log.csv").write_text(SEEN)
    command = ("batch", "-i", with_past, tmp_path / "log.csv", "--time-field", "seen")
    done = rirdex(*command, "--keep", "-c", "user,error")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    with open_index(with_past) as index:
        then, now = (
            index.lookup("10.33.77.5", at=day).user for day in ("2025-02-12", "2025-11-03")
        )
    assert then
    assert now
    assert table(done.stdout) == [
        ["ip", "seen", "user", "error"], ["10.33.77.5", "2025-02-12", then.name, ""],
        ["10.33.77.5", "2025-11-03", now.name, ""],
        ["10.33.77.5", "soon", "", "time: 'soon' is no date"],
    ]  # fmt: skip
    done = rirdex(*command, "--summary", "-c", "user", "-f", "jsonl")
    found = json.loads(done.stdout)
    assert (done.returncode, found["rows"], found["invalid"]) == (4, 3, 1)
    assert {one["value"] for one in found["by"]["user"]["top"]} == {then.name, now.name}
    place = tmp_path / "out.parquet"
    assert rirdex(*command, "-o", place).returncode == 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--at", "soon"], "'soon' is no date"),
        (["--at", ""], "is no date"),
        (["--at", "2025-02-12", "--time-field", "seen"], "one for each"),
        (["--time-field", "seen", "--input", "lines"], "lines have none"),
        (["--time-field", "seen", "--input", "text"], "text have none"),
        (["--time-field", "when"], "there is no column 'when': the first record is 'ip', 'seen'"),
        (["--time-field", "3"], "there is no column 3: the first record is 'ip', 'seen'"),
        (["--time-field", "0"], "counted from 1"),
    ],
)
def test_times_that_cannot_be_are_refused(
    rirdex: Command, with_past: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    (tmp_path / "log.csv").write_text(SEEN)
    done = rirdex("batch", "-i", with_past, tmp_path / "log.csv", "-o", tmp_path / "out", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_library_refuses_them_too(invented_one: Index) -> None:
    with pytest.raises(BatchError, match="not both"):
        output(invented_one, b"", at="2025-01-01", time_field="seen", given="csv")
    for form in ("lines", "text"):
        with pytest.raises(InputError, match="no column or member"):
            output(invented_one, b"", time_field="seen", given=form)


def test_an_index_without_a_past_answers_for_every_day(
    rirdex: Command, index: Index, index_path: Path
) -> None:
    text = "".join(f"{case.text}\n" for case in asked(index, Random(5), 20)).encode()
    now = table(output(index, text, ["ip", "netname", "holder", "user", "abuse"]))
    for day in ("1999-01-01", "2026-01-01"):
        assert (
            table(output(index, text, ["ip", "netname", "holder", "user", "abuse"], at=day)) == now
        )
    done = rirdex("batch", "-i", index_path, "--at", "1999-01-01", "-c", "netname",
                  stdin=b"10.33.77.5\n")  # fmt: skip
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
