"""Hold what an index keeps of earlier snapshots against small histories written by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.cli import run
from rirdex.query.errors import DateError, Error, StoreError
from rirdex.query.past import PastAnswer
from rirdex.query.verify import verify

ROOT: Final = Path(__file__).parent.parent
FIXTURES: Final = ROOT / "fixtures"
BLOCK: Final = """
inetnum: 10.0.0.0 - 10.0.255.255
netname: ALDER-BLOCK
descr: Alder Networks Ltd
country: NL
status: ALLOCATED PA
mnt-by: RIPE-NCC-HM-MNT
mnt-by: ALDER-MNT
abuse-c: AL-RIPE
source: RIPE

role: Alder Abuse
nic-hdl: AL-RIPE
abuse-mailbox: abuse@alder.example
source: RIPE
"""
Snapshot = tuple[str, str | dict[str, str]]
Make = Callable[..., Index]


def net(
    bounds: str, name: str, *more: str, source: str = "RIPE", status: str = "ASSIGNED PA"
) -> str:
    """Return an inetnum; ``more`` are further lines."""
    lines = [
        f"inetnum: {bounds}", f"netname: {name.upper().replace(' ', '-')}", f"descr: {name}",
        *more, f"status: {status}", "mnt-by: ALDER-MNT", f"source: {source}",
    ]  # fmt: skip
    return "\n" + "\n".join(lines) + "\n"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return what builds an index of snapshots, one after the other, and opens it."""
    count = 0
    with ExitStack() as stack:

        def made(*snapshots: Snapshot, **options: object) -> Index:
            nonlocal count
            previous = None
            for day, text in snapshots:
                count += 1
                files = text if isinstance(text, dict) else {"ripe.db.inetnum": text}
                folder = tmp_path / f"dumps{count}"
                folder.mkdir()
                for name, content in files.items():
                    (folder / name).write_text(content)
                target = tmp_path / f"{count}.rirdex"
                build([str(folder)], str(target), snapshot=date.fromisoformat(day),
                      previous=previous, processes=0, **options)  # type: ignore[arg-type]  # fmt: skip
                previous = str(target)
            assert previous is not None
            assert not [*verify(previous)]
            return stack.enter_context(open_index(previous))

        yield made


def tenures(index: Index, query: str) -> list[list[tuple[str | None, str, str, str | None]]]:
    """Return for each range of a history name, first, last, and end of its tenures."""
    return [
        [
            (item.name, str(item.first_seen), str(item.last_seen),
             None if item.ended is None else str(item.ended))
            for item in ranged.tenures
        ]
        for ranged in index.history(query).ranges
    ]  # fmt: skip


def then(index: Index, query: str, day: str) -> PastAnswer:
    """Return the answer for an earlier day."""
    answer = index.lookup(query, at=day)
    assert isinstance(answer, PastAnswer)
    return answer


def users(index: Index, query: str, days: Sequence[str]) -> list[str | None]:
    """Return the name of the last net of each day's chain."""
    found = [index.lookup(query, at=day) for day in days]
    return [answer.chain[-1].party.name if answer else None for answer in found]


ONE: Final = "10.0.1.0 - 10.0.1.255"
JANUARY: Final = BLOCK + net(ONE, "Birch Hosting")
FEBRUARY: Final = BLOCK + net(ONE, "Cedar Media", "country: VE")
MARCH: Final = BLOCK
DAYS: Final = ("2025-01-01", "2025-02-01", "2025-03-01")
THREE: Final = [*zip(DAYS, (JANUARY, FEBRUARY, MARCH), strict=True)]
STORY: Final = [
    [("Alder Networks Ltd", "2025-01-01", "2025-03-01", None)],
    [
        ("Birch Hosting", "2025-01-01", "2025-01-01", "2025-02-01"),
        ("Cedar Media", "2025-02-01", "2025-02-01", "2025-03-01"),
    ],
]


