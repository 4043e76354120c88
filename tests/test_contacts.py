"""Check whom the registries' own rules name, and who else may be told, against plain rules."""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from contact_rules import (
    RS,
    STATUS,
    Entry,
    Record,
    World,
    dump,
    is_block,
    maintained_by_rs,
    objects,
    pairs_of,
    text_of,
)

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.contacts import Contact
from rirdex.query.ladder import ranked
from rirdex.query.records import Object

FIXTURES = Path(__file__).parent.parent / "fixtures"
DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
REGISTRIES = ("ripe", "apnic", "afrinic", "arin", "lacnic")


@pytest.fixture(autouse=True)
def _no_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own files out."""
    (tmp_path / "no desk").mkdir()
    monkeypatch.setenv("RIRDEX_CONFIG", str(tmp_path / "no desk"))


def built(folder: Path, text: str, name: str = "ripe.db") -> Index:
    """Return an index of one dump."""
    (folder / name).write_text(text, encoding="utf-8")
    build([str(folder / name)], str(folder / "index"), processes=0)
    return open_index(folder / "index")


def of_object(index: Index, query: str) -> list[Contact]:
    """Return what the rule gives for an AS number or organisation."""
    found = index.lookup(query).object
    assert isinstance(found, Object)
    return list(found.abuse)


def entries(contacts: Iterable[Contact]) -> list[Entry]:
    return [
        Entry(c.mailbox, c.handle, c.rule, c.level or "", c.inherited, c.status,
              c.checked.isoformat() if c.checked else None)
        for c in contacts
    ]  # fmt: skip


# -- one case for each sentence ---------------------------------------------------------------
#
# A case: what it shows; the attributes of the nets of a chain, the widest first; the contacts of
# the answer, each as rule, place of its net in the chain, and mailbox without `.example` (or
# handle). What the letters of handles mean is in contact_rules.

RIPE_BLOCK = (
    "netname:EU-ZZ|status:ALLOCATED UNSPECIFIED|org:ORG-NCC1-RIPE|mnt-by:RIPE-NCC-HM-MNT"
    "|abuse-c:G9-TEST > "
)
APNIC_BLOCK = "netname:APNIC-AP|org:ORG-APNI1-AP|mnt-by:APNIC-HM|abuse-c:V9-TEST > "
NIR_BLOCK = "netname:JPNIC-NET-JP|mnt-by:MAINT-JPNIC|mnt-irt:IRT-G9-TEST > "
AFRINIC_BLOCK = (
    "status:ALLOCATED UNSPECIFIED|org:ORG-AFNC1-AFRINIC|mnt-by:AFRINIC-HM-MNT|tech-c:G9-TEST > "
)
ARIN_BLOCK = "OrgID:ARIN|NetType:rir|AbuseHandle:G9-ARIN > "
G1 = "abuse-c:G1-TEST > "
RS_CASES = [
    (f"the walk stops at {name} in {place}", f"{G1}{place}:{text}", "abuse-c 0 abuse@g1")
    for place in ("mnt-by", "mnt-lower")
    for name in ("RIPE-NCC-HM-MNT", "RIPE-NCC-END-MNT", "RIPE-NCC-LEGACY-MNT")
    for text in (name, f"A-MNT, {name}", name.lower())
]
CASES = {
    "ripe": [
        ("its own abuse-c", "abuse-c:G1-TEST", "abuse-c 0 abuse@g1"),
        ("its organisation's abuse-c", "org:ORG-MG1-TEST", "org.abuse-c 0 abuse@g1"),
        ("its own before its organisation's", "abuse-c:G1-TEST|org:ORG-MG2-TEST",
         "abuse-c 0 abuse@g1"),
        ("its organisation's before everything in the parent", f"{G1}org:ORG-MG2-TEST",
         "org.abuse-c 1 abuse@g2, abuse-c 0 abuse@g1"),
        ("dangling: the organisation's", "abuse-c:X1-TEST|org:ORG-MG1-TEST",
         "org.abuse-c 0 abuse@g1"),
        ("a role without mailbox: the organisation's", "abuse-c:M1-TEST|org:ORG-MG1-TEST",
         "org.abuse-c 0 abuse@g1"),
        ("a mailbox without address: the organisation's", "abuse-c:N1-TEST|org:ORG-MG1-TEST",
         "org.abuse-c 0 abuse@g1"),
        ("an abuse-c is a role, no person", "abuse-c:PG1-TEST", ""),
        ("then upwards: nothing named", f"{G1}", "parent 0 abuse@g1"),
        ("then upwards: dangling", f"{G1}abuse-c:X1-TEST", "parent 0 abuse@g1"),
        ("then upwards: a role without mailbox", f"{G1}abuse-c:M1-TEST", "parent 0 abuse@g1"),
        ("then upwards: the organisation's dangles", f"{G1}org:ORG-MX1-TEST", "parent 0 abuse@g1"),
        ("then upwards: the organisation's role without mailbox", f"{G1}org:ORG-MM1-TEST",
         "parent 0 abuse@g1"),
        ("then upwards: an organisation without", f"{G1}org:ORG-MO1-TEST", "parent 0 abuse@g1"),
        ("then upwards: the organisation is missing", f"{G1}org:ORG-XX1-TEST",
         "parent 0 abuse@g1"),
        ("then upwards: to the parent's organisation", "org:ORG-MG1-TEST > ", "parent 0 abuse@g1"),
        ("then upwards: the smallest net", f"{G1}abuse-c:G2-TEST > ",
         "parent 1 abuse@g2, abuse-c 0 abuse@g1"),
        ("then upwards: three levels", f"{G1} > org:ORG-MX1-TEST > ", "parent 0 abuse@g1"),
        *RS_CASES,
        ("the walk stops at the first that has one", f"{G1}mnt-by:RIPE-NCC-END-MNT > ",
         "abuse-c 0 abuse@g1"),
        ("the walk stops there, not before", f"{G1}mnt-by:RIPE-NCC-END-MNT|abuse-c:G2-TEST > ",
         "parent 1 abuse@g2, abuse-c 0 abuse@g1"),
        ("an allocation without: no contact of the registry block",
         f"{RIPE_BLOCK}status:ALLOCATED PA|mnt-by:RIPE-NCC-HM-MNT", ""),
        ("a PI block without: no contact of the registry block",
         f"{RIPE_BLOCK}status:ASSIGNED PI|mnt-by:RIPE-NCC-END-MNT", ""),
        ("LEGACY without an RS maintainer climbs", f"{G1}status:LEGACY", "parent 0 abuse@g1"),
        ("LEGACY without an RS maintainer climbs, into a registry block, too",
         f"{RIPE_BLOCK}status:LEGACY", "parent 0 abuse@g9"),
        ("LEGACY with an RS maintainer does not", f"{RIPE_BLOCK}status:LEGACY"
         "|mnt-by:RIPE-NCC-LEGACY-MNT", ""),
        ("no fallback to mnt-irt", "mnt-irt:IRT-G1-TEST", ""),
        ("no fallback to admin-c and tech-c", "admin-c:G1-TEST|tech-c:G2-TEST", ""),
        ("no fallback to mail addresses", "notify:abuse@n1.example|e-mail:abuse@n2.example", ""),
        ("no fallback to remarks", "remarks:abuse to abuse@n1.example", ""),
        ("no fallback to maintainers", "mnt-by:G1-MNT", ""),
        ("the sponsor is not asked", "sponsoring-org:ORG-MG1-TEST", ""),
        ("the root gives nothing", "status:LEGACY", ""),
        ("several abuse-c", "abuse-c:G1-TEST|abuse-c:X2-TEST, G3-TEST",
         "abuse-c 0 abuse@g1, abuse-c 0 abuse@g3"),
        ("every mailbox of a role", "abuse-c:T1-TEST", "abuse-c 0 abuse@t1, abuse-c 0 cert@t1"),
        ("handles in lower case", "abuse-c:x1-test|org:org-mg1-test", "org.abuse-c 0 abuse@g1"),
        ("an own contact of every net", f"{G1} > org:ORG-MG2-TEST > abuse-c:G3-TEST",
         "abuse-c 3 abuse@g3, org.abuse-c 2 abuse@g2, abuse-c 0 abuse@g1"),
    ],
    "apnic": [
        ("abuse-c", "abuse-c:G1-TEST|mnt-irt:IRT-G2-TEST|org:ORG-EO3-TEST", "abuse-c 0 abuse@g1"),
        ("dangling: the irt", "abuse-c:X1-TEST|mnt-irt:IRT-G2-TEST|org:ORG-EO3-TEST",
         "mnt-irt 0 abuse@g2"),
        ("all mailboxes of all irts", "mnt-irt:IRT-T1-TEST|mnt-irt:IRT-G2-TEST",
         "mnt-irt 0 abuse@t1, mnt-irt 0 cert@t1, mnt-irt 0 abuse@g2"),
        ("only then the irt's e-mail", "mnt-irt:IRT-E1-TEST, IRT-G2-TEST", "mnt-irt 0 abuse@g2"),
        ("the irt's e-mail", "mnt-irt:irt-e1-test|org:ORG-EO3-TEST", "irt.e-mail 0 mail@e1"),
        ("a mailbox without address: the irt's e-mail", "mnt-irt:IRT-N1-TEST",
         "irt.e-mail 0 mail@n1"),
        ("the organisation's e-mail", "mnt-irt:IRT-X1-TEST|org:ORG-EO3-TEST",
         "org.e-mail 0 mail@e3"),
        ("the organisation's before the parent's", "abuse-c:G1-TEST > org:ORG-EO3-TEST",
         "org.e-mail 1 mail@e3, abuse-c 0 abuse@g1"),
        ("no abuse-c of an organisation", "org:ORG-MG1-TEST", ""),
        ("the parent's", "mnt-irt:IRT-G1-TEST > org:ORG-MO1-TEST > mnt-irt:IRT-M1-TEST",
         "parent 0 abuse@g1"),
        ("nothing of APNIC's block", f"{APNIC_BLOCK}", ""),
        ("nothing of a NIR's block", f"{APNIC_BLOCK}{NIR_BLOCK} > ", ""),
        ("the walk stops at a NIR's block", f"{G1}{NIR_BLOCK}", "abuse-c 0 abuse@g1"),
        ("an invalid one is kept, and the holder's is there", "abuse-c:V1-TEST > abuse-c:I2-TEST",
         "abuse-c 1 abuse@i2, abuse-c 0 abuse@v1"),
        ("no tech-c, no remarks", "tech-c:G1-TEST|remarks:abuse to abuse@n1.example", ""),
    ],
    "afrinic": [
        ("1 abuse-c", "abuse-c:G1-TEST|mnt-irt:IRT-G2-TEST", "abuse-c 0 abuse@g1"),
        ("2 mnt-irt", "abuse-c:X1-TEST|mnt-irt:IRT-T2-TEST|org:ORG-GG3-TEST",
         "mnt-irt 0 abuse@t2, mnt-irt 0 cert@t2"),
        ("2 mnt-irt: not its e-mail", "mnt-irt:IRT-E2-TEST|org:ORG-GO3-TEST", "org 0 abuse@g3"),
        ("3 the organisation's own", "org:ORG-GG3-TEST|tech-c:G4-TEST", "org 0 abuse@g3"),
        ("3 the organisation's abuse-c", "org:ORG-SG3-TEST|tech-c:PG4-TEST", "org 0 abuse@g3"),
        ("4 tech-c, a person", "org:ORG-MX3-TEST|tech-c:PG4-TEST|admin-c:G5-TEST",
         "tech-c 0 abuse@g4"),
        ("4 tech-c, a role", "tech-c:M1-TEST, G4-TEST|admin-c:G5-TEST", "tech-c 0 abuse@g4"),
        ("4 admin-c", "tech-c:E4-TEST|admin-c:PG5-TEST|mnt-by:G6-MNT", "admin-c 0 abuse@g5"),
        ("5 mnt-by", "tech-c:X4-TEST|mnt-by:M1-MNT|mnt-by:g6-mnt|remarks:abuse@n7.example",
         "mnt-by 0 abuse@g6"),
        ("6 remarks near an abuse word",
         "mnt-by:S6-MNT|remarks:sales@n1.example|remarks:-|remarks:Spam?|remarks:mail a@n2.example",
         "remarks 0 a@n2"),
        ("6 descr", "descr:write to info@n1.example|remarks:or to b@n2.example",
         "remarks 0 info@n1, remarks 0 b@n2"),
        ("6 before the parent's", "abuse-c:G1-TEST > descr:info@n1.example",
         "remarks 1 info@n1, abuse-c 0 abuse@g1"),
        ("7 the parent's", "tech-c:PG1-TEST > tech-c:X1-TEST > descr:nothing",
         "parent 0 abuse@g1"),
        ("7 nothing of AFRINIC's block", f"{AFRINIC_BLOCK}descr:nothing", ""),
        ("8 never a masked address", "abuse-c:S1-TEST|mnt-irt:IRT-S1-TEST|org:ORG-SO1-TEST"
         "|tech-c:PS1-TEST|mnt-by:S1-MNT|remarks:abuse to ***@n1.example"
         "|changed:***@n2.example 2020|notify:abuse@n3.example", ""),
    ],
    "arin": [
        ("1 the net's", "AbuseHandle:G1-ARIN|OrgID:GGG2", "net.abuse 0 abuse@g1"),
        ("1 all of the net's", "AbuseHandle:G1-ARIN|AbuseHandle:X1-ARIN|AbuseHandle:T2-ARIN",
         "net.abuse 0 abuse@g1, net.abuse 0 abuse@t2, net.abuse 0 cert@t2"),
        ("2 the organisation's", "AbuseHandle:X1-ARIN|OrgID:GGG2", "org.abuse 0 abuse@g2"),
        ("2 no mailbox: the organisation's", "AbuseHandle:M1-ARIN|OrgID:ggg2",
         "org.abuse 0 abuse@g2"),
        ("3 a customer: the parent's", "OrgID:GGG1 > OrgID:C01234567", "parent 0 abuse@g1"),
        ("3 an organisation without: the parent's", "AbuseHandle:G1-ARIN > OrgID:OGM2 > OrgID:OOO2",
         "parent 0 abuse@g1"),
        ("3 the parent's before the own NOC", "AbuseHandle:G1-ARIN > NOCHandle:G2-ARIN",
         "parent 0 abuse@g1"),
        ("4 the net's NOC", "OrgID:OGM3|NOCHandle:G1-ARIN|TechHandle:G2-ARIN", "noc 0 abuse@g1"),
        ("4 the net's Tech", "OrgID:OGM3|NOCHandle:X1-ARIN|TechHandle:G2-ARIN", "tech 0 abuse@g2"),
        ("4 the organisation's NOC", "OrgID:OGM3|TechHandle:M1-ARIN", "noc 0 abuse@g3"),
        ("4 the organisation's Tech", "OrgID:OOG3|Comment:Abuse: abuse@n1.example",
         "tech 0 abuse@g3"),
        ("4 the parent's NOC", "NOCHandle:G1-ARIN > OrgID:C01234567", "parent 0 abuse@g1"),
        ("5 an address near an abuse word",
         "Comment:Sales: a@n1.example|Comment:-|Comment:Report abuse|Comment:to b@n2.example",
         "comment 0 b@n2"),
        ("5 a handle in a clause with abuse", "Comment:Abuse POC: G1-ARIN; Admin POC: G2-ARIN",
         "comment 0 abuse@g1"),
        ("5 no other address or handle", "Comment:Mail a@n1.example|Comment:Tech is G2-ARIN", ""),
        ("5 the organisation's", "OrgID:OOO1", "comment 0 org@n1"),
        ("5 the parent's", "Comment:Spam: a@n1.example > ", "parent 0 a@n1"),
        ("6 nothing of the registry's block", f"{ARIN_BLOCK}OrgID:C01234567", ""),
        ("no admin", "AdminHandle:G1-ARIN", ""),
    ],
    "lacnic": [
        ("abuse-c", "abuse-c:AAA|tech-c:TTT|owner-c:OOO", "abuse-c 0 AAA"),
        ("tech-c", "owner-c:OOO|abuse-c:|tech-c:ttt", "tech-c 0 TTT"),
        ("owner-c", "owner-c:OOO", "owner-c 0 OOO"),
        ("the own owner-c before the parent's abuse-c", "abuse-c:AAA > owner-c:OOO",
         "owner-c 1 OOO, abuse-c 0 AAA"),
        ("the parent's", "tech-c:TTT > owner-c: > ", "parent 0 TTT"),
    ],
}  # fmt: skip
SYSTEMS = {
    "ripe": [
        ("its own abuse-c", "abuse-c:G1-TEST|org:ORG-MG2-TEST", "abuse-c abuse@g1"),
        ("its organisation's", "abuse-c:M1-TEST|org:ORG-MG2-TEST", "org.abuse-c abuse@g2"),
        ("the sponsor is not asked", "org:ORG-MO2-TEST|sponsoring-org:ORG-MG2-TEST", ""),
        ("nothing else", "mnt-irt:IRT-G1-TEST|tech-c:G2-TEST|remarks:abuse@n1.example", ""),
    ],
    "apnic": [
        ("abuse-c", "abuse-c:G1-TEST|mnt-irt:IRT-G2-TEST", "abuse-c abuse@g1"),
        ("mnt-irt", "mnt-irt:IRT-T2-TEST", "mnt-irt abuse@t2, mnt-irt cert@t2"),
        ("the organisation's e-mail", "org:ORG-EO3-TEST", "org.e-mail mail@e3"),
    ],
    "afrinic": [
        ("mnt-irt", "mnt-irt:IRT-G2-TEST|org:ORG-GO3-TEST", "mnt-irt abuse@g2"),
        ("the organisation's", "org:ORG-GO3-TEST|tech-c:PG4-TEST", "org abuse@g3"),
        ("tech-c", "tech-c:PG4-TEST|admin-c:G5-TEST", "tech-c abuse@g4"),
        ("mnt-by", "mnt-by:G6-MNT|remarks:abuse@n1.example", "mnt-by abuse@g6"),
        ("remarks", "mnt-by:S6-MNT|remarks:abuse@n1.example", "remarks abuse@n1"),
    ],
    "arin": [
        ("its own", "AbuseHandle:G1-ARIN|OrgID:GGG2", "net.abuse abuse@g1"),
        ("its organisation's", "OrgID:GGG2|TechHandle:G1-ARIN", "org.abuse abuse@g2"),
        ("Tech", "OrgID:OOO2|TechHandle:G1-ARIN", "tech abuse@g1"),
    ],
    "lacnic": [
        ("abuse-c", "owner-c:OOO|abuse-c:AAA", "abuse-c AAA"),
        ("owner-c", "owner-c:OOO|abuse-c:", "owner-c OOO"),
    ],
}  # fmt: skip


def net_text(registry: str, number: int, depth: int, given: str) -> str:
    """Write the net of a case: 10.NUMBER.0.0, half as large at each depth."""
    pairs = pairs_of(given)
    named = {name.lower() for name, _ in pairs}
    net = IPv4Network((f"10.{number}.0.0", 16 + depth))
    own = [("netname", "NET-A"), ("status", STATUS[registry][depth > 0][0])]
    head, source = [("inetnum", f"{net[0]} - {net[-1]}")], "source"
    if registry == "lacnic":
        head, own[0] = [("inetnum", str(net))], ("owner", "Somebody")
        own += [("inetnum-up", str(net.supernet()))] if depth else []
    elif registry == "arin":
        handle = f"NET-10-{number}-0-0-"
        head = [("NetHandle", f"{handle}{depth}"), ("NetRange", f"{net[0]} - {net[-1]}"),
                ("Parent", f"{handle}{depth - 1}" if depth else "")]  # fmt: skip
        own, source = [("NetName", "NET-A"), ("NetType", own[1][1])], "Source"
    own = [(name, value) for name, value in own if name.lower() not in named]
    return text_of([*head, *own, *pairs, (source, registry.upper())])


def system_text(registry: str, number: int, given: str) -> str:
    """Write the AS number of a case: 64500 and further."""
    pairs, name, source = pairs_of(given), f"AS{64500 + number}", ("source", registry.upper())
    if registry == "arin":
        return text_of([("ASHandle", name), ("ASNumber", name[2:]), *pairs, source])
    key = name[2:] if registry == "lacnic" else name
    more = [("owner" if registry == "lacnic" else "as-name", "SOMEBODY")]
    return text_of([("aut-num", key), *more, *pairs, source])


def nets_of(case: str) -> list[str]:
    return [part.strip() for part in case.split(" > ")]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Index]:
    """Return an index for each registry, in which case k lies in 10.k.0.0/16."""
    found = {}
    for registry in REGISTRIES:
        parts = [objects(registry)] if registry != "lacnic" else []
        if registry == "ripe":
            parts.append(
                "inetnum: 0.0.0.0 - 255.255.255.255\nnetname: IANA-BLK\nmnt-by: RIPE-NCC-HM-MNT\n"
                "status: ALLOCATED UNSPECIFIED\nabuse-c: G1-TEST\nsource: RIPE\n\n"
            )
        for number, (_, case, _) in enumerate(CASES[registry]):
            for depth, given in enumerate(nets_of(case)):
                parts.append(net_text(registry, number, depth, given))
        for number, (_, given, _) in enumerate(SYSTEMS[registry]):
            parts.append(system_text(registry, number, given))
        folder = tmp_path_factory.mktemp(registry)
        name = {"arin": "arin_db.txt"}.get(registry, f"{registry}.db")
        found[registry] = built(folder, "".join(parts), name)
    return found


@pytest.mark.parametrize(
    ("registry", "number"), [(name, k) for name in REGISTRIES for k in range(len(CASES[name]))],
    ids=[f"{name}: {case[0]}" for name in REGISTRIES for case in CASES[name]],
)  # fmt: skip
def test_a_registrys_rule_gives(registry: str, number: int, told: dict[str, Index]) -> None:
    _, case, wanted = CASES[registry][number]
    answer = told[registry].lookup(f"10.{number}.0.0")
    keys = [net.key for net in answer.chain]
    assert len(keys) == len(nets_of(case))
    found = [
        (contact.rule, keys.index(contact.level or ""), contact.mailbox or contact.handle)
        for contact in answer.abuse
    ]
    words = [item.split() for item in wanted.split(", ") if item]
    assert found == [
        (f"{registry}.{rule}", int(depth), f"{text}.example" if "@" in text else text)
        for rule, depth, text in words
    ]
    for contact in answer.abuse:
        assert contact.inherited == contact.rule.endswith(".parent")
    unloaded = "contacts-not-loaded" in [note.code for note in answer.notes]
    assert unloaded == (registry == "lacnic")


@pytest.mark.parametrize(
    ("registry", "number"), [(name, k) for name in REGISTRIES for k in range(len(SYSTEMS[name]))],
    ids=[f"{name}: {case[0]}" for name in REGISTRIES for case in SYSTEMS[name]],
)  # fmt: skip
def test_a_registrys_rule_gives_for_an_as_number(
    registry: str, number: int, told: dict[str, Index]
) -> None:
    wanted = [item.split() for item in SYSTEMS[registry][number][2].split(", ") if item]
    found = of_object(told[registry], f"AS{64500 + number}")
    assert [(contact.rule, contact.mailbox or contact.handle) for contact in found] == [
        (f"{registry}.{rule}", f"{text}.example" if "@" in text else text) for rule, text in wanted
    ]
    for contact in found:
        assert (contact.level, contact.inherited) == (f"AS{64500 + number}", False)


@pytest.mark.parametrize(
    ("handle", "wanted"),
    [
        ("ORG-MG1-TEST", ["abuse@g1.example"]),
        ("ORG-MT1-TEST", ["abuse@t1.example", "cert@t1.example"]),
        ("ORG-MX1-TEST", []),
        ("ORG-MO1-TEST", []),
        ("ORG-GO1-TEST", []),
    ],
)
def test_an_organisation_of_ripe_has_the_contact_of_its_abuse_c(
    handle: str, wanted: list[str], told: dict[str, Index]
) -> None:
    assert [contact.mailbox for contact in of_object(told["ripe"], handle)] == wanted


def test_an_organisation_of_ripe_may_belong_to_another(tmp_path: Path) -> None:
    text = text_of(pairs_of("organisation:ORG-ONE-TEST|org-name:One|org:ORG-MG1-TEST|source:RIPE"))
    with built(tmp_path, objects("ripe") + text) as index:
        assert [c.mailbox for c in of_object(index, "ORG-ONE-TEST")] == ["abuse@g1.example"]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [("RIPE", ["ripe.abuse-c"]), ("RIPE-NONAUTH", ["ripe.abuse-c"]),
     ("RIPE-GRS", ["ripe.abuse-c"]), ("TESTNET", [])],
)  # fmt: skip
def test_the_rule_of_ripe_holds_for_its_three_sources(
    source: str, wanted: list[str], tmp_path: Path
) -> None:
    number = text_of(pairs_of(f"aut-num:AS64500|as-name:X|abuse-c:G1-TEST|source:{source}"))
    with built(tmp_path, objects("ripe") + number) as index:
        assert [contact.rule for contact in of_object(index, "AS64500")] == wanted


def test_the_walk_stops_in_ripes_copy_of_other_registries_too(tmp_path: Path) -> None:
    above = net_text("ripe", 0, 0, "abuse-c:G1-TEST")
    last = net_text("ripe", 0, 1, "mnt-by:RIPE-NCC-HM-MNT")
    text = (objects("ripe") + above + last).replace("RIPE\n\n", "RIPE-GRS\n\n")
    with built(tmp_path, text) as index:
        assert [contact.rule for contact in index.lookup("10.0.0.0").abuse] == ["ripe.abuse-c"]


# Where nets cross, the last one climbs to the smallest net around it, and on from there; others
# above may have the same contact. Nets as the last two bytes of 10.0.x.x; the contacts of 10.0.1.7.
CROSSING = {
    "a net that does not contain the last one": (
        {"0.0-3.255": "abuse-c:G1-TEST", "0.0-1.127": "abuse-c:G1-TEST", "1.0-1.255": ""},
        ["ripe.parent 0.0-3.255", "ripe.abuse-c 0.0-1.127"],
    ),
    "a net that contains it, but not the one between": (
        {"0.0-7.255": "abuse-c:G1-TEST", "0.0-2.255": "abuse-c:G1-TEST", "1.0-3.127": "",
         "1.0-1.255": ""},
        ["ripe.parent 0.0-7.255", "ripe.abuse-c 0.0-2.255"],
    ),
    "the same with another contact": (
        {"0.0-7.255": "abuse-c:G1-TEST", "0.0-2.255": "abuse-c:G2-TEST", "1.0-3.127": "",
         "1.0-1.255": ""},
        ["ripe.parent 0.0-7.255", "ripe.abuse-c 0.0-2.255"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CROSSING)
def test_the_supplier_is_never_a_net_that_crosses_the_way_up(name: str, tmp_path: Path) -> None:
    nets, wanted = CROSSING[name]

    def key(span: str) -> str:
        return " - ".join(f"10.0.{end}" for end in span.split("-"))

    rest = "netname:N|status:ASSIGNED PA|source:RIPE|"
    text = [text_of([("inetnum", key(span)), *pairs_of(rest + own)]) for span, own in nets.items()]
    with built(tmp_path, objects("ripe") + "".join(text)) as index:
        found = [f"{contact.rule} {contact.level}" for contact in index.lookup("10.0.1.7").abuse]
    assert found == [f"{rule} {key(span)}" for rule, span in map(str.split, wanted)]


# What roles hold as abuse-mailbox, and which mailboxes that is.
MAILBOXES = {
    "a@one.example": ["a@one.example"],
    "a@one.example, B <b@two.example>": ["a@one.example", "b@two.example"],
    "A Desk <a@one.example>": ["a@one.example"],
    '"abuse contact"@one.example': ['"abuse contact"@one.example'],
    "a&b@one.example": ["a&b@one.example"],
    "o'hara@one.example": ["o'hara@one.example"],
    "a@one.example (preferred)": ["a@one.example"],
    "a@one.example # since then": ["a@one.example"],
    "A@ONE.EXAMPLE": ["A@one.example"],
    "a@one.example A@one.example": ["a@one.example"],
    "a@xn--mnchen-3ya.example": ["a@xn--mnchen-3ya.example"],
    "***@one.example": [],
    "nobody at all": [],
}


@pytest.fixture(scope="module")
def mailboxes(tmp_path_factory: pytest.TempPathFactory) -> Index:
    parts = []
    for number, text in enumerate(MAILBOXES):
        parts.append(net_text("ripe", number, 0, f"abuse-c:R{number}-TEST"))
        role = [("role", "R"), ("nic-hdl", f"R{number}-TEST"), ("abuse-mailbox", text)]
        parts.append(text_of([*role, ("source", "RIPE")]))
    return built(tmp_path_factory.mktemp("mailboxes"), "".join(parts))


@pytest.mark.parametrize("text", MAILBOXES)
def test_the_mailboxes_of_a_role_are_all_addresses_in_its_text(text: str, mailboxes: Index) -> None:
    answer = mailboxes.lookup(f"10.{[*MAILBOXES].index(text)}.0.0")
    assert [contact.mailbox for contact in answer.abuse] == MAILBOXES[text]


# Class, remarks, registry; what is known of a@one.example.
MARKS: list[tuple[str, list[str], str, tuple[str, str | None]]] = [
    ("role", ["a@one.example was validated on 2026-03-04"], "apnic", ("valid", "2026-03-04")),
    ("irt", ["a@one.example was validated on 2026-03-04"], "apnic", ("valid", "2026-03-04")),
    ("irt", ["x", "A@One.Example was validated on 2026-03-04"], "apnic", ("valid", "2026-03-04")),
    ("role", ["a@one.example is invalid"], "apnic", ("invalid", None)),
    ("irt", ["a@one.example is invalid"], "apnic", ("invalid", None)),
    ("irt", ["b@one.example is invalid"], "apnic", ("unknown", None)),
    ("role", ["b@one.example was validated on 2026-03-04"], "apnic", ("unknown", None)),
    ("role", ["Generated from irt object IRT-A"], "apnic", ("unknown", None)),
    ("role", ["a@one.example was validated on 2026-03-04"], "ripe", ("unknown", None)),
    ("role", ["a@one.example is invalid"], "ripe", ("unknown", None)),
]


@pytest.mark.parametrize(("kind", "remarks", "registry", "wanted"), MARKS)
def test_only_apnic_says_whether_a_mailbox_works(
    kind: str, remarks: list[str], registry: str, wanted: tuple[str, str | None], tmp_path: Path
) -> None:
    key = [("role", "A"), ("nic-hdl", "A1-TEST")] if kind == "role" else [("irt", "A1-TEST")]
    notes = [("remarks", text) for text in remarks]
    has = text_of([*key, ("abuse-mailbox", "a@one.example"), *notes, ("source", registry.upper())])
    refers = "abuse-c" if kind == "role" else "mnt-irt"
    with built(tmp_path, net_text(registry, 0, 0, f"{refers}:A1-TEST") + has) as index:
        (contact,) = index.lookup("10.0.0.0").abuse
        checked = contact.checked.isoformat() if contact.checked else None
        assert (contact.mailbox, contact.status, checked) == ("a@one.example", *wanted)
        assert contact.confidence == ("low" if wanted[0] == "invalid" else "high")


# -- references into classes that no source holds ---------------------------------------------

LONE = {
    "ripe: the net's": ("ripe", "abuse-c:G1-TEST|org:ORG-MG2-TEST", "abuse-c 0 G1-TEST"),
    "ripe: the organisation's": ("ripe", "abuse-c:G1-TEST > org:ORG-MG2-TEST",
                                 "org.abuse-c 1 G2-TEST, abuse-c 0 G1-TEST"),
    "ripe: the parent's": ("ripe", "abuse-c:g1-test > ", "parent 0 G1-TEST"),
    "apnic": ("apnic", "abuse-c:G1-TEST|mnt-irt:IRT-G2-TEST, IRT-G3-TEST",
              "abuse-c 0 G1-TEST, mnt-irt 0 IRT-G2-TEST, mnt-irt 0 IRT-G3-TEST"),
    "afrinic": ("afrinic", "mnt-irt:IRT-G2-TEST|tech-c:G3-TEST", "mnt-irt 0 IRT-G2-TEST"),
    "arin: the net's": ("arin", "AbuseHandle:G1-ARIN|AbuseHandle:G2-ARIN|OrgID:GGG3",
                        "net.abuse 0 G1-ARIN, net.abuse 0 G2-ARIN"),
    "arin: the organisation's": ("arin", "AbuseHandle:G1-ARIN > OrgID:GGG2",
                                 "org.abuse 1 G2-ARIN, net.abuse 0 G1-ARIN"),
}  # fmt: skip


@pytest.mark.parametrize("name", LONE)
def test_a_reference_into_a_class_that_no_source_holds_stays_a_handle(
    name: str, tmp_path: Path
) -> None:
    registry, case, wanted = LONE[name]
    orgs = re.findall(r"(?m)^(?:organisation|OrgID):(?:.+\n)+\n", objects(registry))
    nets = [net_text(registry, 0, depth, given) for depth, given in enumerate(nets_of(case))]
    name = "arin_db.txt" if registry == "arin" else "some.db"
    with built(tmp_path, "".join([*orgs, *nets]), name) as index:
        answer = index.lookup("10.0.0.0")
        keys = [net.key for net in answer.chain]
        found = [(c.rule, keys.index(c.level or ""), c.handle, c.mailbox) for c in answer.abuse]
        assert "contacts-not-loaded" in [note.code for note in answer.notes]
    words = [item.split() for item in wanted.split(", ")]
    assert found == [(f"{registry}.{rule}", int(at), text, None) for rule, at, text in words]


# -- against the plain rules ------------------------------------------------------------------


def cases_of(world: World, record: Record) -> Iterator[str]:
    """Yield which sentences of RIPE's rule a net or AS number is an example of."""
    system = record.kind == "aut-num"
    own = world.via(record, "abuse-c", ("role",), "")
    orgs = [*world.named(record, ("organisation",), "org")]
    theirs = [item for org in orgs for item in world.via(org, "abuse-c", ("role",), "")]
    above = record.around[-1] if record.around else None
    bad = {"X": "dangling", "M": "no mailbox", "N": "no address"}
    letters = [handle[0] for handle in record.handles("abuse-c")]
    if system:
        yield "AS: " + ("its own" if own else "its org's" if theirs else "none, but a sponsor's")
        return
    if own:
        yield "its own" + (" before its org's" if theirs else "")
        yield from ["several abuse-c"] * (len(letters) > 1) + ["two mailboxes"] * ("T" in letters)
        yield from ["lower case"] * record.lines("abuse-c")[0].islower()
    elif theirs:
        yield f"{bad[letters[0]]}, then its org's" if letters else "its org's"
        yield from ["its org's before the parent's"] * bool(above and above.found)
    else:
        found = record.found
        status = record.lines("status")[0]
        yield from [f"nothing of its own: {bad[letter]}" for letter in letters[:1]]
        yield from [f"nothing of its org: {handle[4:6]}" for handle in record.handles("org")]
        if found:
            yield "the parent's" if found[0] is above else "further up"
            yield from ["LEGACY climbs"] * (status == "LEGACY")
            yield from ["LEGACY climbs into a registry block"] * is_block(found[0])
        elif maintained_by_rs(record) and above:
            places = [name for name in ("mnt-by", "mnt-lower") if RS & {*record.handles(name)}]
            yield from [f"stops at {name}" for name in places if above.found]
            yield from ["an allocation or PI block"] * (is_block(above) and status != "LEGACY")
        else:
            yield "stops above" if any(net.found for net in record.around) else "nothing around"
    yield from ["IPv6"] * (record.kind == "inet6num")


