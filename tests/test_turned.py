"""Try how a tenant changed around a day: the ends of the windows, and blocks that are new."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from rirdex.indexer.build import build
from rirdex.query import open_index
from rirdex.query.casework import Incident
from rirdex.query.report_figures import Gatherer
from rirdex.query.turned import AROUND, Turned, Turns

TOP: Final = """inetnum: 10.0.0.0 - 10.0.255.255
netname: ALDER
descr: Alder Networks
country: NL
status: ALLOCATED PA
mnt-by: RIPE-NCC-HM-MNT
abuse-c: AL-RIPE
source: RIPE

role: Alder
nic-hdl: AL-RIPE
abuse-mailbox: abuse@alder.net
source: RIPE

"""
NET: Final = """inetnum: 10.0.1.0 - 10.0.1.255
netname: {}
descr: {}
country: NL
status: ASSIGNED PA
mnt-by: ALDER-MNT
source: RIPE
"""
BIRCH, CEDAR = NET.format("B", "Birch Hosting"), NET.format("C", "Cedar Media")
FIRST, CHANGE, LAST = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


def world(folder: Path, *texts: str) -> str:
    """Return an index of snapshots of the three days."""
    previous = None
    for day, text in zip((FIRST, CHANGE, LAST), texts, strict=True):
        (folder / "ripe.db").write_text(TOP + text)
        target = str(folder / f"{day}.rirdex")
        build([str(folder / "ripe.db")], target, snapshot=day, previous=previous, processes=0)
        previous = target
    assert previous is not None
    return previous


@pytest.mark.parametrize(
    "texts",
    [
        (BIRCH, CEDAR, CEDAR),
        ("", BIRCH, BIRCH),
        ("", BIRCH, NET.format("EDITED", "Birch Hosting")),
    ],
    ids=["another party", "a new block", "a new block, and its record was edited"],
)  # fmt: skip
def test_a_change_counts_from_the_day_that_shows_it_to_the_ends_of_the_windows(
    tmp_path: Path, texts: tuple[str, ...]
) -> None:
    with open_index(world(tmp_path, *texts)) as index:
        net, turns = index.lookup("10.0.1.9").chain[-1], Turns(index)
        for away, wanted in (
            (-AROUND - 1, Turned(since=True)),
            (-AROUND, Turned(since=True, after=True)),
            (-1, Turned(since=True, after=True)),
            (0, Turned(before=True)),
            (AROUND, Turned(before=True)),
            (AROUND + 1, Turned()),
        ):
            assert turns.of(net, CHANGE + timedelta(days=away)) == wanted, away
        assert turns.of(net, None) == turns.of(None, CHANGE) == Turned(unknown=True)
        assert turns.of(index.lookup("10.0.2.9").chain[-1], CHANGE) == Turned(steady=True)


def test_what_today_inherits_is_not_said_of_the_holder_of_then(tmp_path: Path) -> None:
    with open_index(world(tmp_path, "", BIRCH, BIRCH)) as index:
        gatherer = Gatherer(index)
        early, late = (
            Incident(1, "10.0.1.9", time=datetime(2026, month, 15, tzinfo=UTC)) for month in (1, 2)
        )
        assert [gatherer.of(item).quality for item in (early, late)] == ["own", "inherited"]
        (holder,) = gatherer._ladders.of(early).rungs
        assert not holder.said


def test_a_platform_in_between_is_no_contact_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "fingerprints.toml").write_text(
        '[[party]]\nname = "Leihnetz"\nkind = "platform"\nmaintainers = ["LEIHNETZ-MNT"]\n'
        'abuse = "abuse@leihnetz.net"\nsource = "invented"\ndate = 2026-01-01\n'
        'confidence = "high"\n'
    )
    text = BIRCH.replace("ALDER-MNT", "LEIHNETZ-MNT")
    (tmp_path / "ripe.db").write_text(TOP + text)
    (tmp_path / "routes").write_text("10.0.1.0\t24\t64500\n")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "x"), desk=str(tmp_path / "desk"),
          routes=[str(tmp_path / "routes")], processes=0)  # fmt: skip
    with open_index(str(tmp_path / "x"), desk=str(tmp_path / "desk")) as index:
        gatherer, incident = Gatherer(index), Incident(1, "10.0.1.9")
        kinds = [rung.kind for rung in gatherer._ladders.of(incident).rungs]
        assert kinds == ["facilitator", "holder"]
        assert gatherer.of(incident).quality == "inherited"


def test_the_form_of_the_desk_is_used_where_a_record_has_no_mailbox(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "forms.toml").write_text(
        '[[form]]\nname = "Alder"\nurl = "https://form.alder.net/"\n'
        'organisations = ["ORG-AL1-RIPE"]\nsource = "invented"\n'
    )
    top = TOP.partition("\n\n")[0].replace("abuse-c: AL-RIPE", "org: ORG-AL1-RIPE")
    org = "organisation: ORG-AL1-RIPE\norg-name: Alder Networks\nabuse-c: GONE-RIPE\nsource: RIPE\n"
    (tmp_path / "ripe.db").write_text(f"{top}\n\n{org}")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "x"), processes=0)
    with open_index(str(tmp_path / "x"), desk=str(tmp_path / "desk")) as index:
        (holder,) = Gatherer(index)._ladders.of(Incident(1, "10.0.1.9")).rungs
        assert (holder.mailbox, holder.form) == (None, "https://form.alder.net/")
        assert not any("processes no mail" in note for note in holder.notes)