@pytest.mark.parametrize(
    "order",
    [
        (0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 2, 1), (2, 0, 1), (0, 1, 0, 2, 1),
        (2, 2, 1, 0, 0),
    ],
)  # fmt: skip
def test_snapshots_may_come_in_any_order_and_again(make: Make, order: Sequence[int]) -> None:
    index = make(*(THREE[k] for k in order))
    assert tenures(index, "10.0.1.7") == STORY
    asked = ("2024-06-01", "2025-01-01", "2025-01-20", "2025-02-01", "2025-02-28", "2025-03-01")
    assert users(index, "10.0.1.7", asked) == [
        "Birch Hosting", "Birch Hosting", "Birch Hosting", "Cedar Media", "Cedar Media",
        "Alder Networks Ltd",
    ]  # fmt: skip
    assert [net.party.name for net in index.lookup("10.0.1.7").chain] == ["Alder Networks Ltd"]
    assert index.history("10.0.1.7").ranges[1].current is None


def test_a_snapshot_that_comes_again_with_other_records_replaces_what_it_said(make: Make) -> None:
    other = BLOCK + net(ONE, "Dogwood Games")
    for again in (0, 1, 2):
        index = make(*THREE, (DAYS[again], other))
        expected = ["Birch Hosting", "Cedar Media", "Alder Networks Ltd"]
        expected[again] = "Dogwood Games"
        assert users(index, "10.0.1.7", DAYS) == expected
    same = make(*THREE, (DAYS[1], JANUARY))
    assert tenures(same, "10.0.1.7")[1] == [
        ("Birch Hosting", "2025-01-01", "2025-02-01", "2025-03-01")
    ]
    assert same.meta["past"]["nets"] == 1
    gone = make(*THREE, (DAYS[1], JANUARY), (DAYS[0], MARCH), (DAYS[1], MARCH))
    assert gone.meta["past"]["nets"] == 0


def test_only_changes_are_stored(make: Make) -> None:
    index = make(*((f"2025-{month:02}-01", JANUARY) for month in range(1, 13)))
    assert index.meta["past"]["nets"] == 0
    assert [len(unit["days"]) for unit in index.meta["past"]["units"]] == [12]
    changed = JANUARY.replace("country: NL", "country: NL\nlast-modified: 2025-05-05T00:00:00Z")
    index = make(("2025-01-01", JANUARY), ("2025-06-01", changed))
    assert index.meta["past"]["nets"] == 0


APNIC: Final = net("100.64.0.0 - 100.64.0.255", "Elm Shop", source="APNIC",
                   status="ASSIGNED PORTABLE")  # fmt: skip


def test_a_source_that_is_missing_stays_as_it_was_last_seen(make: Make) -> None:
    both = {"ripe.db.inetnum": JANUARY, "apnic.db.inetnum": "# 20250101\n\n" + APNIC}
    for order in ((0, 1), (1, 0)):
        snapshots = [("2025-01-01", both), ("2025-02-01", {"ripe.db.inetnum": FEBRUARY})]
        index = make(*(snapshots[k] for k in order))
        last = index.lookup("100.64.0.1").chain[-1]
        assert last.party.name == "Elm Shop"
        place = both["apnic.db.inetnum"].index("inetnum")
        assert (last.dump["file"], last.dump["date"]) == ("apnic.db.inetnum", "2025-01-01")
        assert last.dump["offset"] == place
        assert tenures(index, "100.64.0.1") == [[("Elm Shop", "2025-01-01", "2025-01-01", None)]]
        assert users(index, "100.64.0.1", DAYS) == ["Elm Shop"] * 3
        assert users(index, "10.0.1.7", DAYS[:2]) == ["Birch Hosting", "Cedar Media"]
        assert index.lookup("10.0.1.7").abuse[0].mailbox == "abuse@alder.example"
        names = {source["name"] for source in index.meta["sources"]}
        assert names == {"apnic.db.inetnum", "ripe.db.inetnum"}