# Of each registry how many nets are made up, and what occurs a thousand times among them.
SENTENCES = (
    "its own", "its own before its org's", "several abuse-c", "two mailboxes", "lower case",
    "its org's", "its org's before the parent's", "dangling, then its org's",
    "no mailbox, then its org's", "no address, then its org's", "nothing of its own: dangling",
    "nothing of its own: no mailbox", "nothing of its own: no address", "nothing of its org: MX",
    "nothing of its org: MM", "nothing of its org: MN", "nothing of its org: MO",
    "nothing of its org: XX", "the parent's", "further up", "stops at mnt-by",
    "stops at mnt-lower", "stops above", "LEGACY climbs", "LEGACY climbs into a registry block",
    "an allocation or PI block", "nothing around", "IPv6", "AS: its own", "AS: its org's",
    "AS: none, but a sponsor's",
)  # fmt: skip
LARGE = {
    "ripe": (45_000, SENTENCES),
    "apnic": (50_000, ("abuse-c", "mnt-irt", "irt.e-mail", "org.e-mail", "parent", "none",
                       "valid", "invalid", "unknown", "IPv6")),
    "afrinic": (50_000, ("abuse-c", "mnt-irt", "org", "tech-c", "admin-c", "mnt-by", "remarks",
                         "parent", "none", "unknown", "IPv6")),
    "arin": (45_500, ("net.abuse", "org.abuse", "noc", "tech", "comment", "parent", "none",
                      "unknown", "IPv6")),
}  # fmt: skip


