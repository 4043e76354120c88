"""Check sorting of texts and the inverse tables against `sorted` and dicts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rirdex.indexer import sorted_tables
from rirdex.indexer.build import build
from rirdex.indexer.intern import Dictionary
from rirdex.indexer.scan import padded
from rirdex.indexer.sorted_tables import list_pairs, rows, text_order
from rirdex.query import layout, open_index

# -- order ------------------------------------------------------------------------------------

texts = st.one_of(
    st.binary(max_size=20),
    st.text("ab\0", max_size=20).map(str.encode),
    st.sampled_from(
        [b"x" * n + end for n in (7, 8, 9, 16, 511, 600) for end in (b"", b"\0", b"y")]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, max_size=20))
def test_texts_come_in_the_order_of_their_bytes(found: list[bytes]) -> None:
    length = np.array([len(text) for text in found], np.int64)
    start = np.cumsum(length) - length
    order = text_order(padded(b"".join(found)), start, length)
    # Equal texts may come in any order; every text comes once.
    assert [found[k] for k in order] == sorted(found)
    assert sorted(order.tolist()) == list(range(len(found)))


# -- rows -------------------------------------------------------------------------------------

LONG = "N" * 400
# Equal after case folding, cut with one head, at the border of the longest key, not ASCII.
names = st.one_of(
    st.sampled_from(
        ["a", "A", "aB", "Ab", "net-1", "NET-1", "stra\xdfe", "STRASSE", "\xe9t\xe9", "\xc9T\xc9",
         "\u30c6\u30b9\u30c8", "\0", "a\0", "a\0b", "a b"]
        + [LONG[: n - 1] + end for n in (238, 239, 240, 254, 255, 256, 300) for end in "xyXY"]
        + [LONG[:239] + "\xe9" * 8, LONG[:239] + "\xc9" * 8, LONG[:239] + "\xe9" * 9]
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6),
    st.text("xyz", min_size=1, max_size=3),
)  # fmt: skip
entries = st.dictionaries(names, st.sets(st.integers(0, 5000), min_size=1, max_size=9), max_size=20)


def dictionary_of(found: Sequence[str]) -> Dictionary:
    """Make a dictionary of texts; their codes begin at 1."""
    encoded = [text.encode() for text in ("", *found)]
    at = np.cumsum([0, *map(len, encoded)]).astype(np.uint32)
    return Dictionary(np.zeros(0, np.uint32), at, bytearray(b"".join(encoded)))


def table_of(found: dict[str, set[int]]) -> list[tuple[bytes, bytes]]:
    """Pack a table from names to ids; every pair is given twice, as by a list `A, A`."""
    pairs = sorted((id_, code) for code, ids in enumerate(found.values(), 1) for id_ in [*ids] * 2)
    ids, codes = np.array(pairs, np.int64).reshape(-1, 2).T
    return list(rows(dictionary_of(list(found)), codes, ids))


def find(table: Sequence[tuple[bytes, bytes]], name: str) -> list[int]:
    """Look a name up as LMDB does: in the last row whose key is not behind it."""
    key = layout.sort_key(name)
    place = bisect_right([row for row, _ in table], key) - 1
    return layout.ids_in_row(table[place][1], key) if place >= 0 else []


def folded(found: dict[str, set[int]], name: str) -> list[int]:
    """Return the ids of every name that equals one without regard to case."""
    return sorted(
        {id_ for text, ids in found.items() if text.upper() == name.upper() for id_ in ids}
    )


@contextmanager
def rows_of(keys: int, ids: int) -> Iterator[None]:
    """Let a row hold only so many keys and about so many ids."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_tables, "KEYS", keys)
        patch.setattr(sorted_tables, "IDS", ids)
        yield


@settings(max_examples=150, deadline=None)
@given(
    entries,
    st.lists(names, max_size=5),
    st.sampled_from([1, 2, 128]),
    st.sampled_from([1, 7, 4096]),
)
def test_a_table_gives_the_ids_of_every_name_in_any_case(
    found: dict[str, set[int]], others: list[str], keys: int, ids: int
) -> None:
    with rows_of(keys, ids):
        table = table_of(found)
    for name in (*found, *others):
        for spelt in (name, name.upper(), name.lower()):
            assert find(table, spelt) == folded(found, spelt)


@settings(max_examples=100, deadline=None)
@given(entries, st.sampled_from([1, 2, 128]))
def test_the_keys_of_rows_ascend_and_suit_the_database(
    found: dict[str, set[int]], keys: int
) -> None:
    with rows_of(keys, 4096):
        table = [key for key, _ in table_of(found)]
    assert table == sorted(set(table))
    assert all(0 < len(key) <= layout.LONGEST_KEY for key in table)
    assert len(table) == -(-len({layout.sort_key(name) for name in found}) // keys)


def test_names_with_many_ids_do_not_share_a_row_with_many_others() -> None:
    many = {f"N{k:03}": set(range(k, 9000)) for k in range(4)} | {"A": {1}, "Z": {2}}
    table = table_of(many)
    assert len(table) > 3
    assert all(find(table, name) == sorted(ids) for name, ids in many.items())


def test_thousands_of_names_fill_rows() -> None:
    found = {f"NET-{k * 7919}": {k, k + 1} for k in range(3000)}
    table = table_of(found)
    assert len(table) == -(-3000 // sorted_tables.KEYS)
    assert all(find(table, name) == sorted(ids) for name, ids in found.items())


def test_without_names_there_are_no_rows() -> None:
    assert table_of({}) == []


@given(
    st.lists(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=3), min_size=1, max_size=5),
    st.data(),
)
def test_pairs_of_lists_become_pairs_of_items(found: list[list[str]], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(1, len(found)), max_size=9))
    lists = dictionary_of(["\n".join(items) for items in found])
    words, code, ids = list_pairs(lists, np.array(codes, np.int64), np.arange(len(codes)) * 2)
    pairs = [
        (bytes(words[c]).decode(), i) for c, i in zip(code.tolist(), ids.tolist(), strict=True)
    ]
    assert pairs == [(item, 2 * k) for k, c in enumerate(codes) for item in found[c - 1]]