def test_a_source_is_late_beside_one_that_is_early(make: Make) -> None:
    first = {"ripe.db.inetnum": JANUARY}
    second = {"ripe.db.inetnum": MARCH, "apnic.db.inetnum": APNIC}
    index = make(("2025-02-01", first), ("2025-01-01", second))
    assert users(index, "10.0.1.7", DAYS[:2]) == ["Alder Networks Ltd", "Birch Hosting"]
    assert index.lookup("10.0.1.7").chain[-1].party.name == "Birch Hosting"
    assert index.lookup("100.64.0.1").chain[-1].party.name == "Elm Shop"


def test_a_family_that_is_missing_stays(make: Make) -> None:
    wide = (
        "\ninet6num: 3fff::/32\nnetname: FIR\ndescr: Fir Media\nstatus: ALLOCATED-BY-RIR\n"
        "source: RIPE\n"
    )
    index = make(("2025-01-01", JANUARY + wide), ("2025-02-01", FEBRUARY))
    assert index.lookup("3fff::1").chain[-1].party.name == "Fir Media"
    assert index.lookup("10.0.1.7").chain[-1].party.name == "Cedar Media"


def test_a_rename_or_another_state_ends_no_tenure(make: Make) -> None:
    org = "\norganisation: ORG-B1-RIPE\norg-name: {}\nsource: RIPE\n"
    mine = net(ONE, "Birch", "org: ORG-B1-RIPE")
    snapshots = [
        BLOCK + org.format("Birch Hosting Ltd") + mine,
        BLOCK + org.format("Birch Cloud Ltd") + mine,
        BLOCK + org.format("Birch Cloud Ltd") + mine.replace("BIRCH", "BIRCH-2"),
        BLOCK + net(ONE, "BIRCH CLOUD GmbH", "country: DE"),
    ]
    days = [f"2025-{month:02}-01" for month in range(1, 5)]
    index = make(*zip(days, snapshots, strict=True))
    ranged = index.history("10.0.1.7").ranges[1]
    assert [(item.name, str(item.first_seen)) for item in ranged.tenures] == [
        ("BIRCH CLOUD GmbH", "2025-01-01")
    ]
    states = ranged.tenures[0].states
    assert [state.name for state in states] == [
        "Birch Hosting Ltd", "Birch Cloud Ltd", "Birch Cloud Ltd", "BIRCH CLOUD GmbH"
    ]  # fmt: skip
    assert [state.netname for state in states][1:3] == ["BIRCH", "BIRCH-2"]
    assert ranged.changes == 0


def test_a_transfer_is_one_tenure_in_two_registries(make: Make) -> None:
    moved = "100.64.8.0 - 100.64.8.255"
    before = {
        "ripe.db.inetnum": BLOCK,
        "apnic.db.inetnum": APNIC + net(moved, "Grove Data", source="APNIC",
                                        status="ASSIGNED PORTABLE"),
    }  # fmt: skip
    after = {
        "ripe.db.inetnum": BLOCK + net(moved, "GROVE DATA Ltd", status="ASSIGNED PI"),
        "apnic.db.inetnum": APNIC,
    }
    index = make(("2025-01-01", before), ("2025-02-01", after))
    (ranged,) = index.history("100.64.8.1").ranges
    (tenure,) = ranged.tenures
    assert tenure.registries == ("APNIC", "RIPE")
    assert (ranged.changes, ranged.gaps, tenure.ended) == (0, (), None)
    assert index.lookup("100.64.8.1", at="2025-01-15").registry == "APNIC"
    assert index.lookup("100.64.8.1", at="2025-02-01").registry == "RIPE"


def test_a_gap_is_seen_between_tenures(make: Make) -> None:
    index = make(*zip(DAYS, (JANUARY, MARCH, JANUARY), strict=True))
    ranged = index.history("10.0.1.7").ranges[1]
    assert [(str(gap.first), str(gap.last)) for gap in ranged.gaps] == [("2025-02-01",) * 2]
    assert [item.ended is None for item in ranged.tenures] == [False, True]
    assert ranged.changes == 1


