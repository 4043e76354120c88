"""Check what is said about verdicts: facts of every rule, sentences, parties, roles, JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, layout, open_index
from rirdex.query.cli import run
from rirdex.query.model import Answer, Lease
from rirdex.query.records import Party
from rirdex.query.verdicts import Fired, evidence
from rirdex.query.wording import (
    _CLAUSES,
    _LACKS,
    Facts,
    Some,
    clause,
    joined,
    lack,
    sentence,
    summary,
)

Lookup = Callable[[str], Answer]
Capture = pytest.CaptureFixture[str]
BLOCK = ("10.0.0.0 - 10.0.255.255", "BLOCK")
# range, netname and attributes of each net; RIPE
NETS = [
    (*BLOCK, "country:DE|org:ORG-HO-TEST|status:ALLOCATED PA|mnt-by:RIPE-NCC-HM-MNT"
     "|mnt-by:HOLD-MNT|abuse-c:HA1-TEST|created:2010-01-02T00:00:00Z"),
    ("10.0.1.0 - 10.0.1.255", "SHOP", "descr:Blue Shop|country:FI|status:ASSIGNED PA"
     "|mnt-by:HOLD-MNT|mnt-by:MIDDLE-MNT|abuse-c:UA1-TEST|created:2020-03-04T00:00:00Z"
     "|remarks:geofeed https://geo.example/feed.csv|remarks:IP lease, see https://shop.example"),
    ("10.0.2.0 - 10.0.2.255", "RED", "descr:Red Shop|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.3.0 - 10.0.3.255", "GREEN", "descr:Green Shop|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.4.0 - 10.0.4.255", "CUSTOMER", "descr:Old Friend|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.5.0 - 10.0.5.255", "SILENT", "descr:Quiet Corner|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.6.0 - 10.0.6.255", "CORE", "org:ORG-HO-TEST|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.7.0 - 10.0.7.255", "MIDDLE-7", "org:ORG-MI-TEST|status:SUB-ALLOCATED PA"
     "|mnt-by:MIDDLE-MNT|abuse-c:MA1-TEST"),
    ("10.0.8.0 - 10.0.11.255", "POOL", "descr:Between|status:SUB-ALLOCATED PA|mnt-by:HOLD-MNT"),
    ("10.0.8.0 - 10.0.8.255", "POOL-A", "descr:Last One|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.9.0 - 10.0.9.255", "POOL-B", "descr:Between|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.12.0 - 10.0.15.255", "WIDE", "descr:Wide User|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.17.0 - 10.0.17.127", "HALF", "descr:Half User|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.18.0 - 10.0.18.255", "SELF", "org:ORG-SE-TEST|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.19.0 - 10.0.19.255", "SCRUBBED", "descr:Under Guard|status:ASSIGNED PA"
     "|mnt-by:HOLD-MNT"),
    ("10.0.20.0 - 10.0.23.255", "MIDDLE-20", "org:ORG-MI-TEST|status:SUB-ALLOCATED PA"
     "|mnt-by:MIDDLE-MNT"),
    ("10.0.20.0 - 10.0.20.255", "TENANT", "org:ORG-SE-TEST|status:ASSIGNED PA|mnt-by:HOLD-MNT"),
    ("10.0.24.0 - 10.0.24.255", "LENT", "descr:Lent Out|status:ASSIGNED PA|mnt-by:MIDDLE-MNT"),
    ("10.1.0.0 - 10.1.255.255", "POOR", "descr:Poor Holder|status:ALLOCATED PA"
     "|mnt-by:RIPE-NCC-HM-MNT|mnt-lower:MIDDLE-MNT"),
    ("10.1.1.0 - 10.1.1.255", "NAMED", "descr:Middle Men Ltd|status:ASSIGNED PA|mnt-by:X-MNT"),
    ("10.2.0.0 - 10.2.0.255", "ORPHAN", "descr:Nobody Above|status:ASSIGNED PA|mnt-by:X-MNT"),
    ("10.3.0.0 - 10.3.0.255", "PORTABLE", "org:ORG-SE-TEST|sponsoring-org:org-ho-test"
     "|status:ASSIGNED PI|mnt-by:RIPE-NCC-END-MNT"),
    ("10.3.1.0 - 10.3.1.255", "PORTABLE-2", "org:ORG-SE-TEST|sponsoring-org:ORG-GONE-TEST"
     "|status:ASSIGNED PI|mnt-by:RIPE-NCC-END-MNT"),
]  # fmt: skip
SIX = [
    ("3fff:10::/32", "BLOCK-6", "org:ORG-HO-TEST|status:ALLOCATED-BY-RIR|mnt-by:RIPE-NCC-HM-MNT"),
    ("3fff:10:1::/48", "SIX", "descr:Six User|status:ASSIGNED|mnt-by:HOLD-MNT"),
]
OTHERS = """\
organisation: ORG-HO-TEST
org-name: Holder GmbH
source: RIPE

