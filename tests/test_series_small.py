"""Check by hand-made cases what the truth of a series takes for a tenure, a parent, a user."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "fixtures"))

from timeline_truth import Range, Record, Truth, with_contacts

PLACE = Range(4, 0x0A000000, 0x0A0000FF)
DATES = [date(2024, month, 1) for month in range(1, 6)]


def net(
    name: str = "Alkor Hosting GmbH", handle: str | None = None, registry: str = "RIPE",
    netname: str = "A-NET", own: str | None = None, place: Range = PLACE,
    status: str = "ASSIGNED PA", mnt_by: tuple[str, ...] = ("A-MNT",),
) -> Record:  # fmt: skip
    return Record(registry, place, netname, ("DE",), status, mnt_by, name, handle, own)


A, B = "ORG-A1-TEST", "ORG-B1-TEST"
# what each month says ("" = the registry has no dumps, None = they have no net): tenures as the
# first, last and closing month (-1 = open), names of the last state, and states
CASES: dict[str, tuple[list[Record | str | None], list[tuple[int, int, int, str, int]]]] = {
    "there all the time": ([net()] * 5, [(0, 4, -1, "Alkor Hosting GmbH", 1)]),
    "there for a while": ([None, net(), net(), None, None], [(1, 2, 3, "Alkor Hosting GmbH", 1)]),
    "again the same party": (
        [net(), None, net(), net(), net()],
        [(0, 0, 1, "Alkor Hosting GmbH", 1), (2, 4, -1, "Alkor Hosting GmbH", 1)],
    ),
    "another party in its place": (
        [net(), net(), net("Belbra Glass"), net("Belbra Glass"), None],
        [(0, 1, 2, "Alkor Hosting GmbH", 1), (2, 3, 4, "Belbra Glass", 1)],
    ),
    "another spelling": (
        [net(), net("ALKOR HOSTING, Ltd."), net("Alkor-Hosting"), net("Alkor-Hosting"), net()],
        [(0, 4, -1, "Alkor Hosting GmbH", 4)],
    ),
    "another name, one handle": (
        [net("Alkor", A), net("Alkor", A), net("Belbra", A), net("Belbra", A), net("Belbra", A)],
        [(0, 4, -1, "Belbra", 2)],
    ),
    "another name and handle": (
        [net("Alkor", A), net("Belbra", B), net("Belbra", B), net("Alkor", A), net("Alkor", A)],
        [(0, 0, 1, "Alkor", 1), (1, 2, 3, "Belbra", 1), (3, 4, -1, "Alkor", 1)],
    ),
    "an organisation of that name": (
        [net(), net(), net(handle=A), net(handle=A), net("Belbra", A)],
        [(0, 4, -1, "Belbra", 3)],
    ),
    "another netname, and back": (
        [net(), net(netname="B"), net(), net(), net(own="x@a.example")],
        [(0, 4, -1, "Alkor Hosting GmbH", 3)],
    ),
    "dumps are missing": (
        [net(), "", "", net(), net()], [(0, 4, -1, "Alkor Hosting GmbH", 1)],
    ),
    "gone while dumps are missing": (
        [net(), net(), "", None, None], [(0, 1, 3, "Alkor Hosting GmbH", 1)],
    ),
    "missing at the end": ([None, None, net(), net(), ""], [(2, 3, -1, "Alkor Hosting GmbH", 1)]),
    "moved": (
        [net(handle=A), net(handle=A), net(handle=B, registry="APNIC"),
         net("Alkor Hosting", B, "APNIC"), None],
        [(0, 3, 4, "Alkor Hosting", 3)],
    ),
    "moved, and somebody else's": (
        [net(handle=A), net(handle=A), net("Belbra", A, "APNIC"), None, None],
        [(0, 1, 2, "Alkor Hosting GmbH", 1), (2, 2, 3, "Belbra", 1)],
    ),
    "moved too late": (
        [net(), None, net(registry="APNIC"), net(registry="APNIC"), net(registry="APNIC")],
        [(0, 0, 1, "Alkor Hosting GmbH", 1), (2, 4, -1, "Alkor Hosting GmbH", 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_tenures(case: str) -> None:
    months, wanted = CASES[case]
    truth = Truth(DATES, frozenset((k, "RIPE") for k, said in enumerate(months) if said == ""))
    group = truth.add_group()
    for month, said in enumerate(months):
        if not isinstance(said, str):
            (record,) = with_contacts([said]) if said else (None,)
            truth.note(month, group, PLACE, record)
    found = [
        (
            DATES.index(tenure.first_seen), DATES.index(tenure.last_seen),
            DATES.index(tenure.ended) if tenure.ended else -1, tenure.last.name,
            len(tenure.states),
        )
        for tenure in truth.tenures(PLACE)
    ]  # fmt: skip
    assert found == wanted
    for tenure in truth.tenures(PLACE):
        ends = (tenure.states[0].first_seen, tenure.states[-1].last_seen)
        assert ends == (tenure.first_seen, tenure.last_seen)


def test_what_counts_on_a_day() -> None:
    truth = Truth(DATES, frozenset({(0, "RIPE"), (2, "APNIC")}))
    for day, wanted in (
        (date(2020, 1, 1), (1, 0)), (date(2024, 1, 31), (1, 0)), (date(2024, 2, 1), (1, 1)),
        (date(2024, 3, 15), (2, 1)), (date(2024, 4, 1), (3, 3)), (date(2030, 1, 1), (4, 4)),
    ):  # fmt: skip
        months = truth.as_of(day)
        assert (months["RIPE"], months["APNIC"]) == wanted, day


def test_a_mailbox_comes_from_above_unless_the_registry_has_it_otherwise() -> None:
    wide, half = PLACE._replace(last=0x0A00FFFF), PLACE._replace(last=0x0A00007F)
    top = net(place=wide, own="a@a.example", status="ALLOCATED PA", mnt_by=("RIPE-NCC-HM-MNT",))
    direct = net(mnt_by=("RIPE-NCC-END-MNT",), status="ASSIGNED PI")
    for middle, wanted in (
        (net(), "a@a.example"), (net(own="b@b.example"), "b@b.example"), (direct, None),
    ):  # fmt: skip
        found = with_contacts([net(place=half), middle, top])
        assert [each.contact for each in found] == [wanted, wanted, "a@a.example"]


def test_what_is_around_equal_and_inside() -> None:
    truth = Truth(DATES)
    group = truth.add_group()
    wide, half = PLACE._replace(last=0x0A00FFFF), PLACE._replace(last=0x0A00007F)
    crossing = PLACE._replace(first=0x0A000080, last=0x0A00017F)
    for place in (wide, PLACE, half, crossing):
        truth.note(0, group, place, net(place=place))
    relations = [(past.range, past.relation) for past in truth.history(PLACE, group)]
    assert relations == [(wide, "around"), (PLACE, "exact"), (half, "inside")]
    address = half._replace(last=half.first)
    assert {past.relation for past in truth.history(address, group)} == {"around"}
