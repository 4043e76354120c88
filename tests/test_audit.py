"""Check the audit: each finding where it should be, and the counts against a naive recount."""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from test_leases import made

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query import audit as auditor
from rirdex.query.addresses import Span
from rirdex.query.audit import BY, FINDINGS, Audit, AuditError, audit, chosen, measure
from rirdex.query.auditing import audit as command
from rirdex.query.auditing import listed
from rirdex.query.authority import stated
from rirdex.query.cli import cli, run
from rirdex.query.contacts import for_last
from rirdex.query.errors import AddressError
from rirdex.query.layout import BAD_MAILBOX, DANGLING, IS_USER, UNLOADED
from rirdex.query.leases import answer_of
from rirdex.query.mailboxes import domain_of
from rirdex.query.model import Answer
from rirdex.query.mx import free_mail, mail_domains
from rirdex.query.names import normal
from rirdex.query.records import Net, Object, chain_of
from rirdex.query.rpsl import attributes

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parent.parent
WORLD = ROOT / "fixtures" / "world"
LEASES = ROOT / "fixtures" / "leases"
TWICE = {"lacnic-public.db", "arin_db.xml", "iana.csv"}
# Of the domains here one is to be judged by nothing, and nothing here is a real party's.
DESK = """
[[entry]]
domain = "good.example"
mark = "keep"
reason = "for the tests"

[[entry]]
domain = "theirs.example"
mark = "registry_contact"
reason = "for the tests, but on nets of its owner"
owners = ["org-own1-test"]

[[entry]]
domain = "theirs.example"
mark = "keep"
reason = "for the tests, on nets of its owner"

[[entry]]
mailbox = "kept@owned.example"
mark = "keep"
reason = "for the tests, on nets of its owner"
owners = ["ORG-OTHER-TEST"]
"""


def an(kind: str, key: str, *lines: str, source: str = "RIPE") -> str:
    """Write an object."""
    rows = [f"{kind}: {key}", *lines, f"source: {source}"]
    return "".join(f"{row}\n" for row in rows) + "\n"


def role(handle: str, mailbox: str, source: str = "RIPE") -> str:
    return an("role", "Desk", f"nic-hdl: {handle}", f"abuse-mailbox: {mailbox}", source=source)


def org(handle: str, *lines: str) -> str:
    return an("organisation", handle, f"org-name: Holder {handle}", "org-type: OTHER", *lines)


def pi(
    third: int, name: str, *lines: str, country: str = "NL", modified: str = "2024-05-01"
) -> str:
    """Write a /24 that its holder has of the RIPE NCC itself, with the organisation of all."""
    return an(
        "inetnum", f"10.0.{third}.0 - 10.0.{third}.255", f"netname: {name}", f"country: {country}",
        *lines, "status: ASSIGNED PI", "mnt-by: RIPE-NCC-END-MNT",
        f"last-modified: {modified}T00:00:00Z",
    )  # fmt: skip


