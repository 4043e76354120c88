"""Check the verdicts that fixtures/README.md promises for `fixtures/leases`.

The tables here are those of the README. What is in `NOT_LEASED` is never to be called leased,
whatever evidence is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index

FIXTURES: Final = Path(__file__).parent.parent / "fixtures"
FOLDER: Final = FIXTURES / "leases"
EVIDENCE: Final[dict[str, Any]] = {
    "routes": [str(FOLDER / "pfx2as")],
    "vrps": [str(FOLDER / "vrps.json")],
    "relationships": [str(FOLDER / "as-rel")],
    "as_orgs": [str(FOLDER / "as-org2info.txt")],
    "desk": str(FOLDER / "desk"),
}


class Case(NamedTuple):
    """Hold what an address stands for, and what is to be said of it."""

    what: str
    verdict: str
    roles: str  # of the chain, widest first, without blocks of the registry
    rules: str  # all that fired
    lessor: str | None = None
    lessee: str | None = None
    facilitator: str | None = None
    sponsor: str | None = None


SILBERSEE: Final = "Silbersee Netze GmbH"
LEIHNETZ: Final = "Leihnetz"
AKTENKOFFER: Final = "Aktenkoffer Adressen AG"
EUCALYPT: Final = "Eucalypt Exchange Pty Ltd"
CORMORANT: Final = "Cormorant Networks, LLC"
LEASED: Final = {
    "252.16.1.9": Case(
        "a lease by a platform: its maintainer, a foreign AS", "leased, high", "holder lessee",
        "origin-unrelated facilitator-maintainer own-contact own-geofeed country-differs "
        "created-later siblings-differ roa-foreign", lessor=SILBERSEE,
        lessee="Mondfisch Streaming Ltd", facilitator=LEIHNETZ,
    ),
    "252.16.2.9": Case(
        "a foreign AS and nothing else", "leased, medium", "holder lessee",
        "origin-unrelated siblings-differ", lessor=SILBERSEE, lessee="Sturmvogel Rechenwerk GmbH",
    ),
    "252.16.3.9": Case(
        "the word in the remarks", "leased, high", "holder lessee",
        "origin-unrelated lease-remark siblings-differ", lessor=SILBERSEE,
        lessee="Papierlaterne Spiele GmbH",
    ),
    "252.16.4.130": Case(
        "a /25 in a foreign /24", "leased, low", "holder lessee",
        "origin-unrelated siblings-differ", lessor=SILBERSEE, lessee="Kupferkanne Webdienste e.K.",
    ),
    "252.16.8.9": Case(
        "a /22 of which two /24 are announced", "leased, low", "holder lessee",
        "origin-unrelated siblings-differ", lessor=SILBERSEE, lessee="Wanderfalke Hosting GmbH",
    ),
    "252.16.12.9": Case(
        "a foreign AS with a ROA; it is the holder's upstream", "leased, medium", "holder lessee",
        "origin-unrelated siblings-differ roa-foreign", lessor=SILBERSEE,
        lessee="Eisvogel Tunnel UG",
    ),
    "252.16.25.9": Case(
        "an AS of the user's own, whose provider is another", "leased, medium", "holder lessee",
        "origin-unrelated siblings-differ", lessor=SILBERSEE, lessee="Drehorgel Funk GmbH",
    ),
    "252.16.40.9": Case(
        "a platform's stock", "leased, high", "holder facilitator",
        "origin-unrelated facilitator-maintainer facilitator-organisation facilitator-contact "
        "facilitator-name facilitator-origin user-is-facilitator own-contact country-differs "
        "created-later siblings-differ sub-allocated-24", lessor=SILBERSEE, facilitator=LEIHNETZ,
    ),
    "252.16.41.9": Case(
        "a platform's lease that the holder announces", "likely-leased, medium", "holder lessee",
        "origin-related facilitator-maintainer country-differs created-later", lessor=SILBERSEE,
        lessee="Glasperle Medien OG", facilitator=LEIHNETZ,
    ),
    "252.16.42.9": Case(
        "only the netname is the platform's", "leased, medium", "holder lessee",
        "origin-unrelated facilitator-name siblings-differ", lessor=SILBERSEE,
        lessee="Rotkehlchen Mail GmbH", facilitator=LEIHNETZ,
    ),
    "252.16.43.9": Case(
        "the maintainer of a known operator, no facilitator", "leased, medium", "holder lessee",
        "origin-unrelated siblings-differ", lessor=SILBERSEE, lessee="Fledermaus Ton GmbH",
    ),
    "252.16.44.9": Case(
        "a sub-allocated /24", "leased, medium", "holder lessee",
        "origin-unrelated siblings-differ sub-allocated-24", lessor=SILBERSEE,
        lessee="Zeitungsente Presse GmbH",
    ),
    "252.16.49.9": Case(
        "an intermediary that no list knows", "leased, medium", "holder facilitator lessee",
        "origin-unrelated own-contact country-differs created-later siblings-differ",
        lessor=SILBERSEE, lessee="Nachtfalter Media OÜ", facilitator="Brückenkopf Vermittlung B.V.",
    ),
    "252.16.28.9": Case(
        "a net under the holder's own name", "likely-leased, low", "holder infrastructure",
        "origin-unrelated same-party", lessor=SILBERSEE,
    ),
    "252.48.0.9": Case(
        "a holder without an AS, no sign", "likely-leased, low", "holder lessee",
        "origin-unrelated holder-without-as", lessor=AKTENKOFFER, lessee="Pfefferkuchen Server AG",
    ),
    "252.48.1.9": Case(
        "a holder without an AS, two signs", "likely-leased, medium", "holder lessee",
        "origin-unrelated country-differs created-later holder-without-as", lessor=AKTENKOFFER,
        lessee="Tintenfisch Alojamento Lda",
    ),
    "252.49.1.9": Case(
        "three users, three foreign origins", "likely-leased, medium", "holder lessee",
        "origin-unrelated siblings-differ holder-without-as", lessor="Sparstrumpf Verwaltung AG",
        lessee="Luftschloss Hosting AG",
    ),
    "252.50.0.9": Case(
        "only a ROA is a sign; a /25", "likely-leased, medium", "holder lessee",
        "origin-unrelated roa-foreign holder-without-as", lessor="Murmeltier Anlagen AG",
        lessee="Alpenrose Rechner AG",
    ),
    "252.81.0.9": Case(
        "a whole ALLOCATED-ASSIGNED PA", "likely-leased, low", "holder",
        "origin-unrelated same-party facilitator-maintainer holder-without-as",
        lessor="Gawron Serwery sp. z o.o.", facilitator=LEIHNETZ,
    ),
    "252.220.7.9": Case(
        "a part of LEGACY space", "leased, medium", "holder lessee",
        "origin-unrelated country-differs created-later roa-foreign", lessor="Sternwarte Hohenfels",
        lessee="Fernrohr Hosting Ltd", sponsor=SILBERSEE,
    ),
    "3fff:410:10::9": Case(
        "IPv6, by a platform", "leased, high", "holder lessee",
        "origin-unrelated facilitator-maintainer country-differs created-later roa-foreign",
        lessor=SILBERSEE, lessee="Mondfisch Streaming Ltd", facilitator=LEIHNETZ,
    ),
    "3fff:410:20::9": Case(
        "IPv6, ALLOCATED-BY-LIR", "leased, medium", "holder lessee", "origin-unrelated",
        lessor=SILBERSEE, lessee="Sturmvogel Rechenwerk GmbH",
    ),
    "3fff:410:22::9": Case(
        "in the last: no facilitator, one party", "leased, low", "holder customer lessee",
        "origin-unrelated", lessor=SILBERSEE, lessee="Sturmvogel Rechenwerk GmbH",
    ),
    "253.10.5.9": Case(
        "APNIC: a platform's irt", "leased, high", "holder lessee",
        "origin-unrelated facilitator-contact own-contact country-differs roa-foreign",
        lessor=EUCALYPT, lessee="Neon Panda Cloud Limited", facilitator=LEIHNETZ,
    ),
    "253.10.17.9": Case(
        "APNIC: an intermediary", "leased, medium", "holder facilitator lessee",
        "origin-unrelated country-differs", lessor=EUCALYPT, lessee="Lanternfish Gaming Pte Ltd",
        facilitator="Cassowary Resale Pty Ltd",
    ),
    "253.129.7.9": Case(
        "AFRINIC: a broker in the block's `mnt-lower`", "leased, high", "holder lessee",
        "origin-unrelated facilitator-maintainer country-differs holder-without-as",
        lessor="Marabou Address Trust Ltd", lessee="Quelea Servers Limited",
        facilitator="Sandgrouse",
    ),
    "254.4.8.9": Case(
        "ARIN: a known broker's OrgID in between", "leased, high", "holder facilitator lessee",
        "origin-unrelated facilitator-organisation facilitator-contact facilitator-name "
        "created-later",
        lessor=CORMORANT, lessee="Driftwood Game Servers", facilitator="Heron Address Brokers",
    ),
    "254.4.11.9": Case(
        "ARIN: the broker's stock, not announced", "likely-leased, medium", "holder facilitator",
        "block-announced facilitator-organisation facilitator-contact facilitator-name "
        "user-is-facilitator own-contact created-later", lessor=CORMORANT,
        facilitator="Heron Address Brokers",
    ),
    "254.130.6.9": Case(
        "LACNIC: reallocated", "leased, medium", "holder lessee",
        "origin-unrelated own-contact country-differs created-later sub-allocated-24",
        lessor="Cooperativa Andina de Telefonía Imaginaria", lessee="Quetzal Hospedaje S.A.",
    ),
}  # fmt: skip
NOT_LEASED: Final = {
    "252.16.60.9": Case(
        "the holder's block", "own-use, high", "holder", "origin-related same-party",
    ),
    "252.16.0.9": Case(
        "infrastructure", "own-use, high", "holder infrastructure", "block-announced same-party",
    ),
    "252.16.21.9": Case(
        "a customer, only the block is announced", "customer, medium", "holder customer",
        "block-announced",
    ),
    "252.16.20.9": Case(
        "a customer that the holder announces", "customer, high", "holder customer",
        "origin-related created-later",
    ),
    "252.16.22.9": Case(
        "a multihomed customer with an AS of its own", "customer, high", "holder customer",
        "origin-related created-later",
    ),
    "252.16.24.9": Case(
        "the same, and nobody knows its providers", "likely-leased, low", "holder lessee",
        "origin-unrelated siblings-differ origin-of-user", lessor=SILBERSEE,
        lessee="Feuersalamander Labor GmbH",
    ),
    "252.16.30.9": Case(
        "a customer behind a scrubbing service", "likely-leased, low", "holder lessee",
        "origin-unrelated siblings-differ origin-service", lessor=SILBERSEE,
        lessee="Schatztruhe Bezahlsysteme AG",
    ),
    "252.16.31.9": Case(
        "the holder's own net behind it", "likely-leased, low", "holder infrastructure",
        "origin-unrelated same-party origin-service", lessor=SILBERSEE,
    ),
    "252.16.32.9": Case(
        "renamed: the old name, the same handle", "own-use, high", "holder infrastructure",
        "origin-related same-party",
    ),
    "252.16.33.9": Case(
        "renamed: another legal form, no handle", "own-use, high", "holder infrastructure",
        "block-announced same-party created-later",
    ),
    "252.16.34.9": Case(
        "renamed: another legal form, handle and AS", "own-use, high", "holder infrastructure",
        "origin-related same-party created-later",
    ),
    "252.16.36.9": Case(
        "acquired by the holder: a sibling by as2org", "customer, high", "holder customer",
        "origin-related",
    ),
    "252.16.50.9": Case(
        "an intermediary's own net", "customer, medium", "holder customer customer",
        "block-announced country-differs",
    ),
    "252.32.9.9": Case(
        "an acquired holder's block", "own-use, high", "holder", "origin-related same-party",
    ),
    "252.32.1.9": Case(
        "its infrastructure, two origins", "own-use, high", "holder infrastructure",
        "origin-related same-party",
    ),
    "252.32.2.9": Case(
        "its customer, announced by the acquirer", "customer, high", "holder customer",
        "origin-related",
    ),
    "252.33.1.9": Case(
        "another's infrastructure, the block is not announced", "own-use, high",
        "holder infrastructure", "origin-related same-party",
    ),
    "252.33.2.9": Case(
        "the rest of that block", "unused, medium", "holder", "not-announced same-party",
    ),
    "252.48.2.9": Case(
        "a customer that is not announced, with a foreign ROA", "unused, medium", "holder customer",
        "not-announced holder-without-as",
    ),
    "252.64.2.9": Case(
        "a block that a cloud announces", "unknown, low", "holder",
        "origin-unrelated same-party origin-service",
    ),
    "252.64.1.9": Case(
        "the holder's own net in it", "own-use, high", "holder infrastructure",
        "origin-related same-party created-later",
    ),
    "252.65.0.9": Case(
        "ALLOCATED-ASSIGNED PA behind a scrubbing service", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as origin-service",
    ),
    "252.66.0.9": Case(
        "a block that is not announced", "unused, medium", "holder",
        "not-announced same-party holder-without-as",
    ),
    "252.66.1.9": Case(
        "a customer in it", "unused, medium", "holder customer", "not-announced holder-without-as",
    ),
    "252.66.2.9": Case(
        "a platform's stock in it, with a ROA for AS 0", "unused, medium", "holder facilitator",
        "not-announced facilitator-maintainer facilitator-organisation facilitator-contact "
        "facilitator-name user-is-facilitator own-contact country-differs created-later "
        "holder-without-as", facilitator=LEIHNETZ,
    ),
    "252.66.3.9": Case(
        "infrastructure in it", "unused, medium", "holder infrastructure",
        "not-announced same-party holder-without-as",
    ),
    "252.80.0.9": Case(
        "ALLOCATED-ASSIGNED PA", "own-use, high", "holder", "origin-related same-party",
    ),
    "252.200.1.9": Case(
        "an end user's PI, announced by its upstream", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as", sponsor=SILBERSEE,
    ),
    "252.200.6.9": Case(
        "PI, announced by its sponsor", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as", sponsor=SILBERSEE,
    ),
    "252.200.4.9": Case(
        "PI with an AS of its own", "own-use, high", "holder", "origin-related same-party",
        sponsor=SILBERSEE,
    ),
    "252.200.2.9": Case(
        "ASSIGNED ANYCAST, announced by a service", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as origin-service", sponsor=SILBERSEE,
    ),
    "252.200.3.9": Case(
        "ASSIGNED ANYCAST, an AS set with its own AS", "own-use, high", "holder",
        "origin-related same-party", sponsor=SILBERSEE,
    ),
    "252.220.9.9": Case(
        "LEGACY", "own-use, high", "holder", "origin-related same-party", sponsor=SILBERSEE,
    ),
    "3fff:410:40::9": Case(
        "IPv6, a customer", "customer, high", "holder customer", "origin-related created-later",
    ),
    "253.10.6.9": Case("APNIC: a customer", "customer, high", "holder customer", "origin-related"),
    "253.10.40.9": Case(
        "APNIC: infrastructure, told by its descr", "own-use, high", "holder infrastructure",
        "block-announced same-party",
    ),
    "253.20.0.9": Case(
        "APNIC: ASSIGNED PORTABLE, announced by an upstream", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as",
    ),
    "253.129.8.9": Case(
        "AFRINIC: infrastructure under a broker's `mnt-lower`", "unused, medium",
        "holder infrastructure",
        "not-announced same-party holder-without-as",
    ),
    "253.140.4.9": Case(
        "AFRINIC: a customer, only the block is announced", "customer, medium", "holder customer",
        "block-announced",
    ),
    "253.150.9.9": Case("AFRINIC: no holder in the dump", "unknown, low", "customer", "no-holder"),
    "253.160.0.9": Case(
        "AFRINIC: ASSIGNED PI, announced by its upstream", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as",
    ),
    "254.4.16.9": Case(
        "ARIN: a customer, only the block is announced", "customer, medium", "holder customer",
        "block-announced created-later",
    ),
    "254.4.20.9": Case(
        "ARIN: a customer that the holder announces", "customer, high", "holder customer",
        "origin-related created-later",
    ),
    "254.4.24.9": Case(
        "ARIN: the holder's name, another OrgID and AS", "own-use, high", "holder infrastructure",
        "origin-related same-party created-later",
    ),
    "254.9.1.9": Case(
        "ARIN: a block that a cloud announces", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as origin-service",
    ),
    "254.130.7.9": Case(
        "LACNIC: a customer", "customer, high", "holder customer",
        "origin-related own-contact created-later",
    ),
    "254.130.8.9": Case(
        "LACNIC: infrastructure, told by its owner", "own-use, high", "holder infrastructure",
        "block-announced same-party created-later",
    ),
    "254.131.8.9": Case(
        "LACNIC: assigned, announced by an upstream", "unknown, low", "holder",
        "origin-unrelated same-party holder-without-as",
    ),
}  # fmt: skip
CASES: Final = LEASED | NOT_LEASED


def built(target: Path, left_out: str = "") -> Path:
    """Build an index with all evidence but one; an empty folder stands for the desk left out."""
    empty = target.parent / f"{target.name}.desk"
    empty.mkdir()
    evidence = {name: value for name, value in EVIDENCE.items() if name != left_out}
    build([str(FOLDER)], str(target), processes=0, **{"desk": str(empty), **evidence})
    return target


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with open_index(built(tmp_path_factory.mktemp("leases") / "all.rirdex")) as opened:
        yield opened


@pytest.mark.parametrize("address", CASES)
def test_an_address_has_the_verdict_roles_and_parties_of_the_readme(
    address: str, leases: Index
) -> None:
    answer, case = leases.lookup(address), CASES[address]
    assert f"{answer.lease.verdict}, {answer.lease.confidence}" == case.verdict
    roles = [net.role for net in answer.chain if net.role != "registry"]
    assert roles == case.roles.split()
    rules = [item["rule"] for item in answer.lease.evidence]
    assert len(rules) == len(set(rules))
    assert set(rules) == set(case.rules.split())
    parties = (answer.lessor, answer.lessee, answer.facilitator, answer.sponsor)
    names = tuple(party and party.name for party in parties)
    assert names == (case.lessor, case.lessee, case.facilitator, case.sponsor)


@pytest.mark.parametrize("address", CASES)
def test_what_is_not_leased_has_neither_lessor_nor_lessee(address: str, leases: Index) -> None:
    answer = leases.lookup(address)
    if answer.lease.verdict in ("leased", "likely-leased"):
        assert answer.lessor == answer.holder
        assert answer.lessee in (None, answer.user)
    else:
        assert answer.lessor is None
        assert answer.lessee is None
        assert "lessee" not in [net.role for net in answer.chain]


def test_no_case_that_is_not_leased_is_called_leased(leases: Index) -> None:
    verdicts = {address: leases.lookup(address).lease.verdict for address in NOT_LEASED}
    assert "leased" not in verdicts.values()
    unsure = {address for address, verdict in verdicts.items() if verdict == "likely-leased"}
    assert unsure == {"252.16.24.9", "252.16.30.9", "252.16.31.9"}


@pytest.mark.parametrize("left_out", EVIDENCE)
def test_what_is_missing_makes_no_lease(left_out: str, tmp_path: Path) -> None:
    with open_index(built(tmp_path / "index", left_out)) as index:
        leases = {address: index.lookup(address).lease for address in CASES}
        leased = {address for address, lease in leases.items() if lease.verdict == "leased"}
        rules = {item["rule"] for lease in leases.values() for item in lease.evidence}
    assert leased.isdisjoint(NOT_LEASED)
    if left_out == "routes":
        assert not leased
        assert "no-routes" in rules
        assert not rules & {"origin-unrelated", "origin-related", "block-announced"}
        assert "not-announced" not in rules
    else:
        assert leased


def test_a_user_whose_as_nobody_knows_is_told_by_the_relationships(tmp_path: Path) -> None:
    # 252.16.25.9 is leased since its AS is known to buy from another; 252.16.22.9 is a customer.
    with open_index(built(tmp_path / "index", "relationships")) as index:
        for address in ("252.16.22.9", "252.16.24.9", "252.16.25.9"):
            lease = index.lookup(address).lease
            assert (lease.verdict, lease.confidence) == ("likely-leased", "low")
            assert "origin-of-user" in [item["rule"] for item in lease.evidence]


@pytest.mark.parametrize("without", ["origin-of-user", "facilitator-maintainer", "lease-remark"])
def test_a_rule_that_is_switched_off_does_not_fire(without: str, tmp_path: Path) -> None:
    target = tmp_path / "index"
    build([str(FOLDER)], str(target), processes=0, without=[without], **EVIDENCE)
    with open_index(target) as index:
        rules = {item["rule"] for address in CASES for item in index.lookup(address).lease.evidence}
        assert any(without in case.rules.split() for case in CASES.values())
        assert without not in rules


def test_the_readme_has_the_tables_of_this_module() -> None:
    lines = (FIXTURES / "README.md").read_text().splitlines()
    start = lines.index("## What to expect of `leases`")
    rows = [line for line in lines[start:] if line.startswith("| ") and line[2].isdigit()]
    assert rows == [_row(address, case) for address, case in CASES.items()]


def _row(address: str, case: Case) -> str:
    parties = (case.lessor, case.lessee, case.facilitator, case.sponsor)
    names = (name or "" for name in parties)
    roles = " \u203a ".join(case.roles.split())
    cells = (address, case.what, case.verdict, roles, *names, ", ".join(case.rules.split()))
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
