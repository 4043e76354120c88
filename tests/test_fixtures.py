"""Check the answers that fixtures/README.md promises for the hand-written dumps."""

from __future__ import annotations

from pathlib import Path

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index

FIXTURES = Path(__file__).parent.parent / "fixtures"
NORDLICHT = ("EU-ZZ-240-20170101", "DE-NORDLICHT-20180312")
PAPERBARK = ("APNIC-AP", "PAPERBARK-AU")
DODO = ("ORG-AFNC1-AFRINIC-20050401", "DODO-20140210")
# address -> netnames of the chain, holder, user
ANSWERS = {
    "240.10.33.7": (
        (*NORDLICHT, "ADRLEASE-POOL-1", "WOLKENBURG-FI-33"),
        "Nordlicht Hosting GmbH", "Wolkenburg Cloud Oy",
    ),
    "240.10.34.1": (
        (*NORDLICHT, "ADRLEASE-POOL-1", "PIXELFJORD-34"),
        "Nordlicht Hosting GmbH", "Pixelfjord Media ehf.",
    ),
    "240.10.35.1": (
        (*NORDLICHT, "ADRLEASE-POOL-1", "ADRLEASE-Z3-20250601"),
        "Nordlicht Hosting GmbH", "Adresslease Brokers B.V.",
    ),
    "240.10.0.1": (
        (*NORDLICHT, "NORDLICHT-PART-A", "NORDLICHT-CORE"), "Nordlicht Hosting GmbH", None,
    ),
    "240.10.4.7": (
        (*NORDLICHT, "NORDLICHT-PART-A", "MARZIPAN-NET", "MARZIPAN-SHOP"),
        "Nordlicht Hosting GmbH", "Zuckerhut Webshop, one address",
    ),
    "240.10.5.0": ((*NORDLICHT, "NORDLICHT-PART-A"), "Nordlicht Hosting GmbH", None),
    "240.10.9.64": (
        (*NORDLICHT, "NORDLICHT-PART-A", "CROSS-LEFT", "CROSS-RIGHT"),
        "Nordlicht Hosting GmbH", "Rechtes Ufer Druck",
    ),
    "240.10.9.200": (
        (*NORDLICHT, "NORDLICHT-PART-A", "CROSS-RIGHT"),
        "Nordlicht Hosting GmbH", "Rechtes Ufer Druck",
    ),
    "240.10.48.9": (
        (*NORDLICHT, "NORDLICHT-DSL-POOL", "DACHDECKER-NET"),
        "Nordlicht Hosting GmbH", "Dachdeckerei Schieferberg",
    ),
    "240.10.58.3": (
        (*NORDLICHT, "DREIFELD-NET", "DREIFELD-LAGER"),
        "Nordlicht Hosting GmbH", "Dreifeld Logistik AG",
    ),
    "241.64.2.9": (
        ("EU-ZZ-240-20170101", "ES-GRANITO-20201103", "VERDEMAR-NET"),
        "Sol y Granito S.L.", "Estación Verdemar",
    ),
    "241.80.0.1": (
        ("EU-ZZ-240-20170101", "PL-BURSZTYN-20241212"), "Bursztyn Sieci sp. z o.o.", None,
    ),
    "241.255.0.1": ((), None, None),
    "242.1.1.1": ((), None, None),
    "243.200.0.1": ((), None, None),
    "198.51.100.5": (("MUSEUM-PI",), "Musée des Câbles", None),
    "198.18.20.1": (
        ("KRAEHENBURG-NET", "KRAEHENBURG-MED", "SPINOFF-NET"),
        "Universität Krähenburg", "Rabenflug Diagnostics",
    ),
    "198.19.3.4": (("TIEFSEE-NET",), "Institut für Tiefseekunde", None),
    "3fff:10:4001::1": (
        ("EU-ZZ-3FFF", "DE-NORDLICHT-20180313", "ADRLEASE-V6-1", "WOLKENBURG-FI-V6"),
        "Nordlicht Hosting GmbH", "Wolkenburg Cloud Oy",
    ),
    "3fff:10:ffff::53": (
        ("EU-ZZ-3FFF", "DE-NORDLICHT-20180313", "NORDLICHT-CORE6", "ZUCKERHUT-DNS"),
        "Nordlicht Hosting GmbH", "Zuckerhut Webshop, one address",
    ),
    "100.64.9.9": (
        (*PAPERBARK, "LYREBIRD-RESALE", "XUGOU-CLOUD"),
        "Paperbark Wholesale Transit Pty Ltd", "虚构云网络有限公司",
    ),
    "100.64.16.1": (
        (*PAPERBARK, "PAPERBARK-CORE"), "Paperbark Wholesale Transit Pty Ltd", None,
    ),
    "100.80.4.1": (("APNIC-AP", "JPNIC-NET-JP", "KAKU-TEL"), "架空電信株式会社", None),
    "100.100.0.1": (("APNIC-AP", "TIDEPOOL-FJ"), "Tidepool Research Station", None),
    "203.0.113.200": ((), None, None),
    "244.5.2.2": (
        ("APNIC-AP", "ORCHIDEX-SG", "PAGODA-MEDIA"),
        "Orchidex Carrier Services Pte Ltd", "Pagoda Media Group",
    ),
    "10.33.77.5": (
        (*DODO, "ORINOCO-NET"), "Dodo Address Holdings Ltd", "Orinoco Espejo Hosting C.A.",
    ),
    "10.34.0.1": ((*DODO, "NILOTIKA-DIALUP"), "Dodo Address Holdings Ltd", "Nilotika Net"),
    "10.40.12.1": (
        (*DODO, "SAVANNAH-SUB", "MANGROVE-12"),
        "Dodo Address Holdings Ltd", "Mangrove Pay (Pty) Ltd",
    ),
    "10.255.1.1": ((), None, None),
    "192.0.2.9": (("SAHEL-LIBRARY",), "Bibliothèque du Sahel", None),
    "248.1.0.9": (
        ("LAB-ALL", "BENCH-1"), "Laboratory of Invented Networks",
        "Bench one by the window with a view # and a hash sign",
    ),
    "fd00:64:0:1::5": (
        ("LAB-SIX", "LAB-SIX-HOSTS"), "Laboratory of Invented Networks",
        "Six addresses, no single prefix",
    ),
}  # fmt: skip