organisation: ORG-MI-TEST
org-name: Middle Men Ltd
source: RIPE

organisation: ORG-SE-TEST
org-name: Self Made AG
source: RIPE

role: Holder's desk
nic-hdl: HA1-TEST
abuse-mailbox: abuse@holder.example
source: RIPE

role: User's desk
nic-hdl: UA1-TEST
abuse-mailbox: abuse@shop.example
source: RIPE

role: Middle's desk
nic-hdl: MA1-TEST
abuse-mailbox: abuse@middle.example
source: RIPE

aut-num: AS64496
as-name: HOLDER-AS
org: ORG-HO-TEST
source: RIPE

aut-num: AS64500
as-name: EXAMPLE-HOSTING
source: RIPE

aut-num: AS64503
as-name: SELF-AS
org: ORG-SE-TEST
source: RIPE
"""
ROUTES = """\
10.0.0.0/16,64496
10.0.1.0/24,64500
10.0.2.0/24,64501
10.0.3.0/24,64502
10.0.4.0/24,64496
10.0.7.0/24,64510
10.0.8.0/24,64501
10.0.9.0/24,64501
10.0.12.0/24,64500
10.0.13.0/24,64501
10.0.14.0/25,64502
10.0.14.128/25,64504
10.0.15.0/24,64505
10.0.16.0/23,64501
10.0.18.0/24,64503
10.0.19.0/24,13335
10.0.20.0/24,64501
10.0.24.0/24,64496
10.1.1.0/24,64501
10.2.0.0/24,64501
10.3.0.0/24,64501
3fff:10::/32,64496
3fff:10:1:1::/64,64501
3fff:10:1:2::/64,64500
"""
VRPS = "ASN,IP Prefix,Max Length,Trust Anchor\nAS64500,10.0.1.0/24,24,ripe\n"
NAMES = (
    "# format:org_id|changed|org_name|country|source\n"
    "O1|20250101|Second Hosting|NL|RIPE\n"
    "# format:aut|changed|aut_name|org_id|opaque_id|source\n"
    "64501|20250101|SECOND|O1||RIPE\n64500|20250101|OTHER-NAME|O1||RIPE\n"
)
DESK = """\
[[party]]
name = "Middle Men"
kind = "platform"
maintainers = ["MIDDLE-MNT"]
organisations = ["ORG-MI-TEST"]
asns = ["AS64510"]
netnames = ["MIDDLE-*"]
descrs = ["Middle Men"]
domains = ["middle.example"]
source = "invented"
date = 2026-01-31
confidence = "high"
"""


def text_of(nets: list[tuple[str, str, str]], kind: str) -> str:
    """Return some nets as a dump has them."""
    return "".join(
        f"{kind}: {key}\nnetname: {name}\n"
        + "".join(f"{line.replace(':', ': ', 1)}\n" for line in lines.split("|"))
        + "source: RIPE\n\n"
        for key, name, lines in nets
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with dumps, what is beside them, and a desk."""
    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "desk").mkdir()
    (folder / "desk" / "fingerprints.toml").write_text(DESK)
    dump = text_of(NETS, "inetnum") + text_of(SIX, "inet6num") + OTHERS
    (folder / "ripe.db").write_text(dump)
    (folder / "routes.csv").write_text("prefix,origin\n" + ROUTES)
    (folder / "vrps.csv").write_text(VRPS)
    (folder / "names.txt").write_text(NAMES)
    return folder


def built(folder: Path, name: str, *, routes: bool = True, without: tuple[str, ...] = ()) -> Path:
    """Build an index of the folder's dump."""

    def beside(name: str) -> list[str]:
        return [str(folder / name)] if routes else []

    build(
        [str(folder / "ripe.db")], str(folder / name), processes=0, without=without,
        desk=str(folder / "desk"), routes=beside("routes.csv"), vrps=beside("vrps.csv"),
        as_orgs=beside("names.txt"),
    )  # fmt: skip
    return folder / name


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    """Return an index with routes. Nobody may change it."""
    return built(folder, "with.rirdex")


@pytest.fixture(scope="module")
def world(path: Path, folder: Path) -> Iterator[Index]:
    """Return the open index with routes. Nobody may close it."""
    with open_index(path, desk=folder / "desk") as opened:
        yield opened


