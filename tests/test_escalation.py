"""Check whom ladders name, in what order and why, in small worlds; how mail is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.beside import cdns
from rirdex.query.casework import KINDS, Evidence, Incident, Ladder, Rung
from rirdex.query.escalation import Options, ladder, ladders, perpetrators
from rirdex.query.triage import triage

FOLDER: Final = Path(__file__).parent.parent / "fixtures" / "leases"
NEVER: Final = """
[[entry]]
tld = "example"
mark = "keep"
reason = "The parties are invented, and the mailboxes with them."

[[entry]]
mailbox = "abuse@dead.example"
mark = "drop"
reason = "Nobody reads it."
"""
TEAMS: Final = """country,name,mail,form,source,checked
DE,Team DE,team@de.example,,invented,2026-01-31
GB,Team GB,,https://gb.example/form,invented,2020-01-31
JP,Team JP,,https://jp.example/form,invented,2026-01-31
"""
FORMS: Final = """
[[form]]
name = "Form Host"
url = "https://form.example/abuse"
mailboxes = ["abuse@form.example"]
only = true
single = true
"""
Make = Callable[..., Index]
JANUARY, FEBRUARY = "2025-01-01", "2025-02-01"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a desk whose mailboxes are not dropped for their domain alone."""
    folder = tmp_path_factory.mktemp("desk")
    for name, text in (("never.toml", NEVER), ("csirt.csv", TEAMS), ("forms.toml", FORMS)):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory, desk: Path) -> Iterator[Index]:
    """Return an index of `fixtures/leases` with all its evidence."""
    path = tmp_path_factory.mktemp("leases") / "leases.rirdex"
    build(
        [str(FOLDER)], str(path), processes=0, routes=[str(FOLDER / "pfx2as")],
        vrps=[str(FOLDER / "vrps.json")], relationships=[str(FOLDER / "as-rel")],
        as_orgs=[str(FOLDER / "as-org2info.txt")], desk=str(FOLDER / "desk"),
    )  # fmt: skip
    with open_index(path, desk=str(desk)) as index:
        yield index


@pytest.fixture
def make(tmp_path: Path, desk: Path) -> Iterator[Make]:
    """Return what builds an index of snapshots, one after the other, and opens it."""
    with ExitStack() as stack:

        def made(*snapshots: tuple[str, dict[str, str]], routes: str = "") -> Index:
            previous, files = None, []
            if routes:
                (tmp_path / "pfx2as").write_text(routes)
                files = [str(tmp_path / "pfx2as")]
            for number, (day, texts) in enumerate(snapshots):
                folder = tmp_path / f"dumps{number}"
                folder.mkdir()
                for name, text in texts.items():
                    (folder / name).write_text(text)
                target = str(tmp_path / f"{number}.rirdex")
                build([str(folder)], target, snapshot=date.fromisoformat(day), previous=previous,
                      processes=0, routes=files)  # fmt: skip
                previous = target
            assert previous is not None
            return stack.enter_context(open_index(previous, desk=str(desk)))

        yield made