@pytest.mark.parametrize("address", ANSWERS)
def test_an_address_of_the_fixtures_has_the_chain_holder_and_user_of_their_readme(
    address: str, index: Index
) -> None:
    netnames, holder, user = ANSWERS[address]
    answer = index.lookup(address)
    assert tuple(net.netname for net in answer.chain) == netnames
    assert (answer.holder.name if answer.holder else None) == holder
    assert (answer.user.name if answer.user else None) == user
    assert bool(answer) is bool(netnames)
    last = index.match(address)
    assert last == (answer.chain[-1].id if netnames else None)


@pytest.mark.parametrize(
    ("address", "netname"),
    [
        ("243.200.0.1", "IANA-BLK"),
        ("242.1.1.1", "NON-RIPE-NCC-MANAGED-ADDRESS-BLOCK"),
        ("203.0.113.200", "STUB-203-0-113-192SLASH27"),
        ("192.0.2.9", "ERX-NETBLOCK"),
        ("198.18.20.1", "RIPE-CIDR-BLOCK"),
    ],
)
def test_a_placeholder_never_answers_and_can_be_asked_for(
    address: str, netname: str, index: Index
) -> None:
    answer = index.lookup(address)
    assert netname not in [net.netname for net in answer.chain]
    assert netname in [net.netname for net in answer.all if net.role == "placeholder"]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("241.255.0.1", "registry-block"),
        ("10.255.1.1", "registry-block"),
        ("243.200.0.1", "no-net"),
        ("240.10.9.64", "crossing"),
        ("::ffff:240.10.33.7", "embedded-ipv4"),
    ],
)
def test_a_note_says_what_is_special(address: str, code: str, index: Index) -> None:
    assert code in [note.code for note in index.lookup(address).notes]


def test_the_block_of_the_documented_case_changed_hands_within_a_year(
    index: Index, tmp_path: Path
) -> None:
    build([str(FIXTURES / "before")], str(tmp_path / "before.rirdex"))
    with open_index(tmp_path / "before.rirdex") as before:
        then, now = before.lookup("10.33.77.5"), index.lookup("10.33.77.5")
        assert [then.chain[-1].country, now.chain[-1].country] == [("HK",), ("VE",)]
        assert then.user is not None
        assert now.user is not None
        assert then.user.name != now.user.name
        assert then.holder == now.holder
        modified = [then.chain[-1].modified, now.chain[-1].modified]
        assert modified[0] is not None
        assert modified[1] is not None
        assert 0 < (modified[1] - modified[0]).days <= 366
        # The only mailbox is in a person the parent refers to.
        parent = now.chain[-2].text
        person = index.object("JD1-TEST", kind="person")
        assert "JD1-TEST" in parent
        assert person is not None
        assert "abuse-mailbox:" in person.text
        assert "abuse-mailbox" not in now.chain[-1].text


def test_all_fixtures_at_once_build_one_index(tmp_path: Path) -> None:
    summary = build([str(FIXTURES)], str(tmp_path / "all.rirdex"))
    # The older dump of AFRINIC holds the same objects: of two the later changed one counts.
    assert sum(report.duplicates for report in summary.reports) > 25
    with open_index(tmp_path / "all.rirdex") as found:
        assert found.lookup("10.33.77.5").chain[-1].netname == "ORINOCO-NET"