def test_split_and_merged_blocks_keep_their_past(make: Make) -> None:
    whole = BLOCK + net("10.0.2.0 - 10.0.3.255", "Hazel Net")
    halves = BLOCK + net("10.0.2.0 - 10.0.2.255", "Hazel Net") + net(
        "10.0.3.0 - 10.0.3.255", "Iris Net"
    )  # fmt: skip
    index = make(*zip(DAYS, (whole, halves, whole), strict=True))
    history = index.history("10.0.3.0/24")
    assert [(item.key, item.relation) for item in history.ranges] == [
        ("10.0.0.0 - 10.0.255.255", "around"), ("10.0.2.0 - 10.0.3.255", "around"),
        ("10.0.3.0 - 10.0.3.255", "exact"),
    ]  # fmt: skip
    assert [len(item.tenures) for item in history.ranges] == [1, 2, 1]
    inside = index.history("10.0.2.0/23").ranges
    assert [item.relation for item in inside] == ["around", "exact", "inside", "inside"]
    assert users(index, "10.0.3.9", DAYS) == ["Hazel Net", "Iris Net", "Hazel Net"]


def test_contacts_are_those_of_the_day(make: Make) -> None:
    own = "abuse-c: BI-RIPE"
    role = "\nrole: Birch\nnic-hdl: BI-RIPE\nabuse-mailbox: {}\nsource: RIPE\n"
    snapshots = (
        BLOCK + net(ONE, "Birch Hosting"),
        BLOCK + net(ONE, "Birch Hosting", own) + role.format("abuse@birch.example"),
        BLOCK.replace("abuse@alder", "noc@alder") + net(ONE, "Birch Hosting", own)
        + role.format("abuse@birch.test.example"),
    )  # fmt: skip
    index = make(*zip(DAYS, snapshots, strict=True))
    found = [[item.mailbox for item in index.lookup("10.0.1.7", at=day).abuse] for day in DAYS]
    assert found == [
        ["abuse@alder.example"],
        ["abuse@birch.example", "abuse@alder.example"],
        ["abuse@birch.test.example", "noc@alder.example"],
    ]
    first = then(index, "10.0.1.7", DAYS[0])
    assert first.abuse[0].rule == "ripe.parent"
    assert first.abuse[0].inherited
    assert first.abuse[0].handle == "AL-RIPE"
    assert first.changed == ("contact",)
    assert [item.mailbox for item in first.contacts] == ["abuse@alder.example"]
    states = index.history("10.0.1.7").ranges[1].tenures[0].states
    assert [state.contact for state in states] == [mails[0] for mails in found]


def test_origins_and_verdict_are_those_of_the_day(tmp_path: Path) -> None:
    dumps = tmp_path / "ripe.db.inetnum"
    dumps.write_text(
        JANUARY.replace("abuse-c: AL-RIPE", "org: ORG-A1-RIPE")
        + "\norganisation: ORG-A1-RIPE\norg-name: Alder\nsource: RIPE\n"
        "\naut-num: AS64500\nas-name: ALDER\norg: ORG-A1-RIPE\nsource: RIPE\n"
    )
    previous = None
    for day, origin in (("2025-01-01", 64500), ("2025-02-01", 64510), ("2025-03-01", 64511)):
        routes = tmp_path / f"{day}.pfx2as"
        routes.write_text(f"10.0.1.0\t24\t{origin}\n10.0.0.0\t16\t64500\n")
        target = str(tmp_path / f"{day}.rirdex")
        build([str(dumps)], target, snapshot=date.fromisoformat(day), previous=previous,
              routes=[str(routes)], processes=0)  # fmt: skip
        previous = target
    with open_index(target) as index:
        answers = [then(index, "10.0.1.7", day) for day in DAYS]
        assert [answer.origins for answer in answers] == [(64500,), (64510,), (64511,)]
        assert [answer.route for answer in answers] == ["10.0.1.0/24"] * 3
        assert [answer.lease.verdict for answer in answers] == ["customer", "leased", "leased"]
        assert [answer.lessee is not None for answer in answers] == [False, True, True]
        assert answers[0].changed == ("lessor", "lessee")
        evidence = answers[1].lease.evidence
        assert "AS64510" in next(e["detail"] for e in evidence if e["rule"] == "origin-unrelated")
        # A change of origins ends no tenure, and no state is lost.
        (tenure,) = index.history("10.0.1.7").ranges[1].tenures
        assert [state.origins for state in tenure.states] == [(64500,), (64510,), (64511,)]


