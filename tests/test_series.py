"""Check the series of invented snapshots by themselves, and an index that keeps their past.

The first part needs no past: each month alone is what the truth says of it. The second builds one
file in several orders; whatever the order, it must answer as the truth does, for every range there
ever was and every month.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from check_series import (
    Series,
    build_months,
    compare_days,
    compare_histories,
    compare_lookups,
    generate,
    has_past,
    history_differences,
    text_of,
)
from series_world import EVENTS
from timeline_truth import REGISTRIES, Range, Tenure, Truth

from rirdex.indexer.build import build
from rirdex.query import open_index
from rirdex.query.names import normal, same_name

SCRIPT = Path(__file__).parent.parent / "fixtures" / "series.py"
MONTHS, LOST = 24, 12  # in the middle APNIC's dumps are missing
ORDERS = {
    "in reverse": [7, 6, 5, 4, 3, 2, 1, 0],
    "shuffled": Random(5).sample(range(8), 8),
    "one late, two twice": [0, 1, 1, 2, 4, 5, 3, 6, 7, 4],
}
DAY = timedelta(1)
with_a_past = pytest.mark.skipif(not has_past(), reason="this version keeps no past")


def digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Return two years of about 300 nets to which much happens."""
    folder = tmp_path_factory.mktemp("series")
    return generate(folder, nets=300, months=MONTHS, change=0.08, seed=2, plain=True)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Return eight months of about 300 nets to which more happens, to build in any order."""
    folder = tmp_path_factory.mktemp("short")
    return generate(folder, nets=300, months=8, change=0.2, seed=3, plain=True)


# -- the series by themselves -------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "abc":
        arguments = [str(tmp_path / name), "--nets", "60", "--months", "4", "--change", "0.3"]
        arguments += ["--seed", "2"] if name == "c" else []
        variables = os.environ | {"PYTHONHASHSEED": str(ord(name))}
        subprocess.run([sys.executable, SCRIPT, *arguments], check=True, env=variables)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c
    assert {name.split("/")[0] for name in a} == {f"2024-0{month}-01" for month in range(1, 5)}
    assert {name for name in a if "apnic" in name and "2024-03" in name} == set()


@pytest.mark.parametrize("month", [0, 5, LOST, LOST + 1, MONTHS - 1])
def test_each_month_alone_is_as_the_truth_says(month: int, series: Series, tmp_path: Path) -> None:
    summary = build([str(series.folders[month])], str(tmp_path / "index"), processes=0)
    assert not [report.path for report in summary.reports if report.reject_counts]
    assert not summary.skipped
    there = {name: month for name in REGISTRIES if series.truth.published(month, name)}
    assert len(there) == (2 if month == LOST else 3)
    with open_index(tmp_path / "index") as index:
        found = compare_lookups(index.lookup, series.truth, there, both=True)
        nets = sum(len(series.truth.current(k, there)) for k in range(len(series.truth.groups)))
        blocks = sum(block.registry in there for block in series.truth.blocks)
        roots = sum(net.role == "placeholder" for net in map(index.net, range(len(index))))
        assert len(index) == nets + blocks + roots
    assert found.compared > 500
    assert not found.differences, found.verdict


def test_a_comparison_sees_what_is_of_another_month(series: Series, tmp_path: Path) -> None:
    build([str(series.folders[3])], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        found = compare_lookups(index.lookup, series.truth, dict.fromkeys(REGISTRIES, 4))
    assert 0.05 < len(found.differences) / found.compared < 0.9


def test_everything_happens_that_an_index_must_tell_apart(series: Series) -> None:
    truth = series.truth
    assert all(series.events[event.__name__] for event in EVENTS)
    past = {place: truth.tenures(place) for place in truth.said}
    kinds: Counter[str] = Counter()
    for tenures in past.values():
        for before, after in pairwise(tenures):
            same = normal(before.last.name) == normal(after.last.name)
            assert before.ended is not None
            assert before.last_seen < before.ended <= after.first_seen
            gap = before.ended < after.first_seen
            kinds[f"{'gap' if gap else 'at once'}, {'same' if same else 'other'}"] += 1
        for tenure in tenures:
            kinds["moved"] += len(tenure.registries) > 1
            kinds["moved without a handle"] += len(tenure.registries) > 1 and not tenure.last.handle
            names = {state.name for state in tenure.states}
            kinds["renamed"] += len({normal(name) for name in names}) > 1
            kinds["respelt"] += len(names) > 1 and len({normal(name) for name in names}) == 1
            kinds["other states"] += len(tenure.states) > 1
            kinds["over the month without dumps"] += (
                tenure.registries == ("APNIC",) and tenure.first_seen < truth.dates[LOST]
                and tenure.last_seen > truth.dates[LOST] and len(tenure.states) == 1
            )  # fmt: skip
            kinds["ended"] += tenure.ended is not None
    assert len(kinds) == 10
    assert min(kinds.values()) > 0, kinds
    assert "at once, same" not in kinds
    assert {place.family for place in past} == {4, 6}
    depths = {len(reply.chain) for k in range(len(truth.groups))
              for _, reply in truth.replies(k, truth.as_of(truth.dates[-1]))}  # fmt: skip
    assert depths >= {0, 1, 2, 3, 4, 5}


def test_names_are_told_apart_by_their_normal_form(series: Series) -> None:
    spellings: dict[str, set[str]] = {}
    for changes in series.truth.said.values():
        for _, record in changes:
            if record:
                spellings.setdefault(normal(record.name), set()).add(record.name)
    assert max(len(names) for names in spellings.values()) > 1
    assert all(same_name(min(names), max(names)) for names in spellings.values())
    assert len(spellings) > 300


def test_a_change_of_date_alone_is_no_change(series: Series) -> None:
    truth, touched = series.truth, 0
    for month in range(1, MONTHS):
        before, after = (
            dict(text.partition(b"\n")[::2] for text in (folder / "ripe.db.inetnum")
                 .read_bytes().split(b"\n\n"))
            for folder in series.folders[month - 1 : month + 1]
        )  # fmt: skip
        for place in truth.said:
            key = f"inetnum:        {place.key}".encode()
            old, new = before.get(key, b""), after.get(key, b"")
            if old != new and old.split(b"last-mod")[0] == new.split(b"last-mod")[0]:
                touched += 1
                one, two = (truth.record(k, "RIPE", place) for k in (month - 1, month))
                assert one is not None
                assert two is not None
                # Name and mailbox may be others, by what the net refers to.
                assert one[:6] == two[:6]
                assert (one.handle, one.way) == (two.handle, two.way)
    assert touched > 5


def test_dumps_of_two_months_together_are_as_the_truth_says(series: Series, tmp_path: Path) -> None:
    months = series.truth.as_of(series.truth.dates[LOST])
    assert months == {"RIPE": LOST, "APNIC": LOST - 1, "AFRINIC": LOST}
    files = [
        str(path)
        for name, month in months.items()
        for path in sorted(series.folders[month].glob(f"{name.lower()}.db*"))
    ]
    build(files, str(tmp_path / "index"), processes=0, snapshot=series.truth.dates[LOST])
    with open_index(tmp_path / "index") as index:
        found = compare_lookups(index.lookup, series.truth, months, both=True)
    assert not found.differences, found.verdict


# -- an index that keeps the past ---------------------------------------------------------------


def built(series: Series, order: Sequence[int], folder: Path) -> Path:
    """Return an index of months that were built in an order."""
    return [*build_months(series, order, folder)][-1]


def days_of(truth: Truth) -> list[date]:
    """Return the dates of all snapshots, days between some of them, before and after all."""
    between = [day + DAY * (3 + 5 * k % 24) for k, day in enumerate(truth.dates)][::2]
    ends = [truth.dates[0] - 40 * DAY, truth.dates[1] - DAY, truth.dates[-1] + 400 * DAY]
    return [*truth.dates, *between, *ends]


@pytest.fixture(scope="module")
def in_order(series: Series, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the open index that was built month after month."""
    with open_index(built(series, range(MONTHS), tmp_path_factory.mktemp("order"))) as index:
        yield index