def features_of(world: World, record: Record, wanted: list[Entry]) -> Iterator[str]:
    """Yield what a record is an example of: sentences of RIPE's rule, else rule and status."""
    if world.registry == "ripe":
        yield from cases_of(world, record)
    else:
        first = wanted[0] if record.found else None
        yield first.rule.partition(".")[2] if first else "none"
        yield from ([first.status] if first else []) + ["IPv6"] * ("6" in record.kind)


@pytest.mark.parametrize("registry", LARGE)
def test_the_plain_rules_agree_on_all_of_a_large_dump(registry: str, tmp_path: Path) -> None:
    count, features = LARGE[registry]
    text = dump(registry, count)
    world = World(registry, text)
    last = {(net.kind, net.first, net.last): net for net in world.nets}
    seen: Counter[str] = Counter()
    wrong = []
    with built(tmp_path, text, "arin_db.txt" if registry == "arin" else "some.db") as index:
        for number, record in enumerate([*last.values(), *world.systems]):
            if is_block(record):
                continue
            wanted = world.answer(record)
            if record.kind == "aut-num":
                found = of_object(index, record.key)
            else:
                answer = index.lookup(record.values.get("netrange", [record.key])[0])
                found = list(answer.abuse)
            assert len(found) == len(wanted), record.values
            # Of most only what the last net has: the others are the last one elsewhere.
            first = sum(entry.level == wanted[0].level for entry in wanted)
            part = first if number % 4 else len(wanted)
            if entries(found[:part]) != wanted[:part]:
                wrong.append((record.values, found, wanted))
            seen.update(features_of(world, record, wanted))
    assert not wrong, (len(wrong), wrong[:2])
    assert set(seen) == set(features)
    assert min(seen.values()) >= 1000, seen