ARIN: Final = """
NetHandle: NET-10-64-0-0-1
OrgID: OAKNET
NetName: OAK
NetRange: 10.64.0.0 - 10.64.3.255
NetType: allocation
Source: ARIN

NetHandle: NET-10-64-0-0-2
OrgID: {}
Parent: NET-10-64-0-0-1
NetName: {}
NetRange: 10.64.0.0 - 10.64.3.255
NetType: reassignment
Source: ARIN

OrgID: OAKNET
OrgName: Oak Networks
Source: ARIN

OrgID: PINE
OrgName: Pine Games
Source: ARIN

OrgID: ROWAN
OrgName: Rowan Radio
Source: ARIN
"""


def test_nets_of_one_range_are_told_apart_by_their_handles(make: Make) -> None:
    first, second = ARIN.format("PINE", "PINE-1"), ARIN.format("ROWAN", "ROWAN-1")
    index = make(("2025-01-01", {"arin_db.txt": first}), ("2025-02-01", {"arin_db.txt": second}))
    old = then(index, "10.64.1.1", "2025-01-05")
    assert [net.key for net in old.chain] == ["NET-10-64-0-0-1", "NET-10-64-0-0-2"]
    assert (old.holder.name, old.user.name) == ("Oak Networks", "Pine Games")  # type: ignore[union-attr]
    (ranged,) = index.history("10.64.1.1").ranges
    assert {item.name for item in ranged.tenures} == {"Oak Networks", "Pine Games", "Rowan Radio"}
    assert index.meta["past"]["nets"] == 1


def test_nets_of_the_past_that_cross_are_found(make: Make) -> None:
    crossing = BLOCK + net("10.0.1.0 - 10.0.2.255", "Larch") + net("10.0.2.0 - 10.0.3.255", "Maple")
    index = make(("2025-01-01", crossing), ("2025-02-01", BLOCK))
    for address in ("10.0.1.1", "10.0.2.1", "10.0.3.1"):
        with open_index(index.path.replace("2.rirdex", "1.rirdex")) as alone:
            expected = [net.netname for net in alone.lookup(address).chain]
        assert [net.netname for net in index.lookup(address, at="2025-01-01").chain] == expected


def test_an_earlier_day_of_prefixes_ranges_and_handles(make: Make) -> None:
    index = make(*THREE)
    assert [n.party.name for n in index.lookup("10.0.1.0/25", at=DAYS[0]).chain] == [
        "Alder Networks Ltd", "Birch Hosting"
    ]  # fmt: skip
    around = index.lookup("10.0.1.0 - 10.0.2.0", at=DAYS[0])
    assert [n.party.name for n in around.chain] == ["Alder Networks Ltd"]
    assert [n.party.name for n in index.lookup("10.0.0.0/16", at=DAYS[0]).more] == ["Birch Hosting"]
    assert [n.party.name for n in index.lookup("10.0.0.0/16", at=DAYS[1]).more] == ["Cedar Media"]
    assert index.lookup("AL-RIPE", at=DAYS[0]).object is not None
    assert not index.lookup("192.0.2.1", at=DAYS[0])


