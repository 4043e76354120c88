"""Hold the upstreams of an index against the text of the relationships, and their rungs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.casework import Incident
from rirdex.query.escalation import Options, ladder, perpetrators
from rirdex.query.routing import providers_of
from rirdex.query.verify import verify

FOLDER: Final = Path(__file__).parent.parent / "fixtures" / "leases"
KEEP: Final = '[[entry]]\ntld = "example"\nmark = "keep"\nreason = "invented"\n'
ROLE: Final = "\nrole: R{0}\nnic-hdl: R{0}-RIPE\nabuse-mailbox: abuse@as{0}.example\nsource: RIPE\n"
SYSTEM: Final = "\naut-num: AS{0}\nas-name: NAME-{0}\nabuse-c: R{0}-RIPE\nsource: RIPE\n"
DUMP: Final = """inetnum: 10.0.0.0 - 10.0.255.255
netname: ALDER
descr: Alder Networks
country: NL
status: ALLOCATED PA
mnt-by: RIPE-NCC-HM-MNT
abuse-c: R1-RIPE
source: RIPE
"""
PAIRS: Final = st.lists(
    st.tuples(st.integers(64500, 64508), st.integers(64500, 64508), st.sampled_from([-1, -1, 0])),
    max_size=30,
)


def built(
    folder: Path, pairs: list[tuple[int, int, int]], systems: tuple[int, ...] = (), name: str = "x"
) -> Path:
    """Build an index in which AS64500 announces the only net; ``systems`` have records."""
    folder.mkdir(exist_ok=True)
    text = DUMP + ROLE.format(1) + "".join(f(asn) for asn in systems for f in
                                           (SYSTEM.format, ROLE.format))  # fmt: skip
    (folder / "ripe.db").write_text(text)
    (folder / "routes").write_text("10.0.0.0\t16\t64500\n")
    (folder / "as-rel").write_text("".join(f"{a}|{b}|{kind}\n" for a, b, kind in pairs))
    build([str(folder / "ripe.db")], str(folder / name), routes=[str(folder / "routes")],
          relationships=[str(folder / "as-rel")] if pairs else [], processes=0)  # fmt: skip
    return folder / name


def told(index: Index) -> dict[int, tuple[int, ...]]:
    return {asn: found for asn in range(64499, 64510)
            if (found := providers_of(index._tables, asn))}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(PAIRS.filter(lambda pairs: any(a != b for a, b, _ in pairs)))
def test_providers_are_those_of_the_text_the_smallest_first(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int, int]]
) -> None:
    transit = {(a, b) for a, b, kind in pairs if kind == -1 and a != b}
    customers = Counter(a for a, _ in transit)
    wanted = {
        asn: tuple(sorted((a for a, b in transit if b == asn), key=lambda a: (customers[a], a)))
        for asn in {b for _, b in transit}
    }
    with open_index(built(tmp_path_factory.mktemp("x"), pairs)) as index:
        assert told(index) == wanted


def test_an_index_without_relationships_knows_none(tmp_path: Path) -> None:
    path = built(tmp_path, [], (64500, 64501))
    assert verify(str(path)) == []
    with open_index(path) as index:
        assert told(index) == {}


def test_the_same_relationships_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    pairs = [(64501, 64500, -1), (64502, 64500, -1), (64501, 64502, -1), (64503, 64501, 0)]
    one = built(tmp_path / "a", pairs).read_bytes()
    with open_index(tmp_path / "a" / "x") as index:
        assert told(index) == {64500: (64502, 64501), 64502: (64501,)}
    other = built(tmp_path / "b", pairs[::-1] + pairs).read_bytes()
    with open_index(tmp_path / "b" / "x") as index:
        assert told(index) == {64500: (64502, 64501), 64502: (64501,)}
    assert len(one) == len(other)


def desk(folder: Path) -> Path:
    """Return a desk whose mailboxes are not dropped for their domain alone."""
    (folder / "desk").mkdir(exist_ok=True)
    (folder / "desk" / "never.toml").write_text(KEEP)
    return folder / "desk"


def rungs(path: Path, folder: Path, options: Options | None = None) -> list[tuple[str, str]]:
    with open_index(path, desk=str(desk(folder))) as index:
        found = ladder(index, Incident(1, "10.0.3.4"), options)
        assert all("AS64500" in rung.why for rung in found.rungs if "upstream" in rung.kinds)
        return [(rung.kind, rung.reached) for rung in found.rungs]


def test_upstreams_stand_behind_the_origin_and_are_three_at_most(tmp_path: Path) -> None:
    big = [(64505, 64600 + n, -1) for n in range(5)]
    pairs = [(asn, 64500, -1) for asn in range(64501, 64508)] + big
    path = built(tmp_path, pairs, (64500, 64502, 64503, 64505, 64506, 64507))
    assert rungs(path, tmp_path) == [
        ("holder", "abuse@as1.example"), ("origin-as", "abuse@as64500.example"),
        ("upstream", "abuse@as64502.example"), ("upstream", "abuse@as64503.example"),
        ("upstream", "abuse@as64506.example"),
    ]  # fmt: skip
    accused = Options(perpetrators=perpetrators(["Alder Networks"]))
    assert [box for _, box in rungs(path, tmp_path, accused)][:3] == [
        "abuse@as64500.example", "abuse@as1.example", "abuse@as64502.example"
    ]  # fmt: skip


def test_an_origin_is_no_upstream_of_another_one(tmp_path: Path) -> None:
    built(tmp_path, [(64501, 64500, -1), (64500, 64501, -1)], (64500, 64501))
    (tmp_path / "routes").write_text("10.0.0.0\t16\t64500_64501\n")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "y"), routes=[str(tmp_path / "routes")],
          relationships=[str(tmp_path / "as-rel")], processes=0)  # fmt: skip
    assert [kind for kind, _ in rungs(tmp_path / "y", tmp_path)] == [
        "holder", "origin-as", "origin-as"
    ]  # fmt: skip


def test_the_fixtures_know_the_upstream_of_a_holder(tmp_path: Path) -> None:
    target = tmp_path / "leases.rirdex"
    build([str(FOLDER)], str(target), relationships=[str(FOLDER / "as-rel")], processes=0)
    text = (FOLDER / "as-rel").read_text().splitlines()
    transit = [line.split("|") for line in text if line.endswith("|-1")]
    assert transit
    with open_index(target) as index:
        for provider, customer, *_ in transit:
            assert int(provider) in providers_of(index._tables, int(customer))


TWO: Final = "10.0.0.0\t16\t64500_64510\n"
SHARED: Final = [
    *((asn, 64500, -1) for asn in range(64501, 64506)),
    *((asn, 64510, -1) for asn in (64503, 64504, 64505)),
]


def test_what_one_origin_leaves_out_another_one_names(tmp_path: Path) -> None:
    systems = (64501, 64502, 64503, 64504, 64505)
    built(tmp_path, SHARED, systems)
    (tmp_path / "routes").write_text(TWO)
    build([str(tmp_path / "ripe.db")], str(tmp_path / "y"), routes=[str(tmp_path / "routes")],
          relationships=[str(tmp_path / "as-rel")], processes=0)  # fmt: skip
    with open_index(tmp_path / "y", desk=str(desk(tmp_path))) as index:
        found = [rung for rung in ladder(index, Incident(1, "10.0.3.4")).rungs if rung.handle]
    assert [(rung.handle, rung.why.split(" as ")[0][-7:]) for rung in found] == [
        ("AS64501", "AS64500"), ("AS64502", "AS64500"), ("AS64503", "AS64500"),
        ("AS64504", "AS64510"), ("AS64505", "AS64510"),
    ]  # fmt: skip


def test_an_accused_upstream_is_told_behind_the_others(tmp_path: Path) -> None:
    systems = (64500, 64501, 64502, 64503)
    path = built(tmp_path, [(asn, 64500, -1) for asn in systems[1:]], systems)
    for accused, last in (("AS64501", 64501), ("AS64503", 64503)):
        found = rungs(path, tmp_path, Options(perpetrators=perpetrators([accused])))
        assert [kind for kind, _ in found] == ["holder", "origin-as", *["upstream"] * 3]
        assert found[-1][1] == f"abuse@as{last}.example"


def test_nobody_is_lost_or_told_twice_when_one_bounces_and_one_is_accused(tmp_path: Path) -> None:
    systems = (64500, 64501, 64502)
    path = built(tmp_path, [(asn, 64500, -1) for asn in systems[1:]], systems)
    options = Options(perpetrators=perpetrators(["AS64500"]))
    with open_index(path, desk=str(desk(tmp_path))) as index:
        index.memory.bounced = {"abuse@as1.example": date(2026, 1, 1)}
        found = [rung.reached for rung in ladder(index, Incident(1, "10.0.3.4"), options).rungs]
    assert sorted(found[:4]) == [f"abuse@as{asn}.example" for asn in (1, *systems)]


def test_origins_of_then_and_now_stand_before_the_upstreams_of_both(tmp_path: Path) -> None:
    systems = (64500, 64501, 64502, 64503)
    pairs = [(64502, 64500, -1), (64503, 64501, -1)]
    first = built(tmp_path / "a", pairs, systems)
    text = (tmp_path / "a" / "ripe.db").read_text().replace("netname: ALDER", "netname: ALDER-2")
    for day, name, origin in (("2025-01-01", "then", 64500), ("2025-02-01", "now", 64501)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ripe.db").write_text(
            text if name == "now" else (tmp_path / "a" / "ripe.db").read_text()
        )
        (folder / "routes").write_text(f"10.0.0.0\t16\t{origin}\n")
        build([str(folder / "ripe.db")], str(folder / "x"), snapshot=date.fromisoformat(day),
              previous=str(tmp_path / "then" / "x") if name == "now" else None, processes=0,
              routes=[str(folder / "routes")],
              relationships=[str(tmp_path / "a" / "as-rel")])  # fmt: skip
    assert first.exists()
    when = datetime(2025, 1, 10, tzinfo=UTC)
    with open_index(tmp_path / "now" / "x", desk=str(desk(tmp_path))) as index:
        assert index.meta["past"]["nets"]
        found = ladder(index, Incident(1, "10.0.3.4", time=when)).rungs
    assert [(rung.kind, rung.now, rung.handle) for rung in found] == [
        ("holder", False, None), ("origin-as", False, "AS64500"), ("origin-as", True, "AS64501"),
        ("upstream", False, "AS64502"), ("upstream", True, "AS64503"),
    ]  # fmt: skip


def test_verify_finds_damage_in_the_tables_of_upstreams(tmp_path: Path) -> None:
    path = built(tmp_path, [(asn, 64500, -1) for asn in range(64501, 64506)] + [(64500, 64501, -1)])
    data = path.read_bytes()
    with open_index(path) as index:
        values = {
            name: bytes(index._store.raw(name))
            for name in ("upstream.asn", "upstream.at", "upstream.provider")
        }
    for name, value in values.items():
        at = data.index(value.ljust(4096, b"\0"))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert any(name in fault for fault in verify(str(path))), name
    path.write_bytes(data)
    assert verify(str(path)) == []


def test_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    pairs = [(asn, 64500, -1) for asn in range(64501, 64509)]
    one, other = built(tmp_path / "a", pairs), built(tmp_path / "b", pairs, name="y")
    assert one.read_bytes() == other.read_bytes()


def test_rungs_know_the_countries_of_the_registrations(tmp_path: Path) -> None:
    path = tmp_path / "x"
    build([str(FOLDER)], str(path), routes=[str(FOLDER / "pfx2as")],
          relationships=[str(FOLDER / "as-rel")], processes=0)  # fmt: skip
    with open_index(path, desk=str(desk(tmp_path))) as index:
        for row in range(len(index)):
            for rung in ladder(index, Incident(1, str(index.net(row).first))).rungs:
                assert rung.lang == ("ja" if "JP" in rung.countries else "en")
                assert all(len(code) == 2 and code.isupper() for code in rung.countries)
                if rung.kind == "registry":
                    assert rung.countries == ()
                elif rung.kind in ("lessee", "holder"):
                    assert rung.countries, (rung.why, index.net(row))