# -- the fixtures -----------------------------------------------------------------------------

# Of each address what the rule gives for the last net: rule, then the mailboxes (or handles) as
# fixtures/README.md has them.
NOW = {
    "240.10.33.7": "ripe.abuse-c Abuse@wolkenburg.example",
    "240.10.34.1": "ripe.parent abuse@adresslease.example",
    "240.10.35.1": "ripe.org.abuse-c abuse@adresslease.example",
    "240.10.0.1": "ripe.org.abuse-c abuse@nordlicht.example",
    "240.10.4.7": "ripe.parent abuse@nordlicht.example",
    "240.10.5.0": "ripe.parent abuse@nordlicht.example",
    "240.10.9.64": "ripe.parent abuse@nordlicht.example",
    "240.10.48.9": "ripe.parent abuse@nordlicht.example",
    "240.10.58.3": "ripe.org.abuse-c abuse@dreifeld.example help@bursztyn.example",
    "241.64.2.9": "",
    "241.80.0.1": "ripe.org.abuse-c abuse@dreifeld.example help@bursztyn.example",
    "241.255.0.1": "",
    "242.1.1.1": "",
    "243.200.0.1": "",
    "198.51.100.5": "ripe.org.abuse-c abuse@musee.example",
    "198.18.20.1": 'ripe.parent "abuse_desk"@kraehenburg.example',
    "198.19.3.4": "",
    "3fff:10:4001::1": "ripe.parent abuse@adresslease.example",
    "3fff:10:ffff::53": "ripe.parent abuse@nordlicht.example",
    "100.64.9.9": "apnic.parent abuse@paperbark.example",
    "100.64.16.1": "apnic.parent abuse@paperbark.example",
    "100.64.20.129": "apnic.mnt-irt owner@wombat.example",
    "100.80.4.1": "apnic.mnt-irt hostmaster@nir.example",
    "100.100.0.1": "apnic.mnt-irt abuse@tidepool.example cert@tidepool.example",
    "203.0.113.200": "",
    "244.5.2.2": "apnic.parent noc@orchidex.example",
    "10.33.77.5": "afrinic.parent abuse@dodo.example",
    "10.33.79.3": "afrinic.remarks abuse@kora.example",
    "10.34.0.1": "afrinic.org abuse@nilotika.example",
    "10.40.12.1": "afrinic.mnt-by abuse@savannah.example",
    "10.255.1.1": "",
    "192.0.2.9": "afrinic.tech-c incidents@sahel.example",
    "248.1.0.9": "",
    "fd00:64:0:1::5": "",
}
WORLD = {
    "10.129.5.77": "arin.parent maxine@kitewind.example",
    "10.129.16.9": "arin.parent maxine@kitewind.example",
    "10.129.201.9": "arin.parent abuse@gullpoint.example security@gullpoint.example",
    "10.130.2.1": "arin.tech maxine@kitewind.example",
    "10.142.0.1": "",
    "198.51.100.200": "",
    "2001:db8:4110::1": "arin.parent abuse@gullpoint.example security@gullpoint.example",
    "10.80.17.5": "",
    "198.18.70.1": "",
    "10.80.2.1": "apnic.mnt-irt IRT-MANGOBYTE-TEST",
    "100.90.5.1": "",
    "100.96.33.1": "",
    "100.112.9.70": "",
    "10.96.72.1": "",
    "10.152.6.1": "lacnic.abuse-c ARG7",
    "10.217.40.17": "lacnic.tech-c TTC12",
    "2001:db8:8012::1": "lacnic.tech-c QHS4",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Index:
    target = tmp_path_factory.mktemp("world") / "index"
    build([str(FIXTURES / "world")], str(target), processes=0)
    return open_index(target)


@pytest.mark.parametrize("address", [*NOW, *WORLD])
def test_an_address_of_the_fixtures_has_the_mailbox_of_their_readme(
    address: str, index: Index, world: Index
) -> None:
    each = index if address in NOW else world
    answer, last = each.lookup(address), each.match(address)
    own = each.net(last).as_object()["abuse"] if last is not None else []
    assert [contact.to_dict() for contact in answer.abuse][: len(own)] == own
    found = [own[0]["rule"]] if own else []
    found += [(item["mailbox"] or item["handle"]).replace(" ", "_") for item in own]
    assert found == (NOW | WORLD)[address].split()


def test_the_lessee_of_the_documented_case_is_reached_through_a_person_of_the_holder(
    index: Index,
) -> None:
    answer = index.lookup("10.33.77.5")
    (contact,) = answer.abuse
    assert contact.to_dict() == {
        "mailbox": "abuse@dodo.example", "handle": "JD1-TEST", "rule": "afrinic.parent",
        "object": "10.32.0.0 - 10.47.255.255", "level": "10.32.0.0 - 10.47.255.255",
        "inherited": True, "status": "unknown", "checked": None,
    }  # fmt: skip
    assert "mail" not in answer.chain[-1].text
    person = index.object("JD1-TEST")
    assert isinstance(person, Object)
    assert person.kind == "person"


# -- which nets have a contact ----------------------------------------------------------------


def test_nets_are_found_by_mailbox_and_domain_of_what_the_rule_gives(
    index: Index, world: Index, told: dict[str, Index]
) -> None:
    found = 0
    for each in (index, world, *told.values()):
        held: dict[str, set[int]] = {}
        for net in range(len(each)):
            for contact in each.net(net).as_object()["abuse"]:
                mailbox = (contact["mailbox"] or "").lower()
                held.setdefault(mailbox, set()).add(net)
                held.setdefault(mailbox.rpartition("@")[2], set()).add(net)
        held.pop("", None)
        for text, nets in held.items():
            for written in (text, text.upper(), f" {text.title()} "):
                assert each.nets(contact=written) == sorted(nets), written
        found += len(held)
        for text in ("nobody@g1.example", "example", "g1", "G1-TEST", ""):
            assert each.nets(contact=text) == []
    assert found > 100


# -- whom else to tell ------------------------------------------------------------------------


def said(contacts: Iterable[Contact]) -> list[tuple[str, str | None]]:
    return [(contact.rule.partition(".")[2], contact.mailbox) for contact in contacts]


def own_space(*nets: str, others: str = "", registry: str = "TESTNET") -> str:
    """Write nets of a registry that publishes no rule, each half of the one before."""
    parts = [net_text("ripe", 0, depth, given) for depth, given in enumerate(nets)]
    parts += [text_of(pairs_of(f"{text}|source:RIPE")) for text in others.split(" > ") if text]
    return "".join(parts).replace("RIPE\n\n", f"{registry}\n\n")


LADDER = own_space(
    "remarks:Abuse: ten@n.example|notify:noc@n.example",
    "descr:sales@n.example|descr:-|remarks:spam? one@n.example|org:ORG-A-TEST|tech-c:R1-TEST"
    "|admin-c:P1-TEST|mnt-irt:IRT-A-TEST|mnt-by:A-MNT|notify:abuse@n.example, other@n.example",
    others="organisation:ORG-A-TEST|org-name:A|remarks:security|remarks:two@n.example"
    "|e-mail:org@n.example"
    " > role:R|nic-hdl:R1-TEST|remarks:complaints to three@n.example|e-mail:desk@n.example"
    " > person:P|nic-hdl:P1-TEST|e-mail:person@n.example|remarks:abuse: nobody@n.example"
    " > irt:IRT-A-TEST|remarks:incidents: four@n.example"
    " > mntner:A-MNT|descr:CSIRT five@n.example|descr:ONE@N.example is for spam",
)


def test_the_ladder_goes_down_step_by_step_then_to_the_net_above(tmp_path: Path) -> None:
    with built(tmp_path, LADDER) as index:
        answer = index.lookup("10.0.0.0")
        assert answer.abuse == ()
        assert said(answer.contacts) == [
            ("remarks", "one@n.example"), ("org-remarks", "two@n.example"),
            ("org-remarks", "three@n.example"), ("org-remarks", "four@n.example"),
            ("org-remarks", "five@n.example"), ("local-part", "abuse@n.example"),
            ("role-e-mail", "desk@n.example"), ("remarks", "ten@n.example"),
            ("local-part", "noc@n.example"),
        ]  # fmt: skip
        places = [contact.level for contact in answer.contacts]
        assert places == [answer.chain[1].key] * 7 + [answer.chain[0].key] * 2
        confidences = [contact.confidence for contact in answer.contacts]
        assert confidences == ["medium"] * 6 + ["low"] + ["medium"] * 2


WORDS = ("abuse", "Spam", "security", "CSIRT", "cert", "noc", "complaint", "incident",
         "network abuse", "Missbrauch", "abus", "abuso", "不正", "滥用")  # fmt: skip


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Index:
    rest = "|remarks:to a@n.example|remarks:-|remarks:or b@n.example"
    parts = [
        net_text("ripe", number, 0, f"remarks:{word}:{rest}")
        for number, word in enumerate((*WORDS, "sales", "concert", "knock"))
    ]
    return built(tmp_path_factory.mktemp("words"), "".join(parts))


@pytest.mark.parametrize("number", range(len(WORDS) + 3))
def test_an_address_counts_on_or_beside_a_line_with_an_abuse_word(
    number: int, words: Index
) -> None:
    found = said(words.lookup(f"10.{number}.0.0").contacts)
    assert found == [("remarks", "a@n.example")] * (number < len(WORDS))


def test_a_record_of_a_national_registry_has_its_contact_in_a_remark(tmp_path: Path) -> None:
    remark = "remarks:Email address for spam or abuse complaints : desk@n.example"
    with built(tmp_path, own_space(remark, registry="JPNIC")) as index:
        answer = index.lookup("10.0.0.0")
        assert (answer.registry, answer.abuse) == ("APNIC", ())
        assert said(answer.contacts) == [("remarks", "desk@n.example")]


DESKS = ("abuse", "abuse-desk", "security", "csirt", "cert", "noc", "Abuse")


@pytest.mark.parametrize("name", DESKS)
def test_an_address_with_the_name_of_a_desk_counts_anywhere(name: str, tmp_path: Path) -> None:
    text = own_space(f"notify:{name}@n.example|notify:hostmaster@n.example|mnt-nfy:info@n.example")
    with built(tmp_path, text) as index:
        assert said(index.lookup("10.0.0.0").contacts) == [("local-part", f"{name}@n.example")]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("tech-c:R1-TEST", ["desk@n.example"]),
        ("admin-c:R1-TEST", ["desk@n.example"]),
        ("tech-c:P1-TEST", []),
        ("tech-c:R2-TEST", []),
        ("tech-c:R2-TEST|admin-c:r1-test", ["desk@n.example"]),
    ],
)
def test_the_mail_of_roles_counts_and_never_that_of_persons_or_dummies(
    given: str, wanted: list[str], tmp_path: Path
) -> None:
    text = own_space(
        given, registry="APNIC", others="role:R|nic-hdl:R1-TEST|e-mail:desk@n.example"
        " > role:R|nic-hdl:R2-TEST|e-mail:unread@ripe.net"
        " > person:P|nic-hdl:P1-TEST|e-mail:person@n.example",
    )  # fmt: skip
    with built(tmp_path, text) as index:
        answer = index.lookup("10.0.0.0")
        assert said(answer.contacts) == [("role-e-mail", mailbox) for mailbox in wanted]
        assert answer.abuse == ()


