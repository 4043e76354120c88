"""Check what a desk's files say, what is refused in them, and how FIRST's teams get in."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.query import csirt, desk
from rirdex.query.addresses import Span, span
from rirdex.query.csirt import merge, teams_of_first, write_csv
from rirdex.query.desk import (
    CSIRT_COLUMNS,
    KINDS,
    Csirt,
    Desk,
    DeskError,
    Override,
    desk_folder,
    load_desk,
)
from rirdex.query.errors import Error
from rirdex.query.fingerprints import load_fingerprints

TODAY = date(2026, 3, 1)
HEADING = "match,contact,note,valid_until\n"
TEAMS = "country,name,mail,form,source,checked\n"


def write(folder: Path, **named: str | bytes) -> Path:
    """Write files: `never="..."` is never.toml, `overrides=...` overrides.csv."""
    for name, content in named.items():
        suffix = "toml" if name in ("never", "forms") else "csv"
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{name}.{suffix}").write_bytes(data)
    return folder


def load(folder: Path, **named: str | bytes) -> Desk:
    return load_desk(str(write(folder, **named)), today=TODAY)


def entry(**values: object) -> str:
    """Return a table of never.toml, `mark` and `reason` filled in."""
    return table("entry", {"mark": "drop", "reason": "Because."} | values)


def form(**values: object) -> str:
    """Return a table of forms.toml, `name` and `url` filled in."""
    return table("form", {"name": "Example Host", "url": "https://abuse.host.example/"} | values)


def table(name: str, values: Mapping[str, object]) -> str:
    lines = (f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None)
    return f"[[{name}]]\n" + "\n".join(lines) + "\n"


def matches(found: list[Override]) -> list[str]:
    return [item.match for item in found]


def ask(held: Desk, text: str) -> list[str]:
    """Return what matches an address, prefix or range."""
    where = span(text)
    assert where is not None
    return matches(held.overrides_for(where, (), (), ()))


# The folder.


def test_the_folder_is_the_argument_else_the_variable_else_the_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RIRDEX_CONFIG", "/from/environment")
    assert desk_folder("/from/argument") == "/from/argument"
    assert desk_folder() == "/from/environment"
    monkeypatch.delenv("RIRDEX_CONFIG")
    assert os.path.basename(desk_folder()) == "rirdex"


def test_a_desk_is_found_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, overrides=HEADING + "AS64500,noc@net.example,,\n")
    monkeypatch.setenv("RIRDEX_CONFIG", str(tmp_path))
    assert matches(list(load_desk().overrides)) == ["AS64500"]


def test_a_folder_that_was_named_and_is_missing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "none")
    with pytest.raises(DeskError, match="none: there is no such folder: make it") as caught:
        load_desk(missing)
    assert caught.value.path == missing
    monkeypatch.setenv("RIRDEX_CONFIG", missing)
    with pytest.raises(DeskError, match="none: there is no such folder"):
        load_desk()
    with pytest.raises(DeskError, match="none: there is no such folder"):
        load_fingerprints()


def test_a_missing_folder_of_the_user_and_empty_files_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RIRDEX_CONFIG", raising=False)
    monkeypatch.setattr(desk, "default_desk", lambda: str(tmp_path / "none"))
    missing = load_desk(today=TODAY)
    assert load_desk(desk_folder(), today=TODAY) == missing
    empty = load(tmp_path, never="", forms="# nothing\n", overrides="", csirt="\n# no team\n")
    for held in (missing, empty):
        assert not held.overrides + held.expired
        assert not held.teams
        assert (
            held.overrides_for(span("192.0.2.1"), [64500], ["ORG-EX1-RIPE"], ["a@b.example"]) == []
        )
        assert held.csirts(["NL"]) == []
        assert held.judge("unread@ripe.net") is not None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "forms.toml").mkdir()
    with pytest.raises(DeskError, match=r"forms\.toml: cannot be read"):
        load_desk(str(tmp_path))


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "desk").write_text("")
    with pytest.raises(DeskError, match="cannot be read"):
        load_desk(str(tmp_path / "desk"))


def test_text_that_is_no_utf_8_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeskError, match=r"overrides\.csv: byte 0 is no UTF-8: save"):
        load(tmp_path, overrides=HEADING.encode("utf-16"))


def test_byte_order_marks_and_crlf_are_taken(tmp_path: Path) -> None:
    def dressed(text: str) -> bytes:
        return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()

    held = load(
        tmp_path,
        never=dressed(entry(mailbox="old@net.example", reason="Gone.")),
        forms=dressed(form(mailboxes=["abuse@host.example"])),
        overrides=dressed(HEADING + "192.0.2.0/24,abuse@net.example,an “own” note,\n"),
        csirt=dressed(TEAMS + "nl,Example CERT,cert@cert.example,,own,2026-01-31\n"),
    )
    assert held.judge("old@net.example") == ("drop", "Gone.")
    found = held.form("abuse@host.example", ())
    assert found is not None
    assert found.name == "Example Host"
    assert held.overrides == (
        Override("192.0.2.0/24", "range", "abuse@net.example", "an “own” note", None, 2),
    )
    assert held.teams == (
        Csirt("NL", "Example CERT", "cert@cert.example", None, "own", date(2026, 1, 31)),
    )


# Whom not to bother.

PACKAGED = {
    "unread@ripe.net": "drop",
    "Unread@RIPE.net": "drop",
    "ripe-dbm@ripe.net": "drop",
    "no-email@apnic.net": "drop",
    "***@host.example": "drop",
    "ab***@host.invalid": "drop",
    "abuse@ripe.net": "registry_contact",
    "search-apnic-not-arin@apnic.net": "registry_contact",
    "abuse@mail.afrinic.net": "registry_contact",
    "abuse@lacnic.net": "registry_contact",
    "hostmaster@arin.net": "registry_contact",
    "abuse@iana.org": "registry_contact",
    "hostmaster@nic.or.kr": "registry_contact",
    "HostMaster@nic.ad.jp": "registry_contact",
    "hostmaster@twnic.net.tw": "registry_contact",
    "ipas@cnnic.cn": "registry_contact",
    "hm-changed@vnnic.vn": "registry_contact",
    "hostmaster@idnic.net": "registry_contact",
    "hostmaster@irinn.in": "registry_contact",
    "hostmaster@registro.br": "registry_contact",
    "abuse@example.com": "reserved_domain",
    "abuse@mail.example.net": "reserved_domain",
    "abuse@example.org.": "reserved_domain",
    "abuse@host.example": "reserved_domain",
    "abuse@HOST.INVALID": "reserved_domain",
    "abuse@host.test": "reserved_domain",
    "abuse@localhost": "reserved_domain",
    "abuse@printer.local": "reserved_domain",
    "abuse@host.onion": "reserved_domain",
    "abuse@host.alt": "reserved_domain",
    "abuse@host.internal": "reserved_domain",
    "cert@cert.br": None,
    "mail-abuse@cert.br": None,
    "abuse@nic.br": None,
    "abuse@notripe.net": None,
    "abuse@ripe.net.invalid.de": None,
    "abuse@example.de": None,
    "abuse@test.de": None,
    "no mailbox at all": None,
    "": None,
}


@pytest.mark.parametrize(("mailbox", "mark"), PACKAGED.items())
def test_what_comes_with_rirdex_marks_placeholders_registries_and_reserved_domains(
    tmp_path: Path, mailbox: str, mark: str | None
) -> None:
    verdict = load(tmp_path).judge(mailbox)
    assert (verdict and verdict.mark) == mark
    assert verdict is None or verdict.reason.endswith(".")


def test_a_registry_is_bothered_about_its_own_nets(tmp_path: Path) -> None:
    held = load(tmp_path)
    assert held.judge("abuse@ripe.net", ["ORG-EX1-RIPE"]) is not None
    assert held.judge("abuse@ripe.net", ["ORG-EX1-RIPE", "org-rien1-ripe"]) is None
    placeholder = held.judge("unread@ripe.net", ["ORG-RIEN1-RIPE"])
    assert placeholder is not None
    assert placeholder.mark == "drop"


def test_owners_free_from_one_entry_and_the_next_one_counts(tmp_path: Path) -> None:
    never = entry(mailbox="a@net.example", owners=["ORG-A"], reason="One.") + entry(
        mailbox="a@net.example", owners=["ORG-B"], reason="Two."
    )
    held = load(tmp_path, never=never + entry(domain="net.example", owners=["ORG-A", "ORG-B"]))
    assert held.judge("a@net.example") == ("drop", "One.")
    assert held.judge("a@net.example", ["org-a"]) == ("drop", "Two.")
    packaged = held.judge("a@net.example", ["ORG-A", "ORG-B"])
    assert packaged is not None
    assert packaged.mark == "reserved_domain"


def test_within_a_file_the_more_specific_entry_wins_whatever_the_order(tmp_path: Path) -> None:
    never = (
        entry(tld="example", reason="Tld.")
        + entry(domain="net.example", reason="Domain.")
        + entry(domain="Mail.NET.example", reason="Subdomain.")
        + entry(mailbox="A@mail.net.example", reason="Mailbox.")
    )
    held = load(tmp_path, never=never)
    for mailbox, reason in (
        ("a@mail.net.example", "Mailbox."), ("b@mail.net.example", "Subdomain."),
        ("b@x.mail.net.example", "Subdomain."), ("b@net.example", "Domain."),
        ("b@other.example", "Tld."),
    ):  # fmt: skip
        assert held.judge(mailbox) == ("drop", reason)


def test_the_desks_own_entries_win_over_what_comes_with_rirdex(tmp_path: Path) -> None:
    never = (
        entry(domain="ripe.net", mark="registry_contact", reason="Ours.")
        + entry(domain="apnic.net", mark="keep")
        + entry(tld="example", mark="keep")
    )
    held = load(tmp_path, never=never)
    assert held.judge("unread@ripe.net") == ("registry_contact", "Ours.")
    assert held.judge("no-email@apnic.net") is None
    assert held.judge("abuse@host.example") is None
    assert held.judge("***@host.example") is not None
    assert held.judge("abuse@example.net") is not None


BAD_NEVER = {
    "[[entry]\n": "is no TOML",
    "a = 1\n" * 2: "is no TOML",
    "x = " + "[" * 5000: "is no TOML",
    "[[entries]]\n": r"entries: is unknown: write \[\[entry\]\]",
    '[entry]\nmailbox = "a@b.example"\n': r"entry: is no list of tables: write \[\[entry\]\]",
    "entry = 3\n": "is no list of tables",
    "entry = [3]\n": "is no list of tables",
    entry(): "entry 1: names nothing: write exactly one of mailbox, domain, tld",
    entry(mailbox="a@b.example", tld="c"): "entry 1: names mailbox and tld: write exactly one",
    entry(tld="x", reason=None): "entry 1: has no reason: add it",
    entry(tld="x") + entry(tld="y", mark=None): "entry 2: has no mark: add it",
    entry(tld="x", reason=" "): "reason is ' ': write a text in quotes",
    entry(tld="x", mark="block"): "mark is 'block': write one of drop, registry_contact",
    entry(tld="x", mark=["drop"]): r"mark is \['drop'\]: write one of",
    entry(tld="x", why="y"): "why is unknown: the keys are mailbox, domain, tld",
    entry(tld="x", owners="ORG-EX1-RIPE"): "owners is 'ORG-EX1-RIPE': write a list of handles",
    entry(tld="x", owners=[1]): r"owners is \[1\]: write a list of handles",
    entry(tld="x", owners=["an org"]): "write a list of handles",
    entry(tld="net.example"): "tld is 'net.example': write the last label",
    entry(tld=".example"): "write the last label",
    entry(domain="example"): "domain is 'example': write a domain, as example.net",
    entry(domain="@net.example"): "write a domain",
    entry(domain="*.net.example"): r"domain is '\*.net.example': write a domain",
    entry(mailbox="net.example"): "mailbox is 'net.example': write a mailbox",
    entry(mailbox="A <a@b.example>"): "write a mailbox",
    entry(mailbox="a@b.example\n"): "write a mailbox",
    entry(mailbox=3): "mailbox is 3: write a mailbox",
}


@pytest.mark.parametrize(("text", "fault"), BAD_NEVER.items())
def test_a_malformed_never_list_is_an_error_that_says_what_to_write(
    tmp_path: Path, text: str, fault: str
) -> None:
    with pytest.raises(DeskError, match=fault) as caught:
        load(tmp_path, never=text)
    assert caught.value.path == str(tmp_path / "never.toml")
    assert str(caught.value).startswith(caught.value.path)
    assert isinstance(caught.value, Error)


# Forms.


def test_the_forms_that_come_with_rirdex_name_a_source_and_are_found(tmp_path: Path) -> None:
    held = load(tmp_path)
    packaged = {item.name: item for item in held.forms[1].values()}
    assert 3 <= len(packaged) <= 12
    assert all(item.source and item.url.startswith("https://") for item in packaged.values())
    cloudflare = held.form("Abuse@Cloudflare.com", ())
    assert cloudflare is not None
    assert cloudflare.url == "https://abuse.cloudflare.com/"
    assert cloudflare.only
    assert held.form(None, ["cloud14"]) == cloudflare
    assert held.form("noc@cloudflare.com", ()) is None
    assert held.form("abuse@net.example", ["ORG-EX1-RIPE"]) is None
    assert held.form(None, ()) is None


def test_a_form_is_found_by_mailbox_then_domain_then_organisation(tmp_path: Path) -> None:
    held = load(
        tmp_path,
        forms=form(name="Org", organisations=["ORG-EX1-RIPE"])
        + form(name="Domain", domains=["host.example"])
        + form(name="Sub", domains=["eu.host.example"])
        + form(name="Mailbox", mailboxes=["Abuse@EU.host.example"]),
    )
    for mailbox, orgs, name in (
        ("abuse@eu.host.example", ["ORG-EX1-RIPE"], "Mailbox"),
        ("noc@eu.host.example", ["ORG-EX1-RIPE"], "Sub"),
        ("abuse@us.host.example", ["ORG-EX1-RIPE"], "Domain"),
        ("abuse@net.example", ["ORG-EX2-RIPE", "org-ex1-ripe"], "Org"),
        (None, ["ORG-EX1-RIPE"], "Org"),
    ):
        found = held.form(mailbox, orgs)
        assert found is not None
        assert found.name == name


def test_the_desks_own_forms_win_and_the_first_of_a_file_does(tmp_path: Path) -> None:
    held = load(
        tmp_path,
        forms=form(name="Ours", organisations=["CLOUD14"])
        + form(name="Late", organisations=["CLOUD14"]),
    )
    found = held.form("abuse@cloudflare.com", ["CLOUD14"])
    assert found is not None
    assert found.name == "Ours"


def test_a_form_has_what_the_file_says(tmp_path: Path) -> None:
    text = form(domains=["host.example"], only=True, single=True, source="page")
    held = load(tmp_path, forms=text + "checked = 2026-01-31\n")
    found = held.form("abuse@host.example", ())
    assert found == desk.Form(
        "Example Host", "https://abuse.host.example/", (), ("host.example",), (), True, True,
        "page", date(2026, 1, 31),
    )  # fmt: skip


BAD_FORMS = {
    form(): "form 1: is for nobody: add mailboxes, domains or organisations",
    form(mailboxes=[]): "form 1: is for nobody",
    form(domains=["a.example"], url=None): "form 1: has no url: add it",
    form(domains=["a.example"], url="abuse.host.example"): "write an http or https URL",
    form(domains=["a.example"], url="javascript:alert(1)"): "write an http or https URL",
    form(domains=["a.example"], url="https:///path"): "write an http or https URL",
    form(domains=["a.example"], url="https://a.example/\nb"): "write an http or https URL",
    form(domains=["a.example"], name=""): "name is '': write a text in quotes",
    form(domains=["a.example"], only="yes"): "only is 'yes': write true or false",
    form(domains=["a.example"], only=1): "only is 1: write true or false",
    form(domains=["a.example"], checked="2026-01-31"): "write a date without quotes",
    form(domains=["a.example"]) + "checked = 2026-01-31T00:00:00\n": "write a date without quotes",
    form(domains="a.example"): "domains is 'a.example': write a list of domains",
    form(mailboxes=["a.example"]): r"mailboxes is \['a.example'\]: write a list of mailboxes",
    form(organisations=["AS64500"]): "write a list of handles",
    form(mail="x"): "mail is unknown: the keys are name, url, mailboxes",
    "[[entry]]\n": r"entry: is unknown: write \[\[form\]\]",
}


@pytest.mark.parametrize(("text", "fault"), BAD_FORMS.items())
def test_a_malformed_list_of_forms_is_an_error_that_says_what_to_write(
    tmp_path: Path, text: str, fault: str
) -> None:
    with pytest.raises(DeskError, match=fault) as caught:
        load(tmp_path, forms=text)
    assert caught.value.path == str(tmp_path / "forms.toml")


# Overrides.

OVERRIDES = """\
# our own contacts

