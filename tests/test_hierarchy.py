"""Check nesting, cutting and chains against filtering and sorting all nets for each address."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import (
    TOP4,
    TOP6,
    Range,
    addresses4,
    addresses6,
    chain,
    probes,
    ranges4,
    ranges6,
)  # fmt: skip

from rirdex.indexer import hierarchy, trie
from rirdex.indexer.build import build
from rirdex.indexer.hierarchy import Forest, TooManyCrossings, compress, nest, nesting_order
from rirdex.indexer.trie import flatten
from rirdex.query import layout, open_index
from rirdex.query.errors import AddressError, Error
from rirdex.query.index import Index

_MANY = settings(max_examples=150, deadline=None)


def _nets(ranges: st.SearchStrategy[tuple[int, int]], count: int) -> st.SearchStrategy[list[Range]]:
    """Return nets; of one range there is at most one of a registry, as in an index."""
    ranks = st.integers(0, 6)
    made = st.builds(lambda r, rank, registry: Range(r[0], r[1], rank, registry), ranges, ranks,
                     st.integers(0, 2))  # fmt: skip
    return st.lists(made, max_size=count, unique_by=lambda n: (n.first, n.last, n.registry))


# -- the forest -------------------------------------------------------------------------------


def forest_of(nets: Sequence[Range]) -> tuple[Forest, list[int]]:
    """Nest nets at positions below 2**32; return the forest and the order of the nets in it."""
    columns = np.array(nets, np.int64).reshape(-1, 4).T
    order = nesting_order(columns[0], columns[1], lambda which: list(columns[2:, which]))
    first, last, rank, registry = (column[order] for column in columns)
    ranks = np.array([first - last, rank, first, registry])
    return nest(first, last, lambda which: list(ranks[:, which])), order.tolist()


def walk(forest: Forest, order: Sequence[int], position: int) -> list[int]:
    """Return the nets above a position, widest first, from its segment up."""
    begins, owners = flatten(forest, np.arange(len(forest.net)), 1 << 32)
    piece = int(owners[bisect_right(begins.tolist(), position) - 1])
    nets = []
    while piece >= 0:
        nets.append(order[forest.net[piece]])
        piece = int(forest.above[piece])
    return nets[::-1]


@_MANY
@given(_nets(ranges4, 14), st.lists(addresses4, max_size=5))
def test_walking_up_meets_every_net_in_the_order_of_the_chain(
    nets: list[Range], others: list[int]
) -> None:
    forest, order = forest_of(nets)
    for address in probes(nets, TOP4, others):
        assert walk(forest, order, address) == chain(nets, address)


@_MANY
@given(_nets(ranges4, 14))
def test_pieces_nest_and_make_up_their_nets(nets: list[Range]) -> None:
    forest, order = forest_of(nets)
    first, last = forest.first.tolist(), forest.last.tolist()
    for k, up in enumerate(forest.above.tolist()):
        around = [j for j in range(k) if last[j] >= first[k]]
        assert all(last[j] >= last[k] for j in around)
        assert up == (around[-1] if around else -1)
        assert forest.depth[k] == len(around)
    for row, place in enumerate(order):
        pieces = sorted((first[k], last[k]) for k in np.flatnonzero(forest.net == row).tolist())
        assert (pieces[0][0], pieces[-1][1]) == (nets[place].first, nets[place].last)
        assert all(a[1] + 1 == b[0] for a, b in pairwise(pieces))


@_MANY
@given(_nets(ranges4, 14))
def test_nets_that_only_nest_are_one_piece_each(nets: list[Range]) -> None:
    nested: list[Range] = []
    for net in nets:
        apart = (net.last < n.first or n.last < net.first for n in nested)
        inside = (n.first <= net.first and net.last <= n.last for n in nested)
        around = (net.first <= n.first and n.last <= net.last for n in nested)
        if all(map(any, zip(apart, inside, around, strict=True))):
            nested.append(net)
    forest, _ = forest_of(nested)
    assert forest.net.tolist() == list(range(len(nested)))


def test_of_two_nets_that_cross_the_smaller_is_cut_at_the_border_of_the_larger() -> None:
    forest, order = forest_of([Range(0, 99), Range(90, 119), Range(95, 97)])
    pieces = zip(forest.first.tolist(), forest.last.tolist(), strict=True)
    assert list(zip(pieces, (order[k] for k in forest.net), strict=True)) == [
        ((0, 99), 0), ((90, 99), 1), ((95, 97), 2), ((100, 119), 1),
    ]  # fmt: skip
    assert forest.above.tolist() == [-1, 0, 1, -1]


# Two nets of one size that cross, and which of them is cut.
EQUAL_SIZES = [
    ((Range(0, 9, 1), Range(5, 14, 1)), 1),
    ((Range(0, 9, 1, 1), Range(5, 14, 1, 0)), 1),
    ((Range(0, 9, 2), Range(5, 14, 1)), 0),
    ((Range(0, 9, 0), Range(5, 14, 6)), 1),
]


@pytest.mark.parametrize(("nets", "cut"), EQUAL_SIZES)
def test_of_equal_sizes_the_rank_decides_and_then_the_first_address(
    nets: tuple[Range, Range], cut: int
) -> None:
    forest, order = forest_of(nets)
    assert [order[k] for k in forest.net].count(cut) == 2
    assert len(forest.net) == 3


@pytest.mark.parametrize("family", [4, 6])
def test_sliding_windows_stop_with_two_nets_named(
    family: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hierarchy, "SPARE_PIECES", 100)
    kind = IPv4Address if family == 4 else IPv6Address
    base = 0x0A000000 if family == 4 else 0x20010DB8 << 96
    keys = [f"{kind(base + k)} - {kind(base + k + 60)}" for k in range(60)]
    dump = tmp_path / "test.db"
    attribute = "inetnum" if family == 4 else "inet6num"
    dump.write_text("".join(f"{attribute}: {key}\nsource: TEST\n\n" for key in keys))
    with pytest.raises(Error) as caught:
        build([str(dump)], str(tmp_path / "index"), processes=0, iana=())
    assert sum(f"{key} " in str(caught.value) for key in keys) == 2
    assert not (tmp_path / "index").exists()


def test_as_many_crossings_as_are_spared_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = [Range(k, k + 9) for k in range(10)]
    monkeypatch.setattr(hierarchy, "SPARE_PIECES", 45 - 10)
    assert len(forest_of(nets)[0].net) == 10 + 45
    monkeypatch.setattr(hierarchy, "SPARE_PIECES", 44 - 10)
    with pytest.raises(TooManyCrossings):
        forest_of(nets)


# -- IPv6 positions ---------------------------------------------------------------------------


@_MANY
@given(st.lists(ranges6, min_size=1, max_size=14), st.lists(addresses6, max_size=5))
def test_ranks_of_borders_keep_what_contains_what(
    ranges: list[tuple[int, int]], others: list[int]
) -> None:
    words = [
        (
            np.array([b >> 64 for b in side], np.uint64),
            np.array([b % 2**64 for b in side], np.uint64),
        )
        for side in zip(*ranges, strict=True)
    ]
    first, last, starts = compress(words[0], words[1])
    begins = [(int(high) << 64) + int(low) for high, low in zip(*starts, strict=True)]
    assert begins == sorted(set(begins))
    assert [begins[k] for k in first] == [low for low, _ in ranges]
    for address in probes([Range(*r) for r in ranges], TOP6, others):
        position = bisect_right(begins, address) - 1
        inside = [low <= position <= high for low, high in zip(first, last, strict=True)]
        assert inside == [low <= address <= high for low, high in ranges]


# -- whole indexes ----------------------------------------------------------------------------

# Registries in the order of `design.md`, and statuses with their ranks; rank 0 never stands last.
SOURCES = ["RIPE", "APNIC", "TEST"]
STATUSES = {
    "RIPE": {"ALLOCATED UNSPECIFIED": 0, "ALLOCATED PA": 1, "LIR-PARTITIONED PA": 2,
             "SUB-ALLOCATED PA": 3, "AGGREGATED-BY-LIR": 4, "ASSIGNED PA": 5, "WHATEVER": 6},
    "APNIC": {"ALLOCATED PORTABLE": 1, "ASSIGNED PORTABLE": 1, "ALLOCATED NON-PORTABLE": 3,
              "ASSIGNED NON-PORTABLE": 5, "ALLOCATED PA": 6},
    "TEST": {"ALLOCATED UNSPECIFIED": 0, "LEGACY": 1, "ASSIGNED ANYCAST": 1, "ASSIGNED PA": 5,
             "ASSIGNED NON-PORTABLE": 5, "": 6},
}  # fmt: skip


class Written(NamedTuple):
    """Hold a net as it is written into a dump; ``source`` indexes `SOURCES`."""

    family: int
    first: int
    last: int
    source: int
    status: str

    @property
    def range(self) -> Range:
        """Return what decides over chains."""
        rank = STATUSES[SOURCES[self.source]][self.status]
        return Range(self.first, self.last, rank, self.source)

    @property
    def text(self) -> str:
        """Return the object."""
        kind, name = (IPv4Address, "inetnum") if self.family == 4 else (IPv6Address, "inet6num")
        status = f"status: {self.status}\n" if self.status else ""
        key = f"{kind(self.first)} - {kind(self.last)}"
        return f"{name}: {key}\n{status}source: {SOURCES[self.source]}\n\n"


@st.composite
def dumped(draw: st.DrawFn, sources: Sequence[int]) -> list[Written]:
    """Return nets of both families; none comes twice in one source."""
    found = []
    for family, ranges in ((4, ranges4), (6, ranges6)):
        for first, last in draw(st.lists(ranges, max_size=10)):
            source = draw(st.sampled_from(sources))
            status = draw(st.sampled_from(sorted(STATUSES[SOURCES[source]])))
            found.append(Written(family, first, last, source, status))
    return list({net[:4]: net for net in found}.values())


def expected(nets: Sequence[Written], family: int, address: int) -> list[Written]:
    """Return the chain of an address: of the registry with the smallest net of somebody's.

    Registry blocks at its end are left out.
    """
    if family == 6 and address >> 32 == 0xFFFF:
        family, address = 4, address & 0xFFFFFFFF
    some = [net for net in nets if net.family == family]
    found = [some[k] for k in chain([net.range for net in some], address)]
    while found and found[-1].range.rank == 0:
        found.pop()
    return [net for net in found if net.source == found[-1].source]


def asked(nets: Sequence[Written], others: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield addresses of both families worth asking about."""
    for family, top in ((4, TOP4), (6, TOP6)):
        some = [net.range for net in nets if net.family == family]
        for address in probes(some, top, [k & top for k in others]):
            yield family, address
    yield 6, 0xFFFF << 32
    yield 6, (0xFFFF << 32) + 0x0A000001
    yield 6, (0xFFFF << 32) - 1
    yield 6, 1 << 48


