"""Check what objects of each registry's dialect say of contacts, and what of their free text."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import CLASSES, OF_ARIN, Said, contact_records, dummified, parse, said_by

from rirdex.indexer.batch import GEOFEED, LEASES, SAYS, Batch
from rirdex.indexer.intern import texts_of
from rirdex.indexer.roles import RS_MAINTAINERS
from rirdex.indexer.rpsl import read_chunk
from rirdex.query import layout

NET = "inetnum: 192.0.2.0 - 192.0.2.255"
NET6 = "inet6num: 2001:db8::/32"
SYSTEM = "aut-num: AS64500"
ORG = "organisation: ORG-EX1-TEST"
ROLE = "role: Abuse Desk\nnic-hdl: AR1-TEST"
PERSON = "person: John Doe\nnic-hdl: JD1-TEST"
IRT = "irt: IRT-EX-TEST"
MNTNER = "mntner: EX-MNT"
ROUTE = "route: 192.0.2.0/24\norigin: AS64500"
ARIN_NET = "NetHandle: NET-192-0-2-0-1\nNetRange: 192.0.2.0 - 192.0.2.255"
ARIN_NET6 = "V6NetHandle: NET6-2001-DB8-1\nNetRange: 2001:db8:: - 2001:db8::ffff"
ARIN_ORG = "OrgID: EX-1"
ARIN_SYSTEM = "ASHandle: AS64500\nASNumber: 64500"
ARIN_CONTACT = "POCHandle: ABUSE1-ARIN\nIsRole: Y\nLastName: Desk"
LACNIC_NET = "inetnum: 203.0.113/24\nstatus: allocated\nowner: Example"
LACNIC_SYSTEM = "aut-num: 64500\nowner: Example"


def record(lead: str, *lines: str, source: str = "RIPE") -> bytes:
    """Return an object as dumps have it; a continuation, a comment and `Name:` stay as they are."""
    written = []
    for line in "\n".join([lead, *lines, f"source: {source}" if source else ""]).split("\n"):
        name, colon, value = line.partition(": ")
        bare = not colon or line[0] in " \t+#%"
        written.append(line if bare else f"{name + ':':<16}{value}")
    return "\n".join(line for line in written if line).encode() + b"\n"


def said_in(text: bytes) -> list[Said]:
    """Return what the objects of a text that are kept say of contacts."""
    return _taken_apart(read_chunk(text, 0, b""))


def _taken_apart(batch: Batch) -> list[Said]:
    column = batch.columns["contact"]
    texts = [*texts_of(column), b""]
    return [
        Said(texts[code].decode().splitlines(), bool(flags & SAYS))
        for code, flags in zip(column.codes.tolist(), batch.flags.tolist(), strict=True)
    ]


def said(text: bytes) -> Said:
    """Return what the one object of a text says of contacts."""
    (found,) = said_in(text)
    return found


# -- references -------------------------------------------------------------------------------

# object, attribute, item
REFERENCES = [
    (NET, "abuse-c: ar1-ripe", "a:AR1-RIPE"),
    (NET6, "abuse-c: AR1-RIPE", "a:AR1-RIPE"),
    (SYSTEM, "abuse-c: AR1-RIPE", "a:AR1-RIPE"),
    (ORG, "abuse-c: AR1-RIPE", "a:AR1-RIPE"),
    (NET, "mnt-irt: irt-ex-ap", "i:IRT-EX-AP"),
    (NET, "tech-c: TC1-AP", "t:TC1-AP"),
    (NET6, "tech-c: TC1-AP", "t:TC1-AP"),
    (SYSTEM, "tech-c: TC1-AP", "t:TC1-AP"),
    (NET, "admin-c: AC1-AP", "d:AC1-AP"),
    (SYSTEM, "admin-c: AC1-AP", "d:AC1-AP"),
    (ARIN_NET, "AbuseHandle: ABUSE1-ARIN", "a:ABUSE1-ARIN"),
    (ARIN_NET, "TechHandle: TECH1-ARIN", "t:TECH1-ARIN"),
    (ARIN_NET, "NOCHandle: NOC1-ARIN", "d:NOC1-ARIN"),
    (ARIN_NET6, "AbuseHandle: ABUSE1-ARIN", "a:ABUSE1-ARIN"),
    (ARIN_SYSTEM, "AbuseHandle: ABUSE1-ARIN", "a:ABUSE1-ARIN"),
    (ARIN_SYSTEM, "TechHandle: TECH1-ARIN", "t:TECH1-ARIN"),
    (ARIN_ORG, "OrgAbuseHandle: ABUSE1-ARIN", "a:ABUSE1-ARIN"),
    (ARIN_ORG, "OrgTechHandle: TECH1-ARIN", "t:TECH1-ARIN"),
    (ARIN_ORG, "OrgNOCHandle: NOC1-ARIN", "d:NOC1-ARIN"),
    (LACNIC_NET, "abuse-c: AAA", "a:AAA"),
    (LACNIC_NET, "tech-c: tec", "t:TEC"),
    (LACNIC_NET, "owner-c: OWN", "o:OWN"),
    (LACNIC_SYSTEM, "abuse-c: AAA", "a:AAA"),
    (LACNIC_SYSTEM, "owner-c: OWN", "o:OWN"),
]


def source_of_lead(lead: str) -> str:
    """Return the registry whose dialect the first lines of an object are."""
    if lead in (LACNIC_NET, LACNIC_SYSTEM):
        return "LACNIC"
    return "ARIN" if parse(lead.encode())[0].attributes[0][0] not in CLASSES else "RIPE"


@pytest.mark.parametrize(("lead", "line", "item"), REFERENCES)
def test_a_reference_is_one_item_in_upper_case(lead: str, line: str, item: str) -> None:
    assert said(record(lead, line, source=source_of_lead(lead))) == ([item], False)


@pytest.mark.parametrize("lead", [ORG, ROLE, PERSON, IRT, MNTNER, ROUTE])
@pytest.mark.parametrize("name", ["tech-c", "admin-c", "owner-c"])
def test_only_nets_and_as_numbers_lead_to_people(lead: str, name: str) -> None:
    assert said(record(lead, f"{name}: AA1-AP")).items == []


@pytest.mark.parametrize(
    "line",
    [
        "zone-c: AA1-RIPE",
        "OrgAdminHandle: ADMIN1-ARIN",
        "OrgRoutingHandle: R1-ARIN",
        "abuse-contact: AA1-RIPE",
        "abuse-mailboxes: abuse@example.net",
        "abuse-c AA1-RIPE",
        "abuse-c:",
        "abuse-c: # AA1-RIPE",
        "abuse-c: ,",
        "abuse-c: , ,",
        "abuse-mailbox:",
        "abuse-mailbox: # abuse@example.net",
        "# abuse-c: AA1-RIPE",
        "% abuse-mailbox: abuse@example.net",
    ],
)
def test_what_is_no_reference_gives_no_item(line: str) -> None:
    for lead in (NET, ARIN_ORG, LACNIC_NET):
        assert said(record(lead, line, source=source_of_lead(lead))).items == []


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("AA1-AP, bb2-ap,CC3-AP", ["AA1-AP", "BB2-AP", "CC3-AP"]),
        ("AA1-AP,, BB2-AP ,", ["AA1-AP", "BB2-AP"]),
        (",AA1-AP", ["AA1-AP"]),
        ("AA1-AP # BB2-AP", ["AA1-AP"]),
        ("AA1-AP, # and\n+ BB2-AP", ["AA1-AP", "BB2-AP"]),
        ("AA1-AP,\n  BB2-AP\n\t,CC3-AP", ["AA1-AP", "BB2-AP", "CC3-AP"]),
        ("# none yet\n AA1-AP", ["AA1-AP"]),
        ("AA1-AP,\n# comment\n BB2-AP", ["AA1-AP", "BB2-AP"]),
        ("AA1\tAP", ["AA1 AP"]),
        ("AA1\n AP", ["AA1 AP"]),
        ("stra\u00dfe", ["STRASSE"]),
        ("AA1-AP, AA1-AP", ["AA1-AP", "AA1-AP"]),
    ],
)
@pytest.mark.parametrize(("name", "letter"), [("abuse-c", "a"), ("mnt-irt", "i"), ("tech-c", "t")])
def test_a_value_may_list_several_references(
    name: str, letter: str, value: str, items: list[str]
) -> None:
    text = record(NET, f"{name}: {value}", source="APNIC")
    assert said(text).items == [f"{letter}:{item}" for item in items]
    assert said(text.replace(b"\n", b"\r\n")).items == said(text).items


def test_items_stand_in_the_order_of_the_object() -> None:
    text = record(
        NET, "tech-c: T1-AP", "admin-c: D1-AP", "abuse-c: A1-AP", "tech-c: T2-AP, T3-AP",
        "mnt-irt: I1-AP", "abuse-mailbox: a@example.net b@example.net", "e-mail: c@example.net",
        "abuse-c: A1-AP", source="APNIC",
    )  # fmt: skip
    assert said(text).items == [
        "t:T1-AP", "d:D1-AP", "a:A1-AP", "t:T2-AP", "t:T3-AP", "i:I1-AP", "m:a@example.net",
        "m:b@example.net", "e:c@example.net", "a:A1-AP",
    ]  # fmt: skip


# -- mailboxes --------------------------------------------------------------------------------

# value of a mailbox, the addresses in it
MAILBOXES = [
    ("abuse@example.net", ["abuse@example.net"]),
    ("Abuse@Example.NET", ["Abuse@example.net"]),
    ("abuse@example.net, noc@example.org", ["abuse@example.net", "noc@example.org"]),
    ("a@example.net b@example.org;x@y.cc", ["a@example.net", "b@example.org", "x@y.cc"]),
    ("abuse@example.net, ABUSE@example.net", ["abuse@example.net"]),
    ("Abuse Desk <abuse@example.net>", ["abuse@example.net"]),
    ('"abuse contact"@example.com', ['"abuse contact"@example.com']),
    ("mailto:abuse@example.net", ["abuse@example.net"]),
    ("abuse [at] example [dot] net", ["abuse@example.net"]),
    ("abuse@example.net # noc@example.org", ["abuse@example.net"]),
    ("abuse@example.net,\n  noc@example.org", ["abuse@example.net", "noc@example.org"]),
    ("# ours\n+ abuse@example.net # theirs", ["abuse@example.net"]),
    ("Caf\u00e9 <abuse@example.net>", ["abuse@example.net"]),
    ("abuse@b\u00fccher.example", ["abuse@b\u00fccher.example"]),
    ("abuse\uff20example.net", ["abuse@example.net"]),
]  # fmt: skip
NOBODY = ["nobody", "abuse@", "***@example.net", "abuse@localhost", "a***@example.net", "n/a", "@"]


@pytest.mark.parametrize(("value", "mails"), MAILBOXES)
def test_every_address_in_a_mailbox_is_an_item(value: str, mails: list[str]) -> None:
    for lead in (ROLE, PERSON, IRT, MNTNER, ORG, NET):
        items = said(record(lead, f"abuse-mailbox: {value}")).items
        assert items == [f"m:{mail}" for mail in mails]
    assert said(record(ARIN_CONTACT, f"Mailbox: {value}", source="ARIN")).items == items
    weak = said(record(ROLE, f"e-mail: {value}")).items
    assert weak == [f"e:{mail}" for mail in mails]


@pytest.mark.parametrize("value", NOBODY)
def test_a_mailbox_without_an_address_is_bad_and_a_weak_one_is_none(value: str) -> None:
    assert said(record(ROLE, f"abuse-mailbox: {value}")).items == ["b:"]
    assert said(record(ARIN_CONTACT, f"Mailbox: {value}", source="ARIN")).items == ["b:"]
    assert said(record(ROLE, f"e-mail: {value}")).items == []


def test_a_bad_mailbox_stands_among_others() -> None:
    text = record(ROLE, "abuse-mailbox: nobody", "abuse-mailbox: abuse@example.net",
                  "abuse-mailbox: ***@example.net")  # fmt: skip
    assert said(text).items == ["b:", "m:abuse@example.net", "b:"]


def test_a_mailbox_in_latin_1_is_read() -> None:
    text = record(ROLE, "abuse-mailbox: X").replace(b"X", b"Caf\xe9 <abuse@example.net>")
    assert said(text).items == ["m:abuse@example.net"]


# -- what APNIC checked -----------------------------------------------------------------------

# remarks, items
MARKS = [
    ("abuse@example.net was validated on 2026-01-02", ["v:2026-01-02 abuse@example.net"]),
    ("Abuse@EXAMPLE.net was validated on 2026-01-02", ["v:2026-01-02 Abuse@example.net"]),
    ("abuse@example.net  was validated on 2026-01-02.", ["v:2026-01-02 abuse@example.net"]),
    ("(abuse@example.net) was validated on 2026-01-02", ["v:2026-01-02 abuse@example.net"]),
    ("a@example.net,b@example.net was validated on 2026-01-02",
     ["v:2026-01-02 a@example.net", "v:2026-01-02 b@example.net"]),
    ("x@example.net or abuse@example.net was validated on 2026-01-02",
     ["v:2026-01-02 abuse@example.net"]),
    ("abuse@example.net is invalid", ["x:abuse@example.net"]),
    ("Note: abuse@example.net is invalid.", ["x:abuse@example.net"]),
    ("abuse@example.net was validated on Monday", []),
    ("abuse@example.net was validated", []),
    ("abuse@example.net is valid", []),
    ("It was validated on 2026-01-02", []),
    ("The mailbox is invalid", []),
    ("***@example.net is invalid", []),
    ("abuse@example.net\n+ is invalid", []),
    ("Checked:\n  abuse@example.net was validated on 2026-01-02",
     ["v:2026-01-02 abuse@example.net"]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "items"), MARKS)
def test_apnic_marks_the_mailboxes_of_irts_and_roles(value: str, items: list[str]) -> None:
    mailbox, remarks = "abuse-mailbox: abuse@example.net", f"remarks: {value}"
    for lead in (IRT, ROLE):
        for source in ("APNIC", "apnic # Filtered"):
            text = record(lead, mailbox, remarks, source=source)
            assert said(text).items == ["m:abuse@example.net", *items]
        for source in ("RIPE", "AFRINIC", "JPIRR", ""):
            text = record(lead, mailbox, remarks, source=source)
            assert said(text).items == ["m:abuse@example.net"]
    for lead in (NET, SYSTEM, ORG, PERSON, MNTNER):
        text = record(lead, mailbox, remarks, source="APNIC")
        assert said(text).items == ["m:abuse@example.net"]


def test_marks_stand_behind_the_mailboxes_and_belong_to_their_object() -> None:
    valid = record(IRT, "remarks: abuse@example.net was validated on 2026-01-02",
                   "remarks: noc@example.net is invalid", "remarks: x@example.net is invalid",
                   "abuse-mailbox: abuse@example.net", source="APNIC")  # fmt: skip
    none = record(IRT, "abuse-mailbox: abuse@example.net", source="APNIC")
    items = ["m:abuse@example.net", "v:2026-01-02 abuse@example.net"]
    items += ["x:noc@example.net", "x:x@example.net"]
    found = said_in(none + b"\n" + valid + b"\n" + none)
    assert [said.items for said in found] == [items[:1], items, items[:1]]


def test_what_a_comment_says_is_no_mark() -> None:
    inside = record(IRT, "# abuse@example.net is invalid", source="APNIC")
    behind = record(IRT, source="APNIC") + b"\n% abuse@example.net is invalid\n\n"
    assert [said.items for said in said_in(inside + b"\n" + behind)] == [[], []]


# -- what AFRINIC's nets say ------------------------------------------------------------------

# lines, addresses
NOTED = [
    (["remarks: abuse@example.net"], ["abuse@example.net"]),
    (["descr: john@example.net"], ["john@example.net"]),
    (["descr: Example", "remarks: Call a@example.net, b@example.org"],
     ["a@example.net", "b@example.org"]),
    (["remarks: Report abuse:", "remarks: a@example.net"], ["a@example.net"]),
    (["remarks: a@example.net", "remarks: x", "remarks: y", "remarks: Spam: b@example.net"],
     ["b@example.net"]),
    (["remarks: a@example.net", "descr: Spam: b@example.net"], ["a@example.net", "b@example.net"]),
    (["remarks: Security incidents:\n  a@example.net", "remarks: x", "remarks: b@example.net"],
     ["a@example.net"]),
    (["remarks: abuse [at] example [dot] net"], ["abuse@example.net"]),
    (["remarks: mail a@example.net", "remarks: mail a@example.net"], ["a@example.net"]),
    (["remarks: ***@example.net"], []),
    (["remarks: abuse: ***@example.net", "remarks: x", "remarks: y", "remarks: a@example.net"],
     ["a@example.net"]),
    (["remarks: Report abuse"], []),
    (["notify: abuse@example.net", "changed: abuse@example.net 20010101"], []),
    (["notify: abuse@example.net", "remarks: a@example.net"], ["a@example.net"]),
    (["remarks: a@example.net # b@example.net"], ["a@example.net", "b@example.net"]),
    (["# remarks: a@example.net"], []),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "mails"), NOTED)
def test_afrinics_nets_give_the_addresses_in_their_free_text(
    lines: list[str], mails: list[str]
) -> None:
    for lead in (NET, NET6, SYSTEM):
        text = record(lead, *lines, source="afrinic")
        assert said(text).items == [f"s:{mail}" for mail in mails]
        for source in ("RIPE", "APNIC", "LACNIC", ""):
            assert said(record(lead, *lines, source=source)).items == []
    for lead in (ORG, ROLE, IRT, MNTNER, ROUTE):
        assert said(record(lead, *lines, source="AFRINIC")).items == []


def test_what_is_said_stands_behind_the_references() -> None:
    text = record(NET, "remarks: abuse@example.net", "tech-c: T1-AFRINIC", source="AFRINIC")
    assert said(text).items == ["t:T1-AFRINIC", "s:abuse@example.net"]


# -- what ARIN's comments say -----------------------------------------------------------------

COMMENTED = [
    (["Report abuse to abuse@example.net"], ["s:abuse@example.net"]),
    (["Abuse:", "john@example.net"], ["s:john@example.net"]),
    (["john@example.net"], []),
    (["john@example.net", "x", "Spam reports: a@example.net"], ["s:a@example.net"]),
    (["Abuse desk: abuse [at] example.net"], ["s:abuse@example.net"]),
    (["Abuse: ***@example.net"], []),
    (["Abuse POC: BLACK81-ARIN; Admin POC: WHITE1-ARIN"], ["h:BLACK81-ARIN"]),
    (["Abuse POC: BLACK81-ARIN, Tech: WHITE1-ARIN"], ["h:BLACK81-ARIN"]),
    (["Abuse: A1-ARIN B2-ARIN", "abuse: A1-ARIN"], ["h:A1-ARIN", "h:B2-ARIN"]),
    (["Abuse:", "BLACK81-ARIN"], []),
    (["Admin POC: WHITE1-ARIN"], []),
    (["Abuse: -ARIN"], []),
    (["Abuse: A1-ARIN or abuse@example.net"], ["s:abuse@example.net", "h:A1-ARIN"]),
    (["Abuse: A1-ARINX, abuse-ARIN"], ["h:ABUSE-ARIN"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "items"), COMMENTED)
def test_arins_comments_give_what_is_near_a_word_like_abuse(
    lines: list[str], items: list[str]
) -> None:
    comments = [f"Comment: {line}" for line in lines]
    for lead in (ARIN_NET, ARIN_NET6, ARIN_ORG, ARIN_SYSTEM):
        text = record(lead, *comments, source="ARIN")
        assert said(text).items == items
        tech = "OrgTechHandle: TECH1-ARIN" if lead == ARIN_ORG else "TechHandle: TECH1-ARIN"
        text = record(lead, *comments, tech, source="ARIN")
        assert said(text).items == ["t:TECH1-ARIN", *items]
    assert said(record(ARIN_CONTACT, *comments, source="ARIN")).items == []
    assert said(record(NET, *comments, source="ARIN")).items == []


def test_remarks_are_no_comments_and_comments_no_remarks() -> None:
    assert said(record(ARIN_NET, "remarks: abuse@example.net", source="ARIN")).items == []
    assert said(record(NET, "Comment: abuse@example.net", source="AFRINIC")).items == []


# -- the RIPE NCC's registration services -----------------------------------------------------

RS = {f"l:{name}" for name in RS_MAINTAINERS}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["mnt-lower: RIPE-NCC-HM-MNT"], True),
        (["mnt-lower: ripe-ncc-end-mnt"], True),
        (["mnt-lower: RIPE-NCC-LEGACY-MNT # x"], True),
        (["mnt-lower: EX-MNT, RIPE-NCC-HM-MNT"], True),
        (["mnt-lower: EX-MNT,\n  RIPE-NCC-HM-MNT"], True),
        (["mnt-lower: EX-MNT", "mnt-lower: RIPE-NCC-HM-MNT"], True),
        (["mnt-lower: RIPE-NCC-HM-MNT", "mnt-lower: EX-MNT"], True),
        (["mnt-lower: EX-MNT"], False),
        (["mnt-lower: RIPE-NCC-HM-PI-MNT"], False),
        (["mnt-lower: X-RIPE-NCC-HM-MNT"], False),
        (["mnt-lower: RIPE-NCC-MNT"], False),
        (["mnt-lower: # RIPE-NCC-HM-MNT"], False),
        (["mnt-lower:", "remarks: RIPE-NCC-HM-MNT"], False),
        (["mnt-by: RIPE-NCC-HM-MNT"], False),
        (["mnt-routes: RIPE-NCC-HM-MNT", "mnt-domains: RIPE-NCC-HM-MNT"], False),
    ],
)
def test_mnt_lower_names_the_registration_services_as_items(lines: list[str], found: bool) -> None:
    for lead in (NET, NET6):
        other = record(lead, "mnt-lower: EX-MNT")
        text = other + b"\n" + record(lead, *lines) + b"\n" + other
        (before, named, after) = (item.items for item in said_in(text))
        assert before == after == ["l:EX-MNT"]
        assert (not RS.isdisjoint(named)) == found


# -- free text that may tell more -------------------------------------------------------------

SAYING = [
    "remarks: abuse@example.net",
    "remarks: Call John <john@example.net>",
    "remarks: Hello\n  john@example.net",
    "remarks: Hello\n+ abuse [at] example.net",
    "remarks:\n\tabuse at example.net: ours",
    "remarks: ***@example.net, john@example.net",
    "remarks: abuse [at] example.net",
    "remarks: abuse (at) example (dot) net",
    "remarks: abuse at example.net",
    "remarks: abuse\uff20example.net",
    "remarks: *** abuse@example.net ***",
    "REMARKS: abuse@example.net",
    "descr: abuse@example.net",
    "address: abuse@example.net",
    "notify: abuse@example.net",
    "notify: ABUSE-desk@example.net",
    "notify: Abuse Desk <a@example.net>",
    "notify: security@example.net",
    "mnt-nfy: csirt@example.net",
    "upd-to: cert@example.net",
    "ref-nfy: noc@example.net",
    "irt-nfy: abuse@example.net",
    "e-mail: abuse@example.net",
    "changed: noc@example.net 20010101",
]
SILENT = [
    "remarks: Report abuse",
    "remarks: ***@example.net",
    "remarks: Our office at Main Street",
    "remarks: Nobody is [at] home",
    "remarks: at) least",
    "descr: ***@example.net",
    "descr: Data center at Example",
    "notify: john@example.net",
    "notify: ***@example.net",
    "notify: my-abuse@example.net",
    "notify: abuse",
    "notify: John <abuse@example.net>",
    "mnt-nfy: john@example.net",
    "upd-to: john@example.net",
    "ref-nfy: john@example.net",
    "irt-nfy: john@example.net",
    "e-mail: john@example.net",
    "changed: john@example.net 20010101",
    "abuse-mailbox: abuse@example.net",
    "abuse-mailbox: abuse [at] example.net",
    "Mailbox: abuse@example.net",
    "abuse-c: AR1-RIPE",
    "# remarks: Reports abuse [at] example.net",
    "# abuse@example.net",
    "%abuse@example.net",
]


@pytest.mark.parametrize("source", ["RIPE", "APNIC", "AFRINIC", "LACNIC", "JPIRR", ""])
@pytest.mark.parametrize("line", SAYING)
def test_an_address_that_a_reader_would_write_to_is_marked(line: str, source: str) -> None:
    for lead in (NET, NET6, SYSTEM, ORG, ROLE, IRT, MNTNER, ROUTE):
        quiet = record(lead, source=source)
        text = quiet + b"\n" + record(lead, line, source=source) + b"\n" + quiet
        assert [found.says for found in said_in(text)] == [False, True, False], lead


@pytest.mark.parametrize("source", ["RIPE", "APNIC", "AFRINIC", "LACNIC", "JPIRR", ""])
@pytest.mark.parametrize("line", SILENT)
def test_text_without_an_address_for_reports_is_not_marked(line: str, source: str) -> None:
    for lead in (NET, NET6, SYSTEM, ORG, ROLE, IRT, MNTNER, ROUTE):
        assert not said(record(lead, line, source=source)).says, lead


@pytest.mark.parametrize(
    "value", ["abuse@example.net was validated on 2026-01-02", "abuse@example.net is invalid"]
)
def test_marks_of_apnic_are_no_text_to_read(value: str) -> None:
    for lead in (IRT, ROLE):
        assert not said(record(lead, f"remarks: {value}", source="APNIC")).says
        text = record(lead, f"remarks: {value}", "remarks: a@example.net", source="APNIC")
        assert said(text).says


def test_comments_of_arin_may_tell_more() -> None:
    for lead in (ARIN_NET, ARIN_NET6, ARIN_ORG, ARIN_SYSTEM, ARIN_CONTACT):
        for value in ("john@example.net", "abuse at example.net", "abuse [at] example.net"):
            assert said(record(lead, f"Comment: {value}", source="ARIN")).says
        for value in ("Report abuse to BLACK81-ARIN", "***@example.net", "Office at home"):
            assert not said(record(lead, f"Comment: {value}", source="ARIN")).says


@pytest.mark.parametrize("comment", ["# abuse@example.net", "% abuse [at] example.net", "#@", "%"])
def test_comments_around_objects_belong_to_none(comment: str) -> None:
    line = comment.encode() + b"\n"
    assert said_in(line) == said_in(line + b"\n" + line) == []
    for source in ("RIPE", "AFRINIC", "APNIC"):
        net = record(NET, "remarks: x", source=source)
        text = line + net + line + b"\n" + line + b"\n" + net + b"\n\n" + line
        assert said_in(text) == [([], False)] * 2


# -- the RIPE NCC's public dump ---------------------------------------------------------------


def test_dummies_of_the_public_dump_are_not_read() -> None:
    net = record(NET, "admin-c: DUMY-RIPE", "tech-c: DUMY-RIPE", "abuse-c: AR1-RIPE")
    role = record(ROLE, "e-mail: unread@ripe.net", "abuse-mailbox: abuse@example.net")
    assert [found.items for found in said_in(net + b"\n" + role)] == [
        ["a:AR1-RIPE"],
        ["m:abuse@example.net"],
    ]
    for source in ("APNIC", "AFRINIC", "LACNIC", "JPIRR"):
        other = record(NET, "tech-c: T1-AP", "e-mail: x@example.net", source=source)
        found = said_in(net + b"\n" + other)[1]
        assert found.items == ["t:T1-AP", "e:x@example.net"]


# -- whole chunks -----------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.lists(contact_records(), max_size=8).map(b"\n".join))
def test_records_of_every_dialect_give_what_the_naive_reader_finds(text: bytes) -> None:
    objects = parse(text)
    dummies = dummified(text)
    batch = read_chunk(text, 0, b"")
    assert batch.reject_counts == {}
    assert all(item.attributes[0][0] in (*CLASSES, *OF_ARIN, b"pochandle") for item in objects)
    assert _taken_apart(batch) == [said_by(item, text, dummies) for item in objects]


@settings(max_examples=60, deadline=None)
@given(st.lists(contact_records(), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_where_a_text_is_cut_does_not_matter(records: list[bytes], rng: random.Random) -> None:
    whole = said_in(b"\n".join(records))
    assert whole == [found for text in records for found in said_in(text)]
    cuts = sorted(rng.choices(range(len(records) + 1), k=2))
    parts = [records[: cuts[0]], records[cuts[0] : cuts[1]], records[cuts[1] :]]
    assert whole == [found for part in parts for found in said_in(b"\n".join(part))]


def test_many_objects_get_each_its_own_items() -> None:
    texts = [
        record(NET, f"abuse-c: A{k % 7}-AP", *[f"mnt-irt: IRT-{k % 3}-AP"] * (k % 4),
               *[f"remarks: x{k % 5}@example.net"] * (k % 2), source="AFRINIC")
        for k in range(500)
    ]  # fmt: skip
    wanted = [
        Said([f"a:A{k % 7}-AP", *[f"i:IRT-{k % 3}-AP"] * (k % 4),
              *[f"s:x{k % 5}@example.net"] * (k % 2)], bool(k % 2))
        for k in range(500)
    ]  # fmt: skip
    assert said_in(b"\n".join(texts)) == wanted


def test_every_class_has_a_row() -> None:
    leads = (ORG, ROLE, PERSON, IRT, MNTNER, SYSTEM, ROUTE, NET)
    text = b"\n".join(record(lead, "abuse-mailbox: abuse@example.net") for lead in leads)
    batch = read_chunk(text, 0, b"")
    kinds = [layout.CLASSES[kind] for kind in batch.kind.tolist()]
    assert kinds == [lead.partition(":")[0].replace("inetnum", "net") for lead in leads]
    assert _taken_apart(batch) == [(["m:abuse@example.net"], False)] * len(leads)


# -- what may show that a net is leased -------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "signs"),
    [
        (["remarks: This block is leased"], LEASES),
        (["remarks: Dieser Block: IP-Lease"], LEASES),
        (["remarks: One", "remarks: for leasing contact us"], LEASES),
        (["descr: Example Leasing", "descr: IP lease"], 0),
        (["remarks: leased line customer, leased-lines, lease circuit 7"], 0),
        (["remarks: DHCP lease time"], 0),
        (["remarks: please release it, lessee or leaseholder"], 0),
        (["notify: leased"], 0),
        (["geofeed: https://example.net/feed.csv"], GEOFEED),
        (["remarks: Geofeed https://example.net/feed.csv"], GEOFEED),
        (["remarks: our geofeed is at the usual place"], 0),
        (["remarks: geofeed: https://example.net/leased.csv, leased"], GEOFEED | LEASES),
    ],
)
def test_signs_of_a_lease_are_marked(lines: list[str], signs: int) -> None:
    text = record(NET6) + b"\n" + record(NET, *lines)
    flags = read_chunk(text, 0, b"").flags.tolist()
    assert [flag & (LEASES | GEOFEED) for flag in flags] == [0, signs]


def test_sponsors_and_lower_maintainers_are_kept() -> None:
    text = record(NET, "sponsoring-org: org-sp1-test", "mnt-lower: A-MNT, b-mnt")
    assert said(text).items == ["p:ORG-SP1-TEST", "l:A-MNT", "l:B-MNT"]
