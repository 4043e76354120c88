"""Check what the list of lessors and facilitators says, and what is refused in a desk's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rirdex.query import fingerprints
from rirdex.query.desk import DeskError
from rirdex.query.fingerprints import Fingerprints, Party, load_fingerprints
from rirdex.query.names import normal_many

MAINTAINERS = {
    "IPXO-MNT": ("IPXO", "platform", "high"),
    "MAINT-IPXOLIMITED-AP": ("IPXO", "platform", "high"),
    "PREFIXBROKER-MNT": ("Prefix Broker", "broker", "high"),
    "INTERLIR-MNT": ("InterLIR", "broker", "medium"),
    "LARUS-SERVICE-MNT": ("LARUS", "broker", "high"),
    "CIL1-MNT": ("Cloud Innovation", "holder", "high"),
    "RESILANS-MNT": ("Resilans", "holder", "high"),
    "IP-RIPE": ("IP-RIPE", "holder", "medium"),
    "ROSNIIROS-MNT": ("RIPN", "holder", "low"),
    "SC-RAPIDSEEDBOX-1-MNT": ("RapidSeedbox Ltd", "holder", "low"),
    "MNT-NETERRA": ("Neterra Ltd.", "isp", "low"),
    "XTOM": ("xTom GmbH", "isp", "low"),
}
NETNAMES = {
    "IPXO": "IPXO",
    "IPXO-Z13-20230601": "IPXO",
    "ipxo_1": "IPXO",
    "IPXO1": "IPXO",
    "TENNET-IPXO": "IPXO",
    "10-IPXO-20": "IPXO",
    "InterLIR-Customer": "InterLIR",
    "PREFIXBROKER": "Prefix Broker",
    "RU-PROLINE": "IP-RIPE",
    "PROLINE-IT-NETWORK": None,
    "RU-PROLINES": None,
    "IPXON": None,
    "IPXONET-10-20": None,
    "MIPXO": None,
    "EXAMPLE": None,
    "": None,
}
NAMES = {
    "IPXO Ltd": "IPXO",
    "IPXO, L.L.C.": "IPXO",
    "EXAMPLE LIMITED IPXO": "IPXO",
    "IPXON Networks": None,
    "Prefix Broker B.V.": "Prefix Broker",
    "PREFIX-BROKER BV": "Prefix Broker",
    "Some prefix brokers": None,
    "LARUS Limited": "LARUS",
    "Larus Networks": None,
    "Cloud Innovation Ltd": "Cloud Innovation",
    "Cloud Innovation Park": None,
    "": None,
}


def table(name: str, values: Mapping[str, object]) -> str:
    lines = (
        f"{key} = {value if isinstance(value, date) else json.dumps(value)}"
        for key, value in values.items()
        if value is not None
    )
    return f"[[{name}]]\n" + "\n".join(lines) + "\n"


def party(**values: object) -> str:
    """Return an entry with what is needed filled in, all but a thing to tell it by."""
    needed = {"name": "Acme Leasing", "kind": "broker", "source": "RIPE, ACME-MNT"}
    return table("party", needed | {"date": date(2026, 1, 31), "confidence": "high"} | values)


def load(folder: Path, text: str | bytes = "") -> Fingerprints:
    data = text.encode() if isinstance(text, str) else text
    (folder / fingerprints.FILE).write_bytes(data)
    return load_fingerprints(str(folder))


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Fingerprints:
    return load_fingerprints(str(tmp_path_factory.mktemp("desk")))


def name_of(found: Party | None) -> str | None:
    return found and found.name


# What comes with rirdex.


def test_every_packaged_entry_says_where_and_when_it_was_seen(packaged: Fingerprints) -> None:
    assert len(packaged.parties) >= 20
    for entry in packaged.parties:
        assert entry.source.strip()
        assert date(2020, 1, 1) < entry.date < date(2100, 1, 1)
        assert entry.confidence in fingerprints.CONFIDENCES
        assert entry.maintainers


def test_only_platforms_and_brokers_are_facilitators(packaged: Fingerprints) -> None:
    found = {entry.name for entry in packaged.parties if entry.facilitates}
    assert found == {"IPXO", "Prefix Broker", "InterLIR", "LARUS"}
    assert {entry.kind for entry in packaged.parties if entry.facilitates} <= {"platform", "broker"}
    assert {entry.kind for entry in packaged.parties if not entry.facilitates} <= {"holder", "isp"}


def test_no_two_packaged_entries_claim_one_thing(packaged: Fingerprints) -> None:
    for told in ("maintainers", "organisations", "roles", "asns", "netnames", "descrs", "domains"):
        claimed = [text.upper() for entry in packaged.parties for text in getattr(entry, told)]
        assert len(claimed) == len(set(claimed)), told
    assert len({entry.name for entry in packaged.parties}) == len(packaged.parties)


def test_the_head_of_the_file_says_that_a_name_makes_no_lease() -> None:
    path = Path(fingerprints.__file__).parent / fingerprints.FILE
    assert "on this list alone never makes a lease" in path.read_text().partition("[[")[0]


@pytest.mark.parametrize(("handle", "expected"), MAINTAINERS.items())
def test_a_maintainer_tells_a_party(
    packaged: Fingerprints, handle: str, expected: tuple[str, str, str]
) -> None:
    found = packaged.by_maintainer[handle]
    assert (found.name, found.kind, found.confidence) == expected


@pytest.mark.parametrize(("netname", "expected"), NETNAMES.items())
def test_a_netname_tells_a_party(
    packaged: Fingerprints, netname: str, expected: str | None
) -> None:
    assert name_of(packaged.match_netname(netname)) == expected


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_a_name_tells_a_party(packaged: Fingerprints, name: str, expected: str | None) -> None:
    assert name_of(packaged.match_descr(name)) == expected


def test_the_abuse_role_and_the_as_number_of_a_platform_tell_it(packaged: Fingerprints) -> None:
    assert packaged.by_role["IPXO834"] is packaged.by_asn[834] is packaged.by_maintainer["IPXO-MNT"]


@given(st.lists(st.sampled_from([*NETNAMES, "a\nIPXO", "\u212a-IPXO", "İPXO"]) | st.text()))
def test_many_netnames_are_matched_as_one_is(texts: list[str]) -> None:
    held = load_fingerprints(str(Path(__file__).parent))
    expected = {row: held.match_netname(text) for row, text in enumerate(texts)}
    found = held.match_netnames([text.encode() for text in texts])
    assert found == {row: value for row, value in expected.items() if value}
    assert list(found) == sorted(found)


@given(st.lists(st.sampled_from([*NAMES, "ＩＰＸＯ", "&quot;IPXO&quot; GmbH"]) | st.text()))  # noqa: RUF001
def test_many_names_are_matched_as_one_is(texts: list[str]) -> None:
    held = load_fingerprints(str(Path(__file__).parent))
    expected = {row: held.match_descr(text) for row, text in enumerate(texts)}
    found = held.match_descrs(normal_many([text.encode() for text in texts]))
    assert found == {row: value for row, value in expected.items() if value}


# A desk's own.


def test_an_entry_is_read_whole(tmp_path: Path) -> None:
    text = party(
        maintainers=["acme-mnt"], organisations=["org-al1-ripe"], roles=["ACME1-RIPE"],
        asns=["as64500"], netnames=["ACME*"], descrs=["Acme*"], domains=["Acme.example"],
        abuse="Abuse@mail.example", form="https://acme.example/report",
    )  # fmt: skip
    held = load(tmp_path, text)
    acme = held.parties[0]
    assert acme == Party(
        "Acme Leasing", "broker", "RIPE, ACME-MNT", date(2026, 1, 31), "high", ("acme-mnt",),
        ("org-al1-ripe",), ("ACME1-RIPE",), ("as64500",), ("ACME*",), ("Acme*",),
        ("Acme.example",), "Abuse@mail.example", "https://acme.example/report",
    )  # fmt: skip
    found = [
        held.by_maintainer["ACME-MNT"], held.by_organisation["ORG-AL1-RIPE"],
        held.by_role["ACME1-RIPE"], held.by_asn[64500], held.by_domain["acme.example"],
        held.by_mailbox["abuse@mail.example"], held.match_netname("acme-7"),
        held.match_descr("ACME Networks, Inc."),
    ]  # fmt: skip
    assert all(one is acme for one in found)


MAILBOXES = {
    "abuse@mail.example": "Acme Leasing",
    "ABUSE@Mail.Example": "Acme Leasing",
    "noc@mail.example": None,
    "any@acme.example": "Acme Leasing",
    "any@eu.acme.example": "Acme Leasing",
    "any@notacme.example": None,
    "any@example": None,
    "": None,
}


@pytest.mark.parametrize(("mailbox", "expected"), MAILBOXES.items())
def test_a_mailbox_tells_a_party_by_itself_or_its_domain(
    tmp_path: Path, mailbox: str, expected: str | None
) -> None:
    held = load(tmp_path, party(abuse="abuse@mail.example", domains=["acme.example"]))
    assert name_of(held.match_mailbox(mailbox)) == expected


PATTERNS = [
    ("ACME", "ACME", True),
    ("ACME", "ACME-7", False),
    ("ACME*", "ACME", True),
    ("ACME*", "ACME-7", True),
    ("ACME*", "acme7", True),
    ("ACME*", "ACMES", False),
    ("ACME-*", "ACME-7", True),
    ("ACME-*", "ACME", False),
    ("*ACME", "NL-ACME", True),
    ("*ACME", "7ACME", True),
    ("*ACME", "NLACME", False),
    ("AS64*", "AS64-NET", True),
    ("AS64*", "AS641-NET", False),
    ("AC.E*", "ACME", False),
    ("AC.E*", "AC.E", True),
    ("NL*ACME*1", "NL-ACME-1", True),
    ("NL*ACME*1", "NL-ACME-11", False),
    ("***ACME**", "NL-ACME-1", True),
]


@pytest.mark.parametrize(("pattern", "netname", "expected"), PATTERNS)
def test_a_star_is_any_text_that_cuts_no_word(
    tmp_path: Path, pattern: str, netname: str, expected: bool
) -> None:
    held = load(tmp_path, party(netnames=[pattern]))
    assert (held.match_netname(netname) is held.parties[0]) == expected
    assert (held.match_netnames([b"X", netname.encode()]) == {1: held.parties[0]}) == expected


@pytest.mark.parametrize("pattern", ["Пример Аренда*", "*ПРИМЕР аренда", "ООО Пример Аренда"])  # noqa: RUF001
def test_patterns_of_names_are_folded_as_names_are(tmp_path: Path, pattern: str) -> None:
    held = load(tmp_path, party(descrs=[pattern]))
    assert held.match_descr("«Пример» Аренда, ООО") is held.parties[0]  # noqa: RUF001
    assert held.match_descr("Примера Аренда") is None


def test_the_desks_own_go_first_in_the_files_order(tmp_path: Path) -> None:
    text = party(name="B", maintainers=["B-MNT", "BOTH-MNT"]) + party(
        name="A", maintainers=["BOTH-MNT", "A-MNT"]
    )
    held = load(tmp_path, text)
    assert [entry.name for entry in held.parties[:3]] == ["B", "A", "IPXO"]
    assert held.by_maintainer["BOTH-MNT"].name == "B"
    assert held.by_maintainer["A-MNT"].name == "A"


def test_a_desk_can_take_a_packaged_facilitator_back(tmp_path: Path) -> None:
    text = party(name="No lease", kind="isp", maintainers=["ipxo-mnt"], netnames=["*IPXO*"])
    held = load(tmp_path, text)
    assert not held.by_maintainer["IPXO-MNT"].facilitates
    assert name_of(held.match_netname("IPXO-Z13")) == "No lease"
    assert held.by_maintainer["MAINT-IPXOLIMITED-AP"].facilitates


def test_the_desk_is_found_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tmp_path, party(maintainers=["ACME-MNT"]))
    monkeypatch.setenv("RIRDEX_CONFIG", str(tmp_path))
    assert "ACME-MNT" in load_fingerprints().by_maintainer


def test_an_empty_file_is_no_error(tmp_path: Path, packaged: Fingerprints) -> None:
    assert load(tmp_path, "# nobody\n").parties == packaged.parties
    assert load(tmp_path, "\ufeff" + party(asns=["AS1"])).by_asn[1].name == "Acme Leasing"


known = {"maintainers": ["ACME-MNT"]}
MALFORMED = [
    ("[[party", "is no TOML"),
    ("party = 1", r"party: is no list of tables: write \[\[party\]\]"),
    ('[[lessor]]\nname = "A"', r"lessor: is unknown: write \[\[party\]\]"),
    (party(), "party 1: can be told by nothing: add one of maintainers"),
    (party(maintainers=[]), "party 1: can be told by nothing"),
    (party(**known) + party(form="https://acme.example/"), "party 2: can be told by nothing"),
    *(
        (party(**known | {key: None}), f"party 1: has no {key}: add it")
        for key in ("name", "kind", "source", "date", "confidence")
    ),
    (party(**known, colour="red"), "party 1: colour is unknown: the keys are name, source"),
    (party(**known | {"name": ""}), "party 1: name is '': write a text in quotes"),
    (party(**known | {"source": " "}), "party 1: source is ' ': write a text in quotes"),
    (party(**known | {"kind": "crook"}), "kind is 'crook': write one of platform, broker"),
    (party(**known | {"kind": ["isp"]}), r"kind is \['isp'\]: write one of platform, broker"),
    (party(**known | {"confidence": "sure"}), "confidence is 'sure': write one of high"),
    (party(**known | {"date": "2026-01-31"}), "date is '2026-01-31': write a date without"),
    (party(maintainers="ACME-MNT"), "maintainers is 'ACME-MNT': write a list of handles"),
    (party(maintainers=["A MNT"]), r"maintainers is \['A MNT'\]: write a list of handles"),
    (party(organisations=[1]), r"organisations is \[1\]: write a list of handles"),
    (party(asns=[64500]), r"asns is \[64500\]: write a list as"),
    (party(asns=["AS4294967296"]), "party 1: 'AS4294967296' is no AS number: write AS64500"),
    (party(netnames=["ACME 7"]), "netnames is .*: write a list of netnames without blanks"),
    (party(netnames=["*"]), r"netnames has '\*': write at least 3 letters or digits beside a \*"),
    (party(netnames=["AC*ME"]), "netnames has .*: write at least 3 letters"),
    (party(netnames=["---"]), "netnames has '---': write at least 3 letters"),
    (party(descrs=["* & *"]), "descrs has .*: write at least 3 letters"),
    (party(descrs=[""]), "descrs is .*: write a list of names"),
    (party(domains=["abuse@acme.example"]), "domains is .*: write a list of domains"),
    (party(abuse="acme.example"), "abuse is 'acme.example': write a mailbox"),
    (party(**known, form="acme.example"), "form is 'acme.example': write an http or https URL"),
]


@pytest.mark.parametrize(("text", "message"), MALFORMED)
def test_what_is_malformed_is_named_by_file_and_entry(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DeskError, match=message) as raised:
        load(tmp_path, text)
    assert raised.value.path == str(tmp_path / "fingerprints.toml")
    assert str(raised.value).startswith(f"{raised.value.path}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "fingerprints.toml").mkdir()
    with pytest.raises(DeskError, match=r"fingerprints\.toml: cannot be read"):
        load_fingerprints(str(tmp_path))


def test_text_that_is_no_utf_8_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeskError, match=r"fingerprints\.toml: byte 0 is no UTF-8"):
        load(tmp_path, party(**known).encode("utf-16"))
