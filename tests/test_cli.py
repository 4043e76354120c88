"""Check the command line: exit codes, what goes to which stream, and the shape of the output."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.cli import cli, run

Command = Callable[..., subprocess.CompletedProcess[str]]
Capture = pytest.CaptureFixture[str]

LEASED = "240.10.33.7"
NOWHERE = "192.88.99.1"
LOOKALIKES = [
    "300.1.1.1",
    "010.0.0.1",
    "127.1",
    "1.2.3.4/33",
    "10.0.0.1/8",
    "10.0.0.9 - 10.0.0.1",
    "10.0.0.1 -",
    "10.0.0.1 - ::1",
    "fe80::1%eth0",
    "2001:db8::/129",
    "1" * 5000 + ".1.1.1",
]
MEMBERS = [
    "schema_version", "query", "kind", "registry", "chain", "holder", "user", "lessor", "lessee",
    "facilitator", "sponsor", "lease", "abuse", "route", "origins", "notes",
]  # fmt: skip
NET_MEMBERS = [
    "key", "first", "last", "cidrs", "netname", "status", "role", "country", "descr", "org",
    "mnt_by", "created", "modified", "source",
]  # fmt: skip
ROLES = {
    "registry", "holder", "partition", "facilitator", "lessee", "customer", "aggregate",
    "infrastructure", "placeholder", "foreign",
}  # fmt: skip
NOTES = {
    "no-net", "registry-block", "available", "reserved", "special-purpose", "embedded-ipv4",
    "not-authoritative", "authority-unclear", "transferred", "nir-detail-elsewhere", "rwhois",
    "source-missing", "contacts-not-loaded", "orphan", "several-holders", "crossing",
}  # fmt: skip
DATE = re.compile(r"\d{4}-\d\d-\d\d")

# What a terminal would obey, and what turns the direction of writing.
DANGERS = [
    *map(chr, range(32)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u2028\u2029\u202a\u202e\u2066\u2069",
]
HOSTILE = b"""\
inetnum:        192.0.2.0 - 192.0.2.255
netname:        EVIL\x1b]0;owned\x07\x1b[31mRED\x9b2J
descr:          one\x08\x08\x08two\x1b[2J\x00 \xe2\x80\xaegpj.exe \xc2\x9b31m
descr:          a\rb\x0bc\x0cd\xe2\x80\xa8e
country:        D\x1bE
org:            ORG-\x1b[5mEVIL1-TEST
status:         ASSIGNED\x1b[7m PA
mnt-by:         EVIL\x1b-MNT
last-modified:  2024-01-02T03:04:05Z
source:         EV\x1bIL

organisation:   ORG-\x1b[5mEVIL1-TEST
org-name:       Evil\x1b[1m Corp\x07
source:         EV\x1bIL

inetnum:        192.0.2.300
netname:        \x1b[31mREJECTED
source:         EV\x1bIL

\x1b[31mnonsense
"""
TEAMS = b"""[{"team": "Example CERT", "country": "NL", "email": "cert@cert.example"}]"""
TWINS = b"""\
organisation:   ORG-TW1-TEST
org-name:       First Twin
source:         RIPE

organisation:   ORG-TW1-TEST
org-name:       Second Twin
source:         DN42

mntner:         ORG-TW1-TEST
source:         RIPE
"""


@pytest.fixture(autouse=True)
def _own_default_index(index_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIRDEX_INDEX", str(index_path))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dump full of control characters, and its index."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "evil\x1b[31m.db").write_bytes(HOSTILE)
    build([str(folder / "evil\x1b[31m.db")], str(folder / "index"), processes=0)
    return folder


def one_line(text: str) -> str:
    """Return a complaint: exactly one line, which names the program and is no traceback."""
    assert text.startswith("rirdex: ")
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return text


def answers(capsys: Capture, *arguments: str) -> list[dict[str, Any]]:
    """Return what `lookup --json` prints, one object for each line."""
    run(["lookup", "--json", *arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# -- exit codes --------------------------------------------------------------------------------


def test_an_answer_gives_0_and_nothing_on_stderr(capsys: Capture) -> None:
    assert run(["lookup", LEASED]) == 0
    done = capsys.readouterr()
    assert "WOLKENBURG-FI-33" in done.out
    assert done.err == ""


def test_no_match_gives_1_and_says_why_on_stdout(capsys: Capture) -> None:
    for query in (NOWHERE, "2001:db8::1", "NO-SUCH-HANDLE", "AS4200000000", "192.88.99.0/24"):
        assert run(["lookup", query]) == 1
        done = capsys.readouterr()
        assert query in done.out
        assert done.err == ""


def test_where_only_registry_blocks_contain_an_address_there_is_no_match(capsys: Capture) -> None:
    assert run(["lookup", "--json", "240.200.0.1"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["chain"] == []
    assert answer["registry"] is None
    assert [note["code"] for note in answer["notes"]] == ["special-purpose", "registry-block"]


@pytest.mark.parametrize("query", LOOKALIKES, ids=lambda query: query[:20])
def test_text_that_looks_like_an_address_and_is_none_gives_2(capsys: Capture, query: str) -> None:
    assert run(["lookup", query]) == 2
    done = capsys.readouterr()
    assert done.out == ""
    assert query[:40] in one_line(done.err)
    assert len(done.err) < 250


def test_wrong_usage_gives_2() -> None:
    for arguments in (
        ["lookup"],
        ["build"],
        ["lookup", "--nonsense", LEASED],
        ["build", "--date", "2026-13-01", "x"],
        ["build", "--jobs", "-1", "x"],
        ["info", "--nonsense"],
    ):
        assert run(arguments) == 2


def test_a_missing_index_gives_3_and_says_how_to_build_one(capsys: Capture, tmp_path: Path) -> None:
    for command in (["lookup", LEASED], ["info"], ["verify"]):
        assert run([*command, "-i", str(tmp_path / "none")]) == 3
        done = capsys.readouterr()
        assert done.out == ""
        assert "rirdex build" in one_line(done.err)


def test_a_place_that_cannot_hold_an_index_gives_3(capsys: Capture, index_path: Path) -> None:
    for place in (f"{index_path}/index", "x" * 300, f"{index_path.parent}"):
        for command in (["lookup", LEASED], ["info"], ["verify"]):
            assert run([*command, "-i", place]) == 3, (place, command)
            assert place[:50] in one_line(capsys.readouterr().err)


def test_a_file_that_is_no_index_gives_3(capsys: Capture, tmp_path: Path, dumps_now: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    for place in (tmp_path / "empty", tmp_path / "zeros", dumps_now / "private.db"):
        assert run(["lookup", LEASED, "-i", str(place)]) == 3
        assert "rebuild" in one_line(capsys.readouterr().err)


def test_of_several_queries_the_highest_code_counts_and_all_are_answered(capsys: Capture) -> None:
    assert run(["lookup", "--json", NOWHERE, LEASED]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run(["lookup", "--json", "300.1.1.1", NOWHERE, "1.2.3.4/33", LEASED]) == 2
    done = capsys.readouterr()
    assert [json.loads(line)["query"] for line in done.out.splitlines()] == [NOWHERE, LEASED]
    assert done.err.count("\n") == 2
    assert run(["lookup", LEASED, "240.10.33.8"]) == 0


def test_a_query_that_is_no_text_at_all_is_answered_or_refused(
    rirdex: Command, index_path: Path
) -> None:
    done = rirdex("lookup", os.fsdecode(b"\xff\xfe"), "-i", index_path)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


# -- ways to ask -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--json"], ["--raw"], ["--explain", "--all", "--more"]])
def test_an_address_alone_means_lookup(capsys: Capture, options: list[str]) -> None:
    assert run(["lookup", LEASED, *options]) == 0
    wanted = capsys.readouterr().out
    assert wanted
    assert run([LEASED, *options]) == 0
    assert capsys.readouterr().out == wanted
    assert run([*options, LEASED]) == 0
    assert capsys.readouterr().out == wanted


def test_no_arguments_with_piped_input_are_a_batch(rirdex: Command, index_path: Path) -> None:
    done = rirdex(stdin=b"240.10.33.7\n", RIRDEX_INDEX=str(index_path))
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].startswith("240.10.33.7,")
    done = rirdex(stdin=b"240.10.33.7\n")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1


def test_help_and_version_give_0_on_stdout(capsys: Capture) -> None:
    for arguments in (["--help"], ["-h"], ["--version"], ["lookup", "--help"]):
        assert run(arguments) == 0
        done = capsys.readouterr()
        assert "rirdex" in done.out
        assert done.err == ""


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help_with_an_example_that_parses(capsys: Capture, name: str) -> None:
    assert run([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    example = re.search(rf"Example: (rirdex {name}\b.*)$", text)
    assert example, text
    command = cli.commands[name]
    assert command.help
    command.make_context(name, shlex.split(example[1])[2:])


def test_no_command_is_cut_off_in_the_list_of_commands(capsys: Capture) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2]
    assert "verify" in listed
    assert "..." not in listed


def test_every_option_of_every_command_has_help() -> None:
    for name, command in cli.commands.items():
        for option in command.params:
            if option.param_type_name == "option":
                assert getattr(option, "help", None), (name, option.name)


def test_the_index_is_the_option_else_the_variable_else_the_user_data_folder(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "rirdex").mkdir(parents=True)
    (data / "rirdex" / "index.rirdex").write_bytes(index_path.read_bytes())
    none = str(tmp_path / "none")
    assert rirdex(LEASED, XDG_DATA_HOME=none).returncode == 3
    assert rirdex(LEASED, XDG_DATA_HOME=str(data)).returncode == 0
    assert rirdex(LEASED, XDG_DATA_HOME=str(data), RIRDEX_INDEX=none).returncode == 3
    assert rirdex(LEASED, XDG_DATA_HOME=none, RIRDEX_INDEX=str(index_path)).returncode == 0
    done = rirdex(LEASED, "-i", index_path, XDG_DATA_HOME=none, RIRDEX_INDEX=none)
    assert done.returncode == 0
    assert rirdex(LEASED, XDG_DATA_HOME=none, RIRDEX_INDEX="").returncode == 3


def test_build_writes_where_lookup_reads(rirdex: Command, dumps_now: Path, tmp_path: Path) -> None:
    assert rirdex("build", dumps_now, XDG_DATA_HOME=str(tmp_path / "a")).returncode == 0
    assert (tmp_path / "a" / "rirdex" / "index.rirdex").exists()
    assert rirdex(LEASED, XDG_DATA_HOME=str(tmp_path / "a")).returncode == 0
    assert rirdex("build", dumps_now, RIRDEX_INDEX=str(tmp_path / "b" / "c")).returncode == 0
    assert rirdex(LEASED, RIRDEX_INDEX=str(tmp_path / "b" / "c")).returncode == 0
    relative = rirdex("build", dumps_now / "private.db", "-o", "here", cwd=tmp_path)
    assert relative.returncode == 0
    assert rirdex("248.1.0.1", "-i", "here", cwd=tmp_path).returncode == 0


# -- JSON --------------------------------------------------------------------------------------


def check_party(party: Any) -> None:
    """Check the shape of a party or null."""
    if party is not None:
        assert list(party) == ["name", "handle", "net"]
        assert party["name"] or party["handle"]
        assert isinstance(party["net"], str)


def check_net(net: Any, *more: str) -> None:
    """Check that a net has exactly the members of the contract, with their types."""
    assert list(net) == [*NET_MEMBERS, *more]
    for name in ("key", "first", "last", "role", "source"):
        assert isinstance(net[name], str)
    for name in ("netname", "status", "created", "modified"):
        assert net[name] is None or isinstance(net[name], str)
    for name in ("cidrs", "country", "descr", "mnt_by"):
        assert isinstance(net[name], list)
        assert all(isinstance(item, str) for item in net[name])
    assert net["cidrs"]
    assert net["role"] in ROLES
    if net["org"] is not None:
        assert list(net["org"]) == ["handle", "name"]
    for name in ("created", "modified"):
        assert net[name] is None or DATE.fullmatch(net[name])


def check_answer(answer: Any, *more: str) -> None:
    """Check that an answer has exactly the members of the contract, with their types."""
    assert list(answer) == [*MEMBERS, *more]
    assert answer["schema_version"] == 1
    assert answer["kind"] in ("address", "prefix", "range", "asn", "handle")
    for name in ("holder", "user", "lessor", "lessee", "facilitator", "sponsor"):
        check_party(answer[name])
    assert list(answer["lease"]) == ["verdict", "confidence", "evidence"]
    assert isinstance(answer["abuse"], list)
    assert isinstance(answer["origins"], list)
    for note in answer["notes"]:
        assert list(note) == ["code", "text"]
        assert note["code"] in NOTES
        assert note["text"]
    for net in answer["chain"]:
        check_net(net)


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys of objects too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from (text for item in value.values() for text in strings(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in strings(item))


def every_query(index: Index) -> list[str]:
    """Return a query of every kind, and every net by its key and its first address."""
    nets = [index.net(row) for row in range(len(index))]
    keys = [net.key for net in nets] + [str(net.first) for net in nets]
    others = [NOWHERE, "0.0.0.0/0", "::/0", "::ffff:240.10.33.7", "240.10.0.0 - 240.10.40.7"]
    handles = ["ORG-NLH1-TEST", "NORDLICHT-MNT", "AR1003-TEST", "AS65551", "AS1", "NOTHING"]
    return [*keys, *others, *handles]


def test_json_has_exactly_the_members_of_the_contract(capsys: Capture, index: Index) -> None:
    queries = every_query(index)
    found = answers(capsys, *queries)
    assert [answer["query"] for answer in found] == queries
    for answer in found:
        if answer["kind"] in ("asn", "handle"):
            check_answer(answer, "object", "more")
        else:
            check_answer(answer)
    assert {answer["kind"] for answer in found} == {"address", "prefix", "range", "asn", "handle"}


def test_what_is_missing_in_json_is_null_or_an_empty_list(capsys: Capture, index: Index) -> None:
    options = ["--all", "--more", "--explain"]
    for answer in answers(capsys, *options, *every_query(index)):
        assert "" not in list(strings(answer))
        assert answer["lease"]["verdict"]


def test_json_is_one_line_per_query_in_order(capsys: Capture) -> None:
    assert run(["lookup", "--json", LEASED, "AS65551", NOWHERE, LEASED]) == 1
    lines = capsys.readouterr().out.split("\n")
    assert lines.pop() == ""
    assert [json.loads(line)["query"] for line in lines] == [LEASED, "AS65551", NOWHERE, LEASED]


def test_the_chain_holds_the_nets_that_contain_all_of_the_query(
    capsys: Capture, index: Index
) -> None:
    queries = every_query(index)
    for query, answer in zip(queries, answers(capsys, *queries), strict=True):
        span = index.lookup(query).span
        nets = index.lookup(query).chain
        assert [net.key for net in nets] == [net["key"] for net in answer["chain"]]
        for net in nets:
            assert span is not None
            assert net.bounds[0] <= span.first
            assert span.last <= net.bounds[1]
        sizes = [net.bounds[1] - net.bounds[0] for net in nets]
        assert sizes == sorted(sizes, reverse=True)
        assert not nets or nets[-1].role != "registry"


def test_all_adds_placeholders_and_registry_blocks(capsys: Capture) -> None:
    (plain,) = answers(capsys, LEASED)
    (whole,) = answers(capsys, "--all", LEASED)
    check_answer(whole, "all")
    assert {name: whole[name] for name in MEMBERS} == plain
    for net in whole["all"]:
        check_net(net)
    roles = {net["netname"]: net["role"] for net in whole["all"]}
    assert roles["IANA-BLK"] == "placeholder"
    assert roles["EU-ZZ-240-20170101"] == "registry"
    assert "placeholder" not in {net["role"] for net in plain["chain"]}
    (nothing,) = answers(capsys, "--all", "240.200.0.1")
    assert nothing["chain"] == []
    assert "registry" in {net["role"] for net in nothing["all"]}


def test_more_adds_the_nets_inside(capsys: Capture) -> None:
    (found,) = answers(capsys, "--more", "240.10.32.0/20")
    check_answer(found, "more")
    keys = [net["key"] for net in found["more"]]
    assert "240.10.33.0 - 240.10.33.255" in keys
    assert "240.10.32.0 - 240.10.47.255" not in keys
    assert [net["key"] for net in found["chain"]][-1] == "240.10.32.0 - 240.10.47.255"
    (address,) = answers(capsys, "--more", LEASED)
    assert address["more"] == []


def test_explain_says_at_which_byte_of_which_dump_an_object_stands(
    capsys: Capture, index: Index, dumps_now: Path
) -> None:
    found = answers(capsys, "--explain", "--all", "--more", "0.0.0.0/0", "::/0", LEASED)
    seen = 0
    for net in (net for answer in found for part in ("all", "more") for net in answer[part]):
        check_net(net, "dump")
        assert list(net["dump"]) == ["file", "date", "sha256", "offset"]
        data = (dumps_now / net["dump"]["file"]).read_bytes()
        assert net["dump"]["sha256"] == sha256(data).hexdigest()
        begin = data[net["dump"]["offset"] :][:200].lower()
        assert re.match(rb"inet6?num:\s*\S", begin)
        first = net["first"].encode() if ":" not in net["first"] else b"inet6num"
        assert first in begin.split(b"\n")[0]
        assert net["netname"].encode().lower() in begin
        seen += 1
    assert seen > len(index)


def test_explain_gives_the_place_of_a_handle_too(capsys: Capture, dumps_now: Path) -> None:
    (found,) = answers(capsys, "--explain", "ORG-LAB1-TEST")
    place = found["object"]["dump"]
    text = (dumps_now / place["file"]).read_bytes()[place["offset"] :]
    assert text.startswith(b"ORGANISATION:\tORG-LAB1-TEST\r\n")


@pytest.mark.parametrize(
    "query", ["ORG-NLH1-TEST", "org-nlh1-test", "Org-Nlh1-Test", " ORG-NLH1-TEST "]
)
def test_handles_are_found_in_any_letter_case(capsys: Capture, query: str) -> None:
    (answer,) = answers(capsys, query)
    assert answer["kind"] == "handle"
    assert answer["query"] == query
    assert list(answer["object"]) == ["class", "key", "source", "name", "org", "abuse"]
    assert answer["object"]["class"] == "organisation"
    assert answer["object"]["key"] == "ORG-NLH1-TEST"
    assert answer["object"]["name"] == "Nordlicht Hosting GmbH"
    assert "DE-NORDLICHT-20180312" in [net["netname"] for net in answer["more"]]


@pytest.mark.parametrize("query", ["AS65551", "as65551", "As0000065551"])
def test_as_numbers_are_found(capsys: Capture, query: str) -> None:
    (answer,) = answers(capsys, query)
    assert answer["kind"] == "asn"
    assert (answer["object"]["class"], answer["object"]["key"]) == ("aut-num", "AS65551")
    assert answer["chain"] == []


def test_a_handle_without_object_has_none(capsys: Capture) -> None:
    for query, kind in (("NO-SUCH-HANDLE", "handle"), ("AS4200000001", "asn")):
        (answer,) = answers(capsys, query)
        assert (answer["kind"], answer["object"], answer["more"]) == (kind, None, [])


def test_several_objects_under_one_key_give_one_line_each(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "twins.db").write_bytes(TWINS)
    build([str(tmp_path / "twins.db")], str(tmp_path / "index"), processes=0)
    found = answers(capsys, "org-tw1-test", "-i", str(tmp_path / "index"))
    assert [(item["object"]["class"], item["object"]["name"]) for item in found] == [
        ("organisation", "First Twin"),
        ("organisation", "Second Twin"),
        ("mntner", None),
    ]
    assert [item["registry"] for item in found] == ["RIPE", "DN42", "RIPE"]
    assert {item["query"] for item in found} == {"org-tw1-test"}


# -- raw text and untrusted text ---------------------------------------------------------------


def test_raw_gives_the_objects_as_they_stand(
    capsys: Capture, index: Index, dumps_now: Path
) -> None:
    assert run(["lookup", "--raw", LEASED]) == 0
    out = capsys.readouterr().out
    text = (dumps_now / "ripe.db.inetnum").read_text("latin-1")
    objects = out.rstrip("\n").split("\n\n")
    assert len(objects) == len(index.lookup(LEASED).chain)
    for item in objects:
        assert f"\n\n{item}\n\n" in text
    assert run(["lookup", "--raw", "ORG-NLH1-TEST"]) == 0
    assert capsys.readouterr().out.startswith("organisation:   ORG-NLH1-TEST\norg-name:       Nord")


def test_raw_with_all_gives_placeholders_too(capsys: Capture) -> None:
    assert run(["lookup", "--raw", LEASED]) == 0
    assert "IANA-BLK" not in capsys.readouterr().out
    assert run(["lookup", "--raw", "--all", LEASED]) == 0
    assert "IANA-BLK" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["lookup", "192.0.2.1"],
        ["lookup", "192.0.2.1", "--json", "--explain", "--all", "--more"],
        ["lookup", "192.0.2.1", "--explain", "--all", "--more"],
        ["lookup", "192.0.2.1", "--raw"],
        ["lookup", "ORG-\x1b[5mEVIL1-TEST"],
        ["lookup", "ORG-\x1b[5mEVIL1-TEST", "--json"],
        ["lookup", "ORG-\x1b[5mEVIL1-TEST", "--raw"],
        ["lookup", "NO\x1b[5mSUCH"],
        ["lookup", "192.0.2.\x1b1", "10.0.0.1/\x1b[2J"],
        ["info"],
        ["info", "--json"],
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)
def test_control_characters_never_reach_a_terminal(
    capsys: Capture, hostile: Path, arguments: list[str]
) -> None:
    run([*arguments, "-i", str(hostile / "index")])
    done = capsys.readouterr()
    shown = (done.out + done.err).translate({10: None, 9: None})
    assert shown
    assert [danger for danger in DANGERS if danger in shown] == []
    for line in done.out.splitlines() if "--json" in arguments else ():
        texts = "".join(strings(json.loads(line)))
        assert [danger for danger in DANGERS if danger in texts] == []


def test_control_characters_of_rejects_never_reach_a_terminal(
    capsys: Capture, hostile: Path
) -> None:
    dump = str(hostile / "evil\x1b[31m.db")
    assert run(["build", dump, "-o", str(hostile / "again")]) == 0
    done = capsys.readouterr()
    assert "REJECTED" in done.out + done.err
    assert run(["build", dump, "-o", str(hostile / "again"), "--strict"]) == 5
    strict = capsys.readouterr()
    assert strict.err
    shown = (done.out + done.err + strict.out + strict.err).translate({10: None, 9: None})
    assert [danger for danger in DANGERS if danger in shown] == []


def test_the_control_characters_are_replaced_and_the_rest_is_kept(
    capsys: Capture, hostile: Path
) -> None:
    (answer,) = answers(capsys, "192.0.2.1", "-i", str(hostile / "index"))
    assert answer["chain"][0]["netname"] == "EVIL\ufffd]0;owned\ufffd\ufffd[31mRED\ufffd2J"
    with open_index(hostile / "index") as index:
        assert b"\x1b[31mRED\x9b2J" in index.net(0).raw


def test_output_that_the_terminal_cannot_show_is_no_crash(
    rirdex: Command, index_path: Path
) -> None:
    for arguments in ([], ["--json"], ["--raw"]):
        for variables in (
            {"PYTHONIOENCODING": "ascii"},
            {"LC_ALL": "C"},
            {"PYTHONIOENCODING": "latin-1"},
        ):
            done = rirdex("lookup", "198.18.0.1", *arguments, "-i", index_path, **variables)
            assert done.returncode == 0, (arguments, variables)
            assert "KRAEHENBURG-NET" in done.stdout


# -- streams -----------------------------------------------------------------------------------


@pytest.fixture
def shell(environment: dict[str, str], program: list[str], index_path: Path) -> Command:
    """Return a function that runs a line of bash in which `rirdex` is the program."""
    name = f'rirdex() {{ {shlex.join(program)} "$@"; }}\n'

    def call(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", name + line],
            capture_output=True,
            text=True,
            env=environment | {"RIRDEX_INDEX": str(index_path)} | variables,
            timeout=60,
            check=False,
        )

    return call


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("queries", [LEASED, "0.0.0.0/0 ::/0 " * 40])
def test_a_closed_pipe_ends_quietly_with_0(shell: Command, queries: str, unbuffered: str) -> None:
    line = f"rirdex lookup --more --all {queries} | head -1; echo ${{PIPESTATUS[0]}}"
    done = shell(line, PYTHONUNBUFFERED=unbuffered)
    answer, code = done.stdout.splitlines()
    assert answer.startswith(queries.split()[0])
    assert code == "0"
    assert done.stderr == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [f"lookup {LEASED}", "info", "verify", "--help", "--version"])
def test_a_pipe_closed_from_the_beginning_ends_quietly_with_0(
    environment: dict[str, str], program: list[str], index_path: Path, command: str, unbuffered: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*program, *command.split()],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment | {"RIRDEX_INDEX": str(index_path), "PYTHONUNBUFFERED": unbuffered},
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", [f"lookup {LEASED}", "info", "verify", "--help"])
def test_a_full_disk_behind_stdout_gives_5(shell: Command, command: str) -> None:
    done = shell(f"rirdex {command} > /dev/full")
    assert done.returncode == 5
    assert "No space left" in one_line(done.stderr)


def test_a_closed_stdout_is_no_crash(shell: Command) -> None:
    for command in (f"lookup {LEASED}", "info", "verify"):
        done = shell(f"rirdex {command} >&-")
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 5)


def test_a_closed_stderr_changes_no_exit_code(shell: Command) -> None:
    assert shell("rirdex lookup 300.1.1.1 2>&-").returncode == 2
    assert shell(f"rirdex lookup {LEASED} 2>&-").returncode == 0
    assert shell("rirdex lookup -i /nonexistent 1.1.1.1 2>&-").returncode == 3


def test_errors_go_to_stderr_and_answers_to_stdout(shell: Command) -> None:
    done = shell(f"rirdex lookup 300.1.1.1 {LEASED} 2>/dev/null")
    assert done.stdout.startswith(LEASED)
    assert shell("rirdex lookup 300.1.1.1").stdout == ""


def test_without_a_terminal_a_build_shows_no_progress(
    rirdex: Command, dumps_now: Path, tmp_path: Path
) -> None:
    done = rirdex("build", dumps_now, "-o", tmp_path / "index")
    assert done.returncode == 0
    assert "\r" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "%" not in done.stderr
    assert "ripe.db.inetnum" in done.stdout + done.stderr


def test_on_a_terminal_a_build_shows_progress_unless_it_is_quiet(
    environment: dict[str, str], program: list[str], dumps_now: Path, tmp_path: Path
) -> None:
    def shown(*options: str) -> bytes:
        master, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (24, 80))
        child = subprocess.Popen(
            [*program, "build", str(dumps_now), "-o", str(tmp_path / "index"), *options],
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            env=environment,
        )
        os.close(terminal)
        text = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([master], [], [], 1)[0]:
                try:
                    text += os.read(master, 4096)
                except OSError:
                    break
        assert child.wait(10) == 0
        os.close(master)
        return text

    assert b"\r" in shown()
    assert shown("--quiet") == b""


def test_quiet_builds_say_nothing(rirdex: Command, dumps_now: Path, tmp_path: Path) -> None:
    for option in ("-q", "--quiet"):
        done = rirdex("build", dumps_now, "-o", tmp_path / "index", option)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    failed = rirdex("build", tmp_path / "none", "-o", tmp_path / "index", "-q")
    assert failed.returncode == 5
    one_line(failed.stderr)


# -- info, verify ------------------------------------------------------------------------------


def test_info_lists_every_source_with_its_date_counts_and_size(
    capsys: Capture, index: Index, dumps_now: Path
) -> None:
    assert run(["info"]) == 0
    text = capsys.readouterr().out
    for path in dumps_now.iterdir():
        assert path.name in text
    assert f"{len(index)} nets" in text
    assert index.build_id in text
    assert run(["info", "--json"]) == 0
    meta = json.loads(capsys.readouterr().out)
    assert meta["build"] == index.build_id
    assert {item["name"] for item in meta["sources"]} == {path.name for path in dumps_now.iterdir()}


def test_who_is_in_no_net_has_nobody_to_tell(rirdex: Command, index_path: Path) -> None:
    done = rirdex("contacts", "-i", index_path, "11.0.0.1")
    assert done.returncode == 1
    assert "  nobody: no net in this index contains it" in done.stdout.splitlines()
    done = rirdex("contacts", "-i", index_path, "AS64999")
    assert "  nobody: no contact is registered, and" in done.stdout


def test_a_desk_that_is_named_and_missing_gives_5(
    rirdex: Command, index_path: Path, dumps_now: Path, tmp_path: Path
) -> None:
    missing = str(tmp_path / "none")
    for done in (
        rirdex("contacts", "-i", index_path, "240.10.33.7", "--desk", missing),
        rirdex("contacts", "-i", index_path, "240.10.33.7", RIRDEX_CONFIG=missing),
        rirdex("build", dumps_now, "-o", tmp_path / "x", "--desk", missing),
        rirdex("csirt", "-", "--desk", missing, stdin=TEAMS),
    ):
        assert (done.returncode, done.stdout) == (5, "")
        assert f"{missing}: there is no such folder" in done.stderr
    assert rirdex("contacts", "-i", index_path, "240.10.33.7").returncode == 0


def test_csirt_takes_a_file_or_standard_input_and_names_what_is_wrong(
    rirdex: Command, tmp_path: Path
) -> None:
    (tmp_path / "teams.json").write_bytes(TEAMS)
    from_file = rirdex("csirt", tmp_path / "teams.json", "-o", "-")
    from_input = rirdex("csirt", "-", "-o", "-", stdin=TEAMS)
    assert from_file.returncode == from_input.returncode == 0
    assert "NL,Example CERT,cert@cert.example,,FIRST," in from_file.stdout
    assert from_input.stdout == from_file.stdout
    (tmp_path / "wrong.json").write_text("{")
    done = rirdex("csirt", tmp_path / "wrong.json")
    assert done.returncode == 5
    assert f"{tmp_path / 'wrong.json'}: is no JSON" in done.stderr
    assert "standard input: is no JSON" in rirdex("csirt", "-", stdin=b"{").stderr
    done = rirdex("csirt", tmp_path / "none.json")
    assert done.returncode == 5
    assert str(tmp_path / "none.json") in done.stderr


def test_verify_of_an_intact_index_gives_0(capsys: Capture, index_path: Path) -> None:
    assert run(["verify"]) == 0
    done = capsys.readouterr()
    assert str(index_path) in done.out
    assert done.err == ""


def test_verify_runs_no_code_from_the_folder_it_is_called_in(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    for name in ("lmdb", "json", "hashlib", "rirdex", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path}/ran-{name}', 'w')\n")
    # The program itself is started with `-c`, which looks into the folder: start it from elsewhere.
    script = f"import os, sys; os.chdir({str(tmp_path)!r}); from rirdex.query.cli import run; " + (
        f"sys.exit(run(['verify', '-i', {str(index_path)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False
    )
    assert sorted(path.name for path in tmp_path.glob("ran-*")) == []
    assert done.returncode == 0, done.stderr