def test_days_are_read_as_dates_times_and_texts(make: Make) -> None:
    index = make(*THREE)
    tokyo = timezone(timedelta(hours=9))
    for at, expected in (
        (date(2025, 2, 1), "Cedar Media"), (datetime(2025, 2, 1), "Cedar Media"),
        ("2025-02-01", "Cedar Media"), ("2025-02-01T00:00:00+00:00", "Cedar Media"),
        (datetime(2025, 2, 1, 5, tzinfo=tokyo), "Birch Hosting"),
        ("2025-02-01T08:00:00+09:00", "Birch Hosting"),
        (datetime(2025, 1, 31, 23, tzinfo=UTC), "Birch Hosting"),
    ):  # fmt: skip
        assert index.lookup("10.0.1.7", at=at).chain[-1].party.name == expected
    for wrong in ("yesterday", "2025-02-30", "", "2025", "0001-01-01T00:00:00+05:00"):
        with pytest.raises(DateError):
            index.lookup("10.0.1.7", at=wrong)


def test_the_json_names_snapshot_and_what_differs_today(make: Make) -> None:
    index = make(*THREE)
    found = index.lookup("10.0.1.7", at="2025-01-20").to_dict()
    json.dumps(found)
    assert found["at"] == {
        "asked": "2025-01-20", "snapshot": "2025-01-01", "files": ["ripe.db.inetnum"]
    }  # fmt: skip
    assert found["changed"] == ["user"]
    assert found["user"]["name"] == "Birch Hosting"
    assert found["now"]["user"] is None
    codes = [note["code"] for note in found["notes"]]
    assert "changed-since" in codes
    assert "before-first-snapshot" not in codes
    early = index.lookup("10.0.1.7", at="2020-01-01").to_dict()
    assert "before-first-snapshot" in [note["code"] for note in early["notes"]]


def test_records_of_the_past_are_explained(make: Make) -> None:
    index = make(*THREE)
    old = index.lookup("10.0.1.7", at=DAYS[0]).chain[-1]
    assert old.raw.startswith(b"inetnum: 10.0.1.0 - 10.0.1.255\nnetname: BIRCH-HOSTING")
    assert (old.dump["file"], old.dump["date"]) == ("ripe.db.inetnum", "2025-01-01")
    assert old.dump["offset"] is None
    assert old != index.net(old.id)
    assert index.lookup("10.0.1.7", at=DAYS[0]).to_dict(explain=True, more=True, everything=True)


def test_a_closed_index_has_no_past(make: Make) -> None:
    index = make(*THREE)
    answer = index.lookup("10.0.1.7", at=DAYS[0])
    old = answer.chain[-1]
    index.close()
    for ask in (
        lambda: old.netname, lambda: index.lookup("10.0.1.7", at=DAYS[0]).chain,
        lambda: index.history("10.0.1.7"), lambda: index.lookup("10.0.1.7", at="2025-01-09"),
    ):  # fmt: skip
        with pytest.raises(StoreError):
            ask()


def test_the_same_snapshots_give_the_same_bytes(make: Make) -> None:
    one, other = make(*THREE), make(*THREE)
    assert Path(one.path).read_bytes() == Path(other.path).read_bytes()
    assert one.build_id == other.build_id != make(*THREE[1:]).build_id


# -- turnover ---------------------------------------------------------------------------------


def test_a_user_of_another_country_after_another_is_a_sign(make: Make) -> None:
    abroad = BLOCK + net(ONE, "Birch Hosting", "country: HK")
    index = make(("2025-01-01", abroad), ("2025-02-01", FEBRUARY))
    rules = {item["rule"]: item["detail"] for item in index.lookup("10.0.1.7").lease.evidence}
    assert "Birch Hosting and Cedar Media" in rules["turnover"]
    assert index.lookup("10.0.1.7").lease.verdict == "likely-leased"
    old = index.lookup("10.0.1.7", at="2025-01-01").lease
    assert "turnover" not in {item["rule"] for item in old.evidence}
    off = make(("2025-01-01", abroad), ("2025-02-01", FEBRUARY), without=["turnover"])
    assert off.lookup("10.0.1.7").lease.verdict == "unknown"
    # The rule goes when the past does, and does not make the net look changed.
    again = make(("2025-01-01", abroad), ("2025-02-01", FEBRUARY), ("2025-03-01", FEBRUARY))
    assert again.meta["past"]["nets"] == 1
    late = make(("2025-01-01", abroad), ("2029-02-01", FEBRUARY), ("2029-02-02", FEBRUARY),
                ("2033-01-01", FEBRUARY))  # fmt: skip
    assert "turnover" not in {item["rule"] for item in late.lookup("10.0.1.7").lease.evidence}


