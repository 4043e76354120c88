"""Check leases: every filter and count against a naive loop over the answers of all nets."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from itertools import islice, pairwise, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.addresses import span
from rirdex.query.auditing import csv_line
from rirdex.query.cells import Json
from rirdex.query.cli import run
from rirdex.query.contacts import for_last
from rirdex.query.errors import AddressError, StoreError
from rirdex.query.facts import announced_by
from rirdex.query.layout import CONFIDENCES, VERDICTS
from rirdex.query.lease_counts import summary
from rirdex.query.leases import LeasesError, Row, answer_of, rows, select
from rirdex.query.model import Answer
from rirdex.query.names import normal
from rirdex.query.verdicts import LEASED

Capture = pytest.CaptureFixture[str]
FIXTURES = Path(__file__).parent.parent / "fixtures"
FINGERPRINTS = """
[[party]]
name = "Middle Broker"
kind = "broker"
maintainers = ["MIDDLE-MNT"]
organisations = ["ORG-MID1-TEST"]
netnames = ["MIDDLE-*"]
descrs = ["Middle Broker*"]
domains = ["middle.example"]
source = "invented for the tests"
date = 2026-01-31
confidence = "high"
"""
ORGS = {
    "ORG-ONE1-TEST": "One Networks Ltd", "ORG-ONE2-TEST": "ONE NETWORKS, L.T.D.",
    "ORG-TWO1-TEST": "Zweites Netz GmbH", "ORG-TEL1-TEST": "Télé & Fils S.A.",
    "ORG-MID1-TEST": "Middle Broker B.V.", "ORG-EVL1-TEST": "=cmd|' /C calc'!A0",
}  # fmt: skip
DESCRS = (
    "Some User",
    "SOME USER Inc.",
    "télé &amp; fils",
    "Middle Broker",
    "One Networks",
    "-Minus",
)
MAINTAINERS = ("HOLDER-MNT", "USER-MNT", "MIDDLE-MNT")
COUNTRIES = ("DE", "NL", "US", "EU")
BELOW = ("SUB-ALLOCATED PA", "ASSIGNED PA", "LIR-PARTITIONED PA")
BELOW6 = ("ALLOCATED-BY-LIR", "ASSIGNED", "AGGREGATED-BY-LIR")


# -- worlds -----------------------------------------------------------------------------------


def an(kind: str, key: str, *lines: str, source: str = "RIPE") -> str:
    """Write an object."""
    return "\n".join([f"{kind}: {key}", *lines, f"source: {source}", ""])


def written(six: bool, first: int, last: int) -> str:
    """Write a range as a key; of IPv6 it is a prefix."""
    if six:
        return f"{IPv6Address(first)}/{128 - (last - first).bit_length()}"
    return f"{IPv4Address(first)} - {IPv4Address(last)}"


def ranges(rng: Random, six: bool) -> Iterator[tuple[int, int, int]]:
    """Yield first, last, depth: blocks and what is in them, which for IPv4 may cross."""
    base, unit = (0x3FFF << 112, 1 << 92) if six else (10 << 24, 1 << 8)
    for block in range(4):
        low = base + block * 16 * unit
        yield low, low + 16 * unit - 1, 0
        for _ in range(rng.randrange(9)):
            size = rng.choice((8, 4, 2, 1))
            at = rng.randrange(16 // size) * size
            if not six and not rng.randrange(3):
                at = rng.randrange(17 - size)
            yield low + at * unit, low + (at + size) * unit - 1, 1
            if not rng.randrange(3):
                yield low + at * unit, low + at * unit + unit // 4 - 1, 2


def nets(rng: Random) -> Iterator[str]:
    """Yield nets of a registry with blocks of holders and nets of users in them."""
    seen = set()
    for six in (False, True):
        for number, (first, last, depth) in enumerate(ranges(rng, six)):
            if (first, last) in seen:
                continue
            seen.add((first, last))
            lines = [f"netname: {rng.choice(('NET', 'MIDDLE', 'POOL'))}-{number}"]
            lines += [f"descr: {rng.choice(DESCRS)}"] * rng.randrange(2)
            lines += [f"country: {land}" for land in rng.sample(COUNTRIES, rng.randrange(3))]
            lines += [f"org: {rng.choice([*ORGS, 'ORG-LOST-TEST'])}"] * (rng.random() < 0.6)
            lines += ["remarks: for lease"] * (rng.random() < 0.2)
            lines += [f"abuse-c: {rng.choice(('MIDDLE-ROLE', 'USER-ROLE'))}"] * rng.randrange(2)
            if depth:
                lines.append(f"status: {rng.choice(BELOW6 if six else BELOW)}")
            else:
                status = "ALLOCATED-BY-RIR" if six else "ALLOCATED PA"
                lines += [f"status: {status}", "mnt-by: RIPE-NCC-HM-MNT"]
            lines += [f"mnt-by: {name}" for name in rng.sample(MAINTAINERS, 1 + rng.randrange(2))]
            yield an("inet6num" if six else "inetnum", written(six, first, last), *lines)


def announced(rng: Random) -> Iterator[str]:
    for six in (False, True):
        for first, last, _ in ranges(rng, six):
            if not last - first + 1 & last - first:
                size = (last - first).bit_length()
                address = IPv6Address(first) if six else IPv4Address(first)
                length = (128 if six else 32) - size
                yield f"{address}/{length},AS{rng.randrange(64496, 64504)}\n"


def made(folder: Path, rng: Random) -> Path:
    """Build an index of an invented world, with routes, and a facilitator in the desk."""
    objects = [
        an("inetnum", "0.0.0.0 - 255.255.255.255", "netname: IANA-BLK",
           "status: ALLOCATED UNSPECIFIED", "mnt-by: RIPE-NCC-HM-MNT"),
        *(an("organisation", handle, f"org-name: {name}", "org-type: LIR")
          for handle, name in ORGS.items()),
        *(an("role", handle, f"role: {handle}", f"abuse-mailbox: abuse@{domain}",
             f"nic-hdl: {handle}")
          for handle, domain in (("MIDDLE-ROLE", "middle.example"), ("USER-ROLE", "user.example"))),
        *(an("aut-num", f"AS{number}", f"as-name: AS-{number}", f"org: {handle}")
          for number, handle in zip(range(64496, 64500), ORGS, strict=False)),
        *nets(rng),
    ]  # fmt: skip
    (folder / "ripe.db").write_text("\n".join(objects))
    (folder / "routes.csv").write_text("prefix,origin\n" + "".join(sorted(set(announced(rng)))))
    (folder / "fingerprints.toml").write_text(FINGERPRINTS)
    routes = [str(folder / "routes.csv")] if rng.random() < 0.8 else []
    target = folder / "index"
    build([str(folder / "ripe.db")], str(target), processes=0, routes=routes, desk=str(folder))
    return target


WORLDS = ("now", "world", "routed", *range(4))


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("leases")
    if isinstance(request.param, int):
        target = made(folder, Random(request.param))
    else:
        target = folder / "index"
        source = FIXTURES / ("now" if request.param == "now" else "world")
        routes = []
        if request.param == "routed":
            routes = [str(folder / "routes.csv")]
            places = product((65, 97, 129, 152, 217), range(0, 256, 2))
            lines = (f"10.{second}.{third}.0/24,AS64511\n" for second, third in places)
            (folder / "routes.csv").write_text("prefix,origin\n" + "".join(lines))
        build([str(source)], str(target), processes=0, routes=routes)
    with open_index(target, desk=folder) as index:
        yield index


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return one of the invented worlds, with leases of every kind."""
    folder = tmp_path_factory.mktemp("small")
    with open_index(made(folder, Random(3)), desk=folder) as index:
        assert len(select(index)) > 10
        yield index