@pytest.fixture(scope="module")
def registered(folder: Path) -> Iterator[Index]:
    """Return an open index of the same without routes, and with two rules switched off."""
    path = built(folder, "without.rirdex", routes=False, without=("own-geofeed", "lease-remark"))
    with open_index(path, desk=folder / "desk") as opened:
        yield opened


# -- evidence ----------------------------------------------------------------------------------

H, SHOP, MIDDLE = BLOCK[0], "10.0.1.0 - 10.0.1.255", "10.0.7.0 - 10.0.7.255"
FIRED = [
    ("10.0.1.1", "origin-unrelated", "10.0.1.0/24 is announced by AS64500 (EXAMPLE-HOSTING), not "
     "known to be related to the holder", "10.0.1.0/24"),
    ("10.0.2.1", "origin-unrelated", "10.0.2.0/24 is announced by AS64501 (Second Hosting), not "
     "known to be related to the holder", "10.0.2.0/24"),
    ("10.0.17.1", "origin-unrelated", "10.0.16.0/23 around it is announced by AS64501 (Second "
     "Hosting), not known to be related to the holder", "10.0.16.0/23"),
    ("10.0.12.1", "origin-unrelated", "within it 10.0.12.0/24, 10.0.13.0/24, 10.0.14.0/25, "
     "10.0.14.128/25 and 1 more are announced by AS64500 (EXAMPLE-HOSTING), AS64501 (Second "
     "Hosting), AS64502, AS64504 and 1 more, not known to be related to the holder",
     "10.0.12.0/24"),
    ("3fff:10:1::1", "origin-unrelated", "within it 3fff:10:1:1::/64 and 3fff:10:1:2::/64 are "
     "announced by AS64500 (EXAMPLE-HOSTING) and AS64501 (Second Hosting), not known to be "
     "related to the holder", "3fff:10:1:1::/64"),
    ("10.0.4.1", "origin-related",
     "10.0.4.0/24 is announced by AS64496 (Holder GmbH), related to the holder", "10.0.4.0/24"),
    ("10.0.5.1", "block-announced", "it is announced only within 10.0.0.0/16, which holds all of "
     "the holder's block, by AS64496 (Holder GmbH)", "10.0.0.0/16"),
    ("10.3.1.1", "not-announced", "no route contains it, and none lies inside it", None),
    ("10.2.0.1", "no-holder", "no net around it names a holder", None),
    ("10.0.6.1", "same-party", "it is registered for the holder", "10.0.6.0 - 10.0.6.255"),
    ("10.0.200.1", "same-party", "it is the holder's own net", H),
    ("10.0.1.1", "facilitator-maintainer",
     "MIDDLE-MNT, a maintainer of the known platform Middle Men, is on it", "MIDDLE-MNT"),
    ("10.0.20.1", "facilitator-maintainer",
     "MIDDLE-MNT, a maintainer of the known platform Middle Men, is on a net above", "MIDDLE-MNT"),
    ("10.1.1.1", "facilitator-maintainer", "MIDDLE-MNT, a maintainer of the known platform Middle "
     "Men, is in mnt-lower of the holder's block", "MIDDLE-MNT"),
    ("10.0.7.1", "facilitator-organisation",
     "its organisation ORG-MI-TEST is that of the known platform Middle Men", "ORG-MI-TEST"),
    ("10.0.20.1", "facilitator-organisation", "the organisation ORG-MI-TEST above it is that of "
     "the known platform Middle Men", "ORG-MI-TEST"),
    ("10.0.7.1", "facilitator-contact", "its abuse contact abuse@middle.example is that of the "
     "known platform Middle Men", "MA1-TEST"),
    ("10.0.1.1", "lease-remark", 'its text says "IP lease, see https://shop.example"', SHOP),
    ("10.0.7.1", "facilitator-name",
     "its name MIDDLE-7 is that of the known platform Middle Men", MIDDLE),
    ("10.1.1.1", "facilitator-name", "its name Middle Men Ltd is that of the known platform Middle "
     "Men", "10.1.1.0 - 10.1.1.255"),
    ("10.0.7.1", "facilitator-origin",
     "its origin AS64510 is that of the known platform Middle Men", "AS64510"),
    ("10.0.7.1", "user-is-facilitator",
     "its user is the known platform Middle Men, so that a lessee is not known", MIDDLE),
    ("10.0.1.1", "own-contact", "its abuse contact is abuse@shop.example, the holder's is "
     "abuse@holder.example", "UA1-TEST"),
    ("10.0.1.1", "own-geofeed", "it has a geofeed of its own, https://geo.example/feed.csv", SHOP),
    ("10.0.1.1", "country-differs", "its country is FI, that of the holder's block DE", SHOP),
    ("10.0.1.1", "created-later", "it was created on 2020-03-04, more than two years after the "
     "holder's block (2010-01-02)", SHOP),
    ("10.0.3.1", "siblings-differ",
     "at least three users of the holder's space have different origin ASes, none related to the "
     "holder", H),
    ("10.0.1.1", "roa-foreign",
     "a ROA inside the holder's block names an AS unrelated to the holder", H),
    ("10.0.7.1", "sub-allocated-24", "it is exactly a /24, with status SUB-ALLOCATED PA", MIDDLE),
    ("10.1.1.1", "holder-without-as", "no AS number of the holder is known",
     "10.1.0.0 - 10.1.255.255"),
    ("10.0.19.1", "origin-service", "it is announced by AS13335, which announces addresses for "
     "others (DDoS protection, CDN, cloud)", "10.0.19.0/24"),
    ("10.0.18.1", "origin-of-user",
     "the user has an AS of its own that announces it: AS64503 (Self Made AG)", "AS64503"),
]  # fmt: skip