def test_what_the_rule_gives_goes_first_and_is_not_repeated_by_the_ladder(tmp_path: Path) -> None:
    text = own_space(
        "abuse-c:R1-TEST|remarks:abuse: ABUSE@N.example or two@n.example|notify:two@N.example",
        registry="APNIC", others="role:R|nic-hdl:R1-TEST|abuse-mailbox:abuse@n.example",
    )  # fmt: skip
    with built(tmp_path, text) as index:
        found = index.lookup("10.0.0.0").contacts
    assert [(contact.rule, contact.mailbox) for contact in found] == [
        ("apnic.abuse-c", "abuse@n.example"), ("generic.remarks", "two@n.example"),
    ]  # fmt: skip


def test_no_mailbox_of_the_ladder_comes_twice(index_path: Path, world: Index) -> None:
    ladders = 0
    for each in (open_index(index_path, desk=os.environ["RIRDEX_CONFIG"]), world):
        for net in range(len(each)):
            found = ranked(each.lookup(str(each.net(net).first)), guess=True)
            rules = [contact.rule.startswith("generic.") for contact in found if not contact.mark]
            assert rules == sorted(rules)
            for place, contact in enumerate(found):
                if contact.rule.startswith("generic."):
                    before = [(other.mailbox or "").lower() for other in found[:place]]
                    assert (contact.mailbox or "").lower() not in before
                    ladders += 1
    assert ladders > 50