# -- the naive way ----------------------------------------------------------------------------


class Case:
    """Hold a net, the answer to its range, and what is asked of it."""

    def __init__(self, index: Index, number: int) -> None:
        self.net = index.net(number)
        self.answer: Answer = index.lookup(f"{self.net.first} - {self.net.last}")
        if self.answer.chain[-1:] != (self.net,):
            # Another net has the range, or another registry: nobody can ask for this one.
            self.answer = answer_of(index, self.net)
        self.lease = self.answer.lease.to_dict()
        self.rules = [item["rule"] for item in self.lease["evidence"]]
        self.mails = [item.mailbox for item in for_last(self.answer.chain)]

    def row(self) -> Row:
        lessor, lessee = self.answer.lessor, self.answer.lessee
        facilitator, holder = self.answer.facilitator, self.answer.holder_net
        return Row(
            str(self.net.first), str(self.net.last), self.net.cidrs, self.net.netname,
            self.net.status, self.net.registry, self.net.country, holder.country if holder else (),
            lessor and lessor.name, lessor and lessor.handle, lessee and lessee.name,
            lessee and lessee.handle, facilitator and facilitator.name, self.lease["verdict"],
            self.lease["confidence"], tuple(self.rules), *announced_by(self.answer),
            tuple(dict.fromkeys(filter(None, self.mails))),
        )  # fmt: skip