GOOD = "abuse-c: GOOD-TEST"
OTHERS: list[str] = [
    an("inetnum", "0.0.0.0 - 255.255.255.255", "netname: IANA-BLK", "country: DE",
       "status: ALLOCATED UNSPECIFIED", "mnt-by: RIPE-NCC-HM-MNT"),
    an("inetnum", "10.0.0.0 - 10.0.255.255", "netname: REGISTRY-BLOCK", "country: DE",
       "org: ORG-NCC1-RIPE", "status: ALLOCATED UNSPECIFIED", "mnt-by: RIPE-NCC-HM-MNT"),
    role("GOOD-TEST", "abuse@good.example"), role("BAD-TEST", "ask us in writing"),
    role("DUMMY-TEST", "ripe-dbm@ripe.net"), role("REGISTRY-TEST", "helpdesk@apnic.net"),
    role("RESERVED-TEST", "abuse@reserved.example"), role("FREE-TEST", "Some.Body@GMail.com"),
    role("BOTH-TEST", "abuse@good.example, other@web.de"),
    role("THEIRS-TEST", "abuse@desk.theirs.example"), role("OWNED-TEST", "kept@owned.example"),
    org("ORG-NL-TEST", "country: NL"), org("ORG-GOOD-TEST", "country: nl # there", GOOD),
    org("ORG-OWN1-TEST", "country: NL"), org("ORG-OTHER-TEST", "country: NL"),
    org("ORG-EU-TEST", "country: EU"), org("ORG-NOWHERE-TEST"),
    org("ORG-LATE-TEST", "country:", "country: DE", "descr: country: FR"),
    org("ORG-FOLDED-TEST", "country:", " DE"),
]  # fmt: skip
# Nets, each with its findings and no others.
NETS: dict[str, tuple[str, set[str]]] = {
    "CLEAN": (pi(0, "CLEAN", GOOD), set()),
    "NOBODY": (pi(1, "NOBODY"), {"no-contact"}),
    "BAD-SYNTAX": (pi(2, "BAD-SYNTAX", "abuse-c: BAD-TEST", "org: ORG-GOOD-TEST"),
                   {"invalid-syntax"}),
    "BAD-ALONE": (pi(3, "BAD-ALONE", "abuse-c: BAD-TEST"), {"invalid-syntax", "no-contact"}),
    "DUMMY": (pi(4, "DUMMY", "abuse-c: DUMMY-TEST"), {"dummy"}),
    "REGISTRY": (pi(5, "REGISTRY", "abuse-c: REGISTRY-TEST"), {"registry-contact"}),
    "RESERVED": (pi(6, "RESERVED", "abuse-c: RESERVED-TEST"), {"reserved-domain"}),
    "FREE": (pi(7, "FREE", "abuse-c: FREE-TEST"), {"free-mail"}),
    "FREE-BESIDE": (pi(8, "FREE-BESIDE", "abuse-c: BOTH-TEST"), {"free-mail"}),
    "DANGLING": (pi(9, "DANGLING", "abuse-c: NOBODY-TEST", "org: ORG-GOOD-TEST"), {"dangling"}),
    "DANGLING-ORG": (pi(10, "DANGLING-ORG", GOOD, "org: ORG-LOST-TEST"), set()),
    "DANGLING-BOTH": (pi(11, "DANGLING-BOTH", "org: ORG-LOST-TEST"), {"dangling", "no-contact"}),
    "ABROAD": (pi(12, "ABROAD", GOOD, "org: ORG-NL-TEST", country="DE"), {"country-unlike-org"}),
    "AT-HOME": (pi(13, "AT-HOME", GOOD, "org: ORG-GOOD-TEST", country="nl"), set()),
    "SECOND": (pi(14, "SECOND", "country: DE", GOOD, "org: ORG-NL-TEST"), set()),
    "FIRST": (pi(15, "FIRST", "country: NL", GOOD, "org: ORG-NL-TEST", country="DE"),
              {"country-unlike-org"}),
    "EU": (pi(16, "EU", GOOD, "org: ORG-NL-TEST", country="EU"), set()),
    "ZZ": (pi(17, "ZZ", GOOD, "org: ORG-NL-TEST", country="ZZ"), set()),
    "ORG-EU": (pi(18, "ORG-EU", GOOD, "org: ORG-EU-TEST"), set()),
    "ORG-NOWHERE": (pi(19, "ORG-NOWHERE", GOOD, "org: ORG-NOWHERE-TEST"), set()),
    "ORG-LATE": (pi(20, "ORG-LATE", GOOD, "org: ORG-LATE-TEST"), {"country-unlike-org"}),
    "ORG-FOLDED": (pi(21, "ORG-FOLDED", GOOD, "org: ORG-FOLDED-TEST"), {"country-unlike-org"}),
    "DELEGATED": (pi(22, "DELEGATED", GOOD), {"country-unlike-delegated"}),
    "DELEGATED-ZZ": (pi(23, "DELEGATED-ZZ", GOOD), set()),
    "DELEGATED-SAME": (pi(24, "DELEGATED-SAME", GOOD, country="FR"), set()),
    "OLD": (pi(25, "OLD", GOOD, modified="2019-06-14"), {"stale"}),
    "NOT-QUITE-OLD": (pi(26, "NOT-QUITE-OLD", GOOD, modified="2019-06-15"), set()),
    "UNDATED": (pi(27, "UNDATED", GOOD, modified="1970-01-01"), set()),
    "OF-OWNER": (pi(28, "OF-OWNER", "abuse-c: THEIRS-TEST", "org: ORG-OWN1-TEST"), set()),
    "OF-OTHER": (pi(29, "OF-OTHER", "abuse-c: THEIRS-TEST", "org: ORG-OTHER-TEST"),
                 {"registry-contact"}),
    "KEPT": (pi(30, "KEPT", "abuse-c: OWNED-TEST", "org: ORG-OWN1-TEST"), set()),
    "NOT-KEPT": (pi(31, "NOT-KEPT", "abuse-c: OWNED-TEST", "org: ORG-OTHER-TEST"),
                 {"reserved-domain"}),
    "AP": (pi(32, "AP", GOOD, "org: ORG-GOOD-TEST", country="AP"), set()),
    "UMLAUT": (pi(33, "UMLAUT", GOOD, "org: ORG-GOOD-TEST", country="äÖ"), set()),
    "HOLDER": (
        an("inetnum", "10.0.64.0 - 10.0.71.255", "netname: HOLDER", "country: NL", GOOD,
           "org: ORG-NL-TEST", "status: ALLOCATED PA", "mnt-by: RIPE-NCC-HM-MNT",
           "mnt-by: HOLDER-MNT", "last-modified: 2024-05-01T00:00:00Z"), set()),
    "OWN-USE": (
        an("inetnum", "10.0.64.0 - 10.0.64.255", "netname: OWN-USE", "country: NL",
           "org: ORG-NL-TEST", "status: ASSIGNED PA", "mnt-by: HOLDER-MNT"), {"inherited-only"}),
    "USER": (
        an("inetnum", "10.0.65.0 - 10.0.65.255", "netname: USER", "descr: Some User",
           "country: NL", "status: ASSIGNED PA", "mnt-by: holder-mnt, USER-MNT"),
        {"inherited-only", "user-without-contact"}),
    "REACHED": (
        an("inetnum", "10.0.66.0 - 10.0.67.255", "netname: REACHED", "descr: Some Reached User",
           "country: NL", "abuse-c: FREE-TEST", "status: ASSIGNED PA", "mnt-by: HOLDER-MNT"),
        {"free-mail"}),
    "FROM-REACHED": (
        an("inetnum", "10.0.66.0 - 10.0.66.127", "netname: FROM-REACHED", "descr: Another User",
           "country: NL", "status: ASSIGNED PA", "mnt-by: HOLDER-MNT"),
        {"inherited-only", "user-without-contact", "free-mail"}),
    "OWNER": (
        an("inetnum", "10.0.72.0 - 10.0.72.255", "netname: OWNER", "country: NL",
           "abuse-c: THEIRS-TEST", "org: ORG-OWN1-TEST", "status: ALLOCATED PA",
           "mnt-by: RIPE-NCC-HM-MNT"), set()),
    "OWNERS-USER": (  # its contact is its owner's, who may be written to there
        an("inetnum", "10.0.72.0 - 10.0.72.63", "netname: OWNERS-USER", "descr: User Of Owner",
           "country: NL", "status: ASSIGNED PA", "mnt-by: X-MNT"),
        {"inherited-only", "user-without-contact"}),
    "MUTE": (
        an("inetnum", "10.0.73.0 - 10.0.73.255", "netname: MUTE", "country: NL",
           "org: ORG-NL-TEST", "status: ALLOCATED PA", "mnt-by: RIPE-NCC-HM-MNT"), {"no-contact"}),
    "MUTE-USER": (
        an("inetnum", "10.0.73.64 - 10.0.73.127", "netname: MUTE-USER", "descr: User Of Mute",
           "country: NL", "status: ASSIGNED PA", "mnt-by: X-MNT"),
        {"no-contact", "user-without-contact"}),
    "SIX": (
        an("inet6num", "3fff:0:100::/40", "netname: SIX", "country: NL", GOOD,
           "status: ALLOCATED-BY-RIR", "mnt-by: RIPE-NCC-HM-MNT"), {"country-unlike-delegated"}),
    "SIX-PART": (
        an("inet6num", "3fff:0:1ff:ff00::/56", "netname: SIX-PART", "country: DE", GOOD,
           "status: ASSIGNED PI", "mnt-by: RIPE-NCC-END-MNT"), set()),
    **{
        f"LOW-{half}": (
            an("inet6num", f"3fff:0:200:0:0:{half}::/112", f"netname: LOW-{half}", "country: DE",
               GOOD, "status: ASSIGNED PI", "mnt-by: RIPE-NCC-END-MNT"),
            {"country-unlike-delegated"} if half == 2 else set())
        for half in (1, 2, 3)
    },
    "INVALID": (
        an("inetnum", "10.1.0.0 - 10.1.0.255", "netname: INVALID", "country: AU",
           "mnt-irt: IRT-BAD-AP", "status: ALLOCATED PORTABLE", "mnt-by: X-AP", source="APNIC"),
        {"marked-invalid"}),
    "VALID": (
        an("inetnum", "10.1.1.0 - 10.1.1.255", "netname: VALID", "country: AU",
           "mnt-irt: IRT-GOOD-AP", "status: ALLOCATED PORTABLE", "mnt-by: X-AP", source="APNIC"),
        set()),
    "HANDLE": (  # no source of APNIC's holds roles, nor organisations
        an("inetnum", "10.1.2.0 - 10.1.2.255", "netname: HANDLE", "country: AU",
           "abuse-c: AH1-AP", "status: ALLOCATED PORTABLE", "mnt-by: X-AP", source="APNIC"),
        {"not-loaded"}),
    "HANDLES-USER": (
        an("inetnum", "10.1.2.0 - 10.1.2.63", "netname: HANDLES-USER", "descr: User Of Handle",
           "status: ASSIGNED NON-PORTABLE", "mnt-by: Y-AP", source="APNIC"),
        {"not-loaded", "inherited-only", "user-without-contact"}),
    "NO-ORG": (
        an("inetnum", "10.1.3.0 - 10.1.3.255", "netname: NO-ORG", "country: AU",
           "org: ORG-FAR1-AP", "status: ALLOCATED PORTABLE", "mnt-by: X-AP", source="APNIC"),
        {"not-loaded"}),
    "NO-ORGS-USER": (  # whether it has a contact is as unknown
        an("inetnum", "10.1.3.0 - 10.1.3.63", "netname: NO-ORGS-USER", "descr: User Of No Org",
           "status: ASSIGNED NON-PORTABLE", "mnt-by: Y-AP", source="APNIC"), {"not-loaded"}),
    "PERSON": (
        an("inetnum", "10.2.0.0 - 10.2.0.255", "netname: PERSON", "country: MU",
           "tech-c: P1-TEST", "status: ALLOCATED PA", "mnt-by: X-MNT", source="AFRINIC"),
        {"personal"}),
    "NO-PERSON": (
        an("inetnum", "10.2.1.0 - 10.2.1.255", "netname: NO-PERSON", "country: MU",
           "tech-c: R1-TEST", "status: ALLOCATED PA", "mnt-by: X-MNT", source="AFRINIC"), set()),
}  # fmt: skip
OTHERS += [
    an("irt", "IRT-BAD-AP", "abuse-mailbox: abuse@good.example",
       "remarks: abuse@good.example is invalid", source="APNIC"),
    an("irt", "IRT-GOOD-AP", "abuse-mailbox: desk@good.example",
       "remarks: desk@good.example was validated on 2024-03-01", source="APNIC"),
    an("person", "Somebody", "nic-hdl: P1-TEST", "abuse-mailbox: me@good.example",
       source="AFRINIC"),
    role("R1-TEST", "us@good.example", source="AFRINIC"),
]  # fmt: skip
STATISTICS = """\
2|ripencc|1|7|19830705|20240615|+0100
ripencc|*|ipv4|*|3|summary
ripencc|*|ipv6|*|4|summary
ripencc|DE|ipv4|10.0.22.0|256|20200101|assigned|x
ripencc|ZZ|ipv4|10.0.23.0|256||reserved|x
ripencc|FR|ipv4|10.0.24.0|256|20200101|assigned|x
ripencc|DE|ipv6|3fff:0:100::|42|20200101|allocated|x
ripencc|NL|ipv6|3fff:0:140::|42|20200101|allocated|y
ripencc|DE|ipv6|3fff:0:200:0:0:1::|96|20200101|allocated|x
ripencc|FR|ipv6|3fff:0:200:0:0:2::|96|20200101|allocated|x
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return an index of the nets above."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "small.db").write_text("".join([*OTHERS, *(text for text, _ in NETS.values())]))
    (folder / "delegated-small").write_text(STATISTICS)
    build([str(folder / "small.db"), str(folder / "delegated-small")], str(folder / "index"),
          processes=0, snapshot=date(2024, 6, 15))  # fmt: skip
    (folder / "desk").mkdir()
    (folder / "desk" / "never.toml").write_text(DESK)
    with open_index(folder / "index", desk=folder / "desk") as index:
        yield index


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    target = tmp_path_factory.mktemp("world") / "index"
    paths = sorted(path for path in WORLD.iterdir() if path.name not in TWICE)
    build([str(path) for path in paths], str(target), processes=0)
    with open_index(target, desk=WORLD) as index:
        yield index


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return an index of dumps of three registries, whose mailboxes were made worse."""
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run(
        [sys.executable, str(ROOT / "fixtures" / "generate.py"), str(folder / "dumps"), "--plain",
         "--inetnum", "3000", "--arin", "400", "--lacnic", "400", "--seed", "5"],
        check=True,
    )  # fmt: skip
    roles = folder / "dumps" / "ripe.db.role"
    text = roles.read_text("latin-1")
    for number, other in enumerate(
        ("a@gmail.com", "unread@ripe.net", "abuse@ripe.net", "write to us", "abuse@good.example",
         "x@qq.com, y@good.example")
    ):  # fmt: skip
        for k in range(number, 70, 8):
            text = text.replace(f"abuse@net{k}.example", other)
    roles.write_text(text, "latin-1")
    text = "".join(
        f"ripencc|{land}|ipv4|{10 + k // 256}.{k % 256}.0.0|65536|20200101|allocated|x\n"
        for k, land in zip(range(256), ("NL", "DE", "FR", "GB", "ZZ") * 52, strict=False)
    )
    (folder / "dumps" / "delegated-ripencc-latest").write_text(
        "2|ripencc|1|256|19830705|20241228|+0100\nripencc|*|ipv4|*|256|summary\n" + text
    )
    build([str(folder / "dumps")], str(folder / "index"), processes=0)
    (folder / "never.toml").write_text(DESK)
    with open_index(folder / "index", desk=folder) as index:
        yield index


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return an index of leases of every kind, with all evidence."""
    target = tmp_path_factory.mktemp("leases") / "index"
    build(
        [str(LEASES)], str(target), processes=0, routes=[str(LEASES / "pfx2as")],
        vrps=[str(LEASES / "vrps.json")], relationships=[str(LEASES / "as-rel")],
        as_orgs=[str(LEASES / "as-org2info.txt")], desk=str(LEASES / "desk"),
    )  # fmt: skip
    with open_index(target, desk=LEASES / "desk") as index:
        yield index


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return an index of an invented world with leases, in which some nets cross."""
    folder = tmp_path_factory.mktemp("invented")
    with open_index(made(folder, Random(20)), desk=folder) as index:
        yield index