@pytest.mark.parametrize(("address", "rule", "detail", "key"), FIRED)
def test_a_rule_that_fired_names_what_it_saw(
    world: Index, address: str, rule: str, detail: str, key: str | None
) -> None:
    found = {item["rule"]: item for item in world.lookup(address).lease.evidence}
    assert found[rule] == {"rule": rule, "detail": detail, "object": key}


def test_without_routes_the_evidence_says_so(registered: Index) -> None:
    found = registered.lookup("10.0.1.1").lease.evidence
    assert found[0] == {
        "rule": "no-routes", "detail": "the index was built without routes", "object": None,
    }  # fmt: skip


def test_every_rule_is_among_those_cases() -> None:
    others = {"no-routes", "turnover"}  # the latter needs a past: test_past.py
    assert {rule for _, rule, _, _ in FIRED} | others == set(layout.LEASE_RULES)


def test_evidence_is_in_the_order_in_which_rules_decide(world: Index) -> None:
    for address in dict.fromkeys(address for address, *_ in FIRED):
        lease = world.lookup(address).lease
        rules = [item["rule"] for item in lease.evidence]
        assert rules == [rule for rule in layout.LEASE_RULES if rule in rules]
        rest = [item["rule"] for item in lease.not_fired()]
        assert sorted(rules + rest) == sorted(layout.LEASE_RULES)


def test_what_did_not_fire_says_what_it_lacks(world: Index, registered: Index) -> None:
    lacks = {item["rule"]: item["detail"] for item in world.lookup("10.0.2.1").lease.not_fired()}
    assert lacks["own-geofeed"] == "needs a geofeed in the net's text"
    assert lacks["origin-related"].startswith("needs an origin that is an AS of the holder")
    assert lacks["same-party"].endswith(", or its name where the net has no organisation")
    lacks = {i["rule"]: i["detail"] for i in registered.lookup("10.0.1.1").lease.not_fired()}
    assert lacks["own-geofeed"] == lacks["lease-remark"] == "switched off"
    assert lacks["origin-unrelated"] == lacks["not-announced"] == "needs routes (--routes)"
    assert "--vrps" in lacks["roa-foreign"]


def test_the_evidence_is_what_the_build_knew_whatever_the_desk(
    world: Index, path: Path, tmp_path: Path
) -> None:
    with open_index(path, desk=tmp_path) as index:
        for address in ("10.0.7.1", "10.0.20.1", "10.1.1.1"):
            answer, expected = index.lookup(address), world.lookup(address)
            assert answer.lease.evidence == expected.lease.evidence
            assert answer.facilitator == expected.facilitator


# -- sentences ---------------------------------------------------------------------------------