def cases(index: Index) -> list[Case]:
    numbers = range(len(index))
    apart = ("registry", "placeholder")
    return [Case(index, k) for k in numbers if index.net(k).role not in apart]


def is_party(party: Any, text: str) -> bool:
    if party is None:
        return False
    handle = party.handle or ""
    same = normal(party.name or "") == normal(text) != ""
    return same or (handle != "" and handle.upper() == text.strip().upper())


def lies_in(case: Case, text: str) -> bool:
    bounds = span(text)
    assert bounds is not None
    first, last = case.net.bounds
    return case.net.family == bounds.family and bounds.first <= first <= last <= bounds.last


FILTERS: dict[str, Callable[[Case, Any], bool]] = {
    "lessor": lambda case, text: is_party(case.answer.holder, text),
    "lessee": lambda case, text: (
        is_party(case.answer.user, text) and "user-is-facilitator" not in case.rules
    ),
    "facilitator": lambda case, text: is_party(case.answer.facilitator, text),
    "country": lambda case, text: text.upper() in case.net.country,
    "registry": lambda case, text: case.net.registry == text.upper(),
    "verdicts": lambda case, words: case.lease["verdict"] in words,
    "confidence": lambda case, word: (
        CONFIDENCES.index(case.lease["confidence"]) >= CONFIDENCES.index(word)
    ),
    "inside": lies_in,
}


def naive(found: Iterable[Case], **asked: Any) -> list[int]:
    asked = {"verdicts": LEASED} | asked
    tests = [(FILTERS[name], value) for name, value in asked.items()]
    return [case.net.id for case in found if all(test(case, value) for test, value in tests)]


def asked_for(found: Sequence[Case]) -> Iterator[dict[str, Any]]:
    """Yield what can be asked of a world: every party, country, verdict there is, and others."""
    texts: dict[str, set[str]] = {name: {"", "nobody", "Ltd"} for name in FILTERS}
    for case in found:
        answer = case.answer
        sides = (("lessor", answer.holder), ("lessee", answer.user))
        for name, party in (*sides, ("facilitator", answer.facilitator)):
            texts[name] |= {text for text in party[:2] if text} if party else set()
    for name in ("lessor", "lessee", "facilitator"):
        both = texts[name] | {text.swapcase() for text in texts[name]}
        yield from ({name: text} for text in sorted(both))
    countries = {country for case in found for country in case.net.country}
    yield from ({"country": text} for text in sorted({*countries, "zz", "de", ""}))
    yield from ({"registry": text} for text in sorted({case.net.registry for case in found}))
    yield from ({"verdicts": [verdict]} for verdict in VERDICTS)
    yield from ({"confidence": word} for word in CONFIDENCES)
    for text in ("10.0.0.0/8", "10.0.8.0 - 10.0.31.255", "3fff::/20", "3fff:0:3000::/36",
                 "0.0.0.0/0", "::/0", "10.0.0.1", "10.0.0.0/22", "198.51.100.0/24"):  # fmt: skip
        yield {"inside": text}