INDEXES = ["small", "now", "world", "generated", "leases", "invented"]


@pytest.fixture
def any_index(request: pytest.FixtureRequest) -> Index:
    found = request.getfixturevalue("index" if request.param == "now" else request.param)
    assert isinstance(found, Index)
    return found


# -- a naive recount --------------------------------------------------------------------------


def land(text: str | None) -> str | None:
    """Return a country that counts."""
    known = text and re.fullmatch("[A-Z]{2}", text) and text not in ("EU", "AP", "ZZ")
    return text if known else None


def org_country(index: Index, net: Net) -> str | None:
    for item in index.objects(net.org.handle, "organisation") if net.org else []:
        values = [value for name, value in attributes(item.raw) if name == "country"]
        words = [word for value in values for word in value.upper().replace(",", " ").split()[:1]]
        return words[0] if words else None
    return None


def about_mailboxes(index: Index, chain: Sequence[Net], dead: set[str]) -> Iterator[str]:
    """Yield the findings about the mailboxes of the last net of a chain."""
    for contact in for_last(chain):
        if contact.status == "invalid":
            yield "marked-invalid"
        if contact.mailbox is None:
            continue
        assert isinstance(contact.place, Net)
        orgs = [contact.place.org.handle] if contact.place.org else []
        verdict = index.desk.judge(contact.mailbox, orgs)
        if verdict:
            yield {"drop": "dummy"}.get(verdict.mark, verdict.mark.replace("_", "-"))
        domain = domain_of(contact.mailbox)
        if domain in free_mail():
            yield "free-mail"
        if domain in dead:
            yield "mail-domain-dead"
        kinds = {item.kind for item in index.objects(contact.handle or "", registry=None)
                 if item.id == contact._has}  # fmt: skip
        if "person" in kinds:
            yield "personal"


