"""Check that one registry answers where several have records, on `fixtures/world`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index

WORLD = Path(__file__).parent.parent / "fixtures" / "world"
# Public and bulk file of LACNIC hold the same nets, and ARIN's text and XML the same records.
TWICE = {"lacnic-public.db", "arin_db.xml", "iana.csv"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    target = tmp_path_factory.mktemp("world") / "index"
    paths = sorted(path for path in WORLD.iterdir() if path.name not in TWICE)
    summary = build([str(path) for path in paths], str(target), processes=0)
    assert summary.warnings == []
    with open_index(target) as index:
        yield index


@pytest.mark.parametrize(
    ("address", "registry", "names", "holder", "user"),
    [
        ("10.129.5.77", "ARIN",
         ["NET10-128", "GULLPOINT-1", "GULL-KITEWIND", "KITE-MARROW", "MARROW-SHOP"],
         "Gull Point Networks, Inc.", "Marrow Web Shop"),
        ("10.129.16.9", "ARIN",
         ["NET10-128", "GULLPOINT-1", "GULL-OSPREY", "OSPREY-TERN", "TERN-LEASE-0618"],
         "Gull Point Networks, Inc.", "Lantern Gaming Servers"),
        ("10.130.2.1", "ARIN", ["NET10-128", "DIPPER-CABLE"],
         "Câble Dipper de la Côte inc.", None),
        ("198.51.100.200", "ARIN", ["NET198-51-100", "PUFFIN"],
         "Puffin Island Research Station", None),
        ("2001:db8:4110::1", "ARIN", ["NET6-2001-DB8-4000", "GULLPOINT-V6", "GULL-CLAM-SCHOOL"],
         "Gull Point Networks, Inc.", "Clam Street School"),
        ("10.80.17.5", "RIPE", ["SE-FJALLNET-20201208", "FJALLNET-LEASE-17"],
         "Fjällnät AB", "Norrsken Spelservrar i Fjället AB"),
        ("198.18.70.1", "RIPE", ["GLETSCHER-NET", "GLETSCHER-SEILBAHN"],
         "Gletscherakademie Obertal", "Seilbahn Obertal, Messstation 'Nordgrat'"),
        ("100.96.33.1", "APNIC", ["APNIC-AP", "KRNIC-KR", "HANBAT-NET-KR", "GIMBAP-HOUSE"],
         "Hanbat Cable", "Gimbap House Franchise"),
        ("10.96.72.1", "AFRINIC",
         ["ORG-AFNC1-AFRINIC-20080401", "KAROO-20130905", "ROOIBOS-TEA"],
         "Karoo Wireless Cooperative", "Rooibos Tea House"),
        ("10.152.6.1", "LACNIC", [None, None, None],
         "Fundación Colibrí para la Investigación", "Arepa Games"),
        ("10.217.40.17", "LACNIC", [None, None, None],
         "Tucano Telecomunicações do Cerrado Ltda", "Padaria Pão na Chapa ME"),
    ],
)  # fmt: skip
def test_the_responsible_registry_alone_answers(
    address: str, registry: str, names: list[str | None], holder: str, user: str | None,
    world: Index,
) -> None:  # fmt: skip
    answer = world.lookup(address)
    assert answer.registry == registry
    assert [net.netname for net in answer.chain] == names
    assert {net.registry for net in answer.chain} == {registry}
    assert answer.holder is not None
    assert answer.holder.name == holder
    assert (answer.user.name if answer.user else None) == user
    others = [net for net in answer.all if net.registry != registry]
    assert {net.role for net in others} <= {"placeholder", "foreign"}
    assert world.match(address) == answer.chain[-1].id


def test_five_placeholders_stand_beside_one_address_and_answer_nothing(world: Index) -> None:
    answer = world.lookup("10.129.5.77")
    aside = [net.netname for net in answer.all if net.role == "placeholder"]
    assert sorted(str(name) for name in aside) == [
        "IANA-BLK", "IANA-BLK", "IANA-BLOCK", "IANA-NETBLOCK-10",
        "NON-RIPE-NCC-MANAGED-ADDRESS-BLOCK",
    ]  # fmt: skip


def test_notes_say_where_a_block_came_from_and_where_to_ask(world: Index) -> None:
    codes = {note.code: note.text for note in world.lookup("10.80.17.5").notes}
    assert codes["transferred"] == (
        "moved from APNIC to RIPE on 2020-12-08; APNIC's record is a stub"
    )
    codes = {note.code: note.text for note in world.lookup("10.129.5.77").notes}
    assert "rwhois://" in codes["rwhois"]
    codes = {note.code: note.text for note in world.lookup("100.96.33.1").notes}
    assert "KRNIC" in codes["nir-detail-elsewhere"]
    answer = world.lookup("10.142.0.1")
    assert answer.chain == ()
    assert {"reserved", "registry-block"} <= {note.code for note in answer.notes}


def test_explain_names_the_file_that_makes_a_registry_responsible(world: Index) -> None:
    found = world.lookup("10.80.17.5").to_dict(explain=True)
    assert found["authority"]["registry"] == "RIPE"
    assert found["authority"]["rule"] == "delegated"
    assert "delegated-ripencc-extended-20260430" in found["authority"]["text"]


def test_a_net_of_arin_is_found_by_its_handle_and_an_as_number_inside_its_range(
    world: Index,
) -> None:
    net = world.lookup("10.129.5.77").chain[-1]
    assert net.key.startswith("NET-10-129-")
    (answer,) = world.answers(net.key)
    assert answer.to_dict()["object"]["class"] == "net"
    assert [item.id for item in answer.more] == [net.id]
    several = list(zip(world._tables.asn_first, world._tables.asn_last, strict=True))
    assert several
    (answer,) = world.answers(f"AS{several[0][1]}")
    assert answer


def test_text_and_xml_of_arin_give_the_same_nets(tmp_path: Path) -> None:
    found = []
    for name in ("arin_db.txt", "arin_db.xml"):
        build([str(WORLD / name)], str(tmp_path / name), processes=0)
        with open_index(tmp_path / name) as index:
            nets = [index.net(k) for k in range(len(index))]
            found.append(
                [(net.bounds, net.netname, net.status, net.key, net.party.name) for net in nets]
            )
    assert found[0] == found[1]