# -- whole indexes ----------------------------------------------------------------------------

# Texts that a value of a dump can hold as they are.
values = st.one_of(
    st.sampled_from(
        ["EX-NET", "ex-net", "Ex-Net", "Stra\xdfe", "STRASSE", "\xc9T\xc9", "\xe9t\xe9", "A B",
         "x" * 300, "X" * 300, "x" * 299 + "y", "\u30c6\u30b9\u30c8", "A\0B", "a\0b"]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_characters="#,", exclude_categories=["Z", "Cc"]),
        min_size=1, max_size=8,
    ),
)  # fmt: skip
nets = st.lists(
    st.fixed_dictionaries(
        {"netname": values, "org": values, "country": st.lists(st.sampled_from(["NL", "de", "EU"])),
         "mnt_by": st.lists(values, max_size=3)}
    ),
    max_size=9,
)  # fmt: skip


def _attributes(net: dict[str, str | list[str]]) -> Iterator[str]:
    for name, value in net.items():
        attribute = name.replace("_", "-")
        for item in value if isinstance(value, list) else [value]:
            yield f"{attribute}: {item}\n"


def _same(one: str, other: str) -> bool:
    """Compare two values as handles and names are compared."""
    return " ".join(one.upper().split(" ")) == " ".join(other.upper().split(" "))


@settings(max_examples=60, deadline=None)
@given(nets, values)
def test_nets_are_found_by_every_value_they_hold(
    tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, str | list[str]]], other: str
) -> None:
    folder = tmp_path_factory.mktemp("index")
    texts = ["role: X\nnic-hdl: X1\nsource: TEST\n\n"]
    for k, net in enumerate(found):
        texts.append(f"inetnum: 10.0.{k}.0/24\n{''.join(_attributes(net))}source: TEST\n\n")
    (folder / "test.db").write_bytes("".join(texts).encode())
    build([str(folder / "test.db")], str(folder / "index"), processes=0)
    with open_index(folder / "index") as index:
        for name in ("netname", "org", "country", "mnt_by"):
            held = [value if isinstance(value := net[name], list) else [value] for net in found]
            for value in {item for items in held for item in items} | {other}:
                wanted = [k for k, items in enumerate(held) if any(_same(value, i) for i in items)]
                for spelt in (value, value.upper(), value.lower(), f" {value} "):
                    if _same(spelt.strip(" "), value):
                        assert index.nets(**{name: spelt}) == wanted


@pytest.mark.parametrize("name", ["\xa0EX", "EX\u3000", "\x85EX", "EX\u2028"])
def test_a_name_with_a_foreign_blank_at_its_end_is_found_by_itself(
    name: str, tmp_path: Path
) -> None:
    dump = tmp_path / "test.db"
    dump.write_bytes(f"inetnum: 10.0.0.0/8\nnetname: {name}\norg: {name}\nsource: TEST\n".encode())
    build([str(dump)], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        assert index.net(0).netname == name
        assert index.nets(netname=name) == [0]
        assert index.nets(org=name) == [0]


def test_keywords_intersect_and_a_range_holds_whole_nets(tmp_path: Path) -> None:
    dump = tmp_path / "test.db"
    keys = dict.fromkeys(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"], "NL")
    keys |= dict.fromkeys(["10.2.0.0/16", "11.0.0.0/8"], "DE")
    dump.write_text(
        "".join(
            f"inetnum: {key}\nnetname: N{k % 2}\ncountry: {land}\nsource: TEST\n\n"
            for k, (key, land) in enumerate(keys.items())
        )
    )
    build([str(dump)], str(tmp_path / "index"), processes=0)
    with open_index(tmp_path / "index") as index:
        assert index.nets() == [0, 1, 2, 3, 4]
        assert index.nets(netname="n0") == [0, 2, 4]
        assert index.nets(netname="n0", country="nl") == [0, 2]
        assert index.nets(netname="n0", country="nl", inside="10.1.0.0/16") == [2]
        assert index.nets(inside="10.1.0.0 - 10.2.255.255") == [1, 2, 3]
        assert index.nets(inside="10.0.0.0/9") == [1, 2, 3]
        assert index.nets(inside="10.1.2.0 - 10.1.2.254") == []
        assert index.nets(inside="10.1.2.0 - 10.1.2.255") == [2]
        assert index.nets(inside="10.1.2.1 - 10.2.255.255") == [3]
        assert index.nets(netname="n2") == index.nets(org="X") == []