@pytest.mark.parametrize(
    ("given", "mailbox", "wanted"),
    [
        ("", "hostmaster@nic.or.kr", ["desk@mine.se", "hostmaster@nic.or.kr registry_contact low"]),
        ("", "helpdesk@apnic.net", ["desk@mine.se", "helpdesk@apnic.net registry_contact low"]),
        ("org:ORG-ARAD1-AP", "helpdesk@apnic.net", ["helpdesk@apnic.net", "desk@mine.se"]),
        ("", "no-email@apnic.net", ["desk@mine.se"]),
        ("", "unread@ripe.net", ["desk@mine.se"]),
        ("", "ripe-dbm@ripe.net", ["desk@mine.se"]),
        ("", "a@n.example", ["a@n.example reserved_domain high", "desk@mine.se"]),
    ],
)
def test_registries_come_last_and_dummies_not_at_all(
    given: str, mailbox: str, wanted: list[str], tmp_path: Path
) -> None:
    text = own_space(
        f"mnt-irt:IRT-A-TEST|remarks:abuse: desk@mine.se|{given}", registry="APNIC",
        others=f"irt:IRT-A-TEST|abuse-mailbox:{mailbox}",
    )  # fmt: skip
    with built(tmp_path, text) as index:
        assert [
            f"{c.mailbox} {c.mark} {c.confidence}" if c.mark else c.mailbox
            for c in index.lookup("10.0.0.0").contacts
        ] == wanted  # fmt: skip


