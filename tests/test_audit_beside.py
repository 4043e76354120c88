"""Check the findings that need more than dumps: routes and geofeeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from rirdex.indexer.build import build
from rirdex.query import Error, Index, open_index
from rirdex.query.audit import audit, measure
from rirdex.query.audited import unlike_origins
from rirdex.query.cli import run
from rirdex.query.geofeeds import read_geofeeds

DUMP = """
inetnum: 10.0.0.0 - 10.0.255.255
netname: BLOCK
status: ALLOCATED PA
country: DE
org: ORG-H1-TEST
source: RIPE

inetnum: 10.0.1.0 - 10.0.1.255
netname: OWN-AS
status: ASSIGNED PA
country: DE
org: ORG-U1-TEST
source: RIPE

inetnum: 10.0.2.0 - 10.0.2.255
netname: SAME-NAME
status: ASSIGNED PA
country: FR
descr: User One GmbH
source: RIPE

inetnum: 10.0.3.0 - 10.0.3.255
netname: OTHER
status: ASSIGNED PA
descr: Another Company
source: RIPE

inetnum: 10.0.4.0 - 10.0.4.255
netname: UNKNOWN-AS
status: ASSIGNED PA
descr: Third Company
source: RIPE

inet6num: 2001:db8::/32
netname: BLOCK6
status: ALLOCATED-BY-RIR
org: ORG-H1-TEST
source: RIPE

inet6num: 2001:db8:1::/48
netname: OTHER6
status: ASSIGNED
descr: Another Company
country: SE
source: RIPE

organisation: ORG-H1-TEST
org-name: Holder AG
org-type: LIR
source: RIPE

organisation: ORG-U1-TEST
org-name: User One Ltd
org-type: OTHER
source: RIPE

aut-num: AS64501
as-name: USER
org: ORG-U1-TEST
source: RIPE

aut-num: AS64500
as-name: HOLDER
org: ORG-H1-TEST
source: RIPE
"""
ROUTES = """prefix,origin
10.0.0.0/16,64500
10.0.1.0/24,64501
10.0.2.0/24,64501
10.0.4.0/24,64999
2001:db8::/32,64500
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Return an index with routes."""
    folder = tmp_path_factory.mktemp("beside")
    (folder / "some.db").write_text(DUMP)
    (folder / "routes.csv").write_text(ROUTES)
    routes = [str(folder / "routes.csv")]
    build([str(folder / "some.db")], str(folder / "index"), routes=routes)
    return open_index(folder / "index")


def named(index: Index, code: str, **options: object) -> list[str | None]:
    """Return the netnames of the nets with a finding."""
    from rirdex.query.audit import BIT, chosen

    measured = measure(index, chosen(index), **options)  # type: ignore[arg-type]
    ids = measured.rows[(measured.bits & BIT[code]) > 0].tolist()
    return [index.net(row).netname for row in ids]


def test_a_user_is_unlike_the_as_that_announces_when_party_and_name_differ(index: Index) -> None:
    # OWN-AS has the AS's organisation, SAME-NAME its name; nobody knows whose AS64999 is.
    assert named(index, "user-unlike-origin") == ["OTHER", "OTHER6"]
    assert audit(index).totals.findings["user-unlike-origin"] is not None


def test_without_routes_it_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "some.db").write_text(DUMP)
    build([str(tmp_path / "some.db")], str(tmp_path / "index"))
    with open_index(tmp_path / "index") as bare:
        import numpy as np

        assert unlike_origins(bare, np.arange(len(bare))) is None
        found = audit(bare)
        assert found.totals.findings["user-unlike-origin"] is None
        assert found.totals.findings["geofeed-unlike-country"] is None
        assert "--routes" in found.needs["user-unlike-origin"]


def test_geofeeds_contradict_the_nets_inside_and_the_one_around(
    index: Index, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(
        "# made up\n10.0.1.0/25,nl,,Delft,\n10.0.2.0/24,FR,,,\n2001:db8:1::/48,NO,,,\n"
        "not a prefix,NL,,,\n10.0.3.0/24,,,,\n10.0.3.0/24,SE,,,\n10.0.4.0/33,SE\n"
    )
    found = named(index, "geofeed-unlike-country", feeds=read_geofeeds([str(feed)]))
    assert found == ["OWN-AS", "OTHER6"]  # OTHER has no country


@pytest.mark.parametrize("text", ["", "# nothing\n", "a,b,c\n", "10.0.0.0/8,Germany\n"])
def test_what_is_no_geofeed_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "feed.csv").write_text(text)
    with pytest.raises(Error, match=r"feed\.csv"):
        read_geofeeds([str(tmp_path / "feed.csv")])


def test_a_missing_geofeed_is_one_line_on_standard_error(
    index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "-i", index.path, "--geofeed", str(tmp_path / "none.csv")]) == 5
    assert capsys.readouterr().err.count("\n") == 1