def check(index: Index, nets: Sequence[Written], others: Sequence[int]) -> None:
    """Assert that an index answers like the oracle, in every form of the question."""
    assert len(index) == len(nets)
    queries = list(asked(nets, others))
    texts, ids = [], []
    for family, address in queries:
        text = str(IPv4Address(address) if family == 4 else IPv6Address(address))
        wanted = expected(nets, family, address)
        answer = index.lookup(text)
        assert [
            (net.family, *net.bounds, net.registry, net.status or "") for net in answer.chain
        ] == [(net.family, net.first, net.last, SOURCES[net.source], net.status) for net in wanted]
        match = index.match(text)
        assert match == (answer.chain[-1].id if wanted else None)
        packed = address.to_bytes(4 if family == 4 else 16, "big")
        assert index.match(packed) == match
        texts.append(text)
        ids.append(-1 if match is None else match)
    assert index.match_many(texts).tolist() == ids
    for family, width in ((4, 4), (6, 16)):
        rows = [k for k, (version, _) in enumerate(queries) if version == family]
        data = b"".join(queries[k][1].to_bytes(width, "big") for k in rows)
        array = np.frombuffer(data, ">u4").astype(np.uint32) if family == 4 else np.frombuffer(
            data, np.uint8).reshape(-1, 16)  # fmt: skip
        assert index.match_many(array).tolist() == [ids[k] for k in rows]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(dumped([2]), dumped([0, 1, 2])), st.lists(st.integers(0, TOP6), max_size=3),
    st.randoms(use_true_random=False), st.integers(0, 3),
)  # fmt: skip
def test_an_index_gives_the_chains_of_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, nets: list[Written], others: list[int],
    random: object, twice: int,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("index")
    shuffled = [*nets, *nets[:twice]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    dump, target = folder / "test.db", folder / "index.rirdex"
    dump.write_text("role: X\nnic-hdl: X1\nsource: TEST\n\n" + "".join(n.text for n in shuffled))
    build([str(dump)], str(target), processes=0, iana=())
    with open_index(target) as index:
        check(index, nets, others)


@settings(max_examples=25, deadline=None)
@given(dumped([0, 1, 2]))
def test_the_order_of_files_and_objects_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, nets: list[Written]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    names = []
    for source, name in enumerate(SOURCES):
        path = folder / f"{name}.db"
        texts = [net.text for net in nets if net.source == source]
        path.write_text(f"role: X\nnic-hdl: X1\nsource: {name}\n\n" + "".join(texts[::-1]))
        names.append(str(path))
    build(names[::-1], str(folder / "index"), processes=0, iana=())
    with open_index(folder / "index") as index:
        check(index, nets, [])


@pytest.mark.parametrize(("large", "crowd"), [(0, 0), (trie.LARGE, 4), (0, layout.CROWD)])
@pytest.mark.parametrize("unit", [1, 1 << 56, 1 << 66, 1 << 80])
def test_a_crowded_index_gives_the_chains_of_the_oracle(
    unit: int, large: int, crowd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trie, "LARGE", large)
    monkeypatch.setattr(layout, "CROWD", crowd)
    monkeypatch.setattr(trie, "BUSY", large)  # 0: wide nodes, too
    random = Random(unit + crowd)
    nets = {}
    for k in range(240):
        low = random.randrange(500)
        high = low + random.choice([0, 2, random.randrange(50)])
        family, base, size = (4, 0x0A000000, unit % 255) if k % 2 else (6, 0x20010DB8 << 96, unit)
        source = random.randrange(3)
        status = random.choice(sorted(STATUSES[SOURCES[source]]))
        net = Written(family, base + low * size, base + (high + 1) * size - 1, source, status)
        nets[net[:4]] = net
    dump = tmp_path / "test.db"
    dump.write_text("".join(net.text for net in nets.values()))
    build([str(dump)], str(tmp_path / "index"), processes=0, iana=())
    with open_index(tmp_path / "index") as index:
        check(index, list(nets.values()), [])


@pytest.mark.parametrize(
    "text", ["10.0.0.0 x", "10.0.0.0.", "10.0.0.0/8", "10.0.0.1\n10.0.0.2", ""]
)
def test_many_texts_are_read_as_strictly_as_one(text: str, tmp_path: Path) -> None:
    dump = tmp_path / "test.db"
    dump.write_text(Written(4, 0x0A000000, 0x0AFFFFFF, 2, "").text)
    build([str(dump)], str(tmp_path / "index"), processes=0, iana=())
    with open_index(tmp_path / "index") as index:
        with pytest.raises(AddressError):
            index.match(text)
        with pytest.raises(AddressError) as caught:
            index.match_many(["10.0.0.1", text, "10.0.0.2"])
        assert caught.value.position == 1


def test_a_net_above_a_registry_block_answers_for_it(tmp_path: Path) -> None:
    nets = [
        Written(4, 0x0A000000, 0x0AFFFFFF, 0, "ALLOCATED PA"),
        Written(4, 0x0A000000, 0x0A00FFFF, 0, "ALLOCATED UNSPECIFIED"),
        Written(4, 0x0A000000, 0x0A0000FF, 0, "ASSIGNED PA"),
        Written(4, 0x0B000000, 0x0BFFFFFF, 0, "ALLOCATED UNSPECIFIED"),
    ]
    dump = tmp_path / "test.db"
    dump.write_text("".join(net.text for net in nets))
    build([str(dump)], str(tmp_path / "index"), processes=0, iana=())
    with open_index(tmp_path / "index") as index:
        check(index, nets, [])
        assert index.match("10.0.1.0") == 0
        assert index.match("11.0.0.0") is None
        assert [net.role for net in index.lookup("10.0.0.0").chain][1] == "registry"


@pytest.mark.parametrize(
    ("iana", "stated", "registry", "notes"),
    [
        ([], "", "RIPE", []),
        ([(4, 0x0A000000, 0x0AFFFFFF, "APNIC")], "", "APNIC", []),
        ([(4, 0x0A000000, 0x0AFFFFFF, "APNIC")], "afrinic", "AFRINIC", []),
        (
            [(4, 0x0A000000, 0x0AFFFFFF, "ARIN")],
            "",
            "RIPE",
            ["source-missing", "not-authoritative"],
        ),
        ([], "arin", "RIPE", ["source-missing", "not-authoritative"]),
    ],
)
def test_statistics_decide_before_the_table_of_iana_and_that_before_the_smallest_net(
    iana: list[tuple[int, int, int, str]], stated: str, registry: str, notes: list[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    sources = [
        ("APNIC", "10.0.0.0 - 10.255.255.255", "ALLOCATED PORTABLE"),
        ("AFRINIC", "10.0.0.0 - 10.0.255.255", "ALLOCATED PA"),
        ("RIPE", "10.0.0.0 - 10.0.0.255", "ALLOCATED PA"),
    ]
    texts = [
        f"inetnum: {key}\nnetname: N\nstatus: {status}\nlast-modified: 2026-01-05T00:00:00Z\n"
        f"source: {source}\n"
        for source, key, status in sources
    ]
    files = [tmp_path / "test.db"]
    files[0].write_text("\n".join(texts))
    if stated:
        files.append(tmp_path / "delegated")
        files[1].write_text(
            f"2|{stated}|20260106|1|19930101|20260106|+0000\n{stated}|*|ipv4|*|1|summary\n"
            f"{stated}|ZZ|ipv4|10.0.0.0|65536|20200101|allocated|x\n"
        )
    build(
        [str(file) for file in files], str(tmp_path / "index"), processes=0, iana=iana, special=()
    )
    with open_index(tmp_path / "index") as index:
        answer = index.lookup("10.0.0.1")
        assert (answer.registry, len(answer.chain)) == (registry, 1)
        assert [note.code for note in answer.notes if note.code != "special-purpose"] == notes
        assert sorted(net.role for net in answer.all) == ["foreign", "foreign", "holder"]
        assert index.match("10.0.0.1") == answer.chain[-1].id
