"""Check watch lists: how lines are read, and what is told of small worlds and of real ones."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from exchange import FILES, exchange
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.addresses import Span
from rirdex.query.changed import compare
from rirdex.query.changes import changes
from rirdex.query.cli import run
from rirdex.query.watched import WatchError, parse, unknown
from rirdex.query.watching import Event, events, finder

Capture = pytest.CaptureFixture[str]


# -- the list ---------------------------------------------------------------------------------

LINES = {
    "10.0.0.1": ("10.0.0.1", "range", None),
    " 10.0.0.0/24\tour shop ": ("10.0.0.0/24", "range", "our shop"),
    "10.0.0.0 - 10.0.0.9 a note": ("10.0.0.0 - 10.0.0.9", "range", "a note"),
    "10.0.0.0-10.0.0.9  # a note": ("10.0.0.0 - 10.0.0.9", "range", "a note"),
    "10.0.0.1 - web server": ("10.0.0.1", "range", "web server"),
    "3fff::/32": ("3fff::/32", "range", None),
    "3fff:: - 3fff::9\tx": ("3fff:: - 3fff::9", "range", "x"),
    "as64500 ours": ("as64500", "asn", "ours"),
    "ORG-EX1-RIPE": ("ORG-EX1-RIPE", "handle", None),
    "ex-mnt ; theirs": ("ex-mnt", "handle", "theirs"),
    "NET-10-0-0-0-1": ("NET-10-0-0-0-1", "handle", None),
    "level3": ("level3", "handle", None),
    "abuse@example.net  desk": ("abuse@example.net", "mailbox", "desk"),
    "@example.net": ("@example.net", "domain", None),
    "@bücher.example": ("@bücher.example", "domain", None),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_an_item_and_a_note(line: str) -> None:
    (item,) = parse([line])
    assert (item.text, item.kind, item.note) == LINES[line]
    assert (item.span is not None) == (item.kind == "range")


def test_comments_and_blank_lines_count_as_lines_only() -> None:
    found = parse(["# one", "", "  ; two", "10.0.0.1", "\t", "AS1\n"])
    assert [(item.line, item.text) for item in found] == [(4, "10.0.0.1"), (6, "AS1")]


WRONG = (
    "10.0.0.300", "10.0.0.0/33", "10.0.0.1/24", "10.0.0.9 - 10.0.0.1", "10.0.0.1 - 3fff::1",
    "3fff::/200", "3fff::g", "AS99999999999", "@", "a@b", "@@example.net", "example.net", "!",
    "10.0.0.0/24,10.0.1.0/24", "ÄÖ-MNT", "AS64500:AS-SET",
)  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_what_is_nothing_is_an_error_with_its_line(line: str) -> None:
    with pytest.raises(WatchError, match=r"^line 3: ") as caught:
        parse(["10.0.0.1", "# comment", line])
    assert caught.value.line == 3


def test_a_domain_without_its_sign_is_told_how_to_write_it() -> None:
    with pytest.raises(WatchError, match=r"write @example\.net$"):
        parse(["example.net"])


# -- a small world ----------------------------------------------------------------------------

NETS = {
    "block": """inetnum: 10.0.0.0 - 10.0.255.255
netname: BLOCK
org: ORG-H1-TEST
status: ALLOCATED PA
mnt-by: RIPE-NCC-HM-MNT
mnt-by: H-MNT""",
    "leased": """inetnum: 10.0.1.0 - 10.0.1.255
netname: LEASED
descr: Tenant Ltd
country: DE
remarks: for lease
abuse-c: T-ROLE
status: ASSIGNED PA
mnt-by: H-MNT""",
    "own": """inetnum: 10.0.2.0 - 10.0.2.255
netname: OWN
org: ORG-H1-TEST
status: ASSIGNED PA
mnt-by: H-MNT""",
    "wide": """inet6num: 3fff::/32