def test_a_desks_own_files_drop_and_override(tmp_path: Path) -> None:
    text = own_space(
        "abuse-c:R1-TEST|remarks:abuse: b@n.example", registry="APNIC",
        others="role:R|nic-hdl:R1-TEST|abuse-mailbox:a@n.example",
    )  # fmt: skip
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "never.toml").write_text(
        '[[entry]]\nmailbox = "a@n.example"\nmark = "drop"\nreason = "Bounces."\n'
    )
    (desk / "overrides.csv").write_text(
        "match,contact,note,valid_until\n10.0.0.0/24,ours@n.example,met them,\n"
    )
    built(tmp_path, text).close()
    with open_index(tmp_path / "index", desk=desk) as index:
        near, far = index.lookup("10.0.0.9"), index.lookup("10.0.9.9")
        assert [contact.mailbox for contact in near.abuse] == ["a@n.example"]
        assert [(contact.rule, contact.mailbox) for contact in near.contacts] == [
            ("user.override", "ours@n.example"), ("generic.remarks", "b@n.example"),
        ]  # fmt: skip
        assert [contact.mailbox for contact in far.contacts] == ["b@n.example"]


def test_a_guess_is_made_only_on_demand_and_out_of_the_organisations_mail(tmp_path: Path) -> None:
    text = own_space(
        "org:ORG-A-TEST|remarks:abuse: ***@masked.example", registry="AFRINIC",
        others="organisation:ORG-A-TEST|org-name:A|e-mail:***@hidden.example",
    )  # fmt: skip
    with built(tmp_path, text) as index:
        answer = index.lookup("10.0.0.0")
        assert answer.contacts == ()
        found = ranked(answer, guess=True)
        assert {contact.mailbox for contact in found} == {
            "abuse@hidden.example", "abuse@masked.example",
        }  # fmt: skip
        assert {(contact.rule, contact.confidence) for contact in found} == {
            ("generic.guess", "low")
        }