def answer_to(index: Index, net: Net) -> Answer:
    """Return the answer to a net's range, or that for the net where another one has the range."""
    answer = index.lookup(f"{net.first} - {net.last}")
    return answer if answer.chain[-1:] == (net,) else answer_of(index, net)


def unlike_origin(index: Index, net: Net) -> bool:
    """Say whether a net is announced only by others than its party."""
    theirs: set[str | None] = set()
    for number in answer_to(index, net).origins:
        for system in index.objects(f"AS{number}", "aut-num"):
            orgs = index.objects(system.org, "organisation") if system.org else []
            theirs |= {system.org, *(normal(item.name or "") for item in orgs)}
            theirs |= set() if system.org else {normal(system.name or "")}
    theirs -= {None, ""}
    return bool(theirs) and theirs.isdisjoint({net.party.handle, normal(net.party.name or "")})


def naive(index: Index, dead: set[str] | None = None, years: int = 5) -> dict[int, set[str]]:
    """Return the findings of each net that counts, one net at a time."""
    tables = index._tables
    files = {index.meta["sources"][origin["file"]]["date"] for origin in index.meta["origins"]}
    newest = date.fromisoformat(max(filter(None, files), default="1970-01-01"))
    found = {}
    for number in range(len(index)):
        net = index.net(number)
        if net.role in ("registry", "placeholder"):
            continue
        chain = chain_of(tables, number)[::-1]
        contacts = for_last(chain)
        flags = tables.net_contact[number]
        faults = set(about_mailboxes(index, chain, dead or set()))
        inherited = any(contact.inherited for contact in contacts)
        lacking = any(
            tables.net_contact[each.id] & UNLOADED for each in chain if each.role != "registry"
        )
        none = not contacts and not lacking
        user = bool(tables.piece_role[number] & IS_USER)
        country = land(net.country[0] if net.country else None)
        said = stated(tables, Span(net.family, net.bounds[0], net.bounds[0], "address"))
        told = land(said["country"]) if said and said["used"] else None
        theirs = land(org_country(index, net))
        day = net.modified
        faults |= {
            code
            for code, has in {
                "no-contact": none,
                "not-loaded": bool(flags & UNLOADED) or (not contacts and lacking)
                or (bool(contacts) and not any(contact.mailbox for contact in contacts)),
                "inherited-only": inherited,
                "invalid-syntax": bool(flags & BAD_MAILBOX),
                "dangling": bool(flags & DANGLING),
                "country-unlike-org": bool(country and theirs and country != theirs),
                "country-unlike-delegated": bool(country and told and country != told),
                "stale": bool(day) and (day.year + years, day.month, day.day)  # type: ignore[union-attr]
                < (newest.year, newest.month, newest.day),
                "user-without-contact": user and (none or inherited),
                "user-unlike-origin": user and unlike_origin(index, net),
            }.items()
            if has
        }  # fmt: skip
        found[number] = faults
    return found


def naive_addresses(index: Index) -> dict[int, int]:
    """Return for how many addresses each net is the last of the chain, by looking them up."""
    found: dict[int, int] = defaultdict(int)
    for family, end in ((4, 1 << 32), (6, 1 << 128)):
        nets = [index.net(k) for k in range(len(index)) if index.net(k).family == family]
        borders = {0, end} | {edge for n in nets for edge in (n.bounds[0], n.bounds[1] + 1)}
        ordered = sorted(border for border in borders if border <= end)
        for low, high in pairwise(ordered):
            if family == 6 and low >> 32 == 0xFFFF:
                continue
            address = ipaddress.IPv4Address(low) if family == 4 else ipaddress.IPv6Address(low)
            answer = index.lookup(str(address))
            if answer.chain:
                found[answer.chain[-1].id] += high - low
    return found


def groups_of(index: Index, number: int, by: str) -> list[str | None]:
    """Return the groups of a net."""
    net = index.net(number)
    chain = chain_of(index._tables, number)
    if by == "registry":
        return [net.registry]
    if by == "country":
        return [net.country[0] if net.country else None]
    if by == "maintainer":
        return list(dict.fromkeys(net.mnt_by)) or [None]
    if by == "facilitator":
        return facilitator_of(index, answer_to(index, net))
    holder = next((each for each in chain if each.role == "holder"), None)
    return [(holder.party.handle or holder.party.name) if holder else None]