netname: WIDE
org: ORG-H1-TEST
status: ALLOCATED-BY-RIR
mnt-by: RIPE-NCC-HM-MNT""",
    "holder": "organisation: ORG-H1-TEST\norg-name: Holder Ltd\nabuse-c: H-ROLE\naddress: Here",
    "other": "organisation: ORG-T2-TEST\norg-name: Second Tenant",
    "desk": "role: Desk\nnic-hdl: H-ROLE\nabuse-mailbox: abuse@holder.example",
    "theirs": "role: Theirs\nnic-hdl: T-ROLE\nabuse-mailbox: abuse@tenant.example",
    "mntner": "mntner: H-MNT\ndescr: Holder\nauth: SSO",
    "system": "aut-num: AS64500\nas-name: OURS\norg: ORG-H1-TEST",
}  # fmt: skip
STAY = "inetnum: 10.8.0.0 - 10.8.0.255\nnetname: STAY\ndescr: Stays\nstatus: ALLOCATED PORTABLE"
ARIN = """NetHandle: NET-10-3-0-0-1
OrgID: ONE
NetName: AMERICAN
NetRange: 10.3.0.0 - 10.3.255.255
NetType: allocation
RegDate: 2019-01-01
Updated: 2020-01-01
Source: ARIN
"""


def indexed(folder: Path, day: str = "2025-03-01", asian: str = STAY, arin: str = ARIN,
            **changed: str) -> Index:  # fmt: skip
    """Build and open an index of the world above, some objects in other words or left out ("")."""
    folder.mkdir()
    objects = [text for text in (NETS | changed).values() if text]
    for name, texts in (("ripe", objects), ("apnic", [STAY, *asian.split("\n\n")])):
        lines = [f"{text}\nlast-modified: 2020-01-01T00:00:00Z\nsource: {name.upper()}\n"
                 for text in dict.fromkeys(texts)]  # fmt: skip
        (folder / f"{name}.db").write_text("\n".join(lines))
    (folder / "arin.db").write_text(arin)
    build([str(path) for path in sorted(folder.glob("*.db"))], str(folder / "index.rirdex"),
          processes=0, snapshot=date.fromisoformat(day))  # fmt: skip
    return open_index(folder / "index.rirdex")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Index]:
    with indexed(tmp_path / "old") as index:
        yield index


def told(old: Index, new: Index, *lines: str) -> list[tuple[str, str, Any, Any]]:
    """Return event, key, and what was and is; of a net that came or went only that it is there."""

    def short(value: Any) -> Any:
        return "there" if isinstance(value, dict) else value

    return [
        (event.event, event.key, short(event.old), short(event.new))
        for event in events(compare(old, new), parse(lines))
    ]


LEASED = "10.0.1.0 - 10.0.1.255"
HOLDER = ("Holder Ltd", "ORG-H1-TEST")
TENANT = ("Tenant Ltd", None)
REACHED = (("abuse@tenant.example", None, "ripe.abuse-c"),)
ASIAN = NETS["leased"].replace("ASSIGNED PA", "ASSIGNED NON-PORTABLE")
RANGE_EVENTS: dict[str, tuple[dict[str, str], list[tuple[str, str, Any, Any]]]] = {
    "nothing": ({}, []),
    "another tenant": (
        {"leased": NETS["leased"].replace("descr: Tenant Ltd", "org: ORG-T2-TEST")},
        [("descr", LEASED, ("Tenant Ltd",), ()), ("org", LEASED, None, "ORG-T2-TEST"),
         ("new-lessee", LEASED, TENANT, ("Second Tenant", "ORG-T2-TEST"))],
    ),
    "no longer leased": (
        {"leased": NETS["leased"].replace("remarks: for lease\n", "")},
        [("lessee-gone", LEASED, TENANT, None), ("verdict", LEASED, "likely-leased", "unknown"),
         ("confidence", LEASED, "medium", "low")],
    ),
    "gone": ({"leased": ""}, [("gone", LEASED, "there", None),
                              ("lessee-gone", LEASED, TENANT, None)]),
    "another contact": (
        {"theirs": NETS["theirs"].replace("abuse@", "desk@")},
        [("new-contact", LEASED, REACHED, (("desk@tenant.example", None, "ripe.abuse-c"),))],
    ),
    "status and country": (
        {"leased": NETS["leased"].replace("ASSIGNED PA", "LEGACY").replace("DE", "NL")},
        [("country", LEASED, ("DE",), ("NL",)), ("status", LEASED, "ASSIGNED PA", "LEGACY")],
    ),
    "maintainers and netname": (
        {"leased": NETS["leased"].replace("H-MNT", "X-MNT").replace("LEASED", "LET")},
        [("netname", LEASED, "LEASED", "LET"), ("mnt-by", LEASED, ("H-MNT",), ("X-MNT",))],
    ),
    "a holder renamed": (
        {"holder": NETS["holder"].replace("Holder Ltd", "Halter AG")},
        [("renamed", "10.0.0.0 - 10.0.255.255", HOLDER, ("Halter AG", "ORG-H1-TEST")),
         ("renamed", LEASED, HOLDER, ("Halter AG", "ORG-H1-TEST"))],
    ),
    "another holder": (
        {"block": NETS["block"].replace("H1", "T2")},
        [("org", "10.0.0.0 - 10.0.255.255", "ORG-H1-TEST", "ORG-T2-TEST"),
         ("new-holder", "10.0.0.0 - 10.0.255.255", HOLDER, ("Second Tenant", "ORG-T2-TEST")),
         ("contact-gone", "10.0.0.0 - 10.0.255.255",
          (("abuse@holder.example", None, "ripe.org.abuse-c"),), ()),
         ("new-holder", LEASED, HOLDER, ("Second Tenant", "ORG-T2-TEST"))],
    ),
    "a new net inside": (
        {"new": NETS["own"].replace("10.0.2.0 - 10.0.2.255", "10.0.1.128 - 10.0.1.255")},
        [("new-net", "10.0.1.128 - 10.0.1.255", None, "there")],
    ),
    "one beside": ({"own": NETS["own"].replace("netname: OWN", "netname: OTHER")}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", RANGE_EVENTS)
def test_a_range_tells_of_the_nets_inside_and_around(tmp_path: Path, old: Index, name: str) -> None:
    changed, expected = RANGE_EVENTS[name]
    with indexed(tmp_path / "new", "2025-03-08", **changed) as new:
        for line in ("10.0.1.0/24", "10.0.1.128 - 10.0.1.200", "10.0.1.255"):
            assert told(old, new, line) == expected


def test_a_transfer_is_told_with_both_registries(tmp_path: Path, old: Index) -> None:
    with indexed(tmp_path / "new", "2025-03-08", leased="", asian=ASIAN) as new:
        found = told(old, new, "10.0.1.0/24")
        assert found[0] == ("transfer", LEASED, "RIPE", "APNIC")
        assert [event for event, *_ in found] == [
            "transfer", "status", "holder-gone", "lessee-gone", "verdict", "confidence",
            "new-contact",
        ]  # fmt: skip


def test_one_word_of_a_note_goes_into_every_event(tmp_path: Path, old: Index) -> None:
    with indexed(tmp_path / "new", "2025-03-08", leased="") as new:
        found = [*events(compare(old, new), parse(["# list", "10.0.1.7  the shop", "AS64500"]))]
        assert {(event.item.note, event.item.line) for event in found} == {("the shop", 2)}
        one = found[1].to_dict()
        assert one == {
            "schema_version": 1, "event": "lessee-gone", "item": "10.0.1.7", "note": "the shop",
            "line": 2, "class": "net", "key": LEASED, "name": "LEASED", "registry": "RIPE",
            "source": "RIPE", "first": "10.0.1.0", "last": "10.0.1.255",
            "cidrs": ["10.0.1.0/24"], "field": "lessee",
            "old": {"name": "Tenant Ltd", "handle": None}, "new": None,
            "old_date": "2025-03-01", "new_date": "2025-03-08",
        }  # fmt: skip
        whole = found[0].to_dict()
        assert (whole["event"], whole["field"], whole["new"]) == ("gone", None, None)
        assert whole["old"]["country"] == ["DE"]
        assert whole["old"]["contact"][0]["mailbox"] == "abuse@tenant.example"
        json.dumps(whole)


# -- objects ----------------------------------------------------------------------------------

BLOCK, OWN, WIDE = "10.0.0.0 - 10.0.255.255", "10.0.2.0 - 10.0.2.255", "3fff::/32"
OBJECT_EVENTS: dict[str, tuple[str, dict[str, str], list[tuple[str, str, Any, Any]]]] = {
    "an AS of another name": (
        "AS64500", {"system": NETS["system"].replace("OURS", "THEIRS")},
        [("renamed", "AS64500", "OURS", "THEIRS")],
    ),
    "an AS of another holder": (
        "as64500", {"system": NETS["system"].replace("H1", "T2")},
        [("new-holder", "AS64500", HOLDER, ("Second Tenant", "ORG-T2-TEST")),
         ("contact-gone", "AS64500", (("abuse@holder.example", None, "ripe.org.abuse-c"),), ())],
    ),
    "an AS whose holder has another name": (
        "AS64500", {"holder": NETS["holder"].replace("Holder Ltd", "Halter AG")},
        [("renamed", "AS64500", HOLDER, ("Halter AG", "ORG-H1-TEST"))],
    ),
    "an AS whose contact has another mailbox": (
        "AS64500", {"desk": NETS["desk"].replace("abuse@", "desk@")},
        [("new-contact", "AS64500", (("abuse@holder.example", None, "ripe.org.abuse-c"),),
          (("desk@holder.example", None, "ripe.org.abuse-c"),))],
    ),
    "an AS that is new": (
        "AS64501", {"more": "aut-num: AS64501\nas-name: MORE"},
        [("appeared", "AS64501", None, "MORE")],
    ),
    "an AS with another remark": (
        "AS64500", {"system": NETS["system"] + "\nremarks: peering  welcome"},
        [("attributes", "AS64500", (), ("remarks: peering welcome",))],
    ),
    "an organisation of another name": (
        "org-h1-test", {"holder": NETS["holder"].replace("Holder Ltd", "Halter AG")},
        [("renamed", "ORG-H1-TEST", "Holder Ltd", "Halter AG")],
    ),
    "an organisation of another form": (
        "ORG-H1-TEST", {"holder": NETS["holder"].replace("Holder Ltd", "Holder AG")},
        [("attributes", "ORG-H1-TEST", ("org-name: Holder Ltd",), ("org-name: Holder AG",))],
    ),
    "an organisation with another mailbox": (
        "ORG-H1-TEST", {"desk": NETS["desk"].replace("abuse@", "desk@")},
        [("new-contact", "ORG-H1-TEST", (("abuse@holder.example", None, "ripe.org.abuse-c"),),
          (("desk@holder.example", None, "ripe.org.abuse-c"),))],
    ),
    "an organisation at another address": (
        "ORG-H1-TEST", {"holder": NETS["holder"].replace("Here", "There")},
        [("attributes", "ORG-H1-TEST", ("address: Here",), ("address: There",))],
    ),
    "an organisation that loses nets and gains one": (
        "ORG-H1-TEST",
        {"own": "", "wide": NETS["wide"].replace("H1", "T2"),
         "leased": NETS["leased"] + "\norg: ORG-H1-TEST"},
        [("net-gained", LEASED, None, "ORG-H1-TEST"), ("net-lost", OWN, "ORG-H1-TEST", None),
         ("net-lost", WIDE, "ORG-H1-TEST", "ORG-T2-TEST")],
    ),
    "a maintainer that loses a net": (
        "h-mnt", {"own": NETS["own"].replace("H-MNT", "X-MNT")},
        [("net-lost", OWN, ("H-MNT",), ("X-MNT",))],
    ),
    "a maintainer that has no object": (
        "x-mnt", {"own": NETS["own"].replace("H-MNT", "X-MNT")},
        [("net-gained", OWN, ("H-MNT",), ("X-MNT",))],
    ),
    "a maintainer that is no more": (
        "H-MNT", {"mntner": "mntner: N-MNT\ndescr: New"}, [("vanished", "H-MNT", "H-MNT", None)],
    ),
    "a class of objects that is not there any more": ("H-MNT", {"mntner": ""}, []),
    "a role with another mailbox": (
        "T-ROLE", {"theirs": NETS["theirs"].replace("abuse@", "desk@")},
        [("attributes", "T-ROLE", ("abuse-mailbox: abuse@tenant.example",),
          ("abuse-mailbox: desk@tenant.example",))],
    ),
    "a net by its handle": (
        "net-10-3-0-0-1", {"arin": ARIN.replace("ONE", "TWO").replace("2020", "2025")},
        [("org", "NET-10-3-0-0-1", "ONE", "TWO"),
         ("new-holder", "NET-10-3-0-0-1", ("AMERICAN", "ONE"), ("AMERICAN", "TWO"))],
    ),
    "a mailbox that has a net less": (
        "ABUSE@tenant.example", {"leased": NETS["leased"].replace("T-ROLE", "H-ROLE")},
        [("net-lost", LEASED, REACHED, (("abuse@holder.example", None, "ripe.abuse-c"),))],
    ),
    "a domain that has a net more": (
        "@holder.example", {"leased": NETS["leased"].replace("T-ROLE", "H-ROLE")},
        [("net-gained", LEASED, REACHED, (("abuse@holder.example", None, "ripe.abuse-c"),))],
    ),
    "a mailbox of a net that is gone": (
        "abuse@tenant.example", {"leased": ""}, [("net-lost", LEASED, REACHED, ())],
    ),
    "a domain within which a mailbox is another": (
        "@tenant.example", {"theirs": NETS["theirs"].replace("abuse@", "desk@")}, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECT_EVENTS)
def test_handles_and_mailboxes_tell_of_objects_and_nets(
    tmp_path: Path, old: Index, name: str
) -> None:
    line, changed, expected = OBJECT_EVENTS[name]
    with indexed(tmp_path / "new", "2025-03-08", **changed) as new:
        assert told(old, new, line) == expected
        back = told(new, old, line)
        turned = [(key, now, was) for _, key, was, now in back]
        assert len(turned) == len(expected)
        assert all((key, was, now) in turned for _, key, was, now in expected)


def test_dates_order_and_case_of_an_object_are_no_change(tmp_path: Path, old: Index) -> None:
    holder = "organisation: org-h1-test\naddress:  HERE\nabuse-c: h-role\norg-name: holder LTD"
    desk = NETS["desk"].replace("abuse@", "Abuse@")
    changed = {"holder": f"{holder}\ncreated: 2025-01-01", "desk": desk}
    with indexed(tmp_path / "new", "2025-03-08", **changed) as new:
        lines = ("ORG-H1-TEST", "H-MNT", "@holder.example", "0.0.0.0/0", "AS64500")
        assert [(event, key) for event, key, *_ in told(old, new, *lines)] == [
            ("org-name", BLOCK), ("org-name", OWN),  # a text counts as it is written
        ]  # fmt: skip


def test_items_are_told_of_one_after_the_other(tmp_path: Path, old: Index) -> None:
    with indexed(tmp_path / "new", "2025-03-08", leased="", wide="") as new:
        lines = ("H-MNT", "::/0", "0.0.0.0/0", "@tenant.example", "H-MNT")
        assert [(event, key) for event, key, *_ in told(old, new, *lines)] == [
            ("net-lost", LEASED), ("gone", LEASED), ("lessee-gone", LEASED), ("net-lost", LEASED),
            ("net-lost", LEASED),
        ]  # fmt: skip
        # The IPv6 nets of the registry are missing as a whole: they are not compared.


def test_a_handle_that_no_index_knows_may_come_but_a_mere_word_is_a_slip(
    tmp_path: Path, old: Index
) -> None:
    items = parse(["ORG-H1-TEST", "H-MNT", "X-MNT", "ORG-NEW-TEST", "AS64500", "10.0.0.1",
                   "NET-10-3-0-0-1", "one"])  # fmt: skip
    assert [item.text for item in unknown(items, old)] == ["X-MNT", "ORG-NEW-TEST"]
    with pytest.raises(WatchError, match=r"^line 2: 'nonsense' is no address"):
        unknown(parse(["X-MNT", "nonsense here"]), old)


# -- ranges among rows ------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_range_finds_every_net_that_shares_an_address(seed: int) -> None:
    rng = Random(seed)
    six = bool(rng.randrange(2))
    base = (0x3FFF << 112) - 5 if six else 10 << 24
    spread = rng.choice((40, 1 << 70)) if six else 40
    nets = []
    for _ in range(rng.randrange(12)):
        first = base + rng.randrange(spread)
        nets.append((first, first + rng.randrange(spread // 4)))
    nets = sorted(set(nets), key=lambda net: (net[0], -net[1]))
    halves = [[half for end in net for half in divmod(end, 1 << 64)] for net in nets]
    ends = np.array(halves, np.uint64).reshape(-1, 4).T
    near = finder(6 if six else 4, ends, np.arange(len(nets)))
    for _ in range(20):
        first = base + rng.randrange(-5 if not six else 0, spread + 5)
        last = first + rng.randrange(spread // 3)
        found = near(Span(6 if six else 4, first, last, "range")).tolist()
        assert found == [k for k, net in enumerate(nets) if net[0] <= last and first <= net[1]]


# -- the command ------------------------------------------------------------------------------


def output(capsys: Capture, listed: Path, old: Index, new: Index, *options: str, code: int) -> str:
    assert run(["watch", str(listed), old.path, new.path, *options]) == code
    return capsys.readouterr().out


def test_the_command_groups_by_item_for_mail(tmp_path: Path, old: Index, capsys: Capture) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("# ours\n10.0.1.0/24  the shop\nAS64500\nORG-H1-TEST\n\n@tenant.example x\n")
    holder = NETS["holder"].replace("Holder Ltd", "Halter AG")
    with indexed(tmp_path / "new", "2025-03-08", leased="", holder=holder) as new:
        assert (
            output(capsys, listed, old, new, code=1)
            == """\