SAID = [
    ("10.0.1.1", "en", "appears to be leased (high): 10.0.1.0/24 is announced by AS64500 "
     "(EXAMPLE-HOSTING), not known to be related to the holder; MIDDLE-MNT, a maintainer of the "
     'known platform Middle Men, is on it; its text says "IP lease, see https://shop.example"'),
    ("10.0.1.1", "ja", "リースされていると推定されます (確度: 高): 10.0.1.0/24 は AS64500 "
     "(EXAMPLE-HOSTING) から経路広告されていますが、この広告元と保有者との関係は確認できません。"
     "mnt-by に既知の仲介プラットフォーム Middle Men のメンテナー MIDDLE-MNT が含まれています。"
     "登録情報に「IP lease, see https://shop.example」と記載されています。"),
    ("10.0.18.1", "en", "appears to be leased, though not certainly (low): 10.0.18.0/24 is "
     "announced by AS64503 (Self Made AG), not known to be related to the holder; the user has an "
     "AS of its own that announces it: AS64503 (Self Made AG)"),
    ("10.0.19.1", "ja", "リースされている可能性があります (確度: 低): 広告元の AS13335 は、他者の"
     "アドレスの経路広告を代行するサービス (DDoS対策、CDN、クラウドなど) のASです。同じ保有者の"
     "ブロックを使う3者以上のアドレスが、保有者と無関係な、それぞれ別のASから経路広告されて"
     "います。"),
    ("10.0.24.1", "en", "appears to be leased, though not certainly (medium): MIDDLE-MNT, a "
     "maintainer of the known platform Middle Men, is on it; although AS64496 (Holder GmbH), which "
     "announces it, is related to the holder"),
    ("10.0.24.1", "ja", "リースされている可能性があります (確度: 中): mnt-by に既知の仲介"
     "プラットフォーム Middle Men のメンテナー MIDDLE-MNT が含まれています。ただし、経路広告して"
     "いる AS64496 (Holder GmbH) は保有者と関係があります。"),
    ("10.0.4.1", "en", "appears to be used by a customer of the holder (high): 10.0.4.0/24 is "
     "announced by AS64496 (Holder GmbH), related to the holder"),
    ("10.0.4.1", "ja", "保有者の顧客が利用していると推定されます (確度: 高): 10.0.4.0/24 は、"
     "保有者と関係のある AS64496 (Holder GmbH) から経路広告されています。"),
    ("10.0.6.1", "en", "appears to be used by the holder itself (high): it is announced only "
     "within 10.0.0.0/16, which holds all of the holder's block, by AS64496 (Holder GmbH); it is "
     "registered for the holder"),
    ("10.0.6.1", "ja", "保有者自身が利用していると推定されます (確度: 高): 保有者のブロック全体を"
     "含む経路 10.0.0.0/16 としてのみ、AS64496 (Holder GmbH) から経路広告されています。登録上の"
     "名義が保有者と同じです。"),
    ("10.3.1.1", "en", "appears to be unused (medium): no route contains it, and none lies inside "
     "it; it is the holder's own net"),
    ("10.3.1.1", "ja", "未使用と推定されます (確度: 中): このアドレス範囲を含む経路も、範囲内の"
     "経路も広告されていません。保有者自身の登録です。"),
    ("10.2.0.1", "en", "whether it is leased cannot be told: no net around it names a holder"),
    ("10.2.0.1", "ja", "リースかどうかは判断できません: このアドレスを含む登録の中に、保有者に"
     "当たるものがありません。"),
]  # fmt: skip


def said_of(answer: Answer, lang: str = "en") -> str:
    """Return the sentence on an answer."""
    lease, off = answer.lease, answer.tables.store.meta["rules_off"]
    return summary(lease.verdict, lease.confidence, evidence(answer), off, lang)


@pytest.mark.parametrize(("address", "lang", "said"), SAID)
def test_a_verdict_is_one_sentence_with_reasons(
    world: Index, address: str, lang: str, said: str
) -> None:
    answer = world.lookup(address)
    assert said_of(answer, lang).startswith(said)


def test_without_routes_the_sentence_ends_with_that(registered: Index) -> None:
    answer = registered.lookup("10.0.1.1")
    assert answer.lease == Lease("likely-leased", "medium")
    said = said_of(answer)
    assert said.startswith("appears to be leased, though not certainly (medium): MIDDLE-MNT, a")
    assert said.endswith("; the index was built without routes")


def test_where_nothing_can_be_said_the_rules_that_are_off_are_named() -> None:
    off = ["no-holder", "not-announced"]
    assert summary("unknown", "low", [], off, "en") == (
        "whether it is leased cannot be told: rules are switched off: no-holder, not-announced"
    )
    assert summary("unknown", "low", [], off, "ja") == (
        "リースかどうかは判断できません: 次の規則が無効にされています: no-holder, not-announced。"
    )
    assert summary("unknown", "low", [], [], "en") == "whether it is leased cannot be told"
    said = summary("unknown", "low", [Fired("no-holder", "", {}, None)], off, "en")
    assert said == "whether it is leased cannot be told: no net around it names a holder"
    assert "off" not in summary("unused", "low", [], off, "en")


