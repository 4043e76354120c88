"""Check the routes in an index against a plain scan over them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer.build import build
from rirdex.query import open_index
from rirdex.query.addresses import Span
from rirdex.query.cli import run
from rirdex.query.routing import route_of

NET = "inetnum: {}\nnetname: N\nstatus: ALLOCATED PA\nsource: RIPE\n\n"
SYSTEM = (
    "aut-num: AS64500\nas-name: A\nabuse-c: AR1-TEST\nsource: RIPE\n\n"
    "role: Desk\nnic-hdl: AR1-TEST\nabuse-mailbox: abuse@as.example\nsource: RIPE\n\n"
)
ROUTES = {
    "10.0.0.0/8": (64500,), "10.1.0.0/16": (64501, 64502), "10.1.1.0/24": (64500,),
    "10.1.1.0/25": (64503,), "10.255.255.255/32": (64504,), "192.0.2.0/24": (64505,),
    "2001:db8::/32": (64500,), "2001:db8:0:1::/64": (64506,), "2001:db8::/33": (64507,),
}  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of one net, one AS and some routes."""
    folder = tmp_path_factory.mktemp("routing")
    (folder / "some.db").write_text(NET.format("10.0.0.0 - 10.255.255.255") + SYSTEM)
    lines = ["prefix,origin", *(f"{key},{asn}" for key, of in ROUTES.items() for asn in of)]
    (folder / "routes.csv").write_text("\n".join(lines) + "\n")
    build([str(folder / "some.db")], str(folder / "index"), routes=[str(folder / "routes.csv")])
    return folder / "index"


def naive(family: int, first: int, last: int) -> tuple[str, tuple[int, ...]] | None:
    """Return the longest route around a range, by looking at every one."""
    found = [
        (net.prefixlen, str(net), origins)
        for net, origins in ((ip_network(key), of) for key, of in ROUTES.items())
        if net.version == family
        and int(net.network_address) <= first
        and last <= int(net.broadcast_address)
    ]
    return max(found)[1:] if found else None


near4 = st.integers(0x09FFFFFF, 0x0B000001) | st.integers(0xC0000200, 0xC00002FF)
near6 = st.integers(0, 1 << 70).map(lambda k: (0x20010DB8 << 96) + k - 2)
some4 = st.sampled_from([int(ip_network(k)[0]) for k in ROUTES if ":" not in k])


@given(st.tuples(near4 | some4, st.integers(0, 70000)) | st.tuples(near6, st.integers(0, 1 << 66)))
@settings(max_examples=400, deadline=None)
def test_the_longest_route_around_a_range_is_found(path: Path, asked: tuple[int, int]) -> None:
    first, size = asked
    family, top = (4, 2**32 - 1) if first < 2**32 else (6, 2**128 - 1)
    last = min(first + size, top)
    with open_index(path) as index:
        found = route_of(index._tables, Span(family, first, last, "range"))
    assert ((found.prefix, found.origins) if found else None) == naive(family, first, last)
    if found:
        assert found.span[0] <= first <= last <= found.span[1]


def test_answers_have_route_and_origins_and_the_contact_of_the_origin(path: Path) -> None:
    with open_index(path) as index:
        answer = index.lookup("10.1.1.200")
        assert (answer.route, answer.origins) == ("10.1.1.0/24", (64500,))
        assert answer.to_dict()["origins"] == [64500]
        assert [(c.mailbox, c.rule, c.level) for c in answer.contacts] == [
            ("abuse@as.example", "generic.origin-as", "AS64500")
        ]
        assert index.lookup("10.1.0.0/16").origins == (64501, 64502)
        assert index.lookup("11.0.0.1").route is None
        assert index.lookup("AS64500").origins == ()
        for address in ("10.1.1.1", "2001:db8:8000::1"):
            want = naive(ip_address(address).version, *[int(ip_address(address))] * 2)
            assert (index.lookup(address).route, index.lookup(address).origins) == want


def test_without_routes_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "some.db").write_text(NET.format("10.0.0.0 - 10.255.255.255"))
    build([str(tmp_path / "some.db")], str(tmp_path / "index"))
    with open_index(tmp_path / "index") as index:
        answer = index.lookup("10.1.1.1")
        assert answer
        assert (answer.route, answer.origins) == (None, ())


def test_the_order_of_routing_tables_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "some.db").write_text(NET.format("10.0.0.0 - 10.255.255.255"))
    names = []
    for name, text in (("a.csv", "10.0.0.0/8,1"), ("b.csv", "10.0.0.0/8,2")):
        (tmp_path / name).write_text(f"prefix,origin\n{text}\n")
        names.append(str(tmp_path / name))
    for target, order in (("one", names), ("two", names[::-1])):
        build([str(tmp_path / "some.db")], str(tmp_path / target), routes=order)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_is_no_routing_table_stops_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.db").write_text(NET.format("10.0.0.0 - 10.255.255.255"))
    (tmp_path / "bad.csv").write_text("nothing here\n")
    target = tmp_path / "index"
    target.write_bytes(b"as it was")
    arguments = ["build", str(tmp_path / "some.db"), "-o", str(target), "-q"]
    assert run([*arguments, "--routes", str(tmp_path / "bad.csv")]) == 5
    assert "bad.csv" in capsys.readouterr().err
    assert target.read_bytes() == b"as it was"
    assert run([*arguments, "--routes", str(tmp_path / "missing.csv")]) == 5