def test_two_changes_in_three_years_are_a_sign_and_one_is_none(make: Make) -> None:
    texts = [BLOCK + net(ONE, name) for name in ("Birch", "Birch", "Cedar", "Dogwood")]
    days = ["2020-01-01", "2023-01-01", "2024-01-01", "2025-01-01"]
    snapshots = [*zip(days, texts, strict=True)]
    fired = ["turnover" in {item["rule"] for item in make(*snapshots[:count])
             .lookup("10.0.1.7").lease.evidence} for count in (2, 3, 4)]  # fmt: skip
    assert fired == [False, False, True]


# -- commands ---------------------------------------------------------------------------------


@pytest.fixture
def story(tmp_path: Path) -> str:
    """Return an index of fixtures/before and fixtures/now."""
    before, now = str(tmp_path / "before.rirdex"), str(tmp_path / "now.rirdex")
    assert run(["build", str(FIXTURES / "before"), "-o", before, "-q"]) == 0
    assert run(["build", str(FIXTURES / "now"), "-o", now, "--previous", before, "-q"]) == 0
    return now


def test_the_documented_case_is_told(story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "10.33.77.5", "-i", story]) == 0
    text = capsys.readouterr().out
    assert "Lantern Peak Servers Limited  HK" in text
    assert "Orinoco Espejo Hosting C.A.  VE" in text
    assert "2 tenures from 2025-02-12 to 2025-11-03" in text
    assert run(["lookup", "10.33.77.5", "-i", story, "--at", "2025-03-01"]) == 0
    text = capsys.readouterr().out
    assert "as of 2025-03-01, snapshot of 2025-02-12" in text
    assert "warning: not the same today" in text
    assert run(["lookup", "10.33.77.5", "-i", story, "--at", "2025-03-01", "--lang", "ja"]) == 0
    assert "2025-03-01 時点" in capsys.readouterr().out