def facilitator_of(index: Index, answer: Answer) -> list[str | None]:
    """Return the facilitator of the last net as a group: a known one by name, else by handle."""
    party = answer.facilitator
    if party is None:
        return []
    rules = {item["rule"] for item in answer.lease.evidence}
    sure = rules & {"facilitator-maintainer", "facilitator-organisation"}
    if not sure and any(net.role == "facilitator" for net in answer.chain[:-1]):
        return [party.handle or party.name]
    assert party.name in [known["name"] for known in index.meta["facilitators"]]
    return [party.name]


def recount(index: Index, by: str, dead: set[str] | None = None) -> dict[Any, dict[str, list[Any]]]:
    """Return nets, IPv4 addresses and IPv6 addresses by group (`...` = all) and finding."""
    weights = naive_addresses(index)
    found: dict[Any, dict[str, list[Any]]] = {}
    for number, faults in naive(index, dead).items():
        contacts = for_last(chain_of(index._tables, number)[::-1])
        reached = bool(contacts) and not contacts[0].inherited
        codes = ["", *faults]
        if index._tables.piece_role[number] & IS_USER:
            codes += ["users", *["reached"] * reached]
        if answer_to(index, index.net(number)).lessee is not None:
            codes += ["lessees", *["lessees_reached"] * reached]
        for group in [..., *groups_of(index, number, by)]:
            counts = found.setdefault(group, {})
            for code in codes:
                count = counts.setdefault(code, [0, 0, 0])
                count[0] += 1
                count[1 if number < index._tables.nets4 else 2] += weights.get(number, 0)
    return found


def compare(found: Audit, expected: dict[Any, dict[str, list[Any]]]) -> None:
    """Hold an audit of all groups against a recount."""
    assert {group.key for group in found.groups} | {...} == set(expected)
    assert found.number == len(found.groups)
    for key, group in [(..., found.totals), *((group.key, group) for group in found.groups)]:
        counts = expected.get(key, {})
        for name in ("users", "reached", "lessees", "lessees_reached"):
            assert getattr(group, name) == counts.get(name, [0])[0], (key, name)
        for code, count in {"": group.total, **group.findings}.items():
            nets, narrow, wide = counts.get(code, [0, 0, 0])
            if count is None:
                assert code in found.needs
                continue
            assert (count.nets, count.addresses) == (nets, narrow), (key, code)
            assert count.prefixes48 == pytest.approx(wide / 2**80, rel=1e-12), (key, code)


# -- the findings -----------------------------------------------------------------------------


def findings_of(index: Index, dead: set[str] | None = None) -> dict[int, set[str]]:
    measured = measure(index, chosen(index), dead=dead)
    return {
        row: {code for code in FINDINGS if bits & auditor.BIT[code]}
        for row, bits in zip(measured.rows.tolist(), measured.bits.tolist(), strict=True)
    }


@pytest.mark.parametrize("name", NETS)
def test_each_net_has_its_findings_and_no_others(name: str, small: Index) -> None:
    (row,) = [k for k in range(len(small)) if small.net(k).netname == name]
    assert findings_of(small)[row] == NETS[name][1]


def test_the_nets_above_have_every_finding_that_is_measured_without_a_name_server() -> None:
    fired = {code for _, codes in NETS.values() for code in codes}
    unmeasured = {"user-unlike-origin", "geofeed-unlike-country", "mail-domain-dead"}
    assert fired | unmeasured == set(FINDINGS)


def test_blocks_of_registries_and_placeholders_are_not_judged(small: Index) -> None:
    names = {small.net(row).netname for row in chosen(small).tolist()}
    assert names == set(NETS)


@pytest.mark.parametrize(
    ("finding", "names"),
    [
        ("marked-invalid", ["ORCHIDEX-SG", "PAGODA-MEDIA"]),
        ("dangling", ["WOMBATCAFE-AU", "DREIFELD-LAGER"]),
        ("no-contact", ["MUSEUM-DNS", "GLOCKENSPIEL-DNS"]),
        ("invalid-syntax", []),
        ("registry-contact", []),
    ],
)
def test_the_fixtures_have_what_their_table_says(
    finding: str, names: list[str], index: Index
) -> None:
    measured = measure(index, chosen(index))
    found = [item.netname for item in listed(measured, finding)]
    if finding == "no-contact":
        assert {"VERDEMAR-NET", "TIEFSEE-NET", "BENCH-1"} <= set(found)
        assert not {"MUSEUM-PI", "KORA-RADIO", "SAHEL-LIBRARY"} & set(found)
    else:
        assert found == names


@pytest.mark.parametrize("any_index", INDEXES, indirect=True)
def test_findings_are_those_of_a_recount_net_by_net(any_index: Index) -> None:
    dead = {"good.example", "nordlicht.example", "gmail.com"}
    assert findings_of(any_index, dead) == naive(any_index, dead)


@pytest.mark.parametrize("years", [0, 1, 5, 40, 1000])
def test_how_old_is_stale_is_an_option(years: int, small: Index) -> None:
    measured = measure(small, chosen(small), stale_years=years)
    stale = {
        row for row, bits in zip(measured.rows.tolist(), measured.bits.tolist(), strict=True)
        if bits & auditor.BIT["stale"]
    }  # fmt: skip
    assert stale == {
        number for number, faults in naive(small, years=years).items() if "stale" in faults
    }