def test_several_origins_are_spoken_of_as_several() -> None:
    facts: Facts = {
        "how": "exact",
        "prefixes": Some(("10.0.0.0/24",)),
        "origins": Some(("AS1",), 1),
    }
    assert clause("origin-service", "", facts, "en") == (
        "it is announced by AS1 and 1 more, which announce addresses for others (DDoS protection, "
        "CDN, cloud)"
    )
    assert clause("origin-related", "although", facts, "en") == (
        "although AS1 and 1 more, which announce it, are related to the holder"
    )


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_facilitator_whose_name_is_not_known_is_a_known_one(lang: str) -> None:
    facts: Facts = {"origins": Some(("AS1",)), "party": "?", "kind": ""}
    said = clause("facilitator-origin", "", facts, lang)
    assert "?" not in said
    assert ("that of a known facilitator" if lang == "en" else "既知の仲介者のAS") in said


@pytest.mark.parametrize(
    ("lang", "verdict", "sure"), [*product(("en", "ja"), layout.VERDICTS, layout.CONFIDENCES)]
)
def test_every_verdict_has_a_sentence_that_accuses_nobody(
    lang: str, verdict: str, sure: str
) -> None:
    said = sentence(verdict, sure, [], lang)
    if verdict == "unknown":
        assert said in ("whether it is leased cannot be told", "リースかどうかは判断できません。")
        return
    likely = "可能性があります" if verdict == "likely-leased" else "推定されます"
    assert said.startswith("appears to be ") if lang == "en" else likely in said
    assert {"low": "低", "medium": "中", "high": "高"}[sure] in said or f"({sure})" in said


def test_japanese_speaks_of_announcing_routes_and_of_no_siblings() -> None:
    for text in (*_CLAUSES["ja"].values(), *_LACKS["ja"].values()):
        assert not re.search("(?<!経路)広告(?!元)(?!されていません)|兄弟|見られます", text), text


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_rule_has_words_in_both_languages(lang: str) -> None:
    assert {key.partition("/")[0] for key in _CLAUSES[lang]} == set(layout.LEASE_RULES)
    assert set(_CLAUSES[lang]) == set(_CLAUSES["en"])
    assert set(_LACKS[lang]) == {*layout.LEASE_RULES, "", "off"}
    for rule in layout.LEASE_RULES:
        assert lack(rule, False, True, lang)


@pytest.mark.parametrize(
    ("some", "lang", "said"),
    [
        (Some(()), "en", ""), (Some(("a",)), "en", "a"), (Some(("a", "b")), "en", "a and b"),
        (Some(("a", "b", "c")), "en", "a, b and c"), (Some(("a",), 1200), "en", "a and 1,200 more"),
        (Some(("a", "b")), "ja", "a、b"), (Some(("a", "b"), 3), "ja", "a、bほか3件"),
    ],
)  # fmt: skip
def test_things_are_joined_in_words(some: Some, lang: str, said: str) -> None:
    assert joined(some, lang) == said


# -- parties and roles -------------------------------------------------------------------------


def names(answer: Answer) -> tuple[str | None, ...]:
    """Return the names of lessor, lessee, facilitator and sponsor."""
    parties = (answer.lessor, answer.lessee, answer.facilitator, answer.sponsor)
    return tuple(party.name if party else None for party in parties)


@pytest.mark.parametrize(
    ("address", "parties", "roles"),
    [
        ("10.0.1.1", ("Holder GmbH", "Blue Shop", "Middle Men", None), ["holder", "lessee"]),
        ("10.0.2.1", ("Holder GmbH", "Red Shop", None, None), ["holder", "lessee"]),
        ("10.0.4.1", (None, None, None, None), ["holder", "customer"]),
        ("10.0.6.1", (None, None, None, None), ["holder", "infrastructure"]),
        # a facilitator's stock
        ("10.0.7.1", ("Holder GmbH", None, "Middle Men", None), ["holder", "facilitator"]),
        # another party between; the same party between
        ("10.0.8.1", ("Holder GmbH", "Last One", "Between", None),
         ["holder", "facilitator", "lessee"]),
        ("10.0.9.1", ("Holder GmbH", "Between", None, None), ["holder", "customer", "lessee"]),
        ("10.0.10.1", (None, None, None, None), ["holder", "customer"]),
        # a listed party goes before the one between
        ("10.0.20.1", ("Holder GmbH", "Self Made AG", "Middle Men", None),
         ["holder", "facilitator", "lessee"]),
        ("10.3.0.1", (None, None, None, "Holder GmbH"), ["holder"]),
        ("10.3.1.1", (None, None, None, None), ["holder"]),
        ("10.2.0.1", (None, None, None, None), ["customer"]),
        ("10.9.9.9", (None, None, None, None), []),
    ],
)  # fmt: skip
def test_parties_and_roles_follow_from_the_verdict(
    world: Index, address: str, parties: tuple[str | None, ...], roles: list[str]
) -> None:
    answer = world.lookup(address)
    assert names(answer) == parties
    assert [net.role for net in answer.chain] == roles