def check_filters(index: Index, found: Sequence[Case]) -> None:
    assert select(index).tolist() == naive(found)
    everything = {"verdicts": VERDICTS}
    for asked in asked_for(found):
        for more in ({}, everything):
            assert select(index, **(more | asked)).tolist() == naive(found, **(more | asked)), asked


# -- choosing ---------------------------------------------------------------------------------


def test_every_filter_finds_what_a_loop_over_all_answers_finds(world: Index) -> None:
    check_filters(world, cases(world))


@settings(
    max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(seed=st.integers(6, 1 << 32))
def test_filters_rows_and_counts_hold_for_any_world(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with open_index(made(folder, Random(seed)), desk=folder) as index:
        found = cases(index)
        check_filters(index, found)
        check_rows(index, found)
        check_summary(index, found)


def test_filters_narrow_each_other(small: Index) -> None:
    found = cases(small)
    parties = {case.answer.holder.name for case in found if case.answer.holder}
    some = False
    for name in sorted(filter(None, parties)):
        for country in COUNTRIES:
            asked = {"lessor": name, "country": country, "confidence": "medium",
                     "inside": "10.0.0.0/8", "registry": "ripe"}  # fmt: skip
            ids = select(small, **asked).tolist()
            assert ids == naive(found, **asked)
            some |= bool(ids)
    assert some


def test_the_worlds_have_what_the_filters_are_for(small: Index) -> None:
    found = cases(small)
    kinds = Counter(case.lease["verdict"] for case in found)
    assert {"leased", "likely-leased", "customer", "own-use"} <= set(kinds)
    told = {case.answer.facilitator.name for case in found if case.answer.facilitator}
    assert len(told) > 1
    assert "Middle Broker" in told
    assert any("user-is-facilitator" in case.rules for case in found)
    assert len(small._tables.view("piece_net"))


def test_ids_ascend_and_are_an_array_of_its_own(small: Index) -> None:
    ids = select(small, verdicts=VERDICTS)
    assert ids.dtype == np.int64
    assert all(left < right for left, right in pairwise(ids.tolist()))
    ids[:] = 0


def test_what_there_is_not_is_the_callers_fault(small: Index) -> None:
    for asked in ({"registry": "NOWHERE"}, {"verdicts": ["hired"]}, {"confidence": "certain"}):
        with pytest.raises(LeasesError, match="is none of"):
            select(small, **asked)
    with pytest.raises(AddressError):
        select(small, inside="10.0.0.1/8")


def test_nothing_is_leased_in_an_empty_index(tmp_path: Path) -> None:
    (tmp_path / "ripe.db").write_text(an("mntner", "A-MNT"))
    build([str(tmp_path / "ripe.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        for asked in ({}, {"lessor": "a"}, {"lessee": "a"}, {"facilitator": "a"}, {"country": "DE"},
                      {"inside": "10.0.0.0/8"}, {"inside": "::/0"}):  # fmt: skip
            assert select(index, **asked).tolist() == []
        assert [*rows(index, select(index))] == []
        found = summary(index, select(index))
        assert found.total == (0, 0, 0)
        assert not any(found.sections.values())


# -- rows -------------------------------------------------------------------------------------


def check_rows(index: Index, found: Sequence[Case]) -> None:
    known = {case.net.id: case for case in found}
    ids = select(index, verdicts=VERDICTS)
    assert set(ids.tolist()) == set(known)
    for number, row in zip(ids.tolist(), rows(index, ids), strict=True):
        assert row == known[number].row()


def test_rows_say_what_the_answers_say(world: Index) -> None:
    check_rows(world, cases(world))


def test_a_row_is_made_when_its_turn_comes(small: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    one = Index.net

    def net(self: Index, number: int) -> Any:
        asked.append(number)
        return one(self, number)

    monkeypatch.setattr(Index, "net", net)
    ids = select(small)
    assert asked == []
    found = rows(small, ids)
    assert asked == []
    for turn in range(1, 4):
        next(found)
        assert asked == ids[:turn].tolist()
    assert len([*rows(small, ids.tolist())]) == len(ids)


def test_many_rows_do_not_gather_in_memory(small: Index) -> None:
    ids = np.broadcast_to(select(small)[:1], 1 << 40)
    assert len([*islice(rows(small, ids), 1000)]) == 1000


def test_a_closed_index_gives_no_rows(tmp_path: Path) -> None:
    index = open_index(made(tmp_path, Random(3)))
    found = rows(index, select(index))
    next(found)
    index.close()
    with pytest.raises(StoreError):
        next(found)
    with pytest.raises(StoreError):
        select(index)


# -- counts -----------------------------------------------------------------------------------


def label(party: Any) -> str | None:
    if party is None:
        return None
    handle = f"({party.handle})" if party.handle else ""
    return " ".join(filter(None, (party.name, handle)))


def space(found: Sequence[Case]) -> list[Fraction]:
    """Return how many addresses or /48 each net has that none before it has."""
    sizes = []
    for place, case in enumerate(found):
        before = [each.net for each in found[:place] if each.net.family == case.net.family]
        first, last = case.net.bounds
        borders = {first, last + 1}
        borders |= {end for net in before for end in (net.bounds[0], net.bounds[1] + 1)}
        inner = sorted(border for border in borders if first <= border <= last + 1)
        size = sum(
            high - low
            for low, high in pairwise(inner)
            if not any(net.bounds[0] <= low <= net.bounds[1] for net in before)
        )
        sizes.append(Fraction(size, 1 if case.net.family == 4 else 1 << 80))
    return sizes


def check_summary(index: Index, found: Sequence[Case]) -> None:
    ids = select(index)
    mine = [case for case in found if case.lease["verdict"] in LEASED]
    sizes = space(mine)
    counted = summary(index, ids, top=0)
    first: dict[str, str | None] = {}
    for case in mine:  # one party is shown as the first of its nets names it
        holder = case.answer.holder
        if holder:
            first.setdefault(identity(case.answer.holder_net), label(holder))
    keys: dict[str, Callable[[Case], str | None]] = {
        "lessor": lambda case: first.get(identity(case.answer.holder_net)),
        "registry": lambda case: case.net.registry,
        "countries": lambda case: f"{lands(case.answer.holder_net)} > {lands(case.net)}",
        "verdict": lambda case: f"{case.lease['verdict']} {case.lease['confidence']}",
    }
    assert counted.total == total(zip(mine, sizes, strict=True))
    for section, groups in counted.sections.items():
        assert sum(group.total.nets for group in groups) == len(mine)
        if section in keys:
            key = keys[section]
            names = {key(case) for case in mine}
            assert {group.key for group in groups} == names
            for group in groups:
                pairs = zip(mine, sizes, strict=True)
                assert group.total == total(p for p in pairs if key(p[0]) == group.key), section
        order = [(-group.total.nets, group.key is None, group.key or "") for group in groups]
        assert order == sorted(order)
    facilitated = [case for case in mine if label(case.answer.facilitator)]
    groups = counted.sections["facilitator"]
    assert sum(group.total.nets for group in groups if group.key) == len(facilitated)
    assert {(group.key or "").partition(" (")[0] for group in groups} - {""} <= {
        case.answer.facilitator.name for case in facilitated if case.answer.facilitator
    }


def identity(net: Any) -> str:
    if net is None:
        return ""
    return f"#{net.org.handle}" if net.org else normal(net.party.name or "")


def lands(net: Any) -> str:
    return (" ".join(net.country) if net else "") or "-"


def total(pairs: Iterable[tuple[Case, Fraction]]) -> tuple[int, int, Any]:
    pairs = [*pairs]
    four, six = (sum(size for case, size in pairs if case.net.family == each) for each in (4, 6))
    return len(pairs), int(four), pytest.approx(float(six))


def test_counts_are_those_of_a_recount(world: Index) -> None:
    check_summary(world, cases(world))


def test_a_summary_of_all_verdicts_counts_every_address_once(small: Index) -> None:
    found = summary(small, select(small, verdicts=VERDICTS), top=0)
    assert found.total.addresses == 4 * 16 * 256
    assert found.total.prefixes48 == 4 * 16 * 2**12


def test_the_groups_with_most_nets_come_first_and_top_limits_them(small: Index) -> None:
    ids = select(small)
    everything, some = summary(small, ids, top=0), summary(small, ids, top=2)
    assert some.total == everything.total
    for section, groups in some.sections.items():
        assert groups == everything.sections[section][:2]


def test_nets_below_a_64_are_counted_as_parts_of_a_48(tmp_path: Path) -> None:
    base = "3fff:0:0:0:"
    objects = [
        an("inet6num", "3fff::/20", "netname: H", "descr: Holder", "status: ALLOCATED-BY-RIR",
           "mnt-by: RIPE-NCC-HM-MNT"),
        *(an("inet6num", f"{base}{part}", f"netname: U{k}", f"descr: User {k}", "country: DE",
             "remarks: for lease", "status: ASSIGNED", "mnt-by: U-MNT")
          for k, part in enumerate(("0::/80", "0:8000::/81", "1::/80", "ffff:ffff:ffff:ffff/128"))),
    ]  # fmt: skip
    (tmp_path / "ripe.db").write_text("\n".join(objects))
    build([str(tmp_path / "ripe.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        found = summary(index, select(index))
    assert found.total.nets == 4
    assert found.total.prefixes48 == float(Fraction(2 * 2**48 + 1, 1 << 80))


# -- the command ------------------------------------------------------------------------------


def output(capsys: Capture, index: Index, *arguments: str, code: int = 0) -> str:
    assert run(["leases", "-i", index.path, *arguments]) == code
    return capsys.readouterr().out


def test_csv_has_a_header_and_every_row(small: Index, capsys: Capture) -> None:
    text = output(capsys, small, "-f", "csv")
    head, *lines = csv.reader(io.StringIO(text))
    assert tuple(head) == Row._fields
    expected = []
    for row in rows(small, select(small)):
        cells = (" ".join(map(str, c)) if isinstance(c, tuple) else c or "" for c in row)
        expected.append([*cells])
    assert lines == expected


def test_jsonl_has_lists_and_nulls(small: Index, capsys: Capture) -> None:
    found = [json.loads(line) for line in output(capsys, small, "-f", "jsonl").splitlines()]
    assert found == [
        {name: [*cell] if isinstance(cell, tuple) else cell for name, cell in row._asdict().items()}
        for row in rows(small, select(small))
    ]
    assert any(each["facilitator"] is None for each in found)


def test_the_table_has_a_line_for_each_net(small: Index, capsys: Capture) -> None:
    lines = output(capsys, small).splitlines()
    found = [*rows(small, select(small))]
    assert len(lines) == len(found) + 1
    assert lines[0].split() == ["net", "netname", "country", "lessor", "lessee", "facilitator",
                                "origins", "verdict"]  # fmt: skip
    for line, row in zip(lines[1:], found, strict=True):
        assert line.startswith((row.cidrs[0], row.first))
        assert line.endswith(f"{row.verdict}, {row.confidence}")
        assert (row.netname or "-") in line


def test_options_are_those_of_the_library(small: Index, capsys: Capture) -> None:
    for options, asked in (
        (["--lessor", "one networks"], {"lessor": "one networks"}),
        (["--lessee", "org-two1-test"], {"lessee": "org-two1-test"}),
        (["--facilitator", "middle broker"], {"facilitator": "middle broker"}),
        (["--country", "de"], {"country": "de"}), (["--registry", "ripe"], {"registry": "ripe"}),
        (["--confidence", "medium"], {"confidence": "medium"}),
        (["--inside", "10.0.0.0/20"], {"inside": "10.0.0.0/20"}),
        (["--verdict", "customer", "--verdict", "unused"], {"verdicts": ["customer", "unused"]}),
    ):  # fmt: skip
        ids = select(small, **asked)
        text = output(capsys, small, "-f", "csv", *options, code=not len(ids))
        assert text.count("\n") == len(ids) + 1, options


def test_no_match_gives_1_and_says_so(index: Index, small: Index, capsys: Capture) -> None:
    for options in ([], ["--summary"], ["-f", "csv"], ["-f", "jsonl"]):
        assert run(["leases", "-i", small.path, "--lessor", "nobody", *options]) == 1
        assert capsys.readouterr().err == "rirdex: no net matches: names compare whole\n"
    assert run(["leases", "-i", small.path, "--country", "QQ"]) == 1
    assert capsys.readouterr().err == "rirdex: no net matches\n"
    assert run(["leases", "-i", index.path, "--lessor", "nobody"]) == 1
    assert ": names compare whole; the index has no routes, " in capsys.readouterr().err
    assert run(["leases", "-i", index.path, "--country", "QQ"]) == 1
    assert ": the index has no routes, " in capsys.readouterr().err


def test_wrong_options_are_usage_errors(small: Index, tmp_path: Path, capsys: Capture) -> None:
    for options in (
        ["--registry", "NOWHERE"], ["--verdict", "hired"], ["--confidence", "1"],
        ["--inside", "10.0.0.1/8"], ["-f", "xml"], ["--top", "-1"], ["extra"],
    ):  # fmt: skip
        assert run(["leases", "-i", small.path, *options]) == 2, options
    assert run(["leases", "-i", str(tmp_path / "none")]) == 3
    capsys.readouterr()


HOSTILE = an(
    "inetnum", "10.0.0.0 - 10.0.255.255", "netname: H", "descr: =1+1\x1b[31m",
    "status: ALLOCATED PA", "mnt-by: RIPE-NCC-HM-MNT",
) + "".join(
    "\n" + an("inetnum", f"10.0.{k}.0 - 10.0.{k}.255", f"netname: {text}U", f"descr: {text},\"q\"",
              "country: DE", "remarks: for lease", "status: ASSIGNED PA", "mnt-by: U-MNT")
    for k, text in enumerate(("=", "+", "-", "@", "\u202e", "x"))
)  # fmt: skip


def test_texts_of_dumps_can_neither_drive_a_terminal_nor_a_sheet(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "ripe.db").write_text(HOSTILE)
    build([str(tmp_path / "ripe.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        assert len(select(index)) == 6
        for options in ([], ["-f", "csv"], ["-f", "jsonl"], ["--summary"]):
            text = output(capsys, index, *options)
            assert not {"\x1b", "\u202e"} & set(text)
        plain = [*csv.reader(io.StringIO(output(capsys, index, "-f", "csv")))]
        for options in (["-f", "csv"], ["-f", "csv", "--summary"]):
            safe = [*csv.reader(io.StringIO(output(capsys, index, *options, "--csv-safe")))]
            assert not [cell for line in safe for cell in line if cell[:1] in ("=", "+", "-", "@")]
        safe = [*csv.reader(io.StringIO(output(capsys, index, "-f", "csv", "--csv-safe")))]
        assert [[cell.removeprefix("'") for cell in line] for line in safe] == plain
        assert plain[1][Row._fields.index("lessee")] == '=,"q"'


def test_a_line_of_csv_is_read_back_as_it_was() -> None:
    cells = ["a,b", 'say "x"', None, 7, " lead", "=1"]
    assert [*csv.reader([csv_line(cells)])] == [["a,b", 'say "x"', "", "7", " lead", "=1"]]
    assert [line[-1] for line in csv.reader([csv_line(cells, safe=True)])] == ["'=1"]


def test_a_summary_is_the_same_in_every_format(small: Index, capsys: Capture) -> None:
    found = summary(small, select(small), top=3)
    told: Json = json.loads(output(capsys, small, "--summary", "--top", "3", "-f", "jsonl"))
    assert told["schema_version"] == 1
    assert (told["nets"], told["addresses"], told["prefixes48"]) == tuple(found.total)
    for section, groups in found.sections.items():
        lines = [(each["key"], each["nets"], each["addresses"], each["prefixes48"])
                 for each in told[section]]  # fmt: skip
        assert lines == [(group.key, *group.total) for group in groups]
    text = output(capsys, small, "--summary", "--top", "3", "-f", "csv")
    head, whole, *lines = csv.reader(io.StringIO(text))  # type: ignore[assignment]
    assert head == ["section", "key", "nets", "addresses", "prefixes48"]
    assert whole[:3] == ["total", "", str(found.total.nets)]
    assert [tuple(line[:3]) for line in lines] == [
        (section, group.key or "", str(group.total.nets))
        for section, groups in found.sections.items() for group in groups
    ]  # fmt: skip
    text = output(capsys, small, "--summary", "--top", "3")
    assert text.startswith(f"{found.total.nets:,} nets, ")
    for groups in found.sections.values():
        assert all((group.key or "(none)")[:25] in text for group in groups)


def test_names_in_the_text_of_a_summary_are_cut_as_in_the_list(
    tmp_path: Path, capsys: Capture
) -> None:
    name = "A Holder with a Name that is Long GmbH"
    text = an("organisation", "ORG-LO1-TEST", f"org-name: {name}")
    text += "\n" + an("inetnum", "10.0.0.0 - 10.0.255.255", "netname: H", "org: ORG-LO1-TEST",
                      "status: ALLOCATED PA", "mnt-by: RIPE-NCC-HM-MNT")  # fmt: skip
    user = an("inetnum", "10.0.0.0 - 10.0.0.255", "netname: U", "descr: User", "country: DE",
              "remarks: for lease", "status: ASSIGNED PA", "mnt-by: U-MNT")  # fmt: skip
    (tmp_path / "ripe.db").write_text(f"{text}\n{user}")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        text = output(capsys, index, "--summary")
        assert f"\n{name[:25]}… (ORG-LO1-TEST)  " in text
        assert name not in text
        assert f"{name} (ORG-LO1-TEST)" in output(capsys, index, "--summary", "-f", "csv")


def test_a_reader_that_goes_ends_it_quietly(
    environment: dict[str, str], program: list[str], small: Index
) -> None:
    for form in ("table", "csv", "jsonl"):
        line = f'"$@" leases -i {small.path} -f {form} | head -n 1; echo ${{PIPESTATUS[0]}}'
        done = subprocess.run(
            ["bash", "-c", line, "-", *program], capture_output=True, text=True, timeout=60,
            env=environment | {"PYTHONUNBUFFERED": "1"}, check=False,
        )  # fmt: skip
        assert done.stdout.splitlines()[-1] == "0"
        assert len(done.stdout.splitlines()) == 2
        assert done.stderr == ""


def test_the_command_is_offered_without_numpy(environment: dict[str, str]) -> None:
    code = "import sys, rirdex.query.cli; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("asked", [{}, {"lessor": "ORG-ONE1-TEST"}, {"lessor": "one networks"}])
def test_the_first_row_comes_at_once(small: Index, asked: dict[str, str]) -> None:
    next(rows(small, select(small, **asked)))
    begin = time.perf_counter()
    next(rows(small, select(small, **asked)))
    assert time.perf_counter() - begin < 0.05