From 2025-03-01 to 2025-03-08:

10.0.1.0/24  the shop
  renamed       10.0.0.0/16 RIPE BLOCK: Holder Ltd (ORG-H1-TEST) -> Halter AG (ORG-H1-TEST)
  gone          10.0.1.0/24 RIPE LEASED: status ASSIGNED PA, holder Holder Ltd (ORG-H1-TEST), \
user Tenant Ltd, verdict likely-leased, contact abuse@tenant.example (ripe.abuse-c)
  lessee-gone   10.0.1.0/24 RIPE LEASED: Tenant Ltd -> -

AS64500
  renamed       aut-num AS64500 of RIPE: Holder Ltd (ORG-H1-TEST) -> Halter AG (ORG-H1-TEST)

ORG-H1-TEST
  renamed       organisation ORG-H1-TEST of RIPE: Holder Ltd -> Halter AG

@tenant.example  x
  net-lost      10.0.1.0/24 RIPE LEASED: abuse@tenant.example (ripe.abuse-c) -> -
"""
        )
        lines = output(capsys, listed, old, new, "-f", "jsonl", code=1).splitlines()
        expected = events(compare(old, new), parse(listed.read_text().splitlines()))
        assert [json.loads(line) for line in lines] == [event.to_dict() for event in expected]


def test_nothing_is_written_when_nothing_changed(
    tmp_path: Path, old: Index, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("\ufeff10.0.0.0/8\nAS64500\n@holder.example\n")
    for options in ([], ["-f", "jsonl"]):
        assert output(capsys, listed, old, old, *options, code=0) == ""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"10.0.0.0/8\nORG-NO1-TEST\n")))
    assert run(["watch", "-", old.path, old.path]) == 0
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "rirdex: line 2: neither index knows ORG-NO1-TEST\n"


def test_a_wrong_line_is_named_before_anything_is_written(
    tmp_path: Path, old: Index, capsys: Capture
) -> None:
    listed = tmp_path / "list.txt"
    with indexed(tmp_path / "new", "2025-03-08", leased="") as new:
        for line, said in (
            ("10.0.0.0/99", "'10.0.0.0/99' is no prefix: the length is out of range"),
            ("nonsense", "'nonsense' is no address"), ("example.net", "write @example.net"),
        ):  # fmt: skip
            listed.write_text(f"10.0.1.0/24\n\n{line}\n")
            assert run(["watch", str(listed), old.path, new.path]) == 2
            caught = capsys.readouterr()
            assert caught.out == ""
            assert f"{listed}: line 3: " in caught.err
            assert said in caught.err


def test_missing_files_have_their_exit_codes(tmp_path: Path, old: Index, capsys: Capture) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("10.0.1.0/24\n")
    assert run(["watch", str(listed), old.path, str(tmp_path / "none")]) == 3
    assert run(["watch", str(tmp_path / "none"), old.path, old.path]) == 5
    assert run(["watch", str(listed), old.path]) == 2
    assert run(["watch", str(listed), old.path, old.path, "-f", "xml"]) == 2
    capsys.readouterr()


def test_texts_cannot_drive_a_terminal(tmp_path: Path, old: Index, capsys: Capture) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("10.0.1.0/24 \x1b[31mred\u202e\n")
    leased = NETS["leased"].replace("Tenant Ltd", "Ten\x1b[31mant\u202e")
    with indexed(tmp_path / "new", "2025-03-08", leased=leased) as new:
        for form in ("text", "jsonl"):
            found = output(capsys, listed, old, new, "-f", form, code=1)
            assert not {"\x1b", "\u202e"} & set(found)
            assert "red" in found


# -- real data --------------------------------------------------------------------------------

REAL = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent") / "leases"
TOLD = {
    "respelled": {"descr"}, "maintained": {"mnt-by"}, "status": {"status"},
    "country": {"country"}, "dated": set(), "reordered": set(), "removed": {"gone"},
    "added": {"new-net"}, "moved": {"transfer"}, "tenant": {"descr"},
}  # fmt: skip
# What other nets and organisations make of a net.
AROUND = {"verdict", "confidence", "new-lessee", "lessee-gone", "renamed", "new-user", "user-gone"}


@pytest.mark.skipif(not REAL.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps")
def test_a_list_of_what_was_exchanged_tells_all_of_it(tmp_path: Path) -> None:
    done = exchange(REAL, tmp_path / "dumps", seed=3, each=12)
    for folder, name in ((REAL, "old"), (tmp_path / "dumps", "new")):
        build([str(folder / file) for file in FILES.values()], str(tmp_path / name),
              routes=[str(REAL / "routes.pfx2as.gz")])  # fmt: skip
    nets = [one for one in done if one.last]
    lines = [f"{one.first} - {one.last}  {one.what}" for one in nets]
    with open_index(tmp_path / "old") as old, open_index(tmp_path / "new") as new:
        compared = compare(old, new)
        by_line: dict[int, list[Event]] = {}
        for event in events(compared, parse(lines)):
            by_line.setdefault(event.item.line, []).append(event)
        for number, one in enumerate(nets, 1):
            mine = [event for event in by_line.get(number, ())
                    if (event.first, event.last) == (one.first, one.last)]  # fmt: skip
            found = {event.event for event in mine}
            expected = TOLD[one.what]
            if "org" in one.fields:
                expected = expected | {"org"}
            if one.what == "moved":
                assert [(event.old, event.new) for event in mine if event.event == "transfer"] == [
                    (one.moved, one.registry)
                ]
                continue
            assert expected <= found, one
            assert found - expected <= AROUND, one
            if one.what == "tenant":
                # Whoever used the net before, another one does now.
                assert found & {"new-lessee", "new-user"}, one
        # A list of the whole address space tells of every change.
        whole = {(event.first, event.last) for event in events(compared, parse(["0.0.0.0/0"]))}
        everything = {(one.first, one.last) for one in changes(old, new) if "." in one.first}
        lessor_only = everything - whole
        assert not lessor_only
