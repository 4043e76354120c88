"""Check the look-up of mail domains against a name server on the loopback interface only."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from rirdex.indexer.build import build
from rirdex.query import mx
from rirdex.query.auditing import audit as command
from rirdex.query.cli import cli, run
from rirdex.query.errors import AddressError, Error

# What the server says: records by name and type; names without any do not exist.
ZONE: dict[str, dict[str, list[str]]] = {
    "mail.example.": {"MX": ["10 a.mail.example.", "20 b.mail.example."]},
    "null.example.": {"MX": ["0 ."]},
    "odd.example.": {"MX": ["0 .", "10 a.mail.example."]},
    "four.example.": {"A": ["192.0.2.1"]},
    "six.example.": {"AAAA": ["2001:db8::1"]},
    "both.example.": {"MX": ["10 nowhere.example."], "A": ["192.0.2.1"]},
    "empty.example.": {"TXT": ['"nothing here"']},
    "alias.example.": {"CNAME": ["mail.example."]},
    "lost.example.": {"CNAME": ["gone.example."]},
    "xn--bcher-kva.example.": {"MX": ["10 a.mail.example."]},
    **{f"d{k}.example.": {"MX": ["10 a.mail.example."]} for k in range(40)},
}
SILENT, BROKEN, REFUSED = "silent.example.", "broken.example.", "refused.example."
STATES = {
    "mail.example": mx.TAKES,
    "null.example": mx.NULL,
    "odd.example": mx.TAKES,
    "four.example": mx.ADDRESS,
    "six.example": mx.ADDRESS,
    "both.example": mx.TAKES,
    "empty.example": mx.NOTHING,
    "alias.example": mx.TAKES,
    "lost.example": mx.NXDOMAIN,
    "gone.example": mx.NXDOMAIN,
    "MAIL.Example": mx.TAKES,
    "bücher.example": mx.TAKES,
    "silent.example": mx.UNKNOWN,
    "broken.example": mx.UNKNOWN,
    "refused.example": mx.UNKNOWN,
    f"{'l' * 70}.example": mx.UNKNOWN,
    "two..dots.example": mx.UNKNOWN,
}
Asked = Counter[tuple[str, str]]


class Server:
    """Answer from `ZONE` over UDP on 127.0.0.1; ``asked`` counts the questions.

    ``hold`` is how many questions must have come before the first is answered.
    """

    def __init__(self, hold: int = 1) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._hold = hold
        self.asked: Asked = Counter()
        self.place: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        waiting: list[tuple[bytes, Any]] = []
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            waiting.append((data, sender))
            if sum(self.asked.values()) + len(waiting) >= self._hold:
                for query, back in waiting:
                    self._answer(dns.message.from_wire(query), back)
                waiting = []

    def _answer(self, query: dns.message.Message, sender: Any) -> None:
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        name = question.name.to_text().lower()
        self.asked[name, kind] += 1
        if name == SILENT:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in (BROKEN, REFUSED):
            response.set_rcode(dns.rcode.SERVFAIL if name == BROKEN else dns.rcode.REFUSED)
        else:
            _fill(response, name, kind)
        self._socket.sendto(response.to_wire(), sender)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.place)
        self._thread.join()
        self._socket.close()


def _fill(response: dns.message.Message, name: str, kind: str) -> None:
    while "CNAME" in ZONE.get(name, {}):
        target = ZONE[name]["CNAME"][0]
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", target))
        name = target
    if name not in ZONE:
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif kind in ZONE[name]:
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *ZONE[name][kind]))


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "SECONDS", 1.0)


def test_every_way_of_taking_mail_or_not_has_a_state(server: Server) -> None:
    assert mx.look_up(STATES, resolver=server.place) == STATES
    assert set(STATES.values()) == set(mx.STATES)
    dead = {domain for domain, state in STATES.items() if state in mx.DEAD}
    assert dead == {"null.example", "empty.example", "lost.example", "gone.example"}


def test_an_mx_record_is_enough_and_no_host_is_looked_up(server: Server) -> None:
    mx.look_up(["both.example", "null.example", "gone.example"], resolver=server.place)
    assert {kind for _, kind in server.asked} == {"MX"}
    mx.look_up(["four.example"], resolver=server.place)
    assert [kind for name, kind in server.asked if name == "four.example."] == ["MX", "A"]


def test_each_domain_is_asked_for_once_and_told_once(server: Server) -> None:
    told: list[int] = []
    domains = [f"d{k % 5}.example" for k in range(20)]
    found = mx.look_up(domains, resolver=server.place, progress=told.append)
    assert list(found) == [f"d{k}.example" for k in range(5)]
    assert set(server.asked.values()) == {1}
    assert told == [1] * 5


def test_eight_domains_are_asked_for_at_a_time() -> None:
    server = Server(hold=8)
    try:
        found = mx.look_up([f"d{k}.example" for k in range(8)], resolver=server.place)
    finally:
        server.close()
    assert set(found.values()) == {mx.TAKES}


def test_nothing_to_ask_asks_nothing(server: Server) -> None:
    assert mx.look_up([], resolver=server.place) == {}
    assert not server.asked


def test_without_dnspython_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "dns"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Error, match=r"needs dnspython: run pip install 'rirdex\[audit\]'"):
        mx.look_up(["mail.example"], resolver=("127.0.0.1", 9))


def test_without_a_name_server_the_error_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", unknown)
    with pytest.raises(Error, match="name one with --resolver"):
        mx.look_up(["mail.example"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_a_name_server_is_an_address_and_perhaps_a_port(text: str, place: tuple[str, int]) -> None:
    assert mx.server(text) == place


@pytest.mark.parametrize(
    "text",
    ["", "ns.example", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:dns",
     "127.0.0.1:-1", "127.0.0.1:٣", "[::1", "[::1]x", "[::1]:", "[::1]:99999999", "::1]:53",
     "010.0.0.1", "[]:53", ":53"],
)  # fmt: skip
def test_what_is_no_name_server_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        mx.server(text)


def test_the_list_of_free_mail_is_in_order_and_has_no_registered_name_twice() -> None:
    domains = list(mx.free_mail())
    assert domains == sorted(set(domains))
    assert len(domains) > 50
    assert all(domain == domain.lower() and domain.count(".") for domain in domains)
    assert all(provider.strip() for provider in mx.free_mail().values())


def test_a_look_up_that_is_interrupted_stops(server: Server) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mx.look_up(
            [f"n{k}.example" for k in range(3000)], resolver=server.place, progress=interrupt
        )
    assert sum(server.asked.values()) < 3000


def test_the_command_asks_the_name_server_it_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    mailboxes = ["a@mail.example", "b@null.example", "c@gone.example, d@mail.example",
                 "e@broken.example", "f@Four.Example", "g@b\u00fccher.example"]  # fmt: skip
    (tmp_path / "nets.db").write_text("".join(
        f"role: Desk\nnic-hdl: R{k}-TEST\nabuse-mailbox: {mailbox}\nsource: RIPE\n\n"
        f"inetnum: 10.0.{k}.0 - 10.0.{k}.255\nnetname: NET-{k}\nabuse-c: R{k}-TEST\n"
        "status: ASSIGNED PI\nlast-modified: 2024-01-01T00:00:00Z\nsource: RIPE\n\n"
        for k, mailbox in enumerate(mailboxes)
    ))  # fmt: skip
    build([str(tmp_path / "nets.db")], str(tmp_path / "index"), processes=0)
    monkeypatch.setitem(cli.commands, "audit", command)
    monkeypatch.setenv("RIRDEX_CONFIG", str(tmp_path))
    options = ["audit", "-i", str(tmp_path / "index"), "--mx", "--resolver",
               "{}:{}".format(*server.place)]  # fmt: skip
    assert run([*options, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["totals"]["findings"]["mail-domain-dead"]["nets"] == 2
    assert found["mail_domains"] == {
        "mx": 2, "address": 1, "null-mx": 1, "nothing": 0, "nxdomain": 1, "unknown": 1
    }  # fmt: skip
    assert err == "rirdex: 1 of 6 mail domains gave no answer and do not count\n"
    assert set(server.asked.values()) == {1}
    assert run([*options, "--finding", "mail-domain-dead"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1:3] for line in lines] == [
        ["NET-1", "b@null.example"], ["NET-2", "c@gone.example"],
    ]  # fmt: skip


def test_the_command_says_that_dnspython_is_missing(
    index_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cli.commands, "audit", command)
    for name in [name for name in sys.modules if name.split(".")[0] == "dns"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert run(["audit", "-i", str(index_path), "--mx"]) == 5
    assert "pip install 'rirdex[audit]'" in capsys.readouterr().err
