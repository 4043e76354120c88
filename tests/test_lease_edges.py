"""Check what verdicts do at the edges: nets that cross, no names, odd AS numbers, odd evidence."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from rirdex.indexer.build import build
from rirdex.query import leases, open_index
from rirdex.query.cli import run
from rirdex.query.errors import DumpError, Error

NET = "inetnum: {}\nnetname: {}\ncountry: DE\n{}status: {}\nmnt-by: X-MNT\nsource: RIPE\n\n"
HOLD = NET.format("100.64.0.0 - 100.64.15.255", "HOLD", "org: ORG-H-RIPE\n", "ALLOCATED PA")
ORGS = (
    "organisation: ORG-H-RIPE\norg-name: Holder\nsource: RIPE\n\n"
    "aut-num: AS64496\nas-name: H\norg: ORG-H-RIPE\nsource: RIPE\n\n"
)


def user(span: str, name: str = "USER") -> str:
    """Return a net of somebody else."""
    return NET.format(span, name, "descr: Some User\n", "ASSIGNED PA")


def made(folder: Path, dump: str, lines: str = "", **options: list[str]) -> str:
    """Build an index; return its place."""
    (folder / "ripe.db").write_text(dump)
    if lines:
        (folder / "routes.csv").write_text("prefix,origin\n" + lines)
        options["routes"] = [str(folder / "routes.csv")]
    target = str(folder / "x.rirdex")
    build([str(folder / "ripe.db")], target, processes=0, **options)  # type: ignore[arg-type]
    return target


def test_a_net_that_crosses_its_holder_is_judged_where_it_lies_in_it(tmp_path: Path) -> None:
    dump = HOLD + user("100.64.14.0 - 100.64.17.255") + ORGS
    path = made(tmp_path, dump, "100.64.14.0/23,64500\n100.64.0.0/20,64496\n")
    with open_index(path) as index:
        inside = index.lookup("100.64.14.1")
        assert (inside.lease.verdict, inside.lessor and inside.lessor.name) == ("leased", "Holder")
        assert "100.64.14.0/23 is announced by AS64500" in inside.lease.evidence[0]["detail"]
        whole = index.lookup("100.64.14.0 - 100.64.17.255")
        assert (whole.lease.verdict, whole.lease.confidence) == ("unknown", "low")
        assert (whole.lessee, whole.lessor, whole.chain[-1].role) == (None, None, "customer")
        assert [item["rule"] for item in whole.lease.evidence] == ["no-holder"]
        assert leases.select(index).tolist() == []
        assert (
            leases.select(index, verdicts=["unknown"]).tolist()
            == [net.id for net in (*index.lookup("100.64.0.1").chain, *whole.chain)][1:]
        )


def test_a_net_of_several_prefixes_is_announced_by_those(tmp_path: Path) -> None:
    dump = HOLD + user("100.64.1.0 - 100.64.3.255") + ORGS
    path = made(tmp_path, dump, "100.64.1.0/24,64500\n100.64.0.0/20,64496\n")
    with open_index(path) as index:
        lease = index.lookup("100.64.3.1").lease
        assert lease.verdict == "leased"
        assert lease.evidence[0]["detail"].startswith("100.64.1.0/24 is announced by AS64500,")
        (row,) = leases.rows(index, leases.select(index))
        assert (row.route, row.origins) == ("100.64.1.0/24", (64500,))


@pytest.mark.parametrize("number", ["0", "4294967296", "18446744073709551616", "1" * 5000, "x"])
def test_what_is_no_as_number_is_no_holders(tmp_path: Path, number: str) -> None:
    dump = HOLD + user("100.64.1.0 - 100.64.1.255") + ORGS.replace("AS64496", f"AS{number}")
    path = made(tmp_path, dump, "100.64.1.0/24,64500\n")
    with open_index(path) as index:
        lease = index.lookup("100.64.1.1").lease
        assert (lease.verdict, lease.confidence) == ("likely-leased", "low")
        assert "holder-without-as" in [item["rule"] for item in lease.evidence]


def test_a_net_without_any_name_names_no_user(tmp_path: Path) -> None:
    nameless = "inetnum: 100.64.1.0 - 100.64.1.255\nstatus: ASSIGNED PA\nsource: RIPE\n\n"
    with open_index(made(tmp_path, HOLD + nameless + ORGS, "100.64.1.0/24,64500\n")) as index:
        answer = index.lookup("100.64.1.1")
        assert (answer.user, answer.lessee) == (None, None)


@pytest.mark.parametrize("descr", ["-----BEGIN CERTIFICATE-----", "*****", "--"])
def test_a_certificate_or_a_line_of_stars_is_nobodys_name(tmp_path: Path, descr: str) -> None:
    dump = HOLD + user("100.64.1.0 - 100.64.1.255", "SHOP").replace("Some User", descr) + ORGS
    with open_index(made(tmp_path, dump)) as index:
        answer = index.lookup("100.64.1.1")
        assert answer.user is not None
        assert answer.user.name == "SHOP"
        assert answer.chain[-1].descr == (descr,)


def test_one_name_under_a_handle_that_leads_nowhere_is_one_party(tmp_path: Path) -> None:
    own = NET.format(
        "100.64.1.0 - 100.64.1.255", "N", "org: ORG-GONE-RIPE\ndescr: {}\n", "ASSIGNED PA"
    )
    for name, other in (("HOLDER", False), ("Holder Two", True)):
        with open_index(made(tmp_path, HOLD + own.format(name) + ORGS)) as index:
            assert (index.lookup("100.64.1.1").user is not None) == other


@pytest.mark.parametrize("option", ["routes", "vrps", "relationships", "as_orgs"])
def test_evidence_is_neither_overwritten_nor_empty(tmp_path: Path, option: str) -> None:
    archive = tmp_path / "empty.zip"
    zipfile.ZipFile(archive, "w").close()
    with pytest.raises(DumpError, match="holds no file"):
        made(tmp_path, HOLD, "", **{option: [str(archive)]})
    before = archive.read_bytes()
    with pytest.raises(DumpError, match="where the index is to be written"):
        build([str(tmp_path / "ripe.db")], str(archive), **{option: [str(archive)]})  # type: ignore[arg-type]
    assert archive.read_bytes() == before


def test_more_facilitators_than_an_index_holds_are_an_error(tmp_path: Path) -> None:
    entry = (
        '[[party]]\nname = "P{0}"\nkind = "broker"\nmaintainers = ["P{0}-MNT"]\n'
        'source = "x"\ndate = 2026-01-31\nconfidence = "low"\n'
    )
    (tmp_path / "fingerprints.toml").write_text("".join(map(entry.format, range(300))))
    (tmp_path / "ripe.db").write_text(HOLD)
    with pytest.raises(Error, match="255 at most"):
        build([str(tmp_path / "ripe.db")], str(tmp_path / "x"), desk=str(tmp_path))


def test_a_rule_that_there_is_not_is_an_error_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ripe.db").write_text(HOLD)
    arguments = ["build", str(tmp_path / "ripe.db"), "-o", str(tmp_path / "x")]
    assert run([*arguments, "--without", "nonsense"]) == 2
    assert "origin-unrelated" in capsys.readouterr().err
    assert run([*arguments, "--desk", str(tmp_path / "nowhere")]) == 5
    assert "nowhere" in capsys.readouterr().err