def test_handles_and_nets_of_parties(world: Index) -> None:
    assert world.lookup("10.0.20.1").facilitator == Party(
        "Middle Men", "ORG-MI-TEST", "10.0.20.0 - 10.0.23.255"
    )
    assert world.lookup("10.0.1.1").facilitator == Party("Middle Men", None, SHOP)
    assert world.lookup("10.3.0.1").sponsor == Party(
        "Holder GmbH", "ORG-HO-TEST", "10.3.0.0 - 10.3.0.255"
    )
    # An organisation that no source holds stays a handle.
    assert world.lookup("10.3.1.1").sponsor == Party(None, "ORG-GONE-TEST", "10.3.1.0 - 10.3.1.255")


def test_the_role_of_a_net_is_that_in_the_chain_it_was_asked_in(world: Index) -> None:
    pool = world.lookup("10.0.8.1").chain[1]
    assert pool.role == "facilitator"
    assert world.net(pool.id).role == "customer"
    assert world.net(pool.id) == pool
    # A wider query ends with a wider net, of which nothing stands between.
    chain = world.lookup("10.0.8.0/23").chain
    assert [net.role for net in chain] == ["holder", "customer"]
    assert world.lookup("10.0.8.0/24").lease.verdict == "leased"
    assert world.lookup("10.0.8.0/23").lessee is None
    assert world.lookup("10.0.0.0/16").lease == Lease("own-use", "high")


def test_what_has_no_chain_is_unknown_without_confidence(world: Index) -> None:
    for query in ("10.9.9.9", "AS64500", "ORG-HO-TEST"):
        answer = world.lookup(query)
        assert answer.lease == Lease("unknown", None)
        assert answer.to_dict(explain=True)["lease"] == {
            "verdict": "unknown", "confidence": None, "evidence": [], "not_fired": [],
        }  # fmt: skip
        assert names(answer) == (None, None, None, None)


# -- output ------------------------------------------------------------------------------------


def test_the_json_has_verdict_evidence_and_parties(world: Index) -> None:
    found = world.lookup("10.0.1.1").to_dict()
    assert found["lessor"] == {"name": "Holder GmbH", "handle": "ORG-HO-TEST", "net": H}
    assert found["lessee"] == {"name": "Blue Shop", "handle": None, "net": SHOP}
    assert found["facilitator"]["name"] == "Middle Men"
    assert set(found["lease"]) == {"verdict", "confidence", "evidence"}
    assert all(set(item) == {"rule", "detail", "object"} for item in found["lease"]["evidence"])
    assert found["chain"][-1]["role"] == "lessee"
    explained = world.lookup("10.0.1.1").to_dict(explain=True)["lease"]
    assert all(set(item) == {"rule", "detail"} for item in explained["not_fired"])
    assert json.loads(json.dumps(found)) == found