@with_a_past
def test_every_range_has_the_history_that_the_truth_has(in_order: Any, series: Series) -> None:
    found = compare_histories(in_order, series.truth)
    assert found.compared > 300
    assert not found.differences, found.verdict


@with_a_past
def test_any_query_gives_what_is_around_and_inside(in_order: Any, series: Series) -> None:
    truth = series.truth
    for group in range(0, len(truth.groups), 2):
        wide = max(truth.groups[group], key=lambda place: place.size)
        half = wide._replace(last=wide.first + wide.size // 2 - 1)
        more = [half, wide._replace(last=wide.first + 1), wide._replace(first=wide.last)]
        for query in more:
            past = in_order.history(text_of(query))
            assert not [*history_differences(past, truth, query, group)], text_of(query)
    for nowhere in ("192.0.2.0/24", "243.255.255.255", "2001:db8::/32"):
        assert not in_order.history(nowhere).ranges


@with_a_past
def test_every_month_and_every_day_between_answer_as_the_truth_does(
    in_order: Any, series: Series
) -> None:
    found = compare_days(in_order, series.truth, days_of(series.truth))
    assert not found.differences, found.verdict


@with_a_past
def test_without_a_date_the_latest_dumps_answer(in_order: Any, series: Series) -> None:
    truth = series.truth
    found = compare_lookups(in_order.lookup, truth, truth.as_of(truth.dates[-1]), both=True)
    assert not found.differences, found.verdict


@pytest.fixture(scope="module")
def short_in_order(short: Series, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the open index of the short series that was built month after month."""
    with open_index(built(short, range(8), tmp_path_factory.mktemp("order"))) as index:
        yield index


@with_a_past
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_building_changes_no_answer(
    order: str, short_in_order: Any, short: Series, tmp_path: Path
) -> None:
    truth = short.truth
    with open_index(built(short, ORDERS[order], tmp_path)) as opened:
        index: Any = opened
        found = compare_histories(index, truth)
        assert not found.differences, found.verdict
        found = compare_days(index, truth, truth.dates)
        assert not found.differences, found.verdict
        found = compare_lookups(index.lookup, truth, truth.as_of(truth.dates[-1]))
        assert not found.differences, found.verdict
        assert len(index) == len(short_in_order)
        for place in [*truth.said][::9]:
            query, day = str(place.ends[0]), truth.dates[place.last % 8]
            left, right = (each.lookup(query, at=day) for each in (index, short_in_order))
            assert left.to_dict() == right.to_dict()
            assert index.lookup(query).to_dict() == short_in_order.lookup(query).to_dict()


@with_a_past
def test_dumps_may_be_missing_at_the_beginning_and_at_the_end(tmp_path: Path) -> None:
    missing = {(0, "RIPE"), (3, "APNIC"), (3, "AFRINIC"), (6, "APNIC"), (7, "APNIC")}
    made = generate(tmp_path / "dumps", 90, 8, 0.3, seed=3, missing=missing, plain=True)
    with open_index(built(made, [3, 7, 0, 6, 1, 5, 2, 4], tmp_path)) as index:
        for found in (
            compare_histories(index, made.truth),
            compare_days(index, made.truth, days_of(made.truth)),
            compare_lookups(index.lookup, made.truth, made.truth.as_of(date(2030, 1, 1))),
        ):
            assert not found.differences, found.verdict


@with_a_past
def test_thousands_of_nets_answer_as_the_truth_does(tmp_path: Path) -> None:
    made = generate(tmp_path / "dumps", 2000, 4, 0.06, seed=5)
    with open_index(built(made, range(4), tmp_path)) as index:
        for found in (
            compare_histories(index, made.truth, every=2),
            compare_days(index, made.truth, made.truth.dates, every=3),
        ):
            assert not found.differences, found.verdict


# -- the comparison itself ----------------------------------------------------------------------


def states_of(tenure: Tenure) -> list[Any]:
    """Return the states of a tenure; a mailbox of its own makes one, one from above does not."""
    states: list[Any] = []
    for day, record in tenure.seen:
        kept = record._replace(contact=None)
        if states and states[-1].kept == kept:
            states[-1].last_seen, states[-1].contact = day, record.contact
        else:
            states.append(
                SimpleNamespace(**record._asdict(), first_seen=day, last_seen=day, kept=kept)
            )
    return states


def as_objects(truth: Truth, query: Range, group: int) -> Any:
    """Return a history as an index gives it, made from the truth."""
    ranges = []
    for past in truth.history(query, group):
        tenures = [
            SimpleNamespace(
                **tenure.last._asdict(), first_seen=tenure.first_seen, ended=tenure.ended,
                last_seen=tenure.last_seen, states=states_of(tenure),
            )
            for tenure in past.tenures
        ]  # fmt: skip
        first, last = past.range.ends
        ranges.append(
            SimpleNamespace(first=first, last=last, relation=past.relation, tenures=tenures)
        )
    return SimpleNamespace(ranges=ranges)


def split_state(tenure: Any) -> None:
    """Let a state be two, though nothing changed."""
    for number, state in enumerate(tenure.states):
        if state.first_seen < state.last_seen == date(2024, 3, 1):
            one = SimpleNamespace(**vars(state))
            one.last_seen, state.first_seen = date(2024, 2, 1), date(2024, 3, 1)
            tenure.states.insert(number, one)
            return


WRONG: dict[str, Callable[[Any], None]] = {
    "ended": lambda tenure: setattr(tenure, "ended", tenure.last_seen),
    "contact": lambda tenure: setattr(tenure.states[0], "contact", "x@a.example"),
    "state": lambda tenure: tenure.states.pop(),
    "nothing changed": split_state,
    "has one state from": lambda tenure: setattr(tenure.states[0], "last_seen", tenure.last_seen),
}


@pytest.mark.parametrize("what", ["", *WRONG])
def test_a_comparison_of_histories_sees_what_differs(what: str, series: Series) -> None:
    truth = series.truth
    places = {text_of(place): place for place in truth.said}

    def history(query: str) -> Any:
        found = as_objects(truth, places[query], truth.group_of[places[query]])
        for each in found.ranges if what else ():
            WRONG[what](each.tenures[0])
        return found

    found = compare_histories(SimpleNamespace(history=history), truth)
    assert found.compared == len(truth.said)
    told = [text for text in found.differences if what and what in text]
    assert len(told) > 10 if what else not found.differences


def test_a_comparison_of_histories_misses_no_range(series: Series) -> None:
    truth = series.truth
    query, group = next((p, k) for k, group in enumerate(truth.groups) for p in group[1:2])
    for change in (list.pop, list.reverse, lambda ranges: ranges.append(ranges[0])):
        found = as_objects(truth, query, group)
        change(found.ranges)
        differences = [*history_differences(found, truth, query, group)]
        assert bool(differences) == (change is not list.reverse)