def test_history_as_json_and_csv(story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "10.33.77.0/24", "-i", story, "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = [item["name"] for item in found["ranges"][1]["tenures"]]
    assert names == ["Lantern Peak Servers Limited", "Orinoco Espejo Hosting C.A."]
    assert found["ranges"][0]["before"][0] == {
        "date": "2014-02-10", "what": "changed", "text": "10.32.0.0 - 10.47.255.255 of AFRINIC"
    }  # fmt: skip
    assert run(["history", "10.33.77.0/24", "-i", story, "-f", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("query,key,relation,name,")
    assert len(lines) == 4


def test_history_of_nothing_and_of_no_query(story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "8.8.8.8", "-i", story]) == 1
    assert run(["history", "foo", "10.33.77.5", "-i", story]) == 2
    captured = capsys.readouterr()
    assert "no address, prefix or range" in captured.err
    assert "Orinoco" in captured.out
    assert run(["lookup", "10.33.77.5", "-i", story, "--at", "soon"]) == 2
    assert "is no date" in capsys.readouterr().err


def test_leases_are_ranked_by_turnover(story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["leases", "--turnover", "-f", "jsonl", "-i", story]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["first"], row["changes"]) for row in rows] == [("10.33.77.0", 1)]
    assert rows[0]["tenants"] == ["Lantern Peak Servers Limited", "Orinoco Espejo Hosting C.A."]
    assert run(["leases", "--turnover", "--summary", "-f", "csv", "-i", story]) == 0
    assert "ORG-DAH1-TEST,5,1,1," in capsys.readouterr().out


def test_an_index_is_replaced_by_one_with_its_past(tmp_path: Path) -> None:
    target = str(tmp_path / "x.rirdex")
    assert run(["build", str(FIXTURES / "before"), "-o", target, "-q"]) == 0
    assert run(["build", str(FIXTURES / "now"), "-o", target, "--previous", target, "-q"]) == 0
    with open_index(target) as index:
        assert index.meta["past"]["nets"] == 1


def test_a_previous_index_that_is_none_stops_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "x.rirdex"
    missing = ["build", str(FIXTURES / "before"), "-o", str(target), "-q", "--previous"]
    assert run([*missing, str(tmp_path / "none.rirdex")]) == 5
    assert "there is no index" in capsys.readouterr().err
    assert run([*missing, str(FIXTURES / "README.md")]) == 5
    assert sorted(os.listdir(tmp_path)) == []


def test_a_damaged_previous_index_is_not_handed_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.rirdex"
    assert run(["build", str(FIXTURES / "before"), "-o", str(old), "-q"]) == 0
    data = bytearray(old.read_bytes())
    data[len(data) // 2] ^= 1
    old.write_bytes(data)
    new = ["build", str(FIXTURES / "now"), "-o", str(tmp_path / "new.rirdex"), "-q"]
    assert run([*new, "--previous", str(old)]) == 5
    assert "is damaged" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["old.rirdex"]


def test_snapshots_without_nets_have_no_past(make: Make) -> None:
    role = "\nrole: Alder\nnic-hdl: AL-RIPE\nlast-modified: 2025-01-01T00:00:00Z\nsource: RIPE\n"
    index = make(("2025-01-01", role), ("2025-02-01", role))
    assert not index.history("10.0.1.7")
    index = make(("2025-01-01", JANUARY), ("2025-02-01", role))
    assert users(index, "10.0.1.7", DAYS) == ["Birch Hosting"] * 3
    assert index.lookup("10.0.1.7").chain[-1].party.name == "Birch Hosting"


def test_dumps_without_any_date_need_one(make: Make, tmp_path: Path) -> None:
    make(*THREE)
    folder = tmp_path / "undated"
    folder.mkdir()
    (folder / "ripe.db.inetnum").write_text(JANUARY)
    with pytest.raises(Error, match="--date"):
        build([str(folder)], str(tmp_path / "u.rirdex"), previous=str(tmp_path / "3.rirdex"))
    assert not (tmp_path / "u.rirdex").exists()


def test_dumps_without_any_date_are_answered_for_any_day_and_say_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dump = tmp_path / "ripe.db.inetnum"
    dump.write_text(JANUARY)
    build([str(dump)], str(tmp_path / "u.rirdex"))
    with open_index(tmp_path / "u.rirdex") as index:
        answer = index.lookup("10.0.1.7", at="2025-01-01")
        assert isinstance(answer, PastAnswer)
        assert answer.snapshot is None
        assert answer.chain == index.lookup("10.0.1.7").chain != ()
        assert answer.notes[0].code == "undated"
        assert answer.to_dict()["at"] == {"asked": "2025-01-01", "snapshot": None, "files": []}
        found = index.history("10.0.1.7").to_dict()["ranges"][-1]
        assert found["watched"] == [None, None]
        assert {(item["first_seen"], item["ended"]) for item in found["tenures"]} == {(None, None)}
    for more in ([], ["--states"], ["-f", "csv"], ["-f", "json"]):
        assert run(["history", "10.0.1.7", "-i", str(tmp_path / "u.rirdex"), *more]) == 0
        assert "0001-01-01" not in capsys.readouterr().out


def test_a_look_up_in_the_past_loads_neither_numpy_nor_the_indexer(story: str) -> None:
    code = (
        "import sys; from rirdex.query import open_index; "
        f"index = open_index({story!r}); answer = index.lookup('10.33.77.5', at='2025-03-01'); "
        "assert answer.user and answer.to_dict(); assert index.history('10.33.77.5').to_dict(); "
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'numpy' "
        "or name.startswith('rirdex.indexer')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