def test_an_as_number_has_the_rules_contact_and_a_ladder_too(tmp_path: Path) -> None:
    text = own_space(
        registry="RIPE", others="aut-num:AS64500|as-name:X|abuse-c:R1-TEST"
        "|remarks:abuse: b@n.example > role:R|nic-hdl:R1-TEST|abuse-mailbox:a@n.example",
    )  # fmt: skip
    with built(tmp_path, text) as index:
        found = [(contact.rule, contact.mailbox) for contact in index.lookup("AS64500").contacts]
    assert found == [("ripe.abuse-c", "a@n.example"), ("generic.remarks", "b@n.example")]


@pytest.mark.parametrize(
    ("user", "holder", "wanted", "text"),
    [
        ("org:ORG-MG1-TEST|descr:User", "org:ORG-MG2-TEST", True, "different domains"),
        ("org:ORG-MG1-TEST", "org:ORG-MG2-TEST|abuse-c:G1-TEST", False, "at abuse@g1.example"),
        ("org:ORG-MG1-TEST|abuse-c:Q1-TEST", "org:ORG-MG1-TEST", None, ""),
        ("org:ORG-MO1-TEST|abuse-c:Q1-TEST", "org:ORG-MG1-TEST", False, "at g1.example"),
        ("org:ORG-MO1-TEST", "org:ORG-MG1-TEST", False, "no contact of its own"),
        ("org:ORG-MG1-TEST", "org:ORG-MO2-TEST", None, "the holder has no mailbox"),
        ("org:ORG-MO1-TEST", "org:ORG-MO2-TEST", None, "the user has no mailbox"),
    ],
)
def test_user_and_holder_are_independent_when_they_are_reached_at_different_domains(
    user: str, holder: str, wanted: bool | None, text: str, tmp_path: Path
) -> None:
    desk = text_of(pairs_of("role:Q|nic-hdl:Q1-TEST|abuse-mailbox:Other@G1.example|source:RIPE"))
    nets = net_text("ripe", 0, 0, f"{holder}|mnt-by:RIPE-NCC-HM-MNT") + net_text("ripe", 0, 1, user)
    with built(tmp_path, objects("ripe") + desk + nets) as index:
        found = index.lookup("10.0.0.0").independence
    if not text:  # the user is the holder
        assert found is None
        return
    assert found is not None
    assert found.independent is wanted
    assert text in found.text


# -- real dumps -------------------------------------------------------------------------------

REAL = {
    "ripe": ("ripe.db.inetnum.gz", ("abuse-c",)),
    "apnic": ("apnic.db.inetnum.gz", ("abuse-c", "mnt-irt")),
    "afrinic": ("afrinic.db.gz", ("abuse-c", "mnt-irt")),
    "arin": ("arin_db.txt.gz", ("abusehandle",)),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps")
@pytest.mark.parametrize("registry", REAL)
def test_what_no_source_holds_stays_a_handle_on_every_real_net(
    registry: str, tmp_path: Path
) -> None:
    name, attributes = REAL[registry]
    path = DATA / "leases" / name
    build([str(path)], str(tmp_path / "index"), processes=0)
    wanted: dict[bytes, list[str]] = {}
    for block in re.split(rb"\n\n+", gzip.decompress(path.read_bytes())):
        lines = [line.decode("latin-1").partition(":")[::2] for line in block.split(b"\n")]
        if lines[0][0].lower() in ("inetnum", "nethandle", "v6nethandle"):
            wanted[block.strip()] = [
                value.strip().upper() for wish in attributes for name, value in lines
                if name.lower() == wish
            ]  # fmt: skip
    with open_index(tmp_path / "index") as index:
        assert len(index) == len(wanted)
        handles = 0
        for number in range(len(index)):
            net = index.net(number)
            found = [item for item in net.as_object()["abuse"] if not item["inherited"]]
            for item in found:
                # AFRINIC's and ARIN's own orders go down to free text: that is in the object.
                assert item["handle"] is None or item["mailbox"] is None
                assert (item["mailbox"] or "").lower() in net.text.lower()
            kept = [item["handle"] for item in found if item["handle"]]
            assert kept == list(dict.fromkeys(wanted[net.raw.strip()]))
            handles += len(kept)
            if kept and number % 4 == 0:
                notes = [note.code for note in index.lookup(f"{net.first} - {net.last}").notes]
                assert "contacts-not-loaded" in notes
        assert (handles > 100) == (registry != "afrinic")