def test_a_statistics_file_of_another_day_makes_nothing_stale(tmp_path: Path) -> None:
    (tmp_path / "delegated-new").write_text(STATISTICS.replace("20240615", "20360615"))
    (tmp_path / "small.db").write_text(NETS["CLEAN"][0])
    build([str(tmp_path)], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        found = audit(index)
    assert (found.date, found.totals.findings["stale"]) == ("2024-05-01", (0, 0, 0))


def test_what_cannot_be_measured_is_none(small: Index, tmp_path: Path) -> None:
    (tmp_path / "bare.db").write_text(
        an(
            "inetnum",
            "10.0.0.0 - 10.0.0.255",
            "netname: BARE",
            "country: NL",
            "status: ASSIGNED PI",
        )
    )
    build([str(tmp_path / "bare.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as bare:
        found = audit(bare)
    assert {code for code, count in found.totals.findings.items() if count is None} == {
        "country-unlike-org", "country-unlike-delegated", "stale", "user-unlike-origin",
        "geofeed-unlike-country", "mail-domain-dead",
    } == set(found.needs)  # fmt: skip
    assert all(need.startswith("needs ") for need in found.needs.values())
    known = audit(small, dead=[])
    assert set(known.needs) == {"user-unlike-origin", "geofeed-unlike-country"}
    assert known.totals.findings["mail-domain-dead"] == (0, 0, 0)


def test_statistics_of_another_date_are_not_compared(tmp_path: Path) -> None:
    text = STATISTICS.replace("20240615", "20230615")
    (tmp_path / "delegated-old").write_text(text)
    (tmp_path / "small.db").write_text("".join(text for text, _ in NETS.values()))
    build([str(tmp_path)], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        assert audit(index).totals.findings["country-unlike-delegated"] is None


def test_a_block_of_the_registry_lacks_no_contact_of_its_members(tmp_path: Path) -> None:
    (tmp_path / "nets.db").write_text(OTHERS[1] + an(
        "inetnum", "10.0.0.0 - 10.0.0.255", "netname: MEMBER", "status: ASSIGNED PA"
    ))  # fmt: skip
    build([str(tmp_path / "nets.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        assert list(findings_of(index).values()) == [{"no-contact", "user-without-contact"}]
        assert findings_of(index) == naive(index)


def test_one_net_may_have_all_of_ipv6(tmp_path: Path) -> None:
    (tmp_path / "nets.db").write_text(an(
        "inet6num", "::/0", "netname: ALL-OF-IT", "status: ALLOCATED-BY-RIR", source="TESTNET"
    ))  # fmt: skip
    build([str(tmp_path / "nets.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        assert audit(index).totals.total == (1, 0, 2**48)


def test_an_index_without_nets_has_nothing_to_find(tmp_path: Path) -> None:
    (tmp_path / "orgs.db").write_text(org("ORG-X-TEST", "last-modified: 2024-01-01T00:00:00Z"))
    build([str(tmp_path / "orgs.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        for by in BY:
            found = audit(index, by=by)
            assert (found.totals.total, found.groups) == ((0, 0, 0), ())


# -- counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("any_index", INDEXES, indirect=True)
def test_counts_are_those_of_a_recount(any_index: Index, by: str) -> None:
    dead = {"good.example", "nordlicht.example"}
    compare(audit(any_index, by=by, top=0, dead=dead), recount(any_index, by, dead))


def test_facilitators_group_their_nets_and_those_of_lessees(leases: Index) -> None:
    found = {group.key: group for group in audit(leases, by="facilitator", top=0).groups}
    # The table in fixtures/README.md: nets, leased ones with a known lessee, own contacts of these.
    # Two of Leihnetz' nets are its stock, and one is the whole block of a holder.
    assert {
        key: (group.total.nets, group.lessees, group.lessees_reached)
        for key, group in found.items()
    } == {
        "Leihnetz": (8, 5, 2), "Heron Address Brokers": (2, 1, 0), "ORG-BKV1-TEST": (1, 1, 1),
        "Cassowary Resale Pty Ltd": (1, 1, 1), "Sandgrouse": (1, 1, 0),
    }  # fmt: skip
    assert (found["Leihnetz"].users, found["Leihnetz"].reached) == (7, 4)


def test_without_verdicts_nobody_is_a_lessee(small: Index) -> None:
    totals = audit(small).totals
    assert totals.users > totals.reached > 0
    assert (totals.lessees, totals.lessees_reached) == (0, 0)
    assert audit(small, by="facilitator").groups == ()


def test_groups_with_most_nets_come_first_and_the_rest_is_counted(generated: Index) -> None:
    whole = audit(generated, by="country", top=0)
    nets = [group.total.nets for group in whole.groups]
    assert nets == sorted(nets, reverse=True)
    keys = [(-group.total.nets, group.key is None, group.key or "") for group in whole.groups]
    assert keys == sorted(keys)
    some = audit(generated, by="country", top=3)
    assert some.groups == whole.groups[:3]
    assert some.number == whole.number == len(whole.groups) > 3
    assert len(audit(generated, by="maintainer").groups) == 20


def test_of_groups_of_one_size_the_one_without_a_name_is_last(tmp_path: Path) -> None:
    lands = ["SE", "", "NL"]
    (tmp_path / "nets.db").write_text("".join(
        an("inetnum", f"10.0.{k}.0 - 10.0.{k}.255", f"netname: N{k}", f"country: {country}")
        for k, country in enumerate(lands)
    ))  # fmt: skip
    build([str(tmp_path / "nets.db")], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index", desk=tmp_path) as index:
        assert [group.key for group in audit(index, by="country").groups] == ["NL", "SE", None]


def test_an_address_counts_once_for_the_last_net(small: Index) -> None:
    found = {group.key: group.total for group in audit(small, by="holder", top=0).groups}
    # ORG-NL-TEST has the eight /24 of HOLDER, that of MUTE, and five of its own.
    mine = [name for name, (text, _) in NETS.items() if "org: ORG-NL-TEST" in text]
    assert mine == ["ABROAD", "SECOND", "FIRST", "EU", "ZZ", "HOLDER", "OWN-USE", "MUTE"]
    assert found["ORG-NL-TEST"].addresses == (8 + 1 + 5) * 256
    six = next(group for group in audit(small, by="country").groups if group.key == "DE")
    assert six.total.prefixes48 == pytest.approx(2**-8 + 3 * 2**-64, rel=1e-15)
    total = audit(small).totals.total
    assert total.prefixes48 == pytest.approx(256)
    assert total.addresses == sum(
        row["addresses"] for row in small.meta["coverage"] if row["family"] == 4
    )


@pytest.mark.parametrize(
    "inside", ["10.0.64.0/21", "10.0.66.0", "10.0.0.0/8", "::/0", "10.0.66.0/23"]
)
def test_inside_a_range_only_nets_that_lie_whole_in_it_count(inside: str, small: Index) -> None:
    wanted = [row for row in small.nets(inside=inside) if row in set(chosen(small).tolist())]
    assert chosen(small, inside).tolist() == wanted
    assert audit(small, inside=inside).totals.total.nets == len(wanted)


def test_one_registry_can_be_asked_for(small: Index) -> None:
    found = audit(small, registry="apnic")
    assert [group.key for group in found.groups] == ["APNIC"]
    assert found.totals.total.nets == sum("source: APNIC" in text for text, _ in NETS.values())


def test_what_there_is_not_is_an_error(small: Index) -> None:
    with pytest.raises(AuditError, match="'TEST' is none of AFRINIC, APNIC, RIPE"):
        audit(small, registry="TEST")
    with pytest.raises(AuditError, match="'owner' is no group: choose one of registry, holder"):
        audit(small, by="owner")
    with pytest.raises(AddressError):
        audit(small, inside="10.0.0.1/8")


def test_mail_domains_are_named_once(small: Index) -> None:
    assert mail_domains(small, chosen(small).tolist()) == [
        "apnic.net", "desk.theirs.example", "gmail.com", "good.example", "owned.example",
        "reserved.example", "ripe.net", "web.de",
    ]  # fmt: skip
    assert mail_domains(small, chosen(small, "10.0.7.0/24").tolist()) == ["gmail.com"]


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def says(small: Index, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Callable[..., str]:
    """Return a function that runs `audit` on the small index and returns what it prints."""
    monkeypatch.setitem(cli.commands, "audit", command)
    monkeypatch.setenv("RIRDEX_INDEX", small.path)
    monkeypatch.setenv("RIRDEX_CONFIG", small.desk.folder)

    def said(*arguments: str, code: int = 0) -> str:
        assert run(["audit", *arguments]) == code
        done = capsys.readouterr()
        return done.out if code == 0 else done.err

    return said


def test_the_text_names_every_finding_and_group(says: Callable[..., str], small: Index) -> None:
    lines = says().splitlines()
    assert lines[0] == f"{len(NETS)} nets, 12,800 IPv4 addresses and 256 IPv6 /48 at 2024-06-15"
    for number, code in enumerate(FINDINGS, 1):
        (line,) = [line for line in lines if line.split()[:2] == [str(number), code]]
        count = audit(small).totals.findings[code]
        assert line.split()[2] == ("-" if count is None else str(count.nets))
        assert ("not measured: needs" in line) == (count is None)
    assert [line.split()[0] for line in lines if line.startswith(("RIPE", "APNIC", "AFRINIC"))] == [
        "RIPE", "APNIC", "AFRINIC",
    ] * 2  # fmt: skip


def test_maintainers_have_the_share_of_users_with_a_contact(says: Callable[..., str]) -> None:
    lines = says("--by", "maintainer", "--top", "2").splitlines()
    head = next(line for line in lines if line.startswith("maintainer"))
    assert "users' nets  own contact  lessees' nets  own contact" in head
    row = next(line for line in lines if line.startswith("HOLDER-MNT"))
    # HOLDER, OWN-USE, USER, REACHED, FROM-REACHED; the last three are users', one has a contact.
    assert row.split()[1:6] == ["5", "3", "33.3", "0", "-"]
    assert lines[-1] == "and 5 more; --top 0 gives all"
    assert says("--by", "facilitator").splitlines()[-1] == "  none: no net has one"


def test_leased_nets_have_the_share_of_lessees_with_a_contact(
    says: Callable[..., str], leases: Index
) -> None:
    path = ("-i", leases.path)
    for by, begin in (("facilitator", "Leihnetz"), ("maintainer", "LEIHNETZ-MNT"),
                      ("holder", "ORG-SSN1-TEST (Silbersee Netze GmbH)")):  # fmt: skip
        lines = says(*path, "--by", by).splitlines()
        group = next(each for each in audit(leases, by=by, top=0).groups
                     if each.key == begin.split()[0])  # fmt: skip
        rows = [line.removeprefix(begin).split() for line in lines if line.startswith(begin)]
        assert len(rows) == 2
        assert group.lessees > group.lessees_reached > 0
        share = 100 * group.lessees_reached / group.lessees
        assert rows[0][3:5] == rows[1][3:5] == [str(group.lessees), f"{share:.1f}"]
    text = says(*path, "--by", "facilitator")
    assert "ORG-BKV1-TEST (Brückenkopf Vermittlung B.V.)" in text
    found = json.loads(says(*path, "--by", "facilitator", "--json"))
    (item,) = [item for item in found["groups"] if item["group"] == "Leihnetz"]
    names = ("lessees", "lessees_reached", "lessees_reached_share")
    assert [item[name] for name in names] == [5, 2, 0.4]
    lines = says(*path, "--by", "facilitator", "--csv").splitlines()
    assert lines[0].endswith(",users,users_reached,lessees,lessees_reached")
    mine = [line for line in lines if line.startswith("facilitator,Leihnetz,,")]
    assert mine[0].endswith(",7,4,5,2")
    assert {line.count(",") for line in [lines[0], *mine]} == {13}


def test_the_json_is_one_object_with_all_counts(says: Callable[..., str], small: Index) -> None:
    text = says("--json", "--by", "holder", "--top", "3")
    assert text.count("\n") == 1
    found = json.loads(text)
    assert (found["schema_version"], found["by"], found["stale_years"]) == (1, "holder", 5)
    assert found["date"] == "2024-06-15"
    assert list(found["findings"]) == list(FINDINGS)
    assert found["findings"]["stale"] == {
        "meaning": FINDINGS["stale"], "measured": True, "needs": None
    }  # fmt: skip
    assert found["findings"]["mail-domain-dead"]["measured"] is False
    assert found["findings"]["user-unlike-origin"]["needs"].startswith("routes")
    assert found["mail_domains"] is None
    expected = audit(small, by="holder", top=3)
    assert found["groups_in_all"] == expected.number
    for item, group in zip(found["groups"], expected.groups, strict=True):
        assert item["group"] == group.key
        assert item["name"] == f"Holder {group.key}"
        assert (item["nets"], item["addresses"]) == group.total[:2]
        for code, count in group.findings.items():
            shown = item["findings"][code]
            if count is None:
                assert shown is None
            else:
                assert [shown[k] for k in ("nets", "addresses", "prefixes48")] == [*count]
                assert shown["nets_share"] == round(count.nets / group.total.nets, 6)
    assert found["totals"]["findings"]["free-mail"]["nets"] == 4
    assert found["totals"]["users"] == expected.totals.users
    assert (found["totals"]["lessees"], found["totals"]["lessees_reached_share"]) == (0, None)


def test_the_csv_has_a_row_for_each_group_and_finding(
    says: Callable[..., str], small: Index
) -> None:
    rows = list(csv.DictReader(io.StringIO(says("--csv", "--by", "country", "--top", "0"))))
    expected = audit(small, by="country", top=0)
    assert len(rows) == (1 + expected.number) * (1 + len(FINDINGS))
    assert {row["by"] for row in rows} == {"total", "country"}
    mine = {row["finding"]: row for row in rows if row["group"] == "AU"}
    group = next(group for group in expected.groups if group.key == "AU")
    assert mine["all"]["nets"] == str(group.total.nets)
    assert (mine["all"]["users"], mine["all"]["nets_share"]) == ("0", "1.0")
    assert (mine["all"]["lessees"], mine["stale"]["lessees"]) == ("0", "")
    # Of one /24; the other three have 192, 192 and 256 addresses that their users do not have.
    assert mine["marked-invalid"]["addresses_share"] == str(round(256 / (256 * 4 - 128), 6))
    assert mine["mail-domain-dead"]["nets"] == mine["user-unlike-origin"]["nets_share"] == ""


def test_the_nets_with_a_finding_are_listed(says: Callable[..., str]) -> None:
    lines = says("--finding", "free-mail").splitlines()
    assert lines == [
        "10.0.7.0 - 10.0.7.255  FREE  Some.Body@gmail.com  FREE",
        "10.0.8.0 - 10.0.8.255  FREE-BESIDE  other@web.de  FREE-BESIDE",
        "10.0.66.0 - 10.0.67.255  REACHED  Some.Body@gmail.com  Holder ORG-NL-TEST",
        "10.0.66.0 - 10.0.66.127  FROM-REACHED  Some.Body@gmail.com  Holder ORG-NL-TEST",
    ]
    assert says("--finding", "free-mail", "--top", "2").splitlines() == lines[:2]
    (found,) = map(json.loads, says("--finding", "no-contact", "--json", "--inside", "10.0.1.0/24")
                   .splitlines())  # fmt: skip
    assert found == {"key": "10.0.1.0 - 10.0.1.255", "netname": "NOBODY", "mailbox": None,
                     "holder": "NOBODY"}  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(says("--finding", "dangling", "--csv"))))
    assert [(row["netname"], row["mailbox"]) for row in rows] == [
        ("DANGLING", "abuse@good.example"), ("DANGLING-BOTH", ""),
    ]  # fmt: skip
    assert says("--finding", "country-unlike-org", "--registry", "apnic") == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "owner"], "--by: choose one of registry, holder, country"),
        (["--finding", "ugly"], "--finding: choose one of no-contact, not-loaded"),
        (["--finding", "stale", "--by", "holder"], "leave --by out"),
        (["--finding", "mail-domain-dead"], "is not measured: needs a look-up"),
        (["--finding", "geofeed-unlike-country"], "is not measured: needs geofeeds: --geofeed"),
        (["--resolver", "127.0.0.1"], "--resolver is for --mx"),
        (["--mx", "--resolver", "ns.example"], "is no IP address"),
        (["--json", "--csv"], "choose one of --json and --csv"),
        (["--registry", "TEST"], "--registry: 'TEST' is none of AFRINIC, APNIC, RIPE"),
        (["--inside", "nowhere"], "'nowhere' is no address, prefix or range"),
        (["--inside", "10.0.0.1/8"], "bits are set behind it"),
        (["--top", "-1"], "-1"),
        (["--stale-years", "-1"], "-1"),
        (["--stale-years", "many"], "many"),
        (["extra"], "extra"),
    ],
)
def test_bad_options_are_usage_errors(
    arguments: list[str], message: str, says: Callable[..., str]
) -> None:
    assert message in says(*arguments, code=2)


def test_a_missing_index_and_a_broken_desk_are_errors_of_their_own(
    says: Callable[..., str], tmp_path: Path
) -> None:
    assert "nowhere" in says("-i", str(tmp_path / "nowhere"), code=3)
    (tmp_path / "never.toml").write_text("[[entry]]\n")
    assert "never.toml" in says("--desk", str(tmp_path), code=5)


def test_mail_domains_are_asked_for_only_with_mx(
    says: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], Any]] = []

    def look_up(domains: Sequence[str], *, resolver: Any, progress: Any) -> dict[str, str]:
        asked.append((list(domains), resolver))
        return {domain: {"web.de": "null-mx", "gmail.com": "unknown"}.get(domain, "mx")
                for domain in domains}  # fmt: skip

    monkeypatch.setattr("rirdex.query.mx.look_up", look_up)
    says()
    assert not asked
    found = json.loads(says("--mx", "--resolver", "[::1]:53", "--json"))
    assert asked[0][1] == ("::1", 53)
    assert asked[0][0] == sorted(set(asked[0][0]))
    assert found["mail_domains"] == {
        "mx": 6, "address": 0, "null-mx": 1, "nothing": 0, "nxdomain": 0, "unknown": 1
    }  # fmt: skip
    assert found["totals"]["findings"]["mail-domain-dead"]["nets"] == 1
    assert found["findings"]["mail-domain-dead"]["measured"] is True
    lines = says("--mx", "--finding", "mail-domain-dead").splitlines()
    assert lines == ["10.0.8.0 - 10.0.8.255  FREE-BESIDE  other@web.de  FREE-BESIDE"]
    says("--mx", "--inside", "10.0.7.0/24")
    assert asked[-1] == (["gmail.com"], None)


def test_control_characters_never_get_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "evil.db").write_bytes(
        b"inetnum: 10.0.0.0 - 10.0.0.255\nnetname: E\x1b[31mVIL\ncountry: \x1b[7m\n"
        b'descr: \x9b2J, "x"\nmnt-by: M\x1b]0;\x07\nstatus: ASSIGNED PI\n'
        b"last-modified: 2024-01-01T00:00:00Z\nsource: RIPE\n"
    )
    build([str(tmp_path / "evil.db")], str(tmp_path / "index"), processes=0)
    monkeypatch.setitem(cli.commands, "audit", command)
    monkeypatch.setenv("RIRDEX_CONFIG", str(tmp_path))
    for form in ([], ["--json"], ["--csv"]):
        for what in (*(["--by", by] for by in BY), ["--finding", "no-contact"]):
            assert run(["audit", "-i", str(tmp_path / "index"), *form, *what]) == 0
            text = capsys.readouterr().out
            assert not set(text) & {"\x1b", "\x07", "\x9b"}


def test_the_command_loads_numpy_only_when_it_runs(small: Index) -> None:
    code = (
        "import sys, rirdex.query.auditing; loaded = {n.split('.')[0] for n in sys.modules}; "
        "print(sorted({'numpy', 'dns', 'tqdm'} & loaded))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_audit_leaves_the_tables_as_they_are(small: Index) -> None:
    before = bytes(small._tables.view("net_contact"))
    measured = measure(small, chosen(small), dead={"good.example"})
    assert bytes(small._tables.view("net_contact")) == before
    assert measured.bits.dtype == np.uint32
    assert Counter(bits.bit_count() > 0 for bits in measured.bits.tolist())[True] > 10
    assert Object(small._tables, 0).key