def record(**attributes: str | Sequence[str]) -> str:
    """Return an object; `_` in a name stands for `-`."""
    lines = [
        f"{name.replace('_', '-')}: {value}"
        for name, values in attributes.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return "\n".join(lines) + "\n\n"


def net(bounds: str, name: str, status: str = "ASSIGNED PA", **more: str | Sequence[str]) -> str:
    return record(
        inetnum=bounds, netname=name.upper().replace(" ", "-"), descr=name,
        **({"country": "NL"} | more), status=status, mnt_by="ALDER-MNT", source="RIPE",
    )  # fmt: skip


def role(handle: str, mailbox: str) -> str:
    return record(role=handle, nic_hdl=handle, abuse_mailbox=mailbox, source="RIPE")


BLOCK: Final = net(
    "10.0.0.0 - 10.0.255.255", "Alder Networks", "ALLOCATED PA", abuse_c="AL-RIPE"
) + role("AL-RIPE", "abuse@alder.example")  # fmt: skip
ONE: Final = "10.0.1.0 - 10.0.1.255"
BIRCH: Final = net(ONE, "Birch Hosting", abuse_c="BI-RIPE") + role("BI-RIPE", "a@birch.example")
CEDAR: Final = net(ONE, "Cedar Media", country="JP", abuse_c="CE-RIPE") + role(
    "CE-RIPE", "a@cedar.example"
)
INETNUM: Final = "ripe.db.inetnum"


def incident(ip: str, day: str | None = None, row: int = 1, category: str = "phishing") -> Incident:
    time = datetime.fromisoformat(f"{day}T12:00:00+00:00") if day else None
    return Incident(row, ip, time=time, category=category)


def told(found: Ladder) -> list[str]:
    """Return kinds and how each rung is reached, as `lessee+holder a@b`, `!` before one of now."""
    return [f"{'!' * rung.now}{'+'.join(rung.kinds)} {rung.reached or '-'}" for rung in found.rungs]


# -- a ladder for each kind of block -----------------------------------------------------------

SILBERSEE: Final = "abuse@silbersee.example"
RIPE_PAGE: Final = "https://www.ripe.net/support/contact/reporting-procedure/"
WORLD: Final[dict[str, tuple[str, list[str], tuple[str, ...]]]] = {
    "252.16.1.9": ("leased, own contact", [
        "lessee abuse@mondfisch.example", "facilitator abuse@leihnetz.example",
        f"holder {SILBERSEE}", "csirt https://gb.example/form", "csirt team@de.example"], ()),
    "252.16.2.9": ("leased, none of its own", [
        f"holder {SILBERSEE}", "csirt team@de.example"], ()),
    "252.16.20.9": ("a customer, holder and origin are one", [
        f"holder+origin-as {SILBERSEE}", "csirt team@de.example"], ()),
    "252.16.40.9": ("run by a platform", [
        "facilitator+origin-as abuse@leihnetz.example", f"holder {SILBERSEE}",
        "csirt team@de.example"], ()),
    "254.4.8.1": ("run by a broker, the lessee has none", [
        "facilitator abuse@heronbrokers.example", "holder abuse@cormorant.example"], ()),
    "252.200.2.1": ("behind a CDN, sponsored", [
        "origin-as https://abuse.cloudflare.com/", f"sponsor {SILBERSEE}",
        "csirt team@de.example", f"registry {RIPE_PAGE}"], ("cdn",)),
    "252.220.7.1": ("legacy space, only its sponsor is reached", [
        f"sponsor {SILBERSEE}", "csirt team@de.example", f"registry {RIPE_PAGE}"], ()),
    "254.130.6.1": ("no mailbox in the dump", ["registry -"], ("no-contact",)),
    "252.48.0.1": ("no contact at all", [f"registry {RIPE_PAGE}"], ("no-contact",)),
    "251.1.1.1": ("no net", [], ("no-net", "no-contact")),
}  # fmt: skip


@pytest.mark.parametrize("ip", WORLD)
def test_each_kind_of_block_has_its_ladder(leases: Index, ip: str) -> None:
    what, rungs, flags = WORLD[ip]
    found = ladder(leases, incident(ip))
    assert told(found) == rungs, what
    assert {*found.flags} == {*flags, "no-time"}, what
    order = [KINDS.index(rung.kind) for rung in found.rungs]
    assert order == sorted(order)


def test_a_rung_says_which_record_of_which_dump_leads_to_it(leases: Index) -> None:
    first, _, second, *_ = ladder(leases, incident("252.16.1.9", "2026-03-01")).rungs
    assert first.why == (
        "is registered as lessee of 252.16.1.0/24 (MONDFISCH-GB) in ripe.db.inetnum of 2026-02-01 "
        "(ripe.abuse-c)"
    )
    assert first.evidence == Evidence(
        "252.16.1.0", "252.16.1.255", "MONDFISCH-GB", "252.16.1.0 - 252.16.1.255", "ASSIGNED PA",
        "lessee", "RIPE", "ripe.db.inetnum", "2026-02-01", "ripe.abuse-c",
    )  # fmt: skip
    assert (first.name, first.handle) == ("Mondfisch Streaming Ltd", "ORG-MFS1-TEST")
    assert first.notes == ("registered in GB, its holder in DE",)
    assert "as holder of 252.16.0.0/18" in second.why


def test_what_is_inherited_is_told_above_and_said(leases: Index) -> None:
    (first, *_) = ladder(leases, incident("252.16.2.9")).rungs
    assert first.kind == "holder"
    assert first.notes == (
        "inherited: Sturmvogel Rechenwerk GmbH (252.16.2.0/24 (STURMVOGEL-2)) has no contact of "
        "its own",
    )
    assert first.evidence.rule == "ripe.org.abuse-c"


def test_a_cdn_is_noted_on_every_rung(leases: Index) -> None:
    found = ladder(leases, incident("252.200.2.1"))
    assert all(any("AS13335 (Cloudflare)" in note for note in r.notes) for r in found.rungs)
    assert {13335, 54113, 20940, 16625} == {*cdns()}


def test_an_origin_without_a_contact_is_named_among_who_is_not_told(leases: Index) -> None:
    found = ladder(leases, incident("252.16.1.9"))
    assert [(item.kind, item.name) for item in found.dropped] == [
        ("origin-as", "Kettenhund Hosting Ltd")
    ]


def test_csirts_are_those_of_the_lessee_then_of_the_holder(leases: Index) -> None:
    today = Options(today=date(2026, 3, 1))
    *_, lessees, holders = ladder(leases, incident("252.16.1.9"), today).rungs
    assert (lessees.name, holders.name) == ("Team GB", "Team DE")
    assert "csirt.csv: the team was checked on 2020-01-31" in lessees.notes
    assert not any("checked" in note for note in holders.notes)


ELM: Final = "origin-as NOC@elm.example"
BIRCH_RUNG: Final = "lessee a@birch.example"
SYSTEM: Final = (
    record(aut_num="AS64500", as_name="ELM-AS", org="ORG-ELM1-RIPE", source="RIPE")
    + record(organisation="ORG-ELM1-RIPE", org_name="Elm Carrier", org_type="LIR", country="JP",
             abuse_c="EL-RIPE", source="RIPE")
    + role("EL-RIPE", "NOC@elm.example")
)  # fmt: skip
ROUTES: Final = "10.0.0.0\t16\t64500\n"


def routed(make: Make) -> Index:
    return make((JANUARY, {INETNUM: BLOCK + BIRCH + SYSTEM}), routes=ROUTES)


# -- contacts that are not written to, forms ---------------------------------------------------


def test_who_is_dropped_is_named_with_the_reason(make: Make) -> None:
    dead = net(ONE, "Dead Hosting", abuse_c="DE-RIPE") + role("DE-RIPE", "abuse@dead.example")
    found = ladder(make((JANUARY, {INETNUM: BLOCK + dead})), incident("10.0.1.1"))
    assert told(found) == ["holder abuse@alder.example"]
    assert [tuple(item) for item in found.dropped] == [
        ("lessee", "Dead Hosting", "abuse@dead.example", "Nobody reads it.")
    ]


def test_who_takes_a_form_only_has_no_mailbox_and_one_report_for_each_address(make: Make) -> None:
    form = net(ONE, "Form Host", abuse_c="FO-RIPE") + role("FO-RIPE", "abuse@form.example")
    index = make((JANUARY, {INETNUM: BLOCK + form}))
    found = [ladder(index, incident(f"10.0.1.{k}", row=k)) for k in (2, 1)]
    rung = found[0].rungs[0]
    assert (rung.mailbox, rung.form, rung.single) == (None, "https://form.example/abuse", True)
    assert [[s.ip for s in item.sections] for item in triage(found)] == [["10.0.1.1"], ["10.0.1.2"]]
    assert [item.recipient for item in triage(found)] == ["https://form.example/abuse"] * 2


NIR: Final = record(
    inetnum="175.192.0.0 - 175.255.255.255", netname="KORNET", descr="Persimmon Telecom",
    country="KR", status="ALLOCATED PORTABLE", mnt_by="MNT-KRNIC-AP", mnt_irt="IRT-KRNIC-KR",
    source="APNIC",
) + record(irt="IRT-KRNIC-KR", e_mail="hostmaster@nic.or.kr", abuse_mailbox="hostmaster@nic.or.kr",
           mnt_by="MNT-KRNIC-AP", source="APNIC")  # fmt: skip


def test_a_national_registry_is_a_last_resort_only(make: Make) -> None:
    found = ladder(make((JANUARY, {"apnic.db.inetnum": NIR})), incident("175.200.0.1"))
    assert [rung.kind for rung in found.rungs] == ["registry"]
    assert found.rungs[0].mailbox is None
    notes = " ".join(found.rungs[0].notes)
    assert "KRNIC: ask whois.kisa.or.kr" in notes
    assert "last resort: hostmaster@nic.or.kr" in notes
    assert [item.mailbox for item in found.dropped] == ["hostmaster@nic.or.kr"]
    assert "no-contact" in found.flags


def test_an_invalid_mailbox_is_told_with_a_note_and_the_registry_hears_of_it(make: Make) -> None:
    text = NIR.replace("IRT-KRNIC-KR", "IRT-PERSIMMON").replace(
        "hostmaster@nic.or.kr", "a@persim.example"
    )
    text = text.replace("abuse-mailbox: ", "remarks: a@persim.example is invalid\nabuse-mailbox: ")
    found = ladder(make((JANUARY, {"apnic.db.inetnum": text})), incident("175.200.0.1"))
    assert [rung.kind for rung in found.rungs] == ["holder", "registry"]
    assert "invalid" in found.rungs[0].notes[0]
    assert "a@persim.example is marked invalid" in found.rungs[1].why


@pytest.mark.parametrize(
    ("match", "rungs"),
    [
        ("10.0.1.0/24", ["lessee me@own.example", "holder abuse@alder.example", ELM]),
        ("a@birch.example", ["lessee me@own.example", "holder abuse@alder.example", ELM]),
        ("AS64500", [BIRCH_RUNG, "holder abuse@alder.example", "origin-as me@own.example"]),
        ("ORG-ELM1-RIPE", [BIRCH_RUNG, "holder abuse@alder.example", "origin-as me@own.example"]),
    ],
)
def test_the_desks_own_contact_goes_before_the_registrys(
    make: Make, tmp_path: Path, match: str, rungs: list[str]
) -> None:
    (tmp_path / "never.toml").write_text(NEVER)
    (tmp_path / "overrides.csv").write_text(
        f"match,contact,note,valid_until\n{match},me@own.example,we know them,\n"
    )
    with open_index(routed(make).path, desk=str(tmp_path)) as index:
        found = ladder(index, incident("10.0.1.1"))
    assert told(found) == rungs
    (own,) = [rung for rung in found.rungs if rung.mailbox == "me@own.example"]
    assert own.why.startswith("is the desk's own contact for ")
    assert own.notes == ("we know them",)


# -- then and now ------------------------------------------------------------------------------


def test_the_party_of_then_is_told_first_and_that_of_now_after_it(make: Make) -> None:
    index = make((JANUARY, {INETNUM: BLOCK + BIRCH}), (FEBRUARY, {INETNUM: BLOCK + CEDAR}))
    found = ladder(index, incident("10.0.1.1", "2025-01-20"))
    assert told(found) == [
        "lessee a@birch.example", "holder abuse@alder.example", "!lessee a@cedar.example",
        "!csirt https://jp.example/form",
    ]  # fmt: skip
    assert found.flags == ("changed-tenant",)
    birch, alder, cedar, _ = found.rungs
    assert "of 2025-01-01" in birch.why
    assert (birch.lang, cedar.lang) == ("en", "ja")
    assert cedar.why.startswith("is now registered as lessee of 10.0.1.0/24 (CEDAR-MEDIA)")
    assert "of 2025-02-01" in cedar.why
    assert "of 2025-01-01" in alder.why
    today = ladder(index, incident("10.0.1.1", "2025-03-01"))
    assert told(today)[:2] == ["lessee a@cedar.example", "holder abuse@alder.example"]
    assert today.flags == ()


def test_a_tenant_that_came_later_is_never_told_before_the_holder_of_then(make: Make) -> None:
    index = make((JANUARY, {INETNUM: BLOCK}), (FEBRUARY, {INETNUM: BLOCK + CEDAR}))
    found = ladder(index, incident("10.0.1.1", JANUARY))
    assert told(found)[:2] == ["holder abuse@alder.example", "!lessee a@cedar.example"]


def test_who_came_since_is_named_to_the_holder_when_nobody_else_is_reached(make: Make) -> None:
    then, since = (net(ONE, name) for name in ("Birch Hosting", "Cedar Media"))
    index = make((JANUARY, {INETNUM: BLOCK + then}), (FEBRUARY, {INETNUM: BLOCK + since}))
    found = ladder(index, incident("10.0.1.1", JANUARY))
    assert told(found) == ["holder abuse@alder.example"]
    assert found.flags == ("changed-tenant",)
    assert "user then: Birch Hosting; now: Cedar Media" in found.rungs[0].notes


def test_a_mailbox_out_of_a_text_is_said_to_be_one(make: Make) -> None:
    text = net(ONE, "Birch Hosting", remarks="report abuse to abuse@birch.example")
    found = ladder(make((JANUARY, {INETNUM: BLOCK + text})), incident("10.0.1.1"))
    assert told(found) == ["lessee abuse@birch.example", "holder abuse@alder.example"]
    assert "not published" in found.rungs[0].notes[0]
    assert found.rungs[0].evidence.rule == "generic.remarks"


def test_a_new_record_of_the_same_tenant_is_no_change(make: Make) -> None:
    later = BIRCH.replace("BIRCH-HOSTING", "BIRCH-2")
    index = make((JANUARY, {INETNUM: BLOCK + BIRCH}), (FEBRUARY, {INETNUM: BLOCK + later}))
    found = ladder(index, incident("10.0.1.1", JANUARY))
    assert told(found) == ["lessee a@birch.example", "holder abuse@alder.example"]
    assert found.flags == ()


def test_a_day_before_the_first_snapshot_is_noted(make: Make) -> None:
    index = make((JANUARY, {INETNUM: BLOCK}), (FEBRUARY, {INETNUM: BLOCK}))
    (rung,) = ladder(index, incident("10.0.1.1", "2024-06-01")).rungs
    assert rung.notes == ("the first snapshot here is of 2025-01-01: what was before is not known",)


# -- origins, perpetrators ---------------------------------------------------------------------


def test_the_origin_as_comes_behind_the_holder(make: Make) -> None:
    found = ladder(routed(make), incident("10.0.1.1"))
    assert told(found)[-1] == "origin-as NOC@elm.example"
    rung = found.rungs[-1]
    assert (rung.name, rung.handle, rung.lang) == ("Elm Carrier", "AS64500", "ja")
    assert rung.why.startswith("announces 10.0.0.0/16 as AS64500, whose contact is in ripe.db.")


LIST: Final = ["\ufeffBirch Hosting Ltd  # of our own list", "", "# as64501"]


@pytest.mark.parametrize(
    ("listed", "kinds"),
    [
        (LIST, ["holder", "origin-as", "lessee"]),
        (["as64500"], ["lessee", "holder", "origin-as"]),
        (["org-elm1-ripe"], ["lessee", "holder", "origin-as"]),
        (["Alder Networks"], ["lessee", "origin-as", "holder"]),
        (["Somebody Else"], ["lessee", "holder", "origin-as"]),
    ],
)
def test_a_presumed_perpetrator_comes_behind_holder_and_origin(
    make: Make, listed: list[str], kinds: list[str]
) -> None:
    index, options = routed(make), Options(perpetrators=perpetrators(listed))
    found = ladder(index, incident("10.0.1.1"), options)
    assert [rung.kind for rung in found.rungs] == kinds
    assert found.flags == (
        ("no-time",) if "Somebody Else" in listed else ("no-time", "perpetrator")
    )
    never = ladder(index, incident("10.0.1.1"), options._replace(never_tell=True))
    assert len(never.rungs) == (3 if "Somebody Else" in listed else 2)


def test_a_perpetrator_is_not_told_when_nobody_else_would_be_first(make: Make) -> None:
    options = Options(perpetrators=perpetrators(["Alder Networks"]))
    found = ladder(make((JANUARY, {INETNUM: BLOCK})), incident("10.0.1.1"), options)
    assert not any(rung.reached for rung in found.rungs)
    assert found.dropped[0].reason.startswith("presumed perpetrator")
    assert found.flags == ("no-contact", "no-time", "perpetrator")


@pytest.mark.parametrize(
    ("category", "urgent", "hours"),
    [("phishing", False, 24), ("c2", False, 24), ("scan", False, 72), ("scan", True, 4)],
)
def test_how_long_to_wait(leases: Index, category: str, urgent: bool, hours: int) -> None:
    found = ladder(leases, incident("252.16.1.9", category=category), Options(urgent=urgent))
    assert {rung.wait for rung in found.rungs} == {hours}


def test_an_incident_with_an_error_has_no_rungs(leases: Index) -> None:
    bad = Incident(1, None, error="no address")
    assert ladder(leases, bad) == Ladder(bad, (), (), ())


def test_no_ladder_names_a_mailbox_twice_or_one_that_was_dropped(leases: Index) -> None:
    listed = Options(perpetrators=perpetrators(["Silbersee Netze GmbH", "AS64510"]))
    seen = 0
    for row in range(len(leases)):
        case = incident(str(leases.net(row).first), "2026-02-01")
        for options in (None, listed, listed._replace(never_tell=True)):
            found = ladder(leases, case, options)
            boxes = [rung.reached.casefold() for rung in found.rungs if rung.reached]
            assert len(boxes) == len(set(boxes))
            assert not {item.mailbox for item in found.dropped if item.mailbox} & {*boxes}
            if options is listed and SILBERSEE in boxes:
                assert boxes[0] != SILBERSEE
                seen += 1
            assert options is not listed._replace(never_tell=True) or SILBERSEE not in boxes
            assert all(rung.why and rung.evidence.rule for rung in found.rungs)
    assert seen


def test_many_ladders_are_those_of_each(leases: Index) -> None:
    cases = [incident(ip, day) for ip in WORLD for day in (None, "2026-02-01", "2020-01-01")] * 2
    assert [*ladders(leases, cases)] == [ladder(leases, item) for item in cases]


# -- triage ------------------------------------------------------------------------------------


def rung(mailbox: str | None, kind: str = "lessee", **more: object) -> Rung:
    nothing = Evidence(None, None, None, None, None, None, None, None, None, "x")
    made = Rung((kind,), None, None, mailbox, None, "why", nothing, "en", 24)
    return made._replace(**more)  # type: ignore[arg-type]


def test_one_mail_for_each_recipient_and_kind_one_section_for_each_address() -> None:
    rows = [
        ("10.0.0.9", "a@x.example", "lessee"), ("10.0.0.10", "A@X.example", "lessee"),
        ("10.0.0.9", "a@x.example", "lessee"), ("10.0.0.8", "a@x.example", "holder"),
        ("::1", "a@x.example", "lessee"), ("10.0.0.7", "0@y.example", "holder"),
    ]  # fmt: skip
    made = [
        Ladder(incident(ip, row=row), (rung(mailbox, kind),), (), ())
        for row, (ip, mailbox, kind) in enumerate(rows)
    ]
    found = triage(made)
    assert [(n.recipient, n.kind, [s.ip for s in n.sections]) for n in found] == [
        ("0@y.example", "holder", ["10.0.0.7"]),
        ("a@x.example", "lessee", ["10.0.0.9", "10.0.0.10", "::1"]),
        ("a@x.example", "holder", ["10.0.0.8"]),
    ]
    assert [item.row for item in found[1].sections[0].incidents] == [0, 2]
    turned = triage(reversed(made))
    assert [(n.recipient, n.kind, n.sections) for n in turned] == [
        (n.recipient, n.kind, n.sections) for n in found
    ]
    assert triage(made, step=2) == []


def test_a_long_mail_is_split_into_parts() -> None:
    made = [Ladder(incident(f"10.0.0.{k}", row=k), (rung("a@x"),), (), ()) for k in range(5)]
    found = triage(made, largest=2)
    assert [(len(n.sections), n.part, n.parts) for n in found] == [(2, 1, 3), (2, 2, 3), (1, 3, 3)]
    with pytest.raises(ValueError, match="count from 1"):
        triage(made, step=0)


def test_incidents_of_an_address_are_in_the_order_of_time() -> None:
    times = [datetime(2025, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    made = [
        Ladder(Incident(row, "10.0.0.1", time=time), (rung("a@x"),), (), ())
        for row, time in enumerate([None, *times])
    ]
    (found,) = triage(made)
    assert [item.row for item in found.sections[0].incidents] == [2, 3, 1, 0]


def test_a_rung_has_the_countries_of_the_registration_behind_it(make: Make) -> None:
    org = record(organisation="ORG-CE1-RIPE", org_name="Cedar", country="jp", source="RIPE")
    inner = net(ONE, "Cedar Media", country=(), org="ORG-CE1-RIPE", abuse_c="BI-RIPE")
    texts = {"ripe.db": BLOCK + inner + org + role("BI-RIPE", "a@birch.example")}
    rungs = ladder(make((JANUARY, texts)), incident("10.0.1.7")).rungs
    assert [(rung.kind, rung.countries, rung.lang) for rung in rungs[:2]] == [
        ("lessee", ("JP",), "ja"), ("holder", ("NL",), "en")
    ]  # fmt: skip


def test_mail_that_came_back_is_a_wrong_registration(make: Make) -> None:
    index = make((JANUARY, {"ripe.db": BLOCK + BIRCH}))
    before = [(rung.kind, rung.mailbox) for rung in ladder(index, incident("10.0.1.7")).rungs]
    assert before[:2] == [("lessee", "a@birch.example"), ("holder", "abuse@alder.example")]
    index.memory.bounced = {"a@birch.example": date(2026, 5, 4)}
    rungs = ladder(index, incident("10.0.1.7")).rungs
    assert [(rung.kind, rung.mailbox) for rung in rungs if rung.mailbox][:2] == before[1::-1]
    assert "registry" in [rung.kind for rung in rungs]
    (registry,) = (rung for rung in rungs if rung.kind == "registry")
    assert "a@birch.example sends mail back" in registry.why


LISTED: Final = """
[[party]]
name = "Cedar Market"
kind = "platform"
maintainers = ["CEDAR-MNT"]
source = "invented"
date = 2026-01-01
confidence = "high"
"""


@pytest.mark.parametrize(
    ("more", "reached", "reason"),
    [
        ('abuse = "desk@cedar.example"', "desk@cedar.example", ""),
        ('form = "https://cedar.example/report"', "https://cedar.example/report", ""),
        ('organisations = ["ORG-CE1-RIPE"]', "abuse@cedar.example", ""),
        ('abuse = "abuse@dead.example"', "", "Nobody reads it."),
        ("", "", "the dumps have no contact"),
    ],
)
def test_a_platform_that_is_known_by_its_maintainer_is_told_by_the_list(
    tmp_path: Path, desk: Path, more: str, reached: str, reason: str
) -> None:
    inner = net(ONE, "Birch Hosting", abuse_c="BI-RIPE").replace("ALDER-MNT", "CEDAR-MNT")
    org = record(organisation="ORG-CE1-RIPE", org_name="Cedar", abuse_c="CE-RIPE", source="RIPE")
    roles = role("BI-RIPE", "a@birch.example") + role("CE-RIPE", "abuse@cedar.example")
    (tmp_path / "ripe.db").write_text(BLOCK + inner + org + roles)
    (tmp_path / "fingerprints.toml").write_text(LISTED + more + "\n")
    build([str(tmp_path / "ripe.db")], str(tmp_path / "x"), desk=str(tmp_path), processes=0)
    with open_index(tmp_path / "x", desk=str(desk)) as index:
        found = ladder(index, incident("10.0.1.7"))
    told = [(rung.kind, rung.reached) for rung in found.rungs]
    middle = [("facilitator", reached)] if reached else []
    assert told[:3] == [
        ("lessee", "a@birch.example"), *middle, ("holder", "abuse@alder.example"), *told[2:3]
    ][:3]  # fmt: skip
    gone = [item.reason for item in found.dropped if item.kind == "facilitator"]
    assert [text.startswith(reason) for text in gone] == ([] if reached else [True])


def test_what_the_desk_notes_for_itself_stays_out_of_mails(leases: Index) -> None:
    today = Options(today=date(2026, 3, 1))
    rungs = [
        rung for ip in ("252.16.1.9", "252.16.2.9", "252.200.2.1")
        for rung in ladder(leases, incident(ip), today).rungs
    ]  # fmt: skip
    assert any("csirt.csv" in note for rung in rungs for note in rung.notes)
    assert any(rung.said for rung in rungs)
    for rung in rungs:
        assert set(rung.said) <= set(rung.notes)
        for note in rung.said:
            assert note.startswith(("inherited: ", "AS13335 (Cloudflare)", "the first snapshot"))


def test_the_country_of_a_net_is_that_of_its_organisation_too(make: Make) -> None:
    org = record(organisation="ORG-CE1-RIPE", org_name="Cedar", country="GB", source="RIPE")
    inner = net(ONE, "Cedar Media", country=(), org="ORG-CE1-RIPE", abuse_c="BI-RIPE")
    index = make((JANUARY, {"ripe.db": BLOCK + inner + org + role("BI-RIPE", "a@b.example")}))
    teams = [rung.name for rung in ladder(index, incident("10.0.1.7")).rungs if rung.form]
    assert teams == ["Team GB"]