def printed(capsys: Capture, *arguments: str | Path) -> list[str]:
    """Return the lines that `lookup` prints."""
    assert run(["lookup", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def test_an_answer_is_one_line_a_hop_and_one_sentence(
    path: Path, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIRDEX_CONFIG", str(folder / "desk"))
    lines = printed(capsys, "-i", path, "10.0.8.1")
    assert lines[1].split() == [*H.split(), "holder", "BLOCK", "Holder", "GmbH", "DE",
                                "abuse@holder.example"]  # fmt: skip
    assert lines[3].split() == [
        "10.0.8.0", "-", "10.0.8.255", "lessee", "POOL-A", "Last", "One", "-",
    ]  # fmt: skip
    assert lines[4:7] == [
        "  lessor:      Holder GmbH (ORG-HO-TEST)", "  lessee:      Last One",
        "  facilitator: Between",
    ]  # fmt: skip
    assert lines[7] == "  route:       10.0.8.0/24 by AS64501 (Second Hosting)"
    assert lines[8].startswith("  lease:       appears to be leased (medium): 10.0.8.0/24 is")
    # A holder has a line also where it is the user.
    lines = printed(capsys, "-i", path, "10.0.200.1")
    assert [line.split(":")[0].strip() for line in lines[2:]] == [
        "holder", "route", "lease", "note",
    ]  # fmt: skip
    # Of a facilitator's stock nobody knows the lessee.
    lines = printed(capsys, "-i", path, "10.0.7.1")
    assert lines[3:6] == [
        "  lessor:      Holder GmbH (ORG-HO-TEST)",
        "  lessee:      not known; only the facilitator is registered",
        "  facilitator: Middle Men (ORG-MI-TEST)",
    ]
    lines = printed(capsys, "-i", path, "10.0.8.1", "--lang", "ja")
    assert "借主" in lines[3]
    assert lines[4].startswith("  貸主:        Holder GmbH")
    assert lines[7] == "  経路:        10.0.8.0/24、広告元 AS64501 (Second Hosting)"
    assert lines[8].startswith("  リース:      リースされていると推定されます (確度: 中): ")
    monkeypatch.setattr("sys.stderr", sys.stdout)
    assert run(["lookup", "-i", str(path), "10.0.8.1", "--lang", "xx"]) == 2


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_explained_is_every_rule(
    path: Path, folder: Path, lang: str, capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("RIRDEX_CONFIG", str(folder / "desk"))
    lines = printed(capsys, "-i", path, "10.0.1.1", "--explain", "--lang", lang)
    said = [line.strip().partition(": ")[0] for line in lines]
    assert all(said.count(rule) == 1 for rule in layout.LEASE_RULES)
    assert any(line.endswith("[MIDDLE-MNT]") for line in lines)


def test_a_scalar_look_up_of_a_verdict_loads_no_numpy_and_names_only_for_facilitators(
    path: Path, folder: Path
) -> None:
    code = (
        "import sys; from rirdex.query import open_index; "
        f"index = open_index({str(path)!r}, desk={str(folder / 'desk')!r}); "
        "heavy = lambda: [n for n in sys.modules if n.split('.')[0] == 'numpy' or n in "
        "('rirdex.query.fingerprints', 'rirdex.query.names', 'rirdex.indexer')]; "
        "answer = index.lookup('10.0.3.1'); assert answer.chain[-1].netname == 'GREEN'; "
        "assert 'rirdex.query.verdicts' not in sys.modules; "
        "assert answer.lease.verdict == 'leased' and answer.lessee and answer.to_dict(); "
        "print(heavy()); "
        "assert index.lookup('10.0.1.1').to_dict(explain=True); "
        "print([n for n in heavy() if 'numpy' in n])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_a_long_name_is_cut_in_the_line_of_its_net(tmp_path: Path, capsys: Capture) -> None:
    name = "The Very Long Name of a Company that Holds Addresses of Many Kinds Ltd"
    nets = [("10.8.0.0 - 10.8.0.255", "LONG", f"descr:{name}|status:ASSIGNED PI|mnt-by:A-MNT")]
    (tmp_path / "ripe.db").write_text(text_of(nets, "inetnum"))
    build([str(tmp_path / "ripe.db")], str(tmp_path / "x.rirdex"), processes=0)
    lines = printed(capsys, "-i", tmp_path / "x.rirdex", "10.8.0.1")
    assert lines[1].endswith(f"  {name[:59]}…  -")
    assert lines[2] == f"  holder:      {name}"


def test_routes_of_smaller_nets_are_not_those_of_the_net_around(tmp_path: Path) -> None:
    nets = [
        ("10.8.0.0 - 10.8.255.255", "TOP", "descr:Top Holder|status:ALLOCATED PA|mnt-by:A-MNT"),
        ("10.8.16.0 - 10.8.31.255", "USER", "descr:Big User|status:SUB-ALLOCATED PA|mnt-by:A-MNT"),
        ("10.8.16.0 - 10.8.16.255", "SMALL", "descr:Small User|status:ASSIGNED PA|mnt-by:A-MNT"),
        ("10.8.32.0 - 10.8.47.255", "DARK", "descr:Dark User|status:SUB-ALLOCATED PA|mnt-by:A-MNT"),
        ("10.8.32.0 - 10.8.32.255", "LIT", "descr:Lit User|status:ASSIGNED PA|mnt-by:A-MNT"),
    ]
    (tmp_path / "ripe.db").write_text(text_of(nets, "inetnum"))
    routes = "prefix,origin\n10.8.16.0/24,64501\n10.8.17.0/24,64502\n10.8.32.0/24,64501\n"
    (tmp_path / "routes.csv").write_text(routes)
    target = str(tmp_path / "x.rirdex")
    build([str(tmp_path / "ripe.db")], target, routes=[str(tmp_path / "routes.csv")])
    with open_index(target) as index:
        around, small, dark = (index.lookup(f"10.8.{k}.9").lease for k in (30, 16, 40))
        assert (around.verdict, small.verdict, dark.verdict) == ("likely-leased",) * 2 + ("unused",)
        details = [item["detail"] for lease in (around, small, dark) for item in lease.evidence]
    assert details[0].startswith("within it 10.8.17.0/24 is announced by AS64502,")
    assert any(text.startswith("10.8.16.0/24 is announced by AS64501,") for text in details)
    assert "no route contains it, and those inside it are of smaller nets" in details