Contact, match, seen by ,valid_until,note
abuse@host.example,192.0.2.7,x,,
https://host.example/abuse , 192.0.2.0 - 192.0.2.255 ,,2026-03-01,"by form, not ""mail\"""
noc@isp.example,192.0.2.0/24,,,
noc@isp.example,192.0.2.5-192.0.2.9,,,
  # a comment
old@isp.example,192.0.2.0/25,,2026-02-28,moved
noc@six.example,2001:DB8::/32
noc@six.example,2001:db8::5 - 2001:db8:1::
as@net.example,as64500,,,
org@net.example,org-ex1-ripe,,,
,,,,
mail@net.example,Abuse@Net.Example,,,
"""


@pytest.fixture
def held(tmp_path: Path) -> Desk:
    return load(tmp_path, overrides=OVERRIDES)


def test_columns_may_stand_in_any_order_among_others(held: Desk) -> None:
    assert held.overrides[1] == Override(
        "192.0.2.0 - 192.0.2.255", "range", "https://host.example/abuse",
        'by form, not "mail"', date(2026, 3, 1), 5,
    )  # fmt: skip
    assert [item.kind for item in held.overrides] == ["range"] * 6 + list(KINDS[1:])
    assert held.overrides[0].note == ""


def test_an_override_is_valid_through_its_last_day(tmp_path: Path, held: Desk) -> None:
    assert matches(list(held.expired)) == ["192.0.2.0/25"]
    assert held.expired[0].valid_until == date(2026, 2, 28)
    assert "192.0.2.0/25" not in ask(held, "192.0.2.7")
    before = load_desk(str(tmp_path), today=date(2026, 2, 28))
    assert before.expired == ()
    assert "192.0.2.0/25" in ask(before, "192.0.2.7")
    after = load_desk(str(tmp_path), today=date(2026, 3, 2))
    assert [item.line for item in after.expired] == [5, 9]


def test_ranges_that_contain_the_whole_span_come_smallest_first(held: Desk) -> None:
    whole = ["192.0.2.0 - 192.0.2.255", "192.0.2.0/24"]
    assert ask(held, "192.0.2.7") == ["192.0.2.7", "192.0.2.5-192.0.2.9", *whole]
    assert ask(held, "192.0.2.6/31") == ["192.0.2.5-192.0.2.9", *whole]
    assert ask(held, "192.0.2.9 - 192.0.2.10") == whole
    assert ask(held, "192.0.2.0/24") == whole
    assert ask(held, "192.0.2.255 - 192.0.3.0") == []
    assert ask(held, "198.51.100.1") == []
    assert ask(held, "2001:db8::7") == ["2001:db8::5 - 2001:db8:1::", "2001:DB8::/32"]
    assert ask(held, "2001:db8::4") == ["2001:DB8::/32"]
    assert ask(held, "2001:db8::/32") == ["2001:DB8::/32"]
    assert ask(held, "2001:db8::/31") == []
    assert ask(held, "::192.0.2.7") == []
    assert ask(held, "::ffff:192.0.2.7") == ask(held, "192.0.2.7")


def test_ranges_then_as_numbers_then_organisations_then_mailboxes(held: Desk) -> None:
    found = held.overrides_for(
        span("192.0.2.1"), [64501, 64500, 64500], ["ORG-EX1-RIPE", "ORG-EX2-RIPE"],
        ["abuse@NET.example", "abuse@net.example", "noc@net.example"],
    )  # fmt: skip
    assert [item.kind for item in found] == ["range", "range", "asn", "organisation", "mailbox"]
    assert matches(held.overrides_for(None, {64500}, (), ())) == ["as64500"]
    assert held.overrides_for(None, (), (), ()) == []
    assert held.overrides_for(None, (), ["abuse@net.example "], ["ORG-EX1-RIPE"]) == []


def test_what_is_equally_specific_stands_in_the_files_order(tmp_path: Path) -> None:
    rows = [
        "AS64502",
        "ORG-B",
        "AS64501",
        "ORG-A",
        "192.0.2.0/25",
        "192.0.2.0 - 192.0.2.127",
        "ORG-B",
    ]
    held = load(tmp_path, overrides=HEADING + "".join(f"{row},a@b.example,,\n" for row in rows))
    found = held.overrides_for(span("192.0.2.9"), [64501, 64502], ["ORG-A", "ORG-B"], ())
    assert [item.line for item in found] == [6, 7, 2, 4, 3, 5, 8]


def test_the_edges_of_the_address_space_match(tmp_path: Path) -> None:
    rows = ["0.0.0.0/0", "::/0", "255.255.255.255", "ffff::/16", "127.255.255.255-128.0.0.0", "AS0"]
    held = load(tmp_path, overrides=HEADING + "".join(f"{row},a@b.example,,\n" for row in rows))
    assert ask(held, "255.255.255.255") == ["255.255.255.255", "0.0.0.0/0"]
    assert ask(held, "128.0.0.0") == ["127.255.255.255-128.0.0.0", "0.0.0.0/0"]
    assert ask(held, "0.0.0.0/0") == ["0.0.0.0/0"]
    assert ask(held, "ffff:ffff::1") == ["ffff::/16", "::/0"]
    assert matches(held.overrides_for(None, [0], (), ())) == ["AS0"]


BAD_OVERRIDES = {
    "192.0.2.0/24,a@b.example,,\n": "line 1: the heading lacks match, contact, note, valid_until",
    "match,contact,note,valid_untill\n": "line 1: the heading lacks valid_until: write match",
    "match;contact;note;valid_until\n": "line 1: the heading lacks",
    HEADING + "192.0.2.1/24,a@b.example,,\n": "line 2: .*did you mean 192.0.2.0/24",
    HEADING + "\n# x\n192.0.2.256,a@b.example,,\n": "line 4: .*larger than 255",
    HEADING + "192.0.2.9-192.0.2.1,a@b.example,,\n": "line 2: .*ends before it begins",
    HEADING + "2001:db8::/129,a@b.example,,\n": "line 2: .*length is out of range",
    HEADING + "AS4294967296,a@b.example,,\n": "line 2: 'AS4294967296' matches nothing: write an",
    HEADING + "64500,a@b.example,,\n": "line 2: '64500' matches nothing",
    HEADING + "net.example,a@b.example,,\n": "'net.example' matches nothing",
    HEADING + "Example Holding,a@b.example,,\n": "'Example Holding' matches nothing",
    HEADING + "@net.example,a@b.example,,\n": "'@net.example' matches nothing",
    HEADING + ",a@b.example,,\n": "line 2: '' matches nothing",
    HEADING + "AS64500,,,\n": "line 2: '' is no contact: write a mailbox or a URL",
    HEADING + "AS64500,mailto:a@b.example,,\n": "is no contact",
    HEADING + "AS64500,ftp://b.example/,,\n": "is no contact",
    HEADING + "AS64500,a@b.example;c@d.example,,\n": "is no contact",
    HEADING + "AS64500,a@b,,\n": "is no contact",
    HEADING + "AS64500,a@b.example,,31.12.2026\n": "line 2: '31.12.2026' is no date: write 2026",
    HEADING + "AS64500,a@b.example,,2026-02-30\n": "line 2: '2026-02-30' is no date",
    HEADING + "AS64500,a@b.example,,20260301\n": "is no date",
    HEADING + "AS64500,a@b.example,,2026-W09-7\n": "is no date",
    HEADING + "AS64500,a@b.example,call, then mail,\n": "line 2",
    HEADING
    + "AS64500,a@b.example,call,2026-03-01,x\n": "line 2: has 5 fields under a heading of 4",
    HEADING + 'AS64500,a@b.example,"open,\nAS64501,a@b.example,,\n': "line 2: is no CSV .*one line",
    HEADING + 'AS64500,a@b.example,"a"b,\n': "line 2: is no CSV",
    HEADING + "AS64500,a@b.example,a\rb,\n": "line 2: is no CSV",
    HEADING + "AS64500,a@b.example," + "x" * 140_000 + ",\n": "line 2: is no CSV",
}


@pytest.mark.parametrize(("text", "fault"), BAD_OVERRIDES.items(), ids=range(len(BAD_OVERRIDES)))
def test_malformed_overrides_are_an_error_with_the_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    with pytest.raises(DeskError, match=fault) as caught:
        load(tmp_path, overrides=text)
    assert caught.value.path == str(tmp_path / "overrides.csv")
    assert len(str(caught.value)) < 600


def test_a_quoted_comma_and_empty_columns_of_a_spreadsheet_are_taken(tmp_path: Path) -> None:
    text = 'match,contact,note,valid_until,,\nAS64500,a@b.example,"call, mail",,,,,\n,,,,,\n'
    assert load(tmp_path, overrides=text).overrides[0].note == "call, mail"


def ends(draw: st.DrawFn, family: int) -> tuple[int, int]:
    """Draw a range near others, so that they nest, cross and meet."""
    width = 32 if family == 4 else 128
    shift = draw(st.sampled_from((0, 1, width // 2, width - 5)))
    low, high = sorted(draw(st.tuples(st.integers(0, 31), st.integers(0, 31))))
    return low << shift, ((high + 1) << shift) - 1


@st.composite
def spans(draw: st.DrawFn) -> Span:
    family = draw(st.sampled_from((4, 6)))
    return Span(family, *ends(draw, family), "range")


def written(where: Span) -> str:
    kind = ipaddress.IPv4Address if where.family == 4 else ipaddress.IPv6Address
    return f"{kind(where.first)} - {kind(where.last)}"


NAMES = {
    "asn": st.integers(64500, 64503),
    "organisation": st.sampled_from(("ORG-A", "ORG-B", "org-a")),
    "mailbox": st.sampled_from(("a@net.example", "A@net.example", "b@net.example")),
}


@given(
    ranges=st.lists(spans(), max_size=30),
    numbers=st.lists(NAMES["asn"], max_size=4),
    orgs=st.lists(NAMES["organisation"], max_size=4),
    mails=st.lists(NAMES["mailbox"], max_size=4),
    order=st.randoms(use_true_random=False),
    asked=st.one_of(st.none(), spans()),
    of=st.tuples(*(st.lists(item, max_size=3) for item in NAMES.values())),
)
@settings(max_examples=300, deadline=None)
def test_overrides_are_those_of_a_naive_scan(
    tmp_path_factory: pytest.TempPathFactory, ranges: list[Span], numbers: list[int],
    orgs: list[str], mails: list[str], order: object, asked: Span | None,
    of: tuple[list[int], list[str], list[str]],
) -> None:  # fmt: skip
    rows: list[tuple[str, str]] = [("range", written(item)) for item in ranges]
    rows += [("asn", f"AS{number}") for number in numbers]
    rows += [("organisation", org) for org in orgs] + [("mailbox", mail) for mail in mails]
    order.shuffle(rows)  # type: ignore[attr-defined]
    text = HEADING + "".join(f"{match},a@b.example,,\n" for _, match in rows)
    folder = write(tmp_path_factory.mktemp("desk", numbered=True), overrides=text)
    expected = []
    for line, (kind, match) in enumerate(rows, 2):
        size = 0
        where = span(match) if kind == "range" else None
        if where is not None:
            hit = asked is not None and (
                where.family == asked.family and where.first <= asked.first
                and asked.last <= where.last
            )  # fmt: skip
            size = where.last - where.first
        else:
            keys = [str(key).upper() for key in of[KINDS.index(kind) - 1]]
            hit = match.upper().removeprefix("AS" if kind == "asn" else "") in keys
        if hit:
            expected.append((KINDS.index(kind), size, line))
    found = load_desk(str(folder), today=TODAY).overrides_for(asked, *of)
    assert [item.line for item in found] == [line for *_, line in sorted(expected)]


# Teams of countries.


def team(country: str = "NL", name: str = "Example CERT", **values: object) -> Csirt:
    """Return a team; what is not given is empty."""
    blank = Csirt(country, name, "cert@cert.example", None, "own", date(2026, 1, 31))
    return blank._replace(**values)  # type: ignore[arg-type]


def test_teams_come_in_the_order_of_the_countries_then_of_the_file(tmp_path: Path) -> None:
    rows = "de,Zwei,,https://zwei.example/,,\nnl,Een,een@cert.example,,own,2026-01-31\n"
    held = load(tmp_path, csirt=TEAMS + rows + "DE,Eins,,,,\n,Nowhere,,,,\n")
    assert [item.name for item in held.csirts(["nl", "FR", "DE", "NL", ""])] == [
        "Een",
        "Zwei",
        "Eins",
    ]
    assert held.csirts(["DE"])[0] == Csirt("DE", "Zwei", None, "https://zwei.example/", "", None)
    assert held.csirts([]) == []
    assert len(held.teams) == 4


@pytest.mark.parametrize(
    ("checked", "today", "stale"),
    [
        (None, date(2026, 3, 1), True),
        (date(2025, 3, 1), date(2026, 3, 1), False),
        (date(2025, 2, 28), date(2026, 3, 1), True),
        (date(2024, 2, 29), date(2025, 2, 28), False),
        (date(2024, 2, 29), date(2025, 3, 1), True),
        (date(2027, 1, 1), date(2026, 3, 1), False),
    ],
)
def test_a_team_is_stale_when_it_was_checked_more_than_a_year_ago_or_never(
    checked: date | None, today: date, stale: bool
) -> None:
    assert team(checked=checked).stale(today) is stale


BAD_TEAMS = {
    "country,name\n": "line 1: the heading lacks mail, form, source, checked",
    TEAMS + "NLD,Example CERT,,,,\n": "line 2: 'NLD' is no country: write two letters",
    TEAMS + "N1,Example CERT,,,,\n": "line 2: 'N1' is no country",
    TEAMS + "NL,,cert@cert.example,,,\n": "line 2: has no name: add it",
    TEAMS + "NL,Example CERT,cert.example,,,\n": "line 2: 'cert.example' is no mailbox",
    TEAMS + "NL,Example CERT,,cert.example,,\n": "line 2: 'cert.example' is no URL",
    TEAMS + "NL,Example CERT,,,,yesterday\n": "line 2: 'yesterday' is no date",
}


@pytest.mark.parametrize(("text", "fault"), BAD_TEAMS.items())
def test_malformed_teams_are_an_error_with_the_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(DeskError, match=fault) as caught:
        load(tmp_path, csirt=text)
    assert caught.value.path == str(tmp_path / "csirt.csv")


def test_no_team_comes_with_rirdex() -> None:
    assert not (Path(desk.__file__).parent / "csirt.csv").exists()


# FIRST's teams. The members are those of the API's documentation.

TEAMS_V1 = {
    "status": "OK", "status-code": 200, "version": "1.0", "access": "public", "total": 3,
    "data": [
        {
            "id": "ex", "team": "EX-CERT", "team-full": "Example\r\n\x07Computer  Team",
            "membership": "Full Member", "host": "Example Host", "country": "nl",
            "email": "cert@cert.example", "website": "https://cert.example/", "unknown": [1, {}],
        },
        {"team": "NoMail", "team-full": "", "country": "NL", "email": "ask us",
         "website": ["cert.example", "https://nomail.example/"]},
        {"team": "Nowhere", "country": "Netherlands", "email": "x@a.example, y@a.example"},
    ],
}  # fmt: skip
GLOBAL_IRT = [
    {
        "short-team-name": "EX", "official-team-name": "Example Team", "country-code": ["LU"],
        "country": "Luxembourg", "website": ["https://www.cert.example/"],
        "email": "info@cert.example", "constituency": "Private and Public sectors",
        "cert-type": ["national", "government"], "source-name": "FIRST.Org",
    },
    {"short-team-name": "EX2", "country-code": "LU"},
]  # fmt: skip


def test_the_teams_of_first_become_rows() -> None:
    found = teams_of_first(json.dumps(TEAMS_V1).encode(), today=TODAY)
    assert found == [
        Csirt("NL", "Example Computer Team", "cert@cert.example", None, "FIRST", TODAY),
        Csirt("NL", "NoMail", None, "https://nomail.example/", "FIRST", TODAY),
        Csirt("", "Nowhere", "x@a.example", None, "FIRST", TODAY),
    ]


def test_the_teams_of_global_irt_become_rows() -> None:
    expected = [
        Csirt("LU", "Example Team", "info@cert.example", None, "FIRST", None),
        Csirt("LU", "EX2", None, None, "FIRST", None),
    ]
    assert teams_of_first(json.dumps(GLOBAL_IRT).encode()) == expected
    assert teams_of_first(json.dumps({"data": GLOBAL_IRT}).encode("utf-8-sig")) == expected
    assert all(item.stale(TODAY) for item in expected)


def test_a_nameless_team_gets_its_mailbox_or_website_for_a_name() -> None:
    rows = [{"email": "a@b.example"}, {"website": "https://b.example/"}, {"country": "NL"}]
    found = teams_of_first(json.dumps(rows).encode())
    assert [item.name for item in found] == ["a@b.example", "https://b.example/"]
    assert teams_of_first(b"[]") == teams_of_first(b'{"status": "OK", "data": []}') == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is no JSON"),
        (b"<html>", "is no JSON .*fetch it again"),
        (b'{"data": "\xff"}', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"3", "has no list of teams"),
        (b"{}", "has no list of teams"),
        (b'{"data": {"a": 1}}', "has no list of teams"),
        (b"[1]", "has no list of teams"),
        (b'{"status": "error", "data": [{"team": "x"}]}', "reports an error"),
        (b'[{"s": "x", "t": "y", "c": "NL"}]', "has no team with a name: .*scope=public"),
    ],
)
def test_what_is_no_answer_of_first_is_an_error(data: bytes, fault: str) -> None:
    with pytest.raises(DeskError, match=f"FIRST's answer: {fault}"):
        teams_of_first(data)


def test_rows_made_by_hand_stay_and_imported_ones_are_brought_up_to_date() -> None:
    by_hand = team(name="Own CERT", mail="own@cert.example")
    imported = team(name="Example CERT", source=csirt.SOURCE, mail="old@cert.example")
    gone = team(name="Gone CERT", source=csirt.SOURCE)
    new = [
        team(name="OWN cert", source=csirt.SOURCE, mail="first@cert.example"),
        team(name="Example CERT", source=csirt.SOURCE, mail="new@cert.example"),
        team(country="DE", name="Example CERT", source=csirt.SOURCE),
        team(country="DE", name="example cert", source=csirt.SOURCE),
    ]
    merged = merge([by_hand, imported, gone], new)
    assert merged == [by_hand, new[1], gone, new[2]]
    assert merge(merged, new) == merged
    assert merge([], new) == new[:3]
    assert merge([by_hand], []) == [by_hand]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = teams_of_first(json.dumps(TEAMS_V1).encode(), today=TODAY)
    rows += [team(name='A "quoted", long name'), team(country="", name="# no comment", mail=None)]
    text = write_csv(rows)
    assert text.startswith(",".join(CSIRT_COLUMNS) + "\n")
    assert load(tmp_path, csirt=text).teams == tuple(rows)
    assert write_csv([]) == TEAMS


@given(
    st.lists(
        st.builds(
            lambda name, country: {"team": name, "country": country},
            st.text(min_size=1, max_size=20), st.sampled_from(("NL", "de", "x", "")),
        ),
        max_size=6,
    )
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_name_of_a_team_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, answer: list[dict[str, str]]
) -> None:
    try:
        rows = teams_of_first(json.dumps(answer).encode())
    except DeskError:
        return
    folder = write(tmp_path_factory.mktemp("desk", numbered=True), csirt=write_csv(rows))
    assert load_desk(str(folder)).teams == tuple(rows)
